"""What a synthetic market sells: kinds of SKU, their course of demand, prices and supply terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .spec import MarketSpec

KEPT_CATEGORIES = np.array(["drinks", "household", "snacks"], dtype=object)
CATEGORIES = ("bakery", "dairy", *KEPT_CATEGORIES)
"""Bakery sells for one week, dairy for two, the others keep."""

POPULARITY_SPREAD = 1.1
"""Standard deviation of the logarithm of popularity: fast sellers sell some ninety times the slow ones."""

TRAITS = (
    *(
        "kind",
        "perishable",
        "shelf_life",
        "category",
        "popularity",
        "turn",
        "factor",
        "pace",
        "price",
        "margin",
    ),
    *("goodwill", "salvage", "holding", "lead_time", "pack", "pack_size", "min_order"),
    *("elasticity", "viral", "viral_week", "viral_peak", "viral_rise", "viral_fade"),
)
"""Each trait has its own random stream: a new one goes to the end and leaves the others as they were."""


@dataclass(frozen=True, slots=True, eq=False)
class Viral:
    """Sudden take-offs beyond the trend; every array is [sku].

    peak : demand at the top over demand without it; 1 for SKUs that do not go viral.
    week : when it begins [weeks from the start].
    rise, fade : weeks until the top, and weeks in which what is left falls to 37 %.
    """

    peak: NDArray[np.float64]
    week: NDArray[np.float64]
    rise: NDArray[np.float64]
    fade: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Assortment:
    """The SKUs; every array is [sku].

    kind : "steady", "trending", "dying" or "seasonal": the true course of demand.
    category : one of CATEGORIES; its SKUs share the seasons.
    rate : mean weekly demand at an average store before trend and season [units per week].
    turn : middle of the take-off or decline [weeks from the start].
    factor : demand after the turn over demand before it; 1 without one.
    pace : how slowly the turn goes [weeks]; nine tenths of it happen within six of them.
    terms : one row a SKU: price, unit_cost, salvage, holding, goodwill, shelf_life, lead_time, pack_size and
        min_order, with the meaning that `Economics` gives them.
    elasticity : price elasticity of demand.
    viral : sudden take-offs, whatever the kind and the margin.
    """

    kind: NDArray[np.object_]
    category: NDArray[np.object_]
    rate: NDArray[np.float64]
    turn: NDArray[np.float64]
    factor: NDArray[np.float64]
    pace: NDArray[np.float64]
    terms: pd.DataFrame
    elasticity: NDArray[np.float64]
    viral: Viral


def draw_assortment(spec: MarketSpec, seed: np.random.SeedSequence) -> Assortment:
    """Draw the SKUs of a market; a larger assortment starts with the same SKUs as a smaller one.

    >>> from forecast_eval.world import MarketSpec
    >>> small, large = (draw_assortment(MarketSpec(skus=n), np.random.SeedSequence(7)) for n in (5, 50))
    >>> bool((large.rate[:5] == small.rate).all())
    True
    """
    streams = zip(TRAITS, seed.spawn(len(TRAITS)), strict=True)
    draws = {name: np.random.default_rng(stream).random(spec.skus) for name, stream in streams}
    kind = _kinds(spec, _even(draws["kind"], np.sqrt(1.25) - 0.5))
    fresh = _even(draws["perishable"], np.sqrt(2.0)) < spec.perishable_share
    shelf_life = np.where(fresh, np.where(draws["shelf_life"] < 0.5, 1.0, 2.0), np.inf)
    rate = _rates(spec, draws["popularity"], fresh, kind)
    turn, factor, pace = _courses(spec, kind, draws)
    kept = KEPT_CATEGORIES[(draws["category"] * len(KEPT_CATEGORIES)).astype(int)]
    category = np.where(shelf_life == 1, "bakery", np.where(fresh, "dairy", kept)).astype(object)
    supply = _supply(shelf_life, rate, draws)
    terms = _prices(fresh, kind == "trending", draws).join(supply)
    # a median, not a mean, of the spec's elasticity: at spread 0 it is that number to the last bit
    elasticity = spec.elasticity * np.exp(spec.elasticity_spread * ndtri(0.02 + 0.96 * draws["elasticity"]))
    return Assortment(kind, category, rate, turn, factor, pace, terms, elasticity, _viral(spec, draws))


def _even(draws: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Spread [sku] numbers over 0..1 so evenly that even few SKUs meet their shares; the start is random.

    Steps of an irrational number do that, and an SKU's number does not depend on how many follow it.
    """
    return np.asarray((draws[0] + step * np.arange(len(draws))) % 1.0)


