"""How forecasts become orders and money, and what is asked beside the money."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .policies import OrderUpToSpec, PolicySpec
from .section import Count, Section

Share = Annotated[float, Field(ge=0, le=1)]
Assumption = Literal["as_is", "masked", "fill", "em", "kaplan_meier", "hours"]
"""What is assumed of the demand of periods that were not fully in stock; see `Simulate.hidden_demand`."""


def _names(given: object) -> object:
    """Give one name as a list of one."""
    return (given,) if isinstance(given, str) else given


Columns = Annotated[tuple[str, ...], BeforeValidator(_names), Field(min_length=1)]


class ConventionsSpec(Section):
    """What inventory systems do differently, in the words of `forecast_eval.simulate.Conventions`.

    Orders are placed at the cutoffs, each the end of a period; backtest.gap places them later.

    arrival : goods arrive before_demand of their period, or after_demand: then they sell from the next.
    backordered : share of the customers finding an empty shelf who wait; the others are lost.
    holding : what is left is counted after_expiry, or before_expiry with what is thrown away.
    purchases : goods are booked as cost at their sale (or when they are thrown away), as cash at receipt, or at order.
    discount : factor by which money loses worth each period.
    warm_up : first periods of a play that are not scored.
    stock_value : worth of the stock at the start and at the end of the scored periods: none, cost or salvage.
    """

    arrival: Literal["before_demand", "after_demand"] = "before_demand"
    backordered: Share = 0.0
    holding: Literal["after_expiry", "before_expiry"] = "after_expiry"
    purchases: Literal["sale", "receipt", "order"] = "sale"
    discount: Annotated[float, Field(gt=0, le=1)] = 1.0
    warm_up: Annotated[int, Field(ge=0)] = 0
    stock_value: Literal["none", "cost", "salvage"] = "none"


class TruckSpec(Section):
    """One delivery shared by series; what does not fit is cut from all of them in proportion, in whole packs.

    by : static column whose values have a truck each, such as store.
    capacity : units that fit into one, each period.
    """

    by: str
    capacity: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SubstitutionSpec(Section):
    """Customers who find an empty shelf and buy a neighbour.

    by : static columns; series that have the same value in all of them stand in for each other: [store, category].
    share : of the customers who would be lost.
    """

    by: Columns
    share: Share

    @field_validator("by")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))


class AccuracySpec(Section):
    """What a better forecast would earn: forecasts are blended with the truth, and each blend is played.

    models : forecasters that are blended; None takes the incumbent and the best of the others.
    shares : of the truth in the forecast; 0 is the forecast itself, and is always among them.
    """

    models: tuple[str, ...] | None = None
    shares: tuple[Share, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)

    @field_validator("models")
    @classmethod
    def _some(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and not names:
            raise ValueError("name a forecaster, or leave models out")
        return None if names is None else tuple(dict.fromkeys(names))

    @field_validator("shares")
    @classmethod
    def _ascending(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not any(shares):
            raise ValueError("give a share above 0")
        return tuple(sorted({0.0, *shares}))


class DrawnSpec(Section):
    """Play courses of demand that are drawn from a forecast, beside the one course that happened.

    model : forecaster whose distribution they are drawn from.
    paths : how many.
    together : whether all series have the same luck in a course, as if one weather ruled all of them; else series are
        independent. The truth lies between: the first overstates how money varies, the second understates it.
    """

    model: str
    paths: Annotated[int, Field(ge=2, le=10_000)] = 100
    together: bool = False


class Simulate(Section):
    """How forecasts become orders and money.

    judged : number of last cutoffs whose orders are judged; the cutoffs before them choose each model's setting. None
        judges two thirds of the cutoffs that can be played.
    policies : how orders are made of a forecast; every model plays every setting.
    initial_cover : periods of recent mean sales on hand at the start where no state is given; None takes lead time
        plus review period.
    scenarios : demand paths a series from which the order-up-to levels are read.
    tails : of demand beyond a forecast's outermost quantiles: exponential, through the two next to them, or flat.
    conventions : what inventory systems do differently.
    truck, substitution : series that share a delivery, and customers who buy a neighbour.
    hidden_demand : what the play takes for demand in stockout periods, where the truth is not known. as_is: the sales;
        masked: filled demand that is played and not judged; fill: the mean of the last stocked periods; em: the mean
        above the sales of a distribution that knows that they are too low (Tobit); kaplan_meier: the same without a
        shape of the distribution; hours: sales scaled by the share of the day's demand that falls into the hours in
        stock.
    hour_profile : for hours, the weight of each opening hour in a day's demand; None weighs them alike.
    bounds : money is reported under each of these assumptions too: it may hang on what nobody saw.
    accuracy, drawn : see `AccuracySpec` and `DrawnSpec`; None does not ask.
    worst : how many of the series that lack most to perfect foresight are listed, for each model.
    """

    judged: Count | None = None
    policies: Annotated[tuple[PolicySpec, ...], Field(min_length=1)] = (
        OrderUpToSpec(kind="order_up_to", service_factor=(0.25, 0.5, 1.0, 2.0, 4.0)),
    )
    initial_cover: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    scenarios: Annotated[int, Field(ge=50, le=10_000)] = 400
    tails: Literal["exponential", "flat"] = "exponential"
    conventions: ConventionsSpec = ConventionsSpec()
    truck: TruckSpec | None = None
    substitution: SubstitutionSpec | None = None
    hidden_demand: Assumption = "fill"
    hour_profile: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] | None = None
    bounds: tuple[Assumption, ...] = ()
    accuracy: AccuracySpec | None = None
    drawn: DrawnSpec | None = None
    worst: Annotated[int, Field(ge=0, le=1000)] = 10

    @field_validator("hour_profile")
    @classmethod
    def _weighs(cls, profile: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if profile is not None and not sum(profile) > 0:
            raise ValueError("give the weight of each opening hour, some of them above 0")
        return profile

    @field_validator("bounds")
    @classmethod
    def _once(cls, assumptions: tuple[Assumption, ...]) -> tuple[Assumption, ...]:
        return tuple(dict.fromkeys(assumptions))

    @model_validator(mode="after")
    def _asked_for_hours(self) -> Simulate:
        if self.hour_profile is not None and "hours" not in {self.hidden_demand, *self.bounds}:
            raise ValueError("hour_profile is given, and neither hidden_demand nor bounds asks for hours")
        return self
