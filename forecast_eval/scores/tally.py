"""Sums of one metric of one model, by every axis, as windows come: what is kept does not grow with their number."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from .measures import Measure
    from .window_sums import Added

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """What scores are broken down by.

    groups : axis -> names of its groups: those of series, which may change from cutoff to cutoff, as trend classes do.
    by_step, by_cutoff, by_series : whether there are axes of these names, too. There is always a total.
    varying : axes of `groups` that do change.
    """

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_step: bool = True
    by_cutoff: bool = True
    by_series: bool = False
    varying: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Values over one axis, [group] each; groups : their names, None where they are those of the series."""

    axis: str
    groups: tuple[str, ...] | None
    value: Floats
    n_obs: Floats
    n_missing: Floats


class Tally(Protocol):
    """Sums of one metric of one model."""

    def add(self, cutoff: str, found: Added, codes: Mapping[str, Ints]) -> None:
        """Add a window; codes : axis -> [series] group of each series in it."""
        ...

    def values(self) -> Iterator[Values]:
        """Values over every axis, the total first."""
        ...


class Pooled:
    """Sums over all observations of a group."""

    def __init__(self, measure: Measure, axes: Axes, series_axis: str = "series") -> None:
        """Start with nothing; series_axis : name of the axis of what stands in the place of series."""
        self._measure, self._axes, self._series = measure, axes, series_axis
        self._sums: dict[str, tuple[Floats, Floats]] = {}
        self._cutoffs: list[tuple[str, Floats, float]] = []
        self._levels: list[float] = []

    def add(self, cutoff: str, found: Added, codes: Mapping[str, Ints]) -> None:
        """Add a window."""
        found = found if found.levels is None else self._at_levels(found, found.levels)
        total, lacking = found.by_series.sum(axis=1), float(found.missing_by_series.sum())
        self._keep("total", total[:, None], np.array([lacking]))
        if self._axes.by_cutoff:
            self._cutoffs.append((cutoff, total, lacking))
        if self._axes.by_series or self._series != "series":
            self._keep(self._series, found.by_series, found.missing_by_series)
        if self._axes.by_step and found.by_step is not None and found.missing_by_step is not None:
            self._keep("step", found.by_step, found.missing_by_step)
        for axis, code in codes.items():
            count = len(self._axes.groups[axis])
            *sums, missing = (_grouped(part, code, count) for part in (*found.by_series, found.missing_by_series))
            self._keep(axis, np.stack(sums), missing)

    def _at_levels(self, found: Added, levels: tuple[float, ...]) -> Added:
        """Sums with a place for each level that the model has had so far, this window's among them."""
        self._levels += [level for level in levels if level not in self._levels]
        at = [2 * self._levels.index(level) + k for level in levels for k in (0, 1)] + [2 * len(self._levels)]

        def placed(sums: Floats) -> Floats:
            out = np.zeros((2 * len(self._levels) + 1, sums.shape[1]))
            out[at] = sums
            return out

        by_step = None if found.by_step is None else placed(found.by_step)
        return replace(found, by_series=placed(found.by_series), by_step=by_step)

    def _keep(self, axis: str, sums: Floats, missing: Floats) -> None:
        before = self._sums.get(axis)
        self._sums[axis] = (sums, missing) if before is None else (_plus(before[0], sums), _more(before[1], missing))

    def values(self) -> Iterator[Values]:
        """Values over every axis."""
        for axis, (sums, missing) in self._sums.items():
            if axis == "level" and sums.shape[1] != len(self._axes.groups.get("level", ())):
                continue  # there is no hierarchy
            yield self._of(axis, _names(axis, self._axes, sums.shape[1]), sums, missing)
        if self._cutoffs:
            names, totals, lacking = zip(*self._cutoffs, strict=True)
            most = max(len(total) for total in totals)
            whole = [_padded(total[:, None], most, 1) for total in totals]
            yield self._of("cutoff", tuple(names), np.concatenate(whole, axis=1), np.array(lacking))

    def _of(self, axis: str, groups: tuple[str, ...] | None, sums: Floats, missing: Floats) -> Values:
        value = self._measure.value(sums.T)
        if self._series == "level" and axis != "level":  # without one of its levels a hierarchy has no value
            value = np.where(missing > 0, np.nan, value)
        return Values(axis, groups, value, sums[-1], missing)


