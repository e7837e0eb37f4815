"""Forecasts that were made elsewhere."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..faults import Fault, Origin, refuse
from ..forecaster import FallbackWarning
from ..frames import complete_faults

if TYPE_CHECKING:
    import pandas as pd

    from ..forecaster import Fitted, Known


@dataclass(frozen=True, slots=True, eq=False)
class Precomputed:
    """Forecasts of one model, from a frame in our contract (`forecasts_of` builds it).

    It cannot be proven that such forecasts saw nothing after their cutoff: that is their maker's word.

    ids : series of the whole panel. Rows of those that are not on sale at a cutoff, since they have ended or not begun,
        are left out, and a FallbackWarning counts them. None knows only those that have begun by the cutoff.

    Raises InputError on prediction when a window's cutoff, a series or a step is missing, or an id is unknown.
    """

    frame: pd.DataFrame
    origin: Origin
    ids: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        """Fingerprint of the forecasts, so that a changed file is a changed forecaster."""
        from pandas.util import hash_pandas_object

        return f"Precomputed({int(hash_pandas_object(self.frame, index=False).sum()):x})"

    def fit(self, known: Known) -> Fitted:  # noqa: ARG002 - nothing to fit
        """Give itself back."""
        return self

    def predict(self, known: Known) -> pd.DataFrame:
        """Forecasts of `known.cutoff` for the rows of `known.wanted()`."""
        here = self.frame[self.frame["cutoff"] == known.cutoff]
        if here.empty:
            cutoffs = sorted({f"{c:%Y-%m-%d}" for c in self.frame["cutoff"]})
            refuse([Fault(
                "missing-cutoff", f"no forecasts for cutoff {known.cutoff:%Y-%m-%d}; there are {', '.join(cutoffs)}",
                self.origin.source, "add them, or set the windows to the file's cutoffs",
            )])  # fmt: skip
        here = self._on_sale(here, known)
        refuse(complete_faults(here, known.wanted(), self.origin))
        values = here.drop(columns=["model", "cutoff"]).dropna(axis=1, how="all")
        return known.wanted().merge(values, how="left")

    def _on_sale(self, here: pd.DataFrame, known: Known) -> pd.DataFrame:
        """Rows without those of series that the panel has, and that are not on sale now."""
        ids = self.ids if self.ids is not None else tuple(known.static.index)
        idle = here["unique_id"].isin(ids) & ~here["unique_id"].isin(known.future["unique_id"].unique())
        if idle.any():
            series = here.loc[idle, "unique_id"].nunique()
            text = (
                f"{idle.sum()} rows of {series} series that were not on sale then were left out of {self.origin.source}"
            )
            warnings.warn(FallbackWarning(text), stacklevel=3)
        return here[~idle]
