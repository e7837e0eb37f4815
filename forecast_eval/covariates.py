"""Covariates from files of their own, joined to the panel: known for the past, ahead of it, or as of a date."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.faults import Fault, attempt
from backtest.schemas import dates_of

from .config import resolved_path
from .matching import SAME_DAY, dated_otherwise
from .told import Axes, Told, read_told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from backtest import History

    from .config import CovariatesTable, Data

RESERVED = ("unique_id", "ds", "y", "in_stock", "as_of")


@dataclass(frozen=True, slots=True, eq=False)
class Covariates:
    """The covariates files of a config.

    tables : those whose rows were known all along.
    revised : those whose rows were known from a date on.
    axes : the series and the calendar that rows name.
    lost : covariates of files that could not be read; their faults say why.
    """

    tables: tuple[Told, ...]
    revised: tuple[Told, ...]
    axes: Axes
    lost: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What was odd in the files."""
        return tuple(fault for table in (*self.tables, *self.revised) for fault in table.warnings)

    def onto(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Fault]]:
        """Long frame with the covariates of the tables, and a fault for each table that has no row for it.

        frame : unique_id, ds, not yet checked.
        """
        if not self.tables or not {"unique_id", "ds"} <= set(frame.columns):
            return frame, []
        series, uids = pd.factorize(frame["unique_id"])
        time, dates = pd.factorize(dates_of(frame["ds"]))
        known = pd.Index(uids).isin(self.axes.series.index)
        added: dict[str, NDArray[Any]] = {}
        faults: list[Fault] = []
        for table in self.tables:
            rows = np.full((len(uids) + 1, len(dates) + 1), -1)  # [series, date]; the last ones: no id, no date
            rows[np.flatnonzero(known)[:, None], np.arange(len(dates))] = table.rows(
                self.axes, uids[known], pd.DatetimeIndex(dates)
            )
            found = rows[series, time]
            added |= table.taken(found)
            faults += _lacking(table, int((found < 0).sum()), len(found), pd.DatetimeIndex(dates))
        return frame.assign(**added), faults

    def vintages(self, uids: NDArray[np.object_], first: pd.Timestamp) -> list[pd.DataFrame]:
        """Revised covariates of each series from `first` on: unique_id, ds, as_of and their values."""
        return [table.spread(self.axes, uids, first) for table in self.revised]

    def ahead(self, history: History, known_future: Sequence[str]) -> History:
        """Give the history the plans in the tables, for series that ended as for those that are still on sale.

        They reach to the calendar's end, and beyond it as far as all tables do. Where the history's own file brings
        known-future covariates too, they reach as far as these are known: for a series that ended, if all series share
        them, as they do a holiday's; else the file must give rows with an empty y, which the tables then fill.
        """
        told = [table for table in self.tables if set(table.names) & set(known_future)]
        ours = {name for table in (*told, *self.revised) for name in table.names}
        own = [name for name in known_future if name not in ours]
        if not told or not set(own) <= set(history.shared.columns):
            return history
        reaches = [reach for table in told if (reach := table.reach(self.axes)) is not None]
        end = history.calendar[-1]
        wanted = _after(history, history.shared["ds"].max() if own else max(min(reaches, default=end), end))
        if wanted.keys.empty:
            return history
        plans, faults = wanted.keys, []
        for table in told:
            found = table.rows(self.axes, wanted.uids, wanted.dates)[wanted.rows]
            plans = plans.assign(**{n: v for n, v in table.taken(found).items() if n in known_future})
            faults += _ended_faults(table, found[(plans["ds"] <= end).to_numpy()])
        if own:
            plans = plans.merge(history.shared[["ds", *own]], on="ds")
        planned = history.planned(_joined(history.ahead, plans))
        return replace(planned, warnings=(*planned.warnings, *faults))


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """Periods after a series' own last one: [series, date] for `uids` and `dates`, and its true cells as long keys."""

    uids: NDArray[np.object_]
    dates: pd.DatetimeIndex
    rows: NDArray[np.bool_]

    @property
    def keys(self) -> pd.DataFrame:
        """unique_id and ds, by series."""
        dates = np.broadcast_to(self.dates.to_numpy(), self.rows.shape)[self.rows]
        return pd.DataFrame({"unique_id": np.repeat(self.uids, self.rows.sum(axis=1)), "ds": dates})


