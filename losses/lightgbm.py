"""LightGBM trained on any loss: an estimator that is fitted with costs, and the objective and metric alone.

``NewsvendorRegressor(n_estimators=300).fit(X, y, costs=UnitCosts(underage, overage))``
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from lightgbm import LGBMRegressor
from lightgbm.basic import LightGBMError, _ConfigAliases
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from .boosting import BoostedLoss
from .censored import warn_if_hidden
from .custom_objective import Objective, RowMemory, booster_arguments
from .newsvendor import Newsvendor
from .training_rows import censored, checked_rows, weighted_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from lightgbm import Booster

    from .boosting import Vector
    from .costs import Array
    from .protocol import Loss
    from .training_rows import Costs

Parameter = Any
"""Whatever LightGBM takes."""

SERVED = {
    "boosting": ({"none", "gbdt", "gbrt", "dart", "goss"}, "must be 'gbdt' or 'dart': forests have no next round"),
    "linear_tree": ({"none", "false", "0"}, "has leaves that the start cannot be folded into; leave it out"),
    "objective": ({"none"}, "would replace the costs; give loss= instead"),
    "metric": ({"none"}, "would be computed without the start; eval_set is judged by its mean cost"),
}
"""Parameters of which only these values can be served, and why."""

Evaluation = tuple[str, float, bool]
"""Name, mean cost [currency], and whether higher is better."""


class NewsvendorRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """LightGBM whose forecast is the order that costs least: one model for rows of any mix of critical ratios.

    loss : what an error costs; `Newsvendor()` unless given. It must judge each row for itself.
    lightgbm : LightGBM's own parameters, by the names of `LGBMRegressor`: n_estimators, num_leaves, learning_rate,
        n_jobs, early_stopping_rounds and so on.

    Where rows differ in their critical ratio the forecast can follow only what X says of it, so put the critical ratio,
    or both costs, among the features. Ratios above .99 or below .01 need a model of their own.

    Training starts at the best constant and majorises the loss in every round (see `losses.boosting`). The start is
    folded into the first tree afterwards, so that `booster_` alone, saved or explained, gives the forecast in units.

    Attributes
    ----------
    model_ : LGBMRegressor
        The fitted model; `booster_` is its booster.
    start_ : float
        Best constant forecast of the training rows [units].

    >>> import numpy as np
    >>> from losses import UnitCosts
    >>> x = np.repeat([[0.0], [1.0]], 200, axis=0)
    >>> y = np.tile(np.arange(200.0), 2) + 100 * x[:, 0]
    >>> model = NewsvendorRegressor(n_estimators=100, n_jobs=1, verbose=-1).fit(x, y, costs=UnitCosts(9.0, 1.0))
    >>> bool(np.all(np.abs(model.predict([[0.0], [1.0]]) - [180, 280]) < 10))
    True
    """

    def __init__(self, *, loss: Loss | None = None, **lightgbm: Parameter) -> None:
        self.loss = loss
        self.lightgbm = lightgbm

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - scikit-learn's
        """Parameters by name, LightGBM's with its defaults."""
        params = LGBMRegressor(**self.lightgbm).get_params()
        return {"loss": self.loss, **params}

    def set_params(self, **params: Parameter) -> Self:
        """Change parameters by name."""
        if "loss" in params:
            self.loss = params.pop("loss")
        self.lightgbm = {**self.lightgbm, **params}
        return self

    def fit(
        self,
        X: Array,  # noqa: N803 - scikit-learn's
        y: Array,
        *,
        costs: Costs,
        sample_weight: Array = None,
        stock: Array = None,
        eval_set: tuple[Array, ...] | None = None,
    ) -> Self:
        """Train on the money that forecasts of `y` would have lost.

        Parameters
        ----------
        X, y
            Features [row, feature], as LightGBM takes them, and demand [row] in units.
        costs
            `UnitCosts` of numbers or arrays [row], or a table [row, 2], which cross-validation slices.
        sample_weight
            Importance of a row, >= 0, known when the forecast is made; it leaves the quantile alone. Where it is 0,
            `y` may be missing.
        stock
            Units that could have been sold [row], infinite where stock could not run out; `y` is then sales, and the
            forecast is of demand (`CensoredNewsvendor`).
        eval_set
            (X, y, costs), or (X, y, costs, stock), of the rows on which `early_stopping_rounds` watches the mean cost.

        Raises
        ------
        ValueError
            For demand, weights or costs that are missing, infinite, negative or of another length; and for
            parameters that a custom loss cannot serve (random forests, linear trees, an `objective`, a `metric`, by
            any of LightGBM's names for them).

        Warns
        -----
        HiddenDemandWarning
            Where nearly all stock was below the forecast, so that the data do not say what it should be.
        """
        _refuse_parameters(self.lightgbm)
        problem = BoostedLoss.of(self._loss(stock, y), y, costs, sample_weight)
        start = problem.start
        replaced = _ConfigAliases.get("metric", "objective")
        given = {name: value for name, value in self.lightgbm.items() if name not in replaced}
        model = LGBMRegressor(**given, metric="None", objective=_around(start, problem))
        watched: dict[str, Any] = {}
        if eval_set is not None:
            watched = {"eval_set": [eval_set[:2]], "eval_metric": self._watch(eval_set, start)}
        with warnings.catch_warnings():
            # LightGBM 4.7 renames eval_set, and older versions know no other name
            warnings.filterwarnings("ignore", message="The argument 'eval_set' is deprecated")
            try:
                model.fit(X, problem.demand, **watched)
            except LightGBMError as fault:
                if "num_features()" not in str(fault):
                    raise
                raise ValueError(
                    f"no feature can split the {len(problem.demand)} rows: all are constant, or min_child_samples is "
                    f"above half of the rows; lower it, or order the best constant, {start:g}"
                ) from None
        _fold(start, model.booster_)
        # the closure over the training rows would make the model as large as they are
        model.set_params(objective="custom")
        self.model_, self.start_ = model, start
        if stock is not None:
            warn_if_hidden(stock, self.predict(X))
        return self

    def predict(self, X: Array) -> Vector:  # noqa: N803 - scikit-learn's
        """Forecast [row], units; after early stopping that of the best round."""
        check_is_fitted(self)
        return np.asarray(self.model_.predict(X))

    def score(self, X: Array, y: Array, *, costs: Costs = None, sample_weight: Array = None) -> float:  # noqa: N803
        """Minus the weighted mean cost of the forecasts [currency], because larger must be better.

        Raises
        ------
        ValueError
            Without costs, as where a search is given no `scoring`.
        """
        if costs is None:
            raise ValueError(
                "score needs costs=, which say what an error costs; in a search or cross-validation give "
                "scoring=losses.sklearn.scorer(costs=UnitCosts(...)), or route costs by set_score_request(costs=True)"
            )
        demand, prices, weight = checked_rows(y, costs, sample_weight)
        return -weighted_mean(self._loss(None, y).value(demand, self.predict(X), prices), weight)

    @property
    def booster_(self) -> Booster:
        """LightGBM's booster, whose forecasts are in units."""
        check_is_fitted(self)
        return self.model_.booster_

    @property
    def feature_importances_(self) -> Vector:
        """LightGBM's importance of each feature."""
        check_is_fitted(self)
        return np.asarray(self.model_.feature_importances_)

    @property
    def n_features_in_(self) -> int:
        """Number of features."""
        return int(self.model_.n_features_in_)

    @property
    def feature_names_in_(self) -> Array:
        """Names of the features [feature]."""
        return self.model_.feature_names_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _loss(self, stock: Array, sales: Array) -> Loss:
        if stock is None:
            return Newsvendor() if self.loss is None else self.loss
        if self.loss is not None and not isinstance(self.loss, Newsvendor):
            raise ValueError(f"stock= goes with the newsvendor loss only, and loss={self.loss}; leave one of them out")
        return censored(stock, sales)

    def _watch(self, eval_set: tuple[Array, ...], start: float) -> Callable[..., Evaluation]:
        if len(eval_set) not in {3, 4}:
            raise ValueError(f"eval_set of length {len(eval_set)} must be (X, y, costs) or (X, y, costs, stock)")
        rows, targets = np.shape(eval_set[0])[0], len(eval_set[1])
        if rows != targets:
            raise ValueError(f"X of eval_set has {rows} rows and its y {targets}; give it one target a row")
        try:
            stock = eval_set[3] if len(eval_set) == 4 else None
            problem = BoostedLoss.of(self._loss(stock, eval_set[1]), *eval_set[1:3])
        except ValueError as fault:
            raise ValueError(f"eval_set: {fault}") from None

        def mean_cost(_demand: Vector, raw: Vector) -> Evaluation:
            return "mean_cost", problem.mean_cost(start + raw), False

        return mean_cost


