"""Rows that a file of values has for a history, and those that it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.faults import Fault
from backtest.periods import moment

if TYPE_CHECKING:
    from .layout import Long

KEY = ["unique_id", "ds"]


def lacking_faults(wanted: pd.DataFrame, measure: Long) -> list[Fault]:
    """Faults of rows of the history that a measure lacks, and a warning for what it has beyond them.

    wanted : unique_id, ds, needed: whether the row must be there.
    """
    source = measure.origin.source
    told = measure.frame[KEY]
    both = wanted.drop_duplicates(KEY).merge(told, on=KEY, how="left", indicator=True)
    found = both["_merge"] == "both"
    missing = both[~found & both["needed"]]
    told_of = missing["ds"].isin(told["ds"])
    other = _other_calendar(missing.loc[~told_of, "ds"], told["ds"], source)
    missing = missing[told_of]
    whole = set(missing["unique_id"]) - set(told["unique_id"])
    spare = len(told) - int(found.sum())
    faults = [
        Fault("no-row", f"no row for unique_id={uid!r}", source, "every series of the history needs its rows")
        for uid in sorted(whole)
    ] + [
        Fault("no-row", f"no row for unique_id={uid!r}, ds={ds:%Y-%m-%d}", source,
              "every row of the history needs one")
        for uid, ds in missing.loc[~missing["unique_id"].isin(whole), KEY].itertuples(index=False)
    ]  # fmt: skip
    note = Fault("unused-rows", f"{spare} rows are of no row of the history", source, "nothing, if meant", "warning")
    return [*other, *faults, *([note] if spare else [])]


SAME_DAY = "date every week by the same day in all files"


def dated_otherwise(own: pd.DatetimeIndex, history: pd.DatetimeIndex) -> str:
    """Words for weeks that a file dates by another day than the history does; none where it does not.

    >>> dated_otherwise(pd.DatetimeIndex(["2026-01-07"]), pd.DatetimeIndex(["2026-01-05", "2026-01-12"]))
    'its weeks are dated by Wednesday, those of the history by Monday'
    """
    days = [set(dates.dropna().day_name()) for dates in (own, history)]
    if len(days[0]) == len(days[1]) == 1 and days[0] != days[1]:
        return f"its weeks are dated by {days[0].pop()}, those of the history by {days[1].pop()}"
    return ""


def _other_calendar(lacking: pd.Series[pd.Timestamp], told: pd.Series[pd.Timestamp], source: str) -> list[Fault]:
    """One fault for all periods of the history that a file has for no series at all.

    lacking : ds of the rows that it should have, and has for nobody.
    told : ds of its rows.
    """
    if lacking.empty:
        return []
    dates, known = np.sort(lacking.unique()), pd.DatetimeIndex(np.sort(told.unique()))
    span = f"{moment(pd.Timestamp(dates[0]))} to {moment(pd.Timestamp(dates[-1]))}"
    what = f"{len(dates)} periods of the history, from {span}, have no row for any series"
    otherwise = dated_otherwise(known, pd.DatetimeIndex(dates))
    if otherwise:
        return [Fault("other-calendar", f"{what}; {otherwise}", source, SAME_DAY)]
    if len(known):
        what += f"; its own are {moment(known[0])} to {moment(known[-1])}"
    return [Fault("other-calendar", what, source, "give the rows of these periods, or cut the history to those")]
