"""What an alignment study says, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..online.verdicts import MISSING, figure
from .deltas import SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .bivariate import Fit
    from .composite import Composite
    from .credible import Credible
    from .held_out import CrossFitted
    from .ranking import Agreement, Ranking
    from .regret import Regret
    from .study import Alignment, Study

NONE = "does not exist"
VERDICTS = ("trusted", "misleads", "insufficient evidence")
ASSUMED = (
    "True differences of both sides are normal over launches, and so are the errors, with the variances and "
    "covariances that the book gives.",
    "Before any launch is seen every correlation is as likely as every other, and spreads are half-normal. With few "
    "launches that shows: then the interval is wide, and the words are insufficient evidence.",
)
"""What every study rests on."""
BY_CHANCE = (
    "Each verdict is on one pair of metrics by itself: of many offline metrics that say nothing about {share:.0%} look "
    "trusted, and as many misleading, by chance."
)
NAMED = 3
"""Metrics that a headline names; the table has all."""


def online_names(study: Study) -> tuple[str, ...]:
    """Online metrics of a study, the primary one first."""
    ranked = (own.online for own in study.rankings)
    return tuple(dict.fromkeys([*ranked, *(own.online for own in study.alignments)]))


def title_of(study: Study, offline: str) -> str:
    """Name of an offline metric; one that is called like an online metric is what was simulated of it."""
    return f"{offline} (simulated)" if offline in {own.online for own in study.alignments} else offline


def in_order(study: Study, online: str) -> tuple[Alignment, ...]:
    """Alignments with an online metric, best first: as they are ranked, others after them by their correlation."""
    own = [found for found in study.alignments if found.online == online]
    ranks = next((r.names for r in study.rankings if r.online == online), ())
    place = {name: k for k, name in enumerate(ranks)}
    return tuple(sorted(own, key=lambda a: (place.get(a.offline, len(place)), -a.rho.value, a.offline)))


def headlines(study: Study, online: str) -> Iterator[str]:
    """Which offline numbers can be trusted for an online metric, which mislead, and of which nothing is known."""
    own = in_order(study, online)
    trusted, misleading, unclear = ([a for a in own if a.verdict == verdict] for verdict in VERDICTS)
    if trusted:
        yield f"{title_of(study, trusted[0].offline)}: {verdict_words(trusted[0])}."
    else:
        least, most = min((a.tested for a in own), default=0), max((a.tested for a in own), default=0)
        count = f"{least} to {most}" if least < most else f"{most}"
        why = "insufficient evidence" if unclear or not misleading else "all that were measured mislead"
        yield f"No offline number can be trusted for {online} yet: {why}, {count} launches."
    if trusted[1:]:
        yield f"Trusted as well: {_correlations(study, trusted[1:])}."
    if misleading:
        yield f"Misleads: {_correlations(study, misleading)}."
    if trusted and unclear:
        yield f"Insufficient evidence for {_few([title_of(study, a.offline) for a in unclear])}."


def verdict_words(alignment: Alignment) -> str:
    """Verdict on one pair of metrics, with the launches and the correlation that it rests on."""
    return f"{alignment.verdict}, {alignment.tested} launches, correlation {number_words(alignment.rho)}"


def number_words(own: Credible) -> str:
    """Print a correlation with its interval.

    >>> from .credible import Credible
    >>> number_words(Credible(0.784, 0.41, 0.951, 0.998))
    '0.78 (0.41 to 0.95)'
    """
    if math.isnan(own.value):
        return MISSING
    return f"{own.value:z.2f} ({own.low:z.2f} to {own.high:z.2f})"


def effect_words(value: float, low: float, high: float, *, unit: str) -> str:
    """Print a difference with its interval: per cent of a share, else in its unit.

    >>> effect_words(0.0312, 0.004, 0.0567, unit="share"), effect_words(-12.3, -30.0, 5.2, unit="EUR")
    ('+3.1% (+0.4 to +5.7)', '-12.3 (-30.0 to +5.2) EUR')
    """
    if not math.isfinite(value):
        return MISSING
    if unit == SHARE:
        return f"{100 * value:+z,.1f}% ({100 * low:+z,.1f} to {100 * high:+z,.1f})"
    size = max(abs(end) for end in (value, low, high) if math.isfinite(end))
    first, *ends = (figure(own, size, signed=True) for own in (value, low, high))
    return f"{first} ({ends[0]} to {ends[1]}) {unit}"


def loss_words(regret: Regret, *, unit: str) -> str:
    """Print what a rule lost a decision, with its interval, in the unit that `loss_unit` names.

    >>> from .credible import Credible
    >>> from .regret import Regret
    >>> loss_words(Regret(9, 0.004, Credible(0.0038, 0.001, 0.009, 1.0)), unit="share")
    '0.38 (0.10 to 0.90)'
    """
    own = regret.loss
    if not (regret.decisions and math.isfinite(own.value)):
        return MISSING
    if unit == SHARE:
        return f"{100 * own.value:z.2f} ({100 * own.low:z.2f} to {100 * own.high:z.2f})"
    size = max(abs(own.value), abs(own.low), abs(own.high))
    return f"{figure(own.value, size)} ({figure(own.low, size)} to {figure(own.high, size)})"


def loss_unit(unit: str) -> str:
    """Unit of what is lost: percentage points of a share.

    >>> loss_unit("share"), loss_unit("EUR")
    ('points', 'EUR')
    """
    return "points" if unit == SHARE else unit


def money_words(regret: Regret) -> str:
    """Print the same in currency per period; n/a where nobody wrote down what a share is worth."""
    own = regret.money
    if own is None or not math.isfinite(own.value):
        return MISSING
    size = max(abs(own.value), abs(own.low), abs(own.high))
    return f"{figure(own.value, size)} ({figure(own.low, size)} to {figure(own.high, size)})"


def agreement_words(own: Agreement) -> str:
    """Print how often the signs agreed.

    >>> from .credible import Credible
    >>> from .ranking import Agreement
    >>> agreement_words(Agreement(12, 14, 12 / 14, 0.62, 0.96, Credible(0.8, 0.6, 0.9, 1.0)))
    '12 of 14 (62 to 96%)'
    """
    if not own.of:
        return "none"
    return f"{own.same} of {own.of} ({100 * own.low:.0f} to {100 * own.high:.0f}%)"


def share_words(own: Credible) -> str:
    """Print a share with its interval.

    >>> from .credible import Credible
    >>> share_words(Credible(0.784, 0.41, 0.951, 1.0))
    '78% (41 to 95)'
    """
    return f"{own.value:.0%} ({100 * own.low:.0f} to {100 * own.high:.0f})"


def amount_words(value: float, *, unit: str) -> str:
    """Print the size of an error, in the unit that `loss_unit` names."""
    if not math.isfinite(value):
        return MISSING
    return f"{100 * value:.2f}" if unit == SHARE else figure(value)


def gain_words(own: CrossFitted) -> str:
    """Print by how much the composite lowers the squared error of another predictor.

    Above 0 the composite is better.
    """
    return effect_words(own.gain.value, own.gain.low, own.gain.high, unit=SHARE)


def fit_words(fit: Fit | None) -> str:
    """Correlation by another estimator, or that there is none."""
    return NONE if fit is None or not math.isfinite(fit.rho) else f"{fit.rho:z.2f}"


def notes_of(study: Study) -> tuple[str, ...]:
    """Notes of all parts of a study, each once, and what every study assumes."""
    ranked = [note for own in study.rankings for note in own.notes]
    composed = [note for own in study.composites for note in own.notes]
    several = (BY_CHANCE.format(share=(1 - study.confidence) / 2),) if len(study.alignments) > 1 else ()
    return tuple(dict.fromkeys([*study.notes, *ranked, *composed, *several, *ASSUMED]))


def advice_words(own: Composite) -> str:
    """Say whether several metrics are better than one."""
    return f"{own.verdict[0].upper()}{own.verdict[1:].rstrip('.')}."


def rule_words(ranking: Ranking) -> Iterator[str]:
    """Say what rules without a metric, and the metric that looks best, would have lost a decision."""
    rules = (("the metric that looked best without it", ranking.picked),
             ("launching everything", ranking.everything), ("launching nothing", ranking.nothing))  # fmt: skip
    said = [
        f"{name} {loss_words(own, unit=ranking.unit)} {loss_unit(ranking.unit)}" for name, own in rules if own.decisions
    ]
    if said:
        yield f"Against hindsight a decision loses, by rules without one metric: {', '.join(said)}."


def _correlations(study: Study, own: Sequence[Alignment]) -> str:
    return _few([f"{title_of(study, a.offline)} {number_words(a.rho)}" for a in own])


def _few(names: Sequence[str]) -> str:
    shown, rest = list(names[:NAMED]), len(names) - NAMED
    if rest > 0:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)
