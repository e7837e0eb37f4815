"""Play orders against demand: one course exactly, or many courses block by block."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losses.costs import refuse

from .blocks import block_of, layout, rules_of
from .draws import courses
from .kernel import run
from .orders import Rule, only
from .state import FLOWS, Table
from .stepwise import decide_all
from .system import KEEPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from .draws import Draw
    from .orders import Decide, Orders
    from .system import InventorySystem

    Floats = NDArray[np.float64]
    Reals = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Flows:
    """Units that moved, each [series, time]; of many courses of demand the means.

    ordered : wanted of the supplier; lines : orders placed, 0 or 1.
    received, sold, wasted : as the words say; lost : demand that was not met and does not wait.
    on_hand : left at the end of a period, after expiry.
    short : 1 where some demand of the period was not met at once; short_cycles : 1 in the last period of an order cycle
        (from one possible arrival to the next) that had such a period, where cycles are longer than one period.
    owed : units of customers who wait at the end of a period.
    substituted : sold to customers of a neighbour; switched : own customers who bought a neighbour.

    Always: start + received = sold + wasted + on_hand, and
    demand + owed before + substituted = sold + lost + switched + owed.
    """

    ordered: Floats
    lines: Floats
    received: Floats
    sold: Floats
    lost: Floats
    wasted: Floats
    on_hand: Floats
    short: Floats
    short_cycles: Floats
    owed: Floats
    substituted: Floats
    switched: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What a play comes to over many courses of demand.

    flows : means over the courses, float32.
    money : [scenario, series] of each course, currency; of no series if no weights were given.
    """

    flows: Flows
    money: NDArray[np.float32]


def play(system: InventorySystem, demand: Floats, orders: Orders | Rule | Decide) -> Flows:
    """Play one course of demand, in double precision.

    demand : [series, time] units, none missing.
    orders : what is decided in which period; a lone rule or decision is that of every review period of each series.

    Events of a period: receive, order, demand, sell, expire and age, count; `Conventions` of the system name the
    departures. Everything else is that of `Supply`, `Truck` and `Substitution`.

    >>> from forecast_eval.simulate import Start, Supply, InventorySystem
    >>> system = InventorySystem(Supply.plain(1, lead_time=1), Start(np.array([3.0]), np.zeros((1, 0))))
    >>> flows = play(system, np.array([[2.0, 4.0, 1.0]]), Rule(np.array([5.0])))
    >>> flows.ordered, flows.lost
    (array([[2., 2., 3.]]), array([[0., 1., 0.]]))
    """
    refuse("demand", demand, ~np.isnan(demand), "known [units]", "Leave series out that lack some")
    time = demand.shape[1]
    decided = in_periods(system, orders, time)
    made = courses(demand[None], dtype=np.float64)
    return _played(system, made, [decided], _Count({}, np.arange(time), 1))[0].flows


def expect(
    system: InventorySystem,
    demand: Draw,
    plays: Sequence[Orders | Rule | Decide],
    *,
    weights: Mapping[str, Floats] | None = None,
    bins: NDArray[np.int64] | None = None,
    threads: int = 1,
) -> tuple[Expected, ...]:
    """Play several orders against the same courses of demand, in single precision, and keep means and money.

    demand : what the courses are drawn from, see `Scenarios`; each course is drawn once and met by all plays.
    weights : money per unit of a flow by its name, [series, time] or [series, 1]; see `Ledger.weights`.
    bins : [period] the bin, from 0, that each period's flows are added up in: weeks of days, or all zeros for the
        total, which is faster than every period by itself. None keeps every period.
    threads : blocks of series are played side by side; the result does not depend on it.

    Memory: 48 bytes a play, series and bin, and 4 a play, series and scenario where money is asked for.
    """
    decided = [in_periods(system, orders, demand.periods) for orders in plays]
    bins = np.arange(demand.periods) if bins is None else bins
    if bins.shape != (demand.periods,) or (bins < 0).any():
        raise ValueError(f"bins have the shape {bins.shape}; give one from 0 on for each of {demand.periods} periods")
    return _played(system, demand, decided, _Count(weights or {}, bins, threads))


@dataclass(frozen=True, slots=True, eq=False)
class _Count:
    """What is counted of the courses, and by how many threads."""

    weights: Mapping[str, Floats]
    bins: NDArray[np.int64]
    threads: int


