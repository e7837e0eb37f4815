"""Logarithms of tail probabilities, where the probabilities themselves are too small for a float."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Ratio = Callable[[int], float]

SMALL = 1e-100
"""Below it the logarithm is computed by itself: a float ends at 1e-308, and loses digits before."""
LN10 = math.log(10)


def log10_student(statistic: float, freedom: float) -> float:
    """Logarithm to base 10 of the two-sided p-value of Student's t; `freedom` may be infinite (the normal).

    Far out the p-value I_x(a, 1/2), with a = freedom/2 and x = freedom / (freedom + t^2), is summed by
    I_x(a, b) = x^a (1-x)^(b-1) / (a B(a, b)) * 2F1(1, 1-b; a+1; -x/(1-x)) (DLMF 8.17.8 and 15.8.1).

    >>> round(log10_student(2.0, 10.0), 4), round(log10_student(69.35419821, math.inf), 3)
    (-1.1344, -1046.418)
    """
    from scipy.special import log_ndtr, stdtr

    t = abs(statistic)
    if math.isnan(t) or math.isnan(freedom) or math.isinf(t):
        return math.nan if math.isnan(t + freedom) else -math.inf
    if math.isinf(freedom):
        return float((math.log(2) + log_ndtr(-t)) / LN10)
    p = 2 * float(stdtr(freedom, -t))
    return math.log10(p) if p > SMALL else _far_student(t, freedom)


def _far_student(t: float, freedom: float) -> float:
    from scipy.special import betaln

    a, odds = freedom / 2, freedom / t**2  # odds = x / (1 - x)
    leading = -a * math.log1p(1 / odds) + 0.5 * math.log1p(odds) - math.log(a) - float(betaln(a, 0.5))
    return (leading + math.log(_series(lambda n: -odds * (n + 0.5) / (a + 1 + n)))) / LN10


def log10_chi_squared(statistic: float, freedom: int) -> float:
    """Logarithm to base 10 of the upper tail of chi-squared.

    Far out Q(a, y) = y^(a-1) e^-y / Gamma(a) * (1 + (a-1)/y + (a-1)(a-2)/y^2 + ...) (DLMF 8.11.2), with
    a = freedom / 2 and y = statistic / 2.

    >>> round(log10_chi_squared(3.841459, 1), 4), round(log10_chi_squared(4000.0, 2), 3)
    (-1.301, -868.589)
    """
    from scipy.special import chdtrc

    p = float(chdtrc(freedom, statistic))
    if p > SMALL:
        return math.log10(p)
    a, y = freedom / 2, statistic / 2
    terms = _series(lambda n: (a - 1 - n) / y)
    return ((a - 1) * math.log(y) - y - math.lgamma(a) + math.log(terms)) / LN10


def _series(ratio: Ratio) -> float:
    """Sum 1 + r0 + r0 r1 + ..., up to the smallest term."""
    total, term, n = 1.0, 1.0, 0
    while abs(step := ratio(n)) < 1 and abs(term) > 1e-17:
        term *= step
        total += term
        n += 1
    return total
