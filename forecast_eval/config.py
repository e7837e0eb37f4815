"""The YAML config: every key, its type and its default, validated before anything runs."""

from __future__ import annotations

import os
import re
from datetime import datetime  # noqa: TC003 - pydantic reads the annotation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from backtest.faults import Fault, InputError, nearest

from .config_faults import faults_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Level = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Factor = Annotated[float, Field(gt=0, le=1e6)]
Layout = Literal["long", "wide"]
Name = Annotated[str, Field(pattern=r"^\w[\w .+-]*$")]
"""A name that can be part of a file's name and of a table."""
DateFeature = Literal["week", "month", "quarter", "dayofweek", "dayofyear", "day", "hour", "year", "is_month_end"]


class Section(BaseModel):
    """A part of the config: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Table(Section):
    """A CSV or Parquet file, plain or gzipped.

    path : relative to `data.root`.
    layout : long (a row a period) or wide (a row a series, a column a period).
    columns : our column name -> the file's; columns that are not named keep their names.
    """

    path: str
    layout: Layout = "long"
    columns: dict[str, str] = {}


class EconomicsTable(Section):
    """Prices and supply terms: a file, values that hold for every series, or a file with values for absent columns."""

    path: str | None = None
    columns: dict[str, str] = {}
    values: dict[str, float] = {}

    @model_validator(mode="after")
    def _something(self) -> EconomicsTable:
        if self.path is None and not self.values:
            raise ValueError("give a path, or values that hold for every series")
        return self


class StateTable(Section):
    """Stock at a moment: on hand, and in transit by the number of periods until it can be sold.

    in_transit : columns of the file, the first one arriving in the next period.
    """

    path: str
    on_hand: str = "on_hand"
    in_transit: tuple[str, ...] = ()


class World(Section):
    """A synthetic market instead of files; its knobs are those of `forecast_eval.world.MarketSpec`."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Data(Section):
    """Where history, economics and state come from.

    root : folder of the files, relative to the config; `${NAME:-default}` reads the environment.
    id : columns of every file whose values, joined by "/", make unique_id.
    missing_periods : what an absent row between a series' first and last means: an error, or nothing sold.
    """

    root: str = "."
    id: tuple[str, ...] = ("unique_id",)
    freq: str | None = None
    history: Table | None = None
    in_stock: Table | None = None
    static: Table | None = None
    demand: Table | None = None
    economics: EconomicsTable | None = None
    state: StateTable | None = None
    world: World | None = None
    known_future: tuple[str, ...] = ()
    missing_periods: Literal["error", "zero"] = "error"

    @model_validator(mode="after")
    def _one_source(self) -> Data:
        if (self.history is None) == (self.world is None):
            raise ValueError("give either history (files) or world (a synthetic market)")
        if self.history is not None and self.economics is None:
            raise ValueError("economics is missing: without prices there is no money")
        return self


class Backtest(Section):
    """Rolling windows, in periods of the history; see `backtest.RollingWindows`.

    hidden_demand : what training does with stockout periods: take sales as they are, or fill them with the mean of
        the last stocked periods.
    """

    horizon: Count
    windows: Count
    step: Count = 1
    refit: Count = 1
    input_size: Count | None = None
    last_cutoff: datetime | None = None
    quantiles: tuple[Level, ...] = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    hidden_demand: Literal["as_is", "fill"] = "fill"
    on_failure: Literal["stop", "skip"] = "stop"
    workers: Count = 2

    @field_validator("quantiles")
    @classmethod
    def _ascending(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(levels)))


class StatsForecastSpec(Section):
    """A statsforecast model by its class name, with its arguments."""

    kind: Literal["statsforecast"]
    model: str
    params: dict[str, Any] = {}


class LightGBMSpec(Section):
    """LightGBM through mlforecast; see `backtest.adapters.LightGBM`."""

    kind: Literal["lightgbm"]
    lags: tuple[Count, ...]
    rolling_means: tuple[Count, ...] = ()
    date_features: tuple[DateFeature, ...] = ()
    static: tuple[str, ...] = ()
    quantiles: bool = False
    params: dict[str, Any] = {}


