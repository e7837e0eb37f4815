"""Power: which effect a test finds, with which probability, and how many units that takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

LARGEST = 1e3
"""Effect, in standard errors, beyond which no power is looked for."""
MOST_UNITS = 10_000_000


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest effect of one metric that a test finds with the power asked for.

    periods : length of the test. adjust : what the estimate is adjusted by.
    arm, units : the treatment arm with the smallest share, and units of both arms together.
    value : mean of the metric in the history, in its own unit and period.
    error, freedom : standard error of the difference and its degrees of freedom, as the estimator has them.
    effect : minimum detectable effect, in the metric's unit; relative, lowest, highest : as a share of the value,
        averaged over windows of the history, and in the best and the worst of them.
    level : two-sided level of the test: 1 - confidence, by Bonferroni shared among the primary metrics and arms.
    """

    metric: str
    adjust: str
    periods: int
    arm: str
    units: int
    value: float
    error: float
    freedom: float
    effect: float
    relative: float
    lowest: float
    highest: float
    windows: int
    level: float
    power: float

    def power_at(self, share: float) -> float:
        """Probability to find an effect of a share of the value, such as .02."""
        return power_at(share * self.value, self.error, self.freedom, level=self.level)

    def units_needed(self, share: float) -> int:
        """Units of both arms together, in the shares they have, that find an effect of a share of the value."""
        return units_needed(share * self.value, self.error, self.freedom, units=self.units, power=self.power,
                            level=self.level)  # fmt: skip


def power_at(effect: float, error: float, freedom: float, *, level: float = 0.05) -> float:
    """Probability that a two-sided t test at `level` finds an effect.

    The estimate over its standard error follows the noncentral t distribution with `freedom` and noncentrality
    effect / error. Both tails count, so that at no effect it is the level.

    >>> round(power_at(0.0, 2.0, 20.0), 3), round(power_at(5.0, 2.0, 20.0), 3)
    (0.05, 0.662)
    """
    from scipy.special import nctdtr
    from scipy.stats import t as student

    if error == 0:
        return 1.0 if effect else level
    bound, shift = float(student.isf(level / 2, freedom)), abs(effect) / error
    near, far = (float(nctdtr(freedom, shift, end)) for end in (bound, -bound))
    return 1 - _or_zero(near) + _or_zero(far)


def _or_zero(probability: float) -> float:
    """Give 0 for what underflows into NaN."""
    return 0.0 if isnan(probability) else probability


def detectable_effect(error: float, freedom: float, *, power: float = 0.8, level: float = 0.05) -> float:
    """Effect that a two-sided t test at `level` finds with `power`: the minimum detectable effect.

    With many degrees of freedom it is (z of level / 2 + z of power) * error: 2.80 standard errors.

    >>> round(detectable_effect(1.0, 1e6), 3), round(detectable_effect(1.0, 6.0), 3)
    (2.802, 3.367)
    """
    from scipy.optimize import brentq

    if error == 0:
        return 0.0
    high = 1.0
    while power_at(high, 1.0, freedom, level=level) < power and high < LARGEST:
        high *= 2
    found = brentq(lambda effect: power_at(effect, 1.0, freedom, level=level) - power, 0.0, high, xtol=1e-9)
    return float(found) * error


def units_needed(
    effect: float, error: float, freedom: float, *, units: int, power: float = 0.8, level: float = 0.05
) -> int:
    """Units that find `effect` with `power`, where `units` have that `error` and `freedom`.

    The variance falls as units rise, and degrees of freedom rise with them.

    >>> units_needed(5.0, 2.0, 18.0, units=20)
    28
    """

    def finds(count: int) -> bool:
        return power_at(effect, error * (units / count) ** 0.5, freedom * count / units, level=level) >= power

    low, high = 2, units
    while not finds(high):
        low, high = high, 2 * high
        if high > MOST_UNITS:
            return MOST_UNITS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if finds(middle) else (middle + 1, high)
    return high
