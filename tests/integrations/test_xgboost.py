"""XGBoost trained on money, against the real library."""

import numpy as np
import pytest

from losses import AsymmetricSquared, Newsvendor, UnitCosts
from losses.boosting import best_constant
from losses.xgboost import custom_metric, metric, objective

xgboost = pytest.importorskip("xgboost")
TREES = {"n_estimators": 80, "max_depth": 4, "learning_rate": 0.1, "n_jobs": 1}


def market(seed, rows=4000):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2))
    ratio = rng.choice((0.9, 0.2), rows)
    y = rng.gamma(4.0, 25.0 * np.exp(0.5 * x[:, 0]))
    return np.column_stack([x, ratio]), y, UnitCosts(10 * ratio, 10 * (1 - ratio))


X, Y, COSTS = market(1)
NEW_X, NEW_Y, NEW_COSTS = market(2)
LOSS = Newsvendor()


def mean_cost(forecast):
    return LOSS.value(NEW_Y, forecast, NEW_COSTS).mean()


def fitted(**more):
    start = best_constant(LOSS, Y, COSTS)
    return xgboost.XGBRegressor(objective=objective(LOSS, COSTS), base_score=start, **TREES, **more)


def test_rows_of_each_ratio_are_covered_and_cost_less_than_with_squared_error():
    forecast = fitted().fit(X, Y).predict(NEW_X)
    for ratio in (0.9, 0.2):
        assert np.mean((forecast >= NEW_Y)[NEW_X[:, -1] == ratio]) == pytest.approx(ratio, abs=0.05)
    assert mean_cost(forecast) < 0.7 * mean_cost(xgboost.XGBRegressor(**TREES).fit(X, Y).predict(NEW_X))


def test_costs_of_other_rows_give_a_dearer_forecast():
    turned = UnitCosts(COSTS.overage, COSTS.underage)
    wrong = xgboost.XGBRegressor(objective=objective(LOSS, turned), **TREES).fit(X, Y).predict(NEW_X)
    assert mean_cost(wrong) > 1.5 * mean_cost(fitted().fit(X, Y).predict(NEW_X))


def test_native_api_gives_the_same_forecast_as_scikit_learn():
    params = {"max_depth": 4, "learning_rate": 0.1, "nthread": 1, "base_score": best_constant(LOSS, Y, COSTS)}
    native = xgboost.train(params, xgboost.DMatrix(X, Y), 80, obj=objective(LOSS, COSTS))
    np.testing.assert_array_equal(native.predict(xgboost.DMatrix(NEW_X)), fitted().fit(X, Y).predict(NEW_X))


def test_rows_without_weight_do_not_move_the_forecast():
    weight = np.where(np.arange(len(Y)) % 3 == 0, 0.0, 1.0)
    forecast = fitted().fit(X, np.where(weight == 0, 1e7, Y), sample_weight=weight).predict(NEW_X)
    assert forecast.max() < 1e4


def test_native_rows_without_weight_do_not_move_the_forecast():
    weight = np.where(np.arange(len(Y)) % 3 == 0, 0.0, 1.0)
    rows = xgboost.DMatrix(X, np.where(weight == 0, 1e7, Y), weight=weight)
    native = xgboost.train({"nthread": 1}, rows, 40, obj=objective(LOSS, COSTS))
    assert native.predict(xgboost.DMatrix(NEW_X)).max() < 1e4


def test_the_saved_model_keeps_its_start(tmp_path):
    model = fitted().fit(X, Y)
    model.save_model(tmp_path / "model.json")
    alone = xgboost.Booster(model_file=tmp_path / "model.json")
    np.testing.assert_allclose(alone.predict(xgboost.DMatrix(NEW_X)), model.predict(NEW_X), rtol=1e-6)


def test_early_stopping_watches_the_money():
    model = fitted(eval_metric=metric(LOSS, NEW_COSTS), early_stopping_rounds=10)
    model.fit(X, Y, eval_set=[(NEW_X, NEW_Y)], verbose=False)
    assert model.best_score == pytest.approx(mean_cost(model.predict(NEW_X)), rel=1e-4)
    assert model.best_score == min(model.evals_result()["validation_0"]["mean_cost"])


def test_native_metric_is_the_mean_cost():
    shown = {}
    rows = xgboost.DMatrix(NEW_X, NEW_Y)
    native = xgboost.train(
        {"nthread": 1, "disable_default_eval_metric": 1}, xgboost.DMatrix(X, Y), 30, obj=objective(LOSS, COSTS),
        custom_metric=custom_metric(LOSS, NEW_COSTS), evals=[(rows, "new")], evals_result=shown, verbose_eval=False,
    )  # fmt: skip
    assert shown["new"]["mean_cost"][-1] == pytest.approx(mean_cost(native.predict(rows)), rel=1e-4)


def test_any_loss_is_cheaper_when_trained_on_it_than_on_squared_error():
    loss, costs = AsymmetricSquared(), UnitCosts(9.0, 1.0)
    ours = xgboost.XGBRegressor(objective=objective(loss, costs), **TREES).fit(X, Y).predict(X)
    squared = xgboost.XGBRegressor(**TREES).fit(X, Y).predict(X)
    assert loss.value(Y, ours, costs).mean() < 0.8 * loss.value(Y, squared, costs).mean()
