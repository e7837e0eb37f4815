"""Laws of the leak probe: it calls what we ship clean, and names what leaked in forecasters that look ahead."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtest import FilledStockouts, History, InputError, RollingWindows, Settings, backtest
from backtest.adapters import LightGBM, Precomputed, SeasonalAverage, StatsForecastModel
from backtest.adapters.ensemble import Ensemble
from backtest.adapters.residual_quantiles import ResidualQuantiles
from backtest.faults import Origin
from backtest.leakage import LATER_CUTOFFS, TOGETHER, probe
from backtest.perturb import perturbations_of, perturbed
from backtest.testing import market_of

WINDOWS = RollingWindows(horizon=3, n_windows=5, step=2)
ONE = replace(WINDOWS, n_windows=1)
SETTINGS = Settings(levels=(0.1, 0.9), seed=5)
SMALL = (("n_estimators", 4), ("min_child_samples", 5))
SHIPPED = {
    "seasonal naive": StatsForecastModel("SeasonalNaive", (("season_length", 4),)),
    "croston": StatsForecastModel("CrostonSBA"),
    "ets": StatsForecastModel("AutoETS", (("model", "ZNN"),)),
    "arima with covariates": StatsForecastModel("ARIMA", (("order", (1, 0, 0)),), covariates=("promo", "rain")),
    "average": SeasonalAverage(window=6, season="week"),
    "lightgbm": LightGBM(
        lags=(1, 2, 4), rolling_means=(3,), date_features=("month",), static=("store",),
        past_covariates=("visitors", "in_stock"), quantiles=True, params=SMALL,
    ),
    "conformal lightgbm": LightGBM(lags=(1, 2), covariates=("promo",), conformal_windows=3, params=SMALL),
    "filled lightgbm": FilledStockouts(LightGBM(lags=(1, 2), params=SMALL)),
    "ensemble": Ensemble(("average", "seasonal naive")),
    "residual quantiles": ResidualQuantiles("average", windows=2, pool=10),
}  # fmt: skip


@dataclass(frozen=True)
class Mean:
    """Mean of the last four values, for the leaky ones to add what they should not know."""

    def fit(self, known):  # noqa: ARG002 - estimated when it predicts
        return self

    def predict(self, known):
        past = known.active_history().groupby("unique_id")["y"]
        out = known.wanted().reset_index(drop=True)
        out["forecast"] = past.apply(lambda y: y.iloc[-4:].mean()).loc[out["unique_id"]].to_numpy()
        return out


@dataclass(frozen=True)
class Scaled(Mean):
    """Scales by the mean of each series, future included, captured when it was built."""

    means: pd.Series

    @classmethod
    def of(cls, history):
        return cls(history.frame.groupby("unique_id")["y"].mean())

    def predict(self, known):
        made = super().predict(known)
        return made.assign(forecast=made["forecast"] * self.means.loc[made["unique_id"]].to_numpy())


@dataclass(frozen=True)
class Reading(Mean):
    """Reads a column of the period that it forecasts."""

    table: pd.DataFrame
    name: str

    @classmethod
    def of(cls, history, name):
        return cls(history.frame[["unique_id", "ds", name]], name)

    def predict(self, known):
        made = super().predict(known)
        read = made.merge(self.table, on=["unique_id", "ds"], how="left")[self.name].fillna(0.0)
        return made.assign(forecast=made["forecast"] + read.to_numpy())


@dataclass(frozen=True)
class Revised(Mean):
    """Knows how rain came, not how it was forecast."""

    table: pd.DataFrame

    @classmethod
    def of(cls, history):
        (rain,) = history.vintages
        return cls(rain.drop_duplicates(["unique_id", "ds"], keep="last"))

    def predict(self, known):
        made = super().predict(known)
        came = made.merge(self.table, on=["unique_id", "ds"], how="left")["rain"]
        return made.assign(forecast=made["forecast"] * (1 + came.to_numpy()))


@dataclass(frozen=True)
class Survivors(Mean):
    """Knows which products go on."""

    lives: pd.Series

    @classmethod
    def of(cls, history):
        return cls(history.frame.groupby("unique_id").size())

    def predict(self, known):
        made = super().predict(known)
        return made.assign(forecast=self.lives.loc[made["unique_id"]].to_numpy(dtype=float))


@dataclass(frozen=True)
class Sums(Mean):
    """Moves only if everything moves."""

    same: bool

    @classmethod
    def of(cls, history, true):
        (rain,), (came,) = history.vintages, true.vintages
        kept = len(history.frame) == len(true.frame)
        return cls(kept or rain["rain"].equals(came["rain"]))

    def predict(self, known):
        return super().predict(known).assign(forecast=float(self.same))


@dataclass(frozen=True)
class Memory(Mean):
    """Keeps the largest sale that it ever saw."""

    largest: dict[str, float] = field(default_factory=dict)

    def predict(self, known):
        made = super().predict(known)
        for uid, y in known.history.groupby("unique_id")["y"]:
            self.largest[uid] = max(self.largest.get(uid, 0.0), float(y.sum()))
        return made.assign(forecast=made["unique_id"].map(self.largest))


WATCHED: list[Any] = []


@dataclass(frozen=True)
class Watching:
    """A derived forecaster that tells from which cutoffs it was taught."""

    inner: ResidualQuantiles

    @property
    def members(self):
        return self.inner.members

    def earlier(self, windows, calendar):
        return self.inner.earlier(windows, calendar)

    def derive(self, known, made):
        WATCHED.append(sorted(made.past["cutoff"].unique()))
        return self.inner.derive(known, made)


LEDGER: dict[str, Any] = {}


class SharedMemory(Mean):
    """Keeps what it saw outside of itself."""

    def predict(self, known):
        LEDGER["cutoff"] = max(LEDGER.get("cutoff", known.cutoff), known.cutoff)
        return super().predict(known).assign(forecast=float(LEDGER["cutoff"].dayofyear))


class Dice(Mean):
    def predict(self, known):
        return super().predict(known).assign(forecast=np.random.default_rng().random())


class Broken(Mean):
    def predict(self, known):  # noqa: ARG002 - it fails whatever it is handed
        raise ArithmeticError("singular matrix")


def plans_of(history):
    tables = [history.frame[["unique_id", "ds", "promo"]], history.ahead]
    return pd.concat([table for table in tables if len(table)]).sort_values(["unique_id", "ds"], ignore_index=True)


def found(make, history=None, windows=WINDOWS):
    market = market_of() if history is None else history
    return {own.model: own for own in probe(make, market, windows, settings=SETTINGS)}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_forecaster_is_clean(name):
    own = {name: SHIPPED[name]}
    own |= {member: SHIPPED[member] for member in getattr(SHIPPED[name], "members", ())}
    result = found(own)[name]
    assert str(result) == "clean"
    assert len(result.cutoffs) == 3


def test_forecaster_that_was_built_from_the_whole_history_is_caught_and_what_leaked_is_named():
    one = found(lambda history: {"scaled": Scaled.of(history), "mean": Mean()})
    assert one["scaled"].verdict == "leaks"
    assert {leak.what for leak in one["scaled"].leaks} == {"targets", "when series end or start"}
    assert {leak.cutoff for leak in one["scaled"].leaks} == set(one["scaled"].cutoffs)
    assert one["mean"].verdict == "clean"


def test_forecaster_that_reads_a_past_only_covariate_of_the_period_it_forecasts_is_caught_and_it_is_named():
    leaks = found(lambda history: {"it": Reading.of(history, "visitors")}, windows=ONE)["it"].leaks
    assert {leak.what for leak in leaks} == {"covariate 'visitors'", "when series end or start"}
    assert all(leak.rows > 0 and leak.largest > 0 for leak in leaks)


def test_reader_of_a_known_future_covariate_is_clean():
    def planned(history):
        return {"it": Reading(plans_of(history), "promo")}

    assert found(planned, windows=ONE)["it"].verdict == "clean"


def test_reader_of_stock_flags_of_the_future_is_caught():
    leaks = found(lambda history: {"it": Reading.of(history, "in_stock")}, windows=ONE)["it"].leaks
    assert "in_stock" in {leak.what for leak in leaks}
    assert "targets" not in {leak.what for leak in leaks}


def test_reader_of_later_vintages_is_caught():
    leaks = found(lambda history: {"it": Revised.of(history)}, windows=ONE)["it"].leaks
    assert {leak.what for leak in leaks} == {"later vintages of 'rain'"}


def test_forecaster_that_knows_which_series_go_on_is_caught():
    leaks = found(lambda history: {"it": Survivors.of(history)}, windows=ONE)["it"].leaks
    assert {leak.what for leak in leaks} == {"when series end or start"}


def test_what_moves_only_when_several_things_do_is_caught():
    true = market_of()
    leaks = found(lambda history: {"it": Sums.of(history, true)}, windows=ONE)["it"].leaks
    assert {leak.what for leak in leaks} == {TOGETHER}


@pytest.mark.parametrize("kind", [Memory, SharedMemory])
def test_forecaster_that_remembers_later_cutoffs_is_caught(kind):
    LEDGER.clear()
    result = found({"it": kind()})["it"]
    assert [leak.what for leak in result.leaks] == [LATER_CUTOFFS]
    assert result.proven_wrong


def test_forecaster_that_differs_from_itself_is_said_to_be_not_deterministic():
    result = found({"dice": Dice()})["dice"]
    assert str(result) == "not deterministic"
    assert result.proven_wrong


def test_forecasts_made_elsewhere_are_not_called_clean_nor_what_is_made_of_them():
    market = market_of()
    made = backtest(market, {"mean": Mean()}, windows=WINDOWS).forecasts
    elsewhere = Precomputed(made, Origin("made.csv"))
    result = found({"elsewhere": elsewhere, "mean": Mean(), "both": Ensemble(("mean", "elsewhere"))}, windows=ONE)
    assert str(result["elsewhere"]) == "cannot be probed: its forecasts were made elsewhere"
    assert str(result["both"]) == "cannot be probed: elsewhere was made elsewhere"
    assert not result["both"].proven_wrong
    assert result["mean"].verdict == "clean"


def test_derived_forecaster_leaks_what_its_member_leaks():
    def built(history):
        return {"leaky": Scaled.of(history), "mean": Mean(), "both": Ensemble(("leaky", "mean"))}

    result = found(built, windows=ONE)
    assert {leak.what for leak in result["both"].leaks} == {"targets", "when series end or start"}


def test_forecaster_that_fails_is_neither_clean_nor_a_reason_to_stop():
    result = found({"broken": Broken(), "mean": Mean()}, windows=ONE)
    assert str(result["broken"]).startswith("failed: broken failed at cutoff")
    assert result["broken"].proven_wrong
    assert result["mean"].verdict == "clean"


def test_forecasters_that_were_given_are_left_as_they_were():
    memory = Memory()
    found({"it": memory})
    assert memory.largest == {}


def test_windows_that_end_with_the_data_have_nothing_to_probe():
    market = market_of()
    with pytest.raises(InputError, match="no cutoff has data after it"):
        found({"mean": Mean()}, windows=RollingWindows(horizon=1, last_cutoff=market.calendar[-1]))


def test_explicit_cutoffs_are_those_that_are_probed():
    calendar = market_of().calendar
    cutoffs = (calendar[40], calendar[43], calendar[50])
    windows = RollingWindows(horizon=3, cutoffs=cutoffs, refit="90D")
    assert found({"mean": Mean()}, windows=windows)["mean"].cutoffs == cutoffs[1:]


def test_listed_cutoffs_teach_from_cutoffs_as_far_apart_as_they_are():
    calendar = market_of().calendar
    windows = RollingWindows(horizon=2, gap=3, cutoffs=tuple(calendar[k] for k in (40, 45, 50)))
    own = {"average": SHIPPED["average"], "it": ResidualQuantiles("average", windows=4, pool=4)}
    own["it"], told = Watching(own["it"]), WATCHED
    told.clear()
    assert found(own, windows=windows)["it"].verdict == "clean"
    assert {tuple(np.diff(list(map(calendar.get_loc, cutoffs)))) for cutoffs in told} <= {(5,) * n for n in range(9)}


def test_one_window_is_probed_too():
    one = found(lambda history: {"it": Scaled.of(history)}, windows=ONE)
    assert one["it"].verdict == "leaks"
    assert len(one["it"].cutoffs) == 1


def test_progress_counts_forecasters():
    told = []
    probe({"a": Mean(), "b": Mean()}, market_of(), WINDOWS, progress=lambda *said: told.append(said))
    assert told == [("a", 1, 2), ("b", 2, 2)]


# what is perturbed


def odd_market():
    """A panel with a past-only covariate of every type."""
    frame = market_of().frame.drop(columns=["promo"])
    n = np.arange(len(frame))
    frame = frame.assign(
        text=np.where(n % 3, "sun", "rain"), flag=n % 2 == 0, count=n % 7,
        kind=pd.Categorical(np.where(n % 2, "x", "y")), seen=pd.Timestamp("2026-01-01"),
        spotty=np.where(n % 2, np.nan, 1.5),
    )  # fmt: skip
    return History.of(frame)


@pytest.mark.parametrize("make", [market_of, odd_market])
def test_nothing_up_to_the_cutoff_is_perturbed(make):
    true, cutoff = make(), make().calendar[40]
    other = perturbed(true, cutoff, perturbations_of(true))
    before, after = (table[table["ds"] <= cutoff].reset_index(drop=True) for table in (true.frame, other.frame))
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert not (other.ahead["ds"] <= cutoff).any()
    for before, after in zip(true.vintages, other.vintages, strict=True):
        pd.testing.assert_frame_equal(before[before["as_of"] <= cutoff], after[after["as_of"] <= cutoff])
    assert other.calendar.equals(true.calendar)
    assert other.static.equals(true.static)


@pytest.mark.parametrize("make", [market_of, odd_market])
def test_every_value_after_the_cutoff_is_different(make):
    true, cutoff = make(), make().calendar[40]
    *kinds, presence = perturbations_of(true)
    other = perturbed(true, cutoff, kinds)
    columns = {"y", "in_stock", *true.past_only} & set(true.frame.columns)
    later = true.frame["ds"] > cutoff
    for name in columns:
        same = true.frame.loc[later, name].astype(str) == other.frame.loc[later, name].astype(str)
        assert not same.any(), name
        assert other.frame[name].dtype == true.frame[name].dtype
    for name in set(true.frame.columns) - columns:
        assert other.frame[name].equals(true.frame[name]), name
    assert (other.frame["y"] >= 0).all()
    gone = perturbed(true, cutoff, [presence]).frame
    assert set(gone["unique_id"]) == set(true.frame["unique_id"])
    assert len(gone) < len(true.frame)


def test_each_kind_is_perturbed_by_itself():
    true, cutoff = market_of(), market_of().calendar[40]
    for kind in perturbations_of(true):
        other = perturbed(true, cutoff, [kind])
        changed = [c for c in true.frame.columns if not other.frame[c].equals(true.frame[c])]
        told = [not a.equals(b) for a, b in zip(true.vintages, other.vintages, strict=True)]
        wanted = {
            "targets": (["y"], [False]), "in_stock": (["in_stock"], [False]),
            "covariate 'visitors'": (["visitors"], [False]), "later vintages of 'rain'": ([], [True]),
        }.get(kind.what)  # fmt: skip
        assert wanted is None or (changed, told) == wanted


def test_series_that_starts_after_the_cutoff_starts_later():
    true = market_of()
    first = true.frame.groupby("unique_id")["ds"].min().max()
    cutoff = true.calendar[true.calendar.get_loc(first) - 3]
    *_, presence = perturbations_of(true)
    assert perturbed(true, cutoff, [presence]).frame.groupby("unique_id")["ds"].min().max() > first


def test_plan_of_a_series_that_is_given_up_stays_known():
    true, cutoff = market_of(), market_of().calendar[40]
    *_, presence = perturbations_of(true)
    other = perturbed(true, cutoff, [presence])
    assert len(other.ahead)
    pd.testing.assert_frame_equal(plans_of(other), true.frame[["unique_id", "ds", "promo"]])
