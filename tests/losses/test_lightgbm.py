"""Laws of LightGBM trained on a loss, against the real library."""

import json
import pickle

import lightgbm
import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from losses import (
    AsymmetricHuber,
    AsymmetricSquared,
    CensoredNewsvendor,
    HiddenDemandWarning,
    Linex,
    Newsvendor,
    SmoothNewsvendor,
    UnitCosts,
)
from losses.lightgbm import NewsvendorRegressor, metric, objective
from losses.sklearn import scorer

QUIET = {"n_jobs": 1, "verbose": -1}
SMALL = {"n_estimators": 30, "num_leaves": 8, **QUIET}


def market(seed, rows, ratios=(0.9, 0.2)):
    """Features with the critical ratio last, demand, costs, and the order that is best."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    ratio = rng.choice(ratios, rows)
    mean = 1000 * np.exp(0.5 * x[:, 0] + 0.4 * np.sin(2 * x[:, 1]))
    shape = np.exp(1.2 + 0.5 * np.tanh(x[:, 2]))
    demand = rng.gamma(shape, mean / shape)
    best = gamma.ppf(ratio, shape, scale=mean / shape)
    return np.column_stack([x, ratio]), demand, UnitCosts(10 * ratio, 10 * (1 - ratio)), best


X, Y, COSTS, _ = market(1, 1500)
MODEL = NewsvendorRegressor(**SMALL).fit(X, Y, costs=COSTS)


def mean_cost(y, forecast, costs):
    return Newsvendor().value(y, forecast, costs).mean()


def splits(model):
    """Features and thresholds of every tree."""
    found = []

    def walk(node):
        if "split_feature" in node:
            found.append((node["split_feature"], node["threshold"]))
            walk(node["left_child"])
            walk(node["right_child"])

    for tree in model.booster_.dump_model()["tree_info"]:
        walk(tree["tree_structure"])
    return found


def test_rows_of_mixed_ratios_are_covered_and_cost_little_more_than_the_best_orders():
    x, y, costs, _ = market(11, 12_000)
    new_x, new_y, new_costs, best = market(12, 12_000)
    forecast = NewsvendorRegressor(n_estimators=150, **QUIET).fit(x, y, costs=costs).predict(new_x)
    for ratio in (0.9, 0.2):
        covered = np.mean((new_y <= forecast)[new_x[:, -1] == ratio])
        assert covered == pytest.approx(ratio, abs=0.03)
    assert mean_cost(new_y, forecast, new_costs) <= 1.04 * mean_cost(new_y, best, new_costs)


def test_rows_of_one_ratio_cost_no_more_than_with_the_built_in_quantile():
    x, y, costs, _ = market(13, 4000, (0.9,))
    new_x, new_y, new_costs, _ = market(14, 4000, (0.9,))
    same = {"n_estimators": 100, **QUIET}
    ours = NewsvendorRegressor(**same).fit(x, y, costs=costs).predict(new_x)
    theirs = lightgbm.LGBMRegressor(objective="quantile", alpha=0.9, **same).fit(x, y).predict(new_x)
    assert mean_cost(new_y, ours, new_costs) <= 1.01 * mean_cost(new_y, theirs, new_costs)


def test_slow_sellers_cost_less_than_with_squared_error_and_a_residual_quantile():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6000, 2))
    y = rng.poisson(0.8 * np.exp(0.8 * x[:, 0])).astype(float)
    costs, train, test = UnitCosts(9.0, 1.0), slice(0, 3000), slice(3000, None)
    longer = {**SMALL, "n_estimators": 100}
    ours = NewsvendorRegressor(**longer).fit(x[train], y[train], costs=costs).predict(x[test])
    squared = lightgbm.LGBMRegressor(**longer).fit(x[train], y[train])
    residual = np.quantile(y[train] - squared.predict(x[train]), 0.9)
    assert mean_cost(y[test], ours, costs) < mean_cost(y[test], squared.predict(x[test]) + residual, costs)


def test_demand_in_other_units_grows_the_same_trees():
    millions = NewsvendorRegressor(**SMALL).fit(X, Y * 1e6, costs=COSTS)
    assert splits(millions) == splits(MODEL)
    np.testing.assert_allclose(millions.predict(X), 1e6 * MODEL.predict(X), rtol=1e-5)


def test_the_saved_booster_alone_gives_the_forecast():
    booster = lightgbm.Booster(model_str=MODEL.booster_.model_to_string())
    np.testing.assert_array_equal(booster.predict(X), MODEL.predict(X))


def test_shap_values_add_up_to_the_forecast():
    np.testing.assert_allclose(MODEL.booster_.predict(X, pred_contrib=True).sum(axis=1), MODEL.predict(X), rtol=1e-9)


def test_without_a_split_the_forecast_is_the_best_constant():
    flat = NewsvendorRegressor(min_split_gain=1e30, **SMALL).fit(X, Y, costs=UnitCosts(7.0, 3.0))
    assert flat.start_ == pytest.approx(np.quantile(Y, 0.7, method="inverted_cdf"))
    np.testing.assert_array_equal(flat.predict(X), flat.start_)


def test_pickled_model_gives_the_same_forecast_and_holds_no_training_rows():
    stored = pickle.dumps(MODEL)
    np.testing.assert_array_equal(pickle.loads(stored).predict(X), MODEL.predict(X))  # noqa: S301 - our own
    assert len(stored) < 1.2 * len(MODEL.booster_.model_to_string()) + 5000


def test_clone_has_the_same_parameters_and_is_not_fitted():
    model = NewsvendorRegressor(loss=SmoothNewsvendor(5.0), num_leaves=7, n_jobs=1)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert copy.get_params()["num_leaves"] == 7
    assert not hasattr(copy, "model_")
    assert copy.set_params(num_leaves=9, loss=None).get_params()["num_leaves"] == 9
    assert copy.loss is None


TABLE = np.column_stack([COSTS.underage, COSTS.overage])


def test_cross_validation_slices_costs_with_the_rows():
    money = scorer(costs=UnitCosts(5.0, 5.0))
    search = GridSearchCV(NewsvendorRegressor(**SMALL), {"num_leaves": [2, 8]}, cv=2, scoring=money)
    search.fit(X, Y, costs=TABLE)
    by_hand = NewsvendorRegressor(**{**SMALL, **search.best_params_}).fit(X, Y, costs=COSTS)
    np.testing.assert_array_equal(search.predict(X), by_hand.predict(X))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_score_is_minus_the_weighted_mean_cost():
    weight = np.where(X[:, 0] > 0, 1.0, 3.0)
    loss = Newsvendor().value(Y, MODEL.predict(X), COSTS)
    assert MODEL.score(X, Y, costs=COSTS) == pytest.approx(-loss.mean())
    assert MODEL.score(X, Y, costs=TABLE, sample_weight=weight) == pytest.approx(-np.average(loss, weights=weight))
    smooth = NewsvendorRegressor(loss=SmoothNewsvendor(400.0), **SMALL).fit(X, Y, costs=COSTS)
    expected = SmoothNewsvendor(400.0).value(Y, smooth.predict(X), COSTS).mean()
    assert smooth.score(X, Y, costs=COSTS) == pytest.approx(-expected)


def test_score_without_costs_names_the_scorer():
    with pytest.raises(ValueError, match=r"score needs costs=.*losses\.sklearn\.scorer"):
        MODEL.score(X, Y)


def test_a_search_that_routes_costs_tunes_on_the_money_of_each_row():
    with config_context(enable_metadata_routing=True):
        model = NewsvendorRegressor(**SMALL).set_fit_request(costs=True).set_score_request(costs=True)
        search = GridSearchCV(model, {"num_leaves": [2, 8]}, cv=[(np.arange(1000), np.arange(1000, 1500))])
        search.fit(X, Y, costs=TABLE)
    held = slice(1000, None)
    for leaves, shown in zip((2, 8), search.cv_results_["mean_test_score"], strict=True):
        by_hand = NewsvendorRegressor(**{**SMALL, "num_leaves": leaves}).fit(X[:1000], Y[:1000], costs=TABLE[:1000])
        money = UnitCosts(COSTS.underage[held], COSTS.overage[held])
        assert shown == pytest.approx(-mean_cost(Y[held], by_hand.predict(X[held]), money))


def test_feature_names_are_kept():
    frame = pd.DataFrame(X, columns=["price", "lag1", "week", "ratio"])
    model = NewsvendorRegressor(**SMALL).fit(frame, pd.Series(Y), costs=COSTS)
    assert model.booster_.feature_name() == list(model.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(model.predict(frame), MODEL.predict(X))


@pytest.mark.parametrize("absurd", [1e9, np.nan])
def test_rows_without_weight_do_not_move_the_forecast(absurd):
    weight = np.where(np.arange(1500) % 3 == 0, 0.0, 1.0)
    poisoned = np.where(weight == 0, absurd, Y)
    model = NewsvendorRegressor(**SMALL).fit(X, poisoned, costs=COSTS, sample_weight=weight)
    calm = NewsvendorRegressor(**SMALL).fit(X, Y, costs=COSTS, sample_weight=weight)
    np.testing.assert_allclose(model.predict(X), calm.predict(X), rtol=1e-9)


def test_equal_weights_change_nothing():
    weighted = NewsvendorRegressor(**SMALL).fit(X, Y, costs=COSTS, sample_weight=np.full(1500, 4.0))
    np.testing.assert_allclose(weighted.predict(X), MODEL.predict(X), rtol=1e-6)


def test_early_stopping_watches_the_money():
    new_x, new_y, new_costs, _ = market(2, 800)
    model = NewsvendorRegressor(n_estimators=400, num_leaves=31, early_stopping_rounds=10, **QUIET)
    model.fit(X, Y, costs=COSTS, eval_set=(new_x, new_y, new_costs))
    history = model.model_.evals_result_["valid_0"]
    assert list(history) == ["mean_cost"]
    best = model.model_.best_iteration_
    assert best < 390
    assert min(history["mean_cost"]) == history["mean_cost"][best - 1]
    assert mean_cost(new_y, model.predict(new_x), new_costs) == pytest.approx(history["mean_cost"][best - 1])


def test_early_stopping_watches_the_money_of_hidden_demand():
    x, _, sales, stock = hidden(3, 900)
    costs = UnitCosts(8.0, 2.0)
    model = NewsvendorRegressor(early_stopping_rounds=30, **SMALL)
    model.fit(x[:600], sales[:600], costs=costs, stock=stock[:600], eval_set=(x[600:], sales[600:], costs, stock[600:]))
    shown = min(model.model_.evals_result_["valid_0"]["mean_cost"])
    own = CensoredNewsvendor(stock[600:]).value(sales[600:], model.predict(x[600:]), costs).mean()
    assert shown == pytest.approx(own)
    assert shown < 0.95 * mean_cost(sales[600:], model.predict(x[600:]), costs)


def test_dart_is_folded_too():
    model = NewsvendorRegressor(boosting_type="dart", **SMALL).fit(X, Y, costs=COSTS)
    flat = np.full(1500, model.start_)
    assert mean_cost(Y, model.predict(X), COSTS) < 0.7 * mean_cost(Y, flat, COSTS)
    booster = lightgbm.Booster(model_str=model.booster_.model_to_string())
    np.testing.assert_array_equal(booster.predict(X), model.predict(X))


def test_native_and_scikit_learn_objective_grow_the_same_trees():
    ours = lightgbm.LGBMRegressor(objective=objective(Newsvendor(), COSTS), **SMALL).fit(X, Y)
    params = {"objective": objective(Newsvendor(), COSTS), "num_leaves": 8, "num_threads": 1, "verbose": -1}
    native = lightgbm.train(params, lightgbm.Dataset(X, Y), 30)
    np.testing.assert_array_equal(native.predict(X), ours.predict(X))


def test_objective_reads_the_weights_of_both_signatures():
    weight = np.where(X[:, 0] > 0, 0.0, 2.0)
    sklearn_api = objective(Newsvendor(), COSTS)(Y, 0.5 * Y, weight)
    rows = lightgbm.Dataset(X, Y, weight=weight).construct()
    native = objective(Newsvendor(), COSTS)(0.5 * Y, rows)
    assert not sklearn_api[0][weight == 0].any()
    np.testing.assert_allclose(native, sklearn_api, rtol=1e-5, atol=1e-2)  # Dataset keeps float32


def test_metric_reads_the_weights_of_both_signatures():
    weight = np.where(X[:, 0] > 0, 0.5, 2.0)
    average = np.average(Newsvendor().value(Y, 0.5 * Y[::-1], COSTS), weights=weight)
    assert metric(Newsvendor(), COSTS)(Y, 0.5 * Y[::-1], weight)[1] == pytest.approx(average)
    rows = lightgbm.Dataset(X, Y, weight=weight).construct()
    assert metric(Newsvendor(), COSTS)(0.5 * Y[::-1], rows)[1] == pytest.approx(average, rel=1e-6)


def test_metric_is_the_mean_cost_in_both_signatures():
    record = {}
    model = lightgbm.LGBMRegressor(objective=objective(Newsvendor(), COSTS), metric="None", **SMALL)
    model.fit(X, Y, eval_X=X, eval_y=Y, eval_metric=metric(Newsvendor(), COSTS))
    shown = next(iter(model.evals_result_.values()))["mean_cost"][-1]
    assert shown == pytest.approx(mean_cost(Y, model.predict(X), COSTS), rel=1e-5)
    rows = lightgbm.Dataset(X, Y)
    lightgbm.train(
        {"objective": "l2", "metric": "None", "verbose": -1, "num_threads": 1}, rows, 3, valid_sets=[rows],
        feval=metric(Newsvendor(), COSTS), callbacks=[lightgbm.record_evaluation(record)],
    )  # fmt: skip
    assert next(iter(record.values()))["mean_cost"][-1] > shown


@pytest.mark.parametrize(
    "loss", [SmoothNewsvendor(50.0), AsymmetricSquared(), AsymmetricHuber(100.0), Linex(500.0)], ids=str
)
def test_any_loss_is_cheaper_when_trained_on_it_than_on_squared_error(loss):
    costs = UnitCosts(8.0, 2.0)
    ours = NewsvendorRegressor(loss=loss, **SMALL).fit(X, Y, costs=costs).predict(X)
    squared = lightgbm.LGBMRegressor(**SMALL).fit(X, Y).predict(X)
    assert loss.value(Y, ours, costs).mean() < 0.95 * loss.value(Y, squared, costs).mean()


def hidden(seed, rows=6000):
    """Sales and stock of a demand whose stock runs out in about a fifth of all periods."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 1))
    demand = rng.gamma(4.0, 25.0, rows) * np.exp(0.5 * (x[:, 0] > 0))
    stock = np.where(rng.random(rows) < 0.5, rng.gamma(5.0, 28.0, rows), np.inf)
    return x, demand, np.minimum(demand, stock), stock


