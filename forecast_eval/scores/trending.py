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
    out = np.zeros((len(windows), len(sales)), dtype=bool)
    for k, window in enumerate(windows):
        end = position_in(history.calendar, window.cutoff) + 1
        start = max(0, end - spec.base - spec.recent)
        if end - start <= spec.recent:
            continue
        probability = trend_probability(
            sales[:, start:end], np.nan_to_num(in_stock[:, start:end]), recent=spec.recent, factor=spec.factor
        )
        out[k] = probability > spec.probability
    return out
