"""Where history, prices and stock come from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, model_validator

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


class EconomicsTable(Section):
    """Prices and supply terms: a file, values that hold for every series, or a file with values for absent columns."""

    path: str | None = None
    columns: dict[str, str] = {}
    values: dict[str, float] = {}

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
    """A synthetic market instead of files; its knobs are those of `forecast_eval.world.MarketSpec`."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Data(Section):
    """Where history, economics and state come from.

    root : folder of the files, relative to the config; `${NAME:-default}` reads the environment.
    id : columns of every file whose values, joined by "/", make unique_id.
    missing_periods : what an absent row between a series' first and last means: an error, or nothing sold.
    """

    root: str = "."
    id: tuple[str, ...] = ("unique_id",)
    freq: str | None = None
    history: Table | None = None
    in_stock: Table | None = None
    static: Table | None = None
    demand: Table | None = None
    economics: EconomicsTable | None = None
    state: StateTable | None = None
    world: World | None = None
    known_future: tuple[str, ...] = ()
    missing_periods: Literal["error", "zero"] = "error"

    @model_validator(mode="after")
    def _one_source(self) -> Data:
        if (self.history is None) == (self.world is None):
            raise ValueError("give either history (files) or world (a synthetic market)")
        if self.history is not None and self.economics is None:
            raise ValueError("economics is missing: without prices there is no money")
        return self


def resolved_path(path: str, root: str, base: Path) -> Path:
    """Path of a data file: environment names filled in, relative to `root`, which is relative to `base`."""
    return base / Path(_environment(root)) / Path(_environment(path))


ENVIRONMENT = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def _environment(text: str) -> str:
    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise InputError([Fault("environment", f"the environment has no {match[1]}", text, "set it")])
        return found

    return ENVIRONMENT.sub(value, text)
