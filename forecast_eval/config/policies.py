"""The policies of a config, one kind a class; see `forecast_eval.simulate.policies` for what each of them does.

Most aim at a service level. `service_factor` takes each SKU's own critical ratio, with the underage cost that many
times: 1 is the newsvendor's optimum, and the list makes the frontier. `coverage` is one level for every SKU, whatever
its prices. Each value of either list is a setting that is tried.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import BeforeValidator, Field, model_validator

from .section import Count, Factor, Level, Section

Levels = tuple[Level, ...]
Factors = tuple[Factor, ...]
S = TypeVar("S", bound=Section)


def _aims(spec: S) -> S:
    """See that there is a level of service to aim at."""
    if not getattr(spec, "coverage") and not getattr(spec, "service_factor"):  # noqa: B009 - fields of several specs
        raise ValueError("give coverage or service_factor")
    return spec


def _lot(given: object) -> object:
    if given is None or (isinstance(given, str) and given in {"economic", "pack"}):
        return given
    if isinstance(given, (int, float)) and not isinstance(given, bool) and 0 < given < float("inf"):
        return float(given)
    raise ValueError("give economic, pack, or a number of units above 0")


Lot = Annotated[float | Literal["economic", "pack"] | None, BeforeValidator(_lot)]


class OrderUpToSpec(Section):
    """Order up to a quantile of demand over lead time plus review period.

    coverage : probabilities of no shortage, the same for every SKU.
    service_factor : times the underage cost in each SKU's own critical ratio; 1 is the newsvendor's optimum.
    """

    kind: Literal["order_up_to"]
    coverage: Levels = ()
    service_factor: Factors = ()

    _aimed = model_validator(mode="after")(_aims)


class PeriodsOfSupplySpec(Section):
    """Order up to the point forecast of the next periods: the planner's rule."""

    kind: Literal["periods_of_supply"]
    periods: Annotated[tuple[Count, ...], Field(min_length=1)]


class NewsvendorSpec(Section):
    """Order for one cycle only, stock that will be gone by then not counted: goods of one period."""

    kind: Literal["newsvendor"]
    coverage: Levels = ()
    service_factor: Factors = ()

    _aimed = model_validator(mode="after")(_aims)


class ReorderPointSpec(Section):
    """Order only below a reorder point s, which saves order costs.

    lot : without it orders go up to S, an (s, S) policy; with it they are whole lots, an (s, nQ) policy: a number of
        units, `economic` for the economic order quantity in whole packs, or `pack`.
    """

    kind: Literal["reorder_point"]
    coverage: Levels = ()
    service_factor: Factors = ()
    lot: Lot = None

    _aimed = model_validator(mode="after")(_aims)


class CappedSpec(Section):
    """Order up to a level, but never more than a cap at once: steadier where sales are lost and lead times are long.

    cap : periods of mean demand; each cap is tried with each level of service.
    """

    kind: Literal["capped"]
    coverage: Levels = ()
    service_factor: Factors = ()
    cap: Annotated[tuple[Factor, ...], Field(min_length=1)]

    _aimed = model_validator(mode="after")(_aims)


class WasteConsciousSpec(Section):
    """Order up to a level, units that will have expired not counted as stock: perishables of several periods."""

    kind: Literal["waste_conscious"]
    coverage: Levels = ()
    service_factor: Factors = ()

    _aimed = model_validator(mode="after")(_aims)


class ProjectedSpec(Section):
    """Order by the stock that will be there when the order arrives: lost sales with a lead time."""

    kind: Literal["projected"]
    coverage: Levels = ()
    service_factor: Factors = ()

    _aimed = model_validator(mode="after")(_aims)


class PythonPolicySpec(Section):
    """A policy of your own.

    object : "package.module:Object", looked for in the config's folder too: a function `f(outlook, **params)` that
        gives a `Rule` or a decision (see `forecast_eval.simulate.policies.CallablePolicy`), a policy, or a class that
        makes one of params.
    params : its arguments.
    """

    kind: Literal["python"]
    object: Annotated[str, Field(pattern=r"^\w+(\.\w+)*:\w+(\.\w+)*$")]
    params: dict[str, Any] = {}


PolicySpec = Annotated[
    Union[  # noqa: UP007 - pydantic's discriminator
        OrderUpToSpec,
        PeriodsOfSupplySpec,
        NewsvendorSpec,
        ReorderPointSpec,
        CappedSpec,
        WasteConsciousSpec,
        ProjectedSpec,
        PythonPolicySpec,
    ],
    Field(discriminator="kind"),
]


def settings_in(spec: PolicySpec) -> int:
    """Number of settings of a policy that are tried."""
    if isinstance(spec, PythonPolicySpec):
        return 1
    if isinstance(spec, PeriodsOfSupplySpec):
        return len(spec.periods)
    aims = len(spec.coverage) + len(spec.service_factor)
    return aims * len(spec.cap) if isinstance(spec, CappedSpec) else aims
