"""One line a model: leaderboard, money, service, effort, scores by group and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cells import Cell, Measure, Row, Table, beside, by_model, in_currency, texts, with_differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ..content import ReportFacts
    from ..palette import Palette
    from .cells import Direction, Header

_KEY_SCORES = ("rmse", "mape", "wape", "bias", "newsvendor_cost")
_MARKS = ("chosen", "best", "efficient")  # of a policy setting
_SHARES = frozenset({"fraction", "share"})

_PROFIT = Measure("profit", "Profit", "money", "higher")
_LOSSES = (
    Measure("lost_sales", "Lost sales", "money", "lower"),
    Measure("waste", "Waste", "money", "lower"),
    Measure("holding_cost", "Holding", "money", "lower"),
    Measure("shortage_cost", "Shortage", "money", "lower"),
)
_LEDGER = (
    _PROFIT,
    Measure("revenue", "Revenue", "money", "higher"),
    Measure("cost_of_goods", "Cost of goods", "money", optional=True),
    Measure("gross_profit", "Gross profit", "money", "higher"),
    Measure("mismatch_cost", "Mismatch cost", "money", "lower"),
    *_LOSSES,
    Measure("order_cost", "Order cost", "money", "lower", optional=True),
    Measure("goodwill_cost", "Goodwill lost", "money", "lower", optional=True),
    Measure("stock_investment", "Stock paid for", "money", optional=True),
    Measure("shrink", "Shrink", "share", "lower", "of units", optional=True),
    Measure("gmroi", "GMROI", "number", "higher", "a year", optional=True),
)
_SERVICE = (
    Measure("fill_rate", "Fill rate", "share", "higher"),
    Measure("cycle_service_level", "Cycle service", "share", "higher"),
    Measure("period_service_level", "Period service", "share", "higher", optional=True),
    Measure("stockout_rate", "Stockouts", "share", "lower", "of periods", optional=True),
    Measure("lost_units", "Lost", "number", "lower", "units"),
    Measure("wasted_units", "Wasted", "number", "lower", "units"),
    Measure("mean_stock", "Mean stock", "number", "none", "units"),
    Measure("days_of_supply", "Supply", "number", "none", "days"),
    Measure("turns", "Stock turns", "number", "higher", "a year", optional=True),
    Measure("end_stock", "End stock", "money", "none", "at its cost"),
    Measure("order_lines", "Order lines", "number", "none", "a week", optional=True),
    Measure("average_order", "Average order", "number", "none", "units", optional=True),
    Measure("order_variability", "Order variability", "number", "lower", "sd by mean", optional=True),
    Measure("bullwhip", "Bullwhip", "number", "lower", "to demand", optional=True),
)
_EFFORT = (
    Measure("fit_seconds", "Fit", "number", "none", "s"),
    Measure("predict_seconds", "Predict", "number", "none", "s"),
    Measure("latency_ms", "Latency", "number", "none", "ms a series"),
    Measure("peak_mb", "Peak memory", "number", "none", "MB"),
    Measure("failures", "Failures", "number", "none"),
)
_SEGMENT = (_PROFIT, *_LOSSES)


def leaderboard(scores: pd.DataFrame, money: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> Table:
    """One line a model: profit, the difference to the incumbent with its interval, and a few key scores."""
    profit = Measure("profit", "Profit", "money", "higher", f"{facts.currency} a week")
    earned = by_model(money.set_index("model").reindex(palette.names), [profit], palette=palette)
    return beside(with_differences(earned, money, facts), _key_scores(scores, facts, palette))


def ledger(money: pd.DataFrame, *, currency: str, palette: Palette) -> Table:
    """Money by model at its chosen setting."""
    return _kpis(money, in_currency(_LEDGER, currency), palette=palette)


def service(money: pd.DataFrame, *, palette: Palette) -> Table:
    """Service and stock by model at its chosen setting."""
    return _kpis(money, _SERVICE, palette=palette)


def effort(scores: pd.DataFrame, usage: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> Table:
    """What each model took, beside its accuracy by the first of the key scores."""
    taken = by_model(usage.set_index("model").reindex(palette.names), _EFFORT, palette=palette)
    return beside(_key_scores(scores, facts, palette, 1), taken)


def segments(frame: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> list[tuple[str, Table]]:
    """For each segment its title and its table."""
    found = []
    for name, rows in frame.groupby("segment", sort=False):
        part = rows.set_index("model")
        names = [model for model in palette.names if model in part.index]
        measures = in_currency(_SEGMENT, facts.currency)
        table = by_model(part.loc[names], measures, palette=palette)
        title = f"{str(name).capitalize()}: {_series_count(rows['n_series'])}"
        found.append((title, with_differences(table, rows, facts)))
    return found


def groups(scores: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> list[tuple[str, Table]]:
    """For each axis but the total: its name and all scores by group and model."""
    rest = scores[~scores["axis"].isin(["total", "series"])]  # a page is no place for each series by itself
    return [(str(axis), _axis(rows, facts, palette)) for axis, rows in rest.groupby("axis", sort=False, observed=True)]


def settings(frame: pd.DataFrame, *, palette: Palette) -> Table:
    """Cost by model and policy setting: the chosen one, the best in hindsight, and the efficient ones."""
    columns = frame[["policy", "setting", "knob"]].drop_duplicates(["policy", "setting"])
    first = {policy: place for place, policy in enumerate(dict.fromkeys(frame["policy"]))}
    columns = columns.assign(place=columns["policy"].map(first)).sort_values(["place", "knob"])
    keys = list(zip(columns["policy"], columns["setting"], strict=True))
    marked = frame.assign(efficient=frame.get("efficient", False))
    marks = zip(*(marked[name].astype(bool) for name in _MARKS), strict=True)
    cells = {
        key: Cell(text, tuple(mark for mark, is_so in zip(_MARKS, flags, strict=True) if is_so))
        for key, text, flags in zip(
            zip(frame["model"], frame["policy"], frame["setting"], strict=True),
            texts(frame["mismatch_cost"], "money"), marks, strict=True,
        )
    }  # fmt: skip
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
        for model, rows in gaps.groupby("model", sort=False, observed=True)
    ]


def _key_scores(scores: pd.DataFrame, facts: ReportFacts, palette: Palette, count: int | None = None) -> Table:
    total = scores[scores["axis"] == "total"]
    measures = _measures(facts, total["metric"])
    keys = [measure for measure in measures if measure.name in _KEY_SCORES] or measures[:5]
    wide = total.pivot_table(index="model", columns="metric", values="value", aggfunc="first", observed=True)
    return by_model(wide.reindex(palette.names), keys[:count], palette=palette)


def _axis(rows: pd.DataFrame, facts: ReportFacts, palette: Palette) -> Table:
    measures = _measures(facts, rows["metric"])
    lines: list[Row] = []
    header: Header = ()
    for group, part in rows.groupby("group", sort=False):
        wide = part.pivot_table(index="model", columns="metric", values="value", aggfunc="first", observed=True)
        names = [name for name in palette.names if name in set(part["model"])]
        table = by_model(wide.reindex(names), measures, palette=palette)
        header = table.header
        lines.extend(Row(row.style, row.cells, str(group)) for row in table.rows)
    return Table(header, tuple(lines))


def _kpis(money: pd.DataFrame, measures: Sequence[Measure], *, palette: Palette) -> Table:
    return by_model(money.set_index("model"), measures, palette=palette)


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


def _series_count(counts: pd.Series[float]) -> str:
    known = counts.dropna()
    return f"{int(known.max()):,} series" if len(known) else "number of series unknown"
