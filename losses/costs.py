"""What one unit too few and one unit too many cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace

if TYPE_CHECKING:
    from numpy.typing import NDArray

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

    @classmethod
    def trusted(cls, underage: Array, overage: Array) -> UnitCosts:
        """Costs that were checked before, taken as they are: in a training loop a check would wait for the device."""
        costs = object.__new__(cls)
        object.__setattr__(costs, "underage", underage)
        object.__setattr__(costs, "overage", overage)
        return costs

    def with_trend(self, score: Array, *, strength: float = 1.0) -> UnitCosts:
        """Costs that press harder where demand moves: underage of rising SKUs, overage of declining ones.

        score : -1 (surely declining) to 1 (surely rising), see `losses.trend`; NaN, where nothing is known, changes
            nothing. It must have been known when the forecast was made.
        strength : 1 doubles the cost at a score of 1 or -1; 0 changes nothing.

        underage * (1 + strength * max(score, 0)) and overage * (1 + strength * max(-score, 0)). Only costs move, never
        demand: the forecast stays in units, and the critical ratio goes up or down on purpose.

        Raises
        ------
        ValueError
            For scores outside -1..1, with the row, or a strength that is negative or not finite.

        >>> UnitCosts(4.0, 2.0).with_trend(np.array([1.0, 0.0, -0.5]))
        UnitCosts(underage=array([8., 4., 4.]), overage=array([2., 2., 3.]))
        """
        refuse_not_positive("strength", strength, "a pure number", zero=True)
        xp = array_namespace(score)
        known = xp.where(xp.isnan(score), xp.zeros_like(score), score)
        bad = np.flatnonzero(np.abs(as_numpy(known)).ravel() > 1)
        if bad.size:
            value = as_numpy(known).ravel()[bad[0]]
            raise ValueError(f"score={value} in row {bad[0]} must be between -1 and 1; {bad.size} such value(s)")
        zero = xp.zeros_like(known)
        rising, declining = xp.maximum(known, zero), xp.maximum(-known, zero)
        return UnitCosts(self.underage * (1 + strength * rising), self.overage * (1 + strength * declining))

    def critical_ratio(self) -> Array:
        """Probability of no shortage that minimises expected cost: underage / (underage + overage).

        Source: Arrow, Harris and Marschak (1951), Optimal inventory policy, Econometrica 19.
        NaN where both costs are zero: every order is then as good.
        """
        return self.underage / (self.underage + self.overage)


def as_numpy(values: Array) -> NDArray[np.float64]:
    """Values of an array of either library as float64 in main memory, without their gradient."""
    return np.asarray(values.detach().cpu().double() if hasattr(values, "detach") else values, dtype=float)


def refuse_not_positive(name: str, value: Array, unit: str, *, zero: bool = False) -> None:
    """Raise ValueError for the first entry that is not finite and > 0 (or >= 0), with its row."""
    values = as_numpy(value)
    bad = np.flatnonzero(~(np.isfinite(values) & ((values >= 0) if zero else (values > 0))).ravel())
    if bad.size:
        where = f" in row {bad[0]}" if values.ndim else ""
        raise ValueError(
            f"{name}={values.ravel()[bad[0]]}{where} must be finite and {'>= 0' if zero else '> 0'} [{unit}]; "
            f"{bad.size} such value(s)"
        )


def _refuse_bad_costs(name: str, cost: Array) -> None:
    try:
        refuse_not_positive(name, cost, "currency per unit", zero=True)
    except ValueError as fault:
        raise ValueError(f"{fault}. Is unit_cost above price?") from None
