"""An experiment on the terminal: counts, verdict, and a table for each kind of metric."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..inference import Interval
from ..online.verdicts import figure, interval_words, p_number, ratio_words, sentences
from .console import complain, say, show, table_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ..online.reading import Analysis, Reading

LEFT = ("metric", "arm", "part", "verdict")


def show_analysis(analysis: Analysis) -> None:
    """Print all of it."""
    from backtest.faults import summary

    for line in summary(analysis.warnings, 1):
        complain(wrapped(f"warning: {line}"), "yellow")
    say(wrapped(span_words(analysis)))
    if not analysis.is_refused:
        say(wrapped(ratio_words(analysis)))
        for table in tables(analysis):
            show(table)
    for line in sentences(analysis):
        say(wrapped(line))
    for note in analysis.notes:
        say(wrapped(f"note: {note}"))


def span_words(analysis: Analysis) -> str:
    """When the experiment was."""
    times = analysis.times
    washed = f", the first {times.washout} left out" if times.washout and analysis.unit != "switchback" else ""
    before = f"; before it: {times.pre_periods}, from {times.pre_start} on" if times.pre_periods else ""
    return f"{analysis.name}: {times.periods} {times.every}s, {times.start} to {times.end}{washed}{before}."


def tables(analysis: Analysis) -> list[Table]:
    """Primary metrics, guardrails, diagnostics and segments: those that there are."""
    roles = {
        role: [own for own in analysis.readings if own.metric.role == role]
        for role in ("primary", "guardrail", "diagnostic")
    }
    percent = f"{analysis.confidence:.0%}"
    out = [
        _effects("primary", roles["primary"], "p (Holm)", percent) if roles["primary"] else None,
        _guardrails(roles["guardrail"], percent) if roles["guardrail"] else None,
        _effects("diagnostic", roles["diagnostic"], "p (BH)", percent) if roles["diagnostic"] else None,
        _effects(_by(analysis), analysis.by_segment, "p (BH)", percent) if analysis.by_segment else None,
    ]
    return [table for table in out if table is not None]


def _by(analysis: Analysis) -> str:
    columns = dict.fromkeys(own.segment[0] for own in analysis.by_segment if own.segment)
    return f"by {' and '.join(columns)}"


def _effects(title: str, readings: Sequence[Reading], p: str, percent: str) -> Table:
    part = ("part",) if readings[0].segment else ()
    several = len({own.segment[0] for own in readings if own.segment}) > 1  # else the title says which
    table = _table(title, *part, "metric", "arm", "control", "treated", f"change ({percent})", p, "verdict")
    for own in readings:
        found = own.effect
        change = interval_words(found.difference if math.isnan(found.lift.estimate) else found.lift,
                                share=not math.isnan(found.lift.estimate))  # fmt: skip
        size = max(abs(found.control), abs(found.treatment))
        segment = (" ".join(own.segment[0 if several else 1 :]),) if own.segment else ()
        odds = p_number(own.adjusted_p, found.log10_p if own.adjusted_p == found.p_value else math.nan)
        table.add_row(*segment, own.metric.name, own.arm, figure(found.control, size), figure(found.treatment, size),
                      change, odds, own.standing)  # fmt: skip
    return table


def _guardrails(readings: Sequence[Reading], percent: str) -> Table:
    table = _table("guardrail", "metric", "arm", "control", f"worse by ({percent})", "allowed", "verdict")
    for own in readings:
        guard = own.guardrail
        assert guard is not None
        share = guard.scale == "lift"
        shown = Interval(guard.worsening, guard.low, guard.high, own.effect.method.confidence, 0, 0)
        allowed = f"{100 * guard.margin:.3g}%" if share else figure(guard.margin)
        table.add_row(own.metric.name, own.arm, figure(own.effect.control), interval_words(shown, share=share), allowed,
                      own.standing)  # fmt: skip
    return table


def _table(title: str, *names: str) -> Table:
    table = table_of(*names)
    table.title, table.title_justify = title, "left"
    for column in table.columns:
        if column.header in LEFT:
            column.justify, column.no_wrap, column.overflow = "left", False, "fold"
    return table