def in_periods(system: InventorySystem, orders: Orders | Rule | Decide, time: int) -> Orders:
    """Orders by period; a lone rule or decision holds in the review periods of each series, from period 0 on."""
    from collections.abc import Mapping as Periods

    if isinstance(orders, Periods):
        return orders
    review = system.supply.review_period
    every = range(time) if (review == 1).all() else [t for t in range(time) if (t % review == 0).any()]
    return {t: only(t % review == 0, orders) for t in every}


def _played(system: InventorySystem, made: Draw, plays: Sequence[Orders], counted: _Count) -> tuple[Expected, ...]:
    if len(made.shift) != len(system.supply):
        raise ValueError(f"demand is of {len(made.shift)} series, and the system of {len(system.supply)}")
    (order, blocks), dtype, scenarios = layout(system), made.dtype, made.scenarios
    table = _table(system, order, (len(plays), scenarios), counted, dtype)
    ruled = {p: o for p, o in enumerate(plays) if all(isinstance(rule, Rule) for rule in o.values())}
    draws = made.rows(order)
    if ruled:
        rules = rules_of(ruled, made.periods, order, dtype)

        def one(part: slice) -> None:
            run(block_of(system, order[part], dtype), draws, rules, table, part.start)

        with ThreadPoolExecutor(counted.threads) as pool:
            list(pool.map(one, blocks))
    for p in set(range(len(plays))) - set(ruled):
        decide_all(system, plays[p], draws, (table, order), p)
    if scenarios > 1:
        for flow in range(len(FLOWS)):  # what never moved is not even in memory
            if _moves(system, FLOWS[flow]):
                table.flows[:, flow] /= scenarios
    return tuple(_expected(table, p, order) for p in range(len(plays)))


def _table(
    system: InventorySystem,
    order: NDArray[np.int64],
    size: tuple[int, int],
    counted: _Count,
    dtype: Any,  # noqa: ANN401
) -> Table:
    """Where all is counted, the series in the order of the blocks; size is the number of plays and of scenarios."""
    weight, slot = _weights(counted.weights, order, dtype)
    plays, scenarios = size
    paid = (plays, scenarios, len(order)) if counted.weights else (plays, 1, 0)
    return Table(
        scenarios=scenarios,
        start=system.start.on_hand[order].astype(dtype),
        due=np.ascontiguousarray(system.start.in_transit[order].T, dtype=dtype),
        flows=np.zeros((plays, len(FLOWS), int(counted.bins.max(initial=-1)) + 1, len(order)), dtype),
        bins=counted.bins.astype(np.int32),
        money=np.zeros(paid, dtype),
        weights=weight,
        slot=slot,
    )


def _moves(system: InventorySystem, flow: str) -> bool:
    """Whether there can be any of a flow in a system."""
    return {
        "wasted": bool((system.supply.shelf_life > KEEPS).any()),
        "short_cycles": bool((system.supply.review_period > 1).any()),
        "owed": system.conventions.backordered > 0,
        "substituted": system.substitution is not None,
        "switched": system.substitution is not None,
    }.get(flow, True)


def _expected(table: Table, play: int, order: NDArray[np.int64]) -> Expected:
    """Results of a play, with the series where they were."""
    flows, money = table.flows[play], table.money[play]
    if (order[1:] < order[:-1]).any():
        back = np.argsort(order)
        flows = flows[..., back]
        money = money[:, back] if money.size else money
    return Expected(Flows(*(part.T for part in flows)), money)


def _weights(weights: Mapping[str, Floats], order: NDArray[np.int64], dtype: Any) -> tuple[Reals, NDArray[np.int32]]:  # noqa: ANN401
    """Weights of the flows that have some [weighted flow, period or 1, series], and the place of each flow."""
    unknown = sorted(set(weights) - set(FLOWS))
    if unknown:
        raise ValueError(f"weights of {', '.join(unknown)}: no such flows; there are {', '.join(FLOWS)}")
    given = [name for name in FLOWS if name in weights and np.any(weights[name])]
    slot = np.array([given.index(name) if name in given else -1 for name in FLOWS], dtype=np.int32)
    if not given:
        return np.zeros((0, 1, 0), dtype), slot
    time = max(weights[name].shape[1] for name in given)
    full = [np.broadcast_to(weights[name][order].T, (time, len(order))) for name in given]
    return np.ascontiguousarray(np.stack(full), dtype=dtype), slot
