"""The verdict under other assumptions about the demand that stockouts hid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..simulate import board_orders, play_orders
from .boards import uncounted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..simulate import Outlooks, Policy
    from .asked import HiddenDemand
    from .comparison import Comparison

BOUNDS_COLUMNS = ("assumption", "model", "profit", "difference", "low", "high", "hidden_share")
MASKED = "masked"
"""The assumption under which hidden periods are played and not counted."""


def bounds(
    compare: Comparison, views: Mapping[str, Outlooks], chosen: Mapping[str, Policy], asked: HiddenDemand
) -> pd.DataFrame:
    """Replay the judged cutoffs of every model at its chosen setting under each assumption.

    Orders are decided as they were, from the same forecasts and the same past errors; what customers wanted is what
    changes. Nobody knows it in hidden periods, so the verdict should hold under each assumption.

    Returns
    -------
    assumption, model, profit, difference (to the incumbent under the same assumption) with its interval, a week;
    hidden_share (of the judged periods).
    """
    layout, incumbent = compare.judged, compare.versus.incumbent
    cells = np.ix_(layout.series, layout.times)
    hidden = asked.hidden[cells]
    decided = {m: board_orders(compare.market, layout, view, (chosen[m],))[chosen[m]] for m, view in views.items()}
    share = float(hidden[layout.governing >= 0].mean())
    rows = []
    for name, demand in asked.demand.items():
        market = replace(compare.market, demand=np.where(np.isnan(demand), compare.market.demand, demand))
        ledgers = {m: play_orders(market, layout, orders) for m, orders in decided.items()}
        if name == MASKED:
            ledgers = {m: uncounted(ledger, hidden) for m, ledger in ledgers.items()}
        under = replace(compare, market=market, ledgers=ledgers)
        for model in ledgers:
            gap = under.difference(model, incumbent)
            same = model == incumbent
            rows.append({
                "assumption": name, "model": model, "profit": under.weekly(under.profit(model)),
                "difference": gap.estimate, "low": 0.0 if same else gap.low, "high": 0.0 if same else gap.high,
                "hidden_share": share,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=list(BOUNDS_COLUMNS))
