"""Play models and policies over the same demand, cutoff by cutoff: from forecasts to ledgers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.windows import position_in

from .foresight import perfect_orders
from .ledger import Ledger, Prices
from .orders import only
from .play import play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from backtest import Window

    from .market import Market
    from .orders import Decide, Orders, Rule
    from .outlook import Outlooks
    from .policies import Policy
    from .system import Start

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """A stretch of cutoffs that is played from one state, the same for every model.

    cutoffs : positions of the windows whose orders are played.
    series : positions of the series that have demand over the whole stretch.
    times : positions in the calendar, from the period after the first order to the end of the run-out.
    governing : [series, time] position within `cutoffs` of the order that governs, -1 where none does.
    start : stock on hand and in transit, for all series of the market.
    """

    cutoffs: tuple[int, ...]
    series: Ints
    times: Ints
    governing: Ints
    start: Start


def board(
    market: Market, windows: Sequence[Window], cutoffs: Sequence[int], start: Start, playable: NDArray[np.bool_]
) -> Board:
    """Lay out the play of some cutoffs.

    The orders of a cutoff govern the periods from the arrival of the first to that of the next cutoff's. Periods
    before the first arrival are the same for every model, and after the last order's periods nothing is ordered any
    more: neither is judged.

    playable : [series] whether every model has forecasts.
    """
    lead, step = market.lead_time, market.step
    first = position_in(market.calendar, windows[cutoffs[0]].ordered_at) + 1
    end = min(first + len(cutoffs) * step + int(lead.max()), len(market.calendar))
    times = np.arange(first, end)
    behind = (times - first)[None, :] - lead[:, None]  # periods since the first order's arrival [series, time]
    apart = np.maximum(market.review_period, step)[:, None]  # periods between two cutoffs that a series orders at
    governing = np.where((behind >= 0) & (behind < step * len(cutoffs)), behind // apart * (apart // step), -1)
    known = ~np.isnan(market.demand[:, times]).any(axis=1) & playable
    series = np.flatnonzero(known)
    return Board(tuple(cutoffs), series, times, governing[series], start)


def play_board(market: Market, layout: Board, outlook: Outlooks, policies: Sequence[Policy]) -> dict[Policy, Ledger]:
    """Play one model's outlooks under each policy setting."""
    orders = board_orders(market, layout, outlook, policies)
    return {policy: play_orders(market, layout, decided) for policy, decided in orders.items()}


def board_orders(market: Market, layout: Board, outlook: Outlooks, policies: Sequence[Policy]) -> dict[Policy, Orders]:
    """What each policy setting decides on one model's outlooks: it does not depend on the demand that comes."""
    orders: dict[Policy, dict[int, Rule | Decide]] = {policy: {} for policy in policies}
    for n, k in enumerate(layout.cutoffs):
        for offset, seen in outlook.at(k, layout.series):
            due = market.reviewed(n, offset)[layout.series]
            for policy in policies if due.any() else ():
                orders[policy][n * market.step + offset] = only(due, policy.rule(seen))
    return dict(orders)


def perfect_board(market: Market, layout: Board) -> Ledger:
    """Play perfect foresight: what a planner would order who knew all demand, from the same start; see `foresight`."""
    decide = perfect_orders(market, layout.series, layout.times)
    orders: dict[int, Rule | Decide] = {
        n * market.step + offset: only(market.reviewed(n, offset)[layout.series], decide)
        for n in range(len(layout.cutoffs))
        for offset in market.offsets
    }
    return play_orders(market, layout, orders)


def play_orders(market: Market, layout: Board, orders: Orders) -> Ledger:
    """Play orders against the demand of the market."""
    rows, dates = layout.series, market.calendar[layout.times]
    ids, demand = market.unique_ids[rows], market.demand[np.ix_(rows, layout.times)]
    flows = play(market.system(rows, layout.start.rows(rows)), demand, orders)
    prices = Prices.of(market.economics, ids, dates)
    return Ledger(
        ids,
        dates,
        layout.governing,
        demand,
        flows,
        prices,
        market.conventions,
        market.lead_time[rows],
        market.review_period[rows],
    )
