"""All that chance decides in a market, drawn before anyone plans: two plays differ only by what planners did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .demand import draw_demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .spec import MarketSpec

    Floats = NDArray[np.float64]
    Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """Draws of every series and week, [series, week]; a week's column is contiguous.

    customers : units that customers want who have never been let down.
    moment : uniform; when in the week the shelf was empty.
    staying, seeking : uniform; by which parts of a customer are rounded who stay away or look for a substitute.
    late : whether the week's delivery comes a week later.
    vanishing, misscan : uniform; by which parts of a unit are rounded that vanish or are scanned as another SKU.
    miscount : share of the stock by which a stocktake would be wrong.
    """

    customers: NDArray[np.int64]
    moment: Floats
    staying: Floats
    seeking: Floats
    late: NDArray[np.bool_]
    vanishing: Floats
    misscan: Floats
    miscount: Floats


WRONG = 0.2
"""Share of the stock by which a wrong stocktake is wrong."""


def draw_chance(spec: MarketSpec, mean: Floats, seeds: Sequence[np.random.SeedSequence]) -> Chance:
    """Draw for [sku, store, week] mean demand; `seeds` are those of noise, moments, and six more."""
    noise, *others = seeds
    # SKU-major like every other draw, so that a SKU's numbers do not depend on how many follow it
    moment, staying, seeking, late, vanishing, misscan, count = (
        by_series(np.random.default_rng(seed).random(mean.shape)) for seed in others
    )
    too_late = late < spec.late_share
    too_late[:, 0] = False  # a market opens with stock
    wrong = np.where(count < spec.miscount_share / 2, -WRONG, 0.0)
    wrong = np.where(count > 1 - spec.miscount_share / 2, WRONG, wrong)
    customers = by_series(draw_demand(mean, spec.dispersion, noise))
    return Chance(customers, moment, staying, seeking, too_late, vanishing, misscan, wrong)


def by_series(values: NDArray[Number]) -> NDArray[Number]:
    """[sku, store, week] to [series, week], stores first: the order of the ids as text."""
    return np.asfortranarray(values.swapaxes(0, 1).reshape(-1, values.shape[2]))


def rounded(units: NDArray[np.floating[Any]], uniform: Floats) -> NDArray[np.int64]:
    """Round parts of a unit up or down by chance: right on average, and never less where `units` are more.

    >>> rounded(np.array([2.25, 2.25, 3.0]), np.array([0.7, 0.8, 0.999]))
    array([2, 3, 3])
    """
    # a uniform number next to 1 would be rounded to the next unit
    return np.asarray(np.minimum(np.floor(units + uniform), np.ceil(units)), dtype=np.int64)
