"""A file of covariates: its rows, and which series and periods each of them is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.faults import Fault, InputError, Origin, refuse
from backtest.schemas import dates_of, duplicate_faults

from .layout import joined, open_mapped, shares_of, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from .config import CovariatesTable
    from .files import File
    from .periods import Calendar


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """What a row of a covariates file may name.

    series : text of the id columns and the static columns, indexed by unique_id.
    calendar : the calendar file, or None.
    """

    series: pd.DataFrame
    calendar: Calendar | None

    @property
    def columns(self) -> list[str]:
        """Columns by which a file can be joined."""
        return [*self.series.columns, "ds", *(() if self.calendar is None else self.calendar.frame.columns)]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Rows of a covariates file, and what each of them is for.

    values : [row] covariates, numbers or text.
    by_series, by_time : columns that say which series and which periods a row is for.
    series : [row] text of the columns `by_series`; empty where they are none.
    time : [row] ds, or text of the columns of the calendar; empty where there are none.
    as_of : [row] when the row became known, or None for what was known all along.
    absent : covariate -> value where there is no row.
    """

    values: pd.DataFrame
    by_series: tuple[str, ...]
    by_time: tuple[str, ...]
    series: pd.Series[Any]
    time: pd.Series[Any]
    as_of: pd.Series[pd.Timestamp] | None
    absent: dict[str, float | str]
    origin: Origin
    warnings: tuple[Fault, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the covariates."""
        return list(self.values.columns)

    def rows(self, axes: Axes, uids: NDArray[np.object_], dates: pd.DatetimeIndex) -> NDArray[np.int64]:
        """[series, date] row that is for a series and date, -1 where there is none."""
        series, wanted_series = pd.factorize(self._series_names(axes, uids))
        time, wanted_time = pd.factorize(self._time_names(axes, dates))
        at_series = pd.Index(wanted_series).get_indexer(pd.Index(self.series))
        at_time = pd.Index(wanted_time).get_indexer(pd.Index(self.time))
        # the last row and column stay empty: they answer for what has no name, whose code is -1
        found = np.full((len(wanted_series) + 1, len(wanted_time) + 1), -1)
        here = (at_series >= 0) & (at_time >= 0)
        found[at_series[here], at_time[here]] = np.flatnonzero(here)
        return np.asarray(found[np.ix_(series, time)])

    def taken(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Values of rows; where a row is -1, the absent value, or else missing.

        rows : [n]
        """
        out = {}
        for name in self.names:
            column = self.values[name].to_numpy()
            empty = np.nan if column.dtype.kind == "f" else None
            padded = np.append(column, np.array([self.absent.get(name, empty)], dtype=column.dtype))
            out[name] = padded[rows]  # row -1 is the last one
        return out

    def reach(self, axes: Axes) -> pd.Timestamp | None:
        """Last period that the file says something of; None where it does not speak of periods."""
        if not self.by_time:
            return None
        if self.by_time == ("ds",):
            return pd.Timestamp(self.time.max())
        assert axes.calendar is not None
        dates = axes.calendar.days
        named = axes.calendar.names(self.by_time, dates).isin(self.time).to_numpy()
        return pd.Timestamp(dates[named].max() if named.any() else dates[0])

    def spread(self, axes: Axes, uids: NDArray[np.object_], first: pd.Timestamp) -> pd.DataFrame:
        """Each row for each series and period that it is for: unique_id, ds, as_of, covariates; none before `first`."""
        table = self.values.assign(series=self.series, time=self.time, as_of=self.as_of)
        panel = pd.DataFrame({"unique_id": uids, "series": self._series_names(axes, uids)})
        if self.by_time == ("ds",):
            table = table.assign(ds=table["time"])
        else:
            assert axes.calendar is not None
            dates = axes.calendar.days
            named = pd.DataFrame({"ds": dates, "time": axes.calendar.names(self.by_time, dates).to_numpy()})
            table = table.merge(named, on="time")
        table = table[table["ds"] >= first].merge(panel, on="series")
        return table[["unique_id", "ds", "as_of", *self.names]]

    def _series_names(self, axes: Axes, uids: NDArray[np.object_]) -> NDArray[np.object_]:
        if not self.by_series:
            return np.full(len(uids), "", dtype=object)
        return joined(axes.series.reindex(uids), self.by_series).to_numpy(dtype=object)

    def _time_names(self, axes: Axes, dates: pd.DatetimeIndex) -> NDArray[Any]:
        if not self.by_time:
            return np.full(len(dates), "", dtype=object)
        if self.by_time == ("ds",):
            return dates.to_numpy()
        assert axes.calendar is not None
        return axes.calendar.names(self.by_time, dates).to_numpy(dtype=object)


def read_told(spec: CovariatesTable, path: Path, axes: Axes) -> Told:
    """Read a covariates file.

    Raises InputError with every fault: missing column, no column to join by, a key that stands twice, a date that is
    none, a cell that is not a number in a column of numbers.
    """
    file = open_mapped(path, spec.columns)
    names = list(spec.values)
    own = [*names, *([spec.as_of] if spec.as_of else [])]
    lacking = file.lacking(own)
    if lacking:
        raise InputError([*file.faults, *lacking])
    by_series, by_time = _keys(file, own, axes)
    faults = [*file.faults, *_key_faults(spec, file, (by_series, by_time), axes)]
    refuse(faults)
    origin = file.origin
    key = _typed_key(file, [*by_series, *by_time], spec.as_of, faults)
    columns = {name: numbers_or_words(file.frame[name], origin, faults) for name in names}
    faults += _absent_faults(spec, columns)
    series, time = _joined(key, by_series), key["ds"] if by_time == ["ds"] else _joined(key, by_time)
    faults += _strangers(series, axes.series, by_series, "of no series of the history", origin)
    if axes.calendar is not None and by_time != ["ds"]:
        faults += _strangers(time, axes.calendar.frame, by_time, f"not in {axes.calendar.source}", origin)
    warnings = refuse(faults)
    return Told(
        values=pd.DataFrame(columns),
        by_series=tuple(by_series),
        by_time=tuple(by_time),
        series=series,
        time=time,
        as_of=None if spec.as_of is None else key["as_of"],
        absent=spec.absent,
        origin=origin,
        warnings=warnings,
    )


def numbers_or_words(values: pd.Series[Any], origin: Origin, faults: list[Fault]) -> pd.Series[Any]:
    """Give a column as numbers, true and false being 1 and 0, or else as words, an empty cell being the word "".

    A cell that is no number in a column that has numbers is added to `faults`.

    >>> numbers_or_words(pd.Series(["Easter", None]), Origin("calendar.csv"), []).tolist()
    ['Easter', '']
    """
    plain = shares_of(values)
    numbers = pd.to_numeric(plain, errors="coerce").astype(float)
    odd = (numbers.isna() & plain.notna()).to_numpy()
    if not odd.any():
        return numbers
    if odd.sum() == values.notna().sum():
        return text_of(values).fillna("")
    faults += [
        Fault("not-a-number", f"{values.name}={values.iloc[i]!r} is not a number",
              origin.place(int(i), str(values.name)), "a covariate is numbers throughout, or words throughout")
        for i in np.flatnonzero(odd)
    ]  # fmt: skip
    return numbers


def _joined(frame: pd.DataFrame, names: Sequence[str]) -> pd.Series[Any]:
    return joined(frame, names) if names else pd.Series("", index=frame.index, dtype=object)


def _keys(file: File, not_keys: Sequence[str], axes: Axes) -> tuple[list[str], list[str]]:
    columns = [c for c in file.frame.columns if c not in not_keys]
    by_series = [c for c in axes.series.columns if c in columns]
    others = [c for c in columns if c not in by_series]
    if axes.calendar is not None:
        return by_series, axes.calendar.key_in(others)
    return by_series, ["ds"] if "ds" in others else []


def _key_faults(spec: CovariatesTable, file: File, key: tuple[list[str], list[str]], axes: Axes) -> list[Fault]:
    by_series, by_time = key
    if not by_series and not by_time:
        return [Fault("no-key", "no column tells which series or period a row is for", file.source,
                      f"add one of: {', '.join(dict.fromkeys(axes.columns))}, or map it under columns")]  # fmt: skip
    if spec.as_of is not None and not by_time:
        return [Fault("no-key", "no column tells which period a row is for, and as_of needs one", file.source,
                      "add ds, or a column of the calendar")]  # fmt: skip
    return []


def _typed_key(file: File, names: list[str], as_of: str | None, faults: list[Fault]) -> pd.DataFrame:
    """Columns that must be different in every row: text, but for ds and as_of, which are dates."""
    frame, origin = file.frame, file.origin
    key = frame[[name for name in names if name != "ds"]].apply(text_of)
    faults += _empty_keys(key, origin)
    for ours, theirs in (("ds", "ds" if "ds" in names else None), ("as_of", as_of)):
        if theirs is not None:
            key[ours] = dates_of(frame[theirs])
            faults += _not_dates(frame[theirs], key[ours], origin)
    shown = replace(origin, names=(*origin.names, ("as_of", as_of or "")))
    faults += duplicate_faults(key.dropna(), list(map(str, key)), shown)
    return key


def _not_dates(raw: pd.Series[Any], dates: pd.Series[Any], origin: Origin) -> list[Fault]:
    return [
        Fault("not-a-date", f"{raw.name}={raw.iloc[i]!r} is not a date", origin.place(int(i), str(raw.name)),
              "write dates as YYYY-MM-DD")
        for i in np.flatnonzero(dates.isna())
    ]  # fmt: skip


def _empty_keys(texts: pd.DataFrame, origin: Origin) -> list[Fault]:
    return [
        Fault("missing-value", f"{texts.columns[k]} is missing", origin.place(int(i), str(texts.columns[k])),
              "a row must say which series and period it is for")
        for i, k in np.argwhere(texts.isna().to_numpy())
    ]  # fmt: skip


def _absent_faults(spec: CovariatesTable, columns: dict[str, pd.Series[Any]]) -> list[Fault]:
    return [
        Fault("absent", f"absent {name}={value!r} is not of the kind of its column", spec.path,
              "give a number for a column of numbers, a word for one of words")
        for name, value in spec.absent.items()
        if isinstance(value, str) == (columns[name].dtype.kind == "f")
    ]  # fmt: skip


def _strangers(names: pd.Series[Any], known: pd.DataFrame, key: list[str], what: str, origin: Origin) -> list[Fault]:
    """Warn of rows that name series or periods which are not there."""
    if not key or known.empty:
        return []
    odd = names[names.notna() & ~names.isin(_joined(known, key))]
    if odd.empty:
        return []
    text = f"{len(odd)} rows have a {'/'.join(key)} that is {what}, the first {odd.iloc[0]!r}"
    return [Fault("unused-rows", text, origin.source, "nothing, if meant", "warning")]
