"""The steps of a run, in order: check, backtest, score, simulate, launch, report."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd

from backtest import Fault, ForecasterFailedError, InputError, backtest
from backtest.faults import attempt, nearest, refuse
from backtest.stages import Stages

from .build import settings_of, windows_of
from .config import PeriodsOfSupplySpec, load_config
from .forecasters import forecasters_of
from .judging import kpis_by_group, simulated
from .markets import market_of
from .money import judged_cutoffs
from .policies import policies_of
from .quality import counted, data_facts, fingerprint, judged, stop
from .read import read_inputs
from .scorecard.groups import check_scorecard
from .scores.catalogue import key_figures
from .scores.context import column_faults
from .scores.definitions import definitions_of
from .scores.trending import trending
from .scoring import choosing_faults, level_warnings, metrics_of, resampling_faults, scored
from .store import Basis, Run, find_run, open_run, write_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from backtest import Derived, Forecaster, History, Usage, Window

    from .config import Config
    from .read import Inputs
    from .scores import Metric
    from .simulate import Market

Step = Literal["backtest", "score", "simulate", "launch", "report"]
STEPS: tuple[Step, ...] = ("backtest", "score", "simulate", "launch", "report")


class Progress(Protocol):
    """Shows how far a step is."""

    def __call__(self, step: str, what: str, done: int, total: int) -> None:
        """Say that `done` of `total` units of a step are finished, the last one being `what`."""
        ...


def silent(step: str, what: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """A run that is being worked on: what was asked, what is known, where it goes.

    base : folder of the config, which relative paths and modules of the user's own are looked up in.
    """

    config: Config
    inputs: Inputs
    metrics: tuple[Metric, ...]
    forecasters: Mapping[str, Forecaster | Derived]
    windows: tuple[Window, ...]
    run: Run
    base: Path
    progress: Progress = field(default=silent)

    @property
    def trending(self) -> NDArray[np.bool_]:
        """[cutoff, series] whether a series was trending as of the cutoff."""
        return trending(self.inputs.history, self.windows, self.config.score.trend)

    @property
    def market(self) -> Market:
        """Demand, beliefs and supply terms that all models share."""
        return market_of(self.config, self.inputs)

    def on(self, step: str) -> Callable[[str, int, int], None]:
        """Progress of one step."""
        return lambda what, done, total: self.progress(step, what, done, total)


def run(
    target: Path,
    overrides: Sequence[str] = (),
    *,
    root: Path = Path("runs"),
    upto: Step = "report",
    fresh: bool = False,
    progress: Progress = silent,
) -> Run:
    """Do what is missing of the steps of a config, or of a run directory, up to `upto`.

    target : a YAML config, or the directory of a run.
    root : folder of all runs.
    fresh : start a new run whatever there is; else the newest one with the same config and data goes on.

    Raises InputError for bad input and `forecast_eval.quality.GateError` for data that its gate stops, before anything
    expensive runs, `backtest.ForecasterFailedError` where a forecaster fails and the config says stop.
    """
    session = open_session(target, overrides, root=root, upto=upto, fresh=fresh, progress=progress)
    advance(session, upto)
    return session.run


def advance(session: Session, upto: Step) -> tuple[Step, ...]:
    """Do what is missing of the steps up to `upto`, and say which they were."""
    missing = tuple(s for s in STEPS[: STEPS.index(upto) + 1] if not session.run.done(s))
    for step in missing:
        do(session, step)
    return missing


def open_session(
    target: Path,
    overrides: Sequence[str] = (),
    *,
    root: Path = Path("runs"),
    upto: Step = "report",
    fresh: bool = False,
    progress: Progress = silent,
) -> Session:
    """Read and check everything, and open the run directory."""
    existing = find_run(target) if target.is_dir() else None
    if existing is not None and (overrides or fresh):
        raise InputError([Fault("finished-config", "a run's config is settled", str(target),
                                "give the YAML config together with --set or --fresh")])  # fmt: skip
    config = load_config(target / "config.yaml" if existing else target, overrides)
    base = Path(existing.manifest["base"]) if existing else target.parent
    inputs, forecasters, windows = checked(config, base)
    stop(inputs)
    if upto == "launch" and config.online is None:
        raise InputError([Fault("no-candidates", "nothing is to be tested: the config has no online", str(target),
                                "add online.candidates and a data.world, or go on to report")])  # fmt: skip
    if upto in ("simulate", "launch", "report"):
        judged_of(config, inputs, windows)
    data = fingerprint(inputs, forecasters, policies_of(config.simulate.policies, folder=base))
    if existing is not None and existing.manifest["data"] != data:
        raise InputError([Fault("data-changed", "the data is not what this run was made from", str(target),
                                "run the YAML config again: it starts a new run")])  # fmt: skip
    metrics = metrics_of(config, base)
    versions = {m.name: m.version for m in metrics}
    if existing is not None and existing.manifest["definitions"] != versions:
        raise InputError([Fault("metrics-changed", "a metric does not mean what it did when this run was made",
                                str(target), "run the YAML config again: it starts a new run")])  # fmt: skip
    directory = existing or open_run(Basis(config, base, data, versions, _head(config, base)), root=root, fresh=fresh)
    return Session(config, inputs, metrics, forecasters, windows, directory, base, progress)


def _head(config: Config, base: Path) -> str:
    """Hash of the newest row of the config's launch book; empty where it has none."""
    if config.calibration is None:
        return ""
    from .calibrating import book_of

    book = book_of(config, base)
    return "" if book is None else book.head


