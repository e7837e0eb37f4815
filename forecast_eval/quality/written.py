"""Faults and findings for people and for programs: counts, lines, JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from backtest import Fault  # noqa: TC001 - the examples use it

from .hit import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACE = re.compile(r"^(?P<file>.+?)(?:, row (?P<row>\d+))?(?:, column (?P<column>.+))?$")


Gate = Literal["passed", "failed", "refused"]
"""Failed where a rule with severity error found something; refused where the input breaks its contract."""


class Count(TypedDict):
    """What one rule found: its severity, how often, in how many series."""

    severity: str
    count: int
    series: int


def gate_of(warnings: Sequence[Fault]) -> Gate:
    """Whether warnings that have been judged stop a run."""
    return "failed" if any(fault.severity == "error" for fault in warnings) else "passed"


def counted(faults: Sequence[Fault]) -> dict[str, Count]:
    """Count the faults of each rule, in the order of their first ones."""
    own: dict[str, list[Fault]] = {}
    for fault in faults:
        own.setdefault(fault.rule, []).append(fault)
    return {
        rule: Count(
            severity=found[0].severity,
            count=len(found),
            series=len({f.unique_id for f in found if isinstance(f, Finding) and f.unique_id is not None}),
        )
        for rule, found in own.items()
    }


def verdict(faults: Sequence[Fault]) -> str:
    """One sentence on what was found.

    >>> verdict([])
    'No fault found.'
    """
    if not faults:
        return "No fault found."
    errors = [fault for fault in faults if fault.severity == "error"]
    if not errors:
        return f"The quality gate is passed, with warnings: {len(faults):,}."
    rules = ", ".join(dict.fromkeys(fault.rule for fault in errors))
    return f"The quality gate says no: {rules}. Mend the data, or say under quality in the config what is fine."


def as_json(faults: Sequence[Fault], gate: Gate, series: int | None = None) -> str:
    """All faults for a program, as JSON text.

    series : how many the panel has.

    >>> fault = Fault("negative-demand", "y=-1 must be >= 0", "sales.csv, row 18, column y", "correct it")
    >>> json.loads(as_json([fault], "refused"))["faults"][0]["row"]
    18
    """
    tree = {"gate": gate, "series": series, "rules": counted(faults), "faults": [_entry(fault) for fault in faults]}
    return json.dumps(tree, indent=1, ensure_ascii=False)


def as_lines(faults: Sequence[Fault], per_rule: int = 3) -> list[str]:
    r"""Give a few faults of each rule, and how many more there are; a fix that is the same for all is said once.

    >>> print(*as_lines([Fault("gap", f"{k!r} misses a week", "s.csv", "add it") for k in "abc"], 2), sep="\n")
    gap (error, 3 times)
      s.csv: 'a' misses a week
      s.csv: 'b' misses a week
      ... and 1 more
      fix: add it
    """
    lines = []
    by_rule: dict[str, list[Fault]] = {}
    for fault in faults:
        by_rule.setdefault(fault.rule, []).append(fault)
    for rule, own in by_rule.items():
        same = len({fault.fix for fault in own}) == 1
        lines.append(f"{rule} ({own[0].severity}{f', {len(own):,} times' if len(own) > 1 else ''})")
        lines += [f"  {f.place}: {f.what}" if same else f"  {f}" for f in own[:per_rule]]
        lines += [f"  ... and {len(own) - per_rule:,} more"] if len(own) > per_rule else []
        lines += [f"  fix: {own[0].fix}"] if same else []
    return lines


def _entry(fault: Fault) -> dict[str, Any]:
    found = PLACE.match(fault.place)
    where = found.groupdict() if found else {"file": fault.place, "row": None, "column": None}
    series = {"unique_id": fault.unique_id, "ds": fault.ds} if isinstance(fault, Finding) else {}
    return {
        "rule": fault.rule,
        "severity": fault.severity,
        "what": fault.what,
        "place": fault.place,
        "file": where["file"],
        "row": None if where["row"] is None else int(where["row"]),
        "column": where["column"],
        **series,
        "fix": fault.fix,
    }
