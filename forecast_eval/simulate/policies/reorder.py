"""Orders that wait until they are worth their cost: reorder points, lots, and levels given by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from losses.costs import refuse

from ..orders import Rule
from ..rules_of_thumb import economic_order_quantity
from ..system import KEEPS
from .base_stock import mean_demand
from .service import CriticalRatio, Service, levels

if TYPE_CHECKING:
    from ..outlook import Outlook

Floats = NDArray[np.float64]

HAIR = 1e-5
"""Relative distance of the reorder point below s: a position of exactly s does not order, not in float32 either."""


@dataclass(frozen=True, slots=True)
class ReorderPoint:
    """Order where the position is below s: up to S, an (s, S) policy, or in whole lots of Q, an (s, nQ) policy.

    service : share of demand that shall be met; a critical ratio gives the share at which one more unit of s costs what
        it earns.
    lot : None for (s, S); for (s, nQ) the lot in units, "economic" for the economic order quantity in whole packs, or
        "pack".

    Q is the economic order quantity at the mean demand of the cycle, at most what sells in the shelf life.
    s is where the demand D over lead time plus review period runs short by (1 - service) * max(Q, demand of a cycle)
    per order: mean of (D - s)+. That is the textbook's fill rate of an order cycle, and at the critical ratio the
    optimum of Zheng's cost of an (s, nQ) policy. It is never above the quantile of D that order-up-to takes.
    S = s + Q - undershoot, and at least that quantile; the undershoot, by which the position is below s when it is
    seen, is on average E[C^2] / (2 E[C]) for the demand C of a cycle. Packs round orders up, so that one is at least a
    pack. Where an order costs nothing, and for goods that stand alone, all this is order-up-to.

    Sources: Silver, Pyke and Thomas (2017), Inventory and production management in supply chains, ch. 6; Tijms and
    Groenevelt (1984), European Journal of Operational Research 17 (undershoot); Zheng (1992), Management Science 38.
    On twelve systems with backorders, the three of Snyder and Shen and of Zheng and Federgruen among them, it cost at
    most 2.3 % more than the best (s, S); with s at the quantile of D and S = s + Q it was 12 % to 90 % more.

    Raises ValueError for a lot that is not above 0, and where orders cost but neither holding nor expiry limits them.
    """

    service: Service = field(default_factory=CriticalRatio)
    lot: float | Literal["economic", "pack"] | None = None

    def __post_init__(self) -> None:
        """Refuse what is no lot."""
        if isinstance(self.lot, str) and self.lot not in {"economic", "pack"}:
            raise ValueError(f"lot={self.lot!r} must be 'economic', 'pack' or a number of units")
        if isinstance(self.lot, (int, float)) and not 0 < self.lot < np.inf:
            raise ValueError(f"lot={self.lot} must be above 0 [units]")

    @property
    def name(self) -> str:
        """Name of the rule, its lot included: settings along a frontier share it."""
        return f"reorder point at {self.service.name}{self._lots}"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return f"reorder point at {self.service.label}{self._lots}"

    @property
    def knob(self) -> float:
        """Give that of the service."""
        return self.service.knob

    @property
    def _lots(self) -> str:
        if self.lot is None:
            return ""
        return f", lots of {self.lot:g}" if not isinstance(self.lot, str) else f", {self.lot} lots"

    def rule(self, outlook: Outlook) -> Rule:
        """Reorder point, and level or lot [series]."""
        ratios = self.service.ratios(outlook.costs)
        economic = _economic_lot(outlook)
        lot = None if self.lot is None else _lots_of(self.lot, economic, outlook.supply.pack_size)
        quantity = economic if lot is None else lot
        enough = levels(outlook.sums, ratios)
        point = np.minimum(shortage_point(outlook.sums, (1 - ratios) * _per_order(outlook, quantity)), enough)
        base_stock = quantity == 0 if lot is None else np.zeros(len(enough), dtype=bool)
        point = np.where(base_stock, enough, point)
        upto = np.where(base_stock, enough, np.maximum(point + quantity - _undershoot(outlook.cycle), enough))
        # with nothing on hand and nothing to come one orders, or would never sell anything again
        below = np.where(enough > 0, np.maximum(point - HAIR * np.maximum(np.abs(point), 1.0), 0.0), -np.inf)
        return Rule(np.where(enough > 0, upto, 0.0), reorder_point=below, lot=lot)


@dataclass(frozen=True, slots=True, eq=False)
class FixedLevels:
    """Levels given by hand: for benchmarks, for published policies, and for planners who have their own.

    order_up_to : S, units; a number or [series].
    reorder_point : s: an order is placed where the position is at or below it; None orders at every review.
    lot : orders are multiples of it, the fewest that raise the position above s; S then does not matter.
    cap : largest order, units.

    Raises ValueError where s is above S and there is no lot.
    """

    order_up_to: ArrayLike
    reorder_point: ArrayLike | None = None
    lot: ArrayLike | None = None
    cap: ArrayLike | None = None

    def __post_init__(self) -> None:
        """Refuse levels that would never order what they ask for."""
        if self.reorder_point is not None and self.lot is None:
            s, upto = np.broadcast_arrays(*np.atleast_1d(self.reorder_point, self.order_up_to))
            refuse("reorder_point", s.astype(float), ~(s > upto), "at most order_up_to [units]")

    @property
    def name(self) -> str:
        """Name of the rule."""
        return "fixed levels"

    @property
    def label(self) -> str:
        """Words for the setting: its numbers, or their means."""
        given = {"s": self.reorder_point, "S": self.order_up_to, "lot": self.lot, "cap": self.cap}
        return ", ".join(
            f"{key} = {np.asarray(value, dtype=float).mean():g}" for key, value in given.items() if value is not None
        )

    @property
    def knob(self) -> float:
        """Give the mean level."""
        return float(np.asarray(self.order_up_to, dtype=float).mean())

    def rule(self, outlook: Outlook) -> Rule:
        """Give the levels, [series]."""
        given = (self.order_up_to, self.reorder_point, self.lot, self.cap)
        n = len(outlook.supply)
        upto, *rest = (None if v is None else np.broadcast_to(np.asarray(v, dtype=float), n).copy() for v in given)
        return Rule(np.zeros(n) if upto is None else upto, *rest)


def shortage_point(ascending: Floats, shortage: Floats) -> Floats:
    """Stock s at which demand runs short by `shortage` units in the mean [series]: mean of (D - s)+ = shortage.

    ascending : [series, scenario] sampled demand D, units; shortage : [series] units, > 0 where it is not the maximum
    of the samples that is wanted.

    >>> shortage_point(np.array([[2.0, 4.0, 6.0, 8.0]]), np.array([1.0]))
    array([5.])
    """
    return np.asarray(_shortage_point(ascending, np.asarray(shortage, dtype=float)))


@njit(nogil=True, cache=True)
def _shortage_point(ascending, shortage):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    """Go down from the largest sample: below the k-th largest the shortage grows by k / n a unit."""
    series, n = ascending.shape
    points = np.empty(series)
    for i in range(series):
        point, short = ascending[i, n - 1], 0.0
        for k in range(1, n + 1):
            below = ascending[i, n - 1 - k] if k < n else -np.inf
            missing, reach = shortage[i] - short, (point - below) * k / n
            if not reach < missing:  # NaN too ends here
                point -= missing * n / k
                break
            point, short = below, short + reach
        points[i] = point
    return points


def _economic_lot(outlook: Outlook) -> Floats:
    """Economic order quantity [series], at most the sales of a shelf life; 0 for goods that stand alone."""
    rate, life = mean_demand(outlook), outlook.supply.shelf_life
    quantity = economic_order_quantity(outlook.order_cost, rate, outlook.holding)
    quantity = np.minimum(quantity, np.where(life == KEEPS, np.inf, rate * life))
    refuse(
        "holding", outlook.holding, ~np.isinf(quantity), "> 0 [currency per unit and period] where orders cost",
        "Without it one order for all time would be the cheapest",
    )  # fmt: skip
    return np.where(outlook.supply.stands_alone, 0.0, quantity)


def _lots_of(lot: float | str, economic: Floats, pack: Floats) -> Floats:
    """Lot [series]: at least one pack, or one unit where any amount may be ordered."""
    unit = np.where(pack > 0, pack, 1.0)
    if not isinstance(lot, str):
        return np.full(len(pack), float(lot))
    packs = np.maximum(np.rint(economic / unit), 1.0)
    whole = np.where(pack > 0, packs * unit, np.maximum(economic, unit))
    return unit if lot == "pack" else whole


def _per_order(outlook: Outlook, quantity: Floats) -> Floats:
    """Units that an order brings in the mean: the lot, or a cycle's demand where that is more."""
    return np.asarray(np.maximum(quantity, outlook.cycle.mean(axis=1)))


def _undershoot(cycle: Floats) -> Floats:
    mean = cycle.mean(axis=1)
    return np.asarray(np.divide((cycle**2).mean(axis=1), 2 * mean, out=np.zeros_like(mean), where=mean > 0))
