"""Policies: what to order up to, given what may be known at a cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from losses import UnitCosts


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What a policy may see at a cutoff: the forecast, and nothing of what happens after it.

    point : [series, step] point forecast, units.
    sums : [series, scenario] demand over lead time plus review period on sampled paths, ascending, units; for goods
        that stand alone over the review period from the arrival on.
    first_step : [series] first step that the order is for: 0, or the lead time for goods that stand alone.
    costs : underage and overage, [series] currency per unit and review period, at the prices of the cutoff.
    """

    point: NDArray[np.float64]
    sums: NDArray[np.float64]
    first_step: NDArray[np.int64]
    costs: UnitCosts


class Policy(Protocol):
    """A rule that gives order-up-to levels. Its `label` names the setting; `knob` orders settings on a frontier."""

    @property
    def name(self) -> str:
        """Name of the rule, the same for all of its settings."""
        ...

    @property
    def label(self) -> str:
        """Words for the setting."""
        ...

    @property
    def knob(self) -> float:
        """Position of the setting: a larger one stocks more."""
        ...

    def levels(self, outlook: Outlook) -> NDArray[np.float64]:
        """Order-up-to levels [series] of the inventory position, units."""
        ...


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
        return f"coverage {self.coverage:g}"

    @property
    def knob(self) -> float:
        """Give the coverage itself."""
        return self.coverage

    def levels(self, outlook: Outlook) -> NDArray[np.float64]:
        """Quantile of the path sums [series]."""
        return row_quantiles(outlook.sums, np.full(len(outlook.sums), self.coverage))


@dataclass(frozen=True, slots=True)
class OrderUpToCriticalRatio:
    """Order up to each SKU's own critical ratio, with the underage cost taken `service_factor` times.

    service_factor : 1 is the newsvendor's optimum; above it service is bought for more than it is worth by the prices.

    The quantile is taken of the demand over lead time plus review period: for goods that are reviewed each period
    this is the exact optimum under backorders, and a good rule where sales are lost.
    """

    service_factor: float = 1.0

    @property
    def name(self) -> str:
        """Name of the rule."""
        return "order up to critical ratio"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return "critical ratio" if self.service_factor == 1 else f"critical ratio x{self.service_factor:g}"

    @property
    def knob(self) -> float:
        """Give the factor itself."""
        return self.service_factor

    def levels(self, outlook: Outlook) -> NDArray[np.float64]:
        """Quantile of the path sums at factor * underage / (factor * underage + overage) [series].

        Nothing is ordered of a good whose sale earns nothing.
        """
        underage = self.service_factor * np.asarray(outlook.costs.underage)
        total = underage + outlook.costs.overage
        ratio = np.divide(underage, total, out=np.zeros_like(total), where=total > 0)
        return np.where(underage > 0, row_quantiles(outlook.sums, ratio), 0.0)


@dataclass(frozen=True, slots=True)
class PeriodsOfSupply:
    """Order up to the point forecast of the next `periods` periods, lead time and review period included.

    The rule of many planners, and of the benchmark of the VN2 challenge (four weeks). It does not look at prices.
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

    def levels(self, outlook: Outlook) -> NDArray[np.float64]:
        """Sum of the point forecasts [series], rounded to the nearest unit as planners do."""
        covered = np.arange(self.periods) >= outlook.first_step[:, None]  # [series, step]
        return np.asarray(np.rint(np.where(covered, outlook.point[:, : self.periods], 0.0).sum(axis=1)))


def row_quantiles(ascending: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantile of each row at its own level: linear between sampled values.

    ascending : [series, scenario]; levels : [series] in 0..1.

    >>> row_quantiles(np.array([[0.0, 1.0, 2.0], [5.0, 5.0, 9.0]]), np.array([0.5, 0.75]))
    array([1., 7.])
    """
    last = ascending.shape[1] - 1
    position = np.clip(levels, 0.0, 1.0) * last
    below = np.minimum(position.astype(int), max(last - 1, 0))
    above = np.minimum(below + 1, last)
    rows = np.arange(len(ascending))
    low, high = ascending[rows, below], ascending[rows, above]
    return np.asarray(low + (high - low) * (position - below))
