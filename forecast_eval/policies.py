"""From config to policies: every setting that is tried, and policies of the user's own."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest import Fault, InputError
from backtest.adapters.named_objects import current, source_of
from backtest.faults import nearest, refuse

from .config import (
    CappedSpec,
    NewsvendorSpec,
    OrderUpToSpec,
    PeriodsOfSupplySpec,
    ProjectedSpec,
    PythonPolicySpec,
    ReorderPointSpec,
)
from .simulate import Rule
from .simulate.policies import (
    CallablePolicy,
    CappedBaseStock,
    Coverage,
    CriticalRatio,
    Newsvendor,
    OrderUpToCoverage,
    OrderUpToCriticalRatio,
    PeriodsOfSupply,
    ProjectedNewsvendor,
    ReorderPoint,
    WasteConscious,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from .config import PolicySpec, WasteConsciousSpec
    from .simulate import Decide, Outlook, Policy, View
    from .simulate.policies import Service

    Aimed = NewsvendorSpec | ReorderPointSpec | CappedSpec | WasteConsciousSpec | ProjectedSpec

PLACE = "simulate.policies"


def policies_of(specs: Iterable[PolicySpec], *, folder: Path | None = None, place: str = PLACE) -> tuple[Policy, ...]:
    """Every setting of every policy, in the order of the config.

    folder : of the config, where modules of the user's own are looked for too.
    place : key of the policies, for faults.

    Raises InputError with every fault: a policy of the user's own that cannot be found or called.
    """
    faults: list[Fault] = []
    made: list[Policy] = []
    for n, spec in enumerate(specs):
        try:
            made += _settings(spec, folder)
        except InputError as error:
            faults += [replace(fault, place=f"{place}.{n}.object") for fault in error.faults]
    refuse(faults)
    return tuple(made)


def _settings(spec: PolicySpec, folder: Path | None) -> list[Policy]:
    if isinstance(spec, PeriodsOfSupplySpec):
        return [PeriodsOfSupply(n) for n in sorted(spec.periods)]
    if isinstance(spec, PythonPolicySpec):
        return [imported_policy(spec.object, spec.params, folder=folder)]
    if isinstance(spec, OrderUpToSpec):
        return [
            *(OrderUpToCoverage(level) for level in sorted(spec.coverage)),
            *(OrderUpToCriticalRatio(factor) for factor in sorted(spec.service_factor)),
        ]
    return [policy for service in _aims(spec) for policy in _aimed(spec, service)]


def _aims(spec: Aimed) -> list[Service]:
    return [*map(Coverage, sorted(spec.coverage)), *map(CriticalRatio, sorted(spec.service_factor))]


def _aimed(spec: Aimed, service: Service) -> list[Policy]:
    """Policies that aim at a level of service."""
    if isinstance(spec, CappedSpec):
        return [CappedBaseStock(service, periods=cap) for cap in sorted(spec.cap)]
    if isinstance(spec, ReorderPointSpec):
        return [ReorderPoint(service, spec.lot)]
    if isinstance(spec, NewsvendorSpec):
        return [Newsvendor(service)]
    return [ProjectedNewsvendor(service) if isinstance(spec, ProjectedSpec) else WasteConscious(service)]


@dataclass(frozen=True, slots=True, eq=False)
class ImportedPolicy:
    """A policy that lies in a module; `imported_policy` makes it. Its repr changes with its code and its params.

    object : "package.module:Object".
    params : its arguments, as (name, value) pairs.
    source : hash of the file that it is in.
    own : the policy itself.
    """

    object: str
    params: tuple[tuple[str, Any], ...]
    source: str
    own: Policy = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the rule."""
        return self.own.name

    @property
    def label(self) -> str:
        """Words for the setting."""
        return self.own.label

    @property
    def knob(self) -> float:
        """Position of the setting."""
        return self.own.knob

    def rule(self, outlook: Outlook) -> Rule | Decide:
        """What it says.

        Raises InputError where it fails, or where that is no rule and no decision of every series.
        """
        said = self._asked(lambda: self.own.rule(outlook))
        if isinstance(said, Rule):
            return said
        series = len(outlook.supply)

        def decide(view: View) -> NDArray[np.float64]:
            wanted = np.asarray(self._asked(lambda: said(view)), dtype=float)
            if wanted.shape != (series,):
                raise self._fault(f"gave quantities of shape {wanted.shape}, and ({series},) are asked for")
            return wanted

        return decide

    def _asked(self, say: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it says
        try:
            return say()
        except Exception as error:
            raise self._fault(f"failed: {type(error).__name__}: {error}") from error

    def _fault(self, what: str) -> InputError:
        return InputError([Fault("policy", f"{self.object} {what}", PLACE, "mend the policy")])


def imported_policy(name: str, params: dict[str, Any] | None = None, *, folder: Path | None = None) -> ImportedPolicy:
    """Find a policy of the user's own and see that it is one.

    name : "package.module:Object": a function `f(outlook, **params)` that gives a `Rule` or a decision, a policy, or a
        class that makes one of params.
    folder : where modules are looked for too, after those that are installed.

    Raises InputError where there is no such object (the nearest is named), it cannot be imported, does not take the
    params, or is no policy.

    >>> imported_policy("forecast_eval.simulate.policies:PeriodsOfSupply", {"periods": 3}).label
    '3 periods of supply'
    >>> imported_policy("forecast_eval.simulate:Powicy")
    Traceback (most recent call last):
    ...
    backtest.faults.InputError: simulate.policies: forecast_eval.simulate has no 'Powicy'; did you mean 'Policy'?
    """
    given = params or {}
    try:
        found, module = current(name, None if folder is None else str(folder.resolve()))
    except InputError as error:
        raise InputError([replace(fault, place=PLACE) for fault in error.faults]) from error
    return ImportedPolicy(name, tuple(sorted(given.items())), source_of(found, module), _policy(name, found, given))


def _policy(name: str, found: Any, params: dict[str, Any]) -> Policy:  # noqa: ANN401 - whatever was named
    if isinstance(found, type):
        try:
            own = _bound(name, found, params)()
        except (TypeError, ValueError) as error:
            raise _refusal("bad-parameter", f"{name} refuses its params: {error}", "correct the params") from error
        if not _is_policy(own):
            raise _refusal("no-policy", f"{name} makes a {type(own).__name__}, which is no policy",
                           "a policy has name, label, knob and rule(outlook)")  # fmt: skip
        return own  # type: ignore[no-any-return]
    if _is_policy(found):
        if params:
            raise _refusal("unknown-parameter", f"{name} is a policy already and takes no params: {', '.join(params)}",
                           "name its class, or leave params out")  # fmt: skip
        return found  # type: ignore[no-any-return]
    if not callable(found):
        raise _refusal("no-policy", f"{name} is a {type(found).__name__}, neither a policy nor a function",
                       "name a function f(outlook, **params), a policy, or its class")  # fmt: skip
    setting = ", ".join(f"{key}={value}" for key, value in params.items())
    title = name.partition(":")[2].replace("_", " ")
    return CallablePolicy(title, _bound(name, found, params, "outlook"), f"{title}, {setting}" if setting else "")


def _bound(name: str, found: Any, params: dict[str, Any], *first: str) -> partial[Any]:  # noqa: ANN401 - the same
    """Give what was found with its params; `first` are handed to it before them."""
    expected = inspect.signature(found).parameters
    try:
        inspect.signature(found).bind(*first, **params)
    except TypeError as error:
        takes = list(expected)[len(first) :]
        unknown = next((key for key in params if key not in takes), None)
        fix = f"it takes {', '.join(takes) or 'none'}" if unknown is None or not takes else nearest(unknown, takes)
        raise _refusal("unknown-parameter", f"params of {name}: {error}", fix) from error
    return partial(found, **params)


def _is_policy(found: Any) -> bool:  # noqa: ANN401 - the same
    return callable(getattr(found, "rule", None)) and all(hasattr(found, key) for key in ("name", "label", "knob"))


def _refusal(rule: str, what: str, fix: str) -> InputError:
    return InputError([Fault(rule, what, PLACE, fix)])
