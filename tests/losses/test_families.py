"""Laws of the families beyond the contract: what they elicit, how they relate, and what others computed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

from losses import (
    AsymmetricHuber,
    AsymmetricSquared,
    CensoredNewsvendor,
    HiddenDemandWarning,
    Linex,
    Newsvendor,
    SmoothNewsvendor,
    Spec,
    TobitNLL,
    UnitCosts,
    warn_if_hidden,
)
from losses.kernel import spec_cost

UNITS = st.integers(0, 10_000).map(lambda n: n / 8)
MONEY = st.integers(1, 10_000).map(lambda n: n / 100)
COSTS = UnitCosts(8.0, 2.0)


def demand(seed=5, n=2_001):
    return np.random.default_rng(seed).gamma(2.0, 30.0, n)


def best_constant(loss, y, costs, low=0.0, high=400.0):
    """Where the summed gradient changes its sign."""
    return brentq(lambda f: float(loss.gradient(y, np.full_like(y, f), costs).sum()), low, high, xtol=1e-10)


@given(UNITS, UNITS, MONEY, MONEY, MONEY)
def test_smooth_newsvendor_lies_above_the_exact_one_by_at_most_its_gap(y, f, underage, overage, width):
    costs, y, f = UnitCosts(underage, overage), np.array([y]), np.array([f])
    gap = (SmoothNewsvendor(width).value(y, f, costs) - Newsvendor().value(y, f, costs))[0]
    most = (underage + overage) * width * np.log(2)
    assert -1e-9 * most <= gap <= most * (1 + 1e-12) + 1e-9


def test_smooth_gap_is_largest_at_a_tie():
    y = np.array([7.0])
    assert SmoothNewsvendor(0.3).value(y, y, COSTS)[0] == pytest.approx(10 * 0.3 * np.log(2), rel=1e-14)


def test_bias_of_the_smooth_minimiser_grows_with_the_square_of_the_width():
    ratio, mean, sd = 0.8, 100.0, 20.0
    exact = norm.ppf(ratio, mean, sd)
    grid = norm.ppf((np.arange(40_000) + 0.5) / 40_000, mean, sd)  # the distribution, not a sample
    off = {w: best_constant(SmoothNewsvendor(w), grid, COSTS, 60, 160) - exact for w in (1.0, 2.0)}
    slope_over_density = -(exact - mean) / sd**2  # f'/f of the normal density
    assert off[2.0] / off[1.0] == pytest.approx(4, abs=0.1)
    assert off[2.0] == pytest.approx(-(np.pi**2 / 6) * 2.0**2 * slope_over_density, rel=0.03)


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.9])
def test_minimiser_of_the_newsvendor_is_the_critical_ratio_quantile(ratio):
    y, costs = np.sort(demand()), UnitCosts(ratio * 10, (1 - ratio) * 10)
    mean_cost = [Newsvendor().value(y, np.full_like(y, q), costs).mean() for q in y]
    assert y[int(np.argmin(mean_cost))] == np.quantile(y, ratio, method="inverted_cdf")


def test_minimiser_over_rows_of_mixed_costs_is_their_weighted_quantile():
    y, rng = np.sort(demand()), np.random.default_rng(8)
    costs = UnitCosts(*rng.uniform(0.5, 9.0, (2, len(y))))
    cost = [Newsvendor().value(y, np.full_like(y, q), costs).sum() for q in y]
    # the first q at which the overage of rows below reaches the underage of rows above
    below, above = np.cumsum(costs.overage), costs.underage.sum() - np.cumsum(costs.underage)
    assert y[int(np.argmin(cost))] == y[int(np.argmax(below >= above))]


def test_minimiser_of_the_squared_cost_is_the_expectile():
    y = demand()
    found = best_constant(AsymmetricSquared(), y, COSTS)
    # an expectile balances the mean shortfall and excess at the ratio of their costs
    assert 8 * np.maximum(y - found, 0).mean() == pytest.approx(2 * np.maximum(found - y, 0).mean())
    assert best_constant(AsymmetricSquared(), y, UnitCosts(3.0, 3.0)) == pytest.approx(y.mean())


def test_minimiser_of_the_huber_cost_goes_from_the_quantile_to_the_expectile():
    y = demand()
    quantile, expectile = np.quantile(y, 0.8), best_constant(AsymmetricSquared(), y, COSTS)
    found = [best_constant(AsymmetricHuber(w), y, COSTS) for w in (0.01, 1e6)]
    assert found[0] == pytest.approx(quantile, rel=1e-3)
    assert found[1] == pytest.approx(expectile, rel=1e-9)


def test_huber_lies_below_the_newsvendor_by_half_a_width_at_most():
    y, f = demand(), demand(seed=6)
    gap = Newsvendor().value(y, f, COSTS) - AsymmetricHuber(12.0).value(y, f, COSTS)
    cost = np.where(f > y, 2.0, 8.0)
    far = np.abs(f - y) >= 12
    assert gap[far] == pytest.approx((cost * 6)[far])
    assert ((gap >= 0) & (gap <= cost * 6 * (1 + 1e-9))).all()


@pytest.mark.parametrize(("underage", "overage"), [(8.0, 2.0), (1.0, 5.0)])
def test_minimiser_of_linex_is_its_exponential_mean(underage, overage):
    y, costs, width = demand(), UnitCosts(underage, overage), 60.0
    rate = np.log(underage / overage) / width
    closed = np.log(np.mean(np.exp(rate * y))) / rate
    assert best_constant(Linex(width), y, costs) == pytest.approx(closed, rel=1e-9)


def test_free_goods_cost_nothing():
    y, f, free = demand(), demand(seed=6), UnitCosts(0.0, 0.0)
    for loss in (Newsvendor(), SmoothNewsvendor(2.0), AsymmetricHuber(2.0), AsymmetricSquared(), Linex(5.0)):
        assert not loss.value(y, f, free).any()


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.95])
def test_newsvendor_with_a_level_is_the_pinball_loss_of_others(tau):
    import pandas as pd
    from sklearn.metrics import mean_pinball_loss
    from utilsforecast.losses import quantile_loss

    y, f, costs = demand(), demand(seed=6), UnitCosts(tau, 1 - tau)
    ours = Newsvendor().value(y, f, costs).mean()
    assert ours == pytest.approx(mean_pinball_loss(y, f, alpha=tau), rel=1e-12)
    table = pd.DataFrame({"unique_id": "A", "y": y, "m": f})
    assert ours == pytest.approx(quantile_loss(table, {"m": "m"}, q=tau)["m"].item(), rel=1e-12)


@pytest.mark.parametrize("make", [SmoothNewsvendor, AsymmetricHuber, Linex])
@pytest.mark.parametrize("width", [0.0, -1.0, np.nan, np.inf])
def test_a_width_that_is_none_is_refused(make, width):
    with pytest.raises(ValueError, match=r"width=.* must be finite and > 0 \[units\]"):
        make(width)


def spec_by_its_definition(y, f, underage, overage):
    """Double sum with minima, as published, in plain Python."""
    total = 0.0
    for t in range(1, len(y) + 1):
        for i in range(1, t + 1):
            late = min(y[i - 1], sum(y[:i]) - sum(f[:t]))
            early = min(f[i - 1], sum(f[:i]) - sum(y[:t]))
            total += max(0, late * underage * (t - i + 1), early * overage * (t - i + 1))
    return total / len(y)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9), MONEY, MONEY)
def test_spec_is_its_definition(pairs, underage, overage):
    y, f = np.array(pairs, dtype=float).T
    found = Spec().value(y, f, UnitCosts(underage, overage)).mean()
    assert found == pytest.approx(spec_by_its_definition(y, f, underage, overage))


def test_spec_gradient_at_a_perfect_forecast_leans_to_more():
    y = np.array([3.0, 0.0, 5.0])
    assert (Spec().gradient(y, y, COSTS) < 0).all()


def stocked(cut_share, seed=0, n=40_000):
    """Sales of normal demand with mean 100 and deviation 45, and stock that cuts the given share of periods."""
    rng = np.random.default_rng(seed)
    y = rng.normal(100.0, 45.0, n)
    stock = np.maximum(rng.normal(100 - np.hypot(45, 60) * norm.ppf(cut_share), 60.0, n), 0.0)
    return np.minimum(y, stock), stock, norm.ppf(0.8, 100.0, 45.0)


def test_censored_quantile_is_that_of_demand_where_stock_cuts_30_percent():
    sales, stock, truth = stocked(0.3)
    assert (sales >= stock).mean() == pytest.approx(0.3, abs=0.01)
    loss = CensoredNewsvendor(stock)
    found = minimize_scalar(
        lambda f: loss.value(sales, np.full_like(sales, f), COSTS).mean(), bounds=(20, 300), method="bounded"
    ).x
    assert found == pytest.approx(truth, rel=0.01)
    assert np.quantile(sales, 0.8) < 0.95 * truth  # what raw sales would say
    assert np.quantile(sales[sales < stock], 0.8) < 0.95 * truth  # and sold-out periods left out
    assert warn_if_hidden(stock, np.full_like(sales, found)) > 0.2


def test_hidden_quantile_is_warned_about():
    sales = np.minimum(stocked(0.3)[0], 110.0)
    with pytest.warns(HiddenDemandWarning, match="0.0% of the periods had more stock than the forecast"):
        warn_if_hidden(np.full_like(sales, 110.0), np.full_like(sales, 138.0))


def test_tobit_finds_mean_and_order_of_hidden_demand_without_stock_of_other_periods():
    sales, stock, truth = stocked(0.3)
    stock = np.where(sales >= stock, stock, np.inf)
    loss = TobitNLL(stock, 45.0)
    mean = best_constant(loss, sales, COSTS, 20, 300)
    assert mean == pytest.approx(100.0, rel=0.01)
    assert loss.order_quantile(np.array([mean]), COSTS)[0] == pytest.approx(truth, rel=0.01)


def test_tobit_is_the_likelihood_of_scipy():
    sales, stock, f = np.array([7.0, 12.0, 30.0]), np.array([20.0, 12.0, 30.0]), np.array([9.0, 15.0, 4.0])
    wanted = [-norm.logpdf(7, 9, 5), -norm.logsf(12, 15, 5), -norm.logsf(30, 4, 5)]
    assert TobitNLL(stock, 5.0).value(sales, f, COSTS) == pytest.approx(wanted)


def test_stock_that_equals_the_forecast_hides_the_demand_above_it():
    level = np.array([5.0, 8.0])
    with pytest.warns(HiddenDemandWarning, match="0.0% of the periods"):
        assert warn_if_hidden(level, level) == 0


def test_censored_gradient_is_none_where_the_forecast_equals_the_stock():
    stock = np.array([10.0, 10.0, 10.5])
    loss, forecast = CensoredNewsvendor(stock), np.array([10.0, 10.0, 10.0])
    assert loss.gradient(np.array([10.0, 7.0, 7.0]), forecast, COSTS).tolist() == [0.0, 0.0, 2.0]


@pytest.mark.parametrize("scale", [0.0, -2.0, np.nan, np.inf])
def test_a_scale_of_tobit_that_is_none_is_refused(scale):
    with pytest.raises(ValueError, match=r"scale=.* in row 1 must be finite and > 0 \[units\]"):
        TobitNLL(np.array([9.0, 9.0]), np.array([3.0, scale]))


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_unknown_stock_is_refused_with_its_row(bad):
    with pytest.raises(ValueError, match=r"stock=.* in row 1 must be >= 0"):
        CensoredNewsvendor(np.array([3.0, bad]))


def test_censored_losses_learn_in_torch_too():
    import torch

    sales, stock, _ = stocked(0.3, n=4_000)
    tensors = [torch.tensor(a) for a in (sales, stock)]
    scale = torch.tensor(30.0, dtype=torch.float64, requires_grad=True)
    mean = torch.tensor(80.0, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([mean, scale], max_iter=60)

    def closure():
        optimiser.zero_grad()
        nll = TobitNLL(tensors[1], scale).value(tensors[0], mean + torch.zeros_like(tensors[0]), COSTS).mean()
        nll.backward()
        return nll

    optimiser.step(closure)
    assert mean.item() == pytest.approx(100, rel=0.02)
    assert scale.item() == pytest.approx(45, rel=0.04)
    f = torch.full((4_000,), 100.0, dtype=torch.float64, requires_grad=True)
    CensoredNewsvendor(tensors[1]).value(tensors[0], f, COSTS).sum().backward()
    assert (f.grad[tensors[1] <= 100] == 0).all()
    assert (f.grad[tensors[1] > 100] != 0).all()


def test_unsigned_units_do_not_wrap_in_any_family():
    y, f = np.array([7, 12], dtype=np.uint8), np.array([10, 10], dtype=np.uint8)
    for loss in (SmoothNewsvendor(2.0), AsymmetricHuber(2.0), AsymmetricSquared(), Linex(5.0)):
        for name in ("value", "gradient", "hessian"):
            wanted = getattr(loss, name)(y.astype(float), f.astype(float), COSTS)
            assert np.array_equal(getattr(loss, name)(y, f, COSTS), wanted)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_tobit_keeps_its_digits_however_far_the_forecast_is_below_the_stock(kind):
    z = np.array([19.0, 21.0, 50.0, 1e3, 1e6, 1e9], dtype=kind)  # standard deviations below
    loss, sold_out = TobitNLL(0.0, 1.0), np.zeros_like(z)
    series = 1 / z.astype(float) ** 2  # of Mills' ratio: the hazard is z + 1/z - 2/z^3 + ...
    slope = 1 - series + 6 * series**2 - 50 * series**3
    assert loss.hessian(sold_out, -z, COSTS) == pytest.approx(slope, rel=3e-5 if kind is np.float32 else 1e-7)
    assert -loss.gradient(sold_out, -z, COSTS) / z == pytest.approx(1 + series - 2 * series**2, rel=1e-6)
    assert loss.value(sold_out, -z, COSTS) == pytest.approx(-norm.logcdf(-z.astype(float)), rel=1e-6)


def test_compiled_spec_is_the_formula_and_leaves_out_series_that_lack_something():
    rng = np.random.default_rng(3)
    demand, forecast = rng.poisson(2.0, (40, 9)).astype(float), rng.gamma(1.0, 2.5, (40, 9))
    forecast[:, 4] = demand[:, 4]
    under, over = rng.uniform(0.5, 4.0, (2, 40, 1))
    money = [np.ascontiguousarray(np.broadcast_to(cost, demand.shape)) for cost in (under, over)]
    want = Spec().value(demand, forecast, UnitCosts(under, over))
    np.testing.assert_allclose(spec_cost(demand, forecast, *money), want)
    demand[3, 8], forecast[7, 0], forecast[9, 2] = np.nan, np.nan, -0.1
    found = spec_cost(demand, forecast, *money)
    gone = np.isin(np.arange(40), [3, 7, 9])
    assert np.isnan(found[gone]).all()
    np.testing.assert_allclose(found[~gone], want[~gone])
