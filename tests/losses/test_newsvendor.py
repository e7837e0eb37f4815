"""Laws of the newsvendor loss."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from losses import Loss, Newsvendor, UnitCosts

UNITS = st.integers(0, 10_000).map(lambda n: n / 8)
MONEY = st.integers(1, 10_000).map(lambda n: n / 100)
LOSS = Newsvendor()


@given(UNITS, UNITS, MONEY, MONEY)
def test_loss_is_not_negative_and_zero_only_at_demand(demand, forecast, underage, overage):
    value = LOSS.value(np.array([demand]), np.array([forecast]), UnitCosts(underage, overage))[0]
    assert value >= 0
    assert (value == 0) == (demand == forecast)


@given(UNITS, UNITS, MONEY, MONEY)
def test_gradient_is_the_slope_between_demand_and_forecast(demand, forecast, underage, overage):
    costs = UnitCosts(underage, overage)
    value = LOSS.value(np.array([demand]), np.array([forecast]), costs)[0]
    slope = LOSS.gradient(np.array([demand]), np.array([forecast]), costs)[0]
    assert value == pytest.approx(slope * (forecast - demand), rel=1e-12, abs=1e-9)


def test_gradient_at_a_tie_is_minus_underage():
    assert LOSS.gradient(np.array([6.0]), np.array([6.0]), UnitCosts(8.0, 2.0)).tolist() == [-8.0]


def test_gradient_equals_autograd_off_the_tie():
    demand = torch.tensor([3.0, 9.0, 0.0], dtype=torch.float64)
    forecast = torch.tensor([5.0, 2.0, 0.5], dtype=torch.float64, requires_grad=True)
    costs = UnitCosts(torch.tensor([4.0, 7.0, 1.0], dtype=torch.float64), 2.5)
    LOSS.value(demand, forecast, costs).sum().backward()
    assert torch.equal(forecast.grad, LOSS.gradient(demand, forecast.detach(), costs))


def test_hessian_is_zero():
    assert not LOSS.hessian(np.array([3.0, 9.0]), np.array([5.0, 9.0]), UnitCosts(4.0, 1.0)).any()


def test_numpy_and_torch_give_the_same_digits():
    rng = np.random.default_rng(3)
    demand, forecast, underage, overage = rng.gamma(2.0, 5.0, (4, 50))
    in_numpy = LOSS.value(demand, forecast, UnitCosts(underage, overage))
    tensors = [torch.from_numpy(a) for a in (demand, forecast, underage, overage)]
    in_torch = LOSS.value(tensors[0], tensors[1], UnitCosts(*tensors[2:]))
    assert np.array_equal(in_numpy, in_torch.numpy())


@pytest.mark.parametrize(("underage", "overage"), [(8.0, 2.0), (1.0, 3.0), (5.0, 5.0)])
def test_minimiser_is_the_critical_ratio_quantile(underage, overage):
    demand = np.sort(np.random.default_rng(5).gamma(2.0, 30.0, 2_001))
    costs = UnitCosts(underage, overage)
    mean_cost = [LOSS.value(demand, np.full_like(demand, q), costs).mean() for q in demand]
    best = demand[int(np.argmin(mean_cost))]
    assert best == np.quantile(demand, costs.critical_ratio(), method="inverted_cdf")


def test_costs_broadcast_over_series():
    costs = UnitCosts(np.array([[8.0], [1.0]]), np.array([[2.0], [3.0]]))
    value = LOSS.value(np.array([[10.0, 4.0], [10.0, 4.0]]), np.array([[7.0, 6.0], [7.0, 6.0]]), costs)
    assert value.tolist() == [[24.0, 4.0], [3.0, 6.0]]


def test_newsvendor_is_a_loss():
    assert isinstance(LOSS, Loss)
    assert LOSS.functional == "quantile"


def test_unsigned_units_do_not_wrap():
    demand, forecast = np.array([10, 10], dtype=np.uint8), np.array([7, 12], dtype=np.uint8)
    assert LOSS.value(demand, forecast, UnitCosts(8.0, 2.0)).tolist() == [24.0, 4.0]


def test_unknown_demand_has_no_slope():
    assert np.isnan(LOSS.gradient(np.array([np.nan]), np.array([12.0]), UnitCosts(8.0, 2.0)))
