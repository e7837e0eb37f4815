"""Score forecasts: every metric of every model over every axis, in one pass over windows of dense arrays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .external import FunctionMeasure, ImportedMeasure
from .hierarchy import Hierarchical
from .kernel import count_reached, missing_alike
from .leaderboard import Measured
from .measures import CalibrationError, Ratio
from .statistics import seen
from .tally import PerSeries, Pooled
from .window_sums import added, added_whole, joined, usable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from .measures import Measure
    from .metric import Metric
    from .observations import Cells, Observations
    from .tally import Axes, Tally, Values
    from .window_sums import Added

    Floats = NDArray[np.float64]
    Parts = tuple[Floats | None, ...]
    Block = tuple[dict[tuple[str, str], Added], dict[str, Floats]]
    Ints = NDArray[np.int64]

SERIES_AT_ONCE = 2048
"""Series that are worked on together: with their steps a few hundred kilobytes an array."""
COLUMNS = ("model", "metric", "axis", "group", "value", "n_obs", "n_missing", "version")


@dataclass(frozen=True, slots=True, eq=False)
class ScoredWindow:
    """One window: what came, what each model said of it, and to which group each series belongs then.

    cutoff : its name. codes : axis -> [series] position among the groups of the axis.
    """

    cutoff: str
    cells: Cells
    models: Mapping[str, Observations]
    codes: Mapping[str, Ints] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What came of it.

    table : model, metric, axis, group, value, n_obs (observations used), n_missing (those that were to be there: no
        forecast, hidden demand, or a statistic that is not defined there), version (hash of the definition).
    calibration : model, level, share (of demand not above the quantile, every observation counting the same), n_obs.
    measured : metric -> sums on the observations that all models share, for `leaderboard`.
    """

    table: pd.DataFrame
    calibration: pd.DataFrame
    measured: Mapping[str, Measured]


def score(
    windows: Iterable[ScoredWindow],
    metrics: Sequence[Metric],
    axes: Axes,
    *,
    compared: Sequence[str] = (),
    threads: int = 1,
) -> Scores:
    """Score every model on every window; windows are taken one by one, so that they may be read as they are needed.

    metrics : those that the simulator gives have no part in it.
    compared : names of the metrics whose sums are kept for comparison, [model, part, series, cutoff] each.
    threads : that work at once; the result does not depend on them.

    Every window has the same series and the same models; where a model has no forecast it is NaN.
    """
    book = _Book([m for m in metrics if m.measure is not None], axes, frozenset(compared), threads)
    for window in windows:
        book.add(window)
    return book.close()


