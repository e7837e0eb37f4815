"""The scorecard: which metrics decide whether a model may launch, by what weight, and within which limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from .scores import MetricSpec
from .section import Section

TOTAL = ("total", "all")
"""Axis and group of a metric over everything."""


def _word(given: object) -> object:
    """Take a number for the name that it is: `group: 3` of the axis step."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


Finite = Annotated[float, Field(allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Word = Annotated[str, BeforeValidator(_word)]


class ScorecardMetric(Section):
    """One metric of the scorecard, and the ends between which it earns points.

    The worse end is a limit: beyond it the model fails, whatever its total. At the better one it has 100 points.

    metric : a name, of `forecast-eval metrics`, or a mapping that defines one.
    weight : of its points in the total; 0 leaves the limit only.
    floor, ceiling : lowest and highest value, in the metric's unit (0.95 for a share of 95 %); of its distance from 0
        where 0 is best. Where lower is better, or 0 is best, ceiling is the limit and floor is 0 unless it is given;
        where higher is better floor is the limit, and ceiling is 1 of a share and 100 of a percentage.
    axis, group : part of the panel that it is taken over, as trend and trending; by default all of it.
    """

    metric: MetricSpec
    weight: Weight = 1.0
    floor: Finite | None = None
    ceiling: Finite | None = None
    axis: str = TOTAL[0]
    group: Word = TOTAL[1]

    @property
    def name(self) -> str:
        """Name of the metric."""
        return self.metric if isinstance(self.metric, str) else str(self.metric["name"])

    @model_validator(mode="after")
    def _fits(self) -> ScorecardMetric:
        if (self.axis == TOTAL[0]) != (self.group == TOTAL[1]):
            raise ValueError(
                f"axis {self.axis!r} with group {self.group!r}: give both, or neither for all of the panel"
            )
        return self


class Scorecard(Section):
    """A weighted set of metrics with limits, on one page for those who decide about a launch; see `ScorecardMetric`."""

    title: Annotated[str, Field(min_length=1)] = "May it launch?"
    metrics: Annotated[tuple[ScorecardMetric, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _weighed(self) -> Scorecard:
        keys = [(each.name, each.axis, each.group) for each in self.metrics]
        again = sorted({name for name, axis, group in keys if keys.count((name, axis, group)) > 1})
        if again:
            raise ValueError(f"{', '.join(again)} stands twice for the same group: leave one out")
        if not sum(each.weight for each in self.metrics):
            raise ValueError("every weight is 0, so that there is no total: give one of them a weight")
        return self
