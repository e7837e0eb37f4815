"""From a run's forecasts to its scores, and who leads on each metric, as the config asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .build import windows_of
from .inference import time_blocks
from .scorecard.criteria import metrics_wanted
from .scores import catalogue
from .scores.context import Context
from .scores.hierarchy import Hierarchical
from .scores.leaderboard import Resampling, leaderboard
from .scores.panel import Forecasts, score_panel

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from .config import Config
    from .pipeline import Session
    from .scores import Metric


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What scoring a run gives.

    scores, calibration : see `scores.Scores`; leaderboard : see `scores.leaderboard`.
    exploded : model -> in words, what was bounded; notes : what could not be compared.
    """

    scores: pd.DataFrame
    calibration: pd.DataFrame
    leaderboard: pd.DataFrame
    exploded: dict[str, str]
    notes: tuple[str, ...]


def metrics_of(config: Config, base: Path) -> tuple[Metric, ...]:
    """Metrics that the config names, and those that its scorecard needs beside them.

    base : folder of the config, where its catalogues and modules of the user's own lie.

    Raises InputError with every fault of the catalogues and of the names.
    """
    return (*catalogue.metrics_of(config.score, base), *metrics_wanted(config, base))


def baseline_of(config: Config) -> str:
    """The model that others are measured by."""
    return config.score.baseline or config.compare.incumbent


def scored(session: Session) -> Scored:
    """Score the forecasts of a run, cutoff by cutoff, and rank the models on every metric that can be compared."""
    config, inputs, run = session.config, session.inputs, session.run
    metrics = session.metrics
    nodes = [m.measure for m in metrics if isinstance(m.measure, Hierarchical)]
    context = Context.of(inputs.history, inputs.economics, session.windows, config.score, nodes=bool(nodes))
    paths = any(measure.kind == "wspl" for measure in nodes) and run.has("paths")
    found = score_panel(
        context,
        Forecasts(
            tuple(config.forecasters), lambda window: run.read("forecasts", cutoff=window.cutoff),
            (lambda window: run.read("paths", cutoff=window.cutoff)) if paths else None,
        ),
        metrics, baseline=baseline_of(config), compared=[m.name for m in metrics], threads=config.backtest.workers,
    )  # fmt: skip
    board = leaderboard(found.scores.measured.values(), resampling=_resampling(session), baseline=baseline_of(config))
    table = found.scores.table.astype(dict.fromkeys(("model", "metric", "axis", "version"), object))
    exploded = {m: each.words(m, config.score.explosion or np.inf) for m, each in found.exploded.items()}
    return Scored(table, found.scores.calibration, board.table, exploded, board.notes)


def _resampling(session: Session) -> Resampling:
    """Series and blocks of time are drawn; a block is as long as horizons of two cutoffs overlap."""
    config, windows = session.config, session.windows
    step = windows_of(config.backtest).spacing(session.inputs.history.calendar)
    overlap = -(-config.backtest.horizon // (step or 1)) - 1
    return Resampling(
        clusters=np.arange(len(session.inputs.history.unique_ids)),
        blocks=time_blocks(len(windows), config.compare.block or overlap + 1),
        confidence=config.compare.confidence,
        replicates=config.score.replicates,
        overlap=overlap,
        seed=config.seed,
    )


__all__ = ["Scored", "baseline_of", "metrics_of", "scored"]
