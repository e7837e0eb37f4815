"""What becomes of odd series: each kind has a stated behaviour, the same for every forecaster where it can be."""

import numpy as np
import pandas as pd
import pytest

from backtest import History, InputError, RollingWindows, Settings, backtest
from backtest.adapters import LightGBM, SeasonalAverage, StatsForecastModel

SETTINGS = Settings(levels=(0.1, 0.5, 0.9))
TREES = (("n_estimators", 5), ("min_child_samples", 3))
FORECASTERS = {
    "naive": StatsForecastModel("SeasonalNaive", (("season_length", 7),)),
    "croston": StatsForecastModel("CrostonSBA"),
    "ets": StatsForecastModel("AutoETS", (("season_length", 7), ("model", "ZNA"))),
    "theta": StatsForecastModel("AutoTheta", (("season_length", 7),)),
    "lightgbm": LightGBM(lags=(1, 7), date_features=("dayofweek",), quantiles=True, params=TREES),
    "average": SeasonalAverage(window=14, season="dayofweek"),
}


def series(uid, y, *, end="2024-03-31", freq="D"):
    y = np.asarray(y, dtype=float)
    return pd.DataFrame({"unique_id": uid, "ds": pd.date_range(end=end, periods=len(y), freq=freq), "y": y})


def plain(days=90, freq="D", **kwargs):
    rng = np.random.default_rng(2)
    return [
        series(f"plain{k}", rng.poisson(9 * (1.2 + np.sin(np.arange(days) * 2 * np.pi / 7))), freq=freq, **kwargs)
        for k in range(3)
    ]


def forecasts(name, *others, horizon=5, **kwargs):
    """Forecasts of the last window, and the notes; a panel always has three plain series beside the odd ones."""
    panel = History.of(pd.concat([*plain(), *others]), **kwargs)
    made = backtest(panel, {name: FORECASTERS[name]}, windows=RollingWindows(horizon=horizon), settings=SETTINGS)
    return made.forecasts, made.notes.get(name, ())


def rows_of(made, uid):
    rows = made[made["unique_id"] == uid].sort_values("ds")
    values = rows[[c for c in rows.columns if c == "forecast" or c.startswith("q")]].dropna(axis=1, how="all")
    assert np.isfinite(values.to_numpy()).all()
    assert (values.to_numpy() >= 0).all()
    quantiles = values.drop(columns="forecast").to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    return rows


@pytest.mark.parametrize("name", FORECASTERS)
@pytest.mark.parametrize("known", [1, 2])
def test_cold_start_is_forecast_from_the_first_period_on(name, known):
    made, _ = forecasts(name, series("new", [6.0, 4.0][:known] + [9.0] * 5))
    rows = rows_of(made, "new")
    assert len(rows) == 5
    assert rows["forecast"].between(0.1, 40).all()


@pytest.mark.parametrize("name", ["naive", "ets", "theta"])
def test_cold_start_gets_its_mean_and_is_named(name):
    made, notes = forecasts(name, series("new", [6.0, 4.0] + [9.0] * 5))
    rows = rows_of(made, "new")
    assert rows["forecast"].tolist() == [5.0] * 5
    np.testing.assert_allclose(rows["q0.9"], 5.8)  # of 4 and 6
    assert "too short or odd" in notes[0]
    assert notes[0].endswith(": new")


@pytest.mark.parametrize("name", FORECASTERS)
def test_series_that_starts_after_the_cutoff_is_not_forecast(name):
    made, _ = forecasts(name, series("later", [3.0, 4.0, 5.0]))
    assert set(made["unique_id"]) == {"plain0", "plain1", "plain2"}


@pytest.mark.parametrize("name", FORECASTERS)
def test_series_shorter_than_its_season_is_forecast(name):
    made, _ = forecasts(name, series("short", [8.0, 3.0, 5.0, 7.0] + [1.0] * 5))
    rows = rows_of(made, "short")
    assert rows["forecast"].between(1, 30).all()


