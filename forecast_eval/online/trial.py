"""Who was in which arm, and when: what a plan or a config says, held against the outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.faults import Fault, nearest, refuse

from .outcomes import period_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..config.experiment import ExperimentConfig
    from .outcomes import Outcomes
    from .randomisation import Randomisation

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

FEWEST_UNITS = 2
"""Units of an arm below which it has no spread, and nothing can be said of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """An experiment on units that stay in their arm.

    arms : names, the control first. planned : [arm] units that each was to have, or their shares.
    code : [unit of the outcomes] arm of each, -1 for units that are not read.
    first, last : positions of the first period of the test, and of the one after the last.
    length : periods that the test was to have, those of the wash-out among them.
    washout : first periods of the test that are left out. before : periods of the pre-period.
    group : [unit] code of the group within which arms were drawn; None where they were drawn at once.
    randomisation : how arms were drawn; None where nobody said. drawn : [unit] position of each unit in it, -1 without.
    """

    arms: tuple[str, ...]
    planned: Floats
    code: Ints
    first: int
    last: int
    length: int
    washout: int
    before: int
    group: Ints | None = None
    randomisation: Randomisation | None = None
    drawn: Ints | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[Fault, ...] = ()

    def test(self, periods: int) -> Flags:
        """Periods of the test after its wash-out [period]."""
        place = np.arange(periods)
        return np.asarray((place >= self.first + self.washout) & (place < self.last))

    def pre(self, periods: int) -> Flags | None:
        """Periods of the pre-period [period]; None where there is none."""
        place = np.arange(periods)
        return np.asarray((place >= self.first - self.before) & (place < self.first)) if self.before else None

    @property
    def counts(self) -> Ints:
        """Units that are read [arm]."""
        return np.bincount(self.code[self.code >= 0], minlength=len(self.arms))


@dataclass(slots=True)
class _Found:
    """What was found while a trial is put together."""

    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def observed(outcomes: Outcomes, config: ExperimentConfig) -> Trial:
    """Trial of an experiment that somebody else designed: arms are those of the file.

    The test begins at `design.start`, or, where the config does not say, when the first unit changes from the control
    to a treatment, or with the first row that has an arm. It lasts `design.periods` where the config says so, else to
    the last row.

    Raises InputError with every fault: no or unknown arms, a unit in two arms, an arm with one unit, a treatment before
    the start, a missing pre-period.
    """
    found = _Found()
    arms = arms_of(outcomes, config)
    labels = labels_of(outcomes, arms)
    first = _start(outcomes, config, labels, found)
    last = min(first + _length(outcomes, config, first), len(outcomes.periods))
    code = _codes(outcomes, labels, (first, last), arms, found)
    if config.design.assignment == "matched":
        found.notes.append("matched groups are known to a plan only: without one, arms are read as drawn at once")
    trial = Trial(
        arms=tuple(arms), planned=np.array(list(arms.values()), dtype=np.float64), code=code, first=first, last=last,
        length=_length(outcomes, config, first), washout=config.design.washout,
        before=min(config.design.pre_periods, first), group=_strata(outcomes, config, found),
    )  # fmt: skip
    return finished(outcomes, config, trial, found.faults, found.notes)


def finished(
    outcomes: Outcomes, config: ExperimentConfig, trial: Trial, faults: list[Fault], notes: list[str]
) -> Trial:
    """Check what holds for every trial, and refuse all faults together."""
    said = {fault.rule for fault in faults}
    faults += [*_early(outcomes, trial), *_lonely(trial)]
    faults += [fault for fault in _unreadable(outcomes, config, trial) if fault.rule not in said]
    if 0 < trial.before < config.design.pre_periods:
        notes.append(
            f"the pre-period has {trial.before} of the {config.design.pre_periods} periods that were asked for"
        )
    after = len(outcomes.periods) - trial.last
    if after > 0:
        notes.append(f"{after} periods after the test, from {outcomes.called(trial.last)} on, are not looked at")
    return replace(trial, notes=(*trial.notes, *notes), warnings=(*trial.warnings, *refuse(faults)))


