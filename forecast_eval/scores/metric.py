"""A metric: its definition in words, how it is computed, and a hash of both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from .measures import Measure

Ranking = Literal["lower", "higher", "zero"]
Direction = Literal[Ranking, "none"]
Source = Literal["forecasts", "simulator", "online"]
Takes = Literal["", "quantile", "interval"]
INTERVALS = ("covered", "interval_score")
"""Statistics whose level is that of a central interval; that of the others is a quantile's."""
DIRECTIONS, SOURCES = get_args(Direction), get_args(Source)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, defined once.

    formula : in the words of the contract; sums and means are over the observations of a group.
    unit : of the value.
    direction : which values are better; "zero" where both signs are bad, "none" where no value is good by itself.
    functional : what a forecast must be to score best, or "" where the metric elicits none.
    question : the business question that it answers.
    limitations : when it misleads.
    inputs : what it needs beside forecasts and sales.
    source : what it is computed from: forecasts, the simulator, or what happened online.
    refresh : when it is computed again.
    owner : who answers for the definition.
    reference : where the definition is from, or "".
    differs : what others who use the name do otherwise, or "".
    findings : what past launches showed of it, as `forecast-eval align --record` writes it, or "".
    takes : what a number behind the name is the level of: a quantile (pinball_0.9), or a central interval, which has
        no value without one (coverage_80); "" takes none.
    measure : how it is computed; None where the simulator or an online test gives the value.
    """

    name: str
    formula: str
    unit: str
    direction: Direction
    functional: str = ""
    question: str = ""
    limitations: str = ""
    inputs: tuple[str, ...] = ()
    source: Source = "forecasts"
    refresh: str = ""
    owner: str = ""
    reference: str = ""
    differs: str = ""
    findings: str = ""
    takes: Takes = ""
    measure: Measure | None = None

    @property
    def version(self) -> str:
        """Hash of all that the value depends on.

        These are formula, unit, direction, functional, how it is computed, and what it gives on a small fixed table, so
        that a change of code shows as a change of words does.
        """
        return _hash(self)

    @property
    def ranking(self) -> Ranking:
        """Direction of a metric that models can be ranked by; ValueError for one of no direction."""
        if self.direction == "none":
            raise ValueError(f"{self.name} ranks nothing: no value of it is good by itself")
        return self.direction

    @property
    def ranks(self) -> bool:
        """Whether models can be ranked by it; the right value of coverage is that of the interval, and no end."""
        return self.direction != "none" and getattr(self.measure, "numerator", "") != "covered"

    @property
    def levels(self) -> tuple[float, ...]:
        """Quantile levels that it cannot do without: its own, or the ends of its central interval.

        >>> from forecast_eval.scores import metrics_named
        >>> [round(level, 3) for level in metrics_named(["coverage_80"])[0].levels]
        [0.1, 0.9]
        """
        level: float | None = getattr(self.measure, "level", None)
        if level is None:
            return ()
        of_interval = getattr(self.measure, "numerator", "") in INTERVALS
        return ((1 - level) / 2, (1 + level) / 2) if of_interval else (level,)

    @property
    def needs_level(self) -> bool:
        """Whether it has no value until a level is named, as coverage."""
        return self.takes == "interval" and getattr(self.measure, "level", None) is None

    def better(self, value: float, other: float) -> bool:
        """Whether a value is better than another; NaN is better than nothing.

        >>> Metric("bias", "", "%", "zero").better(-1.0, 4.0)
        True
        """
        return self.distance(value) < self.distance(other)

    def distance(self, value: float) -> float:
        """Value turned so that the smaller is the better; NaN where no direction is."""
        return {"lower": value, "higher": -value, "zero": abs(value), "none": float("nan")}[self.direction]

    def words(self) -> dict[str, Any]:
        """All that is written of it, for files: its fields, how it is computed, what that gives on the fixed table."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        computed = {"measure": _described(self.measure), "values": _values(self), "version": self.version}
        return own | {"inputs": list(self.inputs)} | computed


HASHED = ("name", "formula", "unit", "direction", "functional", "source")
"""Words that are part of what a value means; the others say who owns it, and what it is good for."""


def _described(measure: Any) -> dict[str, Any] | None:  # noqa: ANN401 - whatever computes; narrowed below
    """What a measure says of itself; what its repr leaves out, as a function, is not written."""
    if measure is None:
        return None
    kind = type(measure)
    if not is_dataclass(measure):
        return {"kind": f"{kind.__module__}.{kind.__qualname__}"}  # a repr may hold an address of this process
    own = {f.name: getattr(measure, f.name) for f in fields(measure) if f.repr}
    return {"kind": kind.__name__} | {
        name: asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        for name, value in own.items()
    }


@cache
def _values(metric: Metric) -> tuple[str, ...] | None:
    from .fixed_table import key_figure_on_fixed_table, values_on_fixed_table

    if metric.measure is not None:
        return tuple(values_on_fixed_table(metric.measure))
    return key_figure_on_fixed_table(metric.name) if metric.source == "simulator" else None


@cache
def _hash(metric: Metric) -> str:
    words = {name: getattr(metric, name) for name in HASHED}
    whole = {**words, "measure": _described(metric.measure), "values": _values(metric)}
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=repr).encode()).hexdigest()[:12]
