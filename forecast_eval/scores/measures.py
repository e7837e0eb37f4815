"""How a metric is computed: a statistic of each observation, and how sums of it become a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

from .statistics import STATISTICS, reached

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .observations import Observations

    Floats = NDArray[np.float64]

Over = Literal["cells", "series", "panel"]
Per = Literal["observations", "series"]
Form = Literal["ratio", "root", "tracking"]


@runtime_checkable
class Measure(Protocol):
    """How a metric is computed, whatever the axis: parts of each observation are added up, and sums become a value."""

    @property
    def over(self) -> Over:
        """What one observation is: a cell [series, step], a series in one window, or a level of a hierarchy in it."""
        ...

    @property
    def per(self) -> Per:
        """Whether sums are pooled over all observations of a group, or over those of each series, then averaged."""
        ...

    def parts(self, o: Observations) -> tuple[Floats | None, ...]:
        """Parts that are added up, each [series, step], [series] or [level] as `over` says; None stands for ones.

        An observation that is NaN in any part is left out of all, and counted.
        """
        ...

    def value(self, sums: Floats) -> Floats:
        """Value [...] of sums [..., part], behind which stands the number of observations; NaN where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Ratio:
    """Sum of one statistic over the sum of another, times a factor.

    numerator, denominator : names in `STATISTICS`.
    form : ratio; its square root; or tracking, the ratio times the number of observations.
    per : pooled over observations, or the mean over series of each one's value.
    level : of the statistics that take one.
    """

    numerator: str
    denominator: str = "one"
    factor: float = 1.0
    form: Form = "ratio"
    per: Per = "observations"
    level: float | None = None

    @property
    def over(self) -> Over:
        """Each cell is an observation."""
        return "cells"

    def parts(self, o: Observations) -> tuple[Floats | None, ...]:
        """Numerator and denominator [series, step]."""
        below = None if self.denominator == "one" else STATISTICS[self.denominator](o, self.level)
        return STATISTICS[self.numerator](o, self.level), below

    def value(self, sums: Floats) -> Floats:
        """Value of the sums.

        >>> Ratio("absolute_error", "demand", factor=100.0).value(np.array([[3.0, 12.0, 5.0], [1.0, 0.0, 2.0]]))
        array([25., nan])
        """
        above, below = self.factor * sums[..., 0], sums[..., 1]
        ratio = np.divide(above, below, out=np.full(below.shape, np.nan), where=below != 0)
        if self.form == "root":
            return np.asarray(np.sqrt(ratio))
        return np.asarray(ratio * sums[..., 2] if self.form == "tracking" else ratio)


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """Mean over quantile levels of the distance between the level and the share of demand not above the quantile."""

    @property
    def over(self) -> Over:
        """Each cell is an observation."""
        return "cells"

    @property
    def per(self) -> Per:
        """Pooled."""
        return "observations"

    def parts(self, o: Observations) -> tuple[Floats | None, ...]:
        """Whether each quantile was reached, minus its level; and ones, as many."""
        each = [(reached(o, q) - level, None) for level, q in o.quantiles.items()] or [(o.cells.unknown, None)]
        return tuple(part for pair in each for part in pair)

    def levels(self, o: Observations) -> tuple[float, ...]:
        """Level of each pair of parts; -1 stands for a model without quantiles."""
        return tuple(o.quantiles) or (-1.0,)

    def value(self, sums: Floats) -> Floats:
        """Mean distance over the levels that were observed, in percentage points."""
        gaps, weight = sums[..., :-1:2], sums[..., 1:-1:2]
        observed = weight > 0
        shares = np.divide(gaps, weight, out=np.zeros(gaps.shape), where=observed)
        levels = observed.sum(axis=-1)
        total = 100.0 * np.abs(shares).sum(axis=-1)
        return np.asarray(np.divide(total, levels, out=np.full(levels.shape, np.nan), where=levels > 0))