def arms_of(outcomes: Outcomes, config: ExperimentConfig) -> dict[str, float]:
    """Arms with their shares, the control first: those of the config, or equal shares of those that the file has."""
    if outcomes.arm is None:
        refuse([Fault("no-arms", "the outcomes have no column 'arm'", outcomes.source,
                      "map it under outcomes.columns, or give the plan that says who is in which arm")])  # fmt: skip
    present = sorted({str(label) for label in outcomes.arm.ravel() if label is not None})  # type: ignore[union-attr]
    if "arms" in config.design.model_fields_set or set(present) <= set(config.design.arms):
        return dict(config.design.arms)
    control = config.design.control
    if control not in present:
        refuse([Fault("no-control", f"which of the arms {', '.join(present)} is the control?", "design.arms",
                      "list them all with their shares, the control first")])  # fmt: skip
    return {control: 1.0} | {name: 1.0 for name in present if name != control}


def labels_of(outcomes: Outcomes, arms: dict[str, float]) -> Ints:
    """Codes of the arms [unit, period], -1 where there is none; arms that nobody knows are refused."""
    assert outcomes.arm is not None
    known = {name: k for k, name in enumerate(arms)}
    flat, found = pd.factorize(outcomes.arm.ravel())
    codes = np.reshape(flat, outcomes.arm.shape)
    faults = []
    for place, name in enumerate(found):
        if name not in known:
            unit, period = (int(k) for k in np.argwhere(codes == place)[0])
            faults.append(Fault("unknown-arm", f"arm={name!r} is not in design.arms",
                                outcomes.place(unit, period, "arm"), nearest(str(name), known)))  # fmt: skip
    refuse(faults)
    table = np.array([*(known[name] for name in found), -1], dtype=np.int64)
    return np.asarray(table[codes])


def _start(outcomes: Outcomes, config: ExperimentConfig, labels: Ints, found: _Found) -> int:
    """Position of the first period of the test."""
    if config.design.start is not None:
        return position(outcomes, config.design.start, "design.start")
    labelled = labels >= 0
    changed = [int(np.flatnonzero(own > 0)[0]) for own in labels if (own > 0).any() and (own == 0).any()]
    first = min(changed, default=0) or int(labelled.any(axis=0).argmax())
    planned, known = config.design.periods[0], len(outcomes.periods)
    if not first and "periods" in config.design.model_fields_set and planned < known:
        found.faults.append(Fault(
            "no-start", f"arms stand in all {known} periods from {outcomes.called(0)} on, and the test has {planned}",
            "design.start", "set it: nothing says which of them are the test",
        ))  # fmt: skip
    if first:
        found.notes.append(f"the test is taken to begin at {outcomes.called(first)}; design.start can say otherwise")
    return first


def position(outcomes: Outcomes, start: Any, key: str) -> int:  # noqa: ANN401 - a date or a whole number
    """Position of a period in the outcomes.

    Raises InputError for one that they do not have.
    """
    periods = outcomes.periods
    dated = isinstance(periods, pd.DatetimeIndex)
    if dated == isinstance(start, int | np.integer):
        kind = "dates" if dated else "whole numbers"
        refuse([Fault("start", f"{start!r} is of another kind than the periods, which are {kind}", key,
                      "write it as they are")])  # fmt: skip
    wanted = pd.Timestamp(start) if dated else start
    place = int(periods.searchsorted(wanted))
    if place == len(periods) or periods[place] != wanted:
        span = f"{outcomes.called(0)} to {outcomes.called(len(periods) - 1)}"
        refuse([Fault("start", f"{period_name(wanted)} is no period of the outcomes, which are {span}", key,
                      "give the first period of the test, and the outcomes of the whole of it")])  # fmt: skip
    return place


def _length(outcomes: Outcomes, config: ExperimentConfig, first: int) -> int:
    """Periods of the test: as many as the config says, or all that there are."""
    said = "periods" in config.design.model_fields_set
    return config.design.periods[0] if said else len(outcomes.periods) - first


