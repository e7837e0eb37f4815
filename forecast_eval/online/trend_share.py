"""How much of what is sold was trending, in the judged weeks and before the test: a thing that may explain a lift."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import Window

from ..scores.trending import TRENDING, trending
from .explain import Clue, words_of
from .simulated import TREND

if TYPE_CHECKING:
    from ..pipeline import Session
    from .explain import Pair
    from .outcomes import Outcomes
    from .simulated import Simulated

TRENDS = (
    "more series were trending than in the judged weeks: a candidate that follows trends gains more than simulated",
    "fewer series were trending than in the judged weeks: a candidate that follows trends gains less than simulated",
)


def trend_clue(session: Session, run: Simulated, arms: dict[str, Pair], start: object) -> Clue | None:
    """Share of the series that were trending: as of the judged cutoffs, and as of the last period before the test.

    start : first period of the test. Where the outcomes have a segment "trend", its share of the exposure, or of the
    units sold, in the control is taken instead, on both sides. None where neither is known: a history that ends long
    before the test says nothing of its start.
    """
    control = next(iter(arms))
    parts = [_trending_share(side) for side in (arms[control].simulated, arms[control].measured)]
    if not any(math.isnan(part) for part in parts):
        return _trend(control, *parts)
    calendar = session.inputs.history.calendar
    if not isinstance(start, pd.Timestamp) or calendar[-1] + (calendar[-1] - calendar[-2]) < start:
        return None
    known = calendar[calendar < start]
    if not len(known):
        return None
    static = session.inputs.history.static[run.unit].astype(str)
    here = static.isin(list(map(str, arms[control].simulated.units))).to_numpy()
    cutoffs = run.cutoffs.append(known[-1:])
    windows = [Window(cutoff, pd.DatetimeIndex([]), cutoff) for cutoff in cutoffs]
    rises = trending(session.inputs.history, windows, session.config.score.trend)[:, here]
    return _trend("all", float(rises[:-1].mean()), float(rises[-1].mean()))


def _trend(side: str, ours: float, theirs: float) -> Clue:
    clue = Clue("share that is trending", side, ours, theirs, share=True)
    return replace(clue, words=words_of(clue, *TRENDS))


def _trending_share(outcomes: Outcomes) -> float:
    """Share of the exposure, or of the units sold, that a segment tells; NaN without one."""
    parts = outcomes.segments.get(TREND, {})
    own = parts.get(TRENDING, {})
    column = next((name for name in ("exposure", "sold") if name in own), None)
    total = sum(float(np.nansum(part[column])) for part in parts.values()) if column else 0.0
    return float(np.nansum(own[column])) / total if column and total else math.nan
