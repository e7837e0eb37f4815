"""What may be taken for the demand that a stockout hid, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Assumption about hidden demand: its name on an axis, and what it says.
_ASSUMPTIONS = {
    "as_is": ("sales as they are", "sales are taken for demand, so that what a stockout hid counts as no demand; "
              "demand is at least this"),
    "masked": ("left out", "periods that were not fully in stock are left out of the money"),
    "fill": ("filled", "demand of a period not fully in stock is the mean of the last four stocked ones, or its "
             "sales where they are more"),
    "em": ("estimated (EM)", "the sales of a period not fully in stock are a lower bound of its demand, whose "
           "expectation comes from a gamma distribution around a local level (Tobit, by expectation-maximisation)"),
    "kaplan_meier": ("Kaplan-Meier", "the sales of a period not fully in stock are a lower bound of its demand, whose "
                     "expectation comes from the product-limit estimate, which assumes no shape"),
    "hours": ("by hours in stock", "the time without stock would have sold at the rate of the time with it"),
}  # fmt: skip


def short_name(assumption: str) -> str:
    """Name of an assumption about hidden demand, short enough for an axis.

    >>> short_name("as_is"), short_name("my_own")
    ('sales as they are', 'my own')
    """
    return _ASSUMPTIONS.get(assumption, (assumption.replace("_", " "), ""))[0]


def assumptions(bounds: pd.DataFrame) -> list[str]:
    """Say for each assumption of a run what it takes for demand."""
    known = dict.fromkeys(name for name in bounds["assumption"] if name in _ASSUMPTIONS)
    return [": ".join(_ASSUMPTIONS[name]) + "." for name in known]
