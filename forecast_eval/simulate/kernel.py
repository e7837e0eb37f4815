"""The compiled heart of the simulator: orders, receipts, sales, lost sales and waste of every series and period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..economics import Economics

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KEEPS = 0  # shelf life of goods that do not expire, in the kernel


@dataclass(frozen=True, slots=True, eq=False)
class Supply:
    """Terms of supply and the stock at the start, one entry a series.

    lead_time : [series] periods; an order placed in period t can serve demand from t + lead_time.
    shelf_life : [series] periods in which a unit can be sold, that of its arrival included; 0 keeps for ever.
    pack_size : [series] orders are multiples of it; 0 allows any amount.
    min_order : [series] smallest order, units.
    on_hand : [series] units at the start, taken as fresh.
    in_transit : [series, period] units that arrive at the start of each of the first periods.
    """

    lead_time: Ints
    shelf_life: Ints
    pack_size: Floats
    min_order: Floats
    on_hand: Floats
    in_transit: Floats

    @classmethod
    def of(cls, economics: Economics, unique_ids: NDArray[np.object_], on_hand: Floats, in_transit: Floats) -> Supply:
        """Terms of the series as `economics` has them, with the stock at the start."""
        life = economics.field("shelf_life", unique_ids)
        return cls(
            lead_time=economics.field("lead_time", unique_ids).astype(np.int64),
            shelf_life=np.where(np.isinf(life), KEEPS, life).astype(np.int64),
            pack_size=economics.field("pack_size", unique_ids),
            min_order=economics.field("min_order", unique_ids),
            on_hand=on_hand,
            in_transit=in_transit,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Flows:
    """Units that moved, each [series, time]; on_hand is what is left at the end of a period, after expiry."""

    ordered: Floats
    received: Floats
    sold: Floats
    lost: Floats
    wasted: Floats
    on_hand: Floats


def play(demand: Floats, target: Floats, supply: Supply) -> Flows:
    """Let every series order up to its target and meet its demand; unmet demand is lost.

    Events of a period, in order: receive what is due, order up to the target, demand, sell the oldest first, expire
    and age, count. An order with lead time 0 arrives at once, before the demand of its period.

    demand : [series, time] units.
    target : [series, time] order-up-to level of the inventory position (on hand plus in transit), units; NaN in
        periods without a review. Goods whose shelf life is not longer than their lead time stand alone: whatever is on
        hand or in transit expires before the order is for sale, so the position counts as 0.

    >>> supply = Supply(lead_time=np.array([1]), shelf_life=np.array([0]), pack_size=np.array([1.0]),
    ...                 min_order=np.array([0.0]), on_hand=np.array([3.0]), in_transit=np.zeros((1, 0)))
    >>> flows = play(np.array([[2.0, 4.0, 1.0]]), np.array([[5.0, 5.0, 5.0]]), supply)
    >>> flows.ordered, flows.lost
    (array([[2., 2., 3.]]), array([[0., 1., 0.]]))
    """
    series, time = demand.shape
    flows = Flows(*(np.zeros((series, time)) for _ in range(6)))
    known = min(time, supply.in_transit.shape[1])
    flows.received[:, :known] = supply.in_transit[:, :known]
    _play(
        demand, target, supply.in_transit.sum(axis=1), supply.lead_time, supply.shelf_life, supply.pack_size,
        supply.min_order, supply.on_hand, flows.ordered, flows.received, flows.sold, flows.lost, flows.wasted,
        flows.on_hand,
    )  # fmt: skip
    return flows


@njit(cache=True)
def _play(  # type: ignore[no-untyped-def]  # noqa: ANN202, PLR0913, PLR0917 - numba takes arrays, not records
    demand, target, transit, lead_time, shelf_life, pack_size, min_order, start,  # noqa: ANN001
    ordered, received, sold, lost, wasted, on_hand,  # noqa: ANN001
):  # fmt: skip
    series, time = demand.shape
    ages = np.zeros(max(1, shelf_life.max())) if series else np.zeros(1)  # units by remaining life, oldest first
    for i in range(series):
        life = max(1, shelf_life[i])
        ages[:] = 0.0
        ages[life - 1] = start[i]
        stock, outstanding = start[i], transit[i]
        for t in range(time):
            arriving = received[i, t]
            stock += arriving
            ages[life - 1] += arriving
            outstanding -= arriving
            if target[i, t] == target[i, t]:  # not NaN: a review period
                # stock that expires before the order arrives cannot serve the demand that the order is for
                alone = KEEPS < shelf_life[i] <= lead_time[i]
                position = 0.0 if alone else stock + outstanding
                quantity = _order(target[i, t] - position, pack_size[i], min_order[i])
                ordered[i, t] = quantity
                if lead_time[i] == 0:
                    received[i, t] += quantity
                    stock += quantity
                    ages[life - 1] += quantity
                else:
                    outstanding += quantity
                    if t + lead_time[i] < time:
                        received[i, t + lead_time[i]] += quantity
            sale = min(stock, demand[i, t])
            sold[i, t] = sale
            lost[i, t] = demand[i, t] - sale
            stock -= sale
            for a in range(life):
                used = min(ages[a], sale)
                ages[a] -= used
                sale -= used
            if shelf_life[i] > KEEPS:
                wasted[i, t] = ages[0]
                stock -= ages[0]
                for a in range(life - 1):
                    ages[a] = ages[a + 1]
                ages[life - 1] = 0.0
            on_hand[i, t] = stock


@njit(cache=True)
def _order(need, pack, smallest):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    if need <= 0:
        return 0.0
    wanted = max(need, smallest)
    # a level such as 3.0000000001 is 3: an interpolation's last digit must not buy a pack
    return wanted if pack <= 0 else np.ceil(wanted / pack - 1e-9) * pack
