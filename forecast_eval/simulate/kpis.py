"""Key figures of a play in the field's terms, one definition each, in total and by group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .sums import DAYS_A_WEEK, Sums, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from .ledger import Ledger

    Floats = NDArray[np.float64]

WEEKS_A_YEAR = 365.0 / DAYS_A_WEEK


@dataclass(frozen=True, slots=True)
class Kpi:
    """One key figure.

    unit : "currency" and "units" are per week.
    formula : in the words of `Ledger` and `Books`; sums are over the scored periods of the group.
    """

    name: str
    unit: str
    formula: str
    value: Callable[[Sums], Floats]


def _weekly(name: str) -> Callable[[Sums], Floats]:
    return lambda s: s.weekly(name)


def _shortage(s: Sums) -> Floats:
    return s.weekly("lost_margin") + s.weekly("goodwill_cost")


def _mean(s: Sums, name: str) -> Floats:
    """Mean over the periods of a figure of all the group's series together."""
    return ratio(s[name], s.periods)


def _bullwhip(s: Sums) -> Floats:
    return ratio(s.cycles.spread(s.cycles.ordered)[2], s.cycles.spread(s.cycles.demand)[2])


def _order_variability(s: Sums) -> Floats:
    mean, deviation, _ = s.cycles.spread(s.cycles.ordered)
    return ratio(deviation, mean)


KPIS: tuple[Kpi, ...] = (
    Kpi("profit", "currency", "net profit: gross_profit - waste - holding_cost - order_cost - goodwill_cost "
        "- stock_investment", _weekly("profit")),
    Kpi("revenue", "currency", "price * sold", _weekly("revenue")),
    Kpi("cost_of_goods", "currency", "unit_cost * sold", _weekly("cost_of_goods")),
    Kpi("gross_profit", "currency", "revenue - cost_of_goods",
        lambda s: s.weekly("revenue") - s.weekly("cost_of_goods")),
    Kpi("mismatch_cost", "currency", "waste + holding_cost + order_cost + shortage_cost: what profit lacks to all "
        "demand sold at its margin, for goods that are not sold at a loss",
        lambda s: s.weekly("waste") + s.weekly("holding_cost") + s.weekly("order_cost") + _shortage(s)),
    Kpi("holding_cost", "currency", "holding * on_hand at the end of a period", _weekly("holding_cost")),
    Kpi("shortage_cost", "currency", "lost margin max(price - unit_cost + goodwill, 0) * lost, and goodwill * owed; of "
        "it only goodwill_cost is in the profit", _shortage),
    Kpi("waste", "currency", "(unit_cost - salvage) * wasted", _weekly("waste")),
    Kpi("order_cost", "currency", "order_cost * lines", _weekly("order_cost")),
    Kpi("goodwill_cost", "currency", "goodwill * (lost + owed)", _weekly("goodwill_cost")),
    Kpi("stock_investment", "currency", "0, or where purchases are booked as cash or stock is valued: what was paid "
        "for stock less what it is worth; see Books", _weekly("stock_investment")),
    Kpi("lost_sales", "currency", "price * lost", _weekly("lost_sales")),
    Kpi("lost_units", "units", "lost", _weekly("lost")),
    Kpi("wasted_units", "units", "wasted", _weekly("wasted")),
    Kpi("shrink", "share", "wasted / (sold + wasted)", lambda s: ratio(s["wasted"], s["sold"] + s["wasted"])),
    Kpi("fill_rate", "share", "demand met at once from its own shelf / demand",
        lambda s: 1.0 - ratio(s["not_at_once"], s["demand"])),
    Kpi("cycle_service_level", "share", "order cycles without a shortage / order cycles", lambda s: s.cycles.served()),
    Kpi("period_service_level", "share", "periods of a series without a shortage / periods",
        lambda s: 1.0 - ratio(s["short"], s.cells)),
    Kpi("stockout_rate", "share", "periods of a series with a shortage / periods: 1 - period_service_level",
        lambda s: ratio(s["short"], s.cells)),
    Kpi("mean_stock", "units", "on_hand at the end of a period, all series together; not per week",
        lambda s: _mean(s, "on_hand")),
    Kpi("end_stock", "currency", "unit_cost * on_hand after the last scored period of each series; not per week",
        lambda s: s.end_stock),
    Kpi("days_of_supply", "days", "mean on_hand / sold a day",
        lambda s: ratio(s["on_hand"], s["sold"]) * s.days_per_period),
    Kpi("turns", "times a year", "cost_of_goods of a year / mean stock at its cost",
        lambda s: ratio(s.weekly("cost_of_goods") * WEEKS_A_YEAR, _mean(s, "stock_at_cost"))),
    Kpi("gmroi", "times a year", "gross_profit of a year / mean stock at its cost",
        lambda s: ratio((s.weekly("revenue") - s.weekly("cost_of_goods")) * WEEKS_A_YEAR, _mean(s, "stock_at_cost"))),
    Kpi("order_lines", "orders a week", "lines", _weekly("lines")),
    Kpi("average_order", "units an order", "ordered / lines", lambda s: ratio(s["ordered"], s["lines"])),
    Kpi("order_variability", "share", "coefficient of variation of a series' orders over its order cycles, weighted by "
        "its orders: sum of standard deviations / sum of means", _order_variability),
    Kpi("bullwhip", "ratio", "variance of orders / variance of demand, over the order cycles of a series; sums over "
        "series", _bullwhip),
)  # fmt: skip
"""All key figures. A ratio without a denominator is NaN."""


