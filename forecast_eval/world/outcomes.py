"""What a shop measures, by store, category and week; and, apart from it, what it cannot measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .records import Records
    from .world import World

MEASURES = (
    *("exposure", "sold", "revenue", "cost_of_goods", "wasted", "waste_cost", "holding_cost", "stockouts"),
    "profit",
)


def outcomes(world: World, records: Records, arm: NDArray[np.object_] | None = None) -> pd.DataFrame:
    """Measured outcomes: arm, unit (the store), ds, segment (the category), and a column a measure.

    exposure : SKU-weeks on the list. sold, wasted : units. stockouts : SKU-weeks with an empty shelf, as recorded.
    revenue : sales at the price paid. cost_of_goods : of what was sold. waste_cost : unit cost less salvage of what
        expired. holding_cost : of the stock in the books when the week ends.
    profit : revenue less these three. Goodwill is not in it: no shop can measure that.

    arm : [store, week] names; None where no test runs.
    """
    price, cost, salvage, holding = (
        world.terms[name].to_numpy(dtype=float)[:, None] for name in ("price", "unit_cost", "salvage", "holding")
    )
    weeks = records.recorded.shape[1]
    paid = 1.0 - np.tile(world.discount[:, :weeks], (world.spec.stores, 1))
    money = {
        "revenue": records.recorded * price * paid,
        "cost_of_goods": records.recorded * cost,
        "waste_cost": records.wasted * (cost - salvage),
        "holding_cost": records.book * holding,
    }
    profit = money["revenue"] - money["cost_of_goods"] - money["waste_cost"] - money["holding_cost"]
    units: dict[str, NDArray[Any]] = {
        "exposure": np.ones(records.recorded.shape),
        "sold": records.recorded,
        "wasted": records.wasted,
        "stockouts": (records.in_stock < 1).astype(np.int64),
    }
    return _by_segment(world, {**units, **money, "profit": profit}, MEASURES, arm)


def hidden_outcomes(world: World, records: Records) -> pd.DataFrame:
    """Hidden truth: unit, ds, segment; wanted, lost (wanted, and got nothing), substitutes and vanished, in units."""
    names = ("wanted", "lost", "substitutes", "vanished")
    return _by_segment(world, {name: getattr(records, name) for name in names}, names).drop(columns="arm")


def _by_segment(
    world: World, values: dict[str, NDArray[Any]], names: tuple[str, ...], arm: NDArray[np.object_] | None = None
) -> pd.DataFrame:
    """Sum [series, week] values over the SKUs of a category; rows by store, category and week."""
    weeks = next(iter(values.values())).shape[1]
    segments, codes = np.unique(world.static["category"].to_numpy()[: world.spec.skus].astype(str), return_inverse=True)
    shape = (world.spec.stores, len(segments), weeks)
    arms = np.full((world.spec.stores, weeks), None, dtype=object) if arm is None else arm
    keys = {
        "arm": np.broadcast_to(arms[:, None, :], shape),
        "unit": np.broadcast_to(world.stores[:, None, None], shape),
        "ds": np.broadcast_to(world.dates[:weeks].to_numpy(), shape),
        "segment": np.broadcast_to(segments.astype(object)[:, None], shape),
    }
    member = (codes == np.arange(len(segments))[:, None]).astype(float)  # [segment, sku]
    sums = {
        name: np.einsum("gk,skw->sgw", member, values[name].reshape(world.spec.stores, world.spec.skus, weeks))
        for name in names
    }
    return pd.DataFrame({name: value.ravel() for name, value in {**keys, **sums}.items()})
