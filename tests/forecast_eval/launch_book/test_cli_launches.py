"""forecast-eval launches: add, list, show, verify; what they print, their exit codes, and what they leave alone."""

import json
import sqlite3

import pytest

from forecast_eval.launch_book import open_book

LONG = "a model with a name that is longer than one line of a table can be"
HEAD = (
    "launch,side,metric,delta,error,base,candidate,incumbent,judged,start,end,units_control,units_treatment,periods,"
    "decision,region"
)
HELD = "a launch with a very long name that must be broken into lines"
TABLE = f"""\
{HEAD}
spring,offline,profit,0.031,0.01,1000,{LONG},AutoETS,2026-01-04,2026-01-05,2026-02-01,10,12,4,,north
spring,offline,rmse,-0.1,0.02,,,,,,,,,,,
spring,online,profit,0.019,0.012,900,,,,,,,,,,
{HELD},offline,waste,-0.2,0.01,,trees,AutoETS,2026-03-01,,,,,,,south
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with a table of launches, and no book of anybody else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORECAST_EVAL_BOOK", raising=False)
    (tmp_path / "past.csv").write_text(TABLE)
    return tmp_path


def test_launches_are_added_listed_and_shown_within_100_columns(call):
    code, out, _ = call("launches", "add", "past.csv")
    assert code == 0
    assert out.startswith("Row 1: spring\nRow 2: a launch with")
    for command in (
        ("list",),
        ("show", "spring"),
        ("show", "a launch with a very long name that must be broken into lines"),
    ):
        code, out, _ = call("launches", *command)
        assert code == 0
        assert max(map(len, out.splitlines())) <= 100
    _, out, _ = call("launches", "list")
    line = next(line for line in out.splitlines() if line.startswith(" spring"))
    assert " ".join(line.split()).endswith("profit launched +3.1 ± 1.0 % +1.9 ± 1.2 % 10+12")
    assert "2 launches, 1 of them tested, in launches.db" in out
    _, out, _ = call("launches", "show", "spring")
    for text in (
        "AutoETS",
        "10 against 12 of unit store",
        "2026-01-05 to 2026-02-01",
        "north",
        "+3.10%",
        "-10.00%",
        "900",
    ):
        assert text in out


def test_shares_that_look_like_percent_are_added_with_a_note_that_names_the_launch(call, folder):
    (folder / "past.csv").write_text(TABLE.replace("-0.2,0.01,,trees", "0.4,0.3,,trees"))
    code, out, err = call("launches", "add", "past.csv")
    assert (code, out.count("Row ")) == (0, 2)
    assert " ".join(err.split()).startswith(f"note: {HELD!r}: every standard error is above 25%")
    assert "spring" not in err


def test_names_in_square_brackets_are_shown_as_they_are(call, folder):
    (folder / "past.csv").write_text(TABLE.replace("spring", "[red]").replace(",region", ",[i]"))
    call("launches", "add", "past.csv")
    assert "[red]" in call("launches", "list")[1]
    _, out, _ = call("launches", "show", "[red]")
    assert all(name in out for name in ("[red]", "[i]"))


def test_what_show_prints_as_json_can_be_added_elsewhere_and_says_the_same(call, folder):
    call("launches", "add", "past.csv")
    _, out, _ = call("launches", "show", "spring", "--json")
    (folder / "copy.json").write_text(out)
    assert call("launches", "add", "copy.json", "--book", "other.db")[0] == 0
    assert open_book("other.db").launch("spring")[1].text == open_book("launches.db").launch("spring")[1].text


def test_a_name_that_is_there_is_refused_and_corrected_on_demand(call, folder):
    call("launches", "add", "past.csv")
    (folder / "past.csv").write_text("\n".join(TABLE.replace("0.019", "0.021").splitlines()[:4]))
    code, _, err = call("launches", "add", "past.csv")
    assert code == 2
    assert "launch 'spring': it is in the book, row 1" in err
    assert "correct it with --correct" in err
    code, out, _ = call("launches", "add", "past.csv", "--correct")
    assert (code, out.splitlines()[0]) == (0, "Row 3: spring, in place of row 1")
    assert call("launches", "add", "past.csv", "--correct")[1].startswith("Nothing to correct")
    assert open_book("launches.db").launch("spring")[0].online.value("profit") == 0.021


def test_a_sound_book_verifies_and_a_changed_one_exits_with_1_and_names_the_row(call):
    call("launches", "add", "past.csv")
    code, out, _ = call("launches", "verify")
    assert code == 0
    head = out.split()[-1]
    assert out.startswith("launches.db: 2 rows, each as it was written")
    assert call("launches", "verify", "--head", head)[0] == 0
    code, _, err = call("launches", "verify", "--head", "0" * 63 + "1")
    assert (code, "no row has the hash" in err) == (1, True)
    with sqlite3.connect("launches.db") as connection:
        connection.execute("DROP TRIGGER launch_book_no_UPDATE")
        connection.execute("UPDATE launch_book SET payload = replace(payload, '0.2', '0.3') WHERE sequence = 2")
    connection.close()
    code, _, err = call("launches", "verify")
    assert code == 1
    assert "launches.db, row 2: it was changed" in err
    for command in (("list",), ("show", "spring"), ("add", "past.csv")):
        code, _, err = call("launches", *command)
        assert code == 2
        assert "row 2: it was changed" in err


@pytest.mark.parametrize("command", [("list",), ("show", "spring"), ("verify",)])
def test_a_book_that_is_not_there_is_said_and_nothing_is_made(call, folder, command):
    before = set(folder.iterdir())
    code, _, err = call("launches", *command)
    assert code == 2
    assert err.startswith("launches.db: there is no launch book here; add a launch first")
    assert set(folder.iterdir()) == before


def test_a_launch_that_is_not_there_names_the_nearest(call):
    call("launches", "add", "past.csv")
    code, _, err = call("launches", "show", "sprng")
    assert code == 2
    assert "there is no launch 'sprng'; did you mean 'spring'?" in err


def test_a_file_with_faults_adds_nothing(call, folder):
    (folder / "past.csv").write_text(TABLE.replace("-0.2,0.01", "-0.2,"))
    code, _, err = call("launches", "add", "past.csv")
    assert code == 2
    assert "past.csv, row 5, column error: error is empty" in err
    assert not (folder / "launches.db").exists()


def test_the_book_of_the_environment_is_taken_where_none_is_given(call, folder, monkeypatch):
    monkeypatch.setenv("FORECAST_EVAL_BOOK", "ours.db")
    call("launches", "add", "past.csv")
    assert {path.name for path in folder.iterdir()} == {"past.csv", "ours.db"}
    assert "in ours.db" in call("launches", "list")[1]


def test_a_password_on_the_command_line_is_refused_and_not_repeated(call):
    for command in (("add", "past.csv"), ("list",), ("verify",)):
        code, out, err = call("launches", *command, "--book", "postgresql://ana:geheim@shop.example/books")
        assert code == 2
        assert "put it into PGPASSWORD" in err
        assert "geheim" not in out + err


@pytest.mark.parametrize(("options", "message"), [
    (("--group", "region=north"), "groups: only of the directory of a run"),
    (("--name", "x", "--decision", "not-tested"), "name, decision: only of the directory of a run"),
    (("--group", "north"), "'north' is not name=value; write region=north"),
    (("--group", "a=1", "--group", "a=2"), "'a' is given twice"),
])  # fmt: skip
def test_options_that_do_not_fit_are_refused(call, folder, options, message):
    code, _, err = call("launches", "add", "past.csv", *options)
    assert code == 2
    assert message in err
    assert not (folder / "launches.db").exists()


def test_what_is_neither_a_run_nor_a_file_of_launches_is_refused(call):
    for what, message in (("nothing", "a run's directory, JSON, YAML or CSV"), (".", "this directory holds no run")):
        code, _, err = call("launches", "add", what)
        assert code == 2
        assert message in err


def test_the_json_of_a_launch_is_its_payload(call):
    call("launches", "add", "past.csv")
    _, out, _ = call("launches", "show", "spring", "--json")
    assert json.loads(out) == open_book("launches.db").launch("spring")[1].payload


def test_help_is_there_for_every_command(call):
    for command in ("add", "list", "show", "verify"):
        assert call("launches", command, "--help")[0] == 0
