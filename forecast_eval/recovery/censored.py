"""Sales of which some are only a lower bound of demand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Cells = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True, eq=False)  # no slots: the cells are found once and kept
class Censored:
    """A panel of sales [series, time], with what is known of each.

    sales : units; 0 where they are unknown.
    known : whether sales are known.
    hidden : whether they are known and the period was not fully in stock.
    share : share of the opening time in stock; 1 where that is unknown.
    """

    sales: Floats
    known: Bools
    hidden: Bools
    share: Floats

    @classmethod
    def of(cls, sales: Floats, in_stock: Floats) -> Censored:
        """Take sales, NaN where unknown, and shares of time in stock, NaN where that counts as in stock."""
        known = ~np.isnan(sales)
        share = np.where(np.isnan(in_stock), 1.0, in_stock)
        return cls(np.where(known, sales, 0.0), known, known & (share < 1), share)

    @cached_property
    def cells(self) -> Cells:
        """Series and time of every hidden period."""
        series, time = np.nonzero(self.hidden)
        return series, time

    @property
    def bound(self) -> Floats:
        """Sales of the hidden periods, [hidden]: demand was at least that."""
        return np.asarray(self.sales[self.cells])

    @property
    def seen(self) -> Bools:
        """Periods whose sales are demand."""
        return self.known & ~self.hidden

    def listed(self) -> Censored:
        """Leave out, as unknown, what says nothing of demand: hidden zeros before a series' first sign of life.

        A sign of life is a seen period or a sale. Of a series that was never seen all is left out.
        """
        alive = np.maximum.accumulate(self.seen | (self.sales > 0), axis=1) & self.seen.any(axis=1, keepdims=True)
        known = self.known & alive
        return Censored(np.where(known, self.sales, 0.0), known, self.hidden & known, self.share)

    def with_hidden(self, estimate: Floats) -> Floats:
        """Sales [series, time], NaN where unknown, with `estimate` [hidden] in the hidden periods."""
        out = np.where(self.known, self.sales, np.nan)
        out[self.cells] = estimate
        return out
