"""Laws of demand paths."""

import numpy as np
import pytest
from scipy import stats

from forecast_eval.simulate import sampled
from forecast_eval.simulate.distribution import integral_transform, quantile_function
from forecast_eval.simulate.scenarios import Predictions, Sampling, demand_draw, demand_paths, path_sums

LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
FINE = np.array([0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995])
STEPS = 3


def correlated(n, rho, rng, mean=50.0, sd=10.0):
    """Normal demand paths with AR(1) errors [n, step]."""
    noise = np.empty((n, STEPS))
    noise[:, 0] = rng.standard_normal(n)
    for h in range(1, STEPS):
        noise[:, h] = rho * noise[:, h - 1] + np.sqrt(1 - rho**2) * rng.standard_normal(n)
    return mean + sd * noise


def points(n, value=50.0):
    return Predictions(np.full((n, STEPS), value), None, np.array([]))


def normal_quantiles(n, mean=50.0, sd=10.0):
    q = mean + sd * stats.norm.ppf(FINE)
    return Predictions(np.full((n, STEPS), mean), np.tile(q, (n, STEPS, 1)), FINE)


@pytest.mark.parametrize("make", [points, normal_quantiles])
@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_path_sums_have_the_spread_of_correlated_errors(make, rho):
    rng = np.random.default_rng(4)
    actual = correlated(6_000, rho, rng)
    paths = demand_paths(make(2), make(6_000), actual, sampling=Sampling(4_000), rng=rng)
    covariance = rho ** np.abs(np.subtract.outer(range(STEPS), range(STEPS)))
    spread = 10 * np.sqrt(covariance.sum())
    sums = path_sums(paths, np.zeros(2, int), np.full(2, STEPS))
    assert sums.std(axis=1) == pytest.approx(spread, rel=0.06)
    assert sums[:, int(0.9 * 4_000)] == pytest.approx(150 + 1.2816 * spread, rel=0.02)


def test_sum_of_marginal_quantiles_would_be_wrong():
    rng = np.random.default_rng(4)
    paths = demand_paths(
        normal_quantiles(1), normal_quantiles(5_000), correlated(5_000, 0.0, rng), sampling=Sampling(4_000), rng=rng
    )
    ninety = path_sums(paths, np.zeros(1, int), np.array([STEPS]))[0, 3_600]
    assert ninety < 3 * (50 + 10 * 1.2816) - 10


def test_errors_are_taken_from_forecasts_of_the_same_size():
    rng = np.random.default_rng(5)
    size = np.repeat([5.0, 500.0], 1_000)
    past = Predictions(np.tile(size[:, None], (1, STEPS)), None, np.array([]))
    actual = past.point + rng.normal(0, size[:, None] / 10, (2_000, STEPS))
    now = Predictions(np.array([[5.0] * STEPS, [500.0] * STEPS]), None, np.array([]))
    spread = demand_paths(now, past, actual, sampling=Sampling(400), rng=rng).std(axis=(1, 2))
    assert spread == pytest.approx([0.5, 50.0], rel=0.1)


def test_paths_are_never_negative():
    rng = np.random.default_rng(6)
    actual = np.maximum(correlated(500, 0.3, rng, mean=2.0, sd=4.0), 0.0)
    assert demand_paths(points(3, 1.0), points(500, 2.0), actual, sampling=Sampling(200), rng=rng).min() >= 0


def test_windows_with_unknown_demand_are_left_out():
    rng = np.random.default_rng(7)
    actual = correlated(300, 0.0, rng)
    actual[1:, 1] = np.nan
    paths = demand_paths(points(1), points(300), actual, sampling=Sampling(60), rng=rng)
    assert np.unique(paths).tolist() == pytest.approx(np.unique(actual[0]).tolist())
    actual[0] = np.nan
    with pytest.raises(ValueError, match="no earlier window is complete"):
        demand_paths(points(1), points(300), actual, sampling=Sampling(60), rng=rng)


def test_integral_transform_of_a_calibrated_forecast_is_uniform():
    rng = np.random.default_rng(8)
    grid = np.linspace(0.02, 0.98, 49)
    demand = rng.exponential(10.0, 20_000)
    quantiles = np.tile(stats.expon.ppf(grid) * 10, (20_000, 1))
    assert stats.kstest(integral_transform(quantiles, grid, demand, rng), "uniform").pvalue > 0.01


def test_integral_transform_of_a_slow_seller_is_uniform_over_its_ties():
    rng = np.random.default_rng(9)
    demand = rng.binomial(1, 0.3, 20_000).astype(float)
    quantiles = np.tile(np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]), (20_000, 1))
    zero = integral_transform(quantiles, LEVELS, demand, rng)[demand == 0]
    assert (zero.min(), zero.max()) == pytest.approx((0.0, 0.5), abs=0.01)
    assert zero.mean() == pytest.approx(0.25, abs=0.01)


def test_quantile_function_and_transform_are_inverse():
    quantiles = np.array([3.0, 5.0, 9.0, 14.0, 20.0, 26.0])
    at = np.array([0.05, 0.1, 0.3, 0.6, 0.93, 0.99])
    values = quantile_function(quantiles, LEVELS, at)
    rng = np.random.default_rng(0)
    back = integral_transform(np.tile(quantiles, (6, 1)), LEVELS, values, rng)
    assert back == pytest.approx(at)


