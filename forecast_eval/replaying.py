"""From a run and a file of outcomes to the replay of a past launch, and from it to a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .align.replay import replay
from .analyzing import opened
from .pipeline import open_session
from .store import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from .align.replayed import Replay


def replayed(
    run: Path,
    outcomes: Path,
    *,
    plan: Path | None = None,
    config: Path | None = None,
    candidate: str | None = None,
    unit: str | None = None,
) -> Replay:
    """Replay the launch of a file of outcomes in a finished run; see `align.replay.replay`.

    run : its directory. plan, config : as `analyzing.analyzed` takes them.

    Raises InputError with every fault of the files.
    """
    measured, experiment, _ = opened(outcomes, plan=plan, config=config)
    session = open_session(run, upto="backtest")
    return replay(session, measured, experiment, candidate=candidate, unit=unit)


def write_replay(found: Replay, folder: Path) -> Path:
    """Write replay.json into a folder, which is made, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "replay.json"
    write_text(path, json.dumps(found.as_json, indent=2, allow_nan=False) + "\n")
    return path
