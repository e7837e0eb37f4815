"""Two models on the same demand, and how far their lift is from the one that was measured."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..inference import Interval, time_blocks, total_interval
from .effect import Effect, Method
from .tails import log10_student

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .metric import OnlineMetric
    from .outcomes import Outcomes

    Floats = NDArray[np.float64]


def paired_effect(
    candidate: Outcomes,
    incumbent: Outcomes,
    metric: OnlineMetric,
    *,
    block: int = 1,
    confidence: float = 0.95,
    segment: tuple[str, str] | None = None,
) -> Effect:
    """Effect of playing one model instead of another in every unit, on the same demand.

    candidate, incumbent : of the same units and periods. block : periods in a time block.

    With N the numerators and D the denominators [unit, period] of a model (D is 1 for a mean per unit and period), and
    R = sum(N) / sum(D), the difference is R_candidate - R_incumbent and the lift R_candidate / R_incumbent - 1. Both
    are linearised: with the residual e = (N - R * D) / sum(D) of each model, a cell counts

        difference: e_candidate - e_incumbent
        lift: (e_candidate - (1 + lift) * e_incumbent) / R_incumbent

    and the sum over cells is clustered by unit and by block of time, with few of either taken care of
    (`inference.total_interval`). A lift to an incumbent of 0 or below is NaN.
    """
    ours, theirs = (_rate(own, metric, segment) for own in (candidate, incumbent))
    blocks = time_blocks(len(incumbent.periods), block)
    (ratio, residual), (base, base_residual) = ours, theirs
    lift = ratio / base - 1 if base > 0 else math.nan
    gap = _interval(ratio - base, residual - base_residual, blocks, confidence)
    slope = (residual - (1 + lift) * base_residual) / base if base > 0 else residual * math.nan
    units = len(incumbent.units)
    return Effect(
        base, ratio, gap, _interval(lift, slope, blocks, confidence), gap.p_value,
        log10_student(gap.estimate / gap.error, gap.freedom) if gap.error > 0 else math.nan,
        (units, units), Method("none", "cluster", confidence),
    )  # fmt: skip


def _rate(outcomes: Outcomes, metric: OnlineMetric, segment: tuple[str, str] | None) -> tuple[float, Floats]:
    """Give sum(N) / sum(D), and the residual of each cell [unit, period], 0 where there is no row."""
    columns = outcomes.values if segment is None else outcomes.segments[segment[0]][segment[1]]
    top = columns[metric.numerator]
    below = np.ones_like(top) if metric.denominator is None else columns[metric.denominator]
    known = ~(np.isnan(top) | np.isnan(below))
    top, below = np.where(known, top, 0.0), np.where(known, below, 0.0)
    total = float(below.sum())
    if not total > 0:
        return math.nan, np.full(top.shape, math.nan)
    ratio = float(top.sum()) / total
    return ratio, (top - ratio * below) / total


def _interval(estimate: float, cells: Floats, blocks: NDArray[np.int64], confidence: float) -> Interval:
    """Interval of an estimate whose linearised cells [unit, period] add up to 0."""
    units, periods = cells.shape
    if not np.isfinite(cells).all() or math.isnan(estimate):
        nan = math.nan
        return Interval(estimate, nan, nan, confidence, units, len(np.unique(blocks)))
    found = total_interval(cells * periods, np.arange(units), blocks, confidence=confidence)
    return replace(found, estimate=estimate, low=found.low + estimate, high=found.high + estimate)


def difference_of(measured: Interval, simulated: Interval) -> Interval:
    """Interval of measured - simulated, the two taken as independent.

    From the ends of both (MOVER: Zou and Donner 2008, Statistics in Medicine 27), so that an interval which is longer
    on one side, as Fieller's of a lift is, stays so:

        low = d - sqrt((m - m_low)^2 + (s_high - s)^2), high = d + sqrt((m_high - m)^2 + (s - s_low)^2)

    Where either has no ends, or infinite ones, there are none. The error is the root of the sum of squares.

    >>> measured, simulated = Interval(0.05, 0.01, 0.10, 0.95, 40, 1), Interval(0.02, -0.01, 0.05, 0.95, 40, 9)
    >>> gap = difference_of(measured, simulated)
    >>> round(gap.estimate, 3), round(gap.low, 3), round(gap.high, 3)  # .03 - root(.04^2 + .03^2)
    (0.03, -0.02, 0.088)
    """
    gap = measured.estimate - simulated.estimate
    below = math.hypot(measured.estimate - measured.low, simulated.high - simulated.estimate)
    above = math.hypot(measured.high - measured.estimate, simulated.estimate - simulated.low)
    known = math.isfinite(gap) and math.isfinite(below) and math.isfinite(above)
    low, high = (gap - below, gap + above) if known else (math.nan, math.nan)
    return Interval(
        gap, low, high, measured.confidence, min(measured.clusters, simulated.clusters),
        min(measured.blocks, simulated.blocks), math.hypot(measured.error, simulated.error),
    )  # fmt: skip
