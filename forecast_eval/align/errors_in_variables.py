"""York's line as a calibration: how far launches may scatter about it, and what it foretells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .credible import Credible
from .posterior import Prediction
from .york import york

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pairs import Pairs
    from .york import York

    Floats = NDArray[np.float64]

SETTLED = 0.5
"""Share of the variance of a prediction that scatter may make, at its upper limit, for York's line to be taken."""
PRECISE = 0.2
"""Share of the variance of x that its errors may make. Beyond it the posterior, which knows where x usually is, has
intervals half as wide as York's line, which takes x as it comes."""
LIMIT = 0.9
"""Level of the upper limit of the scatter."""


@dataclass(frozen=True, slots=True, eq=False)
class Functional:
    """York's line with launches that may scatter about it; see `functional`.

    line : with the scatter as part of the errors of y. scatter : its variance, 0 where the errors explain all.
    upper : upper 90 % limit of that variance. scatter_share : upper / variance of a prediction for the median launch.
    noise_of_x : mean error variance of x / variance of x.
    """

    line: York
    slope: Credible
    intercept: Credible
    scatter: float
    upper: float
    scatter_share: float
    noise_of_x: float
    freedom: int
    confidence: float

    def predict(self, x: float, var_x: float, *, var_y: float = 0.0, cov: float = 0.0) -> Prediction:
        """Online effect of the next launch: intercept + slope * x.

        Its variance is slope^2 * var_x + scatter + that of the line at x + var_y - 2 * slope * cov, and the quantile is
        Student's with n - 2 degrees of freedom. With var_y above 0 it is what will be measured, else what is true.
        """
        from scipy.special import stdtr, stdtrit

        own = self.line
        mean = own.intercept + own.slope * x
        noise = var_y - 2 * own.slope * cov if var_y > 0 else 0.0
        error = float(np.sqrt(own.slope**2 * var_x + self.scatter + _of_line(own, x) + noise))
        reach = float(stdtrit(self.freedom, (1 + self.confidence) / 2)) * error
        return Prediction(mean, mean - reach, mean + reach, float(stdtr(self.freedom, mean / error)), self.confidence)


def functional(pairs: Pairs, *, confidence: float = 0.9) -> Functional:
    """York's line through the launches that were tested, with the scatter that their errors do not explain.

    With r_i = y_i - a - b x_i and v_i = var_y + b^2 var_x - 2 b cov, the scatter s^2 is what makes
    sum r_i^2 / (v_i + s^2) its expectation n - 2 (Paule and Mandel 1982), and 0 where that is smaller already; the line
    is fitted anew with var_y + s^2 until both agree. Its upper limit makes the sum the lower 10 % quantile of chi2 with
    n - 2 degrees of freedom, without fitting anew (Viechtbauer 2007, Statistics in Medicine 26).

    Those that were not tested say nothing here: x is taken as it comes, and not as drawn from a distribution.
    """
    from scipy.special import chdtri

    own = pairs.complete
    freedom = len(own.x) - 2
    line, scatter = york(own), 0.0
    upper = _scatter(line, own, float(chdtri(freedom, LIMIT)))
    for _ in range(20):
        before, scatter = scatter, _scatter(line, own, freedom)
        if abs(scatter - before) <= 1e-6 * float(np.median(own.var_y)):
            break
        line = york(replace(own, var_y=own.var_y + scatter))
    plain = york(own)
    at, var_x = float(np.median(own.x)), float(np.median(own.var_x))
    return Functional(
        line, _credible(line.slope, line.slope_error, freedom, confidence),
        _credible(line.intercept, line.intercept_error, freedom, confidence), scatter, upper,
        upper / (plain.slope**2 * var_x + _of_line(plain, at)), float(own.var_x.mean() / own.x.var(ddof=1)),
        freedom, confidence,
    )  # fmt: skip


def _of_line(line: York, x: float) -> float:
    """Variance of intercept + slope * x."""
    return line.intercept_error**2 + (x * line.slope_error) ** 2 + 2 * x * line.covariance


def _scatter(line: York, pairs: Pairs, wanted: float) -> float:
    """Variance that, added to that of the residuals, makes their weighted sum of squares the one that is wanted."""
    from scipy.optimize import brentq

    squares = (pairs.y - line.intercept - line.slope * pairs.x) ** 2
    variances = pairs.var_y + line.slope**2 * pairs.var_x - 2 * line.slope * pairs.cov

    def over(scatter: float) -> float:
        return float((squares / (variances + scatter)).sum()) - wanted

    return 0.0 if over(0.0) <= 0 else float(brentq(over, 0.0, squares.sum() / wanted, xtol=1e-12 * variances.max()))


def _credible(value: float, error: float, freedom: int, confidence: float) -> Credible:
    from scipy.special import stdtr, stdtrit

    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return Credible(value, value - reach, value + reach, float(stdtr(freedom, value / error)), confidence)
