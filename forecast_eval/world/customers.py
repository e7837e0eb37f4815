"""How customers take an empty shelf: some choose another SKU, some leave, and of those some stay away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .chance import rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FORGIVEN = 0.05
"""Share of those who stay away that comes back each week: half of them within 14 weeks."""


@dataclass(frozen=True, slots=True, eq=False)
class Shelves:
    """Series that stand for one another: the SKUs of a category at a store.

    order : [series] the series, shelf by shelf.
    first : [shelf] where in the order each begins.
    shelf : [series] shelf of each series of the order.
    """

    order: Ints
    first: Ints
    shelf: Ints

    @classmethod
    def of(cls, codes: Ints) -> Shelves:
        """Take the shelf's number of each series, [series]; numbers are of any kind."""
        order = np.argsort(codes, kind="stable")
        _, first, shelf = np.unique(codes[order], return_index=True, return_inverse=True)
        return cls(order, first, shelf)

    def sums(self, units: Ints) -> Ints:
        """Sum of [series] units on each shelf, [shelf]."""
        return np.asarray(np.add.reduceat(units[self.order], self.first))

    def shared_out(self, total: Ints, parts: Ints) -> Ints:
        """Split each shelf's total [shelf] in proportion to `parts` [series], in whole units that add up to it.

        No series gets more than its part where the total is at most the sum of the parts.

        >>> Shelves.of(np.array([0, 1, 0])).shared_out(np.array([3, 5]), np.array([2, 7, 4]))
        array([1, 5, 2])
        """
        part = parts[self.order]
        until = np.cumsum(part)
        until -= (until - part)[self.first][self.shelf]  # within the shelf
        whole, mine = np.maximum(until[self._last], 1)[self.shelf], total[self.shelf]
        given = np.empty_like(parts)
        given[self.order] = mine * until // whole - mine * (until - part) // whole
        return given

    @property
    def neighbour(self) -> Ints:
        """[series] the next series of the shelf, after the last one the first; alone on it, the series itself."""
        next_in_order = np.arange(1, len(self.order) + 1)
        next_in_order[self._last] = self.first
        beside = np.empty_like(self.order)
        beside[self.order] = self.order[next_in_order]
        return beside

    @property
    def _last(self) -> Ints:
        return np.append(self.first[1:], len(self.order)) - 1


def who_comes(customers: Ints, loyalty: Floats, uniform: Floats) -> Ints:
    """Units that are wanted, [series]: of all customers' those of who still come; more loyalty never gives fewer."""
    return np.minimum(rounded(customers * loyalty, uniform), customers)


def loyalty_after(loyalty: Floats, wanted: Ints, lost: Ints, stay_away: float) -> Floats:
    """Share of customers who come next week, [series].

    lost : [series] units for which a customer went home with nothing.
    stay_away : share of these customers who do not come back.
    """
    kept = loyalty * (1.0 - stay_away * lost / np.maximum(wanted, 1))
    return np.asarray(kept + FORGIVEN * (1.0 - kept))


def substitutes(shelves: Shelves, seekers: Ints, left: Ints) -> tuple[Ints, Ints]:
    """Units taken as a substitute, and for whom: [series] of the SKU taken, [series] of the SKU that was wanted.

    seekers : [series] units looked for elsewhere. left : [series] units still on the shelf; the fuller a shelf,
        the more it is chosen.
    """
    found = np.minimum(shelves.sums(seekers), shelves.sums(left))
    return shelves.shared_out(found, left), shelves.shared_out(found, seekers)
