"""The VN2 game on its real history: our chain against the organiser's rules, written again in plain NumPy."""

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
from forecast_eval.simulate import InventorySystem, Start, Supply, play

ROOT = Path(__file__).parents[2]
CONFIG = Path("configs/vn2.yaml")
WEEKS, ROUNDS = 8, 6


@pytest.fixture(scope="module")
def folder(shared_data):
    if not (shared_data / "vn2").is_dir():
        pytest.skip(f"no vn2 in {shared_data}")
    return shared_data.resolve() / "vn2"


@pytest.fixture
def data(folder, monkeypatch):
    monkeypatch.setenv("FORECAST_EVAL_DATA", str(folder.parent))
    monkeypatch.chdir(ROOT)
    return folder


@pytest.fixture(scope="module")
def played(folder, tmp_path_factory):
    """The run of configs/vn2.yaml with the organiser's forecast, his rule, and nobody's: to order nothing."""
    base = tmp_path_factory.mktemp("vn2")
    (base / "vn2_nothing.py").write_text(
        "from forecast_eval.simulate import Rule\n\ndef order(outlook):\n    return Rule(0 * outlook.point[:, 0])\n"
    )
    benchmark = {"organisers_benchmark": {"kind": "seasonal_average", "window": 13, "season": "week"}}
    policies = [
        {"kind": "periods_of_supply", "periods": [3, 4]},
        {"kind": "order_up_to", "coverage": [0.5, 0.8]},
        {"kind": "python", "object": "vn2_nothing:order"},
    ]
    overrides = [
        f"forecasters={yaml.safe_dump(benchmark)}",
        f"simulate.policies={yaml.safe_dump(policies)}",
        "order.model=organisers_benchmark",
        "simulate.hidden_demand=as_is",
        "backtest.workers=1",
        f"backtest.windows={2 * ROUNDS}",  # the rule needs no past errors, and order-up-to only some
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECAST_EVAL_DATA", str(folder.parent))
        patch.chdir(ROOT)
        patch.syspath_prepend(str(base))
        yield run(CONFIG, overrides, root=base, upto="simulate")


def wide(folder, name):
    table = pd.read_csv(folder / name, index_col=[0, 1])
    return table.set_axis(pd.to_datetime(table.columns), axis=1)


def initial(folder):
    """Stock at the end of week 0, and what arrives in weeks 1 and 2."""
    state = pd.read_csv(folder / "initial_state.csv", index_col=[0, 1]).loc[wide(folder, "sales.csv").index]
    return [state[name].to_numpy(float) for name in ("End Inventory", "In Transit W+1", "In Transit W+2")]


def last_weeks(folder):
    """Demand of the eight weeks that are played [week, series]."""
    return wide(folder, "sales.csv").to_numpy(float).T[-WEEKS:]


def plain_game(folder, decide):
    """Units left and short at the end of each of the eight weeks [week, series], by the organiser's rules.

    decide : gives the order of a round from its number, the stock and what is due in the two weeks to come.
    """
    stock, *due = initial(folder)
    left, short = [], []
    for week, demand in enumerate(last_weeks(folder), start=1):
        due.append(decide(week, stock, due) if week <= ROUNDS else np.zeros(len(stock)))
        stock = stock + due.pop(0)
        short.append(np.maximum(demand - stock, 0))
        stock = np.maximum(stock - demand, 0)
        left.append(stock)
    return np.array(left), np.array(short)


def cost(left, short):
    """Of weeks 3 to 8: the weeks before are nobody's doing."""
    return 0.2 * left[2:].sum() + short[2:].sum()


def nothing(_round, stock, _due):
    return np.zeros(len(stock))


def perfect(folder):
    """Order what is not there in the week of arrival, all demand until then being known."""
    demand = last_weeks(folder)

    def decide(number, stock, due):
        for ahead, arriving in enumerate(due):
            stock = np.maximum(stock + arriving - demand[number - 1 + ahead], 0)
        return np.maximum(demand[number + 1] - stock, 0)

    return decide


def benchmark(folder, weeks_of_supply):
    """Order up to the sum of a seasonally adjusted 13-week average over the next weeks."""
    sales, stocked = wide(folder, "sales.csv"), wide(folder, "in_stock.csv")
    weeks, first = sales.columns, sales.shape[1] - WEEKS

    def decide(number, stock, due):
        known = sales.iloc[:, : first + number - 1].where(stocked.iloc[:, : first + number - 1])
        by_week = known.mean().groupby(known.columns.isocalendar().week.to_numpy()).mean()
        season = by_week / by_week.mean()
        flat = known / season.loc[known.columns.isocalendar().week].to_numpy()
        base = flat.iloc[:, -13:].mean(axis=1)
        earlier = flat.apply(lambda row: row.dropna().iloc[-13:].mean(), axis=1)
        base = base.fillna(earlier).fillna(0.0).to_numpy()
        ahead = pd.date_range(weeks[first + number - 2], periods=weeks_of_supply + 1, freq="W-MON")[1:]
        level = np.rint(base * season.loc[ahead.isocalendar().week].sum())
        return np.ceil(np.maximum(level - stock - sum(due), 0))

    return decide


def whims(folder):
    """Orders of a player who throws dice [round, series], about as much as is sold."""
    typical = last_weeks(folder).mean(axis=0) + 1
    return np.random.default_rng(4).poisson(typical, (ROUNDS, len(typical))).astype(float)


def setting(played, label):
    return played.read("settings").set_index("setting").loc[label]


def foresight(played):
    """Cost of perfect foresight over the six judged weeks."""
    table = played.read("waterfall").query("part == 'perfect foresight'")
    return -ROUNDS * table["amount"].iloc[0]


def test_perfect_foresight_zero_orders_and_the_benchmark_cost_what_they_do_in_the_game(played, folder):
    assert foresight(played) == pytest.approx(cost(*plain_game(folder, perfect(folder))), rel=1e-9)
    assert -ROUNDS * setting(played, "order")["profit"] == pytest.approx(cost(*plain_game(folder, nothing)), rel=1e-9)
    for weeks in (3, 4):
        ours = ROUNDS * setting(played, f"{weeks} periods of supply")[["holding_cost", "shortage_cost", "profit"]]
        left, short = plain_game(folder, benchmark(folder, weeks))
        holding, shortage = 0.2 * left[2:].sum(), short[2:].sum()
        assert ours.tolist() == pytest.approx([holding, shortage, -holding - shortage], rel=1e-9)


def thrown(folder, orders):
    """What `play` makes of orders [round, series] in the challenge's system."""
    stock, *due = initial(folder)
    system = InventorySystem(Supply.plain(len(stock), lead_time=2, pack_size=1), Start(stock, np.array(due).T))
    decided = {n: lambda view: orders[view.period] for n in range(len(orders))}
    return play(system, last_weeks(folder).T, decided)


def test_play_is_the_game_whatever_is_ordered(folder):
    orders = whims(folder)
    flows = thrown(folder, orders)
    left, short = plain_game(folder, lambda number, _stock, _due: orders[number - 1])
    np.testing.assert_array_equal(flows.on_hand, left.T)
    np.testing.assert_array_equal(flows.lost, short.T)
    assert short[2:].sum() > 100


def test_weeks_1_and_2_are_the_same_for_everyone(folder):
    some, none = thrown(folder, whims(folder)), thrown(folder, [])
    np.testing.assert_array_equal(some.on_hand[:, :2], none.on_hand[:, :2])
    np.testing.assert_array_equal(some.lost[:, :2], none.lost[:, :2])
    assert some.lost[:, 2].sum() < none.lost[:, 2].sum()


def test_nobody_is_cheaper_than_perfect_foresight(played, folder):
    best = foresight(played)
    orders = whims(folder)
    assert best < cost(*plain_game(folder, lambda number, _stock, _due: orders[number - 1]))
    assert (-ROUNDS * played.read("settings")["profit"] > best).all()


def test_perfect_foresight_costs_the_holding_of_what_runs_off(played, folder):
    left, _ = plain_game(folder, nothing)
    assert foresight(played) == pytest.approx(0.2 * left[2:].sum(), rel=1e-9)


def test_zero_orders_cost_the_holding_of_what_runs_off_and_all_that_is_lost(played, folder):
    stock, *due = initial(folder)
    demand = last_weeks(folder)
    stock = np.maximum(np.maximum(stock + due[0] - demand[0], 0) + due[1] - demand[1], 0)  # at the end of week 2
    gone = demand[2:].cumsum(axis=0)
    runs_off = np.maximum(stock - gone, 0)
    lost = np.maximum(gone[-1] - stock, 0)
    ours = ROUNDS * setting(played, "order")[["holding_cost", "shortage_cost", "mismatch_cost"]]
    assert ours.tolist() == pytest.approx([0.2 * runs_off.sum(), lost.sum(), 0.2 * runs_off.sum() + lost.sum()])


def test_rounds_and_weeks_are_those_of_the_game(played):
    judged = played.read("ledger").dropna(subset=["cutoff"])
    assert sorted(judged["ds"].unique()) == list(pd.date_range("2024-03-04", "2024-04-08", freq="W-MON"))
    assert sorted(judged["cutoff"].unique()) == list(pd.date_range("2024-02-12", "2024-03-18", freq="W-MON"))


def test_state_is_the_challenges(data):
    state = pd.read_csv(data / "initial_state.csv")
    config = load_config(CONFIG)
    inputs = read_inputs(config.data, CONFIG.parent, config.seed)
    start = inputs.state.dense(inputs.history.unique_ids)
    assert len(start.on_hand) == 599
    assert start.on_hand.sum() == state["End Inventory"].sum()
    assert start.in_transit.sum(axis=0).tolist() == [state["In Transit W+1"].sum(), state["In Transit W+2"].sum()]
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