class Metric:
    """Weighted mean cost for LightGBM, in either of its two signatures; made by `metric`."""

    def __init__(self, loss: Loss, costs: Costs) -> None:
        self._rows = RowMemory(loss, costs)

    def __call__(self, first: Array, second: Array, weight: Array = None) -> Evaluation:
        """(demand, forecast, weight) from LGBMRegressor, or (forecast, Dataset) from `lightgbm.train`."""
        demand, forecast, weight = booster_arguments(first, second, weight)
        return "mean_cost", self._rows.problem(demand, weight).mean_cost(forecast), False


def objective(loss: Loss, costs: Costs) -> Objective:
    """Objective for ``LGBMRegressor(objective=...)`` and for ``lightgbm.train({"objective": ...}, ...)``.

    costs : numbers, or one entry for each training row, in its order. LightGBM starts a custom objective at 0, so the
    first rounds go to the level of demand; `NewsvendorRegressor` starts at the best constant.

    >>> import numpy as np
    >>> from losses import UnitCosts
    >>> ours = objective(Newsvendor(), UnitCosts(8.0, 2.0))
    >>> gradient, curvature = ours(np.array([10.0, 20.0]), np.array([15.0, 15.0]))
    >>> bool(gradient[0] > 0 > gradient[1]), bool(np.all(curvature > 0))
    (True, True)
    """
    return Objective(loss, costs)


