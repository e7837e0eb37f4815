"""The planner that a synthetic market starts with: it orders from recorded sales, blind to what it missed.

This is the world's own stock keeping, not the simulator that forecasts are evaluated with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

WINDOW = 8
"""Weeks of recorded sales that the planner averages."""
FRESH_SAFETY = 0.5
"""Share of the safety weeks that the planner dares for goods that perish."""
FACING = 1
"""Units that the shelf shows at least; without it a SKU that sold nothing for a while would never return."""


@dataclass(frozen=True, slots=True, eq=False)
class StockFlow:
    """What happened to the stock, all [series, week] units; on_hand is what is left when the week ends."""

    received: NDArray[np.int64]
    sold: NDArray[np.int64]
    spoiled: NDArray[np.int64]
    on_hand: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Incumbent:
    """Orders each week up to (lead time + 1 + safety) weeks of a trailing average of recorded sales.

    shelf_life, lead_time : [series] weeks.
    pack_size, min_order : [series] units.
    safety_weeks : [series] weeks of average sales beyond lead time and review.
    """

    shelf_life: NDArray[np.float64]
    lead_time: NDArray[np.int64]
    pack_size: NDArray[np.float64]
    min_order: NDArray[np.float64]
    safety_weeks: NDArray[np.float64]

    @classmethod
    def of(cls, terms: pd.DataFrame, safety_weeks: float) -> Incumbent:
        """Take the supply terms from economics columns, one row a series."""
        life, lead, pack, least = (
            terms[name].to_numpy(dtype=float) for name in ("shelf_life", "lead_time", "pack_size", "min_order")
        )
        safety = np.where(np.isfinite(life), FRESH_SAFETY, 1.0) * safety_weeks
        return cls(life, lead.astype(np.int64), pack, least, safety)

    def order(self, rate: NDArray[np.float64], position: NDArray[np.float64]) -> NDArray[np.int64]:
        """Units to order, [series].

        rate : [series] average weekly sales.
        position : [series] units on hand and on order that will still be sellable.
        """
        level = np.maximum(np.ceil((self.lead_time + 1 + self.safety_weeks) * rate), FACING)
        need = np.maximum(level - position, 0.0)
        least = np.where(need > 0, np.maximum(need, self.min_order), 0.0)
        return (np.ceil(least / self.pack_size) * self.pack_size).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Lots:
    """Stock by weeks of life left.

    units : [series, lot]; lot j has j + 1 weeks left, the last lot keeps for ever.
    arrival : [series] lot that deliveries join.
    expiring : [series, lot] whether it expires before an order of this week arrives.
    """

    units: NDArray[np.int64]
    arrival: NDArray[np.int64]
    expiring: NDArray[np.bool_]

    @classmethod
    def empty(cls, planner: Incumbent) -> _Lots:
        life = planner.shelf_life
        fresh = np.isfinite(life)
        longest = int(life[fresh].max(initial=0))
        lots = np.arange(longest + 1)
        expiring = (lots < planner.lead_time[:, None]) & (lots < longest)
        arrival = np.where(fresh, life - 1, longest).astype(np.int64)
        return cls(np.zeros(expiring.shape, dtype=np.int64), arrival, expiring)

    def receive(self, units: NDArray[np.int64]) -> None:
        self.units[np.arange(len(units)), self.arrival] += units

    def usable(self, sales_before_arrival: NDArray[np.float64]) -> NDArray[np.float64]:
        """Stock [series] that counts against an order; what expires before it comes serves only till then."""
        expiring = np.where(self.expiring, self.units, 0).sum(axis=1)
        return np.asarray(self.units.sum(axis=1) - np.maximum(expiring - sales_before_arrival, 0.0))

    def issue(self, demand: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sell oldest first; units sold, [series]."""
        older = np.cumsum(self.units, axis=1) - self.units
        taken = np.clip(demand[:, None] - older, 0, self.units)
        np.subtract(self.units, taken, out=self.units)
        return np.asarray(taken.sum(axis=1))

    def age(self) -> NDArray[np.int64]:
        """Let a week pass; units that expire, [series]."""
        fresh = self.units[:, :-1]  # a view
        spoiled = fresh[:, :1].sum(axis=1)
        fresh[:, :-1] = fresh[:, 1:].copy()
        fresh[:, -1:] = 0
        return np.asarray(spoiled)


def keep_stock(planner: Incumbent, demand: NDArray[np.int64], start_rate: NDArray[np.float64]) -> StockFlow:
    """Run the shop: each week receive, order, sell what is there, discard what expires. Unmet demand is lost.

    demand : [series, week] units.
    start_rate : [series] weekly sales that the planner remembers from before the first week.
    """
    series, weeks = demand.shape
    rows = np.arange(series)
    due = _first_deliveries(planner, weeks, start_rate)  # [series, week of arrival]
    horizon = int(planner.lead_time.max())
    recorded = np.concatenate([np.repeat(start_rate[:, None], WINDOW, axis=1), np.zeros((series, weeks))], axis=1)
    sold, spoiled, on_hand = (np.zeros((series, weeks), dtype=np.int64) for _ in range(3))
    lots = _Lots.empty(planner)
    for week in range(weeks):
        lots.receive(due[:, week])
        rate = recorded[:, week : week + WINDOW].mean(axis=1)
        position = lots.usable(planner.lead_time * rate) + due[:, week + 1 : week + horizon + 1].sum(axis=1)
        due[rows, week + planner.lead_time] = planner.order(rate, position)
        sold[:, week] = recorded[:, week + WINDOW] = lots.issue(demand[:, week])
        spoiled[:, week] = lots.age()
        on_hand[:, week] = lots.units.sum(axis=1)
    return StockFlow(due[:, :weeks], sold, spoiled, on_hand)


def _first_deliveries(planner: Incumbent, weeks: int, rate: NDArray[np.float64]) -> NDArray[np.int64]:
    """Deliveries ordered before the start: sales of each week of lead time, and the safety with the first."""
    due = np.zeros((len(rate), weeks + int(planner.lead_time.max()) + 1), dtype=np.int64)
    due[:, 0] = np.ceil((1 + planner.safety_weeks) * rate)
    for week in range(1, int(planner.lead_time.max())):
        due[:, week] = np.where(planner.lead_time > week, np.ceil(rate), 0)
    return due
