"""Put tables, charts and words into one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from . import tables as tabulate
from . import words
from .assumptions import assumptions
from .palette import Palette, make_palette

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jinja2 import Template

    from .charts import Spec
    from .content import ReportFacts, ReportTables


def write_report(tables: ReportTables, facts: ReportFacts, path: Path) -> Path:
    """Write the report to `path` and return it; the file appears whole or not at all.

    The page holds the drawing library, so that it opens without a network, and its Content-Security-Policy
    forbids every request. The same input gives the same bytes.
    """
    page = render(tables, facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(page, encoding="utf-8", newline="\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def render(tables: ReportTables, facts: ReportFacts) -> str:
    """HTML of the whole page."""
    palette = report_palette(tables, facts)
    library, script = _library(), _asset("page.js")
    titles = [(f"segment{place}", name.capitalize()) for place, name in enumerate(_segments(tables))]
    return _template().render(
        facts=facts,
        palette=palette,
        charts=report_charts(tables, facts),
        segment_charts=titles,
        policy=_policy(library, script),
        library=library,
        script=script,
        style=_asset("page.css"),
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
    }


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
        "calibrated": [style for style in palette.styles if style.name in set(tables.calibration["model"])],
        "standings": tabulate.standings(tables.standings, facts=facts, palette=palette),
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


def _segments(tables: ReportTables) -> list[str]:
    return [str(name) for name in tables.segments["segment"].unique()]


def _template() -> Template:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_asset))
    # NaN is no JSON: better an error here than a page that a browser cannot read.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "allow_nan": False}
    return environment.get_template("page.html.j2")


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """Vega, Vega-Lite and vega-embed as one script, in the version that Altair writes specs for."""
    import altair as alt
    import vl_convert

    version = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    # The bundle declares short global names; a function keeps them from the page's own.
    return f"(() => {{{bundle}}})();"


def _policy(*scripts: str) -> str:
    """Content-Security-Policy: the two scripts by their hash, inline style, data images, and nothing else.

    Vega compiles its expressions, hence 'unsafe-eval'.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
