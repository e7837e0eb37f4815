"""Score frames: forecasts in our contract or in Nixtla's wide columns, with or without a panel around them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest import Fault, InputError, quantile_levels
from backtest.columns import nixtla_models
from backtest.faults import nearest, refuse
from backtest.frames import to_pandas
from losses import UnitCosts

from .catalogue import builtin, metrics_named
from .context import TAKEN
from .engine import ScoredWindow, score
from .grid import Grid
from .metric import Metric
from .observations import NO_COSTS, Cells, Observations
from .tally import Axes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from .engine import Scores
    from .grid import Block

    Floats = NDArray[np.float64]
    Asked = Metric | Callable[..., Any]

MANY_ROWS = 2_000_000
"""Rows from which on all cores work."""
KEYS = ("unique_id", "ds", "cutoff", "y", "underage", "overage", "in_stock", "model")
NUMBERS = ("y", "forecast", "underage", "overage", "in_stock")


def evaluate(
    frame: Any,  # noqa: ANN401 - any frame that narwhals reads
    metrics: str | Asked | Sequence[str | Asked],
    *,
    models: Sequence[str] | None = None,
    by: Sequence[str] = ("series",),
    baseline: str | None = None,
    compare: bool = False,
) -> Scores:
    """Score forecasts that stand beside what came.

    frame : unique_id, ds, y, optional cutoff, and either Nixtla's wide columns (`M`, `M-lo-90`, `M-hi-90`, `M-median`,
        `M_ql0.9`) or our contract (model, forecast, q0.9), whose y is the same for all models. Optional columns:
        underage and overage (currency per unit), in_stock (share of the period; below 1 leaves the row out, but for
        stockout_recall), and static columns. y may be NaN where demand is not known.
    metrics : names of the catalogue; metrics; functions of utilsforecast, with their parameters by `functools.partial`.
    models : the models to score; None takes all that the columns name. Name them where other numbers stand beside.
    by : static columns of the frame, or "series" for each one; total, cutoff and step are always there.
    baseline : the model that relative MAE and FVA are measured by.
    compare : keep what `leaderboard` needs in `Scores.measured`.

    What a metric needs and the frame does not have makes it NaN: costs, quantiles, a baseline, in_stock. So are those
    that need what came before the cutoff (MASE, RMSSE, WRMSSE, WSPL, trend-weighted cost): `forecast-eval score` knows.

    Raises InputError for missing columns, unknown metrics or models, keys that stand twice.

    >>> wide = pd.DataFrame({"unique_id": ["a", "a", "b"], "ds": pd.to_datetime(["2026-01-05", "2026-01-12"] +
    ...                      ["2026-01-05"]), "y": [10.0, 0.0, 4.0], "ETS": [7.0, 1.0, 5.0], "Naive": [9.0, 2.0, 4.0]})
    >>> evaluate(wide, ["mae", "wape"], by=()).table.query("axis == 'total'")[["model", "metric", "value"]]
       model metric      value
    0    ETS    mae   1.666667
    3    ETS   wape  35.714286
    6  Naive    mae   1.000000
    9  Naive   wape  21.428571
    """
    chosen = _chosen(metrics)
    table = to_pandas(frame)
    rows = _Rows.of(table, models, by)
    _known(baseline, rows)
    axes = Axes(rows.groups, by_series="series" in by, by_cutoff="cutoff" in table.columns)
    threads = os.cpu_count() or 1 if len(table) > MANY_ROWS else 1  # the result does not depend on them
    compared = [m.name for m in chosen if compare]
    return score(rows.windows(baseline), chosen, axes, compared=compared, threads=threads)


def _chosen(metrics: str | Asked | Sequence[str | Asked]) -> tuple[Metric, ...]:
    """Metrics that are asked for, in their order; InputError for what is none."""
    asked = [metrics] if isinstance(metrics, str | Metric) or callable(metrics) else list(metrics)
    wrong = [m for m in asked if not (isinstance(m, str | Metric) or callable(m))]
    refuse([Fault("no-metric", f"{m!r} is no metric", "metrics", "give a name, a Metric or a function") for m in wrong])
    refuse([] if asked else [Fault("no-metric", "no metric is asked for", "metrics", "name one, such as wape")])
    found = [[m] if isinstance(m, Metric) else metrics_named([_entry(m)], "metrics") for m in asked]
    return tuple(metric for each in found for metric in each)


def _entry(asked: str | Callable[..., Any]) -> str | dict[str, Any]:
    """Name of a metric, or the entry of a function as a catalogue would have it."""
    if isinstance(asked, str):
        return asked
    function, params = (asked.func, asked.keywords) if isinstance(asked, partial) else (asked, {})
    name = getattr(function, "__qualname__", type(function).__qualname__)
    own = name if name not in builtin() else f"{function.__module__.partition('.')[0]}_{name}"
    return {"name": own.strip("<>"), "object": f"{function.__module__}:{name}", "params": dict(params)}


def _odd(table: pd.DataFrame) -> list[Fault]:
    """Faults of rows: none at all, keys that are missing, text for a number, negative costs."""
    faults = (
        [] if len(table) else [Fault("no-rows", "there are no rows", "frame", "give what came, and forecasts of it")]
    )
    for name in [c for c in ("ds", "cutoff") if c in table.columns]:  # `Grid` looks at each id anyway
        faults += _first(table[name], table[name].isna(), "missing-key", "must not be missing")
    for name in [c for c in NUMBERS if c in table.columns]:
        if not pd.api.types.is_numeric_dtype(table[name]):
            text = pd.to_numeric(table[name], errors="coerce").isna() & table[name].notna()
            faults += _first(table[name], text, "not-a-number", "must be a number")
        elif name in {"underage", "overage"}:
            faults += _first(table[name], table[name] < 0, "negative-cost", "must be >= 0")
        elif name == "in_stock":
            faults += _first(table[name], (table[name] < 0) | (table[name] > 1), "share", "must be from 0 to 1")
    if faults and "unique_id" in table.columns:  # where all else is fine `Grid` looks at the ids, which takes time
        faults = _first(table["unique_id"], table["unique_id"].isna(), "missing-key", "must not be missing") + faults
    return faults


def _first(column: pd.Series[Any], wrong: pd.Series[bool], rule: str, must: str) -> list[Fault]:
    """Fault of the first row that is wrong, or none."""
    if not wrong.any():
        return []
    row = int(wrong.to_numpy().argmax())
    what = f"{column.name}={column.iloc[row]} {must}; {int(wrong.sum())} such row(s)"
    return [Fault(rule, what, f"frame, row {row}, column {column.name}", "correct it, or leave the rows out")]


def _known(baseline: str | None, rows: _Rows) -> None:
    if baseline is not None and baseline not in rows.columns:
        raise InputError([Fault("unknown-model", f"baseline {baseline!r} is none of the models", "baseline",
                                nearest(baseline, rows.columns))])  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows of a frame, laid out.

    columns : model -> our column -> the frame's.
    groups : static column -> names of its values; codes : static column -> [series] position among them.
    """

    table: pd.DataFrame
    grid: Grid
    columns: Mapping[str, Mapping[str, str]]
    groups: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, table: pd.DataFrame, models: Sequence[str] | None, by: Sequence[str]) -> _Rows:
        """Lay out a frame."""
        static = [name for name in by if name != "series"]
        refuse([
            Fault("missing-column", f"column {name!r} is missing", "frame", nearest(name, map(str, table.columns)))
            for name in ("unique_id", "ds", "y", *static) if name not in table.columns
        ] + [
            Fault("taken", f"{name!r} cannot be a column to break down by: it is an axis of its own", "by", "rename it")
            for name in static if name in TAKEN
        ] + _odd(table))  # fmt: skip
        wide = _wide(table, static) if {"model", "forecast"} <= set(table.columns) else table
        numbers = [str(c) for c in wide.columns if pd.api.types.is_numeric_dtype(wide[c])]
        named = nixtla_models([c for c in numbers if c not in {*KEYS, *static}])
        refuse([
            Fault("unknown-model", f"there are no columns of model {name!r}", "models", nearest(name, named))
            for name in models or () if name not in named
        ])  # fmt: skip
        chosen = {name: named[name] for name in (models or named) if "forecast" in named[name]}
        refuse([] if chosen else [Fault("no-model", "there is no column of forecasts", "frame", "add one a model")])
        grid = Grid.of(wide)
        groups = {name: _groups(wide, grid, name) for name in static}
        return cls(wide, grid, chosen, {k: names for k, (_, names) in groups.items()},
                   {k: codes for k, (codes, _) in groups.items()})  # fmt: skip

    def windows(self, baseline: str | None) -> Iterator[ScoredWindow]:
        """One window a cutoff."""
        for block in self.grid.blocks:
            points = {model: block.of(self._values(own["forecast"])) for model, own in self.columns.items()}
            cells = self._cells(block, None if baseline is None else points[baseline])
            models = {model: Observations(cells, at, self._quantiles(model, block)) for model, at in points.items()}
            yield ScoredWindow(_moment(block.cutoff), cells, models, self.codes)

    def _cells(self, block: Block, baseline: Floats | None) -> Cells:
        sold = block.of(self._values("y"))
        stockout = block.of(self._values("in_stock")) < 1 if "in_stock" in self.table.columns else None
        costs = NO_COSTS
        if {"underage", "overage"} <= set(self.table.columns):
            costs = UnitCosts.trusted(*(block.of(self._values(c)) for c in ("underage", "overage")))
        return Cells(
            unique_ids=self.grid.unique_ids, dates=block.dates, present=block.present, costs=costs, sold=sold,
            demand=sold if stockout is None else np.where(stockout, np.nan, sold), stockout=stockout, baseline=baseline,
        )  # fmt: skip

    def _quantiles(self, model: str, block: Block) -> dict[float, Floats]:
        levels = quantile_levels([c for c in self.columns[model] if c != "forecast"])
        return {level: block.of(self._values(self.columns[model][c])) for level, c in levels.items()}

    def _values(self, column: str) -> NDArray[np.float64]:
        return self.table[column].to_numpy()


