"""From runs and analyses to entries of the launch book, without retyping a number."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backtest.faults import Fault, nearest, refuse

from ..analyzing import opened
from ..online.analysis import metrics_in
from ..online.compare import models_of
from ..online.measured_side import measured_side
from ..online.overlap import overlap
from ..online.plan import Plan
from ..online.simulated import simulated, unit_column, units_named
from ..pipeline import open_session
from .launch import NOTHING, Launch
from .measured import cross_covariance, online_deltas
from .offline import offline_deltas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..config.experiment import ExperimentConfig
    from ..online.outcomes import Outcomes
    from ..pipeline import Session
    from .launch import Decision


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """What is to be entered: a candidate, and the arm of the test that measured it; no test where there was none."""

    candidate: str
    incumbent: str
    arm: str = ""
    outcomes: Outcomes | None = None
    experiment: ExperimentConfig | Plan | None = None
    file: Path | None = None


def launches_of(  # noqa: PLR0913 - a run, what was measured, and what nobody but the user knows
    run: Path,
    *,
    candidates: Sequence[str] | None = None,
    outcomes: Path | None = None,
    plan: Path | None = None,
    config: Path | None = None,
    name: str | None = None,
    decision: Decision | None = None,
    groups: Mapping[str, str] | None = None,
    unit: str | None = None,
) -> list[Launch]:
    """Entries of the launch book: of each candidate of a run what it promised, and what a test of it measured.

    run : directory of a run that was simulated.
    outcomes, plan, config : a file of what was measured, with the plan or config to read it by (`analyzing.opened`):
        one entry a treatment arm. Without outcomes, the tests that the run itself has played; where it has none, its
        candidates are entered as "not tested".
    candidates : models of the run; by default those that were tested, or, where nothing was, all but the incumbent. A
        candidate without a test is entered as "not tested". With outcomes and one treatment arm, the model of that arm.
    name : of the entry; of several, "name candidate". By default config, candidate, date and hash of the run.
    decision : what was decided; by default `OnlineSide.decision`.
    groups : what the launch belongs to, such as {"region": "north"}.
    unit : static column of the run with the units of the test; by default the store, or the product.

    Raises InputError with every fault: as `compare` (no simulation, models that were not played, no unit in common,
    judged forecasts that knew sales of the test), as `offline_deltas` and as `online_deltas`.
    """
    session = open_session(run, upto="backtest")
    entries = _entries(session, candidates, outcomes, plan, config)
    several, made = len(entries) > 1, []
    for entry in entries:
        called = name if name is None or not several else f"{name} {entry.candidate}"
        made.append(_launch(session, entry, called, decision, groups or NOTHING, unit))
    return made


def _entries(
    session: Session, candidates: Sequence[str] | None, outcomes: Path | None, plan: Path | None, config: Path | None
) -> list[_Entry]:
    incumbent = session.config.compare.incumbent
    if outcomes is not None:
        return _measured(session, candidates, outcomes, plan, config)
    if plan is not None or config is not None:
        refuse([Fault("no-outcomes", "a plan or config says nothing without what was measured", "outcomes",
                      "give the file of outcomes as well")])  # fmt: skip
    folder = session.run.path / "online"
    played = {path.parent.name: path for path in sorted(folder.glob("*/outcomes.parquet"))}
    models = [str(m) for m in session.run.read("money")["model"]] if session.run.has("money") else []
    known = [m for m in session.config.forecasters if m in played] or [m for m in models if m != incumbent]
    chosen = list(candidates) if candidates is not None else known
    refuse([
        Fault("unknown-model", f"{m!r} was not played in the run", "candidates", nearest(m, models))
        for m in chosen if models and m not in models
    ])  # fmt: skip
    made = []
    for model in chosen:
        if model not in played:
            made.append(_Entry(model, incumbent))
            continue
        measured, experiment, _ = opened(played[model], plan=folder / "plan.yaml")
        arm = (experiment.config if isinstance(experiment, Plan) else experiment).design
        made.append(_Entry(model, incumbent, list(arm.arms)[1], measured, experiment, played[model]))
    return made


def _measured(
    session: Session, candidates: Sequence[str] | None, outcomes: Path, plan: Path | None, config: Path | None
) -> list[_Entry]:
    """One entry a treatment arm of an experiment."""
    measured, experiment, _ = opened(outcomes, plan=plan, config=config)
    own = experiment.config if isinstance(experiment, Plan) else experiment
    arms = measured_side(measured, experiment).arms
    models = models_of(session, own, arms, candidates[0] if candidates is not None and len(candidates) == 1 else None)
    wanted = list(models.values())[1:]
    refuse([
        Fault("unknown-model", f"no arm of the test used {m!r}", "candidates", nearest(m, wanted))
        for m in candidates or () if m not in wanted
    ])  # fmt: skip
    return [
        _Entry(models[arm], models[arms[0]], arm, measured, experiment, outcomes)
        for arm in arms[1:] if candidates is None or models[arm] in candidates
    ]  # fmt: skip


def _launch(
    session: Session,
    entry: _Entry,
    name: str | None,
    decision: Decision | None,
    groups: Mapping[str, str],
    unit: str | None,
) -> Launch:
    run = session.run
    source = {"run": str(run.path), "key": run.manifest["key"], "data": run.manifest["data"]}
    if entry.outcomes is None or entry.experiment is None:
        if decision not in {None, "not tested"}:
            refuse([Fault("decision", f"{entry.candidate} has no test, and its decision is {decision!r}", "decision",
                          "give what was measured, or leave it out")])  # fmt: skip
        promised = offline_deltas(session, entry.candidate, incumbent=entry.incumbent)
        called = name or f"{run.manifest['name']} {entry.candidate} {promised.judged} {run.manifest['key']}"
        return Launch(called, entry.candidate, entry.incumbent, promised.judged, "not tested", promised.deltas,
                      groups=groups, source=source)  # fmt: skip
    _check(session, entry, unit)
    metrics = metrics_in(entry.outcomes, _config(entry))
    promised = offline_deltas(session, entry.candidate, incumbent=entry.incumbent, metrics=metrics)
    measured = online_deltas(entry.outcomes, entry.experiment, arm=entry.arm)
    cross = cross_covariance(promised, measured) if promised.unit == _unit(session, entry, unit) else None
    called = name or f"{run.manifest['name']} {entry.candidate} {measured.test.start} {run.manifest['key']}"
    return Launch(
        called, entry.candidate, entry.incumbent, promised.judged, decision or measured.decision,
        promised.deltas, measured.deltas, cross, measured.test, groups, source | _fingerprints(entry),
    )  # fmt: skip


def _check(session: Session, entry: _Entry, unit: str | None) -> None:
    """Refuse what `compare` refuses of a run and a test: see `overlap.overlap`."""
    assert entry.outcomes is not None
    assert entry.experiment is not None
    played = simulated(session, [entry.candidate, entry.incumbent], unit=_unit(session, entry, unit))
    overlap(played, measured_side(entry.outcomes, entry.experiment))


def _unit(session: Session, entry: _Entry, unit: str | None) -> str | None:
    """Static column of the run with the units of the test."""
    return unit or unit_column(session.inputs.history.static, units_named(_config(entry).design.unit))


def _config(entry: _Entry) -> ExperimentConfig:
    assert entry.experiment is not None
    return entry.experiment.config if isinstance(entry.experiment, Plan) else entry.experiment


def _fingerprints(entry: _Entry) -> dict[str, str]:
    """Where the online side comes from, and hashes by which a change is seen."""
    assert entry.file is not None
    digest = hashlib.sha256(entry.file.read_bytes()).hexdigest()[:16]
    found = {"analysis": str(entry.file), "outcomes": digest, "experiment": _config(entry).name}
    return found | ({"plan": entry.experiment.hash} if isinstance(entry.experiment, Plan) else {})
