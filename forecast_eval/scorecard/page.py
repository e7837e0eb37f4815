"""The scorecard as one HTML page: offline, without a script, and made for paper."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from ..report.palette import make_palette
from ..store import write_text
from .bullet import GOAL, LIMIT, WIDTH, bullet
from .words import BETTER, MISSING, SIGNS, points_words, standing_words, unit_words, verdict_sign

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jinja2 import Template

    from ..report.palette import ModelStyle
    from .bullet import Bullet
    from .cards import Card, Mark
    from .criteria import Criterion
    from .review import Review
    from .words import Printer

UPRIGHT, ACROSS = 5, 8
"""Models that fit side by side on an upright page, and on one across; more go below, in a table of their own."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class Cell:
    """What is printed of one metric and model."""

    value: str
    interval: str
    gap: str
    standing: str
    points: str
    kind: str
    bullet: Bullet | None


@dataclass(frozen=True, slots=True)
class Row:
    """One metric: its words, and a cell a model."""

    label: str
    question: str
    ends: tuple[str, ...]
    origin: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """One model: its name, verdict and total."""

    style: ModelStyle
    sign: str
    kind: str
    verdict: tuple[str, ...]
    total: str
    coverage: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some models side by side."""

    heads: tuple[Head, ...]
    rows: tuple[Row, ...]


def write_scorecard(review: Review, path: Path) -> Path:
    """Write the page to `path`, whole or not at all, and return it; the same review gives the same bytes."""
    write_text(path, render(review))
    return path


def render(review: Review) -> str:
    """HTML of the whole page."""
    return _template().render(
        review=review,
        sheets=list(_sheets(review)),
        across=len(review.cards) > UPRIGHT,
        policy=POLICY,
        style=_asset("page.css"),
        signs=SIGNS,
        drawing={"width": WIDTH, "limit": LIMIT, "goal": GOAL},
    )


def _sheets(review: Review) -> Iterator[Sheet]:
    """Models in as few tables as fit, each with about as many."""
    count, most = len(review.cards), UPRIGHT if len(review.cards) <= UPRIGHT else ACROSS
    tables = -(-count // most)
    size = -(-count // tables)
    palette = make_palette([card.model for card in review.cards], review.incumbent)
    for start in range(0, count, size):
        cards = review.cards[start : start + size]
        heads = tuple(_head(card, palette.style(card.model)) for card in cards)
        yield Sheet(heads, tuple(_rows(review, cards)))


def _head(card: Card, style: ModelStyle) -> Head:
    sign = verdict_sign(card)
    kind = next(standing for standing, own in SIGNS.items() if own == sign)
    first, _, failed = card.verdict[0].partition(": ")
    more = tuple(text for text in (failed, *card.verdict[1:]) if text)
    return Head(style, sign, _kind(kind), (first, *more), points_words(card.total), card.coverage)


def _rows(review: Review, cards: Sequence[Card]) -> Iterator[Row]:
    for n, (criterion, printer) in enumerate(zip(review.criteria, review.printers, strict=True)):
        metric = criterion.metric
        yield Row(
            label=criterion.label,
            question=metric.question or metric.formula,
            ends=tuple(_ends(criterion, printer, review.currency)),
            origin=f"source: {metric.source}; owner: {metric.owner or 'nobody is named'}; definition {metric.version}",
            cells=tuple(_cell(card.marks[n], printer, is_incumbent=card.is_incumbent) for card in cards),
        )


def _ends(criterion: Criterion, printer: Printer, currency: str) -> Iterator[str]:
    """Direction, limit, goal and weight of a metric, in words."""
    unit = unit_words(criterion, currency)
    yield f"{BETTER[criterion.metric.direction]}{f', in {unit}' if unit else ''}"
    yield f"limit: {printer.limit}"
    yield f"100 points at {printer.end(criterion.goal)}"
    yield f"weight {criterion.weight:g}"


def _cell(mark: Mark, printer: Printer, *, is_incumbent: bool) -> Cell:
    figure = mark.figure
    measured = mark.standing != "not measured"
    gap = printer.gap(figure.gap) if measured and figure.gap is not None and not is_incumbent else ""
    return Cell(
        value=printer.value(figure.value) if measured else MISSING,
        interval=printer.interval(figure) or ("no interval" if measured else ""),
        gap=gap,
        standing=standing_words(mark),
        points=f"{points_words(mark.points)} points" if measured else "",
        kind=_kind(mark.standing),
        bullet=bullet(mark),
    )


def _kind(standing: str) -> str:
    return standing.replace(" ", "-")


def _template() -> Template:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_asset)).get_template(
        "page.html.j2"
    )


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
