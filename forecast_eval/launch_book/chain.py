"""Rows that follow each other: every one holds the hash of the one before, so that a change of any of them shows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backtest.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

GENESIS = "0" * 64
"""What stands for the hash before the first row."""
RESTORE = "restore the book from a copy; the rows before this one are as they were written"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a book.

    sequence : 1, 2, 3, ... recorded : time of writing, UTC. kind : launch, finding, ... name : of what it is about.
    replaces : sequence of the row of the same kind and name that this one corrects; None where it is the first.
    text : the payload as canonical JSON. previous : hash of the row before. hash : of all of this row.
    """

    sequence: int
    recorded: str
    kind: str
    name: str
    replaces: int | None
    text: str
    previous: str
    hash: str

    @property
    def payload(self) -> dict[str, Any]:
        """What was written."""
        loaded: dict[str, Any] = json.loads(self.text)
        return loaded


def following(last: Entry | None, recorded: str, kind: str, name: str, *, replaces: int | None, text: str) -> Entry:
    """Row that follows the last one.

    >>> first = following(None, "2026-01-05T10:00:00+00:00", "launch", "trees", replaces=None, text="{}")
    >>> second = following(first, "2026-01-06T10:00:00+00:00", "launch", "trees", replaces=1, text='{"a":1}')
    >>> second.sequence, second.previous == first.hash, broken([first, second])
    (2, True, None)
    """
    sequence, previous = (1, GENESIS) if last is None else (last.sequence + 1, last.hash)
    own = Entry(sequence, recorded, kind, name, replaces, text, previous, "")
    return Entry(sequence, recorded, kind, name, replaces, text, previous, digest(own) or "")


def digest(entry: Entry) -> str | None:
    """SHA-256 of the hash before and all that a row holds, as a JSON list in ASCII; None where it holds what none can.

    A list and not the texts one behind the other, so that nothing can move from one column to the next.
    """
    own = [entry.previous, entry.sequence, entry.recorded, entry.kind, entry.name, entry.replaces, entry.text]
    try:
        return hashlib.sha256(json.dumps(own).encode("ascii")).hexdigest()
    except TypeError:  # bytes, where somebody changed the file
        return None


def broken(entries: Sequence[Entry], head: str | None = None) -> Fault | None:
    """First thing that does not fit; None where all does.

    entries : all rows, by sequence.
    head : a hash that was written down earlier. Only it shows that the newest rows are gone, or that somebody
        computed all hashes anew.
    """
    fault = next(_misfits(entries), None)
    if fault is None and head is not None and head.lower() not in {GENESIS, *(entry.hash for entry in entries)}:
        what = f"no row has the hash {head}: the rows up to it were removed or written anew"
        return Fault("broken-chain", what, "head", "restore the book from a copy, or check the hash and the book")
    return fault


def _misfits(entries: Iterable[Entry]) -> Iterator[Fault]:
    previous = GENESIS
    for expected, entry in enumerate(entries, start=1):
        place = f"row {expected}"
        if entry.sequence != expected:
            what = f"it is missing: in its place stands row {entry.sequence}"
            yield Fault("broken-chain", what, place, RESTORE)
            return
        if digest(entry) != entry.hash:
            yield Fault("broken-chain", "it was changed: its hash does not fit what it holds", place, RESTORE)
            return
        if entry.previous != previous:
            what = "it does not follow the row before it, which is another one than when this was written"
            yield Fault("broken-chain", what, place, RESTORE)
            return
        previous = entry.hash
