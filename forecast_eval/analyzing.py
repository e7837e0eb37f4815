"""From files to the analysis of an experiment, and from it to files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from backtest.faults import Fault, refuse

from .config.experiment import experiment_of, load_experiment
from .config.read_yaml import set_key
from .online.analysis import analyze
from .online.outcomes import read_outcomes
from .online.plan import read_plan
from .store import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .config.experiment import ExperimentConfig
    from .online.outcomes import Outcomes
    from .online.plan import Plan
    from .online.reading import Analysis

OPEN = ("analysis", "outcomes")
"""Sections that may change after a plan was made: how outcomes are laid out, and how they are read."""


def analyzed(
    outcomes: Path, *, plan: Path | None = None, config: Path | None = None, changes: Sequence[str] = ()
) -> Analysis:
    """Read a file of outcomes by the plan of its experiment, or by a config where somebody else designed it.

    changes : "section.key=value" texts; of a plan, those of `analysis` and `outcomes` only, and the analysis says so.

    Raises InputError with every fault of the files.
    """
    measured, experiment, said = opened(outcomes, plan=plan, config=config, changes=changes)
    found = analyze(measured, experiment)
    return replace(found, notes=(*said, *found.notes))


def opened(
    outcomes: Path, *, plan: Path | None = None, config: Path | None = None, changes: Sequence[str] = ()
) -> tuple[Outcomes, ExperimentConfig | Plan, tuple[str, ...]]:
    """Outcomes of a file, the plan or config to read them by, and notes on what is not as planned; see `analyzed`."""
    if (plan is None) == (config is None):
        refuse([Fault("missing-option", "give either --plan or --config", "outcomes",
                      "the plan that forecast-eval design wrote, or an experiment's YAML")])  # fmt: skip
    if plan is not None:
        own = _changed(read_plan(plan), changes)
        said = tuple(f"not as planned: {change}" for change in changes if change.startswith("analysis"))
        return _outcomes(outcomes, own.config, None), own, said
    assert config is not None
    experiment = load_experiment(config, changes)
    return _outcomes(outcomes, experiment, config.parent), experiment, ()


def write_analysis(analysis: Analysis, folder: Path) -> tuple[Path, Path]:
    """Write analysis.json and analysis.html into a folder, which is made, and return their paths."""
    from .report.online import write_online

    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "analysis.json"
    write_text(data, json.dumps(analysis.as_json, indent=2, allow_nan=False) + "\n")
    return data, write_online(analysis, folder / "analysis.html")


def _outcomes(path: Path, config: ExperimentConfig, base: Path | None) -> Outcomes:
    """Outcomes of a file in the layout of the config; `base` is the config's folder, where it is known."""
    units = None if base is None else config.units
    # the root says where the history and the units lie, which is no matter of a file that is given
    elsewhere = {} if units is not None else {"root": "."}
    table = config.outcomes.model_copy(update={"path": str(path.absolute()), **elsewhere})
    measures = [name for metric in config.metrics.items() for name in metric[1].named(metric[0]).columns]
    return read_outcomes(
        table, base or path.parent, units=units,
        measures=list(dict.fromkeys(measures)) or None, experiment=config.name,
    )  # fmt: skip


def _changed(plan: Plan, changes: Sequence[str]) -> Plan:
    """Plan that is read in another way; who is in which arm, and when, stays."""
    refuse([
        Fault("planned", f"{change!r} would change the experiment itself", "--set",
              f"a plan stays as it is: only {' and '.join(OPEN)} may change")
        for change in changes if change.partition(".")[0] not in OPEN
    ])  # fmt: skip
    if not changes:
        return plan
    tree = plan.config.model_dump(mode="json", exclude_unset=True)
    for change in changes:
        set_key(tree, change)
    return replace(plan, config=experiment_of(tree, "plan"))
