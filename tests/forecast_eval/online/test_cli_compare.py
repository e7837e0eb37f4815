"""`forecast-eval compare` as a person calls it."""

import json

import pytest
import yaml

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
