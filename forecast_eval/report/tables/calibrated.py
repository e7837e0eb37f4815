"""What past launches make of each candidate's simulated uplift, and the test that would settle it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...align.calibrated_words import calibrated_words, low_end_words, signed_words, units_words
from .cells import MISSING, Cell, Row, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...align.calibrated import Calibrated
    from ..palette import Palette


def calibrated(numbers: Sequence[Calibrated], palette: Palette) -> Table:
    """One line a candidate: simulated uplift with its error, calibrated with its interval, and the size of a test."""
    if not numbers:
        return Table((), ())
    one = numbers[0]
    header = (
        (f"{one.offline}, simulated", "with its standard error"),
        (f"{one.online}, calibrated", f"{one.confidence:.0%} interval"),
        ("is better", "probability"),
        ("a test would take", "for the calibrated number"),
        ("and if it is small", "at the end of the interval nearer 0"),
    )
    return Table(header, tuple(Row(palette.style(own.model), _cells(own)) for own in numbers))


def _cells(own: Calibrated) -> tuple[Cell, ...]:
    if not math.isfinite(own.value):
        return (Cell(signed_words(own.simulated, own.offline_unit)), *(Cell(MISSING) for _ in range(4)))
    standing = "noise" if own.is_blind or own.low <= 0 <= own.high else "gain" if own.better > 1 / 2 else "loss"
    error = signed_words(own.error, own.offline_unit).removeprefix("+")
    return (
        Cell(f"{signed_words(own.simulated, own.offline_unit)} \u00b1 {error}"),
        Cell(calibrated_words(own), (standing,)),
        Cell(f"{own.better:.0%}"),
        Cell(units_words(own.test)),
        Cell(low_end_words(own.test)),
    )
