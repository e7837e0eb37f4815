"""Schemas of the data contracts; what pandera finds becomes faults with their place."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from .columns import codes_of
from .faults import Fault, nearest
from .periods import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .faults import Origin

NUMBER, DATE, TEXT = "float64", "datetime64[ns]", "object"
SHOWN = 60
"""Characters of a bad cell that are shown."""
MONTH = re.compile(r"^\d{4}-\d{2}$")


def check(rule: str, must: str, fix: str, holds: Callable[[pd.Series[Any]], Any]) -> pa.Check:
    """Build a pandera check that carries the rule's name, what must hold, and the fix; NaN passes it."""
    return pa.Check(lambda values: holds(values) | values.isna(), name=rule, error=f"{rule}|{must}|{fix}")


def column(dtype: str, *checks: pa.Check, required: bool = True, nullable: bool = False) -> pa.Column:
    """Build one column of a schema."""
    return pa.Column(dtype, list(checks), required=required, nullable=nullable)


def at_least_zero(rule: str, fix: str) -> pa.Check:
    """Build the check that values are not negative."""
    return check(rule, "must be >= 0", fix, lambda values: values >= 0)


def finite(fix: str = "correct the value") -> pa.Check:
    """Build the check that values are finite."""
    return check("infinite", "must be finite", fix, np.isfinite)


HISTORY = pa.DataFrameSchema({
    "unique_id": column(TEXT),
    "ds": column(DATE),
    "y": column(
        NUMBER,
        at_least_zero("negative-demand", "book returns elsewhere: demand is what customers wanted"),
        finite(),
    ),
    "in_stock": column(
        NUMBER,
        check("in-stock-share", "must lie in 0..1", "give the share of the period in stock",
              lambda values: values.between(0, 1)),
        required=False,
    ),
})  # fmt: skip

STATIC = pa.DataFrameSchema({"unique_id": column(TEXT)})

FORECASTS = pa.DataFrameSchema(
    {
        "model": column(TEXT),
        "cutoff": column(DATE),
        "unique_id": column(TEXT),
        "ds": column(DATE),
        "forecast": column(NUMBER, finite()),
        r"^q0?\.\d+$": pa.Column(NUMBER, [finite()], regex=True, required=False),
    }
)


def checked(frame: pd.DataFrame, schema: pa.DataFrameSchema, origin: Origin) -> tuple[pd.DataFrame, list[Fault]]:
    """Frame with the schema's types, and every fault in it; columns that the schema does not name are kept.

    The frame's index is replaced by positions, which are what `origin` turns into places.
    """
    if not (isinstance(frame.index, pd.RangeIndex) and frame.index.equals(pd.RangeIndex(len(frame)))):
        frame = frame.reset_index(drop=True)
    twice = [
        Fault("duplicate-column", f"column {name!r} stands twice", origin.source, "keep one")
        for name in frame.columns[frame.columns.duplicated()]
    ]
    frame = frame.loc[:, ~frame.columns.duplicated()] if twice else frame
    missing = _missing(frame, schema, origin)
    if missing:
        return frame, twice + missing
    names = _present(frame, schema)
    columns = {name: _coerced(frame[name], str(spec.dtype)) for name, spec in names.items()}
    # panels are large: no column is copied that stays as it is
    typed = pd.DataFrame({name: columns.get(str(name), frame[name]) for name in frame.columns}, copy=False)
    faults = twice + [fault for name in names for fault in _unparsed(frame[name], typed[name], origin)]
    flagged = {fault.place for fault in faults}
    try:
        schema.validate(pd.DataFrame(columns, copy=False), lazy=True, inplace=True)
    except pa.errors.SchemaErrors as error:
        found = (_fault(row, origin) for row in error.failure_cases.itertuples())
        faults += [fault for fault in found if fault.place not in flagged]
    return typed, faults


def duplicate_faults(frame: pd.DataFrame, key: Sequence[str], origin: Origin) -> list[Fault]:
    """One fault for each row whose key stands in an earlier row too."""
    codes = [codes_of(frame[c]) for c in reversed(key)]
    order = np.lexsort(codes)  # stable: of equal keys the first row comes first
    equal = np.all([code[order][1:] == code[order][:-1] for code in codes], axis=0)
    again = frame.index[np.sort(order[1:][equal])]
    return [
        Fault("duplicate",
              f"({', '.join(key)})=({', '.join(_shown(frame.loc[i, c]) for c in key)}) stands twice",
              origin.place(int(i), key[-1]), ONE_ROW + (CLOCKS if _has_hour(frame.loc[i, key[-1]]) else ""))
        for i in again
    ]  # fmt: skip


