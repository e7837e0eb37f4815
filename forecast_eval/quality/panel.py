"""Rules on the panel as a whole: periods without data, feeds that end, series that stand in it twice."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from backtest.periods import moment

from .hit import Hit
from .values import gives_shares

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from ..config.quality import CensoredShare, EmptyPeriod, EndsTogether, Rule, SoldOutOfStock, UnfinishedEnd
    from .block import Block

NEIGHBOURS = 4
"""Comparable periods on each side: of daily data those of the same weekday."""
MEANT = 0.5
"""Share of the periods with in_stock=0 that have a sale, above which 0 must mean that it sold out at some time."""
DISTINCT = 3
"""Different positive values below which two equal series may be chance."""


@dataclass(slots=True, eq=False)
class Panel:
    """What the rules need to know of all series together; it is filled block by block.

    total, known, hidden : [time] units sold, series that are there, series that are not fully in stock.
    ends : [series] last period of each.
    flagged, sold : periods with in_stock=0 of the series whose in_stock is 0 or 1 only, and those of them with a sale.
    first_sold : series and period of the first such sale.
    twins : position of a series -> that of the first one with the same values, where that can be no chance.
    """

    calendar: pd.DatetimeIndex
    unique_ids: NDArray[np.object_]
    total: NDArray[np.float64] = field(init=False)
    known: NDArray[np.float64] = field(init=False)
    hidden: NDArray[np.float64] = field(init=False)
    ends: NDArray[np.int64] = field(init=False)
    flagged: int = 0
    sold: int = 0
    first_sold: tuple[int, int] | None = None
    twins: dict[int, int] = field(default_factory=dict)
    _seen: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start from nothing."""
        self.total, self.known, self.hidden = (np.zeros(len(self.calendar)) for _ in range(3))
        self.ends = np.zeros(len(self.unique_ids), dtype=np.int64)

    def add(self, block: Block) -> None:
        """Take in a block."""
        known = ~np.isnan(block.sales)
        self.total += np.where(known, block.sales, 0.0).sum(axis=0)
        self.known += known.sum(axis=0)
        self.hidden += (known & ~block.on_sale).sum(axis=0)
        self.ends[block.first : block.first + len(known)] = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
        self._add_flags(block)
        for i in np.flatnonzero(block.usual > 0).tolist():
            values, own = block.sales[i], block.first + int(i)
            first = self._seen.setdefault(blake2b(values.tobytes(), digest_size=16).digest(), own)
            if first != own and len(np.unique(values[values > 0])) >= DISTINCT:
                self.twins[own] = first

    def _add_flags(self, block: Block) -> None:
        if block.stock is None:
            return
        out = (block.stock == 0) & ~gives_shares(block.stock)[:, None]
        sold = out & (block.sales > 0)
        self.flagged, self.sold = self.flagged + int(out.sum()), self.sold + int(sold.sum())
        if self.first_sold is None and sold.any():
            series, time = np.unravel_index(int(sold.argmax()), sold.shape)
            self.first_sold = block.first + int(series), int(time)

    @property
    def mean(self) -> NDArray[np.float64]:
        """[time] units sold by the average series that is there."""
        return self.total / np.maximum(self.known, 1)

    @property
    def lag(self) -> int:
        """Periods between comparable ones: a week of days, a day of hours, else one."""
        step = (self.calendar[-1] - self.calendar[0]) / max(len(self.calendar) - 1, 1)
        days = step.total_seconds() / 86_400
        return 7 if days == 1 else max(1, round(1 / days)) if days < 1 else 1


def empty_periods(panel: Panel, rule: EmptyPeriod) -> Iterator[Hit]:
    """Periods in which next to nothing was sold anywhere: a day that was not loaded, or shops that were closed."""
    mean, lag = panel.mean, panel.lag
    shifts = [k * lag for k in range(-NEIGHBOURS, NEIGHBOURS + 1) if k]
    for t in range(len(mean)):
        usual = np.median([mean[t + k] for k in shifts if 0 <= t + k < len(mean)] or [0.0])
        if mean[t] < rule.share * usual:
            what = (
                f"ds={moment(panel.calendar[t])}: all series together sell {mean[t] / usual:.1%} of what they sell in "
                f"comparable periods around it (at least {rule.share:.0%} is plausible)"
            )
            yield Hit(what, "load the period; if all was closed, say so in a covariate or in in_stock", time=t)


