"""Quantiles of a mixture of normals, and of weighted points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A mixture of normals: [component] weights that add up to 1, means and standard deviations above 0."""

    weight: Floats
    mean: Floats
    sd: Floats

    def below(self, value: float) -> float:
        """Probability of being below a value."""
        from scipy.special import ndtr

        return float(self.weight @ ndtr((value - self.mean) / self.sd))

    def quantile(self, share: float) -> float:
        """Value below which the mixture lies with this probability.

        >>> Mixture(np.array([0.5, 0.5]), np.array([-3.0, 3.0]), np.array([1.0, 1.0])).quantile(0.5)
        0.0
        """
        from scipy.optimize import brentq

        start, *spread = weighted_quantiles(self.mean, self.weight, [share, 0.05, 0.95])
        step = spread[1] - spread[0] + float(self.weight @ self.sd)
        low, high = start - step, start + step
        while self.below(low) > share:
            low -= 2 * (start - low)
        while self.below(high) < share:
            high += 2 * (high - start)
        return float(brentq(lambda value: self.below(value) - share, low, high, xtol=1e-8 * step, rtol=1e-12))


def weighted_quantiles(values: Floats, weight: Floats, shares: Sequence[float]) -> list[float]:
    """Quantiles of [point] values whose weights add up to 1, each half below and half above itself."""
    order = np.argsort(values, kind="stable")
    own = weight[order]
    return [float(q) for q in np.interp(shares, np.cumsum(own) - own / 2, values[order])]