def _kinds(spec: MarketSpec, place: NDArray[np.float64]) -> NDArray[np.object_]:
    edges = np.cumsum([spec.trending_share, spec.dying_share, spec.seasonal_share])
    names = np.array(["trending", "dying", "seasonal", "steady"], dtype=object)
    return np.asarray(names[np.searchsorted(edges, place, side="right")])


def _rates(
    spec: MarketSpec, draw: NDArray[np.float64], fresh: NDArray[np.bool_], kind: NDArray[np.object_]
) -> NDArray[np.float64]:
    """Lognormal popularity [sku]; slow fresh goods are not listed, and take-offs start from modest sales."""
    rank = np.where(fresh, 0.5 + 0.5 * draw, draw)
    rank = np.where(kind == "trending", 0.65 * rank, rank)
    return np.asarray(spec.weekly_units * np.exp(POPULARITY_SPREAD * ndtri(0.02 + 0.96 * rank)))


def _courses(
    spec: MarketSpec, kind: NDArray[np.object_], draws: Mapping[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Turn [week], factor and pace [weeks] of each SKU; a decline is slower than a take-off."""
    trending, dying = kind == "trending", kind == "dying"
    last_year = min(52.0, 0.4 * spec.weeks)
    turn = spec.weeks - last_year * (0.25 + 0.75 * draws["turn"])
    factor = np.where(trending, 3.0 + 5.0 * draws["factor"], 1.0)
    factor = np.where(dying, 0.05 + 0.20 * draws["factor"], factor)
    pace = np.where(dying, 4.0 + 6.0 * draws["pace"], 1.5 + 2.0 * draws["pace"])
    return turn, factor, np.minimum(pace, last_year / 8)


def _viral(spec: MarketSpec, draws: Mapping[str, NDArray[np.float64]]) -> Viral:
    """Take-offs at any time but the first tenth; three- to tenfold, up in two or three weeks."""
    on = _even(draws["viral"], np.sqrt(3.0)) < spec.viral_share
    return Viral(
        peak=np.where(on, 3.0 + 7.0 * draws["viral_peak"] ** 2, 1.0),
        week=spec.weeks * (0.1 + 0.9 * draws["viral_week"]),
        rise=2.0 + draws["viral_rise"],
        fade=4.0 + 12.0 * draws["viral_fade"],
    )


def _supply(
    shelf_life: NDArray[np.float64], rate: NDArray[np.float64], draws: Mapping[str, NDArray[np.float64]]
) -> pd.DataFrame:
    """Supply terms [sku]; fresh goods come within a week, in packs only where a store sells a pack a week."""
    fresh = np.isfinite(shelf_life)
    size = np.floor(4.0 + 3.0 * draws["pack_size"])  # 4, 5 or 6
    pack = np.where((draws["pack"] < 0.35) & (~fresh | (rate >= size)), size, 1.0)
    return pd.DataFrame(
        {
            "shelf_life": shelf_life,
            "lead_time": np.where(~fresh & (draws["lead_time"] < 0.25), 2.0, 1.0),
            "pack_size": pack,
            "min_order": np.where(~fresh & (draws["min_order"] < 0.2), 2.0 * pack, 0.0),
        }
    )


def _prices(
    fresh: NDArray[np.bool_], trending: NDArray[np.bool_], draws: Mapping[str, NDArray[np.float64]]
) -> pd.DataFrame:
    """Money [sku]; a trending SKU's margin is in the upper half of the range, unsold fresh goods are lost."""
    price = np.round(4.0 * np.exp(0.7 * ndtri(0.02 + 0.96 * draws["price"])), 2)
    margin = 0.15 + 0.5 * np.where(trending, 0.5 + 0.5 * draws["margin"], draws["margin"])
    unit_cost = np.round(price * (1.0 - margin), 2)
    salvage = np.where(fresh, 0.25 * draws["salvage"] - 0.05, 0.3 + 0.4 * draws["salvage"])
    return pd.DataFrame(
        {
            "price": price,
            "unit_cost": unit_cost,
            "salvage": np.round(salvage * unit_cost, 2),
            "holding": np.round(
                (0.004 + 0.011 * draws["holding"]) * unit_cost, 4
            ),  # 20 to 80 % a year with shelf space
            "goodwill": np.round(0.4 * draws["goodwill"] * price, 2),
        }
    )
