"""What was promised and what came: each candidate's test in the market."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .cells import MISSING, Cell, Row, Table

if TYPE_CHECKING:
    import pandas as pd

    from ..content import ReportFacts
    from ..palette import Palette

KIND = {
    "better": "gain",
    "worse": "loss",
    "not shown": "noise",
    "pass": "gain",
    "fail": "loss",
    "inconclusive": "noise",
}
"""How a standing is tagged."""


def launches(frame: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> Table:
    """One line a candidate and metric: simulated and measured lift with intervals, their gap, and the truth."""
    interval = f"{facts.confidence:.0%} interval"
    header = (
        ("simulated lift", interval), ("measured lift", interval), ("verdict", "of the test"),
        ("measured less simulated", f"points, {interval}"), ("true lift", "all stores, known here only"),
    )  # fmt: skip
    rows = [Row(palette.style(str(own.metric)), _cells(own), _group(own)) for own in frame.itertuples()]
    return Table(header, tuple(rows))


def _group(own: object) -> str:
    chosen = getattr(own, "chosen_by", "")
    return f"{own.candidate}, best on {chosen}" if chosen else str(own.candidate)  # type: ignore[attr-defined]


def _cells(own: object) -> tuple[Cell, ...]:
    standing = str(getattr(own, "standing", ""))
    return (
        Cell(_interval(own, "simulated")),
        Cell(_interval(own, "measured")),
        Cell(standing, (KIND[standing],)),
        Cell(_interval(own, "gap")),
        Cell(_percent(float(getattr(own, "true", math.nan)))),
    )


def _interval(own: object, name: str) -> str:
    value, low, high = (float(getattr(own, key)) for key in (name, f"{name}_low", f"{name}_high"))
    if math.isnan(value):
        return MISSING
    span = f" ({100 * low:+z.1f} to {100 * high:+z.1f})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{_percent(value)}{span}"


def _percent(value: float) -> str:
    return MISSING if math.isnan(value) else f"{value:+z.1%}"
