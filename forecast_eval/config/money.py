"""Whom all models are compared with, and the orders of today."""

from __future__ import annotations

from pydantic import field_validator

from .policies import OrderUpToSpec, PolicySpec, settings_in
from .section import Count, Level, Section


class Compare(Section):
    """The model that all others are compared with, and how.

    cluster : static column whose values are the clusters of the interval, or two of them, as [store, sku]: series of a
        store hang together, and so may those of a product. Paired differences are shown by the first. None takes the
        store, because online tests randomise stores, and the product where it is sold in several of them; see
        `forecast_eval.money.clustering`.
    block : cutoffs in one time block; None takes as many as a unit of stock can bind together.
    """

    incumbent: str
    confidence: Level = 0.95
    cluster: str | tuple[str, ...] | None = None
    block: Count | None = None

    @field_validator("cluster", mode="before")
    @classmethod
    def _names(cls, given: object) -> object:
        if given is None or isinstance(given, str):
            return given
        names = list(given) if isinstance(given, list | tuple) else []
        words = {name for name in names if isinstance(name, str)}
        if len(names) not in {1, 2} or len(words) < len(names):
            raise ValueError("give the name of a static column, or a list of two different ones")
        return tuple(names)

    @property
    def clusters(self) -> tuple[str, ...] | None:
        """Static columns of the clusters; None leaves the choice to the data."""
        return (self.cluster,) if isinstance(self.cluster, str) else self.cluster


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
        count = settings_in(policy)
        if count != 1:
            raise ValueError(f"orders need one setting, and there are {count}")
        return policy
