"""Forecasters that are made of other forecasters' forecasts: no model is fitted twice for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pandas as pd

    from .forecaster import Known
    from .windows import RollingWindows


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What the members of a derived forecaster have forecast, as far as it was known at one cutoff.

    now : model, unique_id, ds, forecast, quantile and path columns of the members at this cutoff, the rows of
        `Known.wanted()` for each of them.
    past : model, cutoff, unique_id, ds, step (1 is the first one that is forecast), forecast, quantile columns and y
        of the `earlier` cutoffs before this one; only rows whose ds is not after this cutoff, so that y was known, and
        none that a member got from a fallback. With in_stock, where the panel has that column.
    """

    now: pd.DataFrame
    past: pd.DataFrame


@runtime_checkable
class Derived(Protocol):
    """A forecaster that is made of others, named as they are in the same backtest."""

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the forecasters that it is made of."""
        ...

    def earlier(self, windows: RollingWindows, calendar: pd.DatetimeIndex) -> int:
        """Cutoffs before the first one, at which its members forecast too, to teach it; they are not in the result."""
        ...

    def derive(self, known: Known, made: Made) -> pd.DataFrame:
        """Forecast the rows of `known.wanted()`; columns as those that `Fitted.predict` gives."""
        ...
