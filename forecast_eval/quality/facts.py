"""What a person should know of the data before anything is measured on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..read import Inputs


def data_facts(inputs: Inputs) -> tuple[tuple[str, str], ...]:
    """Size, calendar, zeros, hidden demand and prices, in words."""
    history = inputs.history
    sales = history.dense()
    known = ~np.isnan(sales)
    facts = [
        ("series", f"{len(history.unique_ids):,}"),
        ("periods", f"{len(history.calendar):,} ({history.freq}), {history.calendar[0]:%Y-%m-%d} to "
                    f"{history.calendar[-1]:%Y-%m-%d}"),
        ("rows", f"{len(history.frame):,}"),
        ("periods without a sale", f"{np.mean(sales[known] == 0):.1%}"),
    ]  # fmt: skip
    if "in_stock" in history.frame.columns:
        stocked = history.dense("in_stock")
        facts.append(("periods not fully in stock", f"{np.mean(stocked[known] < 1):.1%} (their demand is hidden)"))
    else:
        facts.append(("periods not fully in stock", "unknown: without in_stock, a stockout looks like no demand"))
    late = int(np.isnan(sales[:, -1]).sum())
    if late:
        facts.append(("series that end early", f"{late} (not forecast after their end)"))
    costs = inputs.economics.unit_costs(history.unique_ids)
    ratio = np.asarray(costs.critical_ratio())
    facts.append(
        (
            "critical ratio",
            f"{np.nanmin(ratio):.2f} to {np.nanmax(ratio):.2f}, median {np.nanmedian(ratio):.2f}",
        )
    )
    return tuple(facts)
