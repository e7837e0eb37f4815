"""Which offline metric to decide by: quality of each, who is better than whom, signs, regret, at every size of test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, nearest, refuse

from .jeffreys import jeffreys
from .joint import credible, qualities
from .proxy_quality import proxy_qualities
from .regret import decisions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .credible import Credible
    from .joint import Joint
    from .regret import Decisions, Regret

    Floats = NDArray[np.float64]

SIZES = (0.5, 1.0, 2.0, 4.0, 8.0, np.inf)
"""Observations of the next offline evaluation, relative to past ones."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often an offline metric and the online metric had the same sign.

    same, of : of the launches that were tested and have the metric, those whose measured signs agree.
    share, low, high : same / of and its Jeffreys interval (Brown, Cai, DasGupta 2001, Statistical Science 16).
    true : posterior of the share that agrees with the sign of the *true* online effect, over all launches of the book
        that have the metric.
    """

    same: int
    of: int
    share: float
    low: float
    high: float
    true: Credible


@dataclass(frozen=True, slots=True)
class Ranked:
    """One offline metric as a proxy of the online metric.

    quality : correlation of the offline number, as it would be measured next, with the true online effect.
    best : posterior probability that its quality is the highest of all.
    error : standard error that the next offline number is taken to have: median of the past ones, or as given; in units
        of the metric.
    regret : of the rule "launch where this metric says better".
    """

    name: str
    quality: Credible
    best: float
    error: float
    agreement: Agreement
    regret: Regret


@dataclass(frozen=True, slots=True, eq=False)
class BySize:
    """The same at other sizes of the next offline evaluation: the best metric depends on the noise of its number.

    sizes : [size] observations relative to past launches; error variances are divided by it; inf is free of noise.
    names : [metric] in the order of the ranking.
    quality, low, high, best : [size, metric] posterior median, interval and probability to be the best.
    """

    sizes: tuple[float, ...]
    names: tuple[str, ...]
    quality: Floats
    low: Floats
    high: Floats
    best: Floats

    def winners(self) -> tuple[str, ...]:
        """Metric that is the most likely to be the best, at every size."""
        return tuple(self.names[int(k)] for k in self.best.argmax(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """All offline metrics against one online metric, best first: by posterior median of their quality.

    unit : of the online metric. launches, tested : in the book, and those with the online metric.
    better : [metric, metric] posterior probability that the quality of the row is above that of the column; 0.5 with
        itself.
    picked : regret of the rule "decide by the metric that looks best", picked for each decision without what was
        measured online in it.
    everything, nothing : regret of launching every candidate (where there are alternatives, one of them at random), and
        of launching none.
    r_hat : largest split R-hat of the correlations with the online metric; near 1 where the chains agree.
    notes : what to be careful about.
    """

    online: str
    unit: str
    confidence: float
    launches: int
    tested: int
    metrics: tuple[Ranked, ...]
    better: Floats
    by_size: BySize
    picked: Regret
    everything: Regret
    nothing: Regret
    r_hat: float
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Metrics, best first: rows and columns of `better`."""
        return tuple(own.name for own in self.metrics)


