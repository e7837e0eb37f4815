"""Training on money: what a forecaster of `backtest`, which knows no costs, is handed for it."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, replace
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np
import pandas as pd

from backtest import FallbackWarning, Fault, InputError
from backtest.faults import attempt, nearest, refuse
from losses import (
    AsymmetricHuber,
    AsymmetricSquared,
    Linex,
    Newsvendor,
    SmoothNewsvendor,
    trend_score,
)

from .economics import Economics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from backtest import Known
    from losses import Loss

    from .config.training_loss import TrainingLoss, TrendCosts

FAMILIES: dict[str, type[Any]] = {
    "newsvendor": Newsvendor,
    "smooth_newsvendor": SmoothNewsvendor,
    "expectile": AsymmetricSquared,
    "huber": AsymmetricHuber,
    "linex": Linex,
}


@dataclass(frozen=True, slots=True, eq=False)
class KnownCosts:
    """Underage and overage of each series, of the prices and the trend that were known at a cutoff.

    economics : prices of all time; later ones are not looked at.
    cycle : periods between orders, see `Economics.unit_costs`.
    trend : how costs lean with the trend, if they do. Periods that were not fully in stock say nothing of it.
    """

    economics: Economics
    cycle: int = 1
    trend: TrendCosts | None = None

    def at(self, known: Known) -> pd.DataFrame:
        """Underage and overage [currency per unit] of the series of `known.static`, indexed by unique_id.

        A series without any price until the cutoff has the median terms of those that have one, and a FallbackWarning
        says so; InputError where none has.
        """
        ids = known.static.index
        costs = self._terms(known).unit_costs(ids.to_numpy(), cycle=self.cycle)
        if self.trend is not None:
            costs = costs.with_trend(_score(known, self.trend), strength=self.trend.strength)
        return pd.DataFrame({"underage": costs.underage, "overage": costs.overage}, index=ids)

    def as_known(self, cutoff: pd.Timestamp) -> KnownCosts:
        """Itself without prices from after a cutoff: they were not known then, and what is done now need not be redone.

        >>> days = pd.to_datetime(["2026-01-01", "2026-02-01"])
        >>> told = Economics.of(pd.DataFrame({"unique_id": "a", "ds": days, "price": [10.0, 12.0], "holding": 0.5}))
        >>> KnownCosts(told).as_known(days[0]).economics.frame["price"].tolist()
        [10.0]
        """
        frame = self.economics.frame
        if "ds" not in frame.columns:
            return self
        now = frame[frame["ds"] <= cutoff].reset_index(drop=True)
        return replace(self, economics=Economics(now))

    def _terms(self, known: Known) -> Economics:
        """Terms of each series that held at the cutoff."""
        frame = self.economics.frame
        if "ds" not in frame.columns:
            return self.economics
        # sorted by unique_id and ds
        now = frame[frame["ds"] <= known.cutoff].drop_duplicates("unique_id", keep="last").drop(columns="ds")
        young = known.static.index.difference(pd.Index(now["unique_id"]))
        if not len(young):
            return Economics(now)
        priced = now[now["unique_id"].isin(known.static.index)].drop(columns="unique_id")
        refuse([Fault("no-price-yet", f"no series has a price until {known.cutoff:%Y-%m-%d}", "data.economics",
                      "give earlier prices, or terms without ds")] if priced.empty else [])  # fmt: skip
        shown = ", ".join(map(str, young[:3])) + (", ..." if len(young) > 3 else "")
        warn(FallbackWarning(f"{len(young)} series without a price yet got the median terms: {shown}"), stacklevel=2)
        return Economics(pd.concat([now, pd.DataFrame({"unique_id": young, **priced.median()})], ignore_index=True))


def _score(known: Known, spec: TrendCosts) -> NDArray[np.float64]:
    """Trend score of each series of `known.static` at the cutoff, -1..1; NaN where nothing is known."""
    sales, stocked = _dense(known)
    if spec.recent >= sales.shape[1]:
        return np.full(len(sales), np.nan)
    score = trend_score(
        sales, stocked, recent=spec.recent, base=spec.base, factor=spec.factor, prior_units=spec.prior_units
    )
    return np.asarray(score[:, -1])


def _dense(known: Known) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sales, and whether each period was fully in stock, [series, time]."""
    frame = known.history
    rows = known.static.index.get_indexer(pd.Index(frame["unique_id"]))
    dates, times = np.unique(frame["ds"].to_numpy(), return_inverse=True)
    sales = np.full((len(known.static), len(dates)), np.nan)
    sales[rows, times] = frame["y"].to_numpy(dtype=float)
    stocked = np.ones_like(sales)
    if "in_stock" in frame.columns:
        stocked[rows, times] = frame["in_stock"].to_numpy(dtype=float) >= 1
    return sales, stocked


def training_on(
    spec: TrainingLoss, economics: Economics, *, cycle: int, params: Mapping[str, Any], threads: int = 1
) -> tuple[Any, KnownCosts]:
    """Give the estimator and the costs that `backtest.adapters.LightGBM` takes as `regressor` and `costs`.

    params : LightGBM's parameters.

    Raises InputError, with every fault, for an unknown family, parameters that it does not take, and an objective.
    """
    from losses.lightgbm import SERVED, NewsvendorRegressor
    from losses.mlforecast import RowCosts

    faults = [
        Fault("unknown-parameter", f"{name}={params[name]!r} {why}", f"forecasters.params.{name}", "leave it out")
        for name, (values, why) in SERVED.items()
        if name in params and str(params[name]).lower() not in values
    ]
    loss = attempt(lambda: loss_of(spec), faults)
    refuse(faults)
    # without a random_state it gets the seed of the backtest
    fixed = {"verbosity": -1, "n_jobs": threads, "deterministic": True, "force_row_wise": True}
    estimator = NewsvendorRegressor(loss=loss, **fixed | dict(params))
    return RowCosts(estimator, ratio_feature="critical_ratio"), KnownCosts(economics, cycle, spec.trend)


def loss_of(spec: TrainingLoss) -> Loss:
    """Loss of a config.

    Raises InputError, with every fault, for an unknown family and parameters that it does not take.
    """
    given = {name: value for name, value in (("width", spec.width), ("limit", spec.limit)) if value is not None}
    refuse(_family_faults(spec.family, given))
    try:
        loss: Loss = FAMILIES[spec.family](**given)
    except ValueError as error:
        raise InputError([Fault("bad-value", str(error), "forecasters.loss", "correct the value")]) from error
    return loss


def _family_faults(family: str, given: Mapping[str, float]) -> list[Fault]:
    if family not in FAMILIES:
        what = f"there is no loss {family!r} to train on"
        return [Fault("unknown-loss", what, "forecasters.loss.family", nearest(family, FAMILIES))]
    taken = {f.name: f for f in fields(FAMILIES[family])}
    lacking = [name for name, f in taken.items() if f.default is MISSING and name not in given]
    return [
        *(Fault("unknown-parameter", f"{family} takes no {name}", f"forecasters.loss.{name}", "leave it out")
          for name in given if name not in taken),
        *(Fault("missing-key", f"{family} needs {name}", f"forecasters.loss.{name}", "add it") for name in lacking),
    ]  # fmt: skip
