"""The config of an online experiment: where its outcomes are, how arms are drawn, what is measured, how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from backtest.faults import Fault, InputError, nearest

from ..online.effect import Adjust, Inference
from ..online.metric import Better, OnlineMetric, Role
from .faults import faults_of, together
from .read_yaml import read_yaml, set_key
from .section import Count, Level, Name, Section
from .windows import Moment, moment_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PRIMARY = ("profit", "revenue", "sold")
"""Columns that are the primary metric where the config names none: the first that there is."""


def _start(value: object) -> object:
    """Keep a whole number, which counts periods as the file does; everything else must be a date."""
    return value if isinstance(value, int) and not isinstance(value, bool) else moment_of(value)


def _several(value: object) -> object:
    """Take one number for a list of one."""
    return (value,) if isinstance(value, int) else value


Start = Annotated[int | Moment, BeforeValidator(_start)]
Lengths = Annotated[tuple[Count, ...], Field(min_length=1), BeforeValidator(_several)]


class OutcomesTable(Section):
    """A CSV or Parquet file of what was measured, a row a unit, period and segment.

    path : relative to `root`; `analyze` reads the file that it is given, in this layout.
    root : folder of the files, relative to the config; `${NAME:-default}` reads the environment.
    columns : our column name (unit, ds, arm, experiment, any value) -> the file's.
    segments : further key columns, such as a brand; totals are sums over them.
    negative : columns that may be below zero, beside profit.
    """

    path: str
    root: str = "."
    columns: dict[str, str] = {}
    segments: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


class UnitsTable(Section):
    """A CSV or Parquet file with one row a unit: what is known of it, for strata and balance.

    path : relative to `root`, which is that of the outcomes where it is not given.
    columns : our column name (unit, any other) -> the file's.
    """

    path: str
    root: str | None = None
    columns: dict[str, str] = {}


class Design(Section):
    """Who gets what, when, and for how long; times are in periods of the outcomes.

    unit : what is randomised: a store, an item, or (switchback) a store for `block` periods at a time.
    arms : name -> share, in any unit; the first is the control.
    assignment : complete draws over all units at once; stratified within `strata`; matched within groups of alike
        units, as many as there are arms.
    strata : static columns; by default the thirds of the first primary metric in the pre-period.
    balance : metrics, by their pre-period, and static columns of numbers that must be balanced; by default the primary
        metrics. Matched groups are formed on them.
    accept : share of draws that is good enough in balance; 1 takes every draw.
    pre_periods : periods before the start that balance and CUPED look at.
    start : first period of the test, by default the one after the history.
    periods : length of the test; of several the first is planned, the others are compared with it.
    effect : share of the control's value that is hoped for, such as 0.02; its power, and the units it needs, are told.
    washout : first periods of the test, or of every block, that are left out: stock of before is still being sold.
    """

    unit: Literal["store", "item", "switchback"] = "store"
    arms: dict[Name, Annotated[float, Field(gt=0)]] = {"control": 1.0, "treatment": 1.0}
    assignment: Literal["complete", "stratified", "matched"] = "stratified"
    strata: tuple[str, ...] = ()
    balance: tuple[str, ...] = ()
    accept: Annotated[float, Field(ge=0.001, le=1)] = 0.1
    pre_periods: Annotated[int, Field(ge=0)] = 26
    start: Start | None = None
    periods: Lengths = (8,)
    effect: Annotated[float, Field(gt=0, le=10)] | None = None
    washout: Annotated[int, Field(ge=0)] = 0
    block: Count = 2

    @model_validator(mode="after")
    def _fits(self) -> Design:
        found = []
        if len(self.arms) < 2:
            found.append(("design.arms", f"{len(self.arms)} arm has nothing to be compared with", "name two or more"))
        if self.strata and self.assignment != "stratified":
            found.append(("design.strata", f"assignment is {self.assignment}", "say stratified, or leave strata out"))
        if self.washout >= self.shortest:
            what = f"washout={self.washout} leaves nothing of {self.shortest} periods"
            found.append(("design.washout", what, "make it shorter, or the test or block longer"))
        if self.unit == "switchback":
            found += [
                ("design.block", f"{periods} periods are no whole number of blocks of {self.block}", "change either")
                for periods in self.periods if periods % self.block
            ]  # fmt: skip
        if found:
            raise together(found)
        return self

    @property
    def shortest(self) -> int:
        """Periods that a unit stays in an arm, at the least."""
        return self.block if self.unit == "switchback" else min(self.periods)

    @property
    def control(self) -> str:
        """The arm that the others are compared with."""
        return next(iter(self.arms))


class MetricSpec(Section):
    """A metric of the experiment; see `forecast_eval.online.metric.OnlineMetric`.

    of : a column, or "numerator / denominator"; by default the column that has the metric's name.
    """

    of: str | None = None
    better: Better = "higher"
    role: Role = "diagnostic"
    margin: float | None = None

    def named(self, name: str) -> OnlineMetric:
        """Give the metric."""
        return OnlineMetric.of(name, self.of or name, better=self.better, role=self.role, margin=self.margin)


class Analysis(Section):
    """How effects are estimated; see `forecast_eval.online.effect.Method`.

    adjust : auto is cuped where there is a pre-period, else none.
    power : probability with which a design finds its minimum detectable effect.
    draws : of permutation and bootstrap.
    sequential : intervals that hold however often the experiment is looked at.
    """

    adjust: Literal[Adjust, "auto"] = "auto"
    inference: Inference = "cluster"
    confidence: Level = 0.95
    power: Level = 0.8
    draws: Annotated[int, Field(ge=99, le=100_000)] = 1999
    sequential: bool = False


class ExperimentConfig(Section):
    """A whole experiment, for `forecast-eval design` and `forecast-eval analyze`.

    metrics : name -> what it is; see `metrics_of` for the default.
    models : arm -> the forecaster of a run that it used, for `forecast-eval compare`.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    seed: Annotated[int, Field(ge=0)] = 1
    outcomes: OutcomesTable
    units: UnitsTable | None = None
    design: Design = Design()
    metrics: dict[Name, MetricSpec] = {}
    analysis: Analysis = Analysis()
    models: dict[str, str] = {}

    @model_validator(mode="after")
    def _sound(self) -> ExperimentConfig:
        found = [
            (f"models.{arm}", f"{arm!r} is not an arm", nearest(arm, self.design.arms))
            for arm in self.models if arm not in self.design.arms
        ]  # fmt: skip
        for name, spec in self.metrics.items():
            try:
                spec.named(name)
            except InputError as error:
                found += [(fault.place, fault.what, fault.fix) for fault in error.faults]
        if self.metrics and all(spec.role != "primary" for spec in self.metrics.values()):
            found.append(("metrics", "no metric is primary", "set role: primary for the one that decides"))
        if found:
            raise together(found)
        return self


