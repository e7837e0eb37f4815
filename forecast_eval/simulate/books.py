"""How flows of units become money: every part of the books is linear in the flows, and written once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .system import Conventions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from .ledger import Prices

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Weights = Mapping[str, Floats]

AT_ORDER = ("ordered", "lines")
"""Flows of the period in which an order is placed; their money is that of the periods that the order is for."""


@dataclass(frozen=True, slots=True, eq=False)
class Books:
    """Money per unit of each flow, by part.

    scored : [series, time] periods that count; they decide where discounting and the valuation of stock begin and end.

    A part is a mapping from a flow's name to its weight [series, time or 1], currency per unit, above 0 where it earns.
    Flows without money are not in it. Profit is the sum of all parts:

    - revenue : price * sold
    - cost_of_goods : - unit_cost * sold
    - waste : - (unit_cost - salvage) * wasted
    - holding_cost : - holding * on_hand, of what expires in the period too where it is counted before expiry
    - order_cost : - order_cost * lines
    - goodwill_cost : - goodwill * (lost + owed)
    - stock_investment : 0 where goods are paid when they are sold; else unit_cost * (sold + wasted) minus unit_cost *
      received, or ordered. And with stock that has a value: its value at the end minus that at the start, less what the
      books say of it already (its cost, where goods are paid when they are sold).

    All of it times discount ** (periods since the first scored one).
    """

    prices: Prices
    scored: NDArray[np.bool_]
    conventions: Conventions

    def part(self, name: str) -> Weights:
        """Weights of one part."""
        return _PARTS[name](self)

    def total(self) -> Weights:
        """Weights of the profit."""
        return _sum(*(self.part(name) for name in PARTS))

    def worth(self, money: Floats) -> Floats:
        """Money per unit at its worth in the first scored period [series, time or 1]."""
        if self.conventions.discount == 1:
            return money
        first = int(self.scored.any(axis=0).argmax())
        periods = np.maximum(np.arange(self.scored.shape[1]) - first, 0)
        return np.asarray(money * self.conventions.discount ** periods[None, :])


def weights(
    prices: Prices, governing: Ints, conventions: Conventions | None = None, *, lead_time: Ints | None = None
) -> dict[str, Floats]:
    """Money per unit of each flow in the period in which it moves, and 0 where it does not count.

    The sum over flows and periods of weight times flow is the profit of a series over its scored periods; see
    `Ledger.profit`, which is of the same weights. A flow that is not named has no money.

    governing, lead_time : as in `Ledger`.

    >>> from forecast_eval.simulate import Prices
    >>> money = {"price": 9.0, "unit_cost": 4.0, "salvage": 1.0, "holding": 0.5, "goodwill": 2.0, "underage": 7.0}
    >>> prices = Prices(**{name: np.array([[value]]) for name, value in money.items()})
    >>> {flow: w.tolist() for flow, w in weights(prices, np.array([[-1, 0]])).items()}
    {'sold': [[0.0, 5.0]], 'wasted': [[0.0, -3.0]], 'on_hand': [[0.0, -0.5]], 'lost': [[0.0, -2.0]]}
    """
    conventions = conventions or Conventions()
    scored = scored_of(governing, conventions)
    total = Books(prices, scored, conventions).total()
    masked = {flow: np.where(scored, weight, 0.0) for flow, weight in total.items()}
    if lead_time is None:
        return masked
    return {flow: moved(weight, -lead_time) if flow in AT_ORDER else weight for flow, weight in masked.items()}


def scored_of(governing: Ints, conventions: Conventions) -> NDArray[np.bool_]:
    """[series, time] periods that an order governs, the warm-up left out."""
    return (governing >= 0) & (np.arange(governing.shape[1]) >= conventions.warm_up)


def moved(values: Floats, by: Ints) -> Floats:
    """Values [series, time] moved `by` [series] periods to later ones; 0 where nothing comes from.

    >>> moved(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([1, -2]))
    array([[0., 1., 2.],
           [6., 0., 0.]])
    """
    time = values.shape[1]
    out = np.zeros_like(values)
    for gap in np.unique(by).tolist():
        rows, kept = by == gap, max(time - abs(gap), 0)
        out[rows, max(gap, 0) : max(gap, 0) + kept] = values[rows, max(-gap, 0) : max(-gap, 0) + kept]
    return out


def _sum(*parts: Weights) -> dict[str, Floats]:
    total: dict[str, Floats] = {}
    for part in parts:
        for flow, weight in part.items():
            total[flow] = total[flow] + weight if flow in total else weight
    return total


def _revenue(books: Books) -> Weights:
    return {"sold": books.worth(books.prices.price)}


def _cost_of_goods(books: Books) -> Weights:
    return {"sold": -books.worth(books.prices.unit_cost)}


def _waste(books: Books) -> Weights:
    return {"wasted": books.worth(books.prices.salvage - books.prices.unit_cost)}


def _holding_cost(books: Books) -> Weights:
    held = -books.worth(books.prices.holding)
    return {"on_hand": held} if books.conventions.holding == "after_expiry" else {"on_hand": held, "wasted": held}


def _order_cost(books: Books) -> Weights:
    return {"lines": -books.worth(books.prices.order_cost)} if books.prices.order_cost.any() else {}


def _goodwill_cost(books: Books) -> Weights:
    gone = -books.worth(books.prices.goodwill)
    return {"lost": gone, "owed": gone} if books.conventions.backordered else {"lost": gone}


def _stock_investment(books: Books) -> Weights:
    return _sum(_paid_for_stock(books), _value_of_stock(books))


def _paid_for_stock(books: Books) -> Weights:
    """Purchases beyond the goods that were sold and wasted."""
    if books.conventions.purchases == "sale":
        return {}
    cost = books.worth(books.prices.unit_cost)
    return {
        {"receipt": "received", "order": "ordered"}[books.conventions.purchases]: -cost,
        "sold": cost,
        "wasted": cost,
    }


def _value_of_stock(books: Books) -> Weights:
    """Value at the end minus value at the start, beyond what the books say already.

    The stock at the start of a period is sold + wasted + on_hand - received in it; what is in transit grows by ordered
    - received, and was paid already where purchases are booked at the order.
    """
    how, prices = books.conventions, books.prices
    accrual = how.purchases == "sale"
    if how.stock_value == "none" or (accrual and how.stock_value == "cost"):
        return {}
    value = prices.unit_cost if how.stock_value == "cost" else prices.salvage
    value = np.broadcast_to(books.worth(value - prices.unit_cost if accrual else value), books.scored.shape)
    first, last = _first(books.scored), _first(books.scored[:, ::-1])[:, ::-1]
    at_start, at_end = np.where(first, value, 0.0), np.where(last, value, 0.0)
    stock = {"sold": -at_start, "wasted": -at_start, "on_hand": at_end - at_start, "received": at_start}
    if how.purchases != "order":
        return stock
    in_transit = np.where(books.scored, at_end.sum(axis=1, keepdims=True), 0.0)
    return _sum(stock, {"ordered": in_transit, "received": -in_transit})


def _first(scored: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the first scored period of each series [series, time]."""
    return np.asarray(scored & (np.cumsum(scored, axis=1) == 1))


_PARTS: Mapping[str, Callable[[Books], Weights]] = {
    "revenue": _revenue,
    "cost_of_goods": _cost_of_goods,
    "waste": _waste,
    "holding_cost": _holding_cost,
    "order_cost": _order_cost,
    "goodwill_cost": _goodwill_cost,
    "stock_investment": _stock_investment,
}
PARTS = tuple(_PARTS)
"""Parts of the profit, the revenue first."""
