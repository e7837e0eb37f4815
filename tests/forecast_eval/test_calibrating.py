"""Laws of a run with a launch book: nobody sees the future, every report says the same, and nothing changes without."""

import datetime as dt
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from backtest import InputError
from forecast_eval.align import Deltas, Launch, OnlineTest
from forecast_eval.align.offline import offline_deltas
from forecast_eval.calibrating import calibrated_run, known_at, read_book
from forecast_eval.config import Calibration, config_of
from forecast_eval.launch_book import open_book
from forecast_eval.pipeline import _calibrate, advance, open_session
from forecast_eval.report.content import empty
from forecast_eval.report.page import render
from forecast_eval.scorecard import review_of
from forecast_eval.store import Run
from forecast_eval.summary import UNCALIBRATED, calibrated_numbers, calibrated_sentence, facts_of, tables_of
from forecast_eval.terminal.results import show_calibrated

AVERAGE = {"kind": "seasonal_average", "season": "none"}
LONG = "a long name that says of a forecaster all that its maker holds dear"
TREE = {
    "name": "shop",
    "data": {"world": {"stores": 4, "skus": 4, "weeks": 64, "truth": False}},
    "backtest": {"horizon": 3, "windows": 7, "quantiles": [0.5], "workers": 1, "hidden_demand": "as_is"},
    "forecasters": {"slow": AVERAGE | {"window": 13}, LONG: AVERAGE | {"window": 3}, "twin": AVERAGE | {"window": 13}},
    "score": {"metrics": ["rmse"], "hidden_demand": "as_is", "replicates": 100},
    "simulate": {"judged": 3, "scenarios": 50, "policies": [{"kind": "periods_of_supply", "periods": [2, 3]}]},
    "compare": {"incumbent": "slow", "cluster": "store"},
    "scorecard": {"metrics": [{"metric": "fill_rate", "floor": 0.1}]},
    "report": {"timeline": 1},
}


