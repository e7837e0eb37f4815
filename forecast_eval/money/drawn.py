"""Money over many courses of demand that are drawn from a forecast, beside the one course that happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import Fault
from backtest.faults import nearest, refuse
from backtest.windows import position_in

from ..simulate import Ledger, Prices, Sampling, expect
from ..simulate.books import weights
from ..simulate.orders import only
from ..simulate.sums import cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..simulate import Conventions, Flows, InventorySystem, Market, Orders, Outlooks, Policy
    from .asked import Drawn, Floats, Ints
    from .comparison import Comparison

DRAWN_COLUMNS = (
    "model", "profit", "profit_low", "profit_high", "difference", "low", "high", "share_won", "fill_rate",
)  # fmt: skip
MIDDLE = (0.05, 0.95)
"""Between which shares of the courses low and high lie."""


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """The orders of one cutoff, played by themselves to the end of the periods that they are for.

    cutoff : position of the cutoff among the windows; turn : among the judged ones.
    rows : series that are played.
    """

    market: Market
    cutoff: int
    turn: int
    rows: Ints
    dates: pd.DatetimeIndex
    prices: Prices

    @classmethod
    def of(cls, compare: Comparison, source: Outlooks, turn: int, rows: Ints) -> Round:
        """Round of one of the judged cutoffs."""
        market, cutoff = compare.market, compare.judged.cutoffs[turn]
        first = position_in(market.calendar, source.windows[cutoff].ordered_at) + 1
        dates = market.calendar[first : first + market.reach]
        return cls(market, cutoff, turn, rows, dates, Prices.of(market.economics, market.unique_ids[rows], dates))

    @property
    def governing(self) -> Ints:
        """[series, time] 0 where the orders govern, -1 elsewhere, and throughout for series not reviewed this time."""
        market = self.market
        lead = market.lead_time[self.rows, None]
        apart = np.where(market.reviewed(self.turn, 0), np.maximum(market.review_period, market.step), 0)
        behind = np.arange(market.reach) - lead
        return np.where((behind >= 0) & (behind < apart[self.rows, None]), 0, -1)

    @property
    def conventions(self) -> Conventions:
        """Those of the market without a warm-up: every round starts anew, and judges no period before its orders."""
        return replace(self.market.conventions, warm_up=0)

    def system(self, cover: float | None) -> InventorySystem:
        """Inventory system with stock for recent mean sales."""
        first = position_in(self.market.calendar, self.dates[0])
        return self.market.system(self.rows, self.market.covered_start(first, cover).rows(self.rows))

    def orders(self, view: Outlooks, policy: Policy) -> Orders:
        """What a model orders."""
        return {
            offset: only(self.market.reviewed(self.turn, offset)[self.rows], policy.rule(outlook))
            for offset, outlook in view.at(self.cutoff, self.rows)
        }

    @property
    def weights(self) -> Mapping[str, Floats]:
        """Money per unit of each flow in the periods that the orders govern."""
        return weights(self.prices, self.governing, self.conventions, lead_time=self.market.lead_time[self.rows])

    def ledger(self, flows: Flows, demand: Floats) -> Ledger:
        """Books of a course of demand [series, time], or of the means of many."""
        ids, lead = self.market.unique_ids[self.rows], self.market.lead_time[self.rows]
        return Ledger(ids, self.dates, self.governing, demand, flows, self.prices, self.conventions, lead)


def drawn(
    compare: Comparison, views: Mapping[str, Outlooks], chosen: Mapping[str, Policy], asked: Drawn
) -> pd.DataFrame:
    """Profit of each model over courses of demand drawn from the forecasts of `asked.model`.

    Each judged cutoff is played by itself, from stock for recent mean sales, and its orders are judged on the periods
    that they govern. All models meet the same courses, so that differences are paired course by course. A series is
    left out where the forecasts that are drawn from lack a value of it at a judged cutoff.

    Returns
    -------
    model; profit (mean over the courses), profit_low, profit_high; difference to the incumbent (mean), low, high;
    share_won (of the courses, in which it earns more than the incumbent); fill_rate (demand met at once / demand, over
    all courses). Money is per week, low and high are 5 % and 95 % of the courses. The most profit comes first.

    Raises InputError where the model was not played, or no course can be drawn from its forecasts.
    """
    rows = _drawable(compare, views, asked)
    money = np.zeros((len(views), asked.paths))
    units = np.zeros((len(views), 2))  # wanted, and of them not met at once
    periods = 0.0
    for turn in range(len(compare.judged.cutoffs)):
        one = Round.of(compare, views[asked.model], turn, rows)
        earned, moved = _played(one, views, chosen, asked)
        money, units = money + earned, units + moved
        periods += float((one.governing >= 0).sum(axis=1).mean())
    weekly = money / (periods / (compare.market.step * compare.versus.per_week))
    fill = 1 - np.divide(units[:, 1], units[:, 0], out=np.full(len(units), np.nan), where=units[:, 0] > 0)
    return _table(dict(zip(views, weekly, strict=True)), fill, compare.versus.incumbent)


def _drawable(compare: Comparison, views: Mapping[str, Outlooks], asked: Drawn) -> Ints:
    """Series that courses can be drawn for at every judged cutoff."""
    place, layout = "simulate.drawn.model", compare.judged
    refuse([Fault("unknown-model", f"{asked.model!r} was not played", place, nearest(asked.model, views))]
           if asked.model not in views else [])  # fmt: skip
    source = views[asked.model]
    complete = np.all([source.draws(k)[layout.series] for k in layout.cutoffs], axis=0)
    refuse([Fault("nothing-to-draw", f"the forecasts of {asked.model!r} lack a value of every series", place,
                  "name another forecaster")] if not complete.any() else [])  # fmt: skip
    return layout.series[complete]


def _played(
    one: Round, views: Mapping[str, Outlooks], chosen: Mapping[str, Policy], asked: Drawn
) -> tuple[Floats, Floats]:
    """Money [model, course] of a round, and units [model] wanted and not met at once, means over the courses."""
    source = views[asked.model]
    sampling = Sampling(asked.paths, source.sampling.tails, together=asked.together)
    made = source.draw(one.cutoff, one.rows, sampling, one.market.reach)
    orders = [one.orders(view, chosen[model]) for model, view in views.items()]
    system = one.system(asked.cover)
    plays = expect(system, made.single(), orders, weights=one.weights, threads=asked.threads)
    money = np.array([play.money.sum(axis=1, dtype=float) for play in plays])
    return money, np.array([_units(one.ledger(play.flows, _demand(play.flows))) for play in plays])


def _units(ledger: Ledger) -> tuple[float, float]:
    """Units that were wanted in the judged periods, and those of them that were not met at once."""
    wanted, missed = (cells(ledger, name)[ledger.scored].sum(dtype=float) for name in ("demand", "not_at_once"))
    return float(wanted), float(missed)


def _demand(flows: Flows) -> Floats:
    """Demand [series, time] by what became of it."""
    before = np.pad(flows.owed[:, :-1], ((0, 0), (1, 0)))
    return np.asarray(flows.sold - flows.substituted + flows.lost + flows.switched + flows.owed - before)


def _table(weekly: Mapping[str, Floats], fill: Floats, incumbent: str) -> pd.DataFrame:
    """One row a model, from its money [course] a week."""
    rows = [
        (model, own.mean(), *np.quantile(own, MIDDLE), gap.mean(), *np.quantile(gap, MIDDLE), (gap > 0).mean())
        for model, own in weekly.items() for gap in (own - weekly[incumbent],)
    ]  # fmt: skip
    table = pd.DataFrame([(*row, share) for row, share in zip(rows, fill, strict=True)], columns=list(DRAWN_COLUMNS))
    return table.sort_values("profit", ascending=False, kind="stable").reset_index(drop=True)
