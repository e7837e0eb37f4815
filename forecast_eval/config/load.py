"""The whole config, and how it is read: every key, its type and its default, validated before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from backtest.faults import Fault, InputError, nearest

from .data import Data
from .faults import faults_of, together
from .forecasters import ForecasterSpec
from .money import Compare, Order
from .quality import Quality
from .read_yaml import read_yaml
from .scorecard import Scorecard
from .scores import Score
from .section import Name, Section
from .simulate import Simulate
from .windows import Backtest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


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
    quality: Quality = Quality()
    backtest: Backtest
    forecasters: Annotated[dict[Name, ForecasterSpec], Field(min_length=1)]
    score: Score = Score()
    simulate: Simulate = Simulate()
    compare: Compare
    scorecard: Scorecard | None = None
    order: Order = Order()
    report: Report = Report()

    @model_validator(mode="after")
    def _names_known(self) -> Config:
        accuracy, drawn = self.simulate.accuracy, self.simulate.drawn
        named = [
            ("compare.incumbent", self.compare.incumbent),
            ("order.model", self.order.model),
            ("backtest.fallback", self.backtest.fallback),
            ("score.baseline", self.score.baseline),
            ("simulate.drawn.model", None if drawn is None else drawn.model),
            *(("simulate.accuracy.models", name) for name in (accuracy and accuracy.models) or ()),
        ]
        unknown = [(key, name) for key, name in named if name is not None and name not in self.forecasters]
        if unknown:
            raise together([
                (key, f"{name!r} is not a forecaster", nearest(name, self.forecasters)) for key, name in unknown
            ])  # fmt: skip
        return self


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read and validate a YAML config; `overrides` are "section.key=value" texts whose values are YAML.

    Raises InputError with every fault: missing file, bad YAML, unknown key (with the nearest known one), bad value.
    """
    tree = read_yaml(path, "config file")
    for override in overrides:
        _set(tree, override)
    return config_of(tree, str(path))


def config_of(tree: Mapping[str, Any], source: str) -> Config:
    """Config from a mapping; see `load_config`."""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise InputError(faults_of(error, Config, source)) from error


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
