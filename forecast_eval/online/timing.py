"""When an experiment is: the history that its design may see, the pre-period, and the periods of the test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.faults import Fault, refuse

from .outcomes import period_name

if TYPE_CHECKING:
    from ..config.experiment import Design
    from .outcomes import Outcomes


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """History before the start, positions of the pre-period in it, and the periods of the test.

    skipped : periods between the end of the history and the start.
    """

    history: Outcomes
    pre: slice
    test: pd.Index
    skipped: int


def timing_of(outcomes: Outcomes, design: Design) -> Timing:
    """Place the test in time; outcomes from its start on are not looked at.

    Raises InputError with every fault: a start that is no period, or before which there is no pre-period; a history
    that is shorter than a pre-period and a test, on which power cannot be computed.
    """
    if len(outcomes.periods) < 2:
        refuse([Fault("short-history", f"{len(outcomes.periods)} period is no history", "outcomes", "give more of it")])
    ahead = _ahead(outcomes.periods, 1)[0]
    start: Any = ahead if design.start is None else design.start
    dated = isinstance(outcomes.periods, pd.DatetimeIndex)
    if dated != isinstance(start, datetime):
        kind = "dates" if dated else "whole numbers"
        refuse([Fault("start", f"start={start} is of another kind than the periods, which are {kind}", "design.start",
                      "write it as they are")])  # fmt: skip
    start = pd.Timestamp(start) if dated else start
    known = int(outcomes.periods.searchsorted(start))
    refuse(_short(outcomes, design, start, known))
    history = _until(outcomes, known)
    future = _from(history.periods, start, max(design.periods))
    if not len(future) or future[0] != start:
        near = f"{period_name(_nearest(outcomes.periods, start))} is"
        refuse([Fault("start", f"start={period_name(start)} is no period of the outcomes' calendar", "design.start",
                      f"{near} the nearest")])  # fmt: skip
    ahead = _ahead(history.periods, 1)[0]
    skipped = len(_from(history.periods, ahead, 0, until=start)) if ahead < start else 0
    return Timing(history, slice(known - design.pre_periods, known), future[: design.periods[0]], skipped)


def _short(outcomes: Outcomes, design: Design, start: Any, known: int) -> list[Fault]:  # noqa: ANN401 - date or number
    before = f"{known} of the outcomes' {len(outcomes.periods)} periods lie before {period_name(start)}"
    if known < max(2, design.pre_periods):
        fix = "give an earlier history, a later design.start, or a shorter design.pre_periods"
        return [Fault("no-pre-period", f"the pre-period has {design.pre_periods} periods, and {before}",
                      "design.pre_periods", fix)]  # fmt: skip
    return [
        Fault("short-history", f"a test of {periods} periods after a pre-period of {design.pre_periods} cannot be "
              f"played on history: {before}", "design.periods", "shorten either, or give more history")
        for periods in design.periods if design.pre_periods + periods > known
    ]  # fmt: skip


def _until(outcomes: Outcomes, end: int) -> Outcomes:
    values = {name: own[:, :end] for name, own in outcomes.values.items()}  # noqa: PD011 - no frame
    row = None if outcomes.row is None else outcomes.row[:, :end]
    return replace(outcomes, periods=outcomes.periods[:end], values=values, arm=None, segments={}, row=row)


def _ahead(periods: pd.Index, count: int) -> pd.Index:
    """Give the periods after the last one.

    >>> _ahead(pd.DatetimeIndex(["2026-01-31", "2026-02-28", "2026-03-31"]), 2).strftime("%m-%d").tolist()
    ['04-30', '05-31']
    """
    return _from(periods, periods[-1], count + 1)[1:]


def _from(periods: pd.Index, start: Any, count: int, *, until: Any = None) -> pd.Index:  # noqa: ANN401 - date or number
    """Give `count` periods of the calendar of `periods`, from `start` on; or those before `until`."""
    if isinstance(periods, pd.DatetimeIndex):
        freq = pd.infer_freq(periods) if len(periods) > 2 else None
        step = pd.tseries.frequencies.to_offset(freq) if freq else pd.Timedelta(_step(periods))
        if until is None:
            return pd.date_range(start, periods=count, freq=step)
        return pd.date_range(start, until, freq=step, inclusive="left")
    step = _step(periods)
    return pd.Index(np.arange(start, start + count * step if until is None else until, step))


def _step(periods: pd.Index) -> Any:  # noqa: ANN401 - a time or a number
    """Most frequent distance between periods."""
    steps, counts = np.unique(np.diff(periods.to_numpy()), return_counts=True)
    return steps[counts.argmax()]


def _nearest(periods: pd.Index, start: Any) -> Any:  # noqa: ANN401 - date or number
    candidates = periods.append(_ahead(periods, 60))
    return candidates[np.abs((candidates - start).to_numpy()).argmin()]
