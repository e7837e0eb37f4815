"""What the losses elicit, computed from its definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .costs import UnitCosts
    from .protocol import Loss

    Floats = NDArray[np.floating[Any]]


def functional_of(loss: Loss, demand: Floats, costs: UnitCosts) -> float | None:
    """Functional that a loss names, of equally likely demands at one pair of costs [units].

    demand : (...,) units; the `width` of a Huber loss is read off the loss. None where the name alone does not say.

    The expectile and the Huber quantile balance shortfall and excess at the ratio of their costs, the latter with both
    clipped at the width; the quantile counts them.

    >>> from losses import Newsvendor, UnitCosts
    >>> functional_of(Newsvendor(), np.array([1.0, 2.0, 3.0, 9.0]), UnitCosts(6.0, 4.0))
    3.0
    """
    ratio = costs.critical_ratio()
    if loss.functional == "mean":
        return float(demand.mean())
    if loss.functional == "quantile":
        return float(np.quantile(demand, ratio, method="inverted_cdf"))
    width = {"expectile": np.inf, "huber_quantile": getattr(loss, "width", None)}.get(loss.functional)
    if width is None:
        return None

    def balance(constant: Floats) -> Floats:
        excess = constant - demand
        return np.asarray(np.mean((1 - ratio) * np.clip(excess, 0, width) - ratio * np.clip(-excess, 0, width)))

    return float(root(balance, demand.min(), demand.max()))


def root(slope: Callable[[Any], Floats], low: Floats, high: Floats) -> Floats:
    """Where functions, one an entry, change from negative to positive between low and high: by halving.

    >>> root(lambda x: x - np.array([0.25, 3.0]), np.zeros(2), np.full(2, 4.0)).round(9)
    array([0.25, 3.  ])
    """
    for _ in range(60):
        middle = (low + high) / 2
        short = slope(middle) < 0
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high
