"""Laws of the launch book, of every database that it may lie in: nothing is lost, nothing changes unseen."""
# ruff: noqa: S608 - statements of constants

import dataclasses
import json
import multiprocessing
import os
import signal
import sqlite3
import time

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from backtest import InputError
from forecast_eval.launch_book import open_book
from forecast_eval.launch_book.chain import GENESIS, broken, following
from forecast_eval.launch_book.launch_json import tree_of

COLUMNS = ("recorded", "kind", "name", "replaces", "payload", "previous", "hash")


def add_five(where, who, together):
    book = open_book(where)
    together.wait(60)
    for k in range(5):
        book.append("finding", f"{who} {k}", {"k": k})


def add_when(where, go):
    book = open_book(where)
    go.wait(60)
    book.append("finding", "second", {"k": 2})


def die_writing(where):
    """Be killed after a row was written and before the transaction ends."""

    @event.listens_for(Engine, "after_cursor_execute")
    def die(_connection, _cursor, statement, *_):
        if statement.startswith("INSERT"):
            os.kill(os.getpid(), signal.SIGKILL)

    open_book(where).append("finding", "never", {"k": 1})


@pytest.fixture
def book(place, make_launch):
    """Four rows: two launches, a finding, and a correction of the first launch."""
    held = open_book(place.where)
    held.add([make_launch("spring", 3), make_launch("autumn", 4)])
    held.append("finding", "rmse", {"trusted": False, "launches": 14})
    held.correct([make_launch("spring", 5)])
    return held


def test_a_launch_is_read_back_to_the_last_digit(book, make_launch):
    spring, autumn = book.launches()
    assert tree_of(autumn) == tree_of(make_launch("autumn", 4))
    own = make_launch("spring", 5)
    for side in ("offline", "online"):
        for values in ("values", "covariance", "base"):
            found, given = (getattr(getattr(launch, side), values) for launch in (spring, own))
            np.testing.assert_array_equal(found, given)
    np.testing.assert_array_equal(spring.cross, own.cross)
    assert (spring.test, spring.judged, dict(spring.groups)) == (own.test, own.judged, dict(own.groups))


def test_a_correction_is_a_row_more_and_reading_gives_the_newest(book):
    rows = book.entries(every=True)
    assert [(row.sequence, row.kind, row.name, row.replaces) for row in rows] == [
        (1, "launch", "spring", None), (2, "launch", "autumn", None), (3, "finding", "rmse", None),
        (4, "launch", "spring", 1),
    ]  # fmt: skip
    assert [row.sequence for row in book.entries("launch")] == [4, 2]
    assert book.launch("spring")[1].sequence == 4
    assert book.verify(book.head) is None


def test_what_says_the_same_as_before_is_not_written_again(book, make_launch):
    assert book.append("finding", "rmse", {"launches": 14, "trusted": False}).sequence == 3
    assert book.correct([make_launch("spring", 5)]) == ()
    assert len(book.entries(every=True)) == 4
    assert book.append("finding", "rmse", {"launches": 15, "trusted": False}).replaces == 3


def test_what_is_not_known_of_a_finding_is_null(book):
    text = book.append("finding", "bias", {"rho": np.float64("nan"), "n": np.int64(3), "of": ("a", 0.1)}).text
    assert text == '{"n":3,"of":["a",0.1],"rho":null}'


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("sequence", [1, 2, 4])
def test_a_change_of_any_stored_value_is_found_in_its_row(book, place, column, sequence):
    value = "coalesce(replaces, 0) + 1" if column == "replaces" else f"replace({column}, substr({column}, 3, 1), '#')"
    place.raw(f"UPDATE launch_book SET {column} = {value} WHERE sequence = {sequence}")
    fault = book.verify()
    assert fault.place == f"row {sequence}"
    assert "changed" in fault.what


def test_a_removed_row_is_found(book, place):
    place.raw("DELETE FROM launch_book WHERE sequence = 2")
    assert str(book.verify()).startswith("row 2: it is missing: in its place stands row 3")


def test_two_swapped_rows_are_found(book, place):
    place.raw(*(f"UPDATE launch_book SET sequence = {new} WHERE sequence = {old}"
                for old, new in ((2, 99), (3, 2), (99, 3))))  # fmt: skip
    assert book.verify().place == "row 2"