def checked(config: Config, base: Path) -> tuple[Inputs, dict[str, Forecaster | Derived], tuple[Window, ...]]:
    """Inputs, forecasters and windows of a config, every fault of them found before anything runs.

    The warnings of the inputs have been judged: one whose severity is error stops a run.
    """
    faults: list[Fault] = []
    metrics = attempt(lambda: metrics_of(config, base), faults)
    inputs = attempt(lambda: read_inputs(config.data, base, config.seed), faults)
    if inputs is None:
        raise InputError(faults)
    history = inputs.history
    forecasters = attempt(lambda: forecasters_of(config, base, history=history, economics=inputs.economics), faults)
    windows = attempt(lambda: windows_of(config.backtest).over(history.calendar), faults)
    if forecasters is not None and windows is not None:
        attempt(lambda: Stages.of(forecasters, windows_of(config.backtest), history.calendar), faults)
    attempt(lambda: policies_of(config.simulate.policies, folder=base), faults)
    attempt(lambda: check_scorecard(config, base, history), faults)
    attempt(lambda: _fits(config, history), faults)
    faults += choosing_faults(config, metrics or ())
    refuse(faults)
    assert forecasters is not None
    assert windows is not None
    assert metrics is not None
    looked = judged(config, inputs, windows)
    return replace(looked, warnings=(*looked.warnings, *level_warnings(config, metrics))), forecasters, windows


def judged_of(config: Config, inputs: Inputs, windows: tuple[Window, ...]) -> list[int]:
    """Positions of the windows whose orders are judged.

    Raises InputError where the forecasts cannot be turned into money: a horizon that is too short for the lead times,
    review periods that are not the step, cutoffs that are too few or not evenly apart.
    """
    market = market_of(config, inputs)
    market.needs_horizon(config.backtest.horizon)
    _needs_forecasts(config, config.backtest.horizon - max(market.offsets))
    return judged_cutoffs(market, windows, config.simulate.judged)[1]


def _needs_forecasts(config: Config, left: int) -> None:
    """Raise InputError where a policy asks for more periods than the last order that follows a cutoff has left."""
    asked = [n for p in config.simulate.policies if isinstance(p, PeriodsOfSupplySpec) for n in p.periods]
    refuse([
        Fault("horizon-too-short", f"{n} periods of supply are more than the {left} that a forecast still has at the "
              "last order before the next cutoff", "simulate.policies", "lower periods, or raise backtest.horizon")
        for n in asked if n > left
    ])  # fmt: skip


