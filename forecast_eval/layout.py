"""From the columns of a file to ours: ids joined, names mapped, wide tables made long, places kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.faults import Fault, InputError, Origin
from backtest.schemas import dates_of

from .files import File, open_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .config import Table
    from .periods import Calendar

ABSENT = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""Cells of a wide table that say that there was no such period, as an empty one does."""

SHARES = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Long:
    """Rows of a file, one a series and period, in our columns.

    frame : unique_id, ds, and the values; not yet checked.
    origin : where each row stands in the file.
    ids : the id columns as the file has them, indexed by unique_id.
    fixed : what a wide file says of a series beside its periods, indexed by unique_id.
    faults : what was wrong so far; the rows that it concerns are not in the frame.
    """

    frame: pd.DataFrame
    origin: Origin
    ids: pd.DataFrame
    fixed: pd.DataFrame
    faults: tuple[Fault, ...] = ()


def text_of(values: pd.Series[Any]) -> pd.Series[Any]:
    """Text as it was written; missing values stay missing."""
    whole = values.astype(object)
    if pd.api.types.infer_dtype(whole) == "string":  # all of them text already
        return whole
    return whole.where(values.isna(), values.astype(str)).where(values.notna(), None)


def shares_of(values: pd.Series[Any]) -> pd.Series[Any]:
    """Shares of a period from true, false, yes, no in any case; numbers and everything else stay.

    >>> shares_of(pd.Series(["True", "no", "0.5", "perhaps"])).tolist()
    [1.0, 0.0, '0.5', 'perhaps']
    """
    codes, found = pd.factorize(values.astype(object))
    meant = pd.Series([SHARES.get(str(value).strip().lower(), value) for value in found], dtype=object)
    return meant.reindex(codes).set_axis(values.index)


def open_mapped(path: Path, columns: dict[str, str], ids: Sequence[str] = ()) -> File:
    """Open a file and give its columns our names; id columns that are mapped stay too.

    Raises InputError, beside what `open_file` raises, for mapped columns that the file does not have.
    """
    file = open_file(path)
    lacking = file.lacking(columns.values())
    if lacking:
        raise InputError((*file.faults, *lacking))
    given = file.frame.drop(columns=[c for c in {*columns, *columns.values()} if c in file.frame and c not in ids])
    # a mapping wins over a column of the file that has our name already
    frame = given.assign(**{ours: file.frame[theirs] for ours, theirs in columns.items()})
    return replace(file, frame=frame, names=tuple(columns.items()))


def with_unique_id(file: File, ids: Sequence[str]) -> File:
    """Join the id columns by "/" into unique_id; rows without an id become faults.

    Raises InputError for id columns that the file does not have.
    """
    lacking = file.lacking(ids)
    if lacking:
        raise InputError((*file.faults, *lacking))
    texts = file.frame.assign(**{name: text_of(file.frame[name]) for name in ids})
    names = dict(file.names)
    shown = ", ".join(names.get(name, name) for name in ids)
    place = Origin(file.source, file.rows, names=file.names)
    empty = texts[list(ids)].isna()
    faults = [
        Fault("missing-value", f"id column {ids[k]!r} is empty", place.place(int(i), ids[k]), "give the id")
        for i, k in np.argwhere(empty.to_numpy())
    ]
    whole = ~empty.any(axis=1).to_numpy()
    frame = texts[whole].reset_index(drop=True)
    frame = frame.assign(unique_id=joined(frame, ids))
    names = {**names, "unique_id": shown}
    return File(frame, file.rows[whole], file.source, (*file.faults, *faults), tuple(names.items()))


def joined(frame: pd.DataFrame, names: Sequence[str]) -> pd.Series[Any]:
    """Text of columns, joined by "/"."""
    whole = frame[names[0]]
    for name in names[1:]:
        whole = whole.str.cat(frame[name], sep="/")
    return whole


def ids_of(file: File, ids: Sequence[str]) -> pd.DataFrame:
    """Give the id columns by unique_id, sorted by it."""
    first = file.frame.drop_duplicates("unique_id")
    return first[list(ids)].set_axis(pd.Index(first["unique_id"], name="unique_id", dtype=object)).sort_index()


def read_long(table: Table, path: Path, ids: Sequence[str], *, value: str, calendar: Calendar | None = None) -> Long:
    """Read a file of values by series and period, in either layout.

    In the wide layout every column that is neither an id nor mapped must be named by a date, or by what the calendar
    calls it; mapped columns say something of the series. An empty cell means that the series has no row for that
    period. A long file without ds may name its periods as the calendar does, too.

    value : our name of what a wide file's cells hold.
    """
    file = with_unique_id(open_mapped(path, table.columns, ids), ids)
    if table.layout == "wide":
        said = [c for c in table.columns if c not in ids]
        return _from_wide(file, ids, fixed=said, value=value, calendar=calendar)
    file = dated(file, calendar)
    drop = [name for name in ids if name != "unique_id"]
    fixed = pd.DataFrame(index=ids_of(file, ids).index)
    return Long(file.frame.drop(columns=drop), file.origin, ids_of(file, ids), fixed, file.faults)


