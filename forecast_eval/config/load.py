"""The whole config, and how it is read: every key, its type and its default, validated before anything runs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, model_validator

from backtest.faults import InputError, nearest

from .calibration import Calibration
from .data import Data
from .faults import faults_of, together
from .forecasters import ForecasterSpec
from .money import Compare, Order
from .online import BestOn, Online
from .quality import Quality
from .read_yaml import read_yaml, set_key
from .scorecard import Scorecard
from .scores import Score
from .section import Name, Section
from .simulate import Simulate
from .windows import Backtest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


UNDEPLOYABLE = ("file", "ensemble", "residual_quantiles")
"""Kinds of forecasters that need the forecasts of others."""


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
    online: Online | None = None
    calibration: Calibration | None = None
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
            *(("online.candidates", name) for name in self._candidates()),
        ]
        unknown = [(key, name) for key, name in named if name is not None and name not in self.forecasters]
        if unknown:
            raise together([
                (key, f"{name!r} is not a forecaster", nearest(name, self.forecasters)) for key, name in unknown
            ])  # fmt: skip
        return self

    @model_validator(mode="after")
    def _tests_can_be_played(self) -> Config:
        if self.online is None:
            return self
        world, found = self.data.world, []
        needed = self.online.weeks + self.backtest.horizon
        if world is None:
            found.append(("online", "only a synthetic market can play a test", "give data.world, or leave online out"))
        elif world.ahead < needed:
            what = f"{world.ahead} weeks after the history are fewer than the test and the horizon of its last week"
            found.append(("data.world.ahead", what, f"set it to {needed} or more"))
        if world is not None:
            found += self.online.beyond(world)
        if self.backtest.step != 1:
            found.append(("backtest.step", "the shops of a market order every week", "set it to 1"))
        days = {(b - a).days for a, b in pairwise(self.backtest.cutoffs)}
        if days - {7}:
            found.append(("backtest.cutoffs", "the shops of a market order every week", "give cutoffs a week apart"))
        if self.backtest.gap:
            found.append(("backtest.gap", "the shops of a market know last week's sales", "leave it out"))
        found += [
            ("online.candidates", f"{name} is of kind {self.forecasters[name].kind}, which nobody can deploy by itself",
             "test a forecaster that forecasts anew each week")
            for name in (self.compare.incumbent, *self._candidates())
            if name in self.forecasters and name not in self.deployable
        ]  # fmt: skip
        if self.compare.incumbent in self._candidates():
            found.append(("online.candidates", "the incumbent is the control", "name others"))
        ranked = [*self.score.names, "profit"]
        found += [
            ("online.candidates", f"{one.best!r} is not among score.metrics", nearest(one.best, ranked))
            for one in self.online.candidates
            if isinstance(one, BestOn) and one.best not in ranked
        ]
        if found:
            raise together(found)
        return self

    @property
    def deployable(self) -> tuple[str, ...]:
        """Forecasters that a shop could use by themselves: not made of others, nor made elsewhere."""
        return tuple(name for name, spec in self.forecasters.items() if spec.kind not in UNDEPLOYABLE)

    def _candidates(self) -> list[str]:
        return [one for one in (self.online.candidates if self.online else ()) if isinstance(one, str)]


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read and validate a YAML config; `overrides` are "section.key=value" texts whose values are YAML.

    Raises InputError with every fault: missing file, bad YAML, unknown key (with the nearest known one), bad value.
    """
    tree = read_yaml(path, "config file")
    for override in overrides:
        set_key(tree, override)
    return config_of(tree, str(path))


def config_of(tree: Mapping[str, Any], source: str) -> Config:
    """Config from a mapping; see `load_config`."""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise InputError(faults_of(error, Config, source)) from error
