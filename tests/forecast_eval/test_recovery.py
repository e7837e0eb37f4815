"""Laws of the estimates of demand that a stockout hid."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from backtest import InputError, fill_hidden
from forecast_eval.recovery import METHODS, hidden_share, recovered
from forecast_eval.recovery.course import Course
from forecast_eval.recovery.expectation import gamma_beyond
from forecast_eval.recovery.hours import LEVEL_WEIGHT, demand_share
from forecast_eval.recovery.kaplan_meier import mean_beyond
from forecast_eval.world import MarketSpec, make_market

ESTIMATES = ("as_is", "fill", "em", "kaplan_meier", "hours")
FITTED = ("em", "kaplan_meier", "hours")


def short_panel(seed=4, series=30, time=90):
    """Gamma demand with a trend and a week, stock that runs short; sales, in_stock and demand."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(3, 40, (series, 1)) * np.linspace(1, rng.uniform(0.5, 3, series), time).T
    level *= np.array([1.4, 0.8, 0.7, 0.9, 1.0, 1.1, 1.1])[np.arange(time) % 7]
    demand = level * rng.gamma(5, 0.2, level.shape)
    stock = 1.3 * level * rng.gamma(9, 1 / 9, level.shape)
    sales = np.minimum(demand, stock)
    in_stock = np.where(demand > stock, np.minimum(stock / demand * rng.uniform(0.9, 1.1, level.shape), 0.99), 1.0)
    return sales, in_stock, demand


def with_gaps(sales, in_stock):
    """The same with sales and shares that are unknown here and there."""
    rng = np.random.default_rng(11)
    gone, unsaid = rng.random(sales.shape) < 0.06, rng.random(sales.shape) < 0.05
    return np.where(gone, np.nan, sales), np.where(unsaid, np.nan, in_stock)


def recovered_share(estimate, sales, demand):
    """Estimated lost units over those that were lost."""
    return np.nansum(estimate - sales) / np.nansum(np.where(np.isnan(sales), np.nan, demand) - sales)


@pytest.fixture(scope="module")
def market():
    """Sales, in_stock and demand of the demo's market, [series, week]."""
    made = make_market(MarketSpec(), 7)
    rows = made.history.assign(demand=made.demand["demand"].astype(float))
    return tuple(rows[name].to_numpy().reshape(len(made.static), -1) for name in ("y", "in_stock", "demand"))


@pytest.mark.parametrize("method", METHODS)
def test_seen_periods_keep_their_sales_and_unknown_ones_stay_unknown(method):
    sales, in_stock = with_gaps(*short_panel()[:2])
    estimate = recovered(sales, in_stock, method)
    hidden = in_stock < 1
    np.testing.assert_array_equal(estimate[~hidden], sales[~hidden])
    assert np.isnan(estimate[np.isnan(sales)]).all()


@pytest.mark.parametrize("method", ESTIMATES)
def test_demand_is_at_least_sales_and_known_where_sales_are(method):
    sales, in_stock = with_gaps(*short_panel()[:2])
    known = ~np.isnan(sales)
    estimate = recovered(sales, in_stock, method)
    assert np.isfinite(estimate[known]).all()
    assert (estimate[known] >= sales[known]).all()


@pytest.mark.parametrize("method", METHODS)
def test_where_nothing_is_hidden_demand_is_sales(method):
    sales = with_gaps(*short_panel()[:2])[0]
    np.testing.assert_array_equal(recovered(sales, np.full(sales.shape, np.nan), method), sales)


@pytest.mark.parametrize("method", METHODS)
def test_same_input_gives_same_bytes_and_is_left_alone(method):
    sales, in_stock = with_gaps(*short_panel()[:2])
    before = sales.tobytes(), in_stock.tobytes()
    first = recovered(sales, in_stock, method, season=7)
    assert first.tobytes() == recovered(sales, in_stock, method, season=7).tobytes()
    assert (sales.tobytes(), in_stock.tobytes()) == before


@pytest.mark.parametrize("method", ESTIMATES)
@pytest.mark.parametrize("scale", [1e-3, 250.0])
def test_demand_in_other_units_is_the_same_demand(method, scale):
    sales, in_stock, _ = short_panel()
    np.testing.assert_allclose(
        recovered(scale * sales, in_stock, method, season=7),
        scale * recovered(sales, in_stock, method, season=7),
        rtol=1e-9,
    )


