"""A model's card: points and limits of every metric, their weighted total, and a verdict in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .criteria import Criterion
    from .figures import Figure

Standing = Literal["passes", "not sure", "fails", "not measured"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What one metric says of one model."""

    criterion: Criterion
    figure: Figure

    @property
    def standing(self) -> Standing:
        """Where the figure stands: beyond the limit it fails, and what is no number never passes.

        A pass is "not sure" where the interval of the figure reaches beyond the limit.
        """
        value = self.figure.value
        if self.criterion.breaks(value):
            return "fails"
        if not math.isfinite(value):
            return "not measured"
        return "not sure" if self.criterion.breaks_within(self.figure.low, self.figure.high) else "passes"

    @property
    def points(self) -> float:
        """Points, 0 to 100; NaN where the metric is not measured."""
        return math.nan if self.standing == "not measured" else self.criterion.points(self.figure.value)


@dataclass(frozen=True, slots=True)
class Card:
    """What a scorecard says of one model.

    marks : one a criterion, in the order of the config.
    """

    model: str
    is_incumbent: bool
    marks: tuple[Mark, ...]

    @property
    def total(self) -> float:
        """Weighted mean of the points over the metrics that are measured; NaN where none of any weight is."""
        weight = self.weight - self.weight_unmeasured
        points = math.fsum(m.criterion.weight * m.points for m in self._measured if m.criterion.weight)
        return points / weight if weight else math.nan

    @property
    def weight(self) -> float:
        """Weight of all metrics."""
        return math.fsum(m.criterion.weight for m in self.marks)

    @property
    def weight_unmeasured(self) -> float:
        """Weight of the metrics that are not measured, and left out of the total."""
        return math.fsum(m.criterion.weight for m in self.of("not measured"))

    @property
    def fails(self) -> bool:
        """Whether any metric is beyond its limit."""
        return bool(self.of("fails"))

    def of(self, standing: Standing) -> tuple[Mark, ...]:
        """Marks of one standing."""
        return tuple(mark for mark in self.marks if mark.standing == standing)

    @property
    def _measured(self) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.marks if mark.standing != "not measured")

    @property
    def verdict(self) -> tuple[str, ...]:
        """The verdict, in words: the limits that it fails, or that it is within all of them; then how sure that is."""
        failed, unsure, unmeasured = (self.of(standing) for standing in ("fails", "not sure", "not measured"))
        if failed:
            parts = [f"fails {_limits(len(failed))}: {_listed(failed)}"]
        elif len(unmeasured) == len(self.marks):
            parts = ["nothing is measured"]
        else:
            parts = ["within all limits" + (" that are measured" if unmeasured else "")]
        parts += [f"not sure of: {_listed(unsure)}"] if unsure else []
        parts += [f"not measured: {_listed(unmeasured)}"] if unmeasured else []
        return tuple(parts)

    @property
    def coverage(self) -> str:
        """How much of the weight the total leaves out, in words; "" where it leaves out nothing."""
        if not self.weight_unmeasured:
            return ""
        return f"{self.weight_unmeasured:g} of {self.weight:g} of the weight is not measured"


def _limits(count: int) -> str:
    return f"{count} limit{'s' if count > 1 else ''}"


def _listed(marks: Iterable[Mark]) -> str:
    return ", ".join(mark.criterion.label for mark in marks)


def cards_of(
    criteria: Sequence[Criterion], figures: Mapping[str, Sequence[Figure]], incumbent: str
) -> tuple[Card, ...]:
    """Cards of the models: those that fail no limit first, and of these the one with the highest total.

    figures : model -> one figure a criterion.
    """
    cards = [
        Card(model, model == incumbent, tuple(Mark(c, f) for c, f in zip(criteria, own, strict=True)))
        for model, own in figures.items()
    ]
    return tuple(sorted(cards, key=_rank))


def _rank(card: Card) -> tuple[bool, float]:
    return card.fails, math.inf if math.isnan(card.total) else -card.total


def sentence(cards: Sequence[Card]) -> str:
    """Say who is within all limits, and who is not.

    A model with a metric that is not measured is within those that are, and is named apart.
    """
    failed = [c.model for c in cards if c.fails]
    able = [c for c in cards if not c.fails and len(c.of("not measured")) < len(c.marks)]
    sure, measured = ([c.model for c in able if bool(c.of("not measured")) == open_] for open_ in (False, True))
    said = [f"within all limits: {', '.join(sure)}"] if sure else []
    said += [f"within all limits that are measured: {', '.join(measured)}"] if measured else []
    said += [f"beyond a limit: {', '.join(failed)}"] if failed else []
    if not (sure or measured):
        said.insert(0, "no model is within its limits")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."
