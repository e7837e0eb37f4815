"""Definitions of metrics as a run keeps them, and what changed between two runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from backtest.faults import Fault, InputError

from .metric import HASHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from .metric import Metric

FILE = "definitions.json"
"""Name of the file in a run."""
MEANING = (*HASHED, "measure")
"""Words that are part of what a value means; with what the code gives on the fixed table they make the version."""
How = Literal["appeared", "vanished", "changed", "reworded"]


@dataclass(frozen=True, slots=True)
class Change:
    """How one definition differs between two runs.

    how : reworded, where values mean the same and only owner, question or other notes differ.
    fields : name of a field -> its value before and after.
    note : what follows from it, in words.
    """

    name: str
    how: How
    fields: Mapping[str, tuple[Any, Any]]
    note: str


def definitions_of(metrics: Iterable[Metric]) -> dict[str, dict[str, Any]]:
    """Definition of each metric by its name, for the file `definitions.json` of a run.

    All its words, how it is computed, what that gives on the fixed table, and the hash of all that, `version`.

    >>> from forecast_eval.scores.catalogue import builtin
    >>> definitions_of([builtin()["mae"]])["mae"]["measure"]["numerator"]
    'absolute_error'
    """
    return {metric.name: metric.words() for metric in metrics}


def definitions_in(run: Path) -> dict[str, dict[str, Any]]:
    """Read the definitions of a run; InputError where the directory holds none."""
    if not (run / "manifest.json").is_file():
        raise InputError([Fault("no-run", "this directory holds no run", str(run), "give runs/<name>/<time>-<hash>")])
    file = run / FILE
    if not file.is_file():
        raise InputError([Fault("no-definitions", "this run keeps no definitions of its metrics", str(run),
                                "score it again: forecast-eval score")])  # fmt: skip
    try:
        found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError([Fault("bad-json", f"not JSON: {error}", str(file), "score the run again")]) from error
    return found


def changes(before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]) -> tuple[Change, ...]:
    """Definitions that differ, by name.

    >>> old = {"mae": {"unit": "units", "values": ["2.5"], "version": "a", "owner": "us"}}
    >>> new = {"mae": {"unit": "units", "values": ["2.6"], "version": "b", "owner": "us"}}
    >>> [(change.how, change.note) for change in changes(old, new)]
    [('changed', 'the words are the same, the values on the fixed table differ: the code changed')]
    """
    plain_before, plain_after = (json.loads(json.dumps(each, default=repr)) for each in (before, after))
    found = [_change(name, plain_before.get(name), plain_after.get(name)) for name in sorted({*before, *after})]
    return tuple(change for change in found if change is not None)


def _change(name: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Change | None:
    if old is None or new is None:
        only, how, where = (new, "appeared", "second") if old is None else (old, "vanished", "first")
        assert only is not None
        return Change(name, "appeared" if how == "appeared" else "vanished", {}, f"only in the {where} run")
    names = [key for key in {**old, **new} if key != "version" and old.get(key) != new.get(key)]
    fields = _fields({key: (old.get(key), new.get(key)) for key in names})
    if old.get("version") == new.get("version"):
        return Change(name, "reworded", fields, "other words, the same values") if names else None
    return Change(name, "changed", fields, _note(names))


def _fields(pairs: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    """What differs inside a measure has a line of its own."""
    out: dict[str, tuple[Any, Any]] = {}
    for name, (old, new) in pairs.items():
        if isinstance(old, dict) and isinstance(new, dict):
            inner = {f"{name}.{k}": (old.get(k), new.get(k)) for k in {**old, **new} if old.get(k) != new.get(k)}
            out |= _fields(inner)
        else:
            out[name] = (old, new)
    return out


def _note(names: list[str]) -> str:
    meant = [name for name in names if name in MEANING]
    if not meant and "values" in names:
        return "the words are the same, the values on the fixed table differ: the code changed"
    if "values" in names:
        return "values before and after do not compare"
    if meant == ["measure"]:
        return "it is computed otherwise, and gives the same on the fixed table"
    return "it says something else, and gives the same on the fixed table"
