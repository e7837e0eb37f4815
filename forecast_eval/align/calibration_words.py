"""A calibration in words: what a usual number is worth, whether predictions held, whether the simulator drifts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .calibrated import calibrated
from .calibrated_words import sentence, size_words
from .jeffreys import jeffreys
from .study_words import effect_words, number_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .calibration import Calibration
    from .drift import Drift

METHODS = {"york": "York's line", "bivariate": "Random effects", "groups": "Lines by group"}


def usual_words(own: Calibration) -> Iterator[str]:
    """Say what a usual number is worth online, and which test would settle it.

    The usual one is the median of those that promised something, or of all where none did, with the usual error.
    """
    ahead = own.pairs.x[own.pairs.x > 0]
    x = float(np.median(ahead if len(ahead) else own.pairs.x))
    found = calibrated(own, "usual", own.turns[0] * x, float(np.sqrt(np.median(own.pairs.var_x))))
    yield f"A usual promise: {own.offline} {sentence(found)}."
    if found.test is not None and not found.is_blind:
        words = size_words(found.test, unit=found.unit)
        yield f"{words[0].upper()}{words[1:]}."


def turned_words(own: Calibration) -> Iterator[str]:
    """Say where signs change: what is usual has that of the metric, and what is said of the line has not."""
    names = [name for name, turn in zip((own.offline, own.online), own.turns, strict=True) if turn < 0]
    if names:
        yield (
            f"That has the sign of {' and '.join(dict.fromkeys(names))}, of which lower is better; below, as in "
            "charts, higher is better on both sides."
        )


def held_words(own: Calibration) -> str:
    """Say how many launches lay where the others foretold."""
    of = len(own.left_out)
    if not of:
        return "Too few launches to foretell each from the others."
    count = sum(launch.held for launch in own.left_out)
    low, high = (f"{100 * end:.0f}" for end in jeffreys(count, of, confidence=own.confidence))
    return (
        f"{count} of {of} launches, {count / of:.0%} ({low} to {high}), were measured within the {own.confidence:.0%} "
        "interval that the others foretold."
    )


def line_words(own: Calibration) -> str:
    """Say what the line is and how it was found."""
    at = own.line.intercept
    return (
        f"{METHODS[own.method]}: {own.why}. Slope {number_words(own.line.slope)}, at 0 offline "
        f"{effect_words(at.value, at.low, at.high, unit=own.unit)}."
    )


def drift_words(own: Drift | None, *, unit: str) -> str:
    """Say whether measured and calibrated move apart.

    >>> from .drift import Drift
    >>> drift_words(Drift(-0.021, -0.033, -0.009, 14, 0.9), unit="share")
    'The simulator drifts: measured less calibrated changes by -2.1% (-3.3 to -0.9) a year, over 14 launches.'
    """
    if own is None:
        return "Too few launches over time to see whether the simulator drifts."
    said = effect_words(own.change, own.low, own.high, unit=unit)
    what = f"measured less calibrated changes by {said} a year, over {own.launches} launches."
    return f"{'The simulator drifts' if own.shown else 'No drift is shown'}: {what}"
