"""A forecaster and a policy of a run, deployed: they order every week from what was recorded so far."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import History, RollingWindows, fill_hidden, known_at
from backtest.work import in_contract

from .simulate import Market, Start, outlooks, play
from .simulate.dense import predictions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from backtest import Ask, Fitted, Forecaster, Known, Window

    from .economics import Economics
    from .simulate import Policy, Predictions, Sampling
    from .world import Recorded

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Deployment:
    """What is deployed, and how.

    forecaster, policy : of the run, with the setting that it chose.
    ask : what is wanted of the forecaster.
    horizon : weeks that are forecast. refit : weeks after which it is fitted anew.
    known_future : covariates that are known ahead, of those that a market records.
    economics : prices and terms.
    fill : whether the errors of a stockout week are taken against filled sales, or against those that were recorded.
    sampling, seed : of the courses of demand from which a policy reads quantiles.
    learn : earlier windows whose errors say how far off a forecast may be.
    """

    forecaster: Forecaster
    policy: Policy
    ask: Ask
    horizon: int
    economics: Economics
    sampling: Sampling
    seed: int
    refit: int = 4
    learn: int = 26
    fill: bool = True
    known_future: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Replenisher:
    """The planner of an arm: each week it forecasts, and orders what the policy says, as `forecast-eval order` would.

    What it has forecast so far is kept, since its errors are what later orders allow for. When the weeks start again
    another play has begun, and it forgets them.

    earlier : forecasts of the run at cutoffs before the launch, whose errors are known then, with their windows.
    """

    deployed: Deployment
    earlier: tuple[Predictions, tuple[Window, ...]]
    _made: list[tuple[Predictions, Window]] = field(default_factory=list)
    _fitted: tuple[int, Fitted] | None = None
    _fits: dict[bytes, Fitted] = field(default_factory=dict)
    _week: int = -1

    @classmethod
    def of(
        cls,
        deployed: Deployment,
        forecasts: pd.DataFrame,
        windows: Sequence[Window],
        *,
        model: str,
        unique_ids: NDArray[np.object_],
    ) -> Replenisher:
        """Planner that starts with the forecasts that a run has made of a model."""
        last = tuple(windows[-deployed.learn :])
        return cls(deployed, (predictions(forecasts, last, unique_ids, models=(model,))[model], last))

    def orders(self, seen: Recorded) -> Ints:
        """Whole units to order, [series]; see `forecast_eval.world.Planner`."""
        if seen.week <= self._week:
            self._made, self._fitted = [], None
        self._week = seen.week
        history = self._history(seen)
        window = RollingWindows(self.deployed.horizon, last_cutoff=history.calendar[-1]).over(history.calendar)[0]
        self._made.append((self._forecast(history, window, seen), window))
        market = self._market(history)
        found = outlooks(
            market, self._known(), self._windows(), sampling=self.deployed.sampling, seed=self.deployed.seed
        )
        _, outlook = next(iter(found.at(len(self._windows()) - 1)))
        everyone = np.arange(len(market.unique_ids))
        # this week's delivery has come; what is in transit comes from the next week on
        due = np.column_stack([np.zeros(len(everyone)), seen.in_transit])
        system = market.system(everyone, Start(seen.on_hand.astype(float), due))
        flows = play(system, np.zeros((len(everyone), 1)), {0: self.deployed.policy.rule(outlook)})
        return np.rint(flows.ordered[:, 0]).astype(np.int64)

    def _history(self, seen: Recorded) -> History:
        """Panel of what was recorded; it needs no check, since the market wrote it."""
        frame, ahead = seen.history(), seen.known_future(self.deployed.horizon)
        frame = frame[["unique_id", "ds", "y", "in_stock", *self.deployed.known_future]]
        static = seen.static.set_index("unique_id")
        calendar = pd.DatetimeIndex(seen.dates[: seen.week], freq=seen.dates.freq or "W-MON")
        panel = History(frame, calendar, static, self.deployed.known_future)
        return panel.planned(ahead[["unique_id", "ds", *self.deployed.known_future]])

    def _forecast(self, history: History, window: Window, seen: Recorded) -> Predictions:
        known = known_at(history, window, self.deployed.ask)
        with warnings.catch_warnings():  # the run has told what a forecaster says of itself
            warnings.simplefilter("ignore")
            if self._fitted is None or seen.week - self._fitted[0] >= self.deployed.refit:
                self._fitted = (seen.week, self._fit(known, seen))
            made = in_contract(self._fitted[1].predict(known), "deployed", window, known)
        frame = made.assign(model="deployed")
        return predictions(frame, (window,), history.unique_ids, models=("deployed",))["deployed"]

    def _fit(self, known: Known, seen: Recorded) -> Fitted:
        """Fit to what was recorded; plays that start from the same records share the first fit."""
        records = hashlib.sha256(np.ascontiguousarray(seen.sold).tobytes())
        records.update(np.ascontiguousarray(seen.in_stock).tobytes())
        if records.digest() not in self._fits:
            self._fits[records.digest()] = self.deployed.forecaster.fit(known)
        return self._fits[records.digest()]

    def _market(self, history: History) -> Market:
        believed = history.dense()
        if self.deployed.fill:
            filled = fill_hidden(history.frame, look_ahead=False)
            believed = replace(history, frame=filled).dense()
        return Market(
            unique_ids=history.unique_ids,
            calendar=history.calendar,
            demand=believed,
            believed=believed,
            economics=self.deployed.economics,
            step=1,
        )

    def _windows(self) -> tuple[Window, ...]:
        return (*self.earlier[1], *(window for _, window in self._made))[-self.deployed.learn :]

    def _known(self) -> Predictions:
        """Forecasts at `_windows`."""
        every = [self.earlier[0], *(made for made, _ in self._made)]
        quantiles = [p.quantiles for p in every if p.quantiles is not None]
        whole = len(quantiles) == len(every)
        return replace(
            self.earlier[0],
            point=np.concatenate([p.point for p in every])[-self.deployed.learn :],
            quantiles=np.concatenate(quantiles)[-self.deployed.learn :] if whole else None,
            paths=None,
        )
