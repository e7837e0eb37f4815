"""Laws of the statsforecast adapter: the same numbers as StatsForecast, paths that are whole courses, no look-ahead."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsforecast import StatsForecast, models
from statsforecast.utils import ConformalIntervals

from backtest import (
    Ask,
    FallbackWarning,
    ForecasterFailedError,
    History,
    InputError,
    RollingWindows,
    Settings,
    backtest,
    known_at,
    path_columns,
)
from backtest.adapters import StatsForecastModel

LEVELS = (0.1, 0.5, 0.9)
DAYS = 84
STATEFUL = {
    "AutoETS": {"season_length": 7, "model": "ANA"},
    "AutoTheta": {"season_length": 7},
    "AutoCES": {"season_length": 7, "model": "S"},
    "ARIMA": {"order": (1, 0, 1), "season_length": 7},
    "MSTL": {"season_length": 7},
    "SeasonalNaive": {"season_length": 7},
}
STATELESS = {
    "CrostonSBA": {},
    "TSB": {"alpha_d": 0.2, "alpha_p": 0.3},
    "WindowAverage": {"window_size": 5},
    "HistoricAverage": {},
    "SimpleExponentialSmoothing": {"alpha": 0.3},
}


def series_for(name):
    """Panel for a model; AutoCES takes a second a series."""
    return sales(1 if name == "AutoCES" else 3)


def sales(series=3, days=DAYS, seed=1):
    """Weekly rhythm, a slow drift and noise; never near 0."""
    rng, time = np.random.default_rng(seed), np.arange(days)
    level = rng.uniform(40, 90, series)[:, None]
    y = level * (1 + 0.3 * np.sin(2 * np.pi * time / 7)) + 0.1 * time + rng.normal(0, 4, (series, days))
    return pd.DataFrame({
        "unique_id": np.repeat([f"s{i}" for i in range(series)], days),
        "ds": np.tile(pd.date_range("2025-03-03", periods=days), series),
        "y": y.ravel(),
    })  # fmt: skip


def model_of(name, params, **settings):
    return StatsForecastModel(name, tuple(params.items()), **settings)


def made_by(forecaster, long, windows, *, ask=None, **history):
    """Forecasts at every cutoff, through fit and predict as the engine calls them."""
    panel, fitted, parts = History.of(long, **history), None, []
    for window in windows.over(panel.calendar):
        known = known_at(panel, window, ask or Ask(LEVELS))
        fitted = forecaster.fit(known) if window.fitted_at == window.cutoff else fitted
        parts.append(fitted.predict(known).assign(cutoff=window.cutoff))
    return pd.concat(parts, ignore_index=True).sort_values(["unique_id", "cutoff", "ds"], ignore_index=True)


def theirs(name, params, long, *, windows, refit):
    model = getattr(models, name)(**params, alias="m")
    level = None if getattr(model, "only_conformal_intervals", False) else [80.0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return StatsForecast(models=[model], freq="D", n_jobs=1).cross_validation(
            df=long, h=windows.horizon, step_size=windows.step, n_windows=windows.n_windows, refit=refit, level=level
        )


def assert_same(ours, cross, *, at=slice(None)):
    cutoffs = ours["cutoff"].unique()[at]
    mine, other = (f[f["cutoff"].isin(cutoffs)].reset_index(drop=True) for f in (ours, cross))
    assert len(mine) == len(other)
    np.testing.assert_allclose(mine["forecast"], other["m"], atol=1e-6, rtol=1e-6)
    if "m-lo-80.0" in other:
        np.testing.assert_allclose(mine["q0.1"], other["m-lo-80.0"], atol=1e-6, rtol=1e-6)
        np.testing.assert_allclose(mine["q0.9"], other["m-hi-80.0"], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("name", "params"), (STATEFUL | STATELESS).items(), ids=(STATEFUL | STATELESS).keys())
def test_refitted_models_forecast_as_cross_validation_does(name, params):
    long, windows = series_for(name), RollingWindows(horizon=9, step=5, n_windows=3)
    assert_same(made_by(model_of(name, params), long, windows), theirs(name, params, long, windows=windows, refit=True))


@pytest.mark.parametrize(("name", "params"), STATEFUL.items(), ids=STATEFUL.keys())
def test_models_that_are_not_refitted_see_new_data_as_cross_validation_lets_them(name, params):
    long, windows = series_for(name), RollingWindows(horizon=9, step=5, n_windows=4, refit=2)
    ours, cross = made_by(model_of(name, params), long, windows), theirs(name, params, long, windows=windows, refit=2)
    assert_same(ours, cross, at=slice(1, None, 2))


@pytest.mark.parametrize("name", ["AutoETS", "AutoTheta", "ARIMA"])
def test_estimates_of_the_fit_are_kept_until_the_next(name):
    long, windows = sales(), RollingWindows(horizon=9, step=14, n_windows=2, refit=2)
    kept = made_by(model_of(name, STATEFUL[name]), long, windows)
    fresh = made_by(model_of(name, STATEFUL[name]), long, RollingWindows(horizon=9, step=14, n_windows=2))
    later = kept["cutoff"] == kept["cutoff"].max()
    assert (kept.loc[~later, "forecast"] == fresh.loc[~later, "forecast"]).all()
    assert (kept.loc[later, "forecast"] != fresh.loc[later, "forecast"]).any()


@pytest.mark.parametrize("name", ["AutoETS", "AutoTheta", "CrostonSBA", "SeasonalNaive"])
def test_no_model_is_estimated_twice(name, monkeypatch):
    calls = {"fit": 0, "forecast": 0, "forward": 0}
    cls = getattr(models, name)
    for method in ("fit", "forecast"):
        plain = getattr(cls, method)

        def counted(self, *args, _method=method, _plain=plain, **kwargs):
            calls[_method] += 1
            return _plain(self, *args, **kwargs)

        monkeypatch.setattr(cls, method, counted)
    windows = RollingWindows(horizon=4, step=5, n_windows=4, refit=2)
    made_by(model_of(name, (STATEFUL | STATELESS)[name]), sales(), windows)
    fits = 3 * (2 if name in ("AutoETS", "AutoTheta") else 4)
    assert calls["fit"] + calls["forecast"] == fits


def test_series_that_starts_after_the_fit_is_estimated_when_it_is_asked_for():
    long, windows = sales(days=70), RollingWindows(horizon=4, step=14, n_windows=2, refit=2)
    young = long[(long["unique_id"] == "s1") & (long["ds"] > long["ds"].iloc[54])].assign(unique_id="young")
    forecaster = model_of("AutoETS", {"model": "ANN"})
    both = made_by(forecaster, pd.concat([long, young]), windows)
    late = both[both["unique_id"] == "young"]
    alone = made_by(forecaster, young, RollingWindows(horizon=4, last_cutoff=late["cutoff"].max()))
    expected = late[late["cutoff"] == late["cutoff"].max()]
    np.testing.assert_array_equal(expected["forecast"], alone["forecast"])


def test_steps_in_the_gap_are_forecast_too():
    long = sales()
    near = made_by(model_of("SeasonalNaive", {"season_length": 7}), long, RollingWindows(horizon=5, gap=3))
    assert (near.groupby("unique_id").size() == 8).all()
    assert (near["ds"] > near["cutoff"]).all()


# covariates


def promoted(days=120, series=2):
    long = sales(series, days)
    rng = np.random.default_rng(5)
    long["promo"] = rng.integers(0, 2, len(long)).astype(float)
    long["price"] = rng.uniform(1, 2, len(long))
    return long.assign(y=100 + 60 * long["promo"] + 0.05 * (long["y"] - 60))


def test_covariates_of_the_period_are_used():
    long = promoted()
    forecaster = model_of("ARIMA", {"order": (1, 0, 0)}, covariates=("promo",))
    for refit in (1, 2):
        windows = RollingWindows(horizon=6, step=6, n_windows=2, refit=refit)
        made = made_by(forecaster, long, windows, known_future=["promo", "price"])
        came = made.merge(long, on=["unique_id", "ds"])
        assert (came["forecast"] - came["y"]).abs().max() < 8
        assert came.groupby("promo")["forecast"].mean().diff().iloc[-1] == pytest.approx(60, abs=3)


@pytest.mark.parametrize(("name", "params"), [("ARIMA", {"order": (1, 0, 0)}), ("MFLES", {"season_length": 7})])
def test_covariate_that_does_not_vary_in_a_series_or_misses_a_value_there_is_left_out_there(name, params):
    long, windows = promoted(), RollingWindows(horizon=4, step=5, n_windows=2, refit=2)
    long.loc[long["unique_id"] == "s1", "promo"] = 1.0
    long.loc[long.index[long["unique_id"] == "s1"][:9], "price"] = np.nan
    made = made_by(
        model_of(name, params, covariates=("promo", "price")), long, windows, known_future=["promo", "price"]
    )
    plain = made_by(model_of(name, params), long, windows)
    where = made["unique_id"] == "s1"
    pd.testing.assert_frame_equal(made[where], plain[where])
    assert (made.loc[~where, "forecast"] != plain.loc[~where, "forecast"]).all()


def test_covariates_that_cannot_be_used_are_refused():
    with pytest.raises(InputError, match="AutoETS uses no covariates, and promo, price are given"):
        StatsForecastModel("AutoETS", covariates=("promo", "price"))
    long = promoted()
    ask = RollingWindows(horizon=3)
    unknown = StatsForecastModel("AutoARIMA", covariates=("promo", "prize", "y2"))
    with pytest.raises(InputError, match=r"'prize' is not known for the future.*did you mean 'price'") as caught:
        made_by(unknown, long, ask, known_future=["promo", "price"])
    assert len(caught.value.faults) == 2
    text = long.assign(promo=np.where(long["promo"] > 0, "yes", "no"))
    with pytest.raises(InputError, match="'promo' is text"):
        made_by(StatsForecastModel("AutoARIMA", covariates=("promo",)), text, ask, known_future=["promo"])


# intervals


def test_conformal_intervals_are_those_of_statsforecast():
    long, windows = sales(), RollingWindows(horizon=6)
    made = made_by(model_of("CrostonSBA", {}, conformal_windows=4), long, windows)
    cut = long[long["ds"] <= made["cutoff"].iloc[0]]
    engine = StatsForecast(models=[models.CrostonSBA(alias="m")], freq="D", n_jobs=1)
    other = engine.forecast(df=cut, h=6, level=[80.0], prediction_intervals=ConformalIntervals(4, 6))
    for ours, name in (("forecast", "m"), ("q0.1", "m-lo-80.0"), ("q0.9", "m-hi-80.0")):
        np.testing.assert_allclose(made[ours], other[name], atol=1e-6)


def test_series_too_short_for_conformal_intervals_keeps_its_point_forecast_and_is_named():
    long = sales()
    short = long[(long["unique_id"] == "s1") & (long["ds"] > long["ds"].iloc[-16])].assign(unique_id="short")
    both, windows = pd.concat([long, short]), RollingWindows(horizon=6)
    with pytest.warns(FallbackWarning, match="1 series too short for intervals of CrostonSBA got .*: short"):
        made = made_by(model_of("CrostonSBA", {}, conformal_windows=3), both, windows)
    point = made_by(model_of("CrostonSBA", {}), both, windows)
    np.testing.assert_array_equal(made["forecast"], point["forecast"])
    y = short["y"].to_numpy()[:-6]
    rows = made[made["unique_id"] == "short"]
    np.testing.assert_allclose(rows["q0.9"] - rows["forecast"], np.quantile(y, 0.9) - y.mean())


def test_conformal_windows_refuse_covariates_that_were_revised():
    long = promoted(days=60)
    told = long[["unique_id", "ds"]]
    rain = pd.concat([told.assign(as_of=told["ds"].min(), rain=0.5), told.assign(as_of=told["ds"], rain=long["price"])])
    rain = rain.drop_duplicates(["unique_id", "ds", "as_of"], keep="last")
    known = {"known_future": ["promo", "price", "rain"], "vintages": [rain]}
    own = model_of("ARIMA", {"order": (1, 0, 0)}, covariates=("promo", "rain"), conformal_windows=2)
    with pytest.raises(InputError, match="covariate 'rain' was revised") as error:
        made_by(own, long, RollingWindows(horizon=2), **known)
    assert len(error.value.faults) == 1
    for sound in (replace(own, covariates=("promo",)), replace(own, conformal_windows=0)):
        assert len(made_by(sound, long, RollingWindows(horizon=2), **known)) == 4


def test_conformal_windows_below_two_are_refused():
    with pytest.raises(InputError, match="conformal_windows=1 must be 0 or at least 2"):
        StatsForecastModel("CrostonSBA", conformal_windows=1)


# paths


def walks(series=12, days=160):
    steps = np.random.default_rng(9).normal(0, 3, (series, days))
    long = sales(series, days)
    return long.assign(y=(400 + np.cumsum(steps, axis=1)).ravel())


SIMULATING = {
    "AutoETS": {"season_length": 7, "model": "AAN"},
    "AutoTheta": {"season_length": 7},
    "AutoARIMA": {"max_p": 1, "max_q": 0, "d": 0, "seasonal": False},
    "SeasonalNaive": {"season_length": 7},
    "HistoricAverage": {},
}


@pytest.mark.parametrize(("name", "params"), SIMULATING.items(), ids=SIMULATING.keys())
def test_paths_are_spread_as_the_quantiles_say(name, params):
    windows = RollingWindows(horizon=10, step=5, n_windows=2, refit=2)
    made = made_by(model_of(name, params), sales(4), windows, ask=Ask(LEVELS, paths=200, seed=3))
    paths = made[path_columns(list(made.columns))].to_numpy()
    assert paths.shape[1] == 200
    for level in (0.1, 0.9):
        share = (paths <= made[[f"q{level}"]].to_numpy()).mean(axis=1)
        assert share.mean() == pytest.approx(level, abs=0.03), level
    spread = (made["q0.9"] - made["q0.1"]).to_numpy() / 2.563
    assert np.median(paths.std(axis=1) / spread) == pytest.approx(1, abs=0.12)


def test_paths_are_whole_courses_so_that_sums_over_the_lead_time_have_the_spread_of_a_walk():
    windows = RollingWindows(horizon=12)
    made = made_by(model_of("Naive", {}), walks(), windows, ask=Ask((), paths=300, seed=3))
    paths = made[path_columns(list(made.columns))].to_numpy().reshape(12, 12, 300)  # [series, step, path]
    total, marginal = paths.sum(axis=1).std(axis=1), paths.std(axis=2)
    # steps drawn each by itself would add up to this only
    alone = np.sqrt((marginal**2).sum(axis=1))
    assert (total / alone).min() > 2
    steps = np.arange(1, 13)
    walk = marginal[:, 0] * np.sqrt((steps**2).sum())  # a walk's sum weighs its k-th step from the end k times
    assert np.mean(total / walk) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", SIMULATING)
def test_paths_of_a_series_do_not_depend_on_the_other_series_or_their_order(name):
    long, ask = sales(4), Ask((), paths=5, seed=8)
    windows = RollingWindows(horizon=4, step=3, n_windows=2, refit=2)
    forecaster = model_of(name, SIMULATING[name])
    whole = made_by(forecaster, long, windows, ask=ask)
    part = made_by(forecaster, long[long["unique_id"].isin(["s1", "s3"])], windows, ask=ask)
    expected = whole[whole["unique_id"].isin(["s1", "s3"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected, check_exact=True)


def test_paths_differ_by_seed_cutoff_and_series_and_are_the_same_for_the_same():
    long = sales(2)
    long["y"] = np.tile(long["y"].to_numpy()[:DAYS], 2)  # two series alike
    windows = RollingWindows(horizon=3, step=1, n_windows=2)
    forecaster = model_of("SeasonalNaive", {"season_length": 7})
    one, again, other = (made_by(forecaster, long, windows, ask=Ask((), paths=4, seed=s)) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again, check_exact=True)
    assert (one["path1"] != other["path1"]).all()
    errors = (one["path1"] - one["forecast"]).to_numpy().reshape(2, 2, 3)  # [series, cutoff, step]
    shapes = errors[:, :, 1:] / errors[:, :, :1]  # whatever the model's deviation
    assert len(np.unique(shapes.round(6))) == shapes.size


def test_drawing_paths_leaves_numpys_own_random_state_as_it_was():
    np.random.seed(4)  # noqa: NPY002 - the state that must not move
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    ask = Ask((), paths=3, seed=1)
    made_by(model_of("SeasonalNaive", {"season_length": 7}), sales(), RollingWindows(horizon=3), ask=ask)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_models_that_cannot_draw_paths_give_none():
    made = made_by(model_of("CrostonSBA", {}), sales(), RollingWindows(horizon=3), ask=Ask((), paths=3))
    assert path_columns(list(made.columns)) == []


# whatever there is

ARGUMENTS = {
    "AutoMFLES": {"test_size": 5, "season_length": 7, "n_windows": 1},
    "AutoRegressive": {"lags": 2},
    "SimpleExponentialSmoothing": {"alpha": 0.3},
    "SeasonalExponentialSmoothing": {"season_length": 7, "alpha": 0.3},
    "SeasonalExponentialSmoothingOptimized": {"season_length": 7},
    "HoltWinters": {"season_length": 7},
    "SeasonalNaive": {"season_length": 7},
    "ConformalSeasonalPool": {"season_length": 7},
    "WindowAverage": {"window_size": 5},
    "SeasonalWindowAverage": {"season_length": 7, "window_size": 2},
    "TSB": {"alpha_d": 0.2, "alpha_p": 0.3},
    "MSTL": {"season_length": 7},
    "TBATS": {"season_length": 7},
    "ConstantModel": {"constant": 8.0},
    "AutoARIMA": {"max_p": 1, "max_q": 1},
}
"""Of models that need some, and of one that is slow without."""
LEFT_OUT = {
    "AutoTBATS": "takes seconds a series; TBATS is tried",
    "SklearnModel": "needs an estimator and covariates",
    "NaNModel": "gives no numbers, and fails by that",
}


@pytest.mark.parametrize("name", models.__all__)
def test_every_model_of_statsforecast_forecasts(name):
    if name in LEFT_OUT:
        pytest.skip(f"{name} {LEFT_OUT[name]}")
    windows, settings = RollingWindows(horizon=2, n_windows=2, refit=2), Settings(levels=(0.1, 0.9), paths=2)
    own = model_of(name, ARGUMENTS.get(name, {}))
    result = backtest(History.of(sales(2, 56)), {"it": own}, windows=windows, settings=settings)
    assert result.notes == {}
    assert len(result.forecasts) == 2 * 2 * 2
    assert np.isfinite(result.forecasts["forecast"]).all()


# failures


def test_model_that_no_series_can_take_fails_and_one_that_fails_on_odd_series_does_not():
    broken = {"broken": StatsForecastModel("AutoETS", (("model", "QNN"),))}
    with pytest.raises(ForecasterFailedError, match=r"broken failed at cutoff .* Invalid error type"):
        backtest(History.of(sales()), broken, windows=RollingWindows(horizon=3), settings=Settings(levels=LEVELS))
    tiny = {"ets": StatsForecastModel("AutoETS")}
    with pytest.warns(FallbackWarning, match="3 series too short or odd for AutoETS got their mean: s0, s1, s2"):
        made = made_by(tiny["ets"], sales(days=6), RollingWindows(horizon=3))
    first = sales(days=6)["y"].to_numpy()[:3]
    assert made["forecast"].iloc[0] == pytest.approx(first.mean())


@pytest.mark.parametrize("name", ["AutoETS", "AutoTheta", "CrostonSBA", "SeasonalNaive"])
def test_no_forecast_moves_when_everything_after_its_cutoff_does(name):
    windows = RollingWindows(horizon=4, step=7, n_windows=2, refit=2, last_cutoff=pd.Timestamp("2025-04-28"))
    forecaster, ask = model_of(name, (STATEFUL | STATELESS)[name]), Ask(LEVELS, paths=2)
    long = sales()
    later = long.assign(y=long["y"].where(long["ds"] <= windows.last_cutoff, long["y"] * 5 + 100))
    before, after = (made_by(forecaster, frame, windows, ask=ask) for frame in (long, later))
    pd.testing.assert_frame_equal(before, after, check_exact=True)