class SeasonalAverageSpec(Section):
    """Moving average of seasonally adjusted sales; see `backtest.adapters.SeasonalAverage`."""

    kind: Literal["seasonal_average"]
    window: Count = 13
    season: Literal["week", "month", "dayofweek", "none"] = "week"


class FileSpec(Section):
    """Forecasts made elsewhere: a file in our contract or in Nixtla's wide columns.

    model : which of the file's models; needed where it has several.
    """

    kind: Literal["file"]
    path: str
    columns: dict[str, str] = {}
    model: str | None = None


ForecasterSpec = Annotated[
    Union[StatsForecastSpec, LightGBMSpec, SeasonalAverageSpec, FileSpec],  # noqa: UP007 - pydantic's discriminator
    Field(discriminator="kind"),
]


class Trend(Section):
    """Which SKUs are called trending, as of each cutoff; see `losses.trend_probability`."""

    recent: Count = 4
    factor: Annotated[float, Field(gt=0)] = 1.2
    probability: Level = 0.9
    base: Count = 26


class Score(Section):
    """Metrics by name (see `forecast_eval.scores`), and the columns by which they are broken down.

    hidden_demand : stockout periods are left out of scores, or their sales are taken for demand.
    """

    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "rmse",
        "mae",
        "mape",
        "wape",
        "bias",
        "newsvendor_cost",
    )
    by: tuple[str, ...] = ()
    hidden_demand: Literal["as_is", "masked"] = "masked"
    trend: Trend = Trend()


