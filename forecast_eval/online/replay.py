"""A design drawn on history, again and again: how wide its estimates are, and what they find where nothing was done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .aa import Estimates
from .arms import arms_of
from .balance import balanced_names, covariate_values, drawing_of
from .randomisation import Randomisation
from .samples import level_of, means_of, sample_of, subset
from .strata import strata_of
from .switchback import Blocks, block_effect
from .unit_level import unit_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..config.experiment import Design
    from .effect import Adjust
    from .metric import OnlineMetric
    from .outcomes import Outcomes
    from .sample import Sample

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

MOST_WINDOWS = 6
"""Stretches of history that a test is played on."""
FEWEST_KNOWN = 0.5
"""Share of the units that must have values in a window for it to be one."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of history as if it were a test: positions of its first period, the one after its last, and before."""

    start: int
    end: int
    pre: int

    @property
    def before(self) -> slice:
        """Periods of the pre-period."""
        return slice(self.start - self.pre, self.start)


def windows_of(history: int, periods: int, pre: int) -> tuple[Window, ...]:
    """Windows of `periods` after `pre`, the last one at the end of the history, tests apart, at most MOST_WINDOWS.

    >>> [(window.start, window.end) for window in windows_of(20, 4, 10)]
    [(16, 20), (12, 16)]
    """
    ends = range(history, pre + periods - 1, -periods)
    return tuple(Window(end - periods, end, pre) for end in ends[:MOST_WINDOWS])


class Played(Protocol):
    """A window as an experiment: what would have been measured, and what arms are drawn from."""

    @property
    def randomisation(self) -> Randomisation:
        """What arms [row] are drawn from."""
        ...

    @property
    def level(self) -> float:
        """Value of the metric."""
        ...

    def difference(self, arms: Ints, arm: int, adjust: Adjust) -> tuple[float, float, float]:
        """Estimate what an arm has more than the control, with standard error and degrees of freedom.

        arms : one assignment [row]. The estimate is that of an analysis (`effect`), less what only a reader needs.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Units that stay in their arm; a row a unit, in `sample` all in the control."""

    sample: Sample
    randomisation: Randomisation

    @property
    def level(self) -> float:
        """Value of the metric over all units."""
        return level_of(self.sample.value, self.sample.exposure)

    def difference(self, arms: Ints, arm: int, adjust: Adjust) -> tuple[float, float, float]:
        """Estimate as `effect` does."""
        rows = (arms == 0) | (arms == arm)
        sample = subset(self.sample.assigned(arms == arm), rows)
        found = arms_of(unit_level(sample, adjust), strata_of(sample), sample.treated)
        return found.difference, found.error, found.freedom


@dataclass(frozen=True, slots=True, eq=False)
class Switched:
    """Units that change their arm from block to block; a row a unit and block, the blocks of a unit together."""

    outcomes: Outcomes
    metric: OnlineMetric
    blocks: Blocks
    randomisation: Randomisation

    @property
    def level(self) -> float:
        """Value of the metric over all units and blocks."""
        first, last = self.blocks.spans[0][0], self.blocks.spans[-1][1]
        return level_of(*means_of(self.outcomes.values, self.metric, slice(None), slice(first, last)))

    def difference(self, arms: Ints, arm: int, adjust: Adjust) -> tuple[float, float, float]:  # noqa: ARG002 - its own
        """Estimate as `block_effect` does: each unit is its own control."""
        blocks = replace(self.blocks, code=arms.reshape(len(self.outcomes.units), -1))
        found = block_effect(self.outcomes, blocks, self.metric, arm).difference
        return found.estimate, found.error, found.freedom


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """History on which a design is drawn.

    arm : position of the treatment arm that is looked at.
    """

    outcomes: Outcomes
    design: Design
    metrics: Sequence[OnlineMetric]
    arm: int
    _drawn: dict[tuple[Window, bytes], Randomisation] = field(default_factory=dict)

    def played(self, metric: OnlineMetric, window: Window) -> Played | None:
        """Play a window; None where most units have no values in it, or too few for two in each arm.

        Groups and balance are made of the window's own pre-period, as those of a test would be. Units that lack a value
        are left out.
        """
        if self.design.unit == "switchback":
            return self._switched(metric, window)
        everyone = np.zeros(len(self.outcomes.units), dtype=bool)
        test = slice(window.start + self.design.washout, window.end)
        pre = window.before if window.pre else None
        whole = sample_of(self.outcomes, metric, treated=everyone, test=test, pre=pre)
        known = self._known(whole, window)
        shares = np.array(list(self.design.arms.values()))
        if known.mean() < FEWEST_KNOWN or known.sum() * shares.min() / shares.sum() < 2:
            return None
        randomisation = self._randomisation(window, known)
        sample = replace(subset(whole, known), stratum=randomisation.groups)
        return Units(sample, randomisation)

    def estimates(self, played: Played, adjust: Adjust, arms: Ints) -> Estimates:
        """Estimate the difference between the arm and the control for each assignment [draw, row]."""
        return Estimates(*np.array([played.difference(codes, self.arm, adjust) for codes in arms]).T)

    def _known(self, sample: Sample, window: Window) -> Flags:
        columns = (sample.value, sample.exposure, sample.before, sample.exposure_before)
        known = np.all([np.isfinite(own) for own in columns if own is not None], axis=0)
        names = balanced_names(self.design, self.metrics)
        values = covariate_values(self.outcomes, names, self.metrics, window.before)
        return np.asarray(known & np.isfinite(values).all(axis=1))

    def _randomisation(self, window: Window, known: Flags) -> Randomisation:
        """What arms are drawn from, made once for all metrics that know the same units."""
        key = (window, known.tobytes())
        if key not in self._drawn:
            drawing = drawing_of(self.outcomes, self.design, self.metrics, pre=window.before, units=known)
            self._drawn[key] = drawing.randomisation
        return self._drawn[key]

    def _switched(self, metric: OnlineMetric, window: Window) -> Switched:
        own, units = self.design, len(self.outcomes.units)
        starts = range(window.start, window.end, own.block)
        spans = tuple((start, start + own.block) for start in starts)
        drawn = switching(own, units, len(spans))
        shares, arms = drawn.shares * units * len(spans), tuple(own.arms)
        blocks = Blocks(arms, shares, np.zeros((units, len(spans)), dtype=np.int64), spans, own.washout)
        return Switched(self.outcomes, metric, blocks, drawn)


def switching(own: Design, units: int, blocks: int) -> Randomisation:
    """Give what a switchback is drawn from [unit * block]: in each block of time, units among arms."""
    shares = np.array(list(own.arms.values()))
    return Randomisation(shares / shares.sum(), np.tile(np.arange(blocks), units))
