"""Kaggle's own M5 files through configs/m5.yaml, against plain pandas on the same files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import RollingWindows
from backtest.asof import known_at
from backtest.forecaster import Ask
from forecast_eval.config import load_config
from forecast_eval.markets import market_of
from forecast_eval.money import judged_cutoffs
from forecast_eval.pipeline import checked
from forecast_eval.read import read_inputs

CONFIG = Path(__file__).parents[2] / "configs" / "m5.yaml"
EVERY = 100


@pytest.fixture(scope="module")
def folder(shared_data, tmp_path_factory):
    """Every hundredth item of the real files, in a folder beside nothing else."""
    source = shared_data / "m5_two_stores"
    if not source.is_dir():
        pytest.skip(f"no m5_two_stores in {shared_data}")
    base = tmp_path_factory.mktemp("data")
    target = base / "m5_two_stores"
    target.mkdir()
    (target / "calendar.csv").write_bytes((source / "calendar.csv").read_bytes())
    sales = pd.read_csv(source / "sales_train_validation.csv.gz", dtype=str)
    items = sorted(sales["item_id"].unique())[::EVERY]
    for name in ("sales_train_validation.csv.gz", "sell_prices.csv.gz"):
        table = sales if name.startswith("sales") else pd.read_csv(source / name, dtype=str)
        table[table["item_id"].isin(items)].to_csv(target / name, index=False)
    return target


@pytest.fixture(scope="module")
def raw(folder):
    """Sales by day with date, price, event and SNAP, joined in plain pandas, from each series' first sale on."""
    sales = pd.read_csv(folder / "sales_train_validation.csv.gz")
    about = [c for c in sales if not c.startswith("d_")]
    days = pd.read_csv(folder / "calendar.csv", parse_dates=["date"])
    prices = pd.read_csv(folder / "sell_prices.csv.gz")
    long = sales.melt(about, var_name="d", value_name="y").merge(days, on="d")
    long = long.merge(prices, on=["store_id", "item_id", "wm_yr_wk"], how="left")
    long["unique_id"] = long["item_id"] + "/" + long["store_id"]
    long = long.sort_values(["unique_id", "date"]).reset_index(drop=True)
    return long[long.groupby("unique_id")["y"].cumsum() > 0].reset_index(drop=True)


@pytest.fixture(scope="module")
def config(folder):
    return load_config(CONFIG, [f"data.root={folder}"])


@pytest.fixture(scope="module")
def inputs(config):
    return read_inputs(config.data, CONFIG.parent, config.seed)


def test_the_panel_is_that_of_the_files(inputs, raw):
    frame = inputs.history.frame
    assert frame["unique_id"].tolist() == raw["unique_id"].tolist()
    assert frame["ds"].tolist() == raw["date"].tolist()
    np.testing.assert_array_equal(frame["y"], raw["y"])
    np.testing.assert_array_equal(frame["sell_price"], raw["sell_price"])
    np.testing.assert_array_equal(frame["snap_TX"], raw["snap_TX"])
    assert frame["event_name_1"].tolist() == raw["event_name_1"].fillna("").tolist()
    assert raw["event_name_1"].notna().any()
    assert inputs.history.static.loc["FOODS_1_001/TX_1", ["item", "store", "department", "state"]].tolist() == [
        "FOODS_1_001", "TX_1", "FOODS_1", "TX",
    ]  # fmt: skip


def test_economics_are_the_price_of_the_week_and_shares_of_it(inputs, raw):
    history = inputs.history
    prices = raw.pivot_table(index="unique_id", columns="date", values="sell_price")
    for name, share in (("price", 1.0), ("unit_cost", 0.7), ("holding", 0.0002)):
        field = inputs.economics.field(name, history.unique_ids, history.calendar)
        known = ~np.isnan(prices.to_numpy())
        np.testing.assert_allclose(field[known], share * prices.to_numpy()[known])
        assert not np.isnan(field).any()


def test_prices_and_events_are_known_ahead_as_far_as_both_files_reach(inputs, folder):
    days = pd.read_csv(folder / "calendar.csv", parse_dates=["date"])
    weeks = pd.read_csv(folder / "sell_prices.csv.gz")["wm_yr_wk"]
    coming = days[(days["date"] > inputs.history.calendar[-1]) & (days["wm_yr_wk"] <= weeks.max())]
    ahead = inputs.history.ahead
    assert ahead["ds"].unique().tolist() == coming["date"].tolist()
    first = ahead[ahead["unique_id"] == inputs.history.unique_ids[0]]
    np.testing.assert_array_equal(first["snap_CA"], coming["snap_CA"])


def test_a_forecaster_is_handed_the_prices_of_its_horizon_and_no_sales(inputs, config, raw):
    spec = config.backtest
    windows = RollingWindows(horizon=spec.horizon, step=spec.step, n_windows=spec.windows).over(inputs.history.calendar)
    known = known_at(inputs.history, windows[-1], Ask())
    assert known.history["ds"].max() == windows[-1].cutoff == pd.Timestamp("2016-03-27")
    wanted = raw[raw["date"] > windows[-1].cutoff].set_index(["unique_id", "date"])
    handed = known.future.set_index(["unique_id", "ds"])
    assert "y" not in handed
    np.testing.assert_array_equal(handed["sell_price"], wanted["sell_price"].reindex(handed.index))


def test_the_config_can_be_played(inputs, config):
    made, forecasters, windows = checked(config, CONFIG.parent)
    assert set(forecasters) >= {"seasonal_naive", "croston_sba", "exponential_smoothing", "lightgbm"}
    playable, judged = judged_cutoffs(market_of(config, made), windows, config.simulate.judged)
    assert (playable, judged) == ([1, 2], [2])
    assert len(made.history.frame) == len(inputs.history.frame)