def test_series_of_one_season_claims_no_certainty():
    made, notes = forecasts("naive", series("week", [8.0, 3.0, 5.0, 7.0, 2.0, 9.0, 1.0] + [4.0] * 5))
    rows = rows_of(made, "week")
    assert rows["forecast"].tolist() == [8.0, 3.0, 5.0, 7.0, 2.0]
    assert (rows["q0.9"] > rows["forecast"]).all()
    assert "too short for intervals" in notes[0]


@pytest.mark.parametrize("name", FORECASTERS)
def test_constant_series_is_forecast_near_its_value(name):
    made, _ = forecasts(name, series("flat", [6.0] * 90))
    rows = rows_of(made, "flat")
    if name in ("lightgbm", "average"):  # they learn the season from all series together
        assert rows["forecast"].between(1, 20).all()
    else:
        value = 6 * 0.95 if name == "croston" else 6  # SBA takes 5 percent off
        np.testing.assert_allclose(rows["forecast"], value, rtol=1e-6)
    if name in ("naive", "ets", "theta"):
        np.testing.assert_allclose(rows["q0.9"], 6, rtol=1e-5)


@pytest.mark.parametrize("name", FORECASTERS)
def test_series_that_never_sold_is_forecast_zero(name):
    made, notes = forecasts(name, series("never", np.zeros(90)))
    rows = rows_of(made, "never")
    if name == "lightgbm":  # it learns from all series together
        assert rows["forecast"].max() < made.loc[made["unique_id"] != "never", "forecast"].min()
    else:
        assert (rows[[c for c in rows.columns if c == "forecast" or c in ("q0.1", "q0.9")]].dropna(axis=1) == 0).all(
            None
        )
    assert not notes


@pytest.mark.parametrize("name", FORECASTERS)
def test_panel_that_never_sold_is_forecast_zero(name):
    nothing = pd.concat([series(f"never{k}", np.zeros(90)) for k in range(3)])
    made = backtest(History.of(nothing), {name: FORECASTERS[name]}, windows=RollingWindows(5), settings=SETTINGS)
    for uid in ("never0", "never1", "never2"):
        assert (rows_of(made.forecasts, uid)["forecast"] == 0).all()


@pytest.mark.parametrize("name", FORECASTERS)
def test_demand_after_a_window_without_any_is_forecast_without_a_note(name):
    rng = np.random.default_rng(3)
    made, notes = forecasts(name, series("paused", np.r_[rng.poisson(8, 60), np.zeros(30)]))
    assert rows_of(made, "paused")["forecast"].max() < 12
    assert not notes


@pytest.mark.parametrize("name", FORECASTERS)
def test_intermittent_series_is_forecast_below_its_spikes(name):
    rng = np.random.default_rng(4)
    y = (rng.random(90) < 0.15) * (1 + rng.poisson(5, 90))
    made, notes = forecasts(name, series("rare", y))
    rows = rows_of(made, "rare")
    assert rows["forecast"].mean() < y.max()
    assert not notes


# calendars


def test_season_counts_periods_across_leap_day():
    days = pd.date_range("2023-01-01", "2024-03-10")
    y = np.arange(len(days), dtype=float)
    long = pd.DataFrame({"unique_id": "a", "ds": days, "y": y})
    naive = {"year": StatsForecastModel("SeasonalNaive", (("season_length", 365),)), "week": FORECASTERS["naive"]}
    windows = RollingWindows(horizon=4, cutoffs=(pd.Timestamp("2024-02-27"),))
    made = backtest(History.of(long), naive, windows=windows).forecasts.set_index(["model", "ds"])["forecast"]
    ahead = pd.to_datetime(["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02"])
    assert made["year"].index.tolist() == ahead.tolist()
    before = pd.Series(y, days)
    # 365 days before 1 March 2024 is 2 March 2023
    assert made["year"].tolist() == before[ahead - pd.Timedelta(days=365)].tolist()
    assert made["week"].tolist() == before[ahead - pd.Timedelta(days=7)].tolist()


