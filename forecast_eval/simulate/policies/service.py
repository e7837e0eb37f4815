"""How much service a policy aims at: one level for all, or each SKU's own critical ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from losses import UnitCosts

    Floats = NDArray[np.float64]


class Service(Protocol):
    """The level of service that a policy aims at."""

    @property
    def name(self) -> str:
        """Kind of the aim."""
        ...

    @property
    def label(self) -> str:
        """Words for the setting."""
        ...

    @property
    def knob(self) -> float:
        """Position of the setting: a larger one stocks more."""
        ...

    def ratios(self, costs: UnitCosts) -> Floats:
        """Share from 0 to 1 [series]; 0 where nothing shall be ordered."""
        ...


@dataclass(frozen=True, slots=True)
class Coverage:
    """One level for every SKU, whatever its prices.

    level : probability of no shortage; for policies with lots the share of demand that is met.
    """

    level: float

    @property
    def name(self) -> str:
        """Kind of the aim."""
        return "coverage"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return f"coverage {self.level:g}"

    @property
    def knob(self) -> float:
        """Give the level itself."""
        return self.level

    def ratios(self, costs: UnitCosts) -> Floats:
        """Give the level for every series."""
        return np.full(len(np.asarray(costs.underage)), self.level)


@dataclass(frozen=True, slots=True)
class CriticalRatio:
    """Each SKU's own critical ratio, with the underage cost taken `factor` times.

    factor : 1 is the newsvendor's optimum; above it service is bought for more than it is worth by the prices.

    factor * underage / (factor * underage + overage); 0 for a good whose sale earns nothing: it is not ordered.

    >>> from losses import UnitCosts
    >>> CriticalRatio(2.0).ratios(UnitCosts(np.array([4.0, 0.0]), np.array([2.0, 1.0])))
    array([0.8, 0. ])
    """

    factor: float = 1.0

    @property
    def name(self) -> str:
        """Kind of the aim."""
        return "critical ratio"

    @property
    def label(self) -> str:
        """Words for the setting."""
        return "critical ratio" if self.factor == 1 else f"critical ratio x{self.factor:g}"

    @property
    def knob(self) -> float:
        """Give the factor itself."""
        return self.factor

    def ratios(self, costs: UnitCosts) -> Floats:
        """Critical ratio [series]."""
        underage = self.factor * np.asarray(costs.underage)
        total = underage + costs.overage
        return np.asarray(np.divide(underage, total, out=np.zeros_like(total), where=total > 0))


def levels(ascending: Floats, ratios: Floats) -> Floats:
    """Quantile of each row at its own ratio [series]; 0 where the ratio is 0, because nothing shall be ordered."""
    return np.where(ratios > 0, row_quantiles(ascending, ratios), 0.0)


def row_quantiles(ascending: Floats, levels: Floats) -> Floats:
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
