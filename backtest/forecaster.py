"""What a forecaster is, and what it is handed: nothing but what was known at the cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted of every forecaster at every cutoff.

    levels : quantile levels.
    paths : sample paths.
    seed : of whatever is drawn.
    input_size : periods of history that are handed over; None hands all.
    """

    levels: tuple[float, ...] = ()
    paths: int = 0
    seed: int = 0
    input_size: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All that a forecaster may look at, at one cutoff.

    history : long frame unique_id, ds, y (and in_stock, past-only and known-future covariates where the panel has
        them), sorted by unique_id and ds, no row after `cutoff`. Without NaN in y.
    future : unique_id, ds and the known-future covariates of every period after the cutoff up to the last step, for
        the series to forecast, `horizon` rows a series in order. With a gap the first `gap` rows of each series need
        not be forecast; a forecast of them is dropped.
    static : one row a series, indexed by unique_id.
    freq : pandas frequency of ds.
    horizon : periods from the cutoff to the last step, those of the gap included.
    levels : quantile levels that are wanted from a model that has quantiles.
    gap : periods after the cutoff before the first step that is wanted.
    past_only : covariates of `history` that `future` does not have.
    revised : covariates whose values were revised: those of earlier periods are better known now than they were then.
    paths : sample paths that are wanted from a model that can draw them.
    seed : of whatever a forecaster draws; same seed, same forecasts.
    """

    cutoff: pd.Timestamp
    history: pd.DataFrame
    future: pd.DataFrame
    static: pd.DataFrame
    freq: str
    horizon: int
    levels: tuple[float, ...]
    gap: int = 0
    past_only: tuple[str, ...] = ()
    revised: tuple[str, ...] = ()
    paths: int = 0
    seed: int = 0

    @property
    def known_future(self) -> tuple[str, ...]:
        """Covariates that are known for the steps to forecast too."""
        return tuple(c for c in self.future.columns if c not in ("unique_id", "ds"))

    def active_history(self) -> pd.DataFrame:
        """History of the series that must be forecast: those still on sale at the cutoff."""
        return self.history[self.history["unique_id"].isin(self.future["unique_id"].unique())]

    def wanted(self) -> pd.DataFrame:
        """unique_id and ds of the rows that must be forecast: those of `future` after the gap."""
        rows = self.future[["unique_id", "ds"]]
        return rows[rows.groupby("unique_id", sort=False).cumcount() >= self.gap] if self.gap else rows


class FallbackWarning(UserWarning):
    """A forecaster could not treat some series as its name says, and says how it treated them instead.

    A backtest collects these and names them by model and cutoff: nothing is repaired in silence.
    """


@runtime_checkable
class Fitted(Protocol):
    """A fitted model. It may be asked at later cutoffs too, with the history known then."""

    def predict(self, known: Known) -> pd.DataFrame:
        """Forecast the rows of `known.future`, or those of `known.wanted()`.

        Returns
        -------
        unique_id, ds, forecast [units], and, where the model has them, one column a quantile level named by
        `quantile_column(level)`, and one column a sample path named by `path_column(number)`: a path is a course of
        demand over the whole horizon, so that its sum over a lead time means something.
        """
        ...


@runtime_checkable
class Forecaster(Protocol):
    """A way to make forecasts. It holds parameters only, so that it can be fitted many times, in any process.

    One whose attribute `local` is true forecasts each series by itself: its work may be split by series. One that holds
    data of its own, such as prices, may have a method `as_known(cutoff)` that gives it with only what is known by then.
    """

    def fit(self, known: Known) -> Fitted:
        """Fit to `known.history` and give the fitted model; the forecaster itself does not change."""
        ...


def is_local(forecaster: object) -> bool:
    """Whether a forecaster says that it treats each series by itself."""
    return bool(getattr(forecaster, "local", False))
