"""Faults of an input: each with value, rule, place and fix, all of them reported together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

SHOWN_PER_RULE = 10
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input.

    rule : short name by which faults are counted, such as "negative-demand".
    what : the value and the rule that it breaks.
    place : file, row and column, or the key in a config.
    fix : what to do about it.
    """

    rule: str
    what: str
    place: str
    fix: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.what}; {self.fix}"


class InputError(ValueError):
    """Bad input; `faults` holds every fault that was found, and the message shows the first of each rule.

    >>> raise InputError([Fault("missing-file", "no such file", "sales.csv", "check the path")])
    Traceback (most recent call last):
    ...
    backtest.faults.InputError: sales.csv: no such file; check the path
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(dict.fromkeys(faults))
        super().__init__("\n".join(summary(self.faults)))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Fault, ...]]]:
        """Let it pass from a worker process with its faults."""
        return type(self), (self.faults,)


def summary(faults: Sequence[Fault], per_rule: int = SHOWN_PER_RULE) -> list[str]:
    """One line a fault, at most `per_rule` of each rule, then how many more there are."""
    seen: Counter[str] = Counter()
    lines = []
    for fault in faults:
        seen[fault.rule] += 1
        if seen[fault.rule] <= per_rule:
            lines.append(str(fault))
    return lines + [f"... and {n - per_rule} more of {rule}" for rule, n in seen.items() if n > per_rule]


def refuse(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Raise InputError with all `faults` if one of them is an error; else give the warnings back."""
    if any(fault.severity == "error" for fault in faults):
        raise InputError(faults)
    return tuple(faults)


def attempt(read: Callable[[], T], faults: list[Fault]) -> T | None:
    """Give what `read` gives; where it raises InputError, add its faults to `faults` and give None."""
    try:
        return read()
    except InputError as error:
        faults += error.faults
        return None


def nearest(name: str, known: Iterable[str]) -> str:
    """Give the words that help after an unknown name: the nearest known one, or all of them.

    >>> nearest("AutoEST", ["AutoETS", "Naive"])
    "did you mean 'AutoETS'?"
    """
    names = sorted(known)
    lowered = {n.lower(): n for n in names}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f"did you mean {lowered[close[0]]!r}?" if close else f"known: {', '.join(names)}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a long frame came from, so that a fault can name file, row and column.

    source : a file's name, or what to call a frame that was passed in.
    rows : [rows of the frame] row in the file (1 = the header line of a CSV), or None for a frame in memory.
    columns : [rows of the frame] column of the file that held date and value (wide layout), or None.
    names : our column name -> the file's column name, where they differ.
    """

    source: str
    rows: NDArray[np.int64] | None = None
    columns: NDArray[np.object_] | None = None
    names: tuple[tuple[str, str], ...] = ()

    def where(self, kept: NDArray[np.bool_]) -> Origin:
        """Give the origin of the rows that are kept."""
        rows = np.arange(len(kept)) if self.rows is None else self.rows
        own = kept[: len(rows)]  # rows that were inserted stand behind those of the file
        return replace(self, rows=rows[own], columns=None if self.columns is None else self.columns[own])

    def place(self, position: int, column: str) -> str:
        """`sales.csv, row 18, column y` for the frame's row at `position`."""
        row = position if self.rows is None else int(self.rows[position])
        own = dict(self.names).get(column, column)
        where = own if self.columns is None or column == "unique_id" else str(self.columns[position])
        return f"{self.source}, row {row}, column {where}"
