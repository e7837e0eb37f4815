"""What one unit too few and one unit too many cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
"""A NumPy array or a torch tensor: formulas are written once for both."""


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """Underage and overage cost [currency per unit].

    underage : cost of one unit of demand that is not met, a float or an array that broadcasts to the demand.
    overage : cost of one unit that is left over, likewise.

    Every entry is >= 0 and finite, and at least one of the two is positive wherever a ratio is needed.

    Raises
    ------
    ValueError
        For a negative or non-finite cost; it names the first offending row.

    >>> UnitCosts(8.0, 2.0).critical_ratio()
    0.8
    """

    underage: Array
    overage: Array

    def __post_init__(self) -> None:
        """Refuse costs that are negative or not finite, once, at the door."""
        for name in ("underage", "overage"):
            _refuse_bad_costs(name, getattr(self, name))

    @classmethod
    def from_prices(
        cls,
        price: Array,
        unit_cost: Array,
        *,
        salvage: Array = 0.0,
        holding: Array = 0.0,
        goodwill: Array = 0.0,
    ) -> UnitCosts:
        """Costs of a good that is sold in one period and salvaged after it.

        underage = price - unit_cost + goodwill; overage = unit_cost - salvage + holding; all [currency per unit].

        >>> UnitCosts.from_prices(10.0, 4.0, salvage=1.0, goodwill=0.5)
        UnitCosts(underage=6.5, overage=3.0)
        """
        return cls(price - unit_cost + goodwill, unit_cost - salvage + holding)

    def critical_ratio(self) -> Array:
        """Probability of no shortage that minimises expected cost: underage / (underage + overage).

        Source: Arrow, Harris and Marschak (1951), Optimal inventory policy, Econometrica 19.
        NaN where both costs are zero: every order is then as good.
        """
        return self.underage / (self.underage + self.overage)


def _refuse_bad_costs(name: str, cost: Array) -> None:
    values = np.asarray(cost.detach().cpu() if hasattr(cost, "detach") else cost, dtype=float)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)).ravel())
    if bad.size:
        row = int(bad[0])
        where = f" in row {row}" if values.ndim else ""
        message = f"{name}={values.ravel()[row]}{where} must be finite and >= 0 [currency per unit]"
        raise ValueError(f"{message}; {bad.size} such value(s). Is unit_cost above price?")
