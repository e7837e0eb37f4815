"""The A/B test that would settle a calibrated number: how many units, of the length and kind of past tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil, isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .launch import Launch, OnlineTest
    from .posterior import Prediction

REASONABLE = 10
"""Times the largest past test, in units of both arms, beyond which a test is of no reasonable size."""
WEEK = 7


@dataclass(frozen=True, slots=True)
class NextTest:
    """Units that a test needs, to find an effect at `level`, two-sided, with `power`.

    unit : what is randomised. length : of past tests, in words. effect : what it is to find, in units of the metric.
    arms : units in (control, treatment) that find `effect`; None where nobody could have as many.
    low_effect, low_arms : the same at the end of the effect's interval that is nearer 0; None where that holds 0, since
        then no test finds every effect in it.
    noise : standard deviation that one unit adds to a lift, whose error is noise * sqrt(1 / control + 1 / treatment).
    largest : units of both arms of the largest past test.
    """

    unit: str
    length: str
    effect: float
    arms: tuple[int, int] | None
    low_effect: float | None
    low_arms: tuple[int, int] | None
    noise: float
    largest: int
    power: float
    level: float

    @property
    def reasonable(self) -> bool:
        """Whether the size for `effect` is within ten times the largest past test."""
        return self.arms is not None and sum(self.arms) <= REASONABLE * self.largest


def size_of_test(
    launches: Sequence[Launch],
    found: Prediction,
    *,
    online: str = "profit",
    shares: tuple[float, float] = (1.0, 1.0),
    power: float = 0.8,
    level: float = 0.05,
) -> NextTest:
    """Test that finds a calibrated effect with `power` at two-sided `level`.

    launches : past ones; the noise is the median of what their tests of the most usual unit show. A test with n_c and
        n_t units whose lift has the error e has noise e / sqrt(1 / n_c + 1 / n_t).
    found : the calibrated effect; its mean is to be found, and the end of its interval nearer 0.
    shares : of control and treatment in the units, in any scale.

    With noise s, effect d, a share w of the units in treatment and large arms, N units are needed:

        N = (z of 1 - level / 2 + z of power)^2 * s^2 / (w * (1 - w) * d^2)

    and `online.power.units_needed` does the same with Student's noncentral distribution, N - 2 degrees of freedom.

    Raises InputError where no past test measured `online`, or shares are not above 0.
    """
    tests = _tests(launches, online)
    refuse(_faults(tests, online, shares))
    usual = Counter(test.unit for test, _ in tests).most_common(1)[0][0]
    own = [(test, error) for test, error in tests if test.unit == usual]
    noise = float(np.median([error / sqrt(1 / test.units[0] + 1 / test.units[1]) for test, error in own]))
    low = None if found.low <= 0 <= found.high else min(found.low, found.high, key=abs)

    def arms(effect: float) -> tuple[int, int] | None:
        return _arms(effect, noise, shares, power=power, level=level)

    return NextTest(
        usual, _length([test for test, _ in own]), found.mean, arms(found.mean), low,
        None if low is None else arms(low), noise, max(sum(test.units) for test, _ in own), power, level,
    )  # fmt: skip


def _tests(launches: Sequence[Launch], online: str) -> list[tuple[OnlineTest, float]]:
    """Past tests that measured a metric, and the error of what they measured."""
    return [
        (launch.test, launch.online.error(online))
        for launch in launches
        if launch.test is not None and launch.online is not None and online in launch.online.names
    ]


def _faults(tests: Sequence[object], online: str, shares: tuple[float, float]) -> list[Fault]:
    found = (
        [] if tests else [Fault("no-test", f"no past test measured {online}", "launches", "add launches with tests")]
    )
    if not (min(shares) > 0 and all(map(isfinite, shares))):
        what = f"shares={shares} of the arms must be above 0"
        found.append(Fault("shares", what, "shares", "give them as (1, 1) or (0.9, 0.1)"))
    return found


def _arms(
    effect: float, noise: float, shares: tuple[float, float], *, power: float, level: float
) -> tuple[int, int] | None:
    """Units in control and treatment that find an effect; None where there would be more than anybody has."""
    from ..online.power import MOST_UNITS, units_needed

    control, treatment = (share / sum(shares) for share in shares)
    variance = noise**2 / (control * treatment)  # of the lift's error, times units
    if not abs(effect) > 0 or variance / effect**2 > MOST_UNITS / 10:  # it takes at least 2.8^2 = 7.8 times as many
        return None
    units = max(4, ceil(7.8 * variance / effect**2))
    needed = units_needed(effect, sqrt(variance / units), units - 2, units=units, power=power, level=level)
    return max(2, ceil(needed * control)), max(2, ceil(needed * treatment))


def _length(tests: Sequence[OnlineTest]) -> str:
    """Length of the median test, in weeks or days where its dates say so.

    >>> import datetime as dt
    >>> from forecast_eval.align import OnlineTest
    >>> _length([OnlineTest("store", (20, 20), dt.date(2026, 1, 5), dt.date(2026, 3, 29), 12)])
    '12 weeks'
    """
    test = sorted(tests, key=lambda own: own.periods)[len(tests) // 2]
    days = ((test.end - test.start).days + 1) / test.periods
    word = "week" if abs(days - WEEK) < 1 else "day" if abs(days - 1) < 0.5 else "period"
    return f"{test.periods} {word}{'' if test.periods == 1 else 's'}"
