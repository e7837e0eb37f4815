"""A/A checks: a design that is drawn again and again on history, where nothing was done, must find nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AACheck:
    """What came out where nothing was done.

    draws : assignments drawn, over all windows of the history together.
    rejected, low, high : share of p-values below the level, and its 95 % interval (Clopper-Pearson).
    uniform : p-value of the hypothesis that p-values are uniform (Kolmogorov-Smirnov).
    spread : standard deviation of the estimates over the mean standard error; below 1 the design balances more than the
        standard error knows, and the test finds less than it could.
    power : share of rejections where the minimum detectable effect is added to the treated units; power_error : its
        standard error.
    """

    metric: str
    adjust: str
    periods: int
    draws: int
    level: float
    rejected: float
    low: float
    high: float
    uniform: float
    spread: float
    power: float
    power_error: float

    @property
    def is_sound(self) -> bool:
        """Whether the level may be right: it is not above the upper half of the interval."""
        return not self.low > self.level


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Estimates where nothing was done, one a draw: difference, standard error, degrees of freedom."""

    difference: Floats
    error: Floats
    freedom: Floats

    def p_values(self, added: Floats | float = 0.0) -> Floats:
        """Two-sided p-values where an effect was added to the treated units, which moves the estimate and no error."""
        from scipy.stats import t as student

        return np.asarray(2 * student.sf(np.abs(self.difference + added) / self.error, self.freedom))


def shares_below(p_values: Floats, level: float) -> tuple[float, float, float]:
    """Share of p-values below a level, with its 95 % interval by Clopper and Pearson.

    >>> [round(share, 3) for share in shares_below(np.array([0.01, 0.2, 0.04, 0.7]), 0.05)]
    [0.5, 0.068, 0.932]
    """
    from scipy.stats import binomtest

    found = binomtest(int((p_values < level).sum()), len(p_values))
    interval = found.proportion_ci(0.95)
    return float(found.statistic), float(interval.low), float(interval.high)


def uniformity(p_values: Floats) -> float:
    """P-value of the hypothesis that p-values are uniform (Kolmogorov-Smirnov)."""
    from scipy.stats import kstest

    return float(kstest(p_values, "uniform").pvalue)
