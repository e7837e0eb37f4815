"""Courses of demand, drawn one at a time inside the kernel: given, from quantiles, or from past errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[Any]
    Codes = NDArray[np.int32]

GIVEN, QUANTILES, ERRORS = range(3)


class Draw(NamedTuple):
    """How scenario s of a series' demand is made; arrays that a kind does not need are empty.

    GIVEN : course `pick[s]` of given [course, period, series].
    QUANTILES : between the knots [period, series, level] `segment` and `segment` + 1 of row s + shift of [scenario,
        period], by weight; weights outside 0..1 are the tails.
    ERRORS : point [period, series] plus the errors [pair, period] of pair first + offset, scaled by the size of the
        forecasts as a count's spread grows.

    shift : [series] by how many scenarios a series is ahead of others; 0 for all lets them move together.
    """

    kind: int
    shift: Codes
    given: Reals
    pick: Codes
    knots: Reals
    segment: Codes
    weight: Reals
    point: Reals
    errors: Reals
    sizes: Reals  # [pair] sum of a past forecast over its steps
    total: Reals  # [series] the same of the forecast of today
    first: Codes  # [series] first of the pairs that are near in size
    offset: Codes  # [scenario]

    @property
    def periods(self) -> int:
        """Periods of a course."""
        return int(self.given.shape[1] or self.knots.shape[0] or self.point.shape[0])

    @property
    def scenarios(self) -> int:
        """Number of courses."""
        return len(self.pick) or len(self.segment) or len(self.offset)

    @property
    def dtype(self) -> Any:
        """Precision of the courses, and of a play against them."""
        return self.given.dtype

    def rows(self, order: NDArray[np.int64]) -> Draw:
        """Draw of the series in another order, or of some of them."""
        if len(order) == len(self.shift) and (order[1:] > order[:-1]).all():
            return self
        last = {
            name: np.ascontiguousarray(getattr(self, name)[..., order])
            for name in ("given", "point")
            if getattr(self, name).size
        }
        own = {name: getattr(self, name)[order] for name in ("shift", "total", "first") if getattr(self, name).size}
        knots = {"knots": np.ascontiguousarray(self.knots[:, order])} if self.knots.size else {}
        parts: dict[str, Any] = last | own | knots
        return self._replace(**parts)

    def single(self) -> Draw:
        """Itself in single precision, as plays of many courses take it."""
        reals = ("given", "knots", "weight", "point", "errors", "sizes", "total")
        return self._replace(**{name: getattr(self, name).astype(np.float32) for name in reals})


def courses(values: Reals, *, pick: NDArray[np.integer[Any]] | None = None, dtype: Any = np.float32) -> Draw:
    """Draw that takes given courses [course, series, period].

    pick : [scenario] the course of each scenario; None takes them in turn.

    >>> courses(np.array([[[1.0, 2.0, 3.0]]])).periods
    3
    """
    given = np.ascontiguousarray(values.transpose(0, 2, 1), dtype=dtype)
    picked = np.arange(len(given), dtype=np.int32) if pick is None else pick.astype(np.int32)
    return empty(given.shape[2], dtype)._replace(kind=GIVEN, given=given, pick=picked)


def empty(series: int, dtype: Any) -> Draw:
    """Draw of nothing, to be filled."""
    none, nobody, codes = np.zeros((0, 0), dtype), np.zeros(0, dtype), np.zeros(0, np.int32)
    return Draw(
        kind=GIVEN, shift=np.zeros(series, np.int32), given=np.zeros((0, 0, 0), dtype), pick=codes,
        knots=np.zeros((0, 0, 0), dtype), segment=np.zeros((0, 0), np.int32), weight=none, point=none, errors=none,
        sizes=nobody, total=nobody, first=codes, offset=codes,
    )  # fmt: skip


@njit(nogil=True, cache=True)
def draw(made, scenario, a, out):  # type: ignore[no-untyped-def]
    """Write scenario's demand of the series from `a` on into out [period, series]."""
    if made.kind == GIVEN:
        source = made.given[made.pick[scenario]]
        for t in range(out.shape[0]):
            for i in range(out.shape[1]):
                out[t, i] = source[t, a + i]
    elif made.kind == QUANTILES:
        _draw_quantiles(made, scenario, a, out)
    else:
        _draw_errors(made, scenario, a, out)


@njit(nogil=True, cache=True)
def _draw_quantiles(made, scenario, a, out):  # type: ignore[no-untyped-def]
    count, zero = made.segment.shape[0], made.weight.dtype.type(0)
    for t in range(out.shape[0]):
        knots = made.knots[t]
        for i in range(out.shape[1]):
            row = scenario + made.shift[a + i]
            row = row - count if row >= count else row
            k, weight = made.segment[row, t], made.weight[row, t]
            low, high = knots[a + i, k], knots[a + i, k + 1]
            value = low + (high - low) * weight
            out[t, i] = zero if value < 0 else value  # NaN stays NaN


@njit(nogil=True, cache=True)
def _draw_errors(made, scenario, a, out):  # type: ignore[no-untyped-def]
    count, zero, one = made.offset.size, made.sizes.dtype.type(0), made.sizes.dtype.type(1)
    for i in range(out.shape[1]):
        row = scenario + made.shift[a + i]
        pair = made.first[a + i] + made.offset[row - count if row >= count else row]
        scale = np.sqrt((made.total[a + i] + one) / (made.sizes[pair] + one))
        errors = made.errors[pair]
        for t in range(out.shape[0]):
            value = made.point[t, a + i] + errors[t] * scale
            out[t, i] = zero if value < 0 else value  # NaN stays NaN


def sampled(made: Draw) -> Reals:
    """All courses of demand [series, scenario, period], units."""
    return np.asarray(_sampled(made, made.scenarios, made.periods, len(made.shift)))


@njit(nogil=True, cache=True)
def _sampled(made, scenarios, periods, series):  # type: ignore[no-untyped-def]
    out = np.empty((series, scenarios, periods), made.given.dtype)
    course = np.empty((periods, series), made.given.dtype)
    for s in range(scenarios):
        draw(made, s, 0, course)
        for i in range(series):
            for t in range(periods):
                out[i, s, t] = course[t, i]
    return out
