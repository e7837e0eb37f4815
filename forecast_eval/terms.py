"""Economics from a file: joined to the series by their ids, or by a static column such as the SKU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from backtest.faults import Fault, InputError, Origin, attempt, nearest, refuse

from .economics import DEFAULTS, Economics
from .layout import joined, open_mapped, with_unique_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .config import EconomicsTable
    from .files import File

ALL = "every series"
"""Stands for unique_id in terms that hold for all."""


def read_economics(
    spec: EconomicsTable, path: Path | None, *, ids: pd.DataFrame, static: pd.DataFrame | None
) -> Economics:
    """Read prices and supply terms, and spread them over the series of a panel.

    The file is keyed by the id columns, or else by those static columns that it has (a row a SKU, say), or it
    has no key and one row, or rows by ds, for every series. Rows of other series are left out.

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
    ])  # fmt: skip
    if path is None:
        return _from_values(given, ids)
    file = open_mapped(path, spec.columns, list(ids.columns))
    key = _key(file, ids, static)
    file = with_unique_id(file, key) if key else _for_all(file, ids, static)
    faults = [*file.faults, *_given_twice(given, file)]
    named = [c for c in dict.fromkeys((*key, *ids.columns)) if c in file.frame and c != "unique_id"]
    table = file.frame.drop(columns=named)
    table = table.assign(**{name: value for name, value in given.items() if name not in table})
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
    refuse(faults)
    assert terms is not None
    return _spread(terms, wanted)


def _from_values(given: Mapping[str, float], ids: pd.DataFrame) -> Economics:
    table = pd.DataFrame({"unique_id": [ALL], **{name: [value] for name, value in given.items()}})
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
    frame = series.merge(terms.frame.rename(columns={"unique_id": "key"}), on="key").drop(columns="key")
    key = [c for c in ("unique_id", "ds") if c in frame]
    return Economics(frame.sort_values(key, kind="stable").reset_index(drop=True), terms.warnings)
