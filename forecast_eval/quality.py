"""What a person should know of the data before anything is measured on it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from pandas.util import hash_pandas_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest import Derived, Forecaster

    from .read import Inputs
    from .simulate import Policy


def data_facts(inputs: Inputs) -> tuple[tuple[str, str], ...]:
    """Size, calendar, zeros, hidden demand and prices, in words."""
    history = inputs.history
    sales = history.dense()
    known = ~np.isnan(sales)
    facts = [
        ("series", f"{len(history.unique_ids):,}"),
        ("periods", f"{len(history.calendar):,} ({history.freq}), {history.calendar[0]:%Y-%m-%d} to "
                    f"{history.calendar[-1]:%Y-%m-%d}"),
        ("rows", f"{len(history.frame):,}"),
        ("periods without a sale", f"{np.mean(sales[known] == 0):.1%}"),
    ]  # fmt: skip
    if "in_stock" in history.frame.columns:
        stocked = history.dense("in_stock")
        facts.append(("periods not fully in stock", f"{np.mean(stocked[known] < 1):.1%} (their demand is hidden)"))
    else:
        facts.append(("periods not fully in stock", "unknown: without in_stock, a stockout looks like no demand"))
    late = int(np.isnan(sales[:, -1]).sum())
    if late:
        facts.append(("series that end early", f"{late} (not forecast after their end)"))
    costs = inputs.economics.unit_costs(history.unique_ids)
    ratio = np.asarray(costs.critical_ratio())
    facts.append(
        (
            "critical ratio",
            f"{np.nanmin(ratio):.2f} to {np.nanmax(ratio):.2f}, median {np.nanmedian(ratio):.2f}",
        )
    )
    return tuple(facts)


def fingerprint(
    inputs: Inputs, forecasters: Mapping[str, Forecaster | Derived], policies: Sequence[Policy] = ()
) -> str:
    """Hash of all data, the same for the same values whatever file they came from.

    forecasters : those of forecasts made elsewhere are data too.
    policies : those of the user's own may change while their name does not.
    """
    digest = hashlib.sha256()
    state = inputs.state
    digest.update(repr(dict(forecasters)).encode())
    digest.update(repr(list(policies)).encode())
    history = inputs.history
    frames = [history.frame, history.static.reset_index(), history.ahead, *history.vintages, inputs.economics.frame]
    frames += [] if inputs.demand is None else [inputs.demand]
    frames += [] if state is None else [state.on_hand.reset_index(), state.in_transit.reset_index()]
    for frame in frames:
        digest.update(",".join(map(str, frame.columns)).encode())
        digest.update(hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]
