"""The laws that any forecaster must pass, as tests to inherit; needs pytest.

    class TestMyForecaster(ForecasterContract):
        forecaster = MyForecaster(window=4)

A subclass says what else its forecaster claims (`quantiles`, `paths`), of whom it is made (`members`), and gives
another `market` where its forecaster needs one. A law that does not apply is skipped with its reason.
"""

from __future__ import annotations

import pickle
import warnings
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import joblib
import numpy as np
import pandas as pd
import pytest

from .asof import known_at
from .columns import path_columns, quantile_levels
from .derived import Derived
from .forecaster import Ask, is_local
from .history import History
from .leakage import probe
from .run import Settings, backtest
from .windows import RollingWindows, position_in
from .work import ForecasterFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .forecaster import Forecaster, Known
    from .windows import Window

NAME = "it"
KEY = ["cutoff", "unique_id", "ds"]


@cache
def market_of(freq: str = "W-MON", periods: int = 60, *, seed: int = 1) -> History:
    """Small panel with all that a retailer has: stockouts, a promotion plan, visitors, a forecast of rain, two stores.

    One series is slow, one is lumpy, one ends and one starts on the way. `promo` and `rain` are known-future, and rain
    is revised when its period comes; `visitors` is past-only.
    """
    rng, calendar = np.random.default_rng(seed), pd.date_range("2025-01-06", periods=periods, freq=freq)
    ids = ["a-busy", "b-slow", "c-lumpy", "d-ended", "e-late"]
    n = len(ids) * periods
    rate = np.repeat([20.0, 2.0, 9.0, 8.0, 6.0], periods)
    frame = pd.DataFrame({
        "unique_id": np.repeat(ids, periods), "ds": np.tile(calendar, len(ids)),
        "promo": rng.integers(0, 2, n).astype(float), "visitors": rng.poisson(300, n).astype(float),
        "in_stock": (rng.random(n) > 0.1).astype(float),
    })  # fmt: skip
    sold = rng.poisson(rate * (1 + 0.5 * frame["promo"])) * np.where(frame["unique_id"] == "c-lumpy", frame["promo"], 1)
    frame.insert(2, "y", np.where(frame["in_stock"] == 1, sold, sold // 3).astype(float))
    ended = (frame["unique_id"] == "d-ended") & (frame["ds"] > calendar[-periods // 4])
    late = (frame["unique_id"] == "e-late") & (frame["ds"] < calendar[periods // 4])
    rain = pd.concat([
        frame[["unique_id", "ds"]].assign(as_of=calendar[0], rain=0.3),
        frame[["unique_id", "ds"]].assign(as_of=frame["ds"], rain=rng.random(n).round(2)),
    ])  # fmt: skip
    static = pd.DataFrame({"unique_id": ids, "store": ["S0", "S1", "S0", "S1", "S0"]})
    return History.of(
        frame[~(ended | late)], freq=freq, static=static, known_future=["promo", "rain"],
        vintages=[rain.drop_duplicates(["unique_id", "ds", "as_of"])],
    )  # fmt: skip


class ForecasterContract:
    """Laws of a forecaster, on a small panel and three cutoffs.

    No look-ahead is shown for what a forecaster is handed. What it holds when it is given as `forecaster`, such as a
    table of the truth, or reads from files by itself, is out of the probe's reach: one that is built from a history
    overrides `make`, which is called anew with a perturbed one.
    """

    forecaster: ClassVar[Forecaster | Derived]
    members: ClassVar[Mapping[str, Forecaster | Derived]] = {}
    """Those that it is made of, by name, for a `Derived` forecaster."""
    quantiles: ClassVar[bool] = False
    """Whether it claims to give the quantiles that are wanted."""
    paths: ClassVar[int] = 0
    """Sample paths to ask it for; it then claims to give so many."""
    levels: ClassVar[tuple[float, ...]] = (0.1, 0.5, 0.9)
    windows: ClassVar[RollingWindows] = RollingWindows(horizon=3, step=2, n_windows=3)

    def make(self, history: History) -> Forecaster | Derived:  # noqa: ARG002 - for those who override
        """Give the forecaster; override it for one that is built from a history."""
        return deepcopy(self.forecaster)

    def market(self) -> History:
        """Give the panel; override it for a forecaster that needs another frequency, or columns of its own."""
        return market_of()

    def test_no_forecast_moves_when_everything_after_its_cutoff_does(self) -> None:
        """Targets, stock flags, past-only covariates, later vintages, and which series go on."""
        *_, found = probe(self._all, self.market(), self.windows, settings=self._settings)
        assert found.verdict == "clean", f"{self._name} {found}"

    def test_same_seed_gives_the_same_bytes(self) -> None:
        """Twice the same work, from two objects."""
        once, again = (self._forecasts(self.market()) for _ in range(2))
        pd.testing.assert_frame_equal(once, again, check_exact=True, obj=f"forecasts of {self._name}, made twice,")

    @pytest.mark.parametrize("gap", [0, 2])
    def test_every_wanted_row_is_forecast_once_by_a_finite_number(self, gap: int) -> None:
        """Every step of every series on sale at the cutoff; with a gap, those after it."""
        history, windows = self.market(), replace(self.windows, gap=gap)
        made = self._forecasts(history, windows)
        wanted = [
            (w.cutoff, uid, ds)
            for w in windows.over(history.calendar)
            for uid in history.frame.loc[history.frame["ds"] == w.cutoff, "unique_id"]
            for ds in w.steps
        ]
        assert list(made.index) == wanted, f"{self._name} forecasts {len(made)} rows, and {len(wanted)} are wanted"
        assert np.isfinite(made.to_numpy()).all(), f"{self._name} forecasts numbers that are not finite"

    def test_quantiles_are_those_that_are_wanted_and_do_not_cross(self) -> None:
        """All of them or none, named by `quantile_column`."""
        made = self._forecasts(self.market())
        columns = quantile_levels(list(made.columns))
        if not columns and not self.quantiles:
            pytest.skip(f"{self._name} does not claim to have quantiles")
        assert tuple(columns) == self.levels, f"{self._name} gives {list(columns)}, and {self.levels} are wanted"
        rising = np.diff(made[list(columns.values())].to_numpy(), axis=1) >= 0
        assert rising.all(), f"quantiles of {self._name} cross:\n{made[~rising.all(axis=1)].head(3)}"

    def test_sample_paths_are_those_that_are_wanted(self) -> None:
        """As many as are asked for."""
        if not self.paths:
            pytest.skip(f"{self._name} does not claim to draw sample paths")
        found = path_columns(list(self._forecasts(self.market()).columns))
        assert len(found) == self.paths, f"{self._name} gives {len(found)} sample paths, and {self.paths} are wanted"

    def test_forecaster_holds_the_same_after_a_fit(self) -> None:
        """What is learnt is in what `fit` gives back, so that a forecaster can be fitted anew in any order."""
        history = self.market()
        own = self.make(history)
        before = joblib.hash(own)
        self._forecasts(history, own=own)
        assert joblib.hash(own) == before, f"{self._name} is not what it was before it was fitted"

    def test_what_it_is_handed_is_left_as_it_was(self) -> None:
        """Other forecasters are handed the same frames."""
        known = self._known(self.market())
        before = deepcopy(known)
        self._direct(known)
        for name in ("history", "future", "static"):
            pd.testing.assert_frame_equal(getattr(known, name), getattr(before, name), obj=f"the {name} handed over")

    def test_index_of_what_it_is_handed_does_not_matter(self) -> None:
        """Rows have an order; their labels mean nothing."""
        known = self._known(self.market())
        rng = np.random.default_rng(5)
        odd = {name: getattr(known, name) for name in ("history", "future")}
        odd = {name: frame.set_axis(1000 + rng.permutation(len(frame))) for name, frame in odd.items()}
        pd.testing.assert_frame_equal(
            self._direct(replace(known, **odd)), self._direct(known), check_exact=True, obj="forecasts by another index"
        )

    def test_fitted_model_can_be_asked_at_a_later_cutoff(self) -> None:
        """A backtest need not fit at every cutoff."""
        made = self._forecasts(self.market(), replace(self.windows, refit=self.windows.n_windows))
        assert made.index.get_level_values("cutoff").nunique() == self.windows.n_windows

    def test_series_that_starts_after_the_fit_is_forecast(self) -> None:
        """A product that is new between a fit and a later cutoff."""
        history, windows = self.market(), replace(self.windows, refit=self.windows.n_windows)
        fitted, later = windows.over(history.calendar)[:2]
        made = self._forecasts(_joined(history, "new", since=later.cutoff), windows)
        assert {later.cutoff} <= self._cutoffs(made, "new"), f"{self._name} leaves out a new series"
        assert fitted.cutoff not in self._cutoffs(made, "new")

    @pytest.mark.parametrize("periods", [1, 2])
    def test_short_series_is_forecast(self, periods: int) -> None:
        """A product of a period or two before the cutoff."""
        history = self.market()
        (window,) = self._one(history)
        since = history.calendar[position_in(history.calendar, window.cutoff) - periods + 1]
        made = self._forecasts(_joined(history, "short", since=since), self._last)
        assert self._cutoffs(made, "short") == {window.cutoff}, f"{self._name} leaves out a series of {periods} periods"

    def test_series_that_never_sold_is_forecast(self) -> None:
        """All zeros, the whole history."""
        history = self.market()
        made = self._forecasts(_joined(history, "unsold", since=history.calendar[0], y=0.0), self._last)
        assert self._cutoffs(made, "unsold"), f"{self._name} leaves out a series of zeros"

    def test_forecaster_travels_to_another_process(self) -> None:
        """It can be pickled, and forecasts the same then."""
        history = self.market()
        own = self.make(history)
        twin = pickle.loads(pickle.dumps(own))  # noqa: S301 - our own bytes
        made, sent = (self._forecasts(history, self._last, own=one) for one in (own, twin))
        pd.testing.assert_frame_equal(made, sent, check_exact=True, obj=f"forecasts of a pickled {self._name}")

    def test_local_forecaster_forecasts_each_series_the_same_by_itself(self) -> None:
        """One that says `local` may have its work split by series."""
        history = self.market()
        if not is_local(self.make(history)):
            pytest.skip(f"{self._name} does not claim to be local")
        together = self._forecasts(history, self._last)
        on_sale = together.index.unique("unique_id")
        for place, uid in enumerate(history.static.index):
            if uid not in on_sale:
                continue
            alone = self._forecasts(history.part(place, place + 1), self._last)
            pd.testing.assert_frame_equal(
                alone, together[together.index.get_level_values("unique_id") == uid], check_exact=True,
                obj=f"forecasts of series {uid!r} by itself",
            )  # fmt: skip

    @property
    def _name(self) -> str:
        return type(self).__name__.removeprefix("Test")

    @property
    def _settings(self) -> Settings:
        return Settings(levels=self.levels, paths=self.paths, seed=3)

    @property
    def _last(self) -> RollingWindows:
        return replace(self.windows, n_windows=1)

    def _one(self, history: History) -> tuple[Window, ...]:
        return self._last.over(history.calendar)

    def _all(self, history: History) -> dict[str, Forecaster | Derived]:
        return {**deepcopy(dict(self.members)), NAME: self.make(history)}

    def _forecasts(
        self, history: History, windows: RollingWindows | None = None, *, own: Forecaster | Derived | None = None
    ) -> pd.DataFrame:
        """Backtest it, and give its forecasts, quantiles and paths by cutoff, unique_id and ds."""
        every = self._all(history) | ({} if own is None else {NAME: own})
        try:
            made = backtest(history, every, windows=windows or self.windows, settings=self._settings)
        except ForecasterFailedError as error:
            pytest.fail(f"{self._name}: {error}\n{error.failure.traceback}", pytrace=False)
        tables = [made.forecasts] if made.paths is None else [made.forecasts, made.paths]
        own_rows = [table[table["model"] == NAME].drop(columns="model").set_index(KEY) for table in tables]
        return pd.concat(own_rows, axis=1).dropna(axis=1, how="all")  # columns that only members have

    def _known(self, history: History) -> Known:
        (window,) = self._one(history)
        return known_at(history, window, Ask(self.levels, self.paths, seed=3))

    def _direct(self, known: Known) -> pd.DataFrame:
        own = self.make(self.market())
        if isinstance(own, Derived):
            pytest.skip(f"{self._name} is made of others, and is handed what they forecast")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says of odd series is for the user of a backtest
            made: pd.DataFrame = own.fit(known).predict(known)
        return made.reset_index(drop=True)

    @staticmethod
    def _cutoffs(made: pd.DataFrame, uid: str) -> set[pd.Timestamp]:
        here = made.index.get_level_values("unique_id").str.endswith(uid)
        return set(made.index.get_level_values("cutoff")[here])


def _joined(history: History, uid: str, *, since: pd.Timestamp, y: float | None = None) -> History:
    """Add a series that starts at `since`, as a copy of the first one; its name comes last in the order of names."""
    first, uid = history.static.index[0], f"{history.static.index[-1]}~{uid}"

    def twin(table: pd.DataFrame) -> pd.DataFrame:
        if not len(table):
            return table
        both: pd.DataFrame = pd.concat(
            [table, table[table["unique_id"] == first].assign(unique_id=uid)], ignore_index=True
        )
        return both

    frame = twin(history.frame)
    mine = frame["unique_id"] == uid
    frame = frame[~mine | (frame["ds"] >= since)]
    static = pd.concat([history.static, history.static.loc[[first]].set_axis([uid])]).rename_axis("unique_id")
    return replace(
        history,
        frame=(frame if y is None else frame.assign(y=frame["y"].mask(mine, y))).reset_index(drop=True),
        static=static,
        ahead=twin(history.ahead),
        vintages=tuple(map(twin, history.vintages)),
    )
