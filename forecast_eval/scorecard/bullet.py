"""Where a figure lies between its limit and its goal, as a small drawing: to the right is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cards import Mark, Standing
    from .criteria import Criterion

WIDTH, LIMIT, GOAL = 100.0, 24.0, 90.0
"""Of the drawing, in its own units: where the limit and the goal stand."""


@dataclass(frozen=True, slots=True)
class Bullet:
    """One drawing, 0 to `WIDTH` across.

    at : of the value. low, high : of its interval, None where there is none. What lies outside is drawn at the edge.
    """

    standing: Standing
    at: float
    low: float | None = None
    high: float | None = None


def bullet(mark: Mark) -> Bullet | None:
    """Drawing of a mark; None where nothing is measured."""
    criterion, figure = mark.criterion, mark.figure
    if mark.standing == "not measured":
        return None
    at = _across(criterion, criterion.judged(figure.value))
    if not (math.isfinite(figure.low) and math.isfinite(figure.high)):
        return Bullet(mark.standing, at)
    ends = sorted(_across(criterion, end) for end in _judged(criterion, figure.low, figure.high))
    return Bullet(mark.standing, at, *ends)


def _judged(criterion: Criterion, low: float, high: float) -> tuple[float, float]:
    """Ends of an interval as they are held against the limit: of a distance from 0 it begins at 0, if 0 is inside."""
    far = [criterion.judged(low), criterion.judged(high)]
    if criterion.metric.direction == "zero" and low < 0 < high:
        return 0.0, max(far)
    return min(far), max(far)


def _across(criterion: Criterion, judged: float) -> float:
    share = (judged - criterion.limit) / (criterion.goal - criterion.limit)
    return round(min(max(LIMIT + share * (GOAL - LIMIT), 2.0), WIDTH - 2.0), 2)
