"""Rules on series that sell nothing: at their end, before their start, ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtest.periods import moment

from .hit import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.quality import LeadingZeros, Rule, StaleTail
    from .block import Block


def stale_tails(block: Block, rule: StaleTail) -> Iterator[Hit]:
    """Series that sold regularly and then sell nothing while they are in stock: delisted, or the data ended."""
    found = block.gaps
    for i in found.unlikely(found.after, rule.times, rule.chance).tolist():
        what = (
            f"{block.name(i)} sells nothing in {found.after[i]} periods on sale after "
            f"{moment(block.calendar[found.last[i]])}; before, the longest gap was {max(found.longest[i] - 1, 0)} "
            f"(at most {rule.times:g} times as long is plausible)"
        )
        yield Hit(what, "if it left the range, end its rows there; if it was out of stock, say so in in_stock",
                  i, int(found.last[i]))  # fmt: skip


def long_leading_zeros(block: Block, rule: LeadingZeros) -> Iterator[Hit]:
    """Series that sell nothing for long, and then regularly: they were not on sale yet."""
    found = block.gaps
    for i in found.unlikely(found.before, rule.times, rule.chance).tolist():
        what = (
            f"{block.name(i)} sells nothing in its first {found.before[i]} periods on sale, and later never for more "
            f"than {max(found.longest[i] - 1, 0)} (at most {rule.times:g} times as long is plausible)"
        )
        yield Hit(what, "if it was not on sale yet, start its rows later or set data.leading_zeros: drop",
                  i, int(np.argmax(~np.isnan(block.sales[i]))))  # fmt: skip


def never_sold(block: Block, _: Rule) -> Iterator[Hit]:
    """Series without any sale."""
    for i in np.flatnonzero(~(block.sales > 0).any(axis=1)).tolist():
        known = ~np.isnan(block.sales[i])
        yield Hit(f"{block.name(i)} has no sale in {int(known.sum())} periods",
                  "leave it out, or set data.leading_zeros: drop", i, int(np.argmax(known)))  # fmt: skip
