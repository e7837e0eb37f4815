"""The launch book on the terminal: its launches, all that is said of one, and whether its chain holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..align.deltas import SHARE
from .console import table_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from ..align.deltas import Deltas
    from ..align.launch import Launch
    from ..launch_book.chain import Entry

MONEY = "profit"
HUGE = 0.25
"""Standard error of a share above which it looks like percent."""


def listed(launches: Sequence[Launch]) -> tuple[Table, str]:
    """Every launch in a line: what was promised, and what was measured; and a sentence on what all have in common.

    What is the same in all lines, or stands in the names already, has no column.
    """
    from rich.text import Text  # a name in square brackets is no markup

    told = {telling(launch) for launch in launches}, {launch.incumbent for launch in launches}
    metric, incumbent = (own.pop() if len(own) == 1 else "" for own in told)
    named = all(launch.candidate in launch.name for launch in launches)
    wide = {"candidate": not named, "incumbent": not incumbent, "metric": not metric}
    names = ("launch", "date", *(name for name, shown in wide.items() if shown))
    table = table_of(*names, "decision", "simulated", "measured", "units")
    for launch in sorted(launches, key=lambda own: (own.date, own.name)):
        told_of = {"candidate": launch.candidate, "incumbent": launch.incumbent, "metric": telling(launch)}
        own = (Text(value) for name, value in told_of.items() if wide[name])
        sides = (_figure(side, telling(launch)) for side in (launch.offline, launch.online))
        units = "" if launch.test is None else "+".join(map(str, launch.test.units))
        table.add_row(Text(launch.name), str(launch.date), *own, launch.decision, *sides, units)
    for name, column in zip((*names, "decision"), table.columns, strict=False):
        if name != "date":
            column.justify, column.no_wrap, column.overflow = "left", name == "decision", "fold"
    return table, f"Differences{metric and f' in {metric}'} to {incumbent or 'the incumbent'}, with standard errors."


def percent_words(launches: Sequence[Launch]) -> str:
    """Say of which launches the shares look like percent, all of their standard errors being huge; else nothing."""
    odd = [launch.name for launch in launches if min(_errors(launch), default=0.0) > HUGE]
    if not odd:
        return ""
    more = f" and {len(odd) - 1} more" if odd[1:] else ""
    return (
        f"note: {odd[0]!r}{more}: every standard error is above {HUGE:.0%} of the incumbent; deltas and errors are "
        "shares, and 3.1 % is written 0.031: if these are percent, add them again with --correct"
    )


def _errors(launch: Launch) -> Iterator[float]:
    """Standard errors of both sides that are shares."""
    for side in (launch.offline, launch.online):
        if side is not None:
            yield from (side.error(name) for k, name in enumerate(side.names) if side.units[k] == SHARE)


def telling(launch: Launch) -> str:
    """Metric that a line shows: profit where it was measured (or promised, without a test), else the first one."""
    side = launch.online or launch.offline
    return MONEY if MONEY in side.names else side.names[0]


def whole(launch: Launch, entry: Entry) -> Iterator[Table]:
    """All that the book says of a launch."""
    from rich.table import Table
    from rich.text import Text

    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    facts.add_column("field", max_width=30, overflow="fold", style="bold")
    facts.add_column("value", overflow="fold")
    for field, value in _facts(launch, entry):
        facts.add_row(Text(field), Text(value))
    yield facts
    yield _differences("offline", launch.offline)
    if launch.online is not None:
        yield _differences("online", launch.online)


def _facts(launch: Launch, entry: Entry) -> Iterator[tuple[str, str]]:
    replaced = "" if entry.replaces is None else f", in place of row {entry.replaces}"
    yield "launch", launch.name
    yield "candidate", f"{launch.candidate} against {launch.incumbent}"
    yield "decision", launch.decision
    yield "judged", f"up to {launch.judged}"
    test = launch.test
    if test is not None:
        how = "".join(f", {words}" for words in (test.assignment, test.adjust) if words)
        washed = f", the first {test.washout} left out" if test.washout else ""
        span = f"{test.start} to {test.end}, {test.periods} periods{washed}"
        yield "test", f"{test.units[0]} against {test.units[1]} of unit {test.unit}, {span}{how}"
    if launch.online is not None:
        known = "not known, taken as independent" if launch.cross is None else "known"
        yield "errors of both", known
    yield from ((name, value) for name, value in launch.groups.items())
    yield "source", ", ".join(f"{name} {value}" for name, value in launch.source.items()) or "not said"
    yield "row", f"{entry.sequence}, written {entry.recorded[:19]} UTC{replaced}"
    yield "hash", entry.hash


def _differences(side: str, deltas: Deltas) -> Table:
    from rich.text import Text

    table = table_of(side, "difference", "error", "unit", "better", "incumbent")
    for k, name in enumerate(deltas.names):
        base = "" if np.isnan(deltas.base[k]) else f"{deltas.base[k]:,.6g}"
        share = deltas.units[k] == SHARE
        value, error = deltas.values[k], deltas.error(name)
        numbers = (f"{value:+.2%}", f"{error:.2%}") if share else (f"{value:+,.6g}", f"{error:,.6g}")
        table.add_row(Text(name), *numbers, Text(deltas.units[k]), deltas.better[k], base)
    table.columns[0].justify = "left"
    for column in (table.columns[0], table.columns[3]):
        column.no_wrap, column.overflow = False, "fold"
    return table


def _figure(side: Deltas | None, metric: str) -> str:
    """Difference and standard error; in percent where it is a share."""
    if side is None or metric not in side.names:
        return "-"
    value, error = side.value(metric), side.error(metric)
    if side.units[side.at(metric)] == SHARE:
        return f"{100 * value:+.1f} ± {100 * error:.1f} %"
    return f"{value:+,.4g} ± {error:,.2g}"
