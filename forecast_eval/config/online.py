"""The A/B tests that a synthetic market plays after a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from backtest.faults import nearest

from .experiment import Analysis, Design, MetricSpec
from .faults import together
from .section import Count, Name, Section

if TYPE_CHECKING:
    from .data import World

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

    What is deployed are forecaster, policy and its setting; the market has its own lorries, substitutes and events, so
    that `simulate.conventions`, `truck` and `substitution` are those of the simulation alone.
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

    def beyond(self, world: World) -> list[tuple[str, str, str]]:
        """What a market is too small for: key, what is wrong with it, and fix, of each."""
        from ..online.design import FEWEST_IN_ARM
        from ..world import MarketSpec

        weeks, stores = (getattr(world, name, getattr(MarketSpec(), name)) for name in ("weeks", "stores"))
        if not all(isinstance(count, int) for count in (weeks, stores)):
            return []  # reading the market says so
        pre, longest, found = self.design.pre_periods, max(self.design.periods), []
        if pre + longest > weeks:
            what = f"a pre-period of {pre} weeks and a test of {longest} cannot be played on a history of {weeks}"
            found.append(("online.design", what, f"shorten either, or set data.world.weeks to {pre + longest} or more"))
        least = stores * min(self.design.arms.values()) / sum(self.design.arms.values())
        if least < FEWEST_IN_ARM:
            what = f"the smaller arm gets {int(least)} of {stores} stores, and an arm needs {FEWEST_IN_ARM}"
            found.append(("online.design.arms", what, "set data.world.stores to more"))
        return found

    @model_validator(mode="after")
    def _of_stores(self) -> Online:
        found = []
        if self.design.unit != "store":
            found.append(("online.design.unit", f"a market randomises stores, not {self.design.unit}", "leave it out"))
        if tuple(self.design.arms) != ("control", "treatment"):  # the first is what others are compared with
            what = f"the arms are control and treatment, in this order, not {' and '.join(self.design.arms)}"
            found.append(("online.design.arms", what, "give their shares only"))
        if self.design.start is not None:
            what = "a test starts in the week after the history"
            found.append(("online.design.start", what, "leave it out, and set data.world.weeks"))
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
