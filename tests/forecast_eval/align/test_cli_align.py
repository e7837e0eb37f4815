"""forecast-eval align: what it prints and writes, and one message for each bad book."""

import contextlib
import io
import json

import pytest
import yaml

from forecast_eval.config import load_config
from forecast_eval.launch_book import open_book
from forecast_eval.launch_book.launch_json import tree_of
from forecast_eval.scores.catalogue import metrics_of

HEAD = "launch,side,metric,delta,error,unit,candidate,incumbent,start,end,units_control,units_treatment,periods"
ALL = ("profit", "rmse", "fill_rate")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory, and no book of anybody else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORECAST_EVAL_BOOK", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def done(past_launches, tmp_path_factory):
    """A study of nine launches with all that it writes: exit code, what was printed, its folder."""
    from forecast_eval import cli

    where = tmp_path_factory.mktemp("align")
    open_book(where / "launches.db").add(past_launches())
    options = ["--online", "profit", "--book", "launches.db", "--out", "out", "--record", "found.yaml"]
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(where)
        patch.setattr("sys.argv", ["forecast-eval", "align", *options])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
    return exit_.value.code, printed.getvalue(), where


def test_it_says_whom_to_trust_within_100_columns(done):
    code, out, _ = done
    assert code == 0
    assert out.startswith("profit: profit (simulated): trusted, 8 launches, correlation 0.")
    assert max(map(len, out.splitlines())) <= 100
    # a table that is too wide would be cut at its right edge: all verdicts are there
    for verdict in ("trusted", "misleads", "insufficient evidence"):
        assert sum(line.rstrip().endswith(f"   {verdict}") for line in out.splitlines()) == 1


