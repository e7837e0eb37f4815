"""CatBoost trained on any loss, and judged by its money.

``CatBoostRegressor(loss_function=Objective(loss, y, costs), eval_metric=Metric(loss, (y, costs))).fit(X, y)``
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .boosting import BoostedLoss

if TYPE_CHECKING:
    from .boosting import Usual, Vector
    from .costs import Array
    from .protocol import Loss
    from .training_rows import Costs


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
        self._all = BoostedLoss.of(loss, demand, costs)
        self._order = _RowsInOrder([self._all])
        # the width of a kink follows the errors of all rows, and only a thousand are seen at a time: those of the
        # last time that all were seen
        self._forecast, self._weight = np.zeros_like(self._all.demand), np.ones_like(self._all.demand)
        self._usual: Usual | None = None

    def calc_ders_range(self, approxes: Array, targets: Array, weights: Array) -> list[tuple[float, float]]:
        """Minus gradient and minus curvature of the rows [row, 2]; weights multiply both."""
        _, part = self._order.next(np.asarray(targets))
        self._forecast[part] = np.asarray(approxes, dtype=float)
        self._weight[part] = 1.0 if weights is None else np.asarray(weights, dtype=float)
        usual, rows = self._usual, replace(self._all.rows(part), weight=self._weight[part])
        if part.stop == len(self._forecast):
            self._usual = replace(self._all, weight=self._weight).usual(self._forecast)
        gradient, curvature = rows.derivatives(self._forecast[part], usual)
        return list(zip((-gradient).tolist(), (-curvature).tolist(), strict=True))


class Metric:
    """Mean cost [currency] for ``CatBoostRegressor(eval_metric=...)``; smaller is better.

    sets : (demand, costs) of the training rows and of every evaluation set, in this order, since CatBoost judges all
        of them and does not say which it means: sets of the same demand are told apart by their order alone.

    >>> from losses import Newsvendor, UnitCosts
    >>> metric = Metric(Newsvendor(), (np.array([10.0, 20.0]), UnitCosts(8.0, 2.0)))
    >>> metric.get_final_error(*metric.evaluate([np.array([15.0, 15.0])], np.array([10.0, 20.0]), None))
    25.0
    """

    def __init__(self, loss: Loss, *sets: tuple[Array, Costs]) -> None:
        self._sets = [BoostedLoss.of(loss, demand, costs) for demand, costs in sets]
        self._order = _RowsInOrder(self._sets)

    def is_max_optimal(self) -> bool:
        """Smaller is better."""
        return False

    def evaluate(self, approxes: Array, target: Array, weight: Array) -> tuple[float, float]:
        """Weighted sum of costs [currency], and sum of weights."""
        which, part = self._order.next(np.asarray(target))
        rows = self._sets[which].rows(part)
        cost = rows.loss.value(rows.demand, np.asarray(approxes[0], dtype=float), rows.costs)
        weights = np.ones_like(cost) if weight is None else np.asarray(weight, dtype=float)
        return float(weights @ cost), float(weights.sum())

    def get_final_error(self, error: float, weight: float) -> float:
        """Weighted mean cost [currency]."""
        return error / weight


class _RowsInOrder:
    """Finds which rows CatBoost means: those that follow the last ones, or the first ones of the set after it."""

    def __init__(self, sets: list[BoostedLoss]) -> None:
        # CatBoost keeps targets in float32
        self._targets = [rows.demand.astype(np.float32) for rows in sets]
        self._set, self._row = 0, 0

    def next(self, targets: Vector) -> tuple[int, slice]:
        """Set and rows with these targets."""
        wanted = targets.astype(np.float32)
        for which, first in self._candidates(len(wanted)):
            part = slice(first, first + len(wanted))
            if np.array_equal(self._targets[which][part], wanted):
                finished = part.stop == len(self._targets[which])
                self._set, self._row = ((which + 1) % len(self._targets), 0) if finished else (which, part.stop)
                return which, part
        raise ValueError(
            f"CatBoost asks for {len(wanted)} rows with targets {wanted[:3].tolist()}..., which do not follow one "
            "another in demand: give the demand and costs of the rows that fit and eval_set get, in their order, and "
            "let CatBoost not change it (thread_count=1, has_time=True, boosting_type='Plain')"
        )

    def _candidates(self, rows: int) -> list[tuple[int, int]]:
        """Set and first row: the rest of the set at hand, then the sets in turn, first those of just so many rows."""
        turn = [(self._set + k) % len(self._targets) for k in range(len(self._targets))]
        starts = [(which, 0) for which in sorted(turn, key=lambda which: len(self._targets[which]) != rows)]
        return [(self._set, self._row), *starts] if self._row else starts
