"""The page of an alignment study: which offline number can be trusted; one HTML file that works offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..align.calibration_words import drift_words, held_words, line_words, turned_words, usual_words
from ..align.deltas import SHARE
from ..align.drift import drift_of
from ..align.study_words import (
    advice_words,
    headlines,
    in_order,
    loss_unit,
    notes_of,
    online_names,
    rule_words,
    title_of,
)
from . import align_rows as rows
from .charts import align as draw
from .charts import proxies
from .palette import make_palette
from .shell import asset, library, policy, template, write_page
from .tables.align import judged_lines, pair_line, ranked_lines, size_lines

if TYPE_CHECKING:
    from pathlib import Path

    from ..align.calibration import Calibration
    from ..align.composite import Composite
    from ..align.ranking import Ranking
    from ..align.study import Study
    from .charts import Spec
    from .palette import Palette
    from .tables.align import Line

HELD = ("held", "missed")
DECISIONS = ("launched", "rejected", "not tested")


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What the page says of one calibration; `key` tells its charts from those of others."""

    key: str
    title: str
    said: tuple[str, ...]
    drift: str
    source: Calibration


@dataclass(frozen=True, slots=True)
class Part:
    """What the page says of one online metric; `key` tells its charts and anchors from those of others."""

    key: str
    online: str
    headlines: tuple[str, ...]
    pairs: tuple[Line, ...]
    ranking: Ranking | None
    ranked: tuple[Line, ...]
    rules: tuple[str, ...]
    sizes: tuple[Line, ...]
    composite: Composite | None
    judged: tuple[Line, ...]
    metrics: Palette
    calibrations: tuple[Calibrated, ...]


def write_study_page(study: Study, path: Path) -> Path:
    """Write the page to `path` and return it; whole or not at all. The same study gives the same bytes."""
    return write_page(path, render(study))


def render(study: Study) -> str:
    """HTML of the whole page."""
    drawing, script = library(), asset("page.js")
    parts = parts_of(study)
    charts = {name: spec for own in parts for name, spec in charts_of(study, own).items()}
    decisions, dates = make_palette(DECISIONS, DECISIONS[-1]), [launch.date for launch in study.launches]
    return template("align.html.j2").render(
        study=study, parts=parts, charts=charts,
        decisions=decisions, loss_unit=loss_unit, advice_words=advice_words, notes=notes_of(study),
        first=min(dates), last=max(dates),
        percent=f"{study.confidence:.0%}", untested=sum(launch.online is None for launch in study.launches),
        policy=policy(drawing, script), library=drawing, script=script, style=asset("page.css"),
    )  # fmt: skip


def parts_of(study: Study) -> list[Part]:
    """What the page says, an online metric each."""
    return [_part(study, online, f"{k}") for k, online in enumerate(online_names(study))]


def charts_of(study: Study, part: Part) -> dict[str, Spec | None]:
    """Spec of each chart of an online metric by its name; None where there is nothing to draw."""
    own = in_order(study, part.online)
    share = rows.unit_of(own[0]) == SHARE
    palette = make_palette(DECISIONS, DECISIONS[-1])
    charts = {"launches": draw.launches(rows.launch_rows(study, own), palette, share=share)}
    if part.ranking is not None:
        charts |= _ranking_charts(study, part.ranking, part.metrics)
    if part.composite is not None:
        unit = part.composite.unit
        title = f"effect on {part.online} of one standard deviation" + (f", {unit}" if unit != SHARE else "")
        charts["weights"] = proxies.dots(
            rows.weight_rows(study, part.composite), part.metrics, title=title, beside="share",
            form=draw.form_of(share=unit == SHARE),
        )  # fmt: skip
    own_charts = {f"{name}-{part.key}": spec for name, spec in charts.items()}
    return own_charts | {name: spec for own in part.calibrations for name, spec in _calibration_charts(own).items()}


def _calibration_charts(own: Calibrated) -> dict[str, Spec | None]:
    palette, share = make_palette(HELD, ""), own.source.unit == SHARE
    return {
        f"held-{own.key}": draw.held(rows.held_rows(own.source), palette, share=share),
        f"divergence-{own.key}": draw.divergence(rows.gap_rows(own.source), palette, share=share),
    }


def _calibrated(study: Study, own: Calibration, key: str) -> Calibrated:
    drift = drift_words(drift_of(own), unit=own.unit)
    return Calibrated(
        key,
        title_of(study, own.offline),
        (*usual_words(own), *turned_words(own), held_words(own), line_words(own)),
        drift,
        own,
    )


def _ranking_charts(study: Study, ranking: Ranking, palette: Palette) -> dict[str, Spec | None]:
    steps = [rows.size_name(size) for size in ranking.by_size.sizes]
    return {
        "quality": proxies.dots(
            rows.quality_rows(study, ranking), palette, title="quality", beside="P(best)", form="+.2~f"
        ),
        "pairwise": proxies.pairwise(rows.pairwise_rows(study, ranking), palette),
        "by_size": proxies.by_size(rows.size_rows(study, ranking), palette, steps=steps),
    }


def _part(study: Study, online: str, key: str) -> Part:
    own = in_order(study, online)
    ranking = next((r for r in study.rankings if r.online == online), None)
    composite = next((c for c in study.composites if c.online == online), None)
    calibrations = [found for found in study.calibrations if found.online == online]
    metrics = make_palette(() if ranking is None else rows.coloured(study, ranking), "")
    return Part(
        key, online, tuple(headlines(study, online)), tuple(pair_line(study, a) for a in own),
        ranking, () if ranking is None else tuple(ranked_lines(study, ranking)),
        () if ranking is None else tuple(rule_words(ranking)),
        () if ranking is None else tuple(size_lines(study, ranking)),
        composite, () if composite is None else tuple(judged_lines(study, composite)), metrics,
        tuple(_calibrated(study, found, f"{key}-{k}") for k, found in enumerate(calibrations)),
    )  # fmt: skip
