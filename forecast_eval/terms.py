"""Economics from a file: joined to the series by their ids or a static column, to periods by ds or the calendar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.faults import Fault, InputError, Origin, attempt, nearest, refuse

from .economics import DEFAULTS, Economics
from .files import File
from .layout import joined, open_mapped, text_of, with_unique_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .config import EconomicsTable
    from .periods import Calendar

ALL = "every series"
"""Stands for unique_id in terms that hold for all."""
SHARED = ("unit_cost", "salvage", "holding", "goodwill")
"""Terms that may be given as a share of the price."""


def read_economics(
    spec: EconomicsTable,
    path: Path | None,
    *,
    ids: pd.DataFrame,
    static: pd.DataFrame | None,
    calendar: Calendar | None = None,
) -> Economics:
    """Read prices and supply terms, and spread them over the series of a panel.

    The file is keyed by the id columns, or else by those static columns that it has (a row a SKU, say), or it
    has no key and one row, or rows by ds, for every series. Rows of other series are left out. A file without ds may
    name its periods by columns of the calendar: weeks of daily sales, say.

    path : None where the config has values only.
    ids, static : id columns and static columns, indexed by unique_id; where static is None, any column$
        that is not one of economics counts as static.

    Raises InputError with every fault of the file, and each key of the panel that has no row.
    """
    given = spec.values  # noqa: PD011 - a section of the config
    refuse([
        Fault("unknown-key", f"{name!r} is not one of economics", f"data.economics.values.{name}",
              nearest(name, DEFAULTS))
        for name in given if name not in DEFAULTS
    ] + _share_faults(spec))  # fmt: skip
    if path is None:
        return _from_values(given, spec.shares, ids)
    file = open_mapped(path, spec.columns, list(ids.columns))
    file, by_calendar = _dated(file, calendar, ids, static)
    key = _key(file, ids, static)
    file = with_unique_id(file, key) if key else _for_all(file, ids, static)
    faults = [*file.faults, *_given_twice(given, file), *_shares_given_twice(spec, file)]
    named = [c for c in dict.fromkeys((*key, *ids.columns)) if c in file.frame and c != "unique_id"]
    table = file.frame.drop(columns=named)
    table = table.assign(**{name: value for name, value in given.items() if name not in table})
    table = _with_shares(table, spec.shares)
    terms = attempt(lambda: Economics.of(table, origin=file.origin), faults)
    wanted = _wanted(key, ids, static)
    faults += [
        Fault(
            "no-economics",
            f"{'/'.join(key)}={value!r} of the history has no economics",
            file.source,
            "add its row",
        )
        for value in sorted(set(wanted) - set(table["unique_id"]), key=str)
    ]
    faults += [] if static is None else _spare(table["unique_id"], wanted, file.source)
    warnings = refuse(faults)
    assert terms is not None
    terms = replace(terms, warnings=(*warnings, *terms.warnings))
    return _spread(_changes(terms) if by_calendar else terms, wanted)


def _spare(given: pd.Series[str], wanted: pd.Series[str], source: str) -> list[Fault]:
    """Count the keys of the file that are of no series."""
    known = given.dropna().unique()
    spare = sorted(set(known) - set(wanted), key=str)
    if not spare:
        return []
    what = f"{len(spare)} of {len(known)} keys are of no series of the history, such as {spare[0]!r}"
    return [Fault("unused-economics", what, source, "nothing, if meant", "warning")]


def _from_values(given: Mapping[str, float], shares: Mapping[str, float], ids: pd.DataFrame) -> Economics:
    table = pd.DataFrame({"unique_id": [ALL], **{name: [value] for name, value in given.items()}})
    table = _with_shares(table, shares)
    source = "data.economics.values"
    try:
        terms = Economics.of(table, origin=Origin(source))
    except InputError as error:  # a config has no rows to name
        raise InputError([replace(fault, place=source) for fault in error.faults]) from error
    terms = replace(terms, warnings=tuple(replace(fault, place=source) for fault in terms.warnings))
    return _spread(terms, pd.Series(ALL, index=ids.index, dtype=object))


def _key(file: File, ids: pd.DataFrame, static: pd.DataFrame | None) -> list[str]:
    """Columns of the file that say which series a row is for."""
    if set(ids.columns) <= set(file.frame.columns):
        return list(ids.columns)
    if static is None:
        return [c for c in file.frame.columns if c not in (*DEFAULTS, "ds")]
    renamed = {theirs for _, theirs in file.names}
    return [c for c in dict.fromkeys((*ids.columns, *static.columns)) if c in file.frame and c not in renamed]


def _dated(file: File, calendar: Calendar | None, ids: pd.DataFrame, static: pd.DataFrame | None) -> tuple[File, bool]:
    """Give a file that names its periods by columns of the calendar a row for each stretch of such periods, by ds.

    A row holds until the next one of its series, so that the first period of a stretch is enough.
    """
    if calendar is None or "ds" in file.frame:
        return file, False
    others = {*ids.columns, *DEFAULTS, *(() if static is None else static.columns)}
    key = calendar.key_in([c for c in file.frame.columns if c not in others])
    if not key:
        return file, False
    names = joined(file.frame[key].apply(text_of), key)
    rows = pd.DataFrame({"name": names, "row": np.arange(len(names))}).merge(calendar.runs(key), on="name")
    unknown = names[~names.isin(rows["name"])]
    faults = file.faults
    if len(unknown):
        what = f"{len(unknown)} rows have a {'/'.join(key)} that is not in {calendar.source}, the first at row "
        what += str(file.rows[unknown.index[0]])
        faults = (*faults, Fault("unused-rows", what, file.source, "nothing, if meant", "warning"))
    at = rows["row"].to_numpy()
    frame = file.frame.iloc[at].drop(columns=key).assign(ds=rows["ds"].to_numpy()).reset_index(drop=True)
    return File(frame, file.rows[at], file.source, faults, (*file.names, ("ds", ", ".join(key)))), True


def _changes(terms: Economics) -> Economics:
    """Leave out the rows that say what the one before them said."""
    frame = terms.frame
    same = frame["unique_id"].eq(frame["unique_id"].shift())
    for name in DEFAULTS:
        same &= frame[name].eq(frame[name].shift()) | (frame[name].isna() & frame[name].shift().isna())
    rows = None if terms.rows is None else terms.rows[~same]
    return replace(terms, frame=frame[~same].reset_index(drop=True), rows=rows)


def late_prices(terms: Economics, starts: pd.Series[pd.Timestamp], source: str) -> tuple[Fault, ...]:
    """Warn of series that are sold before their first price, which then stands for the time before it too.

    starts : first period of each series, indexed by unique_id.
    """
    if "ds" not in terms.frame:
        return ()
    first = terms.frame.groupby("unique_id", sort=False)["ds"].min().reindex(starts.index)
    late = first[first > starts]
    if late.empty:
        return ()
    what = f"{len(late)} series have periods before their first price, such as unique_id={late.index[0]!r} before "
    return (Fault("late-price", f"{what}{late.iloc[0]:%Y-%m-%d}", source,
                  "the first price stands for them; add earlier rows if there was another", "warning"),)  # fmt: skip


def _for_all(file: File, ids: pd.DataFrame, static: pd.DataFrame | None) -> File:
    if len(file.frame) > 1 and "ds" not in file.frame:
        known = dict.fromkeys((*ids.columns, *(() if static is None else static.columns)))
        raise InputError([*file.faults, Fault(
            "no-key", "no column tells which series a row is for", file.source,
            f"add the id columns, or one of: {', '.join(known)}",
        )])  # fmt: skip
    return replace(file, frame=file.frame.assign(unique_id=ALL))


def _given_twice(given: Mapping[str, float], file: File) -> list[Fault]:
    return [
        Fault("given-twice", f"{name!r} is a column of the file and in data.economics.values", file.source,
              "values are for columns that the file does not have: leave one out")
        for name in given if name in file.frame
    ]  # fmt: skip


def _share_faults(spec: EconomicsTable) -> list[Fault]:
    """Faults of shares that the config alone shows."""
    given, place = spec.values, "data.economics.shares"  # noqa: PD011 - a section of the config
    faults = [
        Fault("unknown-key", f"{name!r} cannot be a share of the price", f"{place}.{name}", nearest(name, SHARED))
        for name in spec.shares if name not in SHARED
    ] + [
        Fault("given-twice", f"{name!r} is in data.economics.values and in data.economics.shares", place,
              "leave one out")
        for name in spec.shares if name in given
    ]  # fmt: skip
    if spec.shares and spec.path is None and "price" not in given:
        faults.append(Fault("missing-key", "shares are of the price, and there is none", place, "give a price"))
    return faults


def _shares_given_twice(spec: EconomicsTable, file: File) -> list[Fault]:
    faults = [
        Fault("given-twice", f"{name!r} is a column of the file and in data.economics.shares", file.source,
              "leave one out")
        for name in spec.shares if name in file.frame
    ]  # fmt: skip
    priced = "price" in file.frame or "price" in spec.values  # noqa: PD011 - a section of the config
    if spec.shares and not priced:
        faults.append(Fault("missing-column", "shares are of the price, and the file has no column 'price'",
                            file.source, "map it under columns"))  # fmt: skip
    return faults


def _with_shares(table: pd.DataFrame, shares: Mapping[str, float]) -> pd.DataFrame:
    """Add the costs that are given as a share of the price; one that cannot be read is a fault of its own."""
    absent = [name for name in shares if name not in table]
    if not absent or "price" not in table:
        return table
    price = pd.to_numeric(table["price"], errors="coerce").astype(float).fillna(0.0)
    return table.assign(**{name: shares[name] * price for name in absent})


def _wanted(key: list[str], ids: pd.DataFrame, static: pd.DataFrame | None) -> pd.Series[str]:
    """Key of the file for each series of the panel."""
    if not key:
        return pd.Series(ALL, index=ids.index, dtype=object)
    if ids.empty:  # the panel could not be read
        return pd.Series([], dtype=object)
    known = ids if static is None else static.join(ids[[c for c in ids if c not in static]])
    return joined(known, key)


def _spread(terms: Economics, wanted: pd.Series[str]) -> Economics:
    series = pd.DataFrame({"unique_id": wanted.index, "key": wanted.to_numpy()})
    given = terms.frame.rename(columns={"unique_id": "key"}).assign(row=np.arange(len(terms.frame)))
    frame = series.merge(given, on="key").drop(columns="key")
    key = [c for c in ("unique_id", "ds") if c in frame]
    frame = frame.sort_values(key, kind="stable").reset_index(drop=True)
    at = frame.pop("row").to_numpy()
    return replace(terms, frame=frame, rows=None if terms.rows is None else terms.rows[at])
