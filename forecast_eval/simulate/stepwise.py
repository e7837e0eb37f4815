"""Play decisions of Python functions: period by period, each seeing what is legally visible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .blocks import block_of, rules_of
from .draws import draw
from .kernel import count, fit, follow, place, receive, reset, serve
from .orders import Rule, View
from .state import FLOWS, ORDER, OWES, RECEIVE, SHORT, SOLD, STOCK, WANTED, Tally

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .draws import Draw
    from .orders import Orders
    from .state import Block, Table
    from .system import InventorySystem


def decide_all(
    system: InventorySystem,
    orders: Orders,
    made: Draw,
    table: tuple[Table, NDArray[np.int64]],
    play: int,
) -> None:
    """Play one play whose orders are decided in Python; all series are one block.

    table : where the flows go, and the order of its series.
    """
    _Stepwise(system, orders, made, *table).play(play)


class _Stepwise:
    """One play, course by course."""

    def __init__(
        self, system: InventorySystem, orders: Orders, made: Draw, table: Table, order: NDArray[np.int64]
    ) -> None:
        self.table, self.made, self.order, self.orders = table, made, order, orders
        dtype, time = table.start.dtype, len(table.bins)
        self.block: Block = block_of(system, order, dtype)
        self.rules = rules_of({0: orders}, time, order, dtype)
        self.back = np.argsort(order)  # policies see the series where their owner has them
        self.every = np.arange(time, dtype=np.int32)
        self.supply = system.planned

    def play(self, play: int) -> None:
        table = self.table
        for s in range(table.scenarios):
            demand = np.empty((len(table.bins), len(self.order)), table.start.dtype)
            draw(self.made, s, 0, demand)
            money = table.money[play, s if table.weights.shape[0] else 0]
            own = np.zeros((len(FLOWS), *demand.shape), demand.dtype)  # a policy sees the sales of its own course only
            tally = Tally(own, self.every, money, table.weights, table.slot, 0)
            reset(self.block, table.start, table.due, 0)
            for t in range(len(demand)):
                self._period(t, s, demand[t], tally)
            for t, row in enumerate(table.bins):
                table.flows[play, :, row] += own[:, t]

    def _period(self, t: int, scenario: int, demand: NDArray[np.float64], tally: Tally) -> None:
        for event in self.block.events:
            if event == RECEIVE:
                receive(t, self.block, tally)
            elif event == ORDER:
                self._order(t, scenario, tally)
            else:
                serve(t, demand, self.block, tally)
        count(t, self.block, tally)

    def _order(self, t: int, scenario: int, tally: Tally) -> None:
        decision = self.orders.get(t)
        if decision is None:
            return
        if isinstance(decision, Rule):
            follow(t, self.block, self.rules, 0, 0)
        else:
            wanted = np.asarray(decision(self._view(t, tally)), dtype=float)
            if wanted.shape != (len(self.order),):
                raise ValueError(f"a decision gave quantities of shape {wanted.shape}; [{len(self.order)}] series ask")
            self.block.state[WANTED] = np.maximum(np.nan_to_num(wanted), 0.0)[self.order]
        fit(self.block)
        place(t, scenario, self.block, tally)

    def _view(self, t: int, tally: Tally) -> View:
        block, how, back = self.block, self.block.how, self.back
        life, depth = block.ages.shape[0], block.pipe.shape[0]
        over = t + 1 if how.order_after else t  # the first period that is not over
        ahead = t if how.arrive_after else t + 1  # the period whose arrivals can be sold in the next one
        ages = block.ages[(over + np.arange(life)) % max(life, 1)] if life else block.ages
        return View(
            period=t,
            on_hand=block.state[STOCK][back].astype(float),
            ages=ages.T[back].astype(float),
            due=block.pipe[(ahead + np.arange(max(depth - 1, 1))) % depth].T[back].astype(float),
            owed=block.state[OWES][back].astype(float),
            sold=tally.flows[SOLD, :over].T[back].astype(float),
            sold_out=tally.flows[SHORT, :over].T[back] > 0,
            supply=self.supply,
        )
