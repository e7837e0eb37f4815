"""How large a synthetic market is and how it behaves."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from backtest.faults import Fault, InputError, nearest, refuse

LEAST = {"stores": 1, "skus": 1, "weeks": 12}
"""Smallest count of each: a take-off or a decline needs a quarter to show."""

ABOVE_ZERO = ("weekly_units",)
KINDS = ("trending_share", "dying_share", "seasonal_share")

PRESETS: dict[str, dict[str, float]] = {
    "mild": {
        "dispersion": 0.05, "elasticity_spread": 0.15, "event_share": 0.004, "holiday_lift": 0.2, "viral_share": 0.05,
        "store_spread": 0.2, "substitution_share": 0.15, "loyalty_share": 0.05, "late_share": 0.02,
        "vanish_share": 0.001, "miscount_share": 0.02, "misscan_share": 0.002,
    },
    "plain": {
        "dispersion": 0.1, "elasticity_spread": 0.3, "event_share": 0.01, "holiday_lift": 0.4, "viral_share": 0.1,
        "store_spread": 0.5, "substitution_share": 0.25, "loyalty_share": 0.15, "late_share": 0.05,
        "vanish_share": 0.003, "miscount_share": 0.05, "misscan_share": 0.01,
    },
    "nasty": {
        "dispersion": 0.3, "elasticity_spread": 0.5, "event_share": 0.03, "holiday_lift": 0.8, "viral_share": 0.2,
        "store_spread": 1.0, "substitution_share": 0.4, "loyalty_share": 0.3, "late_share": 0.15,
        "vanish_share": 0.01, "miscount_share": 0.15, "misscan_share": 0.03,
    },
}  # fmt: skip
"""Knobs by the name of a market in which every mechanism is at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSpec:
    """Size and behaviour of a market; the default has 200 series.

    stores, skus, weeks : counts; every store lists every SKU.
    trending_share : SKUs whose demand takes off within the last year and stays high, as a share of all.
    dying_share : SKUs whose demand fades to a small rest.
    seasonal_share : SKUs that follow their category's year in full; all that remain are steady.
    perishable_share : SKUs that can be sold for one or two weeks only, spread over the kinds.
    promotion_share : share of weeks in which a SKU is on promotion, chain-wide, for two weeks at a time.
    elasticity : price elasticity of demand: a promotion multiplies it by (1 - discount) ** -elasticity.
    seasonality : half the swing of the logarithm of a seasonal SKU's demand over a year.
    dispersion : negative binomial noise: variance = mean + dispersion * mean ** 2; 0 is Poisson.
    weekly_units : median over SKUs of the mean weekly demand at an average store [units per week].
    safety_weeks : stock that the incumbent planner wants beyond lead time and review [weeks of its average],
        half of it for perishable SKUs.

    What follows is off at 0, the default:

    elasticity_spread : standard deviation of the logarithm of a SKU's own elasticity.
    event_share : share of weeks in which a store, or a category everywhere, is hit by something that nobody planned:
        its demand is multiplied or divided by 1.5 to 3.
    holiday_lift : how much demand rises, at most, in the weeks of the year's holidays, as a share; each category has
        its own.
    viral_share : SKUs that take off several-fold within three weeks at some time and fade over months, whatever
        their margin.
    store_spread : how much stores differ beyond the usual: in size, in taste, in when a SKU takes off or dies there,
        and in whether it does so at all. At 1 the months differ by two and every third series stays as it was.
    substitution_share : customers before an empty shelf who take another SKU of the category that the store still has.
    loyalty_share : customers who got nothing and do not come back for that SKU to that store; it takes months to
        win them again.
    late_share : deliveries that come a week late.
    vanish_share : units on the shelf that are gone after a week without being sold; the system still believes in them.
    miscount_share : stocktakes, one a quarter, that are wrong by a fifth.
    misscan_share : units that the till records as a neighbouring SKU of the category.

    Raises InputError with every fault at once.

    >>> MarketSpec(stores=0, dying_share=1.2)
    Traceback (most recent call last):
    ...
    backtest.faults.InputError: market.stores: stores=0 must be a whole number >= 1; give a count
    market.dying_share: dying_share=1.2 must be between 0 and 1; give a share
    """

    stores: int = 10
    skus: int = 20
    weeks: int = 130
    trending_share: float = 0.15
    dying_share: float = 0.10
    seasonal_share: float = 0.25
    perishable_share: float = 0.30
    promotion_share: float = 0.08
    elasticity: float = 2.0
    seasonality: float = 0.5
    dispersion: float = 0.1
    weekly_units: float = 6.0
    safety_weeks: float = 1.5
    elasticity_spread: float = 0.0
    event_share: float = 0.0
    holiday_lift: float = 0.0
    viral_share: float = 0.0
    store_spread: float = 0.0
    substitution_share: float = 0.0
    loyalty_share: float = 0.0
    late_share: float = 0.0
    vanish_share: float = 0.0
    miscount_share: float = 0.0
    misscan_share: float = 0.0

    @classmethod
    def preset(cls, name: str, **changes: float) -> MarketSpec:
        """Give the market called "mild", "plain" or "nasty", with some knobs changed.

        Raises InputError for another name, and for what the class itself refuses.

        >>> MarketSpec.preset("nasty", stores=3).late_share
        0.15
        """
        if name not in PRESETS:
            fix = nearest(str(name), PRESETS)
            raise InputError([Fault("market-spec", f"preset={name!r} is not known", "market.preset", fix)])
        knobs: dict[str, Any] = {**PRESETS[name], **changes}
        return cls(**knobs)

    def __post_init__(self) -> None:
        """Refuse what no market can have, all faults at once."""
        faults = [f for item in fields(self) if (f := _fault(item.name, getattr(self, item.name)))]
        refuse(faults or _kind_faults(self))


def _fault(name: str, value: float) -> Fault | None:
    if name in LEAST:
        good = isinstance(value, int) and value >= LEAST[name]
        rule, fix = f"a whole number >= {LEAST[name]}", "give a count"
    elif name.endswith("_share"):
        good, rule, fix = 0 <= value <= 1, "between 0 and 1", "give a share"
    elif name in ABOVE_ZERO:
        good, rule, fix = 0 < value < math.inf, "> 0 and finite", "give a positive number"
    else:
        good, rule, fix = 0 <= value < math.inf, ">= 0 and finite", "give a number that is not negative"
    return None if good else Fault("market-spec", f"{name}={value} must be {rule}", f"market.{name}", fix)


def _kind_faults(spec: MarketSpec) -> list[Fault]:
    total = sum(getattr(spec, name) for name in KINDS)
    if total <= 1 + 1e-9:  # three shares that make one may miss it by rounding
        return []
    what = f"{' + '.join(KINDS)} = {total:g} must be at most 1"
    return [Fault("market-spec", what, "market", "lower one of them: a SKU has one kind")]
