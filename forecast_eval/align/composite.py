"""Composite proxy: several offline metrics in one number, with learned weights, judged on launches it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from backtest.faults import Fault, nearest, refuse

from .credible import Credible
from .held_out import CrossFitted, judged
from .joint import credible
from .proxy_quality import proxy_qualities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .joint import Joint

    Floats = NDArray[np.float64]

Advice = Literal["use the composite", "use one metric alone", "insufficient evidence"]


@dataclass(frozen=True, slots=True)
class Weight:
    """Weight of one offline metric.

    deviation : one standard deviation of the metric's past differences as measured, in units of the metric.
    effect : change of the predicted true online effect, in units of the online metric, for one such deviation, the
        other metrics held; its value is the posterior mean, which is what the composite uses.
    share : |effect| / sum of |effect| of all, so that a reader sees which metrics count.
    """

    name: str
    deviation: float
    effect: Credible
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """Learned weights over offline metrics, and whether they are worth it.

    Predicted true online effect = intercept + sum of effect x (difference / deviation), all turned so that higher is
    better.

    unit : of the online metric. weights : largest first. intercept : in units of the online metric.
    quality : correlation of the composite, as it would be measured next, with the true online effect, under the
        posterior of all launches; it learned from the same launches, so judge it by `composite`.
    composite, single, money : cross-fitted: this one, the best single metric (chosen without each launch), and the
        simulated money; money is None where no metric was named as such.
    tested : launches that it was judged on. advice : what to do; verdict : the same in words.
    """

    online: str
    unit: str
    confidence: float
    launches: int
    tested: int
    weights: tuple[Weight, ...]
    intercept: float
    quality: Credible
    composite: CrossFitted
    single: CrossFitted
    money: CrossFitted | None
    advice: Advice
    verdict: str
    notes: tuple[str, ...] = ()


def compose(joint: Joint, online: str | None = None, *, money: str | None = None, confidence: float = 0.9) -> Composite:
    """Learn weights of all offline metrics of a joint posterior for an online metric, by default its first.

    With x the offline differences of the next launch, of error covariance S, and y its true online effect, each draw
    gives the best linear predictor, weights (Sigma_xx + S)^-1 Sigma_xy. Their posterior mean is what is used: weights
    whose sign nobody knows average out, which is how they shrink.

    money : the offline metric that is the simulated money, to hold the composite against.
    Raises InputError where the posterior has no metric `money`.
    """
    data, online = joint.data, joint.data.online[0] if online is None else online
    refuse([] if money is None or money in data.offline else
           [Fault("unknown-metric", f"there is no {money!r}", "money", nearest(money, data.offline))])  # fmt: skip
    at, first = joint.at(online), len(data.offline)
    inside = joint.draws.sigma[:, :first, :first] + data.typical
    cross = joint.draws.sigma[:, :first, at, None]
    drawn = np.asarray(np.linalg.solve(inside, cross)[..., 0], dtype=np.float64)  # [draw, metric]
    rows = judged(joint, online, money, confidence)
    quality = _quality(drawn.mean(axis=0), inside, joint.draws.sigma[:, :, at], confidence)
    advice, verdict = _advice(rows, quality, _alone(joint, online, money, confidence))
    return Composite(
        online, data.units[at], confidence, len(data.launches), int(data.seen[:, at].sum()),
        _weights(joint, drawn * data.scale[at], confidence), _intercept(joint, drawn, at), quality, *rows, advice,
        verdict, joint.notes,
    )  # fmt: skip


def _weights(joint: Joint, effects: Floats, confidence: float) -> tuple[Weight, ...]:
    """Weights from effects [draw, metric], largest first."""
    mean = effects.mean(axis=0)
    total = np.abs(mean).sum()
    found = []
    for k in np.argsort(-np.abs(mean), kind="stable"):
        own = credible(effects[:, k], confidence)
        effect = Credible(float(mean[k]), own.low, own.high, own.positive, confidence)
        found.append(Weight(joint.data.offline[k], float(joint.data.scale[k]), effect, float(abs(mean[k]) / total)))
    return tuple(found)


def _intercept(joint: Joint, weights: Floats, at: int) -> float:
    """What is predicted where all offline differences are 0, in units of the online metric."""
    data, mu, first = joint.data, joint.draws.mu, len(joint.data.offline)
    middle = (mu[:, at] - (weights * mu[:, :first]).sum(axis=1)).mean()  # predicted at the centre of past differences
    away = (weights.mean(axis=0) * data.centre[:first] / data.scale[:first]).sum()
    return float((middle - away) * data.scale[at] + data.centre[at])


def _quality(weights: Floats, inside: Floats, sigma: Floats, confidence: float) -> Credible:
    """Correlation of fixed weights [metric] with the true online effect; sigma : [draw, metric] its covariances."""
    spread = np.sqrt(np.einsum("k,dkl,l->d", weights, inside, weights) * sigma[:, -1])
    return credible(sigma[:, : len(weights)] @ weights / spread, confidence)


def _alone(joint: Joint, online: str, money: str | None, confidence: float) -> tuple[str, Credible]:
    """Single metric to use, with its quality: money, unless its sign is open or another is shown to be better."""
    names, scale = joint.data.offline, joint.data.scale[: len(joint.data.offline)]
    quality = proxy_qualities(joint, online, np.diag(joint.data.typical) * scale**2)[:, 0]
    best = int(np.median(quality, axis=0).argmax())
    own = best if money is None else names.index(money)
    found = credible(quality[:, own], confidence)
    beaten = (quality[:, best] > quality[:, own]).mean() > (1 + confidence) / 2
    if found.low > 0 and not beaten:
        return names[own], found
    return names[best], credible(quality[:, best], confidence)


def _advice(
    rows: tuple[CrossFitted, CrossFitted, CrossFitted | None], quality: Credible, alone: tuple[str, Credible]
) -> tuple[Advice, str]:
    """Advice, and why: a composite must be shown to foretell better than every metric that it competes with."""
    rivals = [row for row in rows[1:] if row is not None]
    rivals = rivals[:1] if len(rivals) > 1 and {name for name, _ in rivals[0].chosen} == {rivals[1].name} else rivals
    said = " and ".join(f"{_percent(row.gain)} than that of {_named(row)}" for row in rivals)
    name, own = alone
    if quality.low > 0 and all(row.gain.low > 0 for row in rivals):
        return (
            "use the composite",
            f"use the composite: on launches that it has not seen its squared error is lower by {said}",
        )
    if own.low > 0:
        return "use one metric alone", (
            f"use {name} alone: it goes with the true effect (quality {_range(own)}), and the composite is not shown "
            f"to foretell better: on launches that it has not seen its squared error is lower by {said}"
        )
    return "insufficient evidence", (
        f"insufficient evidence: neither the composite nor one metric is shown to go with the true effect; the best is "
        f"{name}, with a quality of {_range(own)}"
    )


def _named(row: CrossFitted) -> str:
    return f"the {row.name} ({row.chosen[0][0]})" if row.chosen else row.name


def _range(own: Credible) -> str:
    return f"{own.value:z.2f}, {own.low:z.2f} to {own.high:z.2f}"


def _percent(own: Credible) -> str:
    return f"{100 * own.value:z.0f}% ({100 * own.low:z.0f} to {100 * own.high:z.0f})"
