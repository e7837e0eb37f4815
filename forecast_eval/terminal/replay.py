"""A replayed launch on the terminal: what each way of looking says, and what the simulator gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..online.verdicts import interval_words
from .console import say, show, table_of, wrapped

if TYPE_CHECKING:
    from rich.table import Table

    from ..align.replayed import Replay


def show_replay(replay: Replay) -> None:
    """Print all of it."""
    for table in tables(replay):
        show(table)
    for note in replay.notes:
        say(wrapped(f"note: {note}"))


def tables(replay: Replay) -> list[Table]:
    """One table of estimates a treatment arm, and one of the arms."""
    out = []
    for arm in list(replay.models)[1:]:
        own = [one for one in replay.estimates if one.arm == arm]
        if own:
            out.append(_estimates(replay, arm))
    if replay.arms:
        out.append(_arms(replay))
    return out


def _estimates(replay: Replay, arm: str) -> Table:
    """One row a metric and way: its columns are too wide to stand side by side."""
    control = next(iter(replay.models.values()))
    table = table_of("metric", "way", f"lift ({replay.confidence:.0%})", "stores")
    table.title, table.title_justify = f"lift of {replay.models[arm]} ({arm}) against {control}", "left"
    for column in table.columns[:2]:
        column.justify, column.no_wrap, column.overflow = "left", False, "fold"
    for own in (one for one in replay.estimates if one.arm == arm):
        ways = {
            "replay alone": own.replay, "difference in means": own.plain,
            f"as analyzed ({own.analysis.method.adjust})": own.analysis, "doubly robust": own.robust,
        }  # fmt: skip
        for place, (way, effect) in enumerate(ways.items()):
            name = own.metric.name if place == 0 else ""
            if effect is None:
                table.add_row(name, way, "n/a", "")
                continue
            both = way == "replay alone"
            units = f"{effect.units[0]}" if both else f"{effect.units[0]} + {effect.units[1]}"
            table.add_row(name, way, interval_words(effect.lift, share=True), units)
    return table


def _arms(replay: Replay) -> Table:
    table = table_of("metric", "stores of", "own model replayed: bias", "candidate against incumbent")
    table.title, table.title_justify = "replayed against what happened", "left"
    for column in table.columns[:2]:
        column.justify, column.no_wrap, column.overflow = "left", False, "fold"
    for own in replay.arms:
        table.add_row(
            own.metric.name, f"{own.arm} ({own.units})", interval_words(own.own, share=True),
            interval_words(own.other, share=True),
        )  # fmt: skip
    return table