def test_it_writes_json_without_nan_and_a_page(done):
    _, out, where = done
    tree = json.loads((where / "out" / "align.json").read_text(), parse_constant=pytest.fail)
    assert {own["offline"]: own["verdict"] for own in tree["alignments"]} == {
        "profit": "trusted", "rmse": "insufficient evidence", "fill_rate": "misleads",
    }  # fmt: skip
    assert (where / "out" / "align.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Study: out/align.json and out/align.html" in out


def test_what_it_records_is_shown_by_metrics(done, call):
    code, out, _ = call("metrics", "rmse", "fill_rate", "--catalogue", done[2] / "found.yaml")
    assert code == 0
    shown = " ".join(out.split())
    for words in ("insufficient evidence for: profit (", "misleads for: profit (-0."):
        assert f"findings {words}" in shown
    assert shown.count("correlations with 8 launches of 2025-01-06 to 2025-08-11") == 2


def test_what_it_records_is_a_catalogue_of_a_config(done, folder):
    tree = {
        "name": "own", "data": {"world": {"preset": "mild"}},
        "backtest": {"horizon": 3, "windows": 4}, "forecasters": {"a": {"kind": "seasonal_average", "window": 4}},
        "score": {"catalogue": ["found.yaml"], "metrics": ["rmse"]}, "compare": {"incumbent": "a"},
        "simulate": {"judged": 2, "policies": [{"kind": "order_up_to", "coverage": [0.9]}]},
    }  # fmt: skip
    (folder / "found.yaml").write_bytes((done[2] / "found.yaml").read_bytes())
    (folder / "own.yaml").write_text(yaml.safe_dump(tree))
    (metric,) = metrics_of(load_config(folder / "own.yaml").score, folder)
    assert metric.findings.startswith("insufficient evidence for: profit (")


def test_what_it_records_stands_in_the_book(done):
    _, out, where = done
    assert {entry.name for entry in open_book(where / "launches.db").entries("finding")} == set(ALL)
    assert "Findings: found.yaml and launches.db" in out


# bad books


def in_book(call, file, text):
    """Write launches into a file, and add them to the book."""
    file.write_text(text)
    assert call("launches", "add", file.name)[0] == 0


def said(err):
    """Lines of the error stream without the bar."""
    return [line for line in err.splitlines() if line and not line.startswith("align: ")]


def refusal(call, *options):
    """The one message of a study that is refused."""
    code, out, err = call("align", *options)
    lines = said(err)
    assert (code, out, len(lines)) == (2, "", 1), err
    return lines[0]


def table(count, unit="share"):
    """CSV of tests; the last one gives RMSE in another unit."""
    rows = [HEAD]
    for k in range(count):
        told = f"trees {k},AutoETS,2025-0{k + 1}-06,2025-0{k + 1}-26,10,12,3"
        for side, metric, delta in (("offline", "profit", 0.03 - 0.01 * k), ("offline", "rmse", 0.01 * k * k - 0.02),
                                    ("online", "profit", 0.02 - 0.007 * k)):  # fmt: skip
            own = unit if (metric, k) == ("rmse", count - 1) else "share"
            rows.append(f"test {k},{side},{metric},{delta:.3f},0.004,{own},{told}")
    return "\n".join(rows) + "\n"


def test_fewer_than_three_launches_are_one_message(call, folder):
    in_book(call, folder / "past.csv", table(2))
    for options in ((), ("--offline", "rmse", "--online", "profit")):
        assert refusal(call, *options) == (
            "launches: 2 launches have both sides, and 3 are the least that anything is learned of; "
            "add past launches to the book"
        )


def test_mixed_units_are_one_message(call, folder):
    in_book(call, folder / "past.csv", table(4, unit="EUR"))
    assert refusal(call) == (
        "launches: offline rmse is given in different units: EUR and share; write all launches in one, best as shares "
        "of the incumbent"
    )


def test_what_never_varies_is_one_message(call, folder, past_launches):
    trees = [tree_of(own) for own in past_launches()]
    for own in trees:
        own["offline"]["metrics"][1]["delta"] = 0.02
    in_book(call, folder / "past.json", json.dumps(trees))
    assert refusal(call, "--offline", "rmse") == (
        "offline rmse: all 8 offline differences are the same number; leave the metric out: what never varies explains "
        "nothing"
    )


def test_a_singular_covariance_is_one_message(call, folder, past_launches):
    trees = [tree_of(own) for own in past_launches()]
    for own in trees:
        own["cross"] = None
        own["offline"]["covariance"] = [[1e-4, 2e-4, 0], [2e-4, 4e-4, 0], [0, 0, 1e-4]]
    in_book(call, folder / "past.json", json.dumps(trees))
    assert refusal(call, "--offline", "profit", "--offline", "rmse", "--online", "waste") == (
        "launch 'launch 0' and 8 more: the covariance is singular: the error of rmse is a copy of that of profit; "
        "leave one of them out, or estimate it from more stores"
    )


def test_a_launch_that_stands_twice_is_one_message_before_it_is_in_the_book(call, folder):
    text = table(4)
    (folder / "past.csv").write_text(text + text.split("\n", 1)[1].replace("test 0", "again").split("test 1")[0])
    code, _, err = call("launches", "add", "past.csv")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "launch 'again': it is the same launch as 'test 0'" in err


def test_the_nearest_names_are_said_of_what_nobody_measured(call, folder):
    in_book(call, folder / "past.csv", table(4))
    code, _, err = call("align", "--online", "porfit", "--offline", "rmsee")
    assert code == 2
    assert said(err) == [
        "--offline: no launch has an offline metric 'rmsee'; did you mean 'rmse'?",
        "--online: no launch has an online metric 'porfit'; did you mean 'profit'?",
    ]


def test_a_book_that_is_not_there_is_said_and_nothing_is_made(call, folder):
    assert refusal(call, "--out", "out").startswith("launches.db: there is no launch book here; add a launch first")
    assert list(folder.iterdir()) == []


def test_a_file_that_it_did_not_write_is_left_alone(done, call, folder):
    (folder / "team.yaml").write_text("rmse: {owner: us}\n")
    assert refusal(call, "--book", done[2] / "launches.db", "--record", "team.yaml") == (
        "team.yaml: the file was not written by forecast-eval align --record; name a new file, and list it in "
        "score.catalogue behind this one"
    )
    assert (folder / "team.yaml").read_text() == "rmse: {owner: us}\n"