class PerSeries:
    """Sums over the observations of each series in a group, to be averaged over series."""

    def __init__(self, measure: Measure, axes: Axes, weight: Floats | None = None) -> None:
        """Start with nothing; weight : [series] of the mean over series."""
        self._measure, self._axes, self._weight = measure, axes, weight
        self._sums: dict[str, tuple[Floats, Floats]] = {}  # [part, group, series], [group]
        self._cutoffs: list[tuple[str, float, float, float]] = []
        self._codes: dict[str, Ints] = {}

    def add(self, cutoff: str, found: Added, codes: Mapping[str, Ints]) -> None:
        """Add a window."""
        self._keep("total", found.by_series[:, None], found.missing_by_series[None])
        if self._axes.by_cutoff:
            own = self._mean(self._measure.value(found.by_series.T)[None])[0]
            self._cutoffs.append((cutoff, own, found.by_series[-1].sum(), found.missing_by_series.sum()))
        if self._axes.by_step and found.cells is not None and found.missing_by_step is not None:
            self._keep("step", found.cells, found.missing_by_step[:, None])
        for axis, code in codes.items():
            self._codes[axis] = code
            if axis in self._axes.varying:
                self._keep(axis, *_spread(found, code, len(self._axes.groups[axis])))

    def _keep(self, axis: str, sums: Floats, missing: Floats) -> None:
        before = self._sums.get(axis)
        self._sums[axis] = (sums, missing) if before is None else (_plus(before[0], sums), _more(before[1], missing))

    def values(self) -> Iterator[Values]:
        """Values over every axis."""
        for axis, (sums, missing) in self._sums.items():
            value = self._mean(self._measure.value(np.moveaxis(sums, 0, -1)))
            names = _names(axis, self._axes, sums.shape[1])
            yield Values(axis, names, value, sums[-1].sum(axis=1), missing.sum(axis=1))
        sums, missing = self._sums["total"]
        own, n_obs = self._measure.value(np.moveaxis(sums, 0, -1))[0], sums[-1, 0]
        if self._axes.by_series:
            yield Values("series", None, own, n_obs, missing[0])
        for axis in (a for a in self._codes if a not in self._axes.varying):
            yield self._grouped(axis, own, n_obs, missing[0])
        if self._cutoffs:
            names = tuple(name for name, *_ in self._cutoffs)
            found = np.array([numbers for _, *numbers in self._cutoffs])
            yield Values("cutoff", names, found[:, 0], found[:, 1], found[:, 2])

    def _grouped(self, axis: str, own: Floats, n_obs: Floats, missing: Floats) -> Values:
        code, names = self._codes[axis], self._axes.groups[axis]
        spread = np.full((len(names), len(own)), np.nan)
        spread[code, np.arange(len(own))] = own
        counted, lacking = (_grouped(each, code, len(names)) for each in (n_obs, missing))
        return Values(axis, names, self._mean(spread), counted, lacking)

    def _mean(self, values: Floats) -> Floats:
        """Mean over series of [group, series] values, by weight, those that are NaN left out."""
        weight = np.ones(values.shape[1]) if self._weight is None else self._weight
        known = ~np.isnan(values)
        total = (known * weight).sum(axis=1)
        above = (np.where(known, values, 0.0) * weight).sum(axis=1)
        return np.asarray(np.divide(above, total, out=np.full(len(values), np.nan), where=total > 0))


def _plus(one: Floats, other: Floats) -> Floats:
    """Sum of two arrays [part, group, ...], 0 where one of them ends: windows may differ in steps."""
    parts, groups = (max(a, b) for a, b in zip(one.shape[:2], other.shape[:2], strict=True))
    return _padded(one, parts, groups) + _padded(other, parts, groups)


def _padded(sums: Floats, parts: int, groups: int) -> Floats:
    """Sums with zeros behind the groups, and behind the parts, whose last one stays the last: the count."""
    if sums.shape[:2] == (parts, groups):
        return sums
    out = np.zeros((parts, groups, *sums.shape[2:]))
    out[: len(sums) - 1, : sums.shape[1]], out[-1, : sums.shape[1]] = sums[:-1], sums[-1]
    return out


def _more(one: Floats, other: Floats) -> Floats:
    """Sum of two arrays [group, ...] of any number of groups."""
    short, long = sorted((one, other), key=len)
    out = long.copy()
    out[: len(short)] += short
    return out


def _grouped(values: Floats, code: Ints, count: int) -> Floats:
    """Sums over the series of each group."""
    return np.bincount(code, values, minlength=count).astype(np.float64, copy=False)


def _spread(found: Added, code: Ints, count: int) -> tuple[Floats, Floats]:
    """Sums and missing of each series in its own group: [part, group, series], [group, series]."""
    parts, series = found.by_series.shape
    sums, missing = np.zeros((parts, count, series)), np.zeros((count, series))
    at = np.arange(series)
    sums[:, code, at] = found.by_series
    missing[code, at] = found.missing_by_series
    return sums, missing


def _names(axis: str, axes: Axes, count: int) -> tuple[str, ...] | None:
    if axis == "total":
        return ("all",)
    if axis in axes.groups:
        return axes.groups[axis]
    return tuple(str(k + 1) for k in range(count)) if axis == "step" else None
