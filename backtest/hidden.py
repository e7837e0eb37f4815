"""Demand that a stockout hid: which periods, and the one stated estimate of it that may be used in training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from .forecaster import is_local

if TYPE_CHECKING:
    import pandas as pd

    from .forecaster import Fitted, Forecaster, Known

HiddenDemand = Literal["as_is", "fill"]
"""What training and simulation do with stockout periods: take sales for demand, or fill them."""


def fill_hidden(frame: pd.DataFrame, periods: int = 4, *, look_ahead: bool = True) -> pd.DataFrame:
    """Replace y of the periods that were not fully in stock by an estimate of demand; other rows stay.

    The estimate is the larger of the sales and the mean of the last `periods` fully stocked periods before it. A
    period with none before it keeps its sales, or, with `look_ahead`, takes the first stocked period after it.

    frame : long history, sorted by unique_id and ds. Without a column in_stock it is returned as it is.
    look_ahead : False where each value may only depend on its own period and earlier ones.

    >>> import pandas as pd
    >>> long = pd.DataFrame({"unique_id": "a", "y": [4.0, 6.0, 1.0, 2.0], "in_stock": [1.0, 1.0, 0.0, 1.0]})
    >>> fill_hidden(long)["y"].tolist()
    [4.0, 6.0, 5.0, 2.0]
    """
    if "in_stock" not in frame.columns:
        return frame
    seen = frame["in_stock"] >= 1
    stocked = frame.loc[seen].groupby("unique_id", sort=False)["y"]
    level = stocked.rolling(periods, min_periods=1).mean().droplevel(0).reindex(frame.index)
    by_series = frame["unique_id"]
    estimate = level.groupby(by_series, sort=False).ffill()
    if look_ahead:
        estimate = estimate.fillna(level.groupby(by_series, sort=False).bfill())
    estimate = estimate.fillna(frame["y"])
    return frame.assign(y=frame["y"].where(seen, estimate.clip(lower=frame["y"])))


@dataclass(frozen=True, slots=True)
class FilledStockouts:
    """A forecaster that trains on history whose stockout periods were filled, from what was known at the cutoff.

    forecaster : the one that is trained.
    periods : stocked periods that the estimate averages.
    """

    forecaster: Forecaster
    periods: int = 4

    @property
    def local(self) -> bool:
        """Whether the inner forecaster treats each series by itself."""
        return is_local(self.forecaster)

    def as_known(self, cutoff: pd.Timestamp) -> FilledStockouts:
        """Itself with an inner forecaster that holds only what may be known by then."""
        if not hasattr(self.forecaster, "as_known"):
            return self
        return replace(self, forecaster=self.forecaster.as_known(cutoff))

    def fit(self, known: Known) -> Fitted:
        """Fit the inner forecaster to filled history."""
        return _Filled(self.forecaster.fit(_filled(known, self.periods)), self.periods)


@dataclass(frozen=True, slots=True)
class _Filled:
    fitted: Fitted
    periods: int

    def predict(self, known: Known) -> pd.DataFrame:
        return self.fitted.predict(_filled(known, self.periods))


def _filled(known: Known, periods: int) -> Known:
    return replace(known, history=fill_hidden(known.history, periods))