def _from_wide(file: File, ids: Sequence[str], *, fixed: Sequence[str], value: str, calendar: Calendar | None) -> Long:
    periods, dates, faults = _periods(file, {"unique_id", *ids, *fixed}, calendar)
    again = file.frame["unique_id"].duplicated().to_numpy()
    faults += [
        Fault("duplicate", f"unique_id={file.frame['unique_id'].iloc[i]!r} stands twice",
              file.origin.place(int(i), "unique_id"), "keep one row for each series")
        for i in np.flatnonzero(again)
    ]  # fmt: skip
    once = file.frame[~again]
    cells = pd.Series(once[periods].to_numpy().ravel())  # [series * period]
    kept = (cells.notna() & ~cells.isin(ABSENT)).to_numpy()
    by_series = kept.reshape(len(once), len(periods)).any(axis=1)
    rows = file.rows[~again]
    faults += [
        Fault(
            "no-values",
            f"unique_id={uid!r} has no value in any period",
            f"{file.source}, row {row}",
            "remove the row",
        )
        for uid, row in zip(once["unique_id"].to_numpy()[~by_series], rows[~by_series], strict=True)
    ]
    frame = pd.DataFrame({
        "unique_id": np.repeat(once["unique_id"].to_numpy(), len(periods))[kept],
        "ds": np.tile(dates.to_numpy(), len(once))[kept],
        value: _numbers(cells[kept]).to_numpy(),
    })  # fmt: skip
    names = np.tile(np.array(periods, dtype=object), len(once))[kept]
    origin = Origin(file.source, np.repeat(rows, len(periods))[kept], names, file.names)
    said = once.set_index("unique_id")[list(fixed)]
    return Long(frame, origin, ids_of(file, ids), said, (*file.faults, *faults))


def _numbers(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers where all cells are; of sales few are distinct, and each is read once. Else the cells as they are."""
    codes, found = pd.factorize(cells)
    numbers = pd.to_numeric(pd.Series(found, dtype=object), errors="coerce").astype(float)
    return cells if numbers.isna().any() else pd.Series(numbers.to_numpy()[codes], cells.index)


def _periods(
    file: File, others: set[str], calendar: Calendar | None
) -> tuple[list[str], pd.DatetimeIndex, list[Fault]]:
    """Columns that are periods, their dates, and the columns that are neither."""
    names = pd.Series([c for c in file.frame.columns if c not in others], dtype=object)
    dates = dates_of(names)
    called = ""
    if calendar is not None and calendar.period is not None:
        dates = calendar.dates(names).fillna(dates)
        called = f", nor one of {calendar.period} in {calendar.source}"
    again = dates.duplicated() & dates.notna()
    faults = [
        Fault("not-a-date", f"column {name!r} of a wide table is not a date{called}", f"{file.source}, column {name}",
              "write dates as YYYY-MM-DD, or name them in data.calendar; map a column of the series under columns")
        for name in names[dates.isna()]
    ] + [
        Fault("duplicate-column", f"column {name!r} is the date of another column too",
              f"{file.source}, column {name}", "keep one")
        for name in names[again]
    ]  # fmt: skip
    kept = dates.notna() & ~again
    return names[kept].tolist(), pd.DatetimeIndex(dates[kept]), faults


def dated(file: File, calendar: Calendar | None) -> File:
    """Give a table with the names of periods their dates as ds; a table that has ds, or no such names, stays.

    A name that is not in the calendar becomes a fault, and its row is left out.
    """
    if calendar is None or calendar.period is None or "ds" in file.frame or calendar.period not in file.frame:
        return file
    names = text_of(file.frame[calendar.period])
    dates = calendar.dates(names)
    names_map = (*file.names, ("ds", calendar.period))
    place = replace(file.origin, names=names_map)
    faults = [
        Fault("not-a-period", f"{calendar.period}={names.iloc[i]!r} is not in the calendar", place.place(int(i), "ds"),
              f"correct it, or add its row to {calendar.source}")
        for i in np.flatnonzero(dates.isna())
    ]  # fmt: skip
    known = dates.notna().to_numpy()
    frame = file.frame.drop(columns=calendar.period).assign(ds=dates)[known].reset_index(drop=True)
    return File(frame, file.rows[known], file.source, (*file.faults, *faults), names_map)
