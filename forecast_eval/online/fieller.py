"""The relative lift: an interval for a ratio of two arms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def lift_ends(values: Floats, covariance: Floats, critical: float) -> tuple[float, float]:
    """Low and high end of treatment / control - 1, after Fieller (1954, Journal of the Royal Statistical Society B 16).

    values : [2] control and treatment; covariance : [2, 2] of their noise.
    critical : absolute value of the statistic beyond which a ratio is refused.

    The interval holds every ratio r for which treatment - r * control is not significantly different from 0. It says
    "no lift" exactly where the interval of the difference, with the same quantile, says "no difference". The ends are
    NaN where the control itself is not significantly above 0: then no ratio is refused.

    >>> low, high = lift_ends(np.array([10.0, 12.0]), np.diag([0.25, 0.25]), 1.96)
    >>> round(low, 3), round(high, 3)
    (0.057, 0.366)
    """
    control, treatment = values
    if not math.isfinite(critical):
        return math.nan, math.nan
    square = critical**2
    a = float(control**2 - square * covariance[0, 0])
    if not (control > 0 and a > 0):
        return math.nan, math.nan
    b = float(treatment * control - square * covariance[0, 1])
    c = float(treatment**2 - square * covariance[1, 1])
    root = math.sqrt(max(0.0, b * b - a * c))
    return (b - root) / a - 1, (b + root) / a - 1


def lift_error(values: Floats, covariance: Floats) -> float:
    """Standard error of treatment / control - 1 to first order (delta method); NaN for a control of 0 or below.

    >>> round(lift_error(np.array([10.0, 12.0]), np.diag([0.25, 0.25])), 4)
    0.0781
    """
    control, treatment = values
    if not control > 0:
        return math.nan
    slope = np.array([-treatment / control, 1.0]) / control
    return math.sqrt(max(0.0, float(slope @ covariance @ slope)))
