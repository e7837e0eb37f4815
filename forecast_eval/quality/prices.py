"""Rules on prices and costs: wrong units, mixed-up columns, lists that end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.periods import moment

from .hit import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backtest import History

    from ..config.quality import BelowCost, HoldingCost, Markup, NoOverlap, PriceJump, PricesEnd
    from ..economics import Economics

FEWEST = 5
"""Series with a price, or dates of prices, below which there is nothing to compare with."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices and costs of a history's series."""

    economics: Economics
    history: History

    @property
    def newest(self) -> pd.DataFrame:
        """The newest row of each series that has a price."""
        last = self.economics.frame.drop_duplicates("unique_id", keep="last")
        return last[last["price"] > 0]

    @property
    def dated(self) -> bool:
        """Whether prices change over time."""
        return "ds" in self.economics.frame

    def place(self, row: int, column: str) -> str:
        """Where a row of the economics' frame stands."""
        source, rows = self.economics.source, self.economics.rows
        return source if rows is None else f"{source}, row {rows[row]}, column {column}"

    def hit(self, row: int, column: str, what: str, fix: str) -> Hit:
        """Oddity of one row of the economics' frame."""
        uid = str(self.economics.frame["unique_id"].iloc[row])
        time = None
        if self.dated:
            at = int(self.history.calendar.searchsorted(self.economics.frame["ds"].iloc[row]))
            time = at if at < len(self.history.calendar) else None
        return Hit(f"unique_id={uid!r}: {what}", fix, time=time, place=self.place(row, column), unique_id=uid)


def price_jumps(prices: Prices, rule: PriceJump) -> Iterator[Hit]:
    """Prices of a series that are many times its median price, or a small part of it: cents among euros."""
    if not prices.dated:
        return
    frame = prices.economics.frame
    price = frame["price"].where(frame["price"] > 0)
    usual = price.groupby(frame["unique_id"], sort=False).transform("median")
    ratio = (price / usual).to_numpy()
    odd = np.flatnonzero(np.abs(np.log(ratio)) >= np.log(rule.times))
    series = frame["unique_id"].to_numpy()[odd]
    first = odd[np.r_[True, series[1:] != series[:-1]]] if len(odd) else odd
    counts = pd.Series(series).value_counts()
    for row in first:
        uid, own = frame["unique_id"].iloc[row], usual.iloc[row]
        what = (
            f"price={frame['price'].iloc[row]:g} from ds={moment(frame['ds'].iloc[row])}, where its median price is "
            f"{own:g}; {counts[uid]} such row(s) (less than {rule.times:g} times, or more than that part, is plausible)"
        )
        yield prices.hit(int(row), "price", what, "check the unit: cents, or the price of a pack")


def odd_markups(prices: Prices, rule: Markup) -> Iterator[Hit]:
    """Series whose price over unit cost is far from what is usual: one of the two is in another unit."""
    newest = prices.newest
    newest = newest[newest["unit_cost"] > 0]
    ratio = newest["price"] / newest["unit_cost"]
    if len(ratio) < FEWEST:
        return
    usual = float(ratio.median())
    for row in ratio.index[np.abs(np.log(ratio / usual)) >= np.log(rule.times)]:
        what = (
            f"price={newest['price'][row]:g} is {ratio[row]:,.3g} times unit_cost={newest['unit_cost'][row]:g}, where "
            f"{usual:,.3g} times is usual (less than {rule.times:g} times that, or more than that part, is plausible)"
        )
        yield prices.hit(int(row), "price", what, "check the units of price and unit_cost")


def sold_below_cost(prices: Prices, rule: BelowCost) -> Iterator[Hit]:
    """Many series sold below cost: the columns are mixed up, or the price is net and the cost is gross."""
    newest = prices.newest
    below = newest["price"] < newest["unit_cost"]
    share = float(below.mean()) if len(below) else 0.0
    if share > rule.share:
        row = int(newest.index[below][0])
        what = (
            f"{int(below.sum())} of {len(below)} series with a price are sold below cost, the first "
            f"unique_id={newest['unique_id'][row]!r} (up to {rule.share:.0%} of them is plausible)"
        )
        yield Hit(
            what, "are price and unit_cost mixed up, or is one of them with tax?", place=prices.place(row, "price")
        )


def dear_holding(prices: Prices, rule: HoldingCost) -> Iterator[Hit]:
    """Goods that cost far more to hold than to buy: a yearly rate given for a period, or a percentage."""
    last = prices.economics.frame.drop_duplicates("unique_id", keep="last")
    last = last[last["unit_cost"] > 0]
    a_year = 365.25 / 7 * prices.history.periods_per_week
    ratio = last["holding"] * a_year / last["unit_cost"]
    for row in ratio.index[ratio > rule.times]:
        what = (
            f"holding={last['holding'][row]:g} a period is {ratio[row]:,.3g} times unit_cost={last['unit_cost'][row]:g}"
            f" in a year (at most {rule.times:g} times is plausible)"
        )
        yield prices.hit(int(row), "holding", what, "give money per unit and period: not a share, not for a year")


def prices_end(prices: Prices, rule: PricesEnd) -> Iterator[Hit]:
    """A price list that ends long before the history does."""
    if not prices.dated:
        return
    dates, end = np.unique(prices.economics.frame["ds"].to_numpy()), prices.history.calendar[-1]
    if len(dates) < FEWEST:
        return
    longest, silent = np.diff(dates).max(), end - pd.Timestamp(dates[-1])
    if silent > rule.times * longest:
        what = (
            f"the newest price of all is of {moment(pd.Timestamp(dates[-1]))}, {silent.days} days before the history "
            f"ends; before, no more than {pd.Timedelta(longest).days} days passed without one "
            f"(at most {rule.times:g} times as long is plausible)"
        )
        yield Hit(what, "add the newer prices", place=prices.economics.source)


def no_overlap(prices: Prices, _: NoOverlap) -> Iterator[Hit]:
    """Prices that are all younger than the history: another year, or another date format."""
    if prices.dated and prices.economics.frame["ds"].min() > prices.history.calendar[-1]:
        what = (
            f"the first price of all is of {moment(prices.economics.frame['ds'].min())}, and the history ends on "
            f"{moment(prices.history.calendar[-1])}"
        )
        yield Hit(what, "give prices for the time of the history", place=prices.economics.source)
