"""Benchmarks that are quoted keep running: each once, on a part of its data."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast_eval.config import config_of

FOLDER = Path(__file__).parents[1] / "benchmarks"


def output(script, *arguments, **environment):
    command = [sys.executable, "-W", "error", str(FOLDER / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_m5_is_judged_in_money(shared_data):
    told = output("m5.py", "--every", "30", "--data", str(shared_data))
    profits = [float(p.replace(",", "")) for p in re.findall(r"tuned(?: \(level x [\d.]+\))? +([\d,]+)", told)]
    assert len(profits) == 4
    assert min(profits) > 0.9 * max(profits) > 0
    assert re.search(r"M5: LightGBM on money earns .*: USD -?\d+ \(from -?\d+ to -?\d+\) a week", told)


def test_m5_without_its_data_says_what_is_missing(tmp_path):
    command = [sys.executable, str(FOLDER / "m5.py"), "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "set FORECAST_EVAL_DATA, or give --data" in done.stderr


def test_backtest_forecasts_what_statsforecast_does(shared_data, tmp_path):
    for who in ("ours", "theirs"):
        output(
            "backtest_figures.py", "--child", who, "--data", str(shared_data), "--series", "15", "--out", str(tmp_path),
            "--models", "seasonal_naive,croston",
        )  # fmt: skip
    ours, theirs = (pd.read_parquet(tmp_path / f"{who}.parquet") for who in ("ours", "theirs"))
    assert len(ours) == 15 * 3 * 28
    pd.testing.assert_frame_equal(ours, theirs, check_names=False, check_dtype=False, check_index_type=False)


def test_simulator_moves_the_units_that_a_numpy_loop_does():
    told = output("simulator.py", "--series", "300", "--scenarios", "4", "--repetitions", "1", "--part", "speed")
    assert "times NumPy, shelf life 5, 2 thread(s)" in told
    assert told.splitlines()[-1].startswith("Simulator: ")


def test_scores_agree_with_utilsforecast_and_both_sizes_are_measured():
    told = output("scores.py", "--series", "60", "--windows", "2", "--repetitions", "1")
    assert "1,680 rows, 5 models, 5 metrics, by series" in told
    assert "3,360 rows (60 series, 2 windows), 5 models with 5 quantiles each, 22 metrics" in told
    assert re.search(
        r"^Scores: times utilsforecast on one thread [\d.]+ \(>= 5\); .*GB at M5's size", told, re.MULTILINE
    )


def lines(*rows):
    return pd.DataFrame(rows, columns=["candidate", "chosen_by", "standing"])


@pytest.mark.parametrize(
    ("rows", "held"),
    [
        ([("new", "rmse, mape", "not shown"), ("money", "trend_weighted_cost", "better")], 4),
        ([("new", "rmse, mape", "worse"), ("money", "profit, trend_weighted_cost", "not shown")], 3),
        ([("new", "rmse, mape, trend_weighted_cost", "not shown")], 2),  # the same model: there is no other one
        ([("new", "mape", "worse"), ("money", "trend_weighted_cost", "better")], 0),  # RMSE keeps the incumbent
        ([], 0),
    ],
)
def test_the_story_holds_where_each_of_its_parts_does(rows, held):
    story = runpy.run_path(str(FOLDER / "story.py"))
    parts = story["Outcome"](1, lines(*rows)).parts
    assert sum(map(bool, parts.values())) == held


def test_intervals_of_alignment_are_counted_in_every_cell():
    told = output("align_coverage.py", "--quick", "--replicates", "3").splitlines()
    assert len(told) == 2 + 12 + 1  # head, cells, summary
    assert sum("selected" in line for line in told[:-1]) == 4
    assert re.match(r"Alignment: 12 cells of 3; 90 % interval of rho holds it in [\d.]+ % or more", told[-1])


def test_every_way_to_pick_a_proxy_is_judged():
    told = output("align_proxy.py", "--worlds", "1", "--draws", "40", "--launches", "8").splitlines()
    assert [line.split()[2] for line in told[1:-1]] == ["naive", "plug-in", "ours", "composite", "advised"]
    assert re.search(r"8: naive (0|100)%, plug-in (0|100)%, ours (0|100)%; composite less than ours [-+]", told[-1])


@pytest.fixture
def past_launches(monkeypatch):
    """Names of the benchmark that plays markets, which takes minutes each."""
    monkeypatch.syspath_prepend(FOLDER)
    return runpy.run_path(str(FOLDER / "past_launches.py"))


def test_every_market_has_candidates_of_its_own_and_the_same_ones_again(past_launches):
    drawn = [past_launches["candidates"](seed) for seed in (1, 2, 1)]
    assert [len(own) for own in drawn] == [6, 6, 6]
    assert drawn[0] == drawn[2]
    assert list(drawn[0].items()) == list(drawn[2].items())
    assert drawn[0] != drawn[1]


def test_every_market_is_a_config(past_launches):
    for seed in range(1, 13):
        config = config_of(past_launches["config_of"](seed), "market")
        assert config.seed == seed
        assert set(config.online.candidates) == set(config.forecasters) - {config.compare.incumbent}


@pytest.mark.usefixtures("past_launches")
def test_a_wrong_arm_costs_what_it_loses_and_a_metric_without_a_value_is_not_judged():
    trusted = runpy.run_path(str(FOLDER / "trusted.py"))
    right, regret = trusted["judged"](np.array([0.2, -0.1, np.nan, 0.3]), np.array([0.05, 0.04, 0.02, -0.03]))
    assert right.tolist()[:2] == [1.0, 0.0]
    assert right[3] == 0.0
    np.testing.assert_allclose(regret, [0.0, 0.04, np.nan, 0.03])


def test_a_replay_that_is_what_happened_leaves_doubly_robust_no_error():
    replay = runpy.run_path(str(FOLDER / "replay.py"))
    rng = np.random.default_rng(3)
    old = rng.gamma(5, 20, 12)
    new = old * rng.normal(1.1, 0.05, 12)
    arms = [[(old, None), (new, None)]] * 2
    groups = replay["pairs_of"](old)
    assert np.bincount(groups).tolist() == [2] * 6
    treated = replay["drawn"](groups, rng)
    assert (np.bincount(groups, treated) == 1).all()
    bench = replay["Bench"](replay["METRICS"]["profit"], arms[0], arms, arms, (old, None), ([], []))
    sample = replay["Sample"](bench.seen(bench.happened, treated)[0], treated, None, old, None, groups)
    assert bench.robust(bench.played, sample)[0] == pytest.approx(bench.truth)
    assert bench.truth == pytest.approx(new.sum() / old.sum() - 1)
