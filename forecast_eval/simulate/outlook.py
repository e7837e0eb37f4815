"""What a policy may know at an order: the forecast as of the cutoff, its uncertainty, and the terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from losses import UnitCosts

from .dense import actuals
from .scenarios import Sampling, demand_draw, demand_paths, path_sums

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from backtest import Window

    from .draws import Draw
    from .market import Market
    from .scenarios import Predictions
    from .system import Supply

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BLOCK = 1000  # series whose demand paths are in memory together


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What a policy may see of the future when it orders: the forecast, and nothing of what happens after the cutoff.

    point : [series, step] point forecast from the period of the order on, units.
    sums : [series, scenario] demand over lead time plus review period on sampled paths, ascending, units; for goods
        that stand alone (`Supply.stands_alone`) over the review period from the arrival on. Where goods expire
        sooner the periods after that are left out: no order can serve them.
    cycle : [series, scenario] demand over the review period from the arrival on, ascending, units; the same holds.
    first_step : [series] first step that the order is for: 0, or the lead time for goods that stand alone.
    costs : underage and overage, [series] currency per unit and cycle, at the prices of the cutoff.
    holding : [series] currency per unit and period.
    order_cost : [series] currency per order.
    supply : terms of supply.
    """

    point: Floats
    sums: Floats
    cycle: Floats
    first_step: Ints
    costs: UnitCosts
    holding: Floats
    order_cost: Floats
    supply: Supply


@dataclass(frozen=True, slots=True, eq=False)
class _Prices:
    """Money at each cutoff, [series, cutoff] currency; see `Outlook`."""

    underage: Floats
    overage: Floats
    holding: Floats
    order_cost: Floats

    @classmethod
    def of(cls, market: Market, windows: Sequence[Window]) -> _Prices:
        ids, dates = market.unique_ids, pd.DatetimeIndex([w.cutoff for w in windows])
        costs = market.economics.unit_costs(ids, dates, cycle=market.review_period[:, None])
        rest = (market.economics.field(name, ids, dates) for name in ("holding", "order_cost"))
        return cls(np.asarray(costs.underage), np.asarray(costs.overage), *rest)


@dataclass(frozen=True, slots=True, eq=False)
class Outlooks:
    """The outlooks of one model, made when they are asked for: paths of all cutoffs would not fit into memory.

    known : positions of the cutoffs at which the model has a forecast and a complete earlier window.
    """

    market: Market
    model: Predictions
    windows: Sequence[Window]
    actual: Floats  # [cutoff, series, step]
    known: frozenset[int]
    prices: _Prices
    sampling: Sampling
    seed: int

    def __contains__(self, cutoff: object) -> bool:
        """Whether there is an outlook at the cutoff of that position."""
        return cutoff in self.known

    def at(self, cutoff: int, rows: Ints | None = None) -> Iterator[tuple[int, Outlook]]:
        """Outlooks of the orders that follow a cutoff: periods after it, and what may be known then.

        rows : [n] series to look at, None for all.

        Paths are drawn with a generator of their own at each cutoff, the same for every model.
        """
        market = self.market
        rows = np.arange(len(market.unique_ids)) if rows is None else rows
        supply, first = market.planned.rows(rows), market.first_step[rows]
        sums, cycles = self._sums(cutoff, rows, supply, first)
        money = self.prices
        for n, offset in enumerate(market.offsets):
            yield (
                offset,
                Outlook(
                    point=self.model.point[cutoff, rows, offset:],
                    sums=sums[n],
                    cycle=cycles[n],
                    first_step=first,
                    costs=UnitCosts(money.underage[rows, cutoff], money.overage[rows, cutoff]),
                    holding=money.holding[rows, cutoff],
                    order_cost=money.order_cost[rows, cutoff],
                    supply=supply,
                ),
            )

    def draws(self, cutoff: int) -> NDArray[np.bool_]:
        """[series] whether courses of demand can be drawn from the model's forecasts at a cutoff: none is missing."""
        now = self.model.at(cutoff)
        parts = [p for p in (now.point[..., None], now.quantiles, now.paths) if p is not None]
        return np.asarray(~np.any([np.isnan(part).any(axis=(1, 2)) for part in parts], axis=0))

    def draw(self, cutoff: int, rows: Ints, sampling: Sampling, periods: int) -> Draw:
        """Courses of demand of some series over the first periods after a cutoff, from a stream of their own."""
        complete = _complete(self.windows, cutoff)
        past = self.actual[complete].reshape(-1, self.actual.shape[2])[:, :periods]
        now, before = self.model.at(cutoff).series(rows).steps(periods), self.model.before(complete).steps(periods)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, cutoff, 1]))
        return demand_draw(now, before, past, sampling=sampling, rng=rng)

    def _sums(self, cutoff: int, rows: Ints, supply: Supply, first: Ints) -> tuple[list[Floats], list[Floats]]:
        """Path sums of every order that follows the cutoff: over what it must cover, and over its own cycle."""
        complete = _complete(self.windows, cutoff)
        past = self.actual[complete].reshape(-1, self.actual.shape[2])
        now, before = self.model.at(cutoff), self.model.before(complete)
        sums: list[list[Floats]] = [[] for _ in self.market.offsets]
        cycles: list[list[Floats]] = [[] for _ in self.market.offsets]
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            lead = supply.lead_time[start : start + BLOCK]
            end = lead + supply.sellable[start : start + BLOCK]
            # what is drawn does not depend on the series, so that every block draws the same
            rng = np.random.default_rng(np.random.SeedSequence([self.seed, cutoff]))
            paths = demand_paths(now.series(part), before, past, sampling=self.sampling, rng=rng)
            for n, offset in enumerate(self.market.offsets):
                sums[n].append(path_sums(paths, offset + first[start : start + BLOCK], offset + end))
                cycles[n].append(path_sums(paths, offset + lead, offset + end))
        return [np.concatenate(s) for s in sums], [np.concatenate(c) for c in cycles]


def outlooks(
    market: Market, model: Predictions, windows: Sequence[Window], *, sampling: Sampling, seed: int
) -> Outlooks:
    """What a policy may see of a model at each cutoff that has a complete earlier window.

    sampling : of the demand paths from which quantiles are read.
    """
    actual = actuals(market.believed, market.calendar, tuple(windows))
    known = set()
    for k in range(len(windows)):
        complete = _complete(windows, k)
        here = complete.any() and not np.isnan(model.point[k]).all()
        if here and not np.isnan(model.point[complete]).all():
            known.add(k)
    return Outlooks(market, model, windows, actual, frozenset(known), _Prices.of(market, windows), sampling, seed)


def _complete(windows: Sequence[Window], cutoff: int) -> NDArray[np.bool_]:
    """[cutoff] whether a window was over when this cutoff came."""
    return np.array([w.steps[-1] <= windows[cutoff].cutoff for w in windows])
