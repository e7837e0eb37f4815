"""Any statsforecast model, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..faults import Fault, InputError, nearest
from ..frames import quantile_column

if TYPE_CHECKING:
    import pandas as pd

    from ..forecaster import Fitted, Known


@dataclass(frozen=True, slots=True)
class StatsForecastModel:
    """A model of statsforecast, fitted to each series by itself.

    model : class name in statsforecast.models, such as "AutoETS".
    params : its arguments, as (name, value) pairs.

    Quantiles come from the model's own prediction intervals; a model that has none gives point forecasts only.
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
        engine: Any = StatsForecast(models=[self._build()], freq=known.freq, n_jobs=1)
        wide: pd.DataFrame = engine.forecast(
            df=history[["unique_id", "ds", "y"]], h=known.horizon, level=self._levels(known.levels)
        )
        return known.future[["unique_id", "ds"]].merge(self._long(wide, known.levels), how="left")

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


WITHOUT_INTERVALS = frozenset({
    "ADIDA", "CrostonClassic", "CrostonOptimized", "CrostonSBA", "IMAPA", "TSB", "SimpleExponentialSmoothing",
    "SimpleExponentialSmoothingOptimized", "SeasonalExponentialSmoothing", "SeasonalExponentialSmoothingOptimized",
    "WindowAverage", "SeasonalWindowAverage", "SklearnModel",
})  # fmt: skip
"""Models whose only intervals are conformal ones; a backtest's earlier windows give better ones."""
