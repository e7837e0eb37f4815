"""Cut an inventory system into blocks of series that the kernel plays one after the other."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .feasible import SLACK
from .orders import Rule
from .state import FLAG, ORDER, RECEIVE, SERVE, Block, How, Rules
from .system import KEEPS, LATEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .orders import Orders
    from .system import Conventions, InventorySystem

    Ints = NDArray[np.int64]
    Reals = NDArray[Any]

BLOCK = 2048
"""Series of a block: their state stays in the cache of a core."""


def layout(system: InventorySystem, size: int = BLOCK) -> tuple[Ints, list[slice]]:
    """Order of the series, and the blocks in that order.

    Series with the same life and lead time come together, which spares the kernel work; series that share a truck or
    stand in for each other are in one block, whatever its size.
    """
    supply, n = system.supply, len(system.supply)
    if system.truck is None and system.substitution is None:
        order = np.lexsort((np.arange(n), supply.lead_time, supply.shelf_life))
        return order, [slice(a, min(a + size, n)) for a in range(0, n, size)]
    bound = _bound_together(system)
    order = np.argsort(bound, kind="stable")
    ends = np.flatnonzero(np.diff(bound[order], append=-1)) + 1
    cuts = [0]
    for end in ends:
        if end - cuts[-1] >= size or end == n:
            cuts.append(int(end))
    return order, [slice(a, b) for a, b in pairwise(cuts)]


def _bound_together(system: InventorySystem) -> Ints:
    """Code of the series that bear on each other, by truck or substitution [series]."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    groups = [np.asarray(part.groups) for part in (system.truck, system.substitution) if part is not None]
    n = len(system.supply)
    first = np.concatenate([np.unique(g, return_index=True)[1][np.unique(g, return_inverse=True)[1]] for g in groups])
    links = coo_array((np.ones(len(first)), (np.tile(np.arange(n), len(groups)), first)), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def block_of(system: InventorySystem, members: Ints, dtype: Any) -> Block:  # noqa: ANN401 - a NumPy type
    """State and terms of some series, ready for the kernel."""
    supply, how = system.supply.rows(members), _how(system, members, dtype)
    n = len(members)
    truck, neighbours, capacity, kinds = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(0), 0
    if system.truck is not None:
        stores, truck = np.unique(system.truck.groups[members], return_inverse=True)
        capacity = system.truck.capacity[stores]
    if system.substitution is not None:
        groups, neighbours = np.unique(system.substitution.groups[members], return_inverse=True)
        kinds = len(groups)
    latest = int(supply.lead_time.max(initial=0)) + (LATEST if how.uncertain else 0) + 1
    longest = system.start.in_transit.shape[1] + int(how.arrive_after)  # a view shows all of it
    return Block(
        state=np.zeros((FLAG + 1, n), dtype),
        ages=np.zeros((int(supply.shelf_life.max(initial=0)), n), dtype),
        pipe=np.zeros((max(latest, longest), n), dtype),
        codes=np.array(
            [supply.lead_time, supply.shelf_life, supply.review_period, truck, neighbours, members], dtype=np.int32
        ),
        terms=np.array(
            [supply.pack_size, supply.min_order, supply.shelf_capacity, supply.supplier_fill, supply.late_share,
             supply.lifo_share], dtype=dtype,
        ),
        trucks=np.array([capacity, np.zeros(len(capacity))], dtype=dtype),
        kinds=np.zeros((2, kinds), dtype),
        events=_events(system.conventions),
        how=how,
    )  # fmt: skip


def _events(says: Conventions) -> NDArray[np.int32]:
    """Events of a period in their order."""
    before = [event for event, after in ((RECEIVE, says.arrival), (ORDER, says.order)) if after == "before_demand"]
    after = [event for event in (RECEIVE, ORDER) if event not in before]
    return np.array([*before, SERVE, *after], dtype=np.int32)


def _how(system: InventorySystem, members: Ints, dtype: Any) -> How:  # noqa: ANN401 - a NumPy type
    supply, says = system.supply.rows(members), system.conventions
    real = np.dtype(dtype).type
    return How(
        order_after=says.order == "after_demand",
        arrive_after=says.arrival == "after_demand",
        waiting=says.backordered > 0,
        backordered=real(says.backordered),
        slack=real(SLACK[np.dtype(dtype)]),
        substituted=real(0 if system.substitution is None else system.substitution.share),
        perishable=bool((supply.shelf_life > KEEPS).any()),
        one_lead=len(np.unique(supply.lead_time)) <= 1,
        one_life=len(np.unique(supply.shelf_life)) <= 1,
        some_lifo=bool((supply.lifo_share > 0).any()),
        rounded=bool(((supply.pack_size > 0) | (supply.min_order > 0)).any()),
        roomy=bool(np.isfinite(supply.shelf_capacity).any()),
        trucks=system.truck is not None,
        uncertain=bool(((supply.supplier_fill < 1) | (supply.late_share > 0)).any()),
        neighbours=system.substitution is not None,
        some_alone=bool(system.planned.rows(members).stands_alone.any()),
        cycles=bool((supply.review_period > 1).any()),
        seed=np.uint64(system.seed),
    )


def rules_of(plays: Mapping[int, Orders], time: int, order: Ints, dtype: Any) -> Rules:  # noqa: ANN401 - a NumPy type
    """Order rules of plays, by their place in the table, as the kernel takes them: series in the order of blocks."""
    shape = (len(plays), time, len(order))
    level = np.full(shape, np.nan, dtype)
    some = [rule for orders in plays.values() for rule in orders.values() if isinstance(rule, Rule)]
    reorder = level if all(rule.reorder_point is None for rule in some) else np.full(shape, np.nan, dtype)
    lot = np.zeros(shape if any(rule.lot is not None for rule in some) else (0, 0, 0), dtype)
    cap = np.full(shape if any(rule.cap is not None for rule in some) else (0, 0, 0), np.inf, dtype)
    for p, orders in enumerate(plays.values()):
        for t, rule in orders.items():
            if not isinstance(rule, Rule) or not 0 <= t < time:
                continue
            level[p, t] = rule.order_up_to[order]
            if reorder is not level:
                point = rule.order_up_to if rule.reorder_point is None else rule.reorder_point
                reorder[p, t] = point[order]
            if rule.lot is not None:
                lot[p, t] = rule.lot[order]
            if rule.cap is not None:
                cap[p, t] = rule.cap[order]
    return Rules(np.array(list(plays), dtype=np.int32), reorder, level, lot, cap)
