"""Every family passes the contract; and the contract fails losses that are wrong."""

from dataclasses import dataclass

import numpy as np
import pytest

from losses import (
    AsymmetricHuber,
    AsymmetricSquared,
    CensoredNewsvendor,
    Linex,
    MultiQuantile,
    Newsvendor,
    SmoothNewsvendor,
    Spec,
    TobitNLL,
    UnitCosts,
)
from losses.testing import LossContract, Observations


class TestNewsvendor(LossContract):
    loss = Newsvendor()
    tie_is_shortage = True


class TestSmoothNewsvendor(LossContract):
    loss = SmoothNewsvendor(4.0)
    zero_at_demand = False


class TestAsymmetricHuber(LossContract):
    loss = AsymmetricHuber(11.0)


class TestAsymmetricSquared(LossContract):
    loss = AsymmetricSquared()


class TestLinex(LossContract):
    loss = Linex(15.0)


class TestMultiQuantile(LossContract):
    loss = MultiQuantile((0.1, 0.5, 0.7, 0.95))

    def draw(self, rng):
        o = super().draw(rng)
        return Observations(o.demand, rng.gamma(2.0, 15.0, (17, 4)), o.costs)


class TestFocusedMultiQuantile(TestMultiQuantile):
    loss = MultiQuantile((0.1, 0.5, 0.7, 0.95), bandwidth=0.15)


class TestSpec(LossContract):
    loss = Spec()

    def draw(self, rng):
        demand, forecast = rng.gamma(2.0, 15.0, (2, 3, 7))
        underage, overage = rng.uniform(0.2, 9.0, (2, 3, 1))
        return Observations(demand, forecast, UnitCosts(underage, overage))


class TestCensoredNewsvendor(LossContract):
    loss = CensoredNewsvendor(np.linspace(9.0, 60.0, 17))
    convex = False

    def draw(self, rng):
        o = super().draw(rng)
        return Observations(np.minimum(o.demand, self.loss.stock), o.forecast, o.costs)

    test_numpy_and_torch_give_the_same_digits = None  # its stock is of one library: below
    test_gradient_is_what_autograd_finds = None
    test_float32_is_close_to_float64 = None


class TestTobit(TestCensoredNewsvendor):
    loss = TobitNLL(np.linspace(9.0, 60.0, 17), scale=12.0)
    convex = True
    zero_at_demand = False
    test_costs_are_a_currency = None  # nats


@dataclass(frozen=True)
class Doubled:
    """A loss that is wrong: its gradient forgot the hidden factor 2 of its value."""

    functional = "quantile"

    def value(self, demand, forecast, costs):
        return 2 * Newsvendor().value(demand, forecast, costs)

    def gradient(self, demand, forecast, costs):
        return Newsvendor().gradient(demand, forecast, costs)

    def hessian(self, demand, forecast, costs):
        return Newsvendor().hessian(demand, forecast, costs)


def test_contract_fails_a_wrong_gradient():
    class Wrong(LossContract):
        loss = Doubled()

    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        Wrong().test_gradient_is_the_finite_difference_of_the_value()
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        Wrong().test_gradient_is_what_autograd_finds()