def _codes(outcomes: Outcomes, labels: Ints, span: tuple[int, int], arms: dict[str, float], found: _Found) -> Ints:
    """Arm of each unit in the test, -1 for units without one."""
    names = list(arms)
    during = labels[:, span[0] : span[1]]
    code = during.max(axis=1)
    lowest = np.where(during < 0, len(names), during).min(axis=1)
    for unit in np.flatnonzero((code >= 0) & (lowest != code)):
        own = during[unit]
        began = int(np.flatnonzero(own >= 0)[0])
        period = int(np.flatnonzero((own >= 0) & (own != own[began]))[0])
        found.faults.append(Fault(
            "two-arms", f"unit {outcomes.units[unit]} is in arm {names[own[began]]} and from "
            f"{outcomes.called(span[0] + period)} on in {names[own[period]]}",
            outcomes.place(int(unit), span[0] + period, "arm"),
            "a unit stays in its arm during the test; correct design.start, or say design.unit: switchback",
        ))  # fmt: skip
    absent = np.flatnonzero(code < 0)
    if len(absent):
        found.faults.append(Fault(
            "no-arm",
            f"{len(absent)} units have no arm in the test and are not read, such as {outcomes.units[absent[0]]}",
            outcomes.source, "give their arm if they took part", "warning",
        ))  # fmt: skip
    return np.asarray(code)


def _strata(outcomes: Outcomes, config: ExperimentConfig, found: _Found) -> Ints | None:
    """Code of each unit's stratum, by the static columns of the config."""
    names = config.design.strata
    lacking = [name for name in names if name not in outcomes.static]
    found.faults += [
        Fault("unknown-column", f"there is no static column {name!r}", "design.strata",
              nearest(name, map(str, outcomes.static.columns)))
        for name in lacking
    ]  # fmt: skip
    if not names or lacking:
        return None
    return np.asarray(outcomes.static.groupby(list(names), dropna=False).ngroup(), dtype=np.int64)


def _early(outcomes: Outcomes, trial: Trial) -> Iterator[Fault]:
    """Rows before the start whose arm is neither the control nor the unit's own."""
    if outcomes.arm is None or not trial.first:
        return
    own = np.array([None, *trial.arms], dtype=object)[trial.code + 1]
    before = outcomes.arm[:, : trial.first]
    odd = (before != None) & (before != trial.arms[0]) & (before != own[:, None])  # noqa: E711 - element by element
    for unit, period in np.argwhere(odd & (trial.code >= 0)[:, None]):
        yield Fault("early", f"unit {outcomes.units[unit]} is in arm {before[unit, period]} in "
                    f"{outcomes.called(period)}, before the test begins at {outcomes.called(trial.first)}",
                    outcomes.place(unit, period, "arm"),
                    "correct the arm, or the start: nothing may be treated while models learn")  # fmt: skip


def _lonely(trial: Trial) -> Iterator[Fault]:
    for name, count in zip(trial.arms, trial.counts, strict=True):
        if count < FEWEST_UNITS:
            yield Fault("lonely-arm", f"arm {name} has {count} unit{'s' if count != 1 else ''}", "arms",
                        f"every arm needs {FEWEST_UNITS} or more: else nobody knows how much units differ")  # fmt: skip


def _unreadable(outcomes: Outcomes, config: ExperimentConfig, trial: Trial) -> Iterator[Fault]:
    """Yield what leaves nothing to read: no test, or no pre-period where one is needed."""
    if trial.last - trial.first <= trial.washout:
        yield Fault("no-test", f"the {trial.last - trial.first} periods from {outcomes.called(trial.first)} on are all "
                    f"wash-out", outcomes.source, "wait for more outcomes, or shorten design.washout")  # fmt: skip
    if config.analysis.adjust in {"cuped", "did"} and not trial.before:
        yield Fault("no-pre-period", f"adjust: {config.analysis.adjust} needs periods before "
                    f"{outcomes.called(trial.first)}, and there are none", outcomes.source,
                    "give outcomes of before the test, or say analysis.adjust: none")  # fmt: skip
