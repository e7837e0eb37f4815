"""What a forecaster is, and what it is handed: nothing but what was known at the cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Known:
    """All that a forecaster may look at, at one cutoff.

    history : long frame unique_id, ds, y (and in_stock, past-only and known-future covariates where the panel has
        them), sorted by unique_id and ds, no row after `cutoff`. Without NaN in y.
    future : unique_id, ds and the known-future covariates of the steps to forecast, for the series to forecast.
        Its rows are the ones that must be forecast, in this order.
    static : one row a series, indexed by unique_id.
    freq : pandas frequency of ds.
    levels : quantile levels that are wanted from a model that has quantiles.
    """

    cutoff: pd.Timestamp
    history: pd.DataFrame
    future: pd.DataFrame
    static: pd.DataFrame
    freq: str
    horizon: int
    levels: tuple[float, ...]

    def active_history(self) -> pd.DataFrame:
        """History of the series that must be forecast: those still on sale at the cutoff."""
        return self.history[self.history["unique_id"].isin(self.future["unique_id"].unique())]


class FallbackWarning(UserWarning):
    """A forecaster could not treat some series as its name says, and says how it treated them instead.

    A backtest collects these and names them by model and cutoff: nothing is repaired in silence.
    """


class Fitted(Protocol):
    """A fitted model. It may be asked at later cutoffs too, with the history known then."""

    def predict(self, known: Known) -> pd.DataFrame:
        """Forecast the rows of `known.future`.

        Returns
        -------
        unique_id, ds, forecast [units], and, where the model has them, one column a quantile level named by
        `quantile_column(level)`.
        """
        ...


class Forecaster(Protocol):
    """A way to make forecasts. It holds parameters only, so that it can be fitted many times, in any process."""

    def fit(self, known: Known) -> Fitted:
        """Fit to `known.history` and give the fitted model; the forecaster itself does not change."""
        ...
