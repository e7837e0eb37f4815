"""Simulated against measured: metric by metric, on the same stores and weeks, with what could explain a difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from backtest.faults import Fault, InputError, nearest, refuse

from .analysis import metrics_in
from .explain import Pair, clues
from .measured_side import Asked, measured_side
from .overlap import overlap, some
from .paired import difference_of, paired_effect
from .plan import Plan
from .simulated import MEASURES, TREND, cut, simulated, unit_column, units_named
from .trend_share import trend_clue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..config.experiment import ExperimentConfig
    from ..inference import Interval
    from ..pipeline import Session
    from .effect import Effect
    from .explain import Clue
    from .foretold import Foretold
    from .measured_side import MeasuredSide
    from .metric import OnlineMetric
    from .outcomes import Outcomes
    from .overlap import Overlap
    from .ratio_check import RatioCheck
    from .simulated import Simulated

Agrees = Literal["yes", "no", "unclear"]
INDEPENDENT = (
    "the interval of a difference takes the two sides as independent. They agree, yes, where it holds 0 and leaves out "
    "what it would be if nothing had been gained; no, where it leaves out 0; else the test is too small: unclear"
)
GOODWILL = "simulated profit is what a shop can measure: goodwill lost with customers is not in it"


@dataclass(frozen=True, slots=True)
class Contrast:
    """One metric of one treatment arm, on both sides.

    model : the candidate that the arm used.
    simulated : candidate against incumbent, paired, in all stores of both arms. measured : treatment against control.
    difference : measured - simulated lift, a share, the sides taken as independent.
    segment : column and value, where it is a part of the whole.
    """

    metric: OnlineMetric
    arm: str
    model: str
    simulated: Effect
    measured: Effect
    difference: Interval
    segment: tuple[str, str] | None = None

    @property
    def agrees(self) -> Agrees:
        """Whether the sides agree: "no" where the interval of the difference leaves out 0.

        "yes" where it holds 0 and leaves out minus the simulated lift, which is the difference that a launch which did
        nothing would show. Where it holds both, or there is none, the test cannot tell them apart: "unclear".
        """
        gap, nothing = self.difference, -self.simulated.lift.estimate
        if gap.excludes_zero:
            return "no"
        return "yes" if nothing < gap.low or nothing > gap.high else "unclear"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A run held against an experiment.

    models : arm -> model of the run, the control's first.
    ratio : of the units in the arms; where it is a mismatch nothing is compared.
    contrasts : of every metric that can be simulated and every treatment arm; by_segment : primary metrics only.
    clues : levels that could explain a difference; unknown : what could, and nobody knows.
    foretold : what past launches foretold of the primary metrics, where there is a book of them.
    """

    name: str
    run: str
    models: dict[str, str]
    confidence: float
    ratio: RatioCheck
    overlap: Overlap | None = None
    contrasts: tuple[Contrast, ...] = ()
    by_segment: tuple[Contrast, ...] = ()
    clues: tuple[Clue, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    foretold: tuple[Foretold, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether the counts of units are so odd that nothing is compared."""
        return self.ratio.mismatch

    @property
    def as_json(self) -> dict[str, Any]:
        """Give numbers, texts, lists and mappings, with None for what is not known."""
        from .comparison_json import as_json

        return as_json(self)


def compare(
    session: Session,
    outcomes: Outcomes,
    experiment: ExperimentConfig | Plan,
    *,
    candidate: str | None = None,
    unit: str | None = None,
) -> Comparison:
    """Hold what a run promised against what an experiment measured, on the stores and weeks of both.

    session : of a run with a simulation.
    experiment : the plan, or the config of an experiment that somebody else designed.
    candidate : model of the treatment arm, where `models` of the experiment does not say. The control is the run's
        incumbent.
    unit : static column of the run with the experiment's units; None takes the store, or the product where items were
        randomised.

    Where counts of units are no accident (p < .001) nothing is compared.

    Raises InputError with every fault: no simulation, a model that was not played, no unit in common, judged forecasts
    that knew sales of the test (`overlap.overlap`); and as `analyze` does.
    """
    config = experiment.config if isinstance(experiment, Plan) else experiment
    trial = measured_side(outcomes, experiment)
    models = models_of(session, config, trial.arms, candidate)
    bare = Comparison(config.name, session.run.path.name, models, config.analysis.confidence, trial.ratio)
    if bare.is_refused:
        return bare
    column = unit or unit_column(session.inputs.history.static, units_named(config.design.unit))
    run = simulated(session, list(models.values()), unit=column, segments=_segments(session, outcomes))
    return _Bench(session, config, trial, models, run, overlap(run, trial)).compared()


def models_of(session: Session, config: ExperimentConfig, arms: Sequence[str], candidate: str | None) -> dict[str, str]:
    """Model of each arm: the one named, the incumbent for the control, or the only rival of it that was played.

    Raises InputError where it cannot be told.
    """
    models = {arms[0]: config.models.get(arms[0], session.config.compare.incumbent)}
    played = session.run.read("money")["model"].tolist() if session.run.has("money") else []
    rivals = [name for name in played if name != models[arms[0]]]
    faults = []
    for arm in arms[1:]:
        named = candidate if candidate is not None and len(arms) == 2 else config.models.get(arm)
        if named is None and len(rivals) == len(arms) - 1 == 1:
            named = rivals[0]
        if named is None and played:
            faults.append(Fault("no-candidate", f"which model did arm {arm} use? The run has {some(rivals)}",
                                f"models.{arm}", "name it there, or with --candidate"))  # fmt: skip
        models[arm] = named or ""
    faults += [Fault("unknown-model", f"{name!r} was not played in the run", f"models.{arm}", nearest(name, played))
               for arm, name in models.items() if played and name and name not in played]  # fmt: skip
    refuse(faults)
    return models


def _segments(session: Session, outcomes: Outcomes) -> list[str]:
    """Segments of the outcomes that the run has by the same name."""
    columns = session.inputs.history.static.columns
    return [name for name in outcomes.segments if name in columns or name == TREND]


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """Both sides, ready to be compared."""

    session: Session
    config: ExperimentConfig
    trial: MeasuredSide
    models: dict[str, str]
    run: Simulated
    shared: Overlap

    def compared(self) -> Comparison:
        every = metrics_in(self.trial.outcomes, self.config)
        metrics = [m for m in every if set(m.columns) <= set(MEASURES)]
        if not metrics:
            refuse([Fault("nothing-to-compare", f"none of the metrics {some([m.name for m in every])} can be simulated",
                          "metrics", f"the simulation has {', '.join(MEASURES[:-2])}")])  # fmt: skip
        contrasts, unread = self._contrasts(metrics)
        by_segment, lost = self._by_segment([m for m in metrics if m.role == "primary"])
        found, unknown = self._explained()
        return Comparison(
            self.config.name, self.session.run.path.name, self.models, self.config.analysis.confidence,
            self.trial.ratio, self.shared, contrasts, by_segment, found, unknown,
            tuple(dict.fromkeys([*self.shared.notes, *self._notes(every, contrasts), *unread, *lost])),
        )  # fmt: skip

    @property
    def _block(self) -> int:
        """Periods in a time block: those that a unit of stock binds together, in whole cutoffs."""
        market, asked = self.session.market, self.session.config.compare.block
        return int(market.step * (asked or np.ceil(market.protection.max() / market.step)))

    def _contrasts(self, metrics: Sequence[OnlineMetric]) -> tuple[tuple[Contrast, ...], list[str]]:
        """Every metric of every treatment arm, and which diagnostics cannot be compared, and why."""
        found, unread = [], []
        for metric in metrics:
            try:
                found += [self._contrast(metric, arm) for arm in range(1, len(self.trial.arms))]
            except InputError as error:
                if metric.role != "diagnostic":
                    raise
                unread.append(f"{metric.name} is not compared: {error.faults[0].what}")
        return tuple(found), unread

    def _contrast(self, metric: OnlineMetric, arm: int, segment: tuple[str, str] | None = None) -> Contrast:
        names = self.trial.outcomes.units.astype(str)
        common = np.isin(names, self.shared.units)
        measured = self.trial.effect(Asked(metric, arm, segment), common, self.shared.measured)
        run = self.run.cut(names[self.trial.units(arm)].tolist(), self.shared.simulated)
        model = self.models[self.trial.arms[arm]]
        ours, theirs = run.by_model[model], run.by_model[self.models[self.trial.arms[0]]]
        promised = paired_effect(
            ours, theirs, metric, block=self._block, confidence=self.config.analysis.confidence, segment=segment
        )
        gap = difference_of(measured.lift, promised.lift)
        return Contrast(metric, self.trial.arms[arm], model, promised, measured, gap, segment)

    def _by_segment(self, metrics: Sequence[OnlineMetric]) -> tuple[tuple[Contrast, ...], list[str]]:
        found, lost = [], []
        ours = next(iter(self.run.by_model.values())).segments
        for column, values in ours.items() if self.trial.by_period else ():
            both = [value for value in values if value in self.trial.outcomes.segments[column]]
            for value in both:
                for metric in metrics:
                    try:
                        found += [
                            self._contrast(metric, arm, (column, value)) for arm in range(1, len(self.trial.arms))
                        ]
                    except InputError as error:
                        lost.append(f"{metric.name} in {column} {value} is not compared: {error.faults[0].what}")
            if len(both) < len(values):
                lost.append(f"segments of {column} that only one side has are left out")
        return tuple(found), lost

    def _explained(self) -> tuple[tuple[Clue, ...], tuple[str, ...]]:
        arms = dict(self._arms())
        found, unknown = clues(arms, same_length=self.shared.same_length)
        trend = trend_clue(self.session, self.run, arms, self.trial.outcomes.periods[self.trial.first])
        if trend is not None:
            return (*found, trend), unknown
        return found, ("share that is trending: the history ends long before the test", *unknown)

    def _arms(self) -> Iterator[tuple[str, Pair]]:
        """Each arm on both sides, in its own units; a switchback's units are in every arm."""
        outcomes, shared = self.trial.outcomes, self.shared
        common = np.isin(outcomes.units.astype(str), shared.units)
        for arm, own in zip(self.trial.arms, self.trial.member, strict=True):
            rows = np.flatnonzero(own & common)
            played = self.run.cut(outcomes.units[rows].astype(str).tolist(), shared.simulated)
            yield arm, Pair(played.by_model[self.models[arm]], cut(outcomes, rows, shared.measured))

    def _notes(self, metrics: Sequence[OnlineMetric], contrasts: Sequence[Contrast]) -> Iterator[str]:
        yield from self.trial.notes
        lacking = [m.name for m in metrics if not set(m.columns) <= set(MEASURES)]
        if lacking:
            yield f"not simulated, and so not compared: {', '.join(lacking)}"
        others = [
            name for name in self.trial.outcomes.segments if name not in _segments(self.session, self.trial.outcomes)
        ]
        if others:
            yield f"segments that the run has no column of that name for: {', '.join(others)}"
        yield INDEPENDENT
        if self.run.by_model[self.models[self.trial.arms[0]]].segments and self.trial.by_period:
            yield "each segment is compared by itself: of many, some differ by chance"
        yield GOODWILL
        if self.session.config.simulate.conventions.backordered:
            yield "goodwill of customers who wait stays in the simulated profit"
        for contrast in contrasts:
            yield from (f"{contrast.metric.name}, measured: {note}" for note in contrast.measured.notes)
