"""Forecast frames as dense arrays, aligned on cutoffs, series and steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import quantile_levels

from .scenarios import Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from backtest import Window


def predictions(
    forecasts: pd.DataFrame, windows: tuple[Window, ...], unique_ids: NDArray[np.object_], *, models: tuple[str, ...]
) -> dict[str, Predictions]:
    """Forecasts of each of the models, dense over windows, series and steps; NaN where a model has none.

    A quantile column that a model does not fill is not one of its levels.
    """
    cutoffs = pd.DatetimeIndex([w.cutoff for w in windows])
    steps = len(windows[0].steps)
    place = {(w.cutoff, ds): h for w in windows for h, ds in enumerate(w.steps)}
    out = {}
    for model in models:
        part = forecasts[forecasts["model"] == model]
        row = cutoffs.get_indexer(pd.DatetimeIndex(part["cutoff"]))
        col = pd.Index(unique_ids).get_indexer(pd.Index(part["unique_id"]))
        step = np.array([place.get(key, -1) for key in zip(part["cutoff"], part["ds"], strict=True)], dtype=int)
        here = (row >= 0) & (col >= 0) & (step >= 0)
        index = (row[here], col[here], step[here])
        shape = (len(windows), len(unique_ids), steps)
        levels = {q: c for q, c in quantile_levels(list(part.columns)).items() if part[c].notna().any()}
        point = np.full(shape, np.nan)
        point[index] = part["forecast"].to_numpy()[here]
        quantiles = np.full((*shape, len(levels)), np.nan) if levels else None
        for k, column in enumerate(levels.values()):
            if quantiles is not None:
                quantiles[(*index, k)] = part[column].to_numpy()[here]
        out[model] = Predictions(point, quantiles, np.array(list(levels)))
    return out


def actuals(
    values: NDArray[np.float64], calendar: pd.DatetimeIndex, windows: tuple[Window, ...]
) -> NDArray[np.float64]:
    """Values [series, time] at the steps of each window: [cutoff, series, step]; NaN beyond the calendar."""
    out = np.full((len(windows), len(values), len(windows[0].steps)), np.nan)
    for k, window in enumerate(windows):
        at = calendar.get_indexer(window.steps)
        out[k][:, at >= 0] = values[:, at[at >= 0]]
    return out