def rank(
    joint: Joint, online: str | None = None, *, noise: Mapping[str, float] | None = None, confidence: float = 0.9
) -> Ranking:
    """Rank all offline metrics of a joint posterior as proxies of an online metric, by default its first.

    noise : standard errors that the next offline numbers will have, by metric; by default the median of past ones.
    Raises InputError where `noise` names no metric of it, or is not above 0.
    """
    online = joint.data.online[0] if online is None else online
    errors = _errors(joint, noise or {})
    names = joint.data.offline
    quality = proxy_qualities(joint, online, errors**2, SIZES)
    now = quality[:, SIZES.index(1.0)]  # [draw, metric]
    order = np.argsort(-np.median(now, axis=0), kind="stable")
    tables = _by_size(quality[..., order], tuple(names[k] for k in order), confidence)
    decisions, scores = decisions_of(joint, online), scores_of(joint)
    losses = [decisions.losses(own) for own in scores.T]
    best = tables.best[SIZES.index(1.0)]
    metrics = tuple(
        Ranked(
            names[k], credible(now[:, k], confidence), float(best[place]), float(errors[k]),
            _agreement(joint, online, scores[:, k], decisions.effects, confidence),
            decisions.regret(losses[k], confidence),
        )
        for place, k in enumerate(order)
    )  # fmt: skip
    better = (now[:, order, None] > now[:, None, order]).mean(axis=0)
    np.fill_diagonal(better, 0.5)
    return Ranking(
        online, joint.data.units[joint.at(online)], confidence, len(scores), int(_measured(joint, online).sum()),
        metrics, better, tables, decisions.regret(_picked(joint, online, losses, decisions), confidence),
        decisions.regret(decisions.at_random(), confidence),
        decisions.regret(decisions.losses(np.full(len(scores), -1.0)), confidence), joint.r_hat, joint.notes,
    )  # fmt: skip


def scores_of(joint: Joint) -> Floats:
    """[launch, offline] differences as measured, turned so that higher is better; NaN where a launch lacks one."""
    first = len(joint.data.offline)
    own = joint.data.values[:, :first] * joint.data.scale[:first] + joint.data.centre[:first]
    return np.where(joint.data.seen[:, :first], own, np.nan)


def _errors(joint: Joint, noise: Mapping[str, float]) -> Floats:
    """[offline] standard errors of the next offline numbers, in units of the metrics."""
    names, first = joint.data.offline, len(joint.data.offline)
    refuse([Fault("unknown-metric", f"there is no {name!r}", "noise", nearest(name, names))
            for name in noise if name not in names]
           + [Fault("noise", f"{name}={own:g} must be above 0", "noise", "give its standard error")
              for name, own in noise.items() if not own > 0])  # fmt: skip
    past = np.sqrt(np.diag(joint.data.typical)) * joint.data.scale[:first]
    return np.array([noise.get(name, float(own)) for name, own in zip(names, past, strict=True)])


def _measured(joint: Joint, online: str) -> NDArray[np.bool_]:
    seen: NDArray[np.bool_] = joint.data.seen[:, joint.at(online)]
    return seen


def _by_size(quality: Floats, names: tuple[str, ...], confidence: float) -> BySize:
    """Summaries of quality [draw, size, metric]."""
    low, middle, high = np.quantile(quality, [(1 - confidence) / 2, 0.5, (1 + confidence) / 2], axis=0)
    winner = quality.argmax(axis=2)  # [draw, size]
    best = (winner[..., None] == np.arange(len(names))).mean(axis=0)
    return BySize(SIZES, names, middle, low, high, best)


def _agreement(joint: Joint, online: str, scores: Floats, effects: Floats, confidence: float) -> Agreement:
    """How often the sign of a metric [launch] was that of the online metric, measured and true."""
    at, known = joint.at(online), ~np.isnan(scores)
    measured = joint.data.values[:, at] * joint.data.scale[at] + joint.data.centre[at]
    both = known & _measured(joint, online)
    same, count = int(((scores > 0) == (measured > 0))[both].sum()), int(both.sum())
    low, high = jeffreys(same, count, confidence=confidence)
    true = ((effects[:, known] > 0) == (scores[known] > 0)).mean(axis=1)
    return Agreement(same, count, same / count, low, high, credible(true, confidence))


def _picked(joint: Joint, online: str, losses: list[Floats], decisions: Decisions) -> Floats:
    """[draw, decision] losses of the metric of the highest expected quality, told without the decision's own tests."""
    variances, found = np.diag(joint.data.typical), []
    for place, group in enumerate(decisions.groups):
        held = joint.without(group)
        expected = held.weight @ qualities(held.draws.sigma, joint.at(online), variances)
        expected[[bool(np.isnan(own[0, place])) for own in losses]] = -np.inf
        found.append(losses[int(expected.argmax())][:, place])
    return np.column_stack(found)
