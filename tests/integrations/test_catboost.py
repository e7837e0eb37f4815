"""CatBoost trained on money, against the real library."""

import numpy as np
import pytest

from losses import AsymmetricSquared, CensoredNewsvendor, Newsvendor, SmoothNewsvendor, UnitCosts
from losses.boosting import BoostedLoss
from losses.catboost import Metric, Objective

catboost = pytest.importorskip("catboost")
TREES = {
    "iterations": 80, "depth": 4, "learning_rate": 0.1, "thread_count": 1, "verbose": 0, "allow_writing_files": False,
}  # fmt: skip
ROWS = 3500


def market(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, 2))
    ratio = rng.choice((0.9, 0.2), ROWS)
    y = rng.gamma(4.0, 25.0 * np.exp(0.5 * x[:, 0]))
    return np.column_stack([x, ratio]), y, UnitCosts(10 * ratio, 10 * (1 - ratio))


X, Y, COSTS = market(1)
NEW_X, NEW_Y, NEW_COSTS = market(2)
LOSS = Newsvendor()


def mean_cost(forecast):
    return LOSS.value(NEW_Y, forecast, NEW_COSTS).mean()


def model(costs=COSTS, **more):
    given = {"eval_metric": "RMSE", **TREES, **more}
    return catboost.CatBoostRegressor(loss_function=Objective(LOSS, Y, costs), **given)


def test_rows_of_each_ratio_are_covered_and_cost_less_than_with_squared_error():
    forecast = model().fit(X, Y).predict(NEW_X)
    for ratio in (0.9, 0.2):
        assert np.mean((forecast >= NEW_Y)[NEW_X[:, -1] == ratio]) == pytest.approx(ratio, abs=0.05)
    squared = catboost.CatBoostRegressor(**TREES).fit(X, Y).predict(NEW_X)
    assert mean_cost(forecast) < 0.7 * mean_cost(squared)


def test_each_row_gets_its_own_costs():
    wrong = model(UnitCosts(COSTS.underage[::-1], COSTS.overage[::-1])).fit(X, Y).predict(NEW_X)
    assert mean_cost(wrong) > 1.3 * mean_cost(model().fit(X, Y).predict(NEW_X))


def test_rows_are_found_where_trees_see_a_sample():
    forecast = model(bootstrap_type="Bernoulli", subsample=0.6).fit(X, Y).predict(NEW_X)
    assert np.mean((forecast >= NEW_Y)[NEW_X[:, -1] == 0.9]) == pytest.approx(0.9, abs=0.05)


def test_rows_that_catboost_permutes_are_refused():
    with pytest.raises(catboost.CatBoostError, match="has_time=True"):
        model(boosting_type="Ordered").fit(X, Y)


def test_categories_work_in_the_order_of_time():
    labelled = [[f"c{int(row[0] > 0)}", *row[1:]] for row in X]
    kept = model(has_time=True, boosting_type="Plain").fit(labelled, Y, cat_features=[0])
    assert mean_cost(kept.predict([[f"c{int(row[0] > 0)}", *row[1:]] for row in NEW_X])) < 1.3 * mean_cost(
        model().fit(X, Y).predict(NEW_X)
    )


def test_rows_without_weight_do_not_move_the_forecast():
    weight = np.where(np.arange(ROWS) % 3 == 0, 0.0, 1.0)
    poisoned = np.where(weight == 0, 1e6, Y)
    ours = catboost.CatBoostRegressor(loss_function=Objective(LOSS, poisoned, COSTS), eval_metric="RMSE", **TREES)
    assert ours.fit(X, poisoned, sample_weight=weight).predict(NEW_X).max() < 1e4


def test_early_stopping_watches_the_money():
    watched = Metric(LOSS, (Y, COSTS), (NEW_Y, NEW_COSTS))
    ours = model(eval_metric=watched, early_stopping_rounds=10).fit(X, Y, eval_set=(NEW_X, NEW_Y))
    assert ours.get_best_score()["validation"]["Metric"] == pytest.approx(mean_cost(ours.predict(NEW_X)), rel=1e-4)


def test_any_loss_is_cheaper_when_trained_on_it_than_on_squared_error():
    loss, costs = AsymmetricSquared(), UnitCosts(9.0, 1.0)
    ours = catboost.CatBoostRegressor(loss_function=Objective(loss, Y, costs), eval_metric="RMSE", **TREES)
    squared = catboost.CatBoostRegressor(**TREES).fit(X, Y).predict(X)
    assert loss.value(Y, ours.fit(X, Y).predict(X), costs).mean() < 0.8 * loss.value(Y, squared, costs).mean()


@pytest.mark.parametrize(
    "loss", [CensoredNewsvendor(1.5 * Y), SmoothNewsvendor(0.2 * Y)], ids=lambda loss: type(loss).__name__
)
def test_arrays_of_the_loss_go_with_their_rows(loss):
    ours = catboost.CatBoostRegressor(
        loss_function=Objective(loss, Y, COSTS), eval_metric=Metric(loss, (Y, COSTS)), **{**TREES, "iterations": 10}
    ).fit(X, Y)
    shown = ours.get_best_score()["learn"]["Metric"]
    assert shown == pytest.approx(loss.value(Y, ours.predict(X), COSTS).mean(), rel=1e-4)


def test_rows_that_come_in_parts_get_the_derivatives_of_all_rows():
    """From the second round on, as a width in proportion to the errors needs all rows to be seen once."""
    forecast, weight = 0.8 * Y[::-1], np.where(X[:, 0] > 0, 1.0, 3.0)
    asked = Objective(CensoredNewsvendor(1.5 * Y), Y, COSTS)
    parts = [slice(first, min(first + 1000, ROWS)) for first in range(0, ROWS, 1000)]
    for _ in range(2):
        slopes = [asked.calc_ders_range(forecast[part], Y[part], weight[part]) for part in parts]
    whole = BoostedLoss.of(CensoredNewsvendor(1.5 * Y), Y, COSTS, weight)
    unit = BoostedLoss.of(CensoredNewsvendor(1.5 * Y), Y, COSTS).unit
    expected = -np.stack(whole.derivatives(forecast), axis=1) * whole.unit / unit
    np.testing.assert_allclose(np.concatenate(slopes), expected, rtol=1e-6)


def billed(judge, targets):
    return judge.get_final_error(*judge.evaluate([np.ones(len(targets))], targets, None))


def test_sets_of_the_same_demand_are_billed_in_their_order():
    same = np.zeros(5)
    judge = Metric(LOSS, (same, UnitCosts(8.0, 2.0)), (same, UnitCosts(8.0, 5.0)))
    assert [billed(judge, same) for _ in range(4)] == [2.0, 5.0, 2.0, 5.0]


def test_a_set_that_begins_as_another_does_is_told_apart():
    longer = np.array([0.0, 0.0, 0.0, 4.0])
    judge = Metric(LOSS, (longer, UnitCosts(8.0, 2.0)), (longer[:2], UnitCosts(8.0, 5.0)))
    assert [billed(judge, longer[:2]) for _ in range(2)] == [5.0, 5.0]
    assert billed(judge, longer) == pytest.approx((3 * 2.0 + 3 * 8.0) / 4)
