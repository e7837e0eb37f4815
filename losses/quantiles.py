"""Several quantiles at once, each at what its error costs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from array_api_compat import array_namespace, device

from .costs import UnitCosts, refuse_not_positive
from .newsvendor import Newsvendor

if TYPE_CHECKING:
    from .costs import Array
    from .protocol import Functional


@dataclass(frozen=True, slots=True)
class MultiQuantile:
    """Weighted mean over quantile levels of the newsvendor cost at each level; forecasts have a last axis [quantile].

    levels : ascending, each between 0 and 1.
    bandwidth : how far from an observation's critical ratio a level still counts, as the standard deviation of a normal
        kernel over levels; None weighs all levels the same. A small bandwidth spends a model's capacity where the
        order will be read off the distribution, and keeps the neighbours for other prices.

    Formula: sum over levels t of w_t * (underage + overage) * (t * (demand - forecast_t)+ + (1 - t) * (forecast_t -
    demand)+), with w_t >= 0 summing to 1 for each observation. At equal weights and unit costs 1 and 1 it is the mean
    over levels of twice the pinball loss, which at evenly spread levels approximates the CRPS.

    Source: Gneiting and Ranjan (2011), Comparing density forecasts using threshold- and quantile-weighted scoring
    rules, Journal of Business and Economic Statistics 29.

    Raises
    ------
    ValueError
        For levels that are not ascending within (0, 1), or a bandwidth that is not positive and finite; in use, for a
        forecast whose shape is not that of the demand with the levels behind.
    """

    levels: tuple[float, ...]
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        """Refuse levels that are no quantiles."""
        object.__setattr__(self, "levels", tuple(self.levels))
        inside = self.levels and all(0 < level < 1 for level in self.levels)
        if not inside or any(a >= b for a, b in pairwise(self.levels)):
            raise ValueError(f"levels={self.levels} must be ascending, each above 0 and below 1")
        if self.bandwidth is not None:
            refuse_not_positive("bandwidth", self.bandwidth, "levels")

    @property
    def functional(self) -> Functional:
        """Each level's quantile."""
        return "quantile"

    def value(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Cost of the observation [currency], shape of the demand.

        demand : (...,) units; forecast : (..., quantile) units; costs broadcast to the demand.

        >>> import numpy as np
        >>> forecast = np.array([[8.0, 12.0]])  # quantiles .5 and .9 of one observation
        >>> MultiQuantile((0.5, 0.9)).value(np.array([10.0]), forecast, UnitCosts(8.0, 2.0))
        array([6.])
        """
        xp = array_namespace(demand, forecast)
        return xp.sum(Newsvendor().value(demand[..., None], forecast, self._costs(demand, forecast, costs)), axis=-1)

    def gradient(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Slope in each quantile [currency per unit], shape of the forecast."""
        return Newsvendor().gradient(demand[..., None], forecast, self._costs(demand, forecast, costs))

    def hessian(self, demand: Array, forecast: Array, costs: UnitCosts) -> Array:
        """Zero off the kinks, and returned at them too, shape of the forecast."""
        return 0.0 * self.gradient(demand, forecast, costs)

    def _costs(self, demand: Array, forecast: Array, costs: UnitCosts) -> UnitCosts:
        """Underage and overage cost of each level, weighted, (..., quantile)."""
        xp = array_namespace(demand, forecast)
        self._refuse_other_shapes(demand, forecast)
        level = xp.asarray(self.levels, dtype=forecast.dtype, device=device(forecast))
        zero = xp.zeros_like(demand)
        total = (costs.underage + costs.overage + zero)[..., None]
        if self.bandwidth is None:
            share = total / len(self.levels)
        else:
            ratio = (costs.underage + zero)[..., None] / xp.where(total > 0, total, xp.ones_like(total))
            kernel = -0.5 * ((level - ratio) / self.bandwidth) ** 2
            kernel = xp.exp(kernel - xp.max(kernel, axis=-1, keepdims=True))
            share = total * kernel / xp.sum(kernel, axis=-1, keepdims=True)
        return UnitCosts.trusted(share * level, share * (1 - level))

    def _refuse_other_shapes(self, demand: Array, forecast: Array) -> None:
        *rows, last = forecast.shape
        if last != len(self.levels):
            raise ValueError(f"forecast has {last} quantiles on its last axis, but there are {len(self.levels)} levels")
        if tuple(rows) != tuple(demand.shape):  # broadcasting would make a table of all pairs
            raise ValueError(
                f"forecast.shape={tuple(forecast.shape)} must be demand.shape={tuple(demand.shape)} with the "
                f"{last} levels behind it"
            )
