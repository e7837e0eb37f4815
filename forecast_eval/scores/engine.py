"""Score forecasts: every metric over every axis, in one pass over the observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import Fault, InputError, quantile_levels
from backtest.faults import nearest
from losses import UnitCosts

from .metrics import METRICS, Observations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .metrics import Metric


def metrics_named(names: Iterable[str], place: str = "score.metrics") -> tuple[Metric, ...]:
    """Metrics by name; InputError names every unknown one and the nearest known.

    >>> [m.unit for m in metrics_named(["rmse", "wape"])]
    ['units', '%']
    """
    wanted = tuple(names)
    unknown = [
        Fault("unknown-metric", f"unknown metric {name!r}", place, nearest(name, METRICS))
        for name in wanted
        if name not in METRICS
    ]
    if unknown:
        raise InputError(unknown)
    return tuple(METRICS[name] for name in wanted)


def score(observed: pd.DataFrame, metrics: Sequence[Metric], axes: Mapping[str, str | None]) -> pd.DataFrame:
    """Every metric of every model over every axis.

    observed : model, demand (NaN where it is hidden or unknown), forecast, quantile columns, underage, overage, and
        the columns of the axes; one row a forecast.
    axes : name of the axis -> column of its groups; None for the total.

    Returns
    -------
    model, metric, axis, group, value, n_obs (observations used), n_missing (left out: hidden demand, or a statistic
    that is not defined there), version (hash of the metric's definition).

    >>> frame = pd.DataFrame({"model": "a", "demand": [10.0, 0.0], "forecast": [7.0, 1.0], "underage": 8.0,
    ...                       "overage": 2.0})
    >>> score(frame, metrics_named(["mape", "newsvendor_cost"]), {"total": None})[["value", "n_obs", "n_missing"]]
       value  n_obs  n_missing
    0   30.0      1          1
    1   13.0      2          0
    """
    parts = [
        _over_axis(part, metric, axis, column)
        for _, part in observed.groupby("model", sort=False)
        for metric, part in ((m, _with_statistic(part, m)) for m in metrics)
        for axis, column in axes.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _with_statistic(part: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    quantiles = {q: part[c].to_numpy() for q, c in quantile_levels(list(part.columns)).items() if part[c].notna().any()}
    observations = Observations(
        demand=part["demand"].to_numpy(dtype=float),
        forecast=part["forecast"].to_numpy(dtype=float),
        quantiles=quantiles,
        costs=UnitCosts(part["underage"].to_numpy(dtype=float), part["overage"].to_numpy(dtype=float)),
    )
    numerator, denominator = metric.statistic(observations)
    used = ~np.isnan(numerator)
    return part.assign(
        numerator=np.where(used, numerator, 0.0), denominator=np.where(used, denominator, 0.0), used=used
    )


def _over_axis(part: pd.DataFrame, metric: Metric, axis: str, column: str | None) -> pd.DataFrame:
    groups = pd.Series("all", index=part.index) if column is None else part[column].astype(str)
    sums = part.groupby(groups.rename("group"), sort=True).agg(
        numerator=("numerator", "sum"),
        denominator=("denominator", "sum"),
        n_obs=("used", "sum"),
        n=("used", "size"),
    )
    return pd.DataFrame(
        {
            "model": part["model"].iloc[0],
            "metric": metric.name,
            "axis": axis,
            "group": sums.index,
            "value": metric.of(sums["numerator"].to_numpy(), sums["denominator"].to_numpy()),
            "n_obs": sums["n_obs"].to_numpy(),
            "n_missing": (sums["n"] - sums["n_obs"]).to_numpy(),
            "version": metric.version,
        }
    )
