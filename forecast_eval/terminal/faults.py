"""What is wrong with the input, or odd about it: by rule, with the first of each; all of it as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from .console import complain, say, show, table_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest import Fault

    from ..config.quality import Quality
    from ..quality import Gate
    from ..read import Inputs


def show_faults(faults: Sequence[Fault], gate: Gate, json: str | None, *, of: int | None = None) -> None:
    """Count the faults of each rule and show a few; write them all as JSON where that is wanted.

    json : file, or - for standard output and nothing else there.
    of : series of the panel.
    """
    from ..quality import as_json, as_lines, counted, verdict
    from ..store import write_text

    if json is not None:
        text = as_json(faults, gate, series=of)
        say(text) if json == "-" else write_text(Path(json), text + "\n")
    if json == "-":
        return
    table = table_of("rule", "severity", "found", "series", "share")
    table.columns[0].justify = table.columns[1].justify = "left"
    for rule, found in counted(faults).items():
        share = f"{found['series'] / of:.1%}" if of and found["series"] else ""
        series = f"{found['series']:,}" if found["series"] else ""  # of none, or of the panel as a whole
        table.add_row(rule, found["severity"], f"{found['count']:,}", series, share)
    if faults:
        show(table)
    if gate != "refused":  # else they are explained as bad input
        for line in (*as_lines(faults), verdict(faults)):
            say(wrapped(line))
    else:
        say("Bad input: what is odd about it was not looked for.")


def show_rules(quality: Quality) -> None:
    """Rules of the quality gate, as a config has them."""
    from ..config.quality import Note, Rule

    table = table_of("rule", "severity", "thresholds", "what is odd")
    for column in table.columns:
        column.justify, column.no_wrap = "left", column.header in {"rule", "severity"}
    for name, rule in quality:
        if isinstance(rule, Rule):
            own = {key: value for key, value in rule if key != "severity"}
            said = (type(rule).__doc__ or "").partition("\n")[0].partition(";")[0]
            table.add_row(name, rule.severity, ", ".join(f"{k}: {v}" for k, v in own.items()), WHAT.get(name, said))
    for name in get_args(Note):
        table.add_row(f"reading: {name}", quality.reading.get(name, "warning"), "", "")
    show(table)


WHAT = {
    "never_sold": "A series without a single sale.",
    "constant": "A series that has one value throughout.",
    "identical_series": "Two series with the same sales throughout.",
    "similar_ids": "Ids that differ in case, blanks or leading zeros only.",
}
"""Words for the rules that have no thresholds."""


def warn(inputs: Inputs) -> None:
    """Show the first warning of each rule, and how many more there are."""
    from backtest.faults import summary

    for line in summary(inputs.warnings, 1):
        complain(f"warning: {line}" if not line.startswith("...") else f"  {line}; see forecast-eval check", "yellow")