def _groups(table: pd.DataFrame, grid: Grid, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Group of each series and names of the groups; InputError where a column changes within a series."""
    pairs = table[["unique_id", name]].drop_duplicates()
    twice = pairs["unique_id"].duplicated()
    if twice.any():
        what = f"{name} changes within unique_id={pairs.loc[twice, 'unique_id'].iloc[0]!r}"
        raise InputError([Fault("changing-column", what, "by", "name columns that are fixed for a series")])
    own = pairs.set_index("unique_id")[name].reindex(grid.unique_ids).astype(str)
    codes, names = pd.factorize(own, sort=True)
    return codes.astype(np.int64), tuple(map(str, names))


def _wide(table: pd.DataFrame, static: Sequence[str]) -> pd.DataFrame:
    """Wide columns out of our long contract; what is no forecast must be the same for all models."""
    keys = [c for c in ("cutoff", "unique_id", "ds") if c in table.columns]
    beside = [c for c in ("y", "underage", "overage", "in_stock", *static) if c in table.columns]
    once = table[[*keys, *beside]].drop_duplicates()
    again = once.duplicated(keys)
    if again.any():
        row = once[again].iloc[0]
        what = f"unique_id={row['unique_id']!r}, ds={row['ds']} has several values of {', '.join(beside)}"
        raise InputError([Fault("not-the-same", what, "frame", "what came is the same for all models")])
    for model, part in table.groupby("model", sort=False):
        levels = quantile_levels(list(part.columns))
        names = {"forecast": str(model)} | {c: f"{model}_ql{level}" for level, c in levels.items()}
        said = (
            "forecast",
            *(c for c in levels.values() if part[c].notna().any()),
        )  # a model that says nothing is counted
        own = part[[*keys, *said]].rename(columns=names)
        refuse_twice(own, keys)
        once = once.merge(own, on=keys, how="left")
    return once.reset_index(drop=True)


def refuse_twice(rows: pd.DataFrame, keys: Sequence[str]) -> None:
    """Raise InputError where a key stands twice."""
    again = rows.duplicated(list(keys))
    if again.any():
        key = ", ".join(f"{c}={v}" for c, v in zip(keys, rows.loc[again, list(keys)].iloc[0], strict=True))
        raise InputError([Fault("duplicate", f"{key} stands twice", "frame", "keep one row for each key")])


def _moment(cutoff: pd.Timestamp | None) -> str:
    if cutoff is None:
        return ""
    return f"{cutoff:%Y-%m-%d}" if cutoff == cutoff.normalize() else f"{cutoff:%Y-%m-%d %H:%M}"
