"""LightGBM on features of mlforecast: direct multi-step, with covariates, quantiles and losses in money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..columns import quantile_column
from ..faults import Fault, InputError, nearest, refuse
from .conformal import Errors, earlier, revised_faults
from .direct_rows import DirectRows, Features
from .series_costs import known_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ..forecaster import Fitted, Known
    from .direct_rows import Categories, Ints
    from .series_costs import SeriesCosts

    Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LightGBM:
    """One global LightGBM for each step of the horizon, or for each block of steps.

    lags : lags of y that are features [periods].
    rolling_means : windows of the rolling means of y that end at the cutoff [periods].
    date_features : pandas date attributes of the forecast period, such as "week" or "dayofweek".
    static : static columns that are features.
    covariates : known-future covariates that are features, in the period that is forecast; None takes all of them.
    past_covariates : columns of the history that are features as they were at the cutoff; in_stock may be one.
    quantiles : also fit LightGBM's quantile objective for each wanted level; else point forecasts only.
    conformal_windows : quantiles from the errors over so many horizons before the cutoff, of a model that was fitted
        before them; 0 for none. Covariates that were revised are refused then, since those errors would be of forecasts
        that knew the revisions; `ResidualQuantiles` takes errors of real forecasts.
    step_group : steps that share a model. Each row then teaches one of them, in turn, and the step is a feature: a
        model of many steps costs no more than that of one.
    train_periods : fit to the last so many periods only; None takes all.
    params : LightGBM parameters, as (name, value) pairs; objective is that of the point forecast. Where they have no
        random_state it is the seed of the backtest.
    regressor : estimator in scikit-learn's sense that makes the point forecast instead of LGBMRegressor. Where its
        random_state is None, or that of an estimator inside it, it is the seed of the backtest.
    costs : costs of each series as columns of what `regressor` sees, beside the features, for
        `losses.mlforecast.RowCosts`. No other model sees them.
    threads : threads of LightGBM. Results do not depend on it.

    Text becomes a category; a value that was not known when the model was fitted is missing. Missing covariates, and
    missing lags of young series, are given to LightGBM as missing. Numbers are rounded to single precision. Quantiles
    are sorted so that they do not cross, and nothing is forecast below 0.

    The forecast is what the objective, or `regressor`, elicits. On a newsvendor loss that is an order quantity, the
    quantile of demand at the critical ratio, and not its mean.

    Raises InputError, with every fault, for counts that make no sense and for two kinds of quantiles at once.
    """

    lags: tuple[int, ...]
    rolling_means: tuple[int, ...] = ()
    date_features: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    covariates: tuple[str, ...] | None = None
    past_covariates: tuple[str, ...] = ()
    quantiles: bool = False
    conformal_windows: int = 0
    step_group: int = 1
    train_periods: int | None = None
    params: tuple[tuple[str, Any], ...] = ()
    regressor: Any = None
    costs: SeriesCosts | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what no history could be fitted with."""
        refuse(list(_faults(self)))

    def as_known(self, cutoff: pd.Timestamp) -> LightGBM:
        """Itself with costs that hold only what is known by then, where `costs` can tell; see `backtest.Forecaster`."""
        return replace(self, costs=known_by(self.costs, cutoff))

    def lacking(self, known_future: Iterable[str], history: Iterable[str], static: Iterable[str]) -> list[Fault]:
        """Faults of features for which a panel has no column, of the columns that it has, and of unknown parameters."""
        past = [c for c in history if c not in ("unique_id", "ds", "y")]
        asked = (
            ("known-future covariate", self.covariates or (), list(known_future)),
            ("past covariate", self.past_covariates, past),
            ("static column", self.static, list(static)),
        )
        return [
            Fault("unknown-column", f"{what} {name!r} does not exist", "forecasters", nearest(name, there))
            for what, names, there in asked
            for name in names
            if name not in there
        ] + _unknown_parameters(self)

    def revised(self, known_future: Sequence[str], revised: Sequence[str]) -> list[Fault]:
        """Faults of covariates that were revised, where conformal windows would make errors of them too small."""
        ahead = known_future if self.covariates is None else self.covariates
        return revised_faults((*ahead, *self.past_covariates), revised) if self.conformal_windows else []

    def fit(self, known: Known) -> Fitted:
        """Fit on every series of `known.history`.

        Raises InputError where it lacks a column, or is too short for the conformal windows, and for conformal windows
        with covariates that were revised.
        """
        refuse([
            *self.lacking(known.known_future, known.history.columns, known.static.columns),
            *self.revised(known.known_future, known.revised),
        ])  # fmt: skip
        if not self.conformal_windows:
            return self._fit(known)
        windows = earlier(known, self.conformal_windows)
        errors = Errors.of(windows, self._fit(windows[0]), known.history)
        return replace(self._fit(known), errors=errors)

    def _fit(self, known: Known) -> _FittedLightGBM:
        features = self._features(known)
        categories = features.categories(known)
        frame = _recent(known, self.train_periods, features)
        rows = DirectRows.of(frame, known, features, categories)
        fitted = _FittedLightGBM(self, features, categories, {})
        costs = fitted.costs(known, frame)
        targets = _targets(frame["ds"], self.train_periods)
        y = frame["y"].to_numpy(dtype=float)
        for steps in _blocks(known, self.step_group):
            origins, ahead = rows.teaching(steps, features.first, targets)
            _refuse_none(origins, steps, known)
            table, demand = rows.at(origins, ahead, tell_step=len(steps) > 1), y[origins + ahead - 1]
            fitted.models[steps] = {
                name: model.fit(_with_costs(table, costs if name == "forecast" else None, rows.series[origins]), demand)
                for name, model in self._models(known)
            }
        return fitted

    def _features(self, known: Known) -> Features:
        return Features(
            lags=self.lags,
            rolling_means=self.rolling_means,
            dates=self.date_features,
            ahead=known.known_future if self.covariates is None else self.covariates,
            origin=self.past_covariates,
            static=self.static,
        )

    def _models(self, known: Known) -> Iterator[tuple[str, Any]]:
        from lightgbm import LGBMRegressor

        seed = known.seed % 2**31  # that is as far as LightGBM counts
        fixed = {
            "verbosity": -1, "n_jobs": self.threads, "random_state": seed, "deterministic": True,
            "force_row_wise": True,
        }  # fmt: skip
        given = fixed | dict(self.params)
        yield "forecast", LGBMRegressor(**given) if self.regressor is None else _seeded(self.regressor, seed)
        for level in known.levels if self.quantiles else ():
            yield quantile_column(level), LGBMRegressor(**given | {"objective": "quantile", "alpha": level})


