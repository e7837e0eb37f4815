"""Laws of what scores are scaled, classed, bounded and summed by."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_eval.scores import Cells, Observations
from forecast_eval.scores.classes import abc_class, xyz_class
from forecast_eval.scores.explosions import Explosions, bounds_of
from forecast_eval.scores.hierarchy import Hierarchical, Hierarchy, Level
from forecast_eval.scores.observations import Said
from forecast_eval.scores.scales import scales
from losses import UnitCosts


def sales(seed=1, series=5, time=12):
    """Zeros before the first sale, zeros between, gaps, series that start late or end early."""
    rng = np.random.default_rng(seed)
    y = rng.poisson(rng.gamma(1.0, 4.0, (series, 1)), (series, time)).astype(float)
    start, launch, end = (rng.integers(0, time, series) for _ in range(3))
    for s in range(series):
        y[s, : launch[s] // 2] = 0.0
        y[s, : start[s] // 3] = np.nan
        y[s, time - end[s] // 4 :] = np.nan
    return np.where(rng.random(y.shape) < 0.08, np.nan, y)


def slow_scale(own, season, power, counted):
    """Mean of |difference|^power over pairs of known periods from the first sale on, as it is defined."""
    first = next((t for t, y in enumerate(own) if y > 0), len(own))
    pairs = [(t, t - season) for t in range(first + season, len(own)) if counted[t] and counted[t - season]]
    steps = [abs(own[t] - own[u]) ** power for t, u in pairs if not np.isnan(own[t] + own[u])]
    return np.mean(steps) if any(steps) else np.nan


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), season=st.integers(1, 14), masked=st.booleans())
def test_scale_is_the_mean_difference_over_a_season_from_the_first_sale_on(seed, season, masked):
    y = sales(seed)
    counted = np.random.default_rng(seed).random(y.shape) > 0.2 if masked else np.ones(y.shape, dtype=bool)
    ends = [3, 7, 11]
    found = scales(y, ends, season=season, counted=counted if masked else None)
    for end, scale in zip(ends, found, strict=True):
        for s in range(len(y)):
            own, here = y[s, : end + 1], counted[s]
            assert scale.absolute[s] == pytest.approx(slow_scale(own, season, 1, here), nan_ok=True)
            assert scale.squared[s] == pytest.approx(slow_scale(own, season, 2, here), nan_ok=True)


def test_scale_as_of_a_cutoff_sees_nothing_after_it():
    y = sales(3)
    later = np.where(np.arange(12) > 6, 99.0, y)
    for one, other in zip(scales(y, [4, 6]), scales(later, [4, 6]), strict=True):
        np.testing.assert_array_equal(one.absolute, other.absolute)
        np.testing.assert_array_equal(one.squared, other.squared)
    assert not np.array_equal(scales(y, [7])[0].absolute, scales(later, [7])[0].absolute, equal_nan=True)


def test_zeros_before_the_first_sale_do_not_change_a_scale():
    launched = np.array([[4.0, 9.0, 2.0, 2.0, 7.0]])
    waiting = np.concatenate([np.zeros((1, 8)), launched], axis=1)
    (one,), (other,) = scales(launched, [4]), scales(waiting, [12])
    assert (one.absolute, one.squared) == (other.absolute, other.squared)
    assert one.absolute == pytest.approx([(5 + 7 + 0 + 5) / 4])


@pytest.mark.parametrize("own", [[3.0], [3.0, 3.0, 3.0], [0.0, 0.0, 0.0], [np.nan, np.nan], [0.0, 0.0, 5.0]])
def test_series_that_never_changed_has_no_scale(own):
    (scale,) = scales(np.array([own]), [len(own) - 1])
    assert np.isnan(scale.absolute).all()
    assert np.isnan(scale.squared).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=9))
def test_abc_follows_the_share_of_what_sold_more(units):
    """A where less than 80 % of the money is made by those that sell more, B up to 95 %, else C."""
    sold = np.array(units, dtype=float) + np.linspace(0, 0.01, len(units))  # no two alike
    found = abc_class(sold)
    for own, letter in zip(sold, found, strict=True):
        before = sum(other for other in sold if other > own) / sold.sum() if sold.sum() else 1.0
        assert letter == (0 if before < 0.8 else 1 if before < 0.95 else 2)


def test_series_that_starts_at_a_bound_is_of_the_class_behind_it():
    assert abc_class(np.array([5.0, 80.0, 15.0])).tolist() == [2, 0, 1]


def test_nothing_sold_at_all_is_c():
    assert abc_class(np.zeros(3)).tolist() == [2, 2, 2]


def test_xyz_follows_the_coefficient_of_variation():
    y = sales(8, series=30, time=20)
    for own, letter in zip(y, xyz_class(y), strict=True):
        known = own[~np.isnan(own)]
        variation = np.std(known) / np.mean(known) if known.sum() else np.inf
        assert letter == (0 if variation <= 0.5 else 1 if variation <= 1 else 2)
    assert set(xyz_class(y)) == {0, 1, 2}


KNOWN = np.array([[3.0, 8.0], [0.0, 1.0], [20.0, np.nan], [0.0, 0.0]])


def test_bound_is_that_of_the_own_peak_or_of_the_median_peak():
    assert bounds_of(KNOWN, 10.0).tolist() == [80.0, 80.0, 200.0, 80.0]


def test_nothing_is_bounded_where_nothing_was_ever_sold():
    assert np.isinf(bounds_of(np.zeros((2, 3)), 10.0)).all()


def said(points, **more):
    return Said(np.array(points), **more)


def test_forecasts_within_the_bounds_are_given_back_as_they_are():
    explosions, given = Explosions(10.0), said([[80.0, -80.0], [np.nan, 5.0]])
    assert explosions.bounded("m", given, np.array([80.0, 80.0])) is given
    assert explosions.found == {}


def test_explosion_is_bounded_counted_and_said():
    explosions = Explosions(10.0)
    quantiles = {0.9: np.array([[90.0, 50.0], [1.0, np.nan]])}
    wild = said([[3.0, -2e13], [np.inf, np.nan]], quantiles=quantiles)
    calm = explosions.bounded("m", wild, np.array([80.0, 200.0]))
    np.testing.assert_array_equal(calm.forecast, [[3.0, -80.0], [200.0, np.nan]])
    np.testing.assert_array_equal(calm.quantiles[0.9], [[80.0, 50.0], [1.0, np.nan]])
    explosions.bounded("m", said([[81.0, 0.0]]), np.array([80.0]))
    found = explosions.found["m"]
    assert (found.forecasts, found.series, found.largest) == (4, 2, np.inf)
    assert found.words("m", 10.0).startswith("m exploded: 4 forecasts of 2 series are beyond 10 times")


def test_explosion_of_a_quantile_without_a_point_is_said_with_its_size():
    explosions = Explosions(10.0)
    explosions.bounded("m", said([[np.nan]], quantiles={0.9: np.array([[5e4]])}), np.array([80.0]))
    assert explosions.found["m"].largest == 5e4


def test_paths_that_explode_are_bounded_though_points_do_not():
    explosions = Explosions(10.0)
    calm = explosions.bounded("m", said([[3.0]], paths=np.array([[[2.0, 7e9]]])), np.array([80.0]))
    assert calm.paths.tolist() == [[[2.0, 80.0]]]
    assert explosions.found["m"].largest == 7e9


STORES = Level("store", np.array([1, 0, 1]), np.array([0.25, 0.75]), np.array([2.0, 4.0]), np.array([5.0, 10.0]))
ALONE = Level("unique_id", np.arange(3), np.array([0.2, 0.5, 0.3]), np.ones(3), np.array([2.0, 4.0, 8.0]))


def observed(demand, forecast, levels=(STORES, ALONE), **more):
    cells = Cells(
        unique_ids=np.array(["a", "b", "c"], dtype=object), dates=pd.date_range("2026-01-05", periods=2),
        demand=np.array(demand), present=np.ones((3, 2), dtype=bool), costs=UnitCosts(1.0, 1.0),
        hierarchy=Hierarchy(levels),
    )  # fmt: skip
    return Observations(cells, np.array(forecast), **more)


DEMAND, FORECAST = [[1.0, 4.0], [0.0, 6.0], [7.0, 2.0]], [[3.0, 4.0], [1.0, 2.0], [2.0, 5.0]]


def test_errors_of_a_node_cancel_before_they_are_squared():
    """Store 1 is the first and the last series: errors 2 - 5 and 0 + 3; store 0 the other: 1 and -4."""
    value, ones = Hierarchical("wrmsse").parts(observed(DEMAND, FORECAST))
    stores = 0.25 * (8.5 / 5.0) ** 0.5 + 0.75 * (9.0 / 10.0) ** 0.5
    alone = 0.2 * (2.0 / 2.0) ** 0.5 + 0.5 * (8.5 / 4.0) ** 0.5 + 0.3 * (17.0 / 8.0) ** 0.5
    assert value == pytest.approx([stores, alone])
    assert ones is None


def test_cell_whose_demand_is_not_known_counts_on_neither_side():
    gone = [[1.0, np.nan], *DEMAND[1:]]
    value, _ = Hierarchical("wrmsse").parts(observed(gone, FORECAST))
    other = [[FORECAST[0][0], 1e6], *FORECAST[1:]]
    assert Hierarchical("wrmsse").parts(observed(gone, other))[0] == pytest.approx(value)
    assert value[0] == pytest.approx(0.25 * (8.5 / 5.0) ** 0.5 + 0.75 * (9.0 / 10.0) ** 0.5)
    assert value[1] == pytest.approx(0.2 * (4.0 / 2.0) ** 0.5 + 0.5 * (8.5 / 4.0) ** 0.5 + 0.3 * (17.0 / 8.0) ** 0.5)


def test_series_without_known_demand_gives_its_weight_to_the_others():
    gone = [DEMAND[0], [np.nan, np.nan], DEMAND[2]]
    value, _ = Hierarchical("wrmsse").parts(observed(gone, FORECAST, (ALONE,)))
    assert value == pytest.approx([(0.2 * 1.0 + 0.3 * (17.0 / 8.0) ** 0.5) / 0.5])


@pytest.mark.parametrize("kind", ["wrmsse", "wspl"])
def test_level_of_which_one_node_is_not_forecast_has_no_value(kind):
    silent = [FORECAST[0], [np.nan, np.nan], FORECAST[2]]
    quantiles = {q: np.array(silent) * (0.5 + q) for q in (0.2, 0.9)}
    value, _ = Hierarchical(kind).parts(observed(DEMAND, silent, (ALONE,), quantiles=quantiles))
    assert np.isnan(value).all()


def test_spl_of_a_node_without_paths_is_not_known():
    quantiles = {q: np.array(FORECAST) * (0.5 + q) for q in (0.2, 0.9)}
    value, _ = Hierarchical("wspl").parts(observed(DEMAND, FORECAST, quantiles=quantiles))
    assert np.isnan(value).tolist() == [True, False]


def test_quantile_that_is_not_there_is_not_a_quantile_of_zero():
    quantiles = {q: np.array([FORECAST[0], [np.nan, np.nan], FORECAST[2]]) for q in (0.2, 0.9)}
    value, _ = Hierarchical("wspl").parts(observed(DEMAND, FORECAST, (ALONE,), quantiles=quantiles))
    assert np.isnan(value).all()
