"""The laws that any loss must pass, as tests to inherit; needs hypothesis, pytest and torch.

    class TestMyLoss(LossContract):
        loss = MyLoss()

Which laws apply follows from the loss's `functional`. A subclass says what else its loss claims (`convex`, `money`,
`zero_at_demand`, `bias`, `hides`), how `draw` makes observations, where forecasts or terms have shapes of their own,
and what it `elicits`, where the kit cannot know. A law that does not apply is skipped with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from .costs import UnitCosts
from .functionals import functional_of, root
from .newsvendor import Newsvendor
from .protocol import Functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .costs import Array
    from .protocol import Loss

    Floats = NDArray[np.floating[Any]]

DERIVATIVES = ("value", "gradient", "hessian")


@dataclass(frozen=True)
class Observations:
    """Some observations: demand and forecast in units, and their unit costs; arrays of one library and type."""

    demand: Array
    forecast: Array
    costs: UnitCosts

    def into(self, library: str, kind: str) -> Observations:
        """Give the same in a library ("numpy" or "torch") and a type, such as "float32"."""
        costs = UnitCosts(*(_into(np.asarray(c), library, kind) for c in (self.costs.underage, self.costs.overage)))
        return Observations(_into(self.demand, library, kind), _into(self.forecast, library, kind), costs)


class LossContract:
    """Laws of a loss. Kinks have probability 0 under `draw`, so derivatives exist at what is drawn."""

    loss: ClassVar[Loss] = Newsvendor()
    scale: ClassVar[float] = 30.0
    """Typical demand, units."""
    bias: ClassVar[float] = 0.0
    """How far the minimiser may lie from the functional, as the loss states, units."""
    hides: ClassVar[str] = ""
    """Why some observations say nothing about demand, if so: no law on the minimiser or the tie is then tried."""
    convex: ClassVar[bool] = True
    """Whether the loss is convex in each forecast; its hessian is then never negative."""
    money: ClassVar[bool] = True
    """Whether the value is in the currency of the costs."""
    zero_at_demand: ClassVar[bool] = True
    """Whether a perfect forecast costs nothing and no forecast costs less."""
    examples: ClassVar[int] = 20
    """Draws for each law."""
    step: ClassVar[float] = 1e-6
    """Step of the finite differences, relative to `scale`."""

    def draw(self, rng: np.random.Generator) -> Observations:
        """Observations at random, NumPy float64: continuous, so that no two numbers tie."""
        demand, forecast = rng.gamma(2.0, self.scale / 2, (2, 17))
        underage, overage = rng.uniform(0.2, 9.0, (2, 17))
        return Observations(demand, forecast, UnitCosts(underage, overage))

    def elicits(self, demand: Floats, costs: UnitCosts) -> Floats | float:  # noqa: ARG002 - for those who override
        """Functional of demand, (...,) units, at one pair of costs, where its name does not say it all.

        It is asked for `exponential_mean`, and for losses of several forecasts an observation: one number each.
        """
        pytest.skip(f"functional={self.loss.functional!r} has no formula without terms: define `elicits`")

    def into(self, loss: Loss, library: str, kind: str) -> Loss:
        """Give the loss with the arrays among its fields in a library and type; for a dataclass this is done."""
        terms: Any = loss
        if not is_dataclass(terms):
            return loss
        arrays = {f.name: getattr(terms, f.name) for f in fields(terms)}
        arrays = {name: _into(a, library, kind) for name, a in arrays.items() if isinstance(a, np.ndarray | np.generic)}
        return replace(terms, **arrays)  # type: ignore[return-value,type-var]

    def perfect(self, o: Observations) -> Floats:
        """Give the forecast without an error."""
        demand = o.demand[..., None] if o.forecast.ndim > o.demand.ndim else o.demand
        return np.array(np.broadcast_to(demand, o.forecast.shape))

    def test_value_has_the_shape_of_the_demand_and_derivatives_that_of_the_forecast(self) -> None:
        """Losses give one value an observation, never a mean."""

        def law(o: Observations) -> None:
            shapes = [getattr(self.loss, name)(o.demand, o.forecast, o.costs).shape for name in DERIVATIVES]
            assert shapes == [o.demand.shape, o.forecast.shape, o.forecast.shape]

        self._each(law)

    def test_gradient_is_the_finite_difference_of_the_value(self) -> None:
        """Central differences of the summed value, forecast by forecast."""

        def law(o: Observations) -> None:
            found = self.loss.gradient(o.demand, o.forecast, o.costs)
            wanted = self._differences(o, lambda f, _: self.loss.value(o.demand, f, o.costs).sum())
            np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-4 * np.abs(wanted).max() + 1e-9)

        self._each(law)

    def test_hessian_is_the_finite_difference_of_the_gradient(self) -> None:
        """Its diagonal, for a loss that couples observations."""

        def law(o: Observations) -> None:
            found = self.loss.hessian(o.demand, o.forecast, o.costs)
            wanted = self._differences(o, lambda f, place: self.loss.gradient(o.demand, f, o.costs)[place])
            np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-4 * np.abs(wanted).max() + 1e-7)

        self._each(law)

    def test_gradient_is_what_autograd_finds(self) -> None:
        """The value is differentiable by torch, to the same slope."""

        def law(o: Observations) -> None:
            wanted = self.loss.gradient(o.demand, o.forecast, o.costs)
            np.testing.assert_allclose(self._autograd_of_value(o), wanted, rtol=1e-9, atol=1e-9)

        self._each(law)

    def test_hessian_is_what_autograd_finds_of_the_gradient(self) -> None:
        """Its diagonal, for a loss that couples observations."""

        def law(o: Observations) -> None:
            wanted = self.loss.hessian(o.demand, o.forecast, o.costs)
            np.testing.assert_allclose(self._autograd_of_gradient(o), wanted, rtol=1e-9, atol=1e-9)

        self._each(law)

    def test_numpy_and_torch_give_the_same_digits(self) -> None:
        """Value, gradient and hessian, up to the last bits of the libraries' exponentials."""

        def law(o: Observations) -> None:
            for name in DERIVATIVES:
                in_numpy, in_torch = self._at(name, o), self._at(name, o, library="torch")
                assert in_torch.dtype == in_numpy.dtype == np.float64
                np.testing.assert_allclose(in_torch, in_numpy, rtol=1e-13, atol=1e-300)

        self._each(law)

    def test_float32_is_close_to_float64(self) -> None:
        """Inputs are rounded first, so that only the arithmetic differs; in both libraries."""

        def law(o: Observations) -> None:
            single, loss = o.into("numpy", "float32"), self.into(self.loss, "numpy", "float32")
            exact, loss = single.into("numpy", "float64"), self.into(loss, "numpy", "float64")
            for name in DERIVATIVES:
                wanted = getattr(loss, name)(exact.demand, exact.forecast, exact.costs)
                for library in ("numpy", "torch"):
                    found = self._at(name, o, library=library, kind="float32")
                    assert found.dtype == np.float32
                    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-6 * np.abs(wanted).max())

        self._each(law)

    def test_costs_are_a_currency(self) -> None:
        """In another currency the loss is the same money: it is homogeneous in the costs."""
        if not self.money:
            pytest.skip(f"the value of {self._name} is not in the currency of the costs")

        def law(o: Observations) -> None:
            other = UnitCosts(o.costs.underage * 7.3, o.costs.overage * 7.3)
            before, after = (self.loss.value(o.demand, o.forecast, costs) for costs in (o.costs, other))
            np.testing.assert_allclose(after, 7.3 * before, rtol=1e-9, atol=1e-12)

        self._each(law)

    def test_nothing_is_cheaper_than_the_perfect_forecast(self) -> None:
        """And that one is free, where the loss claims so."""
        if not self.zero_at_demand:
            pytest.skip(f"{self._name} does not claim to be 0 at a perfect forecast")

        def law(o: Observations) -> None:
            assert (self.loss.value(o.demand, o.forecast, o.costs) >= 0).all()
            np.testing.assert_allclose(self.loss.value(o.demand, self.perfect(o), o.costs), 0, atol=1e-12 * self.scale)

        self._each(law)

    def test_hessian_is_not_negative(self) -> None:
        """As of a convex loss."""
        if not self.convex:
            pytest.skip(f"{self._name} does not claim to be convex")

        def law(o: Observations) -> None:
            assert (self.loss.hessian(o.demand, o.forecast, o.costs) >= 0).all()

        self._each(law)

    def test_functional_is_named(self) -> None:
        """What the loss elicits is part of it."""
        assert self.loss.functional in get_args(Functional)

    @pytest.mark.parametrize("costs", [UnitCosts(8.0, 2.0), UnitCosts(1.0, 5.0)], ids=["8_2", "1_5"])
    def test_best_constant_forecast_is_the_functional(self, costs: UnitCosts) -> None:
        """Of the demand that was drawn, where the summed gradient changes its sign; nothing is weighted by demand."""
        if self.hides:
            pytest.skip(self.hides)
        o = self.draw(np.random.default_rng(11))
        one = o.forecast.shape[o.demand.ndim :]  # of the forecasts of an observation
        named = None if one else functional_of(self.loss, o.demand, costs)
        wanted = self.elicits(o.demand, costs) if named is None else named

        def slope(constant: Floats) -> Floats:
            forecast = np.array(np.broadcast_to(constant, o.forecast.shape))
            return np.asarray(self.loss.gradient(o.demand, forecast, costs).sum(axis=tuple(range(o.demand.ndim))))

        found = root(slope, np.full(one, o.demand.min()), np.full(one, o.demand.max()))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=self.bias + 1e-9 * self.scale)

    def test_a_tie_counts_as_a_shortage(self) -> None:
        """A loss of quantiles with a kink at the tie has slope -underage there, by its gradient and by autograd."""
        if self.loss.functional != "quantile":
            pytest.skip(f"the convention for ties is one of quantiles, not of functional={self.loss.functional!r}")
        if self.hides:
            pytest.skip(self.hides)
        drawn, costs = self.draw(np.random.default_rng(12)), UnitCosts(8.0, 2.0)
        tie = Observations(drawn.demand, self.perfect(drawn), costs)
        h = 1e-9 * self.scale
        below, above = (self.loss.gradient(tie.demand, tie.forecast + side, costs) for side in (-h, h))
        if np.abs(above - below).max() < 1e-3 * (8 + 2):
            pytest.skip(f"{self._name} is smooth at a tie")
        # several forecasts of one observation share its costs: the slope of a shortage is then what a step below shows
        wanted = np.full_like(below, -8.0) if below.ndim == tie.demand.ndim else below
        np.testing.assert_array_equal(self.loss.gradient(tie.demand, tie.forecast, costs), wanted)
        np.testing.assert_array_equal(self._autograd_of_value(tie), wanted)

    def _each(self, law: Callable[[Observations], None]) -> None:
        """Try a law on many draws; hypothesis names a seed that breaks it. None is simpler, so it need not shrink."""

        @settings(deadline=None, derandomize=True, max_examples=self.examples, database=None, phases=(Phase.generate,))
        @given(st.integers(0, 2**32 - 1))
        def holds(seed: int) -> None:
            law(self.draw(np.random.default_rng(seed)))

        holds()

    @property
    def _name(self) -> str:
        return type(self.loss).__name__

    def _at(self, name: str, o: Observations, library: str = "numpy", kind: str = "float64") -> Floats:
        """Value or derivative as computed by a library in a type."""
        o, loss = o.into(library, kind), self.into(self.loss, library, kind)
        return np.asarray(getattr(loss, name)(o.demand, o.forecast, o.costs))

    def _autograd_of_value(self, o: Observations) -> Floats:
        import torch

        o, loss = o.into("torch", "float64"), self.into(self.loss, "torch", "float64")
        forecast = o.forecast.requires_grad_()
        return np.asarray(torch.autograd.grad(loss.value(o.demand, forecast, o.costs).sum(), forecast)[0])

    def _autograd_of_gradient(self, o: Observations) -> Floats:
        import torch

        o, loss = o.into("torch", "float64"), self.into(self.loss, "torch", "float64")
        forecast = o.forecast.requires_grad_()
        slope = loss.gradient(o.demand, forecast, o.costs)
        out: Floats = np.zeros(tuple(slope.shape))
        for place in np.ndindex(out.shape) if slope.requires_grad else ():  # else it is piecewise constant
            out[place] = torch.autograd.grad(slope[place], forecast, retain_graph=True)[0][place]
        return out

    def _differences(self, o: Observations, function: Callable[[Floats, tuple[int, ...]], Any]) -> Floats:
        """Central differences, in each forecast, of a function of all forecasts and of that one's place."""
        out: Floats = np.empty_like(o.forecast)
        h = self.step * self.scale
        for place in np.ndindex(o.forecast.shape):
            up, down = o.forecast.copy(), o.forecast.copy()
            up[place], down[place] = up[place] + h, down[place] - h
            out[place] = (function(up, place) - function(down, place)) / (2 * h)
        return out


def _into(values: Array, library: str, kind: str) -> Array:
    if library == "numpy":
        return np.asarray(values).astype(kind)
    import torch

    return torch.tensor(values).to(getattr(torch, kind))
