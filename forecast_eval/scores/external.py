"""Metrics of others: a function, a `Metric`, or a metric of utilsforecast, by name or by entry point."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.adapters.named_objects import current, source_of
from backtest.faults import Fault, InputError, nearest

from .fixed_table import values_on_fixed_table
from .measures import Measure, Ratio
from .metric import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

    from .measures import Over, Per
    from .metric import Direction
    from .observations import Observations

    Floats = NDArray[np.float64]

GROUP = "forecast_eval.metrics"
"""Entry points of this group are metrics."""
OBSERVATIONS = ("observations", "o")
"""What the first parameter of a function of observations is called."""
SIGNS: Mapping[str, Direction] = {"bias": "zero", "cfe": "zero", "coverage": "none", "calibration": "none"}
"""Directions of utilsforecast's metrics; those of all others are lower."""


@dataclass(frozen=True, slots=True)
class External:
    """What a catalogue says of code.

    object : "package.module:Object", or the name of an entry point.
    params : its arguments.
    how : factor, form and per of a function of observations.
    folder : where modules are looked for too, after those that are installed.
    """

    object: str
    params: Mapping[str, Any]
    how: Ratio = field(default_factory=lambda: Ratio("one"))
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """Which code it is: name, arguments as JSON, and a hash of the file that it is in, so that an edit is seen."""

    object: str
    params: str
    source: str


@dataclass(frozen=True, slots=True)
class Found:
    """How code is computed, and the words that it has."""

    formula: str
    direction: Direction | None
    measure: Measure


@dataclass(frozen=True, slots=True)
class FunctionMeasure:
    """A function of observations, its values added up as those of a statistic are; see `Ratio`.

    code : which it is.
    how : factor, form and per.
    function : observations -> [series, step], or (numerator, denominator) of that shape; NaN where it is not defined.
    """

    code: Code
    how: Ratio
    function: Callable[[Observations], Any] = field(repr=False, compare=False)

    @property
    def over(self) -> Over:
        """Each cell is an observation."""
        return "cells"

    @property
    def per(self) -> Per:
        """Whether sums are pooled, or those of each series."""
        return self.how.per

    def parts(self, o: Observations) -> tuple[Floats | None, ...]:
        """Numerator and denominator [series, step]; ones where the function gives no denominator.

        Raises InputError where it fails, or gives another shape.
        """
        said = asked(self.code, lambda: self.function(o))
        pair = said if isinstance(said, tuple) else (said, None)
        if len(pair) != 2:
            raise fault(self.code, f"gave {len(pair)} arrays", "give [series, step], or (numerator, denominator)")
        shape = o.cells.demand.shape
        parts = tuple(None if part is None else self._checked(part, shape) for part in pair)
        return parts if parts[0] is not None else (np.ones(shape), parts[1])

    def _checked(self, part: Any, shape: tuple[int, ...]) -> Floats:  # noqa: ANN401 - whatever it gave
        try:
            values = np.asarray(part, dtype=float)
        except (TypeError, ValueError):
            raise fault(self.code, f"gave a {type(part).__name__}", "give an array [series, step]") from None
        if values.shape != shape:
            raise fault(self.code, f"gave an array of shape {values.shape} for {shape}", "give [series, step]")
        return values

    def value(self, sums: Floats) -> Floats:
        """Value of the sums."""
        return self.how.value(sums)


@dataclass(frozen=True, slots=True)
class ImportedMeasure:
    """The measure of a `Metric` that lies in a module, with the code that it is from.

    own : the measure itself.
    """

    code: Code
    own: Measure = field(repr=False, compare=False)

    @property
    def over(self) -> Over:
        """As its own."""
        return self.own.over

    @property
    def per(self) -> Per:
        """As its own."""
        return self.own.per

    def parts(self, o: Observations) -> tuple[Floats | None, ...]:
        """As its own; InputError where it fails."""
        parts: tuple[Floats | None, ...] = asked(self.code, lambda: self.own.parts(o))
        return parts

    def value(self, sums: Floats) -> Floats:
        """As its own."""
        return self.own.value(sums)


def found_metric(external: External, place: str) -> Metric | Found:
    """Find a metric of others, and try it on the fixed table.

    The object is a `Metric`; a function `f(observations, **params)`, see `FunctionMeasure`; or a function whose first
    parameters are `df, models`, as utilsforecast has them, see `frame_metric`.

    place : of the entry, for faults.

    Raises InputError where there is no such object (the nearest is named), it cannot be imported, does not take the
    params, is no metric, or fails on the fixed table.

    >>> found_metric(External("utilsforecast.losses:maee", {}), "score.metrics.0")
    Traceback (most recent call last):
    ...
    backtest.faults.InputError: score.metrics.0: utilsforecast.losses has no 'maee'; did you mean 'mae'?
    """
    try:
        folder = None if external.folder is None else str(external.folder.resolve())
        own, module = current(external.object, folder, group=GROUP)
        params = json.dumps(dict(external.params), sort_keys=True, default=repr)
        found = _found(own, Code(external.object, params, _source(own, module)), external)
        if found.measure is not None:
            values_on_fixed_table(found.measure)
    except InputError as error:
        raise InputError([replace(each, place=place) for each in error.faults]) from error
    return found


