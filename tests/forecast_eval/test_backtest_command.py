"""`forecast-eval backtest` as a person meets it: the plan before, what each model took after, all kinds of windows."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import yaml

CONFIG = {
    "name": "shop",
    "data": {
        "history": {"path": "history.csv"},
        "economics": {"values": {"price": 5, "unit_cost": 3, "holding": 0.1, "lead_time": 1}},
    },
    "backtest": {"horizon": 2, "windows": 9, "refit": 3, "workers": 1, "quantiles": [0.1, 0.5, 0.9]},
    "forecasters": {
        "average": {"kind": "seasonal_average", "window": 8, "season": "none"},
        "naive": {"kind": "statsforecast", "model": "Naive"},
    },
    "score": {"metrics": ["rmse"]},
    "simulate": {"scenarios": 60, "judged": 3},
    "compare": {"incumbent": "naive"},
}
WEEKS = pd.date_range("2025-01-06", periods=40, freq="W-MON")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    rng, ids = np.random.default_rng(1), [f"k{k}" for k in range(6)]
    frame = pd.DataFrame({"unique_id": np.repeat(ids, 40), "ds": np.tile(WEEKS, 6), "y": rng.poisson(9, 240)})
    frame = frame[(frame["unique_id"] != "k5") | (frame["ds"] < WEEKS[31])]
    frame = frame[(frame["unique_id"] != "k4") | (frame["ds"] > WEEKS[33])]
    frame.to_csv(tmp_path / "history.csv", index=False)
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def manifest(folder):
    (found,) = folder.glob("runs/shop/*/manifest.json")
    return json.loads(found.read_text())


def test_plan_shows_the_windows_and_the_work_and_runs_nothing(shop, call):
    code, out, _ = call("backtest", "shop.yaml", "--plan")
    assert code == 0
    assert not (shop / "runs").exists()
    assert max(map(len, out.splitlines())) <= 100
    rows = [line.split() for line in out.splitlines() if line.strip().startswith("2025-")]
    assert len(rows) == 9
    assert rows[0] == ["2025-07-28", "yes", "2025-01-06", "2025-08-04", "2025-08-11", "5", "0", "1"]
    assert rows[4] == ["2025-08-25", "2025-01-06", "2025-09-01", "2025-09-08", "4", "1", "1"]
    assert re.search(r"average +3 +0", out)
    call("backtest", "shop.yaml")
    _, out, _ = call("backtest", "shop.yaml", "--plan")
    assert re.search(r"average +3 +3", out)


def test_what_each_model_took_is_shown_and_recorded(shop, call):
    _, out, _ = call("score", "shop.yaml")
    assert re.search(r"model +fit s +predict s +ms a series +peak MB +failures", out)
    assert re.search(r"naive +[\d.]+ +[\d.]+ +[\d.]+ +[\d,]+ +0", out)
    taken = manifest(shop)["usage"]["naive"]
    assert taken["fit_seconds"] + taken["predict_seconds"] > 0
    assert taken["failures"] == 0


def test_cutoffs_may_be_listed_and_uneven_ones_stop_before_the_money(shop, call):  # noqa: ARG001 - it stands there
    even = [f"{d:%Y-%m-%d}" for d in WEEKS[26:38]]
    listed = ["--set", "backtest.windows=null", "--set"]
    code, _, _ = call("simulate", "shop.yaml", *listed, f"backtest.cutoffs={even}")
    assert code == 0
    code, out, _ = call("score", "shop.yaml", *listed, f"backtest.cutoffs={[even[0], even[1], even[5]]}")
    assert code == 0
    assert "naive" in out
    code, _, err = call("run", "shop.yaml", *listed, f"backtest.cutoffs={[even[0], even[1], even[5]]}")
    assert code == 2
    assert "backtest.cutoffs: the cutoffs are not evenly apart, and orders are placed at even intervals" in err


def test_orders_are_placed_at_the_end_of_the_gap(shop, call):
    code, _, err = call("simulate", "shop.yaml", "--set", "backtest.gap=2", "--set", "simulate.judged=2")
    assert code == 0, err
    (folder,) = (shop / "runs/shop").glob("2*")
    ledger = pd.read_parquet(folder / "tables/ledger.parquet")
    judged = ledger.dropna(subset=["cutoff"])
    # lead time 1: data end, two periods pass, an order is placed, one more passes, then it is for sale
    assert ((judged["ds"] - judged["cutoff"]).dt.days // 7).unique().tolist() == [4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["backtest.windows=null"], "give either windows, a number, or cutoffs, a list of dates"),
        (["backtest.gap=-1"], "backtest.gap"),
        (["backtest.refit=soon"], "refit='soon' is no period of time"),
        (["backtest.on_failure=fallback"], "on_failure: fallback and fallback, a forecaster's name, go together"),
        (["backtest.on_failure=fallback", "backtest.fallback=naiv"], "did you mean 'naive'"),
        (["backtest.gap=30"], "gap=30 need"),
    ],
)
def test_windows_that_cannot_be_are_refused_with_the_fix(changes, message, shop, call):  # noqa: ARG001 - it stands there
    code, _, err = call("backtest", "shop.yaml", *(part for change in changes for part in ("--set", change)))
    assert code == 2
    assert message in err
