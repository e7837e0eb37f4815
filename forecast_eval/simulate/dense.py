"""Forecast frames as dense arrays, aligned on cutoffs, series and steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import path_columns, quantile_levels

from .scenarios import Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from backtest import Window


def predictions(
    forecasts: pd.DataFrame,
    windows: tuple[Window, ...],
    unique_ids: NDArray[np.object_],
    *,
    models: tuple[str, ...],
    paths: pd.DataFrame | None = None,
) -> dict[str, Predictions]:
    """Forecasts of each of the models, dense over windows, series and steps; NaN where a model has none.

    A quantile column that a model does not fill is not one of its levels.

    paths : sample paths of the models that draw them, by the same key as `forecasts`.
    """
    out = {}
    for model in models:
        part = forecasts[forecasts["model"] == model]
        levels = {q: c for q, c in quantile_levels(list(part.columns)).items() if part[c].notna().any()}
        values = _dense(part, ["forecast", *levels.values()], windows, unique_ids)
        courses = None if paths is None else paths[paths["model"] == model]
        out[model] = Predictions(
            values[..., 0],
            values[..., 1:] if levels else None,
            np.array(list(levels)),
            None if courses is None or courses.empty else _dense(
                courses, path_columns(list(courses.columns)), windows, unique_ids
            ),
        )  # fmt: skip
    return out


def _dense(
    part: pd.DataFrame, columns: list[str], windows: tuple[Window, ...], unique_ids: NDArray[np.object_]
) -> NDArray[np.float64]:
    """Columns of one model's rows [cutoff, series, step, column]; NaN where there is no row."""
    cutoffs = pd.DatetimeIndex([w.cutoff for w in windows])
    row = cutoffs.get_indexer(pd.DatetimeIndex(part["cutoff"]))
    series = pd.Index(unique_ids).get_indexer(pd.Index(part["unique_id"]))
    step = np.full(len(part), -1)
    for k, window in enumerate(windows):
        step[row == k] = window.steps.get_indexer(pd.DatetimeIndex(part["ds"].to_numpy()[row == k]))
    here = (row >= 0) & (series >= 0) & (step >= 0)
    out = np.full((len(windows), len(unique_ids), len(windows[0].steps), len(columns)), np.nan)
    out[row[here], series[here], step[here]] = part[columns].to_numpy(dtype=float)[here]
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
