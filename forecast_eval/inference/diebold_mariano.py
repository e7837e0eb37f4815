"""The Diebold-Mariano test: whether one forecast is better than another, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_CUTOFFS = 6


@dataclass(frozen=True, slots=True)
class DieboldMariano:
    """Result of the test; NaN where there are too few cutoffs, or nothing varies and nothing differs.

    difference : mean over cutoffs of our loss minus theirs; positive means that ours is worse.
    statistic : the mean over its standard error, with the small-sample factor; p_value : two-sided.
    cutoffs : cutoffs at which both have a loss.
    """

    difference: float
    statistic: float
    p_value: float
    cutoffs: int


def cutoffs_needed(overlap: int) -> int:
    """Cutoffs without which there is no test: six, and two for each that a horizon spans.

    >>> cutoffs_needed(0), cutoffs_needed(3)
    (6, 8)
    """
    return max(FEWEST_CUTOFFS, 2 * (overlap + 1))


def diebold_mariano(ours: Floats, theirs: Floats, *, overlap: int = 0) -> DieboldMariano:
    """Test whether two forecasts lose the same on average, from their losses at each cutoff.

    ours, theirs : [cutoff] losses, cutoffs evenly apart and oldest first; NaN at a cutoff leaves it out.
    overlap : ceil(horizon / step) - 1, over how many later cutoffs a horizon reaches: so long do errors hang together.

    Diebold and Mariano (1995), J. Business & Economic Statistics 13. With d of n differences, their autocovariances
    c_k = sum (d_t - mean)(d_t-k - mean) / n and h = overlap + 1,

        variance of the mean = (c_0 + 2 * sum of c_k over k < h) / n
        statistic = mean / sqrt(variance) * sqrt((n + 1 - 2h + h(h - 1)/n) / n)

    The kernel is rectangular: a forecast's errors hang together over h - 1 cutoffs, and no further. It can give too
    small a variance by chance, even a negative one; overlap makes errors hang together, so that the variance is never
    taken below c_0 / n, which they have if they do not. The factor, and Student's distribution with n - 1 degrees of
    freedom, are those of Harvey, Leybourne and Newbold (1997), International J. of Forecasting 13.

    Without overlap the test rejects as often as it says. With overlap it rejects too often where cutoffs are few: at a
    level of .05, in simulations of two equal forecasts, .08 with overlap 1 and .14 with overlap 3 at 12 cutoffs, .06
    and .08 at 40. See `cutoffs_needed` for how many are too few for any test.

    >>> ours, theirs = np.array([3.0, 5.0, 4.0, 6.0, 5.0, 4.0]), np.array([2.0, 5.0, 3.0, 4.0, 5.0, 2.0])
    >>> result = diebold_mariano(ours, theirs)
    >>> result.difference, round(result.statistic, 4), round(result.p_value, 4)
    (1.0, 2.7386, 0.0409)
    """
    gap = np.asarray(ours - theirs, dtype=np.float64)
    known = ~np.isnan(gap)
    n, nan = int(known.sum()), float("nan")
    mean = float(gap[known].mean()) if n else nan
    if n < cutoffs_needed(overlap):
        return DieboldMariano(mean, nan, nan, n)
    variance = _long_run_variance(np.where(known, gap - mean, 0.0), n, overlap)
    if variance <= (1e-12 * mean) ** 2:  # nothing varies, but for the last digit
        return DieboldMariano(mean, float(np.copysign(np.inf, mean)) if mean else nan, 0.0 if mean else nan, n)
    statistic = mean / np.sqrt(variance / n) * np.sqrt(_small_sample(n, overlap + 1))
    return DieboldMariano(mean, float(statistic), _two_sided(statistic, n - 1), n)


def _long_run_variance(centred: Floats, n: int, lags: int) -> float:
    """Variance of the mean, times n, from n centred differences; [cutoff] with 0 where there is none."""
    covariances = np.array([centred[k:] @ centred[: len(centred) - k] for k in range(lags + 1)]) / n
    return float(covariances[0] + max(0.0, 2 * covariances[1:].sum()))


def _small_sample(n: int, h: int) -> float:
    return (n + 1 - 2 * h + h * (h - 1) / n) / n


def _two_sided(statistic: float, freedom: int) -> float:
    from scipy.stats import t as student

    return float(2 * student.sf(abs(statistic), freedom))