def _after(history: History, reach: pd.Timestamp) -> _Wanted:
    ends = history.ends
    ends = ends[ends < reach]
    first = ends.min() if len(ends) else reach
    dates = pd.date_range(first, reach, freq=history.calendar.freq)[1:]
    return _Wanted(ends.index.to_numpy(), dates, dates.to_numpy() > ends.to_numpy()[:, None])


def _joined(given: pd.DataFrame, plans: pd.DataFrame) -> pd.DataFrame:
    """Plans of the history's own file, and those of the tables for the rows that it does not have."""
    if given.empty:
        return plans
    return pd.concat([given, plans[given.columns]]).drop_duplicates(["unique_id", "ds"], ignore_index=True)


def read_covariates(data: Data, base: Path, axes: Axes, faults: list[Fault]) -> Covariates:
    """Read the covariates files; what is wrong with them is added to `faults`."""
    tables = [(spec, _attempted(spec, data, base, axes, faults)) for spec in data.covariates]
    read = [table for _, table in tables if table is not None]
    return Covariates(
        tables=tuple(table for table in read if table.as_of is None),
        revised=tuple(table for table in read if table.as_of is not None),
        axes=axes,
        lost=tuple(name for spec, table in tables if table is None for name in spec.values),  # noqa: PD011
    )


def _attempted(spec: CovariatesTable, data: Data, base: Path, axes: Axes, faults: list[Fault]) -> Told | None:
    return attempt(lambda: read_told(spec, resolved_path(spec.path, data.root, base), axes), faults)


def twice_faults(specs: Sequence[CovariatesTable], own: Sequence[str]) -> list[Fault]:
    """Faults of covariates that two files give, or that are columns of the history already."""
    faults, seen = [], dict.fromkeys((*RESERVED, *own), "the history")
    for k, spec in enumerate(specs):
        for name in spec.values:  # noqa: PD011 - a section of the config
            if name in seen:
                faults.append(Fault("given-twice", f"covariate {name!r} of {spec.path} is given by {seen[name]} too",
                                    f"data.covariates.{k}", "leave one out, or rename it under columns"))  # fmt: skip
            seen.setdefault(name, spec.path)
    return faults


def _ended_faults(table: Told, found: NDArray[np.int64]) -> list[Fault]:
    """Count the periods after a series' end for which a table has nothing: it may have been kept for what was sold."""
    names = [name for name in table.names if name not in table.absent]
    missing = int((found < 0).sum())
    if not missing or not names:
        return []
    what = (
        f"{missing} of {len(found)} periods after the end of a series have no row: {', '.join(names)} is missing, "
        "which can show that it ends"
    )
    fix = "give the rows as they were planned, or under absent the value that no row means"
    return [Fault("no-plan-row", what, table.origin.source, fix, "warning")]


def _lacking(table: Told, missing: int, total: int, dates: pd.DatetimeIndex) -> list[Fault]:
    """Count the rows of the history that a table has nothing for; where that is all of them, the key is wrong."""
    names = [name for name in table.names if name not in table.absent]
    key = ", ".join((*table.by_series, *table.by_time))
    if missing == total and table.by_time == ("ds",):
        otherwise = dated_otherwise(pd.DatetimeIndex(table.time), dates)
        if otherwise:
            return [Fault("other-calendar", f"no row is of a row of the history; {otherwise}", table.origin.source,
                          SAME_DAY)]  # fmt: skip
    if missing == total:
        return [Fault("no-match", f"no row is of a row of the history by {key}", table.origin.source,
                      "correct the key columns; they must be written as in the other files")]  # fmt: skip
    if not missing or not names:
        return []
    what = f"{missing} of {total} rows of the history have no row by {key}: {', '.join(names)} is missing there"
    return [Fault("no-covariate", what, table.origin.source,
                  "give the rows, or under absent the value that no row means", "warning")]  # fmt: skip
