"""Which cutoffs are judged, and which before them choose each model's setting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest import Fault, InputError
from backtest.windows import position_in

from ..simulate import board
from ..simulate.books import scored_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from backtest import Window

    from ..simulate import Board, Ledger, Market, Predictions, Start
    from .asked import Plan

PAIRS = 20
"""Past forecasts of a series, over windows and series, before a distribution is read from their errors."""


@dataclass(frozen=True, slots=True, eq=False)
class Boards:
    """Where every model plays: on `choosing` its setting is chosen, on `judged` its money is counted.

    choosing : None where no earlier cutoff can be played; settings are then chosen in hindsight.
    masked : [series, time] periods of the market that are played and do not count, or None.
    """

    choosing: Board | None
    judged: Board
    masked: NDArray[np.bool_] | None = None

    def counted(self, layout: Board, ledger: Ledger) -> Ledger:
        """Ledger of a play on one of the boards, without the periods that do not count."""
        return ledger if self.masked is None else uncounted(ledger, self.masked[np.ix_(layout.series, layout.times)])


def uncounted(ledger: Ledger, masked: NDArray[np.bool_]) -> Ledger:
    """Ledger in which the money of some periods [series, time] is not scored."""
    return replace(ledger, governing=np.where(masked, -1, ledger.governing))


def judged_cutoffs(market: Market, windows: Sequence[Window], judged: int | None) -> tuple[list[int], list[int]]:
    """Positions of the cutoffs that can be played, and of those among them that are judged.

    judged : how many of the last ones, None for two thirds.

    Raises InputError where there are too few.
    """
    playable = _playable_cutoffs(market, windows)
    if not playable:
        raise InputError([Fault(
            "too-few-windows",
            f"none of the {len(windows)} cutoffs has enough earlier windows that are over by then "
            f"({PAIRS} forecasts of a series are needed) and periods after it that its order can be judged on",
            "backtest.windows", "give more windows",
        )])  # fmt: skip
    count = judged or max(1, round(len(playable) * 2 / 3))
    if count > len(playable):
        raise InputError([Fault(
            "too-few-windows", f"judged={count} cutoffs, and only {len(playable)} can be played",
            "simulate.judged", f"lower it, or set backtest.windows to {len(windows) + count - len(playable)}",
        )])  # fmt: skip
    return playable, playable[-count:]


def _playable_cutoffs(market: Market, windows: Sequence[Window]) -> list[int]:
    """Cutoffs with enough past errors to order by, whose orders can be judged to the end of their periods."""
    last = len(market.calendar) - 1 - market.reach
    return [
        k
        for k, w in enumerate(windows)
        if sum(earlier.steps[-1] <= w.cutoff for earlier in windows) * len(market.unique_ids) >= PAIRS
        and position_in(market.calendar, w.ordered_at) <= last
    ]


def boards(market: Market, models: Mapping[str, Predictions], plan: Plan) -> Boards:
    """Lay out the judged cutoffs, and those whose periods are over before the first of them."""
    playable, judged = judged_cutoffs(market, plan.windows, plan.judged)
    start = plan.windows[judged[0]].cutoff
    position = {w.cutoff: position_in(market.calendar, w.ordered_at) for w in plan.windows}
    # what chooses a setting was sold by the cutoff, and not only by the order that comes a gap later
    known = position_in(market.calendar, start)
    earlier = [k for k in playable if position[plan.windows[k].cutoff] + market.reach <= known]

    def laid(cutoffs: list[int], state: Start | None) -> Board:
        complete = np.all([~np.isnan(m.point[cutoffs]).any(axis=(0, 2)) for m in models.values()], axis=0)
        first = position[plan.windows[cutoffs[0]].cutoff] + 1
        return board(market, plan.windows, cutoffs, state or market.covered_start(first, plan.cover), complete)

    final = laid(judged, plan.state)
    if not final.series.size:
        raise InputError([Fault("nothing-to-play", "no series has demand and every model's forecasts throughout",
                                "simulate", "lower judged, or look at the failures")])  # fmt: skip
    if not _is_scored(market, final):
        raise InputError([Fault("nothing-to-score", f"warm_up={market.conventions.warm_up} periods are all that is "
                                f"played on {len(judged)} cutoffs", "simulate.conventions.warm_up",
                                "lower it, or raise simulate.judged")])  # fmt: skip
    choosing = laid(earlier, None) if earlier else None
    return Boards(choosing if choosing is not None and _is_scored(market, choosing) else None, final, plan.masked)


def _is_scored(market: Market, layout: Board) -> bool:
    return bool(scored_of(layout.governing, market.conventions).any())
