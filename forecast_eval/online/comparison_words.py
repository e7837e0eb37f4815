"""What a comparison says, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .verdicts import MISSING, figure, interval_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..inference import Interval
    from .compare import Comparison, Contrast
    from .effect import Effect
    from .explain import Clue

AGREES = {"yes": "they agree", "no": "they differ", "unclear": "which the test cannot tell from no difference"}


def sentences(comparison: Comparison) -> Iterator[str]:
    """Verdict of each treatment arm by its primary metrics, or why nothing is compared."""
    if comparison.is_refused:
        counts = ", ".join(f"{n:,} of {e:,.1f}" for n, e in zip(*_counts(comparison), strict=True))
        yield (
            f"Not compared: sample-ratio mismatch. Units of the arms, and what was expected: {counts}. Arms that lose "
            "or gain units are not comparable: find out which are missing, and why."
        )
        return
    control, *arms = comparison.models
    for arm in arms:
        said = [
            f"{own.metric.name} {lift_words(own.simulated)} simulated, {lift_words(own.measured)} measured: "
            f"{gap_words(own)}"
            for own in comparison.contrasts if own.arm == arm and own.metric.role == "primary"
        ]  # fmt: skip
        who = f"{comparison.models[arm]} against {comparison.models[control]}"
        yield f"{arm} ({who}): {'; '.join(said) or 'no primary metric can be simulated'}."


def foretold_lines(comparison: Comparison) -> Iterator[str]:
    """Say of each primary metric what past launches foretold, and whether it came so."""
    for own in comparison.foretold:
        who = f"{own.metric}, {own.arm}" if len(comparison.models) > 2 else own.metric
        share = f"{100 * own.value:+z.1f}% ({100 * own.low:+z.1f} to {100 * own.high:+z.1f})"
        span = f"{100 * own.noisy_low:+z.1f} to {100 * own.noisy_high:+z.1f}%"
        came = "inside" if own.held else "outside"
        doubt = "; insufficient evidence that the simulated number says more than their mean" if own.blind else ""
        yield (
            f"{who} simulated {100 * own.simulated:+z.1f}%, after calibration on {own.launches} launches "
            f"{share}{doubt}; a test like this one would measure {span}, and it measured "
            f"{100 * own.measured:+z.1f}%: {came}."
        )


def lift_words(effect: Effect) -> str:
    """Lift with its interval; the difference where there is no lift."""
    if math.isnan(effect.lift.estimate):
        return _known(interval_words(effect.difference))
    return _known(interval_words(effect.lift, share=True))


def points_words(gap: Interval) -> str:
    """Difference of two lifts in percentage points, with its interval.

    >>> from ..inference import Interval
    >>> points_words(Interval(-0.0214, -0.05, 0.0072, 0.95, 20, 1))
    '-2.1 (-5.0 to +0.7)'
    """
    return _known(interval_words(gap, share=True).replace("%", "", 1))


def _known(words: str) -> str:
    return words.replace(f"({MISSING} to {MISSING})", "(no interval)")


def gap_words(contrast: Contrast) -> str:
    """How far measured is from simulated, and whether that is shown."""
    gap = 100 * contrast.difference.estimate
    if math.isnan(gap):
        return "no lift can be compared"
    return f"{abs(gap):.1f} points {'more' if gap >= 0 else 'less'} than simulated, {AGREES[contrast.agrees]}"


def title_of(contrast: Contrast, *, several: bool) -> str:
    """Name of a row: the metric, and the arm where there are several."""
    return f"{contrast.metric.name}, {contrast.arm}" if several else contrast.metric.name


def clue_lines(comparison: Comparison) -> Iterator[str]:
    """Changes that may explain a difference, each with what it may do to the lift."""
    for clue in comparison.clues:
        if clue.words:
            yield f"{clue.name} ({clue.side}) {change_words(clue)}: {clue.words}."


def change_words(clue: Clue) -> str:
    """Relative change, in per cent."""
    return "n/a" if math.isnan(clue.change) else f"{100 * clue.change:+z,.1f}%"


def level_words(clue: Clue, value: float) -> str:
    """Print a level: a share in per cent, an amount with three digits.

    >>> from forecast_eval.online.explain import Clue
    >>> level_words(Clue("stockout rate", "control", 0.0423, 0.05, share=True), 0.0423)
    '4.2%'
    """
    return f"{value:.1%}" if clue.share and math.isfinite(value) else figure(value)


def _counts(comparison: Comparison) -> tuple[tuple[int, ...], tuple[float, ...]]:
    return comparison.ratio.counts, comparison.ratio.expected