def _fits(config: Config, history: History) -> None:
    named = [("compare.cluster", c) for c in config.compare.clusters or ()]
    truck, others = config.simulate.truck, config.simulate.substitution
    named += [] if truck is None else [("simulate.truck.by", truck.by)]
    named += [] if others is None else [("simulate.substitution.by", c) for c in others.by]
    timeline = config.report.timeline if isinstance(config.report.timeline, tuple) else ()
    supply = [n for p in config.simulate.policies if isinstance(p, PeriodsOfSupplySpec) for n in p.periods]
    refuse([
        *column_faults(config.score, history.static),
        *resampling_faults(config),
        *(Fault("horizon-too-short", f"{n} periods of supply are more than horizon={config.backtest.horizon}",
                "simulate.policies", "lower periods, or raise backtest.horizon")
          for n in supply if n > config.backtest.horizon),
        *(Fault("unknown-column", f"static column {c!r} does not exist", place, nearest(c, history.static.columns))
          for place, c in named if c not in history.static.columns),
        *(Fault("unknown-id", f"unique_id={uid!r} is not in the history", "report.timeline",
                nearest(uid, history.static.index)) for uid in timeline if uid not in history.static.index),
    ])  # fmt: skip


def do(session: Session, step: Step) -> None:
    """Do one step of a run; the tables of the steps before it must be there."""
    does = {"backtest": _backtest, "score": _score, "simulate": _simulate, "launch": _launch, "report": _report}
    does[step](session)


def _backtest(session: Session) -> None:
    from .summary import failures_in_words, notes_in_words

    config, run = session.config, session.run
    try:
        result = backtest(
            session.inputs.history,
            session.forecasters,
            windows=windows_of(config.backtest),
            settings=settings_of(config.backtest, config.seed, run.units),
            progress=session.on("backtest"),
        )
    except ForecasterFailedError as error:
        run.write_failure(error.failure)
        raise
    for failure in result.failures:
        run.write_failure(failure)
    run.write("forecasts", result.forecasts)
    if result.paths is not None:
        run.write("paths", result.paths)
    run.record(
        "backtest",
        failures=failures_in_words(result, config.backtest.fallback),
        fallbacks=notes_in_words(result),
        usage={model: _usage(used) for model, used in result.usage.items()},
        quality=counted(session.inputs.warnings),
    )


def _usage(used: Usage) -> dict[str, float | None]:
    """What a forecaster took, for people: seconds, milliseconds a series, megabytes."""
    peak = None if np.isnan(used.peak_memory) else round(used.peak_memory / 1e6)
    return {
        "fit_seconds": round(used.fit_seconds, 1),
        "predict_seconds": round(used.predict_seconds, 1),
        "latency_ms": round(1000 * used.latency, 2) if used.forecasts else None,
        "peak_mb": peak,
        "failures": used.failures,
    }


def _score(session: Session) -> None:
    found, run = scored(session), session.run
    run.write("scores", found.scores)
    run.write("calibration", found.calibration)
    run.write("leaderboard", found.leaderboard)
    run.write_definitions(definitions_of([*session.metrics, *key_figures().values()]))
    run.record(
        "score",
        metrics={m.name: m.version for m in session.metrics},
        exploded=found.exploded,
        score_notes=list(found.notes),
    )


