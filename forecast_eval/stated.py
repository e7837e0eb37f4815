"""What the figures of a run assume, in words: hidden demand, the order of events, what series share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .report.assumptions import short_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .config import Config
    from .config.simulate import ConventionsSpec, Simulate

_TRAINING = {
    "as_is": "sales are taken for demand",
    "fill": "demand is the mean of the last four stocked periods",
}
_SCORES = {
    "as_is": "sales are taken for demand",
    "masked": "they are left out",
    "censored": "demand was at least what was sold, so that a forecast above it is not wrong",
}
_SIMULATION = {
    **_TRAINING,
    "masked": "they are played with the mean of the last four stocked periods as demand, and not judged",
    "em": "demand is what is to be expected above the sales, of a gamma distribution around a local level (Tobit, by "
          "expectation-maximisation)",
    "kaplan_meier": "demand is what is to be expected above the sales, by the product-limit estimate of its "
                    "distribution",
    "hours": "the time without stock would have sold at the rate of the time with it",
}  # fmt: skip
_CENSORED = {"em": "EM", "kaplan_meier": "Kaplan-Meier"}
"""Assumptions that read the distribution of demand from censored sales."""

_EVENTS = {
    ("arrival", "after_demand"): "goods arrive at the end of a period and sell from the next one",
    ("holding", "before_expiry"): "holding is paid for what expires in the period too",
    ("purchases", "receipt"): "goods are booked as cash when they are received",
    ("purchases", "order"): "goods are booked as cash when they are ordered",
    ("stock_value", "cost"): "stock at the start and at the end of the scored periods is valued at its cost",
    ("stock_value", "salvage"): "stock at the start and at the end of the scored periods is valued at its salvage",
}


def stated(config: Config, *, truth: bool) -> list[str]:
    """Assumptions of a run, one sentence or two each.

    truth : whether true demand is known; it is then played, whatever is assumed of hidden demand.
    """
    simulate, trend = config.simulate, config.score.trend
    return [
        f"Periods not fully in stock: in training {_TRAINING[config.backtest.hidden_demand]}{_otherwise(config)}; in "
        f"scores {_SCORES[config.score.hidden_demand]}; in the simulation "
        f"{'true demand is known and used' if truth else _SIMULATION[simulate.hidden_demand]}.",
        *_bounds(simulate.bounds),
        *_censored([*simulate.bounds, *(() if truth else (simulate.hidden_demand,))]),
        *_departures(simulate.conventions),
        *_shared(simulate),
        f"Trending as of a cutoff: with probability above {trend.probability:g} the rate of the last {trend.recent} "
        f"periods exceeds {trend.factor:g} times that of the {trend.base} before.",
    ]


def _otherwise(config: Config) -> str:
    """Forecasters that are trained otherwise than the rest, in brackets; nothing where none is."""
    own = {name: getattr(spec, "hidden_demand", None) for name, spec in config.forecasters.items()}
    words = [
        f"{name}: {_TRAINING[how]}" for name, how in own.items() if how not in {None, config.backtest.hidden_demand}
    ]
    return f" ({'; '.join(words)})" if words else ""


def _bounds(assumptions: Sequence[str]) -> list[str]:
    if not assumptions:
        return []
    named = ", ".join(short_name(name) for name in assumptions)
    return [f"Money is also reported under other assumptions about hidden demand ({named}): the same orders are played "
            "again, and a verdict is sound that holds under each."]  # fmt: skip


def _censored(assumptions: Sequence[str]) -> list[str]:
    named = [text for name, text in _CENSORED.items() if name in assumptions]
    if not named:
        return []
    return [f"Hidden demand estimated by {' or '.join(named)} assumes that stock did not depend on the period's "
            "demand, as it does where planners stock up for a busy period."]  # fmt: skip


def _departures(conventions: ConventionsSpec) -> list[str]:
    """What departs from the canonical order of events; nothing where nothing does."""
    words = [text for (name, value), text in _EVENTS.items() if getattr(conventions, name) == value]
    if conventions.backordered:
        words.append(
            f"{conventions.backordered:.0%} of the customers who find an empty shelf wait, the others are lost"
        )
    if conventions.discount < 1:
        words.append(f"money loses worth by the factor {conventions.discount:g} each period")
    if conventions.warm_up:
        words.append(f"the first {conventions.warm_up} period(s) of each play are not scored")
    return [f"Departures from the canonical order of events: {'; '.join(words)}."] if words else []


def _shared(simulate: Simulate) -> list[str]:
    truck, others = simulate.truck, simulate.substitution
    lines = []
    if truck is not None:
        lines.append(f"All series of a {truck.by} share a delivery of {truck.capacity:g} units a period; what does not "
                     "fit is cut from all of them in proportion, in whole packs.")  # fmt: skip
    if others is not None:
        lines.append(f"Of the customers who would be lost {others.share:.0%} buy another series of the same "
                     f"{' and '.join(others.by)}, as far as it has stock.")  # fmt: skip
    return lines
