"""The VN2 game on its real history: our chain against the organiser's rules, written again in plain pandas."""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from forecast_eval import cli
from forecast_eval.config import load_config
from forecast_eval.pipeline import run
from forecast_eval.read import read_inputs

CONFIG = Path("configs/vn2.yaml")


@pytest.fixture
def data(shared_data, monkeypatch, request):
    folder = shared_data / "vn2"
    if not folder.is_dir():
        pytest.skip(f"no vn2 in {shared_data}")
    monkeypatch.setenv("FORECAST_EVAL_DATA", str(shared_data.resolve()))
    monkeypatch.chdir(request.config.rootpath)
    return folder


def plain_game(folder, weeks_of_supply):
    """Order up to the sum of a seasonally adjusted 13-week average, six times; the cost of weeks 3 to 8."""
    sales = pd.read_csv(folder / "sales.csv", index_col=[0, 1])
    stocked = pd.read_csv(folder / "in_stock.csv", index_col=[0, 1])
    sales.columns = stocked.columns = pd.to_datetime(sales.columns)
    state = pd.read_csv(folder / "initial_state.csv", index_col=[0, 1]).loc[sales.index]
    stock = state["End Inventory"].to_numpy(float)
    due = [state["In Transit W+1"].to_numpy(float), state["In Transit W+2"].to_numpy(float)]
    weeks, cost = list(sales.columns), {}
    start = len(weeks) - 8
    for n in range(8):
        if n < 6:
            known = sales.iloc[:, : start + n].where(stocked.iloc[:, : start + n])
            by_week = known.mean().groupby(known.columns.isocalendar().week.to_numpy()).mean()
            season = by_week / by_week.mean()
            flat = known / season.loc[known.columns.isocalendar().week].to_numpy()
            base = flat.iloc[:, -13:].mean(axis=1)
            earlier = flat.apply(lambda row: row.dropna().iloc[-13:].mean(), axis=1)
            base = base.fillna(earlier).fillna(0.0).to_numpy()
            ahead = pd.date_range(weeks[start + n - 1], periods=weeks_of_supply + 1, freq="W-MON")[1:]
            level = np.rint(base * season.loc[ahead.isocalendar().week].sum())
            position = stock + sum(due)
            due.append(np.ceil(np.maximum(level - position, 0)))
        stock = stock + due.pop(0)
        demand = sales.iloc[:, start + n].to_numpy()
        lost = np.maximum(demand - stock, 0)
        stock = np.maximum(stock - demand, 0)
        cost[n + 1] = (0.2 * stock.sum(), lost.sum())
        if n >= 6:
            due.append(np.zeros(len(stock)))
    return sum(cost[n][0] for n in range(3, 9)), sum(cost[n][1] for n in range(3, 9))


def test_game_is_the_organisers(data, tmp_path):
    benchmark = yaml.safe_dump({"organisers_benchmark": {"kind": "seasonal_average", "window": 13, "season": "week"}})
    overrides = [
        f"forecasters={benchmark}",
        "order.model=organisers_benchmark",
        "simulate.hidden_demand=as_is",
        "backtest.workers=1",
    ]
    done = run(CONFIG, overrides, root=tmp_path, upto="simulate")
    settings = done.read("settings").set_index("setting")
    for weeks in (3, 4):
        holding, shortage = plain_game(data, weeks)
        ours = settings.loc[f"{weeks} periods of supply"] * 6
        assert ours["holding_cost"] == pytest.approx(holding, rel=1e-9)
        assert ours["shortage_cost"] == pytest.approx(shortage, rel=1e-9)
        assert -ours["profit"] == pytest.approx(holding + shortage, rel=1e-9)
    judged = done.read("ledger").dropna(subset=["cutoff"])
    assert sorted(judged["ds"].unique()) == list(pd.date_range("2024-03-04", "2024-04-08", freq="W-MON"))
    assert sorted(judged["cutoff"].unique()) == list(pd.date_range("2024-02-12", "2024-03-18", freq="W-MON"))


def test_state_is_the_challenges(data):
    state = pd.read_csv(data / "initial_state.csv")
    config = load_config(CONFIG)
    inputs = read_inputs(config.data, CONFIG.parent, config.seed)
    on_hand, in_transit = inputs.state.dense(inputs.history.unique_ids)
    assert len(on_hand) == 599
    assert on_hand.sum() == state["End Inventory"].sum()
    assert in_transit.sum(axis=0).tolist() == [state["In Transit W+1"].sum(), state["In Transit W+2"].sum()]
    assert math.isclose(1 - inputs.history.frame["in_stock"].mean(), 0.1118, abs_tol=1e-3)


def test_orders_have_the_rows_of_the_template_in_its_order(data, tmp_path, monkeypatch):
    out = tmp_path / "orders.csv"
    arguments = [
        "order",
        str(CONFIG),
        "--out",
        str(out),
        "--runs",
        str(tmp_path),
        "--set",
        "order.model=organisers_benchmark",
    ]
    monkeypatch.setattr(sys, "argv", ["forecast-eval", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert not exit_.value.code
    template, orders = (pd.read_csv(p) for p in (data / "submission_template.csv", out))
    assert orders.columns.tolist() == template.columns.tolist()
    assert orders[["Store", "Product"]].equals(template[["Store", "Product"]])
    assert len(orders) == 599
    assert (orders["0"] >= 0).all()
    assert orders["0"].sum() > 1_000
    assert orders["0"].dtype.kind == "i"
