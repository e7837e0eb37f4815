"""Where a launch book lies: paths, URLs, and no password where others read along."""

from pathlib import Path

import pytest

from backtest import InputError
from forecast_eval.launch_book import open_book
from forecast_eval.launch_book.address import address_of


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch):
    for name in ("FORECAST_EVAL_BOOK", "PGPASSWORD", "PGUSER"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_place_the_environment_says_it_or_it_is_launches_db(monkeypatch):
    assert address_of(None).file == Path("launches.db")
    monkeypatch.setenv("FORECAST_EVAL_BOOK", "shared/past.db")
    assert address_of(None).file == Path("shared/past.db")
    assert address_of("own.db").file == Path("own.db")


@pytest.mark.parametrize("address", [
    "postgresql://ana:geheim@shop.example/books", "postgres://ana:geheim@shop.example:99/books?sslmode=require",
    "postgresql+pg8000://ana@shop.example/books?password=geheim", "postgresql://:geheim@shop.example/books",
    "postgresql://ana:x/geheim@shop.example/books",
])  # fmt: skip
def test_a_password_in_an_address_that_others_read_is_refused_and_not_repeated(address):
    with pytest.raises(InputError, match=r"a password stands in the address; put it into PGPASSWORD") as caught:
        open_book(address)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("address", [
    "postgresql://ana:geheim@shop.example:port/books", "postgresql://ana:geheim@shop.example:99:9/books",
    "mysql://ana:geheim@shop.example/books", "postgresql://ana:geheim@shop.example", "sqlite:///geheim.db", "://geheim",
])  # fmt: skip
def test_an_address_that_is_none_is_refused_and_not_repeated(address, monkeypatch):
    monkeypatch.setenv("FORECAST_EVAL_BOOK", address)
    for where in (address, None):
        with pytest.raises(InputError) as caught:
            open_book(where)
        assert "heim" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_whole_address_may_stand_in_the_environment(monkeypatch):
    monkeypatch.setenv("FORECAST_EVAL_BOOK", "postgres://ana:ge%40heim@shop.example/books?sslmode=require")
    address = address_of(None)
    assert address.url.password == "ge@heim"  # noqa: S105 - nobody's
    assert address.shown == "postgresql://ana@shop.example:5432/books"
    assert "heim" not in repr(address)


def test_user_and_password_are_those_of_the_environment_where_the_address_has_none(monkeypatch):
    monkeypatch.setenv("PGUSER", "ana")
    monkeypatch.setenv("PGPASSWORD", "geheim")
    address = address_of("postgresql:///books")
    assert (address.url.username, address.url.password, address.url.host) == ("ana", "geheim", "localhost")
    assert address.shown == "postgresql://ana@localhost:5432/books"
    monkeypatch.setenv("FORECAST_EVAL_BOOK", "postgresql://bo:own@shop.example/books")
    assert (address_of(None).url.username, address_of(None).url.password) == ("bo", "own")


def test_options_that_mean_nothing_here_are_refused():
    with pytest.raises(InputError, match="'options' is not known here"):
        open_book("postgresql://ana@shop.example/books?options=-csearch_path")
    with pytest.raises(InputError, match="sslmode='sometimes' is not known; one of disable, prefer, require"):
        open_book("postgresql://ana@shop.example/books?sslmode=sometimes")
