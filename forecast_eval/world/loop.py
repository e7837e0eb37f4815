"""The market as a closed loop, week by week over all series at once: what is stocked decides what is sold and learned.

Events of a week: deliveries come, planners order, customers come, buy, substitute or leave, units vanish and expire,
stock is counted here and there, and the week is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import betaincinv

from backtest.faults import Fault, InputError, nearest, refuse

from .chance import rounded
from .customers import loyalty_after, substitutes, who_comes
from .incumbent import whole_packs
from .planner import Recorded
from .records import Records, read_only
from .shelf import Lots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .planner import Planner
    from .world import World

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STOCKTAKE = 13
"""Weeks between two counts of a series; each week another part of them is counted."""


@dataclass(slots=True, eq=False)
class State:
    """Where a market stands before a week; `play` changes it.

    week : weeks that are over.
    shelf, book : stock as it is, and as the system believes that it is.
    due : [series, week] units by the week in which they are promised. overdue : [series] units that did not come.
    loyalty : [series] share of the customers who still come.
    records : the weeks that are over, and room for those to come.
    """

    world: World
    week: int
    shelf: Lots
    book: Lots
    due: Ints
    overdue: Ints
    loyalty: Floats
    records: Records

    @classmethod
    def opening(cls, world: World) -> State:
        """Before the first week: shelves are empty, and what the incumbent would have ordered is on its way."""
        series, weeks = world.chance.customers.shape
        first = world.incumbent.first_deliveries(world.before)
        due = np.zeros((series, weeks + first.shape[1] + 1), dtype=np.int64, order="F")
        due[:, : first.shape[1]] = first
        life = world.terms["shelf_life"].to_numpy(dtype=float)
        return cls(world, 0, Lots.empty(life), Lots.empty(life), due, np.zeros(series, dtype=np.int64),
                   np.ones(series), Records.blank(series, weeks))  # fmt: skip

    def fork(self) -> State:
        """Give a state that goes its own way from here; draws are shared, so both meet the same customers."""
        return replace(
            self, shelf=self.shelf.copy(), book=self.book.copy(), due=self.due.copy(order="F"),
            overdue=self.overdue.copy(), loyalty=self.loyalty.copy(), records=self.records.copy(),
        )  # fmt: skip

    def seen(self) -> Recorded:
        """What the retailer sees when it orders: all records, and the stock with the week's deliveries in it."""
        world, week, book = self.world, self.week, self.book.copy()
        coming, late = self.coming()
        book.receive(coming)
        in_transit = self.due[:, week + 1 : week + 1 + int(world.lead_time.max())].copy()
        in_transit[:, 0] += late
        return Recorded(
            week=week, dates=world.dates, static=world.static.drop(columns="kind"), terms=world.terms,
            before=read_only(world.before), sold=read_only(self.records.recorded[:, :week]),
            in_stock=read_only(self.records.in_stock[:, :week]), by_life=read_only(book.units),
            in_transit=read_only(in_transit), discount=read_only(world.discount),
        )  # fmt: skip

    def coming(self) -> tuple[Ints, Ints]:
        """Units that come this week, and those promised for it that come a week later, [series] each."""
        promised, late = self.due[:, self.week], np.zeros(len(self.overdue), dtype=bool)
        if self.week < self.world.spec.weeks:
            late = self.world.chance.late[:, self.week]
        return self.overdue + np.where(late, 0, promised), np.where(late, promised, 0)


def play(state: State, planners: Mapping[str, Planner], arm_of_store: NDArray[np.object_], weeks: int) -> Records:
    """Let `weeks` weeks pass; the state moves on with them. Gives all records so far, [series, week].

    planners : by arm; of each one's orders those of its own stores are taken.
    arm_of_store : [store] name of its arm.

    Raises InputError for a store without a planner, weeks beyond the market's last, or orders that are none.
    """
    _check(state, planners, arm_of_store, weeks)
    arm_of_series = np.repeat(arm_of_store, len(state.world.discount))
    for _ in range(weeks):
        _step(state, planners, arm_of_series)
    return state.records.until(state.week)


def _step(state: State, planners: Mapping[str, Planner], arm_of_series: NDArray[np.object_]) -> None:
    ordered = _order(state, planners, arm_of_series)
    received = _receive(state)
    sales = _sell(state)
    recorded = _keep_books(state, sales)
    left = _end_week(state)
    state.records.note(state.week, {"received": received, "ordered": ordered, **sales, **recorded, **left})
    state.week += 1


def _check(state: State, planners: Mapping[str, Planner], arm_of_store: NDArray[np.object_], weeks: int) -> None:
    stores, left = state.world.spec.stores, state.world.spec.weeks - state.week
    faults = [Fault("no-planner", f"arm {arm!r} has no planner", "planners", nearest(str(arm), planners))
              for arm in sorted(set(arm_of_store) - set(planners))]  # fmt: skip
    if len(arm_of_store) != stores:
        what = f"there are {len(arm_of_store)} arms for {stores} stores"
        faults.append(Fault("no-arm", what, "arm_of_store", "give each store its arm"))
    if not 0 <= weeks <= left:
        what = f"weeks={weeks} must be between 0 and the {left} weeks that are left"
        faults.append(Fault("no-weeks", what, "weeks", "draw a world with more weeks"))
    refuse(faults)