def unfinished_end(panel: Panel, rule: UnfinishedEnd) -> Iterator[Hit]:
    """A last period that is far too low: it was not over when the data were drawn, or not all of them were loaded."""
    last = len(panel.calendar) - 1
    earlier = [panel.mean[last - k * panel.lag] for k in range(1, NEIGHBOURS + 1) if last - k * panel.lag >= 0]
    if len(earlier) == NEIGHBOURS and panel.mean[last] < rule.share * min(earlier):
        what = (
            f"the last period, ds={moment(panel.calendar[last])}, has {panel.mean[last] / min(earlier):.0%} of the "
            f"lowest of the {NEIGHBOURS} comparable ones before it (at least {rule.share:.0%} is plausible)"
        )
        yield Hit(what, "if it is not over, end the history before it", time=last)


def ends_together(panel: Panel, rule: EndsTogether) -> Iterator[Hit]:
    """Many series with their last row at the same period: a shop or a feed that is missing from then on."""
    count = np.bincount(panel.ends, minlength=len(panel.calendar))[:-1]
    for t in np.flatnonzero((count > rule.share * len(panel.unique_ids)) & (count >= 3)).tolist():
        first = int(np.argmax(panel.ends == t))
        what = (
            f"{count[t]} series ({count[t] / len(panel.ends):.0%}) have their last row at ds="
            f"{moment(panel.calendar[t])}, before the history ends (up to {rule.share:.0%} is plausible)"
        )
        yield Hit(what, "if they are still on sale, load their later rows; if not, nothing", first, int(t))


def hidden_share(panel: Panel, rule: CensoredShare) -> Iterator[Hit]:
    """A panel whose demand is hidden in many periods."""
    share = panel.hidden.sum() / max(panel.known.sum(), 1)
    if share > rule.panel:
        what = f"{share:.1%} of all periods are not fully in stock (up to {rule.panel:.0%} is plausible)"
        yield Hit(what, "check in_stock; compare the money under several simulate.bounds")


def sold_while_out(panel: Panel, rule: SoldOutOfStock) -> Iterator[Hit]:
    """Sales in periods with in_stock=0, where in_stock is 0 or 1 only.

    In most of those periods: 0 says that a series sold out at some time, which is how it is treated. In a few of them:
    it says that there was nothing to sell, and they contradict it.
    """
    share = panel.sold / max(panel.flagged, 1)
    if panel.first_sold is not None and rule.share < share <= MEANT:
        what = (
            f"{panel.sold} of {panel.flagged} periods with in_stock=0 have a sale (at most {rule.share:.0%}, or more "
            f"than {MEANT:.0%}, is plausible), the first of unique_id={panel.unique_ids[panel.first_sold[0]]!r}"
        )
        yield Hit(what, "correct in_stock or the sales; if it sold out at some time, give the share", *panel.first_sold)


def identical_series(panel: Panel, _: Rule) -> Iterator[Hit]:
    """Series with the same values in every period: one of them was joined or copied wrongly."""
    for i, twin in panel.twins.items():
        what = f"unique_id={panel.unique_ids[i]!r} has the sales of {panel.unique_ids[twin]!r} in every period"
        yield Hit(what, "look for a join that doubled them, and leave one out", i)


def similar_ids(panel: Panel, _: Rule) -> Iterator[Hit]:
    """Names that differ by case, blanks or leading zeros only: one series that was cut in two."""
    seen: dict[str, str] = {}
    for i, uid in enumerate(map(str, panel.unique_ids)):
        first = seen.setdefault(plain(uid), uid)
        if first != uid:
            what = f"unique_id={uid!r} and {first!r} differ by case, blanks or leading zeros only"
            yield Hit(what, "write it in one way in all files, or leave it if they are two", i)


def plain(uid: str) -> str:
    """Name without what is easily written in two ways.

    >>> plain(" S1 /sku-007"), plain("s01/SKU-7")
    ('s1/sku-7', 's1/sku-7')
    """
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"\s+", "", uid).casefold())
