"""Which series are trending, as of each cutoff."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtest.windows import position_in
from losses import trend_probability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from backtest import History, Window

    from ..config import Trend

TRENDING, NOT_TRENDING = "trending", "not trending"


def trending(history: History, windows: Sequence[Window], spec: Trend) -> NDArray[np.bool_]:
    """Whether a series is trending, [cutoff, series], from sales known at the cutoff.

    The last `recent` periods are compared with the `base` periods before them, stockout periods left out.
    """
    sales = history.dense()
    in_stock = history.dense("in_stock") if "in_stock" in history.frame.columns else np.ones_like(sales)
    ends = np.array([position_in(history.calendar, window.cutoff) for window in windows])
    if not 0 < spec.recent < sales.shape[1]:
        return np.zeros((len(windows), len(sales)), dtype=bool)
    probability = trend_probability(
        sales, np.nan_to_num(in_stock), recent=spec.recent, base=spec.base, factor=spec.factor
    )
    as_of_cutoffs = probability[:, ends].T
    return np.asarray(as_of_cutoffs > spec.probability)
