"""A forecast's distribution of one step: straight between its quantiles, with explicit tails beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Tails = Literal["exponential", "flat"]
"""Beyond the outermost quantiles: exponential tails through the two that are next to them, or nothing."""

TINY = 1e-9  # units; the width of a tail whose two quantiles are equal


def segments(levels: Floats, at: Floats, tails: Tails = "exponential") -> tuple[NDArray[np.int32], Floats]:
    """Where probabilities lie among the levels: the quantile below, and the weight of the next one.

    levels : [level] ascending, at least two. at : any shape, inside 0..1.

    The value there is low + (high - low) * weight, of the two quantiles. A tail is a weight outside 0..1: that of the
    exponential distribution that has these two quantiles, ln(levels[0] / at) / ln(levels[1] / levels[0]) below the
    first, and likewise above the last.

    >>> segments(np.array([0.5, 0.75]), np.array([0.625, 0.875]))
    (array([0, 0], dtype=int32), array([0.5, 2. ]))
    """
    left = np.clip(np.searchsorted(levels, at) - 1, 0, len(levels) - 2)
    weight = np.clip((at - levels[left]) / (levels[left + 1] - levels[left]), 0.0, 1.0)
    if tails == "exponential":
        short = np.log(levels[0] / np.minimum(at, levels[0])) / np.log(levels[1] / levels[0])
        rest = np.log((1 - levels[-2]) / (1 - levels[-1]))
        beyond = np.log((1 - levels[-1]) / (1 - np.maximum(at, levels[-1]))) / rest
        weight = weight - short + beyond
    return left.astype(np.int32), np.asarray(weight)


def quantile_function(quantiles: Floats, levels: Floats, at: Floats, tails: Tails = "exponential") -> Floats:
    """Values of demand at probabilities `at`, the same for all rows: [..., probability], never below 0.

    quantiles : [..., level].

    >>> quantile_function(np.array([4.0, 8.0]), np.array([0.5, 0.75]), np.array([0.5, 0.625, 0.875]))
    array([ 4.,  6., 12.])
    """
    left, weight = segments(levels, at, tails)
    knots = np.maximum(quantiles, 0.0)
    return np.asarray(np.maximum(knots[..., left] + (knots[..., left + 1] - knots[..., left]) * weight, 0.0))


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
    low = (quantiles[..., 1] - quantiles[..., 0]) / np.log(levels[1] / levels[0])
    high = (quantiles[..., -1] - quantiles[..., -2]) / np.log((1 - levels[-2]) / (1 - levels[-1]))
    return np.maximum(low, TINY), np.maximum(high, TINY)


def _lower_tail(quantiles: Floats, levels: Floats, actual: Floats) -> Floats:
    short = np.maximum(quantiles[..., 0] - actual, 0.0) / _tail_scales(quantiles, levels)[0]
    return np.asarray(levels[0] * np.exp(-short))


def _upper_tail(quantiles: Floats, levels: Floats, actual: Floats) -> Floats:
    beyond = np.maximum(actual - quantiles[..., -1], 0.0) / _tail_scales(quantiles, levels)[1]
    return np.asarray(1 - (1 - levels[-1]) * np.exp(-beyond))
