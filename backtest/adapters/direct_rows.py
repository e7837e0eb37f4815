"""Rows that direct models are trained on and asked with: what the origin knew, and the covariates of the target.

mlforecast computes lags and rolling means. Its own layout of direct models joins the covariates of all rows anew for
each step and model, which on the M5 panel takes gigabytes and minutes; here another period is another position in an
array, because a History has no gaps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

    from ..forecaster import Known

Categories = dict[str, pd.CategoricalDtype]
"""Name of a feature that is text -> its values that were known when the model was fitted."""


@dataclass(frozen=True, slots=True)
class Features:
    """What a row tells a model.

    lags, rolling_means : of y, up to the origin [periods].
    dates : pandas date attributes of the target's period.
    ahead : known-future covariates in the target's period.
    origin : covariates in the origin's period.
    static : static columns.
    """

    lags: tuple[int, ...]
    rolling_means: tuple[int, ...] = ()
    dates: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    @property
    def memory(self) -> int:
        """Periods up to the origin that a row may look at."""
        return max(*self.lags, *self.rolling_means, 1)

    @property
    def first(self) -> int:
        """Periods that must be known for a row to know anything of y."""
        return 1 if self.rolling_means else min(self.lags)

    def categories(self, known: Known) -> Categories:
        """Known values of each feature that is text; one that is unknown later counts as missing."""
        return {
            name: pd.CategoricalDtype(sorted({str(value) for value in values.dropna().unique()}))
            for name, _, values in self._given(known.history, known.static)
            if _is_text(values)
        }

    def _given(self, frame: pd.DataFrame, static: pd.DataFrame) -> Iterator[tuple[str, Place, pd.Series[Any]]]:
        """Name, place and values of each feature that is a column."""
        for name in self.ahead:
            yield _plain(f"ahead.{name}"), "target", frame[name]
        for name in self.origin:
            yield _plain(f"origin.{name}"), "origin", frame[name]
        for name in self.static:
            yield _plain(f"static.{name}"), "series", static[name]


Place = Literal["row", "target", "origin", "series"]
"""Where the value of a feature stands: at the row, at its target, one period before the row, or once for the series."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One feature of a panel: [row] or [series] float32, or codes of categories with -1 for missing."""

    name: str
    place: Place
    data: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class DirectRows:
    """A panel, each row of which can be the first period after an origin: lags at it know the periods before it only.

    series : [row] number of its series. start, stop : [series] its first row, and the row after its last one.
    """

    series: Ints
    start: Ints
    stop: Ints
    columns: tuple[Column, ...]
    categories: Categories

    @classmethod
    def of(cls, frame: pd.DataFrame, known: Known, features: Features, categories: Categories) -> DirectRows:
        """Lay out `frame`: unique_id, ds, y and covariates, sorted as a History is."""
        series, ids = pd.factorize(frame["unique_id"])
        stop = np.cumsum(np.bincount(series))
        static = known.static.reindex(ids)
        columns = [
            *_of_y(frame[["unique_id", "ds", "y"]], known.freq, features),
            *(Column(f"date.{name}", "target", _date(frame["ds"], name)) for name in features.dates),
            *(
                Column(name, place, _coded(values, categories.get(name)))
                for name, place, values in features._given(frame, static)  # noqa: SLF001 - its own other half
            ),
        ]
        start = np.concatenate([[0], stop[:-1]])
        return cls(series, start, stop, tuple(columns), categories)

    def teaching(self, steps: tuple[int, ...], first: int, targets: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        """Rows that teach one model, and how far ahead: each row one of its `steps`, in turn.

        first : periods of its series that a row must know. targets : [row] whether it may be a target.
        """
        rows = np.arange(len(self.series))
        known = rows - self.start[self.series]
        ahead = np.asarray(steps)[(known + self.series) % len(steps)]
        kept = (known >= first) & (rows + ahead <= self.stop[self.series])
        rows, ahead = rows[kept], ahead[kept]
        kept = targets[rows + ahead - 1]
        return rows[kept], ahead[kept]

    def at(self, rows: Ints, steps: Ints, *, tell_step: bool = False) -> pd.DataFrame:
        """Features of forecasts `steps` ahead (1 is the row itself) [row]; text as categories, the rest float32."""
        numbers = [c for c in self.columns if c.name not in self.categories]
        block = np.empty((len(numbers) + tell_step, len(rows)), dtype=np.float32)
        for k, column in enumerate(numbers):
            block[k] = self._values(column, rows, steps, np.nan)
        if tell_step:
            block[-1] = steps
        names = [*(c.name for c in numbers), *(["step"] if tell_step else [])]
        out = pd.DataFrame(block.T, columns=names, copy=False)
        for column in self.columns:
            if column.name in self.categories:
                codes = self._values(column, rows, steps, -1)
                out[column.name] = pd.Categorical.from_codes(codes, dtype=self.categories[column.name], validate=False)
        return out

    def _values(self, column: Column, rows: Ints, steps: Ints, missing: float) -> NDArray[Any]:
        if column.place == "series":
            return column.data[self.series[rows]]
        if column.place in ("row", "target"):
            return column.data[rows if column.place == "row" else rows + steps - 1]
        first = rows == self.start[self.series[rows]]
        return np.where(first, column.data.dtype.type(missing), column.data[rows - 1])


def _of_y(frame: pd.DataFrame, freq: str, features: Features) -> list[Column]:
    """Lags and means as mlforecast computes them: at each row of the periods before it."""
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    means: list[Any] = [RollingMean(n, min_samples=1) for n in features.rolling_means]
    engine = MLForecast(models=[], freq=freq, lags=list(features.lags), lag_transforms={1: means}, num_threads=1)
    made: Any = engine.preprocess(frame, static_features=[], dropna=False, validate_data=False)
    names = [c for c in made.columns if c not in ("unique_id", "ds", "y")]
    # in double precision until here: a running mean in single precision drifts
    return [Column(name, "row", made[name].to_numpy(dtype=np.float32)) for name in names]


def _date(dates: pd.Series[Any], name: str) -> NDArray[np.float32]:
    values = dates.dt.isocalendar().week if name == "week" else getattr(dates.dt, name)
    return np.asarray(values, dtype=np.float32)


def _coded(values: pd.Series[Any], categories: pd.CategoricalDtype | None) -> NDArray[Any]:
    if categories is None:
        return values.to_numpy(dtype=np.float32, na_value=np.nan)
    positions, found = pd.factorize(values)  # -1 for missing, which stays the last entry below
    codes = pd.Categorical([str(value) for value in found], dtype=categories).codes
    return np.append(codes, codes.dtype.type(-1))[positions]


def _is_text(values: pd.Series[Any]) -> bool:
    return not pd.api.types.is_numeric_dtype(values)


def _plain(name: str) -> str:
    """Name without what LightGBM does not take in one."""
    return re.sub(r'[\[\]{}",:\s]', "_", name)
