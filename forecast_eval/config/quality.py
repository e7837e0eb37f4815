"""Which oddities of the data are looked for, how odd they must be, and which of them stop a run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .section import Level, Section

Times = Annotated[float, Field(gt=1)]


def _off(given: object) -> object:
    """Take YAML's `off`, which it reads as false, for the word."""
    return "off" if given is False else given


Severity = Annotated[Literal["error", "warning", "off"], BeforeValidator(_off)]
Note = Literal[
    "late-price", "leading-zeros", "no-covariate", "no-plan", "no-plan-row", "plan-rows", "price-below-cost",
    "rows-inserted", "unused-economics", "unused-rows",
]  # fmt: skip
"""Rules of the warnings that reading gives."""


class Rule(Section):
    """An oddity that is looked for: its severity, or a mapping of it and of thresholds.

    severity : error stops a run, warning is told, off is not looked for.
    """

    severity: Severity = "warning"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:  # noqa: ANN401 - what a YAML file holds
        return {"severity": given} if isinstance(given, str | bool) else given


class ExtremeValue(Rule):
    """A value more than `times` a series' usual high: the 90 % quantile of its periods with a sale."""

    times: Times = 10.0


class StaleTail(Rule):
    """A series that is in stock and sells nothing any more, for long.

    times : how many of its own longest gaps the silence lasts.
    chance : how likely so long a silence would be at most, if it sold as often as before.
    """

    times: Times = 2.0
    chance: Level = 1e-4


class LeadingZeros(Rule):
    """A series that sells nothing for long before its first sale; thresholds as those of `StaleTail`."""

    times: Times = 2.0
    chance: Level = 1e-4


class LevelShift(Rule):
    """A level that changes from one period to the next and stays, beyond season, trend and noise.

    times : how much higher or lower the mean after it is than before it.
    z : by how many standard errors.
    window : periods before and after it that are compared; by default eight weeks, and 12 periods at least.
    """

    times: Times = 3.0
    z: Annotated[float, Field(gt=0)] = 6.0
    window: Annotated[int, Field(ge=6)] | None = None


class CensoredShare(Rule):
    """Demand is hidden in more than `series` of a series' periods, or in more than `panel` of all periods."""

    series: Level = 0.5
    panel: Level = 0.3


class SoldOutOfStock(Rule):
    """Sales in more than `share` of the periods in which a series was never in stock, which in_stock=0 says."""

    share: Annotated[float, Field(ge=0, lt=1)] = 0.0


class EmptyPeriod(Rule):
    """A period in which all series together sold less than `share` of what they sold around it."""

    share: Level = 0.05


class UnfinishedEnd(Rule):
    """A last period with less than `share` of the lowest of the four comparable ones before it."""

    share: Level = 0.5


class EndsTogether(Rule):
    """More than `share` of the series end at the same period before the calendar does."""

    share: Level = 0.05


class PriceJump(Rule):
    """A price that is `times` its series' median price, or that part of it."""

    times: Times = 8.0


class Markup(Rule):
    """A price over unit cost that is `times` that of the median series, or that part of it."""

    times: Times = 5.0


class BelowCost(Rule):
    """More than `share` of the series with a price are sold below cost."""

    severity: Severity = "error"
    share: Level = 0.25


class HoldingCost(Rule):
    """Holding a unit for a year costs more than `times` its unit cost."""

    times: Times = 3.0


class PricesEnd(Rule):
    """No price is newer than `times` the longest time without a new price before, seen from the history's end."""

    times: Times = 4.0


class NoOverlap(Rule):
    """Prices that all begin after the history ends."""

    severity: Severity = "error"


class ShortHistory(Rule):
    """A forecaster looks back further than the history reaches.

    seasons : how often the longest season or lag must fit before a cutoff.
    share : of the series that may be too short for it at the last cutoff.
    """

    seasons: Annotated[float, Field(gt=0)] = 1.0
    share: Level = 0.25


class Quality(Section):
    """Oddities of the data, by rule: a severity, or severity and thresholds; `forecast-eval check` shows them.

    Of these: error stops a run, warning is told, off is not looked for. What breaks the contract of a file (a gap,
    a negative sale, a missing price) is always an error.

    reading : severities of the warnings that reading gives, by their rule.
    """

    extreme_value: ExtremeValue = ExtremeValue()
    stale_tail: StaleTail = StaleTail()
    leading_zeros: LeadingZeros = LeadingZeros()
    level_shift: LevelShift = LevelShift()
    never_sold: Rule = Rule()
    constant: Rule = Rule()
    censored_share: CensoredShare = CensoredShare()
    sold_out_of_stock: SoldOutOfStock = SoldOutOfStock()
    empty_period: EmptyPeriod = EmptyPeriod()
    unfinished_end: UnfinishedEnd = UnfinishedEnd()
    ends_together: EndsTogether = EndsTogether()
    identical_series: Rule = Rule()
    similar_ids: Rule = Rule()
    price_jump: PriceJump = PriceJump()
    markup: Markup = Markup()
    below_cost: BelowCost = BelowCost()
    holding_cost: HoldingCost = HoldingCost()
    prices_end: PricesEnd = PricesEnd()
    no_overlap: NoOverlap = NoOverlap()
    short_history: ShortHistory = ShortHistory()
    reading: dict[Note, Severity] = {}
