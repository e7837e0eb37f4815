"""Prices, costs and supply terms of each SKU, written once; every cost in the project derives from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd  # noqa: TC002 - the examples use it
import pandera.pandas as pa
from numpy.typing import NDArray

from backtest import Fault, InputError, Origin
from backtest.faults import nearest, refuse
from backtest.frames import to_pandas
from backtest.schemas import DATE, NUMBER, at_least_zero, check, checked, column, duplicate_faults, finite
from losses import UnitCosts

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULTS: Mapping[str, float] = {
    "price": 0.0,
    "unit_cost": 0.0,
    "salvage": 0.0,
    "holding": 0.0,
    "goodwill": 0.0,
    "shelf_life": np.inf,
    "lead_time": 0.0,
    "review_period": np.nan,
    "pack_size": 1.0,
    "min_order": 0.0,
    "order_cost": 0.0,
    "shelf_capacity": np.inf,
    "supplier_fill": 1.0,
    "late_share": 0.0,
    "lifo_share": 0.0,
}
"""Columns and what an absent column means; review_period is then the step of the backtest."""

SUPPLY = (
    "shelf_life", "lead_time", "review_period", "pack_size", "min_order", "shelf_capacity", "supplier_fill",
    "late_share", "lifo_share",
)  # fmt: skip
"""Columns that say how goods are supplied; one value a series."""


SHARE = check("share", "must be from 0 to 1", "give a share, not a percentage", lambda v: (v >= 0) & (v <= 1))


def _whole(values: pd.Series[float]) -> pd.Series[bool]:
    return (values >= 0) & (np.isinf(values) | (values % 1 == 0))


SCHEMA = pa.DataFrameSchema({
    "unique_id": column("object"),
    "ds": column(DATE, required=False),
    "price": column(NUMBER, at_least_zero("negative-price", "correct the price"), finite(), required=False),
    "unit_cost": column(NUMBER, at_least_zero("negative-cost", "correct the cost"), finite(), required=False),
    "salvage": column(NUMBER, finite(), required=False),
    "holding": column(NUMBER, at_least_zero("negative-cost", "correct the cost"), finite(), required=False),
    "goodwill": column(NUMBER, at_least_zero("negative-cost", "correct the cost"), finite(), required=False),
    "shelf_life": column(
        NUMBER,
        check("shelf-life", "must be a whole number of periods >= 1, or inf",
              "leave it empty for goods that keep", lambda values: _whole(values) & (values >= 1)),
        required=False, nullable=True,
    ),
    "lead_time": column(
        NUMBER,
        check("lead-time", "must be a whole number of periods >= 0", "round it up",
              lambda v: _whole(v) & np.isfinite(v)),
        required=False,
    ),
    "review_period": column(
        NUMBER,
        check("review-period", "must be a whole number of periods >= 1", "round it up",
              lambda v: _whole(v) & np.isfinite(v) & (v >= 1)),
        required=False,
    ),
    "pack_size": column(NUMBER, at_least_zero("negative-pack", "correct it"), finite(), required=False),
    "min_order": column(NUMBER, at_least_zero("negative-order", "correct it"), finite(), required=False),
    "order_cost": column(NUMBER, at_least_zero("negative-cost", "correct the cost"), finite(), required=False),
    "shelf_capacity": column(NUMBER, at_least_zero("negative-capacity", "correct it"), required=False, nullable=True),
    "supplier_fill": column(NUMBER, SHARE, required=False),
    "late_share": column(NUMBER, SHARE, required=False),
    "lifo_share": column(NUMBER, SHARE, required=False),
})  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Economics:
    """Money and supply terms by series, and by time where prices change.

    frame : unique_id, optional ds, and any of the columns below; a row holds from its ds until the next one.
        price : paid by the customer [currency per unit].
        unit_cost : paid to the supplier [currency per unit].
        salvage : got for an expired unit; negative where disposal costs [currency per unit].
        holding : for a unit on hand at the end of a period [currency per unit and period].
        goodwill : lost with a customer who finds nothing, beside the margin [currency per unit].
        shelf_life : periods in which a unit can be sold, that of its arrival included; inf where goods keep.
        lead_time : periods from order to the first period whose demand it can serve.
        review_period : periods between orders; it divides the step of the windows or is a multiple of it.
        pack_size : orders are multiples of it [units]; 0 allows any amount.
        min_order : smallest order [units].
        order_cost : for each order of the series, whatever its size [currency].
        shelf_capacity : most units that may be on hand and in transit together; inf, or empty, where there is room.
        supplier_fill : probability that the supplier delivers an order [0..1].
        late_share : probability that an order which is due is a period later still [0..1].
        lifo_share : share of the customers who take the freshest unit [0..1]; the others take the oldest.
    warnings : prices below cost, which are odd but happen.
    source : name of the file, or of what else the terms come from.
    rows : [rows of the frame] row of the file that each stands in, or None where there is no file.

    Build it with `Economics.of`.
    """

    frame: pd.DataFrame
    warnings: tuple[Fault, ...] = ()
    source: str = "economics"
    rows: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, frame: Any, *, origin: Origin | None = None) -> Economics:  # noqa: ANN401 - narwhals' frames
        """Check a frame against the contract.

        Raises InputError with every fault: missing column, not a number, negative cost, duplicate key,
        salvage above cost, no cost of overage (nothing would ever be too much).

        >>> table = pd.DataFrame({"unique_id": ["a"], "price": [10.0], "unit_cost": [4.0], "shelf_life": [1]})
        >>> Economics.of(table).unit_costs(np.array(["a"])).critical_ratio()
        array([0.6])
        """
        origin = origin or Origin("economics")
        table = to_pandas(frame)
        faults = _unknown_columns(table, origin)
        for name in {"shelf_life", "shelf_capacity"} & set(table.columns):  # empty is without limit
            given = table[name].astype(object)
            table = table.assign(**{name: given.where(given.notna(), np.inf)})
        table, wrong = checked(table, SCHEMA, origin)
        faults += wrong
        if "unique_id" not in table.columns:
            raise InputError(faults)
        key = [c for c in ("unique_id", "ds") if c in table.columns]
        faults += duplicate_faults(table.dropna(subset=key), key, origin)
        full = table.assign(**{c: d for c, d in DEFAULTS.items() if c not in table.columns})
        faults += _changing_faults(full.dropna(subset="unique_id"), origin) if "ds" in key else []
        # what is wrong by itself is not compared with other columns
        sound = (full[["price", "unit_cost", "holding", "shelf_life"]] >= 0).all(axis=1)
        warnings = refuse(faults + _price_faults(full[sound], origin))
        ordered = full[[*key, *DEFAULTS]].sort_values(key, kind="stable")
        rows = None if origin.rows is None else origin.rows[ordered.index]
        return cls(ordered.reset_index(drop=True), warnings, origin.source, rows)

    def covers(self, unique_ids: NDArray[np.object_], source: str = "economics") -> None:
        """Raise InputError with every series that has no row here."""
        known = self.frame["unique_id"].unique()
        refuse(
            [
                Fault(
                    "no-economics",
                    f"unique_id={uid!r} of the history has no economics",
                    source,
                    "add its row",
                )
                for uid in np.setdiff1d(unique_ids.astype(str), known.astype(str))
            ]
        )

    def field(
        self, name: str, unique_ids: NDArray[np.object_], dates: pd.DatetimeIndex | None = None
    ) -> NDArray[np.float64]:
        """Value of a column: [series, time] for `dates`, or [series] of the newest row without them.

        A date before a series' first row takes that first row.
        """
        if "ds" not in self.frame.columns:
            flat = self.frame.set_index("unique_id")[name].reindex(unique_ids).to_numpy(dtype=float)
            return flat if dates is None else np.repeat(flat[:, None], len(dates), axis=1)
        wide = self.frame.pivot_table(index="ds", columns="unique_id", values=name, dropna=False)
        filled = wide.ffill().bfill()
        if dates is None:
            return filled.iloc[-1].reindex(unique_ids).to_numpy(dtype=float)
        steps = np.maximum(filled.index.searchsorted(dates, side="right") - 1, 0)
        return filled.iloc[steps].reindex(columns=unique_ids).to_numpy(dtype=float).T

    def unit_costs(
        self,
        unique_ids: NDArray[np.object_],
        dates: pd.DatetimeIndex | None = None,
        *,
        cycle: int | NDArray[np.int64] = 1,
    ) -> UnitCosts:
        """Underage and overage cost [currency per unit], [series, time] for `dates` or [series] without.

        cycle : periods for which a unit too many waits until the next order could do without it: the review period; a
            number, or an array that broadcasts to the result.

        underage = price - unit_cost + goodwill, never below 0: a good sold at a loss is not missed.
        overage = min(cycle, shelf_life) * (holding * (1 - 1 / shelf_life) + (unit_cost - salvage) / shelf_life): a unit
        left over is held for shelf_life - 1 period ends and then written off, and both are spread over the periods that
        it can wait. At shelf_life 1 that is the newsvendor's unit_cost - salvage; for goods that keep it is the
        holding cost of the cycle.
        """
        price, cost, salvage, holding, goodwill, life = (
            self.field(name, unique_ids, dates)
            for name in ("price", "unit_cost", "salvage", "holding", "goodwill", "shelf_life")
        )
        underage = np.maximum(price - cost + goodwill, 0.0)
        return UnitCosts(underage, np.minimum(cycle, life) * _overage(holding, cost - salvage, life))


def _unknown_columns(table: pd.DataFrame, origin: Origin) -> list[Fault]:
    return [
        Fault("unknown-column", f"column {name!r} is not one of economics", origin.source,
              f"remove it; {nearest(name, DEFAULTS)}")
        for name in map(str, table.columns) if name not in (*DEFAULTS, "unique_id", "ds")
    ]  # fmt: skip


Number = TypeVar("Number", NDArray[np.float64], "pd.Series[float]")


def _overage(holding: Number, write_off: Number, life: Number) -> Number:
    """Cost of a unit too many for one period [currency per unit]."""
    return holding * (1 - 1 / life) + write_off / life


def _changing_faults(table: pd.DataFrame, origin: Origin) -> list[Fault]:
    """Faults of supply terms that change over time: a simulation has one set of them."""
    spread = {name: table.groupby("unique_id", sort=False)[name].agg(["min", "max"]) for name in SUPPLY}
    return [
        Fault(
            "changing-term",
            f"{name} changes over time for unique_id={str(uid)!r}",
            f"{origin.source}, column {name}",
            "only prices and costs may change: give one value",
        )
        for name, ends in spread.items()
        for uid in ends.index[ends["min"] < ends["max"]]
    ]


def _price_faults(table: pd.DataFrame, origin: Origin) -> list[Fault]:
    """Find what single columns cannot tell; `table` is in the order of the file."""
    life = table["shelf_life"]
    overage = _overage(table["holding"], table["unit_cost"] - table["salvage"], life)
    below = table.index[table["price"] < table["unit_cost"]]
    above = table.index[table["salvage"] > table["unit_cost"]]
    free = table.index[(overage <= 0) & (table["salvage"] <= table["unit_cost"])]

    def value(i: int, name: str) -> str:
        return f"{name}={table[name].loc[i]:g} for unique_id={str(table.loc[i, 'unique_id'])!r}"

    def where(i: int, name: str) -> str:
        return origin.place(int(i), name)

    return [
        *(Fault("price-below-cost", f"{value(i, 'price')} is below unit_cost={table.loc[i, 'unit_cost']:g}",
                where(i, "price"), "each sale loses money: is that meant?", "warning") for i in below),
        *(Fault("salvage-above-cost",
                f"{value(i, 'salvage')} is above unit_cost={table.loc[i, 'unit_cost']:g}",
                where(i, "salvage"), "waste would earn money: correct one of the two") for i in above),
        *(Fault("no-overage-cost", f"{value(i, 'holding')} and no cost of expiry: one too many costs nothing",
                where(i, "holding"), "give holding, or shelf_life and unit_cost") for i in free),
    ]  # fmt: skip


__all__ = ["DEFAULTS", "Economics", "InputError"]
