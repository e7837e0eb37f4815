"""An inventory system: terms of supply, the stock at the start, and its departures from the canonical events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from losses.costs import refuse

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..economics import Economics

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KEEPS = 0
"""Shelf life of goods that do not expire, in the simulator."""

LATEST = 8
"""Periods that an order can be late at most; the rest of the probability falls on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Supply:
    """Terms of supply, one entry a series; build it with `Supply.of` or `Supply.plain`.

    lead_time : periods; an order placed in period t can serve demand from t + lead_time.
    shelf_life : periods in which a unit can be sold, that of its arrival included; 0 keeps for ever.
    review_period : periods between orders.
    pack_size : orders are multiples of it; 0 allows any amount.
    min_order : smallest order, units.
    shelf_capacity : units that on hand and in transit may reach together; inf where there is room for all.
    supplier_fill : probability that the supplier delivers an order; else he cancels it at once.
    late_share : probability that an order which is due is late by one period more, at most `LATEST` periods in all.
    lifo_share : share of the customers who take the freshest unit; the others take the oldest.
    """

    lead_time: Ints
    shelf_life: Ints
    review_period: Ints
    pack_size: Floats
    min_order: Floats
    shelf_capacity: Floats
    supplier_fill: Floats
    late_share: Floats
    lifo_share: Floats

    @classmethod
    def of(cls, economics: Economics, unique_ids: NDArray[np.object_], *, step: int = 1) -> Supply:
        """Terms of the series as `economics` has them.

        step : review period of the series for which it is not given.
        """
        life = economics.field("shelf_life", unique_ids)
        review = economics.field("review_period", unique_ids)
        rest = ("pack_size", "min_order", "shelf_capacity", "supplier_fill", "late_share", "lifo_share")
        return cls(
            lead_time=economics.field("lead_time", unique_ids).astype(np.int64),
            shelf_life=np.where(np.isinf(life), KEEPS, life).astype(np.int64),
            review_period=np.where(np.isnan(review), step, review).astype(np.int64),
            **{name: economics.field(name, unique_ids) for name in rest},
        )

    @classmethod
    def plain(cls, series: int, **terms: ArrayLike) -> Supply:
        """Terms given as numbers or [series]; those not given are the simplest: at once, for ever, any amount.

        >>> Supply.plain(2, lead_time=[1, 3], shelf_life=5).lead_time
        array([1, 3])
        """
        simplest: dict[str, Any] = {
            "lead_time": 0, "shelf_life": KEEPS, "review_period": 1, "pack_size": 0.0, "min_order": 0.0,
            "shelf_capacity": np.inf, "supplier_fill": 1.0, "late_share": 0.0, "lifo_share": 0.0,
        }  # fmt: skip
        unknown = set(terms) - set(simplest)
        if unknown:
            raise ValueError(f"{sorted(unknown)} are no terms of supply; there are {list(simplest)}")
        whole = ("lead_time", "shelf_life", "review_period")
        given = simplest | dict(terms)
        full = {name: np.broadcast_to(np.asarray(v, dtype=float), series) for name, v in given.items()}
        typed: dict[str, Any] = {name: v.astype(np.int64) if name in whole else v.copy() for name, v in full.items()}
        return cls(**typed)

    def __post_init__(self) -> None:
        """Refuse terms that no simulation could follow."""
        for name in ("lead_time", "shelf_life", "pack_size", "min_order"):
            value = getattr(self, name)
            refuse(name, value, np.isfinite(value) & (value >= 0), ">= 0", "Correct them")
        refuse("review_period", self.review_period.astype(float), self.review_period >= 1, ">= 1", "Correct them")
        refuse("shelf_capacity", self.shelf_capacity, self.shelf_capacity >= 0, ">= 0 [units]", "Correct them")
        for name in ("supplier_fill", "late_share", "lifo_share"):
            value = getattr(self, name)
            refuse(name, value, (value >= 0) & (value <= 1), "a share from 0 to 1", "Correct them")

    def __len__(self) -> int:
        """Number of series."""
        return len(self.lead_time)

    @property
    def stands_alone(self) -> NDArray[np.bool_]:
        """[series] whether what is on hand expires before an order placed now can be sold.

        Such goods are ordered for the periods of the order itself, whatever is there. What is in transit may outlive
        that by shelf life less review period; it is left out all the same, which earned more than to count it.
        """
        return (self.shelf_life > KEEPS) & (self.shelf_life <= self.lead_time)

    @property
    def protection(self) -> Ints:
        """[series] periods that an order must cover: lead time plus review period."""
        return self.lead_time + self.review_period

    @property
    def sellable(self) -> Ints:
        """[series] periods of its cycle in which an order can be sold: the review period, or its shelf life."""
        return np.where(self.shelf_life == KEEPS, self.review_period, np.minimum(self.review_period, self.shelf_life))

    def rows(self, rows: NDArray[np.int64] | slice) -> Supply:
        """Terms of some of the series."""
        return Supply(**{name: getattr(self, name)[rows] for name in self.__slots__})


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Units at the start.

    on_hand : [series] units, taken as fresh.
    in_transit : [series, period] units that arrive in each of the first periods.
    """

    on_hand: Floats
    in_transit: Floats

    def __post_init__(self) -> None:
        """Refuse stock that is not known, or less than nothing."""
        for name in ("on_hand", "in_transit"):
            value = np.asarray(getattr(self, name), dtype=float)
            refuse(name, value, np.isfinite(value) & (value >= 0), ">= 0 [units]", "Correct them")

    @classmethod
    def empty(cls, series: int) -> Start:
        """Nothing on hand and nothing in transit."""
        return cls(np.zeros(series), np.zeros((series, 0)))

    def rows(self, rows: NDArray[np.int64] | slice) -> Start:
        """Units of some of the series."""
        return Start(self.on_hand[rows], self.in_transit[rows])


@dataclass(frozen=True, slots=True)
class Conventions:
    """What systems do differently; the defaults are the canonical order of events.

    Canonical: receive, order, demand, sell, expire and age, count.

    order : "before_demand" decides each period's order before its demand is known; "after_demand" once the period's
        sales are known, at its end (stockpyl: its lead time L is ours of L - 1 before demand).
    arrival : "before_demand" receives before the demand of the period; "after_demand" at its end, so that a unit is
        held in the period of its arrival and can be sold from the next (many textbook lost-sales models).
    backordered : share of the customers finding an empty shelf who wait; the others are lost. 0 is lost sales, 1 is
        backorder (stockpyl, Snyder and Shen).
    holding : "after_expiry" counts what is left after the expired units are gone (De Moor et al. 2022); "before_expiry"
        counts them once more.
    purchases : when goods are paid in the books: "sale" as cost of the goods sold and of those written off (accrual);
        "receipt" or "order" as cash (De Moor et al.: at the order).
    discount : factor by which money loses worth each period; the first scored period counts in full.
    warm_up : periods at the start that are played and not scored.
    stock_value : what the stock at the start of the scored periods costs, and that at their end is worth: "none",
        "cost" or "salvage". With purchases at "sale" stock is in the books at its cost already: "salvage" then
        writes the stock at both ends down.
    """

    order: Literal["before_demand", "after_demand"] = "before_demand"
    arrival: Literal["before_demand", "after_demand"] = "before_demand"
    backordered: float = 0.0
    holding: Literal["after_expiry", "before_expiry"] = "after_expiry"
    purchases: Literal["sale", "receipt", "order"] = "sale"
    discount: float = 1.0
    warm_up: int = 0
    stock_value: Literal["none", "cost", "salvage"] = "none"

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 <= self.backordered <= 1:
            raise ValueError(f"backordered={self.backordered} must be a share from 0 to 1")
        if not 0 < self.discount <= 1:
            raise ValueError(f"discount={self.discount} must be above 0 and at most 1")
        if self.warm_up < 0:
            raise ValueError(f"warm_up={self.warm_up} must be >= 0 periods")


@dataclass(frozen=True, slots=True, eq=False)
class Truck:
    """One delivery shared by series: what does not fit is cut from all in proportion, in whole packs.

    groups : [series] code of the store that the truck goes to, from 0.
    capacity : [group] units that all orders of a store in one period may have together.
    """

    groups: Ints
    capacity: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Substitution:
    """Customers who find an empty shelf and take a neighbour.

    groups : [series] code of the series that stand in for each other, from 0: a category in a store.
    share : of the customers who would be lost; they take what neighbours have left, in proportion to it.
    """

    groups: Ints
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class InventorySystem:
    """All that a play needs beside demand and orders.

    seed : of the supplier's luck (late and cancelled orders), the same for every model and policy.
    """

    supply: Supply
    start: Start
    conventions: Conventions = field(default_factory=Conventions)
    truck: Truck | None = None
    substitution: Substitution | None = None
    seed: int = 1

    @property
    def planned(self) -> Supply:
        """Terms with the lead time to the first period in which an order can be sold.

        That is one period more where goods that are ordered before the demand of a period arrive after it.
        """
        says = self.conventions
        late = int(says.arrival == "after_demand" and says.order == "before_demand")
        return replace(self.supply, lead_time=self.supply.lead_time + late)

    def __post_init__(self) -> None:
        """Refuse parts that are not of the same series."""
        n = len(self.supply)
        lengths = {"on_hand": len(self.start.on_hand), "in_transit": len(self.start.in_transit)}
        shared = [part for part in (self.truck, self.substitution) if part is not None]
        lengths |= {type(part).__name__.lower(): len(part.groups) for part in shared}
        wrong = {name: length for name, length in lengths.items() if length != n}
        if wrong:
            raise ValueError(f"supply is of {n} series, and {wrong} are of other numbers of series")
