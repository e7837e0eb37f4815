"""Rules on the values of a series: far too high, always the same, sold from an empty shelf, mostly hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtest.periods import moment

from .gaps import FEWEST
from .hit import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..config.quality import CensoredShare, ExtremeValue, Rule, SoldOutOfStock
    from .block import Block


def extreme_values(block: Block, rule: ExtremeValue) -> Iterator[Hit]:
    """Values far above what a series usually sells at best: promotions included, wrong units are not among them.

    The usual high is a quantile of the periods with a sale, so that zeros and a few wrong values do not move it.
    """
    limit = np.where(block.usual > 0, rule.times * block.usual, np.inf)
    for i, t in np.argwhere(block.sales > limit[:, None]).tolist():
        value, usual = block.sales[i, t], block.usual[i]
        what = (
            f"y={value:g} of {block.name(i, t)} is {value / usual:.3g} times its usual high of {usual:g} "
            f"(at most {rule.times:g} times is plausible)"
        )
        yield Hit(what, "check the unit and a second booking; a real event belongs into a covariate", i, t)


def constant(block: Block, _: Rule) -> Iterator[Hit]:
    """Series with the same sale in every period: a plan, a default, or a filled gap."""
    low, high = np.nanmin(block.sales, axis=1), np.nanmax(block.sales, axis=1)
    known = ~np.isnan(block.sales)
    for i in np.flatnonzero((low == high) & (high > 0) & (known.sum(axis=1) >= FEWEST)).tolist():
        what = f"{block.name(i)} sells {high[i]:g} in each of its {int(known[i].sum())} periods"
        yield Hit(what, "check where the values come from", i, int(np.argmax(known[i])))


def sold_out_of_stock(block: Block, rule: SoldOutOfStock) -> Iterator[Hit]:
    """Sales in periods without any stock, of series whose in_stock is a share: one of the two columns is wrong.

    Where it is 0 or 1 only, 0 may mean that the series sold out at some time: see `panel.sold_while_out`.
    """
    if block.stock is None:
        return
    out = (block.stock == 0) & gives_shares(block.stock)[:, None]
    sold = out & (block.sales > 0)
    share = sold.sum(axis=1) / np.maximum(out.sum(axis=1), 1)
    for i in np.flatnonzero(sold.any(axis=1) & (share > rule.share)).tolist():
        t = int(np.argmax(sold[i]))
        what = (
            f"{block.name(i)} sells in {int(sold[i].sum())} of the {int(out[i].sum())} periods with in_stock=0, first "
            f"y={block.sales[i, t]:g} at ds={moment(block.calendar[t])} (at most {rule.share:.0%} is plausible)"
        )
        yield Hit(what, "in_stock=0 says that it was never in stock: give the share of the period", i, t)


def gives_shares(stock: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[series] Whether in_stock is ever between 0 and 1."""
    return np.asarray(((stock > 0) & (stock < 1)).any(axis=1))


def mostly_hidden(block: Block, rule: CensoredShare) -> Iterator[Hit]:
    """Series whose demand was hidden in most of their periods."""
    if block.stock is None:
        return
    known = ~np.isnan(block.sales)
    hidden = (known & ~block.on_sale).sum(axis=1)
    share = hidden / np.maximum(known.sum(axis=1), 1)
    for i in np.flatnonzero(share > rule.series).tolist():
        what = (
            f"{block.name(i)} is not fully in stock in {share[i]:.1%} of its periods "
            f"(at most {rule.series:.0%} is plausible)"
        )
        yield Hit(what, "check in_stock; compare the money under several simulate.bounds", i, int(np.argmax(known[i])))
