"""From a run and a file of outcomes to their comparison, and from it to files."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from backtest.faults import InputError, refuse

from .align.calibration import calibrate
from .align.deltas import SHARE
from .analyzing import opened
from .calibrating import known_at, read_book
from .online.compare import compare
from .online.foretold import Foretold
from .pipeline import open_session
from .store import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .align.calibration import Calibration
    from .calibrating import Book
    from .online.compare import Comparison, Contrast
    from .store import Run


def compared(  # noqa: PLR0913 - a run, and all that says how outcomes are read
    run: Path,
    outcomes: Path,
    *,
    plan: Path | None = None,
    config: Path | None = None,
    changes: Sequence[str] = (),
    candidate: str | None = None,
    unit: str | None = None,
    book: str | None = None,
) -> Comparison:
    """Hold a finished run against a file of outcomes; see `online.compare.compare`.

    run : its directory. plan, config, changes : as `analyzing.analyzed` takes them.
    book : launch book, a path or a URL: what the launches that were over before this test foretold of it.

    Raises InputError with every fault of the files.
    """
    measured, experiment, _ = opened(outcomes, plan=plan, config=config, changes=changes)
    known = None if book is None else read_book(book, Path())
    session = open_session(run, upto="backtest")
    found = compare(session, measured, experiment, candidate=candidate, unit=unit)
    return found if known is None else foretold(found, known, session.run)


def foretold(comparison: Comparison, book: Book, run: Run) -> Comparison:
    """Add what past launches foretold of the primary metrics; a note says why nothing was."""
    if comparison.overlap is None:
        return comparison
    start = pd.Timestamp(comparison.overlap.measured_span[0]).date()
    past = known_at(book.launches, start - dt.timedelta(days=1), run=run)
    found, notes = [], [f"{len(past)} of {len(book.launches)} launches of {book.where} were over before this test"]
    for own in (c for c in comparison.contrasts if c.metric.role == "primary"):
        try:
            found.append(_foretold(own, calibrate(past, offline=own.metric.name, online=own.metric.name)))
        except InputError as error:
            notes += [f"{own.metric.name} is not calibrated: {fault.what}" for fault in error.faults]
    return replace(comparison, foretold=tuple(found), notes=(*comparison.notes, *notes))


def _foretold(own: Contrast, made: Calibration) -> Foretold:
    """Both sides are turned so that higher is better, as the calibration has them, and back."""
    refuse(made.unlike(better=own.metric.better, online=SHARE))
    (ours, theirs), promised, measured = made.turns, own.simulated.lift, own.measured.lift
    x, var_x = ours * promised.estimate, promised.error**2
    found, noisy = made.predict(x, var_x), made.predict(x, var_x, var_y=measured.error**2)
    low, high = sorted((theirs * found.low, theirs * found.high))
    noisy_low, noisy_high = sorted((theirs * noisy.low, theirs * noisy.high))
    return Foretold(
        own.metric.name, own.arm, own.model, made.n, made.confidence, promised.estimate, theirs * found.mean, low, high,
        noisy_low, noisy_high, measured.estimate, made.is_blind,
    )  # fmt: skip


def write_comparison(comparison: Comparison, folder: Path) -> tuple[Path, Path]:
    """Write compare.json and compare.html into a folder, which is made, and return their paths."""
    from .report.compare import write_comparison_page

    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "compare.json"
    write_text(data, json.dumps(comparison.as_json, indent=2, allow_nan=False) + "\n")
    return data, write_comparison_page(comparison, folder / "compare.html")
