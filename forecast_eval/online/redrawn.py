"""The difference and its variance under many assignments or resamples at once, for permutation and bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .strata import Strata
    from .unit_level import UnitLevel

    Floats = NDArray[np.float64]

CHUNK = 200_000
"""Rows of all draws that are worked on at once: what the processor's cache nearly holds."""
FITS_ITSELF = 1e-9
"""One less leverage, below which a row says nothing of the noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Redrawn:
    """Differences of m variables in every draw; linear in the variables, so that those of any mix of them follow.

    difference : [draw, m]; covariance : [draw, m, m] of their noise; NaN where a stratum lacks an arm in a draw.
    """

    difference: Floats
    covariance: Floats

    def error(self, mix: Floats) -> Floats:
        """Give the standard error of a mix [m] of the variables [draw]."""
        return np.asarray(np.sqrt(np.maximum((self.covariance @ mix) @ mix, 0.0)))

    def statistic(self, mix: Floats, centre: float = 0.0) -> Floats:
        """Difference of a mix [m] of the variables from `centre`, over its standard error [draw]; NaN for 0 / 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.difference @ mix - centre) / self.error(mix))


@dataclass(frozen=True, slots=True, eq=False)
class _Arm:
    """One arm in every draw.

    sign : -1 for the control. taken : [draw, row] how often each row is in it; weight : [draw, row] of each of these
    in the arm's mean; leverage : [draw, row] that the means alone have.
    mean : [draw, m]; residual : [draw, row, m] from the mean of stratum and arm, or of the arm.
    middle, apart : the same of the covariate, [draw] and [draw, row]; 0 where there is none.
    """

    sign: float
    taken: Floats
    weight: Floats
    leverage: Floats
    mean: Floats
    residual: Floats
    middle: Floats
    apart: Floats


