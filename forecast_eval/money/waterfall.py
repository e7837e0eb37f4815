"""From the profit of perfect foresight down to each model's: what the forecast's misses cost, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ..simulate import Ledger
    from .asked import Floats
    from .comparison import Comparison

WATERFALL_COLUMNS = ("model", "part", "amount")
WORST_COLUMNS = ("model", "unique_id", "regret", "lost_sales", "waste", "holding_cost", "fill_rate")


def waterfall(compare: Comparison, perfect: Ledger) -> pd.DataFrame:
    """Profit of perfect foresight, what each model loses of it by part, and the model's profit.

    perfect : the play of the same board that knew all demand.

    Returns
    -------
    model, part, amount [currency a week]; perfect foresight plus the parts is the profit. A part is negative where the
    model does worse than perfect foresight, as a rule:

    lost margin : margin of the units sold less, and goodwill lost with customers who found nothing or wait.
    waste : cost minus salvage of what expired. holding : of stock. order cost : of order lines.
    other : what the books say beside: when goods are paid, and what stock is worth at the ends. 0 where goods are
        booked when they are sold or written off and stock is not valued.
    """
    best, top = _weekly_parts(compare, perfect), compare.weekly(compare.profit_of(perfect))
    rows = []
    for model, ledger in compare.ledgers.items():
        own = _weekly_parts(compare, ledger)
        steps = {part: own[part] - best[part] for part in own}
        amounts = {"perfect foresight": top, **steps, "profit": compare.weekly(compare.profit_of(ledger))}
        rows += [{"model": model, "part": part, "amount": amount} for part, amount in amounts.items()]
    return pd.DataFrame(rows, columns=list(WATERFALL_COLUMNS))


def _weekly_parts(compare: Comparison, ledger: Ledger) -> dict[str, float]:
    """Money that comes in (positive) and goes out (negative) by part, a week; together the profit."""

    def weekly(name: str) -> float:
        return compare.weekly(compare.by_cutoff(ledger, ledger.part(name)))

    return {
        "lost margin": weekly("revenue") - weekly("cost_of_goods") - weekly("goodwill_cost"),
        "waste": -weekly("waste"),
        "holding": -weekly("holding_cost"),
        "order cost": -weekly("order_cost"),
        "other": -weekly("stock_investment"),
    }


def worst(compare: Comparison, perfect: Ledger, count: int) -> pd.DataFrame:
    """Series that each model treats worst: where perfect foresight would have earned most more than it did.

    count : series a model.

    Returns
    -------
    model, unique_id, regret (perfect foresight's profit minus the model's), lost_sales (at the price), waste,
    holding_cost, a week; fill_rate (units sold of units wanted; NaN without demand).
    """
    best = compare.profit_of(perfect).sum(axis=1)
    parts = [_worst_of(compare, model, best, count) for model in compare.ledgers]
    return pd.concat(parts, ignore_index=True)[list(WORST_COLUMNS)]


def _worst_of(compare: Comparison, model: str, best: Floats, count: int) -> pd.DataFrame:
    ledger = compare.ledgers[model]
    regret = best - compare.profit(model).sum(axis=1)
    rows = np.argsort(-regret, kind="stable")[:count]

    def total(cells: Floats) -> Floats:
        return np.asarray(compare.by_cutoff(ledger, cells).sum(axis=1)[rows])

    demand, sold = total(ledger.demand), total(ledger.flows.sold)
    return pd.DataFrame({
        "model": model,
        "unique_id": ledger.unique_ids[rows],
        "regret": regret[rows] / compare.weeks,
        "lost_sales": total(ledger.prices.price * ledger.flows.lost) / compare.weeks,
        "waste": total(ledger.part("waste")) / compare.weeks,
        "holding_cost": total(ledger.part("holding_cost")) / compare.weeks,
        "fill_rate": np.divide(sold, demand, out=np.full(len(rows), np.nan), where=demand > 0),
    })  # fmt: skip
