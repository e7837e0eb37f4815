"""Forecasts beside what came: the frame that is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from .trending import NOT_TRENDING, TRENDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from backtest import History, Window

    from ..economics import Economics


def observed(
    forecasts: pd.DataFrame,
    history: History,
    economics: Economics,
    *,
    hidden_demand: Literal["as_is", "masked"],
    windows: Sequence[Window],
    trending: NDArray[np.bool_],
) -> pd.DataFrame:
    """Forecasts with demand, unit costs, trend class, step and static columns; see `scores.score`.

    hidden_demand : masked leaves periods that were not fully in stock without demand; as_is takes their sales.
    trending : [cutoff, series] as of each cutoff.

    Steps beyond the end of the history have no demand.
    """
    rows = pd.Index(history.unique_ids).get_indexer(pd.Index(forecasts["unique_id"]))
    times = history.calendar.get_indexer(pd.DatetimeIndex(forecasts["ds"]))
    cutoffs = pd.DatetimeIndex([w.cutoff for w in windows])
    at = cutoffs.get_indexer(pd.DatetimeIndex(forecasts["cutoff"]))
    demand = history.dense()
    if hidden_demand == "masked" and "in_stock" in history.frame.columns:
        demand = np.where(history.dense("in_stock") >= 1, demand, np.nan)
    costs = economics.unit_costs(history.unique_ids, history.calendar)
    known = np.maximum(times, 0)
    steps = {(w.cutoff, ds): h + 1 for w in windows for h, ds in enumerate(w.steps)}
    static = history.static.iloc[rows].reset_index(drop=True).add_prefix("static.")
    return pd.concat([
        forecasts.reset_index(drop=True).assign(
            demand=np.where(times >= 0, demand[rows, known], np.nan),
            underage=np.asarray(costs.underage)[rows, known],
            overage=np.asarray(costs.overage)[rows, known],
            trend=np.where(trending[at, rows], TRENDING, NOT_TRENDING),
            step=[steps[key] for key in zip(forecasts["cutoff"], forecasts["ds"], strict=True)],
        ),
        static,
    ], axis=1)  # fmt: skip
