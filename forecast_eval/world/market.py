"""A synthetic weekly retail market: true demand, what was sold of it, what a unit is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .loop import State, play
from .outcomes import hidden_outcomes, outcomes
from .world import World

if TYPE_CHECKING:
    import pandas as pd

    from .spec import MarketSpec


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """What a retailer would record, beside the truth that none knows; one series is a SKU at a store.

    history : unique_id, ds (Mondays), y (units sold), in_stock (share of the week until the shelf was empty),
        promo (discount, known ahead). in_stock is below 1 exactly where demand was lost, unless the books are wrong:
        an empty shelf to which nobody came hid nothing and counts as stocked.
    demand : unique_id, ds, demand: the true units that customers came for, before they took a substitute or left.
    static : unique_id, store, sku, category, kind. The kind is the truth too: keep it from forecasters.
    economics : unique_id and the columns of `Economics`, without review_period; price is before promotions.
    prices : unique_id, ds, price: what was paid for a unit.
    outcomes : what the shops measured, by store, week and category; see `forecast_eval.world.outcomes`.
    hidden : what they could not measure.
    """

    history: pd.DataFrame
    demand: pd.DataFrame
    static: pd.DataFrame
    economics: pd.DataFrame
    prices: pd.DataFrame
    outcomes: pd.DataFrame
    hidden: pd.DataFrame

    @classmethod
    def of(cls, state: State) -> Market:
        """Give all weeks that are over."""
        world, records = state.world, state.records.until(state.week)
        history = state.seen().history()
        keys = history[["unique_id", "ds"]]
        return cls(
            history=history,
            demand=keys.assign(demand=records.wanted.ravel()),
            static=world.static,
            economics=world.terms,
            prices=keys.assign(price=world.price_paid[:, : state.week].ravel()),
            outcomes=outcomes(world, records),
            hidden=hidden_outcomes(world, records),
        )


def make_market(spec: MarketSpec, seed: int) -> Market:
    """Draw a market and let the incumbent plan it; the same spec and seed give the same bytes.

    Demand is store size x popularity x taste x season x trend x promotion x a shock shared by the store's
    week, with negative binomial noise. Sales are what the incumbent planner had on the shelf: it orders from
    recorded sales, so it runs short of a SKU that takes off, and then learns from those short sales.

    >>> from forecast_eval.world import MarketSpec
    >>> market = make_market(MarketSpec(stores=2, skus=3, weeks=52), seed=1)
    >>> len(market.history), market.history["unique_id"].iloc[-1]
    (312, 'S02/K003')
    """
    return Market.of(with_incumbent(spec, seed, spec.weeks))


def with_incumbent(spec: MarketSpec, seed: int, weeks: int) -> State:
    """Draw a world and let the incumbent plan its first weeks: a state to fork launches from.

    >>> from forecast_eval.world import MarketSpec
    >>> with_incumbent(MarketSpec(stores=2, skus=3, weeks=52), seed=1, weeks=40).week
    40
    """
    world = World.draw(spec, seed)
    state = State.opening(world)
    play(state, {"incumbent": world.incumbent}, np.full(spec.stores, "incumbent", dtype=object), weeks)
    return state
