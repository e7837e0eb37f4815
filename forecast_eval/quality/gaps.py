"""How long series sell nothing while they are on sale: before, between and after their sales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 8
"""Periods with a sale below which a series says too little of itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """How long each series sells nothing while it is on sale, in periods [series].

    first, last : the periods of its first and of its last sale.
    before, after : on-sale periods before the first sale and after the last one.
    longest : on-sale periods from a sale to the next one, at most.
    chance : of a sale in an on-sale period between first and last.
    count : of periods with a sale.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    longest: NDArray[np.int64]
    chance: NDArray[np.float64]
    count: NDArray[np.int64]

    @classmethod
    def of(cls, sales: NDArray[np.float64], on_sale: NDArray[np.bool_]) -> Gaps:
        """Measure them; sales, on_sale : [series, time]."""
        sold = sales > 0
        clock = np.cumsum(on_sale, axis=1, dtype=np.int32)  # on-sale periods so far
        series, time = np.nonzero(sold)
        at = clock[series, time]
        count = sold.sum(axis=1)
        first, last = sold.argmax(axis=1), sold.shape[1] - 1 - sold[:, ::-1].argmax(axis=1)
        longest = np.zeros(len(sold), dtype=np.int64)
        if len(at):  # of each series' first sale there is none before it
            gaps = np.diff(at, prepend=0) * (np.diff(series, prepend=-1) == 0)
            longest[count > 0] = np.maximum.reduceat(gaps, np.flatnonzero(np.diff(series, prepend=-1)))
        row = np.arange(len(sold))
        span = clock[row, last] - clock[row, first] + on_sale[row, first]
        chance = np.minimum((sold & on_sale).sum(axis=1) / np.maximum(span, 1), 1.0)
        before = clock[row, first] - on_sale[row, first]
        return cls(first, last, before, clock[:, -1] - clock[row, last], longest, chance, count)

    def unlikely(self, length: NDArray[np.int64], times: float, chance: float) -> NDArray[np.int64]:
        """Positions of the series that would not have been silent for so long, going by their own sales.

        length : [series] on-sale periods of a silence.
        times : how many of a series' longest gaps that must be.
        chance : how likely it is at most.
        """
        log_chance = length * np.log1p(-np.minimum(self.chance, 1 - 1e-12))  # of a coin that falls anew each period
        long = length > times * np.maximum(self.longest, 1)
        # a series that sold in every period of its life has no gap to compare with: it needs a few periods too
        return np.flatnonzero((self.count >= FEWEST) & long & (length >= 4) & (log_chance < np.log(chance)))
