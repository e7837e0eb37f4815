"""The rule on how far forecasters look back, and how far the history reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.periods import moment

from .hit import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backtest import History, Window

    from ..config import Config
    from ..config.quality import ShortHistory


def short_history(history: History, windows: Sequence[Window], config: Config, rule: ShortHistory) -> Iterator[Hit]:
    """Forecasters whose season or longest lag does not fit before the first cutoff, or into many series.

    windows : oldest first.
    """
    known = {w.cutoff: int(history.calendar.searchsorted(w.cutoff, side="right")) for w in (windows[0], windows[-1])}
    first, last = windows[0].cutoff, windows[-1].cutoff
    starts = history.frame.drop_duplicates("unique_id")["ds"].to_numpy()
    ages = known[last] - history.calendar.searchsorted(starts)  # [series] periods known at the last cutoff
    ages = ages[ages > 0]
    for name, spec in config.forecasters.items():
        needed = int(np.ceil(rule.seasons * looks_back(spec)))
        place = f"forecasters.{name}"
        if known[first] < needed:
            what = (
                f"{name} looks back {needed} periods, and {known[first]} are known at the first cutoff, {moment(first)}"
            )
            yield Hit(what, "give a longer history, fewer windows or a shorter season", place=place)
        short = int((ages < needed).sum())
        if short > rule.share * len(ages):
            what = (
                f"{name} looks back {needed} periods, and {short} of {len(ages)} series are younger at the last "
                f"cutoff, {moment(last)} (up to {rule.share:.0%} is plausible)"
            )
            yield Hit(
                what, "add a forecaster that needs less history, and compare the two on young series", place=place
            )


def looks_back(spec: Any) -> int:  # noqa: ANN401 - one of the kinds of forecasters
    """Longest season or lag of a forecaster, in periods; 0 where its config names none."""
    season = getattr(spec, "params", {}).get("season_length", 0)
    numbers = season if isinstance(season, list | tuple) else [season]
    longest: int = max([0, *(n for n in numbers if isinstance(n, int)), *getattr(spec, "lags", ())])
    return longest
