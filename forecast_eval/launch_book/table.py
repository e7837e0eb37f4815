"""The table of a launch book in SQLite and PostgreSQL, and what keeps it from being changed there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, MetaData, Table, Text, func, insert, inspect, select

from .chain import GENESIS, Entry

if TYPE_CHECKING:
    from sqlalchemy import Connection

NAME = "launch_book"
LOCK = 0x6C61756E636862
"""Number of the advisory lock that writers take in PostgreSQL."""
STAYS, FOLLOWS = f"{NAME}: a row is never changed or removed", f"{NAME}: a row must follow the newest one"

TABLE = Table(
    NAME, MetaData(),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("recorded", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("replaces", Integer),
    Column("payload", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)  # fmt: skip

SQLITE = (
    *(f"CREATE TRIGGER {NAME}_no_{what} BEFORE {what} ON {NAME} BEGIN SELECT RAISE(ABORT, '{STAYS}'); END"
      for what in ("UPDATE", "DELETE")),
    # INSERT OR REPLACE removes a row without asking the trigger of DELETE
    f"""CREATE TRIGGER {NAME}_follows BEFORE INSERT ON {NAME}
    WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM {NAME})
      OR NEW.previous IS NOT coalesce((SELECT hash FROM {NAME} ORDER BY sequence DESC LIMIT 1), '{GENESIS}')
    BEGIN SELECT RAISE(ABORT, '{FOLLOWS}'); END""",  # noqa: S608 - of constants
)  # fmt: skip
POSTGRESQL = (
    f"""CREATE FUNCTION {NAME}_stays() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''{STAYS}''; END'""",
    f"""CREATE FUNCTION {NAME}_follows() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN
      IF NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM {NAME})
        OR NEW.previous <> coalesce((SELECT hash FROM {NAME} ORDER BY sequence DESC LIMIT 1), ''{GENESIS}'')
      THEN RAISE EXCEPTION ''{FOLLOWS}''; END IF;
      RETURN NEW;
    END'""",  # noqa: S608 - of constants
    f"""CREATE TRIGGER {NAME}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {NAME}
    FOR EACH STATEMENT EXECUTE FUNCTION {NAME}_stays()""",
    f"CREATE TRIGGER {NAME}_follows BEFORE INSERT ON {NAME} FOR EACH ROW EXECUTE FUNCTION {NAME}_follows()",
)


def exists(connection: Connection) -> bool:
    """Whether the database holds a book."""
    return inspect(connection).has_table(NAME)


def holds_other_tables(connection: Connection) -> bool:
    """Whether a file holds tables that are no book's: it belongs to another program."""
    return bool(inspect(connection).get_table_names())


def create(connection: Connection) -> None:
    """Make the table, and the triggers that refuse changes."""
    TABLE.create(connection)
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL:
        connection.exec_driver_sql(statement)


def rows(connection: Connection) -> tuple[Entry, ...]:
    """All rows, by sequence."""
    found = connection.execute(select(TABLE).order_by(TABLE.c.sequence))
    return tuple(Entry(*row) for row in found)


def write(connection: Connection, entry: Entry) -> None:
    """Add a row."""
    connection.execute(insert(TABLE).values(
        sequence=entry.sequence, recorded=entry.recorded, kind=entry.kind, name=entry.name, replaces=entry.replaces,
        payload=entry.text, previous=entry.previous, hash=entry.hash,
    ))  # fmt: skip


def lock(connection: Connection, seconds: int) -> None:
    """Wait until no other writer is at work in PostgreSQL; the lock goes with the transaction.

    An advisory lock, as one on the table would ask for the right to change rows, which a writer need not have.
    """
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{seconds}s'")
    connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
