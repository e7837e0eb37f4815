"""One entry of a catalogue: what it must say, and the metric that it makes."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from backtest.faults import Fault, InputError, nearest, refuse

from ..config.faults import faults_of
from ..config.section import Section
from .hierarchy import Hierarchical
from .measures import CalibrationError, Form, Measure, Per, Ratio
from .metric import Direction, Metric, Source, Takes
from .statistics import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _statistic(name: str) -> str:
    if name not in STATISTICS:
        raise ValueError(f"there is no such statistic, {nearest(name, STATISTICS)}")
    return name


Text = Annotated[str, StringConstraints(strip_whitespace=True)]
Statistic = Annotated[str, AfterValidator(_statistic)]
Kind = Literal["calibration", "wrmsse", "wspl"]
LEVELS: Mapping[str, Takes] = {"pinball": "quantile", "covered": "interval", "interval_score": "interval"}
"""Statistics that take a level, and of what; those of an interval cannot do without."""
COMPUTED = ("numerator", "kind", "object")
REFRESHED: Mapping[str, str] = {
    "forecasts": "with every backtest",
    "simulator": "with every simulation",
    "online": "with every experiment",
}


class Entry(Section):
    """What stands in a catalogue under the name of a metric; see `Metric` for the words.

    One of these says how it is computed, and none does where the source is the simulator or an online test:
    numerator : a name in `STATISTICS`, with denominator, factor, form, per and level; see `Ratio`.
    kind : one of the measures that are no ratio of sums.
    object : "package.module:Object", or an entry point of the group `forecast_eval.metrics`, called with `params`; see
        `external.measure_of`. Of a function of observations, factor, form and per say how its values are added up.
    """

    formula: Text = ""
    unit: Text = ""
    direction: Direction | None = None
    functional: Text = ""
    question: Text = ""
    limitations: Text = ""
    inputs: tuple[Text, ...] = ()
    source: Source = "forecasts"
    refresh: Text = ""
    owner: Text = ""
    reference: Text = ""
    differs: Text = ""
    findings: Text = ""
    takes: Takes = ""
    numerator: Statistic | None = None
    denominator: Statistic = "one"
    factor: float = 1.0
    form: Form = "ratio"
    per: Per = "observations"
    level: Annotated[float, Field(gt=0, lt=1)] | None = None
    kind: Kind | None = None
    object: str | None = None
    params: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies defaults


WORDS = ("formula", "unit", "functional", "question", "limitations", "inputs", "source", "refresh", "owner",
         "reference", "differs", "findings", "takes")  # fmt: skip


def entry_of(tree: Any, place: str) -> Entry:  # noqa: ANN401 - whatever the file holds
    """Check the keys and types of an entry; InputError with every fault."""
    if not isinstance(tree, dict):
        raise InputError([Fault("bad-value", f"{tree!r} is no mapping of keys", place, "write formula, unit, ...")])
    try:
        return Entry.model_validate(tree)
    except ValidationError as error:
        raise InputError(faults_of(error, Entry, place)) from error


def metric_of(name: str, entry: Entry, place: str, *, folder: Path | None = None) -> Metric:
    """Metric of an entry; InputError with every fault.

    place : of the entry, for faults. folder : where modules of its object are looked for too.

    >>> entry = Entry(formula="sum of errors / sum of demand", unit="ratio", direction="zero",
    ...               numerator="error", denominator="demand")
    >>> metric_of("drift", entry, "team.yaml, drift").measure.denominator
    'demand'
    """
    refuse([*_lacking(name, entry, place), *_miscomputed(entry, place)])
    words = {key: getattr(entry, key) for key in WORDS if key in entry.model_fields_set}
    words.setdefault("refresh", REFRESHED[entry.source])
    if entry.object is not None:
        return _imported(name, entry, words, place=place, folder=folder)
    assert entry.direction is not None
    return Metric(**{"formula": "", "unit": ""} | words, name=name, direction=entry.direction, measure=_measure(entry))


def tree_of(metric: Metric) -> dict[str, Any]:
    """Entry of a metric as it stands in YAML, so that a team can copy it: `metric_of` of it is the metric again.

    >>> tree_of(Metric("drift", "sum of errors", "units", "zero", measure=Ratio("error")))
    {'formula': 'sum of errors', 'unit': 'units', 'direction': 'zero', 'numerator': 'error'}
    """
    words = {f.name: getattr(metric, f.name) for f in fields(metric) if f.name not in {"name", "measure"}}
    said = {key: list(value) if isinstance(value, tuple) else value for key, value in words.items() if value}
    if metric.source == "forecasts":
        del said["source"]
    return said | _computed(metric.measure)


def _computed(measure: Any) -> dict[str, Any]:  # noqa: ANN401 - one of many
    """Keys that say how a measure is computed."""
    if isinstance(measure, CalibrationError):
        return {"kind": "calibration"}
    if isinstance(measure, Hierarchical):
        return {"kind": measure.kind}
    code = getattr(measure, "code", None)
    how = measure if isinstance(measure, Ratio) else getattr(measure, "how", None)
    keys = () if how is None else tuple(f for f in fields(how) if code is None or f.name in {"factor", "form", "per"})
    own = {f.name: getattr(how, f.name) for f in keys if getattr(how, f.name) != f.default}
    if code is None:
        return own
    params = json.loads(code.params)
    return own | {"object": code.object} | ({"params": params} if params else {})


def _lacking(name: str, entry: Entry, place: str) -> list[Fault]:
    """Words that every metric must have; code may bring its own."""
    if entry.object is not None:
        return []
    lacking = [key for key in ("formula", "unit", "direction") if not getattr(entry, key)]
    return [Fault("missing-key", f"{name} says no {key}", place, f"add {key}") for key in lacking]


def _miscomputed(entry: Entry, place: str) -> list[Fault]:
    ways = [key for key in COMPUTED if getattr(entry, key) is not None]
    if entry.source == "forecasts" and len(ways) != 1:
        said = "says not how it is computed" if not ways else f"is computed by {' and '.join(ways)}"
        return [Fault("bad-value", f"the metric {said}", place, "give one of numerator, kind and object")]
    if entry.source != "forecasts" and ways:
        what = f"source {entry.source} and {ways[0]}: its value is not made of forecasts"
        return [Fault("bad-value", what, place, "leave one of them out")]
    return [*_unused(entry, ways, place), *_statistics(entry, place)]


def _unused(entry: Entry, ways: list[str], place: str) -> list[Fault]:
    """Keys that say how to compute what is computed in another way."""
    uses = {"numerator": {"denominator", "factor", "form", "per", "level"}, "kind": set(),
            "object": {"factor", "form", "per", "params"}}  # fmt: skip
    known = set().union(*uses.values())
    used = uses[ways[0]] if ways else set()
    return [
        Fault(
            "bad-value", f"{key} has no use with {ways[0] if ways else f'source {entry.source}'}", place, "leave it out"
        )
        for key in sorted((known - used) & entry.model_fields_set)
    ]


def _statistics(entry: Entry, place: str) -> list[Fault]:
    if entry.numerator is None:
        return []
    found: list[Fault] = []
    level = LEVELS.get(entry.numerator, "")
    if entry.denominator in LEVELS:
        found.append(Fault("bad-value", f"denominator {entry.denominator} takes a level", place, "take another"))
    if entry.level is not None and not level:
        found.append(Fault("bad-value", f"{entry.numerator} takes no level", place, "leave level out"))
    if entry.takes and entry.takes != level:
        found.append(Fault("bad-value", f"{entry.numerator} takes no {entry.takes}", place, "leave takes out"))
    if level == "interval" and entry.level is None and not entry.takes:
        fix = "add level: 0.8, or takes: interval to name it with the metric"
        found.append(Fault("bad-value", f"{entry.numerator} is of an interval, and none is named", place, fix))
    return found


def _measure(entry: Entry) -> Measure | None:
    if entry.kind == "calibration":
        return CalibrationError()
    if entry.kind is not None:
        return Hierarchical(entry.kind)
    if entry.numerator is None:
        return None
    return Ratio(entry.numerator, entry.denominator, entry.factor, entry.form, entry.per, entry.level)


def _imported(name: str, entry: Entry, words: dict[str, Any], *, place: str, folder: Path | None) -> Metric:
    """Metric of code: that of the code itself where it is one, with the entry's words in place of its own."""
    from .external import External, found_metric

    assert entry.object is not None
    how = Ratio("one", factor=entry.factor, form=entry.form, per=entry.per)
    own = found_metric(External(entry.object, entry.params, how, folder), place)
    said = words if entry.direction is None else words | {"direction": entry.direction}
    if isinstance(own, Metric):
        return replace(own, **said, name=name)
    fixed = own.direction if entry.direction is None else entry.direction
    if fixed is None:
        raise InputError([Fault("missing-key", f"{name} says no direction", place,
                                "add direction: lower, higher, zero or none")])  # fmt: skip
    return Metric(**{"formula": own.formula, "unit": ""} | words, name=name, direction=fixed, measure=own.measure)
