"""Asymmetric squared cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .newsvendor import shortfall, sides

if TYPE_CHECKING:
    from .costs import Array, UnitCosts
    from .protocol import Functional


@dataclass(frozen=True, slots=True)
class AsymmetricSquared:
    """Squared error at the cost of its side: underage * (demand - forecast)+^2 + overage * (forecast - demand)+^2.

    Its minimiser is the expectile of demand at the level underage / (underage + overage); with equal costs the mean.
    The value is in currency times units: a large error costs more than its units, a small one less.

    Source: Newey and Powell (1987), Asymmetric least squares estimation and testing, Econometrica 55.
    """

    @property
    def functional(self) -> Functional:
        """The expectile at the critical ratio."""
        return "expectile"

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Cost of the squared error [currency times units].

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> AsymmetricSquared().value(np.array([10.0, 10.0]), np.array([7.0, 11.0]), UnitCosts(8.0, 2.0))
        array([72.,  2.])
        """
        gap = shortfall(demand, forecast)
        return _cost(gap, costs) * gap * gap

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Twice the error at the cost of its side [currency].

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> AsymmetricSquared().gradient(np.array([10.0, 10.0]), np.array([7.0, 11.0]), UnitCosts(8.0, 2.0))
        array([-48.,   4.])
        """
        gap = shortfall(demand, forecast)
        return -2 * _cost(gap, costs) * gap

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Twice the cost of the side, at a tie that of underage [currency per unit]."""
        return 2 * _cost(shortfall(demand, forecast), costs)


def _cost(gap: Array, costs: UnitCosts) -> Array:
    short, over = sides(gap)
    return costs.underage * short + costs.overage * over