@pytest.mark.parametrize("method", FITTED)
def test_unknown_periods_at_the_end_change_nothing(method):
    sales, in_stock, _ = short_panel()
    longer = [np.pad(a, ((0, 0), (0, 20)), constant_values=np.nan) for a in (sales, in_stock)]
    np.testing.assert_allclose(recovered(*longer, method)[:, :90], recovered(sales, in_stock, method), rtol=1e-9)


def test_masked_leaves_out_exactly_what_is_hidden():
    sales, in_stock = with_gaps(*short_panel()[:2])
    missing = np.isnan(recovered(sales, in_stock, "masked"))
    np.testing.assert_array_equal(missing, np.isnan(sales) | (in_stock < 1))


def test_fill_is_the_estimate_of_the_backtest():
    sales, in_stock, _ = short_panel()
    frame = pd.DataFrame({"unique_id": np.repeat(np.arange(30), 90), "y": sales.ravel(), "in_stock": in_stock.ravel()})
    expected = fill_hidden(frame, look_ahead=False)["y"].to_numpy().reshape(sales.shape)
    np.testing.assert_array_equal(recovered(sales, in_stock, "fill"), expected)
    assert (expected > sales).any()


def test_fill_averages_the_last_four_known_periods():
    sales = np.array([[9.0, 2.0, 4.0, np.nan, 6.0, 8.0, 1.0]])
    in_stock = np.array([[1.0, 1.0, np.nan, 1.0, 1.0, 1.0, 0.5]])
    assert recovered(sales, in_stock, "fill")[0, -1] == 5.0


DRAWS = {
    "normal": lambda rng, size: rng.normal(50, 11, size),
    "poisson": lambda rng, size: rng.poisson(30, size).astype(float),
    "gamma": lambda rng, size: rng.gamma(4, 5, size),
}
MEANS = {"normal": 50, "poisson": 30, "gamma": 20}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("method", ["em", "kaplan_meier"])
def test_mean_of_censored_demand_is_found_within_its_standard_error(method, name):
    # the stock knows nothing of demand: it is short of it in about a quarter of the periods, and often enough above it
    rng = np.random.default_rng(21)
    demand = DRAWS[name](rng, (60, 150))
    stock = np.round(MEANS[name] * rng.uniform(0.6, 2.6, demand.shape))
    sales, in_stock = np.minimum(demand, stock), np.where(demand > stock, 0.5, 1.0)
    means = recovered(sales, in_stock, method, window=1e6).mean(axis=1)
    error = 3 * demand.std() / np.sqrt(150)  # of one series' mean, were all of its demand seen
    assert np.mean(np.abs(means - demand.mean(axis=1)) < error) > 0.95
    assert abs(means.mean() - demand.mean()) < error / 3
    assert sales.mean() < demand.mean() - 2 * error / 3  # what it had to make good


def test_level_and_trend_are_followed():
    sales, in_stock, demand = short_panel(series=120)
    for method in FITTED:
        estimate = recovered(sales, in_stock, method, season=7)
        for part in (slice(None, 30), slice(30, 60), slice(60, None)):
            share = recovered_share(estimate[:, part], sales[:, part], demand[:, part])
            assert 0.85 < share < 1.25, (method, part, share)


def test_season_is_followed():
    place = np.arange(140) % 7
    demand = np.broadcast_to(np.array([8.0, 3, 3, 3, 3, 5, 10])[place], (4, 140))
    in_stock = np.where((np.arange(140) == 69) | (np.arange(140) == 72), 0.0, 1.0) * np.ones((4, 1))
    estimate = recovered(np.where(in_stock < 1, 0.0, demand), in_stock, "em", season=7)
    np.testing.assert_allclose(estimate[:, [69, 72]], demand[:, [69, 72]], rtol=0.02)


def test_season_of_a_series_is_its_own_where_it_has_been_seen_often():
    week = np.array([8.0, 3, 3, 3, 3, 5, 10])
    demand = np.vstack([np.tile(week, (9, 20)), np.tile(week[::-1], 20)])
    mean = Course(window=12.0, season=7).mean(demand, np.ones(demand.shape))
    np.testing.assert_allclose(mean[9, 63:70], week[::-1], rtol=0.3)
    few = Course(window=12.0, season=7).mean(demand[:, :14], np.ones((10, 14)))
    assert few[9, 0] < 9.2 < mean[9, 63]  # 10 by itself, 8 in the panel, which has a say where it was seen twice


