"""Measured outcomes by unit and period, read and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.faults import Fault, InputError, Origin, attempt, refuse
from backtest.frames import to_pandas

from ..config.data import resolved_path
from ..layout import open_mapped, text_of
from .measured import Contract, Rows, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ..config.experiment import OutcomesTable, UnitsTable

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What was measured, dense.

    units : [unit] names of what was randomised, sorted.
    periods : [period] timestamps, or whole numbers where the file counts periods.
    values : column -> [unit, period], summed over segments; NaN where the file has no row.
    arm : [unit, period] arm of each row, None where there is no row or the file has no arm column.
    segments : segment column -> its values -> column -> [unit, period]; 0 where a unit has rows of other segments only,
        so that segments add up to the total.
    static : one row a unit, indexed by unit: what is known of it.
    warnings : what is odd and no reason to stop, such as periods without rows.
    origin, row : where the rows came from, and the position of the first row [unit, period], -1 where there is none.
    """

    units: NDArray[np.object_]
    periods: pd.Index
    values: dict[str, Floats]
    arm: NDArray[np.object_] | None
    segments: dict[str, dict[str, dict[str, Floats]]]
    static: pd.DataFrame
    warnings: tuple[Fault, ...] = ()
    origin: Origin | None = None
    row: Ints | None = None

    def place(self, unit: int, period: int, column: str) -> str:
        """Say where a value stands: file, row and column, or unit and period of a frame that was made in memory."""
        if self.origin is None or self.row is None or self.row[unit, period] < 0:
            return f"unit {self.units[unit]}, {self.called(period)}, column {column}"
        return self.origin.place(int(self.row[unit, period]), column)

    @property
    def source(self) -> str:
        """Name of the file, or what to call a frame that was made in memory."""
        return "outcomes" if self.origin is None else self.origin.source

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Whether there is a row [unit, period]."""
        return np.asarray(~np.isnan(np.stack(list(self.values.values()))).all(axis=0))

    def called(self, period: int) -> str:
        """Name of a period: its date, or what number it is."""
        return period_name(self.periods[period])


def period_name(period: object) -> str:
    """Date or number of a period, as it is printed.

    >>> period_name(pd.Timestamp("2026-03-02")), period_name(np.int64(12))
    ('2026-03-02', '12')
    """
    if not isinstance(period, pd.Timestamp):
        return str(period)
    return str(period.date()) if period == period.normalize() else str(period)


def read_outcomes(
    table: OutcomesTable,
    base: Path,
    *,
    units: UnitsTable | None = None,
    measures: Sequence[str] | None = None,
    experiment: str | None = None,
) -> Outcomes:
    """Read a file of outcomes, CSV or Parquet, and what is known of units; see `outcomes_of`.

    base : folder to which `table.root` is relative.
    measures : columns that are needed, which must be numbers throughout; None asks it of every column with a number.
    experiment : whose rows to keep, where the file has several.

    Raises InputError with the faults of both files.
    """
    faults: list[Fault] = []
    file = attempt(lambda: open_mapped(resolved_path(table.path, table.root, base), table.columns), faults)
    static = None if units is None else attempt(lambda: _static(units, table, base), faults)
    if file is None:
        raise InputError(faults)
    needed = None if measures is None else tuple(measures)
    contract = Contract(tuple(table.segments), tuple(table.negative), needed, experiment)
    found = attempt(lambda: outcomes_of(file.frame, contract, static=static, origin=file.origin), faults)
    refuse([*file.faults, *faults])
    assert found is not None
    return found


def outcomes_of(
    frame: Any,  # noqa: ANN401 - any frame that narwhals reads
    contract: Contract | None = None,
    *,
    static: pd.DataFrame | None = None,
    origin: Origin | None = None,
) -> Outcomes:
    """Check a frame of outcomes, and lay it out by unit and period.

    frame : unit, ds (dates, or whole numbers), optional arm and experiment, segment columns, and number columns. One
        row a unit, period and segment; a period without a row was not measured.
    static : one row a unit, indexed by unit. Without it, columns that never change within a unit are taken.

    Raises InputError with every fault: a missing column or value, not a date or number, a negative count, a row that
    stands twice, a unit in two arms in one period, a unit that `static` does not know.

    >>> weeks = pd.DataFrame({"unit": ["a", "a", "b"], "ds": [1, 2, 1], "arm": ["x", "x", "y"], "sold": [5, 7, 4]})
    >>> outcomes = outcomes_of(weeks)
    >>> outcomes.values["sold"].tolist(), [str(w) for w in outcomes.warnings][0][:60]
    ([[5.0, 7.0], [4.0, nan]], 'outcomes: 1 of 2 units have no row in some periods (1 of 4 c')
    """
    origin, contract = origin or Origin("outcomes"), contract or Contract()
    rows, faults = rows_of(to_pandas(frame).reset_index(drop=True), contract, origin)
    units, unit = np.unique(rows.unit, return_inverse=True)
    faults += _unknown(units, static, rows, unit)
    refuse(faults)
    dense = _Dense(unit, rows.period, (len(units), len(rows.periods)))
    outcomes = Outcomes(
        units=units.astype(object),
        periods=rows.periods,
        values={name: dense.total(values) for name, values in rows.numbers.items()},
        arm=None if rows.arm is None else dense.label(rows.arm),
        segments=_segments(rows, contract.segments, dense),
        static=_of_units(rows, unit, units) if static is None else static.reindex(units),
        warnings=tuple(f for f in faults if f.severity == "warning"),
        origin=rows.origin,
        row=dense.first(),
    )
    return replace(outcomes, warnings=(*outcomes.warnings, *_gaps(outcomes)))


@dataclass(frozen=True, slots=True, eq=False)
class _Dense:
    """Which cell of [unit, period] each row belongs to."""

    unit: Ints
    period: Ints
    shape: tuple[int, int]

    @property
    def cell(self) -> Ints:
        return self.unit * self.shape[1] + self.period

    @property
    def has(self) -> NDArray[np.bool_]:
        return self.first() >= 0

    def first(self) -> Ints:
        """Position of the first row of each cell, -1 where there is none."""
        out = np.full(self.shape[0] * self.shape[1], -1, dtype=np.int64)
        out[self.cell[::-1]] = np.arange(len(self.cell))[::-1]
        return out.reshape(self.shape)

    def total(self, values: Floats, chosen: NDArray[np.bool_] | None = None) -> Floats:
        """Sums of values, of the chosen rows; NaN where a cell has no row at all."""
        weights = values if chosen is None else np.where(chosen, values, 0.0)
        sums = np.bincount(self.cell, weights=weights, minlength=self.shape[0] * self.shape[1])
        return np.where(self.has, sums.reshape(self.shape), np.nan)

    def label(self, labels: NDArray[np.object_]) -> NDArray[np.object_]:
        out = np.full(self.shape, None, dtype=object)
        out[self.unit, self.period] = labels
        return out


def _segments(rows: Rows, names: Sequence[str], dense: _Dense) -> dict[str, dict[str, dict[str, Floats]]]:
    out: dict[str, dict[str, dict[str, Floats]]] = {}
    for name in names:
        labels = rows.words[name]
        out[name] = {
            str(value): {column: dense.total(numbers, labels == value) for column, numbers in rows.numbers.items()}
            for value in np.unique(labels.astype(str))
        }
    return out


def _of_units(rows: Rows, unit: Ints, units: NDArray[Any]) -> pd.DataFrame:
    """Columns that never change within a unit."""
    first = np.unique(unit, return_index=True)[1]
    columns = {**rows.numbers, **rows.words}
    fixed = {name: own[first] for name, own in columns.items() if (own == own[first][unit]).all()}
    return pd.DataFrame(fixed, index=pd.Index(units, name="unit", dtype=object))


def _unknown(units: NDArray[Any], static: pd.DataFrame | None, rows: Rows, unit: Ints) -> list[Fault]:
    if static is None:
        return []
    return [
        Fault("unknown-unit", f"unit={name!r} is not in the table of units",
              rows.origin.place(int(np.flatnonzero(unit == k)[0]), "unit"), "add its row, or correct the name")
        for k, name in enumerate(units) if name not in static.index
    ]  # fmt: skip


def _gaps(outcomes: Outcomes) -> list[Fault]:
    """Warn of periods without rows: of some units, and of all."""
    source = outcomes.source
    assert outcomes.row is not None
    empty = outcomes.row < 0
    found = []
    if empty.any():
        worst = int(empty.sum(axis=1).argmax())
        what = (
            f"{empty.any(axis=1).sum():,} of {len(empty):,} units have no row in some periods ({empty.sum():,} of "
            f"{empty.size:,} cells; most in unit {outcomes.units[worst]}: {empty[worst].sum():,})"
        )
        fix = "give rows with zeros where nothing was sold: a mean is taken over the periods that have rows"
        found.append(Fault("gaps", what, source, fix, "warning"))
    steps = np.diff(outcomes.periods.to_numpy()).astype(np.int64)
    if len(steps) and steps.max() >= 2 * steps.min():  # months differ by less
        late = int(np.flatnonzero(steps >= 2 * steps.min())[0])
        what = f"no unit has a row between {outcomes.called(late)} and {outcomes.called(late + 1)}"
        found.append(Fault("missing-periods", what, source, "give the rows if they exist", "warning"))
    return found


def _static(units: UnitsTable, table: OutcomesTable, base: Path) -> pd.DataFrame:
    """Read what is known of each unit, indexed by unit; columns that are all numbers become numbers."""
    root = table.root if getattr(units, "root", None) is None else str(getattr(units, "root"))  # noqa: B009
    file = open_mapped(resolved_path(units.path, root, base), units.columns)
    refuse([*file.faults, *file.lacking(["unit"])])
    names = text_of(file.frame["unit"])
    again = names.duplicated() & names.notna()
    faults = [Fault("missing-value", "unit is empty", file.origin.place(int(i), "unit"), "give the unit's name")
              for i in np.flatnonzero(names.isna())]  # fmt: skip
    faults += [Fault("duplicate", f"unit={names.iloc[i]!r} stands twice", file.origin.place(int(i), "unit"),
                     "keep one row for each unit") for i in np.flatnonzero(again)]  # fmt: skip
    refuse(faults)
    frame = file.frame.drop(columns="unit").set_axis(pd.Index(names, name="unit", dtype=object))
    return frame.apply(_numbers_or_words)


def _numbers_or_words(values: pd.Series[Any]) -> pd.Series[Any]:
    numbers = pd.to_numeric(values, errors="coerce")
    return text_of(values) if (numbers.isna() & values.notna()).any() else numbers.astype(float)
