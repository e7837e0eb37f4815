"""The command `design`, as a person calls it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from forecast_eval.online.plan import read_plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def experiment(tmp_path):
    rng = np.random.default_rng(2)
    size = rng.lognormal(4, 0.5, 20)
    rows = [(f"s{u}", w, size[u] * rng.lognormal(0, 0.1)) for u in range(20) for w in range(24)]
    pd.DataFrame(rows, columns=["shop", "week", "sold"]).to_csv(tmp_path / "weekly.csv", index=False)
    tree = {
        "name": "shops", "outcomes": {"path": "weekly.csv", "columns": {"unit": "shop", "ds": "week"}},
        "design": {"pre_periods": 8, "periods": [4, 2], "washout": 1, "effect": 0.05},
    }  # fmt: skip
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path / "experiment.yaml"


def test_a_design_prints_what_can_be_found_and_writes_the_plan(call, experiment):
    plan = experiment.with_name("plans") / "plan.yaml"
    code, out, err = call("design", experiment, "--out", plan)
    assert (code, "Traceback" in err) == (0, False)
    for words in ("control", "treatment", "standardised difference", "with CUPED", "ratio", "A/A, sold with CUPED",
                  "An effect of 5.0% on sold", "forecast-eval analyze OUTCOMES --plan",
                  "level 0.05 for the primary metric."):  # fmt: skip
        assert words in " ".join(out.split())
    assert max(map(len, out.replace(str(plan), "plan.yaml").splitlines())) <= 100
    assert read_plan(plan).hash in out


def test_a_plan_is_written_over_by_force_only(call, experiment):
    plan = experiment.with_name("plan.yaml")
    plan.write_text("name: another\n")
    code, _, err = call("design", experiment, "--out", plan)
    assert (code, "exists with other content" in err, plan.read_text()) == (2, True, "name: another\n")
    assert call("design", experiment, "--out", plan, "--force")[0] == 0
    assert read_plan(plan).config.name == "shops"


def test_every_fault_is_told_with_its_key(call, experiment):
    code, _, err = call("design", experiment, "--set", "design.strata=[region]", "--set", "design.pre_periods=40")
    assert code == 2
    assert {"design.strata:", "design.pre_periods:"} <= {line.split(" ")[0] for line in err.splitlines()}


def test_the_design_of_the_orange_juice_history(call, shared_data, monkeypatch, tmp_path):
    """83 stores; CUPED takes a third or more off the detectable effect of eight weeks."""
    if not (shared_data / "dominicks_oj").is_dir():
        pytest.skip(f"no dominicks_oj in {shared_data}")
    monkeypatch.setenv("FORECAST_EVAL_DATA", str(shared_data.resolve()))
    code, _, err = call("design", ROOT / "configs" / "design_oj.yaml", "--out", tmp_path / "plan.yaml",
                        "--set", "design.periods=[8]")  # fmt: skip
    assert (code, "Traceback" in err) == (0, False)
    plan = read_plan(tmp_path / "plan.yaml")
    none, cuped = plan.detectable
    assert sum(plan.counts.values()) == 83
    assert 0.05 < cuped.relative < 0.67 * none.relative < 0.1
    assert plan.aa[0].is_sound