def metric(loss: Loss, costs: Costs) -> Metric:
    """Mean cost [currency] for ``fit(eval_metric=...)`` and for ``lightgbm.train(feval=...)``; smaller is better.

    costs : numbers, or one entry for each row of the evaluation set, in its order.

    >>> import numpy as np
    >>> from losses import UnitCosts
    >>> metric(Newsvendor(), UnitCosts(8.0, 2.0))(np.array([10.0, 20.0]), np.array([15.0, 15.0]))
    ('mean_cost', 25.0, False)
    """
    return Metric(loss, costs)


def _around(start: float, problem: BoostedLoss) -> Callable[..., tuple[Vector, Vector]]:
    def derivatives(_demand: Vector, raw: Vector) -> tuple[Vector, Vector]:
        return problem.derivatives(start + raw)

    return derivatives


def _fold(start: float, booster: Booster) -> None:
    """Add the start to every leaf of the first tree, which no forecast leaves out."""
    leaves = booster.dump_model(num_iteration=1)["tree_info"][0]["num_leaves"]
    for leaf in range(leaves):
        booster.set_leaf_output(0, leaf, booster.get_leaf_output(0, leaf) + start)


def _refuse_parameters(params: dict[str, Parameter]) -> None:
    """Refuse what would replace the costs or spoil the start, by any of LightGBM's names for it."""
    faults = [
        f"{name}={params[name]!r} {reason}"
        for parameter, (served, reason) in SERVED.items()
        for name in sorted(_ConfigAliases.get(parameter) & params.keys())
        if str(params[name]).lower() not in served
    ]
    if faults:
        raise ValueError("; ".join(faults))
