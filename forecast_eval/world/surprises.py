"""What moves demand beyond season and promotion: trends, take-offs, holidays, events, and stores that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from .assortment import CATEGORIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .assortment import Assortment, Viral
    from .spec import MarketSpec

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

WEEKS_PER_YEAR = 365.25 / 7
HOLIDAYS = (14, 50, 51)
"""Weeks of the year, from 0, with a holiday: one in spring, two before the year's end."""
SIZE_SPREAD, TASTE_SPREAD = 0.5, 0.4
"""Beyond the usual, at a store spread of 1: standard deviation of the logarithm of size and of taste."""
LAG_SPREAD, UNMOVED = 8.0, 0.3
"""The same of when a SKU turns at a store [weeks], and share of the series that do not turn at all."""


def trends(spec: MarketSpec, assortment: Assortment, lag: Floats | None = None) -> Floats:
    """Logistic course from 1 to the SKU's factor, [sku, week], or [sku, store, week] with a lag.

    lag : [sku, store] weeks by which the turn comes later at a store.
    """
    weeks = np.arange(spec.weeks)
    if lag is None:
        since = (weeks - assortment.turn[:, None]) / assortment.pace[:, None]
        return np.asarray(1.0 + (assortment.factor[:, None] - 1.0) * expit(since))
    since = (weeks - (assortment.turn[:, None] + lag)[:, :, None]) / assortment.pace[:, None, None]
    return np.asarray(1.0 + (assortment.factor[:, None, None] - 1.0) * expit(since))


def take_off(viral: Viral, weeks: int, lag: Floats) -> Floats:
    """Multiplier of viral SKUs, [sku, store, week]: straight up to the peak, then a fading rest.

    lag : [sku, store] weeks by which it begins later at a store.
    """
    since = np.arange(weeks) - (viral.week[:, None] + lag)[:, :, None]
    rise, fade, peak = (values[:, None, None] for values in (viral.rise, viral.fade, viral.peak))
    height = np.clip(since / rise, 0.0, 1.0) * np.exp(-np.maximum(since - rise, 0.0) / fade)
    return np.asarray(1.0 + (peak - 1.0) * height)


def surprises(spec: MarketSpec, assortment: Assortment, seed: np.random.SeedSequence) -> Floats:
    """Multiplier of mean demand, broadcasting to [sku, store, week]; 1 where every knob is off."""
    stores, event, holiday = seed.spawn(3)
    found: Floats = np.ones((1, 1, 1))
    if spec.holiday_lift > 0:
        found = found * _holidays(spec, assortment, holiday)[:, None, :]
    if spec.event_share > 0:
        found = found * _events(spec, assortment, event)
    if spec.viral_share > 0 or spec.store_spread > 0:
        found = found * _by_store(spec, assortment, stores)
    return found


def _by_store(spec: MarketSpec, assortment: Assortment, seed: np.random.SeedSequence) -> Floats:
    """What stores do differently, [sku, store, week]: size, taste, and when or whether a SKU turns there."""
    sizes, tastes, lags, moves = map(np.random.default_rng, seed.spawn(4))
    spread, shape = spec.store_spread, (spec.skus, spec.stores)
    size = np.exp(spread * SIZE_SPREAD * sizes.standard_normal(spec.stores))
    taste = np.exp(spread * TASTE_SPREAD * tastes.standard_normal(shape))
    lag = spread * LAG_SPREAD * lags.standard_normal(shape)
    moved = (moves.random(shape) >= min(spread * UNMOVED, 0.9))[:, :, None]
    own = np.where(moved, trends(spec, assortment, lag), 1.0) / trends(spec, assortment)[:, None, :]
    viral = np.where(moved, take_off(assortment.viral, spec.weeks, lag), 1.0)
    return np.asarray((size * taste)[:, :, None] * own * viral)


def _events(spec: MarketSpec, assortment: Assortment, seed: np.random.SeedSequence) -> Floats:
    """Shocks of a store's week and of a category's week everywhere, [sku, store, week]."""
    by_store, by_category = seed.spawn(2)
    store = _shocks(np.random.default_rng(by_store), (spec.stores, spec.weeks), spec.event_share)
    category = _shocks(np.random.default_rng(by_category), (len(CATEGORIES), spec.weeks), spec.event_share)
    return np.asarray(category[_codes(assortment)][:, None, :] * store)


def _shocks(rng: np.random.Generator, shape: tuple[int, int], share: float) -> Floats:
    """Factors of 1.5 to 3, up or down as often; 1 where nothing happens."""
    on, up, size = (rng.random(shape) for _ in range(3))
    factor = 1.5 + 1.5 * size
    return np.where(on < share, np.where(up < 0.5, factor, 1.0 / factor), 1.0)


def _holidays(spec: MarketSpec, assortment: Assortment, seed: np.random.SeedSequence) -> Floats:
    """Lift of the weeks with a holiday, the same every year, [sku, week]."""
    own = np.random.default_rng(seed).random((len(CATEGORIES), len(HOLIDAYS)))
    week = np.floor(np.arange(spec.weeks) % WEEKS_PER_YEAR)
    lift = sum(own[:, [k]] * (week == holiday) for k, holiday in enumerate(HOLIDAYS))
    return np.asarray(1.0 + spec.holiday_lift * lift)[_codes(assortment)]


def _codes(assortment: Assortment) -> NDArray[np.int64]:
    """Number of each SKU's category, [sku]."""
    return np.array([CATEGORIES.index(c) for c in assortment.category])
