"""A launch as plain JSON, and back: what the launch book stores, and what a person may write by hand."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from backtest.faults import Fault, InputError, attempt, refuse

from ..align.deltas import SHARE, Better, Deltas
from ..align.launch import Decision, Launch, OnlineTest
from ..config.faults import faults_of
from ..config.section import Count, Section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


def _printable(text: str) -> str:
    """Refuse what a terminal would obey and a database may not hold."""
    if not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


def _named(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _day(value: object) -> object:
    """Date of a text; pydantic by itself would take 20260105 for seconds since 1970."""
    if isinstance(value, str):
        return dt.date.fromisoformat(value.strip())
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        raise ValueError("must be a date, as 2026-01-05")  # noqa: TRY004 - what pydantic takes for a fault of the input
    return value


Text = Annotated[str, AfterValidator(_printable)]
Name = Annotated[Text, AfterValidator(_named)]
Day = Annotated[dt.date, BeforeValidator(_day)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class MetricTree(Section):
    """One difference; `error` stands where the side has no covariance."""

    name: Name
    delta: Number
    error: Annotated[Number, Field(gt=0)] | None = None
    unit: Text = SHARE
    better: Better | None = None
    base: Number | None = None


class SideTree(Section):
    """Differences of one side, with the covariance of their errors, or an error each."""

    metrics: Annotated[list[MetricTree], Field(min_length=1)]
    covariance: list[list[Number]] | None = None

    @model_validator(mode="after")
    def _one_kind_of_error(self) -> SideTree:
        given = [metric.error is not None for metric in self.metrics]
        if (self.covariance is None and not all(given)) or (self.covariance is not None and any(given)):
            raise ValueError("give a covariance, or an error for each metric, and not both")
        if self.covariance is not None and len({len(row) for row in self.covariance}) > 1:
            raise ValueError("the rows of the covariance differ in length")
        return self


class TrialTree(Section):
    """How it was measured."""

    unit: Text
    units: tuple[Count, Count]
    start: Day
    end: Day
    periods: Count
    washout: Annotated[int, Field(ge=0)] = 0
    assignment: Text = ""
    adjust: Text = ""

    @model_validator(mode="after")
    def _in_order(self) -> TrialTree:
        if self.end < self.start:
            raise ValueError(f"end {self.end} lies before start {self.start}")
        return self


class LaunchTree(Section):
    """A launch as JSON has it."""

    name: Name
    candidate: Name
    incumbent: Name
    judged: Day
    decision: Decision
    offline: SideTree
    online: SideTree | None = None
    cross: list[list[Number]] | None = None
    test: TrialTree | None = None
    groups: dict[Name, Text] = Field(default_factory=dict)
    source: dict[Name, Text] = Field(default_factory=dict)


def canonical(tree: object) -> str:
    """JSON of numbers, texts, lists and mappings, of which there is one only: keys sorted, floats exact, NaN as null.

    >>> canonical({"b": 0.1, "a": [float("nan"), 2], "c": np.float64(-1e-7)})
    '{"a":[null,2],"b":0.1,"c":-1e-07}'
    """
    return json.dumps(_plain(tree), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a tree of JSON
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(own) for key, own in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(own) for own in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def tree_of(launch: Launch) -> dict[str, Any]:
    """Give a launch as numbers, texts, lists and mappings; `launch_of` reads it back, every float as it was."""
    test = launch.test
    how = None if test is None else {name: getattr(test, name) for name in TrialTree.model_fields}
    plain: dict[str, Any] = _plain({
        "name": launch.name, "candidate": launch.candidate, "incumbent": launch.incumbent,
        "judged": launch.judged, "decision": launch.decision,
        "offline": _side(launch.offline), "online": None if launch.online is None else _side(launch.online),
        "cross": launch.cross, "test": how,
        "groups": launch.groups, "source": launch.source,
    })  # fmt: skip
    return plain


def _side(deltas: Deltas) -> dict[str, Any]:
    columns = zip(deltas.names, deltas.values, deltas.units, deltas.better, deltas.base, strict=True)
    metrics = [
        {"name": name, "delta": delta, "unit": unit, "better": better, "base": base}
        for name, delta, unit, better, base in columns
    ]
    return {"metrics": metrics, "covariance": deltas.covariance}


def launch_of(tree: object, source: str = "launch") -> Launch:
    """Launch of a tree, as `tree_of` gives it or a person wrote it.

    By hand, `error` of each metric may stand in place of a covariance, and then errors are independent; `unit` is a
    share where nothing is said, and `better` is what the catalogue of metrics says.

    source : file and place for faults.

    Raises InputError with every fault.
    """
    if not isinstance(tree, Mapping):
        refuse(
            [Fault("bad-value", f"{str(tree)[:40]!r} is no launch", source, "write a mapping: name, candidate, ...")]
        )
    try:
        read = LaunchTree.model_validate(tree)
    except ValidationError as error:
        refuse(faults_of(error, LaunchTree, source))
        raise
    sides = {"offline": read.offline, "online": read.online}
    return built(read, source, {
        name: [f"{source}, {name}.metrics.{k}" for k in range(len(side.metrics))]
        for name, side in sides.items() if side is not None
    })  # fmt: skip


def built(read: LaunchTree, source: str, places: Mapping[str, Sequence[str]]) -> Launch:
    """Launch of a tree whose types are right.

    source : file and place for faults. places : of each metric of offline and online.

    Raises InputError with every fault.
    """
    faults: list[Fault] = []
    sides = {"offline": read.offline, "online": read.online}
    made = {
        name: attempt(partial(deltas_of, side, places[name]), faults)
        for name, side in sides.items()
        if side is not None
    }
    if read.cross is not None and len({len(row) for row in read.cross}) > 1:
        faults.append(Fault("cross", "its rows differ in length", f"{source}, cross", "one column an online metric"))
    refuse(faults)
    offline = made["offline"]
    assert offline is not None
    return placed(source, lambda: Launch(
        read.name, read.candidate, read.incumbent, read.judged, read.decision, offline, made.get("online"),
        None if read.cross is None else np.array(read.cross, dtype=np.float64),
        None if read.test is None else OnlineTest(**dict(read.test)), read.groups, read.source,
    ))  # fmt: skip


def deltas_of(side: SideTree, places: Sequence[str]) -> Deltas:
    """Differences of one side; where no direction is given, that of the catalogue. places : of each metric."""
    ways = [metric.better or catalogued(metric.name) for metric in side.metrics]
    refuse([fault for metric, place in zip(side.metrics, places, strict=True) for fault in unsaid(metric, place)])
    covariance = side.covariance
    if covariance is None:
        with np.errstate(over="ignore"):  # an error beyond all numbers is refused as a variance that is none
            covariance = np.diag(np.square([metric.error or 0.0 for metric in side.metrics])).tolist()
    return placed(places[0], lambda: Deltas(
        tuple(metric.name for metric in side.metrics), np.array([metric.delta for metric in side.metrics]),
        np.array(covariance, dtype=np.float64), tuple(metric.unit for metric in side.metrics),
        tuple(way for way in ways if way is not None),
        np.array([np.nan if metric.base is None else metric.base for metric in side.metrics]),
    ))  # fmt: skip


def unsaid(metric: MetricTree, place: str) -> Iterator[Fault]:
    """Faults of a metric that leaves open which way is better, or in what it is measured."""
    if metric.better is None and catalogued(metric.name) is None:
        yield Fault("missing-key", f"{metric.name} does not say which way is better", place,
                    "add better: higher or lower; the catalogue of metrics does not say it of this name")  # fmt: skip
    if "unit" not in metric.model_fields_set and abs(metric.delta) >= 1:
        what = f"{metric.name} of {metric.delta:g} would be a change by {metric.delta:+.0%}, as no unit is given"
        yield Fault("no-unit", what, place, "write 0.031 for 3.1 %, or say the unit: share, or that of the metric")


def catalogued(metric: str) -> Better | None:
    """Which way a metric of the catalogue should go; None where it does not say.

    >>> catalogued("profit"), catalogued("waste"), catalogued("bias"), catalogued("our own")
    ('higher', 'lower', 'lower', None)
    """
    from ..scores.catalogue import catalogue

    try:
        direction = catalogue().named([metric])[0].direction
    except InputError:
        return None
    # of a metric whose best value is 0, a difference is that of its distance from 0
    ways: Mapping[str, Better] = {"higher": "higher", "lower": "lower", "zero": "lower"}
    return ways.get(direction)


def placed(source: str, build: Callable[[], T]) -> T:
    """Give what `build` gives; the faults that it raises are said to stand in `source`."""
    try:
        return build()
    except InputError as error:
        raise InputError(replace(own, place=f"{source}: {own.place}") for own in error.faults) from error
