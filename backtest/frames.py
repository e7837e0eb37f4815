"""The data contracts: history and forecasts, as long pandas frames with Nixtla's column names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from .columns import QUANTILE, nixtla_models, quantile_column, quantile_levels
from .faults import Fault, Origin, nearest, refuse
from .schemas import FORECASTS, checked, duplicate_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def to_pandas(frame: Any) -> pd.DataFrame:  # noqa: ANN401 - any frame that narwhals reads
    """Give a pandas frame from anything that narwhals reads: pandas, polars, pyarrow, lazy ones too."""
    if isinstance(frame, pd.DataFrame):
        return frame
    native = nw.from_native(frame)
    eager = native.collect() if isinstance(native, nw.LazyFrame) else native
    return eager.to_pandas()


def from_nixtla(frame: Any, models: Sequence[str] | None = None) -> pd.DataFrame:  # noqa: ANN401
    """Long forecasts contract from Nixtla's wide columns, one or more models beside unique_id, ds and cutoff.

    A model `M` may carry `M-lo-90` and `M-hi-90` (a central interval: .05 and .95), `M-median`, `M_ql0.9`.

    frame : unique_id, ds, optional cutoff, the models' columns; y is ignored.
    models : names of the point columns; None takes every column that is not another model's quantile.

    >>> wide = pd.DataFrame({"unique_id": ["a"], "ds": ["2026-01-05"], "cutoff": ["2026-01-04"],
    ...                      "ETS": [3.0], "ETS-lo-90": [1.0], "ETS-hi-90": [6.0]})
    >>> from_nixtla(wide).drop(columns=["ds", "cutoff"])
      unique_id model  forecast  q0.05  q0.95
    0         a   ETS       3.0    1.0    6.0
    """
    wide = to_pandas(frame)
    keys = [c for c in ("cutoff", "unique_id", "ds") if c in wide.columns]
    named = nixtla_models(list(map(str, wide.columns)))
    chosen = list(named) if models is None else list(models)
    refuse([
        Fault("unknown-model", f"there are no columns of model {name!r}", "forecasts", nearest(name, named))
        for name in chosen if name not in named
    ])  # fmt: skip
    parts = [
        wide[keys].assign(model=name, **{ours: wide[theirs] for ours, theirs in named[name].items()}) for name in chosen
    ]
    return pd.concat(parts, ignore_index=True) if parts else wide[keys]


def forecasts_of(
    frame: Any,  # noqa: ANN401 - any frame that narwhals reads
    *,
    model: str | None = None,
    origin: Origin | None = None,
) -> pd.DataFrame:
    """Check forecasts, in our contract or in Nixtla's wide columns, and give them in our contract.

    model : name to give the forecasts where the frame has no column model.

    Returns
    -------
    model, cutoff, unique_id, ds, forecast and quantile columns, sorted by that key. Quantiles that cross are
    an error: a distribution function cannot decrease.

    Raises
    ------
    InputError
        With every fault: missing column, bad date or number, NaN, infinite value, duplicate key, ds not after
        cutoff, crossing quantiles.
    """
    origin = origin or Origin("forecasts")
    table = to_pandas(frame).reset_index(drop=True)
    checks = [_checked_forecasts(part, own) for part, own in _by_contract(table, origin, model)]
    refuse(list(dict.fromkeys(fault for _, faults in checks for fault in faults)))  # models share faults of keys
    whole = pd.concat([long for long, _ in checks], ignore_index=True)
    levels = quantile_levels(list(whole.columns))
    columns = ["model", "cutoff", "unique_id", "ds", "forecast", *levels.values()]
    return whole[columns].sort_values(columns[:4], kind="stable").reset_index(drop=True)


def _by_contract(table: pd.DataFrame, origin: Origin, model: str | None) -> Iterator[tuple[pd.DataFrame, Origin]]:
    """Frames in our contract with their origins: the table itself, or one for each of Nixtla's models."""
    named = nixtla_models(list(map(str, table.columns)))
    if {"forecast", "model"} & set(table.columns) or not named:
        yield table if "model" in table.columns or model is None else table.assign(model=model), origin
        return
    for name, own in named.items():
        yield from_nixtla(table, [name]), replace(origin, names=(*origin.names, *own.items()))


def _checked_forecasts(frame: pd.DataFrame, origin: Origin) -> tuple[pd.DataFrame, list[Fault]]:
    """Forecasts with our names of the quantile columns, and every fault in them."""
    key = ["model", "cutoff", "unique_id", "ds"]
    long, faults = checked(frame, FORECASTS, origin)
    if not {*key, "forecast"} <= set(long.columns):
        return long, faults
    keyed = long.dropna(subset=key)
    faults += duplicate_faults(keyed, key, origin)
    faults += [
        Fault("not-after-cutoff", f"ds={long.loc[i, 'ds']:%Y-%m-%d} is not after its cutoff",
              origin.place(int(i), "ds"), "a forecast is for a period after its cutoff")
        for i in long.index[long["ds"] <= long["cutoff"]]
    ]  # fmt: skip
    faults += _crossing_faults(long, origin)
    same = [c for c in long.columns if QUANTILE.match(c) and c not in quantile_levels(list(long.columns)).values()]
    faults += [
        Fault(
            "duplicate-column",
            f"column {c!r} is a quantile that another column has too",
            origin.source,
            "keep one",
        )
        for c in same
    ]
    names = {c: quantile_column(level) for level, c in quantile_levels(list(long.columns)).items()}
    return long.drop(columns=same).rename(columns=names), faults


def _crossing_faults(long: pd.DataFrame, origin: Origin) -> list[Fault]:
    columns = list(quantile_levels(list(long.columns)).values())
    if len(columns) < 2:  # one quantile crosses nothing
        return []
    values = long[columns].to_numpy()
    down = np.diff(values, axis=1) < -1e-9 * np.maximum(1.0, np.abs(values[:, 1:]))  # [row, level - 1]
    return [
        Fault("crossing-quantiles",
              f"{columns[k]}={values[i, k]:g} is above {columns[k + 1]}={values[i, k + 1]:g}",
              origin.place(int(i), columns[k]), "sort the quantiles of each row")
        for i, k in np.argwhere(down)
    ]  # fmt: skip


def complete_faults(forecasts: pd.DataFrame, wanted: pd.DataFrame, origin: Origin) -> list[Fault]:
    """Faults of forecasts that lack rows, or have rows of unknown series.

    wanted : unique_id, ds rows that must be there, of one cutoff and one model.
    """
    known, given = wanted["unique_id"].unique(), forecasts["unique_id"].unique()
    unknown = [
        Fault("unknown-id", f"unique_id={uid!r} is not in the history; {nearest(uid, known)}", origin.source,
              "correct the id or leave its rows out")
        for uid in np.setdiff1d(given, known)
    ]  # fmt: skip
    both = wanted[["unique_id", "ds"]].merge(forecasts[["unique_id", "ds"]], how="left", indicator=True)
    lacking = both.loc[both["_merge"] == "left_only"]
    return unknown + [
        Fault("missing-step", f"no forecast for unique_id={row.unique_id!r}, ds={row.ds:%Y-%m-%d}",
              origin.source, "every series on sale at the cutoff needs every step of the horizon")
        for row in lacking.itertuples()
    ]  # fmt: skip


__all__ = [
    "complete_faults",
    "forecasts_of",
    "from_nixtla",
    "quantile_column",
    "quantile_levels",
    "to_pandas",
]