def metrics_of(config: ExperimentConfig, columns: Iterable[str]) -> tuple[OnlineMetric, ...]:
    """Metrics of the experiment; without any in the config, every column of the outcomes is one.

    Of the columns then profit is primary if there is such a column, else revenue, else sold, else the first; all others
    are diagnostics.

    columns : of values that the outcomes have.

    Raises InputError for a metric that needs a column which there is not.
    """
    known = list(columns)
    if not config.metrics:
        first = next((name for name in PRIMARY if name in known), known[0] if known else None)
        return tuple(OnlineMetric(c, c, role="primary" if c == first else "diagnostic") for c in known)
    metrics = tuple(spec.named(name) for name, spec in config.metrics.items())
    lacking = [(metric.name, c) for metric in metrics for c in metric.columns if c not in known]
    if lacking:
        raise InputError([
            Fault("unknown-column", f"the outcomes have no column {column!r}", f"metrics.{name}.of",
                  nearest(column, known)) for name, column in lacking
        ])  # fmt: skip
    return metrics


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Read and validate an experiment's YAML; `overrides` are "section.key=value" texts whose values are YAML.

    Raises InputError with every fault: missing file, bad YAML, unknown key (with the nearest known one), bad value.
    """
    tree = read_yaml(path, "config file")
    for override in overrides:
        set_key(tree, override)
    return experiment_of(tree, str(path))


def experiment_of(tree: Mapping[str, Any], source: str) -> ExperimentConfig:
    """Experiment from a mapping; `source` is its name in faults."""
    try:
        return ExperimentConfig.model_validate(tree)
    except ValidationError as error:
        raise InputError(faults_of(error, ExperimentConfig, source)) from error


__all__ = [
    "Analysis",
    "Design",
    "ExperimentConfig",
    "MetricSpec",
    "OutcomesTable",
    "UnitsTable",
    "experiment_of",
    "load_experiment",
    "metrics_of",
]
