"""Courses of demand from a forecast: the sum over the lead time needs whole paths, not marginal quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .distribution import integral_transform, segments
from .draws import ERRORS, QUANTILES, courses, empty, sampled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .distribution import Tails
    from .draws import Draw

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Forecasts of one model, dense.

    point : [cutoff, series, step] units; NaN where there is no forecast.
    quantiles : [cutoff, series, step, level] units, or None for a model without them.
    levels : [level] ascending.
    paths : [cutoff, series, step, path] sample paths, or None for a model that draws none.
    """

    point: Floats
    quantiles: Floats | None
    levels: Floats
    paths: Floats | None = None

    @property
    def has_both_sides(self) -> bool:
        """Whether quantiles below and above the median are there; one side alone says nothing of the spread."""
        return bool(len(self.levels)) and bool(self.levels[0] < 0.5 < self.levels[-1])

    def at(self, cutoff: int) -> Predictions:
        """Those of one cutoff, axes [series, step, ...]."""
        return Predictions(
            self.point[cutoff],
            None if self.quantiles is None else self.quantiles[cutoff],
            self.levels,
            None if self.paths is None else self.paths[cutoff],
        )

    def series(self, rows: slice | NDArray[np.int64]) -> Predictions:
        """Those of some series, of predictions that are of one cutoff."""
        quantiles = None if self.quantiles is None else self.quantiles[rows]
        return Predictions(self.point[rows], quantiles, self.levels, None if self.paths is None else self.paths[rows])

    def steps(self, count: int) -> Predictions:
        """Those of the first steps, of predictions [series, step, ...]."""
        quantiles = None if self.quantiles is None else self.quantiles[:, :count]
        paths = None if self.paths is None else self.paths[:, :count]
        return Predictions(self.point[:, :count], quantiles, self.levels, paths)

    def before(self, cutoffs: NDArray[np.bool_]) -> Predictions:
        """Those of several cutoffs, with cutoff and series folded into one axis [window * series, step, ...]."""
        steps = self.point.shape[2]
        quantiles = self.quantiles
        folded = None if quantiles is None else quantiles[cutoffs].reshape(-1, steps, quantiles.shape[3])
        return Predictions(self.point[cutoffs].reshape(-1, steps), folded, self.levels)


@dataclass(frozen=True, slots=True, eq=False)
class Sampling:
    """How courses of demand are drawn.

    scenarios : how many.
    tails : beyond a forecast's outermost quantiles.
    together : whether all series have the same rank in a course, as if one weather ruled all of them. Else series
        are drawn independently of each other; the truth lies between, and both bound the risk of the total.
    """

    scenarios: int
    tails: Tails = "exponential"
    together: bool = True


def demand_paths(
    now: Predictions, past: Predictions, actual: Floats, *, sampling: Sampling, rng: np.random.Generator
) -> Floats:
    """Sampled paths of demand over the horizon [series, scenario, step], units, never below 0; see `demand_draw`.

    A series for which the model gave points and no quantiles, as a fallback does, takes its errors' paths.
    """
    usable = _usable(past, actual)
    state = rng.bit_generator.state  # both kinds of paths are drawn from the same numbers
    paths = sampled(demand_draw(now, past, actual, sampling=sampling, rng=rng))
    lacking = np.isnan(paths).any(axis=(1, 2)) & ~np.isnan(now.point).any(axis=1)
    if lacking.any():
        rng.bit_generator.state = state
        errors = _error_draw(now.point[lacking], past.point[usable], actual[usable], sampling, rng)
        paths[lacking] = sampled(errors)
    return paths


