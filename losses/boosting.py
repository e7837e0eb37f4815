"""What gradient boosters need of a loss: where to start, and a gradient with a curvature that trees can follow.

LightGBM, XGBoost and CatBoost take a Newton step in every leaf: minus the sum of gradients over the sum of curvatures.
The newsvendor loss has curvature 0, and a constant instead of it takes steps that have nothing to do with the error. So
each step minimises a parabola that lies above the loss and touches it at the forecast (majorise-minimise).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .costs import Array, UnitCosts
from .newsvendor import Newsvendor
from .protocol import refuse_no_loss
from .quantiles import MultiQuantile
from .training_rows import Costs, checked_rows, loss_of_rows, weighted_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .protocol import Loss

    Vector = NDArray[np.float64]

WIDTH = 1.0
"""Width of a rounded-off kink, in mean costs of an error, up to `ROWS` rows; chosen by measurement, as is `DAMPING`, on
the market of benchmarks/lightgbm_mixed_costs.py. Half of it costs 1 % more money there; twice as much moves a quantile
by .05. Of trees that fit no noise it moves a quantile of .8 by .02."""

ROWS = 20_000
"""Above so many rows the width falls with their cube root, as that of a smoothed quantile should: more rows need less
smoothing, and its bias goes to 0."""

DAMPING = 0.05
"""Share of a kink's sharpest curvature that every row has on top of its own. The best forecast stays where it is, but
the way there is steadier: less cost where 300 trees fit noise (-0.4 %), more where 100 have not arrived (+0.3 %)."""

LEAST_LEVEL = 0.1
"""A forecast below this share of the usual demand counts as this much when the width follows the forecast."""

LEAST_CURVATURE = 1e-6
"""Floor of a row's curvature, as a share of the usual one: a leaf of flat rows then stays where it is."""

BISECTIONS = 60
"""Halvings of the range of demand in the search for the best constant: to the precision of a float64."""

DOUBLINGS = 40
"""How often the search beyond the range of demand goes twice as far, until the mean gradient changes its sign."""


def secant_curvature(loss: Loss, demand: Vector, forecast: Vector, costs: UnitCosts) -> Vector:
    """Slope of the chord of the gradient between demand and forecast [currency per unit squared].

    Formula: (gradient(y, f) - gradient(y, y)) / (f - y), and hessian(y, y) at a tie; all arrays [row]. For a loss that
    is symmetric but for a linear term and flattens away from the tie, it is the smallest curvature of a parabola that
    lies above the loss and touches it at f. For the smooth newsvendor it is
    (underage + overage) / 2 * tanh(e / (2 * width)) / e with e = f - y.

    Source: de Leeuw and Lange (2009), Sharp quadratic majorization in one dimension, Computational Statistics and
    Data Analysis 53.

    >>> from losses import AsymmetricSquared
    >>> secant_curvature(AsymmetricSquared(), np.array([10.0, 10.0]), np.array([7.0, 11.0]), UnitCosts(8.0, 2.0))
    array([16.,  4.])
    """
    excess = forecast - demand
    tie = _is_tie(demand, forecast)
    chord = loss.gradient(demand, forecast, costs) - loss.gradient(demand, demand, costs)
    return np.asarray(np.where(tie, loss.hessian(demand, demand, costs), chord / np.where(tie, 1.0, excess)))


def best_constant(loss: Loss, demand: Array, costs: Costs, weight: Array = None) -> float:
    """Constant forecast with the least mean cost [units]; for the newsvendor the weighted critical-ratio quantile.

    >>> best_constant(Newsvendor(), [3.0, 1.0, 7.0, 5.0], UnitCosts(3.0, 2.0)).__round__(6)
    5.0
    """
    return BoostedLoss.of(loss, demand, costs, weight).start


class Usual(NamedTuple):
    """Weighted means over all rows that the width of a kink follows.

    demand : of the absolute demand [units]. level : of the absolute forecast, at least `LEAST_LEVEL` of it [units].
    error : mean cost over the mean jump of the gradient [units].
    """

    demand: float
    level: float
    error: float


