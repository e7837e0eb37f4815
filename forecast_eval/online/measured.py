"""Rows of outcomes: typed, and every fault in them with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.faults import Fault, Origin, nearest, refuse
from backtest.schemas import dates_of, is_empty

from ..layout import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KEYS = ("experiment", "arm", "unit", "ds")
MAY_BE_NEGATIVE = ("profit",)


@dataclass(frozen=True, slots=True)
class Contract:
    """What outcomes must be.

    segments : further key columns, such as a brand; totals are sums over them.
    negative : columns that may be below zero, beside profit.
    measures : columns that are needed: each of their cells is a number. None asks it of every column that has one.
    experiment : whose rows are kept, where there is a column that names several.
    """

    segments: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    measures: tuple[str, ...] | None = None
    experiment: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows that have a unit and a period; every array is [row].

    period : position in `periods`, which are sorted.
    numbers, words : column -> its values; segments are words.
    """

    unit: NDArray[np.object_]
    period: Ints
    periods: pd.Index
    arm: NDArray[np.object_] | None
    numbers: dict[str, Floats]
    words: dict[str, NDArray[np.object_]]
    origin: Origin


def rows_of(table: pd.DataFrame, contract: Contract, origin: Origin) -> tuple[Rows, list[Fault]]:
    """Give the rows, and every fault in them; rows without a unit or period are faults, and left out.

    Raises InputError where a key column is missing: nothing more can be said then.
    """
    refuse(_lacking(table, contract, origin))
    table, origin, faults = _of_experiment(table, contract.experiment, origin)
    keys = {name: text_of(table[name].mask(is_empty(table[name]))) for name in ("unit", *contract.segments)}
    for name, values in keys.items():
        faults += _each(values.isna(), "missing-value", _words(f"{name} is empty"), origin, name, "give it")
    stamps, unparsed = _periods(table["ds"], origin)
    faults += unparsed
    whole = stamps.notna().to_numpy() & ~pd.DataFrame(keys).isna().any(axis=1).to_numpy()
    table, origin = table[whole].reset_index(drop=True), origin.where(whole)
    keys = {name: values[whole].reset_index(drop=True) for name, values in keys.items()}
    periods, period = np.unique(stamps[whole].to_numpy(), return_inverse=True)
    numbers, words, bad = _columns(table, contract, origin)
    faults += bad
    arm = None if "arm" not in table else _labels(table["arm"])
    segments = {name: keys[name].to_numpy(dtype=object) for name in contract.segments}
    unit = keys["unit"].to_numpy(dtype=object)
    rows = Rows(unit, period, pd.Index(periods), arm, numbers, words | segments, origin)
    return rows, [*faults, *_twice(rows, contract.segments), *_two_arms(rows)]


def _labels(values: pd.Series[Any]) -> NDArray[np.object_]:
    """Texts, and None where a cell is empty, whatever a frame has for that."""
    texts = text_of(values).to_numpy(dtype=object)
    texts[is_empty(values).to_numpy()] = None
    return np.asarray(texts)


def _lacking(table: pd.DataFrame, contract: Contract, origin: Origin) -> list[Fault]:
    known = [str(name) for name in table.columns]
    needed = ("unit", "ds", *contract.segments, *(contract.measures or ()))
    return [
        Fault("missing-column", f"column {name!r} is missing", origin.source,
              f"map it under outcomes.columns; {nearest(name, known)}")
        for name in dict.fromkeys(needed) if name not in known
    ]  # fmt: skip


def _of_experiment(table: pd.DataFrame, name: str | None, origin: Origin) -> tuple[pd.DataFrame, Origin, list[Fault]]:
    """Rows of one experiment."""
    if "experiment" not in table:
        return table, origin, []
    labels = text_of(table["experiment"].mask(is_empty(table["experiment"])))
    found = [str(label) for label in labels.dropna().unique()]
    if name in found:
        kept = (labels == name).to_numpy()
        return table[kept].reset_index(drop=True), origin.where(kept), []
    if len(found) == 1:
        what = f"all rows are of the experiment {found[0]!r}, and {name!r} is read"
        fix = "correct the name, unless it is the same experiment"
        other = [] if name is None else [Fault("other-experiment", what, origin.source, fix, "warning")]
        return table, origin, other
    what = f"there are rows of {len(found)} experiments: {', '.join(sorted(found)[:5])}"
    return table, origin, [Fault("experiments", what, origin.source, "give name the one to read, or keep its rows")]


