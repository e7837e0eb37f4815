"""What all models share in a simulation: demand, beliefs, prices and terms of supply."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest import Fault, InputError
from backtest.faults import refuse

from .system import Conventions, InventorySystem, Start, Substitution, Supply, Truck

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..economics import Economics

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

RECENT = 8  # periods whose mean sales give the stock at the start, where no state is given


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """What all models share in a simulation.

    unique_ids : [series]; calendar : [time].
    demand : [series, time] units that customers wanted, as the config says for stockout periods; NaN where unknown.
    believed : [series, time] units that a planner took for demand, each value known in its own period; past errors
        are measured against it.
    economics : prices and supply terms.
    step : periods from one cutoff to the next. A series is reviewed every `review_period` periods, which divides the
        step (orders between two cutoffs follow the forecast of the last one) or is a multiple of it.
    conventions, truck, substitution : see `InventorySystem`.
    seed : of the supplier's luck.
    supply : terms of supply, for the simulator; planned : the same with the lead time to the first period in which an
        order can be sold, which is one more where goods arrive after the demand of their period.
    """

    unique_ids: NDArray[np.object_]
    calendar: pd.DatetimeIndex
    demand: Floats
    believed: Floats
    economics: Economics
    step: int
    conventions: Conventions = field(default_factory=Conventions)
    truck: Truck | None = None
    substitution: Substitution | None = None
    seed: int = 1
    supply: Supply = field(init=False)
    planned: Supply = field(init=False)

    def __post_init__(self) -> None:
        """Refuse review periods that the windows cannot follow."""
        supply = Supply.of(self.economics, self.unique_ids, step=self.step)
        object.__setattr__(self, "supply", supply)
        late = int(self.conventions.arrival == "after_demand")
        object.__setattr__(self, "planned", replace(supply, lead_time=supply.lead_time + late))
        if self.conventions.order == "after_demand":
            what = "order='after_demand' asks for orders at the end of a period; those of a backtest are at its cutoffs"
            fix = "leave it out: a cutoff is the end of a period, and backtest.gap orders later"
            raise InputError([Fault("order-after-demand", what, "conventions", fix)])
        review = self.review_period
        bad = np.flatnonzero((review % self.step != 0) & (self.step % review != 0))
        if bad.size:
            more = f" and of {bad.size - 1} more series" if bad.size > 1 else ""
            what = f"review_period={review[bad[0]]} of unique_id={self.unique_ids[bad[0]]!r}{more}"
            raise InputError([Fault("review-period", f"{what} neither divides the step of the windows, {self.step}, "
                                    "nor is a multiple of it", "economics",
                                    "set backtest.step to the review period")])  # fmt: skip

    @property
    def lead_time(self) -> Ints:
        """[series] periods from an order to the first period that it can serve."""
        return self.planned.lead_time

    @property
    def review_period(self) -> Ints:
        """[series] periods between orders."""
        return self.supply.review_period

    @property
    def protection(self) -> Ints:
        """[series] periods that an order must cover: lead time plus review period."""
        return self.planned.protection

    @property
    def first_step(self) -> Ints:
        """[series] first step that an order must cover: 0, or the lead time for goods that stand alone."""
        return np.where(self.planned.stands_alone, self.lead_time, 0)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Periods after a cutoff, and before the next one, in which some series is reviewed."""
        return tuple(o for o in range(self.step) if self.reviewed(0, o).any())

    def reviewed(self, cutoff: int, offset: int) -> NDArray[np.bool_]:
        """[series] whether they are reviewed `offset` periods after a cutoff, the cutoffs counted from 0."""
        return np.asarray((cutoff * self.step + offset) % self.review_period == 0)

    @property
    def reach(self) -> int:
        """Periods after a cutoff that its last order covers."""
        last = np.where(self.review_period < self.step, self.step - self.review_period, 0)
        return int((last + self.protection).max())

    def needs_horizon(self, horizon: int) -> None:
        """Raise InputError where forecasts do not reach as far as orders."""
        short = Fault(
            "horizon-too-short",
            f"horizon={horizon} is shorter than lead time plus review period, {self.reach}, of the last order that "
            "follows a forecast",
            "backtest.horizon", f"set it to {self.reach} or more",
        )  # fmt: skip
        refuse([short] if self.reach > horizon else [])

    def system(self, rows: Ints, start: Start) -> InventorySystem:
        """Inventory system of some series, from a start [rows]."""
        truck, others = self.truck, self.substitution
        return InventorySystem(
            self.supply.rows(rows),
            start,
            self.conventions,
            None if truck is None else Truck(truck.groups[rows], truck.capacity),
            None if others is None else Substitution(others.groups[rows], others.share),
            self.seed,
        )

    def covered_start(self, first_time: int, cover: float | None) -> Start:
        """Start where none is given: mean sales of the last eight periods times `cover` on hand, nothing in transit.

        cover : periods; None takes each series' lead time plus review period.
        """
        recent = self.believed[:, max(0, first_time - RECENT) : first_time]
        known = ~np.isnan(recent)
        mean = np.where(known, recent, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        periods = self.protection if cover is None else np.full(len(mean), cover)
        return Start(np.ceil(mean * periods), np.zeros((len(mean), 0)))
