"""Laws of LightGBM on direct rows: each step its own covariates, nothing after the cutoff, no model of a gap."""

import pickle
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean
from sklearn.ensemble import HistGradientBoostingRegressor

from backtest import Ask, History, InputError, RollingWindows, Settings, backtest, known_at
from backtest.adapters import LightGBM

PARAMS = (("min_child_samples", 5), ("n_estimators", 60))
SMALL = (("min_child_samples", 5), ("n_estimators", 10))
LEVELS = (0.1, 0.5, 0.9)
DAYS = 150


def sales(seed=1, series=8, days=DAYS):
    """Long frame: y, a price and an event known ahead, weather that is not; series of different levels."""
    rng = np.random.default_rng(seed)
    n = series * days
    frame = pd.DataFrame({
        "unique_id": np.repeat([f"s{i}" for i in range(series)], days),
        "ds": np.tile(pd.date_range("2025-01-01", periods=days, freq="D"), series),
        "y": rng.poisson(np.repeat(rng.uniform(3, 30, series), days)).astype(float),
        "price": rng.uniform(1, 9, n),
        "event": rng.choice(np.array(["fair", "derby", None], dtype=object), n),
        "weather": rng.normal(size=n),
        "in_stock": np.where(rng.random(n) < 0.1, 0.0, 1.0),
    })  # fmt: skip
    static = pd.DataFrame({
        "unique_id": [f"s{i}" for i in range(series)], "store": [f"S{i % 2}" for i in range(series)],
    })  # fmt: skip
    return frame, static


def panel(frame, static=None):
    return History.of(frame, static=static, known_future=[c for c in ("price", "event") if c in frame.columns])


def known_of(history, *, horizon=4, gap=0, back=0, levels=()):
    last = history.calendar[-1 - horizon - gap - back]
    window = RollingWindows(horizon=horizon, gap=gap, last_cutoff=last).over(history.calendar)[0]
    return known_at(history, window, Ask(levels))


def made_by(model, known):
    return model.fit(known).predict(known)


def errors_by_step(made, frame, known):
    came = made.merge(frame, on=["unique_id", "ds"])
    step = (came["ds"] - known.cutoff).dt.days
    return (came["y"] - came["forecast"]).abs().groupby(step).mean()


def test_forecasts_are_those_of_mlforecast_itself():
    frame, _ = sales()
    frame = frame.drop(columns=["event", "weather", "in_stock"])
    known = known_of(panel(frame), horizon=3)
    # where no lag is missing: mlforecast drops such rows, ours keep them
    ours = made_by(LightGBM(lags=(1,), rolling_means=(7, 20), params=PARAMS), known)
    theirs = MLForecast(
        models={"forecast": LGBMRegressor(n_estimators=60, min_child_samples=5, verbosity=-1, n_jobs=1)}, freq="D",
        lags=[1], lag_transforms={1: [RollingMean(n, min_samples=1) for n in (7, 20)]},
    )  # fmt: skip
    theirs.fit(known.history, static_features=[], max_horizon=3, dropna=True, validate_data=False)
    expected = theirs.predict(3, X_df=known.future)
    np.testing.assert_allclose(ours["forecast"], np.maximum(expected["forecast"], 0), rtol=1e-6)


@pytest.mark.parametrize("group", [1, 2, 4])
def test_every_step_learns_from_the_covariate_of_its_own_period(group):
    frame, _ = sales()
    frame["y"] = 10 * frame["price"].round() + 40 * (frame["event"] == "fair")
    known = known_of(panel(frame))
    made = made_by(LightGBM(lags=(1,), step_group=group, params=PARAMS), known)
    errors = errors_by_step(made, frame, known)
    assert errors.index.tolist() == [1, 2, 3, 4]
    assert errors.max() < 6, errors  # y itself spreads over 120


