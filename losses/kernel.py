"""Losses over large arrays in main memory, compiled: one pass, no intermediate arrays.

The formulas are those of `losses.Newsvendor` and `losses.Spec`; tests compare them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

PART = 1 << 18
"""Elements that one thread takes at once."""


class Term(NamedTuple):
    """A factor of each element: entry i is values[i * step], so that with step 0 one holds for all."""

    values: Floats
    step: int


def newsvendor_sum(demand: Floats, forecast: Floats, terms: tuple[Floats, ...], *, threads: int) -> float:
    """Sum of weight * loss [currency], added up in float64.

    demand, forecast : [n] units; terms : underage, overage and weight, each [n] or [1], of the same type.
    """
    return float(sum(_over(len(demand), threads, lambda p: _sum(demand[p], forecast[p], _terms(terms, p)))))


def newsvendor_slope(
    demand: Floats, forecast: Floats, terms: tuple[Floats, ...], *, scale: float, threads: int
) -> Floats:
    """Slopes, weight * gradient * scale [n]; arguments as in `newsvendor_sum`."""
    out = np.empty_like(demand)
    factor = np.asarray(scale, demand.dtype)[()]
    _over(len(demand), threads, lambda p: _slope(demand[p], forecast[p], _terms(terms, p), factor, out[p]))
    return out


def _terms(terms: tuple[Floats, ...], part: slice) -> tuple[Term, ...]:
    """Terms of a part."""
    return tuple(Term(term, 0) if len(term) == 1 else Term(term[part], 1) for term in terms)


def _over(size: int, threads: int, work: Callable[[slice], Any]) -> list[Any]:
    """Results of the parts, in order; they do not depend on the number of threads."""
    parts = [slice(start, start + PART) for start in range(0, size, PART)]
    if threads == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))


@njit(nogil=True, cache=True)
def _sum(demand, forecast, terms):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    underage, overage, weight = terms
    total = 0.0
    for i in range(len(demand)):
        under, over = underage.values[i * underage.step], overage.values[i * overage.step]
        gap = demand[i] - forecast[i]
        total += weight.values[i * weight.step] * ((under if gap >= 0 else -over) * gap)
    return total


@njit(nogil=True, cache=True)
def _slope(demand, forecast, terms, scale, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    underage, overage, weight = terms
    for i in range(len(demand)):
        under, over = underage.values[i * underage.step], overage.values[i * overage.step]
        gap = demand[i] - forecast[i]
        slope = -under if gap >= 0 else over
        # two selections in turn are vectorised, one within the other is not
        slope = gap if gap != gap else slope  # noqa: PLR0124 - NaN where demand is
        out[i] = weight.values[i * weight.step] * slope * scale


@njit(nogil=True, cache=True)
def spec_cost(demand, forecast, underage, overage):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - compiled
    """SPEC of each period [series, period], currency; NaN for a series with a NaN or a negative forecast.

    demand, forecast : [series, period] units; underage, overage : the same shape, currency per unit and period.
    """
    series, periods = demand.shape
    out = np.full((series, periods), np.nan)
    wanted, came = np.empty(periods), np.empty(periods)
    for s in range(series):
        units = deliveries = 0.0
        known = True
        for t in range(periods):
            known = known and demand[s, t] == demand[s, t] and forecast[s, t] >= 0
            units, deliveries = units + demand[s, t], deliveries + forecast[s, t]
            wanted[t], came[t] = units, deliveries
        if not known:
            continue
        for t in range(periods):
            late = early = 0.0
            i = t
            while i >= 0 and wanted[i] > came[t]:  # both only grow: before these nobody waits
                late += wanted[i] - came[t]
                i -= 1
            i = t
            while i >= 0 and came[i] > wanted[t]:
                early += came[i] - wanted[t]
                i -= 1
            out[s, t] = underage[s, t] * late + overage[s, t] * early
    return out
