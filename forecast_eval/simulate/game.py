"""Play models and policies over the same demand: from forecasts to ledgers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import Fault, InputError
from backtest.windows import position_in
from losses import UnitCosts

from .dense import actuals
from .kernel import Supply, play
from .ledger import Ledger, Prices
from .policies import Outlook
from .scenarios import demand_paths, protection_sums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from backtest import Window

    from ..economics import Economics
    from .policies import Policy
    from .scenarios import Predictions

    Floats = NDArray[np.float64]


BLOCK = 1000  # series whose demand paths are in memory together
RECENT = 8  # periods whose mean sales give the stock at the start, where no state is given


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """What all models share in a simulation.

    unique_ids : [series]; calendar : [time].
    demand : [series, time] units that customers wanted, as the config says for stockout periods; NaN where unknown.
    believed : [series, time] units that a planner took for demand, each value known in its own period; past errors
        are measured against it.
    economics : prices and supply terms.
    step : periods from one cutoff to the next, which is the review period.
    """

    unique_ids: NDArray[np.object_]
    calendar: pd.DatetimeIndex
    demand: Floats
    believed: Floats
    economics: Economics
    step: int

    def __post_init__(self) -> None:
        """Refuse review periods that the windows do not follow."""
        review = self.economics.field("review_period", self.unique_ids)
        bad = np.flatnonzero(~(np.isnan(review) | (review == self.step)))
        if bad.size:
            more = f" and of {bad.size - 1} more series" if bad.size > 1 else ""
            what = f"review_period={review[bad[0]]:g} of unique_id={self.unique_ids[bad[0]]!r}{more}"
            raise InputError([Fault("review-period", f"{what} differs from the step of the windows, {self.step}",
                                    "economics", "set backtest.step to the review period")])  # fmt: skip

    @property
    def lead_time(self) -> NDArray[np.int64]:
        """[series] periods from an order to the first period that it can serve."""
        return self.economics.field("lead_time", self.unique_ids).astype(np.int64)

    @property
    def protection(self) -> NDArray[np.int64]:
        """[series] periods that an order must cover: lead time plus review period."""
        return self.lead_time + self.step

    @property
    def first_step(self) -> NDArray[np.int64]:
        """[series] first step that an order must cover: 0, or the lead time for goods that stand alone (`play`)."""
        alone = self.economics.field("shelf_life", self.unique_ids) <= self.lead_time
        return np.where(alone, self.lead_time, 0)

    def needs_horizon(self, horizon: int) -> None:
        """Raise InputError where forecasts do not reach over lead time plus review period."""
        longest = int(self.protection.max())
        if longest > horizon:
            raise InputError([Fault(
                "horizon-too-short", f"horizon={horizon} is shorter than lead time plus review period, {longest}",
                "backtest.horizon", f"set it to {longest} or more",
            )])  # fmt: skip


def outlooks(
    market: Market, model: Predictions, windows: Sequence[Window], *, scenarios: int, seed: int
) -> dict[int, Outlook]:
    """What a policy may see of a model at each cutoff that has a complete earlier window: position -> outlook.

    Paths are drawn with a generator of their own at each cutoff, the same for every model.
    """
    actual = actuals(market.believed, market.calendar, tuple(windows))  # [cutoff, series, step]
    ends = pd.DatetimeIndex([w.steps[-1] for w in windows])
    dates = pd.DatetimeIndex([w.cutoff for w in windows])
    costs = market.economics.unit_costs(market.unique_ids, dates, cycle=market.step)
    first, end = market.first_step, market.protection
    out = {}
    for k, window in enumerate(windows):
        complete = np.asarray(ends <= window.cutoff)
        if not complete.any():
            continue
        past = actual[complete].reshape(-1, actual.shape[2])
        now = model.at(k)
        if np.isnan(now.point).all() or np.isnan(model.point[complete]).all():
            continue
        before, sums = model.before(complete), []
        for start in range(0, len(first), BLOCK):
            rows = slice(start, start + BLOCK)
            # what is drawn does not depend on the series, so that every block draws the same
            rng = np.random.default_rng(np.random.SeedSequence([seed, k]))
            paths = demand_paths(now.series(rows), before, past, scenarios=scenarios, rng=rng)
            sums.append(protection_sums(paths, first[rows], end[rows]))
        out[k] = Outlook(
            now.point,
            np.concatenate(sums),
            first,
            UnitCosts(np.asarray(costs.underage)[:, k], np.asarray(costs.overage)[:, k]),
        )
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """A stretch of cutoffs that is played from one state, the same for every model.

    cutoffs : positions of the windows whose orders are played.
    series : positions of the series that have demand over the whole stretch.
    times : positions in the calendar, from the period after the first order to the end of the run-out.
    governing : [series, time] position within `cutoffs` of the order that governs, -1 where none does.
    on_hand, in_transit : the state, for all series of the market.
    """

    cutoffs: tuple[int, ...]
    series: NDArray[np.int64]
    times: NDArray[np.int64]
    governing: NDArray[np.int64]
    on_hand: Floats
    in_transit: Floats


def board(
    market: Market,
    windows: Sequence[Window],
    cutoffs: Sequence[int],
    state: tuple[Floats, Floats],
    playable: NDArray[np.bool_],
) -> Board:
    """Lay out the play of some cutoffs.

    The order of a cutoff governs the `step` periods from its arrival on. Periods before the first arrival are the
    same for every model, and after the last order's periods nothing is ordered any more: neither is judged.

    state : on_hand [series] and in_transit [series, period].
    playable : [series] whether every model has forecasts.
    """
    lead, step = market.lead_time, market.step
    first = position_in(market.calendar, windows[cutoffs[0]].ordered_at) + 1
    end = min(first + len(cutoffs) * step + int(lead.max()), len(market.calendar))
    times = np.arange(first, end)
    behind = (times - first)[None, :] - lead[:, None]  # periods since the first order's arrival [series, time]
    governing = np.where((behind >= 0) & (behind < step * len(cutoffs)), behind // step, -1)
    known = ~np.isnan(market.demand[:, times]).any(axis=1) & playable
    series = np.flatnonzero(known)
    return Board(tuple(cutoffs), series, times, governing[series], *state)


def covered_state(market: Market, first_time: int, cover: float | None) -> tuple[Floats, Floats]:
    """State where none is given: mean sales of the last eight periods times `cover` on hand, nothing in transit.

    cover : None takes each series' lead time plus review period.
    """
    recent = market.believed[:, max(0, first_time - RECENT) : first_time]
    known = ~np.isnan(recent)
    mean = np.where(known, recent, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    periods = market.protection if cover is None else np.full(len(mean), cover)
    return np.ceil(mean * periods), np.zeros((len(mean), 0))


def play_board(
    market: Market, layout: Board, outlook: Mapping[int, Outlook], policies: Sequence[Policy]
) -> dict[Policy, Ledger]:
    """Play one model's outlooks under each policy setting."""
    rows, times = layout.series, layout.times
    ids, dates = market.unique_ids[rows], market.calendar[times]
    prices = Prices.of(market.economics, ids, dates)
    supply = Supply.of(market.economics, ids, layout.on_hand[rows], layout.in_transit[rows])
    demand = np.ascontiguousarray(market.demand[np.ix_(rows, times)])
    ledgers = {}
    for policy in policies:
        target = np.full(demand.shape, np.nan)
        for n, k in enumerate(layout.cutoffs):
            target[:, n * market.step] = policy.levels(outlook[k])[rows]
        flows = play(demand, target, supply)
        ledgers[policy] = Ledger(ids, dates, layout.governing, demand, flows, prices)
    return ledgers
