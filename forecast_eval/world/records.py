"""What happened in a market, week by week: what the retailer recorded, and what nobody saw."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Units of every series and week, [series, week]; a week's column is contiguous.

    ordered : of the supplier, in whole packs. received : put on the shelf. wasted : expired and discarded.
    recorded : sold, as the tills recorded them. book : on hand when the week ends, as the system believes.
    in_stock : share of the week until the shelf was empty, as recorded: below 1 where demand was lost and the system
        believes in no stock either.

    Hidden are:

    wanted : what customers came for. sold : what they took, substitutes included. substitutes : those among them.
    lost : what they came for and went without, a substitute too.
    vanished : gone from the shelf unsold. on_hand : truly there when the week ends.
    """

    ordered: Ints
    received: Ints
    wasted: Ints
    recorded: Ints
    book: Ints
    in_stock: Floats
    wanted: Ints
    sold: Ints
    substitutes: Ints
    lost: Ints
    vanished: Ints
    on_hand: Ints

    @classmethod
    def blank(cls, series: int, weeks: int) -> Records:
        """Nothing has happened yet."""
        kinds = {f.name: float if f.name == "in_stock" else np.int64 for f in fields(cls)}
        empty: dict[str, Any] = {n: np.zeros((series, weeks), dtype=kind, order="F") for n, kind in kinds.items()}
        return cls(**empty)

    def copy(self) -> Records:
        """Give records that change by themselves."""
        return Records(**{f.name: getattr(self, f.name).copy(order="F") for f in fields(self)})

    def note(self, week: int, units: dict[str, NDArray[Any]]) -> None:
        """Write the week's [series] units by name."""
        for name, values in units.items():
            getattr(self, name)[:, week] = values

    def until(self, week: int) -> Records:
        """Give the weeks before `week`, as views that cannot be written to."""
        return Records(**{f.name: read_only(getattr(self, f.name)[:, :week]) for f in fields(self)})


def read_only(values: NDArray[Number]) -> NDArray[Number]:
    """Give a view that cannot be written to."""
    view = values.view()
    view.flags.writeable = False
    return view