class OrderUpToSpec(Section):
    """Order up to a quantile of demand over lead time plus review period.

    coverage : probabilities of no shortage, the same for every SKU.
    service_factor : times the underage cost in each SKU's own critical ratio; 1 is the newsvendor's optimum.
    """

    kind: Literal["order_up_to"]
    coverage: tuple[Level, ...] = ()
    service_factor: tuple[Factor, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> OrderUpToSpec:
        if not self.coverage and not self.service_factor:
            raise ValueError("give coverage or service_factor")
        return self


class PeriodsOfSupplySpec(Section):
    """Order up to the point forecast of the next periods: the planner's rule."""

    kind: Literal["periods_of_supply"]
    periods: Annotated[tuple[Count, ...], Field(min_length=1)]


PolicySpec = Annotated[
    Union[OrderUpToSpec, PeriodsOfSupplySpec],  # noqa: UP007 - pydantic's discriminator
    Field(discriminator="kind"),
]


class Simulate(Section):
    """How forecasts become orders and money.

    judged : number of last cutoffs whose orders are judged; the cutoffs before them choose each model's setting. None
        judges two thirds of the cutoffs that can be played.
    initial_cover : periods of recent mean sales on hand at the start where no state is given; None takes lead time
        plus review period.
    hidden_demand : in stockout periods take sales for demand, or fill it.
    scenarios : demand paths a series from which the order-up-to levels are read.
    """

    judged: Count | None = None
    policies: Annotated[tuple[PolicySpec, ...], Field(min_length=1)] = (
        OrderUpToSpec(kind="order_up_to", service_factor=(0.25, 0.5, 1.0, 2.0, 4.0)),
    )
    initial_cover: Annotated[float, Field(ge=0)] | None = None
    hidden_demand: Literal["as_is", "fill"] = "fill"
    scenarios: Annotated[int, Field(ge=50, le=10_000)] = 400


class Compare(Section):
    """The model that all others are compared with, and how.

    cluster : static column that is one cluster of the interval; stores, because online tests randomise stores.
    block : cutoffs in one time block; None takes as many as a unit of stock can bind together.
    """

    incumbent: str
    confidence: Level = 0.95
    cluster: str | None = None
    block: Count | None = None


class OrderTemplate(Section):
    """A file whose rows, in their order, the order file must have; `column` gets the orders."""

    path: str
    column: str = "order"


class Order(Section):
    """What `forecast-eval order` does: the model and setting that order, and the form of the file.

    model : a forecaster; None takes the incumbent.
    policy : a policy with one setting.
    windows : earlier cutoffs from whose errors the distribution of demand is learned.
    """

    model: str | None = None
    policy: PolicySpec = OrderUpToSpec(kind="order_up_to", service_factor=(1.0,))
    windows: Count = 12
    template: OrderTemplate | None = None

    @field_validator("policy")
    @classmethod
    def _one_setting(cls, policy: PolicySpec) -> PolicySpec:
        settings = policy.model_dump(exclude={"kind"}).values()
        count = sum(map(len, settings))
        if count != 1:
            raise ValueError(f"orders need one setting, and there are {count}")
        return policy


class Report(Section):
    """What the report shows.

    timeline : unique_ids to draw, or how many to choose (those where the models' money differs most).
    currency : sign or code put before money.
    """

    title: str | None = None
    timeline: tuple[str, ...] | Annotated[int, Field(ge=0, le=50)] = 4
    currency: str = "EUR"


class Config(Section):
    """A whole run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    seed: Annotated[int, Field(ge=0)] = 1
    data: Data
    backtest: Backtest
    forecasters: Annotated[dict[Name, ForecasterSpec], Field(min_length=1)]
    score: Score = Score()
    simulate: Simulate = Simulate()
    compare: Compare
    order: Order = Order()
    report: Report = Report()

    @model_validator(mode="after")
    def _names_known(self) -> Config:
        for key, name in (("compare.incumbent", self.compare.incumbent), ("order.model", self.order.model)):
            if name is not None and name not in self.forecasters:
                raise ValueError(f"{key}={name!r} is not a forecaster; {nearest(name, self.forecasters)}")
        return self


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read and validate a YAML config; `overrides` are "section.key=value" texts whose values are YAML.

    Raises InputError with every fault: missing file, bad YAML, unknown key (with the nearest known one), bad value.
    """
    if not path.is_file():
        raise InputError([Fault("missing-file", "no such config file", str(path), "check the path")])
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = " ".join(str(error).split())
        raise InputError([Fault("bad-yaml", f"not YAML: {message}", str(path), "correct the line")]) from error
    if not isinstance(tree, dict):
        raise InputError([Fault("bad-yaml", "the config is not a mapping of keys", str(path), "see configs/demo.yaml")])
    for override in overrides:
        _set(tree, override)
    return config_of(tree, str(path))


class _UniqueKeys(yaml.SafeLoader):
    """A safe loader for which a key that stands twice is an error, not the last one's win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        again = [key for k, key in enumerate(keys) if key in keys[:k]]
        if again:
            raise yaml.constructor.ConstructorError(None, None, f"the key {again[0]!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def config_of(tree: Mapping[str, Any], source: str) -> Config:
    """Config from a mapping; see `load_config`."""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise InputError(faults_of(error, Config, source)) from error


def resolved_path(path: str, root: str, base: Path) -> Path:
    """Path of a data file: environment names filled in, relative to `root`, which is relative to `base`."""
    return base / Path(_environment(root)) / Path(_environment(path))


ENVIRONMENT = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def _environment(text: str) -> str:
    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise InputError([Fault("environment", f"the environment has no {match[1]}", text, "set it")])
        return found

    return ENVIRONMENT.sub(value, text)


def _set(tree: dict[str, Any], override: str) -> None:
    key, sign, text = override.partition("=")
    if not sign:
        raise InputError([Fault("bad-override", f"{override!r} is not key=value", "--set", "write section.key=value")])
    *parents, last = key.strip().split(".")
    node = tree
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise InputError([Fault("bad-override", f"{parent!r} has no keys below it", f"--set {key}", "check it")])
    try:
        node[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        what = f"{text!r} is not YAML: {' '.join(str(error).split())}"
        raise InputError([Fault("bad-override", what, f"--set {key}", "correct the value")]) from error
