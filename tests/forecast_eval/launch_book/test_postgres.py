"""The launch book on a PostgreSQL server: passwords, rights, and what is said where it cannot be reached.

The laws of every book, those of test_book.py, hold there too.
"""

import socket
import sys

import pytest

from backtest import InputError
from forecast_eval.launch_book import open_book

pytestmark = pytest.mark.server
PASSWORD = "correct horse @ battery/staple"  # noqa: S105 - of a server that lives as long as the tests
QUOTED = "correct%20horse%20%40%20battery%2Fstaple"


def test_the_password_comes_from_the_environment(server_place, make_launch, monkeypatch):
    book = open_book(server_place.where)
    book.add([make_launch()])
    monkeypatch.setenv("PGPASSWORD", "wrong")
    with pytest.raises(InputError, match="the server refuses the password; correct PGPASSWORD"):
        open_book(server_place.where).launches()
    monkeypatch.delenv("PGPASSWORD")
    with pytest.raises(InputError, match="the server asks for a password; put it into PGPASSWORD"):
        open_book(server_place.where).launches()
    monkeypatch.setenv("FORECAST_EVAL_BOOK", server_place.where.replace("@", f":{QUOTED}@"))
    assert [launch.name for launch in open_book().launches()] == ["spring"]


def test_no_password_is_ever_shown(server_place, make_launch, monkeypatch, call):
    given = server_place.where.replace("@", f":{QUOTED}@")
    monkeypatch.setenv("FORECAST_EVAL_BOOK", given)
    book = open_book()
    shown = [repr(book), repr(book.address), book.where]
    with pytest.raises(InputError) as caught:
        book.launches()
    shown.append(str(caught.value))
    book.add([make_launch()])
    shown += [text for command in ("list", "verify") for text in call("launches", command)[1:]]
    monkeypatch.delenv("FORECAST_EVAL_BOOK")
    shown += call("launches", "list", "--book", given)[1:]
    shown += call("launches", "list", "--book", server_place.where.replace("postgres?", "nowhere"))[1:]
    assert book.where == server_place.where
    for text in shown:
        assert PASSWORD not in text
        assert QUOTED not in text


def test_the_address_that_is_shown_can_be_given_again(server_place, make_launch):
    book = open_book(server_place.where)
    book.add([make_launch()])
    assert open_book(book.where).head == book.head


def test_a_database_that_is_not_there_is_said(server_place):
    with pytest.raises(InputError, match=r"nowhere: the server has no such database; correct its name, or create it"):
        open_book(server_place.where.replace("/postgres", "/nowhere")).launches()


def test_a_server_that_is_not_there_is_said():
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f":{port}/books: no PostgreSQL server answers here"):
            open_book(f"postgresql://keeper@127.0.0.1:{port}/books").launches()


def test_a_server_that_does_not_encrypt_is_refused_where_encryption_is_asked_for(server_place):
    for mode in ("require", "verify-full"):
        with pytest.raises(InputError, match="the server does not encrypt"):
            open_book(f"{server_place.where}?sslmode={mode}").launches()


def test_a_writer_needs_the_right_to_add_and_no_more(server_place, make_launch, monkeypatch):
    open_book(server_place.where).add([make_launch("spring", 3)])
    server_place.run(
        "DROP OWNED BY clerk" if server_place.run("SELECT 1 FROM pg_roles WHERE rolname = 'clerk'") else "SELECT 1",
        "DROP ROLE IF EXISTS clerk",
        "CREATE ROLE clerk LOGIN PASSWORD 'ledger'",
        "GRANT SELECT ON launch_book TO clerk",
    )
    monkeypatch.setenv("PGPASSWORD", "ledger")
    clerk = open_book(server_place.where.replace("keeper", "clerk"))
    assert clerk.verify() is None
    with pytest.raises(InputError, match="this user may not read or write here; have the rights granted"):
        clerk.add([make_launch("autumn", 4)])
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    server_place.run("GRANT INSERT ON launch_book TO clerk")
    monkeypatch.setenv("PGPASSWORD", "ledger")
    clerk = open_book(server_place.where.replace("keeper", "clerk"))
    assert clerk.add([make_launch("autumn", 4)])[0].sequence == 2


def test_a_book_is_not_emptied_at_once_either(server_place, make_launch):
    book = open_book(server_place.where)
    book.add([make_launch()])
    assert "never changed or removed" in server_place.refused("TRUNCATE launch_book")
    assert len(book.launches()) == 1


def test_a_missing_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(InputError, match=r"needs the driver pg8000; pip install 'forecast-eval\[postgres\]'"):
        open_book("postgresql://ana@shop.example/books")