def past(count, last, *, first=0):
    """Launches whose tests ended before a day, a week apart, the newest one a week before it."""
    rng = np.random.default_rng(3)
    out = []
    for k in range(count):
        end = last - dt.timedelta(weeks=1 + k)
        x = rng.normal(0.02, 0.05)
        y = 0.5 * x + rng.normal(0, 0.01)
        test = OnlineTest("store", (30, 30), end - dt.timedelta(days=27), end, 4)
        out.append(Launch(
            f"past {first + k}", "new", "old", end - dt.timedelta(days=30), "launched",
            Deltas.of(["profit"], [x], [[1e-4]]), Deltas.of(["profit"], [y], [[4e-4]]), None, test,
        ))  # fmt: skip
    return out


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run without a book that has not begun, as a session."""
    return opened(tmp_path_factory.mktemp("plain"), TREE)


@pytest.fixture(scope="module")
def cutoff(plain):
    """Last day that the run knows."""
    return plain.windows[-1].cutoff.date()


@pytest.fixture(scope="module")
def session(tmp_path_factory, cutoff):
    """A finished run with eight past launches, and one that nobody knew then."""
    folder = tmp_path_factory.mktemp("booked")
    open_book(folder / "past.db").add([*past(8, cutoff), *past(1, cutoff + dt.timedelta(weeks=9), first=8)])
    own = opened(folder, TREE | {"calibration": {"book": "past.db", "confidence": 0.8}})
    advance(own, "report")
    return own


def opened(folder, tree):
    file = folder / "shop.yaml"
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return open_session(file, root=folder / "runs")


def test_every_candidate_that_differs_gets_a_number_and_the_others_a_note(session):
    numbers, notes = calibrated_numbers(session.run), session.run.manifest["calibrated"]
    assert [own.model for own in numbers] == [LONG]
    assert (numbers[0].launches, numbers[0].confidence) == (8, 0.8)
    assert any(note.startswith("twin is not calibrated: twin and slow differ in no metric") for note in notes)


def test_what_was_simulated_is_what_the_book_would_hold_of_the_run(session):
    (own,), deltas = calibrated_numbers(session.run), offline_deltas(session, LONG).deltas
    assert (own.simulated, own.error) == (deltas.value("profit"), deltas.error("profit"))


def test_run_keeps_the_newest_row_of_its_book_and_says_how_many_launches_came_later(session):
    book = open_book(session.base / "past.db")
    assert session.run.manifest["book"] == {"where": book.where, "head": book.head}
    (said,) = (note for note in session.run.manifest["calibrated"] if note.startswith("Past launches"))
    assert said.endswith(f"{book.head[:12]}; 1 of later dates, or of this run, are left out.")
    assert said.startswith("Past launches: 8 of ")


def test_nobody_learns_from_a_test_that_was_not_over_nor_from_the_run_itself(cutoff):
    class Ours:
        path, manifest = "runs/shop/1", {"key": "abc"}

    (own,) = past(1, cutoff)
    untested = Launch("held back", "new", "old", cutoff, "not tested", own.offline)
    assert known_at([own], own.test.end) == (own,)
    assert known_at([own], own.test.end - dt.timedelta(days=1)) == ()
    assert known_at([untested], cutoff) == ()
    assert known_at([untested], cutoff + dt.timedelta(days=1)) == (untested,)
    for source in ({"run": "runs/shop/1"}, {"key": "abc"}):
        mine = Launch("mine", "new", "old", own.judged, "launched", own.offline, own.online, None, own.test, {}, source)
        assert known_at([mine, own], cutoff, run=Ours) == (own,)


def test_terminal_report_and_scorecard_say_the_same_number(session, call):
    (own,) = calibrated_numbers(session.run)
    number = f"after calibration on 8 launches {100 * own.value:+z.1f}%"
    _, out, _ = call("report", session.run.path)
    page, card = ((session.run.path / name).read_text(encoding="utf-8") for name in ("report.html", "scorecard.html"))
    for text in (out, page, card):
        assert number in " ".join(text.split())
    assert facts_of(session).calibrated == calibrated_sentence(session)
    assert review_of(session).calibrated[0].startswith(f"{LONG}: profit simulated")


def test_numbers_fit_the_terminal_with_long_names(session, capsys):
    show_calibrated(session)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert max(map(len, lines)) <= 100


def test_report_has_a_part_on_past_launches_only_where_there_is_a_book(session):
    tables, facts = tables_of(session), facts_of(session)
    booked = (session.run.path / "report.html").read_text(encoding="utf-8")
    bare = render(replace(tables, calibrated=empty("calibrated")), replace(facts, calibrated="", calibrated_notes=()))
    assert '<section id="calibrated">' in booked
    assert "stores an arm" in booked
    assert 'id="calibrated"' not in bare


def test_a_run_without_a_book_keeps_no_trace_of_one(session, plain):
    assert calibrated_sentence(plain) == ""
    assert calibrated_run(plain, [LONG, "slow"]) is None
    assert UNCALIBRATED not in facts_of(session).notes
    bare = replace(session, config=session.config.model_copy(update={"calibration": None}))
    assert UNCALIBRATED in facts_of(bare).notes


def test_a_launch_more_in_the_book_makes_another_run(cutoff, tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(TREE | {"calibration": {"book": "past.db"}}), encoding="utf-8")
    paths = []
    for count in (3, 4, 4):
        book = open_book(tmp_path / "past.db")
        known = {launch.name for launch in book.launches()} if (tmp_path / "past.db").exists() else set()
        new = [launch for launch in past(count, cutoff) if launch.name not in known]
        if new:
            book.add(new)
        paths.append(open_session(file, root=tmp_path / "runs", upto="backtest").run.path)
    assert paths[0] != paths[1] == paths[2]


def test_too_few_launches_are_said_and_stop_nothing(session, cutoff, tmp_path, capsys):
    open_book(tmp_path / "launches.db").add(past(2, cutoff))
    run = Run(Path(shutil.copytree(session.run.path, tmp_path / "run")))
    own = replace(
        session, run=run, base=tmp_path, config=session.config.model_copy(update={"calibration": Calibration()})
    )
    _calibrate(own, [LONG, "slow"])
    assert calibrated_numbers(run) == ()
    said = "Simulated, not calibrated: 2 launches have both sides, and 3 are the least that anything is learned of."
    assert calibrated_sentence(own) == said
    show_calibrated(own)
    assert " ".join(capsys.readouterr().out.split()).startswith(f"{said} Past launches: 2 of ")


def test_launches_in_currency_calibrate_no_share(session, cutoff, tmp_path):
    launches = [
        replace(own, offline=replace(own.offline, values=own.offline.values * 900, units=("EUR",)))
        for own in past(5, cutoff)
    ]
    open_book(tmp_path / "launches.db").add(launches)
    config = session.config.model_copy(update={"calibration": Calibration()})
    found = calibrated_run(replace(session, base=tmp_path, config=config), [LONG, "slow"])
    assert found.numbers == ()
    assert f"{LONG} is not calibrated: offline profit is in share here and in EUR in the launches." in found.notes


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"book": "none.db"}, "there is no launch book here"),
        ({"book": "postgresql://ana:secret@shop.example/books"}, "a password stands in the address"),
    ],
)
def test_a_book_that_cannot_be_read_stops_a_run_before_anything_is_done(section, words, tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(TREE | {"calibration": section}), encoding="utf-8")
    with pytest.raises(InputError, match=words) as found:
        open_session(file, root=tmp_path / "runs")
    assert "secret" not in str(found.value)
    assert not (tmp_path / "runs").exists()


def test_the_book_is_found_beside_the_config_and_through_the_environment(cutoff, tmp_path, monkeypatch):
    open_book(tmp_path / "here.db").add(past(3, cutoff))
    monkeypatch.setenv("BOOK", "here")
    assert len(read_book("${BOOK}.db", tmp_path).launches) == 3
    monkeypatch.setenv("FORECAST_EVAL_BOOK", str(tmp_path / "here.db"))
    assert len(read_book(None, tmp_path / "nowhere").launches) == 3


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"group": "north"}, "group 'north' of what? give by as well"),
        ({"bok": "a.db"}, "unknown key 'bok'"),
        ({"confidence": 1}, "less than 1"),
    ],
)
def test_a_section_that_cannot_be_is_refused_by_name(section, words):
    with pytest.raises(InputError, match=re.escape(words)):
        config_of(TREE | {"calibration": section}, "shop.yaml")
