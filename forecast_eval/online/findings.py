"""What a design can find: its minimum detectable effects, and its A/A check, both on history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, InputError

from .aa import AACheck, Estimates, shares_below, uniformity
from .power import Detectable, detectable_effect
from .replay import Replay, windows_of
from .sequential import boundary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .effect import Adjust
    from .metric import OnlineMetric
    from .outcomes import Outcomes
    from .plan import Plan
    from .replay import Played

    Progress = Callable[[str, int, int], None]

ERROR_DRAWS = 10
"""Assignments in each window by which its standard error is told."""
AA_DRAWS = 500
"""Assignments of an A/A check, over all windows together."""
LAST_LOOK = "sequential: what can be detected, and the A/A check, are those of the last look, at its always-valid level"


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked: a plan whose arms are drawn, the history before it, its metrics, and draws of the A/A check."""

    plan: Plan
    history: Outcomes
    metrics: Sequence[OnlineMetric]
    draws: int = AA_DRAWS

    @property
    def arm(self) -> int:
        """The treatment arm with the smallest share."""
        shares = list(self.plan.config.design.arms.values())
        return 1 + int(np.argmin(shares[1:]))

    @property
    def adjusts(self) -> tuple[Adjust, ...]:
        """Adjustments that are compared: none, and what the pre-period offers."""
        own = self.plan.config
        if not own.design.pre_periods or own.design.unit == "switchback":
            return ("none",)
        return ("none", "cuped", "did") if own.analysis.adjust == "did" else ("none", "cuped")

    @property
    def planned(self) -> Adjust:
        """The adjustment that the analysis will make; units of a switchback are their own control."""
        own = self.plan.config.analysis.adjust
        return "none" if own == "auto" else own

    def level(self, metric: OnlineMetric) -> float:
        """Level of the test of a metric; primary ones share it, with all arms.

        Of a sequential analysis it is that of its last look: an always-valid interval is wider than that of one look.
        """
        from scipy.special import ndtr

        own = self.plan.config
        tests = sum(m.role == "primary" for m in self.metrics) * (len(own.design.arms) - 1)
        level = round(1 - own.analysis.confidence, 12) / (tests if metric.role == "primary" else 1)
        return 2 * float(ndtr(-boundary(1.0, confidence=1 - level))) if own.analysis.sequential else level


@dataclass(frozen=True, slots=True)
class Findings:
    """Minimum detectable effects, A/A checks, and what to say of them."""

    detectable: tuple[Detectable, ...]
    aa: tuple[AACheck, ...]
    notes: tuple[str, ...]


