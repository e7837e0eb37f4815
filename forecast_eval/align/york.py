"""York's line: a straight line through points with errors in both coordinates, correlated within a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

from .posterior import Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pairs import Pairs

    Floats = NDArray[np.float64]

ANGLES = 360
"""Directions in which the line is looked for before it is refined."""


@dataclass(frozen=True, slots=True)
class York:
    """y = intercept + slope * x, without scatter but for the errors; in units of y, and of y per unit of x.

    slope_error, intercept_error : standard errors; covariance : of the two.
    chi2, freedom, p_value : weighted sum of squared residuals; p_value is the probability of one as large where there
        is no scatter beyond the errors: a small one speaks against the line; a large one of few launches says little.
    converged : whether the slope stood still; where it did not, no slope fits better than one that is as steep as any.
    """

    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    covariance: float
    chi2: float
    freedom: int
    p_value: float
    converged: bool

    def predict(
        self, x: float, var_x: float, *, var_y: float = 0.0, cov: float = 0.0, confidence: float = 0.9
    ) -> Prediction:
        """What goes with an observed x: true y, or, with var_y above 0, y as it will be measured.

        var_x, var_y, cov : variances and covariance of the errors of x and y.

        Normal, with the variances of the line at x, of x through the slope and of y. The line knows nothing of where
        true x usually are: a noisy x counts in full, as the posterior would have it only for launches that differ much.
        """
        from scipy.special import ndtr, ndtri

        mean = self.intercept + self.slope * x
        line = self.intercept_error**2 + 2 * x * self.covariance + (x * self.slope_error) ** 2
        noise = (self.slope**2 + self.slope_error**2) * var_x + var_y - 2 * self.slope * cov
        error = float(np.sqrt(line + noise))
        half = float(ndtri((1 + confidence) / 2)) * error
        return Prediction(mean, mean - half, mean + half, float(ndtr(mean / error)), confidence)


def york(pairs: Pairs) -> York:
    """York's line through the launches that were tested.

    Minimises sum (y - a - b x)^2 / (var_y + b^2 var_x - 2 b cov), which is the maximum of the likelihood with true x
    that are fixed and unknown. Errors are those of York's unified equations, taken at the adjusted points.

    Source: York, Evensen, Lopez Martinez and De Basabe Delgado (2004), American Journal of Physics 72, 367.

    >>> from forecast_eval.align import Pairs
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> found = york(Pairs.of(x, 3 + 2 * x, np.full(3, 0.1), np.full(3, 0.2)))
    >>> round(found.slope, 6), round(found.intercept, 6)
    (2.0, 3.0)
    """
    from scipy.special import chdtrc

    own = pairs.complete
    slope, converged = _slope(own)
    weight, (at_x, at_y), adjusted = _adjusted(own, slope)
    intercept, total = at_y - slope * at_x, float(weight.sum())
    points = at_x + adjusted
    middle = float(weight @ points) / total
    spread = float(weight @ (points - middle) ** 2)
    if not spread > 0:
        refuse([Fault("zero-variance", "the errors of x are all that varies: no line goes through these points", "york",
                      "use the posterior")])  # fmt: skip
    var_slope = 1 / spread
    chi2, freedom = float(weight @ (own.y - intercept - slope * own.x) ** 2), len(own.x) - 2
    return York(
        slope, intercept, float(np.sqrt(var_slope)), float(np.sqrt(1 / total + middle**2 * var_slope)),
        -middle * var_slope, chi2, freedom, float(chdtrc(freedom, chi2)), converged,
    )  # fmt: skip


def _adjusted(pairs: Pairs, slope: float) -> tuple[Floats, tuple[float, float], Floats]:
    """Give weights, the weighted mean point, and the adjusted x, measured from that: York's W, (X, Y) and beta."""
    weight = 1 / (pairs.var_y + slope**2 * pairs.var_x - 2 * slope * pairs.cov)
    x, y = float(np.average(pairs.x, weights=weight)), float(np.average(pairs.y, weights=weight))
    u, v = pairs.x - x, pairs.y - y
    return weight, (x, y), weight * (u * pairs.var_y + slope * v * pairs.var_x - (slope * u + v) * pairs.cov)


def _slope(pairs: Pairs) -> tuple[float, bool]:
    """Slope with the smallest weighted sum of squares: the best of many directions, then York's own steps."""
    scale = float(pairs.y.std() / pairs.x.std())
    slopes = scale * np.tan(np.pi * ((np.arange(ANGLES) + 0.5) / ANGLES - 0.5))
    slope = float(slopes[np.argmin(_squares(pairs, slopes[:, None]))])
    for _ in range(500):
        weight, (_, at_y), adjusted = _adjusted(pairs, slope)
        at_x = float(np.average(pairs.x, weights=weight))
        new = float((weight * adjusted) @ (pairs.y - at_y) / ((weight * adjusted) @ (pairs.x - at_x)))
        if abs(new - slope) <= 1e-13 * (abs(new) + scale):
            return new, True
        slope = new
    return slope, False


def _squares(pairs: Pairs, slopes: Floats) -> Floats:
    """Weighted sum of squares of the best line of each slope; slopes : [slope, 1]."""
    weight = 1 / (pairs.var_y + slopes**2 * pairs.var_x - 2 * slopes * pairs.cov)
    off = pairs.y - slopes * pairs.x
    off = off - np.average(off, axis=1, weights=weight)[:, None]
    out: Floats = (weight * off**2).sum(axis=1)
    return out