class _Book:
    """All tallies of one pass."""

    def __init__(self, metrics: Sequence[Metric], axes: Axes, compared: frozenset[str], threads: int) -> None:
        self._metrics, self._axes, self._threads = metrics, axes, threads
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._shared: dict[str, list[Floats]] = {
            m.name: [] for m in metrics if m.name in compared and m.ranks and _comparable(m.measure)
        }
        self._calibration: dict[tuple[str, float], Floats] = {}
        self._series: NDArray[np.object_] = np.empty(0, dtype=object)
        self._weight: Floats | None = None
        self._models: tuple[str, ...] = ()

    def add(self, window: ScoredWindow) -> None:
        """Add up one window."""
        self._series, self._weight = window.cells.unique_ids, window.cells.weight
        self._models = tuple(window.models)
        self._by_cells([m for m in self._metrics if _measure(m).over == "cells"], window)
        for metric in (m for m in self._metrics if _measure(m).over != "cells"):
            self._whole(metric, window)
        for model, o in window.models.items():
            for level, counts in _reached(o).items():
                self._calibration[model, level] = self._calibration.get((model, level), 0.0) + counts

    def _whole(self, metric: Metric, window: ScoredWindow) -> None:
        """Add a metric that looks at a window as a whole."""
        measure = _measure(metric)
        codes = {} if measure.over == "panel" else window.codes
        weight = window.cells.weight if measure.over == "series" and measure.per == "observations" else None
        parts = {model: measure.parts(o) for model, o in window.models.items()}
        present = np.asarray(window.cells.present.any(axis=1)) if measure.over == "series" else None
        found = {model: added_whole(own, present, weight) for model, own in parts.items()}
        for model, each in found.items():
            self._tally(metric, model).add(window.cutoff, each, codes)
        if metric.name in self._shared:
            whole = [model for model, each in found.items() if each.by_series[-1].all()]
            self._shared[metric.name].append(
                np.stack([each.by_series * (model in whole) for model, each in found.items()])
            )

    def _by_cells(self, metrics: Sequence[Metric], window: ScoredWindow) -> None:
        """Add metrics of single cells, some series at a time: what is computed on the way then stays in the cache."""
        count = len(window.cells.unique_ids)
        blocks = [slice(start, start + SERIES_AT_ONCE) for start in range(0, count, SERIES_AT_ONCE)]
        if self._threads == 1:
            done = [self._block(metrics, window, rows) for rows in blocks]
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                done = list(pool.map(lambda rows: self._block(metrics, window, rows), blocks))
        for metric in metrics:
            whole = {model: joined([found[metric.name, model] for found, _ in done]) for model in window.models}
            for model, each in whole.items():
                self._tally(metric, model).add(window.cutoff, each, window.codes)
            if metric.name in self._shared:
                able = [model for model, each in whole.items() if each.by_series[-1].any()]
                parts = [_of_able(metric.name, able, found, shared) for found, shared in done]
                self._shared[metric.name].append(np.concatenate(parts, axis=-1))

    def _block(self, metrics: Sequence[Metric], window: ScoredWindow, rows: slice) -> Block:
        """Sums of some series, and those on the cells that all models have."""
        cells = window.cells.part(rows)
        some = {model: o.part(rows, cells) for model, o in window.models.items()}
        found: dict[tuple[str, str], Added] = {}
        shared: dict[str, Floats] = {}
        for metric in metrics:
            measure = _measure(metric)
            parts = {model: measure.parts(o) for model, o in some.items()}
            each = {model: self._added(measure, parts[model], o) for model, o in some.items()}
            found |= {(metric.name, model): one for model, one in each.items()}
            if metric.name in self._shared:
                shared[metric.name] = _on_shared_cells(parts, each, cells, measure)
        return found, shared

    def _added(self, measure: Measure, parts: Parts, o: Observations) -> Added:
        whole = measure.per == "series" and self._axes.by_step
        weight = None if measure.per == "series" else o.cells.weight
        found = added(parts, o.cells.present, weight=weight, whole=whole)
        return replace(found, levels=measure.levels(o)) if isinstance(measure, CalibrationError) else found

    def _tally(self, metric: Metric, model: str) -> Tally:
        key, measure = (model, metric.name), _measure(metric)
        if key not in self._tallies:
            if measure.over == "panel":
                self._tallies[key] = Pooled(measure, self._axes, "level")
            elif measure.per == "observations":
                self._tallies[key] = Pooled(measure, self._axes)
            else:
                self._tallies[key] = PerSeries(measure, self._axes, self._weight)
        return self._tallies[key]

    def close(self) -> Scores:
        """Give what came of all windows."""
        rows = [
            (model, metric, values)
            for model in self._models for metric in self._metrics
            for values in self._tallies[model, metric.name].values()
        ]  # fmt: skip
        measured = {m.name: self._measured(m) for m in self._metrics if self._shared.get(m.name)}
        return Scores(_table(rows, self._series), self._curve(), measured)

    def _curve(self) -> pd.DataFrame:
        rows = [
            (model, level, share / count if count else float("nan"), int(count))
            for (model, level), (share, count) in self._calibration.items()
        ]
        return pd.DataFrame(rows, columns=["model", "level", "share", "n_obs"])

    def _measured(self, metric: Metric) -> Measured:
        sums = np.stack(self._shared[metric.name], axis=-1)  # [model, part, series, cutoff]
        counts = sums[:, -1].sum(axis=1)  # [model, cutoff]
        able = counts.any(axis=1)
        sums[..., (counts[able] == 0).any(axis=0)] = 0.0  # a cutoff that one of them lacks is no comparison
        measure = _measure(metric)
        weight = self._weight if measure.per == "series" else None
        return Measured(
            self._models, metric.name, metric.ranking, sums, measure.value, measure.per == "series", weight,
            observations=sums[:, -1].max(axis=0).astype(np.int64),
        )  # fmt: skip


