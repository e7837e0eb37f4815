"""From wanted quantities to orders that a supplier, a shelf and a truck allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from .system import Supply, Truck

    Floats = NDArray[np.float64]

SLACK = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-5}
"""Part of a pack that rounding forgives, by the precision of the quantities."""


def feasible(wanted: NDArray[Any], supply: Supply, position: NDArray[Any], truck: Truck | None = None) -> NDArray[Any]:
    """Orders [series] that come nearest to what is wanted. Pure: the same input gives the same orders.

    wanted : [series] units, as a policy wants them; float64 or float32.
    position : [series] units on hand plus in transit minus owed; goods that stand alone take their room too.

    With e = 1e-9 (float64) or 1e-5 (float32), and x forgiven upwards x - e * max(1, x), downwards x + e * max(1, x):

    1. Nothing is ordered where `wanted` is NaN, or at most e of a pack (of a unit where any amount may be ordered).
    2. At least `min_order`.
    3. Up to whole packs: ceil(quantity / pack_size, forgiven upwards) * pack_size, so that a level of 3.0000000001
       does not buy a fourth pack. pack_size 0 leaves the quantity as it is.
    4. Where that is more than the room `shelf_capacity - position`, it is the room, down to whole packs:
       floor(room / pack_size, forgiven downwards) * pack_size; nothing if that is below `min_order` or not above 0.
    5. Where the orders of a truck are together more than its capacity, each becomes quantity * (capacity / total), down
       to whole packs as in 4; nothing if that is below `min_order`. What this leaves free goes to nobody.

    >>> from forecast_eval.simulate.system import Supply, Truck
    >>> terms = Supply.plain(3, pack_size=[1.0, 4.0, 6.0], min_order=[0.0, 10.0, 0.0], shelf_capacity=[9.0, 99.0, 99.0])
    >>> feasible(np.array([7.0, 5.0, 14.0]), terms, position=np.array([4.0, 0.0, 0.0]))
    array([ 5., 12., 18.])
    >>> truck = Truck(groups=np.zeros(3, dtype=int), capacity=np.array([28.0]))
    >>> feasible(np.array([7.0, 5.0, 14.0]), terms, position=np.array([4.0, 0.0, 0.0]), truck=truck)
    array([ 4.,  0., 12.])
    """
    wanted = np.asarray(wanted)
    kind = wanted.dtype if wanted.dtype in SLACK else np.dtype(np.float64)
    slack = SLACK[kind]
    pack = supply.pack_size
    unit = np.where(pack > 0, pack, 1.0)
    asks = wanted > slack * unit  # NaN compares as False
    least = np.maximum(np.where(asks, wanted, 0.0), supply.min_order)
    packs = least / unit
    order = np.where(pack > 0, unit * np.ceil(packs - slack * np.maximum(packs, 1.0)), least)
    order = np.where(asks, order, 0.0)
    room = supply.shelf_capacity - np.asarray(position, dtype=float)
    order = np.where(order > room, _cut(room, supply, slack), order)
    if truck is not None:
        total = np.bincount(truck.groups, weights=order, minlength=len(truck.capacity))
        full = total > truck.capacity
        share = np.divide(truck.capacity, total, out=np.ones_like(total), where=full)
        order = np.where(full[truck.groups], _cut(order * share[truck.groups], supply, slack), order)
    return np.asarray(order.astype(kind))


def _cut(room: Floats, supply: Supply, slack: float) -> Floats:
    """Whole packs that fit into the room [series]; nothing where that is less than the smallest order."""
    pack = supply.pack_size
    unit = np.where(pack > 0, pack, 1.0)
    finite = np.where(np.isfinite(room), room, 0.0)  # an endless room cuts nothing
    packs = finite / unit
    fitting = np.where(pack > 0, unit * np.floor(packs + slack * np.maximum(packs, 1.0)), finite)
    return np.where((fitting > 0) & (fitting >= supply.min_order), fitting, 0.0)