def function_measure(function: Callable[..., Any], params: Mapping[str, Any] | None = None,
                     how: Ratio | None = None) -> FunctionMeasure:  # fmt: skip
    """Measure of a function of observations, for a `Metric` that is made in Python.

    >>> import numpy as np
    >>> def too_much(observations, *, above):
    ...     return np.maximum(observations.error - above, 0.0)
    >>> metric = Metric("too_much", "mean((forecast - demand - 2)+)", "units", "lower",
    ...                 measure=function_measure(too_much, {"above": 2.0}))
    """
    given = dict(params or {})
    module = inspect.getmodule(function)
    source = "" if module is None else source_of(function, module)
    name = f"{function.__module__}:{function.__qualname__}"
    code = Code(name, json.dumps(given, sort_keys=True, default=repr), source)
    return FunctionMeasure(code, how or Ratio("one"), partial(function, **given))


def _found(own: Any, code: Code, external: External) -> Metric | Found:  # noqa: ANN401 - whatever was named
    if isinstance(own, Metric):
        return _own_metric(own, code, external)
    if not callable(own) or isinstance(own, type):
        raise fault(code, "is a class" if isinstance(own, type) else f"is of type {type(own).__name__}",
                    "name a function f(observations, **params), a forecast_eval.scores.Metric, or a metric of "
                    "utilsforecast")  # fmt: skip
    first = list(inspect.signature(own).parameters)
    said = (inspect.getdoc(own) or "").partition("\n")[0]
    setting = ", ".join(f"{key}={value}" for key, value in external.params.items())
    formula = f"{code.object}({setting})" + (f": {said}" if said else "")
    if first[:2] == ["df", "models"]:
        from .frame_metric import frame_metric

        refuse_how(code, external)
        return Found(f"mean over series and windows of {formula}", SIGNS.get(own.__name__, "lower"),
                     frame_metric(own, external.params, code))  # fmt: skip
    if not first or first[0] not in OBSERVATIONS:
        raise fault(code, f"begins with the parameter {first[0]!r}" if first else "takes no parameter",
                    "a metric is a function of observations, or of df and models")  # fmt: skip
    refuse_params(own, code, external.params, first[:1])
    return Found(formula, None, FunctionMeasure(code, external.how, partial(own, **external.params)))


def _source(own: Any, module: ModuleType) -> str:  # noqa: ANN401 - whatever was named
    """Hash of the files that it is in; the class of a `Metric` is ours, and its function may lie elsewhere."""
    if not isinstance(own, Metric):
        return source_of(own, module)
    code = getattr(own.measure, "code", None)
    return source_of(module, module) + ("" if code is None else f"-{code.source}")


def _own_metric(own: Metric, code: Code, external: External) -> Metric:
    refuse_how(code, external)
    if external.params:
        raise fault(code, f"is a Metric and takes no params: {', '.join(external.params)}", "leave params out")
    return own if own.measure is None else replace(own, measure=ImportedMeasure(code, own.measure))


def refuse_how(code: Code, external: External) -> None:
    """Refuse factor, form and per where the code knows how it is added up."""
    if external.how != Ratio("one"):
        raise fault(code, "knows by itself how it is added up", "leave factor, form and per out")


def refuse_params(own: Callable[..., Any], code: Code, params: Mapping[str, Any], ours: list[str]) -> None:
    """Refuse params that a function does not take, and lacking ones that it needs; `ours` are what it is handed."""
    signature = inspect.signature(own)
    try:
        signature.bind(**dict.fromkeys(ours), **params)
    except TypeError as error:
        takes = [name for name in signature.parameters if name not in ours]
        unknown = next((key for key in params if key not in takes), None)
        fix = (
            f"params it takes: {', '.join(takes) or 'none'}"
            if unknown is None or not takes
            else nearest(unknown, takes)
        )
        raise fault(code, f"does not take the params: {error}", fix) from error


def asked(code: Code, say: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it says
    """What code of others says; InputError that names it where it fails."""
    try:
        return say()
    except InputError:
        raise
    except Exception as error:
        raise fault(code, f"failed: {type(error).__name__}: {error}", "mend the metric, or its params") from error


def fault(code: Code, what: str, fix: str) -> InputError:
    """Give the error of code that is no metric, or fails."""
    return InputError([Fault("metric", f"{code.object} {what}", "score.metrics", fix)])