def test_a_row_that_fits_but_follows_another_one_is_found(book):
    first, second, *_ = book.entries(every=True)
    other = following(None, first.recorded, "launch", "another", replaces=None, text="{}")
    assert "does not follow" in broken([other, second]).what


def test_removed_newest_rows_are_found_by_a_head_that_was_written_down(book, place):
    head = book.head
    place.raw("DELETE FROM launch_book WHERE sequence = 4")
    assert book.verify() is None
    assert head in book.verify(head).what


def test_a_book_written_anew_with_hashes_that_fit_is_found_by_a_head(book, place):
    head, last, statements = book.head, None, []
    for row in book.entries(every=True):
        last = following(last, "2020-01-01T00:00:00+00:00", row.kind, row.name, replaces=row.replaces, text=row.text)
        statements.append(f"UPDATE launch_book SET recorded = '{last.recorded}', previous = '{last.previous}', "
                          f"hash = '{last.hash}' WHERE sequence = {row.sequence}")  # fmt: skip
    place.raw(*statements)
    assert book.verify() is None
    assert "written anew" in book.verify(head).what


def test_nothing_is_read_from_or_added_to_a_book_that_was_changed(book, place, make_launch):
    place.raw("UPDATE launch_book SET name = 'summer' WHERE sequence = 2")
    for act in (book.launches, lambda: book.add([make_launch("new", 9)]), lambda: book.head):
        with pytest.raises(InputError, match="row 2: it was changed"):
            act()
    assert len(place.raw("SELECT * FROM launch_book")) == 4


@pytest.mark.parametrize("statement", [
    "UPDATE launch_book SET name = 'other'", "DELETE FROM launch_book WHERE sequence = 2", "DELETE FROM launch_book",
])  # fmt: skip
def test_the_database_itself_refuses_to_change_or_remove(book, place, statement):
    assert "a row is never changed or removed" in place.refused(statement)
    assert book.verify() is None


def test_the_database_itself_refuses_rows_that_do_not_follow(book, place):
    last = book.entries(every=True)[-1]
    for sequence, previous in ((4, last.previous), (5, GENESIS), (7, last.hash)):
        values = f"{sequence}, 'now', 'launch', 'x', NULL, '{{}}', '{previous}', 'h'"
        assert "must follow the newest" in place.refused(f"INSERT INTO launch_book VALUES ({values})")
    assert book.verify() is None


def test_two_processes_that_add_at_once_leave_one_chain(book, place, start):
    together = multiprocessing.get_context("fork").Barrier(2)
    for process in [start(add_five, place.where, who, together) for who in ("one", "two")]:
        process.join(60)
        assert process.exitcode == 0
    assert book.verify() is None
    names = [row.name for row in book.entries("finding", every=True)]
    assert sorted(names) == sorted(["rmse", *(f"{who} {k}" for who in ("one", "two") for k in range(5))])


def test_a_writer_waits_for_one_that_is_at_work(book, place, start):
    go = multiprocessing.get_context("fork").Event()
    waiting = start(add_when, place.where, go)
    with book._writing() as (connection, entries):
        go.set()
        time.sleep(0.5)  # long enough to read which row is the newest, for one that does not wait
        book._write(connection, entries, ("finding", "first", "{}"))
    waiting.join(60)
    assert waiting.exitcode == 0
    assert [row.name for row in book.entries(every=True)[-2:]] == ["first", "second"]
    assert book.verify() is None


def test_a_writer_that_is_killed_leaves_the_book_whole(book, place, start):
    head = book.head
    killed = start(die_writing, place.where)
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    assert book.verify() is None
    assert book.head == head
    assert book.append("finding", "after", {}).sequence == 5


def test_a_first_writer_that_is_killed_leaves_nothing_in_the_way(place, make_launch, start):
    killed = start(die_writing, place.where)
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    book = open_book(place.where)
    with pytest.raises(InputError, match="there is no launch book here"):
        book.launches()
    book.add([make_launch()])
    assert book.verify() is None


def test_a_name_that_the_book_has_is_refused(book, make_launch):
    with pytest.raises(InputError, match=r"launch 'autumn': it is in the book, row 2 .*other content; correct it"):
        book.add([make_launch("autumn", 9)])
    with pytest.raises(InputError, match=r"same content; there is nothing to add"):
        book.add([make_launch("autumn", 4)])


