"""Where the values of a panel came from: file, row and column of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.schemas import dates_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from backtest import History

    from .layout import Long


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where each value of a history stands; four bytes a row of a long file, and next to nothing of a wide one.

    source : a file's name, or what to call data that come from none.
    rows : [rows of the history] or, of a wide file, [series] row in the file; 0 where the row was inserted; None
        without a file.
    columns : [time] columns of a wide file, or the one of a long file.
    starts : of a long file, [series, 2] position in the history of each series' first row, and its period.
    """

    source: str
    rows: NDArray[np.int32] | None = None
    columns: tuple[str, ...] = ()
    starts: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, sales: Long, history: History) -> Places:
        """Look up the rows of a file in the panel that was made of it."""
        origin, frame = sales.origin, sales.frame
        if origin.rows is None:
            return cls(origin.source)
        count = len(origin.rows)
        series = pd.Index(history.unique_ids).get_indexer(pd.Index(frame["unique_id"].iloc[:count].astype(str)))
        times = history.calendar.get_indexer(pd.DatetimeIndex(dates_of(frame["ds"].iloc[:count])))
        if origin.columns is not None:
            return cls(origin.source, _last(series, origin.rows, len(history.unique_ids)),
                       _names(times, origin.columns, len(history.calendar)))  # fmt: skip
        starts = starts_of(history)
        known = (series >= 0) & (times >= 0)
        at = starts[series[known], 0] + times[known] - starts[series[known], 1]
        inside = (at >= 0) & (at < len(history.frame))
        rows = _last(at[inside], origin.rows[known][inside], len(history.frame))
        return cls(origin.source, rows, (dict(origin.names).get("y", "y"),), starts)

    def place(self, series: int, time: int) -> str:
        """`sales.csv, row 18, column y` for the value of a series at a period of the calendar."""
        if self.rows is None:
            return self.source
        if self.starts is None:
            row, column = self.rows[series], self.columns[time]
        else:
            row, column = self.rows[self.starts[series, 0] + time - self.starts[series, 1]], self.columns[0]
        return f"{self.source}, row {row}, column {column}" if row and column else f"{self.source}, a row inserted"


def _last(at: NDArray[np.int64], rows: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    out = np.zeros(count, dtype=np.int32)
    out[at[at >= 0]] = rows[at >= 0]
    return out


def _names(times: NDArray[np.int64], columns: NDArray[np.object_], count: int) -> tuple[str, ...]:
    seen, first = np.unique(times, return_index=True)
    names = dict(zip(seen.tolist(), columns[first].tolist(), strict=True))
    return tuple(str(names.get(t, "")) for t in range(count))


def starts_of(history: History) -> NDArray[np.int64]:
    """[series, 2] position of each series' first row in the panel, and its period; the others follow without a gap."""
    first = np.searchsorted(history.frame["unique_id"].to_numpy(), history.unique_ids)
    times = history.calendar.get_indexer(pd.DatetimeIndex(history.frame["ds"].iloc[first]))
    return np.stack([first, times], axis=1)
