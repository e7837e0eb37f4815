"""What could explain why the measured lift is not the simulated one: levels of both sides, beside each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .metric import OnlineMetric

if TYPE_CHECKING:
    from .outcomes import Outcomes

Side = Literal["control", "treatment"]
NOTABLE = 0.05
"""Relative change below which two levels are taken for the same."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A level that both sides have, and what it does to the lift, in words.

    higher, lower : what it may mean where it is measured higher, or lower, than simulated.
    amount : whether it grows with the length of a period, so that periods must be of one length.
    """

    name: str
    metric: OnlineMetric
    side: Side
    higher: str
    lower: str
    amount: bool = False


@dataclass(frozen=True, slots=True)
class Clue:
    """One level, simulated and measured; NaN where it is not known.

    side : the control is the incumbent's simulation, a treatment the candidate's.
    share : whether it is a share, and printed as one.
    words : what the change may do to the lift; empty where there is no change worth a word.
    """

    name: str
    side: str
    simulated: float
    measured: float
    share: bool
    words: str = ""

    @property
    def change(self) -> float:
        """Measured / simulated - 1, a share; NaN where either is not known, or the simulated one is 0."""
        known = math.isfinite(self.simulated) and math.isfinite(self.measured)
        return self.measured / self.simulated - 1 if known and self.simulated else math.nan


STOCKOUTS = OnlineMetric("stockout rate", "stockouts", "exposure", "lower")
PRICE = OnlineMetric("revenue a unit sold", "revenue", "sold")
WASTE = OnlineMetric("waste a unit sold", "wasted", "sold", "lower")
FACTORS = (
    Factor("units sold a unit and period", OnlineMetric("sold", "sold"), "control",
           "more is sold than simulated: amounts are larger throughout, and shelves that were enough may not be",
           "less is sold than simulated: amounts are smaller throughout, and more stock may be left over", amount=True),
    Factor("stockout rate", STOCKOUTS, "control",
           "the control runs out more than simulated, as it started with less stock or the world is harsher: more "
           "sales were there to be won, which raises the lift of a candidate that stocks more",
           "the control runs out less than simulated: fewer sales were there to be won, which lowers the lift of a "
           "candidate that stocks more"),
    Factor("stockout rate", STOCKOUTS, "treatment",
           "the treatment runs out more than simulated: its orders did not arrive, or not as simulated, which lowers "
           "the lift",
           "the treatment runs out less than simulated, which raises the lift of sales, at the price of more stock"),
    Factor("revenue a unit sold", PRICE, "control",
           "prices, or the share of dear goods, are higher than simulated: a sale won is worth more",
           "prices, or the share of dear goods, are lower than simulated, as in a promotion: a sale won is worth less"),
    Factor("waste a unit sold", WASTE, "control",
           "the control wastes more than simulated: there was more to save, which raises the lift in profit of a "
           "candidate that stocks less",
           "the control wastes less than simulated: there was less to save"),
    Factor("waste a unit sold", WASTE, "treatment",
           "the treatment wastes more than simulated, which lowers its lift in profit",
           "the treatment wastes less than simulated, which raises its lift in profit"),
)  # fmt: skip
ALWAYS_UNKNOWN = (
    "what customers wanted and did not find: shops measure sales, not demand",
    "whether stores ordered, and suppliers delivered, as simulated",
)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One arm on both sides: outcomes, cut to the same units and to the periods that are looked at."""

    simulated: Outcomes
    measured: Outcomes


def clues(arms: dict[str, Pair], *, same_length: bool) -> tuple[tuple[Clue, ...], tuple[str, ...]]:
    """Levels of the control and of each treatment, simulated and measured, and what is unknown.

    arms : by name, the control first.
    same_length : whether periods are equally long on both sides.
    """
    found: list[Clue] = []
    unknown: list[str] = []
    control = next(iter(arms))
    for factor in FACTORS:
        lacking = [c for c in factor.metric.columns if c not in arms[control].measured.values]
        if lacking:
            unknown.append(f"{factor.name}: the outcomes have no column {lacking[0]!r}")
        elif factor.amount and not same_length:
            unknown.append(f"{factor.name}: periods are not known to be equally long on both sides")
        else:
            sides = [control] if factor.side == "control" else [name for name in arms if name != control]
            found += [_clue(factor, name, arms[name]) for name in sides]
    wanted = level(arms[control].simulated, OnlineMetric("demand", "demand"))
    found.insert(1, Clue("demand a unit and period", control, wanted, math.nan, share=False))
    return tuple(found), (*dict.fromkeys(unknown), *ALWAYS_UNKNOWN)


def level(outcomes: Outcomes, metric: OnlineMetric) -> float:
    """Sum of the numerator over the sum of the denominator, or over the units and periods that have rows."""
    top = outcomes.values[metric.numerator]
    below = np.ones_like(top) if metric.denominator is None else outcomes.values[metric.denominator]
    known = ~(np.isnan(top) | np.isnan(below))
    total = float(below[known].sum())
    return float(top[known].sum()) / total if total > 0 else math.nan


def _clue(factor: Factor, arm: str, pair: Pair) -> Clue:
    ours, theirs = level(pair.simulated, factor.metric), level(pair.measured, factor.metric)
    bare = Clue(factor.name, arm, ours, theirs, share=factor.metric is STOCKOUTS)
    return Clue(bare.name, arm, ours, theirs, bare.share, words_of(bare, factor.higher, factor.lower))


def words_of(clue: Clue, higher: str, lower: str) -> str:
    """Words for a change, none where it is small."""
    rises = clue.measured > clue.simulated
    if not abs(clue.change) >= NOTABLE and not (clue.simulated == 0 and rises):
        return ""
    return higher if rises else lower
