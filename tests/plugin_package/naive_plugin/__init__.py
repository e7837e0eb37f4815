"""The mean of the last periods, with quantiles of its own past errors; it imports nothing of forecast-eval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class RecentMean:
    """Forecast of every step: the mean of the last `periods` known values of the series.

    A quantile is the forecast plus that quantile of the errors that the same rule made in the past, `known.horizon`
    periods ahead, and at least 0. A series with no such error has every quantile at its forecast.

    >>> RecentMean(periods=2).errors(np.array([4.0, 6.0, 8.0, 1.0]), ahead=1)
    array([ 3., -6.])
    """

    periods: int = 4
    local: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.periods < 1:
            raise ValueError(f"periods={self.periods} must be >= 1")

    def fit(self, known) -> RecentMean:  # noqa: ARG002 - estimated when it predicts
        """Nothing is kept: each cutoff has a mean of its own."""
        return self

    def predict(self, known) -> pd.DataFrame:
        """Forecast the rows of `known.wanted()`."""
        values = {uid: y.to_numpy(dtype=float) for uid, y in known.active_history().groupby("unique_id")["y"]}
        rows = {uid: self._row(y, known.horizon, known.levels) for uid, y in values.items()}
        names = ["forecast", *(f"q{level:g}" for level in known.levels)]
        wanted = known.wanted().reset_index(drop=True)
        return wanted.join(pd.DataFrame([rows[uid] for uid in wanted["unique_id"]], columns=names))

    def errors(self, y: np.ndarray, ahead: int) -> np.ndarray:
        """Value minus the mean of the `periods` values that end `ahead` periods before it."""
        means = np.convolve(y, np.ones(self.periods) / self.periods, mode="valid")
        return y[self.periods + ahead - 1 :] - means[: max(0, len(means) - ahead)]

    def _row(self, y: np.ndarray, ahead: int, levels: tuple[float, ...]) -> list[float]:
        forecast = float(y[-self.periods :].mean())
        known = self.errors(y, ahead) if len(y) > self.periods + ahead else np.zeros(1)
        return [forecast, *np.maximum(forecast + np.quantile(known, levels), 0.0)]
