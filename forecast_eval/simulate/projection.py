"""Stock that will be there when an order arrives, and what will have expired by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .orders import View
    from .outlook import Outlook

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


COURSES = 128
"""Courses of demand that a projection averages at most: its error is then some percent of a period's demand."""


@dataclass(frozen=True, slots=True, eq=False)
class Courses:
    """Demand after an order, as a policy expects it.

    In period j of course k it is mean[:, j] * max(0, base + slope * draws[:, picks[j, k]]) units.

    mean : [series, period] units, from the period of the order on.
    draws : [series, draw] sampled demand, units; base : [series], a pure number; slope : [series], 1 / units.
    picks : [period, course] which draw is taken; the same for every series.
    """

    mean: Floats
    draws: Floats
    base: Floats
    slope: Floats
    picks: Ints

    @classmethod
    def certain(cls, mean: Floats) -> Courses:
        """One course: demand [series, period] itself."""
        n, periods = mean.shape
        return cls(mean, np.zeros((n, 1)), np.ones(n), np.zeros(n), np.zeros((periods, 1), dtype=np.int64))

    @classmethod
    def forecast(cls, outlook: Outlook, periods: int) -> Courses:
        """One course: the point forecast."""
        return cls.certain(_steps(outlook.point, periods))

    @classmethod
    def drawn(cls, outlook: Outlook, periods: int) -> Courses:
        """Courses whose periods are independent of each other, from the scenarios of the cycle.

        The mean of a period is its point forecast, scaled as the scenarios of the cycle are to theirs. Its spread is
        that of the cycle, sqrt(review period) times as wide, because a sum over the periods of a cycle evens out.
        The draws of a period are the scenarios, evenly thinned to `COURSES`, and shuffled with a fixed seed: the same
        outlook gives the same courses.
        """
        review, scenarios = outlook.supply.review_period, outlook.cycle.shape[1]
        total = outlook.cycle.mean(axis=1)
        some = total > 0
        slope = np.divide(np.sqrt(review), total, out=np.zeros_like(total), where=some)
        base = np.where(some, 1 - np.sqrt(review), 1.0)
        count = min(scenarios, COURSES)
        draws = np.ascontiguousarray(outlook.cycle[:, ((np.arange(count) + 0.5) * scenarios / count).astype(int)])
        # what is thinned out, or cut off at 0, must not move the mean
        part = np.maximum(base[:, None] + slope[:, None] * draws, 0.0).mean(axis=1)
        mean = _means(outlook, periods, total) / np.where(part > 0, part, 1.0)[:, None]
        rng = np.random.default_rng(0)
        picks = [rng.permutation(count) for _ in range(periods)]
        return cls(mean, draws, base, slope, np.array(picks, dtype=np.int64).reshape(periods, count))


def project(view: View, courses: Courses, until: Ints) -> tuple[Floats, Floats]:
    """Play the stock of a view forward without new orders, unmet demand lost: means over the courses, [series] units.

    until : [series] periods from that of the order on. Each of them sells (the freshest to `lifo_share` of the
        customers, the oldest to the others), throws away what expires and then receives what is due in the next one.

    Returns the stock at the start of period `until`, and what expires before it.

    >>> from forecast_eval.simulate.orders import View
    >>> from forecast_eval.simulate.system import Supply
    >>> view = View(period=0, on_hand=np.array([9.0]), ages=np.array([[5.0, 4.0]]), due=np.array([[3.0]]),
    ...             owed=np.zeros(1), sold=np.zeros((1, 0)), sold_out=np.zeros((1, 0), dtype=bool),
    ...             supply=Supply.plain(1, shelf_life=2))
    >>> project(view, Courses.certain(np.array([[2.0]])), until=np.array([1]))  # 2 of the 5 of today are sold
    (array([7.]), array([3.]))
    """
    if until.max(initial=0) > len(courses.picks):
        raise ValueError(f"until={until.max()} periods ask for more than the {len(courses.picks)} of the courses")
    start = view.sold.shape[1] - view.period  # 1 where the demand of this period is over already
    stock, wasted = np.zeros(len(until)), np.zeros(len(until))
    _project(
        view.on_hand, view.ages, view.due, (courses.mean, courses.draws, courses.base, courses.slope, courses.picks),
        (view.supply.shelf_life, view.supply.lifo_share), until, start, stock, wasted,
    )  # fmt: skip
    return stock, wasted


