"""From a run's forecasts to its scores, and who leads on each metric, as the config asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.faults import Fault, attempt

from .build import windows_of
from .inference import time_blocks
from .scorecard.criteria import metrics_wanted
from .scores import catalogue
from .scores.context import Context
from .scores.hierarchy import Hierarchical
from .scores.leaderboard import Resampling, leaderboard
from .scores.panel import Forecasts, score_panel
from .scores.statistics import LATITUDE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .config import Config
    from .pipeline import Session
    from .scores import Metric, Scores
    from .scores.leaderboard import Measured
    from .scores.panel import PanelScores


SHARES = ("stockout_warned", "false_warning")
"""Statistics that are 0 or 1."""


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
    config = session.config
    found = _panel(session, tuple(config.forecasters))
    board, notes = _boards(session, found.scores)
    table = found.scores.table.astype(dict.fromkeys(("model", "metric", "axis", "version"), object))
    exploded = {m: each.words(m, config.score.explosion or np.inf) for m, each in found.exploded.items()}
    return Scored(table, found.scores.calibration, board, exploded, (*_shared(board, table), *notes))


def shared_sums(session: Session, models: Sequence[str]) -> Mapping[str, Measured]:
    """Sums of every metric that ranks, of some models on the observations that they share; see `Measured`.

    The model that others are measured by is read as well where a metric needs it, and has its place after these.
    """
    named = dict.fromkeys((*models, baseline_of(session.config)))
    return _panel(session, tuple(named)).scores.measured


def _panel(session: Session, models: tuple[str, ...]) -> PanelScores:
    """Score models at every cutoff, and keep the sums of what they share."""
    config, inputs, run = session.config, session.inputs, session.run
    metrics = session.metrics
    nodes = [m.measure for m in metrics if isinstance(m.measure, Hierarchical)]
    context = Context.of(inputs.history, inputs.economics, session.windows, config.score, nodes=bool(nodes))
    paths = any(measure.kind == "wspl" for measure in nodes) and run.has("paths")
    return score_panel(
        context,
        Forecasts(
            models, lambda window: run.read("forecasts", cutoff=window.cutoff),
            (lambda window: run.read("paths", cutoff=window.cutoff)) if paths else None,
        ),
        metrics, baseline=baseline_of(config), compared=[m.name for m in metrics], threads=config.backtest.workers,
    )  # fmt: skip


def level_warnings(config: Config, metrics: Sequence[Metric]) -> tuple[Fault, ...]:
    """Warnings of metrics that read quantiles which no forecaster will give; files and modules may bring others."""
    if any(spec.kind in {"file", "python"} for spec in config.forecasters.values()):
        return ()
    given = config.backtest.quantiles
    found = []
    for metric in metrics:
        lacking = [level for level in metric.levels if not any(abs(level - own) < LATITUDE for own in given)]
        if lacking:
            what = f"{metric.name} reads the quantile {' and '.join(f'{level:g}' for level in lacking)}"
            fix = f"it will be n/a; add it to backtest.quantiles, which has {', '.join(f'{own:g}' for own in given)}"
            found.append(Fault("no-quantile", what, "score.metrics", fix, "warning"))
    return tuple(found)


def resampling_faults(config: Config) -> list[Fault]:
    """Faults of the settings of the bootstrap, found before anything is measured."""
    faults: list[Fault] = []
    one = np.zeros(1, dtype=np.int64)
    attempt(lambda: Resampling(one, one, config.compare.confidence, config.score.replicates), faults)
    places = {"leaderboard.confidence": "compare.confidence", "leaderboard.replicates": "score.replicates"}
    return [replace(fault, place=places.get(fault.place, fault.place)) for fault in faults]


def choosing_faults(config: Config, metrics: Sequence[Metric]) -> list[Fault]:
    """Faults of the metrics by which candidates of `online` are chosen: some rank nothing."""
    given = [] if config.online is None else config.online.candidates
    choosing = {one.best for one in given if not isinstance(one, str)}
    return [
        Fault("no-ranking", f"{m.name} ranks nothing: no value of it is good by itself", "online.candidates",
              "choose by another metric, or name the forecaster")
        for m in metrics if m.name in choosing and not m.ranks
    ]  # fmt: skip


def _boards(session: Session, scores: Scores) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leaderboards of all metrics; over a hierarchy its levels take the place of series, and only time is drawn."""
    resampling, baseline = _resampling(session), baseline_of(session.config)
    levels = {m.name for m in session.metrics if isinstance(m.measure, Hierarchical)}
    of_levels = [each for name, each in scores.measured.items() if name in levels]
    count = max((each.sums.shape[2] for each in of_levels), default=1)
    boards = [
        leaderboard([each for name, each in scores.measured.items() if name not in levels],
                    resampling=resampling, baseline=baseline),
        leaderboard(of_levels, resampling=replace(resampling, clusters=np.zeros(count, dtype=np.int64)),
                    baseline=baseline),
    ]  # fmt: skip
    tables = [board.table for board in boards if len(board.table)]
    table = pd.concat(tables, ignore_index=True) if tables else boards[0].table
    order = {m.name: k for k, m in enumerate(session.metrics)}
    table = table.sort_values("metric", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)
    named = f"{', '.join(m.name for m in session.metrics if m.name in levels)}: "
    notes = [*boards[0].notes, *(note if note in boards[0].notes else named + note for note in boards[1].notes)]
    table["version"] = table["metric"].map({m.name: m.version for m in session.metrics})
    return _within(table, session.metrics), tuple(dict.fromkeys(notes))


def _within(table: pd.DataFrame, metrics: Sequence[Metric]) -> pd.DataFrame:
    """Intervals within what a metric can be: a cost or a distance is not below 0, a share not above 100 %."""
    out = table.copy()
    for metric in metrics:
        here = (out["metric"] == metric.name).to_numpy()
        if metric.direction == "lower":
            out.loc[here, ["low", "high"]] = out.loc[here, ["low", "high"]].clip(lower=0.0)
        if getattr(metric.measure, "numerator", "") in SHARES:
            out.loc[here, ["low", "high"]] = out.loc[here, ["low", "high"]].clip(0.0, 100.0)
    return out


def _shared(board: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    """Notes on metrics that models are compared on by fewer observations than one of them has."""
    total = scores[scores["axis"] == "total"]
    own, shared = ({str(name): int(part["n_obs"].max()) for name, part in table.groupby("metric", sort=False)}
                   for table in (total, board))  # fmt: skip
    groups: dict[tuple[int, int], list[str]] = {}
    for metric, count in shared.items():
        if 0 < count < own[metric]:
            groups.setdefault((count, own[metric]), []).append(metric)
    return [
        f"{', '.join(names)}: models are compared on the {count:,} of {most:,} observations that all of them have"
        for (count, most), names in groups.items()
    ]


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


__all__ = ["Scored", "baseline_of", "metrics_of", "scored", "shared_sums"]
