"""The examples run, and what they print is what they claim."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = ("train_lightgbm", "train_torch")
NUMBERS = re.compile(r"^(?P<model>[a-z].*?) {2,}(?P<rest>[-\d].*)$")


@pytest.fixture(scope="module")
def printed():
    """Lines of both scripts, run at the same time; a warning stops them."""
    started = {
        name: subprocess.Popen(
            [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", "--small"],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in SCRIPTS
    }
    ended = {name: (*process.communicate(), process.returncode) for name, process in started.items()}
    assert {name: (error, code) for name, (_, error, code) in ended.items()} == dict.fromkeys(SCRIPTS, ("", 0))
    return {name: out.splitlines() for name, (out, _, _) in ended.items()}


@pytest.fixture
def demo(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    from demo_market import SEED, DemoMarket

    return DemoMarket(seed=SEED, small=True)


def table(lines):
    """Model -> its numbers: RMSE, profit, fill rate, waste, (difference, low, high,) profit at the best factor."""
    start = next(n for n, line in enumerate(lines) if line.startswith("money is per week"))
    rows = [NUMBERS.match(line) for line in lines[start + 1 : -1]]
    return {row["model"]: [float(n) for n in re.findall(r"[-+]?[\d.]+", row["rest"])] for row in rows}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_contestant_has_finite_figures_in_100_columns(printed, script):
    found, lines = table(printed[script]), printed[script]
    assert {"squared error", "squared error, residual quantile", "quantile loss, one level", "ours"} <= set(found)
    assert {name: len(numbers) for name, numbers in found.items()} == {
        name: 5 if name == "squared error" else 8 for name in found
    }
    assert np.isfinite(np.concatenate(list(found.values()))).all()
    assert max(len(line) for line in lines[:-1]) <= 100


@pytest.mark.parametrize("script", SCRIPTS)
def test_best_on_rmse_is_not_who_earns_most(printed, script):
    found = table(printed[script])
    assert min(found, key=lambda name: found[name][0]) == "squared error"
    assert found["ours"][1] > found["squared error"][1]


@pytest.mark.parametrize("script", SCRIPTS)
def test_last_sentence_says_what_the_table_says(printed, script):
    found, last = table(printed[script]), printed[script][-1]
    gap, low, high = found["ours"][4:7]
    assert low < gap < high
    assert last.startswith(f"A week, ours earns {abs(gap):.0f} {'more' if gap > 0 else 'less'} than squared error")
    honest = found["ours"][1] - found["squared error, residual quantile"][1]
    said = re.search(r"and (\d+) (more|less) than squared error, residual quantile", last)
    assert abs({"more": 1, "less": -1}[said[2]] * int(said[1]) - honest) <= 1  # both profits are rounded


def test_features_do_not_know_what_comes_after_the_cutoff(demo):
    cutoff = demo.judged[:1]
    before, later = demo.rows(cutoff).x, demo.rows(cutoff + 1).x
    frame, after = demo.history.frame.copy(), demo.market.calendar[cutoff[0]]
    late = frame["ds"] > after
    frame.loc[late, "y"] = 3 * frame.loc[late, "y"] + 7
    frame.loc[late, "in_stock"] = 0.25
    demo.history = replace(demo.history, frame=frame)
    believed = demo.market.believed.copy()
    believed[:, cutoff[0] + 1 :] = 3 * believed[:, cutoff[0] + 1 :] + 7
    demo.market = replace(demo.market, believed=believed)
    assert demo.rows(cutoff).x.equals(before)
    assert not demo.rows(cutoff + 1).x.equals(later)


def test_training_rows_are_over_before_they_are_used(demo):
    reach = int(demo.market.protection.max())
    assert demo.train[-1] + reach <= demo.judged[0]
    assert demo.early[-1] + reach <= demo.held_out[0]
    assert set(demo.held_out) <= set(demo.train)


def test_rows_cover_lead_time_and_review(demo):
    cutoff = demo.train[5:6]
    rows = demo.rows(cutoff)
    expected = [
        demo.market.believed[i, cutoff[0] + 1 + first : cutoff[0] + 1 + end].sum()
        for i, (first, end) in enumerate(zip(demo.market.first_step, demo.market.protection, strict=True))
    ]
    assert np.array_equal(rows.demand, expected)
    assert set(demo.market.protection) == {2, 3}  # else this market could not tell
