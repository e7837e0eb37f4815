"""Figures, ends and units of a scorecard as text: as many decimals as it takes to tell a value from its limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .cards import Card, Mark
    from .criteria import Criterion
    from .figures import Figure, Gap

MISSING = "n/a"
MOST_DECIMALS = 6
BETTER = {"lower": "lower is better", "higher": "higher is better", "zero": "0 is best"}
SIGNS = {"passes": "\u2713", "not sure": "?", "fails": "\u2717", "not measured": "\u2013"}
"""A sign for each standing, so that none is told by colour alone."""


@dataclass(frozen=True, slots=True)
class Printer:
    """How the figures of one metric are printed: all with the same decimals, shares as percentages."""

    criterion: Criterion
    decimals: int

    @classmethod
    def of(cls, criterion: Criterion, figures: Iterable[Figure]) -> Printer:
        """Find the decimals: about three digits, and more where a value would look like an end that it is not.

        >>> from forecast_eval.scorecard.criteria import Criterion
        >>> from forecast_eval.scorecard.figures import Figure
        >>> from forecast_eval.scores.catalogue import key_figures
        >>> fill = Criterion(key_figures()["fill_rate"], weight=1, floor=0.95, ceiling=0.99)
        >>> [Printer.of(fill, [Figure(value)]).value(value) for value in (0.962, 0.9498)]
        ['96.2%', '94.98%']
        """
        factor = _factor(criterion)
        values = [factor * criterion.judged(f.value) for f in figures if math.isfinite(f.value)]
        ends = [factor * end for end in (criterion.floor, criterion.ceiling)]
        sizes = sorted(abs(value) for value in (*values, *ends) if value)
        whole = math.floor(math.log10(sizes[len(sizes) // 2])) if sizes else 2
        decimals = min(max(2 - whole, 0), 4)
        while decimals < MOST_DECIMALS and _blurred(values, ends, decimals):
            decimals += 1
        return cls(criterion, decimals)

    def value(self, value: float) -> str:
        """Print a value, n/a where there is none."""
        sign = "+" if self.criterion.metric.direction == "zero" else ""
        return self._number(value, sign)

    def interval(self, figure: Figure) -> str:
        """Print an interval; "" where there is none."""
        if not (math.isfinite(figure.low) and math.isfinite(figure.high)):
            return ""
        return f"{self.value(figure.low)} to {self.value(figure.high)}"

    def gap(self, gap: Gap) -> str:
        """Print a difference to the incumbent with its interval."""
        ends = f" ({self._number(gap.low, '+')} to {self._number(gap.high, '+')})" if math.isfinite(gap.low) else ""
        return f"{self._number(gap.value, '+')}{ends}"

    def end(self, end: float) -> str:
        """Print a floor or ceiling as short as it was written.

        >>> from forecast_eval.scorecard.criteria import Criterion
        >>> from forecast_eval.scores.catalogue import key_figures
        >>> profit = Criterion(key_figures()["profit"], weight=1, floor=50_000, ceiling=60_000.5)
        >>> Printer(profit, 0).end(profit.floor), Printer(profit, 0).end(profit.ceiling)
        ('50,000', '60,000.5')
        """
        text = f"{_factor(self.criterion) * end:,.{MOST_DECIMALS}f}".rstrip("0").rstrip(".")
        return text + self._percent

    @property
    def limit(self) -> str:
        """The limit as a rule: "at least 50,000", "at most 5% away from 0"."""
        word = "at least" if self.criterion.metric.direction == "higher" else "at most"
        away = " away from 0" if self.criterion.metric.direction == "zero" else ""
        return f"{word} {self.end(self.criterion.limit)}{away}"

    @property
    def _percent(self) -> str:
        return "%" if self.criterion.metric.unit in {"share", "%"} else ""

    def _number(self, value: float, sign: str = "") -> str:
        if not math.isfinite(value):
            return MISSING if math.isnan(value) else f"{value:+}"
        number = _factor(self.criterion) * value
        if abs(number) >= 1e9:  # an exploded model must not stretch the table
            return f"{number:{sign}.2e}{self._percent}"
        return f"{number:{sign}z,.{self.decimals}f}{self._percent}"


def _factor(criterion: Criterion) -> float:
    return 100.0 if criterion.metric.unit == "share" else 1.0


def _blurred(values: Sequence[float], ends: Sequence[float], decimals: int) -> bool:
    """Whether a value looks like an end that it is not."""
    return any(
        not math.isclose(value, end, rel_tol=1e-12) and round(value, decimals) == round(end, decimals)
        for value in values for end in ends
    )  # fmt: skip


def unit_words(criterion: Criterion, currency: str) -> str:
    """Unit for a reader, "" where the numbers carry it themselves.

    >>> from forecast_eval.scorecard.criteria import Criterion
    >>> from forecast_eval.scores.catalogue import key_figures
    >>> unit_words(Criterion(key_figures()["profit"], weight=1, floor=0, ceiling=1), "EUR")
    'EUR a week'
    """
    unit = criterion.metric.unit
    return "" if unit in {"share", "%", "ratio"} else unit.replace("currency", currency)


def points_words(points: float) -> str:
    """Points as a whole number; n/a where there are none."""
    return MISSING if math.isnan(points) else f"{points:.0f}"


def standing_words(mark: Mark) -> str:
    """Sign and standing of a mark."""
    return f"{SIGNS[mark.standing]} {mark.standing}"


def verdict_sign(card: Card) -> str:
    """Sign of a card's verdict: the worst standing among its marks, not measured before not sure."""
    found = {mark.standing for mark in card.marks}
    worst = next(s for s in ("fails", "not measured", "not sure", "passes") if s in found)
    return SIGNS[worst]
