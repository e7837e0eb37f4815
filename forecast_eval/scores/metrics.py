"""The metrics: each one a statistic per observation and the way it is aggregated, defined once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from losses import Newsvendor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from losses import UnitCosts

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Forecasts and what came, one row an observation; NaN demand (hidden or unknown) leaves a row out and counted.

    demand, forecast : [row] units; quantiles : level -> [row] units; costs : [row] currency per unit, at ds.
    """

    demand: Floats
    forecast: Floats
    quantiles: Mapping[float, Floats]
    costs: UnitCosts


Statistic = tuple["Floats", "Floats"]
"""Numerator and denominator of each observation; a metric is the ratio of their sums, NaN numerators left out."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    formula : in words of the contract; it is hashed, with the fields below, into `version`.
    unit : of the value.
    direction : which values are better; "zero" where both signs are bad.
    functional : what a forecast must be to score best, or "" where the metric elicits none.
    meaning : the business question that it answers, and its limits.
    statistic : observations -> numerator and denominator of each.
    root : take the square root of the ratio.
    """

    name: str
    formula: str
    unit: str
    direction: Literal["lower", "higher", "zero"]
    functional: str
    meaning: str
    statistic: Callable[[Observations], Statistic]
    root: bool = False

    @property
    def version(self) -> str:
        """Hash of the definition, so that an audit can see when a metric changed."""
        words = {k: v for k, v in asdict(self).items() if k != "statistic"}
        return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:12]

    def of(self, numerator: Floats, denominator: Floats) -> Floats:
        """Value from sums; NaN where there is nothing to divide by."""
        ratio = np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator != 0)
        return np.sqrt(ratio) if self.root else ratio


def _error(o: Observations) -> Floats:
    return o.forecast - o.demand


def _ones(o: Observations) -> Floats:
    return np.ones_like(o.demand)


def _percentage(o: Observations) -> Statistic:
    sold = o.demand > 0
    relative = np.divide(np.abs(_error(o)), o.demand, out=np.full_like(o.demand, np.nan), where=sold)
    return 100 * relative, _ones(o)


def _newsvendor(o: Observations) -> Statistic:
    return np.asarray(Newsvendor().value(o.demand, o.forecast, o.costs)), _ones(o)


def _pinball(o: Observations) -> Statistic:
    if not o.quantiles:
        return np.full_like(o.demand, np.nan), _ones(o)
    losses = [
        np.maximum(level * (o.demand - q), (level - 1) * (o.demand - q)) for level, q in o.quantiles.items()
    ]  # [level, row]
    return np.mean(losses, axis=0), _ones(o)


METRICS: Mapping[str, Metric] = {
    m.name: m
    for m in (
        Metric("rmse", "sqrt(mean((forecast - demand)^2))", "units", "lower", "mean",
               "How far off is a typical forecast, large misses counting most? Ruled by the best sellers.",
               lambda o: (_error(o) ** 2, _ones(o)), root=True),
        Metric("mae", "mean(|forecast - demand|)", "units", "lower", "median",
               "How many units is a typical forecast off? Best at the median, so 0 wins on slow sellers.",
               lambda o: (np.abs(_error(o)), _ones(o))),
        Metric("mape", "100 * mean(|forecast - demand| / demand) over demand > 0", "%", "lower", "",
               "What is the typical relative miss? Periods without demand are left out and counted; it rewards "
               "forecasting too little.", _percentage),
        Metric("wape", "100 * sum(|forecast - demand|) / sum(demand)", "%", "lower", "median",
               "What share of the volume is forecast wrongly?",
               lambda o: (100 * np.abs(_error(o)), np.where(np.isnan(o.demand), 0.0, o.demand))),
        Metric("bias", "100 * sum(forecast - demand) / sum(demand)", "%", "zero", "mean",
               "Do forecasts run high (positive, waste) or low (negative, stockouts) over all?",
               lambda o: (100 * _error(o), np.where(np.isnan(o.demand), 0.0, o.demand))),
        Metric("newsvendor_cost", "mean(underage * (demand - forecast)+ + overage * (forecast - demand)+)",
               "currency per SKU and period", "lower", "quantile at the critical ratio",
               "What would it cost to stock the point forecast itself, each period on its own?", _newsvendor),
        Metric("pinball", "mean over levels of mean(max(level * (demand - q), (level - 1) * (demand - q)))", "units",
               "lower", "quantiles", "How good is the forecast distribution? Models without quantiles have none.",
               _pinball),
    )
}  # fmt: skip
"""All metrics by name."""