def test_months_of_any_length_are_one_period():
    months = pd.date_range("2021-01-01", "2024-06-01", freq="MS")
    long = pd.DataFrame({"unique_id": "a", "ds": months, "y": np.arange(len(months), dtype=float)})
    forecasters = {
        "naive": StatsForecastModel("SeasonalNaive", (("season_length", 12),)),
        "average": SeasonalAverage(window=6, season="month"),
    }
    windows = RollingWindows(horizon=3, cutoffs=(pd.Timestamp("2024-01-01"),))
    panel = History.of(long)
    made = backtest(panel, forecasters, windows=windows).forecasts
    assert panel.freq == "MS"
    naive = made[made["model"] == "naive"]
    assert naive["ds"].tolist() == pd.to_datetime(["2024-02-01", "2024-03-01", "2024-04-01"]).tolist()
    assert naive["forecast"].tolist() == [25.0, 26.0, 27.0]  # of February, March and April 2023


def test_date_features_of_leap_day_are_learnt():
    days = pd.date_range("2023-06-01", "2024-03-05")
    parts = [
        pd.DataFrame({"unique_id": uid, "ds": days, "y": 10.0 * (1 + days.dayofweek) + k})
        for k, uid in enumerate(("a", "b", "c"))
    ]
    model = LightGBM(lags=(1,), date_features=("dayofweek",), params=(("n_estimators", 60), ("min_child_samples", 5)))
    windows = RollingWindows(horizon=3, cutoffs=(pd.Timestamp("2024-02-27"),))
    made = backtest(History.of(pd.concat(parts)), {"m": model}, windows=windows).forecasts
    leap = made[made["ds"] == "2024-02-29"]  # a Thursday
    np.testing.assert_allclose(leap["forecast"], 41, atol=3)


def test_weeks_may_start_on_any_day():
    long = pd.concat([series(uid, np.arange(30) + k, end="2026-01-07", freq="W-WED") for k, uid in enumerate("ab")])
    panel = History.of(long)
    assert panel.freq == "W-WED"
    made = backtest(panel, {"naive": StatsForecastModel("Naive")}, windows=RollingWindows(2)).forecasts
    assert (made["ds"].dt.dayofweek == 2).all()
    assert made[made["unique_id"] == "b"]["forecast"].tolist() == [28.0, 28.0]


@pytest.mark.parametrize("freq", [None, "W-WED"])
def test_series_whose_weeks_start_on_different_days_are_one_fault(freq):
    monday, wednesday = (series(f, np.arange(30), end="2026-01-07", freq=f) for f in ("W-MON", "W-WED"))
    with pytest.raises(InputError, match=r"different days: Monday \(W-MON\), Wednesday \(W-WED\)") as caught:
        History.of(pd.concat([monday, wednesday]), freq=freq)
    assert [f.rule for f in caught.value.faults] == ["mixed-weeks"]


def test_weeks_that_start_on_every_day_do_not_pass_for_days():
    every = ("W-MON", "W-TUE", "W-WED", "W-THU", "W-FRI", "W-SAT", "W-SUN")
    with pytest.raises(InputError, match="different days: Monday") as caught:
        History.of(pd.concat([series(f, np.arange(30), end="2026-01-07", freq=f) for f in every]))
    assert len(caught.value.faults) == 1


def test_series_of_one_period_does_not_make_days_of_weeks():
    long = pd.concat([series("a", [4.0], end="2026-01-05"), *plain(days=30, end="2026-01-07")])
    assert History.of(long).freq == "D"


# time zones


def hours(start, end, zone):
    stamps = pd.date_range(start, end, freq="h", tz=zone)
    return pd.DataFrame({"unique_id": "a", "ds": stamps, "y": np.arange(len(stamps), dtype=float)})


