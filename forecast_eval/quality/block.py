"""Some series of a panel, as the rules on single series look at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.periods import moment

from ..places import starts_of
from .gaps import FEWEST, Gaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from backtest import History

SERIES = 2000
"""Series in a block: what rules compute on the way then takes megabytes, not gigabytes."""
USUAL = 0.9
"""Quantile of a series' periods with a sale that is called its usual high."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Sales of some series.

    sales : [series, time] units; NaN before a series starts and after it ends.
    stock : [series, time] share of the period in stock, or None.
    on_sale : [series, time] whether a sale was possible throughout: a period of the series, fully in stock.
    gaps : how long each sells nothing.
    usual : [series] usual high: the 90 % quantile of the periods with a sale; 0 where there are fewer than 8.
    first : position in the panel of the first series.
    periods_per_week : of the calendar.
    """

    sales: NDArray[np.float64]
    stock: NDArray[np.float64] | None
    on_sale: NDArray[np.bool_]
    gaps: Gaps
    usual: NDArray[np.float64]
    unique_ids: NDArray[np.object_]
    calendar: pd.DatetimeIndex
    first: int
    periods_per_week: float

    def name(self, series: int, time: int | None = None) -> str:
        """Series, and period, as a message names them."""
        text = f"unique_id={self.unique_ids[series]!r}"
        return text if time is None else f"{text}, ds={moment(self.calendar[time])}"


def blocks(history: History, size: int = SERIES) -> Iterator[Block]:
    """Cut a panel into blocks of series."""
    starts = starts_of(history)
    ends = np.append(starts[1:, 0], len(history.frame))
    columns = [history.frame[c].to_numpy(dtype=float) for c in ("y", "in_stock") if c in history.frame]
    for start in range(0, len(starts), size):
        own = slice(start, start + size)
        dense = [_dense(values, starts[own], ends[own], len(history.calendar)) for values in columns]
        sales, stock = dense[0], dense[1] if len(dense) > 1 else None
        on_sale = ~np.isnan(sales) & (True if stock is None else stock >= 1)
        yield Block(sales, stock, on_sale, Gaps.of(sales, on_sale), usual_high(sales), history.unique_ids[own],
                    history.calendar, start, history.periods_per_week)  # fmt: skip


def _dense(
    values: NDArray[np.float64], starts: NDArray[np.int64], ends: NDArray[np.int64], periods: int
) -> NDArray[np.float64]:
    """[series, time] of a column; the rows of each series follow one another without a gap."""
    lengths = ends - starts[:, 0]
    rows = np.arange(starts[0, 0], ends[-1])
    time = rows - np.repeat(starts[:, 0] - starts[:, 1], lengths)
    out = np.full((len(starts), periods), np.nan)
    out[np.repeat(np.arange(len(starts)), lengths), time] = values[rows[0] : rows[-1] + 1]
    return out


def usual_high(sales: NDArray[np.float64]) -> NDArray[np.float64]:
    """[series] The 90 % quantile (the order statistic below it) of the positive sales; 0 where there are few.

    >>> usual_high(np.array([[0.0, 3, 1, 2, 0, 4, 5, 6, 7, 8, 9, 10], [0.0, 3, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0]]))
    array([9., 0.])
    """
    positive = np.where(sales > 0, sales, np.inf).astype(np.float32)  # sorts in a third of the time
    positive.sort(axis=1)
    count = (sales > 0).sum(axis=1)
    at = np.maximum(np.floor(USUAL * count).astype(int) - 1, 0)
    high = positive[np.arange(len(sales)), at].astype(float)
    return np.where(count >= FEWEST, high, 0.0)
