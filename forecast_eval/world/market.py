"""A synthetic weekly retail market: true demand, what a naive planner sold of it, what a unit is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from .assortment import draw_assortment
from .demand import draw_demand, draw_promotions, expected_demand
from .incumbent import WINDOW, Incumbent, keep_stock

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .assortment import Assortment
    from .spec import MarketSpec

Number = TypeVar("Number", bound=np.generic)

FIRST_WEEK = "2024-01-01"
"""A Monday."""


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """What a retailer would record, beside the truth that none knows; one series is a SKU at a store.

    history : unique_id, ds (Mondays), y (units sold), in_stock (share of the week until the shelf was empty),
        promo (discount, known ahead). in_stock is below 1 exactly where demand was lost: an empty shelf to
        which nobody came hid nothing and counts as stocked.
    demand : unique_id, ds, demand: the true units.
    static : unique_id, store, sku, category, kind. The kind is the truth too: keep it from forecasters.
    economics : unique_id and the columns of `Economics`, without review_period; price is before promotions.
    """

    history: pd.DataFrame
    demand: pd.DataFrame
    static: pd.DataFrame
    economics: pd.DataFrame


def make_market(spec: MarketSpec, seed: int) -> Market:
    """Draw a market; the same spec and seed give the same bytes, and more SKUs leave the first ones alone.

    Demand is store size x popularity x taste x season x trend x promotion x a shock shared by the store's
    week, with negative binomial noise. Sales are what the incumbent planner had on the shelf: it orders from
    recorded sales, so it runs short of a SKU that takes off, and then learns from those short sales.

    >>> from forecast_eval.world import MarketSpec
    >>> market = make_market(MarketSpec(stores=2, skus=3, weeks=52), seed=1)
    >>> len(market.history), market.history["unique_id"].iloc[-1]
    (312, 'S02/K003')
    """
    skus, promotions, means, noise, moments = np.random.SeedSequence(seed).spawn(5)
    assortment = draw_assortment(spec, skus)
    promo = draw_promotions(spec, promotions)
    mean = expected_demand(spec, assortment, promo, means)  # [sku, store, week]
    demand = _by_series(draw_demand(mean, spec.dispersion, noise))
    # SKU-major like every other draw, so that a SKU's numbers do not depend on how many follow it
    moment = _by_series(np.random.default_rng(moments).random(mean.shape))
    static = _static(spec, assortment)
    terms = pd.concat([assortment.terms] * spec.stores, ignore_index=True)
    flow = keep_stock(Incumbent.of(terms, spec.safety_weeks), demand, _by_series(mean)[:, :WINDOW].mean(axis=1))
    keys = _keys(static["unique_id"], spec.weeks)
    discount = np.tile(promo, (spec.stores, 1))
    sold = {
        "y": flow.sold.astype(float),
        "in_stock": _share_in_stock(flow.sold, demand, moment),
        "promo": discount,
    }
    return Market(
        history=keys.assign(**{name: values.ravel() for name, values in sold.items()}),
        demand=keys.assign(demand=demand.ravel()),
        static=static,
        economics=pd.concat([static["unique_id"], terms], axis=1),
    )


def _by_series(values: NDArray[Number]) -> NDArray[Number]:
    """[sku, store, week] to [series, week], stores first: the order of the ids as text."""
    return values.swapaxes(0, 1).reshape(-1, values.shape[2])


def _static(spec: MarketSpec, assortment: Assortment) -> pd.DataFrame:
    """One row a series, by store and then SKU; zeros in front keep the order of text and number the same."""
    stores, skus = _names("S", spec.stores, 2), _names("K", spec.skus, 3)
    return pd.DataFrame(
        {
            "unique_id": [f"{store}/{sku}" for store in stores for sku in skus],
            "store": np.repeat(stores, spec.skus),
            "sku": np.tile(skus, spec.stores),
            "category": np.tile(assortment.category, spec.stores),
            "kind": np.tile(assortment.kind, spec.stores),
        }
    )


def _names(letter: str, count: int, digits: int) -> NDArray[np.object_]:
    width = max(digits, len(str(count)))
    return np.array([f"{letter}{k:0{width}d}" for k in range(1, count + 1)], dtype=object)


def _keys(unique_ids: pd.Series[str], weeks: int) -> pd.DataFrame:
    """unique_id and ds of all rows, series after series."""
    mondays = pd.date_range(FIRST_WEEK, periods=weeks, freq="W-MON")
    return pd.DataFrame(
        {
            "unique_id": np.repeat(unique_ids.to_numpy(), weeks),
            "ds": np.tile(mondays.to_numpy(), len(unique_ids)),
        }
    )


def _share_in_stock(
    sold: NDArray[np.int64], demand: NDArray[np.int64], moment: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of each week until the last unit was sold; 1 where no demand was lost.

    moment : uniform draws. Of n customers who come evenly over the week, number s comes at a time that is
        Beta(s, n - s + 1). The share s / n itself would give the hidden demand away as sales / in_stock.
    """
    share = np.ones(demand.shape)
    share[sold < demand] = 0.0
    early = (sold > 0) & (sold < demand)
    share[early] = betaincinv(sold[early], demand[early] - sold[early] + 1, moment[early])
    return share
