"""Score the forecasts of a panel, cutoff by cutoff, with all that was known around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import path_columns, quantile_levels

from .engine import ScoredWindow, score
from .explosions import Explosions
from .observations import Observations, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from backtest import Window

    from .context import Context
    from .engine import Scores
    from .explosions import Exploded
    from .metric import Metric

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """Forecasts of several models, read cutoff by cutoff.

    models : their names. of : window -> rows of the contract (model, unique_id, ds, forecast, quantiles).
    paths : window -> sample paths by the same key, or None where no metric needs them.
    """

    models: tuple[str, ...]
    of: Callable[[Window], pd.DataFrame]
    paths: Callable[[Window], pd.DataFrame] | None = None

    @classmethod
    def whole(cls, frame: pd.DataFrame, models: Sequence[str] | None = None) -> Forecasts:
        """All in one frame, as `backtest.forecasts_of` gives them."""
        groups = dict(list(frame.groupby("cutoff", sort=False)))
        none = frame.iloc[:0]
        return cls(tuple(models or dict.fromkeys(frame["model"])), lambda window: groups.get(window.cutoff, none))


@dataclass(frozen=True, slots=True, eq=False)
class PanelScores:
    """Scores, and the models whose forecasts exploded."""

    scores: Scores
    exploded: Mapping[str, Exploded] = field(default_factory=dict)


def score_panel(
    context: Context,
    forecasts: Forecasts,
    metrics: Sequence[Metric],
    *,
    baseline: str | None = None,
    compared: Sequence[str] = (),
    threads: int = 1,
) -> PanelScores:
    """Score every model at every cutoff of a context; see `engine.score`.

    Forecasts beyond `context.bounds` are taken for those bounds, and their models are named.
    """
    explosions = Explosions(context.spec.explosion or np.inf)
    windows = _windows(context, forecasts, baseline, explosions)
    found = score(windows, metrics, context.axes, compared=compared, threads=threads)
    return PanelScores(found, explosions.found)


def _windows(
    context: Context, forecasts: Forecasts, baseline: str | None, explosions: Explosions
) -> Iterator[ScoredWindow]:
    for k, window in enumerate(context.windows):
        rows, courses = forecasts.of(window), None if forecasts.paths is None else forecasts.paths(window)
        said = {model: _said(rows, courses, model, window, context) for model in forecasts.models}
        limits = context.bounds(k)
        if limits is not None:
            said = {model: explosions.bounded(model, one, limits) for model, one in said.items()}
        present = np.logical_or.reduce([~np.isnan(one.forecast) for one in said.values()])
        cells = context.cells(k, present, said[baseline].forecast if baseline in said else None)
        models = {m: Observations(cells, one.forecast, one.quantiles, one.paths) for m, one in said.items()}
        day = f"{window.cutoff:%Y-%m-%d}" if window.cutoff == window.cutoff.normalize() else f"{window.cutoff}"
        yield ScoredWindow(day, cells, models, context.codes[k])


def _said(rows: pd.DataFrame, courses: pd.DataFrame | None, model: str, window: Window, context: Context) -> Said:
    own = rows[rows["model"] == model]
    levels = {q: c for q, c in quantile_levels(list(own.columns)).items() if own[c].notna().any()}
    dense = _dense(own, ["forecast", *levels.values()], window, context)
    quantiles = {level: dense[k] for k, level in enumerate(levels, start=1)}
    drawn = None if courses is None else courses[courses["model"] == model]
    if drawn is None or drawn.empty:
        return Said(dense[0], quantiles)
    paths = _dense(drawn, path_columns(list(drawn.columns)), window, context)
    return Said(dense[0], quantiles, np.moveaxis(paths, 0, -1))


def _dense(rows: pd.DataFrame, columns: Sequence[str], window: Window, context: Context) -> Floats:
    """Columns of one model's rows at one cutoff [column, series, step]; NaN where there is no row."""
    series = pd.Index(context.history.unique_ids).get_indexer(pd.Index(rows["unique_id"]))
    steps = window.steps.get_indexer(pd.DatetimeIndex(rows["ds"]))
    here = (series >= 0) & (steps >= 0)
    out = np.full((len(columns), len(context.history.unique_ids), len(window.steps)), np.nan)
    for k, name in enumerate(columns):
        out[k, series[here], steps[here]] = rows[name].to_numpy(dtype=float)[here]
    return out
