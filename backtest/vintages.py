"""Covariates that were revised later, such as weather forecasts or promotion plans: each value with its as-of date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.pandas as pa

from .faults import Fault, Origin
from .frames import to_pandas
from .schemas import DATE, HISTORY, checked, column, duplicate_faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

KEY = ["unique_id", "ds"]
SCHEMA = pa.DataFrameSchema({**{k: HISTORY.columns[k] for k in KEY}, "as_of": column(DATE)})


def checked_vintages(
    frames: Sequence[Any], covariates: Sequence[str], origins: Sequence[Origin] = ()
) -> tuple[tuple[pd.DataFrame, ...], list[Fault]]:
    """Vintages with the contract's types, sorted by unique_id, ds and as_of, and every fault in them.

    frames : unique_id, ds, as_of and covariates; a row says what was known of the period ds from as_of on.
    covariates : those of the history itself, which must not be among them.
    """
    names = list(origins) or [Origin(f"vintages {k + 1}") for k in range(len(frames))]
    tables, faults, seen = [], [], set(covariates)
    for frame, origin in zip(frames, names, strict=True):
        table, found = checked(to_pandas(frame), SCHEMA, origin)
        faults += found
        if not {*KEY, "as_of"} <= set(table.columns):
            continue
        faults += duplicate_faults(table.dropna(subset=[*KEY, "as_of"]), [*KEY, "as_of"], origin)
        own = [c for c in table.columns if c not in (*KEY, "as_of")]
        faults += [
            Fault("given-twice", f"covariate {c!r} is given by another table too", origin.source, "keep one of them")
            for c in own if c in seen
        ]  # fmt: skip
        seen |= set(own)
        tables.append(table[[*KEY, "as_of", *own]].sort_values([*KEY, "as_of"], kind="stable").reset_index(drop=True))
    return tuple(tables), faults


def covariates_of(vintages: Sequence[pd.DataFrame]) -> list[str]:
    """Names of the covariates that have vintages."""
    return [c for frame in vintages for c in frame.columns if c not in (*KEY, "as_of")]


def as_of(vintage: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """What was known at a cutoff: the newest value of each series and period whose as_of is not after it.

    >>> days = pd.to_datetime(["2026-01-03", "2026-01-03"])
    >>> told = pd.to_datetime(["2026-01-01", "2026-01-02"])
    >>> plan = pd.DataFrame({"unique_id": "a", "ds": days, "as_of": told, "rain": [0.2, 0.9]})
    >>> as_of(plan, pd.Timestamp("2026-01-01"))["rain"].tolist()
    [0.2]
    """
    told = vintage[vintage["as_of"] <= cutoff]
    return told.drop_duplicates(KEY, keep="last").drop(columns="as_of")