@dataclass(frozen=True, slots=True, eq=False)
class _FittedLightGBM:
    """models : steps (1 is the period after the cutoff) -> column of the forecast -> what forecasts it."""

    spec: LightGBM
    features: Features
    categories: Categories
    models: dict[tuple[int, ...], dict[str, Any]]
    errors: Errors | None = None

    def predict(self, known: Known) -> pd.DataFrame:
        frame = self._ahead(known)
        rows = DirectRows.of(frame, known, self.features, self.categories)
        costs, origins = self.costs(known, frame), rows.stop - known.horizon
        of_steps = []
        for steps in self.models:
            for step in steps:
                table = rows.at(origins, np.full_like(origins, step), tell_step=len(steps) > 1)
                target = frame[["unique_id", "ds"]].iloc[origins + step - 1]
                of_steps.append(target.assign(**self._step(table, steps, costs)))
        made = pd.concat(of_steps).sort_values(["unique_id", "ds"], kind="stable", ignore_index=True)
        return made if self.errors is None else self.errors.around(made, known.levels)

    def costs(self, known: Known, frame: pd.DataFrame) -> pd.DataFrame | None:
        """Costs of the series of `frame`, in their order, if any are asked for."""
        if self.spec.costs is None:
            return None
        return self.spec.costs.at(known).reindex(frame["unique_id"].unique())

    def _ahead(self, known: Known) -> pd.DataFrame:
        """What the features look at before the cutoff, and the periods to forecast."""
        columns = _columns(self.features)
        tail = known.active_history()[columns].groupby("unique_id", sort=False).tail(self.features.memory)
        # no row that is asked for looks at this y
        ahead = known.future[["unique_id", "ds", *self.features.ahead]].assign(y=0.0)
        both = pd.concat([tail, ahead])
        return both.sort_values(["unique_id", "ds"], kind="stable", ignore_index=True)

    def _step(self, table: pd.DataFrame, steps: tuple[int, ...], costs: pd.DataFrame | None) -> dict[str, Vector]:
        """Forecast, and quantiles in order, of the series at one step."""
        series = np.arange(len(table))
        made = {
            name: model.predict(_with_costs(table, costs if name == "forecast" else None, series))
            for name, model in self.models[steps].items()
        }
        made = {name: np.maximum(np.asarray(values, dtype=float), 0.0) for name, values in made.items()}
        quantiles = [name for name in made if name != "forecast"]
        ordered = np.sort([made[name] for name in quantiles], axis=0)
        return made | dict(zip(quantiles, ordered, strict=True))


