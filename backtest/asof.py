"""What was known at a cutoff: the one place where a panel is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .faults import Fault, refuse
from .forecaster import Known
from .plans import carried
from .vintages import KEY, as_of, covariates_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .forecaster import Ask
    from .history import History
    from .windows import Window


def known_at(history: History, window: Window, ask: Ask) -> Known:
    """Give what may be known at a window's cutoff; no later value is reachable from what is returned.

    A series is forecast if it is still on sale at the cutoff. One that ended before is history only; one that starts
    later is not known yet.

    Raises InputError where a known-future covariate is not known beyond the end of the history.
    """
    past = _past(history, window.cutoff, ask.input_size)
    active = past.loc[past["ds"] == window.cutoff, "unique_id"].to_numpy()
    return Known(
        cutoff=window.cutoff,
        history=past,
        future=_future(history, window, active),
        static=history.static.loc[history.static.index.isin(past["unique_id"].unique())],
        freq=history.freq,
        horizon=len(window.gap) + len(window.steps),
        levels=ask.levels,
        gap=len(window.gap),
        past_only=history.past_only,
        revised=tuple(covariates_of(history.vintages)),
        paths=ask.paths,
        seed=ask.seed,
    )


def _past(history: History, cutoff: pd.Timestamp, input_size: int | None) -> pd.DataFrame:
    frame = history.frame
    here = frame["ds"] <= cutoff
    if input_size is not None:
        position = int(history.calendar.searchsorted(cutoff))
        here &= frame["ds"] >= history.calendar[max(0, position + 1 - input_size)]
    past = frame[here].reset_index(drop=True)
    for vintage in history.vintages:
        past = past.merge(as_of(vintage, cutoff), on=KEY, how="left")
    return past[[*frame.columns, *covariates_of(history.vintages)]]


def _future(history: History, window: Window, active: np.ndarray[tuple[int], np.dtype[np.object_]]) -> pd.DataFrame:
    dates = window.gap.append(window.steps)
    future = pd.DataFrame({"unique_id": np.repeat(active, len(dates)), "ds": np.tile(dates.to_numpy(), len(active))})
    told = covariates_of(history.vintages)
    plain = [name for name in history.known_future if name not in told]
    if plain:
        future = _with_plans(future, history, plain, window)
    for vintage in history.vintages:
        names = [c for c in vintage.columns if c in history.known_future]
        if names:
            future = future.merge(as_of(vintage, window.cutoff)[[*KEY, *names]], on=KEY, how="left")
    return future[[*KEY, *history.known_future]]


def _with_plans(future: pd.DataFrame, history: History, names: Sequence[str], window: Window) -> pd.DataFrame:
    """Join what was planned: covariates of later sales and of plans alike, so that it makes no difference which.

    A series that ends inside the horizon and has no plans there takes what all series share at that date, as a holiday,
    and else keeps its last value. That can show that it ends; the history's warnings count such series.
    """
    tables = (history.frame, history.ahead) if len(history.ahead) else (history.frame,)
    rows = _between(tables, [*KEY, *names], window.cutoff, future["ds"].max())
    joined = future.merge(rows, on=KEY, how="left", indicator=True)
    lacking = joined.loc[joined.pop("_merge") == "left_only", KEY]
    frame, end = history.frame, history.calendar[-1]
    on_sale = frame.loc[frame["ds"] == end, "unique_id"]
    ended = lacking[~lacking["unique_id"].isin(on_sale)]
    if len(ended):
        now = frame.loc[frame["ds"] == window.cutoff, [*KEY, *names]]
        known = pd.concat([now, rows]) if len(rows) else now
        # joined anew, so that no column changes its type on the way
        joined = future.merge(
            pd.concat([*([rows] if len(rows) else []), carried(ended, known, history.shared)]), on=KEY, how="left"
        )
    refuse(_unknown_future(joined[joined["unique_id"].isin(on_sale)], names, end))
    return joined


def _between(
    tables: Sequence[pd.DataFrame], columns: list[str], after: pd.Timestamp, last: pd.Timestamp
) -> pd.DataFrame:
    parts = [table.loc[(table["ds"] > after) & (table["ds"] <= last), columns] for table in tables]
    return pd.concat([part for part in parts if len(part)] or parts[:1])


def _unknown_future(future: pd.DataFrame, known_future: Sequence[str], end: pd.Timestamp) -> list[Fault]:
    """Fault of each covariate that is not known beyond the history."""
    future = future[future["ds"] > end]
    lacking = [(name, future.loc[future[name].isna()].iloc[0]) for name in known_future if future[name].isna().any()]
    return [
        Fault("unknown-future", f"{name} is declared known-future and is not known for unique_id={row.unique_id!r} at "
              f"{row.ds:%Y-%m-%d}", "history", "add rows for the periods to forecast, with an empty y")
        for name, row in lacking
    ]  # fmt: skip
