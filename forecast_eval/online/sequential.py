"""Always-valid intervals, for those who look at a running experiment and stop when they like it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from backtest.faults import Fault, refuse

from .tails import LN10, log10_student

if TYPE_CHECKING:
    from ..inference import Interval


def boundary(fraction: float, *, confidence: float, freedom: float = math.inf) -> float:
    """Number of standard errors that an estimate may stray at any look, with probability `confidence`.

    fraction : periods measured so far over periods planned; may go beyond 1.
    freedom : degrees of freedom of the standard error at this look.

    With information I = 1 / error^2 the estimates of all looks are a Brownian motion in I; mixing over a normal effect
    of variance tau^2 gives the mixture sequential probability ratio test (Robbins 1970, Annals of Mathematical
    Statistics 41; Johari, Koomen, Pekelis and Walsh 2022, Operations Research 70; asymptotically for any noise:
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, Annals of Statistics 52). With x = I tau^2 and
    alpha = 1 - confidence the boundary is

        sqrt((1 + x) / x * (2 log(1 / alpha) + log(1 + x)))

    tau is chosen so that the boundary is lowest at the planned end, where x = r: then x = r * fraction. Information
    that comes at a falling rate, as where stores differ for good, is more than the share of the time says, and the
    boundary then only errs to the safe side.

    Few units: the errors are estimates. The boundary is taken where Student's distribution has the tail that the normal
    has at it (the significance levels of Pocock 1977, Biometrika 64).

    >>> round(boundary(1.0, confidence=0.95), 3), round(boundary(0.25, confidence=0.95), 3)
    (3.035, 3.251)
    """
    from scipy.special import ndtr, stdtrit

    if not fraction > 0:
        refuse([Fault("no-time", f"fraction={fraction} of the planned periods is measured", "analysis.sequential",
                      "look once a period after the wash-out is there")])  # fmt: skip
    x = _information(confidence) * fraction
    normal = math.sqrt((1 + x) / x * (math.log1p(x) - 2 * math.log1p(-confidence)))
    return normal if math.isinf(freedom) else -float(stdtrit(freedom, float(ndtr(-normal))))


def _information(confidence: float) -> float:
    """Information times tau^2 at which the boundary is lowest: 1 + r = -W(-alpha^2 / e), on the lower branch."""
    from scipy.special import lambertw

    return -float(lambertw(-((1 - confidence) ** 2) / math.e, -1).real) - 1


def always_valid(interval: Interval, *, fraction: float) -> Interval:
    """Widen the interval of one look so that it holds at all looks at once.

    interval : of the look, with its standard error and degrees of freedom.
    fraction : periods measured so far over periods planned.

    >>> from forecast_eval.inference import Interval
    >>> now = always_valid(Interval(2.0, 0.04, 3.96, 0.95, 400, 1, 1.0, float("inf")), fraction=0.5)
    >>> round(now.low, 2), round(now.high, 2)
    (-1.08, 5.08)
    """
    half = boundary(fraction, confidence=interval.confidence, freedom=interval.freedom) * interval.error
    return replace(interval, low=interval.estimate - half, high=interval.estimate + half)


def always_valid_log10_p(interval: Interval, *, fraction: float) -> float:
    """Logarithm to base 10 of the always-valid p-value: the smallest level whose interval leaves out 0.

    That is min(1, sqrt(1 + x) exp(-z^2 / 2 * x / (1 + x))) at the tuning of `interval.confidence`; with few units z is
    the normal quantile with the tail of the t statistic.

    >>> from forecast_eval.inference import Interval
    >>> edge = boundary(1.0, confidence=0.95)
    >>> round(always_valid_log10_p(Interval(edge, 0.0, 0.0, 0.95, 9, 1, 1.0, float("inf")), fraction=1.0), 6)  # log .05
    -1.30103
    """
    if not interval.error > 0:
        return math.nan if math.isnan(interval.error) or not interval.estimate else -math.inf
    x = _information(interval.confidence) * fraction
    z = _normal_of(log10_student(interval.estimate / interval.error, interval.freedom))
    return min(0.0, (0.5 * math.log1p(x) - z**2 / 2 * x / (1 + x)) / LN10)


def _normal_of(log10_p: float) -> float:
    """Normal quantile with a two-sided p-value, given by its logarithm."""
    from scipy.special import ndtri_exp

    return abs(float(ndtri_exp(log10_p * LN10 - math.log(2))))
