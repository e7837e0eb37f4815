"""Losses as metrics of utilsforecast: `evaluate(df, metrics=[metric(Newsvendor(), UnitCosts(8, 2))])`.

Without `from __future__ import annotations`: utilsforecast reads the annotations of a metric as types.
"""

from collections.abc import Callable
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from .costs import UnitCosts
from .newsvendor import Newsvendor
from .protocol import Loss, refuse_no_loss


def metric(
    loss: Loss | None = None,
    costs: UnitCosts | None = None,
    *,
    name: str | None = None,
    underage: str = "underage",
    overage: str = "overage",
) -> Callable[..., Any]:
    """Metric by mean cost a series (and cutoff) [currency], on pandas or polars frames.

    costs : the same for all rows. None: each row's own, from the columns `underage` and `overage`; then tell `evaluate`
        its `models`, or it takes those columns for forecasts.
    name : what the metric is called in the result; by default the loss's class name.

    A series with a forecast or a target that is missing has a NaN mean: leaving out the dear rows must not win. Losses
    that couple periods, such as `Spec`, take each series (and cutoff) for itself, in the order of its column "ds".

    Raises
    ------
    ValueError
        When it is called: for a frame without the cost columns, or costs that are negative or not finite.

    >>> import pandas as pd
    >>> from utilsforecast.evaluation import evaluate
    >>> table = pd.DataFrame({"unique_id": ["A", "A"], "ds": [1, 2], "y": [10.0, 10.0], "lgbm": [7.0, 11.0]})
    >>> evaluate(table, metrics=[metric(Newsvendor(), UnitCosts(8.0, 2.0))])
      unique_id      metric  lgbm
    0         A  Newsvendor  13.0
    """
    chosen = Newsvendor() if loss is None else loss
    refuse_no_loss(chosen)

    def mean_cost(
        df: Any,  # noqa: ANN401 - a frame of any library
        models: list[str],
        id_col: str = "unique_id",
        target_col: str = "y",
        cutoff_col: str = "cutoff",
    ) -> Any:  # noqa: ANN401 - the same
        """Mean cost of each model by series, and by cutoff where there is one."""
        frame = nw.from_native(df, eager_only=True)
        keys = [cutoff_col, id_col] if cutoff_col in frame.columns else [id_col]
        frame = frame.sort(*keys, *(["ds"] if "ds" in frame.columns else []))
        own = _row_costs(frame, underage, overage) if costs is None else costs
        values = [
            nw.new_series(m, _values(chosen, frame, (target_col, m), keys, own), backend=frame.implementation)
            for m in models
        ]
        gaps = [
            nw.new_series(f"{v.name} missing", np.isnan(v.to_numpy()), backend=frame.implementation) for v in values
        ]
        means = frame.select(keys).with_columns(*values, *gaps).group_by(*keys)
        found = means.agg(nw.col(*models).mean(), *(nw.col(gap.name).max() for gap in gaps)).sort(*keys)
        whole = [nw.when(~nw.col(f"{m} missing")).then(nw.col(m)).otherwise(float("nan")).alias(m) for m in models]
        return found.select(*keys, *whole).to_native()

    mean_cost.__name__ = name or type(chosen).__name__
    return mean_cost


def _values(
    loss: Loss, frame: nw.DataFrame[Any], columns: tuple[str, str], keys: list[str], costs: UnitCosts
) -> NDArray[np.float64]:
    """Loss of each row; of each group by itself where the loss couples periods."""
    demand, forecast = (frame[name].to_numpy().astype(float) for name in columns)
    if loss.functional != "none":
        return np.asarray(loss.value(demand, forecast, costs))
    under, over = (np.broadcast_to(c, demand.shape) for c in (costs.underage, costs.overage))
    same = np.logical_and.reduce([frame[k].to_numpy()[1:] == frame[k].to_numpy()[:-1] for k in keys])
    parts = np.split(np.arange(len(demand)), np.flatnonzero(~same) + 1)
    return np.concatenate([loss.value(demand[p], forecast[p], UnitCosts(under[p], over[p])) for p in parts])


def _row_costs(frame: nw.DataFrame[Any], underage: str, overage: str) -> UnitCosts:
    missing = [column for column in (underage, overage) if column not in frame.columns]
    if missing:
        raise ValueError(
            f"no column {missing} in the frame (columns: {frame.columns}): add the costs of each row, or give costs="
        )
    return UnitCosts(*(np.asarray(frame[column].to_numpy(), dtype=float) for column in (underage, overage)))