def test_level_has_no_season_in_it():
    place = np.arange(84) % 7
    week = np.array([8.0, 3, 3, 3, 3, 5, 10])
    sold = np.where(np.arange(84) < 42, 1.0, (place != 6) * 1.0)  # half of the time it is closed on the best day
    mean = Course(window=12.0, season=7).mean(week[place][None] * sold, sold[None])
    open_days = np.flatnonzero(sold)
    np.testing.assert_allclose(mean[0, open_days], week[place][open_days], rtol=0.06)


@pytest.mark.parametrize("shape", [0.4, 1.0, 6.0, 900.0])
@pytest.mark.parametrize("bound", [0.0, 0.5, 1.0, 1.7])
def test_gamma_expectation_is_the_integral(shape, bound):
    mean = 30.0
    law = stats.gamma(shape, scale=mean / shape)
    bound *= mean
    found, variance = gamma_beyond(np.array([mean]), np.array([shape**-0.5]), np.array([bound]))
    if law.sf(bound) < 1e-12:
        assert found[0] == pytest.approx(bound, rel=0.01)
        assert found[0] >= bound
        return
    lost, _ = integrate.quad(law.sf, bound, np.inf, epsabs=1e-13 * mean, limit=500)
    squares, _ = integrate.quad(lambda x: 2 * (x - bound) * law.sf(x), bound, np.inf, epsabs=1e-13, limit=500)
    excess = lost / law.sf(bound)
    assert found[0] == pytest.approx(bound + excess, rel=1e-6)
    assert variance[0] == pytest.approx(squares / law.sf(bound) - excess**2, rel=1e-4)


def test_gamma_expectation_far_beyond_the_mean_stays_above_its_bound():
    bound = np.array([1e2, 1e3, 1e4, 1e6])
    found, variance = gamma_beyond(np.full(4, 3.0), np.full(4, 0.2), bound)
    assert (found > bound).all()
    assert (found < 1.01 * bound).all()
    assert (variance >= 0).all()


def test_product_limit_is_that_of_scipy():
    rng = np.random.default_rng(3)
    # whole numbers are seen and halves are bounds, so that ties do not ask for a convention
    values = np.where(rng.random((5, 80)) < 0.6, rng.poisson(9, (5, 80)), rng.poisson(9, (5, 80)) + 0.5)
    seen, counts = values % 1 == 0, rng.random((5, 80)) < 0.9
    mean, above = mean_beyond(values, seen, counts)
    for row in range(5):
        own, bounds = values[row][seen[row] & counts[row]], values[row][~seen[row] & counts[row]]
        survival = stats.ecdf(stats.CensoredData.right_censored(values[row][counts[row]], ~seen[row][counts[row]])).sf
        top = survival.quantiles[-1]
        for bound in bounds:
            later = survival.quantiles[survival.quantiles > bound]
            mass = survival.evaluate(np.r_[bound, later[:-1]]) - survival.evaluate(later)
            expected = (mass @ later + survival.evaluate(top) * top) / survival.evaluate(bound) if len(later) else bound
            here = (values[row] == bound) & counts[row] & ~seen[row]
            np.testing.assert_allclose(mean[row][here], expected, rtol=1e-12)
            assert set(above[row][here]) == {(own > bound).sum()}


def test_bound_that_equals_a_seen_value_comes_before_it():
    values, seen = np.array([[0.0, 0.0, 0.0, 6.0]]), np.array([[False, True, True, True]])
    assert mean_beyond(values, seen, np.ones((1, 4), dtype=bool))[0][0, 0] == 2.0


def test_series_with_few_seen_periods_takes_the_distribution_of_the_panel():
    rng = np.random.default_rng(8)
    level = np.full((40, 1), 10.0)
    demand = level * rng.gamma(2, 0.5, (40, 120))
    in_stock = np.ones(demand.shape)
    in_stock[0, 15:] = 0.5  # 15 of 120 seen
    sales = np.where(in_stock < 1, 8.0, demand)
    sales[0, :15] = 10.0  # never above 10: from its own distribution nothing is beyond 10
    assert recovered(sales[:1], in_stock[:1], "kaplan_meier").max() == pytest.approx(10.0)
    assert recovered(sales, in_stock, "kaplan_meier")[0, 40] > 12.0