def _receive(state: State) -> Ints:
    """Put on the shelf what comes this week, overdue units too; [series] units."""
    coming, state.overdue = state.coming()
    for stock in (state.shelf, state.book):
        stock.receive(coming)
    return coming


def _order(state: State, planners: Mapping[str, Planner], arm_of_series: NDArray[np.object_]) -> Ints:
    """Ask the planner of each arm, and put its stores' orders on their way; [series] units."""
    world, ordered = state.world, np.zeros(len(arm_of_series), dtype=np.int64)
    seen = state.seen()
    for arm, planner in planners.items():
        mine = arm_of_series == arm
        if mine.any():
            asked = _checked(planner.orders(seen), arm, len(mine))
            ordered[mine] = whole_packs(asked, world.pack_size, world.min_order)[mine]
    state.due[np.arange(len(ordered)), state.week + world.lead_time] += ordered
    return ordered


def _checked(orders: Ints, arm: str, series: int) -> Floats:
    asked = np.asarray(orders, dtype=float)
    good = asked.shape == (series,) and bool((np.isfinite(asked) & (asked >= 0) & (asked == np.floor(asked))).all())
    if not good:
        what = f"orders of shape {asked.shape} must be {series} whole numbers >= 0"
        raise InputError([Fault("no-orders", what, f"planner of arm {arm!r}", "give units, one number a series")])
    return asked


def _sell(state: State) -> dict[str, Ints]:
    """Serve the customers of a week from the shelf; [series] units by name."""
    world, chance, week = state.world, state.world.chance, state.week
    wanted = who_comes(chance.customers[:, week], state.loyalty, chance.staying[:, week])
    own = state.shelf.issue(wanted)
    lost, taken = wanted - own, np.zeros_like(own)
    if world.spec.substitution_share > 0:
        seekers = rounded(world.spec.substitution_share * lost, chance.seeking[:, week])
        taken, served = substitutes(world.shelves, seekers, state.shelf.total)
        state.shelf.issue(taken)
        lost = lost - served
    if world.spec.loyalty_share > 0:
        state.loyalty = loyalty_after(state.loyalty, wanted, lost, world.spec.loyalty_share)
    return {"wanted": wanted, "sold": own + taken, "substitutes": taken, "lost": lost}


def _keep_books(state: State, sales: dict[str, Ints]) -> dict[str, NDArray[Any]]:
    """Record sales, with the tills' errors, and when shelves were empty, as far as the books show it."""
    world, chance, week = state.world, state.world.chance, state.week
    misread = rounded(world.spec.misscan_share * sales["sold"], chance.misscan[:, week])
    recorded = sales["sold"] - misread
    recorded[world.neighbour] += misread
    state.book.issue(recorded)
    share = _share_in_stock(sales["sold"] - sales["substitutes"], sales["wanted"], chance.moment[:, week])
    return {"recorded": recorded, "in_stock": np.where(state.book.total == 0, share, 1.0)}


def _end_week(state: State) -> dict[str, Ints]:
    """Let stock vanish and expire, and count some of it; [series] units by name."""
    world, week = state.world, state.week
    gone = rounded(world.spec.vanish_share * state.shelf.total, world.chance.vanishing[:, week])
    vanished, wasted = state.shelf.issue(gone), state.shelf.age()
    state.book.age()
    _count(state)
    return {"vanished": vanished, "wasted": wasted, "on_hand": state.shelf.total, "book": state.book.total}


def _count(state: State) -> None:
    """Set the books of the week's part of the series to what is counted there."""
    counted = np.arange(state.week % STOCKTAKE, len(state.loyalty), STOCKTAKE)
    state.book.units[counted] = state.shelf.units[counted]
    wrong = np.zeros(len(state.loyalty))
    wrong[counted] = state.world.chance.miscount[counted, state.week] * state.shelf.total[counted]
    state.book.receive((np.sign(wrong) * np.ceil(np.abs(wrong))).astype(np.int64))


def _share_in_stock(sold: Ints, wanted: Ints, moment: Floats) -> Floats:
    """Share of the week until the last unit was sold, [series]; 1 where no demand was lost.

    sold : units without substitutes. moment : uniform draws. Of n customers who come evenly over the week, number s
        comes at a time that is Beta(s, n - s + 1). The share s / n itself would give the hidden demand away as
        sales / in_stock.
    """
    share = np.ones(wanted.shape)
    share[sold < wanted] = 0.0
    early = (sold > 0) & (sold < wanted)
    share[early] = betaincinv(sold[early], wanted[early] - sold[early] + 1, moment[early])
    return share
