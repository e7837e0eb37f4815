"""Row costs for a model that mlforecast trains: the cost columns become `costs=`, and never a feature.

``MLForecast(models=RowCosts(NewsvendorRegressor()), ...).fit(frame, max_horizon=8, ...)``

Give `max_horizon`: without it mlforecast feeds each forecast back as the next step's lag, and an order quantity is no
demand: at a critical ratio of .9 orders drift upwards from step to step, at .2 downwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import narwhals as nw
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from .costs import UnitCosts, as_numpy

if TYPE_CHECKING:
    from .boosting import Vector
    from .costs import Array


class RowCosts(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """An estimator that is fitted with `costs=`, fed from two columns of X.

    estimator : such as `losses.lightgbm.NewsvendorRegressor`; it is cloned, and `estimator_` is the fitted one.
    underage, overage : columns of X that hold the costs [currency per unit].
    ratio_feature : name of a feature that tells the trees the critical ratio, which rows of different ratios need to be
        told apart; None leaves them without. X must not have a column of this name.

    Costs of a SKU that do not change are static columns, and then nothing more is needed. Costs that change are
    columns of the frame that are not static. With `max_horizon` mlforecast hands over those of the *target's* period,
    which are the right ones: a row whose target is after the cutoff has no target and is no training row, so a cost
    after the cutoff changes nothing in training. mlforecast asks for such columns in `predict(X_df=...)` too; they
    reach the forecast only as the critical ratio, if `ratio_feature` is named: prices that are known then.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from losses.lightgbm import NewsvendorRegressor
    >>> X = pd.DataFrame({"lag1": np.arange(100.0), "underage": 8.0, "overage": 2.0})
    >>> model = RowCosts(NewsvendorRegressor(n_estimators=5, n_jobs=1, verbose=-1)).fit(X, np.arange(100.0))
    >>> model.estimator_.booster_.feature_name()
    ['lag1']
    """

    def __init__(
        self,
        estimator: Any,  # noqa: ANN401 - scikit-learn has no type for an estimator
        *,
        underage: str = "underage",
        overage: str = "overage",
        ratio_feature: str | None = None,
    ) -> None:
        self.estimator = estimator
        self.underage = underage
        self.overage = overage
        self.ratio_feature = ratio_feature

    def fit(self, X: Array, y: Array, *, sample_weight: Array = None) -> Self:  # noqa: N803 - scikit-learn's
        """Train on all columns but the two, at their costs.

        Raises
        ------
        ValueError
            Where X is not a data frame, lacks a cost column or has one called `ratio_feature`, and for what the
            estimator refuses.
        """
        features, costs = self._split(X)
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator_ = clone(self.estimator).fit(features, y, costs=costs, **weight)
        return self

    def predict(self, X: Array) -> Vector:  # noqa: N803 - scikit-learn's
        """Forecast [row], units."""
        check_is_fitted(self)
        forecast: Vector = self.estimator_.predict(self._split(X)[0])
        return forecast

    def score(self, X: Array, y: Array, *, sample_weight: Array = None) -> float:  # noqa: N803 - scikit-learn's
        """Score of the estimator at the costs in X: minus the weighted mean cost [currency]."""
        check_is_fitted(self)
        features, costs = self._split(X)
        return float(self.estimator_.score(features, y, costs=costs, sample_weight=sample_weight))

    def _split(self, X: Array) -> tuple[Array, UnitCosts]:  # noqa: N803 - scikit-learn's
        """Features without the cost columns, and the costs [row]."""
        frame = nw.from_native(X, eager_only=True, pass_through=True)
        columns = list(frame.columns) if isinstance(frame, nw.DataFrame) else []
        missing = [name for name in (self.underage, self.overage) if name not in columns]
        if missing:
            raise ValueError(
                f"X must be a data frame with the cost column(s) {missing}, and has {columns or type(X).__name__}; "
                "keep them in the frame that MLForecast.fit gets, as static or dynamic columns, and leave as_numpy out"
            )
        if self.ratio_feature in columns:
            raise ValueError(
                f"ratio_feature={self.ratio_feature!r} is a column of X, and would replace it; give another name"
            )
        costs = UnitCosts(*(as_numpy(frame[name].to_numpy()) for name in (self.underage, self.overage)))
        features = frame.drop(self.underage, self.overage)
        if self.ratio_feature is not None:
            ratio = nw.new_series(self.ratio_feature, costs.critical_ratio(), backend=frame.implementation)
            features = features.with_columns(ratio)
        return features.to_native(), costs
