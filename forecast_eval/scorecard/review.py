"""The scorecard of a run: every model's card, and what a reader must know about the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backtest.faults import Fault, InputError

from ..summary import calibrated_sentences
from .cards import cards_of, sentence
from .figures import Figures
from .groups import check_scorecard
from .words import Printer

if TYPE_CHECKING:
    from ..pipeline import Session
    from .cards import Card
    from .criteria import Criterion


@dataclass(frozen=True, slots=True)
class Review:
    """What a review board is shown.

    cards : one a model, those that fail no limit first.
    notes : caveats of this run. facts : name and value of what the numbers were made from.
    calibrated : what past launches make of each candidate's simulated uplift, a line each.
    """

    title: str
    criteria: tuple[Criterion, ...]
    cards: tuple[Card, ...]
    incumbent: str
    currency: str
    confidence: float
    notes: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    calibrated: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Who is within all limits, and who is not."""
        return sentence(self.cards)

    @property
    def printers(self) -> tuple[Printer, ...]:
        """How the figures of each metric are printed."""
        return tuple(Printer.of(c, [card.marks[n].figure for card in self.cards]) for n, c in enumerate(self.criteria))


def asked(session: Session) -> tuple[Criterion, ...]:
    """Criteria of a session's scorecard, found to be sound before anything is done.

    Raises InputError where the config has no scorecard, and with every fault of the one that it has.
    """
    config = session.config
    if config.scorecard is None:
        raise InputError([Fault("no-scorecard", "the config has no scorecard", "scorecard",
                                "add scorecard: {metrics: [{metric: profit, floor: ..., ceiling: ...}]}")])  # fmt: skip
    return check_scorecard(config, session.base, session.inputs.history)


def review_of(session: Session) -> Review:
    """Scorecard of a run whose simulation is done; raises as `asked`."""
    criteria, config, run = asked(session), session.config, session.run
    assert config.scorecard is not None
    figures = Figures.of_run(run)
    found = {model: [figures.of(criterion, model) for criterion in criteria] for model in config.forecasters}
    cards = cards_of(criteria, found, config.compare.incumbent)
    return Review(
        title=config.scorecard.title,
        criteria=criteria,
        cards=cards,
        incumbent=config.compare.incumbent,
        currency=config.report.currency,
        confidence=config.compare.confidence,
        notes=tuple(_notes(session, figures, criteria, cards)),
        facts=_facts(session),
        calibrated=calibrated_sentences(session.run),
    )


def _notes(session: Session, figures: Figures, criteria: tuple[Criterion, ...], cards: tuple[Card, ...]) -> list[str]:
    manifest = session.run.manifest
    notes = [f"{line}." for line in (*manifest["failures"], *manifest["left_out"], *manifest["exploded"].values())]
    for criterion in criteria:
        fewest, most = figures.observations(criterion)
        if fewest < most:
            notes.append(f"{criterion.label}: models are scored on {fewest:,} to {most:,} observations, so that its "
                         "values do not quite compare.")  # fmt: skip
    if len({card.weight_unmeasured for card in cards}) > 1:
        notes.append("Totals of models that lack other metrics do not compare: what is not measured is left out.")
    return notes + _unmeasured(cards, told=frozenset(manifest["left_out"]))


def _unmeasured(cards: tuple[Card, ...], told: frozenset[str]) -> list[str]:
    """Say which metrics are not measured, of whom, and why; what has been told already is left out."""
    whom: dict[tuple[str, str], list[str]] = {}
    for card in cards:
        for mark in card.of("not measured"):
            if mark.figure.why not in told:
                whom.setdefault((mark.criterion.label, mark.figure.why), []).append(card.model)
    return [
        f"{label} of {'every model' if len(models) == len(cards) else ', '.join(models)} is not measured, and no limit "
        f"of it is checked: {why}."
        for (label, why), models in whom.items()
    ]


def _facts(session: Session) -> tuple[tuple[str, str], ...]:
    manifest, windows = session.run.manifest, session.windows
    return (
        ("run", session.run.path.name),
        ("data", str(manifest["data"])),
        ("series", f"{len(session.inputs.history.unique_ids):,}"),
        ("cutoffs", f"{len(windows)}, {windows[0].cutoff:%Y-%m-%d} to {windows[-1].cutoff:%Y-%m-%d}"),
        ("seed", str(manifest["seed"])),
        *((("launch book", manifest["book"]["head"][:12]),) if "book" in manifest else ()),
    )
