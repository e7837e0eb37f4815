"""The A/B tests that a synthetic market plays after a backtest."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from backtest.faults import nearest

from .experiment import Analysis, Design, MetricSpec
from .faults import together
from .section import Count, Name, Section

MEASURES = (
    "exposure",
    "sold",
    "revenue",
    "cost_of_goods",
    "wasted",
    "waste_cost",
    "holding_cost",
    "stockouts",
    "profit",
)
"""What the shops of a market measure, by store and week."""


class BestOn(Section):
    """The forecaster that is best on a metric of `score`, or on `profit` in the simulation."""

    best: str


class Online(Section):
    """Tests of candidates against the incumbent, each in a market of its own that starts from the same recorded week.

    candidates : forecasters by name, or {best: rmse}: the one that is best on a metric, whichever that turns out to be.
        Where that is the incumbent, nothing is launched for it.
    design, metrics, analysis : as of an experiment; see `ExperimentConfig`. Units are stores, and arms are called
        control and treatment.
    refit : weeks after which a deployed forecaster is fitted anew.
    """

    candidates: Annotated[tuple[Name | BestOn, ...], Field(min_length=1)]
    design: Design = Design(periods=(12,), washout=3)
    metrics: dict[Name, MetricSpec] = {
        "profit": MetricSpec(role="primary"),
        "revenue": MetricSpec(),
        "stockout_rate": MetricSpec(of="stockouts / exposure", better="lower"),
        "waste": MetricSpec(of="waste_cost", better="lower"),
    }
    analysis: Analysis = Analysis()
    refit: Count = 4

    @property
    def weeks(self) -> int:
        """Length of the tests."""
        return self.design.periods[0]

    @model_validator(mode="after")
    def _of_stores(self) -> Online:
        found = []
        if self.design.unit != "store":
            found.append(("online.design.unit", f"a market randomises stores, not {self.design.unit}", "leave it out"))
        if set(self.design.arms) != {"control", "treatment"}:
            found.append(("online.design.arms", "the arms are control and treatment", "give their shares only"))
        for name, spec in self.metrics.items():
            lacking = [c for c in spec.named(name).columns if c not in MEASURES]
            found += [
                (f"online.metrics.{name}.of", f"a market does not measure {c!r}", nearest(c, MEASURES)) for c in lacking
            ]
        if all(spec.role != "primary" for spec in self.metrics.values()):
            found.append(("online.metrics", "no metric is primary", "set role: primary for the one that decides"))
        if found:
            raise together(found)
        return self