def _measure(metric: Metric) -> Measure:
    assert metric.measure is not None
    return metric.measure


def _on_shared_cells(parts: Mapping[str, Parts], found: Mapping[str, Added], cells: Cells, measure: Measure) -> Floats:
    """Sums of one window over the cells that all models have which have any [model, part, series]."""
    able = [model for model, each in found.items() if each.by_series[-1].any()]
    if not any(found[model].missing_by_series.any() for model in able):
        return np.stack([found[m].by_series if m in able else np.zeros_like(_any(found)) for m in found])
    if all(_alike(parts[able[0]], parts[model]) for model in able[1:]):
        return np.stack([found[m].by_series if m in able else np.zeros_like(_any(found)) for m in found])
    shared = np.logical_and.reduce([usable(parts[model], cells.present) for model in able])
    weight = None if measure.per == "series" else cells.weight
    return np.stack([
        added(parts[m], shared, weight=weight).by_series if m in able
        else np.zeros_like(_any(found))
        for m in found
    ])  # fmt: skip


def _comparable(measure: Measure | None) -> bool:
    """Whether sums on the cells that all models have make sense: those of cells with a fixed number, and of levels."""
    if isinstance(measure, ImportedMeasure):
        return _comparable(measure.own)
    return isinstance(measure, Ratio | FunctionMeasure | Hierarchical)


def _of_able(
    name: str, able: Sequence[str], found: Mapping[tuple[str, str], Added], shared: Mapping[str, Floats]
) -> Floats:
    """Sums of some series on the cells that all models have; none where one that has others has nothing there."""
    lacks = any(not found[name, model].by_series[-1].any() for model in able)
    return np.zeros_like(shared[name]) if lacks else shared[name]


def _alike(one: Parts, other: Parts) -> bool:
    """Whether the same cells are missing."""
    pairs = zip(one, other, strict=True)
    return all(a is None or b is None or missing_alike(a, b) for a, b in pairs)


def _any(found: Mapping[str, Added]) -> Floats:
    return next(iter(found.values())).by_series


def _reached(o: Observations) -> dict[float, Floats]:
    """Quantile level -> how often demand was not above it, and in how many cells that is known."""
    demand = seen(o)
    return {level: np.array(count_reached(demand, q, o.cells.present)) for level, q in o.quantiles.items()}


def _table(rows: Sequence[tuple[str, Metric, Values]], series: NDArray[np.object_]) -> pd.DataFrame:
    """Long table of all values; what repeats is categorical, since a table by series has millions of rows."""
    sizes = [len(values.value) for _, _, values in rows]
    names = [series if values.groups is None else np.array(values.groups, dtype=object) for _, _, values in rows]

    def repeated(words: list[str]) -> pd.Categorical[str]:
        codes, known = pd.factorize(np.array(words, dtype=object))
        return pd.Categorical.from_codes(np.repeat(codes, sizes), categories=pd.Index(known))

    columns = {
        "model": repeated([model for model, _, _ in rows]),
        "metric": repeated([metric.name for _, metric, _ in rows]),
        "axis": repeated([values.axis for _, _, values in rows]),
        "group": np.concatenate(names),
        "value": np.concatenate([values.value for _, _, values in rows]),
        "n_obs": np.concatenate([values.n_obs for _, _, values in rows]).astype(np.int64),
        "n_missing": np.concatenate([values.n_missing for _, _, values in rows]).astype(np.int64),
        "version": repeated([metric.version for _, metric, _ in rows]),
    }
    return pd.DataFrame(columns, columns=list(COLUMNS), copy=False)
