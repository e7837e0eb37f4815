"""Benchmarks that are quoted keep running: each once, on a part of its data."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

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