def test_chosen_covariates_are_the_only_ones_that_matter():
    frame, _ = sales()
    model = LightGBM(lags=(1,), covariates=("event",), params=SMALL)
    before = made_by(model, known_of(panel(frame)))
    pd.testing.assert_frame_equal(before, made_by(model, known_of(panel(frame.assign(price=frame["price"] ** 2)))))
    moved = frame.assign(event=np.where(frame["price"] > 5, "fair", None), y=np.where(frame["price"] > 5, 50.0, 5.0))
    assert made_by(model, known_of(panel(moved)))["forecast"].between(40, 60).any()


def test_a_past_covariate_is_the_one_of_the_origin_at_every_step():
    rng = np.random.default_rng(3)
    frame, _ = sales()
    level = rng.integers(0, 6, len(frame) // 7 + 1).repeat(7)[: len(frame)].astype(float)
    frame["weather"] = level
    frame["y"] = 50 + 10 * frame.groupby("unique_id")["weather"].shift(1, fill_value=0.0)
    history = panel(frame.drop(columns=["price", "event"]))
    known = known_of(history, horizon=2)
    model = LightGBM(lags=(9,), past_covariates=("weather",), params=PARAMS)
    errors = errors_by_step(made_by(model, known), frame, known)
    assert errors[1] < 0.3 * frame["y"].std()
    # the second step asks for the weather of tomorrow, which nobody knows: another one there changes nothing
    later = frame.assign(weather=frame["weather"].where(frame["ds"] <= known.cutoff, 99.0))
    again = made_by(model, known_of(panel(later.drop(columns=["price", "event"])), horizon=2))
    pd.testing.assert_frame_equal(made_by(model, known), again, check_exact=True)


def test_stock_flags_can_be_a_past_covariate():
    frame, _ = sales()
    frame["y"] = np.where(frame.groupby("unique_id")["in_stock"].shift(1) == 0, 90.0, 9.0)
    known = known_of(panel(frame), horizon=1)
    made = made_by(LightGBM(lags=(3,), past_covariates=("in_stock",), params=PARAMS), known)
    assert errors_by_step(made, frame, known).max() < 2


def test_a_text_value_that_the_fit_did_not_know_is_missing():
    frame, _ = sales()
    frame["y"] = 10 + 50.0 * (frame["event"] == "fair")
    model = LightGBM(lags=(1,), params=PARAMS).fit(known_of(panel(frame)))
    known = known_of(panel(frame))
    strange = model.predict(replace(known, future=known.future.assign(event="coronation")))
    missing = model.predict(replace(known, future=known.future.assign(event=None)))
    fair = model.predict(replace(known, future=known.future.assign(event="fair")))
    pd.testing.assert_frame_equal(strange, missing, check_exact=True)
    assert fair["forecast"].min() > 40
    assert strange["forecast"].max() < 20


def test_a_gap_has_no_models_and_no_forecasts():
    frame, static = sales()
    known = known_of(panel(frame, static), horizon=3, gap=2)
    fitted = LightGBM(lags=(1,), step_group=2, params=SMALL).fit(known)
    assert list(fitted.models) == [(3, 4), (5,)]
    pd.testing.assert_frame_equal(
        fitted.predict(known)[["unique_id", "ds"]], known.wanted().reset_index(drop=True), check_exact=True
    )


def test_only_the_last_periods_teach_when_told_so():
    frame, _ = sales()
    known = known_of(panel(frame))
    model = LightGBM(lags=(1, 3), rolling_means=(5,), train_periods=40, params=SMALL)
    # the first target is 39 days before the cutoff; its origin is up to 4 before it and looks at 5 days
    old = frame["ds"] < known.cutoff - pd.Timedelta(days=39 + 4 + 4)
    changed = frame.assign(y=frame["y"].where(~old, 777.0))
    pd.testing.assert_frame_equal(made_by(model, known), made_by(model, known_of(panel(changed))), check_exact=True)
    everything = replace(model, train_periods=None)
    assert not made_by(everything, known).equals(made_by(everything, known_of(panel(changed))))


VARIANTS = {
    "quantiles": LightGBM(lags=(1, 7), rolling_means=(7,), static=("store",), quantiles=True, params=SMALL),
    "conformal": LightGBM(lags=(1,), past_covariates=("weather", "in_stock"), conformal_windows=3, params=SMALL),
    "grouped": LightGBM(lags=(1,), step_group=3, train_periods=60, quantiles=True, params=SMALL),
    "own": LightGBM(lags=(1, 2), covariates=("price",), regressor=HistGradientBoostingRegressor(max_iter=10)),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_after_the_cutoff_moves_a_forecast(name):
    frame, static = sales()
    known = known_of(panel(frame, static), levels=LEVELS)
    after = frame["ds"] > known.cutoff
    spoilt = frame.copy()
    for column, value in {"y": 1e4, "weather": -50.0, "in_stock": 0.0}.items():
        spoilt.loc[after, column] = value
    again = known_of(panel(spoilt, static), levels=LEVELS)
    before = made_by(VARIANTS[name], known)
    pd.testing.assert_frame_equal(before, made_by(VARIANTS[name], again), check_exact=True)
    assert len(before) == 8 * 4
    assert len([c for c in before.columns if c.startswith("q")]) == (0 if name == "own" else 3)


@pytest.mark.parametrize("name", ["quantiles", "conformal", "grouped"])
def test_quantiles_do_not_cross_and_are_not_negative(name):
    frame, static = sales()
    made = made_by(VARIANTS[name], known_of(panel(frame, static), levels=LEVELS))
    quantiles = made[["q0.1", "q0.5", "q0.9"]].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert quantiles.min() >= 0
    assert quantiles[:, 2].min() > quantiles[:, 0].max() / 20 > 0 or quantiles[:, 0].min() == 0


def test_threads_change_no_byte():
    known = known_of(panel(*sales()), horizon=1, levels=(0.8,))
    one, two = (made_by(replace(VARIANTS["quantiles"], threads=n), known) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_conformal_quantiles_hold_the_share_of_demand_that_they_say():
    rng = np.random.default_rng(8)
    frame, _ = sales(series=30)
    frame = frame.assign(y=rng.gamma(9.0, 4.0, len(frame)), in_stock=1.0).drop(columns=["price", "event", "weather"])
    known = known_of(panel(frame), horizon=10, levels=LEVELS)
    made = made_by(LightGBM(lags=(1,), conformal_windows=4, params=SMALL), known).merge(frame, on=["unique_id", "ds"])
    for level in LEVELS:
        assert (made["y"] <= made[f"q{level}"]).mean() == pytest.approx(level, abs=0.06)


def test_conformal_errors_are_of_a_model_that_had_not_seen_them():
    # trees that can learn every row by heart have no error on what they saw
    frame, _ = sales(series=4)
    by_heart = (("learning_rate", 0.5), ("min_child_samples", 1), ("n_estimators", 30), ("num_leaves", 100))
    model = LightGBM(lags=(1, 2, 3), conformal_windows=2, params=by_heart)
    made = made_by(model, known_of(panel(frame), levels=LEVELS))
    spread = (made["q0.9"] - made["q0.1"]).mean()
    assert spread > 1.5 * frame.groupby("unique_id")["y"].std().mean()


def revised(days=120):
    """A rain forecast that says nothing, and becomes the rain itself when its day comes; demand follows the rain."""
    rng = np.random.default_rng(5)
    frame, _ = sales(series=6, days=days)
    rain = rng.normal(size=len(frame))
    frame = frame[["unique_id", "ds"]].assign(y=np.maximum(30 + 10 * rain + rng.normal(size=len(frame)), 0))
    told = frame[["unique_id", "ds"]]
    vintage = pd.concat([
        told.assign(as_of=told["ds"] - pd.Timedelta(days=30), rain=rng.normal(size=len(frame))),
        told.assign(as_of=told["ds"], rain=rain),
    ])  # fmt: skip
    return History.of(frame.assign(promo=rain.round()), known_future=["promo", "rain"], vintages=[vintage])


@pytest.mark.parametrize("how", [{}, {"covariates": ("rain",)}, {"covariates": (), "past_covariates": ("rain",)}])
def test_conformal_windows_refuse_a_covariate_that_was_revised(how):
    known = known_of(revised(), levels=LEVELS)
    with pytest.raises(InputError, match=r"covariate 'rain' was revised.*residual_quantiles on top") as error:
        LightGBM(lags=(1,), conformal_windows=2, params=SMALL, **how).fit(known)
    assert len(error.value.faults) == 1


def test_conformal_windows_take_covariates_that_were_not_revised_and_models_without_them_take_all():
    known = known_of(revised(), levels=LEVELS)
    plain = LightGBM(lags=(1,), params=SMALL)
    assert {"q0.1", "q0.9"} <= set(made_by(replace(plain, covariates=("promo",), conformal_windows=2), known))
    assert {"q0.1", "q0.9"} <= set(made_by(replace(plain, quantiles=True), known))


DRAWN = (*SMALL, ("subsample", 0.5), ("subsample_freq", 1))


@pytest.mark.parametrize(
    "regressor", [None, LGBMRegressor(verbosity=-1, n_jobs=1, **dict(DRAWN))], ids=["own", "given"]
)
def test_what_is_drawn_follows_the_seed_of_the_backtest(regressor):
    known = known_of(panel(*sales()))
    model = LightGBM(lags=(1,), params=() if regressor else DRAWN, regressor=regressor)
    one, again, other = (made_by(model, replace(known, seed=seed)) for seed in (3, 3, 2**31 + 4))
    pd.testing.assert_frame_equal(one, again, check_exact=True)
    assert not one.equals(other)


def test_random_state_that_was_given_is_kept():
    known = known_of(panel(*sales()))
    given = LGBMRegressor(verbosity=-1, n_jobs=1, random_state=9, **dict(DRAWN))
    for model in (
        LightGBM(lags=(1,), params=(*DRAWN, ("random_state", 9))),
        LightGBM(lags=(1,), regressor=given),
    ):
        one, other = (made_by(model, replace(known, seed=seed)) for seed in (3, 4))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_series_too_young_for_errors_of_its_own_gets_those_of_all():
    frame, static = sales()
    frame = frame[(frame["unique_id"] != "s0") | (frame["ds"] > frame["ds"].max() - pd.Timedelta(days=7))]
    made = made_by(VARIANTS["conformal"], known_of(panel(frame, static), levels=LEVELS)).query("unique_id == 's0'")
    assert len(made) == 4
    assert (made["q0.1"] < made["forecast"]).all()
    assert (made["forecast"] < made["q0.9"]).all()


def test_a_young_series_learns_from_the_young_days_of_others():
    rng = np.random.default_rng(2)
    frame, _ = sales(series=12)
    frame = frame.drop(columns=["price", "event", "weather", "in_stock"])
    frame = frame[(frame["unique_id"] != "s0") | (frame["ds"] > frame["ds"].max() - pd.Timedelta(days=8))]
    age = frame.groupby("unique_id").cumcount()
    frame = frame.assign(y=np.where(age < 30, 100.0, 10.0) + rng.uniform(0, 1, len(frame)))  # what is new sells well
    made = made_by(LightGBM(lags=(1, 30), params=PARAMS), known_of(panel(frame), horizon=2))
    new = made["unique_id"] == "s0"
    assert made.loc[new, "forecast"].min() > 90
    assert made.loc[~new, "forecast"].max() < 20


def test_a_fitted_model_sees_newer_data_and_series():
    frame, static = sales()
    young = frame[(frame["unique_id"] != "s7") | (frame["ds"] > frame["ds"].max() - pd.Timedelta(days=7))]
    static.loc[7, "store"] = "a new store"
    history = panel(young, static)
    fitted = LightGBM(lags=(1, 7), static=("store",), params=PARAMS).fit(known_of(history, back=20))
    made = fitted.predict(known_of(history))
    assert set(made["unique_id"]) == {f"s{i}" for i in range(8)}
    young = young.assign(y=young["y"] * (1 + 3 * (young["ds"] > young["ds"].max() - pd.Timedelta(days=12))))
    assert (fitted.predict(known_of(panel(young, static)))["forecast"] > made["forecast"]).mean() > 0.8


def test_a_model_is_its_parameters():
    model = VARIANTS["own"]
    assert joblib.hash(pickle.loads(pickle.dumps(model))) == joblib.hash(model)  # noqa: S301 - our own
    other = replace(model, regressor=HistGradientBoostingRegressor(max_iter=11))
    assert joblib.hash(other) != joblib.hash(model)


def test_two_workers_and_kept_work_give_the_same_bytes(tmp_path):
    history, models = panel(*sales(series=3, days=60)), {"grouped": VARIANTS["grouped"]}
    windows = RollingWindows(horizon=3, n_windows=3, step=3, refit=2)
    one, two, again = (
        backtest(
            history, models, windows=windows, settings=Settings(LEVELS, workers=n, units=tmp_path / kept)
        ).forecasts
        for n, kept in ((1, "one"), (2, "two"), (2, "two"))
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    pd.testing.assert_frame_equal(one, again, check_exact=True)


def test_unknown_columns_are_all_named_with_the_nearest():
    known = known_of(panel(*sales()))
    model = LightGBM(lags=(1,), covariates=("prise",), past_covariates=("wether", "price"), static=("stor",))
    with pytest.raises(InputError) as error:
        model.fit(known)
    assert [f.what for f in error.value.faults] == [
        "known-future covariate 'prise' does not exist", "past covariate 'wether' does not exist",
        "static column 'stor' does not exist",
    ]  # fmt: skip
    assert [f.fix for f in error.value.faults] == [
        "did you mean 'price'?", "did you mean 'weather'?", "did you mean 'store'?",
    ]  # fmt: skip


def test_wrong_parameters_are_refused_all_at_once():
    with pytest.raises(InputError) as error:
        LightGBM(lags=(0,), rolling_means=(0,), quantiles=True, conformal_windows=2, step_group=0, costs=object())
    assert [f.rule for f in error.value.faults] == ["count", "count", "count", "two-distributions", "costs"]
    with pytest.raises(InputError, match="errors of an order quantity are no distribution"):
        LightGBM(lags=(1,), conformal_windows=2, regressor=LGBMRegressor())
    with pytest.raises(InputError, match="lags is empty"):
        LightGBM(lags=())


def test_too_little_history_is_refused_in_its_own_words():
    known = known_of(panel(*sales(days=8)), horizon=3)
    with pytest.raises(InputError, match="conformal_windows=2 of 3 periods need more than the 5 periods known"):
        LightGBM(lags=(1,), conformal_windows=2).fit(known)
    short = known_of(panel(*sales(days=8)), horizon=6)
    with pytest.raises(InputError, match="no series is long enough at 2025-01-02 to learn a forecast 2 periods ahead"):
        LightGBM(lags=(1,)).fit(short)


def test_a_parameter_that_lightgbm_does_not_have_is_named_with_the_nearest():
    model = LightGBM(lags=(1,), params=(("n_estimatrs", 7), ("num_leaves", 5), ("tweedie_variance_power", 1.2)))
    assert [str(f) for f in model.lacking([], ["y"], [])] == [
        "forecasters: LightGBM has no parameter 'n_estimatrs'; did you mean 'n_estimators'?"
    ]
