"""Where a launch book lies: a file, or a PostgreSQL database whose password is never shown."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.faults import Fault, InputError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

VARIABLE = "FORECAST_EVAL_BOOK"
DEFAULT = "launches.db"
SCHEMES = ("postgresql", "postgres", "postgresql+pg8000")
PATIENCE = 30
"""Seconds to wait for a server, or for another writer."""
IN_ENVIRONMENT = f"put it into PGPASSWORD, or give the whole address in {VARIABLE} and none here"
FORM = "write postgresql://user@host:5432/database, or the path of a file"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a book lies.

    shown : what may be printed: a path, or a URL without its password.
    file : of SQLite; None where it is a server. url : of the server.
    """

    shown: str
    file: Path | None = None
    url: URL | None = field(default=None, repr=False)


def address_of(where: str | Path | None) -> Address:
    """Address from a path or a URL, or where none is given that in FORECAST_EVAL_BOOK, or else launches.db.

    A password is taken from PGPASSWORD, or from the URL in FORECAST_EVAL_BOOK. In a URL that is given here it is
    refused, as command lines and configs are read by others.

    >>> address_of("past.db").file, address_of("postgresql://ana@shop.example/books").shown
    (PosixPath('past.db'), 'postgresql://ana@shop.example:5432/books')
    """
    told = os.environ.get(VARIABLE) or DEFAULT if where is None else where
    if isinstance(told, Path) or "://" not in told:
        return Address(str(told), Path(told))
    url = _url(told)
    given = url.password is not None or "password" in url.query
    if given and where is not None:
        raise InputError([Fault("password", "a password stands in the address", _shown(url), IN_ENVIRONMENT)])
    strange = sorted({*url.query} - {"sslmode"})
    if strange:
        fix = "leave it out" if strange != ["password"] else "write user:password@host"
        raise InputError([Fault("bad-address", f"{strange[0]!r} is not known here", _shown(url), fix)])
    whole = url.set(
        drivername="postgresql+pg8000", username=url.username or os.environ.get("PGUSER") or getuser(),
        password=url.password or os.environ.get("PGPASSWORD") or None,
        host=url.host or "localhost", port=url.port or 5432,
    )  # fmt: skip
    return Address(_shown(whole), url=whole)


def engine_of(address: Address) -> Engine:
    """Engine of an address, which has not connected yet.

    Raises InputError where the driver of PostgreSQL is not installed.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    if address.file is not None:
        return create_engine("sqlite+pysqlite://", creator=lambda: _sqlite(address.file), poolclass=NullPool,
                             isolation_level="AUTOCOMMIT", hide_parameters=True)  # fmt: skip
    assert address.url is not None
    # the driver fails without any password where the server asks for one, and an empty one is refused in words
    secret = {"password": address.url.password or ""}
    arguments = {"timeout": PATIENCE, "application_name": "forecast-eval", **secret, **_encrypted(address)}
    try:
        # each statement sees what was committed before it: the newest row is read after the lock was taken
        return create_engine(address.url.set(query={}), connect_args=arguments, poolclass=NullPool,
                             isolation_level="READ COMMITTED", hide_parameters=True)  # fmt: skip
    except ModuleNotFoundError:
        raise InputError([Fault("missing-package", "PostgreSQL needs the driver pg8000", address.shown,
                                "pip install 'forecast-eval[postgres]'")]) from None  # fmt: skip


def _url(told: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(told)
    except (ArgumentError, ValueError):  # whose words could hold the password
        raise InputError([Fault("bad-address", "this is no address of a database", "book", FORM)]) from None
    if url.drivername not in SCHEMES:
        what = f"a book lies in a SQLite file or in PostgreSQL, not in {url.drivername}"
        raise InputError([Fault("bad-address", what, "book", FORM)])
    if not url.database:
        raise InputError([Fault("bad-address", "the address names no database", _shown(url), FORM)])
    return url


def _shown(url: URL) -> str:
    """Address that can be given again, without the password and without anything that could be one."""
    from sqlalchemy import URL

    own = URL.create("postgresql", url.username, host=url.host, port=url.port, database=url.database)
    return own.render_as_string()


def _sqlite(file: Path | None) -> Any:  # noqa: ANN401 - SQLAlchemy's word for a connection of the driver
    import sqlite3

    connection = sqlite3.connect(str(file), timeout=PATIENCE, isolation_level=None)
    # a byte that somebody changed is shown as a row that does not fit, not as a failure to read
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def _encrypted(address: Address) -> dict[str, Any]:
    """What the driver is told of encryption: that of libpq's sslmode, where the address has it."""
    assert address.url is not None
    mode = address.url.query.get("sslmode", "prefer")
    if mode == "verify-full":
        import ssl

        return {"ssl_context": ssl.create_default_context()}
    known = {"disable": False, "prefer": None, "require": True}
    if not isinstance(mode, str) or mode not in known:
        raise InputError([Fault("bad-address", f"sslmode={mode!r} is not known", address.shown,
                                f"one of {', '.join([*known, 'verify-full'])}")])  # fmt: skip
    return {"ssl_context": known[mode]}
