"""How large a synthetic market is and how it behaves."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from backtest.faults import Fault, refuse

LEAST = {"stores": 1, "skus": 1, "weeks": 12}
"""Smallest count of each: a take-off or a decline needs a quarter to show."""

ABOVE_ZERO = ("weekly_units",)
KINDS = ("trending_share", "dying_share", "seasonal_share")


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
