"""Two proportions, such as clicks over impressions, where every trial is a unit of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from backtest.faults import Fault, refuse

from ..inference import Interval
from .fieller import lift_ends, lift_error
from .tails import log10_student


@dataclass(frozen=True, slots=True)
class Proportions:
    """Treatment against control on a proportion.

    control, treatment : successes over trials.
    z_pooled : with the variance of one common proportion, the score test that the p-value is of; z_unpooled : with the
        variances of both, which the intervals are of.
    difference : treatment - control; lift : treatment / control - 1, after Fieller.
    """

    control: float
    treatment: float
    z_pooled: float
    z_unpooled: float
    difference: Interval
    lift: Interval
    p_value: float
    log10_p: float


def proportions(control: tuple[int, int], treatment: tuple[int, int], *, confidence: float = 0.95) -> Proportions:
    """Compare two proportions, for large counts (normal approximation).

    control, treatment : successes and trials. Trials must be independent: clicks of one store, or visits of one
    customer, are not, and belong into an experiment with stores as units.

    >>> got = proportions((250_000, 5_000_000), (300_000, 5_000_000))
    >>> round(got.z_pooled, 4), round(got.difference.low, 6), got.p_value, round(got.log10_p, 3)
    (69.3542, 0.009717, 0.0, -1046.418)
    """
    from scipy.special import ndtri

    refuse(_faults("control", control) + _faults("treatment", treatment))
    trials = np.array([control[1], treatment[1]], dtype=np.float64)
    rate = np.array([control[0], treatment[0]]) / trials
    common = (control[0] + treatment[0]) / trials.sum()
    gap = float(rate[1] - rate[0])
    variances = rate * (1 - rate) / trials
    error = float(np.sqrt(variances.sum()))
    pooled = math.sqrt(common * (1 - common) * (1 / trials).sum())
    q = float(ndtri((1 + confidence) / 2))
    low, high = lift_ends(rate, np.diag(variances), q)
    shown = (confidence, int(trials.sum()), 1)
    log10_p = log10_student(gap / pooled, math.inf) if pooled else math.nan
    return Proportions(
        float(rate[0]), float(rate[1]), gap / pooled if pooled else math.nan, gap / error if error else math.nan,
        Interval(gap, gap - q * error, gap + q * error, *shown, error, math.inf),
        Interval(float(rate[1] / rate[0]) - 1 if rate[0] else math.nan, low, high, *shown,
                 lift_error(rate, np.diag(variances)), math.inf),
        10**log10_p, log10_p,
    )  # fmt: skip


def _faults(arm: str, counts: tuple[int, int]) -> list[Fault]:
    successes, trials = counts
    if trials > 0 and 0 <= successes <= trials:
        return []
    return [Fault("counts", f"{successes} successes of {trials} trials", arm,
                  "give successes from 0 to the number of trials, and one trial at least")]  # fmt: skip


def units_needed_proportions(
    baseline: float, target: float, *, power: float = 0.8, alpha: float = 0.05, pooled: bool = True
) -> int:
    """Trials an arm for a two-sided test at alpha to find `target` against `baseline` with the given power.

    pooled : whether the test has the variance of one common proportion, as `proportions` has.

        pooled: ((z_a sqrt(2 m (1 - m)) + z_b sqrt(p (1 - p) + q (1 - q))) / (q - p))^2, m = (p + q) / 2
        unpooled: (z_a + z_b)^2 (p (1 - p) + q (1 - q)) / (q - p)^2

    with p the baseline, q the target, z_a and z_b the normal quantiles of 1 - alpha / 2 and of the power (Fleiss,
    Levin and Paik 2003, Statistical Methods for Rates and Proportions, chapter 4).

    >>> units_needed_proportions(0.05, 0.06), units_needed_proportions(0.05, 0.06, pooled=False)
    (8158, 8155)
    """
    from scipy.special import ndtri

    refuse(_share_faults(baseline, target, power, alpha))
    middle = (baseline + target) / 2
    own = baseline * (1 - baseline) + target * (1 - target)
    under_null = 2 * middle * (1 - middle) if pooled else own
    reach = ndtri(1 - alpha / 2) * math.sqrt(under_null) + ndtri(power) * math.sqrt(own)
    return math.ceil((reach / (target - baseline)) ** 2)


def _share_faults(baseline: float, target: float, power: float, alpha: float) -> list[Fault]:
    named = {"baseline": baseline, "target": target, "power": power, "alpha": alpha}
    faults = [
        Fault("share", f"{name}={value} must be between 0 and 1", name, "write 5 % as 0.05")
        for name, value in named.items()
        if not 0 < value < 1
    ]
    if baseline == target:
        faults.append(Fault("target", f"target={target} is the baseline", "target", "name the proportion to be found"))
    return faults
