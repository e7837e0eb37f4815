"""Simulated money as a metric among others: sums by series and cutoff, which stores and time are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..build import conventions_of
from ..config.online import Online
from ..money.clustering import STORES
from ..online.simulated import MEASURES, measures, unit_column
from ..scores.leaderboard import Measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..online.metric import OnlineMetric
    from ..pipeline import Session

    Floats = NDArray[np.float64]

EACH = "exposure"
"""Denominator of a mean, where a metric has none: both models are played on the same series and periods."""


def money_metrics(session: Session) -> tuple[OnlineMetric, ...]:
    """Metrics of the simulation, by the names that they have online: those of the run's `online`, or its defaults."""
    asked = session.config.online
    specs = Online.model_fields["metrics"].default if asked is None else asked.metrics
    return tuple(spec.named(name) for name, spec in specs.items())


def money_sums(
    session: Session, models: tuple[str, ...], metrics: Sequence[OnlineMetric]
) -> tuple[list[Measured], dict[str, float]]:
    """Sums of each metric that the simulation has, and its value for the last model, per unit and period.

    Rows of the ledger that are not judged are left out.
    """
    ledger = session.run.read("ledger")
    begin = ledger.loc[ledger["cutoff"].notna(), "ds"].min()
    judged = ledger[ledger["cutoff"].notna() & ledger["model"].isin(models)].reset_index(drop=True)
    rows = measures(judged, session.inputs.economics, conventions_of(session.config.simulate.conventions), begin=begin)
    asked = [metric for metric in metrics if set(metric.columns) <= set(MEASURES)]
    cells = _by_cell(session, models, judged, rows[list(dict.fromkeys([*(c for m in asked for c in m.columns), EACH]))])
    found = [
        Measured(models, metric.name, metric.better,
                 np.stack([cells[metric.numerator], cells[metric.denominator or EACH]], axis=1), ratio)
        for metric in asked
    ]  # fmt: skip
    each = _units_and_periods(session, judged[judged["model"] == models[-1]])
    bases = {m.name: float(cells[m.numerator][-1].sum()) / each for m in asked if m.denominator is None}
    return found, bases


def ratio(sums: Floats) -> Floats:
    """Numerator over denominator of [..., 2] sums; NaN where there is nothing to divide by."""
    below = sums[..., 1]
    return np.divide(sums[..., 0], below, out=np.full_like(below, np.nan), where=below != 0)


def _by_cell(session: Session, models: tuple[str, ...], judged: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Floats]:
    """Sums of columns [model, series, cutoff]."""
    ids, cutoffs = session.inputs.history.unique_ids, pd.DatetimeIndex([w.cutoff for w in session.windows])
    shape = (len(models), len(ids), len(cutoffs))
    places = (
        pd.Index(models).get_indexer(pd.Index(judged["model"])),
        pd.Index(ids).get_indexer(pd.Index(judged["unique_id"])),
        cutoffs.get_indexer(pd.DatetimeIndex(judged["cutoff"])),
    )
    cell = np.ravel_multi_index(places, shape)
    size = int(np.prod(shape))
    return {
        str(name): np.asarray(np.bincount(cell, rows[name].to_numpy(float), size).reshape(shape), dtype=np.float64)
        for name in rows
    }


def _units_and_periods(session: Session, rows: pd.DataFrame) -> int:
    """Number of stores and periods that have rows; of series and periods where no column says the store."""
    column = unit_column(session.inputs.history.static, STORES)
    unit = rows["unique_id"] if column is None else session.inputs.history.static[column].reindex(rows["unique_id"])
    return len(pd.DataFrame({"unit": unit.to_numpy(), "ds": rows["ds"].to_numpy()}).drop_duplicates())
