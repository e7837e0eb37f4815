"""A moving average of seasonally adjusted sales: the planner's benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    from ..forecaster import Fitted, Known

Season = Literal["week", "month", "dayofweek", "none"]


@dataclass(frozen=True, slots=True)
class SeasonalAverage:
    """Mean of the last `window` seasonally adjusted periods, times the season of the forecast period.

    window : periods that are averaged; periods not fully in stock are left out.
    season : the calendar unit whose factors are used, estimated from the mean of all series (one common season, since
        single series are too noisy): factor = mean of the unit / mean over units. A unit that was never seen, such as
        week 53 in a history of common years, has the factor of the nearest one in the cycle, the earlier of two.

    With season="week" and window=13 this is the benchmark of the VN2 inventory planning challenge (2025).
    Point forecasts only. A series with nothing in stock in the window gets its last known mean, or 0. A unit in which
    nothing was ever sold is forecast 0, and its periods are left out of the average.
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
        season = self._of(history["ds"], factors)
        selling = season > 0
        adjusted = history[selling].assign(y=history["y"].to_numpy()[selling] / season[selling])
        recent = adjusted[adjusted["ds"] > known.cutoff - self.window * pd.tseries.frequencies.to_offset(known.freq)]
        level = recent.groupby("unique_id")["y"].mean()
        earlier = adjusted.groupby("unique_id").tail(self.window).groupby("unique_id")["y"].mean()
        base = level.reindex(earlier.index).fillna(earlier)
        out = known.future[["unique_id", "ds"]].copy()
        out["forecast"] = base.reindex(out["unique_id"]).fillna(0.0).to_numpy() * self._of(out["ds"], factors)
        return out

    def _units(self, ds: pd.Series[pd.Timestamp]) -> pd.Series[int]:
        if self.season == "none":
            return pd.Series(0, index=ds.index)
        return ds.dt.isocalendar().week.astype(int) if self.season == "week" else getattr(ds.dt, self.season)

    def _factors(self, history: pd.DataFrame) -> pd.Series[float]:
        """Factor of each unit that was seen; all 1 where nothing was ever sold."""
        total = history.groupby("ds", as_index=False)["y"].mean()
        factors = total["y"].groupby(self._units(total["ds"]).to_numpy()).mean()
        relative: pd.Series[float] = factors / factors.mean()
        return relative.fillna(1.0)

    def _of(
        self, ds: pd.Series[pd.Timestamp], factors: pd.Series[float]
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        units = self._units(ds)
        unseen = sorted(set(units.unique()) - set(factors.index)) if len(factors) else []
        filled = factors.to_dict() | {
            unit: factors[_nearest(unit, factors.index, CYCLE[self.season])] for unit in unseen
        }
        return units.map(filled).fillna(1.0).to_numpy(dtype=float)


CYCLE: dict[Season, int] = {"week": 53, "month": 12, "dayofweek": 7, "none": 1}
"""Units in the cycle of each season."""


def _nearest(unit: int, seen: Iterable[int], cycle: int) -> int:
    """Unit nearest in the cycle; of two as near, the earlier one.

    >>> _nearest(53, [1, 2, 52], 53)
    52
    """
    return min(seen, key=lambda other: (min((unit - other) % cycle, (other - unit) % cycle), (unit - other) % cycle))
