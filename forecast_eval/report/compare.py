"""The page of a comparison: simulated and measured lift, metric by metric; one HTML file that works offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ..online.comparison_words import (
    change_words,
    clue_lines,
    foretold_lines,
    level_words,
    lift_words,
    points_words,
    sentences,
    title_of,
)
from .charts.sides import sides
from .palette import make_palette
from .shell import asset, library, policy, template, write_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ..online.compare import Comparison, Contrast

SIDES = ("simulated", "measured")
KIND = {"yes": "gain", "no": "loss", "unclear": "noise"}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table, in ready text; `kind` is gain where the sides agree, loss where they differ."""

    part: str
    name: str
    cells: tuple[str, ...]
    agrees: str = ""
    kind: str = "noise"


def write_comparison_page(comparison: Comparison, path: Path) -> Path:
    """Write the page to `path` and return it; whole or not at all. The same comparison gives the same bytes."""
    return write_page(path, render(comparison))


def render(comparison: Comparison) -> str:
    """HTML of the whole page."""
    palette = make_palette(list(SIDES), SIDES[1])
    drawing, script = library(), asset("page.js")
    charts = {name: sides(side_rows(own), palette) for name, own in _groups(comparison) if own}
    several = len(comparison.models) > 2
    return template("compare.html.j2").render(
        comparison=comparison, palette=palette, charts={"metrics": None, "segments": None} | charts,
        verdict=list(sentences(comparison)), foretold=list(foretold_lines(comparison)),
        clue_lines=list(clue_lines(comparison)),
        tables={name: [_line(c, several=several) for c in own] for name, own in _groups(comparison)},
        levels=list(_levels(comparison)), percent=f"{comparison.confidence:.0%}", policy=policy(drawing, script),
        library=drawing, script=script, style=asset("page.css"),
    )  # fmt: skip


def side_rows(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """Two rows a contrast, one a side, as `charts.sides.sides` takes them."""
    several = len({own.arm for own in contrasts}) > 1
    return pd.DataFrame([
        {
            "label": " ".join([*(own.segment or ()), title_of(own, several=several)]), "model": side,
            "lift": effect.lift.estimate, "low": effect.lift.low, "high": effect.lift.high,
            "sure": effect.lift.excludes_zero, "main": own.metric.role == "primary",
        }
        for own in contrasts for side, effect in zip(SIDES, (own.simulated, own.measured), strict=True)
    ])  # fmt: skip


def _groups(comparison: Comparison) -> tuple[tuple[str, tuple[Contrast, ...]], ...]:
    return (("metrics", comparison.contrasts), ("segments", comparison.by_segment))


def _line(contrast: Contrast, *, several: bool) -> Line:
    part = " ".join(contrast.segment) if contrast.segment else ""
    cells = (lift_words(contrast.simulated), lift_words(contrast.measured), points_words(contrast.difference))
    agrees = contrast.agrees
    return Line(part, title_of(contrast, several=several), cells, agrees, KIND[agrees])


def _levels(comparison: Comparison) -> Iterable[Line]:
    for clue in comparison.clues:
        values = (level_words(clue, own) for own in (clue.simulated, clue.measured))
        yield Line("", clue.name, (clue.side, *values, change_words(clue)))
