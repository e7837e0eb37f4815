"""True demand of a synthetic market: level, trend, season, promotions and noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .assortment import CATEGORIES
from .surprises import WEEKS_PER_YEAR, surprises, trends

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .assortment import Assortment
    from .spec import MarketSpec

STORE_SPREAD = 0.35
"""Standard deviation of the logarithm of a store's size."""
TASTE_SPREAD = 0.3
"""The same of how well one SKU does at one store."""
SHOCK_SPREAD = 0.1
"""The same of what a week does to all SKUs of a store: weather, a road closed, a holiday."""
MILD = 0.2
"""Share of the category's season that SKUs have which are not seasonal."""


def draw_promotions(spec: MarketSpec, seed: np.random.SeedSequence) -> NDArray[np.float64]:
    """Discount on the price, [sku, week]; 0 without a promotion, else 0.1 to 0.3 in steps of 0.05."""
    when, depth = map(np.random.default_rng, seed.spawn(2))
    fortnights = (spec.skus, -(-spec.weeks // 2))
    on = when.random(fortnights) < spec.promotion_share
    discount = np.where(on, depth.integers(2, 7, size=fortnights) / 20, 0.0)
    return np.asarray(np.repeat(discount, 2, axis=1)[:, : spec.weeks])


def expected_demand(
    spec: MarketSpec, assortment: Assortment, promotions: NDArray[np.float64], seed: np.random.SeedSequence
) -> NDArray[np.float64]:
    """Mean demand before noise, [sku, store, week] units.

    promotions : [sku, week] discounts.
    """
    *usual, beyond = seed.spawn(4)
    sizes, tastes, shocks = map(np.random.default_rng, usual)
    size = _lognormal(sizes.standard_normal(spec.stores), STORE_SPREAD)
    taste = _lognormal(tastes.standard_normal((spec.skus, spec.stores)), TASTE_SPREAD)
    shock = _lognormal(shocks.standard_normal((spec.stores, spec.weeks)), SHOCK_SPREAD)
    lift = (1.0 - promotions) ** -assortment.elasticity[:, None]
    shared = assortment.rate[:, None] * trends(spec, assortment) * _seasons(spec, assortment) * lift  # [sku, week]
    mean = np.asarray(shared[:, None, :] * (size * taste)[:, :, None] * shock)
    return mean * surprises(spec, assortment, beyond)


def draw_demand(mean: NDArray[np.float64], dispersion: float, seed: np.random.SeedSequence) -> NDArray[np.int64]:
    """Negative binomial counts of the shape of `mean`, with variance mean + `dispersion` * mean ** 2.

    >>> draw_demand(np.zeros((1, 1, 2)), 0.3, np.random.SeedSequence(0))
    array([[[0, 0]]])
    """
    # two streams: in one, the gamma draws of an added SKU would shift the Poisson draws of the others
    rates, counts = map(np.random.default_rng, seed.spawn(2))
    if dispersion > 0:
        mean = mean * rates.gamma(1.0 / dispersion, dispersion, size=mean.shape)
    return np.asarray(counts.poisson(mean), dtype=np.int64)


def _lognormal(normal: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """Lognormal numbers of mean 1."""
    return np.asarray(np.exp(spread * normal - spread**2 / 2))


def _seasons(spec: MarketSpec, assortment: Assortment) -> NDArray[np.float64]:
    """Yearly multiplier, [sku, week]; categories peak evenly spread over the year."""
    peak = np.array([CATEGORIES.index(c) for c in assortment.category]) / len(CATEGORIES)
    swing = spec.seasonality * np.where(assortment.kind == "seasonal", 1.0, MILD)
    year = np.arange(spec.weeks) / WEEKS_PER_YEAR - peak[:, None]
    return np.asarray(np.exp(swing[:, None] * np.cos(2 * np.pi * year)))