def _periods(values: pd.Series[Any], origin: Origin) -> tuple[pd.Series[Any], list[Fault]]:
    """Timestamps, or whole numbers where there are more of them than of dates; missing where a cell is neither."""
    dates, numbers = dates_of(values), pd.to_numeric(values, errors="coerce")
    if pd.api.types.is_datetime64_any_dtype(values):
        numbers = pd.Series(np.nan, values.index)
    counted = numbers.where((numbers % 1) == 0)
    is_number = bool(counted.notna().sum() > dates.notna().sum())
    found = counted.astype("Int64") if is_number else dates
    must = "is not a whole number as other periods are" if is_number else "is neither a date nor a whole number"
    fix = "correct it, or give every period a date" if is_number else "write dates as YYYY-MM-DD"
    faults = list(_each(found.isna(), "not-a-period", lambda i: f"ds={_cell(values, i)} {must}", origin, "ds", fix))
    return found, faults


def _columns(
    table: pd.DataFrame, contract: Contract, origin: Origin
) -> tuple[dict[str, Floats], dict[str, NDArray[np.object_]], list[Fault]]:
    """Number columns, columns of words, and the faults of those that must be numbers."""
    numbers: dict[str, Floats] = {}
    words: dict[str, NDArray[np.object_]] = {}
    faults: list[Fault] = []
    free = {*MAY_BE_NEGATIVE, *contract.negative}
    for name in (str(c) for c in table.columns if c not in (*KEYS, *contract.segments)):
        dated = pd.api.types.is_datetime64_any_dtype(table[name])
        typed = pd.to_numeric(table[name].astype(str) if dated else table[name], errors="coerce").astype(float)
        needed = typed.notna().any() if contract.measures is None else name in contract.measures
        bad = list(_bad_numbers(table[name], typed, origin, signed=name in free)) if needed else []
        if needed or np.isfinite(typed).all():
            numbers[name] = np.asarray(typed, dtype=np.float64)
            faults += bad
        else:
            words[name] = text_of(table[name]).to_numpy(dtype=object)
    return numbers, words, faults


def _bad_numbers(raw: pd.Series[Any], typed: pd.Series[Any], origin: Origin, *, signed: bool) -> Iterator[Fault]:
    name, empty = str(raw.name), is_empty(raw)
    yield from _each(empty, "missing-value", _words(f"{name} is empty"), origin, name,
                     "give a number, or leave the row out")  # fmt: skip
    yield from _each(typed.isna() & ~empty, "not-a-number", lambda i: f"{name}={_cell(raw, i)} is not a number", origin,
                     name, "give a plain number")  # fmt: skip
    yield from _each(np.isinf(typed), "infinite", lambda i: f"{name}={typed.loc[i]} must be finite", origin, name,
                     "correct the value")  # fmt: skip
    if not signed:
        yield from _each(typed < 0, "negative", lambda i: f"{name}={typed.loc[i]:g} must be >= 0", origin, name,
                         "correct the value, or list the column under outcomes.negative if it may be")  # fmt: skip


def _twice(rows: Rows, segments: Sequence[str]) -> list[Fault]:
    keys = pd.DataFrame({"unit": rows.unit, "period": rows.period, **{name: rows.words[name] for name in segments}})
    shown = ", ".join(("unit", "ds", *segments))
    fix = "keep one, or name the column that tells them apart under outcomes.segments"

    def what(i: int) -> str:
        own = ", ".join(str(rows.words[name][i]) for name in segments)
        return f"({shown})=({rows.unit[i]}, {_stamp(rows, i)}{', ' if own else ''}{own}) stands twice"

    return list(_each(keys.duplicated(), "duplicate", what, rows.origin, "ds", fix))


def _two_arms(rows: Rows) -> list[Fault]:
    """Units with two arms in one period: segments of a unit cannot be in different arms."""
    if rows.arm is None:
        return []
    table = pd.DataFrame({"unit": rows.unit, "period": rows.period, "arm": rows.arm})
    first = table.groupby(["unit", "period"])["arm"].transform("first")
    other = (table["arm"] != first) & table["arm"].notna() & first.notna()

    def what(i: int) -> str:
        return f"unit {rows.unit[i]} is in arms {first[i]} and {rows.arm[i]} in {_stamp(rows, i)}"  # type: ignore[index]

    fix = "one unit is in one arm at a time; where segments are randomised, make them units"
    return list(_each(other, "two-arms", what, rows.origin, "arm", fix))


def _each(
    flags: pd.Series[bool],
    rule: str,
    what: Callable[[int], str],
    origin: Origin,
    column: str,
    fix: str,
) -> Iterator[Fault]:
    """Give one fault for each flagged row."""
    for i in np.flatnonzero(flags.to_numpy(dtype=bool)):
        yield Fault(rule, what(int(i)), origin.place(int(i), column), fix)


def _words(text: str) -> Callable[[int], str]:
    return lambda _: text


def _cell(values: pd.Series[Any], i: int) -> str:
    text = repr(values.iloc[i])
    return text if len(text) <= 60 else f"{text[:60]}..."


def _stamp(rows: Rows, i: int) -> str:
    stamp = rows.periods[rows.period[i]]
    return str(stamp.date()) if isinstance(stamp, pd.Timestamp) and stamp == stamp.normalize() else str(stamp)
