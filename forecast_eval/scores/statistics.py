"""What can be measured of one forecast of one period: the statistics that metrics sum up."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from losses import Newsvendor
from losses.kernel import spec_cost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from .observations import Observations

    Floats = NDArray[np.float64]

LATITUDE = 1e-9
"""By how much a level may differ from the one that is asked for and be the same."""


def _percentage(o: Observations, _: float | None) -> Floats:
    # returns may make demand negative, where no percentage means anything
    return _share(o.absolute_error, np.maximum(o.cells.demand, 0.0), np.nan)


def _symmetric(o: Observations, _: float | None) -> Floats:
    # a forecast of 0 where nothing was wanted is right
    return _share(2.0 * o.absolute_error, np.abs(o.forecast) + np.abs(o.cells.demand), 0.0)


def _share(part: Floats, whole: Floats, nothing: float) -> Floats:
    """Part of a whole, `nothing` where the whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):  # dividing first and mending after is what is vectorised
        return np.where(whole == 0, nothing, part / whole)


def _scaled(o: Observations, _: float | None) -> Floats:
    return o.cells.unknown if o.cells.scale is None else o.absolute_error / o.cells.scale.absolute[:, None]


def _scaled_squared(o: Observations, _: float | None) -> Floats:
    return o.cells.unknown if o.cells.scale is None else o.error**2 / o.cells.scale.squared[:, None]


def _newsvendor(o: Observations, _: float | None) -> Floats:
    # only the difference of demand and forecast counts, and `error` knows where demand is censored
    return np.asarray(Newsvendor().value(-o.error, np.zeros_like(o.error), o.cells.costs))


def _underage(o: Observations, _: float | None) -> Floats:
    return np.asarray(o.cells.costs.underage * np.maximum(-o.error, 0.0))


def _overage(o: Observations, _: float | None) -> Floats:
    return np.asarray(o.cells.costs.overage * np.maximum(o.error, 0.0))


def _trend_weighted(o: Observations, _: float | None) -> Floats:
    if o.cells.trend is None or np.isnan(o.cells.costs.underage).all():  # no prices
        return o.cells.unknown
    costs = o.cells.costs.with_trend(o.cells.trend[:, None])
    return np.asarray(Newsvendor().value(-o.error, np.zeros_like(o.error), costs))


def _spec(o: Observations, _: float | None) -> Floats:
    """SPEC couples the periods of a window: one that is not known, or a negative forecast, leaves the window out.

    So does one whose demand is censored: what was wanted then would be wanted later too.
    """
    demand, costs = seen(o), o.cells.costs
    money = (np.ascontiguousarray(np.broadcast_to(c, demand.shape)) for c in (costs.underage, costs.overage))
    return np.asarray(spec_cost(np.ascontiguousarray(demand), np.ascontiguousarray(o.forecast), *money))


def _pinball_at(o: Observations, level: float, quantile: Floats) -> Floats:
    excess = o.excess(quantile)
    return np.asarray(np.maximum(-level * excess, (1.0 - level) * excess))


def _pinball(o: Observations, level: float | None) -> Floats:
    if level is not None:
        found = _quantile(o, level)
        return o.cells.unknown if found is None else _pinball_at(o, level, found)
    total = np.zeros_like(o.forecast) if o.quantiles else o.cells.unknown
    for each, quantile in o.quantiles.items():
        total += _pinball_at(o, each, quantile)
    return total / max(1, len(o.quantiles))


def _crps(o: Observations, _: float | None) -> Floats:
    total = np.zeros_like(o.forecast) if o.quantiles else o.cells.unknown
    for (share, middle), quantile in zip(crps_shares(list(o.quantiles)), o.quantiles.values(), strict=True):
        total += 2.0 * share * _pinball_at(o, middle, quantile)
    return total


def crps_shares(levels: list[float]) -> list[tuple[float, float]]:
    """Probability that each quantile stands for, and the level in the middle of it; bounds are halfway between levels.

    >>> crps_shares([0.25, 0.75])
    [(0.5, 0.25), (0.5, 0.75)]
    """
    bounds = [0.0, *((a + b) / 2 for a, b in itertools.pairwise(levels)), 1.0]
    return [(high - low, (low + high) / 2) for low, high in itertools.pairwise(bounds)] if levels else []


def _interval(o: Observations, level: float | None) -> tuple[Floats, Floats] | None:
    assert level is not None
    low, high = _quantile(o, (1 - level) / 2), _quantile(o, (1 + level) / 2)
    return None if low is None or high is None else (low, high)


def _covered(o: Observations, level: float | None) -> Floats:
    found = _interval(o, level)
    if found is None:
        return o.cells.unknown
    low, high = found
    demand = seen(o)
    return np.where(np.isnan(demand + low + high), np.nan, ((low <= demand) & (demand <= high)).astype(float))


def _interval_score(o: Observations, level: float | None) -> Floats:
    found = _interval(o, level)
    if found is None or level is None:
        return o.cells.unknown
    low, high = found
    outside = np.maximum(o.excess(low), 0.0) + np.maximum(-o.excess(high), 0.0)
    return np.asarray(high - low + 2.0 / (1.0 - level) * outside)


def reached(o: Observations, quantile: Floats) -> Floats:
    """1 where demand is not above a quantile, 0 where it is, NaN where that is not known [series, step]."""
    demand = seen(o)
    return np.where(np.isnan(demand + quantile), np.nan, (demand <= quantile).astype(float))


def seen(o: Observations) -> Floats:
    """Demand where it is known exactly: whether a quantile above what was sold covers it is nobody's to know."""
    return o.cells.demand if o.cells.censored is None else np.where(o.cells.censored, np.nan, o.cells.demand)


def _quantile(o: Observations, level: float) -> Floats | None:
    return next((q for each, q in o.quantiles.items() if abs(each - level) < LATITUDE), None)


def _warned(o: Observations, *, stockout: bool) -> Floats:
    cells = o.cells
    if cells.stockout is None or cells.sold is None:
        return cells.unknown
    counted = (cells.stockout == stockout) & ~np.isnan(cells.sold + o.forecast)
    return np.where(counted, (o.forecast > cells.sold).astype(float), np.nan)


STATISTICS: Mapping[str, Callable[[Observations, float | None], Floats]] = {
    "one": lambda o, _: np.ones_like(o.forecast),
    "demand": lambda o, _: o.cells.demand,
    "error": lambda o, _: o.error,
    "absolute_error": lambda o, _: o.absolute_error,
    "squared_error": lambda o, _: o.error**2,
    "percentage_error": _percentage,
    "symmetric_percentage_error": _symmetric,
    "scaled_error": _scaled,
    "scaled_squared_error": _scaled_squared,
    "baseline_error": lambda o, _: np.asarray(np.abs(o.baseline_error)),
    "error_saved": lambda o, _: np.abs(o.baseline_error) - o.absolute_error,
    "newsvendor_cost": _newsvendor,
    "underage_cost": _underage,
    "overage_cost": _overage,
    "trend_weighted_cost": _trend_weighted,
    "spec_cost": _spec,
    "pinball": _pinball,
    "crps": _crps,
    "covered": _covered,
    "interval_score": _interval_score,
    "stockout_warned": lambda o, _: _warned(o, stockout=True),
    "false_warning": lambda o, _: _warned(o, stockout=False),
}
"""Statistics by name: (observations, level) -> [series, step], NaN where it is not defined. Those of quantiles take a
level: of the quantile (pinball), or of the central interval (covered, interval_score)."""
