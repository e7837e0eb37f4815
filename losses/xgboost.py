"""XGBoost trained on any loss, and judged by its money.

``XGBRegressor(objective=objective(loss, costs), base_score=best_constant(loss, y, costs)).fit(X, y)``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .boosting import best_constant
from .custom_objective import Objective, RowMemory, booster_arguments

if TYPE_CHECKING:
    from .boosting import Vector
    from .costs import Array
    from .protocol import Loss
    from .training_rows import Costs

__all__ = ["CustomMetric", "Metric", "Objective", "best_constant", "custom_metric", "metric", "objective"]


class Metric:
    """Weighted mean cost for XGBoost's scikit-learn API; made by `metric`."""

    def __init__(self, loss: Loss, costs: Costs) -> None:
        self._rows = RowMemory(loss, costs)
        self.__name__ = "mean_cost"  # XGBoost prints it

    def __call__(self, demand: Array, forecast: Array, sample_weight: Array = None) -> float:
        """Weighted mean cost [currency]."""
        return self._rows.problem(demand, sample_weight).mean_cost(forecast)


class CustomMetric:
    """Weighted mean cost for `xgboost.train`; made by `custom_metric`."""

    def __init__(self, loss: Loss, costs: Costs) -> None:
        self._rows = RowMemory(loss, costs)

    def __call__(self, forecast: Vector, rows: Array) -> tuple[str, float]:
        """Name, and weighted mean cost [currency]."""
        demand, _, weight = booster_arguments(forecast, rows, None)
        return "mean_cost", self._rows.problem(demand, weight).mean_cost(forecast)


def objective(loss: Loss, costs: Costs) -> Objective:
    """Objective for ``XGBRegressor(objective=...)`` and for ``xgboost.train(params, dtrain, obj=...)``.

    costs : `UnitCosts` of numbers or of one entry for each training row, in its order; or a table [row, 2].

    A custom objective starts at 0 unless `base_score` says otherwise, so give it the best constant:
    ``XGBRegressor(objective=..., base_score=best_constant(loss, y, costs))``. XGBoost keeps it in the model.

    >>> import numpy as np
    >>> from losses import Newsvendor, UnitCosts
    >>> ours = objective(Newsvendor(), UnitCosts(8.0, 2.0))
    >>> gradient, curvature = ours(np.array([10.0, 20.0]), np.array([15.0, 15.0]))
    >>> bool(gradient[0] > 0 > gradient[1]), bool(np.all(curvature > 0))
    (True, True)
    """
    return Objective(loss, costs)


def metric(loss: Loss, costs: Costs) -> Metric:
    """Mean cost [currency] for ``XGBRegressor(eval_metric=...)``; smaller is better.

    costs : numbers, or one entry for each row of the one evaluation set, in its order.

    >>> import numpy as np
    >>> from losses import Newsvendor, UnitCosts
    >>> metric(Newsvendor(), UnitCosts(8.0, 2.0))(np.array([10.0, 20.0]), np.array([15.0, 15.0]))
    25.0
    """
    return Metric(loss, costs)


def custom_metric(loss: Loss, costs: Costs) -> CustomMetric:
    """Mean cost [currency] for ``xgboost.train(..., custom_metric=...)``; smaller is better.

    costs : numbers, or one entry for each row of the one evaluation set, in its order.
    """
    return CustomMetric(loss, costs)
