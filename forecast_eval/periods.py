"""The calendar file: what each period is called in other files, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.faults import Fault, InputError, refuse
from backtest.schemas import dates_of, duplicate_faults

from .config import resolved_path
from .layout import joined, open_mapped, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .config import Data


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """One row a period.

    frame : text of the file's columns, indexed by ds and sorted by it.
    period : column whose values stand for the date in other files, or None.
    source : the file's name.
    """

    frame: pd.DataFrame
    period: str | None
    source: str

    def dates(self, keys: pd.Series[Any]) -> pd.Series[pd.Timestamp]:
        """Dates of the periods that are so called; NaT for a name that is none."""
        if self.period is None:
            return pd.Series(pd.NaT, keys.index, dtype="datetime64[ns]")
        names = self.frame[self.period].dropna()
        named = pd.Series(names.index, index=pd.Index(names))
        return keys.astype(object).map(named).astype("datetime64[ns]")

    def key_in(self, columns: Sequence[str]) -> list[str]:
        """Columns, among those of a table, that say which periods a row is for."""
        if "ds" in columns:
            return ["ds"]
        if self.period is not None and self.period in columns:
            return [self.period]
        return [name for name in self.frame.columns if name in columns]

    @property
    def days(self) -> pd.DatetimeIndex:
        """Dates of all periods."""
        return pd.DatetimeIndex(self.frame.index)

    def names(self, key: Sequence[str], dates: pd.DatetimeIndex) -> pd.Series[Any]:
        """Text by which a table with that key calls each date; None for one that is not in the calendar."""
        return joined(self.frame.reindex(dates), key)

    def runs(self, key: Sequence[str]) -> pd.DataFrame:
        """Stretches of periods of the same name: name, and ds of the first of them."""
        name = joined(self.frame, key)
        first = name[name != name.shift()].dropna()
        return pd.DataFrame({"name": first.to_numpy(), "ds": first.index})


def read_calendar(data: Data, base: Path) -> Calendar | None:
    """Read the calendar, or give None where the config names none.

    Raises InputError with every fault: no date, a date or the name of a period that stands twice.
    """
    spec = data.calendar
    if spec is None:
        return None
    file = open_mapped(resolved_path(spec.path, data.root, base), spec.columns)
    lacking = file.lacking(["ds", *([spec.period] if spec.period else [])])
    if lacking:
        raise InputError([*file.faults, *(replace(f, fix=f"map it under data.calendar; {f.fix}") for f in lacking)])
    texts = file.frame.apply(text_of).assign(ds=dates_of(file.frame["ds"]))
    origin = file.origin
    empty = [
        Fault("not-a-date", f"ds={file.frame['ds'].iloc[i]!r} is not a date", origin.place(int(i), "ds"),
              "write dates as YYYY-MM-DD")
        for i in np.flatnonzero(texts["ds"].isna())
    ]  # fmt: skip
    twice = duplicate_faults(texts.dropna(subset="ds"), ["ds"], origin)
    if spec.period is not None:
        twice += duplicate_faults(texts.dropna(subset=spec.period), [spec.period], origin)
    refuse([*file.faults, *empty, *twice])
    return Calendar(texts.set_index("ds").sort_index(), spec.period, file.source)
