"""Launches with a known truth: stores are split into arms, each arm has its planner, and the world decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .loop import play
from .outcomes import MEASURES, hidden_outcomes, outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .loop import State
    from .planner import Planner


@dataclass(frozen=True, slots=True, eq=False)
class Launch:
    """A test of planners in stores, and what would have happened otherwise.

    start : number of the first week of the test.
    outcomes : what the shops measured, all weeks up to the end; arm is None before the test.
    hidden : what they could not measure, of the same weeks.
    potential : by arm, the outcomes of the test's weeks if every store had been in that arm: no test can see them.
    state : the world after the test, to go on from.
    """

    start: pd.Timestamp
    outcomes: pd.DataFrame
    hidden: pd.DataFrame
    potential: dict[str, pd.DataFrame]
    state: State

    def effects(self, control: str, treatment: str, *, washout: int = 0) -> pd.DataFrame:
        """True effect on each store: treatment less control of every measure, summed over the test's weeks.

        Indexed by unit. Stores do not touch each other, so it is the effect of the test too, as long as a planner's
        orders for a store follow from that store's records alone.

        washout : first weeks of the test that are left out.
        """
        sums = {}
        for arm in (control, treatment):
            frame = self.potential[arm]
            counted = frame["ds"] >= self.start + pd.Timedelta(weeks=washout)
            sums[arm] = frame[counted].groupby("unit")[list(MEASURES)].sum()
        return sums[treatment] - sums[control]


def launch(
    state: State, planners: Mapping[str, Planner], arm_of_store: NDArray[np.object_], *, weeks: int, truth: bool = True
) -> Launch:
    """Fork the state, let each store's planner order for `weeks` weeks, and measure; `state` stays as it is.

    planners : by arm.
    arm_of_store : [store] name of its arm.
    truth : play the same weeks with every store in each arm too.

    Raises InputError as `play` does.
    """
    world, first = state.world, state.week
    tested = state.fork()
    records = play(tested, planners, arm_of_store, weeks)
    arms = np.full((world.spec.stores, tested.week), None, dtype=object)
    arms[:, first:] = np.asarray(arm_of_store, dtype=object)[:, None]
    start = pd.Timestamp(world.dates[min(first, len(world.dates) - 1)])
    potential = {arm: everywhere(state, planner, arm, weeks) for arm, planner in planners.items() if truth}
    return Launch(start, outcomes(world, records, arms), hidden_outcomes(world, records), potential, tested)


def split(stores: int, arms: tuple[str, ...], rng: np.random.Generator) -> NDArray[np.object_]:
    """Arm of each store, [store]: complete randomisation, arms as equal as whole stores allow.

    >>> sorted(split(5, ("old", "new"), np.random.default_rng(0)).tolist())
    ['new', 'new', 'old', 'old', 'old']
    """
    return rng.permutation(np.resize(np.array(arms, dtype=object), stores))


def everywhere(state: State, planner: Planner, arm: str, weeks: int) -> pd.DataFrame:
    """Outcomes of the weeks to come if every store were in this arm; `state` stays as it is."""
    fork = state.fork()
    arms = np.full(state.world.spec.stores, arm, dtype=object)
    records = play(fork, {arm: planner}, arms, weeks)
    frame = outcomes(state.world, records, np.broadcast_to(arms[:, None], (len(arms), fork.week)))
    tested = frame["ds"].isin(state.world.dates[state.week : fork.week])
    return frame[tested].reset_index(drop=True)
