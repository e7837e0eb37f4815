"""SPEC: what a forecast costs when stock and orders may wait for each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from array_api_compat import array_namespace

from .newsvendor import sides

if TYPE_CHECKING:
    from .costs import Array, UnitCosts
    from .protocol import Functional


@dataclass(frozen=True, slots=True)
class Spec:
    """Stock-keeping-oriented prediction error cost of a path: units that come late or early cost by the period.

    The forecast is taken as deliveries, which serve demand first come, first served; unmet demand waits. Each period
    costs, for every unit that waits, underage times the periods since it was wanted, this one included; and for every
    unit in stock, overage times the periods since it came. So a unit that is a period early is cheaper than one that
    is never sold: a shift in time is not two errors, as it is for the squared error.

    Formula, with cumulated demand Y and forecast F of non-negative numbers: the cost of period t is the sum over
    i <= t of underage * (Y_i - F_t)+ + overage * (F_i - Y_t)+. It equals the published double sum with its minima, by
    summation by parts. SPEC is its mean over periods.

    Source: Martin, Spitzer and Kuehl (2020), A new metric for lumpy and intermittent demand forecasts:
    stock-keeping-oriented prediction error costs, HICSS 53.
    """

    @property
    def functional(self) -> Functional:
        """No functional of one period's demand: the cost couples the periods."""
        return "none"

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Cost of each period [currency], shape of the inputs.

        demand, forecast : (..., time) units >= 0; costs : [currency per unit and period], broadcast to them, one
        pair a series.

        >>> import numpy as np
        >>> from losses import UnitCosts
        >>> Spec().value(np.array([0.0, 8.0, 0.0]), np.array([8.0, 0.0, 0.0]), UnitCosts(0.75, 0.25))
        array([2., 0., 0.])
        """
        xp = array_namespace(demand, forecast)
        late, early = _gaps(demand, forecast)
        # slope times distance, as in the newsvendor loss: automatic differentiation meets the tie convention too
        waiting = xp.sum(_past(late) * sides(late)[0] * late, axis=-1)
        kept = xp.sum(_past(early) * sides(early)[1] * -early, axis=-1)
        return costs.underage * waiting + costs.overage * kept

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Derivative of the sum of all periods' costs in each period's forecast [currency per unit].

        A unit that comes in the very period in which it is wanted counts as late, as a tie of the newsvendor loss does.
        """
        xp = array_namespace(demand, forecast)
        late, early = _gaps(demand, forecast)
        # a unit more in period j raises every cumulated forecast from j on
        waiting = costs.underage * xp.sum(_past(late) * sides(late)[0], axis=-1)
        per_unit = (costs.overage + xp.zeros_like(waiting))[..., :, None]
        kept = xp.sum(per_unit * _past(early) * sides(early)[1], axis=-2)
        return xp.flip(xp.cumulative_sum(xp.flip(kept - waiting, axis=-1), axis=-1), axis=-1)

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Zero off the kinks, and returned at them too."""
        return 0.0 * self.gradient(demand, forecast, costs)


def _gaps(demand: Array, forecast: Array) -> tuple[Array, Array]:
    """Cumulated units (..., period t, period i): Y_i - F_t and Y_t - F_i."""
    xp = array_namespace(demand, forecast)
    wanted, came = xp.cumulative_sum(demand, axis=-1), xp.cumulative_sum(forecast, axis=-1)
    return wanted[..., None, :] - came[..., :, None], wanted[..., :, None] - came[..., None, :]


def _past(square: Array) -> Array:
    """1 where the last axis is not after the one before it, else 0."""
    xp = array_namespace(square)
    return xp.tril(xp.ones_like(square))
