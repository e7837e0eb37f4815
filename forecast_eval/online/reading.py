"""What the analysis of an experiment says: nouns, and how they become JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from backtest.faults import Fault

    from ..inference import Interval
    from .effect import Effect
    from .guardrail import Guardrail
    from .metric import OnlineMetric
    from .ratio_check import RatioCheck

Standing = Literal["better", "worse", "not shown", "pass", "fail", "inconclusive"]
Part = Literal["before", "wash-out", "test"]


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody saw who looked after a period of the test; the interval holds at every look at once."""

    period: str
    difference: Interval


@dataclass(frozen=True, slots=True)
class Reading:
    """One treatment arm against the control on one metric.

    adjusted_p : by Holm's method over the primary metrics and arms, by Benjamini and Hochberg's over the diagnostics; a
        guardrail's is its own.
    standing : of a guardrail pass, fail or inconclusive; of any other whether it is shown to be better or worse.
    guardrail : what a guardrail's test says: how much worse, against which margin.
    segment : column and value, where it is a part of the whole.
    looks : of a sequential analysis, one after each period.
    """

    metric: OnlineMetric
    arm: str
    effect: Effect
    adjusted_p: float
    standing: Standing
    guardrail: Guardrail | None = None
    segment: tuple[str, str] | None = None
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """Difference between arms, period by period, each unit from its own mean of the pre-period where there is one.

    Intervals are those of one period by itself.
    """

    metric: str
    arm: str
    periods: tuple[str, ...]
    parts: tuple[Part, ...]
    differences: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Value of one metric in each unit of one arm, per period of the test."""

    metric: str
    arm: str
    units: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """When the experiment was, and what is looked at.

    every : how a period is called: day, week, month, or period.
    start, end : first and last period of the test. pre_start, pre_end : of the pre-period; None without one.
    periods, washout, pre_periods : how many; the wash-out is part of the periods.
    """

    every: str
    start: str
    end: str
    periods: int
    washout: int
    pre_start: str | None
    pre_end: str | None
    pre_periods: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """An experiment, read.

    arms : name -> units that are read, the control first; planned : name -> units that were to be.
    ratio : whether the counts of units can be an accident. Where they cannot, nothing else is read.
    readings : of every metric and treatment arm, in the order of the config. by_segment : diagnostics of parts.
    """

    name: str
    unit: Literal["store", "item", "switchback"]
    arms: dict[str, int]
    planned: dict[str, float]
    ratio: RatioCheck
    times: Times
    confidence: float
    readings: tuple[Reading, ...] = ()
    by_segment: tuple[Reading, ...] = ()
    courses: tuple[Course, ...] = ()
    spreads: tuple[Spread, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[Fault, ...] = ()

    @property
    def control(self) -> str:
        """The arm that others are compared with."""
        return next(iter(self.arms))

    @property
    def unit_words(self) -> str:
        """What a unit is called."""
        return "item" if self.unit == "item" else "store"

    @property
    def is_refused(self) -> bool:
        """Whether the counts of units are so odd that nothing is read."""
        return self.ratio.mismatch

    @property
    def has_failed(self) -> bool:
        """Whether a gate says no: the counts of units, or a guardrail."""
        return self.is_refused or any(own.standing == "fail" for own in self.readings)

    @property
    def as_json(self) -> dict[str, Any]:
        """Give numbers, texts, lists and mappings, with None for what is not known."""
        from .verdicts import sentences

        plain: dict[str, Any] = _plain(self)
        return plain | {"failed": self.has_failed, "verdict": list(sentences(self))}


def _plain(value: object) -> Any:  # noqa: ANN401 - what JSON can hold
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(own) for own in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
