"""What a metric sees: one window as all models meet it, and what one model said of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from losses import UnitCosts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from .hierarchy import Hierarchy

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


NO_COSTS = UnitCosts.trusted(np.full((1, 1), np.nan), np.full((1, 1), np.nan))
"""Where nobody said what a unit too few or too many costs: whatever is counted in money is NaN."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """How hard each series is to forecast, from what was known at the cutoff; see `scale_of`.

    absolute : [series] mean of |y_t - y_(t - season)|, units; squared : [series] mean of its square, units squared.
    NaN where a series has no such pair, and where it never changed.
    """

    absolute: Floats
    squared: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """Sales known at the cutoff, for metrics of others that scale by them.

    sales : [series, time] units, NaN before a series starts; dates : [time].
    """

    sales: Floats
    dates: pd.DatetimeIndex


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """One window, as all models meet it. What a metric needs and is not there makes it NaN.

    unique_ids : [series]; dates : [step].
    demand : [series, step] units; NaN where it is not known, or is hidden and left out.
    present : [series, step] cells that are to be forecast; the others do not exist, and are not missing.
    costs : currency per unit, broadcast to [series, step].
    censored : [series, step] demand is at least `demand`: a forecast above it is not wrong there; None is nowhere.
    stockout : [series, step] periods that were not fully in stock; sold : [series, step] units sold, in them too.
    trend : [series] score as of the cutoff, -1 (declining) to 1 (rising).
    baseline : [series, step] point forecasts of the model that others are measured by.
    weight : [series] importance, known at the cutoff.
    """

    unique_ids: NDArray[np.object_]
    dates: pd.DatetimeIndex
    demand: Floats
    present: Bools
    costs: UnitCosts = field(default_factory=lambda: NO_COSTS)
    censored: Bools | None = None
    stockout: Bools | None = None
    sold: Floats | None = None
    trend: Floats | None = None
    baseline: Floats | None = None
    weight: Floats | None = None
    scale: Scale | None = None
    training: Training | None = None
    hierarchy: Hierarchy | None = None

    def part(self, rows: slice) -> Cells:
        """Cells of some series, without the hierarchy, which is of all."""

        def cut(values: Floats | None) -> Floats | None:
            return None if values is None else values[rows]

        return replace(
            self, unique_ids=self.unique_ids[rows], demand=self.demand[rows], present=self.present[rows],
            costs=UnitCosts.trusted(*(_rows(c, rows) for c in (self.costs.underage, self.costs.overage))),
            censored=None if self.censored is None else self.censored[rows],
            stockout=None if self.stockout is None else self.stockout[rows], sold=cut(self.sold), trend=cut(self.trend),
            baseline=cut(self.baseline), weight=cut(self.weight), hierarchy=None,
            scale=None if self.scale is None else Scale(self.scale.absolute[rows], self.scale.squared[rows]),
            training=None if self.training is None else Training(self.training.sales[rows], self.training.dates),
        )  # fmt: skip

    @property
    def unknown(self) -> Floats:
        """[series, step] of NaN: the statistic that cannot be computed."""
        return np.full(self.demand.shape, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What one model said of a window.

    forecast : [series, step] units, NaN where it said nothing; quantiles : level -> [series, step] units, ascending.
    paths : [series, step, path] units, or None.
    """

    forecast: Floats
    quantiles: Mapping[float, Floats] = field(default_factory=dict)
    paths: Floats | None = None


@dataclass(frozen=True, eq=False)
class Observations:
    """What came and what one model said of it, see `Cells` and `Said`; what several metrics use is computed once."""

    cells: Cells
    forecast: Floats
    quantiles: Mapping[float, Floats] = field(default_factory=dict)
    paths: Floats | None = None

    def part(self, rows: slice, cells: Cells) -> Observations:
        """What it said of some series; cells : theirs."""
        quantiles = {level: at[rows] for level, at in self.quantiles.items()}
        return Observations(cells, self.forecast[rows], quantiles, None if self.paths is None else self.paths[rows])

    @cached_property
    def error(self) -> Floats:
        """Forecast minus demand [series, step], positive is waste; where demand is censored, 0 at most.

        A censored period says that demand was at least what was sold, so that only a forecast below it is proven wrong
        (Powell, 1986, Censored regression quantiles, Journal of Econometrics 32).
        """
        return self.excess(self.forecast)

    @cached_property
    def absolute_error(self) -> Floats:
        """Distance of forecast and demand [series, step]."""
        return np.asarray(np.abs(self.error))

    @cached_property
    def baseline_error(self) -> Floats:
        """As `error`, of the baseline, NaN where this model said nothing, so that both stand on the same periods."""
        if self.cells.baseline is None:
            return self.cells.unknown
        return np.where(np.isnan(self.forecast), np.nan, self.excess(self.cells.baseline))

    def excess(self, forecast: Floats) -> Floats:
        """Any forecast minus demand; see `error`."""
        gap = forecast - self.cells.demand
        if self.cells.censored is None:
            return np.asarray(gap)
        return np.where(self.cells.censored, np.minimum(gap, 0.0), gap)


def _rows(cost: Floats | float, rows: slice) -> Floats | float:
    """Costs of some series; one that holds for all stays as it is."""
    return cost if np.ndim(cost) == 0 or np.shape(cost)[0] == 1 else np.asarray(cost)[rows]
