"""The laws that any loss must pass, as tests to inherit; needs hypothesis and pytest, and torch for some.

    class TestMyLoss(LossContract):
        loss = MyLoss()

A subclass says what its loss claims: `convex`, `zero_at_demand`, `tie_is_shortage`; and, where forecasts or terms have
shapes of their own, how `draw` makes observations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from .costs import UnitCosts
from .newsvendor import Newsvendor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .protocol import Loss

    Floats = NDArray[np.floating[Any]]

SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Observations:
    """Some observations in float64: demand and forecast in units, and their unit costs."""

    demand: Floats
    forecast: Floats
    costs: UnitCosts

    def rounded(self, kind: type[np.floating[Any]]) -> Observations:
        """Give the same in another type."""
        costs = UnitCosts(*(np.asarray(c).astype(kind) for c in (self.costs.underage, self.costs.overage)))
        return Observations(self.demand.astype(kind), self.forecast.astype(kind), costs)

    def as_torch(self, kind: str = "float64") -> tuple[Any, Any, UnitCosts]:
        """Give the same as torch tensors of a type."""
        import torch

        cast = getattr(torch, kind)
        demand, forecast, underage, overage = (
            torch.tensor(part).to(cast)
            for part in (self.demand, self.forecast, self.costs.underage, self.costs.overage)
        )
        return demand, forecast, UnitCosts(underage, overage)


class LossContract:
    """Laws of a loss. Kinks have probability 0 under `draw`, so derivatives exist at what is drawn."""

    loss: ClassVar[Loss] = Newsvendor()
    tie_is_shortage: ClassVar[bool] = False
    """Whether the loss has a kink at demand = forecast, where its gradient is then exactly -underage."""
    scale: ClassVar[float] = 30.0
    """Typical demand, units."""
    convex: ClassVar[bool] = True
    """Whether the loss is convex in each forecast; its hessian is then never negative."""
    zero_at_demand: ClassVar[bool] = True
    """Whether a perfect forecast costs nothing and no forecast costs less."""
    examples: ClassVar[int] = 30
    """Draws for each law."""
    step: ClassVar[float] = 1e-6
    """Step of the finite differences, relative to `scale`."""

    def draw(self, rng: np.random.Generator) -> Observations:
        """Observations at random: continuous, so that no two numbers tie."""
        demand, forecast = rng.gamma(2.0, self.scale / 2, (2, 17))
        underage, overage = rng.uniform(0.2, 9.0, (2, 17))
        return Observations(demand, forecast, UnitCosts(underage, overage))

    def test_value_has_the_shape_of_the_demand_and_derivatives_that_of_the_forecast(self) -> None:
        """Losses give one value an observation, never a mean."""

        def law(o: Observations) -> None:
            assert self.loss.value(o.demand, o.forecast, o.costs).shape == o.demand.shape
            assert self.loss.gradient(o.demand, o.forecast, o.costs).shape == o.forecast.shape
            assert self.loss.hessian(o.demand, o.forecast, o.costs).shape == o.forecast.shape

        self._each(law)

    def test_gradient_is_the_finite_difference_of_the_value(self) -> None:
        """Central differences of the summed value, forecast by forecast."""

        def law(o: Observations) -> None:
            found = self.loss.gradient(o.demand, o.forecast, o.costs)
            wanted = self._differences(o, lambda forecast: self.loss.value(o.demand, forecast, o.costs).sum())
            np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-4 * np.abs(wanted).max() + 1e-9)

        self._each(law)

    def test_hessian_is_the_finite_difference_of_the_gradient(self) -> None:
        """Its diagonal, for a loss that couples observations."""

        def law(o: Observations) -> None:
            found = self.loss.hessian(o.demand, o.forecast, o.costs)
            wanted = np.empty_like(o.forecast)
            h = self.step * self.scale
            for place in np.ndindex(o.forecast.shape):
                up, down = o.forecast.copy(), o.forecast.copy()
                up[place], down[place] = up[place] + h, down[place] - h
                high, low = (self.loss.gradient(o.demand, f, o.costs)[place] for f in (up, down))
                wanted[place] = (high - low) / (2 * h)
            np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-4 * np.abs(wanted).max() + 1e-7)

        self._each(law)

    def test_gradient_is_what_autograd_finds(self) -> None:
        """The value is differentiable by torch, to the same slope."""

        def law(o: Observations) -> None:
            demand, forecast, costs = o.as_torch()
            forecast.requires_grad_()
            self.loss.value(demand, forecast, costs).sum().backward()
            wanted = self.loss.gradient(demand, forecast.detach(), costs)
            np.testing.assert_allclose(forecast.grad.numpy(), wanted.numpy(), rtol=1e-9, atol=1e-9)

        self._each(law)

    def test_numpy_and_torch_give_the_same_digits(self) -> None:
        """Value, gradient and hessian, up to the last bits of the libraries' exponentials."""

        def law(o: Observations) -> None:
            tensors = o.as_torch()
            for name in ("value", "gradient", "hessian"):
                in_numpy = getattr(self.loss, name)(o.demand, o.forecast, o.costs)
                in_torch = getattr(self.loss, name)(*tensors).numpy()
                assert in_torch.dtype == in_numpy.dtype
                np.testing.assert_allclose(in_torch, in_numpy, rtol=1e-13, atol=1e-300)

        self._each(law)

    def test_float32_is_close_to_float64(self) -> None:
        """Inputs are rounded first, so that only the arithmetic differs."""

        def law(o: Observations) -> None:
            single = o.rounded(np.float32)
            double = single.rounded(np.float64)
            for name in ("value", "gradient"):
                found = getattr(self.loss, name)(single.demand, single.forecast, single.costs)
                wanted = getattr(self.loss, name)(double.demand, double.forecast, double.costs)
                assert found.dtype == np.float32
                np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())

        self._each(law)

    def test_costs_are_a_currency(self) -> None:
        """In another currency the loss is the same money: it is homogeneous in the costs."""

        def law(o: Observations) -> None:
            other = UnitCosts(o.costs.underage * 7.3, o.costs.overage * 7.3)
            before = self.loss.value(o.demand, o.forecast, o.costs)
            np.testing.assert_allclose(
                self.loss.value(o.demand, o.forecast, other), 7.3 * before, rtol=1e-9, atol=1e-12
            )

        self._each(law)

    def test_nothing_is_cheaper_than_the_perfect_forecast(self) -> None:
        """And that one is free, where the loss claims so."""

        def law(o: Observations) -> None:
            assert (self.loss.value(o.demand, o.forecast, o.costs) >= 0).all()
            perfect = self.loss.value(o.demand, self.perfect(o), o.costs)
            np.testing.assert_allclose(perfect, np.zeros_like(perfect), atol=1e-12 * self.scale)

        if self.zero_at_demand:
            self._each(law)

    def test_hessian_is_not_negative(self) -> None:
        """As of a convex loss."""

        def law(o: Observations) -> None:
            assert (self.loss.hessian(o.demand, o.forecast, o.costs) >= 0).all()

        if self.convex:
            self._each(law)

    def test_a_tie_counts_as_a_shortage(self) -> None:
        """The convention for linear losses, for the gradient and for what autograd makes of the value."""
        costs, demand = UnitCosts(8.0, 2.0), np.array([6.0, 0.0])
        if not self.tie_is_shortage:
            return
        assert self.loss.gradient(demand, demand, costs).tolist() == [-8.0, -8.0]
        import torch

        forecast = torch.tensor(demand, requires_grad=True)
        self.loss.value(torch.tensor(demand), forecast, costs).sum().backward()
        assert forecast.grad is not None
        assert forecast.grad.tolist() == [-8.0, -8.0]

    def test_functional_is_named(self) -> None:
        """What the loss elicits is part of it."""
        from typing import get_args

        from .protocol import Functional

        assert self.loss.functional in get_args(Functional)

    def _each(self, law: Callable[[Observations], None]) -> None:
        """Try a law on many draws; hypothesis finds the seed that breaks it, and names it."""

        @settings(deadline=None, derandomize=True, max_examples=self.examples, database=None)
        @given(SEEDS)
        def holds(seed: int) -> None:
            law(self.draw(np.random.default_rng(seed)))

        holds()

    def perfect(self, o: Observations) -> Floats:
        """Give the forecast without an error."""
        return np.broadcast_to(o.demand[..., None] if o.forecast.ndim > o.demand.ndim else o.demand, o.forecast.shape)

    def _differences(self, o: Observations, total: Any) -> Floats:  # noqa: ANN401 - a function of forecasts
        out, h = np.empty_like(o.forecast), self.step * self.scale
        for place in np.ndindex(o.forecast.shape):
            up, down = o.forecast.copy(), o.forecast.copy()
            up[place], down[place] = up[place] + h, down[place] - h
            out[place] = (total(up) - total(down)) / (2 * h)
        return out
