"""`forecast-eval compare` as a person calls it."""

import datetime as dt
import json

import numpy as np
import pytest
import yaml

from forecast_eval.align import Deltas, Launch, OnlineTest
from forecast_eval.launch_book import open_book

EXPERIMENT = {
    "name": "launch",
    "outcomes": {"path": "outcomes.csv", "segments": ["item"]},
    "design": {"start": "2026-01-12", "pre_periods": 10},
    "metrics": {"profit": {"role": "primary"}, "revenue": {}},
}


@pytest.fixture
def launch(tmp_path, chain_outcomes):
    """Write outcomes, and the YAML of an experiment with some changes; give both paths."""

    def written(start="2026-01-12", **changes):
        chain_outcomes(start).to_csv(tmp_path / "outcomes.csv", index=False)
        tree = EXPERIMENT | changes
        tree["design"] = tree["design"] | {"start": start}
        (tmp_path / "launch.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
        return tmp_path / "outcomes.csv", tmp_path / "launch.yaml"

    return written


def test_it_prints_both_sides_within_a_hundred_columns(call, launch, chain_run):
    outcomes, config = launch()
    code, out, _ = call("compare", chain_run, outcomes, "--config", config, "--candidate", "fast")
    assert code == 0
    assert all(len(line) <= 100 for line in out.splitlines())
    assert "treatment (fast against slow): profit" in out
    assert "NOT THE SAME WEEKS" in out


def test_it_writes_json_and_a_page_that_asks_nobody(call, launch, chain_run, read_page, tmp_path):
    outcomes, config = launch()
    code, _, _ = call(
        "compare", chain_run, outcomes, "--config", config, "--candidate", "fast", "--out", tmp_path / "o"
    )
    assert code == 0
    data = json.loads((tmp_path / "o" / "compare.json").read_text())
    assert [own["metric"] for own in data["metrics"]] == ["profit", "revenue"]
    assert data["models"] == {"control": "slow", "treatment": "fast"}
    page = (tmp_path / "o" / "compare.html").read_text()
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    loaded = [own.get("src") or own.get("href") for _, own in read_page(page).tags]
    assert all(address is None or address.startswith(("#", "data:")) for address in loaded)


def past(count, last):
    """Launches whose tests ended a week apart, the last one on a day."""
    rng, out = np.random.default_rng(5), []
    for k in range(count):
        end = last - dt.timedelta(weeks=k)
        x = rng.normal(0.02, 0.05)
        test = OnlineTest("store", (8, 8), end - dt.timedelta(days=27), end, 4)
        online = Deltas.of(["profit"], [0.5 * x + rng.normal(0, 0.01)], [[4e-4]])
        day = end - dt.timedelta(days=30)
        offline = Deltas.of(["profit"], [x], [[1e-4]])
        out.append(Launch(f"past {k}", "new", "old", day, "launched", offline, online, None, test))
    return out


def test_past_launches_foretell_the_test_and_later_ones_do_not(call, launch, chain_run, tmp_path):
    outcomes, config = launch()
    open_book(tmp_path / "past.db").add(past(7, dt.date(2026, 1, 25)))  # the test starts on the 12th
    asked = ("compare", chain_run, outcomes, "--config", config, "--candidate", "fast", "--out", tmp_path / "o")
    code, out, _ = call(*asked, "--book", tmp_path / "past.db")
    assert code == 0
    assert all(len(line) <= 100 for line in out.splitlines() if "Comparison:" not in line)
    (foretold,) = json.loads((tmp_path / "o" / "compare.json").read_text())["foretold"]
    assert (foretold["metric"], foretold["launches"]) == ("profit", 5)
    assert foretold["noisy_low"] < foretold["low"] < foretold["value"] < foretold["high"] < foretold["noisy_high"]
    assert foretold["held"] == (foretold["noisy_low"] <= foretold["measured"] <= foretold["noisy_high"])
    said = f"after calibration on 5 launches {100 * foretold['value']:+z.1f}%"
    for text in (out, (tmp_path / "o" / "compare.html").read_text()):
        assert said in " ".join(text.split())
    assert "5 of 7 launches" in " ".join(out.split())


def test_without_a_book_nothing_is_foretold(call, launch, chain_run, tmp_path):
    outcomes, config = launch()
    _, out, _ = call("compare", chain_run, outcomes, "--config", config, "--candidate", "fast", "--out", tmp_path / "o")
    assert "after calibration" not in out
    assert json.loads((tmp_path / "o" / "compare.json").read_text())["foretold"] == []


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, [], "which model did arm treatment use?"),
        ({}, ["--candidate", "fats"], "did you mean 'fast'"),
        ({}, ["--candidate", "fast", "--unit", "stoer"], "no static column 'stoer'"),
        ({"start": "2025-10-13"}, ["--candidate", "fast"], "knew sales of the test"),
    ],
)
def test_bad_input_gets_one_clear_message(call, launch, chain_run, changes, options, said):
    outcomes, config = launch(**changes)
    code, out, err = call("compare", chain_run, outcomes, "--config", config, *options)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_units_that_got_lost_are_a_gate_that_says_no(call, launch, chain_run):
    outcomes, config = launch()
    changed = ["--set", "design.arms={control: 1, treatment: 40}"]
    code, out, _ = call("compare", chain_run, outcomes, "--config", config, "--candidate", "fast", *changed)
    assert code == 1
    assert out.startswith("Not compared: sample-ratio mismatch")
