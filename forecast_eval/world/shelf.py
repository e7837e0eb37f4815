"""Stock by weeks of life left: what a shelf holds, or what the system believes that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lots:
    """Stock that ages week by week; the arrays change in place.

    units : [series, lot]; lot j has j + 1 weeks left, the last lot keeps for ever.
    arrival : [series] lot that deliveries join.
    """

    units: Ints
    arrival: Ints

    @classmethod
    def empty(cls, shelf_life: NDArray[np.float64]) -> Lots:
        """No stock of goods with these shelf lives, [series] weeks, inf where they keep."""
        fresh = np.isfinite(shelf_life)
        longest = int(shelf_life[fresh].max(initial=0))
        arrival = np.where(fresh, shelf_life - 1, longest).astype(np.int64)
        return cls(np.zeros((len(shelf_life), longest + 1), dtype=np.int64), arrival)

    def copy(self) -> Lots:
        """Give a stock that changes by itself."""
        return Lots(self.units.copy(), self.arrival)

    @property
    def total(self) -> Ints:
        """Units of all ages, [series]."""
        return np.asarray(self.units.sum(axis=1))

    def receive(self, units: Ints) -> None:
        """Put fresh [series] units on the shelf; what is taken off it by a negative number is taken from the fresh."""
        rows = np.arange(len(units))
        self.units[rows, self.arrival] = np.maximum(self.units[rows, self.arrival] + units, 0)

    def issue(self, demand: Ints) -> Ints:
        """Give [series] units, the oldest first, as far as they are there; units given, [series]."""
        older = np.cumsum(self.units, axis=1) - self.units
        taken = np.clip(demand[:, None] - older, 0, self.units)
        np.subtract(self.units, taken, out=self.units)
        return np.asarray(taken.sum(axis=1))

    def age(self) -> Ints:
        """Let a week pass; units that expire, [series]."""
        fresh = self.units[:, :-1]  # a view
        spoiled = fresh[:, :1].sum(axis=1)
        fresh[:, :-1] = fresh[:, 1:].copy()
        fresh[:, -1:] = 0
        return np.asarray(spoiled)
