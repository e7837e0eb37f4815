"""Demand paths from a forecast: the sum over the lead time needs paths, not marginal quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TINY = 1e-9  # units; the width of a tail whose two quantiles are equal


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

    def series(self, rows: slice) -> Predictions:
        """Those of some series, of predictions that are of one cutoff."""
        quantiles = None if self.quantiles is None else self.quantiles[rows]
        return Predictions(self.point[rows], quantiles, self.levels, None if self.paths is None else self.paths[rows])

    def before(self, cutoffs: NDArray[np.bool_]) -> Predictions:
        """Those of several cutoffs, with cutoff and series folded into one axis [window * series, step, ...]."""
        steps = self.point.shape[2]
        quantiles = self.quantiles
        folded = None if quantiles is None else quantiles[cutoffs].reshape(-1, steps, quantiles.shape[3])
        return Predictions(self.point[cutoffs].reshape(-1, steps), folded, self.levels)


def demand_paths(
    now: Predictions, past: Predictions, actual: Floats, *, scenarios: int, rng: np.random.Generator
) -> Floats:
    """Sampled paths of demand over the horizon [series, scenario, step], units, never below 0.

    A model that draws sample paths gives them itself: `scenarios` of them are drawn, the same numbers for every series.
    A model with quantiles on both sides of the median gives each step's distribution: linear between its quantiles,
    with exponential tails beyond them, cut off at 0. How steps hang together is taken from the model's earlier
    windows: their probability integral transforms, reduced to ranks, are the empirical copula (Schaake shuffle;
    Clark et al. 2004, J. Hydrometeorology 5). Any other model gets the whole error paths of its earlier windows,
    taken from the forecasts nearest in size, so that errors stay correlated over the horizon and grow with the
    level.

    now : forecasts of this cutoff [series, step]; past : those of earlier windows [window * series, step].
    actual : [window * series, step] demand that was known by this cutoff; rows with NaN are left out.

    Raises ValueError where no earlier window is complete: nothing then tells how errors hang together.
    """
    usable = np.asarray(~(np.isnan(actual).any(axis=1) | np.isnan(past.point).any(axis=1)))
    if not usable.any():
        raise ValueError("no earlier window is complete at this cutoff: give more windows before it")
    paths = _own_paths(now, past, actual, usable, scenarios, rng)
    # a fallback may have given points to a model that has more elsewhere
    lacking = np.isnan(paths).any(axis=(1, 2)) & ~np.isnan(now.point).any(axis=1)
    if lacking.any():
        paths[lacking] = _error_paths(now.point[lacking], past.point[usable], actual[usable], scenarios, rng)
    return paths


def _own_paths(
    now: Predictions,
    past: Predictions,
    actual: Floats,
    usable: NDArray[np.bool_],
    scenarios: int,
    rng: np.random.Generator,
) -> Floats:
    """Paths as the model gives them: its own, of its quantiles, or of its errors."""
    if now.paths is not None:
        drawn = rng.integers(0, now.paths.shape[2], scenarios)
        return np.asarray(np.maximum(now.paths[..., drawn].transpose(0, 2, 1), 0.0))
    if now.quantiles is not None and past.quantiles is not None and now.has_both_sides:
        known = usable & ~np.isnan(past.quantiles).any(axis=(1, 2))
        if known.any():
            ranks = _rank_paths(past.quantiles[known], past.levels, actual[known], scenarios, rng)
            return _quantile_paths(now.quantiles, now.levels, ranks)
    return _error_paths(now.point, past.point[usable], actual[usable], scenarios, rng)


def _error_paths(point: Floats, past: Floats, actual: Floats, scenarios: int, rng: np.random.Generator) -> Floats:
    errors, size = actual - past, past.sum(axis=1)  # [pair, step], [pair]
    order = np.lexsort([rng.random(len(size)), size])  # by size, forecasts of equal size in random order
    errors, size = errors[order], size[order]
    want = point.sum(axis=1)  # [series]
    pool = min(scenarios, len(size))
    middle = (np.searchsorted(size, want, side="left") + np.searchsorted(size, want, side="right")) // 2
    first = np.clip(middle - pool // 2, 0, len(size) - pool)
    offsets = np.arange(scenarios) if pool == scenarios else rng.integers(0, pool, scenarios)
    picked = first[:, None] + offsets  # [series, scenario]
    # beyond the largest forecast of the past its errors are scaled as a count's spread grows
    scale = np.sqrt((want[:, None] + 1) / (size[picked] + 1))
    paths: Floats = point[:, None, :] + errors[picked] * scale[..., None]
    return np.maximum(paths, 0.0)


def _rank_paths(
    quantiles: Floats, levels: Floats, actual: Floats, scenarios: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw past windows and give the rank of each step among them [scenario, step], 0 the lowest."""
    drawn = rng.integers(0, len(actual), scenarios)
    transforms = integral_transform(quantiles[drawn], levels, actual[drawn], rng)
    return np.asarray(transforms.argsort(axis=0).argsort(axis=0))


