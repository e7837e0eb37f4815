"""Sums of a ledger's scored periods by group, each made when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .books import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from .ledger import Ledger

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Marks = NDArray[np.bool_]

DAYS_A_WEEK = 7.0


def _waiting(ledger: Ledger) -> Floats:
    """Units of the customers who begin to wait in each period.

    By their share of those who found nothing, which holds for means too. Where all wait nobody is lost: then by what
    is owed more than what is left of the old debt, which is exact for one course and never too little for means.
    """
    share, f = ledger.conventions.backordered, ledger.flows
    if share < 1:
        return np.asarray(f.lost * (share / (1 - share)))
    before = np.pad(f.owed[:, :-1], ((0, 0), (1, 0)))
    return np.asarray(f.owed - np.maximum(before - (f.sold - f.substituted), 0.0))


_MADE: Mapping[str, Callable[[Ledger], Floats]] = {
    "demand": lambda ledger: ledger.demand,
    "profit": lambda ledger: ledger.profit,
    "not_at_once": lambda ledger: ledger.flows.lost + ledger.flows.switched + _waiting(ledger),
    "lost_sales": lambda ledger: ledger.books.worth(ledger.prices.price) * ledger.flows.lost,
    "lost_margin": lambda ledger: (
        ledger.books.worth(ledger.prices.underage - ledger.prices.goodwill) * ledger.flows.lost
    ),
    "stock_at_cost": lambda ledger: ledger.prices.unit_cost * ledger.flows.on_hand,
}


def cells(ledger: Ledger, name: str) -> Floats:
    """What is summed, [series, time]: a part of the profit, a flow, or what is made of them."""
    if name in _MADE:
        return _MADE[name](ledger)
    return ledger.part(name) if name in PARTS else ledger.flow(name)


@dataclass(eq=False)
class Sums:
    """Sums over the scored periods of the groups.

    codes : [series] or [series, time] group of each, from 0; -1 is in none.
    groups : how many there are.
    days_per_period : days in one period.
    over : weeks that money and units are divided by; None takes the scored periods of a group's mean series.
    """

    ledger: Ledger
    codes: Ints
    groups: int
    days_per_period: float
    over: float | None = None
    _known: dict[str, Floats] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Floats:
        """Sum by group of one of `cells`."""
        if name not in self._known:
            self._known[name] = self._summed(cells(self.ledger, name))
        return self._known[name]

    def weekly(self, name: str) -> Floats:
        """Sum by group, per week."""
        return np.asarray(self[name] / self.weeks)

    @cached_property
    def series(self) -> Ints:
        """[group] series with a scored period in it."""
        if self.codes.ndim == 1:
            inside = self.codes[self.ledger.scored.any(axis=1) & (self.codes >= 0)]
        else:
            inside = np.unique(self.pairs(*np.nonzero(self.inside))) % self.groups
        return np.bincount(inside, minlength=self.groups)

    @cached_property
    def cells(self) -> Floats:
        """[group] scored periods, of all its series."""
        return self._summed(np.ones(self.ledger.scored.shape))

    @cached_property
    def weeks(self) -> Floats:
        """[group] weeks that money and units are divided by."""
        return self.periods * self.days_per_period / DAYS_A_WEEK

    @cached_property
    def periods(self) -> Floats:
        """[group] periods in these weeks."""
        if self.over is not None:
            return np.full(self.groups, self.over * DAYS_A_WEEK / self.days_per_period)
        return ratio(self.cells, self.series)

    @cached_property
    def end_stock(self) -> Floats:
        """[group] stock at cost after the last scored period that each series has in the group."""
        rows, times = np.nonzero(self.inside)
        pairs, value = self.pairs(rows, times), cells(self.ledger, "stock_at_cost")[rows, times]
        last = np.diff(pairs, append=-1) != 0 if self.codes.ndim == 1 else _last(pairs)
        return binned(self.group_of(rows, times)[last], value[last], self.groups)

    @cached_property
    def cycles(self) -> Cycles:
        """Order cycles."""
        return Cycles.of(self)

    @cached_property
    def inside(self) -> Marks:
        """[series, time] scored periods that are in a group."""
        codes = self.codes if self.codes.ndim == 2 else self.codes[:, None]
        return self.ledger.scored & (codes >= 0)

    def group_of(self, rows: Ints, times: Ints) -> Ints:
        """Group of series and periods by their positions."""
        return self.codes[rows] if self.codes.ndim == 1 else self.codes[rows, times]

    def pairs(self, rows: Ints, times: Ints) -> Ints:
        """Code of series and group together."""
        return rows * self.groups + self.group_of(rows, times)

    def _summed(self, values: Floats) -> Floats:
        if self.codes.ndim == 2:
            return binned(self.codes[self.inside], values[self.inside], self.groups)
        by_series = np.asarray(np.sum(values, axis=1, where=self.ledger.scored, dtype=np.float64))
        known = self.codes >= 0
        return binned(self.codes[known], by_series[known], self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class Cycles:
    """Order cycles: the periods of a series that one order governs.

    Of mean flows over scenarios `short` is a probability, and orders and demand vary as their means do.

    group : [cycle]; pair : [cycle] its series and group, from 0.
    short : [cycle] whether some demand was not met at once; ordered, demand : [cycle] units.
    """

    group: Ints
    pair: Ints
    short: Floats
    ordered: Floats
    demand: Floats
    groups: int

    @classmethod
    def of(cls, sums: Sums) -> Cycles:
        """Cycles of a ledger; one that lies in several groups is in that of its first period."""
        ledger, (rows, times) = sums.ledger, np.nonzero(sums.inside)
        codes = rows * (int(ledger.governing.max(initial=0)) + 1) + ledger.governing[rows, times]
        order = np.argsort(codes, kind="stable")
        rows, times, codes = rows[order], times[order], codes[order]
        first = np.flatnonzero(np.diff(codes, prepend=-1))
        if ledger.review_period is not None:  # several orders may follow one cutoff
            since = np.arange(len(codes)) - np.repeat(first, np.diff(first, append=len(codes)))
            turn = since // ledger.review_period[rows]
            first = np.flatnonzero(np.diff(codes, prepend=-1) | np.diff(turn, prepend=-1))
        short = np.maximum(ledger.flows.short, ledger.flows.short_cycles)[rows, times]
        pairs = sums.pairs(rows[first], times[first])
        return cls(
            group=sums.group_of(rows[first], times[first]),
            pair=np.unique(pairs, return_inverse=True)[1],
            short=np.maximum.reduceat(short, first) if first.size else short,
            ordered=_added(ledger.flow("ordered")[rows, times], first),
            demand=_added(ledger.demand[rows, times], first),
            groups=sums.groups,
        )

    def served(self) -> Floats:
        """[group] share of the cycles without a shortage."""
        count = np.bincount(self.group, minlength=self.groups)
        return ratio(binned(self.group, 1.0 - self.short, self.groups), count)

    def spread(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        """[group] sums over its series of the mean, standard deviation and variance over their cycles.

        A series with fewer than two cycles in the group says nothing.
        """
        count = np.bincount(self.pair)
        mean = binned(self.pair, values, len(count)) / count
        squares = binned(self.pair, (values - mean[self.pair]) ** 2, len(count))
        variance = squares / np.maximum(count - 1, 1)
        group = np.zeros(len(count), dtype=np.int64)
        group[self.pair] = self.group
        said, group = count > 1, group[count > 1]
        return (
            binned(group, mean[said], self.groups),
            binned(group, np.sqrt(variance)[said], self.groups),
            binned(group, variance[said], self.groups),
        )


def binned(codes: Ints, values: Floats, groups: int) -> Floats:
    """Sum of values by group [group]."""
    return np.asarray(np.bincount(codes, values, minlength=groups), dtype=np.float64)


def ratio(part: Floats, whole: Floats | Ints) -> Floats:
    """Part of a whole [group]; NaN without a whole."""
    out = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=out, where=np.asarray(whole) > 0)
    return out


def _last(pairs: Ints) -> Marks:
    """Mark the last of each series and group; what stands later is later in time."""
    where = np.full(len(pairs), False)
    where[len(pairs) - 1 - np.unique(pairs[::-1], return_index=True)[1]] = True
    return where


def _added(values: Floats, first: Ints) -> Floats:
    return np.asarray(np.add.reduceat(values, first)) if first.size else values
