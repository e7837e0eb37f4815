"""The effect of a test, from what happened and from a model of what would have happened in the other arm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..inference import Interval
from ..online.effect import Effect, Method
from ..online.fieller import lift_ends, lift_error
from ..online.tails import log10_student

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..online.strata import Strata

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Potential:
    """One column of the outcomes of units; every array is [unit].

    measured : in the arm that a unit was in. control, treatment : what a model says of both arms.
    """

    measured: Floats
    control: Floats
    treatment: Floats


def doubly_robust(
    value: Potential, exposure: Potential | None, strata: Strata, treated: Flags, *, confidence: float = 0.95
) -> Effect:
    """Augmented inverse-probability weighted effect (AIPW), with intervals that are honest with few units.

    value : numerator of a metric, per unit and period; exposure : its denominator, None for a mean.
    strata : every one holds both arms (`online.strata_of`), as drawn; e is the share of its units that is treated.

    With Y what was measured, A whether treated, and m1, m0 what a model says of both arms, the values of the arms are

        mean(m1 + A (Y - m1) / e)   and   mean(m0 + (1 - A) (Y - m0) / (1 - e)),

    and their difference is that of the model, corrected by what the model gets wrong in each arm. As e is known by
    design, it has no bias whatever the model says, as long as what it says of a unit does not depend on the unit's arm
    (Robins, Rotnitzky and Zhao 1994, Journal of the American Statistical Association 89); the better the model, the
    smaller the error. With m1 = m0 = 0 it is the post-stratified difference in means.

    The error is that of the influence values: what a unit adds to both values less the mean of its stratum and arm,
    stretched by n / (n - 1) of the units there, which makes the variance unbiased, stores being drawn as well as arms.
    Degrees of freedom are Satterthwaite's over strata and arms. With matched pairs the error is that of the differences
    of whole pairs, with their number less one. Ratios are linearised; the interval of the lift is Fieller's.

    >>> from forecast_eval.online.sample import Sample
    >>> from forecast_eval.online.strata import strata_of
    >>> y, treated = np.array([10.0, 13.0, 12.0, 17.0]), np.array([False, False, True, True])
    >>> none = Potential(y, np.zeros(4), np.zeros(4))
    >>> got = doubly_robust(none, None, strata_of(Sample(y, treated)), treated)
    >>> round(got.difference.estimate, 3), round(got.difference.error, 3)  # root of 4.5 / 2 + 12.5 / 2
    (3.0, 2.915)
    """
    pairs = [_values(value, strata, treated)] + ([] if exposure is None else [_values(exposure, strata, treated)])
    means, influence = pairs[0]
    if len(pairs) > 1:
        below, from_below = pairs[1]
        means, influence = means / below, (influence - (means / below) * from_below) / below
    covariance, freedom, clusters = _noise(influence, strata, treated)
    error = math.sqrt(max(0.0, float(covariance[0, 0] - 2 * covariance[0, 1] + covariance[1, 1])))
    return _effect(means, covariance, (error, freedom, clusters), treated, confidence)


def _values(own: Potential, strata: Strata, treated: Flags) -> tuple[Floats, Floats]:
    """Give the values of control and treatment, and what each unit adds to their errors [unit, 2]."""
    share = _mean_by(strata.codes, treated.astype(np.float64))
    each = np.stack([
        own.control + np.where(treated, 0.0, own.measured - own.control) / (1 - share),
        own.treatment + np.where(treated, own.measured - own.treatment, 0.0) / share,
    ], axis=1)  # fmt: skip
    means, cell = each.mean(axis=0), strata.codes * 2 + treated
    if not strata.within:
        return means, (each - means) / len(treated)
    count = np.bincount(cell)[cell]
    apart = each - np.stack([_mean_by(cell, column) for column in each.T], axis=1)
    return means, apart * np.sqrt(count / np.maximum(count - 1, 1))[:, None] / len(treated)


def _mean_by(codes: NDArray[np.int64], values: Floats) -> Floats:
    """Mean of the group of each row."""
    count = np.maximum(np.bincount(codes), 1)
    return np.asarray((np.bincount(codes, values) / count)[codes])


def _noise(influence: Floats, strata: Strata, treated: Flags) -> tuple[Floats, float, int]:
    """Covariance of both arms [2, 2], degrees of freedom of their difference, and number of clusters."""
    clusters = int(strata.clusters.max()) + 1
    if not strata.within:
        sums = np.stack([np.bincount(strata.clusters, influence[:, arm]) for arm in (0, 1)], axis=1)
        stretch = clusters / max(clusters - 1, 1)
        return np.asarray(sums.T @ sums * stretch), float(clusters - 1), clusters
    cell = strata.codes * 2 + treated
    squares = np.bincount(cell, (influence[:, 1] - influence[:, 0]) ** 2)
    left = np.bincount(cell) - 1.0
    freedom = squares.sum() ** 2 / (squares**2 / np.maximum(left, 1)).sum() if squares.any() else math.nan
    return np.asarray(influence.T @ influence), float(freedom), clusters


def _effect(
    means: Floats, covariance: Floats, noise: tuple[float, float, int], treated: Flags, confidence: float
) -> Effect:
    from scipy.special import stdtrit

    error, freedom, clusters = noise
    q = float(stdtrit(freedom, (1 + confidence) / 2)) if freedom > 0 else math.nan
    gap, control = float(means[1] - means[0]), float(means[0])
    log10_p = log10_student(gap / error, freedom) if error > 0 and freedom > 0 else math.nan
    low, high = lift_ends(means, covariance, q)
    shown = (confidence, clusters, 1)
    return Effect(
        control, float(means[1]), Interval(gap, gap - q * error, gap + q * error, *shown, error, freedom),
        Interval(float(means[1]) / control - 1 if control > 0 else math.nan, low, high, *shown,
                 lift_error(means, covariance), freedom),
        float(10**log10_p), log10_p, (int((~treated).sum()), int(treated.sum())), Method("none", "cluster", confidence),
    )  # fmt: skip
