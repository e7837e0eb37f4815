"""What databases say when they cannot be read or written, as one fault with a fix and no password."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from backtest.faults import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .address import Address

SQLITE = (
    ("file is not a database", "not-a-book", "this file is no launch book", "give another file with --book"),
    ("malformed", "broken-book", "the file is damaged", "restore it from a copy"),
    ("unable to open", "unwritable", "the file cannot be opened or made", "check that the folder exists and that you "
     "may write there, or give another --book"),
    ("readonly", "unwritable", "the file cannot be written", "make file and folder writable, or give another --book"),
    ("locked", "busy", "another program writes into it and does not end", "try again, or see who holds it"),
    ("disk is full", "unwritable", "the disk is full", "make room"),
)  # fmt: skip
"""Words of SQLite -> rule, what, fix."""
POSTGRESQL = {
    "28P01": ("password", "the server refuses the password", "correct PGPASSWORD"),
    "28000": ("password", "the server refuses this user", "correct the user, or what the server allows"),
    "3D000": ("no-book", "the server has no such database", "correct its name, or create it"),
    "42501": ("unwritable", "this user may not read or write here", "have the rights granted"),
    "55P03": ("busy", "another writer holds the book and does not end", "try again, or see who holds it"),
    "57P03": ("unreachable", "the server is starting or stopping", "try again"),
}
"""Code of the server -> rule, what, fix."""


@contextmanager
def explained(address: Address) -> Iterator[None]:
    """Turn what goes wrong in a database into InputError."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        # from None: what a driver says is not for a log, it may hold an address
        raise InputError([_sqlite(address, error.orig) if address.file else _server(address, error.orig)]) from None


def _sqlite(address: Address, error: Any) -> Fault:  # noqa: ANN401 - of a driver
    words = str(error)
    for known, rule, what, fix in SQLITE:
        if known in words:
            return Fault(rule, what, address.shown, fix)
    return Fault("book", f"SQLite says: {words}", address.shown, "see what it says, or give another --book")


def _server(address: Address, error: Any) -> Fault:  # noqa: ANN401 - of a driver
    said = error.args[0] if error.args else ""
    assert address.url is not None
    if isinstance(said, dict):  # the server's own message: C its code, M its words
        if said.get("C") == "28P01" and not address.url.password:
            return Fault("password", "the server asks for a password", address.shown, "put it into PGPASSWORD")
        default = ("book", f"the server says: {said.get('M')}", "see what it says")
        return Fault(*_placed(POSTGRESQL.get(str(said.get("C")), default), address))
    if "SSL" in str(said):
        return Fault("unreachable", "the server does not encrypt", address.shown, "change sslmode, or the server")
    return Fault("unreachable", "no PostgreSQL server answers here, or it broke off", address.shown,
                 "check host and port, and that the server runs")  # fmt: skip


def _placed(known: tuple[str, str, str], address: Address) -> tuple[str, str, str, str]:
    rule, what, fix = known
    return rule, what, address.shown, fix
