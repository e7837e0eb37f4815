"""The evidence behind a comparison: parts of the profit, stores, accuracy, hidden demand, drawn demand, worst SKUs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..assumptions import short_name
from ..content import PARTS
from .cells import (
    Cell,
    Measure,
    Row,
    Table,
    beside,
    by_model,
    column,
    in_currency,
    interval_cells,
    interval_header,
    texts,
    with_differences,
)

if TYPE_CHECKING:
    import pandas as pd

    from ..content import ReportFacts
    from ..palette import ModelStyle, Palette
    from .cells import Header


@dataclass(frozen=True, slots=True)
class SkuRow:
    """One SKU; `shown` where its stock under this model can be seen on the page."""

    unique_id: str
    cells: tuple[Cell, ...]
    shown: bool


@dataclass(frozen=True, slots=True)
class SkuTable:
    """The worst SKUs of one model."""

    style: ModelStyle
    header: Header
    rows: tuple[SkuRow, ...]


_PROFIT = Measure("profit", "Profit", "money", "higher")
_WORST = (
    Measure("regret", "Regret", "money"),
    Measure("lost_sales", "Lost sales", "money"),
    Measure("waste", "Waste", "money"),
    Measure("holding_cost", "Holding", "money"),
    Measure("fill_rate", "Fill rate", "share"),
)


def shown_parts(frame: pd.DataFrame) -> list[str]:
    """Known parts of a waterfall in their order, then unknown ones, the profit last; without those that are all 0."""
    first, *known, last = PARTS
    names = dict.fromkeys([first, *known, *(name for name in frame["part"] if name != last), last])
    size = frame.groupby("part")["amount"].agg(lambda amounts: float(amounts.abs().sum(min_count=1)))
    return [name for name in names if name in (first, last) or size.get(name, 0.0) != 0]


def waterfall(frame: pd.DataFrame, *, currency: str, palette: Palette) -> Table:
    """Parts of each model's profit; they add up to its last column."""
    wide = frame.groupby(["model", "part"])["amount"].sum(min_count=1).unstack("part")  # noqa: PD010
    names = [name for name in palette.names if name in wide.index]
    measures = [Measure(part, part.capitalize(), "money", "higher", currency) for part in shown_parts(frame)]
    return by_model(wide.reindex(names), measures, palette=palette)


def paired(frame: pd.DataFrame, *, currency: str, palette: Palette) -> Table:
    """How each model's difference to the incumbent spreads over the clusters."""
    rows = frame[frame["difference"].notna()].assign(ahead=frame["difference"] > 0)
    grouped = rows.groupby("model")
    wide = grouped["difference"].agg(["size", "mean", "min", "median", "max"]).assign(ahead=grouped["ahead"].mean())
    names = [style.name for style in palette.styles if style.name in wide.index and not style.is_incumbent]
    measures = [
        Measure("size", "Groups", "count", unit="of series"),
        Measure("ahead", "Ahead", "share", "higher", "of the incumbent"),
        *(Measure(name, label, "money", "higher", currency) for name, label in
          (("mean", "Mean"), ("min", "Worst"), ("median", "Median"), ("max", "Best"))),
    ]  # fmt: skip
    return by_model(wide.reindex(names), measures, palette=palette)


def accuracy(frame: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> Table:
    """What each model would earn with a share of the truth blended into its forecast."""
    left = (Measure("wape", "WAPE", unit="%"), *in_currency([_PROFIT], facts.currency))
    right = [Measure("per_point", "A point of WAPE", "money", unit=f"{facts.currency} a week")]
    tables, reference = [], (Cell("reference"), Cell(""))
    for share, rows in frame.groupby("share"):
        part = _in_order(rows, palette)
        gains = interval_cells(part.rename(columns={"gain": "difference"})) if share else [reference] * len(part)
        lines = (Row(palette.style(str(name)), pair) for name, pair in zip(part.index, gains, strict=True))
        gained = Table(interval_header("Gain", facts), tuple(lines))
        table = beside(by_model(part, left, palette=palette), gained)
        tables.append((f"{share:.0%} of the truth", beside(table, by_model(part, right, palette=palette))))
    return _stacked(tables)


def bounds(frame: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> Table:
    """Profit of each model and its difference to the incumbent, under each assumption about hidden demand."""
    tables = []
    for assumption, rows in frame.groupby("assumption", sort=False):
        part = _in_order(rows, palette)
        table = by_model(part, in_currency([_PROFIT], facts.currency), palette=palette)
        (hidden,) = texts([float(rows["hidden_share"].max())], "share")
        name = short_name(str(assumption))
        title = f"{name[:1].upper()}{name[1:]}, {hidden} of the periods hidden"
        tables.append((title, with_differences(table, rows, facts)))
    return _stacked(tables)


def drawn(frame: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> Table:
    """Mean profit over drawn courses of demand, its range, and how often a model beats the incumbent."""
    part = _in_order(frame, palette)
    profit = by_model(part, in_currency([_PROFIT], facts.currency), palette=palette)
    ends = texts(part[["profit_low", "profit_high"]].to_numpy(dtype=float).ravel(), "money")
    spans = zip(profit.rows, ends[::2], ends[1::2], strict=True)
    ranges = Table(
        (("5% to 95%", "of the courses"),), tuple(Row(row.style, (Cell(f"{a} to {b}"),)) for row, a, b in spans)
    )
    known = with_differences(beside(profit, ranges), frame, replace(facts, confidence=0.9))  # from 5 % to 95 % too
    won = Measure("share_won", "Beats incumbent", "share", "higher", "of the courses")
    rest = part.assign(share_won=part["share_won"].mask(part.index == facts.incumbent))
    return beside(known, by_model(rest, [won, Measure("fill_rate", "Fill rate", "share", "higher")], palette=palette))


def worst(frame: pd.DataFrame, timeline: pd.DataFrame, *, currency: str, palette: Palette) -> list[SkuTable]:
    """For each model the SKUs with the greatest regret, and whether the timeline shows them."""
    seen = set(zip(timeline["model"], timeline["unique_id"].astype(str), strict=True))
    header = tuple((m.label, m.unit) for m in in_currency(_WORST, currency))
    tables = []
    for style in palette.styles:
        rows = frame[frame["model"] == style.name].sort_values("regret", ascending=False, kind="stable")
        cells = zip(*(column(rows, measure) for measure in _WORST), strict=True)
        names = rows["unique_id"].astype(str)
        lines = (SkuRow(name, tuple(row), (style.name, name) in seen) for name, row in zip(names, cells, strict=True))
        tables.append(SkuTable(style, header, tuple(lines)))
    return [table for table in tables if table.rows]


def _in_order(rows: pd.DataFrame, palette: Palette) -> pd.DataFrame:
    part = rows.set_index("model")
    return part.loc[[name for name in palette.names if name in part.index]]


def _stacked(tables: list[tuple[str, Table]]) -> Table:
    """One table of several with the same header, each under its name."""
    rows: list[Row] = []
    header: Header = ()
    for name, table in tables:
        header = table.header
        rows.extend(Row(row.style, row.cells, name) for row in table.rows)
    return Table(header, tuple(rows))
