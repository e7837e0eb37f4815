"""A market before anyone acts in it: what is sold where, on what terms, and all that chance will do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .assortment import draw_assortment
from .chance import Chance, by_series, draw_chance
from .customers import Shelves
from .demand import draw_promotions, expected_demand
from .incumbent import WINDOW, Incumbent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .assortment import Assortment
    from .spec import MarketSpec

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FIRST_WEEK = "2024-01-01"
"""A Monday."""


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """All of a market that no planner changes; one series is a SKU at a store, stores first.

    static : unique_id, store, sku, category, kind; the kind is the truth, keep it from planners.
    terms : one row a series: unique_id and the columns of `Economics`, without review_period.
    discount : [sku, week] share of the price.
    before : [series] mean weekly sales from before the first week [units].
    dates : [week] Mondays.
    incumbent : who plans until others do.
    """

    spec: MarketSpec
    static: pd.DataFrame
    terms: pd.DataFrame
    discount: Floats
    before: Floats
    chance: Chance
    dates: pd.DatetimeIndex
    incumbent: Incumbent
    lead_time: Ints = field(init=False)
    pack_size: Floats = field(init=False)
    min_order: Floats = field(init=False)
    shelves: Shelves = field(init=False)
    neighbour: Ints = field(init=False)

    def __post_init__(self) -> None:
        """Take out of the frames what every week needs."""
        codes = self.static.groupby(["store", "category"], sort=False).ngroup()
        shelves = Shelves.of(np.asarray(codes, dtype=np.int64))
        derived = {
            "lead_time": self.terms["lead_time"].to_numpy(dtype=np.int64),
            "pack_size": self.terms["pack_size"].to_numpy(dtype=float),
            "min_order": self.terms["min_order"].to_numpy(dtype=float),
            "shelves": shelves,
            "neighbour": shelves.neighbour,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @classmethod
    def draw(cls, spec: MarketSpec, seed: int) -> World:
        """Draw a world; the same spec and seed give the same, and more SKUs leave the first ones alone."""
        skus, promotions, means, *chances = np.random.SeedSequence(seed).spawn(11)
        assortment = draw_assortment(spec, skus)
        discount = draw_promotions(spec, promotions)
        mean = expected_demand(spec, assortment, discount, means)  # [sku, store, week]
        static = _static(spec, assortment)
        terms = pd.concat([assortment.terms] * spec.stores, ignore_index=True)
        terms.insert(0, "unique_id", static["unique_id"])
        return cls(
            spec, static, terms, discount,
            before=np.ascontiguousarray(by_series(mean)[:, :WINDOW]).mean(axis=1),
            chance=draw_chance(spec, mean, chances),
            dates=pd.date_range(FIRST_WEEK, periods=spec.weeks, freq="W-MON"),
            incumbent=Incumbent.of(terms, spec.safety_weeks),
        )  # fmt: skip

    @property
    def stores(self) -> NDArray[np.object_]:
        """[store] names."""
        return self.static["store"].to_numpy()[:: self.spec.skus]

    @property
    def price_paid(self) -> Floats:
        """[series, week] price after discount [currency per unit]."""
        paid = 1.0 - np.tile(self.discount, (self.spec.stores, 1))
        return np.asarray(self.terms["price"].to_numpy(dtype=float)[:, None] * paid)


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
