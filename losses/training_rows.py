"""The rows of a training set, checked once at the door: demand, costs and weights, and the loss's own arrays."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .censored import CensoredNewsvendor
from .costs import Array, UnitCosts, as_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .protocol import Loss

    Vector = NDArray[np.float64]

Costs = Array
"""`UnitCosts`, or a table [row, 2] of underage and overage cost, see `costs_of_rows`."""


def checked_rows(demand: Array, costs: Costs, weight: Array = None) -> tuple[Vector, UnitCosts, Vector]:
    """Demand [row], costs as arrays [row], and weight [row], 1 unless given.

    Demand of rows of weight 0 is not looked at: they get the weighted mean of the others, so that a missing or absurd
    one moves nothing.

    Raises
    ------
    ValueError
        For demand or weights that are missing or infinite, negative weights, and costs that do not fit; with the row.

    >>> checked_rows([4.0, float("nan"), 1.0], UnitCosts(8.0, 2.0), [1.0, 0.0, 2.0])[0]
    array([4., 2., 1.])
    """
    y = _vector("demand", demand)
    w = np.ones_like(y) if weight is None else _vector("weight", weight, rows=len(y))
    _refuse("weight", w, (w >= 0) & np.isfinite(w), "finite and >= 0")
    _refuse("demand", y, np.isfinite(y) | (w == 0), "finite, or of weight 0")
    if not w.all():
        y = np.where(w > 0, y, weighted_mean(np.where(w > 0, y, 0.0), w))
    return y, costs_of_rows(costs, len(y)), w


def loss_of_rows(loss: Loss, rows: int, part: slice | None = None) -> Loss:
    """The loss with those of its fields that are arrays [row], such as a stock, cut to some of the rows.

    >>> from losses import CensoredNewsvendor
    >>> loss_of_rows(CensoredNewsvendor(np.array([10.0, 20.0, 30.0])), 3, slice(1, 3))
    CensoredNewsvendor(stock=array([20., 30.]))

    Raises
    ------
    ValueError
        For an array of another length than 1 and the number of rows; what is no array [row] is a tuple.
    """
    given: Any = loss
    of_rows: dict[str, Array] = {}
    for field in fields(given) if is_dataclass(given) else ():
        values: Array = getattr(given, field.name)
        if not field.init or len(getattr(values, "shape", ())) != 1 or len(values) == 1:
            continue
        if len(values) != rows:
            raise ValueError(
                f"{field.name} of {type(loss).__name__} has {len(values)} entries and demand {rows} rows; give it one "
                "number or one entry a row"
            )
        of_rows[field.name] = values
    if part is None or not of_rows:
        return loss
    cut: Loss = replace(given, **{name: values[part] for name, values in of_rows.items()})
    return cut


def weighted_mean(values: Vector, weight: Vector) -> float:
    """sum(w * v) / sum(w), and 0 where all weights are 0.

    >>> weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0]))
    2.0
    """
    total = weight.sum()
    return float(weight @ values / total) if total > 0 else 0.0


def costs_of_rows(costs: Costs, rows: int) -> UnitCosts:
    """Costs as two arrays [row], from `UnitCosts` or from a table [row, 2] that cross-validation can slice.

    A data frame is read by its columns `underage` and `overage`; a table without names has the underage cost first.

    Raises
    ------
    ValueError
        For another shape or number of rows, other names, and for costs that are negative or not finite.

    >>> costs_of_rows(np.array([[8.0, 2.0], [1.0, 4.0]]), 2)
    UnitCosts(underage=array([8., 1.]), overage=array([2., 4.]))
    """
    if not isinstance(costs, UnitCosts):
        columns = list(getattr(costs, "columns", ()))
        named = {"underage", "overage"} <= set(columns)
        if not named and any(isinstance(column, str) for column in columns):
            raise ValueError(f"costs with columns {columns} must have the columns underage and overage; rename them")
        table = np.column_stack([costs["underage"], costs["overage"]]) if named else np.asarray(costs)
        if table.ndim != 2 or table.shape[1] != 2:
            raise ValueError(
                f"costs of shape {table.shape} must be UnitCosts or a table [row, 2] of underage and overage cost"
            )
        costs = UnitCosts(table[:, 0].astype(float), table[:, 1].astype(float))
    sides = []
    for name in ("underage", "overage"):
        side = as_numpy(getattr(costs, name))
        if side.shape not in ((), (1,), (rows,)):
            raise ValueError(
                f"{name} of shape {side.shape} must be one number or one a row, and there are {rows} rows; to slice "
                "costs in cross-validation pass them as a table [row, 2]"
            )
        sides.append(np.broadcast_to(side, rows))
    return UnitCosts.trusted(*sides)


def censored(stock: Array, sales: Array) -> CensoredNewsvendor:
    """The loss of sales that stock may have cut.

    Raises
    ------
    ValueError
        Where the lengths differ or more was sold than there was, with the row.

    >>> censored([10.0, 20.0], [10.0, 7.0])
    CensoredNewsvendor(stock=array([10., 20.]))
    """
    sold = _vector("demand", sales)
    units = _vector("stock", stock, rows=len(sold))
    bad = np.flatnonzero(sold > units)
    if bad.size:
        row = bad[0]
        raise ValueError(
            f"stock={units[row]} in row {row} is below its sales of {sold[row]}; {bad.size} such row(s). It is "
            "the units that could have been sold; is this the share of time in stock?"
        )
    return CensoredNewsvendor(units)


def _vector(name: str, values: Array, *, rows: int | None = None) -> Vector:
    vector = as_numpy(values)
    if vector.ndim != 1 or (rows is not None and len(vector) != rows) or not len(vector):
        wanted = "one entry a row" if rows is None else f"[{rows}]"
        raise ValueError(f"{name} of shape {vector.shape} must be {wanted}")
    return vector


def _refuse(name: str, vector: Vector, good: NDArray[np.bool_], rule: str) -> None:
    bad = np.flatnonzero(~good)
    if bad.size:
        raise ValueError(
            f"{name}={vector[bad[0]]} in row {bad[0]} must be {rule}; {bad.size} such value(s). Leave such rows out"
        )
