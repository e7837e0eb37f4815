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


@dataclass(frozen=True, slots=True, eq=False)
class UnitCosts:
    """Underage and overage cost [currency per unit].

    underage : cost of one unit of demand that is not met: a number, or an array or tensor that broadcasts to the
        demand, such as [row], or [series, 1] for demand of [series, time]. Lists and data frame columns become arrays.
    overage : cost of one unit that is left over, likewise.

    Every entry is >= 0 and finite, and at least one of the two is positive wherever a ratio is needed. Arrays are of
    the same library as the demand.

    Raises
    ------
    ValueError
        For a negative or non-finite cost, with its row; and for shapes that do not broadcast to each other.

    >>> UnitCosts(8.0, 2.0).critical_ratio()
    0.8
    """

    underage: Array
    overage: Array

    def __post_init__(self) -> None:
        """Refuse costs that are negative or not finite, once, at the door."""
        for name, advice in (("underage", "Is unit_cost above price?"), ("overage", "Is salvage above unit_cost?")):
            object.__setattr__(self, name, _array(name, getattr(self, name)))
            refuse_not_positive(name, getattr(self, name), "currency per unit", zero=True, advice=advice)
        shapes = [tuple(np.shape(cost)) for cost in (self.underage, self.overage)]
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(f"underage of shape {shapes[0]} and overage of shape {shapes[1]} do not fit") from None

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

        Raises
        ------
        ValueError
            For a price below the cost, a salvage above it, negative holding or goodwill, with the row; and for data
            frame columns whose indexes differ, because rows are paired by position.

        >>> UnitCosts.from_prices(10.0, 4.0, salvage=1.0, goodwill=0.5)
        UnitCosts(underage=6.5, overage=3.0)
        """
        given = {"price": price, "unit_cost": unit_cost, "salvage": salvage, "holding": holding, "goodwill": goodwill}
        _refuse_other_rows(given)
        price, unit_cost, salvage, holding, goodwill = (_array(name, value) for name, value in given.items())
        for name, value in (("holding", holding), ("goodwill", goodwill)):
            refuse_not_positive(name, value, "currency per unit", zero=True)
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
        score = _array("score", score)
        xp = array_namespace(score)
        known = xp.where(xp.isnan(score), xp.zeros_like(score), score)
        values = as_numpy(known)
        refuse("score", values, np.abs(values) <= 1, "between -1 and 1")
        zero = xp.zeros_like(known)
        rising, declining = xp.maximum(known, zero), xp.maximum(-known, zero)
        return UnitCosts(self.underage * (1 + strength * rising), self.overage * (1 + strength * declining))

    def critical_ratio(self) -> Array:
        """Probability of no shortage that minimises expected cost: underage / (underage + overage).

        Source: Arrow, Harris and Marschak (1951), Optimal inventory policy, Econometrica 19.
        NaN where both costs are zero: every order is then as good.
        """
        total = self.underage + self.overage
        if isinstance(total, (int, float)):
            return self.underage / total if total else float("nan")
        xp = array_namespace(total)
        some = total > 0
        return xp.where(some, self.underage / xp.where(some, total, xp.ones_like(total)), xp.full_like(total, xp.nan))


def as_numpy(values: Array) -> NDArray[np.float64]:
    """Values of an array of either library as float64 in main memory, without their gradient."""
    return np.asarray(values.detach().cpu().double() if hasattr(values, "detach") else values, dtype=float)


def refuse_not_positive(name: str, value: Array, unit: str, *, zero: bool = False, advice: str = "") -> None:
    """Raise ValueError for the first entry that is not finite and > 0 (or >= 0), with its row."""
    values = as_numpy(value)
    good = np.isfinite(values) & ((values >= 0) if zero else (values > 0))
    refuse(name, values, good, f"finite and {'>= 0' if zero else '> 0'} [{unit}]", advice)


def refuse(name: str, values: NDArray[np.float64], good: NDArray[np.bool_], rule: str, advice: str = "") -> None:
    """Raise ValueError for the first entry that is not good, with its place, the rule and how many there are."""
    if good.all():
        return
    place = tuple(int(k) for k in np.argwhere(~good)[0]) if values.ndim else ()
    where = f" in row {place[0]}" if len(place) == 1 else f" at {list(place)}" if place else ""
    raise ValueError(
        f"{name}={float(values[place])}{where} must be {rule}; {int((~good).sum())} such value(s)"
        + (f". {advice}" if advice else "")
    )


def _refuse_other_rows(columns: dict[str, Array]) -> None:
    """Raise ValueError where data frame columns are labelled differently: they will be paired by position."""
    labelled = {name: list(v.index) for name, v in columns.items() if hasattr(v, "index") and hasattr(v, "to_numpy")}
    first = next(iter(labelled), "")
    other = [name for name, index in labelled.items() if index != labelled[first]]
    if other:
        raise ValueError(f"the rows of {first} and {other[0]} have other labels: align them, then give .to_numpy()")


def _array(name: str, value: Array) -> Array:
    """Numbers, arrays and tensors of floats as they are; anything else as an array of float64.

    Differences of unsigned integers would wrap.
    """
    if hasattr(value, "detach"):
        return value if value.dtype.is_floating_point else value.double()
    if isinstance(value, (int, float)) or getattr(getattr(value, "dtype", None), "kind", "") == "f":
        return value if np.isscalar(value) or isinstance(value, np.ndarray) else np.asarray(value)
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={value!r} must be a number or an array of numbers") from None