@dataclass(frozen=True, slots=True)
class BoostedLoss:
    """A loss on the rows of one training set, as a booster wants it; make one with `of`, which checks.

    loss : any loss of the protocol that judges each row for itself.
    demand : [row] units; rows of weight 0 hold the mean of the others. costs : arrays [row].
    weight : [row] importance, >= 0.
    middle, half : [row] mean of the gradients just above and just below demand, and half their difference: the kink.
    width : of the kinks, in mean costs of an error; 0 where no row has one.
    start : constant forecast with the least mean cost [units]; for the newsvendor the weighted critical-ratio quantile.
    unit : mean curvature at the start, which gradients and curvatures are divided by.
    """

    loss: Loss
    demand: Vector
    costs: UnitCosts
    weight: Vector
    middle: Vector
    half: Vector
    width: float
    start: float = 0.0
    unit: float = 1.0

    @classmethod
    def of(cls, loss: Loss, demand: Array, costs: Costs, weight: Array = None) -> BoostedLoss:
        """Check the rows once, and find where to start.

        Raises
        ------
        ValueError
            For demand or weights that are missing or infinite, costs or arrays of the loss that do not fit, a loss
            that couples rows, and where no row costs anything; with the first offending row. Demand of rows of weight 0
            may be missing.

        >>> problem = BoostedLoss.of(Newsvendor(), [3.0, 1.0, 7.0, 5.0], UnitCosts(3.0, 2.0))
        >>> round(problem.start, 6), problem.mean_cost(np.full(4, 5.0))
        (5.0, 4.5)
        """
        refuse_no_loss(loss)
        if isinstance(loss, MultiQuantile):
            raise TypeError(f"{loss} has several forecasts a row, and a booster has one: fit Newsvendor at each level")
        if loss.functional == "none":
            raise ValueError(f"{loss} couples periods, so rows cannot be boosted one by one; use it to judge forecasts")
        y, prices, w = checked_rows(demand, costs, weight)
        if np.sum(w * (prices.underage + prices.overage)) <= 0:
            raise ValueError("all costs times weights are 0, so that every forecast is as good; give one row a cost")
        loss_of_rows(loss, len(y))
        below = loss.gradient(y, np.nextafter(y, -np.inf), prices)
        above = loss.gradient(y, np.nextafter(y, np.inf), prices)
        width = WIDTH * min(1.0, ROWS / len(y)) ** (1 / 3) if _has_kink(loss, y, prices) else 0.0
        raw = cls(loss, y, prices, w, (above + below) / 2, (above - below) / 2, width)
        start = raw._best_constant()
        unit = weighted_mean(raw._slopes(np.full_like(y, start))[1], w)
        return replace(raw, start=start, unit=unit if unit > 0 else 1.0)

    def rows(self, part: slice) -> BoostedLoss:
        """Some of the rows; start and unit stay those of all, and so does the width if `usual` is handed on."""
        costs = UnitCosts.trusted(self.costs.underage[part], self.costs.overage[part])
        return replace(
            self, loss=loss_of_rows(self.loss, len(self.demand), part), demand=self.demand[part], costs=costs,
            weight=self.weight[part], middle=self.middle[part], half=self.half[part],
        )  # fmt: skip

    def mean_cost(self, forecast: Vector) -> float:
        """Weighted mean cost of a row [currency]."""
        return weighted_mean(self.loss.value(self.demand, forecast, self.costs), self.weight)

    def usual(self, forecast: Vector) -> Usual:
        """What the width of a kink follows, of these rows at this forecast [row]."""
        jump = 2 * weighted_mean(self.half, self.weight) or 1.0
        demand = weighted_mean(np.abs(self.demand), self.weight)
        level = weighted_mean(np.maximum(np.abs(forecast), LEAST_LEVEL * demand), self.weight)
        return Usual(demand, level, self.mean_cost(forecast) / jump)

    def derivatives(self, forecast: Vector, usual: Usual | None = None) -> tuple[Vector, Vector]:
        """Gradient [units] and curvature [1] of each row, both [row], times its weight; the curvature is positive.

        Both are divided by `unit`, so that a booster's regularisation means what it means for squared error, in any
        currency. A kink is rounded off over a width that follows the errors still made and the level of the forecast,
        and so shrinks as training proceeds; `usual` is that of all rows where these are some of them.
        """
        gradient, curvature = self._slopes(forecast, usual)
        return self.weight * gradient / self.unit, self.weight * np.maximum(curvature / self.unit, LEAST_CURVATURE)

    def _slopes(self, forecast: Vector, usual: Usual | None = None) -> tuple[Vector, Vector]:
        if not self.width:
            return self._smooth(forecast)
        return self._kinked(forecast, self._width(forecast, usual or self.usual(forecast)))

    def _best_constant(self) -> float:
        """Bisection on the sign of the mean gradient; of several best constants the smallest."""
        least, most = float(self.demand.min()), float(self.demand.max())
        low, high = self._beyond(least, least - most, 1.0), self._beyond(most, most - least, -1.0)
        for _ in range(BISECTIONS):
            middle = low + (high - low) / 2
            if self._slope_at(middle) < 0:
                low = middle
            else:
                high = middle
        return high

    def _beyond(self, edge: float, away: float, wrong: float) -> float:
        """A constant outside the range of demand past which the loss only rises, if it falls beyond the edge at all.

        away : step outwards from the edge [units]; wrong : sign of the mean gradient where the loss falls outwards.
        Where it falls for ever, as where all rows are sold out, the data show no best constant: the edge then.
        """
        step = away or -wrong * (abs(edge) or 1.0)
        if wrong * self._slope_at(float(np.nextafter(edge, edge + step))) <= 0:
            return edge
        for _ in range(DOUBLINGS):
            if wrong * self._slope_at(edge + step) < 0:
                return edge + step
            step *= 2
        return edge

    def _slope_at(self, constant: float) -> float:
        slopes = self.loss.gradient(self.demand, np.full_like(self.demand, constant), self.costs)
        return float(self.weight @ np.asarray(slopes))

    def _smooth(self, forecast: Vector) -> tuple[Vector, Vector]:
        y, costs = self.demand, self.costs
        secant = secant_curvature(self.loss, y, forecast, costs)
        # LINEX gets steeper away from the tie: there the chord would overshoot
        return self.loss.gradient(y, forecast, costs), np.maximum(secant, self.loss.hessian(y, forecast, costs))

    def _kinked(self, forecast: Vector, width: Vector) -> tuple[Vector, Vector]:
        """Slopes of the two sides, blended by a logistic weight; for the newsvendor that is its smooth version."""
        excess = forecast - self.demand
        # off the tie by a part of the width that changes no digit, so that tanh(x / 2T) / x needs no exception
        x = np.copysign(np.maximum(np.abs(excess), 1e-9 * width), excess)
        # boosters keep gradients in float32, in which tanh is ten times faster
        tilt = np.tanh((x / (2 * width)).astype(np.float32))
        lean = self.half * tilt
        gradient, curvature = self.middle + lean, lean / x + DAMPING / 2 * self.half / width
        if isinstance(self.loss, Newsvendor):  # its sides are straight, which saves a fifth of the time
            return gradient, curvature
        side = self.middle + np.where(excess > 0, self.half, -self.half)
        bend = self.loss.gradient(self.demand, forecast, self.costs) - side
        # a side may jump at the very tie, as that of a sold-out row does: there the width is far enough
        far = np.copysign(np.maximum(np.abs(x), width), x)
        return gradient + bend * (1 + np.abs(tilt)) / 2, curvature + np.maximum(bend / far, 0.0)

    def _width(self, forecast: Vector, usual: Usual) -> Vector:
        """Width of the kink [units, row]: the mean cost over the mean jump in slope, in proportion to the forecast.

        In money that is small where the wanted quantile is far out and a wide kink would move it most; and it is the
        same in any unit of demand or currency.
        """
        level = np.maximum(np.abs(forecast), LEAST_LEVEL * usual.demand) / usual.level if usual.demand > 0 else 1.0
        least = np.finfo(float).eps * (usual.demand if usual.demand > 0 else 1.0)
        return np.maximum(self.width * usual.error * level + np.zeros_like(forecast), least)


def _has_kink(loss: Loss, demand: Vector, costs: UnitCosts) -> bool:
    """Whether the gradient jumps at demand; of a smooth loss the two sides differ by a rounding error."""
    step = 1e-3 * (np.mean(np.abs(demand)) or 1.0)

    def jump(below: Vector, above: Vector) -> float:
        return float(np.mean(np.abs(loss.gradient(demand, above, costs) - loss.gradient(demand, below, costs))))

    at_tie = jump(np.nextafter(demand, -np.inf), np.nextafter(demand, np.inf))
    return at_tie > 1e-6 * jump(demand - step, demand + step)


def _is_tie(demand: Vector, forecast: Vector) -> NDArray[np.bool_]:
    """Equal up to rounding: closer, the chord would be made of rounding errors."""
    return np.abs(forecast - demand) <= 1e-9 * np.maximum(np.abs(demand), np.abs(forecast))
