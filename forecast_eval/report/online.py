"""The page of an experiment: verdict, lifts, the course over time, units by arm; one HTML file that works offline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ..inference import Interval
from ..online.verdicts import figure, interval_words, p_number, ratio_words, sentences
from .charts import online as draw
from .palette import make_palette
from .shell import asset, library, policy, template, write_page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..online.reading import Analysis, Reading
    from .charts import Spec
    from .palette import ModelStyle, Palette

COURSE = ["metric", "model", "period", "part", "difference", "low", "high"]
GOOD = {"better": "gain", "pass": "gain", "worse": "loss", "fail": "loss"}


@dataclass(frozen=True, slots=True)
class Line:
    """One metric and arm, in ready text; `kind` is gain, loss or noise."""

    part: str
    metric: str
    style: ModelStyle
    cells: tuple[str, ...]
    standing: str
    kind: str


def write_online(analysis: Analysis, path: Path) -> Path:
    """Write the page to `path` and return it; whole or not at all. The same analysis gives the same bytes."""
    return write_page(path, render(analysis))


def render(analysis: Analysis) -> str:
    """HTML of the whole page."""
    palette = make_palette(list(analysis.arms), analysis.control)
    drawing, script = library(), asset("page.js")
    roles = {role: [own for own in analysis.readings if own.metric.role == role] for role in draw.ROLES[:3]}
    return template("online.html.j2").render(
        analysis=analysis, palette=palette, charts=charts_of(analysis, palette), verdict=list(sentences(analysis)),
        ratio=ratio_words(analysis), warnings=[fault.what for fault in analysis.warnings],
        effects={role: [_effect_line(own, palette) for own in found] for role, found in roles.items()},
        guardrails=[_guardrail_line(own, palette) for own in roles["guardrail"]],
        segments=[_effect_line(own, palette) for own in analysis.by_segment],
        percent=f"{analysis.confidence:.0%}", policy=policy(drawing, script), library=drawing, script=script,
        style=asset("page.css"),
    )  # fmt: skip


def charts_of(analysis: Analysis, palette: Palette) -> dict[str, Spec | None]:
    """Spec of each chart by its name; None where there is nothing to draw."""
    return {
        "lifts": draw.lifts(lift_rows(analysis.readings), palette) if analysis.readings else None,
        "segments": draw.lifts(lift_rows(analysis.by_segment), palette) if analysis.by_segment else None,
        "course": draw.course(course_rows(analysis), palette, every=analysis.times.every),
        "looks": draw.course(look_rows(analysis), palette, every=analysis.times.every),
        "spread": draw.spread(spread_rows(analysis), palette),
    }


def lift_rows(readings: Sequence[Reading]) -> pd.DataFrame:
    """One row a reading, as `charts.online.lifts` takes it."""
    return pd.DataFrame([
        {
            "label": " ".join([*(own.segment or ()), own.metric.name]), "model": own.arm,
            "lift": own.effect.lift.estimate,
            "role": "primary" if own.segment else own.metric.role, "low": own.effect.lift.low,
            "high": own.effect.lift.high, "sure": own.effect.lift.excludes_zero, "limit": _limit(own),
        }
        for role in draw.ROLES for own in readings if own.metric.role == role
    ])  # fmt: skip


def course_rows(analysis: Analysis) -> pd.DataFrame:
    """One row a metric, arm and period, as `charts.online.course` takes it."""
    return pd.DataFrame([
        (own.metric, own.arm, period, part, gap.estimate, gap.low, gap.high)
        for own in analysis.courses
        for period, part, gap in zip(own.periods, own.parts, own.differences, strict=True)
    ], columns=COURSE)  # fmt: skip


def look_rows(analysis: Analysis) -> pd.DataFrame:
    """One row a metric, arm and look of a sequential analysis, as `charts.online.course` takes it."""
    return pd.DataFrame([
        (own.metric.name, own.arm, look.period, "test", look.difference.estimate, look.difference.low,
         look.difference.high)
        for own in analysis.readings for look in own.looks
    ], columns=COURSE)  # fmt: skip


def spread_rows(analysis: Analysis) -> pd.DataFrame:
    """One row a metric and unit, as `charts.online.spread` takes it."""
    return pd.DataFrame([
        (own.metric, own.arm, unit, value)
        for own in analysis.spreads for unit, value in zip(own.units, own.values, strict=True)
    ], columns=["metric", "model", "unit", "value"])  # fmt: skip


def _limit(reading: Reading) -> float:
    """Lift that a guardrail may not cross; NaN for what is no guardrail, or has no lift."""
    guard = reading.guardrail
    if guard is None or guard.scale != "lift":
        return math.nan
    return -guard.margin if reading.metric.better == "higher" else guard.margin


def _effect_line(reading: Reading, palette: Palette) -> Line:
    found = reading.effect
    size = max(abs(found.control), abs(found.treatment))
    odds = p_number(reading.adjusted_p, found.log10_p if reading.adjusted_p == found.p_value else math.nan)
    cells = (
        figure(found.control, size), figure(found.treatment, size), interval_words(found.lift, share=True),
        interval_words(found.difference), odds,
    )  # fmt: skip
    return _line(reading, palette, cells)


def _guardrail_line(reading: Reading, palette: Palette) -> Line:
    guard = reading.guardrail
    assert guard is not None
    shown = Interval(guard.worsening, guard.low, guard.high, reading.effect.method.confidence, 0, 0)
    share = guard.scale == "lift"
    allowed = f"{100 * guard.margin:.3g}%" if share else figure(guard.margin)
    return _line(reading, palette, (figure(reading.effect.control), interval_words(shown, share=share), allowed))


def _line(reading: Reading, palette: Palette, cells: tuple[str, ...]) -> Line:
    part = " ".join(reading.segment) if reading.segment else ""
    kind = GOOD.get(reading.standing, "noise")
    return Line(part, reading.metric.name, palette.style(reading.arm), cells, reading.standing, kind)
