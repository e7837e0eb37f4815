"""What moved and what it was worth, by series and period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..economics import Economics
    from .kernel import Flows

    Floats = NDArray[np.float64]

COLUMNS = ("demand", "ordered", "received", "sold", "lost", "wasted", "on_hand", "revenue", "cost", "profit")


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Money per unit, each [series, time]; see `forecast_eval.economics.Economics`. underage as in `unit_costs`."""

    price: Floats
    unit_cost: Floats
    salvage: Floats
    holding: Floats
    goodwill: Floats
    underage: Floats

    @classmethod
    def of(cls, economics: Economics, unique_ids: NDArray[np.object_], dates: pd.DatetimeIndex) -> Prices:
        """Prices of the series on the dates."""
        names = ("price", "unit_cost", "salvage", "holding", "goodwill")
        fields = {name: economics.field(name, unique_ids, dates) for name in names}
        return cls(**fields, underage=np.asarray(economics.unit_costs(unique_ids, dates).underage))


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """One play: the flows of units, their money, and which cutoff's order governs each period.

    dates : [time]; governing : [series, time] position of the cutoff whose order is the last that could serve the
        period, -1 where none could (start-up) or none could any more (run-out). Only governed periods are judged.

    Money is booked when goods are sold or written off, so stock carried over costs its holding only:
    revenue = price * sold;
    cost = unit_cost * sold + (unit_cost - salvage) * wasted + holding * on_hand + goodwill * lost;
    profit = revenue - cost. For one period without carry-over, profit(perfect order) - profit(order) is the newsvendor
    loss at `Economics.unit_costs`.
    """

    unique_ids: NDArray[np.object_]
    dates: pd.DatetimeIndex
    governing: NDArray[np.int64]
    demand: Floats
    flows: Flows
    prices: Prices

    @property
    def revenue(self) -> Floats:
        """Price times units sold [series, time], currency."""
        return self.prices.price * self.flows.sold

    @property
    def cost(self) -> Floats:
        """Goods sold, write-offs, holding and goodwill [series, time], currency."""
        p, f = self.prices, self.flows
        goods = p.unit_cost * f.sold + (p.unit_cost - p.salvage) * f.wasted
        return goods + p.holding * f.on_hand + p.goodwill * f.lost

    @property
    def profit(self) -> Floats:
        """Revenue minus cost [series, time], currency."""
        return self.revenue - self.cost

    def by_cutoff(self, values: Floats, cutoffs: int) -> Floats:
        """Sum of [series, time] values over the periods that each cutoff governs: [series, cutoff]."""
        out = np.zeros((len(self.unique_ids), cutoffs + 1))
        rows = np.repeat(np.arange(len(self.unique_ids))[:, None], len(self.dates), axis=1)
        np.add.at(out, (rows, self.governing), np.where(self.governing >= 0, values, 0.0))
        return out[:, :cutoffs]

    def frame(self, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
        """Long frame of the contract without model and policy: cutoff, unique_id, ds and the columns of a ledger.

        cutoff is missing (NaT) in start-up and run-out, which are shown but not judged.
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


def kpis(ledger: Ledger, weeks: float, days_per_period: float) -> dict[str, float]:
    """Figures of a play over its judged periods, in the field's terms.

    weeks : length of the judged time; money and units are per week.
    days_per_period : days in one period.

    Returns ------- profit, revenue, gross_profit (revenue minus the cost of goods sold), lost_units, lost_sales (at
    the price), wasted_units, waste (cost minus salvage), holding_cost, shortage_cost (lost margin and goodwill),
    mismatch_cost (waste, holding and shortage: what a perfect order would save, for goods that are not sold at a
    loss), fill_rate (units sold of units wanted), cycle_service_level (share of order cycles without a lost unit),
    mean_stock (units), days_of_supply (mean stock by mean daily sales), end_stock (stock after the last judged
    period at its cost, not per week: money that is still bound, or waste to come). A ratio without a denominator is
    NaN.
    """
    judged = ledger.governing >= 0
    p, f = ledger.prices, ledger.flows

    def weekly(values: Floats) -> float:
        return float(values[judged].sum() / weeks)

    demand, sold = float(ledger.demand[judged].sum()), float(f.sold[judged].sum())
    stock = float(f.on_hand[judged].sum())
    waste, holding = weekly((p.unit_cost - p.salvage) * f.wasted), weekly(p.holding * f.on_hand)
    shortage = weekly(p.underage * f.lost)
    last = int(ledger.governing.max()) + 1
    short = ledger.by_cutoff(f.lost, last)
    cycles = ledger.by_cutoff(np.ones_like(f.lost), last) > 0
    return {
        "profit": weekly(ledger.profit),
        "revenue": weekly(ledger.revenue),
        "gross_profit": weekly(ledger.revenue - p.unit_cost * f.sold),
        "mismatch_cost": waste + holding + shortage,
        "holding_cost": holding,
        "shortage_cost": shortage,
        "waste": waste,
        "lost_sales": weekly(p.price * f.lost),
        "lost_units": weekly(f.lost),
        "wasted_units": weekly(f.wasted),
        "fill_rate": sold / demand if demand > 0 else float("nan"),
        "cycle_service_level": float((short[cycles] <= 0).mean()) if cycles.any() else float("nan"),
        "mean_stock": stock / judged.sum() * len(ledger.unique_ids) if judged.any() else float("nan"),
        "end_stock": float((p.unit_cost * f.on_hand)[_last_judged(judged)].sum()),
        "days_of_supply": stock / sold * days_per_period if sold > 0 else float("nan"),
    }


def _last_judged(judged: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the last judged period of each series [series, time]."""
    after = np.pad(judged[:, 1:], ((0, 0), (0, 1)))
    return judged & ~np.maximum.accumulate(after[:, ::-1], axis=1)[:, ::-1]
