"""Laws of the backtest: no look-ahead, failures by name and window, finished work kept."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import (
    Ask,
    FilledStockouts,
    ForecasterFailedError,
    History,
    InputError,
    Known,
    Origin,
    RollingWindows,
    Settings,
    backtest,
    forecasts_of,
    known_at,
)
from backtest.adapters import LightGBM, Precomputed, SeasonalAverage, StatsForecastModel

LEVELS = (0.1, 0.5, 0.9)
WINDOWS = RollingWindows(horizon=3, n_windows=4, refit=2)
FORECASTERS = {
    "ets": StatsForecastModel("AutoETS", (("model", "ZNN"),)),
    "naive": StatsForecastModel("SeasonalNaive", (("season_length", 4),)),
    "croston": StatsForecastModel("CrostonSBA"),
    "average": SeasonalAverage(window=6, season="week"),
    "lightgbm": LightGBM(
        lags=(1, 2, 4), rolling_means=(3,), date_features=("month",), static=("store",), quantiles=True,
        params=(("n_estimators", 8), ("min_child_samples", 5)),
    ),
}  # fmt: skip


def panel(seed=1, series=6, weeks=50, *, ragged=False):
    rng = np.random.default_rng(seed)
    calendar = pd.date_range("2025-01-06", periods=weeks, freq="W-MON")
    long = pd.DataFrame({
        "unique_id": np.repeat([f"s{i}" for i in range(series)], weeks),
        "ds": np.tile(calendar, series),
        "y": rng.poisson(np.repeat(rng.uniform(1, 20, series), weeks)).astype(float),
        "in_stock": (rng.random(series * weeks) > 0.1).astype(float),
        "promo": rng.integers(0, 2, series * weeks).astype(float),
    })  # fmt: skip
    long.loc[long["in_stock"] == 0, "y"] = 0.0
    if ragged:
        long = long[~((long["unique_id"] == "s0") & (long["ds"] > calendar[-12]))]
        long = long[~((long["unique_id"] == "s1") & (long["ds"] < calendar[20]))]
    static = pd.DataFrame(
        {"unique_id": [f"s{i}" for i in range(series)], "store": [f"S{i % 2}" for i in range(series)]}
    )
    return long, static


def history(long, static):
    return History.of(long, static=static, known_future=["promo"])


@pytest.fixture(scope="module")
def market():
    return history(*panel())


@pytest.mark.parametrize("name", FORECASTERS)
def test_no_forecast_moves_when_everything_after_its_cutoff_does(name, market):
    forecaster = {name: FilledStockouts(FORECASTERS[name])}
    one = RollingWindows(horizon=3, n_windows=1, last_cutoff=market.calendar[-7])
    before = backtest(market, forecaster, windows=one, settings=Settings(levels=LEVELS)).forecasts
    long, static = panel()
    after = long["ds"] > market.calendar[-7]
    long.loc[after, "y"] = long.loc[after, "y"] * 9 + 100
    long.loc[after, "in_stock"] = 1 - long.loc[after, "in_stock"]
    perturbed = backtest(history(long, static), forecaster, windows=one, settings=Settings(levels=LEVELS)).forecasts
    pd.testing.assert_frame_equal(before, perturbed, check_exact=True)


@dataclass(frozen=True)
class _Peeking:
    """Looks at what it should not have."""

    secret: float = 0.0

    def fit(self, known):  # noqa: ARG002 - it needs none
        return self

    def predict(self, known):
        seen = known.history["ds"].max()
        assert seen == known.cutoff
        assert not {"y", "in_stock"} & set(known.future.columns)
        return known.future[["unique_id", "ds"]].assign(forecast=float(len(known.history)))


def test_forecaster_is_handed_nothing_after_the_cutoff_but_known_future(market):
    made = backtest(market, {"peeking": _Peeking()}, windows=WINDOWS).forecasts
    rows = made.groupby("cutoff")["forecast"].first()
    assert rows.tolist() == [6 * n for n in (44, 45, 46, 47)]
    known = known_at(market, WINDOWS.over(market.calendar)[0], Ask(LEVELS))
    assert isinstance(known, Known)
    assert known.future.columns.tolist() == ["unique_id", "ds", "promo"]
    assert not known.future["promo"].isna().any()


def test_input_size_slides_the_window(market):
    made = backtest(market, {"peeking": _Peeking()}, windows=replace(WINDOWS, input_size=10)).forecasts
    assert set(made["forecast"]) == {60.0}


@pytest.mark.parametrize("name", FORECASTERS)
def test_forecasts_have_every_step_of_every_series_and_quantiles_in_order(name, market):
    made = backtest(market, {name: FORECASTERS[name]}, windows=WINDOWS, settings=Settings(levels=LEVELS)).forecasts
    assert len(made) == 4 * 6 * 3
    assert (made["forecast"] >= 0).all()
    quantiles = made[[c for c in made.columns if c.startswith("q")]].to_numpy()
    assert quantiles.shape[1] == (0 if name in ("croston", "average") else 3)
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_quantiles_of_a_model_hold_the_share_of_demand_that_they_say():
    rng = np.random.default_rng(3)
    calendar = pd.date_range("2025-01-06", periods=60, freq="W-MON")
    long = pd.DataFrame({
        "unique_id": np.repeat([f"s{i}" for i in range(40)], 60), "ds": np.tile(calendar, 40),
        "y": np.maximum(rng.normal(100, 10, 2_400), 0),
    })  # fmt: skip
    steady = History.of(long)
    made = backtest(steady, {"ets": FORECASTERS["ets"]}, windows=WINDOWS, settings=Settings(levels=LEVELS)).forecasts
    came = made.merge(long, on=["unique_id", "ds"])
    for level in LEVELS:
        assert (came["y"] <= came[f"q{level}"]).mean() == pytest.approx(level, abs=0.06)


def test_series_that_ended_is_not_forecast_and_gets_no_cutoff_of_its_own():
    made = backtest(history(*panel(ragged=True)), {"average": FORECASTERS["average"]}, windows=WINDOWS).forecasts
    assert set(made["unique_id"]) == {"s1", "s2", "s3", "s4", "s5"}
    assert made["cutoff"].nunique() == 4


@dataclass(frozen=True)
class _Failing:
    """Fails at one cutoff."""

    at: pd.Timestamp

    def fit(self, known):  # noqa: ARG002 - it needs none
        return self

    def predict(self, known):
        if known.cutoff == self.at:
            raise ArithmeticError("singular matrix")
        return known.future[["unique_id", "ds"]].assign(forecast=1.0)


def test_failure_is_reported_by_name_and_window_and_the_run_goes_on(market):
    at = WINDOWS.over(market.calendar)[1].cutoff
    forecasters = {"failing": _Failing(at), "naive": FORECASTERS["naive"]}
    result = backtest(market, forecasters, windows=WINDOWS, settings=Settings(on_failure="skip"))
    assert [(f.model, f.cutoff, f.error) for f in result.failures] == [
        ("failing", at, "ArithmeticError: singular matrix")
    ]
    assert "raise ArithmeticError" in result.failures[0].traceback
    assert result.forecasts.groupby("model")["cutoff"].nunique().to_dict() == {"failing": 3, "naive": 4}


def test_failure_stops_the_run_when_told_to(market):
    at = WINDOWS.over(market.calendar)[1].cutoff
    with pytest.raises(
        ForecasterFailedError, match=f"failing failed at cutoff {at:%Y-%m-%d}: ArithmeticError: singular"
    ):
        backtest(market, {"failing": _Failing(at)}, windows=WINDOWS)


@dataclass(frozen=True)
class _Short:
    """Forgets a step."""

    def fit(self, known):  # noqa: ARG002 - it needs none
        return self

    def predict(self, known):
        return known.future[["unique_id", "ds"]].assign(forecast=1.0).iloc[1:]


def test_forecaster_that_breaks_the_contract_fails_by_name(market):
    with pytest.raises(
        ForecasterFailedError, match=r"short failed .* break the contract: .* no forecast for unique_id='s0'"
    ):
        backtest(market, {"short": _Short()}, windows=WINDOWS)


@dataclass(frozen=True)
class _Counting:
    """Writes a line for each fit."""

    log: Path

    def fit(self, known):
        with self.log.open("a") as file:
            file.write(f"{known.cutoff}\n")
        return self

    def predict(self, known):
        return known.future[["unique_id", "ds"]].assign(forecast=known.history["y"].mean())


def test_finished_units_are_not_made_again(market, tmp_path):
    log, units = tmp_path / "log", tmp_path / "units"
    settings = Settings(units=units)
    first = backtest(market, {"counting": _Counting(log)}, windows=WINDOWS, settings=settings).forecasts
    assert len(log.read_text().splitlines()) == 2
    min(units.iterdir(), key=os.path.getmtime).unlink()  # as if it had been killed before this one
    again = backtest(market, {"counting": _Counting(log)}, windows=WINDOWS, settings=settings).forecasts
    assert len(log.read_text().splitlines()) == 3
    pd.testing.assert_frame_equal(first, again, check_exact=True)


def test_units_are_made_again_when_what_they_saw_changes(market, tmp_path):
    log, settings = tmp_path / "log", Settings(units=tmp_path / "units")
    forecaster = {"counting": _Counting(log)}
    backtest(market, forecaster, windows=WINDOWS, settings=settings)
    long, static = panel()
    long.loc[long["ds"] == market.calendar[45], "y"] += 1
    backtest(history(long, static), forecaster, windows=WINDOWS, settings=settings)
    # the windows of the first fit end at period 44, those of the second at 46
    assert len(log.read_text().splitlines()) == 3


def test_kept_work_is_given_under_the_name_that_asks_for_it(market, tmp_path):
    settings = Settings(units=tmp_path)
    spec = {"a": FORECASTERS["average"], "b": SeasonalAverage(window=2, season="none"), "twin": FORECASTERS["average"]}
    plain = backtest(market, spec, windows=WINDOWS).forecasts
    backtest(market, {"b": spec["a"], "a": spec["b"]}, windows=WINDOWS, settings=settings)
    pd.testing.assert_frame_equal(backtest(market, spec, windows=WINDOWS, settings=settings).forecasts, plain)


def test_series_too_short_for_a_model_gets_its_mean_and_is_named(tmp_path):
    long, _ = panel()
    calendar = long["ds"].unique()
    young = pd.DataFrame({"unique_id": "young", "ds": calendar[-5:], "y": [2.0, 4.0, 6.0, 8.0, 10.0]})
    both = History.of(pd.concat([long[["unique_id", "ds", "y"]], young]))
    settings = Settings(levels=LEVELS, units=tmp_path)
    spec = {"naive": StatsForecastModel("SeasonalNaive", (("season_length", 26),))}
    one = RollingWindows(horizon=3)
    for _ in range(2):  # the second time from what was kept
        made = backtest(both, spec, windows=one, settings=settings)
        rows = made.forecasts[made.forecasts["unique_id"] == "young"]
        assert rows["forecast"].tolist() == [3.0, 3.0, 3.0]
        assert rows["q0.9"].tolist() == pytest.approx([3.8] * 3)
        assert made.notes["naive"][0].endswith("1 series too short or odd for SeasonalNaive got their mean: young")


def test_model_that_fails_on_every_series_fails(market):
    with pytest.raises(ForecasterFailedError, match=r"odd failed at cutoff .* Invalid error type"):
        backtest(market, {"odd": StatsForecastModel("AutoETS", (("model", "QNN"),))}, windows=WINDOWS)


def test_lightgbm_learns_the_date_and_the_covariate_of_the_period_that_it_forecasts():
    weeks, rng = pd.date_range("2022-01-03", periods=180, freq="W-MON"), np.random.default_rng(2)
    month = 50.0 * (pd.Series(weeks).dt.month % 3).to_numpy()
    long = pd.DataFrame({
        "unique_id": np.repeat([f"s{i}" for i in range(8)], 180), "ds": np.tile(weeks, 8),
        "promo": rng.integers(0, 2, 8 * 180).astype(float),
    })  # fmt: skip
    long["y"] = 20 + np.tile(month, 8) + 100 * long["promo"]
    model = LightGBM(lags=(1,), date_features=("month",), params=(("n_estimators", 80), ("min_child_samples", 5)))
    made = backtest(
        History.of(long, known_future=["promo"]), {"m": model}, windows=RollingWindows(3, n_windows=12, refit=6)
    )
    came = made.forecasts.merge(long, on=["unique_id", "ds"])
    step = (came["ds"] - came["cutoff"]).dt.days // 7
    error = (came["y"] - came["forecast"]).abs().groupby(step).mean()
    assert error.max() < 5.0, error


@pytest.mark.parametrize("name", ["ets", "lightgbm"])
def test_one_worker_and_two_give_the_same_bytes(name, market):
    made = [
        backtest(market, {name: FORECASTERS[name]}, windows=WINDOWS, settings=Settings(workers=n)).forecasts
        for n in (1, 2)
    ]
    pd.testing.assert_frame_equal(*made, check_exact=True)


def test_forecasts_made_elsewhere_are_taken_as_they_are(market):
    made = backtest(market, {"average": FORECASTERS["average"]}, windows=WINDOWS).forecasts
    elsewhere = Precomputed(forecasts_of(made), Origin("made.csv"))
    again = backtest(market, {"average": elsewhere}, windows=WINDOWS).forecasts
    pd.testing.assert_frame_equal(made, again)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f[f["ds"] != f["ds"].max()], "made.csv: no forecast for unique_id='s0', ds=2025-12-15"),
        (
            lambda f: f.replace({"unique_id": {"s3": "s33"}}),
            "made.csv: unique_id='s33' is not in the history; did you mean",
        ),
        (lambda f: f[f["cutoff"] != f["cutoff"].max()], "made.csv: no forecasts for cutoff 2025-11-24"),
    ],
)
def test_forecasts_made_elsewhere_must_be_complete(spoil, message, market):
    made = backtest(market, {"average": FORECASTERS["average"]}, windows=WINDOWS).forecasts
    with pytest.raises(InputError, match=message):
        backtest(market, {"x": Precomputed(spoil(made), Origin("made.csv"))}, windows=WINDOWS)


def test_unknown_statsforecast_model_names_the_nearest():
    with pytest.raises(InputError, match="no model 'AutoEST'; did you mean 'AutoETS'"):
        StatsForecastModel("AutoEST")
    with pytest.raises(InputError, match=r"AutoETS: .* unexpected keyword argument 'sesaon'"):
        StatsForecastModel("AutoETS", (("sesaon", 3),))
