"""A plan held against outcomes: units, arms and dates must be those that were planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

from .outcomes import period_name
from .trial import Trial, finished, position

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from .outcomes import Outcomes
    from .plan import Plan

    Ints = NDArray[np.int64]

SHOWN = 5
"""Units that a message names."""


def agreed(outcomes: Outcomes, plan: Plan) -> Trial:
    """Trial of a plan, as far as its periods have been measured.

    Units that the plan does not have are not read, and units of the plan without outcomes count as missing: a warning
    each, and the check of the sample ratio.

    Raises InputError with every fault: periods of another length than planned, another arm, a treatment before the
    start, a start within the history that the plan was made on, a missing pre-period, an arm with one unit.
    """
    refuse([*_other_step(outcomes, plan)])
    first = position(outcomes, plan.test_index[0], "the plan's test")
    last = int(outcomes.periods.searchsorted(plan.test_index[-1], side="right"))
    code, notes, faults = codes_of(outcomes, plan, slice(first, last)), [], list(_overlap(plan))
    faults += [*_other_arms(outcomes, plan, slice(first, last)), *unit_warnings(outcomes, plan, code)]
    if last - first < len(plan.test) and not plan.config.analysis.sequential:
        notes.append(interim_words(last - first, len(plan.test)))
    before = _before(outcomes, plan, first)
    if plan.pre and not before and plan.config.analysis.adjust != "none":
        faults.append(Fault(
            "no-pre-period", f"the plan looks at {len(plan.pre)} periods before {outcomes.called(first)}, and the "
            "outcomes have none of them", outcomes.source,
            f"give outcomes from {period_name(plan.pre_index[0])} on as well, or --set analysis.adjust=none",
        ))  # fmt: skip
    trial = Trial(
        arms=plan.arms, planned=np.array([float(plan.counts[arm]) for arm in plan.arms]), code=code, first=first,
        last=last, length=len(plan.test), washout=_washout(outcomes.periods, plan, first), before=before,
        group=_groups(outcomes, plan), randomisation=plan.randomisation, drawn=_drawn(outcomes, plan),
    )  # fmt: skip
    return finished(outcomes, plan.config, trial, faults, notes)


def _other_step(outcomes: Outcomes, plan: Plan) -> Iterator[Fault]:
    """Periods that are days where the plan has weeks: its wash-out and its effects are by its own periods."""
    every = plan.pre_index.append(plan.test_index) if plan.pre else plan.test_index
    planned, found = _step(every), _step(outcomes.periods)
    if planned and found and not 2 / 3 < found / planned < 3 / 2:  # months differ by less
        yield Fault("other-periods", f"a period is {found:g} days long, and the plan's is {planned:g}", outcomes.source,
                    "sum the outcomes to the plan's periods")  # fmt: skip


def _step(periods: pd.Index) -> float:
    """Usual distance between periods, in days; 0 where there is none, or periods are counted."""
    if periods.dtype.kind != "M" or len(periods) < 2:
        return 0.0
    return float(np.median(np.diff(periods.to_numpy()) / np.timedelta64(1, "D")))


def interim_words(measured: int, planned: int) -> str:
    """Say that the test is not over."""
    return (
        f"{measured} of the {planned} planned periods are measured. Who looks again later finds too much: say "
        "analysis.sequential: true, or wait"
    )


def codes_of(outcomes: Outcomes, plan: Plan, test: slice) -> Ints:
    """Code of each unit's planned arm [unit of the outcomes]; -1 where it is not planned, or has no row in the test."""
    arms = {name: k for k, name in enumerate(plan.arms)}
    measured, assignment = outcomes.measured[:, test].any(axis=1), plan.assignment
    code = np.array([arms.get(assignment.get(unit, ""), -1) for unit in outcomes.units], dtype=np.int64)
    return np.where(measured, code, -1)


def unit_warnings(outcomes: Outcomes, plan: Plan, code: Ints) -> Iterator[Fault]:
    """Tell units that are not in the plan, and units of the plan without outcomes."""
    known = set(plan.units)
    extra = [str(unit) for unit in outcomes.units if unit not in known]
    lost = sorted(known - {str(unit) for unit, own in zip(outcomes.units, code, strict=True) if own >= 0})
    if extra:
        yield Fault("extra-units", f"{_units(extra, 'is', 'are')} not in the plan and not read: {_some(extra)}",
                    outcomes.source, "correct their names if they took part", "warning")  # fmt: skip
    if lost:
        own = _units(lost, "of the plan has", "of the plan have")
        yield Fault("missing-units", f"{own} no outcomes in the test: {_some(lost)}",
                    outcomes.source, "give their outcomes: arms that lose units are no longer alike",
                    "warning")  # fmt: skip


def _overlap(plan: Plan) -> Iterator[Fault]:
    start, end = plan.test_index[0], plan.history.last
    if start <= type(start)(end):
        yield Fault("overlap", f"the test begins at {period_name(start)}, within the history up to "
                    f"{period_name(type(start)(end))} that the plan was made on", "plan",
                    "design it again, with a start after the history")  # fmt: skip


def _other_arms(outcomes: Outcomes, plan: Plan, test: slice) -> Iterator[Fault]:
    """One fault for each unit that the outcomes have in another arm than the plan."""
    if outcomes.arm is None:
        return
    assignment = plan.assignment
    for unit, name in enumerate(outcomes.units):
        wanted = assignment.get(name)
        odd = [k for k, arm in enumerate(outcomes.arm[unit, test]) if wanted and arm is not None and arm != wanted]
        if odd:
            period = test.start + odd[0]
            yield Fault("other-arm", f"unit {name} is in arm {outcomes.arm[unit, period]} in "
                        f"{outcomes.called(period)}, and the plan has it in {wanted}",
                        outcomes.place(unit, period, "arm"),
                        "read the outcomes by the arm that was planned, or correct the column")  # fmt: skip


def _before(outcomes: Outcomes, plan: Plan, first: int) -> int:
    """Periods of the plan's pre-period that the outcomes have."""
    return first - int(outcomes.periods.searchsorted(plan.pre_index[0])) if plan.pre else 0


def _washout(periods: pd.Index, plan: Plan, first: int) -> int:
    """Periods of the outcomes that lie in the wash-out."""
    planned = plan.config.design.washout
    if planned >= len(plan.test):
        return len(periods) - first
    return int(periods.searchsorted(plan.test_index[planned])) - first


def _groups(outcomes: Outcomes, plan: Plan) -> Ints:
    groups = plan.groups
    names = {name: k for k, name in enumerate(sorted(set(groups.values())))}
    return np.array([names.get(groups.get(unit, ""), -1) for unit in outcomes.units], dtype=np.int64)


def _drawn(outcomes: Outcomes, plan: Plan) -> Ints:
    place = {name: k for k, name in enumerate(plan.units)}
    return np.array([place.get(unit, -1) for unit in outcomes.units], dtype=np.int64)


def _units(names: list[str], one: str, several: str) -> str:
    return f"{len(names)} units {several}" if len(names) > 1 else f"1 unit {one}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
