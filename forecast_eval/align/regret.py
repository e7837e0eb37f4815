"""What a rule of decision lost over past launches, against deciding with hindsight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .deltas import SHARE
from .joint import credible
from .pairs import FEWEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .credible import Credible
    from .joint import Joint
    from .launch import Launch

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Regret:
    """Loss of a rule in the true online metric, mean of a decision.

    Launches that were alternatives to each other (same incumbent, judged on the same day) are one decision: the best of
    them or the incumbent. Hindsight is the best of them if it is truly above 0, else the incumbent.

    decisions : that the rule could take: those where its metric is known.
    expected : posterior mean of the loss, in units of the online metric (0.01 is one share point).
    loss : the same, posterior median and interval.
    money : the same in currency per period: share x value of the control per unit and period x units of the test, mean
        over the `priced` decisions, those where all of it is known; None where there are none.
    """

    decisions: int
    expected: float
    loss: Credible
    money: Credible | None = None
    priced: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Decisions of the past with the posterior of what each candidate truly did.

    groups : [decision] launches of each, that were alternatives. effects : [draw, launch] true online effects, in units
        of the metric. stakes : [launch] what a share of 1 is worth, in currency per period; NaN where not known.
    """

    groups: tuple[Ints, ...]
    effects: Floats
    stakes: Floats

    def losses(self, scores: Floats) -> Floats:
        """[draw, decision] loss of launching the candidate of the highest score, if that is above 0; else none.

        scores : [launch], NaN where the rule knows nothing; a decision of which it knows nothing has NaN.
        """
        return np.column_stack([self._loss(group[~np.isnan(scores[group])], scores) for group in self.groups])

    def _loss(self, group: Ints, scores: Floats) -> Floats:
        if not len(group):
            return np.full(len(self.effects), np.nan)
        own = self.effects[:, group]
        best = np.maximum(own.max(axis=1), 0.0)
        top = int(scores[group].argmax())
        missed: Floats = best - own[:, top] if scores[group][top] > 0 else best
        return missed

    def at_random(self) -> Floats:
        """[draw, decision] expected loss of launching one candidate of each decision, drawn at random."""
        own = [self.effects[:, group] for group in self.groups]
        return np.column_stack([np.maximum(part.max(axis=1), 0.0) - part.mean(axis=1) for part in own])

    def regret(self, losses: Floats, confidence: float) -> Regret:
        """Regret of losses [draw, decision]."""
        known = ~np.isnan(losses[0])
        total = losses[:, known].mean(axis=1)
        worth = np.array([np.nanmean(own) if (~np.isnan(own)).any() else np.nan for own in
                          (self.stakes[group] for group in self.groups)])  # fmt: skip
        priced = known & ~np.isnan(worth)
        money = credible((losses[:, priced] * worth[priced]).mean(axis=1), confidence) if priced.any() else None
        return Regret(int(known.sum()), float(total.mean()), credible(total, confidence), money, int(priced.sum()))


def decisions_of(joint: Joint, online: str) -> Decisions:
    """Launches of a posterior as decisions: those of the same incumbent, judged on the same day and data, are one.

    Data are told apart by the groups and by the fingerprint in `source`. Where the tests of all other decisions are
    fewer than three, nothing could be learned without the decision's own: each launch is then a decision of its own.
    """
    data, at = joint.data, joint.at(online)
    keys: list[object] = [
        (own.incumbent, own.judged, tuple(sorted(own.groups.items())), own.source.get("data")) for own in data.launches
    ]
    tested = data.seen[:, at]
    together = [np.array([k for k, key in enumerate(keys) if key == own]) for own in dict.fromkeys(keys)]
    if any(int(tested.sum() - tested[own].sum()) < FEWEST for own in together):
        together = [np.array([k]) for k in range(len(keys))]
    groups = tuple(together)
    effects = joint.draws.effects[:, :, at - len(data.offline)] * data.scale[at] + data.centre[at]
    return Decisions(groups, effects, np.array([_stake(own, online) for own in data.launches]))


def _stake(launch: Launch, online: str) -> float:
    """What a share of 1 of the online metric is worth in the stores of the test [currency per period].

    NaN where the metric is no money by its name in the catalogue: a rate times stores is worth nothing.
    """
    from ..scores.catalogue import key_figures

    known = key_figures().get(online)
    if launch.online is None or launch.test is None or online not in launch.online.names or known is None:
        return np.nan
    at = launch.online.at(online)
    money = launch.online.units[at] == SHARE and known.unit.startswith("currency")
    return float(launch.online.base[at]) * sum(launch.test.units) if money else np.nan
