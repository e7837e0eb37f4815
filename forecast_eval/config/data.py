"""Where history, prices and stock come from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from backtest.faults import Fault, InputError

from .section import Section

Layout = Literal["long", "wide"]


class Table(Section):
    """A CSV or Parquet file, plain or gzipped.

    path : relative to `data.root`.
    layout : long (a row a period) or wide (a row a series, a column a period).
    columns : our column name -> the file's; columns that are not named keep their names.
    """

    path: str
    layout: Layout = "long"
    columns: dict[str, str] = {}


class CalendarTable(Section):
    """One row a period: its date, and whatever else is known of it.

    columns : ds must be a column, or be mapped to one.
    period : column whose values stand for the date in other files: as headers of wide ones, as keys of long ones.
    """

    path: str
    columns: dict[str, str] = {}
    period: str | None = None


class CovariatesTable(Section):
    """What else is known of series and periods: prices, events, weather, plans.

    The rows are joined on every column that the file shares with the ids, the static columns, ds, or the calendar.

    values : columns that become covariates, by our names: numbers throughout, or words throughout.
    as_of : column with the date from which on a row was known; a later row on the same period revises it.
    absent : covariate -> its value where the file has no row; without one it is missing there.
    """

    path: str
    columns: dict[str, str] = {}
    values: Annotated[tuple[str, ...], Field(min_length=1)]
    as_of: str | None = None
    absent: dict[str, float | str] = {}

    @model_validator(mode="after")
    def _of_this_table(self) -> CovariatesTable:
        for name in self.absent:
            if name not in self.values:
                raise ValueError(f"absent names {name!r}, which is not among values")
        if self.as_of is not None and self.absent:
            raise ValueError("a table with as_of has no absent rows: what is not told is not known")
        return self


class EconomicsTable(Section):
    """Prices and supply terms: a file, values that hold for every series, or a file with values for absent columns.

    A file with prices by period names it by ds, or by columns of the calendar.

    shares : costs as a share of the price, where nobody publishes them: unit_cost, salvage, holding, goodwill.
    """

    path: str | None = None
    columns: dict[str, str] = {}
    values: dict[str, float] = {}
    shares: dict[str, float] = {}

    @model_validator(mode="after")
    def _something(self) -> EconomicsTable:
        if self.path is None and not self.values:
            raise ValueError("give a path, or values that hold for every series")
        return self


class StateTable(Section):
    """Stock at a moment: on hand, and in transit by the number of periods until it can be sold.

    in_transit : columns of the file, the first one arriving in the next period.
    """

    path: str
    on_hand: str = "on_hand"
    in_transit: tuple[str, ...] = ()


class World(Section):
    """A synthetic market instead of files.

    Its knobs are those of `forecast_eval.world.MarketSpec`, and `preset` (mild, plain or nasty), which turns on every
    mechanism; a knob beside it changes that one.

    ahead : weeks that come after the history of `weeks` weeks, for tests to be played in.
    truth : tell the run what customers wanted, and what kind each SKU is; without it the run knows what a retailer has
        recorded, and no more.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    ahead: Annotated[int, Field(ge=0)] = 0
    truth: bool = True


class Data(Section):
    """Where history, economics and state come from.

    root : folder of the files, relative to the config; `${NAME:-default}` reads the environment.
    id : columns of every file whose values, joined by "/", make unique_id.
    known_future : covariates that are known for the periods to forecast too, whatever file they come from.
    missing_periods : what an absent row means after a series' first one: an error, or, with zero, that nothing was
        sold. Zero holds up to the calendar's end: a series that sold its last unit long ago is still on sale. With
        error a series ends with its last row.
    leading_zeros : keep the periods before a series' first sale, or drop them: it was not on sale yet.
    """

    root: str = "."
    id: tuple[str, ...] = ("unique_id",)
    freq: str | None = None
    calendar: CalendarTable | None = None
    history: Table | None = None
    covariates: tuple[CovariatesTable, ...] = ()
    in_stock: Table | None = None
    static: Table | None = None
    demand: Table | None = None
    economics: EconomicsTable | None = None
    state: StateTable | None = None
    world: World | None = None
    known_future: tuple[str, ...] = ()
    missing_periods: Literal["error", "zero"] = "error"
    leading_zeros: Literal["keep", "drop"] = "keep"

    @model_validator(mode="after")
    def _one_source(self) -> Data:
        if (self.history is None) == (self.world is None):
            raise ValueError("give either history (files) or world (a synthetic market)")
        if self.history is not None and self.economics is None:
            raise ValueError("economics is missing: without prices there is no money")
        return self


def resolved_path(path: str, root: str, base: Path) -> Path:
    """Path of a data file: environment names filled in, relative to `root`, which is relative to `base`."""
    return base / Path(from_environment(root)) / Path(from_environment(path))


ENVIRONMENT = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def from_environment(text: str) -> str:
    """Text with `${NAME}` and `${NAME:-default}` filled in; InputError where the environment has no such name."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise InputError([Fault("environment", f"the environment has no {match[1]}", text, "set it")])
        return found

    return ENVIRONMENT.sub(value, text)