def kpis(ledger: Ledger, weeks: float, days_per_period: float) -> dict[str, float]:
    """Figures of a play over its scored periods; `KPIS` has the name, unit and formula of each.

    weeks : length of the scored time; money and units are per week.
    days_per_period : days in one period.

    Of mean flows over scenarios all sums are right, and so are their ratios. order_variability and bullwhip are then
    those of the means, which vary less than a course does.

    >>> from forecast_eval.simulate import InventorySystem, Ledger, Prices, Rule, Start, Supply, play
    >>> system = InventorySystem(Supply.plain(1, lead_time=1), Start(np.array([3.0]), np.zeros((1, 0))))
    >>> demand = np.array([[2.0, 4.0, 1.0]])
    >>> money = {"price": 9.0, "unit_cost": 4.0, "salvage": 1.0, "holding": 0.5, "goodwill": 2.0, "underage": 7.0}
    >>> prices = Prices(**{name: np.array([[value]]) for name, value in money.items()})
    >>> dates, ids = pd.date_range("2026-01-05", periods=3, freq="W-MON"), np.array(["a"], dtype=object)
    >>> flows = play(system, demand, Rule(np.array([5.0])))  # sells 2, 3 and 1
    >>> found = kpis(Ledger(ids, dates, np.array([[0, 1, 2]]), demand, flows, prices), weeks=3, days_per_period=7)
    >>> [round(found[name], 3) for name in ("gross_profit", "holding_cost", "goodwill_cost", "profit", "fill_rate")]
    [10.0, 0.333, 0.667, 9.0, 0.857]
    """
    all_in_one = np.zeros(len(ledger.unique_ids), dtype=np.int64)
    sums = Sums(ledger, all_in_one, 1, days_per_period, weeks)
    return {kpi.name: float(kpi.value(sums)[0]) for kpi in KPIS}


def kpi_table(
    ledger: Ledger,
    groups: ArrayLike,
    *,
    days_per_period: float,
    weeks: float | None = None,
    names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Figures by group: one row a group, indexed by it in ascending order; n_series and the figures.

    groups : labels of any kind. [series] gives the group of each series (a store, a category, or `ledger.unique_ids`
        for a row a SKU); [1, time] that of each period (`ledger.dates.to_numpy()[None]`); [series, time] any segment.
        What has no label (None, NaN) is in no group.
    weeks : that money and units are divided by; with the length of the whole play, groups add up to it. None takes the
        periods that the group's mean series has in it: a row a period is then at the rate of that period.
    names : of the figures, see `KPIS`; None gives all. Only what they need is summed, so that millions of periods need
        no long frame.

    Raises ValueError for an unknown name, or labels of another shape.
    """
    known = {kpi.name: kpi for kpi in KPIS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f"{unknown} are no key figures; there are {', '.join(known)}")
    codes, labels = _codes(np.asarray(groups), ledger.governing.shape)
    sums = Sums(ledger, codes, len(labels), days_per_period, weeks)
    table = {"n_series": sums.series} | {name: known[name].value(sums) for name in names or known}
    return pd.DataFrame(table, index=labels)


def _codes(groups: NDArray[np.object_], shape: tuple[int, ...]) -> tuple[NDArray[np.int64], pd.Index[str]]:
    """Codes [series] or [series, time], and the labels that they stand for."""
    if groups.shape not in {shape[:1], (1, shape[1]), shape}:
        raise ValueError(f"groups have the shape {groups.shape}; give [series], [1, time] or [series, time] of {shape}")
    found, labels = pd.factorize(groups.ravel(), sort=True)
    codes = np.asarray(found, dtype=np.int64).reshape(groups.shape)
    return (codes if codes.ndim == 1 else np.broadcast_to(codes, shape)), pd.Index(labels, name="group")
