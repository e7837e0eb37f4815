"""The measured side of a comparison: who was in which arm and when, and the effect on some of the units and periods."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .agreement import agreed
from .plan import Plan
from .ratio_check import RatioCheck, ratio_check
from .study import Study
from .switchback import block_effect, blocks_of
from .trial import observed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..config.experiment import ExperimentConfig
    from .effect import Effect
    from .metric import OnlineMetric
    from .outcomes import Outcomes

    Flags = NDArray[np.bool_]
    Segment = tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """An effect that is wanted: of which metric, in which arm, in the whole or a segment."""

    metric: OnlineMetric
    arm: int
    segment: Segment = None


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSide:
    """An experiment on `outcomes`.

    arms : names, the control first. member : [arm, unit] whether a unit was ever in an arm.
    first : position of the first period of the test; test : [period] those after the wash-out.
    effect : gives what is asked, on some of the units [unit] and periods [period].
    by_period : whether single periods can be left out; a switchback's blocks are taken whole.
    """

    outcomes: Outcomes
    arms: tuple[str, ...]
    ratio: RatioCheck
    member: Flags
    first: int
    test: Flags
    effect: Callable[[Asked, Flags, Flags], Effect]
    notes: tuple[str, ...]
    by_period: bool = True

    def units(self, arm: int) -> Flags:
        """[unit] whether it was in the control or in an arm."""
        return np.asarray(self.member[0] | self.member[arm])

    @property
    def treated(self) -> Flags:
        """[unit] whether it was in any other arm than the control."""
        return np.asarray(self.member[1:].any(axis=0))


def measured_side(outcomes: Outcomes, experiment: ExperimentConfig | Plan) -> MeasuredSide:
    """Hold outcomes against the plan, or the config of an experiment that somebody else designed.

    Raises InputError with every fault, as `analyze` does.
    """
    config = experiment.config if isinstance(experiment, Plan) else experiment
    return (_switchback if config.design.unit == "switchback" else _parallel)(outcomes, experiment, config)


def _parallel(outcomes: Outcomes, experiment: ExperimentConfig | Plan, config: ExperimentConfig) -> MeasuredSide:
    trial = agreed(outcomes, experiment) if isinstance(experiment, Plan) else observed(outcomes, experiment)

    def effect(asked: Asked, units: Flags, test: Flags) -> Effect:
        own = replace(trial, code=np.where(units, trial.code, -1))
        return Study(outcomes, own, config).effect(asked.metric, asked.arm, test=test, segment=asked.segment)

    return MeasuredSide(
        outcomes, trial.arms, ratio_check(trial.counts.tolist(), trial.planned.tolist()),
        np.stack([trial.code == arm for arm in range(len(trial.arms))]), trial.first,
        trial.test(len(outcomes.periods)), effect, trial.notes,
    )  # fmt: skip


def _switchback(outcomes: Outcomes, experiment: ExperimentConfig | Plan, config: ExperimentConfig) -> MeasuredSide:
    blocks = blocks_of(outcomes, experiment)
    place = np.arange(len(outcomes.periods))
    test = np.any([(place >= start + blocks.washout) & (place < end) for start, end in blocks.spans], axis=0)

    def effect(asked: Asked, units: Flags, test: Flags) -> Effect:
        own = replace(blocks, code=np.where(units[:, None], blocks.code, -1))
        assert asked.segment is None
        assert test.any()
        return block_effect(outcomes, own, asked.metric, asked.arm, confidence=config.analysis.confidence)

    return MeasuredSide(
        outcomes, blocks.arms, ratio_check(blocks.counts.tolist(), blocks.planned.tolist()),
        np.stack([(blocks.code == arm).any(axis=1) for arm in range(len(blocks.arms))]), blocks.spans[0][0],
        test, effect, blocks.notes, by_period=False,
    )  # fmt: skip
