"""The planner that a synthetic market starts with: it orders from recorded sales, blind to what it missed.

This is the world's own stock keeping, not the simulator that forecasts are evaluated with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from .planner import Recorded

WINDOW = 8
"""Weeks of recorded sales that the planner averages."""
FRESH_SAFETY = 0.5
"""Share of the safety weeks that the planner dares for goods that perish."""
FACING = 1
"""Units that the shelf shows at least; without it a SKU that sold nothing for a while would never return."""


@dataclass(frozen=True, slots=True, eq=False)
class Incumbent:
    """Orders each week up to (lead time + 1 + safety) weeks of a trailing average of recorded sales.

    lead_time : [series] weeks.
    pack_size, min_order : [series] units.
    safety_weeks : [series] weeks of average sales beyond lead time and review.
    """

    lead_time: NDArray[np.int64]
    pack_size: NDArray[np.float64]
    min_order: NDArray[np.float64]
    safety_weeks: NDArray[np.float64]

    @classmethod
    def of(cls, terms: pd.DataFrame, safety_weeks: float) -> Incumbent:
        """Take the supply terms from economics columns, one row a series."""
        life, lead, pack, least = (
            terms[name].to_numpy(dtype=float) for name in ("shelf_life", "lead_time", "pack_size", "min_order")
        )
        safety = np.where(np.isfinite(life), FRESH_SAFETY, 1.0) * safety_weeks
        return cls(lead.astype(np.int64), pack, least, safety)

    def orders(self, seen: Recorded) -> NDArray[np.int64]:
        """Units to order, [series]: what the position lacks to the level, in whole packs."""
        rate = self.rate(seen)
        usable = _usable(seen.by_life, self.lead_time, rate)
        level = np.maximum(np.ceil((self.lead_time + 1 + self.safety_weeks) * rate), FACING)
        need = np.maximum(level - usable - seen.in_transit.sum(axis=1), 0.0)
        return whole_packs(need, self.pack_size, self.min_order)

    def rate(self, seen: Recorded) -> NDArray[np.float64]:
        """Average of the last recorded weeks' sales, [series]; before there are enough, with what is remembered."""
        last = seen.sold[:, max(seen.week - WINDOW, 0) :]
        missing = WINDOW - last.shape[1]
        window = np.concatenate([np.repeat(seen.before[:, None], missing, axis=1), last], axis=1)
        return np.asarray(np.ascontiguousarray(window).mean(axis=1))

    def first_deliveries(self, rate: NDArray[np.float64]) -> NDArray[np.int64]:
        """Deliveries ordered before the start, [series, week]: sales of the lead time, and safety with the first."""
        due = np.zeros((len(rate), int(self.lead_time.max())), dtype=np.int64)
        due[:, 0] = np.ceil((1 + self.safety_weeks) * rate)
        for week in range(1, due.shape[1]):
            due[:, week] = np.where(self.lead_time > week, np.ceil(rate), 0)
        return due


def whole_packs(
    need: NDArray[np.float64], pack_size: NDArray[np.float64], min_order: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Round [series] units up to whole packs of at least the minimum; nothing stays nothing.

    >>> whole_packs(np.array([0.0, 1.0, 9.0]), np.full(3, 4.0), np.full(3, 6.0))
    array([ 0,  8, 12])
    """
    least = np.where(need > 0, np.maximum(need, min_order), 0.0)
    return np.asarray(np.ceil(least / pack_size) * pack_size, dtype=np.int64)


def _usable(by_life: NDArray[np.int64], lead_time: NDArray[np.int64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stock [series] that counts against an order; what expires before it comes serves only till then."""
    lots = np.arange(by_life.shape[1])
    expires = (lots < lead_time[:, None]) & (lots < len(lots) - 1)  # [series, lot] before an order of now arrives
    expiring = np.where(expires, by_life, 0).sum(axis=1)
    return np.asarray(by_life.sum(axis=1) - np.maximum(expiring - lead_time * rate, 0.0))
