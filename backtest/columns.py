"""Columns: names of quantiles and paths, what Nixtla calls them, and codes of a column's values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def codes_of(values: pd.Series[Any]) -> NDArray[Any]:
    """Numbers that order and tell apart values as they do: of text the rank, -1 where it is missing.

    Equal texts mostly stand together: only the first of each run is looked up, which saves time and much memory.

    >>> codes_of(pd.Series(["b", "b", "a", "b"])).tolist()
    [1, 1, 0, 1]
    """
    given = values.to_numpy()
    if given.dtype.kind in "iufM":
        return np.asarray(given.view(np.int64) if given.dtype.kind == "M" else given)
    heads = np.flatnonzero(np.r_[True, given[1:] != given[:-1]]) if len(given) else np.empty(0, dtype=np.int64)
    codes, _ = pd.factorize(given[heads], sort=True)
    return np.repeat(codes, np.diff(np.append(heads, len(given))))


QUANTILE = re.compile(r"^q(0?\.\d+)$")


def quantile_column(level: float) -> str:
    """Name of the column of a quantile level; read back as a number, never matched as text.

    >>> quantile_column(0.9)
    'q0.9'
    """
    return "q" + f"{level:.10f}".rstrip("0")


def quantile_levels(columns: Sequence[str]) -> dict[float, str]:
    """Level -> column name for the quantile columns among `columns`, ascending.

    >>> quantile_levels(["unique_id", "q0.90", "q.5"])
    {0.5: 'q.5', 0.9: 'q0.90'}
    """
    found = {float(m[1]): c for c in columns if (m := QUANTILE.match(c))}
    return dict(sorted(found.items()))


PATH = re.compile(r"^path(\d+)$")


def path_column(number: int) -> str:
    """Name of the column of a sample path; numbers start at 1.

    >>> path_column(12)
    'path12'
    """
    return f"path{number}"


def path_columns(columns: Sequence[str]) -> list[str]:
    """Columns of sample paths among `columns`, by number.

    >>> path_columns(["path10", "ds", "path2"])
    ['path2', 'path10']
    """
    found = {int(m[1]): c for c in columns if (m := PATH.match(c))}
    return [found[number] for number in sorted(found)]


INDEX = ("index", "", "Unnamed: 0", "level_0")
"""Columns that a pandas index leaves in a file."""

NIXTLA_INTERVAL = re.compile(r"^(?P<model>.+)-(?P<side>lo|hi)-(?P<level>\d+(\.\d+)?)$")
NIXTLA_QUANTILE = re.compile(r"^(?P<model>.+)_ql(?P<level>0?\.\d+)$")


def nixtla_models(columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Model -> our column -> Nixtla's; a model without a point column has its median for it, if any."""
    values = [c for c in columns if c not in ("cutoff", "unique_id", "ds", "y", *INDEX)]
    models: dict[str, dict[str, str]] = {}
    for name in values:
        model, ours = _nixtla_column(name, values)
        models.setdefault(model, {})[ours] = name
    for own in models.values():
        if "forecast" not in own and quantile_column(0.5) in own:
            own["forecast"] = own[quantile_column(0.5)]
    return {model: dict(sorted(own.items(), key=_point_first)) for model, own in models.items()}


def _point_first(item: tuple[str, str]) -> float:
    return -1.0 if item[0] == "forecast" else float(item[0][1:])


def _nixtla_column(column: str, columns: Sequence[str]) -> tuple[str, str]:
    if (m := NIXTLA_INTERVAL.match(column)) and m["model"] in columns:
        tail = (100 - float(m["level"])) / 200
        return m["model"], quantile_column(round(tail if m["side"] == "lo" else 1 - tail, 10))
    if m := NIXTLA_QUANTILE.match(column):
        return m["model"], quantile_column(float(m["level"]))
    if column.endswith("-median") and column.removesuffix("-median") in columns:
        return column.removesuffix("-median"), quantile_column(0.5)
    return column, "forecast"
