"""The newsvendor loss: the money lost by stocking a forecast instead of the demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from array_api_compat import array_namespace

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
        xp = array_namespace(demand, forecast)
        excess = forecast - demand
        zero = xp.zeros_like(excess)
        return costs.underage * xp.maximum(-excess, zero) + costs.overage * xp.maximum(excess, zero)

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Overage where the forecast is above demand, else -underage [currency per unit].

        A tie counts as a shortage about to happen: integer demand ties often, so the convention stands here once.

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> Newsvendor().gradient(np.array([10.0, 10.0]), np.array([10.0, 11.0]), UnitCosts(8.0, 2.0))
        array([-8.,  2.])
        """
        xp = array_namespace(demand, forecast)
        ones = xp.ones_like(forecast - demand)
        return xp.where(forecast > demand, costs.overage * ones, -costs.underage * ones)

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:  # noqa: ARG002 - the protocol's
        """Zero everywhere but at the kink, where it does not exist; zero is returned there too."""
        xp = array_namespace(demand, forecast)
        return xp.zeros_like(forecast - demand)
