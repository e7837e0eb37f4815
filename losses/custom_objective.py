"""A loss as the custom objective that LightGBM and XGBoost call in every round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .boosting import BoostedLoss

if TYPE_CHECKING:
    from .boosting import Vector
    from .costs import Array
    from .protocol import Loss
    from .training_rows import Costs


class Objective:
    """Gradient and curvature of the training rows, in the signature of either interface of either library."""

    def __init__(self, loss: Loss, costs: Costs) -> None:
        self._rows = RowMemory(loss, costs)

    def __call__(self, first: Array, second: Array, sample_weight: Array = None) -> tuple[Vector, Vector]:
        """(demand, forecast, sample_weight) from an estimator, or (forecast, Dataset or DMatrix) from `train`.

        XGBoost hands weights over only to an argument of that name; LightGBM goes by position.
        """
        demand, forecast, weight = booster_arguments(first, second, sample_weight)
        return self._rows.problem(demand, weight).derivatives(forecast)


class RowMemory:
    """Checks the rows that a booster hands over in every round once, for a custom objective or metric."""

    def __init__(self, loss: Loss, costs: Costs) -> None:
        self._loss = loss
        self._costs = costs
        self._seen: tuple[Array, Array, BoostedLoss] | None = None

    def problem(self, demand: Array, weight: Array) -> BoostedLoss:
        """The rows; those of the round before if demand and weight are."""
        if self._seen is None or not (_same(self._seen[0], demand) and _same(self._seen[1], weight)):
            self._seen = (demand, weight, BoostedLoss.of(self._loss, demand, self._costs, weight))
        return self._seen[2]


def booster_arguments(first: Array, second: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Demand, forecast and weight, of (demand, forecast, weight) or of (forecast, Dataset or DMatrix)."""
    if not hasattr(second, "get_label"):
        return first, second, weight
    weights = second.get_weight()
    return second.get_label(), first, None if weights is None or not weights.size else weights


def _same(one: Array, other: Array) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other, equal_nan=True))