@pytest.mark.parametrize("profile", [None, [1, 4, 2, 3], [0.1] * 15 + [3]])
def test_hours_are_exact_where_demand_follows_the_profile(profile):
    rng = np.random.default_rng(6)
    demand = np.array([[40.0], [3.5], [700.0]]) * np.ones((3, 60))
    in_stock = np.where(rng.random(demand.shape) < 0.3, rng.integers(6, 16, demand.shape) / 16, 1.0)
    sales = demand * demand_share(in_stock, profile)
    np.testing.assert_allclose(recovered(sales, in_stock, "hours", profile=profile), demand, rtol=1e-4)


def test_hours_lie_between_the_level_and_what_the_hours_alone_say():
    demand = np.full((1, 60), 10.0)
    in_stock = np.ones((1, 60))
    in_stock[0, 30] = 0.5
    sales = demand * in_stock
    sales[0, 30] = 8.0  # of a day of 16
    found = recovered(sales, in_stock, "hours")[0, 30]
    level = Course(12.0).mean(np.where(np.arange(60) == 30, found, 10.0)[None], np.ones((1, 60)))[0, 30]
    assert found == pytest.approx(8 + 0.5 * (8 + LEVEL_WEIGHT * level) / (0.5 + LEVEL_WEIGHT), rel=1e-4)
    assert 10 < found < 16


def test_hours_scale_sales_up_at_most_as_stated():
    sales, in_stock = np.full((1, 40), 60.0), np.ones((1, 40))
    sales[0, 9], in_stock[0, 9] = 6.0, 0.0501
    level = 61.0  # at most, with the estimate in it
    assert 60.0 < recovered(sales, in_stock, "hours")[0, 9] < 6.0 * (1 + 1 / LEVEL_WEIGHT) + level < 6.0 / 0.0501


def test_without_time_in_stock_hours_are_em():
    sales, in_stock, _ = short_panel()
    in_stock = np.where(in_stock < 1, 0.0, 1.0)
    np.testing.assert_allclose(recovered(sales, in_stock, "hours"), recovered(sales, in_stock, "em"), rtol=1e-12)


@pytest.mark.parametrize("method", FITTED)
def test_a_whole_period_without_stock_is_worth_the_level(method):
    rng = np.random.default_rng(12)
    demand = rng.gamma(3, 4, (50, 100))
    in_stock = np.where(rng.random(demand.shape) < 0.2, 0.0, 1.0)
    in_stock[:, 0] = 1.0
    estimate = recovered(demand * in_stock, in_stock, method, window=1e6)
    hidden = in_stock == 0
    seen_mean = (demand * in_stock).sum(axis=1) / in_stock.sum(axis=1)
    np.testing.assert_allclose(estimate[hidden], np.broadcast_to(seen_mean[:, None], demand.shape)[hidden], rtol=0.01)


@pytest.mark.parametrize("method", FITTED)
def test_before_its_first_sign_of_life_a_series_keeps_its_zeros(method):
    sales = np.array([[0.0, 0.0, 0.0, 5.0, 7.0, 5.0, 0.0, 7.0], [0.0, 0.0, 3.0, 4.0, 3.0, 5.0, 4.0, 3.0]])
    in_stock = np.array([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]])
    estimate = recovered(sales, in_stock, method)
    assert estimate[0, :3].tolist() == [0, 0, 0]
    assert estimate[1, :2].tolist() == [0, 0]
    assert estimate[0, 6] > 4
    assert estimate[1, 2] > 3


@pytest.mark.parametrize("method", ["fill", *FITTED])
def test_series_never_seen_keeps_its_sales(method):
    sales, in_stock, _ = short_panel(series=3)
    in_stock[1] = 0.4
    assert recovered(sales, in_stock, method)[1].tolist() == sales[1].tolist()


@pytest.mark.parametrize("method", FITTED)
def test_estimates_stay_within_twice_the_highest_sales(method):
    rng = np.random.default_rng(2)
    sales = rng.gamma(2, 5, (20, 60))
    in_stock = np.where(np.arange(60) % 20 == 3, 1.0, 0.3) * np.ones((20, 1))
    estimate = recovered(sales, in_stock, method)
    assert (estimate <= 2 * sales.max(axis=1, keepdims=True)).all()


@pytest.mark.parametrize("method", METHODS)
def test_extreme_panels_are_answered(method):
    for sales, in_stock in (
        (np.zeros((0, 5)), np.zeros((0, 5))),
        (np.full((2, 4), np.nan), np.zeros((2, 4))),
        (np.zeros((2, 6)), np.array([[1.0, 1, 0, 1, 0, 1], [0.0] * 6])),
        (np.array([[7.0]]), np.array([[0.5]])),
    ):
        estimate = recovered(sales, in_stock, method, season=3)
        assert estimate.shape == sales.shape
        if method != "masked":
            np.testing.assert_array_equal(estimate, sales)


