"""The panel from files: sales, whether there was stock, what is fixed of a series, and true demand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from backtest import History
from backtest.faults import Fault, InputError, attempt, refuse
from backtest.periods import calendar_of
from backtest.plans import shared_of
from backtest.schemas import (
    HISTORY,
    NUMBER,
    at_least_zero,
    checked,
    column,
    dates_of,
    duplicate_faults,
    finite,
    is_empty,
)

from .config import resolved_path
from .covariates import read_covariates, twice_faults
from .layout import Long, open_mapped, read_long, shares_of, text_of, with_unique_id
from .leading_zeros import without_leading_zeros
from .matching import lacking_faults
from .periods import read_calendar
from .places import Places
from .told import Axes, numbers_or_words

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .config import Data, Table
    from .files import File
    from .periods import Calendar

KEY = ["unique_id", "ds"]

MEASURES = {
    "in_stock": column(NUMBER, *HISTORY.columns["in_stock"].checks),
    "demand": column(NUMBER, at_least_zero("negative-demand", "correct the value"), finite()),
}


def read_history(data: Data, base: Path) -> tuple[History, pd.DataFrame]:
    """Read sales with in_stock and static columns, and the id columns of each series as the file has them.

    What `read_panel` reads, without the places of the values.
    """
    history, ids, _ = read_panel(data, base)
    return history, ids


def read_panel(data: Data, base: Path) -> tuple[History, pd.DataFrame, Places]:
    """Read sales with in_stock and static columns, the id columns as the file has them, and where each value stands.

    The id columns are static columns too, under their own names where nothing maps them to another.

    base : folder to which `data.root` is relative.

    Raises InputError with the faults of all three files.
    """
    if data.history is None:
        raise InputError([Fault("missing-key", "there is no history file", "data.history", "give a path")])
    faults: list[Fault] = []
    calendar = read_calendar(data, base)
    sales = attempt(lambda: _sales(data, base, calendar), faults)
    stock = attempt(lambda: read_measure(data, base, "in_stock"), faults)
    file = attempt(lambda: _static_file(data, base), faults)
    if sales is None:
        raise InputError(faults + list(stock.faults if stock else ()))
    frame, inserted = _without_gaps(sales, data)
    frame, lacking = _with_stock(frame, sales, stock)
    static, unknown = _static(sales, file, data)
    faults += [*sales.faults, *inserted, *lacking, *unknown]
    covariates = read_covariates(data, base, _axes(sales, static, calendar), faults)
    faults += [*twice_faults(data.covariates, list(frame.columns)), *covariates.warnings]
    frame, unmatched = covariates.onto(frame)
    faults += unmatched
    known_future = tuple(name for name in data.known_future if name not in covariates.lost)
    first = pd.Timestamp.min if "ds" not in frame else dates_of(frame["ds"]).min()
    history = attempt(
        lambda: History.of(
            frame,
            freq=data.freq,
            static=static,
            known_future=known_future,
            vintages=covariates.vintages(sales.ids.index.to_numpy(), first),
            origin=sales.origin,
        ),
        faults,
    )
    warnings = refuse(faults)
    assert history is not None
    history = covariates.ahead(history, known_future)
    return replace(history, warnings=(*history.warnings, *warnings)), sales.ids, Places.of(sales, history)


def read_demand(data: Data, base: Path, history: History | None) -> pd.DataFrame | None:
    """Read true demand of every row of the history, sorted as it is; None where the config names no file.

    Without a history only the file itself is checked.
    """
    measure = read_measure(data, base, "demand")
    if measure is None:
        return None
    if history is None:
        refuse(measure.faults)
        return measure.frame
    refuse([*measure.faults, *lacking_faults(history.frame[KEY].assign(needed=True), measure)])
    return history.frame[KEY].merge(measure.frame, on=KEY, how="left")


def read_measure(data: Data, base: Path, name: str) -> Long | None:
    """Read a file of in_stock or demand by series and period; its faults are not raised but handed on.

    The frame has each key once, with the types of the contract.
    """
    table: Table | None = getattr(data, name)
    if table is None:
        return None
    path, calendar = resolved_path(table.path, data.root, base), read_calendar(data, base)
    long = read_long(table, path, data.id, value=name, calendar=calendar)
    values = long.frame[[c for c in (*KEY, name) if c in long.frame]]
    if name == "in_stock" and name in values:
        values = values.assign(in_stock=shares_of(values[name]))
    schema = pa.DataFrameSchema({**{k: HISTORY.columns[k] for k in KEY}, name: MEASURES[name]})
    typed, faults = checked(values, schema, long.origin)
    if len(typed.columns) < len(KEY) + 1:
        raise InputError((*long.faults, *faults))
    keyed = typed.dropna(subset=KEY)
    faults += duplicate_faults(keyed, KEY, long.origin)
    return replace(long, frame=keyed.drop_duplicates(KEY), faults=(*long.faults, *faults))


def _sales(data: Data, base: Path, calendar: Calendar | None) -> Long:
    assert data.history is not None
    path = resolved_path(data.history.path, data.root, base)
    long = read_long(data.history, path, data.id, value="y", calendar=calendar)
    faults = list(long.faults)
    typed = {
        name: numbers_or_words(long.frame[name], long.origin, faults) if name in data.known_future
        else _covariate(long.frame[name])
        for name in long.frame.columns if name not in (*KEY, "y", "in_stock")
    }  # fmt: skip
    whole = replace(long, frame=long.frame.assign(**typed), faults=tuple(faults))
    return without_leading_zeros(whole) if data.leading_zeros == "drop" else whole


def _covariate(values: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers where all that is there is numbers, true or false; else text."""
    numbers = pd.to_numeric(shares_of(values), errors="coerce").astype(float)
    return text_of(values) if (numbers.isna() & values.notna()).any() else numbers


