"""Quantiles from a model's own errors in windows before the cutoff, which the adapter forecasts by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..columns import quantile_column
from ..faults import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ..forecaster import Fitted, Known

    Vector = NDArray[np.float64]


def revised_faults(used: Iterable[str], revised: Iterable[str]) -> list[Fault]:
    """Faults of covariates whose earlier values were revised, for conformal windows.

    A forecaster is handed the values as they are known by now. With them its forecasts of earlier windows are better
    than those that could have been made then, and their errors too small: what was a weather forecast of days ago where
    it is used has become the weather itself where its error is taken.
    """
    return [
        Fault("revised-covariate", f"covariate {name!r} was revised, and the errors of conformal_windows would be "
              "those of forecasts that knew its later values: intervals too narrow", "forecasters",
              "set conformal_windows to 0 and put residual_quantiles on top, whose errors are those of real forecasts; "
              "or leave the covariate out")
        for name in dict.fromkeys(used) if name in set(revised)
    ]  # fmt: skip


def earlier(known: Known, windows: int) -> tuple[Known, ...]:
    """What was known at the cutoffs of the last `windows` horizons before this cutoff, oldest first.

    Raises InputError where the history is too short for them.
    """
    calendar = np.sort(known.history["ds"].unique())
    wanted = known.horizon - known.gap
    first = len(calendar) - 1 - known.horizon - wanted * (windows - 1)
    if windows and first < 1:
        raise InputError([Fault(
            "horizon-too-long",
            f"conformal_windows={windows} of {wanted} periods need more than the {len(calendar)} periods known "
            f"at {known.cutoff:%Y-%m-%d}", "forecasters", "lower conformal_windows, or use quantiles",
        )])  # fmt: skip
    return tuple(_known_at(known, calendar, first + wanted * k) for k in range(windows))


def _known_at(known: Known, calendar: NDArray[np.datetime64], position: int) -> Known:
    """What was known at one of the calendar's dates; covariates as they are known by now: see `revised_faults`."""
    cutoff = pd.Timestamp(calendar[position])
    frame = known.history[known.history["ds"] <= cutoff]
    active = frame.loc[frame["ds"] == cutoff, "unique_id"].to_numpy()
    dates = calendar[position + 1 : position + 1 + known.horizon]
    ahead = pd.DataFrame({"unique_id": np.repeat(active, len(dates)), "ds": np.tile(dates, len(active))})
    if known.known_future:
        ahead = ahead.merge(known.history[["unique_id", "ds", *known.known_future]], how="left")
    return replace(known, cutoff=cutoff, history=frame.reset_index(drop=True), future=ahead)


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Errors of a model that had not seen what it forecast.

    frame : unique_id, forecast and error (demand minus forecast) [units]; periods not fully in stock are left out.
    enough : errors from which on a series is judged by its own: those of one window.
    """

    frame: pd.DataFrame
    enough: int

    @classmethod
    def of(cls, windows: Sequence[Known], fitted: Fitted, truth: pd.DataFrame) -> Errors:
        """Forecast each window, and compare with the history `truth`."""
        made = pd.concat([fitted.predict(known) for known in windows])
        seen = truth[truth["in_stock"] >= 1] if "in_stock" in truth.columns else truth
        rows = made[["unique_id", "ds", "forecast"]].merge(seen[["unique_id", "ds", "y"]])
        rows["error"] = rows["y"] - rows["forecast"]
        return cls(rows[["unique_id", "forecast", "error"]], windows[0].horizon - windows[0].gap)

    def around(self, made: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
        """Add quantiles: the forecast plus the quantile of the errors of its series over all steps.

        The q-quantile of n errors is the one of rank q * (n + 1), as split conformal prediction has it (Vovk,
        Gammerman and Shafer 2005, Algorithmic learning in a random world); ranks between two are interpolated, and
        ranks beyond the largest take it. A series with too few errors gets those of all series, over the root of
        1 + forecast and times that of its own.
        """
        own = self.frame.groupby("unique_id").filter(lambda rows: len(rows) >= self.enough)
        series, ids = pd.factorize(own["unique_id"], sort=True)
        place = pd.Index(ids).get_indexer(made["unique_id"])
        root = np.sqrt(1.0 + made["forecast"].to_numpy())
        pooled = (self.frame["error"] / np.sqrt(1.0 + self.frame["forecast"])).to_numpy()
        out = made.copy()
        for level in levels:
            of_series = np.append(_ranked(series, own["error"].to_numpy(), level), np.nan)[place]
            of_all = root * (_ranked(np.zeros(len(pooled), dtype=np.int64), pooled, level) if len(pooled) else 0.0)
            out[quantile_column(level)] = np.maximum(out["forecast"] + np.where(place < 0, of_all, of_series), 0.0)
        return out


def _ranked(group: NDArray[np.int64], values: Vector, level: float) -> Vector:
    """Value of rank level * (n + 1) in each group [group].

    >>> _ranked(np.array([0, 0, 0, 1]), np.array([5.0, 1.0, 3.0, 7.0]), 0.75)
    array([5., 7.])
    """
    ordered = values[np.lexsort((values, group))]
    counts = np.bincount(group)
    rank = np.clip(level * (counts + 1) - 1, 0, counts - 1)
    low = np.floor(rank).astype(int)
    start = np.cumsum(counts) - counts
    lower, upper = ordered[start + low], ordered[start + np.minimum(low + 1, counts - 1)]
    return np.asarray(lower + (rank - low) * (upper - lower))
