"""A calibrated number in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..online.verdicts import MISSING
from .deltas import SHARE
from .study_words import effect_words

if TYPE_CHECKING:
    from .calibrated import Calibrated
    from .next_test import NextTest


def sentence(own: Calibrated) -> str:
    """Say what was simulated, and what past launches make of it.

    >>> from forecast_eval.align.calibrated import Calibrated
    >>> own = Calibrated("trees", "profit", "profit", "share", 14, "bivariate", 0.9, 0.031, 0.01, 0.019, 0.004, 0.033,
    ...                  0.98, 0.31, 0.88)
    >>> sentence(own)
    'simulated +3.1%, after calibration on 14 launches +1.9% (+0.4 to +3.3)'
    """
    said = f"{simulated_words(own)}, after calibration on {own.launches} launches {calibrated_words(own)}"
    doubt = doubt_words(own)
    return f"{said}; {doubt}" if doubt else said


def simulated_words(own: Calibrated) -> str:
    """Print the simulated number."""
    return f"simulated {signed_words(own.simulated, own.offline_unit)}"


def calibrated_words(own: Calibrated) -> str:
    """Print the calibrated number with its interval."""
    return effect_words(own.value, own.low, own.high, unit=own.unit)


def signed_words(value: float, unit: str) -> str:
    """Print a difference without an interval.

    >>> signed_words(0.0312, "share"), signed_words(-12.31, "EUR")
    ('+3.1%', '-12.3 EUR')
    """
    first, _, rest = effect_words(value, value, value, unit=unit).partition(" (")
    return f"{first}{rest.partition(')')[2]}"


def doubt_words(own: Calibrated) -> str:
    """Say what the number cannot say; nothing where past launches bear it out, and it is not to be confused with 0."""
    if own.is_blind:
        return "insufficient evidence that the simulated number says more than the mean of past launches"
    if own.rho_high < 0:
        return f"past launches came out the worse, the better {own.offline} was promised to be"
    return "it cannot be told from 0" if own.low <= 0 <= own.high else ""


def size_words(test: NextTest | None, *, unit: str = SHARE) -> str:
    """Say which A/B test would settle a calibrated number.

    unit : of what it is to find.

    >>> from forecast_eval.align.next_test import NextTest
    >>> size_words(NextTest("store", "12 weeks", 0.019, (46, 46), 0.004, (998, 998), 0.03, 120, 0.8, 0.05))
    'a test of 12 weeks finds +1.9% with 46 stores an arm (80 % power at 5 %), and +0.4% with 998 stores an arm'
    """
    if test is None:
        return "no past test says how large one must be"
    effect = signed_words(test.effect, unit)
    if not test.reasonable:
        return (
            f"no test of reasonable size finds {effect}: it takes {arms_words(test.arms, test.unit)}, and the largest "
            f"past test had {test.largest:,} in all"
        )
    odds = f"({100 * test.power:.0f} % power at {100 * test.level:.0f} %)"
    said = f"a test of {test.length} finds {effect} with {arms_words(test.arms, test.unit)} {odds}"
    if test.low_effect is None:
        return f"{said}; the interval holds 0, and no test finds an effect however small"
    return f"{said}, and {signed_words(test.low_effect, unit)} with {arms_words(test.low_arms, test.unit)}"


def units_words(test: NextTest | None) -> str:
    """Print the units that find the calibrated number, short enough for a table."""
    if test is None:
        return MISSING
    return arms_words(test.arms, test.unit) if test.reasonable else "no reasonable size"


def low_end_words(test: NextTest | None) -> str:
    """Print the units that find the end of the interval that is nearer 0, short enough for a table."""
    if test is None:
        return MISSING
    return "it may be 0" if test.low_effect is None else arms_words(test.low_arms, test.unit)


def arms_words(arms: tuple[int, int] | None, unit: str) -> str:
    """Print how many units the arms need.

    >>> arms_words((46, 46), "store"), arms_words((30, 90), "store"), arms_words(None, "store")
    ('46 stores an arm', '30 and 90 stores', 'more stores than there are')
    """
    if arms is None:
        return f"more {unit}s than there are"
    return f"{arms[0]:,} {unit}s an arm" if arms[0] == arms[1] else f"{arms[0]:,} and {arms[1]:,} {unit}s"
