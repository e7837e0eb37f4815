"""Every family passes the contract; and the contract fails losses that are wrong."""

from dataclasses import dataclass

import numpy as np
import pytest
from array_api_compat import is_torch_array

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

LEVELS = (0.1, 0.5, 0.7, 0.95)


class TestNewsvendor(LossContract):
    loss = Newsvendor()


class TestSmoothNewsvendor(LossContract):
    loss = SmoothNewsvendor(4.0)
    bias = 3.0
    zero_at_demand = False


class TestSmoothNewsvendorOfManyWidths(LossContract):
    loss = SmoothNewsvendor(np.linspace(0.5, 3.0, 17))
    bias = 3.0
    zero_at_demand = False


class TestAsymmetricHuber(LossContract):
    loss = AsymmetricHuber(11.0)


class TestAsymmetricSquared(LossContract):
    loss = AsymmetricSquared()


class TestLinex(LossContract):
    loss = Linex(15.0)

    def elicits(self, demand, costs):
        rate = np.log(costs.underage / costs.overage) / self.loss.width
        return np.log(np.mean(np.exp(rate * demand))) / rate


class TestMultiQuantile(LossContract):
    loss = MultiQuantile(LEVELS)

    def draw(self, rng):
        o = super().draw(rng)
        return Observations(o.demand, rng.gamma(2.0, 15.0, (17, 4)), o.costs)

    def elicits(self, demand, costs):  # noqa: ARG002 - whatever the costs
        assert self.loss.functional == "quantile"
        return np.quantile(demand, LEVELS, method="inverted_cdf")


class TestFocusedMultiQuantile(TestMultiQuantile):
    loss = MultiQuantile(LEVELS, bandwidth=0.15)


class TestSpec(LossContract):
    loss = Spec()

    def draw(self, rng):
        demand, forecast = rng.gamma(2.0, 15.0, (2, 3, 7))
        underage, overage = rng.uniform(0.2, 9.0, (2, 3, 1))
        return Observations(demand, forecast, UnitCosts(underage, overage))


class TestCensoredNewsvendor(LossContract):
    loss = CensoredNewsvendor(np.linspace(9.0, 60.0, 17))
    hides = "a period whose stock is at most the forecast says nothing about it"
    convex = False

    def draw(self, rng):
        o = super().draw(rng)
        return Observations(np.minimum(o.demand, self.loss.stock), o.forecast, o.costs)


class TestCensoredNewsvendorOfAmpleStock(LossContract):
    loss = CensoredNewsvendor(np.full(17, np.inf))


class TestTobit(TestCensoredNewsvendor):
    loss = TobitNLL(np.linspace(9.0, 60.0, 17), scale=np.linspace(8.0, 14.0, 17))
    hides = "sold-out periods show a bound, so the mean of sales is not that of demand"
    convex = True
    money = False  # nats
    zero_at_demand = False


class TestTobitOfAmpleStock(LossContract):
    loss = TobitNLL(np.full(17, np.inf), scale=12.0)
    money = False
    zero_at_demand = False


@dataclass(frozen=True)
class Right:
    """The newsvendor loss in plain steps, for the wrong ones to differ from in one."""

    functional = "quantile"

    def value(self, demand, forecast, costs):
        return Newsvendor().value(demand, forecast, costs)

    def gradient(self, demand, forecast, costs):
        return Newsvendor().gradient(demand, forecast, costs)

    def hessian(self, demand, forecast, costs):
        return Newsvendor().hessian(demand, forecast, costs)


class Averaged(Right):
    def value(self, demand, forecast, costs):
        return super().value(demand, forecast, costs).mean()


class HalfSlope(Right):
    def gradient(self, demand, forecast, costs):
        return 0.5 * super().gradient(demand, forecast, costs)


class Detached(Right):
    def value(self, demand, forecast, costs):  # autograd sees three quarters of it
        value = super().value(demand, forecast, costs)
        return 0.75 * value + 0.25 * value.detach() if is_torch_array(value) else value


class HalfCurvature(AsymmetricSquared):
    def hessian(self, demand, forecast, costs):
        return 0.5 * super().hessian(demand, forecast, costs)


class RoundedInTorch(Right):
    def value(self, demand, forecast, costs):
        value = super().value(demand, forecast, costs)
        return value.round(decimals=9) if is_torch_array(value) else value


class Double(Right):
    def value(self, demand, forecast, costs):
        return super().value(*(x.double() if is_torch_array(x) else x.astype(float) for x in (demand, forecast)), costs)


class Cancelling(Right):
    def value(self, demand, forecast, costs):
        return super().value(demand + 4096, forecast + 4096, costs)


class Taxed(Right):
    def value(self, demand, forecast, costs):
        return super().value(demand, forecast, costs) + 0.01 * abs(demand - forecast)


