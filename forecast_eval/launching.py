"""What a run's config asks to be tested: candidates are launched in the market that the history comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import Ask, Derived, Fault, InputError

from .config import BestOn
from .config.experiment import ExperimentConfig, OutcomesTable
from .online.analysis import analyze
from .online.compare import compare
from .online.design import design
from .online.measured import Contract
from .online.outcomes import outcomes_of
from .policies import policies_of
from .read import world_of
from .replenish import Deployment, Replenisher
from .simulate import Sampling
from .world import everywhere, launch, outcomes

if TYPE_CHECKING:
    from .inference import Interval
    from .online.compare import Comparison
    from .online.metric import OnlineMetric
    from .online.outcomes import Outcomes
    from .online.plan import Plan
    from .online.reading import Analysis
    from .pipeline import Session
    from .simulate import Policy
    from .world import Launch

SEGMENTS = ("category",)

ROWS = (
    *("candidate", "chosen_by", "metric", "role", "better", "simulated", "simulated_low", "simulated_high"),
    *("measured", "measured_low", "measured_high", "adjusted_p", "standing", "gap", "gap_low", "gap_high", "agrees"),
    "true",
)
"""Columns of the table `launches`: relative lifts with their intervals, those that the simulation promised, those that
the test measured, and what is true; gap is measured less simulated. What a run cannot simulate is missing."""


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """One candidate's test.

    outcomes : what the shops measured, in the contract's columns.
    truth : metric -> relative lift if every store had had the candidate, against every store with the incumbent, over
        the weeks of the test after its wash-out: what the test estimates, but for what a model that learns from all
        stores learns from those of the other arm; no shop can see it.
    """

    candidate: Candidate
    outcomes: pd.DataFrame
    analysis: Analysis
    comparison: Comparison
    truth: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Launches:
    """All tests of a run: the arms are drawn once, and each candidate meets the same customers."""

    plan: Plan
    tests: tuple[Tested, ...]

    @property
    def outcomes(self) -> pd.DataFrame:
        """What the shops measured in every test: experiment (the candidate), arm, unit, ds, category and measures."""
        return pd.concat([test.outcomes for test in self.tests], ignore_index=True)

    @property
    def table(self) -> pd.DataFrame:
        """One row a candidate and metric; see `ROWS`."""
        rows = [row for test in self.tests for row in _rows(test)]
        return pd.DataFrame(rows, columns=list(ROWS))


def launched(session: Session) -> Launches:
    """Test every candidate in the market that the history comes from, from the week after it.

    Every arm orders by its model at the policy setting that the simulation chose for it, from what has been recorded.
    """
    config = session.config
    assert config.online is not None
    assert config.data.world is not None
    tell = session.on("launch")
    chosen = candidates(session)
    state = world_of(config.data.world, config.seed)
    plan = design(
        _experiment(session), _read(outcomes(state.world, state.records.until(state.week)).drop(columns="arm"))
    )
    arms = np.array([plan.assignment[store] for store in state.world.stores], dtype=object)
    control = planner(session, config.compare.incumbent)
    as_it_is = everywhere(state, control, "control", config.online.weeks) if chosen else None
    tests = []
    for done, candidate in enumerate(chosen, start=1):
        treatment = planner(session, candidate.model)
        found = launch(
            state, {"control": control, "treatment": treatment}, arms, weeks=config.online.weeks, truth=False
        )
        assert as_it_is is not None
        potential = {"control": as_it_is, "treatment": everywhere(state, treatment, "treatment", config.online.weeks)}
        tests.append(_tested(session, candidate, plan, found, potential))
        tell(candidate.model, done, len(chosen))
    return Launches(plan, tuple(tests))


def _rows(test: Tested) -> list[dict[str, object]]:
    promised = {contrast.metric.name: contrast for contrast in test.comparison.contrasts}
    rows: list[dict[str, object]] = []
    for reading in test.analysis.readings:
        name, own = reading.metric.name, promised.get(reading.metric.name)
        rows.append({
            "candidate": test.candidate.model, "chosen_by": ", ".join(test.candidate.chosen_by), "metric": name,
            "role": reading.metric.role, "better": reading.metric.better,
            **_ends("measured", reading.effect.lift), "adjusted_p": reading.adjusted_p, "standing": reading.standing,
            **({} if own is None else _ends("simulated", own.simulated.lift)),
            **({} if own is None else _ends("gap", own.difference) | {"agrees": own.agrees}),
            "true": test.truth[name],
        })  # fmt: skip
    return rows


def _ends(name: str, lift: Interval) -> dict[str, float]:
    return {name: lift.estimate, f"{name}_low": lift.low, f"{name}_high": lift.high}


def _experiment(session: Session) -> ExperimentConfig:
    """The experiment that all candidates share."""
    config = session.config
    assert config.online is not None
    asked = config.online
    return ExperimentConfig(
        name=config.name, seed=config.seed,
        outcomes=OutcomesTable(path="outcomes.parquet", segments=SEGMENTS),
        design=asked.design, metrics=asked.metrics, analysis=asked.analysis,
    )  # fmt: skip


def _read(frame: pd.DataFrame) -> Outcomes:
    """Outcomes of a market, whose segment is the category."""
    return outcomes_of(frame.rename(columns={"segment": "category"}), Contract(segments=SEGMENTS))


def _tested(
    session: Session, candidate: Candidate, plan: Plan, found: Launch, potential: dict[str, pd.DataFrame]
) -> Tested:
    measured = _read(found.outcomes)
    return Tested(
        candidate,
        found.outcomes.rename(columns={"segment": "category"}).assign(experiment=candidate.model),
        analyze(measured, plan),
        compare(session, measured, plan, candidate=candidate.model),
        _true_lifts(potential, plan),
    )


def _true_lifts(potential: dict[str, pd.DataFrame], plan: Plan) -> dict[str, float]:
    """Relative lift of each metric, all stores in one arm against all in the other; NaN where the control is <= 0."""
    late = plan.test_index[plan.config.design.washout :]
    sums = {arm: frame[frame["ds"].isin(late)].select_dtypes("number").sum() for arm, frame in potential.items()}
    return {name: _lift(spec.named(name), sums) for name, spec in plan.config.metrics.items()}


def _lift(metric: OnlineMetric, sums: dict[str, pd.Series[float]]) -> float:
    control, treatment = (_level(metric, sums[arm]) for arm in ("control", "treatment"))
    return treatment / control - 1 if control > 0 else float("nan")


def _level(metric: OnlineMetric, sums: pd.Series[float]) -> float:
    below = 1.0 if metric.denominator is None else float(sums[metric.denominator])
    return float(sums[metric.numerator]) / below if below else float("nan")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A forecaster that is to be tested, and the metrics that chose it; none where it was named."""

    model: str
    chosen_by: tuple[str, ...] = ()


