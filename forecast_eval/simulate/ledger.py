"""What moved and what it was worth, by series and period."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .books import AT_ORDER, Books, moved, scored_of, weights
from .system import Conventions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..economics import Economics
    from .play import Flows

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COLUMNS = ("demand", "ordered", "received", "sold", "lost", "wasted", "on_hand", "revenue", "cost", "profit")
PRICES = ("price", "unit_cost", "salvage", "holding", "goodwill", "order_cost")


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Money per unit, each [series, time or 1]; see `forecast_eval.economics.Economics`.

    underage as in `Economics.unit_costs`; order_cost is per order, whatever its size.
    """

    price: Floats
    unit_cost: Floats
    salvage: Floats
    holding: Floats
    goodwill: Floats
    underage: Floats
    order_cost: Floats = field(default_factory=lambda: np.zeros((1, 1)))

    @classmethod
    def of(cls, economics: Economics, unique_ids: NDArray[np.object_], dates: pd.DatetimeIndex) -> Prices:
        """Prices of the series on the dates."""
        fields = {name: economics.field(name, unique_ids, dates) for name in PRICES}
        return cls(**fields, underage=np.asarray(economics.unit_costs(unique_ids, dates).underage))


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """One play: the flows of units, their money, and which cutoff's order governs each period.

    dates : [time].
    governing : [series, time] position of the cutoff whose order is the last that could serve the period, -1 where none
        could (start-up) or none could any more (run-out), and, once the ledger is made, in the warm-up of
        `conventions`. Only governed periods are scored.
    demand : [series, time] units.
    flows : of one course of demand, or means over many: money is linear in them, so that both give the right mean.
    lead_time : [series] periods from an order to the first that it governs. Orders and their cost then stand in that
        period, beside what the order brought; None leaves them where they were placed.
    review_period : [series] periods between orders, where several may follow one cutoff; None is one order a cutoff.

    By default money is booked when goods are sold or written off, so that stock carried over costs its holding only:
    profit = price * sold - unit_cost * sold - (unit_cost - salvage) * wasted - holding * on_hand
    - order_cost * lines - goodwill * lost. `Books` has the formula of each part and what `Conventions` change.
    For one period without carry-over, profit(perfect order) - profit(order) is the newsvendor loss at
    `Economics.unit_costs`.
    """

    unique_ids: NDArray[np.object_]
    dates: pd.DatetimeIndex
    governing: Ints
    demand: Floats
    flows: Flows
    prices: Prices
    conventions: Conventions = field(default_factory=Conventions)
    lead_time: Ints | None = None
    review_period: Ints | None = None

    def __post_init__(self) -> None:
        """Take the warm-up out of what is governed."""
        if self.conventions.warm_up:
            scored = scored_of(self.governing, self.conventions)
            object.__setattr__(self, "governing", np.where(scored, self.governing, -1))

    @property
    def scored(self) -> NDArray[np.bool_]:
        """[series, time] periods whose money counts."""
        return self.governing >= 0

    @property
    def books(self) -> Books:
        """How its flows become money."""
        return Books(self.prices, self.scored, self.conventions)

    @property
    def weights(self) -> dict[str, Floats]:
        """Money per unit of each flow, 0 where it does not count; see `weights` of the module books."""
        return weights(self.prices, self.governing, self.conventions, lead_time=self.lead_time)

    @property
    def revenue(self) -> Floats:
        """Price times units sold [series, time], currency."""
        return self.part("revenue")

    @property
    def cost(self) -> Floats:
        """All that is not revenue [series, time], currency."""
        return self.revenue - self.profit

    @property
    def profit(self) -> Floats:
        """Revenue minus every cost [series, time], currency, in periods that do not count too."""
        return self._money(self.books.total())

    def part(self, name: str) -> Floats:
        """One part of the profit [series, time], currency: "revenue", or a cost above 0; see `Books`."""
        money = self._money(self.books.part(name))
        return money if name == "revenue" else -money

    def flow(self, name: str) -> Floats:
        """Units of a flow [series, time], those of orders where their money is booked."""
        units: Floats = getattr(self.flows, name)
        return moved(units, self.lead_time) if name in AT_ORDER and self.lead_time is not None else units

    def by_cutoff(self, values: Floats, cutoffs: int) -> Floats:
        """Sum of [series, time] values over the periods that each cutoff governs: [series, cutoff]."""
        series = len(self.unique_ids)
        codes = (np.arange(series)[:, None] * cutoffs + self.governing)[self.scored]
        full = np.broadcast_to(values, self.governing.shape)
        sums = np.bincount(codes, full[self.scored], minlength=series * cutoffs)
        return np.asarray(sums, dtype=np.float64).reshape(series, cutoffs)

    def frame(self, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
        """Long frame of the contract without model and policy: cutoff, unique_id, ds and the columns of a ledger.

        cutoff is missing (NaT) in start-up, warm-up and run-out, which are shown but not judged.
        """
        f = self.flows
        values = (
            self.demand, f.ordered, f.received, f.sold, f.lost, f.wasted, f.on_hand,
            self.revenue, self.cost, self.profit,
        )  # fmt: skip
        named = cutoffs.append(pd.DatetimeIndex([pd.NaT]))  # position -1 is the last one
        keys = {
            "cutoff": named[self.governing.ravel()],
            "unique_id": np.repeat(self.unique_ids, len(self.dates)),
            "ds": np.tile(self.dates.to_numpy(), len(self.unique_ids)),
        }
        return pd.DataFrame(keys | {name: v.ravel() for name, v in zip(COLUMNS, values, strict=True)})

    def _money(self, part: Mapping[str, Floats]) -> Floats:
        total = np.zeros(self.governing.shape)
        for flow, weight in part.items():
            total += weight * self.flow(flow)
        return total
