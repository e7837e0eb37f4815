"""What the inventory loss must know of goods: prices, terms of supply, and the stock at the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .costs import as_numpy, refuse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .costs import Array

MONEY = ("price", "unit_cost", "salvage", "holding", "goodwill")
KEEPS = 0  # shelf life of goods that do not expire


@dataclass(frozen=True, slots=True, eq=False)
class InventoryTerms:
    """Money per unit and terms of supply of each series; the words and the defaults are those of `Economics`.

    price : paid by the customer [currency per unit].
    unit_cost : paid to the supplier [currency per unit].
    salvage : got for an expired unit; negative where disposal costs [currency per unit].
    holding : for a unit on hand at the end of a period [currency per unit and period].
    goodwill : lost with a customer who finds nothing, beside the margin [currency per unit].
    lead_time : periods from an order to the first period whose demand it can serve.
    shelf_life : periods in which a unit can be sold, that of its arrival included; 0 or inf where goods keep.

    Money is a number, [series], or an array that broadcasts to the demand [..., series, time]; lead_time and
    shelf_life are whole numbers or [series]. NumPy, torch and lists will do. There are no packs and no smallest order:
    steps have no gradient, so the loss orders any amount and leaves both to the simulator.

    Raises
    ------
    ValueError
        For a term that breaks its rule; it names the first offending row.

    >>> InventoryTerms(price=[9.0, 8.0], unit_cost=[4.0, -3.0])
    Traceback (most recent call last):
    ...
    ValueError: unit_cost=-3.0 in row 1 must be finite and >= 0 [currency per unit]; 1 such value(s). Correct them
    """

    price: Array
    unit_cost: Array
    salvage: Array = 0.0
    holding: Array = 0.0
    goodwill: Array = 0.0
    lead_time: Array = 0
    shelf_life: Array = KEEPS

    def __post_init__(self) -> None:
        """Refuse terms that no simulation could use, once, at the door."""
        for name in MONEY:
            money = as_numpy(getattr(self, name))
            least = -np.inf if name == "salvage" else 0.0
            rule = "finite" if name == "salvage" else "finite and >= 0"
            refuse(name, money, np.isfinite(money) & (money >= least), f"{rule} [currency per unit]", "Correct them")
        lead, life = as_numpy(self.lead_time), as_numpy(self.shelf_life)
        refuse("lead_time", lead, _whole(lead), "a whole number of periods >= 0", "Correct them")
        rule = "a whole number of periods, 0 or inf if it keeps"
        refuse("shelf_life", life, _whole(life) | np.isposinf(life), rule, "Correct them")


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """Units at the start.

    on_hand : [..., series] units, taken as fresh.
    in_transit : [..., series, period] units that arrive at the start of each of the first periods, or None.

    Raises ValueError for units that are negative or not finite.
    """

    on_hand: Array
    in_transit: Array | None = None

    def __post_init__(self) -> None:
        """Refuse units that cannot be."""
        for name in ("on_hand", "in_transit"):
            if getattr(self, name) is not None:
                units = as_numpy(getattr(self, name))
                refuse(name, units, np.isfinite(units) & (units >= 0), "finite and >= 0 [units]", "Correct them")


def _whole(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values) & (values >= 0) & (np.floor(values) == values))