def test_the_same_numbers_under_another_name_are_refused(book, make_launch):
    elsewhere = {"source": {}, "candidate": "forest"}
    with pytest.raises(InputError, match=r"'copy': it is the same launch as 'autumn': its numbers are equal"):
        book.add([dataclasses.replace(make_launch("copy", 4), **elsewhere)])


def test_the_same_source_under_another_name_is_refused_before_and_after_its_test(book, make_launch):
    tested = make_launch("copy", 9, source={"run": "runs/4", "analysis": "a.json"})
    with pytest.raises(InputError, match="'copy': it is the same launch as 'autumn': its numbers come from the same"):
        book.add([tested])
    another = dataclasses.replace(tested, candidate="forest")
    assert len(book.add([another])) == 1


def test_a_launch_entered_before_its_test_is_not_entered_again_after_it(place, make_launch):
    book = open_book(place.where)
    book.add([make_launch("held back", 7, decision="not tested", source={})])
    with pytest.raises(InputError, match="same launch as 'held back'"):
        book.add([make_launch("tested", 7, source={})])


def test_all_launches_of_a_call_are_added_or_none_and_every_fault_is_said(book, make_launch):
    wrong = [make_launch("new", 8), make_launch("autumn", 9), make_launch("again", 5), make_launch("twin", 8)]
    with pytest.raises(InputError) as caught:
        book.add(wrong)
    assert [fault.place for fault in caught.value.faults] == ["launch 'autumn'", "launch 'again'", "launch 'twin'"]
    assert len(book.entries(every=True)) == 4


def test_only_a_launch_that_is_there_can_be_corrected(book, make_launch):
    with pytest.raises(InputError, match="no launch of this name to correct; did you mean 'autumn'"):
        book.correct([make_launch("autum", 9)])


def test_a_book_that_is_not_there_is_said_and_not_made(place):
    book = open_book(place.where)
    for act in (book.launches, book.verify, lambda: book.head, lambda: book.launch("spring")):
        with pytest.raises(InputError, match="there is no launch book here; add a launch first"):
            act()
    if not isinstance(place.where, str):
        assert not place.where.exists()


def test_names_that_a_terminal_would_obey_are_refused(place, make_launch):
    with pytest.raises(InputError, match="one line of printable characters"):
        open_book(place.where).add([make_launch("spring\x1b[2J")])


def test_a_file_that_is_no_book_is_refused_and_stays(tmp_path, make_launch):
    words = tmp_path / "words.txt"
    words.write_text("no database at all, and long enough to be read as one" * 20)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE trials (id INTEGER)")
    connection.close()
    for file, message in ((words, "this file is no launch book"), (other, "a database of another program")):
        before = file.read_bytes()
        with pytest.raises(InputError, match=message):
            open_book(file).add([make_launch()])
        assert file.read_bytes() == before
    with pytest.raises(InputError, match="there is no launch book here"):
        open_book(other).launches()


def test_a_place_that_cannot_be_written_is_said(tmp_path, make_launch):
    for file in (tmp_path / "missing" / "book.db", "/proc/book.db", tmp_path):
        with pytest.raises(InputError, match="the file cannot be opened or made"):
            open_book(file).add([make_launch()])


def test_a_damaged_file_is_said(tmp_path, make_launch):
    file = tmp_path / "book.db"
    open_book(file).add([make_launch(str(k), k) for k in range(30)])
    data = bytearray(file.read_bytes())
    data[4096:-4096] = bytes(len(data) - 8192)
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged|changed|missing"):
        open_book(file).launches()


def test_bytes_that_are_no_text_are_found_in_their_row(tmp_path, make_launch):
    file = tmp_path / "book.db"
    book = open_book(file)
    book.add([make_launch(str(k), k) for k in range(3)])
    file.write_bytes(file.read_bytes().replace(b"AutoETS", b"Auto\xff\xfe\xfd", 1))
    assert "was changed" in book.verify().what


def test_the_payload_is_canonical_json(book):
    for row in book.entries(every=True):
        assert json.dumps(row.payload, sort_keys=True, separators=(",", ":"), allow_nan=False) == row.text