def test_more_lost_demand_is_recovered_than_by_filling(market):
    sales, in_stock, demand = market
    share = {m: recovered_share(recovered(sales, in_stock, m), sales, demand) for m in ESTIMATES}
    assert share["as_is"] == 0
    assert 0.05 < share["fill"] < 0.2
    assert 0.85 < share["em"] < 1.1
    assert 0.75 < share["kaplan_meier"] < 1.1
    assert 0.9 < share["hours"] < 1.1


def test_hours_halve_the_error_where_they_are_known(market):
    sales, in_stock, demand = market
    hidden = in_stock < 1
    error = {m: np.abs(recovered(sales, in_stock, m) - demand)[hidden].mean() for m in ESTIMATES}
    assert error["hours"] < 0.6 * error["em"] < 0.6 * error["fill"] < 0.6 * error["as_is"]


def groceries(folder):
    """Fully stocked days of real groceries, [series, day]; NaN where hidden, and series with at least 30 such days."""
    days = pd.read_parquet(folder / "freshretailnet_1500" / "daily.parquet").sort_values(
        ["store_id", "product_id", "dt"], kind="stable"
    )
    known = days["sale_amount"].where(days["stockout_hours_6_22"] == 0).to_numpy(dtype=float).reshape(1500, 90)
    return known[np.isfinite(known).sum(axis=1) >= 30]


def test_days_of_real_groceries_that_we_hide_are_recovered(shared_data):
    if not (shared_data / "freshretailnet_1500").is_dir():
        pytest.skip(f"no freshretailnet_1500 in {shared_data}")
    demand = groceries(shared_data)
    rng = np.random.default_rng(1)
    # a stock that does not know the day's demand; its sales come evenly but for chance
    stock = np.nanmean(demand, axis=1, keepdims=True) * rng.gamma(4, 1.7 / 4, demand.shape)
    hidden = demand > stock
    served = np.where(hidden, stock / np.where(demand > 0, demand, 1), 0.5)
    hours = np.minimum(np.round(16 * rng.beta(20 * served, 20 * (1 - served))), 15) / 16
    sales, in_stock = np.where(hidden, stock, demand), np.where(hidden, hours, 1.0)
    share, error = {}, {}
    for method in ESTIMATES:
        estimate = recovered(sales, in_stock, method, season=7)
        share[method] = recovered_share(estimate, sales, demand)
        error[method] = np.abs(estimate - demand)[hidden].mean()
    assert share["fill"] < 0.6
    assert 0.9 < share["em"] < 1.25
    assert 0.8 < share["kaplan_meier"] < 1.15
    assert 0.9 < share["hours"] < 1.1
    assert error["hours"] < 0.7 * error["kaplan_meier"] < 0.7 * error["fill"]


def test_hidden_share_counts_known_periods():
    sales = np.array([[1.0, 2.0, np.nan, 4.0], [0.0, 0.0, 3.0, np.nan]])
    in_stock = np.array([[0.9, 1.0, 0.0, np.nan], [0.0, 1.0, 1.0, 1.0]])
    assert hidden_share(sales, in_stock) == pytest.approx(2 / 6)
    assert np.isnan(hidden_share(np.array([[np.nan]]), np.array([[0.0]])))


def test_bad_input_gives_one_error_with_all_faults():
    sales, in_stock = np.array([[1.0, -2.0, np.inf]]), np.array([[1.0, 1.2, 16.0]])
    with pytest.raises(InputError) as caught:
        recovered(sales, in_stock, "kaplan_mayer", window=0, season=2.5, profile=[1, -1])
    places = {fault.place for fault in caught.value.faults}
    assert places == {
        "sales[0, 1]", "sales[0, 2]", "in_stock[0, 1]", "in_stock[0, 2]", "method", "window", "season", "profile",
    }  # fmt: skip
    assert "did you mean 'kaplan_meier'?" in str(caught.value)


def test_shares_must_have_the_shape_of_sales():
    with pytest.raises(InputError, match=r"sales \(2, 3\) and in_stock \(3,\) must both be \[series, time\]"):
        recovered(np.ones((2, 3)), np.ones(3), "em")
