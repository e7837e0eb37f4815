"""Classes of series, as of each cutoff: ABC by what they sell, XYZ by how much it varies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ABC, XYZ = ("A", "B", "C"), ("X", "Y", "Z")
VOLUME_BOUNDS = (0.8, 0.95)
VARIATION_BOUNDS = (0.5, 1.0)


def abc_class(sold: Floats) -> Ints:
    """Position in `ABC` of each series: those that make the first 80 % of the money sold, the next 15 %, the rest.

    sold : [series] currency, or units where there are no prices. The one that crosses a bound is of the class before.

    >>> abc_class(np.array([1.0, 70.0, 19.0, 10.0]))
    array([2, 0, 0, 1])
    """
    order = np.argsort(-sold, kind="stable")
    total = sold.sum()
    before = (np.cumsum(sold[order]) - sold[order]) / total if total > 0 else np.ones(len(sold))
    out = np.empty(len(sold), dtype=np.int64)
    out[order] = np.searchsorted(VOLUME_BOUNDS, before, side="right")
    return out


def xyz_class(sales: Floats) -> Ints:
    """Position in `XYZ` of each series: coefficient of variation up to 0.5, up to 1, above, or nothing sold.

    sales : [series, time] units, NaN where demand is not known.

    >>> xyz_class(np.array([[5.0, 6.0, 4.0], [0.0, 9.0, np.nan], [0.0, 0.0, 8.0]]))
    array([0, 1, 2])
    """
    known = ~np.isnan(sales)
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, sales, 0.0).sum(axis=1) / count
    spread = np.sqrt(np.where(known, (sales - mean[:, None]) ** 2, 0.0).sum(axis=1) / count)
    variation = np.divide(spread, mean, out=np.full(len(sales), np.inf), where=mean > 0)
    return np.asarray(np.searchsorted(VARIATION_BOUNDS, variation), dtype=np.int64)
