"""Long rows laid out as dense arrays [series, step], one cutoff after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows of one cutoff.

    cutoff : the cutoff, or None where the frame has none. rows : their positions in the frame.
    dates : [step]; shape : of the arrays. at : [row] flat position of each row, None where rows stand in that order.
    period : rows of a series over all cutoffs, where every series has as many and they stand together; else 0.
    """

    cutoff: pd.Timestamp | None
    rows: slice | Ints
    dates: pd.DatetimeIndex
    shape: tuple[int, int]
    at: Ints | None
    period: int = 0

    def of(self, values: NDArray[Any]) -> Floats:
        """Values of a column of the frame [series, step]; NaN where there is no row."""
        if self.period and not isinstance(self.rows, slice):  # a stripe of the frame, which need not be gathered
            start, (series, steps) = int(self.rows[0]), self.shape
            stripe = values.reshape(series, self.period)[:, start : start + steps]
            return np.ascontiguousarray(stripe, dtype=np.float64)
        own = np.asarray(values[self.rows], dtype=np.float64)
        if self.at is None:
            return own.reshape(self.shape)
        out = np.full(self.shape[0] * self.shape[1], np.nan)
        out[self.at] = own
        return out.reshape(self.shape)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether there is a row [series, step]."""
        if self.at is None:
            return np.ones(self.shape, dtype=bool)
        out = np.zeros(self.shape[0] * self.shape[1], dtype=bool)
        out[self.at] = True
        return out.reshape(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the rows of a frame stand: series as they come, dates ascending, cutoffs too."""

    unique_ids: NDArray[np.object_]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Grid:
        """Lay out unique_id, ds and, where there is one, cutoff; the key of a row must not stand twice.

        Every cutoff has all series of the frame; a frame whose rows are sorted and complete is not copied.

        >>> rows = pd.DataFrame({"unique_id": ["a", "a", "b"], "ds": pd.to_datetime(["2026-01-05", "2026-01-12"] +
        ...                      ["2026-01-12"]), "y": [1.0, 2.0, 3.0]})
        >>> grid = Grid.of(rows)
        >>> grid.blocks[0].of(rows["y"].to_numpy())
        array([[ 1.,  2.],
               [nan,  3.]])
        """
        dates = frame["ds"].to_numpy()
        codes, unique_ids = _series(frame["unique_id"], dates)
        if len(codes) and codes.min() < 0:
            row = int(codes.argmin())
            what, place = "unique_id must not be missing", f"frame, row {row}, column unique_id"
            raise InputError([Fault("missing-key", what, place, "correct it, or leave the rows out")])
        blocks = [_block(cutoff, rows, codes, dates, len(unique_ids)) for cutoff, rows in _cutoffs(frame)]
        return cls(unique_ids, tuple(blocks))


def _cutoffs(frame: pd.DataFrame) -> Iterator[tuple[pd.Timestamp | None, slice | Ints]]:
    if "cutoff" not in frame.columns:
        yield None, slice(None)
        return
    codes, known = pd.factorize(frame["cutoff"], sort=True)
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=len(known))
    for cutoff, stop, size in zip(known, np.cumsum(sizes), sizes, strict=True):
        rows = order[stop - size : stop]
        whole = rows[-1] - rows[0] + 1 == size
        yield pd.Timestamp(cutoff), slice(int(rows[0]), int(rows[-1]) + 1) if whole else rows


def _series(ids: pd.Series[Any], dates: NDArray[Any]) -> tuple[Ints, NDArray[np.object_]]:
    """Position of each row's series among the names, and the names; rows that stand together are looked up once."""
    given = ids.to_numpy()
    run = _run(dates)
    if run > 1 and len(given) % run == 0:
        table = given.reshape(-1, run)
        if (table[:, 1:] == table[:, :-1]).all():
            codes, names = pd.factorize(table[:, 0])
            return np.repeat(codes.astype(np.int64), run), np.asarray(names, dtype=object)
    codes, names = pd.factorize(given)
    return codes.astype(np.int64), np.asarray(names, dtype=object)


def _run(dates: NDArray[Any]) -> int:
    """Rows until dates go back for the first time: those of one series, in a sorted frame."""
    back = np.flatnonzero(dates[1:] <= dates[:-1])
    return int(back[0]) + 1 if len(back) else len(dates)


def _period(rows: slice | Ints, codes: Ints, series: int) -> int:
    """Rows of each series where the frame is sorted by series and then cutoff; 0 where it is not."""
    period, odd = divmod(len(codes), series)
    if isinstance(rows, slice) or odd:
        return 0
    table = rows.reshape(series, -1)
    regular = table == table[0] + period * np.arange(series)[:, None]
    together = bool(regular.all()) and int(table[0, -1]) - int(table[0, 0]) == table.shape[1] - 1
    return period if together and table[0, -1] < period else 0


def _block(cutoff: pd.Timestamp | None, rows: slice | Ints, codes: Ints, dates: NDArray[Any], series: int) -> Block:
    own, when = codes[rows], dates[rows]
    steps = len(own) // series
    if steps * series == len(own):
        table, days = own.reshape(series, steps), when.reshape(series, steps)
        ascending = bool((days[0, 1:] > days[0, :-1]).all()) and bool((days == days[0]).all())
        if ascending and bool((table == np.arange(series)[:, None]).all()):
            return Block(cutoff, rows, pd.DatetimeIndex(days[0]), (series, steps), None, _period(rows, codes, series))
    at, known = pd.factorize(when, sort=True)
    flat = own * len(known) + at
    if np.bincount(flat, minlength=1).max() > 1:
        again = np.arange(len(codes))[rows][np.asarray(pd.Series(flat).duplicated()).argmax()]
        what = "the key (unique_id, ds) stands twice in one cutoff"
        raise InputError([Fault("duplicate", what, f"frame, row {again}", "keep one row for each key")])
    return Block(cutoff, rows, pd.DatetimeIndex(known), (series, len(known)), flat)
