"""The newsvendor loss: the money lost by stocking a forecast instead of the demand; exact, and with a smooth kink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from array_api_compat import array_namespace

from .costs import refuse_not_positive

if TYPE_CHECKING:
    from .costs import Array, UnitCosts
    from .protocol import Functional


@dataclass(frozen=True, slots=True)
class Newsvendor:
    """Linear-linear cost: underage * (demand - forecast)+ + overage * (forecast - demand)+.

    Its minimiser is the quantile of demand at the critical ratio underage / (underage + overage). With
    underage = tau and overage = 1 - tau it is the pinball loss of level tau.

    Source: Arrow, Harris and Marschak (1951), Optimal inventory policy, Econometrica 19.
    """

    @property
    def functional(self) -> Functional:
        """The critical-ratio quantile."""
        return "quantile"

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Cost of stocking `forecast` when `demand` occurs [currency].

        demand, forecast : (...,) units, arrays of one library; costs broadcast to them.

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> Newsvendor().value(np.array([10.0, 10.0]), np.array([7.0, 11.0]), UnitCosts(8.0, 2.0))
        array([24.,  2.])
        """
        gap = shortfall(demand, forecast)
        short, over = sides(gap)
        # slope times distance, and not two hinges, so that automatic differentiation meets the tie convention too
        return (costs.underage * short - costs.overage * over) * gap

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Overage where the forecast is above demand, else -underage [currency per unit].

        A tie counts as a shortage about to happen: integer demand ties often. The convention stands in `sides`.

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> Newsvendor().gradient(np.array([10.0, 10.0]), np.array([10.0, 11.0]), UnitCosts(8.0, 2.0))
        array([-8.,  2.])
        """
        short, over = sides(shortfall(demand, forecast))
        return costs.overage * over - costs.underage * short

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Zero everywhere but at the kink, where it does not exist; zero is returned there too."""
        return 0.0 * self.gradient(demand, forecast, costs)


@dataclass(frozen=True, slots=True)
class SmoothNewsvendor:
    """Newsvendor with the kink rounded off over about `width` units, so that it has a curvature everywhere.

    width : units, > 0, a number or an array that broadcasts to the demand. About the step between two order
        quantities that cost the same, such as a tenth of the usual forecast error; the minimiser is then off the
        critical-ratio quantile by about -(pi^2 / 6) * width^2 * f'/f, f being the density of demand there.

    Formula: -overage * u + (underage + overage) * width * softplus(u / width) with u = demand - forecast. It lies above
    the newsvendor loss by at most (underage + overage) * width * ln 2, at u = 0, and vanishingly far from it.

    Source: Chen and Mangasarian (1996), A class of smoothing functions for nonlinear and mixed complementarity
    problems, Computational Optimization and Applications 5.

    Raises
    ------
    ValueError
        Where width is not positive and finite.
    """

    width: Array

    def __post_init__(self) -> None:
        """Refuse widths that round nothing off."""
        refuse_not_positive("width", self.width, "units")

    @property
    def functional(self) -> Functional:
        """The critical-ratio quantile, up to the bias that the class names."""
        return "quantile"

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Smoothed cost [currency].

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> SmoothNewsvendor(0.5).value(np.array([10.0, 10.0]), np.array([7.0, 10.0]), UnitCosts(8.0, 2.0)).round(3)
        array([24.012,  3.466])
        """
        xp = array_namespace(demand, forecast)
        u = shortfall(demand, forecast)
        zero = xp.zeros_like(u)
        hinges = costs.underage * xp.maximum(u, zero) + costs.overage * xp.maximum(-u, zero)
        # the formula of the class, written as the exact loss and a gap: no cancellation far from the kink
        gap = xp.log1p(xp.exp(-xp.abs(u) / self.width))
        return hinges + (costs.underage + costs.overage) * self.width * gap

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Slope, from -underage to overage [currency per unit].

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> SmoothNewsvendor(0.5).gradient(np.array([10.0]), np.array([10.0]), UnitCosts(8.0, 2.0))
        array([-3.])
        """
        half = 0.5 * self._tilt(demand, forecast)
        return costs.overage * (0.5 + half) - costs.underage * (0.5 - half)

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Curvature, (underage + overage) / (4 * width) at a tie [currency per unit squared]."""
        xp = array_namespace(demand, forecast)
        far = xp.exp(-xp.abs(shortfall(demand, forecast)) / self.width)
        return (costs.underage + costs.overage) / self.width * far / (1 + far) ** 2

    def _tilt(self, demand: Array, forecast: Array) -> Array:
        xp = array_namespace(demand, forecast)
        return xp.tanh(-shortfall(demand, forecast) / (2 * self.width))


def shortfall(demand: Array, forecast: Array) -> Array:
    """Demand minus forecast [units], in floating point: unsigned integers would wrap.

    >>> import numpy as np
    >>> shortfall(np.array([7], dtype=np.uint8), np.array([10], dtype=np.uint8))
    array([-3.])
    """
    xp = array_namespace(demand, forecast)
    both = [x if xp.isdtype(x.dtype, "real floating") else xp.astype(x, xp.float64) for x in (demand, forecast)]
    return both[0] - both[1]


def sides(gap: Array) -> tuple[Array, Array]:
    """Indicators of a shortage (gap = demand - forecast >= 0, ties included) and of an overage, in the type of `gap`.

    NaN where the gap is NaN: an unknown demand has no slope.

    >>> import numpy as np
    >>> sides(np.array([3.0, 0.0, -2.0]))
    (array([1., 1., 0.]), array([0., 0., 1.]))
    """
    xp = array_namespace(gap)
    short = xp.where(xp.isnan(gap), gap, xp.astype(gap >= 0, gap.dtype))
    return short, 1 - short