def test_upper_tail_is_exponential_through_the_two_highest_quantiles():
    mean = 7.0
    values = quantile_function(mean * -np.log1p(-LEVELS), LEVELS, np.array([0.99, 0.999]))
    assert values == pytest.approx(mean * -np.log([0.01, 0.001]))


def test_same_seed_same_paths():
    actual = correlated(200, 0.5, np.random.default_rng(1))
    one, two, other = (
        demand_paths(points(3), points(200), actual, sampling=Sampling(100), rng=np.random.default_rng(s))
        for s in (1, 1, 2)
    )
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


def test_a_model_that_draws_paths_gives_them_itself_the_same_numbers_for_every_series():
    rng = np.random.default_rng(8)
    courses = rng.normal(20.0, 4.0, (5, 3, 40)) - 15.0  # [series, step, path], some below 0
    now = Predictions(courses.mean(axis=2), None, np.empty(0), courses)
    past = Predictions(np.full((50, 3), 5.0), None, np.empty(0))
    paths = demand_paths(now, past, np.full((50, 3), 7.0), sampling=Sampling(200), rng=rng)
    assert paths.shape == (5, 200, 3)
    assert (paths >= 0).all()
    given = np.maximum(courses, 0.0)
    drawn = [int(np.flatnonzero((path == given[0].T).all(axis=1))[0]) for path in paths[0]]
    np.testing.assert_array_equal(paths, given[:, :, drawn].transpose(0, 2, 1))


@pytest.mark.parametrize("make", [points, normal_quantiles])
def test_series_taken_in_blocks_have_the_paths_that_they_have_together(make):
    actual = correlated(300, 0.5, np.random.default_rng(1))
    now = make(11, 60.0)
    whole = demand_paths(now, make(300), actual, sampling=Sampling(100), rng=np.random.default_rng(5))
    parts = [
        demand_paths(now.series(rows), make(300), actual, sampling=Sampling(100), rng=np.random.default_rng(5))
        for rows in (slice(0, 4), slice(4, 11))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_series_that_lacks_quantiles_or_paths_gets_the_errors_of_its_points():
    rng = np.random.default_rng(8)
    actual = correlated(300, 0.5, rng)
    now, past = normal_quantiles(6, 60.0), normal_quantiles(300)
    whole = demand_paths(now, past, actual, sampling=Sampling(100), rng=np.random.default_rng(5))
    now.quantiles[2:4] = np.nan
    past.quantiles[7] = np.nan
    paths = demand_paths(now, past, actual, sampling=Sampling(100), rng=np.random.default_rng(5))
    assert np.isfinite(paths).all()
    assert not np.array_equal(paths[2:4], whole[2:4])
    drawn = Predictions(now.point, None, np.empty(0), np.full((6, STEPS, 9), 55.0))
    drawn.paths[2] = np.nan
    paths = demand_paths(drawn, points(300), actual, sampling=Sampling(100), rng=np.random.default_rng(5))
    assert (paths[[0, 1, 3, 4, 5]] == 55.0).all()
    assert np.isfinite(paths[2]).all()
    assert paths[2].std() > 1


def test_flat_tails_never_leave_the_outermost_quantiles():
    rng = np.random.default_rng(8)
    now, actual = normal_quantiles(2), correlated(400, 0.5, rng)
    flat, tailed = (
        demand_paths(now, normal_quantiles(400), actual, sampling=Sampling(900, tails), rng=np.random.default_rng(1))
        for tails in ("flat", "exponential")
    )
    low, high = now.quantiles[0, 0, 0], now.quantiles[0, 0, -1]
    assert low <= flat.min() < flat.max() <= high
    assert tailed.min() < low
    assert tailed.max() > high


def sample_paths(n):
    paths = np.random.default_rng(6).gamma(4.0, 9.0, (STEPS, 25))
    return Predictions(np.full((n, STEPS), 36.0), None, np.array([]), np.tile(paths, (n, 1, 1)))


@pytest.mark.parametrize("make", [points, normal_quantiles, sample_paths])
def test_series_drawn_apart_meet_the_same_courses_in_another_order(make):
    actual = correlated(400, 0.5, np.random.default_rng(8))
    together, apart = (
        sampled(
            demand_draw(make(5), make(400), actual, sampling=Sampling(60, together=t), rng=np.random.default_rng(1))
        )
        for t in (True, False)
    )
    assert np.sort(together, axis=1) == pytest.approx(np.sort(apart, axis=1))
    assert together[0] == pytest.approx(together[1])
    assert not np.allclose(apart[0], apart[1])


def test_courses_of_a_draw_are_the_quantile_function_at_its_ranks():
    quantiles = np.sort(np.random.default_rng(2).gamma(2.0, 5.0, (4, STEPS, len(LEVELS))), axis=-1)
    now = Predictions(quantiles[..., 2], quantiles, LEVELS)
    actual = correlated(400, 0.5, np.random.default_rng(8))
    made = demand_draw(now, normal_quantiles(400), actual, sampling=Sampling(50), rng=np.random.default_rng(1))
    grid = quantile_function(quantiles, LEVELS, (np.arange(50) + 0.5) / 50)  # [series, step, scenario]
    assert np.sort(sampled(made), axis=1).transpose(0, 2, 1) == pytest.approx(grid)