def _seeded(regressor: Any, seed: int) -> Any:  # noqa: ANN401 - scikit-learn ships no types
    """Copy of an estimator, with a seed wherever it, or what it holds, has none."""
    from sklearn.base import clone

    twin = clone(regressor)
    unset = [name for name, value in twin.get_params().items() if name.endswith("random_state") and value is None]
    return twin.set_params(**dict.fromkeys(unset, seed))


def _refuse_none(origins: Ints, steps: tuple[int, ...], known: Known) -> None:
    if not len(origins):
        raise InputError([Fault("horizon-too-long", f"no series is long enough at {known.cutoff:%Y-%m-%d} to learn a "
                            f"forecast {steps[0]} periods ahead", "forecasters", "lower horizon or gap")])  # fmt: skip


def _with_costs(table: pd.DataFrame, costs: pd.DataFrame | None, series: Ints) -> pd.DataFrame:
    if costs is None:
        return table
    return table.assign(**{str(name): costs[name].to_numpy()[series] for name in costs.columns})


def _columns(features: Features) -> list[str]:
    return list(dict.fromkeys(["unique_id", "ds", "y", *features.ahead, *features.origin]))


def _recent(known: Known, periods: int | None, features: Features) -> pd.DataFrame:
    """History as far back as training looks: its targets, their steps and what those look at."""
    frame = known.history[_columns(features)]
    if periods is None:
        return frame
    dates = np.sort(frame["ds"].unique())
    back = periods + known.horizon + features.memory
    recent: pd.DataFrame = frame[frame["ds"] >= dates[max(0, len(dates) - back)]]
    return recent.reset_index(drop=True)


def _targets(dates: pd.Series[Any], periods: int | None) -> NDArray[np.bool_]:
    """Whether a row may be a target of training [row]: one of the last `periods`."""
    if periods is None:
        return np.ones(len(dates), dtype=bool)
    calendar = np.sort(dates.unique())
    return np.asarray(dates >= calendar[max(0, len(calendar) - periods)])


def _blocks(known: Known, size: int) -> list[tuple[int, ...]]:
    """Steps that share a model; those of the gap need none."""
    steps = range(known.gap + 1, known.horizon + 1)
    return [tuple(steps[k : k + size]) for k in range(0, len(steps), size)]


def _faults(model: LightGBM) -> Iterator[Fault]:
    counts = {
        "lags": model.lags, "rolling_means": model.rolling_means, "step_group": (model.step_group,),
        "threads": (model.threads,),
        "train_periods": () if model.train_periods is None else (model.train_periods,),
    }  # fmt: skip
    for name, values in counts.items():
        for value in values:
            if value < 1:
                yield Fault("count", f"{name}={value} must be >= 1", "forecasters", "give a number of periods")
    if not model.lags:
        yield Fault("count", "lags is empty", "forecasters", "give at least one lag, such as 1")
    if model.conformal_windows < 0:
        yield Fault("count", f"conformal_windows={model.conformal_windows} must be >= 0", "forecasters", "correct it")
    if model.quantiles and model.conformal_windows:
        yield Fault("two-distributions", "quantiles and conformal_windows are both given", "forecasters",
                    "leave one of them out")  # fmt: skip
    if model.conformal_windows and model.regressor is not None:
        yield Fault("two-distributions", "conformal_windows do not go with a regressor of its own: errors of an order "
                    "quantity are no distribution of demand", "forecasters", "use quantiles")  # fmt: skip
    if model.costs is not None and model.regressor is None:
        yield Fault("costs", "costs are given without a regressor that uses them", "forecasters",
                    "give regressor, or leave costs out")  # fmt: skip


def _unknown_parameters(model: LightGBM) -> list[Fault]:
    """Faults of parameters that LightGBM would leave aside without a word."""
    if model.regressor is not None:
        return []
    from lightgbm import LGBMRegressor
    from lightgbm.basic import _ConfigAliases

    aliases = _ConfigAliases._get_all_param_aliases()  # noqa: SLF001 - LightGBM lists its names nowhere else
    known = {*aliases, *(name for names in aliases.values() for name in names), *LGBMRegressor().get_params()}
    return [
        Fault("unknown-parameter", f"LightGBM has no parameter {name!r}", "forecasters",
              near if (near := nearest(name, known)).startswith("did you") else "see LightGBM's documentation")
        for name, _ in model.params if name not in known
    ]  # fmt: skip
