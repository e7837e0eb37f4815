"""Simulated against measured on the terminal: metrics, segments, what could explain a difference, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..online.comparison_words import (
    change_words,
    clue_lines,
    foretold_lines,
    level_words,
    lift_words,
    points_words,
    sentences,
    title_of,
)
from .console import say, show, table_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ..online.compare import Comparison, Contrast
    from ..online.explain import Clue


def show_comparison(comparison: Comparison) -> None:
    """Print all of it."""
    for table in tables(comparison):
        show(table)
    for line in sentences(comparison):
        say(wrapped(line))
    for line in foretold_lines(comparison):
        say(wrapped(line))
    for line in clue_lines(comparison):
        say(wrapped(f"may explain it: {line}"))
    for line in comparison.unknown:
        say(wrapped(f"unknown: {line}"))
    for note in comparison.notes:
        say(wrapped(f"note: {note}"))


def tables(comparison: Comparison) -> list[Table]:
    """Metrics, segments and levels: those that there are."""
    several, percent = len(comparison.models) > 2, f"{comparison.confidence:.0%}"
    out = []
    if comparison.contrasts:
        out.append(_contrasts("lift", comparison.contrasts, percent, several=several))
    for column in dict.fromkeys(own.segment[0] for own in comparison.by_segment if own.segment):
        part = [own for own in comparison.by_segment if own.segment and own.segment[0] == column]
        names = {title_of(own, several=several) for own in part}
        title = f"lift of {names.pop()} by {column}" if len(names) == 1 else f"lift by {column}"
        out.append(_contrasts(title, part, percent, several=several))
    if comparison.clues:
        out.append(_clues(comparison.clues))
    return out


def _contrasts(title: str, contrasts: Sequence[Contrast], percent: str, *, several: bool) -> Table:
    part = ("part",) if contrasts[0].segment else ()
    # the segments of one metric: the title says which
    metric = () if part and len({title_of(own, several=several) for own in contrasts}) == 1 else ("metric",)
    table = table_of(*part, *metric, f"simulated ({percent})", "measured", "difference, points", "agree?")
    table.title, table.title_justify = title, "left"
    for column in table.columns[: len(metric) + len(part)]:
        column.justify, column.no_wrap, column.overflow = "left", False, "fold"
    for own in contrasts:
        segment = (own.segment[1],) if own.segment else ()
        name = (title_of(own, several=several),) if metric else ()
        table.add_row(*segment, *name, lift_words(own.simulated), lift_words(own.measured),
                      points_words(own.difference), own.agrees)  # fmt: skip
    return table


def _clues(clues: Sequence[Clue]) -> Table:
    table = table_of("level", "arm", "simulated", "measured", "change")
    table.title, table.title_justify = "what could explain a difference", "left"
    for column in table.columns[:2]:
        column.justify, column.no_wrap, column.overflow = "left", False, "fold"
    for clue in clues:
        table.add_row(clue.name, clue.side, *(level_words(clue, own) for own in (clue.simulated, clue.measured)),
                      change_words(clue))  # fmt: skip
    return table
