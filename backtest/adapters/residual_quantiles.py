"""From a point forecast to a distribution: quantiles and sample paths out of the errors of earlier windows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ..columns import path_column, quantile_column
from ..faults import Fault, refuse
from ..forecaster import FallbackWarning
from ..hidden import fill_hidden
from .ensemble import forecasts_at
from .error_distribution import ErrorDistribution
from .error_paths import ErrorPaths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..derived import Made
    from ..forecaster import Known
    from ..windows import RollingWindows

HiddenErrors = Literal["censored", "fill", "as_is"]
"""What the error of a stockout period says: the true one is at least as large, that of an estimate, or as it looks."""


@dataclass(frozen=True, slots=True)
class ResidualQuantiles:
    """Quantiles and sample paths of any forecaster, out of the errors of its forecasts from earlier windows only.

    of : name of the forecaster, in the same backtest; its point forecast stays as it is.
    windows : newest cutoffs whose errors are used, counted for each step by itself: the last steps of the newest
        cutoffs have not been sold yet.
    bins : groups of forecasts of like size, each with a distribution of its own; fewer where errors are few.
    pool : fewest errors in a bin, and the number of like errors that sample paths are drawn from.
    hidden : what the error of a period says that was not fully in stock. censored: demand was at least the sales, so
        the error is at least what it looks; the distribution is then Kaplan and Meier's. fill: demand was the estimate
        of `backtest.hidden.fill_hidden`, which understates the spread. as_is: sales were demand.

    Formula: quantile p = max(0, f + s * Q), with forecast f, Q the error (y - f) / s of rank ceil((n + 1) p) among the
    n of the bin (split conformal: without a change in the data, demand stays at or below it in a share p of periods
    or in slightly more), and scale s = (f + 1/2)^b * g: the power b of the spread is estimated (Taylor's law; 1/2 as
    for Poisson demand where errors are few) and so is g, how errors grow from step to step.

    Sample paths: whole courses of errors, each of one series at one earlier cutoff, drawn from those whose forecast was
    nearest in size, so that errors stay as correlated over the horizon as they are. Series are drawn independently of
    each other. Where no earlier window has been sold to its end yet, courses are joined from pieces.

    A level beyond what the errors can tell, since they are few or stock never lasted that far, gets the largest error,
    and a FallbackWarning says so; it also names steps of which no error is known, which get the spread of the nearest
    step. A backtest lets the member forecast so far back that there are `windows` errors of each step at every cutoff.

    Source: Papadopoulos et al. (2002), Inductive confidence machines for regression; Kaplan and Meier (1958).

    Raises InputError for counts below one.
    """

    of: str
    windows: int = 4
    bins: int = 5
    pool: int = 100
    hidden: HiddenErrors = "censored"

    def __post_init__(self) -> None:
        """Refuse counts below one, all at once."""
        refuse([
            Fault("count", f"{name}={getattr(self, name)} must be >= 1", "forecasters", "give a larger number")
            for name in ("windows", "bins", "pool") if getattr(self, name) < 1
        ])  # fmt: skip

    @property
    def members(self) -> tuple[str, ...]:
        """The forecaster that is given a distribution."""
        return (self.of,)

    def earlier(self, windows: RollingWindows, calendar: pd.DatetimeIndex) -> int:
        """Cutoffs before the first one at which the member forecasts too, so that the last step has its errors there.

        The last step of a cutoff is sold ceil((gap + horizon) / step) cutoffs later; before that, it teaches nothing.

        >>> from backtest import RollingWindows
        >>> windows = RollingWindows(horizon=28, step=7, gap=3)
        >>> ResidualQuantiles("point", windows=4).earlier(windows, pd.date_range("2026-01-01", periods=99))
        8
        """
        step = windows.spacing(calendar) or 1  # uneven ones are refused by whoever lays them out
        return self.windows + ceil((windows.gap + windows.horizon) / step) - 1

    def derive(self, known: Known, made: Made) -> pd.DataFrame:
        """The member's forecasts of `known.wanted()` with quantiles, and with sample paths where they are wanted.

        Raises ValueError when the member has no errors yet, or no forecast of a wanted row.
        """
        out = known.wanted().reset_index(drop=True)
        forecast = forecasts_at(made.now, self.of, out)["forecast"].to_numpy(dtype=float)
        steps = known.horizon - known.gap
        step = np.tile(np.arange(1, steps + 1), len(out) // steps)
        past = self._past(known, made.past)
        newest = newest_of_each_step(past, self.windows)
        errors = ErrorDistribution.of(newest, bins=self.bins, pool=self.pool)
        quantiles = errors.quantiles(forecast, step, known.levels)
        self._note_unknown(newest, steps)
        self._note_beyond(errors, known.levels)
        values = {quantile_column(q): quantiles[:, k] for k, q in enumerate(known.levels)}
        made_of = pd.DataFrame({"forecast": forecast, **values})
        return pd.concat([out, made_of, self._paths(known, past, errors, forecast)], axis=1)

    def _past(self, known: Known, past: pd.DataFrame) -> pd.DataFrame:
        """Earlier forecasts of the member with demand as far as it is known: y, and whether that is all of it."""
        own = past[past["model"] == self.of]
        if own.empty:
            raise ValueError(f"no forecast of {self.of!r} from before this cutoff has met its demand yet")
        hidden = own["in_stock"].to_numpy() < 1 if "in_stock" in own.columns else np.zeros(len(own), dtype=bool)
        if self.hidden == "fill" and hidden.any():
            filled = fill_hidden(known.history)[["unique_id", "ds", "y"]].rename(columns={"y": "filled"})
            better = own[["unique_id", "ds"]].merge(filled, on=["unique_id", "ds"], how="left")["filled"].to_numpy()
            # a window may reach back before the history that is handed over
            own = own.assign(y=np.where(hidden & ~np.isnan(better), better, own["y"]))
        seen = ~hidden if self.hidden == "censored" else np.ones(len(own), dtype=bool)
        return own.assign(seen=seen)

    def _note_unknown(self, newest: pd.DataFrame, steps: int) -> None:
        unknown = sorted(set(range(1, steps + 1)) - set(newest["step"]))
        if unknown:
            text = f"no past error of {self.of} is known at steps {unknown}: they got the spread of the nearest step"
            warnings.warn(FallbackWarning(text), stacklevel=3)

    def _note_beyond(self, errors: ErrorDistribution, levels: tuple[float, ...]) -> None:
        beyond = [q for q in levels if q > errors.reach + 1e-9]
        if beyond:
            text = f"levels {beyond} lie beyond what the past errors of {self.of} tell: they got the largest error"
            warnings.warn(FallbackWarning(text), stacklevel=3)

    def _paths(
        self, known: Known, past: pd.DataFrame, errors: ErrorDistribution, forecast: NDArray[np.float64]
    ) -> pd.DataFrame:
        if not known.paths:
            return pd.DataFrame(index=pd.RangeIndex(len(forecast)))
        steps = known.horizon - known.gap
        rng = np.random.default_rng([known.seed, known.cutoff.value % 2**63])
        courses = ErrorPaths.of(past, errors, steps=steps, windows=self.windows, rng=rng)
        if courses.length < steps:
            text = (
                f"no earlier window of {self.of} is known to its end: paths are joined of {courses.length} steps each"
            )
            warnings.warn(FallbackWarning(text), stacklevel=3)
        grid = forecast.reshape(-1, steps)  # [series, step]
        drawn = courses.draw(grid, known.paths, self.pool, rng)  # [series, step, path]
        scale = errors.scale.of(grid, np.arange(1, steps + 1))
        paths = np.maximum(grid[..., None] + scale[..., None] * drawn, 0.0).round(9)
        return pd.DataFrame(
            paths.reshape(len(forecast), known.paths), columns=[path_column(k + 1) for k in range(known.paths)]
        )


def newest_of_each_step(past: pd.DataFrame, windows: int) -> pd.DataFrame:
    """Rows of the newest `windows` cutoffs at which each step is known.

    >>> known = pd.DataFrame({"step": [1, 1, 1, 2, 2], "cutoff": [1, 2, 3, 1, 2]})
    >>> newest_of_each_step(known, 2).to_numpy().tolist()
    [[1, 2], [1, 3], [2, 1], [2, 2]]
    """
    age = past.groupby("step")["cutoff"].rank(method="dense", ascending=False)
    return past[age <= windows]
