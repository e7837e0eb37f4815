"""Counterfactual replay of a past launch: what the other arm's orders would have done, against what happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, InputError, refuse

from ..online.analysis import metrics_in
from ..online.compare import models_of
from ..online.measured_side import Asked, measured_side
from ..online.overlap import overlap, some
from ..online.paired import paired_effect
from ..online.plan import Plan
from ..online.sample import Sample
from ..online.samples import means_of
from ..online.simulated import MEASURES, cut, simulated, unit_column, units_named
from ..online.strata import strata_of
from .doubly_robust import Potential, doubly_robust
from .replayed import ArmReplay, Estimates, Replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..config.experiment import ExperimentConfig
    from ..online.effect import Effect
    from ..online.measured_side import MeasuredSide
    from ..online.metric import OnlineMetric
    from ..online.outcomes import Outcomes
    from ..online.overlap import Overlap
    from ..online.simulated import Simulated
    from ..pipeline import Session

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

KNOWS = (
    "the replay's forecasts know sales of the test up to each cutoff, as the planners did: it tells what the other "
    "orders would have done in these weeks, and is no promise that was made before them"
)
RECOVERED = (
    "forecasts and demand of a replay come from what each store recorded in its own arm, recovered where its shelf was "
    "empty: what is replayed of a store depends somewhat on its arm, and the doubly robust estimate is off by that"
)
MODEL = (
    "replay alone is as right as the simulator is; the doubly robust estimate corrects it by what happened. Where that "
    "and the analysis are further apart than their errors allow, believe the analysis"
)


def replay(
    session: Session,
    outcomes: Outcomes,
    experiment: ExperimentConfig | Plan,
    *,
    candidate: str | None = None,
    unit: str | None = None,
) -> Replay:
    """Replay a past launch through the simulator of a run whose judged cutoffs cover the weeks of the test.

    session : of a run with a simulation, on a history that has these weeks. experiment, candidate, unit : as `compare`
        takes them.

    `compare` refuses a run that knew sales of the test, since it is to tell what a promise was worth. A replay is of
    the past: it asks what the other arm's orders would have done in the same weeks, and the planners of both arms knew
    the sales of the weeks before each order. What stays wrong: a store's replays are made from its own records, which
    its arm has made. Forecasts learn from sales that the arm's stock allowed, and demand is recovered where its shelf
    was empty. So the doubly robust estimate is off by how much the same store's replays would differ with its arm:
    (1 - e) of that of the candidate and e of that of the incumbent, with the opposite sign. No estimate from the same
    test can tell that apart without the noise of the plain difference. In `benchmarks/replay.py` it is 0.8 points of a
    lift in profit, where the standard deviation of the doubly robust estimate is 1.4 and that of CUPED 3.6; in a
    stockout rate, which recovery has to guess at, 1.7, 1.8 and 5.0, and once 7 where the true lift was 19. Most of it
    are the forecasts: with true demand in place of recovered it is no smaller.

    The stores are those of both sides, in strata that have both arms for the estimates from what happened; the others
    are replayed only. Both sides are cut to the same weeks after the wash-out.

    Raises InputError with every fault: as `compare`, but for forecasts that knew the test; no week in common; periods
    of another length; a switchback.
    """
    config = experiment.config if isinstance(experiment, Plan) else experiment
    refuse(_unfit(config))
    trial = measured_side(outcomes, experiment)
    refuse(_lost(trial))
    models = models_of(session, config, trial.arms, candidate)
    column = unit or unit_column(session.inputs.history.static, units_named(config.design.unit))
    run = simulated(session, list(models.values()), unit=column)
    shared = overlap(run, trial, replayed=True)
    refuse(_apart(trial, shared))
    plain = measured_side(outcomes, _unadjusted(experiment))
    return _Bench(session, config, (trial, plain), models, run, shared, _groups(outcomes, experiment)).replayed()


def _unfit(config: ExperimentConfig) -> list[Fault]:
    if config.design.unit != "switchback":
        return []
    return [Fault("switchback", "stock that an arm leaves is sold by the next one, and a replay has one arm throughout",
                  "design.unit", "replay a test whose units stay in their arm")]  # fmt: skip


def _lost(trial: MeasuredSide) -> list[Fault]:
    if not trial.ratio.mismatch:
        return []
    counts = ", ".join(f"{arm} {n}" for arm, n in zip(trial.arms, trial.ratio.counts, strict=True))
    what = f"sample-ratio mismatch: arms that lose or gain units are not comparable ({counts})"
    return [Fault("ratio-mismatch", what, trial.outcomes.source, "find out which units are missing, and why")]


def _apart(trial: MeasuredSide, shared: Overlap) -> list[Fault]:
    if not shared.same_weeks:
        what = f"the run judges {' .. '.join(shared.simulated_span)}, the test is {' .. '.join(shared.measured_span)}"
        return [Fault("no-common-weeks", what, "backtest.last_cutoff",
                      "run the config on a history that has the test, with windows over its weeks")]  # fmt: skip
    if not shared.same_length:
        return [Fault("other-periods", "periods of run and outcomes are of different length", trial.outcomes.source,
                      "sum the outcomes, or the history, to the other's periods")]  # fmt: skip
    return []


def _unadjusted(experiment: ExperimentConfig | Plan) -> ExperimentConfig | Plan:
    """The same experiment, read as a difference in means."""
    config = experiment.config if isinstance(experiment, Plan) else experiment
    bare = config.model_copy(update={"analysis": config.analysis.model_copy(update={"adjust": "none"})})
    return replace(experiment, config=bare) if isinstance(experiment, Plan) else bare


def _groups(outcomes: Outcomes, experiment: ExperimentConfig | Plan) -> Ints | None:
    from ..online.agreement import agreed
    from ..online.trial import observed

    return (agreed(outcomes, experiment) if isinstance(experiment, Plan) else observed(outcomes, experiment)).group


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """Both sides, ready to be replayed.

    sides : the experiment as it is read, and without adjustment.
    group : [unit of the outcomes] within which arms were drawn, or None.
    """

    session: Session
    config: ExperimentConfig
    sides: tuple[MeasuredSide, MeasuredSide]
    models: dict[str, str]
    run: Simulated
    shared: Overlap
    group: Ints | None

    def replayed(self) -> Replay:
        metrics = [m for m in metrics_in(self.trial.outcomes, self.config) if set(m.columns) <= set(MEASURES)]
        if not metrics:
            refuse([Fault("nothing-to-replay", "none of the metrics can be simulated", "metrics",
                          f"the simulation has {', '.join(MEASURES[:-2])}")])  # fmt: skip
        estimates, unread = [], []
        for metric in metrics:
            for arm in range(1, len(self.trial.arms)):
                try:
                    estimates.append(self._estimates(metric, arm))
                except InputError as error:
                    if metric.role != "diagnostic":
                        raise
                    unread.append(f"{metric.name} is not replayed: {error.faults[0].what}")
        arms = [self._arm(own.metric, arm, at) for own in estimates
                for arm in (self.trial.arms.index(own.arm),) for at in (0, arm)]  # fmt: skip
        return Replay(
            self.config.name, self.session.run.path.name, self.models, self.config.analysis.confidence, self.shared,
            tuple(estimates), tuple(own for own in arms if own is not None),
            tuple(dict.fromkeys([*self.shared.notes, *self._notes(), *unread])),
        )  # fmt: skip

    @property
    def trial(self) -> MeasuredSide:
        """The experiment as it is read."""
        return self.sides[0]

    @property
    def _common(self) -> Flags:
        return np.isin(self.trial.outcomes.units.astype(str), self.shared.units)

    def _overlapping(self, arm: int) -> Flags:
        """[unit] whether it is shared, in one of two arms, and in a stratum that has both."""
        own = self.trial.units(arm) & self._common
        groups = np.zeros(len(own), dtype=np.int64) if self.group is None else self.group
        both = [np.isin(groups, groups[own & self.trial.member[one]]) for one in (0, arm)]
        return np.asarray(own & both[0] & both[1])

    def _played(self, model: str, rows: Ints) -> Outcomes:
        """Outcomes of a model in some units [unit of the outcomes], in their order, and in the shared periods."""
        names = self.trial.outcomes.units[rows].astype(str).tolist()
        return self.run.cut(names, self.shared.simulated).by_model[model]

    def _happened(self, rows: Ints) -> Outcomes:
        return cut(self.trial.outcomes, rows, self.shared.measured)

    def _paired(self, candidate: Outcomes, incumbent: Outcomes, metric: OnlineMetric) -> Effect:
        market, asked = self.session.market, self.session.config.compare.block
        block = int(market.step * (asked or np.ceil(market.protection.max() / market.step)))
        confidence = self.config.analysis.confidence
        return paired_effect(candidate, incumbent, metric, block=block, confidence=confidence)

    def _estimates(self, metric: OnlineMetric, arm: int) -> Estimates:
        control, treatment = self.models[self.trial.arms[0]], self.models[self.trial.arms[arm]]
        everyone = np.flatnonzero(self.trial.units(arm) & self._common)
        pure = self._paired(self._played(treatment, everyone), self._played(control, everyone), metric)
        chosen = self._overlapping(arm)
        asked = Asked(metric, arm)
        return Estimates(
            metric, self.trial.arms[arm], treatment, pure,
            self.sides[1].effect(asked, chosen, self.shared.measured),
            self.trial.effect(asked, chosen, self.shared.measured), self._robust(metric, arm, chosen),
        )  # fmt: skip

    def _robust(self, metric: OnlineMetric, arm: int, chosen: Flags) -> Effect | None:
        rows = np.flatnonzero(chosen)
        treated = self.trial.member[arm][rows]
        measured = means_of(self.trial.outcomes.values, metric, rows, self.shared.measured)
        models = [self.models[self.trial.arms[k]] for k in (0, arm)]
        said = [means_of(self._played(m, rows).values, metric, slice(None), slice(None)) for m in models]
        if min(treated.sum(), (~treated).sum()) < 2:
            return None
        group = None if self.group is None else self.group[rows]
        strata = strata_of(Sample(measured[0], treated, stratum=group))
        parts = [None if own is None else Potential(own, zero, one)
                 for own, zero, one in zip(measured, *said, strict=True)]  # fmt: skip
        assert parts[0] is not None
        return doubly_robust(parts[0], parts[1], strata, treated, confidence=self.config.analysis.confidence)

    def _arm(self, metric: OnlineMetric, arm: int, at: int) -> ArmReplay | None:
        """Replays of the stores of arm `at`, the control or `arm`; None where none of them is shared."""
        rows = np.flatnonzero(self.trial.member[at] & self._common)
        if not len(rows):
            return None
        model, against = (self.models[self.trial.arms[k]] for k in ((0, arm) if at == 0 else (arm, 0)))
        happened, other = self._happened(rows), self._played(against, rows)
        pair = (happened, other) if at else (other, happened)
        return ArmReplay(
            metric, self.trial.arms[at], model, against, len(rows),
            self._paired(self._played(model, rows), happened, metric).lift, self._paired(*pair, metric).lift,
        )  # fmt: skip

    def _notes(self) -> Iterator[str]:
        yield from (KNOWS, RECOVERED, MODEL)
        every = metrics_in(self.trial.outcomes, self.config)
        lacking = [metric.name for metric in every if not set(metric.columns) <= set(MEASURES)]
        if lacking:
            yield f"not replayed, since no simulation has them: {', '.join(lacking)}"
        for arm in range(1, len(self.trial.arms)):
            alone = self.trial.units(arm) & self._common & ~self._overlapping(arm)
            if alone.any():
                names = self.trial.outcomes.units[alone].astype(str).tolist()
                yield f"only replayed: {len(names)} units of strata with one arm only: {some(names)}"
        yield from self.trial.notes


__all__ = ["ArmReplay", "Estimates", "Replay", "replay"]