def _without_gaps(sales: Long, data: Data) -> tuple[pd.DataFrame, list[Fault]]:
    """Insert the rows absent after a series' first one up to the calendar's end, behind all others, if that is wanted.

    To pad no further than to a series' last row would tell, at every cutoff, which series sell again later.
    """
    frame = sales.frame
    if data.missing_periods == "error" or not {*KEY, "y"} <= set(frame.columns):
        return frame, []
    dated = frame[KEY].assign(ds=dates_of(frame["ds"]), sold=~is_empty(frame["y"])).dropna()
    calendar, _ = calendar_of(dated[dated["sold"]], data.freq, sales.origin)  # plans may reach beyond it
    codes, uids = pd.factorize(dated["unique_id"])
    steps = calendar.get_indexer(pd.DatetimeIndex(dated["ds"]))
    present = np.zeros((len(uids), len(calendar)), dtype=bool)  # [series, time]
    present[codes[steps >= 0], steps[steps >= 0]] = True
    absent = np.maximum.accumulate(present, axis=1) & ~present
    if not absent.any():
        return frame, []
    series, time = np.nonzero(absent)
    new = pd.DataFrame({"unique_id": uids[series], "ds": calendar[time], "y": 0.0})
    extra = new.assign(in_stock=1.0) if "in_stock" in frame else new
    own = [name for name in data.known_future if name in frame.columns]
    typed = frame.loc[dated.index, own].assign(ds=dated["ds"])
    shared = shared_of([typed], own)
    extra = extra.merge(shared, on="ds", how="left")
    unknown = [name for name in own if name not in shared.columns]
    late = absent[:, ::-1].cumprod(axis=1)[:, ::-1].astype(bool)  # after a series' last row
    notes = _inserted_notes(len(new), late, unknown, sales.origin.source)
    return pd.concat([frame, extra], ignore_index=True), notes


def _inserted_notes(count: int, late: NDArray[np.bool_], unknown: list[str], source: str) -> list[Fault]:
    """Count the rows that were inserted, and warn of plans that they lack.

    late : [series, time] whether they come after a series' last row.
    """
    what = f"{count} rows inserted with y=0"
    if late.any():
        what += f", {int(late.sum())} of them after the last row of {int(late.any(axis=1).sum())} series"
    notes = [Fault("rows-inserted", what, source, "data.missing_periods is zero", "warning")]
    if unknown:
        what = f"{count} rows that were inserted have no {', '.join(unknown)}, which shows when nothing was sold"
        fix = "give the rows, or these covariates in a file of their own under data.covariates"
        notes.append(Fault("no-covariate", what, source, fix, "warning"))
    return notes


def _with_stock(frame: pd.DataFrame, sales: Long, stock: Long | None) -> tuple[pd.DataFrame, list[Fault]]:
    """Join in_stock from its own file; rows that were inserted are in stock unless it says otherwise."""
    if "in_stock" in frame:
        frame = frame.assign(in_stock=shares_of(frame["in_stock"]))
    if stock is None or "ds" not in frame:
        return frame, list(stock.faults if stock else ())
    if "in_stock" in frame:
        twice = Fault("given-twice", "in_stock is a column of the history and a file of its own",
                      stock.origin.source, "leave one of them out")  # fmt: skip
        return frame, [*stock.faults, twice]
    keys = frame[KEY].assign(ds=dates_of(frame["ds"]))
    needed = np.arange(len(keys)) < len(sales.frame)
    needed &= ~is_empty(frame["y"]).to_numpy() if "y" in frame else True  # plans are of periods without stock
    faults = [*stock.faults, *lacking_faults(keys.assign(needed=needed).dropna(), stock)]
    joined = keys.merge(stock.frame, on=KEY, how="left")["in_stock"]
    # what is still missing stands in a fault already
    return frame.assign(in_stock=joined.fillna(1.0).to_numpy()), faults


def _axes(sales: Long, static: pd.DataFrame, calendar: Calendar | None) -> Axes:
    fixed = static.set_index("unique_id")
    series = sales.ids.join(fixed[[c for c in fixed if c not in sales.ids]])
    return Axes(series.assign(unique_id=series.index), calendar)


def _static_file(data: Data, base: Path) -> File | None:
    if data.static is None:
        return None
    path = resolved_path(data.static.path, data.root, base)
    return with_unique_id(open_mapped(path, data.static.columns, data.id), data.id)


def _static(sales: Long, file: File | None, data: Data) -> tuple[pd.DataFrame, list[Fault]]:
    """One row a series: its ids, what a wide history says of it, and the static file's columns, as text."""
    mapped = {t for table in (data.history, data.static) if table is not None for t in table.columns.values()}
    parts = [sales.ids[[c for c in data.id if c != "unique_id" and c not in mapped]], sales.fixed]
    faults: list[Fault] = []
    if file is not None:
        once = file.frame.drop_duplicates("unique_id").set_index("unique_id")
        parts.append(once.drop(columns=[c for c in data.id if c in once]).reindex(sales.ids.index))
        faults = [*file.faults, *duplicate_faults(file.frame, ["unique_id"], file.origin)]
        faults += [
            Fault("no-static-row", f"unique_id={uid!r} of the history has no row", file.source, "add the row")
            for uid in sales.ids.index.difference(once.index)
        ]
    whole = pd.concat(parts, axis=1).apply(text_of)
    again = whole.columns.duplicated()
    faults += [
        Fault(
            "duplicate-column",
            f"static column {name!r} is given twice",
            "data.static",
            "rename one under columns",
        )
        for name in whole.columns[again]
    ]
    return whole.loc[:, ~again].reset_index(), faults
