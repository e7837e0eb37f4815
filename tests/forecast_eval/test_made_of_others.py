"""Laws of ensembles and residual quantiles in a config, and of the backtest that makes them."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import History, InputError, RollingWindows, Settings, backtest
from backtest.adapters.ensemble import Ensemble
from backtest.adapters.residual_quantiles import ResidualQuantiles
from forecast_eval.config import config_of
from forecast_eval.economics import Economics
from forecast_eval.forecasters import forecasters_of

TREE = {
    "name": "derived",
    "data": {"history": {"path": "sales.csv"}, "economics": {"values": {"holding": 0.2, "goodwill": 1}}},
    "backtest": {"horizon": 3, "windows": 2},
    "forecasters": {
        "average": {"kind": "seasonal_average", "window": 6, "season": "none"},
        "steady": {"kind": "seasonal_average", "window": 12, "season": "none"},
        "both": {"kind": "ensemble", "members": ["average", "steady"], "weights": [3, 1]},
        "sure": {"kind": "residual_quantiles", "of": "both", "windows": 5, "pool": 30},
    },
    "compare": {"incumbent": "average"},
}
LEVELS = (0.1, 0.5, 0.9)
WINDOWS = RollingWindows(horizon=3, n_windows=2)
SETTINGS = Settings(LEVELS, paths=8, seed=2)


def panel():
    rng = np.random.default_rng(1)
    weeks = pd.date_range("2025-01-06", periods=60, freq="W-MON")
    mean = np.repeat(rng.uniform(2, 60, 30), 60)
    stock = mean * rng.uniform(0.6, 2.5, 1800)
    demand = rng.poisson(mean)
    return pd.DataFrame({
        "unique_id": np.repeat([f"s{i:02d}" for i in range(30)], 60), "ds": np.tile(weeks, 30),
        "y": np.minimum(demand, stock).round(), "in_stock": np.where(demand > stock, 0.5, 1.0),
    })  # fmt: skip


PRICES = Economics.of(pd.DataFrame({"unique_id": [f"s{i:02d}" for i in range(30)], "holding": 0.2, "goodwill": 1.0}))


def built(tree=None, long=None):
    return forecasters_of(
        config_of(tree or TREE, "c.yaml"), Path(), history=History.of(panel() if long is None else long),
        economics=PRICES,
    )  # fmt: skip


def changed(forecaster, **keys):
    tree = copy.deepcopy(TREE)
    tree["forecasters"][forecaster] |= keys
    return tree


def test_config_gives_the_forecasters_that_are_made_of_others():
    made = built()
    assert made["both"] == Ensemble(("average", "steady"), (3.0, 1.0))
    assert made["sure"] == ResidualQuantiles("both", windows=5, pool=30, hidden="censored")


def test_stockouts_are_taken_as_they_are_where_the_whole_backtest_does():
    tree = changed("sure")
    tree["backtest"]["hidden_demand"] = "as_is"
    assert built(tree)["sure"].hidden == "as_is"
    tree["forecasters"]["sure"]["hidden"] = "fill"
    assert built(tree)["sure"].hidden == "fill"


def test_backtest_makes_them_at_every_window_and_never_shows_earlier_ones():
    made = backtest(History.of(panel()), built(), windows=WINDOWS, settings=SETTINGS).forecasts
    rows = made[made["model"] == "sure"]
    assert rows["cutoff"].nunique() == 2
    assert len(rows) == 2 * 30 * 3
    values = rows[["forecast", "q0.1", "q0.5", "q0.9"]]
    assert np.isfinite(values).all(axis=None)
    parts = {name: part["forecast"].to_numpy() for name, part in made.groupby("model")}
    np.testing.assert_allclose(parts["both"], 0.75 * parts["average"] + 0.25 * parts["steady"])


def test_quantiles_hold_in_a_backtest():
    windows = RollingWindows(horizon=3, step=3, n_windows=6)
    plain = History.of(panel().drop(columns="in_stock"))
    made = backtest(plain, built(changed("sure", windows=8)), windows=windows, settings=SETTINGS).forecasts
    came = made[made["model"] == "sure"].merge(plain.frame, on=["unique_id", "ds"])
    for level in LEVELS:
        assert (came["y"] <= came[f"q{level}"]).mean() == pytest.approx(level, abs=0.06)


def test_nothing_moves_when_everything_after_the_cutoff_does():
    one = RollingWindows(horizon=3, last_cutoff=pd.Timestamp("2025-08-25"))
    long, late = panel(), panel()
    after = late["ds"] > one.last_cutoff
    late.loc[after, "y"] = late.loc[after, "y"] * 9 + 100
    late.loc[after, "in_stock"] = 1.0
    first, second = (
        backtest(History.of(frame), built(long=frame), windows=one, settings=SETTINGS).forecasts
        for frame in (long, late)
    )
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.mark.parametrize(
    ("forecaster", "keys", "message"),
    [
        ("both", {"members": ["average", "stedy"]}, "made of 'stedy'.*did you mean 'steady'"),
        ("both", {"members": ["average", "both"]}, "both -> both: a forecaster is made of itself"),
        ("sure", {"of": "sure"}, "sure -> sure: a forecaster is made of itself"),
        ("both", {"members": ["average", "sure"]}, "is made of itself"),
    ],
)
def test_members_that_cannot_be_are_refused(forecaster, keys, message):
    with pytest.raises(InputError, match=message):
        backtest(History.of(panel()), built(changed(forecaster, **keys)), windows=WINDOWS)


def test_fault_names_the_forecaster_of_the_config():
    with pytest.raises(InputError, match=r"forecasters\.both: 1 weights for 2 members"):
        built(changed("both", weights=[1]))