ONE_ROW = "keep one row for each key"
CLOCKS = "; where clocks went back an hour came twice: add the two up, or give times in UTC"


def _has_hour(value: object) -> bool:
    return isinstance(value, pd.Timestamp) and value != value.normalize()


def _missing(frame: pd.DataFrame, schema: pa.DataFrameSchema, origin: Origin) -> list[Fault]:
    absent = [n for n, spec in schema.columns.items() if spec.required and not spec.regex and n not in frame.columns]
    names = dict(origin.names)
    return [
        Fault("missing-column", f"column {names.get(name, name)!r} is missing", origin.source,
              f"map it under columns; {nearest(name, map(str, frame.columns))}")
        for name in absent
    ]  # fmt: skip


def _present(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> dict[str, pa.Column]:
    present = {}
    for name, spec in schema.columns.items():
        matches = [c for c in map(str, frame.columns) if (re.match(name, c) if spec.regex else c == name)]
        present.update(dict.fromkeys(matches, spec))
    return present


def _coerced(values: pd.Series[Any], dtype: str) -> pd.Series[Any]:
    if dtype == NUMBER:
        dates = pd.api.types.is_datetime64_any_dtype(values)  # pandas would count nanoseconds
        return pd.to_numeric(values.astype(str) if dates else values, errors="coerce").astype(float)
    if dtype == DATE:
        return dates_of(values)
    if pd.api.types.infer_dtype(values) == "string":  # all of them text
        return values.astype(object)
    return values.astype(object).where(values.isna(), values.astype(str)).astype(object)


def dates_of(values: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
    """Timestamps as the clock on the wall showed them; NaT for what is no ISO 8601 date, as a number.

    >>> dates_of(pd.Series(["2026-01-05", "2026-01-05T00:00:00+01:00", "05.01.2026"])).dt.day.tolist()
    [5.0, 5.0, nan]
    """
    if pd.api.types.is_datetime64_any_dtype(values):
        wall = values.dt.tz_localize(None)
        known: pd.Series[pd.Timestamp] = wall.where(wall.between(pd.Timestamp.min, pd.Timestamp.max)).astype(DATE)
        return known
    if pd.api.types.is_numeric_dtype(values):
        return pd.Series(pd.NaT, values.index, dtype=DATE)
    codes, texts = pd.factorize(values.astype(object).map(str, na_action="ignore"))
    days = pd.Series([_wall_clock(text) for text in texts], dtype=DATE)
    return days.reindex(pd.Index(codes)).set_axis(values.index)  # a missing value has code -1, which is no label


def is_empty(values: pd.Series[Any]) -> pd.Series[bool]:
    """Whether cells hold nothing, or nothing but blanks.

    >>> is_empty(pd.Series(["3", " ", None])).tolist()
    [False, True, True]
    """
    empty = values.isna()
    return empty | (values.astype(str).str.strip() == "") if values.dtype == object else empty


def _wall_clock(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text + "-01" if MONTH.match(text) else text)
    except ValueError:
        return None
    return found.replace(tzinfo=None) if pd.Timestamp.min.year < found.year < pd.Timestamp.max.year else None


def _unparsed(raw: pd.Series[Any], typed: pd.Series[Any], origin: Origin) -> list[Fault]:
    lost = raw.index[typed.isna() & raw.notna()]
    kind = "date" if typed.dtype.kind == "M" else "number"
    fix = "write dates as YYYY-MM-DD" if kind == "date" else "give a plain number"
    return [
        Fault(
            f"not-a-{kind}",
            f"{raw.name}={_short(raw.loc[i])} is not a {kind}",
            origin.place(int(i), str(raw.name)),
            fix,
        )
        for i in lost
    ]


def _fault(row: Any, origin: Origin) -> Fault:  # noqa: ANN401 - a row of pandera's failure cases
    place = origin.place(int(row.index), row.column) if row.index is not None else f"{origin.source}, {row.column}"
    if row.check == "not_nullable":
        return Fault("missing-value", f"{row.column} is missing", place, "give a value or leave the row out")
    rule, must, fix = (*str(row.check).split("|"), "", "")[:3]
    return Fault(rule, f"{row.column}={_shown(row.failure_case)} {must}", place, fix)


def _shown(value: object) -> str:
    return moment(value) if isinstance(value, pd.Timestamp) else str(value)


def _short(value: object) -> str:
    """Text of a cell; an open quote can swallow half a file."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
