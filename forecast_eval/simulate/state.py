"""What the kernel works on: arrays with names, of one block of series.

Few arrays with many rows, since each array of a tuple is counted when the tuple is handed on, which costs as much as a
hundred series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Reals = NDArray[Any]  # float32 or float64
    Codes = NDArray[np.int32]

FLOWS = (
    "ordered", "lines", "received", "sold", "lost", "wasted", "on_hand", "short", "short_cycles", "owed",
    "substituted", "switched",
)  # fmt: skip
"""What moves, in the order in which the kernel counts it."""

ORDERED, LINES, RECEIVED, SOLD, LOST, WASTED, ON_HAND, SHORT, CYCLES, OWED, SUBSTITUTED, SWITCHED = range(12)

STOCK, POSITION, OWES, MISSED, WANTED, LEFT, UNMET, FLAG = range(8)
"""Rows of `Block.state`: stock, inventory position, units owed, shortages of the cycle; the rest to work in."""

LEAD, LIFE, REVIEW, TRUCK, NEIGHBOURS, IDENT = range(6)
"""Rows of `Block.codes`; IDENT is a series' own number, whatever block it is in."""

PACK, SMALLEST, ROOM, FILL, LATE, LIFO = range(6)
"""Rows of `Block.terms`; see `Supply`."""

RECEIVE, ORDER, SERVE = range(3)
"""Events of a period; the count comes last."""


class How(NamedTuple):
    """Conventions, and what the block can do without: flags are there so that simple systems pay for nothing."""

    order_after: bool
    arrive_after: bool
    waiting: bool
    backordered: Any  # share, in the type of the state
    slack: Any  # share of a pack that rounding forgives
    substituted: Any  # share of customers
    perishable: bool
    one_lead: bool
    one_life: bool
    some_lifo: bool
    some_alone: bool  # see Supply.stands_alone
    rounded: bool
    roomy: bool
    trucks: bool
    uncertain: bool  # late or cancelled orders
    neighbours: bool
    cycles: bool  # some review period is longer than one period
    seed: np.uint64


class Block(NamedTuple):
    """A block of series.

    state : [row, series]; codes, terms : [row, series].
    ages : [life, series] units by the period of their expiry, modulo the longest life of the block.
    pipe : [period, series] units in transit by the period of their arrival, modulo its length.
    trucks : [2, truck] capacity, and what is loaded.
    kinds : [2, group] of series that stand in for each other: unmet demand that switches, and stock left.
    events : of a period, in their order.
    """

    state: Reals
    ages: Reals
    pipe: Reals
    codes: Codes
    terms: Reals
    trucks: Reals
    kinds: Reals
    events: Codes
    how: How


class Rules(NamedTuple):
    """Order rules of several plays: [play, period, series], NaN in `level` where nothing is ordered.

    `lot` and `cap` have no series where no rule has them; `which` [play] says whose flows they are in the table.
    """

    which: Codes
    reorder: Reals
    level: Reals
    lot: Reals
    cap: Reals


class Tally(NamedTuple):
    """Where the flows of one play are counted; the block begins at series `a` of all.

    flows : [flow, bin, series] units, summed over scenarios; bins : [period] the bin that a period is summed in.
    money : [series] of one scenario.
    weights : [weighted flow, period or 1, series] money per unit of a flow.
    slot : [flow] place of a flow among the weighted ones, -1 where it has no money.
    """

    flows: Reals
    bins: Codes
    money: Reals
    weights: Reals
    slot: Codes
    a: int


class Table(NamedTuple):
    """All series of a play in the order of the blocks, in the precision of the state.

    start : [series] units on hand; due : [period, series] units in transit.
    flows : [play, flow, bin, series]; money : [play, scenario, series], of no series if none is asked for.
    bins, weights, slot : as in `Tally`.
    """

    scenarios: int
    start: Reals
    due: Reals
    flows: Reals
    bins: Codes
    money: Reals
    weights: Reals
    slot: Codes
