"""The figures of a run that a scorecard is about: value, interval, and the difference to the incumbent."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..config.scorecard import TOTAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from ..scores import Metric
    from ..store import Run
    from .criteria import Criterion

BY_TREND = ("profit", "lost_sales", "waste", "holding_cost", "shortage_cost")
"""Key figures that a run keeps for trending series and for the others."""
INTERVAL, GAP = ("profit_low", "profit_high"), ("difference", "low", "high")
"""Columns of the interval of profit, and of its paired difference to the incumbent's."""
NAN = math.nan


@dataclass(frozen=True, slots=True)
class Gap:
    """Difference to the incumbent, paired, with its interval; in the metric's unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figure:
    """What a run found of one metric and model.

    value : NaN where it is not measured; `why` says so in words.
    low, high : its interval, NaN where the run has none.
    gap : to the incumbent, where the run has it.
    """

    value: float
    low: float = NAN
    high: float = NAN
    gap: Gap | None = None
    why: str = ""


class Figures:
    """Figures of a run, read from its tables; `of` gives one.

    left_out : model -> why it has no money.
    """

    def __init__(self, read: Callable[[str], pd.DataFrame], left_out: Mapping[str, str] | None = None) -> None:
        """Read the tables: `read` gives one by its name, as `Run.read` does."""
        self._scores = read("scores").astype({"model": str, "metric": str, "axis": str, "group": str})
        self._leaders, self._money = read("leaderboard"), read("money")
        self._segments, self._groups = read("segments"), read("kpis")
        self._left_out = left_out or {}

    @classmethod
    def of_run(cls, run: Run) -> Figures:
        """Figures of a run that has been simulated."""
        said = run.manifest.get("left_out", ())
        return cls(run.read, {line.partition(" was left out of the money: ")[0]: line for line in said})

    def of(self, criterion: Criterion, model: str) -> Figure:
        """Figure of one metric and model; never an error: what is not there is NaN, with the reason."""
        metric = criterion.metric
        if metric.source == "online":
            return Figure(NAN, why="no online test has measured it yet")
        found = self._score(criterion, model) if metric.source == "forecasts" else self._key_figure(criterion, model)
        if found.why or math.isfinite(found.value):
            return found
        return replace(found, why=_uncomputed(metric))

    def observations(self, criterion: Criterion) -> tuple[int, int]:
        """Fewest and most observations of a metric over the models that have it; (0, 0) of a key figure."""
        rows = self._rows(criterion)
        counts = rows.loc[rows["value"].notna(), "n_obs"]
        return (0, 0) if counts.empty else (int(counts.min()), int(counts.max()))

    def _rows(self, criterion: Criterion) -> pd.DataFrame:
        s = self._scores
        of_metric = s["metric"] == criterion.metric.name
        return s[of_metric & (s["axis"] == criterion.axis) & (s["group"] == criterion.group)]

    def _score(self, criterion: Criterion, model: str) -> Figure:
        rows = self._rows(criterion)
        own = rows.loc[rows["model"] == model, "value"]
        if own.empty:
            return _absent(criterion)
        value = float(own.iloc[0])
        if (criterion.axis, criterion.group) != TOTAL:
            return Figure(value)
        return Figure(value, *self._interval(value, criterion.metric.name, model))

    def _interval(self, value: float, metric: str, model: str) -> tuple[float, float]:
        """Interval of a score over everything; it rests on what all models have, and is none of another value."""
        own = self._leaders
        row = own[(own["metric"] == metric) & (own["model"] == model)]
        if row.empty or not np.isclose(float(row["value"].iloc[0]), value, rtol=1e-6):
            return NAN, NAN
        return float(row["low"].iloc[0]), float(row["high"].iloc[0])

    def _key_figure(self, criterion: Criterion, model: str) -> Figure:
        if model in self._left_out:
            return Figure(NAN, why=self._left_out[model])
        if (criterion.axis, criterion.group) == TOTAL:
            table = self._money
        elif criterion.axis == "trend":
            table = self._segments[self._segments["segment"] == criterion.group]
        else:
            groups = self._groups
            table = groups[(groups["axis"] == criterion.axis) & (groups["group"] == criterion.group)]
        return _figure(table[table["model"] == model], criterion.metric.name)


def _figure(row: pd.DataFrame, name: str) -> Figure:
    """Figure in a table's row, or in none; only profit has an interval, and columns difference, low and high."""
    if row.empty or name not in row.columns:
        return Figure(NAN, why="this run has no figure of it")
    found = {column: float(row[column].iloc[0]) for column in (name, *INTERVAL, *GAP) if column in row.columns}
    if name != "profit":
        return Figure(found[name])
    gap = Gap(*(found[column] for column in GAP)) if found.keys() >= set(GAP) else None
    return Figure(found[name], found.get("profit_low", NAN), found.get("profit_high", NAN), gap)


def _absent(criterion: Criterion) -> Figure:
    where = "" if (criterion.axis, criterion.group) == TOTAL else f" for {criterion.axis} {criterion.group}"
    return Figure(NAN, why=f"this run has no score of it{where}")


def _uncomputed(metric: Metric) -> str:
    needs = f": it needs {', '.join(metric.inputs)}" if metric.inputs else ""
    return f"it could not be computed{needs}"
