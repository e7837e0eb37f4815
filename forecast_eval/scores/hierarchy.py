"""Errors over a hierarchy, weighted by what each node sells: WRMSSE and WSPL, as the M5 competition has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from .measures import Over, Per
    from .observations import Observations

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

M5_LEVELS = (0.005, 0.025, 0.165, 0.25, 0.5, 0.75, 0.835, 0.975, 0.995)
"""Quantile levels of the M5 uncertainty competition, read off sample paths where a model has no quantiles."""


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One level of a hierarchy, as of a cutoff.

    codes : [series] node of each series; nodes : how many there are.
    weight : [node] share of the level's sales in money; scale_absolute, scale_squared : [node], see `Scale`.
    """

    name: str
    codes: Ints
    weight: Floats
    scale_absolute: Floats
    scale_squared: Floats

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.weight)

    def add(self, values: Floats) -> Floats:
        """Sum over the series of each node [node, ...]; NaN counts as nothing."""
        out = np.zeros((self.nodes, *values.shape[1:]))
        np.add.at(out, self.codes, np.nan_to_num(values))
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """Levels, each with a weight of its own that is the same for all: in M5 a twelfth."""

    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Hierarchical:
    """WRMSSE: root mean squared scaled error of the summed forecasts; WSPL: scaled pinball loss of summed paths.

    Of a node both are taken over the steps of a window, scaled by what was known at the cutoff, then averaged over the
    nodes of a level by weight, and over levels. Cells whose demand is not known count on neither side.

    WSPL needs the distribution of a sum. That of a single series is in its quantiles; that of a node is in the sums of
    sample paths, and is NaN for models that draw none.
    """

    kind: Literal["wrmsse", "wspl"]

    @property
    def over(self) -> Over:
        """Each level of the hierarchy is an observation."""
        return "panel"

    @property
    def per(self) -> Per:
        """Levels count the same."""
        return "observations"

    def parts(self, o: Observations) -> tuple[Floats | None, ...]:
        """Error of each level, and ones."""
        if o.cells.hierarchy is None:
            return np.full(1, np.nan), None
        of = _rmsse if self.kind == "wrmsse" else _spl
        return np.array([_weighted(of(o, level), _judged(o, level)) for level in o.cells.hierarchy.levels]), None

    def value(self, sums: Floats) -> Floats:
        """Mean over levels and windows."""
        count = sums[..., 1]
        return np.asarray(np.divide(sums[..., 0], count, out=np.full(count.shape, np.nan), where=count > 0))


def _judged(o: Observations, level: Level) -> Floats:
    """Weight of the nodes [node] whose demand is known in some step, 0 of the others."""
    known = level.add(_counted(o).any(axis=1).astype(float)) > 0
    return np.where(known, np.nan_to_num(level.weight), 0.0)


def _weighted(values: Floats, weight: Floats) -> float:
    """Mean by weight; a node with weight and no value, as one that is not forecast, makes it NaN."""
    here = weight > 0
    return float((values[here] * weight[here]).sum() / weight[here].sum()) if here.any() else float("nan")


def _counted(o: Observations) -> NDArray[np.bool_]:
    """[series, step] that are to be forecast and whose demand is known."""
    return o.cells.present & ~np.isnan(o.cells.demand)


def _sum(level: Level, values: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Sum over the counted series of each node [node, step, ...]; NaN where one of them has no value.

    What a model leaves out would else be taken for a forecast without error.
    """
    shaped = counted.reshape(counted.shape + (1,) * (values.ndim - counted.ndim))
    lacking = level.add((shaped & np.isnan(values)).astype(float)) > 0
    return np.where(lacking, np.nan, level.add(np.where(shaped, values, 0.0)))


def _rmsse(o: Observations, level: Level) -> Floats:
    """[node] root of the mean squared error of the node's sum over its scale."""
    counted = _counted(o)
    squared = _sum(level, o.error, counted) ** 2
    return np.asarray(np.sqrt(_over_steps(squared, level.add(counted.astype(float)) > 0) / level.scale_squared))


def _spl(o: Observations, level: Level) -> Floats:
    """[node] pinball loss, mean over steps and quantile levels, over the node's absolute scale."""
    counted = _counted(o)
    found = _node_quantiles(o, level, counted)
    if not found:
        return np.full(level.nodes, np.nan)
    demand = _sum(level, o.cells.demand, counted)
    excesses = {q: at - demand for q, at in found.items()}
    if o.cells.censored is not None:  # demand was at least what was sold: too much is not proven wrong
        open_ended = level.add((o.cells.censored & counted).astype(float)) > 0
        excesses = {q: np.where(open_ended, np.minimum(gap, 0.0), gap) for q, gap in excesses.items()}
    losses = [np.maximum(-q * gap, (1 - q) * gap) for q, gap in excesses.items()]
    known = level.add(counted.astype(float)) > 0
    return np.asarray(_over_steps(np.mean(losses, axis=0), known) / level.scale_absolute)


def _node_quantiles(o: Observations, level: Level, counted: NDArray[np.bool_]) -> Mapping[float, Floats]:
    """Quantile level -> [node, step]; empty where the model says nothing of a node's distribution."""
    if level.nodes == len(level.codes) and o.quantiles:
        return {q: _sum(level, at, counted) for q, at in o.quantiles.items()}
    if o.paths is None:
        return {}
    sums = _sum(level, o.paths, counted)  # [node, step, path]
    levels: Sequence[float] = list(o.quantiles) or list(M5_LEVELS)
    return dict(zip(levels, np.quantile(sums, levels, axis=-1), strict=True))


def _over_steps(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Mean over known steps [node]; NaN where none is."""
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0))
