"""What past launches make of a run's simulated uplift: the launch book of its config, as it was known at the time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from backtest.faults import InputError, refuse

from .align.calibrated import COLUMNS, Calibrated, calibrated
from .align.calibration import calibrate
from .align.pairs import pairs_of
from .config.data import from_environment
from .launch_book import open_book
from .launch_book.address import DEFAULT, VARIABLE

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from .align.calibration import Calibration
    from .align.launch import Launch
    from .config import Calibration as Section
    from .config import Config
    from .pipeline import Session
    from .store import Run

GOODWILL = (
    "Profit is what a shop can measure: goodwill lost with customers, which the simulated money has, is not in it."
)
TOO_LITTLE = frozenset({"few-launches", "zero-variance", "no-group"})
"""Rules whose faults leave a number uncalibrated, with a note: the book is sound, and there is too little in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """A launch book as it was read: where it lies, without a password; the hash of its newest row; all launches."""

    where: str
    head: str
    launches: tuple[Launch, ...]


def book_of(config: Config, base: Path) -> Book | None:
    """Read the launch book of a config; None where it has none.

    Raises InputError where there is no book, it is broken, or its launches mix units.
    """
    asked = config.calibration
    if asked is None:
        return None
    book = read_book(asked.book, base)
    try:
        pairs_of(book.launches, asked.offline, asked.online)
    except InputError as error:
        if any(fault.rule not in TOO_LITTLE for fault in error.faults):
            raise
    return book


def read_book(where: str | None, base: Path) -> Book:
    """Read a launch book: a path relative to `base`, or a URL; None takes what the environment says."""
    told = where or (None if os.environ.get(VARIABLE) else DEFAULT)
    place = None if told is None else from_environment(told)
    book = open_book(place if place is None or "://" in place else base / Path(place))
    return Book(book.where, book.head, book.launches())


def known_at(launches: Iterable[Launch], day: dt.date, *, run: Run | None = None) -> tuple[Launch, ...]:
    """Launches that could be learned from on a day: whose test was over, or that were judged before it.

    run : whose own launches are left out as well.
    """
    own = set() if run is None else {str(run.path), run.manifest["key"]}
    return tuple(
        launch
        for launch in launches
        if (launch.test.end <= day if launch.test is not None else launch.judged < day)
        and not own & {launch.source.get("run"), launch.source.get("key")}
    )


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Calibrated numbers of a run, one a candidate, with what a reader must know about them."""

    numbers: tuple[Calibrated, ...]
    notes: tuple[str, ...]
    book: Book

    @property
    def table(self) -> pd.DataFrame:
        """One row a candidate; columns are `align.calibrated.COLUMNS`."""
        return pd.DataFrame([own.row for own in self.numbers], columns=list(COLUMNS))


def calibrated_run(session: Session, models: Sequence[str]) -> Found | None:
    """Calibrate the simulated uplift of models of a run against its incumbent; None where its config has no book.

    models : that were played. Launches whose test ended after the last cutoff, and those of the run, are left out.
    """
    asked, book = session.config.calibration, book_of(session.config, session.base)
    if asked is None or book is None:
        return None
    past = known_at(book.launches, session.windows[-1].cutoff.date(), run=session.run)
    notes = [_rests_on(book, past)]
    try:
        made = calibrate(past, offline=asked.offline, online=asked.online, by=asked.by, confidence=asked.confidence)
    except InputError as error:
        if any(fault.rule not in TOO_LITTLE for fault in error.faults):
            raise
        return Found((), (*notes, *(f"Simulated, not calibrated: {fault.what}." for fault in error.faults)), book)
    notes += [_method(made), *([GOODWILL] if asked.offline == "profit" else [])]
    rivals = [model for model in models if model != session.config.compare.incumbent]
    numbers = [own for model in rivals if (own := _number(session, made, asked, model, notes)) is not None]
    return Found(tuple(numbers), tuple(notes), book)


def _number(session: Session, made: Calibration, asked: Section, model: str, notes: list[str]) -> Calibrated | None:
    """Calibrated number of one model, or None and a note why there is none."""
    from .align.offline import offline_deltas

    try:
        deltas = offline_deltas(session, model).deltas
        at = deltas.at(asked.offline)
        refuse(made.unlike(better=deltas.better[at], offline=deltas.units[at]))
        return calibrated(made, model, deltas.value(asked.offline), deltas.error(asked.offline), group=asked.group)
    except InputError as error:
        notes += [f"{model} is not calibrated: {fault.what}." for fault in error.faults]
        return None


def _rests_on(book: Book, past: Sequence[Launch]) -> str:
    later = len(book.launches) - len(past)
    out = f"; {later} of later dates, or of this run, are left out" if later else ""
    return f"Past launches: {len(past)} of {book.where}, whose newest row is {book.head[:12]}{out}."


def _method(made: Calibration) -> str:
    words = {"york": "a straight line with errors on both sides", "bivariate": "random effects", "groups": "groups"}
    return f"Calibrated by {words[made.method]}: {made.why}."
