"""What an analysis says, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..inference import Interval
    from .effect import Effect
    from .metric import OnlineMetric
    from .reading import Analysis, Reading, Standing

MISSING = "n/a"
BIAS = {
    "store": "",
    "switchback": (
        "A switchback understates effects: stock that an arm leaves is sold, or wasted, by the next one. With short "
        "blocks and no wash-out even the sign of a small effect can be lost."
    ),
    "item": (
        "Items overstate effects: those of one arm take shelf, capacity and customers from those of the other, which "
        "favours the arm that stocks more. The sign of a small effect on profit can change."
    ),
}
"""Which way an estimate errs, by what was randomised."""
SAID = {"better": "better", "worse": "worse", "not shown": "no difference is shown"}


def standing_of(metric: OnlineMetric, effect: Effect, adjusted_p: float) -> Standing:
    """Whether a difference is shown, and which way: the adjusted p-value is below 1 - confidence."""
    if not adjusted_p < 1 - effect.method.confidence + 1e-12:
        return "not shown"
    return "better" if (effect.difference.estimate > 0) == (metric.better == "higher") else "worse"


def sentences(analysis: Analysis) -> Iterator[str]:
    """Verdict of each treatment arm, or why nothing is read.

    The first names the primary metrics with relative lift and difference, then the guardrails.
    """
    if analysis.is_refused:
        yield ratio_words(analysis)
        return
    for arm in list(analysis.arms)[1:]:
        own = [reading for reading in analysis.readings if reading.arm == arm]
        primary = [primary_words(reading, analysis) for reading in own if reading.metric.role == "primary"]
        guarded = [f"guardrail {r.metric.name}: {r.standing}" for r in own if r.metric.role == "guardrail"]
        yield f"{arm} against {analysis.control}: {'; '.join([*primary, *guarded])}."


def ratio_words(analysis: Analysis) -> str:
    """Say what the counts of units are, what they should be, and how odd that is."""
    total, weights = sum(analysis.arms.values()), sum(analysis.planned.values())
    counts = ", ".join(f"{name} {count:,}" for name, count in analysis.arms.items())
    expected = ", ".join(f"{name} {total * share / weights:,.1f}" for name, share in analysis.planned.items())
    odds = p_words(analysis.ratio.p_value, analysis.ratio.log10_p)
    if not analysis.is_refused:
        return f"Units: {counts}; expected {expected} ({odds})."
    return (
        f"Not read: sample-ratio mismatch. Units: {counts}; expected {expected} ({odds}). Arms that lose or gain units "
        f"are not comparable: find out which are missing, and why."
    )


def primary_words(reading: Reading, analysis: Analysis) -> str:
    """Lift, difference, and whether it is shown."""
    effect = reading.effect
    lift = "" if math.isnan(effect.lift.estimate) else f"{interval_words(effect.lift, share=True)}, "
    unit = "" if reading.metric.denominator else f" a {analysis.unit_words} and {analysis.times.every}"
    odds = p_words(reading.adjusted_p, effect.log10_p if reading.adjusted_p == effect.p_value else math.nan)
    amount = f"{figure(effect.difference.estimate, signed=True)}{unit}"
    return f"{reading.metric.name} {lift}{amount}, {SAID[reading.standing]} ({odds})"


def interval_words(interval: Interval, *, share: bool = False) -> str:
    """Estimate with its interval, in per cent where it is a share.

    >>> from ..inference import Interval
    >>> interval_words(Interval(0.0214, 0.003, 0.0391, 0.95, 20, 1), share=True)
    '+2.1% (+0.3 to +3.9)'
    """
    if math.isnan(interval.estimate):
        return MISSING
    if share:
        ends = [f"{100 * end:+z,.1f}" if math.isfinite(end) else MISSING for end in (interval.low, interval.high)]
        return f"{100 * interval.estimate:+z,.1f}% ({' to '.join(ends)})"
    size = max(abs(end) for end in (interval.estimate, interval.low, interval.high) if math.isfinite(end))
    low, high = (figure(end, size, signed=True) for end in (interval.low, interval.high))
    return f"{figure(interval.estimate, size, signed=True)} ({low} to {high})"


def figure(value: float, size: float | None = None, *, signed: bool = False) -> str:
    """Print a number with about three digits at `size`, by default its own.

    >>> figure(1234.5), figure(0.01234, signed=True), figure(float("nan"))
    ('1,234', '+0.0123', 'n/a')
    """
    if not math.isfinite(value):
        return MISSING
    scale = abs(value if size is None else size)
    digits = min(max(2 - math.floor(math.log10(scale)), 0), 6) if scale else 0
    return f"{value:{'+' if signed else ''}z,.{digits}f}"


def p_words(p: float, log10_p: float = math.nan) -> str:
    """Print a p-value; its power of ten where it underflows.

    >>> p_words(0.0312), p_words(0.0, -320.25), p_words(0.0)
    ('p = 0.031', 'p = 1e-320', 'p < 1e-300')
    """
    number = p_number(p, log10_p)
    if number == MISSING:
        return "no p-value"
    return f"p {number}" if number.startswith("<") else f"p = {number}"


def p_number(p: float, log10_p: float = math.nan) -> str:
    """Print the number alone.

    >>> p_number(0.25), p_number(0.0, -320.25)
    ('0.25', '1e-320')
    """
    if math.isnan(p):
        return MISSING
    if p > 0:
        return f"{p:.2g}"
    return f"1e{log10_p:.0f}" if math.isfinite(log10_p) else "< 1e-300"
