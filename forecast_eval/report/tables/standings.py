"""Who leads on each metric, with intervals, and who may be the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cells import MISSING, Cell, Row, Table, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from ..content import ReportFacts
    from ..palette import Palette
    from .cells import Kind

GOOD = {"lower": "low is good", "higher": "high is good", "zero": "0 is good"}


def standings(board: pd.DataFrame, *, facts: ReportFacts, palette: Palette) -> Table:
    """One line a metric and model, the best of a metric first; those that may be the best are tagged.

    board : the frame `standings` of `ReportTables`.
    """
    described = {name: (unit, direction) for name, unit, direction, _ in facts.metrics}
    interval, baseline = f"{facts.confidence:.0%} interval", facts.baseline
    header = (
        ("Score", ""), (interval, ""), ("Behind the best", "same unit"), (interval, "paired"),
        ("Skill", f"against {baseline}"), (interval, "of the skill"), ("Win rate", "of series"),
        ("DM test", "p, Holm"),
    )  # fmt: skip
    rows: list[Row] = []
    for metric, part in board.groupby("metric", sort=False):
        unit, direction = described.get(str(metric), ("", ""))
        title = ", ".join(word for word in (f"{metric}", unit, GOOD.get(direction, "")) if word)
        rows += _rows(part, title, palette)
    return Table(header, tuple(rows))


def _rows(part: pd.DataFrame, title: str, palette: Palette) -> Iterator[Row]:
    columns = zip(
        texts(part["value"]), _spans(part, "low", "high"), texts(part["difference"]),
        _spans(part, "difference_low", "difference_high"), texts(part["skill"], "share", signed=True),
        _spans(part, "skill_low", "skill_high", "share"), texts(part["win_rate"], "share"), texts(part["dm_p_holm"]),
        strict=True,
    )  # fmt: skip
    for model, tied, cells in zip(part["model"], part["tied"], columns, strict=True):
        tags = ("may be the best",) if tied else ()
        yield Row(palette.style(str(model)), (Cell(cells[0], tags), *map(Cell, cells[1:])), title)


def _spans(part: pd.DataFrame, low: str, high: str, kind: Kind = "number") -> list[str]:
    ends = texts(part[[low, high]].to_numpy(dtype=float).ravel(), kind)
    pairs = zip(ends[::2], ends[1::2], strict=True)
    return [MISSING if MISSING in pair else f"{pair[0]} to {pair[1]}" for pair in pairs]