def test_stock_uncovers_the_demand_that_stockouts_hid():
    x, demand, sales, stock = hidden(3)
    few = {**SMALL, "num_leaves": 2}
    censored = NewsvendorRegressor(**few).fit(x, sales, costs=UnitCosts(8.0, 2.0), stock=stock).predict(x)
    raw = NewsvendorRegressor(**few).fit(x, sales, costs=UnitCosts(8.0, 2.0)).predict(x)
    assert np.mean(demand <= censored) == pytest.approx(0.8, abs=0.03)
    assert np.mean(demand <= raw) < 0.77


def test_stock_below_nearly_every_forecast_is_warned_of():
    x, _, sales, _ = hidden(3)
    with pytest.warns(HiddenDemandWarning, match="not identified"):
        NewsvendorRegressor(**SMALL).fit(x, sales * 0.5, costs=UnitCosts(9.0, 1.0), stock=sales * 0.5)


def test_bad_input_gets_one_clear_error():
    missing = np.where(np.arange(1500) == 4, np.nan, Y)
    for y, costs, message in (
        (missing, COSTS, r"demand=nan in row 4"),
        (Y, np.column_stack([COSTS.underage, -COSTS.overage]), r"overage=-.* in row 0"),
        (Y, UnitCosts(COSTS.underage[:9], 1.0), r"underage of shape \(9,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            NewsvendorRegressor(**SMALL).fit(X, y, costs=costs)
    for eval_set, message in (
        ((X[:9], Y[:8], UnitCosts(1.0, 2.0)), r"X of eval_set has 9 rows and its y 8"),
        ((X[:9], Y[:9], COSTS), r"eval_set: underage of shape \(1500,\).* 9 rows"),
        ((X[:9], Y[:9], UnitCosts(1.0, 2.0), Y[:5]), r"eval_set: stock of shape \(5,\) must be \[9\]"),
    ):
        with pytest.raises(ValueError, match=message):
            NewsvendorRegressor(**SMALL).fit(X, Y, costs=COSTS, eval_set=eval_set)
    with pytest.raises(ValueError, match=r"stock of shape \(7,\) must be \[1500\]"):
        NewsvendorRegressor(**SMALL).fit(X, Y, costs=COSTS, stock=Y[:7])
    with pytest.raises(ValueError, match=r"eval_set of length 2 must be \(X, y, costs\)"):
        NewsvendorRegressor(**SMALL).fit(X, Y, costs=COSTS, eval_set=(X, Y))
    with pytest.raises(ValueError, match="stock= goes with the newsvendor loss only"):
        NewsvendorRegressor(loss=Linex(5.0), **SMALL).fit(X, Y, costs=COSTS, stock=Y)


@pytest.mark.parametrize(
    "params",
    [
        {"boosting_type": "rf"}, {"boost": "random_forest"}, {"linear_tree": True}, {"linear_trees": "true"},
        {"objective": "quantile"}, {"app": "l2"}, {"application": "l1"}, {"objective_type": "mse"},
        {"metric": "l2"}, {"metrics": ["l1", "l2"]}, {"metric_types": "mae"},
    ],
    ids=str,
)  # fmt: skip
def test_parameters_that_cannot_be_served_are_refused_by_any_name(params):
    model = NewsvendorRegressor(**params, **SMALL)
    for same in (model, clone(model)):
        with pytest.raises(ValueError, match=next(iter(params))):
            same.fit(X, Y, costs=COSTS)


def test_parameters_that_change_nothing_are_served():
    plain = {"objective": None, "metric": "None", "linear_tree": False, "boosting": "gbdt"}
    np.testing.assert_array_equal(
        NewsvendorRegressor(**plain, **SMALL).fit(X, Y, costs=COSTS).predict(X), MODEL.predict(X)
    )


def test_model_text_is_plain_lightgbm():
    dumped = json.dumps(MODEL.booster_.dump_model())
    assert "mean_cost" not in dumped
    assert MODEL.booster_.num_trees() == 30


def test_stock_below_sales_is_refused():
    y = np.array([3.0, 9.0, 4.0])
    with pytest.raises(ValueError, match=r"stock=1.0 in row 0 is below its sales of 3.0; 3 such row.* share of time"):
        NewsvendorRegressor().fit(np.zeros((3, 1)), y, costs=UnitCosts(8.0, 2.0), stock=np.ones(3))


def test_rows_that_cannot_be_split_are_refused_with_the_best_constant():
    y = np.arange(30.0)
    with pytest.raises(ValueError, match=r"no feature can split the 30 rows: .* order the best constant, 23"):
        NewsvendorRegressor(n_estimators=3, verbose=-1).fit(y[:, None], y, costs=UnitCosts(8.0, 2.0))


@pytest.mark.parametrize("loss", [Newsvendor, "newsvendor"])
def test_what_is_no_loss_is_refused(loss):
    with pytest.raises(TypeError, match="must be an instance of a loss"):
        NewsvendorRegressor(loss=loss).fit(np.zeros((3, 1)), np.ones(3), costs=UnitCosts(8.0, 2.0))
