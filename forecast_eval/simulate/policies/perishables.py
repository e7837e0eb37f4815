"""Policies for goods that expire: what will have expired does not count as stock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..orders import Rule
from ..projection import Courses, expiring, on_arrival
from ..system import KEEPS
from .service import CriticalRatio, Service, levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..orders import Decide, View
    from ..outlook import Outlook


@dataclass(frozen=True, slots=True)
class Newsvendor:
    """Order for one cycle only, as for a newspaper: the quantile of the cycle's demand less the stock then.

    The cycle is the review period from the arrival on. Stock that will have been sold by then, if demand follows the
    point forecast, or will have expired does not count. For goods that never outlive the arrival of an order that is
    the newsvendor of Arrow, Harris and Marschak (1951), Econometrica 19, whose quantity is the quantile itself.
    """

    service: Service = field(default_factory=CriticalRatio)

    @property
    def name(self) -> str:
        """Name of the rule."""
        return f"newsvendor at {self.service.name}"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return f"newsvendor at {self.service.label}"

    @property
    def knob(self) -> float:
        """Give that of the service."""
        return self.service.knob

    def rule(self, outlook: Outlook) -> Rule | Decide:
        """Level for goods of one period; otherwise a decision from what is on the shelf and due."""
        level = levels(outlook.cycle, self.service.ratios(outlook.costs))
        terms = outlook.supply
        if ((terms.shelf_life > KEEPS) & (terms.shelf_life <= np.maximum(terms.lead_time, 1))).all():
            return Rule(level)
        courses = Courses.forecast(outlook, int(terms.lead_time.max(initial=0)))
        return lambda view: _ordered(level, level - on_arrival(view, courses))


@dataclass(frozen=True, slots=True)
class WasteConscious:
    """Order up to a level, the units that will expire before the order is used up not being counted as stock.

    service : sets the level, as for order-up-to.

    The position is reduced by the units on hand and in transit that expire before the last period of lead time plus
    review period, if demand follows the point forecast and customers take the oldest (the freshest to `lifo_share` of
    them). For goods that keep it is order-up-to.

    Source: Broekmeulen and van Donselaar (2009), A heuristic to manage perishable inventory with batch ordering,
    positive lead-times, and time-varying demand, Computers and Operations Research 36 (their EWA policy).
    """

    service: Service = field(default_factory=CriticalRatio)

    @property
    def name(self) -> str:
        """Name of the rule."""
        return f"waste-conscious at {self.service.name}"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return f"waste-conscious at {self.service.label}"

    @property
    def knob(self) -> float:
        """Give that of the service."""
        return self.service.knob

    def rule(self, outlook: Outlook) -> Rule | Decide:
        """Level where nothing expires in time; otherwise a decision from the ages."""
        level = levels(outlook.sums, self.service.ratios(outlook.costs))
        if (outlook.supply.shelf_life == KEEPS).all():
            return Rule(level)
        courses = Courses.forecast(outlook, int(outlook.supply.protection.max()) - 1)

        def decide(view: View) -> NDArray[np.float64]:
            return _ordered(level, level - view.position + expiring(view, courses))

        return decide


def _ordered(level: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is wanted, and nothing of goods with a level of 0."""
    return np.where(level > 0, wanted, 0.0)
