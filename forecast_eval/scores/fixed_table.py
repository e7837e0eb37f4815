"""A small fixed table that every metric is tried on: what it gives there is part of the hash of its definition."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from losses import UnitCosts

from .hierarchy import Hierarchy, Level
from .observations import Cells, Observations, Scale, Training
from .tally import Axes, PerSeries, Pooled
from .window_sums import added, added_whole

if TYPE_CHECKING:
    from .measures import Measure, Ratio

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
INTERVAL = 0.8
"""What a measure of an interval is tried at, where no level has been named."""


def values_on_fixed_table(measure: Measure) -> list[str]:
    """Value of the measure on two windows of the table: in total, by series (or level) and by window.

    To six digits, so that no machine's last bit shows.

    The table has the quantiles that the measure's level asks for.
    """
    if getattr(measure, "numerator", None) in {"covered", "interval_score"} and _level(measure) is None:
        return values_on_fixed_table(replace(cast("Ratio", measure), level=INTERVAL))
    axes = Axes(by_step=False, by_cutoff=True, by_series=True)
    pooled = Pooled(measure, axes, "level" if measure.over == "panel" else "series")
    tally = PerSeries(measure, axes) if measure.per == "series" else pooled
    for cutoff, o in enumerate(fixed_windows(_level(measure))):
        parts = measure.parts(o)
        found = added(parts, o.cells.present) if measure.over == "cells" else added_whole(parts)
        tally.add(str(cutoff), found, {})
    return [f"{value:.6g}" for values in tally.values() for value in values.value]


def _level(measure: Measure) -> float | None:
    return getattr(measure, "level", None)


@lru_cache(maxsize=16)
def fixed_windows(level: float | None = None) -> tuple[Observations, Observations]:
    """Two windows of the table; with the quantile of a level, and the bounds of the interval of that level, too."""
    own = () if level is None else (level, (1 - level) / 2, (1 + level) / 2)
    levels = sorted({round(q, 9) for q in (*LEVELS, *own)})
    return _observed(0, levels), _observed(1, levels)


def _observed(shift: int, levels: list[float]) -> Observations:
    """Four series and five steps without any symmetry: zeros, a tie, a missing value, a censored period."""
    series, steps = np.arange(4.0)[:, None], np.arange(5.0)[None] + shift
    demand = np.round(np.abs(7.0 * np.sin(1.3 * series + 0.7 * steps)) + series)
    forecast = np.abs(6.0 * np.cos(0.9 * series - 0.4 * steps)) + 0.5 * steps
    demand[1, 2], demand[2, 1], demand[3, 4], forecast[0, 3] = 0.0, 0.0, np.nan, 4.0
    demand[0, 3] = 4.0
    spread = 1.0 + 0.3 * series + 0.2 * steps
    quantiles = {q: forecast + spread * (0.1 + np.log(q / (1 - q)) * (0.7 + 0.2 * q)) for q in levels}
    stockout = np.zeros(demand.shape, dtype=bool)
    stockout[1, 1] = stockout[2, 3] = stockout[3, 0] = True
    dates = pd.date_range("2026-01-05", periods=17 + shift, freq="W-MON")
    training = np.abs(5.0 * np.sin(0.8 * series + 0.5 * np.arange(12.0 + shift))) + series
    cells = Cells(
        unique_ids=np.array(["a", "b", "c", "d"], dtype=object), dates=dates[-5:], demand=demand,
        present=np.ones(demand.shape, dtype=bool),
        costs=UnitCosts(np.array([[4.0], [1.5], [9.0], [2.0]]), np.array([[1.0], [2.5], [0.7], [0.3]])),
        censored=stockout, stockout=stockout, sold=demand, trend=np.array([0.8, -0.4, 0.0, np.nan]),
        baseline=forecast[::-1] + 0.7, scale=Scale(np.array([2.0, 1.1, 3.3, 0.6]), np.array([5.0, 1.9, 14.0, 0.8])),
        training=Training(training, dates[:-5]), hierarchy=_hierarchy(),
    )  # fmt: skip
    paths = forecast[..., None] * np.array([0.4, 0.9, 1.1, 1.9])
    return Observations(cells, forecast, quantiles, paths)


def _hierarchy() -> Hierarchy:
    whole = Level("all", np.zeros(4, dtype=np.int64), np.ones(1), np.array([6.0]), np.array([50.0]))
    bottom = Level("series", np.arange(4), np.array([0.1, 0.2, 0.3, 0.4]), np.array([2.0, 1.0, 3.0, 0.6]),
                   np.array([5.0, 2.0, 14.0, 0.8]))  # fmt: skip
    return Hierarchy((whole, bottom))


FLOWS = {"ordered": 9, "received": 8, "sold": 7, "lost": 2, "wasted": 1, "on_hand": 6, "owed": 1, "substituted": 1,
         "switched": 1}  # fmt: skip
"""Size of each flow of the fixed play, units."""
PRICES = {
    "price": (9.0, 5.0, 7.0), "unit_cost": (4.0, 2.0, 6.0), "salvage": (1.0, 0.0, 3.0), "holding": (0.5, 0.1, 0.2),
    "goodwill": (0.7, 0.0, 1.1), "underage": (5.7, 3.0, 2.1), "order_cost": (2.0, 1.0, 0.5),
}  # fmt: skip
"""Prices of its series, currency per unit."""


@lru_cache(maxsize=1)
def _key_figures() -> dict[str, str]:
    """Every key figure of the simulator on a play of three series and eight periods, of which the first is start-up."""
    from ..simulate import Flows, Ledger, Prices
    from ..simulate.kpis import kpis

    wave = np.arange(3.0)[:, None] * 1.7 + np.arange(8.0) * 0.9
    flows = {name: np.round(size * (1.2 + np.sin(0.3 * k + wave)), 1) for k, (name, size) in enumerate(FLOWS.items())}
    marks = {"lines": flows["ordered"] > 9, "short": flows["lost"] > 2.5, "short_cycles": flows["lost"] > 3}
    play = Ledger(
        np.array(["a", "b", "c"], dtype=object), pd.date_range("2026-01-05", periods=8, freq="W-MON"),
        np.broadcast_to(np.array([-1, 0, 0, 1, 1, 2, 2, 3]), (3, 8)), flows["sold"] + flows["lost"],
        Flows(**flows, **{name: mark.astype(float) for name, mark in marks.items()}),
        Prices(**{name: np.array(each)[:, None] for name, each in PRICES.items()}),
    )  # fmt: skip
    return {name: f"{value:.6g}" for name, value in kpis(play, weeks=7.0, days_per_period=7.0).items()}


def key_figure_on_fixed_table(name: str) -> tuple[str, ...] | None:
    """Value of a key figure of the simulator on a small fixed play; None where there is no such figure."""
    found = _key_figures().get(name)
    return None if found is None else (found,)
