"""The scorecard in the terminal: the verdict of every model, and behind it each metric of each model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..scorecard.words import BETTER, points_words, standing_words, unit_words, verdict_sign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from ..scorecard.cards import Mark
    from ..scorecard.criteria import Criterion
    from ..scorecard.review import Review
    from ..scorecard.words import Printer


def shown(review: Review) -> Iterator[Table | str]:
    """Tables that fit 100 columns, and the lines around them."""
    for n, (criterion, printer) in enumerate(zip(review.criteria, review.printers, strict=True)):
        yield _heading(criterion, printer, review.currency)
        yield _figures(review, n, printer)
    yield _verdicts(review)
    yield from review.notes
    yield from review.calibrated
    yield review.sentence


def _heading(criterion: Criterion, printer: Printer, currency: str) -> str:
    unit, goal = unit_words(criterion, currency), printer.end(criterion.goal)
    name = f"{criterion.label}, {unit}" if unit else criterion.label
    better = BETTER[criterion.metric.direction]
    return f"{name}: {better}; limit {printer.limit}, 100 points at {goal}; weight {criterion.weight:g}"


def _figures(review: Review, n: int, printer: Printer) -> Table:
    """One line a model, with columns as wide as those of the other metrics."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False, show_header=False, show_edge=False)
    table.add_column(width=min(max(len(card.model) for card in review.cards) + 2, 34), overflow="fold")
    for width in (12, 26):
        table.add_column(width=width, justify="right", overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    for card in review.cards:
        mark = card.marks[n]
        value, interval = printer.value(mark.figure.value), printer.interval(mark.figure)
        table.add_row(Text(f"  {card.model}"), value, interval, standing_words(mark), _points(mark))
    return table


def _points(mark: Mark) -> str:
    return "" if mark.standing == "not measured" else f"{points_words(mark.points)} points"


def _verdicts(review: Review) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in ("model", "points", "", "verdict"):
        table.add_column(name, justify="right" if name == "points" else "left", overflow="fold")
    for card in review.cards:
        name = f"{card.model} (incumbent)" if card.is_incumbent else card.model
        said = "; ".join(part for part in (*card.verdict, card.coverage) if part)
        table.add_row(Text(name), points_words(card.total), verdict_sign(card), Text(said))
    return table
