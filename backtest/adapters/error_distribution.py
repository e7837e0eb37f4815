"""How large the errors of a forecaster are, by size of the forecast and by step; some of them only known from below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

HALF = 0.5
"""Added to forecasts before they scale errors: a forecast of 0 has errors too."""
SIZES = 10
"""Groups of forecasts by size from which the power of the spread is estimated."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Spread of errors up to a constant: (forecast + 1/2)^power * growth of the step.

    growth : [steps from 1] relative to the mean of all steps.
    """

    power: float
    growth: NDArray[np.float64]

    @classmethod
    def fit(
        cls, forecast: NDArray[np.float64], error: NDArray[np.float64], step: NDArray[np.int64], pool: int
    ) -> Scale:
        """Estimate both from mean absolute errors; the growth of a step with few errors is drawn to 1.

        forecast, error, step : (n,) of past forecasts.
        """
        power = _power(forecast, np.abs(error), pool)
        size = np.abs(error) / (forecast + HALF) ** power
        count = np.bincount(step)[1:]
        total = np.bincount(step, weights=size)[1:]
        mean = size.mean()
        if mean == 0:
            return cls(power, np.ones(len(count)))
        # as if `pool` more errors of the step had the mean size
        growth = (total / mean + pool) / (count + pool)
        known = np.flatnonzero(count)
        # a step that was never known is as far off as the nearest one
        return cls(power, np.interp(np.arange(len(count)), known, growth[known]))

    def of(self, forecast: NDArray[np.float64], step: NDArray[np.int64]) -> NDArray[np.float64]:
        """Scale of forecasts; `step` broadcasts to them."""
        position = np.minimum(step, len(self.growth)) - 1
        return np.asarray((forecast + HALF) ** self.power * self.growth[position])


def _power(forecast: NDArray[np.float64], size: NDArray[np.float64], pool: int) -> float:
    """Slope of log mean absolute error on log forecast (Taylor's law), within 0..1; 1/2 where there is no telling."""
    order = np.argsort(forecast, kind="stable")
    groups = np.array_split(order, max(1, min(SIZES, len(order) // pool)))
    at = np.array([np.mean(forecast[g] + HALF) for g in groups])
    mean = np.array([np.mean(size[g]) for g in groups])
    sound = mean > 0
    if sound.sum() < 3 or at[sound].max() < 2 * at[sound].min():
        return 0.5
    slope = np.polyfit(np.log(at[sound]), np.log(mean[sound]), 1)[0]
    return float(np.clip(slope, 0.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Distribution function of errors of which some are only known from below (Kaplan and Meier).

    error : errors that are known, ascending.
    share : of all errors, those at or below; it ends below 1 if the largest one of all is only known from below.
    largest : the largest error, known or not.
    """

    error: NDArray[np.float64]
    share: NDArray[np.float64]
    largest: float

    @classmethod
    def of(cls, error: NDArray[np.float64], seen: NDArray[np.bool_]) -> Curve:
        """Curve of errors; `seen` tells which are known, and the others are at least as large.

        >>> Curve.of(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, True])).share.round(3)
        array([0.25 , 0.625, 1.   ])
        """
        order = np.lexsort((~seen, error))  # at a tie the known ones first
        left = len(error) - np.arange(len(error))
        surviving = np.multiply.accumulate(np.where(seen[order], 1 - 1 / left, 1.0))
        known = seen[order]
        return cls(error[order][known], np.asarray(1 - surviving[known]), float(error.max()))

    def quantile(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Smallest error with at least that share at or below it; the largest one where there is none."""
        # a share is a product of fractions, exact to some digits only
        position = np.searchsorted(self.share, np.asarray(share) - 1e-9)
        return np.append(self.error, self.largest)[position]

    def conformal(self, levels: Sequence[float]) -> NDArray[np.float64]:
        """Error of rank ceil((n + 1) * level) of n.

        >>> Curve.of(np.arange(1.0, 10.0), np.ones(9, dtype=bool)).conformal([0.5, 0.85])
        array([5., 9.])
        """
        n = max(len(self.error), 1)
        return self.quantile(np.asarray(levels, dtype=float) * (n + 1) / n)

    @property
    def reach(self) -> float:
        """Highest level that `conformal` can tell."""
        n = len(self.error)
        return float(self.share[-1]) * n / (n + 1) if n else 0.0

    def beyond(self, error: NDArray[np.float64], uniform: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw errors that are above the given ones, by a uniform number each."""
        below = np.concatenate([[0.0], self.share])[np.searchsorted(self.error, error, side="right")]
        return np.maximum(self.quantile(below + (1 - below) * np.maximum(uniform, 1e-6)), error)


@dataclass(frozen=True, slots=True, eq=False)
class ErrorDistribution:
    """Scaled errors by size of the forecast.

    edges : forecasts between which one bin ends and the next begins [units].
    curves : of the scaled errors of each bin.
    """

    scale: Scale
    edges: NDArray[np.float64]
    curves: tuple[Curve, ...]

    @classmethod
    def of(cls, past: pd.DataFrame, *, bins: int, pool: int) -> ErrorDistribution:
        """Learn from past forecasts.

        past : step, forecast, y, and seen: False where demand was at least y.
        """
        forecast, y = past["forecast"].to_numpy(dtype=float), past["y"].to_numpy(dtype=float)
        step, seen = past["step"].to_numpy(dtype=np.int64), past["seen"].to_numpy(dtype=bool)
        rows = seen if seen.any() else ~seen
        scale = Scale.fit(forecast[rows], (y - forecast)[rows], step[rows], pool)
        score = (y - forecast) / scale.of(forecast, step)
        count = max(1, min(bins, len(past) // pool))
        edges = np.unique(np.quantile(forecast, np.arange(1, count) / count))
        edges = _merged(edges, np.bincount(np.searchsorted(edges, forecast, side="right"), minlength=1), pool)
        bin_of = np.searchsorted(edges, forecast, side="right")
        curves = tuple(Curve.of(score[bin_of == b], seen[bin_of == b]) for b in range(len(edges) + 1))
        return cls(scale, edges, curves)

    @property
    def reach(self) -> float:
        """Highest level that the errors of every bin can tell."""
        return min(curve.reach for curve in self.curves)

    def bin_of(self, forecast: NDArray[np.float64]) -> NDArray[np.int64]:
        """Bin of each forecast."""
        return np.asarray(np.searchsorted(self.edges, forecast, side="right"))

    def quantiles(
        self, forecast: NDArray[np.float64], step: NDArray[np.int64], levels: Sequence[float]
    ) -> NDArray[np.float64]:
        """Quantiles of demand [row, level], not below 0 [units].

        They are rounded to 1e-9, so that a count of units is met exactly.
        """
        table = np.stack([curve.conformal(levels) for curve in self.curves])  # [bin, level]
        spread = self.scale.of(forecast, step)[:, None] * table[self.bin_of(forecast)]
        return np.maximum(forecast[:, None] + spread, 0.0).round(9)


def _merged(edges: NDArray[np.float64], counts: NDArray[np.int64], pool: int) -> NDArray[np.float64]:
    """Edges that are left when a bin with fewer than `pool` errors joins the next one, and the last one that before it.

    Forecasts that tie all fall into one bin, which may leave others short.

    >>> _merged(np.array([2.0, 3.0, 5.0]), np.array([400, 1, 599, 7]), 100)
    array([2.])
    """
    kept, here = [], 0
    for edge, count in zip(edges, counts, strict=False):
        here += count
        if here >= pool:
            kept.append(edge)
            here = 0
    left = counts[len(edges) :].sum() + here
    return np.array(kept[:-1] if left < pool else kept, dtype=float)
