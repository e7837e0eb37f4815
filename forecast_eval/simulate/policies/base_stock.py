"""Order up to a level: the inventory position is raised to it at every review."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..orders import Rule
from ..system import KEEPS
from .service import Coverage, CriticalRatio, Service, levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..outlook import Outlook


@dataclass(frozen=True, slots=True)
class OrderUpToCoverage:
    """Order up to the quantile of demand over lead time plus review period, at one level for every SKU.

    coverage : probability of no shortage.
    """

    coverage: float

    @property
    def name(self) -> str:
        """Name of the rule."""
        return "order up to coverage"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return Coverage(self.coverage).label

    @property
    def knob(self) -> float:
        """Give the coverage itself."""
        return self.coverage

    def rule(self, outlook: Outlook) -> Rule:
        """Level: quantile of the path sums [series]."""
        return Rule(levels(outlook.sums, Coverage(self.coverage).ratios(outlook.costs)))


@dataclass(frozen=True, slots=True)
class OrderUpToCriticalRatio:
    """Order up to each SKU's own critical ratio, with the underage cost taken `service_factor` times.

    service_factor : 1 is the newsvendor's optimum; above it service is bought for more than it is worth by the prices.

    The quantile is taken of the demand over lead time plus review period: for goods that are reviewed each period
    this is the exact optimum under backorders, and a good rule where sales are lost. Nothing is ordered of a good whose
    sale earns nothing.
    """

    service_factor: float = 1.0

    @property
    def name(self) -> str:
        """Name of the rule."""
        return "order up to critical ratio"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return CriticalRatio(self.service_factor).label

    @property
    def knob(self) -> float:
        """Give the factor itself."""
        return self.service_factor

    def rule(self, outlook: Outlook) -> Rule:
        """Level: quantile of the path sums at factor * underage / (factor * underage + overage) [series]."""
        return Rule(levels(outlook.sums, CriticalRatio(self.service_factor).ratios(outlook.costs)))


@dataclass(frozen=True, slots=True)
class PeriodsOfSupply:
    """Order up to the point forecast of the next `periods` periods, lead time and review period included.

    The rule of many planners, and of the benchmark of the VN2 challenge (four weeks). It does not look at prices.
    Periods in which what is ordered will have expired are not covered.
    """

    periods: int

    @property
    def name(self) -> str:
        """Name of the rule."""
        return "periods of supply"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return f"{self.periods} periods of supply"

    @property
    def knob(self) -> float:
        """Give the number of periods."""
        return float(self.periods)

    def rule(self, outlook: Outlook) -> Rule:
        """Level: sum of the point forecasts [series], rounded to the nearest unit as planners do."""
        step, life = np.arange(self.periods), outlook.supply.shelf_life
        expired = np.where(life == KEEPS, self.periods, outlook.supply.lead_time + life)  # first step, [series]
        covered = (step >= outlook.first_step[:, None]) & (step < expired[:, None])  # [series, step]
        return Rule(np.asarray(np.rint(np.where(covered, outlook.point[:, : self.periods], 0.0).sum(axis=1))))


@dataclass(frozen=True, slots=True)
class CappedBaseStock:
    """Order up to a level, but never more than a cap at once.

    periods : cap in periods of mean demand (that of the cycle), or
    units : cap in units; give one of the two.
    service : sets the level, as for order-up-to.

    Where sales are lost and lead times are long, plain order-up-to orders too much after a busy week, because it waits
    for units that nobody will ask for again; the cap smooths that. Source: Xin (2021), Understanding the performance of
    capped base-stock policies in lost-sales inventory models, Operations Research 69.

    Raises ValueError for none or both of the caps, and for one that is not above 0.
    """

    service: Service = field(default_factory=CriticalRatio)
    periods: float | None = None
    units: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no cap."""
        given = [cap for cap in (self.periods, self.units) if cap is not None]
        if len(given) != 1 or not given[0] > 0:
            raise ValueError(f"periods={self.periods} and units={self.units}: give one of them, above 0")

    @property
    def name(self) -> str:
        """Name of the rule, its cap included: settings along a frontier share it."""
        cap = f"{self.units:g} units" if self.periods is None else f"{self.periods:g} periods of demand"
        return f"order up to {self.service.name}, at most {cap}"

    @property
    def label(self) -> str:
        """Words for the setting."""
        cap = f"{self.units:g} units" if self.periods is None else f"{self.periods:g} periods"
        return f"{self.service.label}, at most {cap}"

    @property
    def knob(self) -> float:
        """Give that of the service."""
        return self.service.knob

    def rule(self, outlook: Outlook) -> Rule:
        """Level: quantile of the path sums; cap in units [series]."""
        level = levels(outlook.sums, self.service.ratios(outlook.costs))
        if self.periods is None:
            return Rule(level, cap=np.full(len(level), float(self.units or 0.0)))
        return Rule(level, cap=self.periods * mean_demand(outlook))


def mean_demand(outlook: Outlook) -> NDArray[np.float64]:
    """Mean demand of a period of the cycle [series], units."""
    return np.asarray(outlook.cycle.mean(axis=1) / outlook.supply.review_period)