def _simulate(session: Session) -> None:
    result = simulated(session)
    run, cutoffs = session.run, pd.DatetimeIndex([session.windows[k].cutoff for k in result.judged.cutoffs])
    run.write("settings", result.settings)
    run.write("money", result.money)
    run.write("segments", result.segments)
    run.write("paired", result.paired)
    run.write("kpis", kpis_by_group(session, result))
    for part in fields(result.answers):
        run.write(part.name, getattr(result.answers, part.name))
    ledger = pd.concat(
        [
            book.frame(cutoffs).assign(model=model, policy=result.chosen[model].label)
            for model, book in result.ledgers.items()
        ],
        ignore_index=True,
    )
    run.write("ledger", ledger[["model", "policy", *(c for c in ledger.columns if c not in ("model", "policy"))]])
    _calibrate(session, list(result.money["model"]))
    best = str(result.money["model"].iloc[0])
    scores = run.read("scores")
    metric, accurate = most_accurate(scores[scores["model"].isin(result.money["model"])], session.metrics)
    other = _other(best, accurate, session.config.compare.incumbent, list(result.money["model"]))
    gap = result.best_versus(best, other)
    left_out = [f"{model} was left out of the money: {why}" for model, why in result.left_out.items()]
    run.record(
        "simulate",
        notes=list(result.notes),
        left_out=left_out,
        key_figures={name: metric.version for name, metric in key_figures().items()},
        headline={
            "earns_most": best,
            "most_accurate": accurate or best,
            "metric": metric,
            "against": other,
            "difference": gap.estimate,
            "low": gap.low,
            "high": gap.high,
        },
    )


def _calibrate(session: Session, models: Sequence[str]) -> None:
    """Hold the simulated uplift of models against past launches, where the config has a book of them."""
    if session.config.calibration is None:
        return
    from .calibrating import calibrated_run

    found = calibrated_run(session, models)
    if found is not None:
        session.run.write("calibrated", found.table)
        session.run.note(book={"where": found.book.where, "head": found.book.head}, calibrated=list(found.notes))


def _launch(session: Session) -> None:
    """Test the candidates in the market, where the config asks for it."""
    if session.config.online is None:
        session.run.record("launch")
        return
    from .analyzing import write_analysis
    from .comparing import write_comparison
    from .launching import launched
    from .online.plan import write_plan

    found, folder = launched(session), session.run.path / "online"
    folder.mkdir(exist_ok=True)
    write_plan(found.plan, folder / "plan.yaml", force=True)
    for test in found.tests:
        write_analysis(test.analysis, folder / test.candidate.model)
        write_comparison(test.comparison, folder / test.candidate.model)
        # as a shop would hand it to `forecast-eval analyze`
        write_frame(folder / test.candidate.model / "outcomes.parquet", test.outcomes.drop(columns="experiment"))
    session.run.write("launches", found.table)
    if found.tests:
        session.run.write("outcomes", found.outcomes)
    session.run.record("launch", online={"notes": list(found.plan.notes), "arms": found.plan.counts})


def _other(best: str, accurate: str, incumbent: str, ranking: list[str]) -> str:
    """Whom the best earner is compared with: the most accurate, else the incumbent, else the runner-up."""
    return next((m for m in (accurate, incumbent, *ranking) if m != best), best)


def most_accurate(scores: pd.DataFrame, metrics: Sequence[Metric]) -> tuple[str, str]:
    """Name of a metric and the model that is best on it: RMSE, else the first that ranks models and has a value.

    Both are empty where none does.
    """
    total = scores[scores["axis"] == "total"]
    if not total["n_obs"].any():
        name = metrics[0].name
        raise InputError([Fault("nothing-to-score", f"no model has a {name}: all demand is hidden or unknown", "score",
                                "set score.hidden_demand: as_is, or look at in_stock")])  # fmt: skip
    for metric in sorted((m for m in metrics if m.ranks), key=lambda m: m.name != "rmse"):
        values = total[total["metric"] == metric.name].set_index("model")["value"]
        found = values[np.isfinite(values)]
        if len(found):
            return metric.name.upper().replace("_", " "), str(found.map(metric.distance).idxmin())
    return "", ""


def _report(session: Session) -> None:
    from .report import write_report
    from .scorecard import review_of, write_scorecard
    from .summary import facts_of, tables_of

    write_report(tables_of(session), facts_of(session), session.run.path / "report.html")
    if session.config.scorecard is not None:
        write_scorecard(review_of(session), session.run.path / "scorecard.html")
    session.run.record("report")


__all__ = ["STEPS", "Session", "Step", "checked", "data_facts", "do", "open_session", "run"]
