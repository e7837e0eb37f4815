"""Asymmetric Huber cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from array_api_compat import array_namespace

from .costs import refuse_not_positive
from .newsvendor import shortfall, sides

if TYPE_CHECKING:
    from .costs import Array, UnitCosts
    from .protocol import Functional


@dataclass(frozen=True, slots=True)
class AsymmetricHuber:
    """Newsvendor cost of errors above `width`, squared below: small errors are cheap, large ones do not dominate.

    width : units, > 0, a number or an array that broadcasts to the demand.

    Formula, with excess = forecast - demand and the cost of its side: cost * excess^2 / (2 * width) where
    |excess| <= width, else cost * (|excess| - width / 2). It lies below the newsvendor loss, by cost * width / 2 at
    most.

    Its minimiser is the Huber quantile at the critical ratio: the quantile as width goes to 0, the expectile as it
    grows.

    Source: Taggart (2022), Point forecasting and forecast evaluation with generalized Huber loss, Electronic Journal
    of Statistics 16.

    Raises
    ------
    ValueError
        Where width is not positive and finite.
    """

    width: Array

    def __post_init__(self) -> None:
        """Refuse widths that separate nothing."""
        refuse_not_positive("width", self.width, "units")

    @property
    def functional(self) -> Functional:
        """The Huber quantile at the critical ratio."""
        return "huber_quantile"

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Cost of the error [currency].

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> AsymmetricHuber(2.0).value(np.array([10.0, 10.0]), np.array([7.0, 11.0]), UnitCosts(8.0, 2.0))
        array([16. ,  0.5])
        """
        xp = array_namespace(demand, forecast)
        gap = shortfall(demand, forecast)
        short, over = sides(gap)
        size = xp.abs(gap)
        near = self._near(size)
        return (costs.underage * short + costs.overage * over) * near * (size - near / 2) / self.width

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Slope, 0 at a tie [currency per unit].

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> AsymmetricHuber(2.0).gradient(np.array([10.0, 10.0]), np.array([7.0, 11.0]), UnitCosts(8.0, 2.0))
        array([-8.,  1.])
        """
        xp = array_namespace(demand, forecast)
        gap = shortfall(demand, forecast)
        short, over = sides(gap)
        return (costs.overage * over - costs.underage * short) * self._near(xp.abs(gap)) / self.width

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Cost of the side / width where the error is below the width, else 0 [currency per unit squared]."""
        xp = array_namespace(demand, forecast)
        gap = shortfall(demand, forecast)
        short, over = sides(gap)
        cost = (costs.underage * short + costs.overage * over) / self.width
        return xp.where(xp.abs(gap) < self.width, cost, xp.zeros_like(cost))

    def _near(self, size: Array) -> Array:
        """Error, `width` at most [units]."""
        xp = array_namespace(size)
        return xp.minimum(size, self.width + xp.zeros_like(size))