def findings_of(question: Question, progress: Progress) -> Findings:
    """Play the design on history, for each metric and length."""
    config = question.plan.config
    rng = np.random.default_rng((config.seed, 1))
    replay = Replay(question.history, config.design, question.metrics, question.arm)
    rows, checks = [], []
    work = [(periods, metric) for periods in config.design.periods for metric in question.metrics]
    for done, (periods, metric) in enumerate(work):
        progress(f"{metric.name}, {periods} periods", done, len(work))
        planned = periods == config.design.periods[0] and metric.role == "primary"
        windows = _played(replay, metric, periods)
        draws = max(ERROR_DRAWS, question.draws // len(windows)) if planned else ERROR_DRAWS
        arms = [window.randomisation.draw(rng, draws) for window in windows]
        for adjust in question.adjusts:
            found = [replay.estimates(w, adjust, codes) for w, codes in zip(windows, arms, strict=True)]
            row = _detectable(question, metric, adjust, (periods, windows, found))
            rows.append(row)
            if planned and adjust == question.planned:
                checks.append(_checked(row, found))
    progress("done", len(work), len(work))
    return Findings(tuple(rows), tuple(checks), _notes(question, rows, checks))


def _played(replay: Replay, metric: OnlineMetric, periods: int) -> list[Played]:
    windows = windows_of(len(replay.outcomes.periods), periods, replay.design.pre_periods)
    played = [own for window in windows if (own := replay.played(metric, window)) is not None]
    if not played:
        raise InputError([Fault(
            "no-window", f"in no stretch of {periods} periods most units have values of {metric.name!r}",
            f"metrics.{metric.name}", "give a fuller history, or shorten the pre-period or the test",
        )])  # fmt: skip
    return played


def _detectable(
    question: Question, metric: OnlineMetric, adjust: Adjust, of: tuple[int, list[Played], list[Estimates]]
) -> Detectable:
    """Minimum detectable effect, averaged over windows."""
    periods, windows, found = of
    level, power = question.level(metric), question.plan.config.analysis.power
    errors = np.array([np.sqrt((own.error**2).mean()) for own in found])
    freedoms = np.array([own.freedom.mean() for own in found])
    levels = np.array([window.level for window in windows])
    effects = np.array(
        [detectable_effect(e, f, power=power, level=level) for e, f in zip(errors, freedoms, strict=True)]
    )
    shares = effects / np.where(levels == 0, np.nan, np.abs(levels))
    plan, arm = question.plan, question.plan.arms[question.arm]
    units = len(plan.units) if plan.blocks else plan.counts[plan.arms[0]] + plan.counts[arm]
    return Detectable(
        metric=metric.name, adjust=adjust, periods=periods, arm=arm, units=units,
        value=float(levels.mean()), error=float(errors.mean()), freedom=float(freedoms.mean()),
        effect=float(effects.mean()), relative=float(shares.mean()), lowest=float(shares.min()),
        highest=float(shares.max()), windows=len(windows), level=level, power=power,
    )  # fmt: skip


def _checked(row: Detectable, found: Sequence[Estimates]) -> AACheck:
    """A/A check over windows, and the share of rejections where each window's own detectable effect is added."""
    added = [detectable_effect(float(np.sqrt((own.error**2).mean())), float(own.freedom.mean()), power=row.power,
                               level=row.level) for own in found]  # fmt: skip
    nothing = np.concatenate([own.p_values() for own in found])
    # half of the draws gain, half lose: a history in which one direction is easier to find is no power
    signs = [np.where(np.arange(len(own.error)) % 2, -1.0, 1.0) for own in found]
    something = np.concatenate([own.p_values(e * s) for own, e, s in zip(found, added, signs, strict=True)])
    rejected, low, high = shares_below(nothing, row.level)
    power = float((something < row.level).mean())
    spread = [float(own.difference.std() / np.sqrt((own.error**2).mean())) for own in found if own.error.all()]
    return AACheck(
        row.metric, row.adjust, row.periods, len(nothing), row.level, rejected, low, high, uniformity(nothing),
        float(np.mean(spread)) if spread else float("nan"), power, float(np.sqrt(power * (1 - power) / len(something))),
    )  # fmt: skip


def _notes(question: Question, rows: Sequence[Detectable], checks: Sequence[AACheck]) -> tuple[str, ...]:
    notes = [LAST_LOOK] if question.plan.config.analysis.sequential else []
    for metric in question.metrics:
        own = [r for r in rows if r.metric == metric.name and r.adjust == question.planned]
        if metric.margin is not None and own and own[0].relative > metric.margin:
            notes.append(
                f"guardrail {metric.name}: its margin of {metric.margin:.1%} is smaller than the {own[0].relative:.1%} "
                "that can be detected, so that it will often be inconclusive"
            )
    for check in checks:
        if not check.is_sound:
            notes.append(f"{check.metric}: the A/A check rejects {check.rejected:.1%}, more than {check.level:.1%}: do "
                         "not trust this design's p-values; take more units, or inference: permutation")  # fmt: skip
        if check.spread < 0.8:
            finer = "a permutation test or CUPED finds" if check.adjust == "none" else "a permutation test may find"
            notes.append(f"{check.metric}: arms are alike beyond what standard errors know (spread "
                         f"{check.spread:.2f}): {finer} smaller effects")  # fmt: skip
    return tuple(notes)
