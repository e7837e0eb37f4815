"""Whole courses of past errors, from which sample paths are made: errors of one course stay together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from .error_distribution import ErrorDistribution


@dataclass(frozen=True, slots=True, eq=False)
class ErrorPaths:
    """Courses of scaled errors, each of one series at one earlier cutoff, by size of their forecasts.

    size : [course] mean forecast, ascending [units].
    scores : [course, step] scaled errors.
    """

    size: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def length(self) -> int:
        """Steps of a course."""
        return int(self.scores.shape[1])

    @classmethod
    def of(
        cls, past: pd.DataFrame, errors: ErrorDistribution, *, steps: int, windows: int, rng: np.random.Generator
    ) -> ErrorPaths:
        """Courses of the newest `windows` cutoffs that are known over the most steps.

        An error that is only known from below is drawn from those above it.
        """
        known = past.groupby("cutoff")["step"].max().clip(upper=steps)
        length = int(known.max())
        newest = known.index[known == length][-windows:]
        rows = past[past["cutoff"].isin(newest) & (past["step"] <= length)]
        rows = rows.sort_values(["cutoff", "unique_id", "step"], kind="stable")
        whole = rows.groupby(["cutoff", "unique_id"])["step"].transform("size") == length
        rows = rows[whole]
        scores = _scores(rows, errors, rng).reshape(-1, length)
        size = rows["forecast"].to_numpy(dtype=float).reshape(-1, length).mean(axis=1)
        order = np.argsort(size, kind="stable")
        return cls(size[order], scores[order])

    def draw(
        self, forecast: NDArray[np.float64], paths: int, pool: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Scaled errors [series, step, path] for forecasts [series, step], from the `pool` courses nearest in size."""
        series, steps = forecast.shape
        out = np.empty((series, steps, paths))
        for start in range(0, steps, self.length):
            piece = slice(start, min(start + self.length, steps))
            chosen = self._nearest(forecast[:, piece].mean(axis=1), pool)[:, None] + rng.integers(
                min(pool, len(self.size)), size=(series, paths)
            )
            out[:, piece] = self.scores[chosen, : piece.stop - start].transpose(0, 2, 1)
        return out

    def _nearest(self, size: NDArray[np.float64], pool: int) -> NDArray[np.int64]:
        """First of the `pool` courses around each size."""
        first = np.searchsorted(self.size, size) - pool // 2
        return np.asarray(np.clip(first, 0, max(0, len(self.size) - pool)))


def _scores(rows: pd.DataFrame, errors: ErrorDistribution, rng: np.random.Generator) -> NDArray[np.float64]:
    forecast, y = rows["forecast"].to_numpy(dtype=float), rows["y"].to_numpy(dtype=float)
    scores = np.asarray((y - forecast) / errors.scale.of(forecast, rows["step"].to_numpy(dtype=np.int64)))
    hidden, bin_of = ~rows["seen"].to_numpy(dtype=bool), errors.bin_of(forecast)
    uniform = rng.random(len(rows))  # one a row, so that hiding one leaves the others' draws as they are
    for b, curve in enumerate(errors.curves):
        here = hidden & (bin_of == b)
        scores[here] = curve.beyond(scores[here], uniform[here])
    return scores
