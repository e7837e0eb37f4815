"""Any statsforecast model, by name."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..columns import quantile_column, quantile_levels
from ..faults import Fault, InputError, nearest
from ..forecaster import FallbackWarning

if TYPE_CHECKING:
    from ..forecaster import Fitted, Known


@dataclass(frozen=True, slots=True)
class StatsForecastModel:
    """A model of statsforecast, fitted to each series by itself.

    model : class name in statsforecast.models, such as "AutoETS".
    params : its arguments, as (name, value) pairs.

    Quantiles come from the model's own prediction intervals; a model that has none gives point forecasts only.
    A series for which the model fails or has no number, such as one too short for its season, gets the mean and the
    quantiles of what is known of it, and a FallbackWarning counts those series.
    Demand is not negative, so forecasts and quantiles below 0 are set to 0. These models are local and cheap, and are
    estimated anew at each cutoff, whatever `refit` says.

    Raises InputError for a model that statsforecast does not have, or arguments that it does not take.
    """

    model: str
    params: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Refuse an unknown model before anything runs."""
        self._build()

    def fit(self, known: Known) -> Fitted:  # noqa: ARG002 - estimated when it predicts
        """Give itself back: the model is estimated when it predicts."""
        return self

    def predict(self, known: Known) -> pd.DataFrame:
        """Estimate on `known` and forecast `known.future`."""
        from statsforecast import StatsForecast

        history = known.active_history()
        task: dict[str, Any] = {
            "df": history[["unique_id", "ds", "y"]], "h": known.horizon, "level": self._levels(known.levels),
        }  # fmt: skip
        stand_in = _NoForecast(alias="model")
        engine: Any = StatsForecast(models=[self._build()], freq=known.freq, n_jobs=1, fallback_model=stand_in)
        wide: pd.DataFrame = engine.forecast(**task)
        if wide["model"].isna().all():  # not a matter of some series: fail as the model does by itself
            StatsForecast(models=[self._build()], freq=known.freq, n_jobs=1).forecast(**task)
            raise ValueError(f"{self.model} has no number for any series")
        made = known.future[["unique_id", "ds"]].merge(self._long(wide, known.levels), how="left")
        return _filled_in(made, history, self.model)

    def _build(self) -> Any:  # noqa: ANN401 - statsforecast ships no types
        from statsforecast import models

        if self.model not in models.__all__:
            raise InputError([Fault(
                "unknown-model", f"statsforecast has no model {self.model!r}", "forecasters",
                nearest(self.model, models.__all__),
            )])  # fmt: skip
        try:
            return getattr(models, self.model)(**dict(self.params), alias="model")
        except TypeError as error:
            raise InputError([Fault(
                "unknown-parameter", f"{self.model}: {error}", "forecasters", "see statsforecast's documentation",
            )]) from error  # fmt: skip

    def _has_intervals(self) -> bool:
        return self.model not in WITHOUT_INTERVALS

    def _levels(self, levels: tuple[float, ...]) -> list[float] | None:
        """Central intervals [percent] whose ends are the wanted quantiles."""
        if not levels or not self._has_intervals():
            return None
        return sorted({round(abs(200 * q - 100), 8) for q in levels if q != 0.5}) or None

    def _long(self, wide: pd.DataFrame, levels: tuple[float, ...]) -> pd.DataFrame:
        columns = {"forecast": wide["model"]}
        for q in levels if self._has_intervals() else ():
            side, level = ("lo" if q < 0.5 else "hi"), round(abs(200 * q - 100), 8)
            name = "model" if level == 0 else next(
                c for c in wide.columns if c.startswith(f"model-{side}-") and float(c.rsplit("-", 1)[1]) == level
            )  # fmt: skip
            columns[quantile_column(q)] = wide[name]
        return wide[["unique_id", "ds"]].assign(**{name: values.clip(lower=0.0) for name, values in columns.items()})


class _NoForecast:
    """Stands in for a model that failed on a series: NaN, which is then seen and filled in with a warning."""

    uses_exog = False

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def new(self) -> _NoForecast:
        return self

    def forecast(self, *_: object, h: int, level: list[float] | None = None, **__: object) -> dict[str, Any]:
        names = ["mean", *(f"{side}-{lv}" for lv in level or () for side in ("lo", "hi"))]
        return {name: np.full(h, np.nan) for name in names}


def _filled_in(made: pd.DataFrame, history: pd.DataFrame, model: str) -> pd.DataFrame:
    """Give the series without a number the mean and the quantiles of what is known of them."""
    columns = [c for c in made.columns if c not in ("unique_id", "ds")]
    lacking = made.loc[made[columns].isna().any(axis=1), "unique_id"].unique()
    if not len(lacking):
        return made
    shown = ", ".join(map(str, lacking[:3])) + (", ..." if len(lacking) > 3 else "")
    text = f"{len(lacking)} series too short or odd for {model} got their mean: {shown}"
    warnings.warn(FallbackWarning(text), stacklevel=2)
    known = history[history["unique_id"].isin(lacking)].groupby("unique_id")["y"]
    levels = {c: q for q, c in quantile_levels(columns).items()}
    stand_in = pd.DataFrame({c: known.quantile(levels[c]) if c in levels else known.mean() for c in columns})
    rows = made["unique_id"].isin(lacking)
    made.loc[rows, columns] = stand_in.loc[made.loc[rows, "unique_id"], columns].to_numpy()
    return made


WITHOUT_INTERVALS = frozenset({
    "ADIDA", "CrostonClassic", "CrostonOptimized", "CrostonSBA", "IMAPA", "TSB", "SimpleExponentialSmoothing",
    "SimpleExponentialSmoothingOptimized", "SeasonalExponentialSmoothing", "SeasonalExponentialSmoothingOptimized",
    "WindowAverage", "SeasonalWindowAverage", "SklearnModel", "MFLES", "GARCH", "ARCH",
})  # fmt: skip
"""Models whose only intervals are conformal ones; a backtest's earlier windows give better ones."""
