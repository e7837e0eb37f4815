"""Predictors of the true online effect, judged on launches whose online side they have not seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .credible import Credible
from .joint import credible, qualities
from .regret import Decisions, Regret, decisions_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .joint import HeldOut, Joint

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

PICKED = -1
"""Column of the metric that was picked without the launch."""


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """How well a predictor foretold launches whose online side it had not seen.

    name : "composite", "best single metric", or the metric. chosen : metrics that were chosen, with how often.
    correlation : of prediction and measured effect, over tested launches; lowered by the noise of the measurement, and
        NaN where either never varies.
    rmse : of the prediction against the measured effect, less the part of its error that the offline side shares, in
        units of the online metric.
    rmse_true : the same against the true effect: the variance of the measurement's noise taken off; 0 where the noise
        alone explains all of it.
    regret : of the rule "launch where the predicted effect is above 0".
    gain : mean squared error of this predictor minus that of the composite, relative to the former; above 0 the
        composite is better. Mean, and Student's t interval over launches; all 0 for the composite itself.
    regret_gain : regret of this predictor minus that of the composite, a decision like those of the past; above 0 the
        composite is better. Posterior, with decisions drawn anew (Rubin 1981, Annals of Statistics 9).
    """

    name: str
    chosen: tuple[tuple[str, int], ...]
    correlation: float
    rmse: float
    rmse_true: float
    regret: Regret
    gain: Credible
    regret_gain: Credible


@dataclass(frozen=True, slots=True, eq=False)
class Foretold:
    """Predictions of every launch, made without what was measured online in its decision.

    composite : [launch] expected true effect given all that the offline side says, in units of the online metric.
    singles : [launch, offline] the same given one metric alone; NaN where the launch lacks it.
    picked : [launch] the single metric of the highest expected quality.
    target : [launch] measured effect less the error that the offline side shares with it; NaN where not tested.
    noise : [launch] variance of the error that is left in the target.
    """

    composite: Floats
    singles: Floats
    picked: Ints
    target: Floats
    noise: Floats


def foretell(joint: Joint, online: str) -> Foretold:
    """Predict every launch from its own offline side, by a posterior that knows nothing of its test."""
    data, at = joint.data, joint.at(online)
    launches, first = len(data.launches), len(data.offline)
    composite, shared, quality = np.empty(launches), np.empty(launches), np.empty((launches, first))
    singles = np.empty((launches, first))
    for group in decisions_of(joint, online).groups:
        held = joint.without(group)
        composite[group] = held.weight @ held.draws.ahead[:, group, at - first]
        shared[group] = held.weight @ held.draws.shared[:, group, at - first]
        quality[group] = held.weight @ qualities(held.draws.sigma, at, np.diag(data.typical))
        for k in group:
            singles[k] = _singly(joint, held, at, int(k))
    seen = data.seen[:, :first]
    tested = data.seen[:, at]
    scale, centre = data.scale[at], data.centre[at]
    return Foretold(
        composite * scale + centre, np.where(seen, singles, np.nan) * scale + centre,
        np.where(seen, quality, -np.inf).argmax(axis=1),
        np.where(tested, data.values[:, at] - shared, np.nan) * scale + centre,
        np.where(tested, _noise(joint, at), np.nan) * scale**2,
    )  # fmt: skip


def _singly(joint: Joint, held: HeldOut, at: int, k: int) -> Floats:
    """[offline] true online effect of launch k that is expected from each of its offline numbers alone."""
    sigma, mu, first = held.draws.sigma, held.draws.mu, len(joint.data.offline)
    spread = np.diagonal(sigma, axis1=1, axis2=2)[:, :first] + np.diag(joint.data.covariance[k])[:first]
    slope = sigma[:, :first, at] / spread
    expected: Floats = held.weight @ (mu[:, at, None] + slope * (joint.data.values[k, :first] - mu[:, :first]))
    return expected


def _noise(joint: Joint, at: int) -> Floats:
    """[launch] variance of the online error that the offline side does not tell, at the mean covariance of effects."""
    first, errors = len(joint.data.offline), joint.data.covariance
    seen = joint.data.seen[:, :first]
    inside = (
        joint.draws.sigma[:, :first, :first].mean(axis=0) * (seen[:, :, None] & seen[:, None, :])
        + errors[:, :first, :first]
    )
    cross = errors[:, :first, at]
    noise: Floats = errors[:, at, at] - (cross * np.linalg.solve(inside, cross[..., None])[..., 0]).sum(axis=1)
    return noise


def judged(
    joint: Joint, online: str, money: str | None, confidence: float
) -> tuple[CrossFitted, CrossFitted, CrossFitted | None]:
    """Composite, best single metric, and the simulated money, each as it foretold launches it had not seen."""
    told, names = foretell(joint, online), joint.data.offline
    judge = _Judge(told, decisions_of(joint, online), confidence, joint.seed)
    rows = np.arange(len(told.composite))
    counts = Counter(names[k] for k in told.picked[~np.isnan(told.target)])
    return (
        judge.of("composite", told.composite),
        judge.of("best single metric", told.singles[rows, told.picked], tuple(counts.most_common())),
        None if money is None else judge.of(money, told.singles[:, names.index(money)]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    told: Foretold
    decisions: Decisions
    confidence: float
    seed: int

    def of(self, name: str, predicted: Floats, chosen: tuple[tuple[str, int], ...] = ()) -> CrossFitted:
        """Judge predictions [launch], NaN where there are none."""
        told = self.told
        both = ~np.isnan(predicted) & ~np.isnan(told.target)
        missed = (told.target - predicted)[both] ** 2
        ours = (told.target - told.composite)[both] ** 2
        losses = self.decisions.losses(predicted)
        return CrossFitted(
            name, chosen, _correlation(predicted[both], told.target[both]), float(np.sqrt(missed.mean())),
            float(np.sqrt(max(missed.mean() - told.noise[both].mean(), 0.0))),
            self.decisions.regret(losses, self.confidence),
            _over_launches((missed - ours) / missed.mean(), self.confidence), self._regret_gain(losses),
        )  # fmt: skip

    def _regret_gain(self, losses: Floats) -> Credible:
        gain = losses - self.decisions.losses(self.told.composite)
        gain = gain[:, ~np.isnan(gain[0])]
        rng = np.random.default_rng([self.seed, 2])
        weights = rng.dirichlet(np.ones(gain.shape[1]), len(gain))
        return credible((gain * weights).sum(axis=1), self.confidence)


def _correlation(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if min(np.ptp(one), np.ptp(other)) > 0 else np.nan


def _over_launches(own: Floats, confidence: float) -> Credible:
    """Mean over launches with Student's t interval, and the probability that it is above 0.

    >>> found = _over_launches(np.array([0.25, 0.75]), 0.5)  # .5 +- .25 x t(.75; 1), which is 1
    >>> round(found.low, 6), round(found.high, 6)
    (0.25, 0.75)
    """
    from scipy.special import stdtr, stdtrit

    mean, error, freedom = float(own.mean()), float(own.std(ddof=1) / np.sqrt(len(own))), len(own) - 1
    if error == 0:
        return Credible(mean, mean, mean, float(mean > 0), confidence)
    half = error * float(stdtrit(freedom, (1 + confidence) / 2))
    return Credible(mean, mean - half, mean + half, float(stdtr(freedom, mean / error)), confidence)