def candidates(session: Session) -> tuple[Candidate, ...]:
    """Whom the config wants to be tested, each once; what would keep the incumbent is not tested."""
    online, config = session.config.online, session.config
    assert online is not None
    found: dict[str, list[str]] = {}
    for one in online.candidates:
        model = _best(session, one.best) if isinstance(one, BestOn) else one
        by = found.setdefault(model, [])
        if isinstance(one, BestOn):
            by.append(one.best)
    return tuple(Candidate(model, tuple(by)) for model, by in found.items() if model != config.compare.incumbent)


def _best(session: Session, metric: str) -> str:
    """Model, of those that can be deployed, that is best on a metric of the run or earns most in its simulation."""
    money = session.run.read("money")
    money = money[money["model"].isin(session.config.deployable)]
    if metric == "profit":
        return str(money["model"].iloc[0])
    scores = session.run.read("scores")
    own = scores[(scores["axis"] == "total") & (scores["metric"] == metric) & scores["model"].isin(money["model"])]
    values = own.set_index("model")["value"].dropna()
    if values.empty:
        raise InputError([Fault("nothing-to-choose", f"no model that can be deployed has a {metric}",
                                "online.candidates", "choose by another metric, or name the forecaster")])  # fmt: skip
    definition = next(m for m in session.metrics if m.name == metric)
    return str(values.map(definition.distance).idxmin())


def planner(session: Session, model: str) -> Replenisher:
    """A model of the run at the policy setting that it chose, ready to order."""
    config, run = session.config, session.run
    simulate, spec = config.simulate, config.backtest
    assert config.online is not None
    forecaster = session.forecasters[model]
    assert not isinstance(forecaster, Derived)  # the config refuses it
    deployed = Deployment(
        forecaster=forecaster,
        policy=_policy(session, model),
        ask=Ask(spec.quantiles, 0, config.seed, spec.input_size),
        horizon=spec.horizon,
        economics=session.inputs.economics,
        sampling=Sampling(simulate.scenarios, simulate.tails),
        seed=config.seed,
        refit=config.online.refit,
        fill=spec.hidden_demand != "as_is",
        known_future=session.inputs.history.known_future,
    )
    return Replenisher.of(
        deployed, run.read("forecasts"), session.windows, model=model, unique_ids=session.inputs.history.unique_ids
    )


def _policy(session: Session, model: str) -> Policy:
    money = session.run.read("money").set_index("model")
    if model not in money.index:
        raise InputError([Fault("no-money", f"{model} was not played by the simulation: it has no policy setting",
                                "online.candidates", "see the failures of the run, or name others")])  # fmt: skip
    wanted = (money.loc[model, "policy"], money.loc[model, "setting"])
    every = policies_of(session.config.simulate.policies, folder=session.base)
    return next(policy for policy in every if (policy.name, policy.label) == wanted)
