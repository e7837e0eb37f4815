"""Read an experiment: counts of units first, then each metric of each arm against the control."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.faults import InputError, refuse

from ..config.experiment import metrics_of
from ..inference import adjusted
from .guardrail import guarded
from .outcomes import period_name
from .ratio_check import ratio_check
from .reading import Analysis, Course, Look, Reading, Spread, Times
from .study import Study
from .verdicts import BIAS, standing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from backtest.faults import Fault

    from ..config.experiment import ExperimentConfig
    from .effect import Effect
    from .metric import OnlineMetric
    from .outcomes import Outcomes
    from .plan import Plan
    from .reading import Part
    from .trial import Trial

EVERY = {1: "day", 7: "week"}
PEEKING = "intervals and p-values are always valid: they hold however often, and whenever, somebody looks"


def analyze(outcomes: Outcomes, experiment: ExperimentConfig | Plan) -> Analysis:
    """Read an experiment.

    experiment : the plan by which arms were drawn, or the config of an experiment that somebody else designed, whose
        arms the outcomes name.

    The counts of units come first: where they are no accident (p < .001), nothing else is read. P-values are adjusted
    by Holm's method over the primary metrics and treatment arms, and by Benjamini and Hochberg's over the diagnostics
    and, by themselves, over the segments. A guardrail has a margin instead.

    Raises InputError with every fault of arms, units and dates; see `trial.observed` and `agreement.agreed`.
    """
    from .plan import Plan

    config = experiment.config if isinstance(experiment, Plan) else experiment
    if config.design.unit == "switchback":
        from .switchback import analyze_switchback

        return analyze_switchback(outcomes, experiment)
    trial = _trial(outcomes, experiment)
    metrics = metrics_in(outcomes, config)
    blank = _blank(outcomes, trial, config)
    if blank.is_refused:
        return blank
    study = Study(outcomes, trial, config)
    found, unread = read_each(_readings(study, metrics))
    parts, unread_parts = read_each(_by_segment(study, metrics))
    readings = with_adjusted_p(found)
    peeking = [PEEKING] if config.analysis.sequential else []
    return replace(
        blank, readings=readings, by_segment=with_adjusted_p(parts),
        courses=tuple(_courses(study, metrics)), spreads=tuple(_spreads(study, metrics)),
        notes=(*blank.notes, *effect_notes(readings), *unread, *unread_parts, *peeking),
    )  # fmt: skip


def metrics_in(outcomes: Outcomes, config: ExperimentConfig) -> tuple[OnlineMetric, ...]:
    """Metrics of the config, or of every column that was measured."""
    return metrics_of(config, tuple(outcomes.values))


def _trial(outcomes: Outcomes, experiment: ExperimentConfig | Plan) -> Trial:
    from .agreement import agreed
    from .plan import Plan
    from .trial import observed

    return agreed(outcomes, experiment) if isinstance(experiment, Plan) else observed(outcomes, experiment)


def _blank(outcomes: Outcomes, trial: Trial, config: ExperimentConfig) -> Analysis:
    """Analysis with the counts of units and nothing else."""
    bias = BIAS[config.design.unit]
    return Analysis(
        name=config.name, unit=config.design.unit,
        arms=dict(zip(trial.arms, trial.counts.tolist(), strict=True)),
        planned=dict(zip(trial.arms, trial.planned.tolist(), strict=True)),
        ratio=ratio_check(trial.counts.tolist(), trial.planned.tolist()), times=_times(outcomes, trial),
        confidence=config.analysis.confidence, notes=(*([bias] if bias else []), *trial.notes),
        warnings=(*outcomes.warnings, *trial.warnings),
    )  # fmt: skip


def _times(outcomes: Outcomes, trial: Trial) -> Times:
    before = trial.first - trial.before
    return Times(
        every=every_of(outcomes.periods), start=outcomes.called(trial.first), end=outcomes.called(trial.last - 1),
        periods=trial.last - trial.first, washout=trial.washout,
        pre_start=outcomes.called(before) if trial.before else None,
        pre_end=outcomes.called(trial.first - 1) if trial.before else None, pre_periods=trial.before,
    )  # fmt: skip


def every_of(periods: pd.Index) -> str:
    """How a period is called, by the usual distance to the next.

    >>> every_of(pd.date_range("2026-01-05", periods=3, freq="7D")), every_of(pd.Index([1, 2, 3]))
    ('week', 'period')
    """
    if not isinstance(periods, pd.DatetimeIndex) or len(periods) < 2:
        return "period"
    days = float(np.median(np.diff(periods.to_numpy()).astype("timedelta64[h]").astype(float))) / 24
    return "month" if 28 <= days <= 31 else EVERY.get(round(days), "period")


def read_each(asked: Iterable[tuple[OnlineMetric, str, Callable[[], Reading]]]) -> tuple[list[Reading], list[str]]:
    """Readings, and a note for each diagnostic that cannot be read, such as a ratio whose arm has no denominator.

    asked : metric, what its reading is called, and what gives it.

    Raises InputError where a primary metric or a guardrail cannot be read: nobody could decide without it.
    """
    readings, notes = [], []
    faults: list[Fault] = []
    for metric, called, reading in asked:
        try:
            readings.append(reading())
        except InputError as error:
            if metric.role == "diagnostic":
                notes.append(f"{called} is not read: {'; '.join(fault.what for fault in error.faults)}")
            else:
                own = f"metrics.{metric.name}"
                faults += [replace(f, place=own) if f.place == "sample" else f for f in error.faults]
    refuse(faults)
    return readings, notes


def _readings(
    study: Study, metrics: Sequence[OnlineMetric]
) -> Iterator[tuple[OnlineMetric, str, Callable[[], Reading]]]:
    """Every metric of every treatment arm; p-values are not yet adjusted."""
    for metric in metrics:
        for arm, name in list(enumerate(study.trial.arms))[1:]:
            yield metric, f"{metric.name} of {name}", partial(_reading, study, metric, arm)


def _reading(study: Study, metric: OnlineMetric, arm: int, segment: tuple[str, str] | None = None) -> Reading:
    found = study.effect(metric, arm, segment=segment)
    looks = () if segment else tuple(_looks(study, metric, arm))
    return reading_of(metric, study.trial.arms[arm], found, segment=segment, looks=looks)


def reading_of(
    metric: OnlineMetric,
    arm: str,
    found: Effect,
    *,
    segment: tuple[str, str] | None = None,
    looks: tuple[Look, ...] = (),
) -> Reading:
    """Reading of an effect by itself."""
    guardrail = guarded(found, metric) if metric.role == "guardrail" and segment is None else None
    standing = guardrail.verdict if guardrail else standing_of(metric, found, found.p_value)
    return Reading(metric, arm, found, found.p_value, standing, guardrail, segment, looks)


def _by_segment(
    study: Study, metrics: Sequence[OnlineMetric]
) -> Iterator[tuple[OnlineMetric, str, Callable[[], Reading]]]:
    """Primary metrics in each segment: where a difference comes from, as a diagnostic."""
    parts = [(column, value) for column, values in study.outcomes.segments.items() for value in values]
    for part in parts:
        for metric in (replace(own, role="diagnostic") for own in metrics if own.role == "primary"):
            for arm, name in list(enumerate(study.trial.arms))[1:]:
                yield (
                    metric,
                    f"{metric.name} of {name} in {' '.join(part)}",
                    partial(_reading, study, metric, arm, part),
                )


def with_adjusted_p(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """Adjust the p-values of primary metrics, and of diagnostics, each for their number; guardrails keep their own."""
    out = list(readings)
    for role, method in (("primary", "holm"), ("diagnostic", "benjamini-hochberg")):
        own = [k for k, reading in enumerate(out) if reading.metric.role == role]
        ps = np.array([out[k].effect.p_value for k in own], dtype=np.float64)
        for k, p in zip(own, adjusted(ps, method=method), strict=True):  # type: ignore[arg-type]
            standing = standing_of(out[k].metric, out[k].effect, float(p))
            out[k] = replace(out[k], adjusted_p=float(p), standing=standing)
    return tuple(out)


def _looks(study: Study, metric: OnlineMetric, arm: int) -> Iterator[Look]:
    """What was seen after each period of the test, where the analysis is sequential."""
    trial = study.trial
    begun, place = trial.first + trial.washout, np.arange(len(study.outcomes.periods))
    for end in range(begun + 1, trial.last + 1) if study.config.analysis.sequential else ():
        with suppress(InputError):  # too early for this metric: a ratio whose denominator is still 0
            found = study.effect(metric, arm, test=(place >= begun) & (place < end))
            yield Look(study.outcomes.called(end - 1), found.difference)


def _courses(study: Study, metrics: Sequence[OnlineMetric]) -> Iterator[Course]:
    """Differences period by period, of primary metrics and guardrails."""
    trial = study.trial
    periods = range(trial.first - trial.before, trial.last)
    names = tuple(period_name(study.outcomes.periods[k]) for k in periods)
    parts = tuple(_part(k, trial) for k in periods)
    for metric in metrics:
        for arm in range(1, len(trial.arms)) if metric.role != "diagnostic" else ():
            gaps = tuple(study.gap(metric, arm, k) for k in periods)
            yield Course(metric.name, trial.arms[arm], names, parts, gaps)


def _part(period: int, trial: Trial) -> Part:
    if period < trial.first:
        return "before"
    return "wash-out" if period < trial.first + trial.washout else "test"


def _spreads(study: Study, metrics: Sequence[OnlineMetric]) -> Iterator[Spread]:
    for metric in metrics:
        for arm, name in enumerate(study.trial.arms) if metric.role != "diagnostic" else ():
            yield Spread(metric.name, name, *study.values(metric, arm))


def effect_notes(readings: Sequence[Reading]) -> list[str]:
    """Notes of effects, each once with the metrics that it holds for."""
    found: dict[str, list[str]] = {}
    for reading in readings:
        for note in reading.effect.notes:
            found.setdefault(note, []).append(reading.metric.name)
    every = len({reading.metric.name for reading in readings})
    return [
        note if len(set(names)) == every else f"{', '.join(dict.fromkeys(names))}: {note}"
        for note, names in found.items()
    ]  # fmt: skip
