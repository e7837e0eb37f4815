"""From a run and a file of outcomes to their comparison, and from it to files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .analyzing import opened
from .online.compare import compare
from .pipeline import open_session
from .store import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .online.compare import Comparison


def compared(  # noqa: PLR0913 - a run, and all that says how outcomes are read
    run: Path,
    outcomes: Path,
    *,
    plan: Path | None = None,
    config: Path | None = None,
    changes: Sequence[str] = (),
    candidate: str | None = None,
    unit: str | None = None,
) -> Comparison:
    """Hold a finished run against a file of outcomes; see `online.compare.compare`.

    run : its directory. plan, config, changes : as `analyzing.analyzed` takes them.

    Raises InputError with every fault of the files.
    """
    measured, experiment, _ = opened(outcomes, plan=plan, config=config, changes=changes)
    session = open_session(run, upto="backtest")
    return compare(session, measured, experiment, candidate=candidate, unit=unit)


def write_comparison(comparison: Comparison, folder: Path) -> tuple[Path, Path]:
    """Write compare.json and compare.html into a folder, which is made, and return their paths."""
    from .report.compare import write_comparison_page

    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "compare.json"
    write_text(data, json.dumps(comparison.as_json, indent=2, allow_nan=False) + "\n")
    return data, write_comparison_page(comparison, folder / "compare.html")