def on_arrival(view: View, courses: Courses) -> Floats:
    """Mean stock [series] when an order placed now can be sold, before that period's demand, less what is owed.

    Goods that stand alone have none: it expires before.
    """
    stock, _ = project(view, courses, view.supply.lead_time)
    return np.where(view.supply.stands_alone, 0.0, stock - view.owed)


def expiring(view: View, courses: Courses) -> Floats:
    """Mean units [series] of the position that expire before the last period of lead time plus review period.

    What expires at the end of that last period could have been sold in it. Goods that stand alone count none.
    """
    _, wasted = project(view, courses, view.supply.protection - 1)
    return np.where(view.supply.stands_alone, 0.0, wasted)


def _means(outlook: Outlook, periods: int, total: Floats) -> Floats:
    """Mean demand [series, period]: the point forecast, scaled to `total` over the cycle; flat where that is 0."""
    steps, first = np.arange(outlook.point.shape[1]), outlook.supply.lead_time
    inside = (steps >= first[:, None]) & (steps < outlook.supply.protection[:, None])
    forecast = np.where(inside, outlook.point, 0.0).sum(axis=1)
    scale = np.divide(total, forecast, out=np.ones_like(total), where=forecast > 0)
    flat = (total / outlook.supply.review_period)[:, None]
    return np.where((forecast > 0)[:, None], _steps(outlook.point, periods) * scale[:, None], flat)


def _steps(point: Floats, periods: int) -> Floats:
    if point.shape[1] < periods:
        raise ValueError(f"the point forecast has {point.shape[1]} steps, and {periods} are asked for")
    return np.maximum(point[:, :periods], 0.0)


@njit(nogil=True, cache=True)
def _project(  # type: ignore[no-untyped-def]  # noqa: ANN202, PLR0913, PLR0917 - numba takes arrays, not records
    on_hand, ages, due, courses, terms, until, start, stock, wasted,  # noqa: ANN001
):  # fmt: skip
    (mean, draws, base, slope, picks), (life, lifo) = courses, terms
    shelf, zero = np.zeros(max(ages.shape[1], 1)), 0.0
    for i in range(on_hand.size):
        rows = life[i]
        for k in range(picks.shape[1]):
            kept = on_hand[i]
            for a in range(rows):
                shelf[a] = ages[i, a]
            if start > 0 and due.shape[1] > 0:  # what can be sold in the next period comes before its demand
                kept += due[i, 0]
                if rows > 0:
                    shelf[rows - 1] += due[i, 0]
            for j in range(start, until[i]):
                factor = base[i] + slope[i] * draws[i, picks[j, k]]
                asked = mean[i, j] * factor if factor > 0 else zero
                sale = min(asked, kept)
                kept -= sale
                arriving = due[i, j] if j < due.shape[1] else zero
                if rows > 0:
                    gone = _pass(shelf, rows, sale, lifo[i])
                    shelf[rows - 1] = arriving
                    wasted[i] += gone
                    kept -= gone
                kept += arriving
            stock[i] += kept
        stock[i] /= picks.shape[1]
        wasted[i] /= picks.shape[1]


@njit(nogil=True, cache=True)
def _pass(shelf, rows, sale, lifo):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    """Take a sale from the ages, let a period pass, and give what has expired."""
    fresh = lifo * sale
    sale -= fresh
    for a in range(rows - 1, -1, -1):
        used = min(shelf[a], fresh)
        shelf[a] -= used
        fresh -= used
    for a in range(rows):
        used = min(shelf[a], sale)
        shelf[a] -= used
        sale -= used
    gone = shelf[0]
    for a in range(rows - 1):
        shelf[a] = shelf[a + 1]
    return gone