def demand_draw(
    now: Predictions, past: Predictions, actual: Floats, *, sampling: Sampling, rng: np.random.Generator
) -> Draw:
    """What the kernel draws courses of demand over the horizon from, as they are asked for.

    A model that draws sample paths gives them itself: `scenarios` of them are drawn, the same numbers for every series.
    A model with quantiles on both sides of the median gives each step's distribution: straight between its quantiles,
    with tails beyond them, cut off at 0. How steps hang together is taken from the model's earlier windows: their
    probability integral transforms, reduced to ranks, are the empirical copula (Schaake shuffle; Clark et al. 2004,
    J. Hydrometeorology 5). Any other model gets the whole error paths of its earlier windows, a block bootstrap over
    the horizon, taken from the forecasts nearest in size, so that errors stay correlated over the horizon and
    grow with the level.

    now : forecasts of this cutoff [series, step]; past : those of earlier windows [window * series, step].
    actual : [window * series, step] demand that was known by this cutoff; rows with NaN are left out.

    Raises ValueError where no earlier window is complete: nothing then tells how errors hang together.
    """
    usable, scenarios = _usable(past, actual), sampling.scenarios
    if now.paths is not None:
        drawn = rng.integers(0, now.paths.shape[2], scenarios)
        values = np.maximum(now.paths, 0.0).transpose(2, 0, 1)  # [path, series, step]
        if sampling.together:
            return courses(values, pick=drawn, dtype=np.float64)
        series = np.arange(values.shape[1])
        turn = (np.arange(scenarios)[:, None] + _shift(len(series), sampling)) % scenarios  # [scenario, series]
        return courses(values[drawn[turn], series], dtype=np.float64)
    if now.quantiles is not None and past.quantiles is not None and now.has_both_sides:
        known = usable & ~np.isnan(past.quantiles).any(axis=(1, 2))
        if known.any():
            ranks = _rank_paths(past.quantiles[known], past.levels, actual[known], scenarios, rng)
            return _quantile_draw(now.quantiles, now.levels, ranks, sampling)
    return _error_draw(now.point, past.point[usable], actual[usable], sampling, rng)


def _usable(past: Predictions, actual: Floats) -> NDArray[np.bool_]:
    usable = np.asarray(~(np.isnan(actual).any(axis=1) | np.isnan(past.point).any(axis=1)))
    if not usable.any():
        raise ValueError("no earlier window is complete at this cutoff: give more windows before it")
    return usable


def _error_draw(point: Floats, past: Floats, actual: Floats, sampling: Sampling, rng: np.random.Generator) -> Draw:
    errors, size, scenarios = actual - past, past.sum(axis=1), sampling.scenarios  # [pair, step], [pair]
    order = np.lexsort([rng.random(len(size)), size])  # by size, forecasts of equal size in random order
    errors, size = errors[order], size[order]
    want = point.sum(axis=1)  # [series]
    pool = min(scenarios, len(size))
    middle = (np.searchsorted(size, want, side="left") + np.searchsorted(size, want, side="right")) // 2
    first = np.clip(middle - pool // 2, 0, len(size) - pool)
    offsets = np.arange(scenarios) if pool == scenarios else rng.integers(0, pool, scenarios)
    return empty(len(want), np.float64)._replace(
        kind=ERRORS, shift=_shift(len(want), sampling), point=np.ascontiguousarray(point.T),
        errors=np.ascontiguousarray(errors), sizes=size, total=want, first=first.astype(np.int32),
        offset=offsets.astype(np.int32),
    )  # fmt: skip


def _rank_paths(
    quantiles: Floats, levels: Floats, actual: Floats, scenarios: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw past windows and give the rank of each step among them [scenario, step], 0 the lowest."""
    drawn = rng.integers(0, len(actual), scenarios)
    transforms = integral_transform(quantiles[drawn], levels, actual[drawn], rng)
    return np.asarray(transforms.argsort(axis=0).argsort(axis=0))


def _quantile_draw(quantiles: Floats, levels: Floats, ranks: NDArray[np.int64], sampling: Sampling) -> Draw:
    left, weight = segments(levels, (ranks + 0.5) / sampling.scenarios, sampling.tails)
    knots = np.maximum(quantiles, 0.0).transpose(1, 0, 2)
    return empty(len(quantiles), np.float64)._replace(
        kind=QUANTILES, shift=_shift(len(quantiles), sampling), knots=np.ascontiguousarray(knots), segment=left,
        weight=weight,
    )  # fmt: skip


def _shift(series: int, sampling: Sampling) -> NDArray[np.int32]:
    """By how many scenarios each series is ahead: the same courses in another order, so that none is lost."""
    if sampling.together:
        return np.zeros(series, np.int32)
    # a fixed stream: which series happen to move together must not depend on the cutoff or the model
    return np.random.default_rng(0).integers(0, sampling.scenarios, series).astype(np.int32)


def path_sums(paths: Floats, first: NDArray[np.int64], end: NDArray[np.int64]) -> Floats:
    """Demand over the steps first to end - 1 of each series, ascending [series, scenario].

    paths : [series, scenario, step]; first, end : [series] steps.

    >>> path_sums(np.array([[[1.0, 2.0, 4.0], [0.0, 1.0, 9.0]]]), np.array([0]), np.array([2]))
    array([[1., 3.]])
    """
    step = np.arange(paths.shape[2])
    covered = (step >= first[:, None]) & (step < end[:, None])  # [series, step]
    # NaN of a step that is not covered must not spoil the sum
    return np.asarray(np.sort(np.where(covered[:, None, :], paths, 0.0).sum(axis=2), axis=1))
