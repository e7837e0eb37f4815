"""The leak probe on a config: its forecasters, its data, a sample of its series."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd  # noqa: TC002 - the example uses it

from backtest.leakage import probe

from .build import settings_of, windows_of
from .forecasters import forecasters_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from backtest import Derived, Forecaster, History
    from backtest.leakage import Probed

    from .config import Config
    from .economics import Economics
    from .read import Inputs


def leakage(
    config: Config,
    inputs: Inputs,
    base: Path,
    *,
    series: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Probed, ...]:
    """Probe every forecaster of a config; see `backtest.leakage.probe`.

    The forecasters are built anew from each perturbed history, so that one which looks at all of it is caught. Prices
    and costs that change after a cutoff are perturbed too: a forecaster that is trained on money must not know them.

    base : folder of the config.
    series : how many to probe with, at random by the config's seed; those of them that are on sale at the last cutoff.
    """
    windows, history = windows_of(config.backtest), inputs.history
    last = windows.over(history.calendar)[-1].cutoff

    def made_with(economics: Economics) -> Callable[[History], dict[str, Forecaster | Derived]]:
        return lambda known: forecasters_of(config, base, history=known, economics=economics)

    changing = "ds" in inputs.economics.frame.columns
    return probe(
        made_with(inputs.economics),
        sampled(history, series, last, seed=config.seed),
        windows,
        settings=settings_of(config.backtest, config.seed),
        beside={"prices and costs": lambda cutoff: made_with(repriced(inputs.economics, cutoff))} if changing else {},
        progress=progress,
    )


def repriced(economics: Economics, cutoff: pd.Timestamp) -> Economics:
    """Economics whose prices and costs are others after a cutoff, the critical ratio among them.

    Price, unit cost and salvage keep their order, so that what was sound stays so. A margin triples, goodwill more than
    that, and holding triples too: the critical ratio rises. Where holding was free it costs a little, and the critical
    ratio is another one.

    >>> from forecast_eval.economics import Economics
    >>> days = pd.to_datetime(["2026-01-01", "2026-02-01"])
    >>> told = Economics.of(pd.DataFrame({"unique_id": "a", "ds": days, "price": [10.0, 12.0], "holding": 0.5}))
    >>> repriced(told, days[0]).frame[["price", "unit_cost", "goodwill", "holding"]].to_numpy().tolist()
    [[10.0, 0.0, 0.0, 0.5], [37.0, 1.0, 3.0, 1.5]]
    """
    frame = economics.frame
    others = {name: 3 * frame[name] + 1 for name in ("price", "unit_cost", "salvage")}
    others["goodwill"] = 7 * frame["goodwill"] + 3
    others["holding"] = (3 * frame["holding"]).where(frame["holding"] > 0, 0.37)
    later = frame["ds"] > cutoff
    return replace(economics, frame=frame.assign(**{name: frame[name].mask(later, v) for name, v in others.items()}))


def sampled(history: History, count: int, cutoff: pd.Timestamp, *, seed: int) -> History:
    """Panel of some of the series that are on sale at a cutoff; of all series where there are no more than `count`."""
    if len(history.static) <= count:
        return history
    frame = history.frame
    on_sale = frame.loc[frame["ds"] == cutoff, "unique_id"].unique()
    chosen = np.random.default_rng(seed).choice(on_sale, min(count, len(on_sale)), replace=False)

    def of(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["unique_id"].isin(chosen)].reset_index(drop=True) if len(table) else table

    return replace(
        history,
        frame=of(frame),
        static=history.static[history.static.index.isin(chosen)],
        ahead=of(history.ahead),
        vintages=tuple(of(table) for table in history.vintages),
    )