class Shifted(Right):
    def value(self, demand, forecast, costs):
        return super().value(demand + 0.001, forecast, costs)


class Negative(Right):
    def value(self, demand, forecast, costs):
        return -super().value(demand, forecast, costs)


class Concave(AsymmetricSquared):
    def hessian(self, demand, forecast, costs):
        return -super().hessian(demand, forecast, costs)


class TieIsWaste(Right):
    def gradient(self, demand, forecast, costs):
        return -super().gradient(forecast, demand, UnitCosts(costs.overage, costs.underage))


class TieIsBoth(Right):
    def value(self, demand, forecast, costs):  # two hinges: autograd finds neither slope at a tie
        gap = demand - forecast
        return costs.underage * (gap + abs(gap)) / 2 + costs.overage * (abs(gap) - gap) / 2


class TwiceTheMoney(Right):
    def value(self, demand, forecast, costs):
        return 2 * super().value(demand, forecast, costs)

    def gradient(self, demand, forecast, costs):
        return 2 * super().gradient(demand, forecast, costs)


class WeightedByOutcome(Right):
    def value(self, demand, forecast, costs):
        return demand * super().value(demand, forecast, costs)

    def gradient(self, demand, forecast, costs):
        return demand * super().gradient(demand, forecast, costs)


class Renamed:
    def __init__(self, loss, functional):
        self.loss, self.functional = loss, functional

    def __getattr__(self, name):
        return getattr(self.loss, name)


FUNCTIONAL = "best_constant_forecast_is_the_functional"
WRONG = [
    ("value_has_the_shape_of_the_demand_and_derivatives_that_of_the_forecast", Averaged()),
    ("gradient_is_the_finite_difference_of_the_value", HalfSlope()),
    ("gradient_is_what_autograd_finds", HalfSlope()),
    ("gradient_is_what_autograd_finds", Detached()),
    ("hessian_is_the_finite_difference_of_the_gradient", HalfCurvature()),
    ("hessian_is_what_autograd_finds_of_the_gradient", HalfCurvature()),
    ("numpy_and_torch_give_the_same_digits", RoundedInTorch()),
    ("float32_is_close_to_float64", Double()),
    ("float32_is_close_to_float64", Cancelling()),
    ("costs_are_a_currency", Taxed()),
    ("nothing_is_cheaper_than_the_perfect_forecast", Shifted()),
    ("nothing_is_cheaper_than_the_perfect_forecast", Negative()),
    ("hessian_is_not_negative", Concave()),
    ("a_tie_counts_as_a_shortage", TieIsWaste()),
    ("a_tie_counts_as_a_shortage", TieIsBoth()),
    ("a_tie_counts_as_a_shortage", TwiceTheMoney()),
    ("a_tie_counts_as_a_shortage", WeightedByOutcome()),
    ("functional_is_named", Renamed(Newsvendor(), "median")),
    (FUNCTIONAL, WeightedByOutcome()),
    (FUNCTIONAL, Renamed(Newsvendor(), "mean")),
    (FUNCTIONAL, Renamed(SmoothNewsvendor(4.0), "mean")),
    (FUNCTIONAL, Renamed(AsymmetricHuber(30.0), "quantile")),
    (FUNCTIONAL, Renamed(AsymmetricSquared(), "mean")),
    (FUNCTIONAL, Renamed(Linex(15.0), "mean")),
]


@pytest.mark.parametrize(("law", "wrong"), WRONG, ids=[f"{law}-{type(wrong).__name__}" for law, wrong in WRONG])
def test_contract_fails_a_wrong_loss(law, wrong):
    class Contract(LossContract):
        loss = wrong
        bias = 3.0  # units: a wrong functional is further off

    costs = (UnitCosts(8.0, 2.0),) if law == FUNCTIONAL else ()
    with pytest.raises(AssertionError):
        getattr(Contract(), f"test_{law}")(*costs)


def test_every_law_has_a_wrong_loss_that_fails_it():
    laws = {name.removeprefix("test_") for name in vars(LossContract) if name.startswith("test_")}
    assert laws == {law for law, _ in WRONG}


def test_the_right_loss_passes_in_plain_steps():
    class Contract(LossContract):
        loss = Right()

    def passes(law):
        getattr(Contract(), f"test_{law}")(*((UnitCosts(8.0, 2.0),) if law == FUNCTIONAL else ()))
        return True

    assert all(passes(law) for law in dict(WRONG))


def test_a_loss_that_names_what_it_elicits_by_terms_of_its_own_is_asked_for_them():
    class Contract(LossContract):
        loss = Linex(15.0)

    with pytest.raises(
        pytest.skip.Exception, match=r"functional='exponential_mean' has no formula .* define `elicits`"
    ):
        Contract().test_best_constant_forecast_is_the_functional(UnitCosts(8.0, 2.0))
