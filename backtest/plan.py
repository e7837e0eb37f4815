"""What a backtest would do, as a table that a person can read before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from .history import History
    from .windows import RollingWindows


def plan(history: History, windows: RollingWindows) -> pd.DataFrame:
    """One row a window, oldest first.

    Returns
    -------
    cutoff; known_from : first period that a forecaster is handed; fitted : whether models are fitted anew here;
    first, last : periods that are forecast; unknown : how many of them lie beyond the history, and are not scored;
    series : how many are forecast, being on sale at the cutoff; ended, not_begun : those that are not.

    >>> weeks = pd.date_range("2026-01-05", periods=9, freq="W-MON")
    >>> from backtest import History, RollingWindows
    >>> sales = pd.DataFrame({"unique_id": "a", "ds": weeks, "y": 1.0})
    >>> table = plan(History.of(sales), RollingWindows(horizon=2, n_windows=2, gap=1))
    >>> [f"{w.cutoff:%m-%d}: {w.first:%m-%d} to {w.last:%m-%d}" for w in table.itertuples()]
    ['02-02: 02-16 to 02-23', '02-09: 02-23 to 03-02']
    """
    calendar = history.calendar
    begin = history.frame.groupby("unique_id")["ds"].min().to_numpy()
    end = history.frame.groupby("unique_id")["ds"].max().to_numpy()
    rows = []
    for window in windows.over(calendar):
        cutoff = window.cutoff.to_datetime64()
        size = windows.input_size or len(calendar)
        position = int(calendar.searchsorted(window.cutoff))
        rows.append({
            "cutoff": window.cutoff,
            "known_from": calendar[max(0, position + 1 - size)],
            "fitted": window.fitted_at == window.cutoff,
            "first": window.steps[0],
            "last": window.steps[-1],
            "unknown": int(np.sum(window.steps > calendar[-1])),
            "series": int(np.sum((begin <= cutoff) & (end >= cutoff))),
            "ended": int(np.sum(end < cutoff)),
            "not_begun": int(np.sum(begin > cutoff)),
        })  # fmt: skip
    return pd.DataFrame(rows)
