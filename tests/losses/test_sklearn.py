"""Laws of the scikit-learn scorer, in scikit-learn's own cross-validation."""

import numpy as np
import pytest
import sklearn
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, KFold, cross_validate

from losses import AsymmetricSquared, Newsvendor, UnitCosts
from losses.sklearn import mean_cost, scorer

Y = np.random.default_rng(0).gamma(2.0, 20.0, 300)
X = np.zeros((300, 1))


def test_grid_search_finds_the_critical_ratio():
    grid = {"quantile": [0.5, 0.7, 0.8, 0.9]}
    search = GridSearchCV(DummyRegressor(strategy="quantile"), grid, scoring=scorer(Newsvendor(), UnitCosts(8.0, 2.0)))
    assert search.fit(X, Y).best_params_ == {"quantile": 0.8}


def test_score_is_minus_the_mean_cost_in_money():
    model = DummyRegressor(strategy="constant", constant=30.0).fit(X, Y)
    wanted = -Newsvendor().value(Y, np.full(300, 30.0), UnitCosts(8.0, 2.0)).mean()
    assert scorer(Newsvendor(), UnitCosts(8.0, 2.0))(model, X, Y) == pytest.approx(wanted)


def test_costs_of_rows_follow_them_into_the_folds():
    u, o = np.random.default_rng(1).uniform(1, 9, (2, 300))
    with sklearn.config_context(enable_metadata_routing=True):
        found = cross_validate(
            DummyRegressor(),
            X,
            Y,
            scoring=scorer(AsymmetricSquared()),
            cv=KFold(3),
            params={"underage": u, "overage": o},
        )["test_score"]
    for k, (train, test) in enumerate(KFold(3).split(X)):
        mean = np.full(len(test), Y[train].mean())
        wanted = mean_cost(Y[test], mean, underage=u[test], overage=o[test], loss=AsymmetricSquared())
        assert found[k] == pytest.approx(-wanted)


def test_costs_of_rows_without_routing_are_refused():
    with pytest.raises(ValueError, match=r"enable_metadata_routing=True"):
        scorer()
    with pytest.raises(ValueError, match="a scorer is handed folds"):
        scorer(Newsvendor(), UnitCosts(np.ones(300), 2.0))


def test_negative_costs_are_refused():
    with pytest.raises(ValueError, match=r"underage=-1.0 in row 2"):
        mean_cost([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], underage=[1.0, 2.0, -1.0], overage=2.0)


def test_weights_are_importance_and_what_has_none_does_not_count():
    y, f = [10.0, np.nan, 10.0], [7.0, 5.0, 11.0]
    costs = {"underage": [8.0, np.nan, 8.0], "overage": 2.0}
    assert mean_cost(y, f, **costs, sample_weight=[1.0, 0.0, 3.0]) == pytest.approx((24 + 3 * 2) / 4)
    assert mean_cost(y, f, **costs, sample_weight=[0.0, 0.0, 0.0]) == 0


def test_columns_are_rows_and_not_paired():
    y, f = Y[:, None], 1.2 * Y
    wanted = Newsvendor().value(Y, f, UnitCosts(8.0, 2.0)).mean()
    for forecast in (f, f[:, None]):
        assert mean_cost(y, forecast, underage=np.full((300, 1), 8.0), overage=2.0) == pytest.approx(wanted)
    with pytest.raises(ValueError, match=r"y_pred of shape \(299,\) must be one number a row, \[300\]"):
        mean_cost(Y, f[1:], underage=8.0, overage=2.0)


def test_scorer_judges_by_the_loss_it_was_given():
    model = DummyRegressor(strategy="constant", constant=30.0).fit(X, Y)
    wanted = -AsymmetricSquared().value(Y, np.full(300, 30.0), UnitCosts(8.0, 2.0)).mean()
    assert scorer(AsymmetricSquared(), UnitCosts(8.0, 2.0))(model, X, Y) == pytest.approx(wanted)
    with pytest.raises(ValueError, match="a scorer is handed folds"):
        scorer(Newsvendor(), UnitCosts(8.0, np.ones(300)))
    with pytest.raises(TypeError, match="must be an instance of a loss"):
        scorer(UnitCosts(8.0, 2.0))
