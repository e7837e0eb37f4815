"""Which series are trending, as of each cutoff."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtest.windows import position_in
from losses import trend_probability, trend_score

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
    sales, in_stock, ends = _known(history, windows)
    if not 0 < spec.recent < sales.shape[1]:
        return np.zeros((len(windows), len(sales)), dtype=bool)
    probability = trend_probability(sales, in_stock, recent=spec.recent, base=spec.base, factor=spec.factor)
    return np.asarray(spec.probability < probability[:, ends].T)


def trend_scores(history: History, windows: Sequence[Window], spec: Trend) -> NDArray[np.float64]:
    """How surely a series rises (1) or declines (-1), [cutoff, series], from sales known at the cutoff.

    0 where the factor is no rise, or the history is shorter than the recent periods.
    """
    sales, in_stock, ends = _known(history, windows)
    if not 0 < spec.recent < sales.shape[1] or spec.factor <= 1:
        return np.zeros((len(windows), len(sales)))
    score = trend_score(sales, in_stock, recent=spec.recent, base=spec.base, factor=spec.factor)
    return np.asarray(np.nan_to_num(score[:, ends].T))


def _known(
    history: History, windows: Sequence[Window]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    sales = history.dense()
    in_stock = history.dense("in_stock") if "in_stock" in history.frame.columns else np.ones_like(sales)
    return sales, np.nan_to_num(in_stock), np.array([position_in(history.calendar, w.cutoff) for w in windows])
