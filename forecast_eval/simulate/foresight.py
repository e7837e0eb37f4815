"""Perfect foresight: the orders of a planner who knows all demand, and nothing but demand is different."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .system import KEEPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .market import Market
    from .orders import Decide, View
    from .system import Supply

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def perfect_orders(market: Market, rows: Ints, times: Ints) -> Decide:
    """Order what customers will want from the arrival of the order to that of the next, and is not there.

    Stock on hand and in transit is followed to the end of that time, sold oldest first and expiring as it does, and so
    are the customers who wait, whom the order serves as well. Demand that is not worth the holding until then is left,
    and so is a good whose sale earns nothing, at the prices of the sale. Packs, minimums, capacity and the supplier's
    luck bind perfect foresight as they bind everybody. Order costs do not: it orders whatever a cycle lacks.

    rows : [n] positions of the series; times : positions in the calendar of the periods that are played.
    """
    until = np.arange(times[0], market.demand.shape[1])
    supply, known = market.planned.rows(rows), np.nan_to_num(market.demand[np.ix_(rows, until)])
    ids, dates = market.unique_ids[rows], market.calendar[until]
    underage = np.asarray(market.economics.unit_costs(ids, dates).underage)  # [series, time]
    holding = market.economics.field("holding", ids, dates)
    waits = market.conventions.backordered

    def decide(view: View) -> Floats:
        wanted = np.zeros(len(rows))
        unmet = _unmet(view, known[:, view.period :], supply, waits)
        for step in range(unmet.shape[1]):
            behind, at = step - supply.lead_time, view.period + step  # periods since the arrival
            served = (behind >= 0) & (behind < supply.sellable) & (underage[:, at] > holding[:, at] * behind)
            wanted += np.where(served, unmet[:, step], 0.0)
        return wanted

    return decide


def _unmet(view: View, demand: Floats, supply: Supply, waits: float) -> Floats:
    """Demand [series, step] that what is on hand and in transit does not meet, without a new order.

    waits : share of the unmet demand that waits. In the period in which a new order can be sold it is asked for too,
        and from then on the order serves everybody.
    """
    series, life = view.ages.shape
    steps = min(int(supply.protection.max()), demand.shape[1])
    keeps = supply.shelf_life == KEEPS
    ages = np.zeros((series, life + view.due.shape[1] + steps + 1))  # column k expires at the end of period k from now
    ages[:, :life] = view.ages
    stock, owed = np.where(keeps, view.on_hand, 0.0), view.owed
    out = np.zeros((series, steps))
    for step in range(steps):
        if step > 0 and step <= view.due.shape[1]:
            arriving = view.due[:, step - 1]
            stock += np.where(keeps, arriving, 0.0)
            column = np.where(keeps, 0, step + supply.shelf_life - 1)
            ages[np.arange(series), column] += np.where(keeps, 0.0, arriving)
        today = demand[:, step]
        left = _sell(today + np.where(step <= supply.lead_time, owed, 0.0), stock, ages[:, step:])
        new = np.minimum(left, today)  # those who wait are served first
        owed = left - new + waits * new
        out[:, step] = left
    return out


def _sell(asked: Floats, stock: Floats, ages: Floats) -> Floats:
    """Take what is asked [series] from the stock and the ages, the oldest first, and give what they lack."""
    left = asked.copy()
    for there in (stock, *ages.T):
        used = np.minimum(there, left)
        np.subtract(there, used, out=there)
        left -= used
    return left
