"""Forecasts that were made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..faults import Fault, Origin, refuse
from ..frames import complete_faults

if TYPE_CHECKING:
    import pandas as pd

    from ..forecaster import Fitted, Known


@dataclass(frozen=True, slots=True, eq=False)
class Precomputed:
    """Forecasts of one model, from a frame in our contract (`forecasts_of` builds it).

    It cannot be proven that such forecasts saw nothing after their cutoff: that is their maker's word.

    Raises InputError on prediction when a window's cutoff, a series or a step is missing, or an id is unknown.
    """

    frame: pd.DataFrame
    origin: Origin

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
        refuse(complete_faults(here, known.wanted(), self.origin))
        values = here.drop(columns=["model", "cutoff"]).dropna(axis=1, how="all")
        return known.wanted().merge(values, how="left")
