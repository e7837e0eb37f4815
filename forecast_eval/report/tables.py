"""Frames in, tables of ready text out: the page template only lays them out.

A value that could not be computed is printed as "n/a", never left out and never as 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .content import ReportFacts
    from .palette import ModelStyle, Palette

Direction = Literal["lower", "higher", "zero", "none"]
Kind = Literal["money", "share", "number"]
Header = tuple[tuple[str, str], ...]

_KEY_SCORES = ("rmse", "mape", "wape", "bias", "newsvendor_cost")
_SHARES = frozenset({"fraction", "share"})
_MISSING = "n/a"


@dataclass(frozen=True, slots=True)
class Measure:
    """One numeric column: where it is found, how it is printed and which end of it is good."""

    name: str
    label: str
    kind: Kind = "number"
    direction: Direction = "none"
    unit: str = ""


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


_LEDGER = (
    Measure("profit", "Profit", "money", "higher"),
    Measure("revenue", "Revenue", "money", "higher"),
    Measure("gross_profit", "Gross profit", "money", "higher"),
    Measure("mismatch_cost", "Mismatch cost", "money", "lower"),
    Measure("lost_sales", "Lost sales", "money", "lower"),
    Measure("waste", "Waste", "money", "lower"),
    Measure("holding_cost", "Holding", "money", "lower"),
    Measure("shortage_cost", "Shortage", "money", "lower"),
)
_SERVICE = (
    Measure("fill_rate", "Fill rate", "share", "higher"),
    Measure("cycle_service_level", "Cycle service", "share", "higher"),
    Measure("lost_units", "Lost", "number", "lower", "units"),
    Measure("wasted_units", "Wasted", "number", "lower", "units"),
    Measure("mean_stock", "Mean stock", "number", "none", "units"),
    Measure("days_of_supply", "Supply", "number", "none", "days"),
    Measure("end_stock", "End stock", "money", "none", "at its cost"),
)
_EFFORT = (
    Measure("fit_seconds", "Fit", "number", "none", "s"),
    Measure("predict_seconds", "Predict", "number", "none", "s"),
    Measure("latency_ms", "Latency", "number", "none", "ms a series"),
    Measure("peak_mb", "Peak memory", "number", "none", "MB"),
    Measure("failures", "Failures", "number", "none"),
)
_SEGMENT = tuple(_LEDGER[place] for place in (0, 4, 5, 6, 7))


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
        _MISSING if not math.isfinite(value)
        else f"{value:{sign}.2e}" if abs(value) >= 1e9  # an exploded model must not stretch the table
        else f"{value:{sign}z,.{decimals}{ending}}"
        for value in column
    ]  # fmt: skip


def leaderboard(scores: pd.DataFrame, money: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> Table:
    """One line a model: profit, the difference to the incumbent with its interval, and a few key scores."""
    profit = Measure("profit", "Profit", "money", "higher", f"{facts.currency} a week")
    earned = _by_model(money.set_index("model").reindex(palette.names), [profit], palette=palette)
    return _beside(_with_differences(earned, money, facts), _key_scores(scores, facts, palette))


def ledger(money: pd.DataFrame, *, currency: str, palette: Palette) -> Table:
    """Money by model at its chosen setting."""
    return _kpis(money, [_in(measure, currency) for measure in _LEDGER], palette=palette)


def service(money: pd.DataFrame, *, palette: Palette) -> Table:
    """Service and stock by model at its chosen setting."""
    return _kpis(money, _SERVICE, palette=palette)


def effort(scores: pd.DataFrame, usage: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> Table:
    """What each model took, beside its accuracy by the first of the key scores."""
    taken = _by_model(usage.set_index("model").reindex(palette.names), _EFFORT, palette=palette)
    return _beside(_key_scores(scores, facts, palette, 1), taken)


def segments(frame: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> list[tuple[str, Table]]:
    """For each segment its title and its table."""
    found = []
    for name, rows in frame.groupby("segment", sort=False):
        part = rows.set_index("model")
        names = [model for model in palette.names if model in part.index]
        measures = [_in(measure, facts.currency) for measure in _SEGMENT]
        table = _by_model(part.loc[names], measures, palette=palette)
        title = f"{str(name).capitalize()}: {_series_count(rows['n_series'])}"
        found.append((title, _with_differences(table, rows, facts)))
    return found


def groups(scores: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> list[tuple[str, Table]]:
    """For each axis but the total: its name and all scores by group and model."""
    rest = scores[scores["axis"] != "total"]
    return [(str(axis), _axis(rows, facts, palette)) for axis, rows in rest.groupby("axis", sort=False)]


def settings(frame: pd.DataFrame, *, palette: Palette) -> Table:
    """Cost by model and policy setting, with the chosen setting and the best in hindsight."""
    columns = frame[["policy", "setting", "knob"]].drop_duplicates(["policy", "setting"])
    first = {policy: place for place, policy in enumerate(dict.fromkeys(frame["policy"]))}
    columns = columns.assign(place=columns["policy"].map(first)).sort_values(["place", "knob"])
    keys = list(zip(columns["policy"], columns["setting"], strict=True))
    fields = ("model", "policy", "setting", "chosen", "best")
    cells = {
        (model, policy, setting): Cell(text, ("chosen",) * bool(chosen) + ("best",) * bool(best))
        for text, (model, policy, setting, chosen, best) in zip(
            texts(frame["mismatch_cost"], "money"), zip(*(frame[field] for field in fields), strict=True), strict=True
        )
    }
    # A dash is no "n/a": this model was not run at that setting, so nothing was to be computed.
    dash = Cell("\u2013")
    rows = (
        Row(style, tuple(cells.get((style.name, *key), dash) for key in keys))
        for style in palette.styles if style.name in set(frame["model"])
    )  # fmt: skip
    header = ((setting, "" if policy in setting else policy) for policy, setting in keys)
    return Table(tuple(header), tuple(rows))


def missing(scores: pd.DataFrame) -> list[str]:
    """Say which total scores rest on fewer values than there were."""
    gaps = scores[(scores["axis"] == "total") & (scores["n_missing"] > 0)]
    return [
        f"{model}: {', '.join(rows['metric'])} without {int(rows['n_missing'].max()):,} values "
        f"({int(rows['n_obs'].min()):,} used)"
        for model, rows in gaps.groupby("model", sort=False)
    ]


def _key_scores(scores: pd.DataFrame, facts: ReportFacts, palette: Palette, count: int | None = None) -> Table:
    total = scores[scores["axis"] == "total"]
    measures = _measures(facts, total["metric"])
    keys = [measure for measure in measures if measure.name in _KEY_SCORES] or measures[:5]
    wide = total.pivot_table(index="model", columns="metric", values="value", aggfunc="first")
    return _by_model(wide.reindex(palette.names), keys[:count], palette=palette)


def _axis(rows: pd.DataFrame, facts: ReportFacts, palette: Palette) -> Table:
    measures = _measures(facts, rows["metric"])
    lines: list[Row] = []
    header: Header = ()
    for group, part in rows.groupby("group", sort=False):
        wide = part.pivot_table(index="model", columns="metric", values="value", aggfunc="first")
        names = [name for name in palette.names if name in set(part["model"])]
        table = _by_model(wide.reindex(names), measures, palette=palette)
        header = table.header
        lines.extend(Row(row.style, row.cells, str(group)) for row in table.rows)
    return Table(header, tuple(lines))


def _kpis(money: pd.DataFrame, measures: Sequence[Measure], *, palette: Palette) -> Table:
    return _by_model(money.set_index("model"), measures, palette=palette)


def _by_model(frame: pd.DataFrame, measures: Sequence[Measure], *, palette: Palette) -> Table:
    columns = [_column(frame, measure) for measure in measures]
    rows = zip(*columns, strict=True) if columns else [()] * len(frame)
    styles = (palette.style(str(name)) for name in frame.index)
    header = tuple((measure.label, measure.unit) for measure in measures)
    return Table(header, tuple(Row(style, tuple(row)) for style, row in zip(styles, rows, strict=True)))


def _column(frame: pd.DataFrame, measure: Measure) -> list[Cell]:
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


def _differences(frame: pd.DataFrame, facts: ReportFacts, *, names: list[str]) -> tuple[Header, list[Pair]]:
    rows = frame.set_index("model").reindex(names)
    ends = texts(rows[["difference", "low", "high"]].to_numpy(dtype=float).ravel(), "money", signed=True)
    lines = []
    for place, name in enumerate(names):
        difference, low, high = ends[3 * place : 3 * place + 3]
        span = _MISSING if _MISSING in (low, high) else f"{low} to {high}"
        verdict = _verdict(*(float(rows[end].iloc[place]) for end in ("low", "high")))
        pair = (Cell(difference), Cell(span, verdict))
        lines.append((Cell("reference"), Cell("")) if name == facts.incumbent else pair)
    interval = (f"{facts.confidence:.0%} interval", "of the difference")
    return (("vs incumbent", f"{facts.currency} a week"), interval), lines


def _verdict(low: float, high: float) -> tuple[str, ...]:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ()
    if low > 0:
        return ("gain",)
    return ("loss",) if high < 0 else ("noise",)


def _with_differences(table: Table, frame: pd.DataFrame, facts: ReportFacts) -> Table:
    names = [row.style.name for row in table.rows]
    header, pairs = _differences(frame, facts, names=names)
    rows = (Row(row.style, pair) for row, pair in zip(table.rows, pairs, strict=True))
    return _beside(table, Table(header, tuple(rows)))


def _beside(left: Table, right: Table) -> Table:
    """Join two tables with the same models in the same order."""
    pairs = zip(left.rows, right.rows, strict=True)
    rows = (Row(one.style, (*one.cells, *other.cells)) for one, other in pairs)
    return Table((*left.header, *right.header), tuple(rows))


def _measures(facts: ReportFacts, present: pd.Series[str]) -> list[Measure]:
    """Metrics of `facts` that are present, then those that nobody described."""
    known = [
        Measure(name, name, "share" if unit in _SHARES else "number", _direction(direction), _shown(unit))
        for name, unit, direction, _ in facts.metrics
        if name in set(present)
    ]
    described = {measure.name for measure in known}
    return known + [Measure(name, name) for name in dict.fromkeys(present) if name not in described]


def _shown(unit: str) -> str:
    return "" if unit in _SHARES else unit  # the cells carry the percent sign


def _direction(word: str) -> Direction:
    found: dict[str, Direction] = {"lower": "lower", "higher": "higher", "zero": "zero"}
    return found.get(word, "none")


def _in(measure: Measure, currency: str) -> Measure:
    return replace(measure, unit=currency)


def _decimals(column: np.ndarray, kind: Kind) -> int:
    if kind == "share":
        return 1
    sizes = np.abs(column[np.isfinite(column) & (column != 0)])
    whole = math.floor(math.log10(float(np.median(sizes)))) if sizes.size else 2
    if kind == "money":
        return 0 if whole >= 1 else 2
    return min(max(2 - whole, 0), 4)


def _series_count(counts: pd.Series[float]) -> str:
    known = counts.dropna()
    return f"{int(known.max()):,} series" if len(known) else "number of series unknown"
