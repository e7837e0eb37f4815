"""CatBoost trained on any loss, and judged by its money.

``CatBoostRegressor(loss_function=Objective(loss, y, costs), eval_metric=Metric(loss, (y, costs))).fit(X, y)``
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .boosting import BoostedLoss

if TYPE_CHECKING:
    from .boosting import Costs, Vector
    from .costs import Array
    from .protocol import Loss


class Objective:
    """Derivatives for ``CatBoostRegressor(loss_function=...)``.

    loss : what an error costs. demand : [row] units, the `y` that `fit` gets. costs : `UnitCosts` or a table [row, 2],
    in the order of the rows.

    CatBoost asks for the derivatives of a thousand rows at a time, does not say which they are, and maximises. Rows are
    found again by their order, and their targets are compared with `demand`, so that no row gets the costs of another.
    What changes the order is refused: more than one thread (thread_count=1 is needed), boosting_type='Ordered', and
    categorical features without has_time=True. Training starts at 0.

    >>> from losses import Newsvendor, UnitCosts
    >>> objective = Objective(Newsvendor(), np.array([10.0, 20.0]), UnitCosts(8.0, 2.0))
    >>> slopes = objective.calc_ders_range(np.array([15.0, 15.0]), np.array([10.0, 20.0]), None)
    >>> bool(slopes[0][0] < 0 < slopes[1][0]), bool(slopes[0][1] < 0)
    (True, True)
    """

    def __init__(self, loss: Loss, demand: Array, costs: Costs) -> None:
        self._rows = _RowsInOrder([BoostedLoss.of(loss, demand, costs)])

    def calc_ders_range(self, approxes: Array, targets: Array, weights: Array) -> list[tuple[float, float]]:
        """Minus gradient and minus curvature of the rows [row, 2]; weights multiply both."""
        rows = self._rows.next(np.asarray(targets))
        if weights is not None:
            rows = replace(rows, weight=np.asarray(weights, dtype=float))
        gradient, curvature = rows.derivatives(np.asarray(approxes, dtype=float))
        return list(zip((-gradient).tolist(), (-curvature).tolist(), strict=True))


class Metric:
    """Mean cost [currency] for ``CatBoostRegressor(eval_metric=...)``; smaller is better.

    sets : (demand, costs) of the training rows and of every evaluation set, since CatBoost judges all of them.

    >>> from losses import Newsvendor, UnitCosts
    >>> metric = Metric(Newsvendor(), (np.array([10.0, 20.0]), UnitCosts(8.0, 2.0)))
    >>> metric.get_final_error(*metric.evaluate([np.array([15.0, 15.0])], np.array([10.0, 20.0]), None))
    25.0
    """

    def __init__(self, loss: Loss, *sets: tuple[Array, Costs]) -> None:
        self._rows = _RowsInOrder([BoostedLoss.of(loss, demand, costs) for demand, costs in sets])

    def is_max_optimal(self) -> bool:
        """Smaller is better."""
        return False

    def evaluate(self, approxes: Array, target: Array, weight: Array) -> tuple[float, float]:
        """Weighted sum of costs [currency], and sum of weights."""
        rows = self._rows.next(np.asarray(target))
        cost = rows.loss.value(rows.demand, np.asarray(approxes[0], dtype=float), rows.costs)
        weights = np.ones_like(cost) if weight is None else np.asarray(weight, dtype=float)
        return float(weights @ cost), float(weights.sum())

    def get_final_error(self, error: float, weight: float) -> float:
        """Weighted mean cost [currency]."""
        return error / weight


class _RowsInOrder:
    """Finds which rows CatBoost means: those that follow the last ones, or the first ones."""

    def __init__(self, sets: list[BoostedLoss]) -> None:
        self._sets = sets
        # CatBoost keeps targets in float32
        self._targets: list[Vector] = [rows.demand.astype(np.float32) for rows in sets]
        self._next = [0] * len(sets)

    def next(self, targets: Vector) -> BoostedLoss:
        """The rows with these targets."""
        wanted = targets.astype(np.float32)
        for k, rows in enumerate(self._sets):
            for first in (self._next[k], 0):
                last = first + len(wanted)
                if np.array_equal(self._targets[k][first:last], wanted):
                    self._next[k] = last % len(rows.demand)
                    return rows.rows(slice(first, last))
        raise ValueError(
            f"CatBoost asks for {len(wanted)} rows with targets {wanted[:3].tolist()}..., which do not follow one "
            "another in demand: give the demand and costs of the rows that fit and eval_set get, in their order, and "
            "let CatBoost not change it (thread_count=1, has_time=True, boosting_type='Plain')"
        )
