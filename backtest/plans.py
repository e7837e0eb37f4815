"""Plans: known-future covariates of the periods after a series' own last sale, and what is known where there are none.

Plans exist whether or not a series goes on selling. Where they are taken from rows of sales only, that a series has no
more rows says that it ended, to whoever looks ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .faults import Fault
from .schemas import dates_of, is_empty
from .vintages import KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .faults import Origin
    from .history import History

CHUNK = 1 << 20
"""Rows that are compared at a time: panels are large."""
NO_PLAN = "no-plan"
"""Rule of the warning that plans are lacking."""


def split_ahead(
    frame: pd.DataFrame, known_future: Sequence[str], origin: Origin
) -> tuple[pd.DataFrame, pd.DataFrame, Origin, list[Fault]]:
    """Set the rows apart that have an empty y and come after the last sale of their series: they are plans.

    An empty y before a sale stays where it is, and is a fault later. Of a series that never sold, rows after the last
    sale of all are plans. Plans before that last sale are counted: they say that their series ended.
    """
    columns = [*KEY, *known_future]
    nothing = pd.DataFrame(columns=columns)
    if not known_future or not {*columns, "y"} <= set(frame.columns):
        return frame, nothing, origin, []
    empty = is_empty(frame["y"]).to_numpy()
    if not empty.any() or empty.all():
        return frame, nothing, origin, []
    dates = dates_of(frame["ds"])
    end, later = dates[~empty].max(), np.zeros(len(frame), dtype=bool)
    later[empty] = dates[empty].to_numpy() > _last_sales(frame, dates, empty).fillna(end).to_numpy()
    if not later.any():
        return frame, nothing, origin, []
    ahead = frame.loc[later, columns].assign(ds=dates[later], unique_id=frame.loc[later, "unique_id"].astype(str))
    notes = _ended_notes(ahead[ahead["ds"] <= end], origin)
    ahead = ahead.drop_duplicates(KEY).reset_index(drop=True)
    return frame.loc[~later], ahead, origin.where(~later), notes


def shared_of(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> pd.DataFrame:
    """Covariates that have one value for all series at every date, as holidays have: ds and those of `names`.

    tables : unique_id, ds and covariates.

    >>> days = pd.to_datetime(["2026-01-01", "2026-01-01", "2026-01-02"])
    >>> plan = pd.DataFrame({"unique_id": list("aba"), "ds": days, "fair": [1, 1, 0], "price": [2, 3, 2]})
    >>> shared_of([plan], ["fair", "price"]).to_dict("list")["fair"]
    [1, 0]
    """
    tables = [table for table in tables if len(table)]
    left = list(names) if tables else []
    if not left:
        return pd.DataFrame({"ds": pd.DatetimeIndex([])})
    first = pd.concat([table.loc[~table["ds"].duplicated(), ["ds", *names]] for table in tables])
    first = first.drop_duplicates("ds").sort_values("ds", ignore_index=True)
    dates = pd.Index(first["ds"])
    for table in tables:
        for start in range(0, len(table), CHUNK):
            rows = table.iloc[start : start + CHUNK]
            wanted = first.iloc[dates.get_indexer(pd.Index(rows["ds"]))]
            left = [name for name in left if rows[name].array.equals(wanted[name].array)]
            if not left:
                return first.loc[:, ["ds"]].iloc[:0]
    return first[["ds", *left]]


def unplanned(history: History, names: Sequence[str]) -> list[Fault]:
    """Warn of series that end before the calendar's end and whose plans do not reach as far as those of others do.

    names : known-future covariates of the history's own rows.
    """
    end, ahead = history.calendar[-1], history.ahead
    if not names or int((history.frame["ds"] == end).sum()) == len(history.static):
        return []
    reach = max(end, ahead["ds"].max()) if len(ahead) else end
    dates = pd.date_range(history.calendar[0], reach, freq=history.calendar.freq)
    own = [name for name in names if name not in history.shared.columns]
    if not own and dates.isin(pd.DatetimeIndex(history.shared["ds"])).all():
        return []
    ends = history.ends
    needed = pd.Series(len(dates) - 1 - dates.get_indexer(pd.DatetimeIndex(ends)), index=ends.index)
    if len(ahead):
        after = ahead["ds"].isin(dates) & (ahead["ds"] > ahead["unique_id"].map(ends))
        needed = needed.sub(ahead.loc[after, "unique_id"].value_counts().reindex(needed.index, fill_value=0))
    lacking = int(((needed > 0) & (ends < end)).sum())
    return [Fault(
        NO_PLAN,
        f"{lacking} of {len(ends)} series end before {end:%Y-%m-%d}, and their plans do not reach {reach:%Y-%m-%d}: in "
        f"a horizon that goes beyond them they keep their last {', '.join(own or names)}, which can show that they end",
        "history", "add the rows, with an empty y and the covariates as they were planned", "warning",
    )] if lacking else []  # fmt: skip


def carried(lacking: pd.DataFrame, known: pd.DataFrame, shared: pd.DataFrame) -> pd.DataFrame:
    """Plans for rows that have none: the value of the date where all series share it, else the series' last one.

    lacking : unique_id, ds
    known : unique_id, ds and covariates; the last row of each series counts.
    shared : ds and those of the covariates that all series share.
    """
    last = known.sort_values("ds", kind="stable").drop_duplicates("unique_id", keep="last").drop(columns="ds")
    of_all = [name for name in shared.columns if name != "ds"]
    dated = lacking["ds"].isin(shared["ds"]) if of_all else pd.Series(data=False, index=lacking.index)
    parts = [lacking[~dated].merge(last, on="unique_id")]
    if of_all:
        parts.append(lacking[dated].merge(last.drop(columns=of_all), on="unique_id").merge(shared, on="ds"))
    return pd.concat([part[known.columns] for part in parts if len(part)] or [known.iloc[:0]])


def _last_sales(frame: pd.DataFrame, dates: pd.Series[Any], empty: NDArray[np.bool_]) -> pd.Series[Any]:
    """Last date with a sale of the series of each row whose y is empty; NaT where it never sold."""
    ids = frame["unique_id"]
    sold = ~empty & ids.isin(ids[empty].unique()).to_numpy()  # most series of a large panel have no empty y
    last = dates[sold].groupby(ids[sold].to_numpy()).max()
    return pd.Series(pd.DatetimeIndex(last.reindex(ids[empty].to_numpy())))


def _ended_notes(plans: pd.DataFrame, origin: Origin) -> list[Fault]:
    if plans.empty:
        return []
    what = (
        f"{len(plans)} rows of {plans['unique_id'].nunique()} series have an empty y after the last sale of their "
        "series and before that of others: they are plans, and these series count as ended"
    )
    return [Fault("plan-rows", what, origin.source, "give y where a series was on sale", "warning")]
