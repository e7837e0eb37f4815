"""What `forecast-eval score` prints: every metric of every model, who is best, and who may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..report.tables import texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from rich.table import Table

    from ..pipeline import Session
    from ..scores import Metric

MODELS_A_TABLE = 5
"""Models that fit beside each other into 100 columns."""


def shown(session: Session) -> Iterator[Table | str]:
    """Tables of totals, a line a metric; what was left out, bounded or could not be compared."""
    run, confidence = session.run, session.config.compare.confidence
    scores, board = run.read("scores"), run.read("leaderboard")
    total = scores[scores["axis"] == "total"]
    models = list(dict.fromkeys(total["model"]))
    believed = board[~board["model"].isin(list(run.manifest["exploded"]))]  # what exploded is no tie
    marks = {metric.name: _marks(metric, total, believed) for metric in session.metrics}
    for start in range(0, len(models), MODELS_A_TABLE):
        yield _table(total, marks, models[start : start + MODELS_A_TABLE])
    yield (
        f"* is best, = cannot be ruled out as the best at {confidence:.0%}, all models taken together. "
        "Intervals, skill and win rates: table leaderboard."
    )
    untested = [m.name for m in session.metrics if m.ranks and m.name not in set(board["metric"])]
    if untested:
        yield f"The best only, without a test: {', '.join(untested)}"
    yield from _missing(total)
    yield from run.manifest["exploded"].values()
    yield from run.manifest["score_notes"]


def _marks(metric: Metric, total: pd.DataFrame, board: pd.DataFrame) -> dict[str, str]:
    """Mark of the best model, and of those that may be it; what cannot be compared has a best one only."""
    ranked = board[board["metric"] == metric.name]
    if len(ranked):
        tied = dict.fromkeys(ranked.loc[ranked["tied"].astype(bool), "model"], "=")
        return tied | dict.fromkeys(ranked.loc[ranked["value"].notna(), "model"][:1], "*")
    values = total[total["metric"] == metric.name].set_index("model")["value"]
    values = values[np.isfinite(values)]
    if values.empty or not metric.ranks:
        return {}
    return {str(values.map(metric.distance).idxmin()): "*"}


def _table(total: pd.DataFrame, marks: Mapping[str, Mapping[str, str]], models: list[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("metric", no_wrap=True)
    for model in models:
        table.add_column(model.replace("_", " "), justify="right", max_width=15)
    for metric, part in total.groupby("metric", sort=False):
        values = part.set_index("model")["value"]
        printed = dict(zip(values.index, texts(values), strict=True))
        own = marks[str(metric)]
        table.add_row(str(metric), *(f"{printed[model]} {own.get(model, ' ')}" for model in models))
    return table


def _missing(total: pd.DataFrame) -> Iterator[str]:
    """Metrics that rest on fewer observations than there were: those of the model that lacks most."""
    none = total[total["n_obs"] == 0]
    for model, part in none.groupby("model", sort=False):
        yield f"{model} has no {', '.join(part['metric'])}"
    lacking = total[(total["n_missing"] > 0) & (total["n_obs"] > 0)]
    if lacking.empty:
        return
    worst = lacking.sort_values("n_missing", ascending=False, kind="stable").drop_duplicates("metric")
    for _, part in worst.groupby(["n_missing", "n_obs"], sort=False):
        missing, used, names = int(part["n_missing"].iloc[0]), int(part["n_obs"].iloc[0]), ", ".join(part["metric"])
        yield f"{used:,} of {missing + used:,} observations are behind {names}"


__all__ = ["shown"]