def test_clock_on_the_wall_is_kept_and_no_day_shifts_across_a_change_of_clocks():
    stamps = pd.date_range("2026-03-02", "2026-04-20", freq="D", tz="Europe/Berlin")
    long = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": np.arange(len(stamps), dtype=float)})
    aware, naive = History.of(long), History.of(long.assign(ds=stamps.tz_localize(None)))
    texts = History.of(long.assign(ds=stamps.map(lambda t: t.isoformat())))
    assert aware.freq == "D"
    assert aware.calendar[0] == pd.Timestamp("2026-03-02")
    pd.testing.assert_frame_equal(aware.frame, naive.frame)
    pd.testing.assert_frame_equal(aware.frame, texts.frame)
    windows = RollingWindows(horizon=3, cutoffs=(pd.Timestamp("2026-03-28"),))
    made = backtest(aware, {"naive": FORECASTERS["naive"]}, windows=windows).forecasts
    assert made["ds"].dt.strftime("%m-%d").tolist() == ["03-29", "03-30", "03-31"]
    assert made["forecast"].tolist() == [20.0, 21.0, 22.0]  # the same weekdays of the week before


def test_hour_that_came_twice_is_a_fault_that_says_what_to_do():
    with pytest.raises(InputError, match=r"\(a, 2026-10-25 02:00\) stands twice.*where clocks went back") as caught:
        History.of(hours("2026-10-24", "2026-10-27", "Europe/Berlin"))
    assert [f.rule for f in caught.value.faults] == ["duplicate"]


def test_hour_that_never_came_is_a_gap_with_its_time():
    with pytest.raises(InputError, match=r"misses 1 period\(s\) before 2026-03-29 03:00"):
        History.of(hours("2026-03-28", "2026-03-30", "Europe/Berlin"))


def test_hours_in_utc_have_no_such_faults():
    panel = History.of(hours("2026-10-24", "2026-10-27", "UTC"))
    assert panel.freq == "h"
    assert len(panel.frame) == 73


# units that the seasonal average has not seen


def weeks(first, last, y):
    stamps = pd.date_range(first, last, freq="W-MON")
    return pd.DataFrame({"unique_id": "a", "ds": stamps, "y": y(stamps.isocalendar().week.to_numpy())})


def test_week_53_has_the_factor_of_week_52():
    long = weeks("2018-01-01", "2021-02-01", lambda week: np.where(week >= 52, 40.0, 10.0))
    panel = History.of(long[long["ds"] <= "2020-12-21"])  # its last week is the 52nd of 2020
    windows = RollingWindows(horizon=2, last_cutoff=pd.Timestamp("2020-12-21"))
    made = backtest(panel, {"a": SeasonalAverage(window=13)}, windows=windows).forecasts
    assert made["ds"].dt.isocalendar().week.tolist() == [53, 1]
    np.testing.assert_allclose(made["forecast"], [40, 10])


def test_week_never_seen_has_the_factor_of_the_nearest():
    long = weeks("2020-01-06", "2020-05-25", lambda week: np.where(week > 20, 30.0, 10.0))
    windows = RollingWindows(horizon=1, last_cutoff=long["ds"].max())
    made = backtest(History.of(long), {"a": SeasonalAverage(window=20)}, windows=windows).forecasts
    np.testing.assert_allclose(made["forecast"], 30)  # week 23 has that of week 22, and not the mean


def test_day_on_which_nothing_is_ever_sold_is_forecast_zero_and_does_not_pull_the_others_down():
    days = pd.date_range("2026-01-05", periods=70)
    closed = pd.DataFrame({"unique_id": "a", "ds": days, "y": np.where(days.dayofweek == 6, 0.0, 12.0)})
    windows = RollingWindows(horizon=7)
    made = backtest(History.of(closed), {"a": SeasonalAverage(14, "dayofweek")}, windows=windows).forecasts
    np.testing.assert_allclose(made["forecast"], np.where(made["ds"].dt.dayofweek == 6, 0, 12))
