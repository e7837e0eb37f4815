"""Sums over the cells of a panel in one pass, compiled: no array is made on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[Any]


@njit(nogil=True, cache=True)
def add_up(above, below, present, weight, by_series, by_step, missing_by_series, missing_by_step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, PLR0913, PLR0917 - compiled
    """Add up numerators and denominators [series, step] into by_series [3, series] and by_step [3, step], which are 0.

    A cell that is NaN in either is left out and counted. below : empty stands for ones; weight : [series], empty for
    ones. The third row is the number of observations, which has no weight.
    """
    series, steps = above.shape
    ones, equal = below.size == 0, weight.size == 0
    for s in range(series):
        w = 1.0 if equal else weight[s]
        total_x = total_y = observed = lacking = 0.0
        for t in range(steps):
            x = above[s, t]
            y = 1.0 if ones else below[s, t]
            here = present[s, t]
            used = here & (x == x) & (y == y)  # noqa: PLR0124 - NaN
            x = w * x if used else 0.0  # selections instead of branches: half of the cells may be missing
            y = w * y if used else 0.0
            n = 1.0 if used else 0.0
            m = 1.0 if here & (not used) else 0.0
            total_x += x
            total_y += y
            observed += n
            lacking += m
            by_step[0, t] += x
            by_step[1, t] += y
            by_step[2, t] += n
            missing_by_step[t] += m
        by_series[0, s], by_series[1, s], by_series[2, s] = total_x, total_y, observed
        missing_by_series[s] = lacking


@njit(nogil=True, cache=True)
def missing_alike(one, other):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - compiled
    """Whether two arrays [series, step] are NaN in the same cells."""
    series, steps = one.shape
    for s in range(series):
        differ = False
        for t in range(steps):
            x, y = one[s, t], other[s, t]
            differ |= (x == x) != (y == y)  # noqa: PLR0124 - NaN
        if differ:
            return False
    return True


@njit(nogil=True, cache=True)
def count_reached(demand, quantile, present):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - compiled
    """How often demand [series, step] is not above a quantile, and in how many cells both are known."""
    below = known = 0
    series, steps = demand.shape
    for s in range(series):
        for t in range(steps):
            y, q = demand[s, t], quantile[s, t]
            if present[s, t] and y == y and q == q:  # noqa: PLR0124 - NaN
                known += 1
                below += y <= q
    return below, known
