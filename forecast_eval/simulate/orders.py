"""What a policy says: an order rule for the kernel, or a decision from what is legally visible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .system import Supply

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A rule on the inventory position (on hand plus in transit minus owed to waiting customers), each [series].

    order_up_to : level S that an order raises the position to; NaN where nothing is ordered.
    reorder_point : level s; an order is placed where the position is at or below it. None orders whenever the
        position is below S.
    lot : orders are multiples n * lot, the fewest that raise the position above s; S then does not matter. None
        orders any amount.
    cap : largest order, units. None has none.

    Goods that stand alone (`Supply.stands_alone`) have a position of 0.
    """

    order_up_to: Floats
    reorder_point: Floats | None = None
    lot: Floats | None = None
    cap: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What may be seen when the orders of a period are decided, and nothing else.

    period : number of the period, from 0.
    on_hand : [series] units in the shop, this period's receipts included if they come before the order.
    ages : [series, life] those units by remaining life in periods, the oldest first: column 0 can be sold in this
        period only. Goods that keep are in on_hand alone.
    due : [series, period] units in transit; column k is expected in k + 1 periods. What is late is in column 0.
    owed : [series] units owed to customers who wait.
    sold : [series, period] sales of the earlier periods; with orders after demand that of this one is the last.
    sold_out : [series, period] whether a customer found an empty shelf in them: the sales then hide demand.
    supply : terms of supply, with the lead time to the first period in which the order can be sold.
    """

    period: int
    on_hand: Floats
    ages: Floats
    due: Floats
    owed: Floats
    sold: Floats
    sold_out: NDArray[np.bool_]
    supply: Supply

    @property
    def position(self) -> Floats:
        """On hand plus in transit minus owed [series]; 0 for goods that stand alone."""
        return np.where(self.supply.stands_alone, 0.0, self.on_hand + self.due.sum(axis=1) - self.owed)


Decide = Callable[[View], NDArray[np.float64]]
"""Gives the wanted quantity [series] of a period's orders, before packs, minimums and capacity; NaN or <= 0 is none."""

Orders = Mapping[int, Rule | Decide]
"""What is decided in each period in which anything is ordered: period -> rule or decision."""


def only(due: NDArray[np.bool_], decided: Rule | Decide) -> Rule | Decide:
    """Orders of the series [series] that are reviewed, and of no other."""
    if due.all():
        return decided
    if not isinstance(decided, Rule):
        return lambda view: np.where(due, decided(view), 0.0)
    level = np.where(due, decided.order_up_to, np.nan)
    point = None if decided.reorder_point is None else np.where(due, decided.reorder_point, np.nan)
    return Rule(level, point, decided.lot, decided.cap)
