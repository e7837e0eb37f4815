"""How hard a series is to forecast, as of each cutoff: what scaled errors are scaled by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .observations import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SERIES_AT_ONCE = 1024


def scales(
    sales: Floats, ends: Sequence[int], *, season: int = 1, counted: NDArray[np.bool_] | None = None
) -> tuple[Scale, ...]:
    """Scale of each series as of each cutoff: mean of |y_t - y_(t - season)|, and of its square.

    sales : [series, time] units; NaN where there is none. ends : positions of the cutoffs, each the last one known.
    counted : [series, time] periods that count; a difference with one that does not is left out. None is all.

    Periods before a series' first sale are left out, as the M5 competition does: a product that was not on sale yet
    was not easy to forecast. NaN where no difference is left, or none is other than 0: then nothing can be scaled.

    Source: Hyndman and Koehler (2006), Another look at measures of forecast accuracy, International Journal of
    Forecasting 22; Makridakis, Spiliotis and Assimakopoulos (2022), The M5 competition, the same 38.

    >>> late = np.array([[0.0, 0.0, 0.0, 4.0, 2.0, 5.0]])
    >>> scales(late, [5])[0].absolute, scales(late, [5])[0].squared
    (array([2.5]), array([6.5]))
    """
    at = np.asarray(ends)
    absolute, squared = (np.full((len(sales), len(at)), np.nan) for _ in range(2))
    for start in range(0, len(sales), SERIES_AT_ONCE):
        rows = slice(start, start + SERIES_AT_ONCE)
        steps = _differences(sales[rows], season, None if counted is None else counted[rows])
        known = np.cumsum(~np.isnan(steps), axis=1)[:, at]
        for out, values in ((absolute, np.abs(steps)), (squared, steps**2)):
            total = np.cumsum(np.nan_to_num(values), axis=1)[:, at]
            np.divide(total, known, out=out[rows], where=total > 0)
    return tuple(Scale(absolute[:, k], squared[:, k]) for k in range(len(at)))


def _differences(sales: Floats, season: int, counted: NDArray[np.bool_] | None) -> Floats:
    """Differences over a season [series, time], NaN where one of the two periods is not known or not on sale yet."""
    started = np.maximum.accumulate(np.nan_to_num(sales) > 0, axis=1)
    known = np.where(started if counted is None else started & counted, sales, np.nan)
    out = np.full(sales.shape, np.nan)
    out[:, season:] = known[:, season:] - known[:, :-season]
    return out
