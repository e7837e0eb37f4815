"""The stores and weeks that a run and an experiment share: only these are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.faults import Fault, refuse

from .outcomes import period_name
from .trial import FEWEST_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .measured_side import MeasuredSide
    from .simulated import Simulated

    Flags = NDArray[np.bool_]

SHOWN = 5
"""Names that a message lists."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """What both sides are cut to.

    units : names, sorted; only_simulated, only_measured : those of one side only, which are left out.
    simulated : [period of the run], measured : [period of the outcomes] whether it is looked at.
    simulated_span, measured_span : first and last of these periods.
    same_weeks : whether they are the same; where none are, each side has all of its own.
    same_length : whether a period of the run is as long as one of the outcomes, so that amounts can be compared.
    """

    units: tuple[str, ...]
    only_simulated: tuple[str, ...]
    only_measured: tuple[str, ...]
    simulated: Flags
    measured: Flags
    simulated_span: tuple[str, str]
    measured_span: tuple[str, str]
    same_weeks: bool
    same_length: bool
    notes: tuple[str, ...] = ()


def overlap(run: Simulated, trial: MeasuredSide, *, replayed: bool = False) -> Overlap:
    """Find what a run and an experiment share.

    replayed : the run replays the test itself (`align.replay`): its forecasts may know sales of the test, and an arm
        may share less than two units with it.

    Raises InputError with every fault: no unit in common, an arm with fewer than two of them, judged forecasts that
    were made with sales of the test.

    A judged cutoff on or after the first period of the test is refused, where the run has units that were treated: what
    these sold by then, and what their stockouts hid, is the launch's own doing, so that such a forecast, and what is
    simulated from it, is no prediction of the launch. Cutoffs before the test are sound even where the periods that
    they order for lie in it: their demand is the recorded one. A note then says that in treated units it is what the
    treatment's own stock let customers buy.
    """
    names = trial.outcomes.units.astype(str)
    read = trial.member.any(axis=0)
    ours, theirs = set(map(str, run.units)), set(names[read])
    units = tuple(sorted(ours & theirs))
    faults = [] if replayed else [*_contaminated(run, trial, ours), *(_lonely(units, trial) if units else [])]
    refuse([*faults, *([] if units else [_none(run, ours, theirs)])])
    simulated, measured = shared_periods(run.periods, trial.outcomes.periods, trial.test)
    same = bool(simulated.any())
    if not same:
        simulated, measured = np.ones(len(run.periods), dtype=bool), trial.test
    elif not trial.by_period:
        measured = trial.test
    found = Overlap(
        units, tuple(sorted(ours - theirs)), tuple(sorted(theirs - ours)), simulated, measured,
        _span(run.periods[simulated]), _span(trial.outcomes.periods[measured]), same,
        _step(run.periods) == _step(trial.outcomes.periods),
    )  # fmt: skip
    return replace(found, notes=tuple(_notes(found, trial)))


def shared_periods(run: pd.Index, measured: pd.Index, test: Flags) -> tuple[Flags, Flags]:
    """Flags of the run's periods and of the outcomes' test periods that both have; none where one side counts periods.

    Where periods are of different length, as days and weeks, a longer one is taken to begin at its date.

    >>> days, weeks = pd.date_range("2026-03-01", periods=9), pd.date_range("2026-02-23", periods=3, freq="7D")
    >>> ours, theirs = shared_periods(days, weeks, np.array([False, True, True]))
    >>> ours.sum(), theirs.tolist()  # the first day is of the week before
    (np.int64(8), [False, True, True])
    """
    nothing = np.zeros(len(run), dtype=bool), np.zeros(len(measured), dtype=bool)
    if not (isinstance(run, pd.DatetimeIndex) and isinstance(measured, pd.DatetimeIndex)):
        return nothing
    ours, theirs = _step(run), _step(measured)
    if ours == theirs:
        both = run.intersection(measured[test])
        return run.isin(both), measured.isin(both)
    if ours < theirs:
        owner = _owner(run, measured, theirs)
        inside = (owner >= 0) & test[owner]
        return inside, np.isin(np.arange(len(measured)), owner[inside])
    owner = _owner(measured, run, ours)
    inside = (owner >= 0) & test
    return np.isin(np.arange(len(run)), owner[inside]), inside


def _owner(short: pd.DatetimeIndex, long: pd.DatetimeIndex, step: float) -> NDArray[np.int64]:
    """Position of the longer period that each shorter one lies in, -1 where there is none."""
    place = np.asarray(long.searchsorted(short, side="right") - 1, dtype=np.int64)
    days = (short - long[np.maximum(place, 0)]).total_seconds().to_numpy() / 86_400
    return np.where((place >= 0) & (days < step), place, -1)


def _step(periods: pd.Index) -> float:
    """Usual distance of a period from the next, in days; NaN where there is none."""
    if not isinstance(periods, pd.DatetimeIndex) or len(periods) < 2:
        return float("nan")
    return float(np.median(np.diff(periods.to_numpy()).astype("timedelta64[s]").astype(float))) / 86_400


def _span(periods: pd.Index) -> tuple[str, str]:
    return period_name(periods[0]), period_name(periods[-1])


def _contaminated(run: Simulated, trial: MeasuredSide, ours: set[str]) -> Iterator[Fault]:
    treated = trial.outcomes.units[trial.treated].astype(str)
    start = trial.outcomes.periods[trial.first]
    if not isinstance(start, pd.Timestamp) or not ours & set(treated):
        return
    late = run.cutoffs[run.cutoffs >= start]
    if len(late):
        what = (
            f"{len(late)} of the {len(run.cutoffs)} judged cutoffs, the first {period_name(late[0])}, knew sales of "
            f"the test, which begins {period_name(start)}: what treated units sold then is the launch's own doing, and "
            "no prediction of it"
        )
        fix = f"compare a run whose last cutoff is before {period_name(start)}"
        yield Fault("test-in-training", what, "backtest.last_cutoff", fix)


def _none(run: Simulated, ours: set[str], theirs: set[str]) -> Fault:
    return Fault("no-common-units", f"no unit of the outcomes ({some(sorted(theirs))}) is a {run.unit} of the run "
                 f"({some(sorted(ours))})", "unit", "name the static column that holds the units")  # fmt: skip


def _lonely(units: Sequence[str], trial: MeasuredSide) -> Iterator[Fault]:
    common = np.isin(trial.outcomes.units.astype(str), units)
    for name, own in zip(trial.arms, trial.member, strict=True):
        count = int((own & common).sum())
        if count < FEWEST_UNITS:
            what = f"arm {name} shares {count} unit{'s' * (count != 1)} with the run"
            fix = f"every arm needs {FEWEST_UNITS} or more: with fewer nobody knows how much units differ"
            yield Fault("lonely-arm", what, "unit", fix)


def _notes(found: Overlap, trial: MeasuredSide) -> Iterator[str]:
    for side, names in (("the run", found.only_simulated), ("the outcomes", found.only_measured)):
        if names:
            yield f"left out: {len(names)} units that only {side} has: {some(names)}"
    if not isinstance(trial.outcomes.periods, pd.DatetimeIndex):
        yield "the outcomes count periods: nobody can check whether the run knew sales of the test"
    spans = f"simulated {' .. '.join(found.simulated_span)}, measured {' .. '.join(found.measured_span)}"
    if not found.same_weeks:
        yield f"NOT THE SAME WEEKS: {spans}. Season, demand and prices may explain a difference"
        return
    left = int(trial.test.sum() - found.measured.sum())
    rest = f"; {left} other periods of the test are not looked at" if left else ""
    yield f"the same weeks: {spans}{rest}"
    yield "simulated demand of these weeks was recorded in the test: in treated units it is what their stock let sell"
    if not found.same_length:
        yield "periods of run and outcomes are of different length: a longer one is taken to begin at its date"
    if not trial.by_period:
        yield "a switchback's blocks are taken whole, those that the run does not judge too"


def some(names: Sequence[str]) -> str:
    """List a few names, and count the others.

    >>> some(["a", "b"]), some([*"abcdefg"])
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
