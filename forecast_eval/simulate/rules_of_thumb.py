"""Closed formulae that planners carry in their heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from losses.costs import refuse

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def economic_order_quantity(order_cost: ArrayLike, rate: ArrayLike, holding: ArrayLike) -> NDArray[np.float64]:
    """Order that makes order cost and holding cost least together: sqrt(2 * order_cost * rate / holding) [units].

    order_cost : currency per order; rate : units per period; holding : currency per unit and period.
    inf where holding costs nothing and orders do.

    Source: Harris (1913), How many parts to make at once, Factory 10.

    >>> economic_order_quantity(8.0, rate=9.0, holding=1.0)
    array(12.)
    """
    cost, held = 2 * np.asarray(order_cost, dtype=float) * rate, np.asarray(holding, dtype=float)
    cost, held = np.broadcast_arrays(cost, held)
    ratio = np.divide(cost, held, out=np.where(cost > 0, np.inf, 0.0), where=held > 0)
    return np.asarray(np.sqrt(ratio))


def accuracy_benefit(
    turnover: ArrayLike, *, service_level: ArrayLike, margin: ArrayLike, stockout_cost: ArrayLike, error: ArrayLike,
    new_error: ArrayLike,
) -> NDArray[np.float64]:  # fmt: skip
    """Benefit of a smaller forecast error at an unchanged stock [currency per period of the turnover].

    turnover * (1 - service_level) * margin * stockout_cost * (error - new_error) / error, with

    turnover : currency per period, usually a year.
    service_level : share of demand that is met now.
    margin : gross margin as a share of the turnover.
    stockout_cost : cost of a unit short, in gross margins of it; 1 is the lost margin alone, 3 is common for food.
    error, new_error : relative errors of the forecasts now and then, such as their WAPE; error > 0.

    It takes stockouts to fall in proportion to the error. The simulator measures that instead: compare the two.

    Source: J. Vermorel (2012), Financial impact of accuracy, Lokad.

    Raises ValueError for shares outside 0..1, and for an error that is not above 0.

    >>> accuracy_benefit(1e9, service_level=0.97, margin=0.2, stockout_cost=3.0, error=0.20, new_error=0.18).round()
    np.float64(1800000.0)
    """
    for name, share in (("service_level", service_level), ("margin", margin)):
        values = np.asarray(share, dtype=float)
        refuse(name, values, (values >= 0) & (values <= 1), "a share from 0 to 1")
    now = np.asarray(error, dtype=float)
    refuse("error", now, now > 0, "> 0")
    hidden = np.asarray(turnover, dtype=float) * (1 - np.asarray(service_level, dtype=float))
    return np.asarray(hidden * margin * stockout_cost * (now - new_error) / now)
