"""LINEX cost: exponential on the dear side, about linear on the cheap one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from array_api_compat import array_namespace

from .costs import refuse_not_positive
from .newsvendor import shortfall

if TYPE_CHECKING:
    from .costs import Array, UnitCosts
    from .protocol import Functional

LARGEST_RATIO = 1e4
"""Costs that differ by more than this factor are taken to differ by it: a free side would make the loss infinite."""

LARGEST_LIMIT = 50.0
"""Exponent above which float32 overflows at errors that occur."""

SERIES = 13
"""Order of the power series that is used near 0, where the closed form cancels; enough for 16 digits below 1/2."""


@dataclass(frozen=True, slots=True)
class Linex:
    """Linear-exponential cost whose slope is -underage at a shortage of `width` and overage at a leftover of `width`.

    width : units, > 0, a number or an array that broadcasts to the demand: the error at which the unit costs hold. A
        larger error on the dear side costs exponentially more.
    limit : where the exponent r s exceeds it, the loss goes on along its tangent, so that float32 does not overflow as
        long as s^2 and c * width * s^2 are below 1e18; 50 at most. A limit below |r| sets in before the error is
        `width`: the dear side's slope is then (exp(limit) - 1) / (exp(|r|) - 1) of its cost, there and beyond.

    Formula, with s = (demand - forecast) / width, r = ln(underage / overage) and c the larger of the two costs:
    c * width * (exp(r s) - r s - 1) / (|r| * (exp(|r|) - 1)); for equal costs its limit, c * width * s^2 / 2.
    The cheaper cost is taken as c / 10,000 at least: a free side would make the loss infinite.

    Its minimiser is (width / r) * ln E exp(r * demand / width), as long as the limit is not met.

    Source: Varian (1975), A Bayesian approach to real estate assessment; Zellner (1986), Bayesian estimation and
    prediction using asymmetric loss functions, Journal of the American Statistical Association 81.

    Raises
    ------
    ValueError
        Where width or limit is not positive and finite, or limit is above 50.
    """

    width: Array
    limit: float = 10.0

    def __post_init__(self) -> None:
        """Refuse widths and limits without a meaning."""
        refuse_not_positive("width", self.width, "units")
        refuse_not_positive("limit", self.limit, "a pure number")
        if self.limit > LARGEST_LIMIT:
            raise ValueError(
                f"limit={self.limit} must be at most {LARGEST_LIMIT:g} [a pure number]: its exponential would overflow "
                "float32; the default is 10"
            )

    @property
    def functional(self) -> Functional:
        """The exponential mean that the class names."""
        return "exponential_mean"

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Cost of the error [currency].

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> Linex(2.0).value(np.array([10.0, 10.0]), np.array([7.0, 11.0]), UnitCosts(8.0, 2.0)).round(2)
        array([18.93,  0.74])
        """
        s, near, r, cost = self._terms(demand, forecast, costs)
        unit = _phi1(abs(r))
        body = near * near * _phi2(r * near)
        tangent = near * _phi1(r * near) * (s - near)
        return cost * self.width * (body + tangent) / unit

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Slope [currency per unit].

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> Linex(2.0).gradient(np.array([10.0, 10.0]), np.array([8.0, 12.0]), UnitCosts(8.0, 2.0)).round(12)
        array([-8.,  2.])
        """
        _, near, r, cost = self._terms(demand, forecast, costs)
        return -cost * near * _phi1(r * near) / _phi1(abs(r))

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Curvature, 0 where the exponent is above the limit [currency per unit squared]."""
        s, near, r, cost = self._terms(demand, forecast, costs)
        xp = array_namespace(s)
        bent = cost / self.width * xp.exp(r * near) / _phi1(abs(r))
        return xp.where(s == near, bent, xp.zeros_like(bent))

    def _terms(self, demand: Array, forecast: Array, costs: UnitCosts) -> tuple[Array, Array, Array, Array]:
        """Error s, its part within the limit, log ratio r and the larger cost, all of one shape."""
        xp = array_namespace(demand, forecast)
        s = shortfall(demand, forecast) / self.width
        zero = xp.zeros_like(s)
        underage, overage = costs.underage + zero, costs.overage + zero
        cost = xp.maximum(underage, overage)
        least = xp.where(cost > 0, cost, zero + 1) / LARGEST_RATIO
        r = xp.log(xp.maximum(underage, least)) - xp.log(xp.maximum(overage, least))
        edge = self.limit / xp.where(r == 0, zero + 1, r)  # the s at which the exponent meets the limit
        near = xp.where(r * s > self.limit, edge, s)
        return s, near, r, cost


def _phi1(z: Array) -> Array:
    """(exp(z) - 1) / z, 1 at 0."""
    xp = array_namespace(z)
    small = xp.abs(z) < 0.5
    safe = xp.where(small, xp.ones_like(z), z)
    return xp.where(small, _series(z, 1), xp.expm1(safe) / safe)


def _phi2(z: Array) -> Array:
    """(exp(z) - 1 - z) / z^2, 1/2 at 0."""
    xp = array_namespace(z)
    small = xp.abs(z) < 0.5
    safe = xp.where(small, xp.ones_like(z), z)
    return xp.where(small, 0.5 * _series(z, 2), (xp.expm1(safe) - safe) / safe / safe)


def _series(z: Array, start: int) -> Array:
    """1 + z/(start+1) * (1 + z/(start+2) * (1 + ...)); for |z| < 1/2."""
    xp = array_namespace(z)
    near = xp.where(xp.abs(z) < 0.5, z, xp.zeros_like(z))
    total = xp.ones_like(z)
    for k in range(start + SERIES, start, -1):
        total = 1 + near / k * total
    return total
