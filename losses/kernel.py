"""The newsvendor loss and its slope over large arrays in main memory, compiled: one pass, no intermediate arrays.

The digits are those of `losses.Newsvendor`, whose formula this is; a test compares the two.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

PART = 1 << 18
"""Elements that one thread takes at once."""


def newsvendor_sum(demand: Floats, forecast: Floats, terms: tuple[Floats, ...], *, threads: int) -> float:
    """Sum of weight * loss [currency], added up in float64.

    demand, forecast : [n] units; terms : underage, overage and weight, each [n] or [1], of the same type.
    """
    return float(sum(_over(len(demand), threads, lambda p: _sum(demand[p], forecast[p], *_terms(terms, p)))))


def newsvendor_slope(
    demand: Floats, forecast: Floats, terms: tuple[Floats, ...], *, scale: float, threads: int
) -> Floats:
    """Slopes, weight * gradient * scale [n]; arguments as in `newsvendor_sum`."""
    out = np.empty_like(demand)
    factor = np.asarray(scale, demand.dtype)[()]
    _over(len(demand), threads, lambda p: _slope(demand[p], forecast[p], *_terms(terms, p), factor, out[p]))  # type: ignore[call-arg]
    return out


def _terms(terms: tuple[Floats, ...], part: slice) -> tuple[Any, ...]:
    """Terms of a part, each followed by the step from one element to the next: 0 where one holds for all."""
    return tuple(x for term in terms for x in ((term, 0) if len(term) == 1 else (term[part], 1)))


def _over(size: int, threads: int, work: Callable[[slice], Any]) -> list[Any]:
    """Results of the parts, in order; they do not depend on the number of threads."""
    parts = [slice(start, start + PART) for start in range(0, size, PART)]
    if threads == 1:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))


@njit(nogil=True, cache=True)
def _sum(demand, forecast, cu, cu_step, co, co_step, w, w_step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917 - compiled
    total = 0.0
    for i in range(len(demand)):
        under, over = cu[i * cu_step], co[i * co_step]
        gap = demand[i] - forecast[i]
        total += w[i * w_step] * ((under if gap >= 0 else -over) * gap)
    return total


@njit(nogil=True, cache=True)
def _slope(demand, forecast, cu, cu_step, co, co_step, w, w_step, scale, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0913, PLR0917 - compiled
    for i in range(len(demand)):
        under, over = cu[i * cu_step], co[i * co_step]
        gap = demand[i] - forecast[i]
        slope = -under if gap >= 0 else over
        # two selections in turn are vectorised, one within the other is not
        slope = gap if gap != gap else slope  # noqa: PLR0124 - NaN where demand is
        out[i] = w[i * w_step] * slope * scale
