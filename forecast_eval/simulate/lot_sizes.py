"""The cheapest plan of orders where demand is known: what perfect foresight does when orders cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from losses.costs import refuse

from .system import KEEPS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def lot_sizes(demand: ArrayLike, *, holding: ArrayLike, order_cost: ArrayLike, shelf_life: ArrayLike = KEEPS) -> Floats:
    """Orders that meet all demand at the least order and holding cost, [series, time] or [time] as the demand, units.

    demand : [series, time] or [time] units; take off first what is on hand. An order serves demand from its own period
        on: shift the plan by the lead time to get the periods in which orders are placed.
    holding : currency per unit and period on what is left at the end of a period; order_cost : currency per order;
        each a number or [series].
    shelf_life : periods that an order may serve at most; 0 is without limit.

    Best cost F(t) of the first t periods: the least over j < t of F(j) + order_cost + holding cost of buying the demand
    of periods j to t - 1 in j. Work grows with the square of the periods. Orders of nothing cost nothing.

    Source: Wagner and Whitin (1958), Dynamic version of the economic lot size model, Management Science 5.

    Raises ValueError for demand and costs that are negative or not finite, with the row.

    >>> lot_sizes([90, 120, 80, 70], holding=2.0, order_cost=500.0)
    array([210.,   0., 150.,   0.])
    """
    units = np.atleast_2d(np.asarray(demand, dtype=float))
    series, time = units.shape
    held, fixed, life = (np.broadcast_to(np.asarray(v, dtype=float), series) for v in (holding, order_cost, shelf_life))
    for name, value in (("demand", units), ("holding", held), ("order_cost", fixed), ("shelf_life", life)):
        refuse(name, value, np.isfinite(value) & (value >= 0), "finite and >= 0")
    longest = np.where(life == KEEPS, time, life)
    best = np.full((time + 1, series), np.inf)
    best[0] = 0.0
    bought = np.zeros((time + 1, series), dtype=np.int64)  # period in which the demand of period t - 1 is bought
    for end in range(1, time + 1):
        lot, carried = np.zeros(series), np.zeros(series)
        for start in range(end - 1, -1, -1):
            carried += held * lot  # what is bought for later is held at the end of this period
            lot += units[:, start]
            cost = best[start] + np.where(lot > 0, fixed + carried, 0.0)
            cost = np.where(end - start <= longest, cost, np.inf)
            better = cost < best[end]
            best[end] = np.where(better, cost, best[end])
            bought[end] = np.where(better, start, bought[end])
    return _plan(units, bought).reshape(np.shape(demand))


def _plan(units: Floats, bought: NDArray[np.int64]) -> Floats:
    """Orders [series, time], followed back from the last period."""
    series, time = units.shape
    orders, rows = np.zeros((series, time)), np.arange(series)
    upto = np.full(series, time)
    start = bought[upto, rows]
    for t in range(time - 1, -1, -1):
        orders[rows, start] += units[:, t]
        last = start == t
        upto = np.where(last, t, upto)
        start = np.where(last, bought[upto, rows], start)
    return orders
