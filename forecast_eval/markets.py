"""The market of a config: what was demanded, what was believed, and how goods are supplied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import Fault, InputError, fill_hidden

from .build import conventions_of, step_of
from .money import HiddenDemand
from .recovery import recovered
from .simulate import Market, Substitution, Truck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from backtest import History

    from .config import Assumption, Config
    from .read import Inputs

    Floats = NDArray[np.float64]


def market_of(config: Config, inputs: Inputs) -> Market:
    """Demand as the config says for stockout periods, and what a planner would have believed."""
    history, simulate = inputs.history, config.simulate
    truth = inputs.demand
    filled = history.dense() if config.backtest.hidden_demand == "as_is" else _filled(history)
    truck = None
    if simulate.truck is not None:
        stores = _groups(history.static[[simulate.truck.by]], "simulate.truck.by")
        truck = Truck(stores, np.full(stores.max() + 1, simulate.truck.capacity))
    others = None
    if simulate.substitution is not None:
        groups = _groups(history.static[list(simulate.substitution.by)], "simulate.substitution.by")
        others = Substitution(groups, simulate.substitution.share)
    return Market(
        unique_ids=history.unique_ids,
        calendar=history.calendar,
        demand=_assumed(config, inputs, simulate.hidden_demand) if truth is None else _dense(truth, "demand", history),
        believed=filled,
        economics=inputs.economics,
        step=step_of(config.backtest, history),
        conventions=conventions_of(simulate.conventions),
        truck=truck,
        substitution=others,
        seed=config.seed,
    )


def _groups(static: pd.DataFrame, place: str) -> NDArray[np.int64]:
    """Code [series] of the values in some static columns.

    Raises InputError where one is missing: such series are no group of their own.
    """
    lacking = static[static.isna().any(axis=1)]
    if not lacking.empty:
        who = f"unique_id={str(lacking.index[0])!r} and {len(lacking) - 1} more"
        what = f"{', '.join(map(str, static))} of {who} is empty"
        raise InputError([Fault("missing-value", what, place, "fill it in, or name another static column")])
    return np.asarray(static.groupby(list(static), sort=False).ngroup(), dtype=np.int64)


def hidden_periods(history: History) -> NDArray[np.bool_]:
    """[series, time] periods that were not fully in stock, so that sales may be below demand."""
    return _in_stock(history) < 1


def hidden_demand(config: Config, inputs: Inputs, assumptions: Sequence[Assumption]) -> HiddenDemand | None:
    """Demand under several assumptions about stockout periods; None where none is asked for."""
    if not assumptions:
        return None
    demand: dict[str, Floats] = {name: _assumed(config, inputs, name) for name in assumptions}
    return HiddenDemand(demand, hidden_periods(inputs.history))


def _assumed(config: Config, inputs: Inputs, assumption: Assumption) -> Floats:
    """Demand [series, time] under one assumption; masked periods are played with filled demand."""
    history = inputs.history
    if assumption == "as_is":
        return history.dense()
    if assumption in {"fill", "masked"}:
        return _filled(history)
    return recovered(
        history.dense(), _in_stock(history), assumption, season=season_of(history),
        profile=config.simulate.hour_profile,
    )  # fmt: skip


def season_of(history: History) -> int:
    """Periods after which demand repeats, for the recovery of hidden demand: a week of days, else none."""
    return 7 if round(history.periods_per_week) == 7 else 1


def _in_stock(history: History) -> Floats:
    if "in_stock" not in history.frame.columns:
        return np.full((len(history.unique_ids), len(history.calendar)), np.nan)
    return _dense(history.frame, "in_stock", history)


def _filled(history: History) -> Floats:
    return _dense(fill_hidden(history.frame, look_ahead=False), "y", history)


def _dense(frame: pd.DataFrame, column: str, history: History) -> Floats:
    rows = pd.Index(history.unique_ids).get_indexer(pd.Index(frame["unique_id"]))
    times = history.calendar.get_indexer(pd.DatetimeIndex(frame["ds"]))
    out = np.full((len(history.unique_ids), len(history.calendar)), np.nan)
    here = (rows >= 0) & (times >= 0)
    out[rows[here], times[here]] = frame[column].to_numpy(dtype=float)[here]
    return out
