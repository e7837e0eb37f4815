"""Laws of row costs under mlforecast, against the real library."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from mlforecast import MLForecast
from sklearn.base import clone

from losses import Newsvendor, UnitCosts
from losses.lightgbm import NewsvendorRegressor
from losses.mlforecast import RowCosts

PERIODS, SERIES, HORIZON = 120, 6, 3
CUTOFF = 110
SMALL = {"n_estimators": 20, "num_leaves": 4, "n_jobs": 1, "verbose": -1}


def panel(*, cost_after=None):
    """Series whose underage cost changes in time; `cost_after` replaces it after the cutoff."""
    rng = np.random.default_rng(4)
    t = np.tile(np.arange(PERIODS), SERIES)
    underage = 4.0 + (t % 5)
    if cost_after is not None:
        underage = np.where(t < CUTOFF, underage, cost_after)
    return pd.DataFrame({
        "unique_id": np.repeat([f"A{i}" for i in range(SERIES)], PERIODS),
        "ds": t,
        "y": rng.gamma(4.0, 5.0, PERIODS * SERIES),
        "underage": underage,
        "overage": 2.0,
    })  # fmt: skip


def forecaster(model):
    return MLForecast(models={"m": model}, freq=1, lags=[1, 2], num_threads=1)


def direct(frame, model):
    known = frame[frame["ds"] < CUTOFF]
    return forecaster(model).fit(known, static_features=[], max_horizon=HORIZON, dropna=True)


def forecast(frame, model):
    fitted = direct(frame, model)
    future = frame[(frame["ds"] >= CUTOFF) & (frame["ds"] < CUTOFF + HORIZON)].drop(columns="y")
    return fitted.predict(HORIZON, X_df=future)["m"].to_numpy()


class Recorder(NewsvendorRegressor):
    """The real estimator, which also keeps what it was fitted with."""

    def fit(self, X, y, *, costs):  # noqa: N803
        self.seen_ = (X, y, costs)
        return super().fit(X, y, costs=costs)


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlforecast")


def test_costs_are_no_feature_of_the_trees():
    fitted = direct(panel(), RowCosts(NewsvendorRegressor(**SMALL)))
    for model in fitted.models_["m"].values():
        assert model.estimator_.booster_.feature_name() == ["lag1", "lag2"]


def test_costs_after_the_cutoff_change_no_forecast():
    model = RowCosts(NewsvendorRegressor(**SMALL))
    np.testing.assert_array_equal(forecast(panel(), model), forecast(panel(cost_after=400.0), model))


def test_costs_before_the_cutoff_change_forecasts():
    dear = panel()
    dear["underage"] *= 10
    model = RowCosts(NewsvendorRegressor(**SMALL))
    assert (forecast(dear, model) > forecast(panel(), model)).mean() > 0.9


def test_a_direct_model_is_trained_at_the_costs_of_the_target_period():
    frame = panel()
    frame["y"] = 1000.0 * frame["ds"] + frame["underage"]  # a target that tells its period and its cost
    fitted = direct(frame, RowCosts(Recorder(**SMALL)))
    for model in fitted.models_["m"].values():
        _, y, costs = model.estimator_.seen_
        np.testing.assert_array_equal(costs.underage, y % 1000)
        assert y.max() < 1000 * CUTOFF


def test_static_costs_need_no_future_frame():
    frame = panel().assign(underage=lambda f: np.where(f["unique_id"] == "A0", 90.0, 2.0))
    model = RowCosts(NewsvendorRegressor(**SMALL), ratio_feature="critical_ratio")
    fitted = forecaster(model).fit(frame, static_features=["underage", "overage"], max_horizon=HORIZON, dropna=True)
    order = fitted.predict(HORIZON).groupby("unique_id")["m"].mean()
    assert fitted.models_["m"][0].estimator_.booster_.feature_name() == ["lag1", "lag2", "critical_ratio"]
    assert order["A0"] > 1.3 * order.drop("A0").max()


def test_clone_and_pickle_keep_the_parameters():
    model = RowCosts(NewsvendorRegressor(**SMALL), underage="cu", overage="co", ratio_feature="r")
    copy = pickle.loads(pickle.dumps(clone(model)))  # noqa: S301 - our own
    assert copy.get_params(deep=False).keys() == model.get_params(deep=False).keys()
    assert (copy.underage, copy.overage, copy.ratio_feature) == ("cu", "co", "r")
    assert copy.get_params()["estimator__num_leaves"] == 4


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_rows_and_costs_stay_together_in_any_frame(library):
    rng = np.random.default_rng(6)
    data = {"lag1": rng.gamma(2.0, 9.0, 80), "underage": rng.uniform(1, 9, 80), "overage": np.full(80, 2.0)}
    frame, y = library(data), rng.gamma(3.0, 5.0, 80)
    if library is pd.DataFrame:
        frame.index = np.arange(80)[::-1]
    ours = RowCosts(Recorder(**SMALL), ratio_feature="ratio").fit(frame, y).estimator_
    features, _, costs = ours.seen_
    expected = UnitCosts(data["underage"], data["overage"])
    np.testing.assert_array_equal(costs.underage, expected.underage)
    np.testing.assert_array_equal(np.asarray(features["ratio"]), expected.critical_ratio())


def table(rows=200):
    rng = np.random.default_rng(8)
    lag = rng.gamma(2.0, 9.0, rows)
    frame = pd.DataFrame({"lag1": lag, "underage": rng.uniform(1, 9, rows), "overage": rng.uniform(1, 3, rows)})
    return frame, rng.gamma(3.0, 5.0, rows) + lag


def test_sample_weight_reaches_the_estimator():
    frame, y = table()
    weight = np.where(np.arange(200) % 2 == 0, 0.0, 1.0)
    ours = RowCosts(NewsvendorRegressor(**SMALL)).fit(frame, np.where(weight == 0, 1e6, y), sample_weight=weight)
    assert ours.predict(frame).max() < 1e3


def test_score_is_minus_the_mean_cost_at_the_costs_in_the_frame():
    frame, y = table()
    weight = np.where(y > 20, 1.0, 4.0)
    model = RowCosts(NewsvendorRegressor(**SMALL)).fit(frame, y)
    costs = UnitCosts(frame["underage"].to_numpy(), frame["overage"].to_numpy())
    loss = Newsvendor().value(y, model.predict(frame), costs)
    assert model.score(frame, y, sample_weight=weight) == pytest.approx(-np.average(loss, weights=weight))


def test_a_ratio_feature_that_is_a_column_already_is_refused():
    frame, y = table()
    with pytest.raises(ValueError, match="ratio_feature='lag1' is a column of X"):
        RowCosts(NewsvendorRegressor(**SMALL), ratio_feature="lag1").fit(frame, y)


def test_a_missing_cost_column_is_named():
    with pytest.raises(ValueError, match=r"cost column\(s\) \['overage'\]"):
        RowCosts(NewsvendorRegressor()).fit(pd.DataFrame({"lag1": [1.0], "underage": [2.0]}), [1.0])
    with pytest.raises(ValueError, match="leave as_numpy out"):
        RowCosts(NewsvendorRegressor()).fit(np.ones((3, 3)), np.ones(3))
