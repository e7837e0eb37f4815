"""Put tables, charts and words into one self-contained HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..align.calibrated import numbers_of
from . import tables as tabulate
from . import words
from .assumptions import assumptions
from .palette import Palette, make_palette
from .shell import asset, library, policy, template, write_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from .charts import Spec
    from .content import ReportFacts, ReportTables


def write_report(tables: ReportTables, facts: ReportFacts, path: Path) -> Path:
    """Write the report to `path` and return it; the file appears whole or not at all.

    The page holds the drawing library, so that it opens without a network, and its Content-Security-Policy
    forbids every request. The same input gives the same bytes.
    """
    return write_page(path, render(tables, facts))


def render(tables: ReportTables, facts: ReportFacts) -> str:
    """HTML of the whole page."""
    palette = report_palette(tables, facts)
    drawing, script = library(), asset("page.js")
    titles = [(f"segment{place}", name.capitalize()) for place, name in enumerate(_segments(tables))]
    return template("page.html.j2").render(
        facts=facts,
        palette=palette,
        charts=report_charts(tables, facts),
        segment_charts=titles,
        policy=policy(drawing, script),
        library=drawing,
        script=script,
        style=asset("page.css"),
        has_efficient="efficient" in tables.settings,
        **_grids(tables, facts, palette),
        **_evidence(tables, facts, palette),
    )


def report_palette(tables: ReportTables, facts: ReportFacts) -> Palette:
    """Styles of every model that any table names, best profit first."""
    frames = (
        tables.money, tables.scores, tables.settings, tables.segments, tables.timeline,
        tables.waterfall, tables.paired, tables.accuracy, tables.bounds, tables.worst, tables.drawn,
        tables.standings, tables.calibration,
    )  # fmt: skip
    return make_palette([str(name) for frame in frames for name in frame["model"].unique()], facts.incumbent)


def report_charts(tables: ReportTables, facts: ReportFacts) -> dict[str, Spec | None]:
    """Spec of every chart by the name of its place; None where there is nothing to draw."""
    from . import charts

    palette, currency = report_palette(tables, facts), facts.currency
    by_segment = {
        f"segment{place}": charts.segment_costs(tables.segments, palette, segment=name, currency=currency)
        for place, name in enumerate(_segments(tables))
    }
    return {
        "money": charts.money_difference(tables.money, palette, currency=currency),
        "frontier": charts.frontier(tables.settings, palette, currency=currency),
        **by_segment,
        "timeline": charts.timeline(tables.timeline, palette),
        "waterfall": charts.waterfall(tables.waterfall, palette, currency=currency),
        "paired": charts.paired(tables.paired, tables.money, palette, currency=currency),
        "drawn": charts.drawn(tables.drawn, palette, currency=currency),
        "bounds": charts.bounds(tables.bounds, palette, currency=currency),
        "accuracy": charts.accuracy(tables.accuracy, palette, currency=currency),
        "skill": charts.skill(tables.standings, palette),
        "calibration": charts.calibration(tables.calibration, palette),
        "launches": charts.sides(_promises(tables.launches), _sides()),
    }


def _sides() -> Palette:
    """Styles of what was promised, what was measured, and what is true."""
    return make_palette(["simulated", "measured", "true"], "")


def _promises(launches: pd.DataFrame) -> pd.DataFrame:
    """Rows for the chart of both sides, one a candidate, metric and side."""
    import pandas as pd

    names = [(side, f"{side}_low", f"{side}_high") for side in ("simulated", "measured")]
    parts = [
        launches.assign(model=side, lift=launches[side], low=launches[low], high=launches[high])
        for side, low, high in names
    ]
    known = launches.assign(model="true", lift=launches["true"], low=float("nan"), high=float("nan"))
    rows = pd.concat([*parts, known], ignore_index=True)
    low, high = rows["low"].astype(float), rows["high"].astype(float)
    named = rows.assign(
        label=rows["candidate"].astype(str) + ", " + rows["metric"].astype(str).str.replace("_", " "),
        sure=(low > 0) | (high < 0) | (rows["model"] == "true"), main=rows["role"] == "primary",
    )  # fmt: skip
    columns = ["label", "model", "lift", "low", "high", "sure", "main"]
    return named[columns].astype({"lift": float, "low": float, "high": float})


def _grids(tables: ReportTables, facts: ReportFacts, palette: Palette) -> dict[str, Any]:
    currency, money, scores = facts.currency, tables.money, tables.scores
    return {
        "leaderboard": tabulate.leaderboard(scores, money, facts=facts, palette=palette),
        "ledger": tabulate.ledger(money, currency=currency, palette=palette),
        "service": tabulate.service(money, palette=palette),
        "effort": tabulate.effort(scores, tables.usage, facts=facts, palette=palette),
        "segments": tabulate.segments(tables.segments, facts=facts, palette=palette),
        "groups": tabulate.groups(scores, facts=facts, palette=palette),
        "settings": tabulate.settings(tables.settings, palette=palette),
        "missing": tabulate.missing(scores),
        "reliable": [style for style in palette.styles if style.name in set(tables.calibration["model"])],
        "uplift": tabulate.calibrated(numbers_of(tables.calibrated), palette),
        "standings": tabulate.standings(tables.standings, facts=facts, palette=palette),
        "launches": tabulate.launches(tables.launches, facts=facts, palette=_metrics_of(tables.launches)),
        "sides": _sides().styles,
        "launched": list(dict.fromkeys(tables.launches["candidate"])),
    }


def _evidence(tables: ReportTables, facts: ReportFacts, palette: Palette) -> dict[str, Any]:
    """Tables and words of what a run has only where it was asked for; None where it was not."""
    currency = facts.currency
    given: dict[str, Callable[[], object]] = {
        "waterfall": lambda: tabulate.waterfall(tables.waterfall, currency=currency, palette=palette),
        "paired": lambda: tabulate.paired(tables.paired, currency=currency, palette=palette),
        "accuracy": lambda: tabulate.accuracy(tables.accuracy, facts=facts, palette=palette),
        "bounds": lambda: tabulate.bounds(tables.bounds, facts=facts, palette=palette),
        "worst": lambda: tabulate.worst(tables.worst, tables.timeline, currency=currency, palette=palette),
        "drawn": lambda: tabulate.drawn(tables.drawn, facts=facts, palette=palette),
    }
    return {name: None if getattr(tables, name).empty else made() for name, made in given.items()} | {
        "robust": words.robust(tables.bounds, facts.incumbent),
        "assumptions": assumptions(tables.bounds),
        "worth": words.worth_of_accuracy(tables.accuracy, facts),
    }


def _metrics_of(launches: pd.DataFrame) -> Palette:
    """Names of the metrics as styles of a table's lines."""
    return make_palette(list(map(str, launches["metric"].unique())), "")


def _segments(tables: ReportTables) -> list[str]:
    return [str(name) for name in tables.segments["segment"].unique()]
