"""A moving average of seasonally adjusted sales: the planner's benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ..forecaster import Fitted, Known

Season = Literal["week", "month", "dayofweek", "none"]


@dataclass(frozen=True, slots=True)
class SeasonalAverage:
    """Mean of the last `window` seasonally adjusted periods, times the season of the forecast period.

    window : periods that are averaged; periods not fully in stock are left out.
    season : the calendar unit whose factors are used, estimated from the mean of all series (one common season, since
        single series are too noisy): factor = mean of the unit / mean over units.

    With season="week" and window=13 this is the benchmark of the VN2 inventory planning challenge (2025).
    Point forecasts only. A series with nothing in stock in the window gets its last known mean, or 0.
    """

    window: int = 13
    season: Season = "week"

    def fit(self, known: Known) -> Fitted:  # noqa: ARG002 - estimated when it predicts
        """Give itself back: the averages are taken when it predicts."""
        return self

    def predict(self, known: Known) -> pd.DataFrame:
        """Average what is known and forecast `known.future`."""
        history = known.history
        if "in_stock" in history.columns:
            history = history[history["in_stock"] >= 1]
        factors = self._factors(history)
        adjusted = history.assign(y=history["y"].to_numpy() / self._of(history["ds"], factors))
        recent = adjusted[adjusted["ds"] > known.cutoff - self.window * pd.tseries.frequencies.to_offset(known.freq)]
        level = recent.groupby("unique_id")["y"].mean()
        earlier = adjusted.groupby("unique_id")["y"].apply(lambda y: y.iloc[-self.window :].mean())
        base = level.reindex(earlier.index).fillna(earlier)
        out = known.future[["unique_id", "ds"]].copy()
        out["forecast"] = base.reindex(out["unique_id"]).fillna(0.0).to_numpy() * self._of(out["ds"], factors)
        return out

    def _units(self, ds: pd.Series[pd.Timestamp]) -> pd.Series[int]:
        if self.season == "none":
            return pd.Series(0, index=ds.index)
        return ds.dt.isocalendar().week.astype(int) if self.season == "week" else getattr(ds.dt, self.season)

    def _factors(self, history: pd.DataFrame) -> pd.Series[float]:
        total = history.groupby("ds", as_index=False)["y"].mean()
        factors = total["y"].groupby(self._units(total["ds"]).to_numpy()).mean()
        relative: pd.Series[float] = factors / factors.mean()
        return relative

    def _of(
        self, ds: pd.Series[pd.Timestamp], factors: pd.Series[float]
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        known = self._units(ds).map(factors).fillna(1.0).to_numpy(dtype=float)
        return np.where(known > 0, known, 1.0)
