"""An alignment study on the terminal: verdicts, ranking, composite, calibrated line, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..align.calibration_words import drift_words, held_words, turned_words, usual_words
from ..align.drift import drift_of
from ..align.study_words import (
    advice_words,
    agreement_words,
    headlines,
    in_order,
    loss_unit,
    loss_words,
    notes_of,
    number_words,
    online_names,
    rule_words,
    title_of,
)
from .console import say, show, table_of, wrapped

if TYPE_CHECKING:
    from rich.table import Table

    from ..align.ranking import Ranking
    from ..align.study import Study


LEGEND = (
    "In the tables every metric is turned so that higher is better. Correlation, slope: of true differences. Quality: "
    "correlation of the number, as it would be measured next, with the true effect. Same sign: as measured. Lost: a "
    "decision, against hindsight, by launching what this metric calls better."
)


def show_study(study: Study) -> None:
    """Print all of it."""
    for online in online_names(study):
        for line in headlines(study, online):
            say(wrapped(f"{online}: {line}"))
        show(_pairs(study, online))
        for ranking in (own for own in study.rankings if own.online == online):
            show(_ranking(study, ranking))
            for line in rule_words(ranking):
                say(wrapped(line))
        for composite in (own for own in study.composites if own.online == online):
            say(wrapped(f"composite: {advice_words(composite)}"))
        for own in (own for own in study.calibrations if own.online == online):
            said = (*usual_words(own), *turned_words(own), held_words(own), drift_words(drift_of(own), unit=own.unit))
            for line in said:
                say(wrapped(f"calibration: {line}"))
    say(wrapped(LEGEND))
    for note in notes_of(study):
        say(wrapped(f"note: {note}"))


def _pairs(study: Study, online: str) -> Table:
    percent = f"{study.confidence:.0%}"
    table = table_of("offline metric", "launches", f"correlation ({percent})", "P(>0)", "slope", "verdict")
    _titled(table, f"offline against {online}")
    table.columns[-1].justify = "left"
    for own in in_order(study, online):
        table.add_row(
            title_of(study, own.offline), str(own.tested), number_words(own.rho), f"{own.rho.positive:z.0%}",
            f"{own.slope.value:z.2f}", own.verdict,
        )  # fmt: skip
    return table


def _ranking(study: Study, ranking: Ranking) -> Table:
    percent = f"{ranking.confidence:.0%}"
    lost = f"lost, {loss_unit(ranking.unit)}"
    table = table_of("offline metric", f"quality ({percent})", "P(best)", "same sign", lost)
    _titled(table, f"which metric to decide {ranking.online} by")
    for own in ranking.metrics:
        table.add_row(
            title_of(study, own.name), number_words(own.quality), f"{own.best:.0%}",
            agreement_words(own.agreement).replace(" of ", "/"),
            loss_words(own.regret, unit=ranking.unit),
        )  # fmt: skip
    return table


def _titled(table: Table, title: str) -> None:
    table.title, table.title_justify = title, "left"
    first = table.columns[0]
    first.justify, first.no_wrap, first.overflow = "left", False, "fold"
