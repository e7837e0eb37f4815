"""The launch book: past launches and findings, in a table that is only ever added to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from backtest.faults import Fault, InputError, attempt, nearest, refuse

from .address import PATIENCE, Address, address_of, engine_of
from .chain import GENESIS, Entry, broken, following
from .launch_json import canonical, launch_of, tree_of
from .trouble import explained
from .twins import unfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from ..align.launch import Launch

LAUNCH = "launch"


def open_book(where: str | Path | None = None) -> Book:
    """Launch book in a file (SQLite) or at a URL (PostgreSQL); nothing is read or made yet.

    where : path or postgresql://user@host:5432/database; None is FORECAST_EVAL_BOOK, or else launches.db.

    Raises InputError for a password in `where`, an address that is none, a driver that is not installed.
    """
    address = address_of(where)
    return Book(address, engine_of(address))


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """A launch book. The first entry makes file and table.

    Nothing is changed or removed: a correction is a row more, and reading gives the newest row of each name. Every
    row holds the hash of the one before. Reading and writing refuse a book in which one of them does not fit.
    """

    address: Address
    _engine: Engine = field(repr=False)

    @property
    def where(self) -> str:
        """Path or URL, without a password."""
        return self.address.shown

    @property
    def head(self) -> str:
        """Hash of the newest row, 64 zeros where there is none: written down elsewhere, it fixes all up to here."""
        entries = self._sound()
        return entries[-1].hash if entries else GENESIS

    def launches(self) -> tuple[Launch, ...]:
        """Newest word on every launch, in the order in which they were first added."""
        return tuple(launch_of(entry.payload, f"{self.where}, row {entry.sequence}") for entry in self.entries(LAUNCH))

    def launch(self, name: str) -> tuple[Launch, Entry]:
        """Newest word on one launch, and the row that says it; InputError names the nearest where there is none."""
        known = {entry.name: entry for entry in self.entries(LAUNCH)}
        fix = nearest(name, known) if known else "add it: forecast-eval launches add"
        refuse([] if name in known else [Fault("unknown-launch", f"there is no launch {name!r}", self.where, fix)])
        return launch_of(known[name].payload, f"{self.where}, row {known[name].sequence}"), known[name]

    def entries(self, kind: str | None = None, *, every: bool = False) -> tuple[Entry, ...]:
        """Rows of a kind, or of all kinds.

        every : with those that were corrected later; else the newest of each kind and name.
        """
        own = [entry for entry in self._sound() if kind in {None, entry.kind}]
        return tuple(own) if every else tuple(_newest(own).values())

    def add(self, launches: Sequence[Launch]) -> tuple[Entry, ...]:
        """Write new launches, all of them or none.

        Raises InputError with every fault: a name that the book has, the same launch under another name.
        """
        return self._put(launches, correct=False)

    def correct(self, launches: Sequence[Launch]) -> tuple[Entry, ...]:
        """Write rows that replace those of the same names; what says the same as before is not written again."""
        return self._put(launches, correct=True)

    def append(self, kind: str, name: str, payload: Mapping[str, Any]) -> Entry:
        """Write an entry of another kind, such as a finding; the newest of its kind and name is the one that counts.

        payload : numbers, texts, lists and mappings; NaN becomes null. What says the same as the newest one is not
            written again, and that one is given back.
        """
        refuse([] if kind != LAUNCH else [Fault("bad-value", "launches are written with add", "kind", "call add")])
        text = canonical(payload)
        with self._writing() as (connection, entries):
            old = _newest(entries).get((kind, name))
            return old if old is not None and old.text == text else self._write(connection, entries, (kind, name, text))

    def verify(self, head: str | None = None) -> Fault | None:
        """First row that does not fit, or None.

        head : a hash that was written down earlier, which must still be in the chain: only that shows that the newest
            rows were removed, or that somebody wrote the whole book anew with hashes that fit.
        """
        return broken(self._all(), head)

    def _put(self, launches: Sequence[Launch], *, correct: bool) -> tuple[Entry, ...]:
        trees = _trees(launches)
        texts = {name: canonical(tree) for name, tree in trees.items()}
        written = []
        with self._writing() as (connection, entries):
            known = {name: entry for (kind, name), entry in _newest(entries).items() if kind == LAUNCH}
            refuse(list(unfit(trees, known, correct=correct)))
            for name, text in texts.items():
                if not correct or known[name].text != text:
                    written.append(self._write(connection, entries, (LAUNCH, name, text)))
        return tuple(written)

    def _write(self, connection: Connection, entries: list[Entry], what: tuple[str, str, str]) -> Entry:
        from .table import write

        kind, name, text = what
        old = _newest(entries).get((kind, name))
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        last = entries[-1] if entries else None
        own = following(last, now, kind, name, replaces=None if old is None else old.sequence, text=text)
        write(connection, own)
        entries.append(own)
        return own

    def _sound(self) -> tuple[Entry, ...]:
        entries = self._all()
        self._refuse_broken(entries)
        return entries

    def _refuse_broken(self, entries: Sequence[Entry]) -> None:
        fault = broken(entries)
        if fault is not None:
            raise InputError([Fault(fault.rule, fault.what, f"{self.where}, {fault.place}", fault.fix)])

    def _all(self) -> tuple[Entry, ...]:
        """All rows; InputError where there is no book."""
        from .table import exists, rows

        missing = Fault("no-book", "there is no launch book here", self.where,
                        "add a launch first (forecast-eval launches add), or give another --book")  # fmt: skip
        if self.address.file is not None and not self.address.file.exists():  # SQLite would make the file
            raise InputError([missing])
        with explained(self.address), self._engine.connect() as connection:
            if not exists(connection):
                raise InputError([missing])
            return rows(connection)

    @contextmanager
    def _writing(self) -> Iterator[tuple[Connection, list[Entry]]]:
        """One transaction in which nobody else writes: all is written at its end, or nothing where it fails."""
        from .table import create, exists, rows

        with explained(self.address), self._transaction() as connection:
            if not exists(connection):
                self._refuse_foreign(connection)
                create(connection)
            entries = list(rows(connection))
            self._refuse_broken(entries)
            yield connection, entries

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        from .table import lock

        if self.address.file is None:
            with self._engine.begin() as connection:
                lock(connection, PATIENCE)
                yield connection
            return
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")

    def _refuse_foreign(self, connection: Connection) -> None:
        from .table import holds_other_tables

        if self.address.file is not None and holds_other_tables(connection):
            raise InputError([Fault("no-book", "this is a database of another program", self.where,
                                    "give a file of its own with --book")])  # fmt: skip


def _newest(entries: Sequence[Entry]) -> dict[tuple[str, str], Entry]:
    """Newest row of each kind and name, in the order of the first ones."""
    return {(entry.kind, entry.name): entry for entry in entries}


def _trees(launches: Sequence[Launch]) -> dict[str, dict[str, Any]]:
    """Launches as JSON by name, after each was read back: what cannot be read is not written."""
    faults: list[Fault] = []
    trees: dict[str, dict[str, Any]] = {}
    for launch in launches:
        if launch.name in trees:
            faults.append(Fault("duplicate", "two of the launches to write have this name", f"launch {launch.name!r}",
                                "give every launch a name of its own"))  # fmt: skip
        trees[launch.name] = tree_of(launch)
        attempt(partial(launch_of, trees[launch.name], f"launch {launch.name!r}"), faults)
    refuse(faults)
    return trees
