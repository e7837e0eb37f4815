"""Losses as scikit-learn scorers: `cross_val_score(model, X, y, scoring=scorer(Newsvendor(), UnitCosts(8, 2)))`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import make_scorer

from .costs import UnitCosts
from .newsvendor import Newsvendor
from .protocol import refuse_no_loss
from .quantiles import MultiQuantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .protocol import Loss


def mean_cost(
    y_true: Any,  # noqa: ANN401 - anything array-like
    y_pred: Any,  # noqa: ANN401 - the same
    *,
    underage: Any,  # noqa: ANN401 - the same
    overage: Any,  # noqa: ANN401 - the same
    sample_weight: Any = None,  # noqa: ANN401 - the same
    loss: Loss | None = None,
) -> float:
    """Mean cost of forecasts [currency]: sum(weight * loss) / sum(weight).

    y_true, y_pred : [n] units, or [n, 1]; (n, quantile) forecasts for `MultiQuantile`. underage, overage : numbers or
        [n]. Rows of weight 0 do not count, whatever they hold; without any other the mean is 0.

    Raises
    ------
    ValueError
        For lengths that differ, and for costs that are negative or not finite.

    >>> mean_cost([10.0, 10.0], [7.0, 11.0], underage=8.0, overage=[2.0, 4.0])
    14.0
    """
    loss = Newsvendor() if loss is None else loss
    refuse_no_loss(loss)
    demand = _column("y_true", y_true, None)
    forecast = np.asarray(y_pred, dtype=float)
    if not isinstance(loss, MultiQuantile):
        forecast = _column("y_pred", forecast, len(demand))
    given = {"underage": underage, "overage": overage, "sample_weight": 1.0 if sample_weight is None else sample_weight}
    under, over, weight = (
        np.full(len(demand), v, dtype=float) if np.ndim(v) == 0 else _column(name, v, len(demand))
        for name, v in given.items()
    )
    counts = weight != 0
    if not counts.any():
        return 0.0
    value = loss.value(demand[counts], forecast[counts], UnitCosts(under[counts], over[counts]))
    return float(np.average(value, weights=weight[counts]))


def _column(name: str, values: Any, rows: int | None) -> NDArray[np.float64]:  # noqa: ANN401 - anything array-like
    """Values as [n]; broadcasting would pair every row with every other."""
    array = np.asarray(values, dtype=float)
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or (rows is not None and len(flat) != rows):
        raise ValueError(f"{name} of shape {array.shape} must be one number a row" + (f", [{rows}]" if rows else ""))
    return flat


def scorer(loss: Loss | None = None, costs: UnitCosts | None = None) -> Any:  # noqa: ANN401 - scikit-learn's scorer
    """Scorer for `cross_val_score`, `GridSearchCV` and the like: minus the mean cost, because larger must be better.

    costs : the same for all rows. None: each row's own, which scikit-learn cuts into folds with the rows,
        `cross_validate(..., params={"underage": u, "overage": o})`. That needs
        `sklearn.set_config(enable_metadata_routing=True)`.

    Raises
    ------
    ValueError
        Where `costs` differ by row: a scorer sees folds, and could not tell which rows they are.

    >>> from sklearn.dummy import DummyRegressor
    >>> best = DummyRegressor(strategy="quantile", quantile=0.8).fit([[0.0]] * 5, [1.0, 2.0, 3.0, 4.0, 5.0])
    >>> scorer(costs=UnitCosts(8.0, 2.0))(best, [[0.0]] * 5, [1.0, 2.0, 3.0, 4.0, 5.0])
    -4.0
    """
    loss = Newsvendor() if loss is None else loss
    refuse_no_loss(loss)
    if costs is None:
        own = make_scorer(mean_cost, greater_is_better=False, loss=loss)
        try:
            return own.set_score_request(underage=True, overage=True)
        except RuntimeError:
            raise ValueError(
                "costs=None means that each row brings its own, which needs metadata routing: give "
                "costs=UnitCosts(...), or call sklearn.set_config(enable_metadata_routing=True) first"
            ) from None
    if np.size(costs.underage) > 1 or np.size(costs.overage) > 1:
        raise ValueError(
            "costs differ by row, but a scorer is handed folds and cannot tell which rows they are: use scorer(loss) "
            "and params={'underage': ..., 'overage': ...}, which scikit-learn cuts into folds"
        )
    return make_scorer(mean_cost, greater_is_better=False, loss=loss, underage=costs.underage, overage=costs.overage)
