"""Design an experiment: draw the arms, and find out on history what the test can find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.faults import Fault, attempt, refuse

from ..config.experiment import MetricSpec, metrics_of
from .balance import balance_table, balanced_names, covariate_values, drawing_of, unknown_columns
from .findings import AA_DRAWS, Question, findings_of
from .outcomes import read_outcomes
from .plan import Member, Plan, history_of, period_of, with_findings
from .replay import switching
from .timing import timing_of
from .verdicts import BIAS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ..config.experiment import Design, ExperimentConfig
    from .balance import Balance
    from .metric import OnlineMetric
    from .outcomes import Outcomes
    from .randomisation import Randomisation
    from .timing import Timing

    Ints = NDArray[np.int64]
    Progress = Callable[[str, int, int], None]

FEWEST_IN_ARM = 2
DISTINCT = 400
"""Draws in which different assignments are counted, and the fewest that a test by redrawing wants."""


def _quiet(_what: str, _done: int, _total: int) -> None:
    """Show no progress."""


def design(config: ExperimentConfig, outcomes: Outcomes, *, progress: Progress = _quiet, draws: int = AA_DRAWS) -> Plan:
    """Draw the arms of an experiment, and play it on history.

    outcomes : history by unit and period; what lies in the test or after it is not looked at.
    draws : assignments of the A/A check, over all windows of the history together.

    Raises InputError with every fault of config and history.
    """
    faults: list[Fault] = []
    metrics = attempt(lambda: metrics_of(config, outcomes.values), faults)
    timing = attempt(lambda: timing_of(outcomes, config.design), faults)
    faults += _small_arms(config.design, len(outcomes.units))
    faults += unknown_columns(outcomes.static, config.design, metrics or ())
    faults += _method(config)
    refuse(faults)
    assert metrics is not None
    assert timing is not None
    plan = drawn(config, metrics, timing)
    found = findings_of(Question(plan, timing.history, metrics, draws), progress)
    return with_findings(plan, found.detectable, found.aa, found.notes)


def history_for(config: ExperimentConfig, base: Path) -> Outcomes:
    """Read the history of an experiment, and what is known of its units; `base` is the folder of the config."""
    needed = [column for name, spec in config.metrics.items() for column in spec.named(name).columns]
    measures = tuple(dict.fromkeys(needed)) or None
    return read_outcomes(config.outcomes, base, units=config.units, measures=measures)


def drawn(config: ExperimentConfig, metrics: Sequence[OnlineMetric], timing: Timing) -> Plan:
    """Draw the arms; nothing is played on history yet."""
    history, own = timing.history, config.design
    everyone = np.ones(len(history.units), dtype=bool)
    resolved = _resolved(config, metrics, timing)
    columns = tuple(dict.fromkeys(name for metric in metrics for name in metric.columns))
    facts: dict[str, Any] = {
        "config": resolved,
        "pre": tuple(period_of(p) for p in history.periods[timing.pre]),
        "test": tuple(period_of(p) for p in timing.test),
        "history": history_of(history, columns),
    }
    rng, units = np.random.default_rng(config.seed), [str(unit) for unit in history.units]
    arms = np.array(list(own.arms), dtype=object)
    if own.unit == "switchback":
        blocks = own.periods[0] // own.block
        codes = switching(own, len(units), blocks).draw(rng, 1)[0].reshape(len(units), blocks)
        members = {unit: Member(tuple(arms[row].tolist())) for unit, row in zip(units, codes, strict=True)}
        return Plan(**facts, members=members, notes=_notes(config, timing, None))
    drawing = drawing_of(history, own, metrics, pre=timing.pre, units=everyone)
    codes = drawing.randomisation.draw(rng, 1)[0]
    values = map(tuple, drawing.values.tolist())
    return Plan(
        **facts,
        members=dict(zip(units, map(Member, arms[codes].tolist(), drawing.labels, values), strict=True)),
        covariates=_names(drawing.covariates, drawing.values.shape[1]),
        balance=_table(history, own, metrics, timing, codes),
        notes=_notes(config, timing, drawing.randomisation),
    )


def _resolved(config: ExperimentConfig, metrics: Sequence[OnlineMetric], timing: Timing) -> ExperimentConfig:
    """Config with every default that depends on the data written out."""
    own = config.design
    balance = () if own.unit == "switchback" else balanced_names(own, metrics)
    specs = {
        metric.name: MetricSpec(of=" / ".join(metric.columns), better=metric.better, role=metric.role,
                                margin=metric.margin) for metric in metrics
    }  # fmt: skip
    adjust = config.analysis.adjust
    if adjust == "auto" and own.unit != "switchback":
        adjust = "cuped" if own.pre_periods else "none"
    return config.model_copy(update={
        "design": own.model_copy(update={"start": period_of(timing.test[0]), "balance": balance}),
        "metrics": specs,
        "analysis": config.analysis.model_copy(update={"adjust": adjust}),
    })  # fmt: skip


def _names(covariates: tuple[str, ...], axes: int) -> tuple[str, ...]:
    """Names of the axes that are balanced: covariates, or what is left of them once they are uncorrelated."""
    return covariates if len(covariates) == axes == 1 else tuple(f"axis {k + 1}" for k in range(axes))


def _table(
    history: Outcomes, own: Design, metrics: Sequence[OnlineMetric], timing: Timing, codes: Ints
) -> tuple[Balance, ...]:
    """Balance of everything that is balanced, and of every metric."""
    measured = [metric.name for metric in metrics] if own.pre_periods else []
    names = list(dict.fromkeys([*balanced_names(own, metrics), *measured]))
    values = covariate_values(history, names, metrics, timing.pre)
    return balance_table(list(zip(names, values.T, strict=True)), tuple(own.arms), codes)


def _notes(config: ExperimentConfig, timing: Timing, randomisation: Randomisation | None) -> tuple[str, ...]:
    notes = [BIAS[config.design.unit]] if BIAS[config.design.unit] else []
    if timing.skipped:
        gap = f"{timing.skipped} period{'s' if timing.skipped > 1 else ''}"
        notes.append(f"{gap} between the end of the history and the start: balance and power rest on what was known "
                     "then")  # fmt: skip
    if randomisation is not None:
        draws = randomisation.draw(np.random.default_rng(config.seed), DISTINCT)
        count = len(np.unique(draws, axis=0))
        if count < DISTINCT / 4:
            notes.append(f"only about {count} assignments are possible: a permutation test cannot give a p-value below "
                         f"{1 / count:.2g}, and standard errors are somewhat too small; accept more draws, or take "
                         "fewer groups")  # fmt: skip
    return tuple(notes)


def _small_arms(own: Design, units: int) -> list[Fault]:
    """Faults of arms with fewer than two units."""
    total = sum(own.arms.values())
    return [
        Fault("small-arm", f"arm {name!r} gets {int(units * share / total)} of {units} units", "design.arms",
              f"an arm needs {FEWEST_IN_ARM} units at least, to tell noise from effect: give it a larger share, "
              "or take fewer arms")
        for name, share in own.arms.items() if units * share / total < FEWEST_IN_ARM
    ]  # fmt: skip


def _method(config: ExperimentConfig) -> list[Fault]:
    """Faults of what the analysis cannot do with this design."""
    own = config.analysis
    if config.design.unit == "switchback" and (own.adjust != "auto" or own.inference != "cluster" or own.sequential):
        what = f"adjust={own.adjust!r}, inference={own.inference!r}, sequential={own.sequential} with unit: switchback"
        return [Fault("switchback", what, "analysis", "leave them out: each unit is its own control")]
    if own.adjust not in {"cuped", "did"} or config.design.pre_periods:
        return []
    what = f"adjust: {own.adjust} needs a pre-period, and pre_periods=0"
    return [Fault("no-pre-period", what, "analysis.adjust", "set design.pre_periods, or adjust: none")]
