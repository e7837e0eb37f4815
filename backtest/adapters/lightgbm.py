"""LightGBM through mlforecast: direct multi-step, one model a step and a quantile."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..columns import quantile_column

if TYPE_CHECKING:
    import pandas as pd

    from ..forecaster import Fitted, Known


KEYS = 2  # unique_id and ds, beside which a frame has covariates


@dataclass(frozen=True, slots=True)
class LightGBM:
    """One global LightGBM for each step of the horizon, on lags, rolling means, dates and static columns.

    lags : lags of y that are features [periods].
    rolling_means : windows of the rolling means of y that end at the cutoff [periods].
    date_features : pandas date attributes of the forecast period, such as "week" or "dayofweek".
    static : static columns that are features; text becomes a category.
    quantiles : also fit LightGBM's quantile objective for each wanted level; else point forecasts only.
    params : LightGBM parameters, as (name, value) pairs; objective is that of the point forecast.
    threads : threads of LightGBM. Results do not depend on it.

    Quantiles are sorted so that they do not cross, and nothing is forecast below 0.
    """

    lags: tuple[int, ...]
    rolling_means: tuple[int, ...] = ()
    date_features: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    quantiles: bool = False
    params: tuple[tuple[str, Any], ...] = ()
    threads: int = 1

    def fit(self, known: Known) -> Fitted:
        """Fit on every series of `known.history`."""
        from mlforecast import MLForecast
        from mlforecast.lag_transforms import RollingMean

        engine = MLForecast(
            models=self._models(known.levels if self.quantiles else ()),
            freq=known.freq,
            lags=list(self.lags),
            lag_transforms={1: [RollingMean(w, min_samples=1) for w in self.rolling_means]},
            num_threads=self.threads,
        )
        with warnings.catch_warnings():
            # with max_horizon mlforecast keeps NaN targets of the last steps and says so
            warnings.simplefilter("ignore")
            engine.fit(
                self._features(known, known.history),
                static_features=list(self.static),
                max_horizon=known.horizon,
                dropna=True,
                validate_data=False,
            )
        return _FittedLightGBM(self, engine)

    def _models(self, levels: tuple[float, ...]) -> dict[str, Any]:
        from lightgbm import LGBMRegressor

        fixed = {
            "verbosity": -1, "n_jobs": self.threads, "random_state": 0, "deterministic": True, "force_row_wise": True,
        }  # fmt: skip
        given = fixed | dict(self.params)
        point = {"forecast": LGBMRegressor(**given)}
        return point | {
            quantile_column(q): LGBMRegressor(**given | {"objective": "quantile", "alpha": q}) for q in levels
        }

    def _features(self, known: Known, frame: pd.DataFrame) -> pd.DataFrame:
        ahead = [c for c in known.future.columns if c not in ("unique_id", "ds")]
        out = self._dated(frame[["unique_id", "ds", "y", *ahead]])
        for name in self.static:
            values = known.static[name]
            codes = values.astype("category") if values.dtype == object else values
            out = out.assign(**{name: codes.reindex(out["unique_id"]).to_numpy()})
            if values.dtype == object:
                out[name] = out[name].astype(codes.dtype)
        return out

    def _dated(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Add the date features as covariates known for every period.

        mlforecast's own would, in a direct model, train each step on the date of the first one.
        """
        dates = frame["ds"].dt
        return frame.assign(**{
            f"date.{name}": (dates.isocalendar().week if name == "week" else getattr(dates, name)).astype(float)
            for name in self.date_features
        })  # fmt: skip


@dataclass(frozen=True, slots=True)
class _FittedLightGBM:
    spec: LightGBM
    engine: Any

    def predict(self, known: Known) -> pd.DataFrame:
        # its own other half
        ahead = self.spec._dated(known.future)  # noqa: SLF001
        history = self.spec._features(known, known.active_history())  # noqa: SLF001
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in fit
            wide = self.engine.predict(
                h=known.horizon, new_df=history, X_df=ahead if len(ahead.columns) > KEYS else None
            )
        values = [c for c in wide.columns if c not in ("unique_id", "ds")]
        wide[values] = np.maximum(wide[values].to_numpy(dtype=float), 0.0)
        quantiles = [c for c in values if c != "forecast"]
        wide[quantiles] = np.sort(wide[quantiles].to_numpy(), axis=1)
        return known.future[["unique_id", "ds"]].merge(wide, how="left")