def integral_transform(quantiles: Floats, levels: Floats, actual: Floats, rng: np.random.Generator) -> Floats:
    """Probability integral transform of demand under a forecast, uniform on 0..1 if the forecast is calibrated.

    quantiles : [..., level]; actual : [...]. Where quantiles tie, as those of slow sellers do at 0, it is drawn
    uniformly over the tie (randomised transform), or ties would all get the same rank.
    """
    value = actual[..., None]
    below, upto = (quantiles < value).sum(axis=-1), (quantiles <= value).sum(axis=-1)
    last, at_zero = len(levels) - 1, actual <= 0
    lower, upper = _lower_tail(quantiles, levels, actual), _upper_tail(quantiles, levels, actual)
    left = np.where(at_zero, 0.0, levels[np.minimum(below, last)])
    right = np.where(upto > 0, levels[np.maximum(upto, 1) - 1], lower)
    tied = left + (right - left) * rng.random(actual.shape)
    beyond = np.where(below == 0, lower, upper)
    inside = (below > 0) & (below <= last)
    smooth = np.where(inside, _between(quantiles, levels, actual, below), beyond)
    return np.asarray(np.where((upto > below) | at_zero, tied, smooth))


def _between(quantiles: Floats, levels: Floats, actual: Floats, below: NDArray[np.int64]) -> Floats:
    right = np.clip(below, 1, max(len(levels) - 1, 1))
    right = np.minimum(right, len(levels) - 1)
    low = np.take_along_axis(quantiles, right[..., None] - 1, axis=-1)[..., 0]
    high = np.take_along_axis(quantiles, right[..., None], axis=-1)[..., 0]
    width = np.where(high > low, high - low, 1.0)
    return np.asarray(levels[right - 1] + (levels[right] - levels[right - 1]) * (actual - low) / width)


def _tail_scales(quantiles: Floats, levels: Floats) -> tuple[Floats, Floats]:
    """Scales of the exponential tails through the two lowest and through the two highest quantiles [units]."""
    if len(levels) == 1:  # one quantile: tails as wide as the exponential distribution that has it
        scale = np.maximum(quantiles[..., 0], TINY) / -np.log1p(-levels[0])
        return scale, scale
    low = (quantiles[..., 1] - quantiles[..., 0]) / np.log(levels[1] / levels[0])
    high = (quantiles[..., -1] - quantiles[..., -2]) / np.log((1 - levels[-2]) / (1 - levels[-1]))
    return np.maximum(low, TINY), np.maximum(high, TINY)


def _lower_tail(quantiles: Floats, levels: Floats, actual: Floats) -> Floats:
    short = np.maximum(quantiles[..., 0] - actual, 0.0) / _tail_scales(quantiles, levels)[0]
    return np.asarray(levels[0] * np.exp(-short))


def _upper_tail(quantiles: Floats, levels: Floats, actual: Floats) -> Floats:
    beyond = np.maximum(actual - quantiles[..., -1], 0.0) / _tail_scales(quantiles, levels)[1]
    return np.asarray(1 - (1 - levels[-1]) * np.exp(-beyond))


def quantile_function(quantiles: Floats, levels: Floats, at: Floats) -> Floats:
    """Values of demand at probabilities `at`, the same for all rows: [..., probability].

    quantiles : [..., level]; linear between them, exponential tails beyond them, never below 0.

    >>> quantile_function(np.array([4.0, 8.0]), np.array([0.5, 0.75]), np.array([0.5, 0.625, 0.875]))
    array([ 4.,  6., 12.])
    """
    knots = np.maximum(quantiles, 0.0)
    right = np.clip(np.searchsorted(levels, at), 1, max(len(levels) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(levels) - 1)
    step = np.where(right > left, levels[right] - levels[left], 1.0)
    weight = np.clip((at - levels[left]) / step, 0.0, 1.0)
    inside = knots[..., left] * (1 - weight) + knots[..., right] * weight
    low, high = _tail_scales(knots, levels)
    short = np.log(levels[0] / np.minimum(at, levels[0]))
    beyond = np.log((1 - levels[-1]) / (1 - np.maximum(at, levels[-1])))
    return np.asarray(np.maximum(inside - low[..., None] * short + high[..., None] * beyond, 0.0))


def _quantile_paths(quantiles: Floats, levels: Floats, ranks: NDArray[np.int64]) -> Floats:
    scenarios = len(ranks)
    grid = quantile_function(quantiles, levels, (np.arange(scenarios) + 0.5) / scenarios)  # [series, step, scenario]
    return np.stack([grid[:, h, ranks[:, h]] for h in range(ranks.shape[1])], axis=-1)


def protection_sums(paths: Floats, first: NDArray[np.int64], end: NDArray[np.int64]) -> Floats:
    """Demand over the steps that each series' order must cover, first to end - 1, ascending [series, scenario].

    paths : [series, scenario, step]; first, end : [series] steps.

    >>> protection_sums(np.array([[[1.0, 2.0, 4.0], [0.0, 1.0, 9.0]]]), np.array([0]), np.array([2]))
    array([[1., 3.]])
    """
    step = np.arange(paths.shape[2])
    covered = (step >= first[:, None]) & (step < end[:, None])  # [series, step]
    # NaN of a step that is not covered must not spoil the sum
    return np.asarray(np.sort(np.where(covered[:, None, :], paths, 0.0).sum(axis=2), axis=1))