def redrawn(units: UnitLevel, numerators: Floats, strata: Strata, *, control: Floats, treatment: Floats) -> Redrawn:
    """Compare the arms in every draw.

    numerators : [row, m] variables that stand in the place of the metric's numerator. The pre-period of
        difference-in-differences is taken from the first; the others are shifts of it.
    control, treatment : [draw, row] how often a row is in each arm: 0 or 1 for an assignment, more for a resample.

    The difference is that of least squares. Its variance is HC2's where every row is its own cluster; else it is the
    sum of squared scores of the clusters, without a factor for few of them, which would be the same in every draw.
    """
    draws, rows = control.shape
    step = max(1, CHUNK // rows)
    starts = range(0, draws, step)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [_part(units, numerators, strata, (control[s : s + step], treatment[s : s + step])) for s in starts]
    return Redrawn(np.concatenate([p.difference for p in parts]), np.concatenate([p.covariance for p in parts]))


def _part(units: UnitLevel, numerators: Floats, strata: Strata, taken: tuple[Floats, Floats]) -> Redrawn:
    member = np.equal.outer(strata.codes, np.arange(len(strata.shares))).astype(np.float64)
    held = (taken[0] + taken[1]) @ member
    shares = held / held.sum(axis=1, keepdims=True)
    arms = [_arm(units, numerators, strata, (sign, taken[arm], shares)) for arm, sign in enumerate((-1.0, 1.0))]
    difference = arms[1].mean - arms[0].mean
    if units.covariate is None:
        return Redrawn(difference, _covariance(arms, strata, np.zeros(len(difference)), np.ones(len(difference))))
    use = [a.taken * (1 if strata.within else a.weight) for a in arms]
    spread = sum((u * a.apart**2).sum(axis=1) for u, a in zip(use, arms, strict=True))
    crossed = sum(((u * a.apart)[:, None, :] @ a.residual)[:, 0] for u, a in zip(use, arms, strict=True))
    slope = crossed / spread[:, None]
    for a in arms:
        a.residual[...] -= slope[:, None, :] * a.apart[:, :, None]
    gap = arms[1].middle - arms[0].middle
    return Redrawn(difference - slope * gap[:, None], _covariance(arms, strata, gap, spread))


def _arm(units: UnitLevel, numerators: Floats, strata: Strata, drawn: tuple[float, Floats, Floats]) -> _Arm:
    sign, taken, shares = drawn
    member = np.equal.outer(strata.codes, np.arange(shares.shape[1])).astype(np.float64)
    own = taken @ member  # [draw, stratum]
    each = np.where(shares > 0, shares / own, 0.0)
    weight = each[:, strata.codes]
    leverage = (1 / own)[:, strata.codes] if strata.within else weight
    centre = _Centre(taken * weight, taken, own, strata)
    mean, residual = centre.of(numerators, units.exposure)
    if units.base is not None:
        first, from_first = centre.of(units.base[:, None], units.base_exposure)
        mean[:, :1] -= first
        residual[:, :, :1] -= from_first
    middle, apart = np.zeros(len(taken)), np.zeros(taken.shape)
    if units.covariate is not None:
        middle, apart = (part[..., 0] for part in centre.of(units.covariate[:, None], None))
    return _Arm(sign, taken, weight, leverage, mean, residual, middle, apart)


@dataclass(frozen=True, slots=True, eq=False)
class _Centre:
    """What columns are centred by in one arm: weights [draw, row] adding up to 1, counts by row and by stratum."""

    weight: Floats
    taken: Floats
    own: Floats
    strata: Strata

    def of(self, columns: Floats, denominator: Floats | None) -> tuple[Floats, Floats]:
        """Give mean [draw, m] and residual [draw, row, m] of columns [row, m], linearised if there is a denominator."""
        mean = self.weight @ columns
        if denominator is None:
            return mean, columns - self._middle(columns, mean)
        size = self.weight @ denominator
        ratio = mean / size[:, None]
        line = columns - ratio[:, None, :] * denominator[:, None]  # its mean over the arm is 0
        if self.strata.within:
            line = line - (self._by_stratum(columns) - ratio[:, None, :] * self._by_stratum(denominator[:, None]))
        return ratio, line / size[:, None, None]

    def _middle(self, columns: Floats, mean: Floats) -> Floats:
        return self._by_stratum(columns) if self.strata.within else mean[:, None, :]

    def _by_stratum(self, columns: Floats) -> Floats:
        """Mean of each row's stratum [draw, row, m]."""
        codes, strata = self.strata.codes, range(self.own.shape[1])
        sums = np.stack([self.taken[:, codes == s] @ columns[codes == s] for s in strata], axis=1)
        return np.asarray((sums / self.own[:, :, None])[:, codes])


def _covariance(arms: list[_Arm], strata: Strata, gap: Floats, spread: Floats) -> Floats:
    """Covariance of the differences [draw, m, m], of residuals from which the covariate is taken out."""
    single = len(np.unique(strata.clusters)) == len(strata.clusters)
    pull = (-gap / spread)[:, None]
    pieces = []
    for a in arms:
        moved = a.apart * (1 if strata.within else a.weight)
        influence = a.sign * a.weight + moved * pull
        if single:
            left = 1 - a.leverage - a.apart * moved / spread[:, None]
            factor = np.where(left > FITS_ITSELF, np.sqrt(a.taken / np.maximum(left, FITS_ITSELF)), 0.0)
            pieces.append((influence * factor)[:, :, None] * a.residual)
        else:
            pieces.append((influence * a.taken)[:, :, None] * a.residual)
    scores = np.concatenate(pieces, axis=1) if single else _by_cluster(arms, strata, pieces[0] + pieces[1])
    return np.asarray(scores.transpose(0, 2, 1) @ scores)


def _by_cluster(arms: list[_Arm], strata: Strata, scores: Floats) -> Floats:
    """Scores of clusters [draw, cluster, m], such that a cluster that was drawn k times gives k times its square."""
    member = np.equal.outer(np.arange(strata.clusters.max() + 1), strata.clusters).astype(np.float64)
    times = (arms[0].taken + arms[1].taken) @ member.T / member.sum(axis=1)
    return np.asarray((member @ scores) / np.sqrt(np.maximum(times, 1.0))[:, :, None])
