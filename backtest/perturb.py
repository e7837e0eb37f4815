"""Histories that differ from the true one after a cutoff, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from .vintages import KEY, covariates_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .history import History


@dataclass(frozen=True, slots=True, eq=False)
class Perturbation:
    """One kind of thing that lies after a cutoff, and how it is changed.

    what : its name, such as "targets" or "covariate 'visitors'".
    change : gives a history in which all of it after the cutoff is different.
    """

    what: str
    change: Callable[[History, pd.Timestamp, np.random.Generator], History]


def perturbations_of(history: History) -> tuple[Perturbation, ...]:
    """Every kind of thing that a forecaster must not know: all but the known-future covariates.

    >>> days = pd.date_range("2026-01-01", periods=3, freq="D")
    >>> from backtest import History
    >>> sales = History.of(pd.DataFrame({"unique_id": "a", "ds": days, "y": [3.0, 0.0, 2.0], "visitors": 5.0}))
    >>> [p.what for p in perturbations_of(sales)]
    ['targets', "covariate 'visitors'", 'when series end or start']
    """
    told = covariates_of(history.vintages)
    columns = [("in_stock", "in_stock")] if "in_stock" in history.frame.columns else []
    columns += [(f"covariate {name!r}", name) for name in history.past_only if name not in told]
    return (
        Perturbation("targets", _targets),
        *(Perturbation(what, partial(_column, name=name)) for what, name in columns),
        *(Perturbation(f"later vintages of {name!r}", partial(_vintage, name=name)) for name in told),
        Perturbation("when series end or start", _presence),
    )


def perturbed(history: History, cutoff: pd.Timestamp, kinds: Sequence[Perturbation], *, seed: int = 0) -> History:
    """Give a history that is the same up to the cutoff, and different after it in every one of `kinds`."""
    for number, kind in enumerate(kinds):
        history = kind.change(history, cutoff, np.random.default_rng([seed, number]))
    return history


def _targets(history: History, cutoff: pd.Timestamp, rng: np.random.Generator) -> History:
    """Zeros sell, and of the others half sell nothing and half far more, so that every value moves."""
    y = history.frame["y"].to_numpy(dtype=float)
    up = (y == 0) | (rng.random(len(y)) < 0.5)
    other = np.where(up, 3 * y + rng.integers(7, 60, len(y)), 0.0)
    return _with(history, "y", np.where(_later(history, cutoff), other, y))


def _column(history: History, cutoff: pd.Timestamp, rng: np.random.Generator, *, name: str) -> History:
    values = history.frame[name]
    other = (values < 1).astype(float) if name == "in_stock" else _other(values, rng)
    return _with(history, name, values.where(~_later(history, cutoff), other))


def _vintage(history: History, cutoff: pd.Timestamp, rng: np.random.Generator, *, name: str) -> History:
    tables = []
    for table in history.vintages:
        told_later = (table["as_of"] > cutoff).to_numpy()
        other = _other(table[name], rng) if name in table.columns else None
        tables.append(table if other is None else table.assign(**{name: table[name].where(~told_later, other)}))
    return replace(history, vintages=tuple(tables))


def _presence(history: History, cutoff: pd.Timestamp, rng: np.random.Generator) -> History:
    """End half of the series soon after the cutoff, and let those that start later start as late as they can.

    What was planned for them stays known, as the plan of a product that is given up.
    """
    frame, ids = history.frame, history.unique_ids
    later = _later(history, cutoff)
    ends = pd.Series(cutoff + (history.calendar[-1] - cutoff) * 0.5 * rng.random(len(ids)), index=ids)
    ends[rng.permutation(ids)[: len(ids) // 2]] = history.calendar[-1]
    new = ~frame["unique_id"].isin(frame.loc[~later, "unique_id"])
    gone = later & ~new & (frame["ds"] > frame["unique_id"].map(ends))
    planned = [name for name in history.known_future if name in frame.columns]
    plans = [table for table in (history.ahead, frame.loc[gone, [*KEY, *planned]]) if len(table)]
    gone |= new & frame["unique_id"].duplicated(keep="last")  # every series keeps a row
    ahead = pd.concat(plans, ignore_index=True) if planned and plans else history.ahead
    return replace(history, frame=frame[~gone].reset_index(drop=True), ahead=ahead)


def _later(history: History, cutoff: pd.Timestamp) -> NDArray[np.bool_]:
    return (history.frame["ds"] > cutoff).to_numpy()


def _with(history: History, name: str, values: Any) -> History:  # noqa: ANN401 - an array or a column
    return replace(history, frame=history.frame.assign(**{name: values}))


def _other(values: pd.Series[Any], rng: np.random.Generator) -> pd.Series[Any]:
    """Different values of the same type; the type of a column is known before the cutoff too."""
    step = rng.integers(3, 90, len(values))
    if types.is_bool_dtype(values.dtype):
        return ~values
    if types.is_numeric_dtype(values.dtype):
        return (values.fillna(0) + step).astype(values.dtype)
    if types.is_datetime64_any_dtype(values.dtype):
        return values + pd.to_timedelta(step, unit="D")
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = (values.cat.codes + 1) % len(values.cat.categories)
        return pd.Series(pd.Categorical.from_codes(codes, dtype=values.dtype), index=values.index)
    return "not " + values.astype(str)
