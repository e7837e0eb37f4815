"""What a loss is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .costs import Array, UnitCosts

Functional = Literal["mean", "quantile", "expectile", "huber_quantile", "exponential_mean", "none"]
"""What a forecast must be to minimise the expected loss; none where the loss couples several periods."""


@runtime_checkable
class Loss(Protocol):
    """A cost of forecasting `forecast` when `demand` occurs, one value per observation, never averaged.

    Sign: excess = forecast - demand; positive is waste. Values are money, so there is no hidden factor 2.
    Arrays are NumPy or torch and broadcast together; `value` keeps their shape.
    """

    @property
    def functional(self) -> Functional:
        """The functional of the demand distribution that minimises the expected loss."""
        ...

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Cost [currency], shape of the inputs after broadcasting."""
        ...

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Derivative of `value` with respect to `forecast` [currency per unit]."""
        ...

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Second derivative of `value` with respect to `forecast` [currency per unit squared]."""
        ...


def refuse_no_loss(loss: object) -> None:
    """Raise TypeError for what is no loss, such as a class instead of an instance."""
    lacking = [name for name in ("functional", "value", "gradient", "hessian") if not hasattr(loss, name)]
    if isinstance(loss, type) or lacking:
        lacks = f"; it lacks {', '.join(lacking)}" if lacking else ""
        raise TypeError(f"loss={loss!r} must be an instance of a loss, such as Newsvendor(){lacks}")
