"""How forecasts become orders and money, and whom they are compared with."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import Field, field_validator, model_validator

from .section import Count, Factor, Level, Section


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
