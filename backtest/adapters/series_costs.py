"""Costs of series, which an adapter is handed: it trains on money and knows no prices itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from ..forecaster import Known


class SeriesCosts(Protocol):
    """Gives the costs of each series, as they were known at a cutoff.

    One that holds prices of all time may have a method `as_known(cutoff)` that gives it with those that were known by
    then, so that a later price leaves finished work as it is.
    """

    def at(self, known: Known) -> pd.DataFrame:
        """Columns of costs [currency per unit], one row a series of `known.static`, indexed by unique_id."""
        ...


def known_by(costs: SeriesCosts | None, cutoff: pd.Timestamp) -> SeriesCosts | None:
    """Costs with only what was known by a cutoff, where they can tell; else as they are."""
    tell: Any = getattr(costs, "as_known", None)
    known: SeriesCosts | None = costs if tell is None else tell(cutoff)
    return known
