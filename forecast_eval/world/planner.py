"""Who plans inside the market: a planner is handed what a retailer has recorded and says what to order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """All that a retailer knows when it orders in a week; arrays cannot be written to.

    The week's deliveries have come, its customers have not. Series are SKUs at stores, stores first: series
    number = store * SKUs + SKU. What customers wanted, what vanished and what was scanned as another SKU is not here.

    week : number of the week, from 0; `sold` and `in_stock` have as many columns.
    dates : [all weeks] Mondays, those to come too.
    static : one row a series: unique_id, store, sku, category.
    terms : one row a series: unique_id and the columns of `Economics`, without review_period (a week); price is
        before discounts.
    before : [series] mean weekly sales that are remembered from before week 0 [units].
    sold : [series, week] units, as the tills recorded them.
    in_stock : [series, week] share of the week until the shelf was empty, as recorded.
    by_life : [series, lot] units on hand that the system believes in; lot j can be sold in j + 1 weeks, this one
        included, the last lot in any.
    in_transit : [series, week] units on order; column 0 is promised for the next week, overdue ones included.
    discount : [sku, all weeks] share of the price, known ahead.
    """

    week: int
    dates: pd.DatetimeIndex
    static: pd.DataFrame
    terms: pd.DataFrame
    before: Floats
    sold: Ints
    in_stock: Floats
    by_life: Ints
    in_transit: Ints
    discount: Floats

    @property
    def on_hand(self) -> Ints:
        """[series] units on hand that the system believes in."""
        return np.asarray(self.by_life.sum(axis=1))

    def history(self) -> pd.DataFrame:
        """Long frame of the recorded weeks: unique_id, ds, y, in_stock and promo, as `Market.history`."""
        sold = {"y": self.sold.astype(float), "in_stock": self.in_stock, "promo": self._promo(0, self.week)}
        return self._keys(0, self.week).assign(**{name: values.ravel() for name, values in sold.items()})

    def known_future(self, weeks: int) -> pd.DataFrame:
        """Long frame of what is known of this week and those after it, `weeks` in all: unique_id, ds, promo."""
        last = min(self.week + weeks, len(self.dates))
        return self._keys(self.week, last).assign(promo=self._promo(self.week, last).ravel())

    def _promo(self, first: int, last: int) -> Floats:
        """Discounts of the weeks from `first` to before `last`, [series, week]."""
        return np.tile(self.discount[:, first:last], (len(self.static) // len(self.discount), 1))

    def _keys(self, first: int, last: int) -> pd.DataFrame:
        return long_keys(self.static["unique_id"], self.dates[first:last])


class Planner(Protocol):
    """Orders for every series; a market asks it once a week.

    Orders follow from `seen` alone: the same planner is asked in several plays of the same weeks, in any order.
    """

    def orders(self, seen: Recorded) -> Ints:
        """Whole units to order, [series]; the supplier rounds them up to packs and its minimum order.

        An order of week t with a lead time of L weeks can be sold in week t + L, if the supplier is on time.
        """
        ...


def long_keys(unique_ids: pd.Series[str], dates: pd.DatetimeIndex) -> pd.DataFrame:
    """unique_id and ds of all rows, series after series."""
    return pd.DataFrame(
        {
            "unique_id": np.repeat(unique_ids.to_numpy(), len(dates)),
            "ds": np.tile(dates.to_numpy(), len(unique_ids)),
        }
    )
