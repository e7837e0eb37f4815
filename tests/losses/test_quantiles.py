"""Several quantiles: how levels are weighted, and what is refused."""

from math import exp

import numpy as np
import pytest
from scipy.stats import norm

from losses import MultiQuantile, Newsvendor, UnitCosts

COSTS = UnitCosts(8.0, 2.0)


def demand(seed=5, n=2_001):
    return np.random.default_rng(seed).gamma(2.0, 30.0, n)


def test_equal_weights_of_levels_are_the_mean_pinball_loss_at_the_cost_of_the_row():
    levels, y = (0.1, 0.5, 0.9), demand()
    f = np.sort(np.random.default_rng(3).gamma(2.0, 30.0, (len(y), 3)), axis=1)
    costs = UnitCosts(np.linspace(1, 9, len(y)), 2.0)
    pinball = [Newsvendor().value(y, f[:, k], UnitCosts(t, 1 - t)) for k, t in enumerate(levels)]
    wanted = (costs.underage + 2.0) * np.mean(pinball, axis=0)
    assert MultiQuantile(levels).value(y, f, costs) == pytest.approx(wanted)


def test_a_narrow_bandwidth_leaves_the_newsvendor_at_the_critical_ratio():
    levels, y = (0.1, 0.5, 0.8, 0.95), demand()
    f = np.random.default_rng(3).gamma(2.0, 30.0, (len(y), 4))
    found = MultiQuantile(levels, bandwidth=0.01).value(y, f, COSTS)
    assert found == pytest.approx(Newsvendor().value(y, f[:, 2], COSTS))


def test_the_bandwidth_is_the_standard_deviation_of_the_weight_over_levels():
    y, f = np.array([10.0, 10.0]), np.array([[7.0, 10.0], [10.0, 7.0]])  # one level is off, then the other
    near, far = 0.8 * 3, 0.5 * 3  # pinball losses; the critical ratio is 0.8, so .5 is a bandwidth away
    cost = MultiQuantile((0.5, 0.8), bandwidth=0.3).value(y, f, COSTS)
    assert (cost[0] / far) / (cost[1] / near) == pytest.approx(exp(-1 / 2))
    assert cost[0] / far + cost[1] / near == pytest.approx(8 + 2)


def test_a_bandwidth_that_reaches_no_level_leaves_the_nearest():
    found = MultiQuantile((0.1, 0.9), bandwidth=1e-4).value(np.array([10.0]), np.array([[3.0, 8.0]]), COSTS)
    assert found == pytest.approx([(8 + 2) * 0.9 * 2])


@pytest.mark.parametrize("bandwidth", [0.0, -0.1, np.nan, np.inf])
def test_a_bandwidth_that_is_none_is_refused(bandwidth):
    with pytest.raises(ValueError, match=r"bandwidth=.* must be finite and > 0 \[levels\]"):
        MultiQuantile((0.5, 0.9), bandwidth=bandwidth)


def test_even_levels_at_unit_costs_of_1_approximate_the_crps():
    levels = (np.arange(1_000) + 0.5) / 1_000
    y, mean, sd = 12.0, 10.0, 3.0
    z = (y - mean) / sd
    crps = sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    forecast = norm.ppf(levels, mean, sd)[None]
    found = MultiQuantile(tuple(levels)).value(np.array([y]), forecast, UnitCosts(1.0, 1.0))
    assert found == pytest.approx([crps], rel=1e-5)


@pytest.mark.parametrize("name", ["value", "gradient", "hessian"])
@pytest.mark.parametrize(("demand", "forecast"), [((4, 1), (4, 2)), ((4,), (3, 2)), ((1,), (4, 2)), ((), (4, 2))])
def test_a_forecast_of_other_rows_than_the_demand_is_refused(name, demand, forecast):
    with pytest.raises(ValueError, match=r"forecast.shape=\(.*\) must be demand.shape=\(.*\) with the 2 levels behind"):
        getattr(MultiQuantile((0.5, 0.9)), name)(np.full(demand, 3.0), np.full(forecast, 2.0), COSTS)


@pytest.mark.parametrize("levels", [(), (0.5, 0.5), (0.9, 0.1), (0.0, 0.5), (0.5, 1.0)])
def test_levels_that_are_no_quantiles_are_refused(levels):
    with pytest.raises(ValueError, match="must be ascending, each above 0 and below 1"):
        MultiQuantile(levels)


def test_a_forecast_with_other_quantiles_is_refused():
    with pytest.raises(ValueError, match="forecast has 3 quantiles on its last axis, but there are 2 levels"):
        MultiQuantile((0.5, 0.9)).value(np.ones(4), np.ones((4, 3)), COSTS)
