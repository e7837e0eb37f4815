"""What statsforecast makes of one series: its forecast, quantiles and sample paths, or what stands in for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns import path_column, quantile_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FORWARD_IS_FORECAST = frozenset({
    "Naive", "SeasonalNaive", "ConformalSeasonalPool", "ConstantModel", "ZeroModel", "NaNModel",
})  # fmt: skip
"""Models whose `forward` estimates nothing that could be kept from an earlier cutoff."""
BROKEN_SIMULATE = frozenset({"SeasonalExponentialSmoothing", "SeasonalExponentialSmoothingOptimized"})
"""Models whose `simulate` fails unless the horizon is the season (statsforecast 2.1)."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """What is known of one series.

    y : (n,) units. x, x_future : (n, k) and (horizon, k) covariates, or None. seed : of its sample paths.
    """

    unique_id: str
    y: Numbers
    x: Numbers | None
    x_future: Numbers | None
    seed: int

    def teaching(self) -> NDArray[np.bool_] | None:
        """Whether each covariate can teach something here: it varies in the history, and no value is missing."""
        if self.x is None or self.x_future is None:
            return None
        finite = np.isfinite(self.x).all(axis=0) & np.isfinite(self.x_future).all(axis=0)
        teaching: NDArray[np.bool_] = finite & (self.x != self.x[:1]).any(axis=0)
        return teaching

    def using(self, columns: NDArray[np.bool_] | None) -> Series:
        """Give the series with some of its covariates."""
        if self.x is None or self.x_future is None or columns is None or not columns.any():
            return replace(self, x=None, x_future=None)
        return replace(self, x=self.x[:, columns], x_future=self.x_future[:, columns])


@dataclass(frozen=True, eq=False)
class Task:
    """What is wanted of every series: `horizon` rows, and columns for the point, the quantiles and the paths.

    season : longest season of the model [periods]. later : asked at a later cutoff than that of the fit.
    """

    horizon: int
    levels: tuple[float, ...]
    paths: int
    season: int
    later: bool = False

    @cached_property
    def columns(self) -> list[str]:
        """Names of the columns of `numbers`."""
        names = ["forecast", *map(quantile_column, sorted(self.levels))]
        return names + [path_column(k + 1) for k in range(self.paths)]

    @cached_property
    def central(self) -> list[float] | None:
        """Central intervals [percent] whose ends are the wanted quantiles.

        >>> Task(horizon=3, levels=(0.1, 0.5, 0.9), paths=0, season=1).central
        [80.0]
        """
        return sorted({_percent(q) for q in self.levels if q != 0.5}) or None

    @cached_property
    def keys(self) -> list[str]:
        """Entries of a model's result, for the columns before the paths."""
        return ["mean", *map(_end, sorted(self.levels))]

    def numbers(self, result: dict[str, Any], paths: Numbers | None) -> Numbers:
        """[horizon, columns] of what a model gave. Raises ValueError where a number is missing or not finite."""
        whole = np.empty((self.horizon, len(self.columns)))
        for k, key in enumerate(self.keys):
            whole[:, k] = result[key]
        if paths is not None:
            whole[:, len(self.keys) :] = paths.T
        if not np.isfinite(whole).all():
            raise ValueError("it has no number for some step")
        return whole

    def around(self, point: Numbers, series: Series) -> Numbers:
        """[horizon, columns] of a point forecast (horizon,) with the spread that the history has around its mean."""
        spread = series.y - series.y.mean()
        whole = np.tile(point[:, None], (1, len(self.columns)))
        whole[:, 1 : len(self.keys)] += np.quantile(spread, sorted(self.levels))
        draws = np.random.default_rng(series.seed).choice(spread, size=(self.horizon, self.paths))
        whole[:, len(self.keys) :] += draws
        return whole

    def tidy(self, numbers: Numbers) -> Numbers:
        """Put the quantiles of each row in order, and nothing below 0: demand is not negative.

        Theta's quantiles are those of a sample, so that one near the median can pass its mean.
        """
        inner = slice(1, len(self.keys))
        numbers[:, inner] = np.sort(numbers[:, inner], axis=1)
        return np.maximum(numbers, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A model that was fitted to one series, with the covariates that it used."""

    fitted: Any
    columns: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Forecast of one series, [horizon, columns], and where it comes from.

    kind : own; spread (own point, spread of the history); mean (mean and spread of the history).
    """

    numbers: Numbers
    kind: str = "own"
    error: Exception | None = None


def keeps_state(model: Any) -> bool:  # noqa: ANN401 - statsforecast ships no types
    """Whether what was estimated at one cutoff serves at later ones."""
    return hasattr(model, "forward") and type(model).__name__ not in FORWARD_IS_FORECAST


def can_simulate(model: Any) -> bool:  # noqa: ANN401
    """Whether the model draws sample paths."""
    from statsforecast import models

    own = getattr(type(model), "simulate", None)  # UCM has no method of that name at all
    return type(model).__name__ not in BROKEN_SIMULATE and own is not None and own is not models._TS.simulate  # noqa: SLF001 - no public name tells


def estimated(model: Any, series: Series) -> State | None:  # noqa: ANN401
    """Fit to one series; None where the model cannot be."""
    columns = series.teaching()
    used = series.using(columns)
    try:
        return State(_slim(model.new().fit(y=used.y, X=used.x)), columns)
    except Exception:  # noqa: BLE001 - statsforecast raises bare Exception; `forecast` says what became of the series
        return None


def forecast(model: Any, state: State | None, series: Series, task: Task) -> Outcome:  # noqa: ANN401
    """Forecast one series.

    state : the fitted model, which has seen `series`; None estimates it now.
    """
    first: Exception | None = None
    for wanted, results in _ways(model, state, series, task):
        try:
            values = wanted.numbers(*results())
        except Exception as error:  # noqa: BLE001 - whatever a model raises, the next way is tried
            first = first or error
            continue
        if wanted is task and not _certain_of_nothing(values, series, task):
            return Outcome(values)
        return Outcome(task.around(values[:, 0], series), "spread")
    return Outcome(task.around(np.full(task.horizon, series.y.mean()), series), "mean", first)


def _ways(model: Any, state: State | None, series: Series, task: Task) -> Iterator[tuple[Task, Any]]:  # noqa: ANN401
    """Ways to forecast one series, the best first: what each gives for sure, and how to get it."""
    if state is not None:
        yield task, lambda: _from_state(state, series.using(state.columns), task)
    used = series.using(series.teaching())
    yield task, lambda: _anew(model, used, task)
    if len(task.columns) > 1:
        bare = replace(task, levels=(), paths=0)
        yield bare, lambda: _anew(model, used, bare)


def _from_state(state: State, series: Series, task: Task) -> tuple[dict[str, Any], Numbers | None]:
    """Ask a fitted model, after it has seen the new data where it is asked later than it was fitted."""
    fitted, wanted = state.fitted, {"h": task.horizon, "level": task.central}
    if task.later:
        step = _step(fitted)
        if step is None:
            x = {"X": series.x, "X_future": series.x_future}
            return fitted.forward(y=series.y, **x, **wanted), None
        fitted = fitted.new()
        fitted.model_ = step(fitted.model_, series.y, series.x)
    return fitted.predict(X=series.x_future, **wanted), _paths(fitted, series, task)


def _anew(model: Any, series: Series, task: Task) -> tuple[dict[str, Any], Numbers | None]:  # noqa: ANN401
    """Estimate on what is known now; with paths the model is kept for them, without it need not be."""
    wanted = {"h": task.horizon, "level": task.central}
    if task.paths:
        fitted = model.new().fit(y=series.y, X=series.x)
        return fitted.predict(X=series.x_future, **wanted), _paths(fitted, series, task)
    return model.forecast(y=series.y, X=series.x, X_future=series.x_future, **wanted), None


def _paths(fitted: Any, series: Series, task: Task) -> Numbers | None:  # noqa: ANN401
    """[path, horizon], drawn with the series' own seed."""
    if not task.paths:
        return None
    paths: Numbers = fitted.simulate(h=task.horizon, n_paths=task.paths, X_future=series.x_future, seed=series.seed)
    return paths


def _step(fitted: Any) -> Any:  # noqa: ANN401
    """Function that gives the content of a fitted model after it saw new data; None where there is only `forward`."""
    from statsforecast import arima, ces, ets, models, theta

    forward: Any
    if isinstance(fitted, models.AutoTheta):
        # its own `forward` forgets the decomposition and the distribution that it was told
        return partial(_theta_step, theta, fitted)
    if isinstance(fitted, models.AutoARIMA | models.ARIMA):
        forward = arima.forward_arima
        return lambda state, y, x: forward(state, y=y, xreg=x, method=fitted.method)
    if isinstance(fitted, models.AutoETS | models.AutoCES):
        forward = ets.forward_ets if isinstance(fitted, models.AutoETS) else ces.forward_ces
        return lambda state, y, _: forward(state, y)
    return None


def _theta_step(theta: Any, fitted: Any, state: dict[str, Any], y: Numbers, _: object) -> Any:  # noqa: ANN401
    frozen = {name: state["par"][name] for name in ("initial_smoothed", "alpha", "theta")}
    told = {"decomposition_type": fitted.decomposition_type, "distribution": fitted.distribution}
    return theta.auto_theta(y=y, m=state["m"], model=state["modeltype"], **frozen, **told)


def _slim(fitted: Any) -> Any:  # noqa: ANN401
    """Leave out what an ETS keeps of every period and never reads again: nine tenths of its memory."""
    from statsforecast import models

    if isinstance(fitted, models.AutoETS):
        fitted.model_ = fitted.model_ | {"states": fitted.model_["states"][-1:].copy(), "fitted": None}
        fitted.model_.pop("actual_residuals", None)
    return fitted


def _certain_of_nothing(values: Numbers, series: Series, task: Task) -> bool:
    """Whether quantiles or paths have no width only because the series is too short to show an error."""
    flat = values.shape[1] > 1 and bool((values[:, 1:] == values[:, :1]).all())
    return flat and series.y.size <= max(task.season, 2) and bool((series.y != series.y[0]).any())


def _percent(level: float) -> float:
    return round(abs(200 * level - 100), 8)


def _end(level: float) -> str:
    """Name of the end of a central interval at a quantile level, as statsforecast calls it."""
    return "mean" if level == 0.5 else f"{'lo' if level < 0.5 else 'hi'}-{_percent(level)}"
