"""The calendar of a panel, and what does not fit it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .columns import codes_of
from .faults import Fault

if TYPE_CHECKING:
    from pandas.tseries.offsets import BaseOffset

    from .faults import Origin

RUNS = 200
"""Runs of three dates that are looked at for a frequency."""
SPARSEST = 50
"""Periods to a date beyond which a frequency is not believed."""


def calendar_of(long: pd.DataFrame, freq: str | None, origin: Origin) -> tuple[pd.DatetimeIndex, list[Fault]]:
    """All periods from the first date to the last, and faults of dates that are none of them."""
    dates = pd.DatetimeIndex(np.unique(long["ds"].to_numpy()))  # sorts, which takes less memory than to hash
    place = f"{origin.source}, column {dict(origin.names).get('ds', 'ds')}"
    if dates.empty:
        return dates, [Fault("no-rows", "there is no row with an id and a date", origin.source, "give rows")]
    try:
        found = pd.tseries.frequencies.to_offset(freq) if freq is not None else _inferred_freq(dates)
    except ValueError as error:
        wrong = Fault("unknown-frequency", f"freq={freq!r} is none: {error}", place, "give one such as D or W-MON")
        return dates[:0], [wrong]
    mixed = _weekday_faults(long, place) if found is None or _looks_weekly(found, freq) else []
    if mixed:
        return dates[:0], mixed
    if found is None:
        return dates[:0], [Fault(
            "unknown-frequency",
            f"no single frequency fits the {len(dates)} distinct timestamps",
            place,
            "give freq, such as D or W-MON, and see which dates are off it",
        )]  # fmt: skip
    calendar = pd.date_range(dates[0], dates[-1], freq=found)
    off = long.loc[~long["ds"].isin(calendar), "ds"]
    return calendar, [
        Fault("off-calendar", f"ds={moment(ds)} is not a period of frequency {found.freqstr}",
              origin.place(int(i), "ds"), "correct the date or give another freq")
        for i, ds in zip(off.index, off, strict=True)
    ]  # fmt: skip


def moment(stamp: pd.Timestamp) -> str:
    """Text of a timestamp: the date, and the time of day where there is one.

    >>> moment(pd.Timestamp("2026-10-25")), moment(pd.Timestamp("2026-10-25 02:00"))
    ('2026-10-25', '2026-10-25 02:00')
    """
    return f"{stamp:%Y-%m-%d}" if stamp == stamp.normalize() else f"{stamp:%Y-%m-%d %H:%M}"


def _looks_weekly(found: BaseOffset, freq: str | None) -> bool:
    """Whether dates may be those of weeks: series whose weeks start on seven different days look daily together."""
    return found.freqstr.startswith("W") or (freq is None and found.freqstr == "D")


def _weekday_faults(long: pd.DataFrame, place: str) -> list[Fault]:
    """Fault of weekly series whose weeks start on different days."""
    days = long["ds"].dt.dayofweek
    one = days[long["unique_id"] == long["unique_id"].iloc[0]]
    if len(one) < 2 or len(set(one)) > 1:  # a quick way out: the first series is not weekly
        return []
    first = days.groupby(long["unique_id"], sort=False).agg(["first", "nunique"])
    if (first["nunique"] > 1).any() or len(set(first["first"])) == 1:
        return []
    shown = first.drop_duplicates("first")["first"]
    named = ", ".join(f"{_DAYS[day]} ({uid})" for uid, day in shown.items())
    return [Fault("mixed-weeks", f"weekly series start their weeks on different days: {named}", place,
                  "date every week by the same day")]  # fmt: skip


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _inferred_freq(dates: pd.DatetimeIndex) -> BaseOffset | None:
    """Frequency of sorted dates: of those that fit them all, the one that lacks the fewest periods.

    >>> dates = pd.date_range("2026-01-05", periods=8, freq="W-MON").delete(5)
    >>> _inferred_freq(dates).freqstr
    'W-MON'
    """
    if len(dates) < 3:  # pandas needs three
        return None
    whole = pd.infer_freq(dates)
    starts = range(min(len(dates) - 2, RUNS)) if whole is None else ()
    guesses = {pd.infer_freq(dates[k : k + 3]) for k in starts} | {whole}
    fitting = {
        name: len(calendar)
        for name in sorted(filter(None, guesses))
        if len(calendar := _spanned(dates, name)) and dates.isin(calendar).all()
    }
    return pd.tseries.frequencies.to_offset(min(fitting, key=lambda name: fitting[name])) if fitting else None


def _spanned(dates: pd.DatetimeIndex, freq: str) -> pd.DatetimeIndex:
    """Periods from the first date to the last; none where nearly all of them would be missing."""
    shortest = np.diff(dates.to_numpy()).min()
    sparse = (dates[-1] - dates[0]) > SPARSEST * len(dates) * shortest
    return dates[:0] if sparse else pd.date_range(dates[0], dates[-1], freq=freq)


def gap_faults(long: pd.DataFrame, calendar: pd.DatetimeIndex, origin: Origin) -> list[Fault]:
    """One fault for each period or run of periods that a series skips."""
    position = calendar.get_indexer(pd.DatetimeIndex(long["ds"])).astype(np.int32)  # panels are large
    series = codes_of(long["unique_id"]).astype(np.int32)
    order = np.lexsort((position, series))
    if (position < 0).any():
        order = order[position[order] >= 0]
    jump = np.diff(position[order])
    gaps = np.flatnonzero((jump > 1) & (np.diff(series[order]) == 0))
    rows = long.iloc[order[gaps + 1]]
    return [
        Fault(
            "gap",
            f"unique_id={uid!r} misses {missed - 1} period(s) before {moment(ds)}",
            origin.place(int(i), "ds"),
            "add the rows, or set missing_periods: zero if an absent row means that nothing was sold",
        )
        for i, uid, ds, missed in zip(rows.index, rows["unique_id"], rows["ds"], jump[gaps], strict=True)
    ]
