"""Cells, rows and columns of ready text, shared by all tables."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..content import ReportFacts
    from ..palette import ModelStyle, Palette

Direction = Literal["lower", "higher", "zero", "none"]
Kind = Literal["money", "share", "number", "count"]
Header = tuple[tuple[str, str], ...]

MISSING = "n/a"


@dataclass(frozen=True, slots=True)
class Measure:
    """One numeric column: where it is found, how it is printed and which end of it is good.

    optional : left out where the frame does not have it, or it is 0 for every model.
    """

    name: str
    label: str
    kind: Kind = "number"
    direction: Direction = "none"
    unit: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """Printed text; `tags` are short words beside it, so that nothing is told by colour alone."""

    text: str
    tags: tuple[str, ...] = ()


Pair = tuple[Cell, Cell]


@dataclass(frozen=True, slots=True)
class Row:
    """One model's line; rows of one `group` stand under its name."""

    style: ModelStyle
    cells: tuple[Cell, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Header labels with their units, and the rows."""

    header: Header
    rows: tuple[Row, ...]


def texts(values: Iterable[float], kind: Kind = "number", *, signed: bool = False) -> list[str]:
    """Print one column with one number of decimals, about three digits at its median.

    >>> texts([1234.5, float("nan"), 80.25], "money")
    ['1,234', 'n/a', '80']
    >>> texts([0.875, 0.9], "share")
    ['87.5%', '90.0%']
    """
    column = np.asarray(list(values), dtype=float)
    decimals = _decimals(column, kind)
    sign = "+" if signed else ""
    ending = "%" if kind == "share" else "f"
    return [
        MISSING if not math.isfinite(value)
        else f"{value:{sign}.2e}" if abs(value) >= 1e9  # an exploded model must not stretch the table
        else f"{value:{sign}z,.{decimals}{ending}}"
        for value in column
    ]  # fmt: skip


def by_model(frame: pd.DataFrame, measures: Sequence[Measure], *, palette: Palette) -> Table:
    """One line a row of a frame that is indexed by model; optional measures only where they say something."""
    measures = [m for m in measures if not m.optional or (m.name in frame and not (frame[m.name] == 0).all())]
    columns = [column(frame, measure) for measure in measures]
    rows = zip(*columns, strict=True) if columns else [()] * len(frame)
    styles = (palette.style(str(name)) for name in frame.index)
    header = tuple((measure.label, measure.unit) for measure in measures)
    return Table(header, tuple(Row(style, tuple(row)) for style, row in zip(styles, rows, strict=True)))


def column(frame: pd.DataFrame, measure: Measure) -> list[Cell]:
    """Printed values of one column; the best of them are marked where the measure has a good end."""
    absent = pd.Series(math.nan, index=frame.index)
    values = frame.get(measure.name, absent).to_numpy(dtype=float, na_value=math.nan)
    signed = measure.direction == "zero"
    best = _best(values, measure.direction)
    printed = texts(values, measure.kind, signed=signed)
    return [Cell(text, ("best",) if mark else ()) for text, mark in zip(printed, best, strict=True)]


def _best(values: np.ndarray, direction: Direction) -> list[bool]:
    finite = np.isfinite(values)
    if direction == "none" or finite.sum() < 2:  # a lone value beats nobody
        return [False] * len(values)
    distance = {"lower": values, "higher": -values, "zero": np.abs(values)}[direction]
    least = distance[finite].min()
    if least == distance[finite].max():  # where all are equal none is best
        return [False] * len(values)
    return [bool(value == least) for value in distance]


def interval_cells(frame: pd.DataFrame) -> list[Pair]:
    """For each row its difference, and the interval from low to high with the verdict on it."""
    ends = texts(frame[["difference", "low", "high"]].to_numpy(dtype=float).ravel(), "money", signed=True)
    lines = []
    for place in range(len(frame)):
        difference, low, high = ends[3 * place : 3 * place + 3]
        span = MISSING if MISSING in (low, high) else f"{low} to {high}"
        verdict = _verdict(*(float(frame[end].iloc[place]) for end in ("low", "high")))
        lines.append((Cell(difference), Cell(span, verdict)))
    return lines


def _verdict(low: float, high: float) -> tuple[str, ...]:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ()
    if low > 0:
        return ("gain",)
    return ("loss",) if high < 0 else ("noise",)


def with_differences(table: Table, frame: pd.DataFrame, facts: ReportFacts) -> Table:
    """Put the difference to the incumbent and its interval beside a table with one line a model."""
    names = [row.style.name for row in table.rows]
    pairs = interval_cells(frame.set_index("model").reindex(names))
    reference = (Cell("reference"), Cell(""))
    lines = (
        Row(row.style, reference if row.style.is_incumbent else pair)
        for row, pair in zip(table.rows, pairs, strict=True)
    )
    return beside(table, Table(interval_header("vs incumbent", facts), tuple(lines)))


def interval_header(what: str, facts: ReportFacts) -> Header:
    """Labels of what `interval_cells` gives."""
    interval = (
        f"{facts.confidence:.0%} interval",
        "of the difference" if what == "vs incumbent" else f"of the {what.lower()}",
    )
    return ((what, f"{facts.currency} a week"), interval)


def beside(left: Table, right: Table) -> Table:
    """Join two tables with the same models in the same order."""
    pairs = zip(left.rows, right.rows, strict=True)
    rows = (Row(one.style, (*one.cells, *other.cells), one.group) for one, other in pairs)
    return Table((*left.header, *right.header), tuple(rows))


def in_currency(measures: Iterable[Measure], currency: str) -> list[Measure]:
    """Give amounts of money their currency as unit; shares and numbers keep their own."""
    return [replace(m, unit=currency) if m.kind == "money" else m for m in measures]


def _decimals(column: np.ndarray, kind: Kind) -> int:
    if kind == "share":
        return 1
    if kind == "count":
        return 0
    sizes = np.abs(column[np.isfinite(column) & (column != 0)])
    whole = math.floor(math.log10(float(np.median(sizes)))) if sizes.size else 2
    if kind == "money":
        return 0 if whole >= 1 else 2
    return min(max(2 - whole, 0), 4)
