"""Tables of the page of an alignment study, in ready text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...align.study_words import (
    agreement_words,
    amount_words,
    fit_words,
    gain_words,
    loss_words,
    money_words,
    number_words,
    share_words,
    title_of,
)
from ..align_rows import size_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...align.composite import Composite
    from ...align.ranking import Ranking
    from ...align.study import Alignment, Study

KIND = {"trusted": "gain", "misleads": "loss", "insufficient evidence": "noise"}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table; `kind` is gain, loss or noise."""

    name: str
    cells: tuple[str, ...]
    verdict: str = ""
    kind: str = "noise"


def pair_line(study: Study, own: Alignment) -> Line:
    """Launches, correlation, P(> 0), slope, other estimates of the correlation."""
    cells = (
        f"{own.tested}", number_words(own.rho), f"{own.rho.positive:z.0%}", number_words(own.slope),
        fit_words(own.reml), fit_words(own.moments),
    )  # fmt: skip
    return Line(title_of(study, own.offline), cells, own.verdict, KIND[own.verdict])


def ranked_lines(study: Study, ranking: Ranking) -> Iterator[Line]:
    """Quality, P(best), signs as measured and of the truth, loss of the rule, the same in money."""
    for own in ranking.metrics:
        cells = (
            number_words(own.quality), f"{own.best:.0%}", agreement_words(own.agreement),
            share_words(own.agreement.true), loss_words(own.regret, unit=ranking.unit), money_words(own.regret),
        )  # fmt: skip
        yield Line(title_of(study, own.name), cells)


def size_lines(study: Study, ranking: Ranking) -> Iterator[Line]:
    """At each size of the next evaluation the metric that is the most likely to be the best."""
    own = ranking.by_size
    for j, (size, name) in enumerate(zip(own.sizes, own.winners(), strict=True)):
        k = own.names.index(name)
        said = f"{own.quality[j, k]:z.2f} ({own.low[j, k]:z.2f} to {own.high[j, k]:z.2f})"
        yield Line(size_name(size), (title_of(study, name), f"{own.best[j, k]:.0%}", said))


def judged_lines(study: Study, composite: Composite) -> Iterator[Line]:
    """Composite, best single metric and money on launches that they had not seen."""
    unit = composite.unit
    for own in (composite.composite, composite.single, composite.money):
        if own is None:
            continue
        gain = "" if own is composite.composite else gain_words(own)
        cells = (f"{own.correlation:z.2f}", amount_words(own.rmse, unit=unit), amount_words(own.rmse_true, unit=unit),
                 loss_words(own.regret, unit=unit), gain)  # fmt: skip
        chosen = ", ".join(f"{title_of(study, name)} {count}" for name, count in own.chosen)
        several = len(own.chosen) > 1 and own is composite.single
        yield Line(f"{_called(study, own.name)}{f' ({chosen})' if several else ''}", cells)


def _called(study: Study, name: str) -> str:
    return title_of(study, name) if name in {own.offline for own in study.alignments} else name
