"""Lost sales with a lead time: order by the stock that will be there, not by the inventory position."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..orders import Rule
from ..projection import Courses, on_arrival
from .service import CriticalRatio, Service, levels

if TYPE_CHECKING:
    from ..orders import Decide
    from ..outlook import Outlook


@dataclass(frozen=True, slots=True)
class ProjectedNewsvendor:
    """Order so that the stock expected at the arrival, the order included, is the newsvendor's level of the cycle.

    service : sets that level, a quantile of the demand over the review period from the arrival on.

    The position counts units that will be sold before the order arrives, and takes off demand that will be lost; the
    projected stock does neither: it is played forward over the lead time, demand that finds nothing being lost and
    units expiring, over sampled demand (`Courses.drawn`). Without lead time it is order-up-to.

    On Zipkin's (2008) tables (Poisson demand of 5, lead time 1 to 4) it costs 4.08, 4.43, 4.64 and 4.78 at a penalty of
    4 per unit lost, against 4.16, 4.64, 4.98 and 5.20 of the best order-up-to. At a penalty of 19 the stock at the
    arrival is too uncertain for the level of a sure one: a factor of 1 costs 4 % to 7 % more than the best order-up-to,
    one of 2 as much or a little less, one of 8 at long lead times 2 % less. Try several.

    The moment-matched normal of the projection was measured too: on the skewed demand of slow goods its error is
    3 to 280 times that of 400 samples.

    Source: van Jaarsveld and Arts (2024), Projected inventory-level policies for lost sales inventory systems,
    Operations Research 72.
    """

    service: Service = field(default_factory=CriticalRatio)

    @property
    def name(self) -> str:
        """Name of the rule."""
        return f"projected newsvendor at {self.service.name}"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return f"projected newsvendor at {self.service.label}"

    @property
    def knob(self) -> float:
        """Give that of the service."""
        return self.service.knob

    def rule(self, outlook: Outlook) -> Rule | Decide:
        """Level where orders arrive at once; otherwise a decision from what is on the shelf and due."""
        level = levels(outlook.cycle, self.service.ratios(outlook.costs))
        if (outlook.supply.lead_time == 0).all():
            return Rule(level)
        courses = Courses.drawn(outlook, int(outlook.supply.lead_time.max()))
        return lambda view: np.where(level > 0, level - on_arrival(view, courses), 0.0)
