"""Laws of residual quantiles: calibrated at every level of demand, taught by the past only, courses that stay whole."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest

from backtest import FallbackWarning, History, InputError, Known, RollingWindows, Settings, backtest
from backtest.adapters.error_distribution import ErrorDistribution
from backtest.adapters.residual_quantiles import ResidualQuantiles
from backtest.derived import Derived, Made

LEVELS = (0.1, 0.5, 0.9)
STEPS = 7
START = pd.Timestamp("2026-01-04")


def gamma(rng, mean):
    """Spread grows with the mean, not with its root."""
    return mean * rng.gamma(2.0, 0.5, mean.shape)


def poisson(rng, mean):
    return rng.poisson(mean).astype(float)


def walk(rng, mean):
    """Errors add up from step to step."""
    return np.maximum(mean * (1 + 0.1 * rng.normal(size=mean.shape).cumsum(axis=1)), 0.0)


def market(draw, *, series=400, windows=4, seed=1, low=0.5, every=STEPS):
    """Means known to the forecaster; earlier windows, the one to forecast with its demand, and what is known."""
    rng = np.random.default_rng(seed)
    mean = np.repeat(np.exp(rng.uniform(np.log(low), np.log(500), series))[:, None], STEPS, axis=1)
    made = []
    for k in range(windows + 1):
        cutoff = START + pd.Timedelta(days=every * k)
        dates = pd.date_range(cutoff, periods=STEPS + 1)[1:]
        made.append(pd.DataFrame({
            "model": "point", "cutoff": cutoff, "unique_id": np.repeat([f"s{i:03d}" for i in range(series)], STEPS),
            "ds": np.tile(dates, series), "step": np.tile(np.arange(1, STEPS + 1), series),
            "forecast": mean.ravel(), "y": draw(rng, mean).ravel(),
        }))  # fmt: skip
    now, past = made[-1], pd.concat(made[:-1], ignore_index=True)
    cutoff = now["cutoff"].iloc[0]
    history = past.sort_values(["unique_id", "ds"])[["unique_id", "ds", "y"]].reset_index(drop=True)
    future = now[["unique_id", "ds"]].reset_index(drop=True)
    known = Known(cutoff, history, future, pd.DataFrame(), freq="D", horizon=STEPS, levels=LEVELS)
    return known, past[past["ds"] <= cutoff], now


def derived(known, past, now, **how):
    made = Made(now[["model", "unique_id", "ds", "forecast"]], past)
    return ResidualQuantiles("point", **how).derive(known, made)


def paths_of(out):
    return out[[c for c in out.columns if c.startswith("path")]].to_numpy()


@pytest.mark.parametrize("draw", [gamma, walk])
@pytest.mark.parametrize("level", LEVELS)
def test_new_demand_stays_below_a_quantile_as_often_as_it_says_at_every_level_of_demand(draw, level):
    known, past, now = market(draw, series=1200)
    below = now["y"].to_numpy() <= derived(known, past, now)[f"q{level}"].to_numpy()
    # errors of a walk are alike within a course, so that it takes more of them
    by_size = pd.Series(below).groupby(pd.qcut(now["forecast"], 4, labels=False).to_numpy()).mean()
    np.testing.assert_allclose(by_size, level, atol=0.035 if draw is gamma else 0.05)


def test_quantiles_hold_for_counts_too():
    known, past, now = market(poisson, low=4.0, series=1000)
    out = derived(known, past, now)
    for level in LEVELS:
        assert (now["y"].to_numpy() <= out[f"q{level}"].to_numpy()).mean() == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize(("draw", "power"), [(gamma, 1.0), (poisson, 0.5)])
def test_spread_grows_with_the_forecast_as_errors_do(draw, power):
    known, past, now = market(draw, low=5.0)
    out = derived(known, past, now, bins=1)
    width = np.log(out["q0.9"] - out["q0.1"])
    assert np.polyfit(np.log(out["forecast"]), width, 1)[0] == pytest.approx(power, abs=0.06)


def test_spread_grows_over_the_horizon_as_errors_do():
    known, past, now = market(walk, low=50.0)
    out = derived(known, past, now, bins=1)
    width = ((out["q0.9"] - out["q0.1"]) / out["forecast"]).groupby(now["step"].to_numpy()).mean()
    np.testing.assert_allclose(width / width[1], np.sqrt(np.arange(1, STEPS + 1)), rtol=0.1)


def test_quantile_is_the_past_error_of_conformal_rank():
    known, past, now = market(gamma, series=9, windows=1)
    past = past[past["step"] == 1].assign(forecast=20.0, y=20.0 + np.array([3, -4, 7, 1, -9, 12, 5, -2, 8.0]))
    now = now.assign(forecast=20.0)
    with pytest.warns(FallbackWarning, match=r"no past error of point is known at steps \[2, 3, 4, 5, 6, 7\]"):
        out = derived(replace(known, levels=(0.05, 0.3, 0.85)), past, now, windows=1)
    assert out.loc[0, ["q0.05", "q0.3", "q0.85"]].tolist() == [11.0, 18.0, 32.0]  # ranks 1, 3 and 9 of 9


def test_point_forecast_stays_as_it_is():
    known, past, now = market(gamma, series=60)
    np.testing.assert_array_equal(derived(known, past, now)["forecast"], now["forecast"])


def test_quantiles_are_ordered_and_not_below_zero():
    known, past, now = market(poisson, series=80, low=0.05)
    out = derived(replace(known, levels=(0.01, 0.1, 0.5, 0.9, 0.99)), past, now)
    quantiles = out[[c for c in out.columns if c.startswith("q")]].to_numpy()
    assert quantiles.shape[1] == 5
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles >= 0).all()


def hidden_market(most=2.6, **how):
    """Shelves that hold .2 to `most` times the mean, so that many periods sell out."""
    known, past, now = market(gamma, windows=6, **how)
    stock = past["forecast"] * np.random.default_rng(2).uniform(0.2, most, len(past))
    in_stock = np.where(past["y"] > stock, 0.5, 1.0)
    sold = past.assign(y=np.minimum(past["y"], stock), in_stock=in_stock)
    history = sold.sort_values(["unique_id", "ds"])[["unique_id", "ds", "y", "in_stock"]].reset_index(drop=True)
    return replace(known, history=history), sold, now


@pytest.mark.parametrize("level", LEVELS)
def test_quantiles_hold_for_demand_although_stockouts_hid_it(level):
    known, past, now = hidden_market()
    assert (past["in_stock"] < 1).mean() > 0.3
    below = now["y"].to_numpy() <= derived(known, past, now, windows=6)[f"q{level}"].to_numpy()
    assert below.mean() == pytest.approx(level, abs=0.03)


@pytest.mark.parametrize("hidden", ["fill", "as_is"])
def test_taking_hidden_demand_as_it_looks_or_filled_stocks_too_little(hidden):
    known, past, now = hidden_market()
    below = now["y"].to_numpy() <= derived(known, past, now, windows=6, hidden=hidden)["q0.9"].to_numpy()
    assert below.mean() < 0.84


def test_filled_stockouts_are_the_estimate_of_fill_hidden():
    known, past, now = hidden_market(series=50)
    from backtest.hidden import fill_hidden

    filled = fill_hidden(known.history)[["unique_id", "ds", "y"]]
    whole = past.drop(columns=["y", "in_stock"]).merge(filled, on=["unique_id", "ds"])
    pd.testing.assert_frame_equal(derived(known, past, now, hidden="fill"), derived(known, whole, now))


def test_only_the_newest_windows_of_each_step_teach():
    known, past, now = market(gamma, windows=5, every=2, series=150)
    spoilt = past.copy()
    old = past["cutoff"].rank(method="dense") == 1
    late = past["step"].max()
    spoilt.loc[old & (past["step"] < 3), "y"] *= 50
    how = {"windows": 3}
    pd.testing.assert_frame_equal(derived(known, spoilt, now, **how), derived(known, past, now, **how))
    spoilt.loc[old & (past["step"] == late), "y"] *= 50  # the last step is known of the oldest windows only
    assert not derived(known, spoilt, now, **how).equals(derived(known, past, now, **how))


def test_demand_after_the_cutoff_changes_nothing():
    known, past, now = market(gamma, series=60)
    known = replace(known, paths=20)
    perturbed = now.assign(y=now["y"] * 9 + 100)
    pd.testing.assert_frame_equal(derived(known, past, now), derived(known, past, perturbed), check_exact=True)
    assert not {"y", "in_stock"} & set(derived(known, past, now).columns)


def test_sums_of_paths_have_the_spread_that_sums_of_demand_have():
    known, past, now = market(walk, low=50.0, series=600)
    out = derived(replace(known, paths=200), past, now)
    sums = paths_of(out).reshape(600, STEPS, 200).sum(axis=1)
    demand = now["y"].to_numpy().reshape(600, STEPS).sum(axis=1)
    rank = (sums <= demand[:, None]).mean(axis=1)
    assert np.quantile(rank, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.06)
    alone = paths_of(out).reshape(600, STEPS, 200).var(axis=2).sum(axis=1)
    assert np.median(sums.var(axis=1) / alone) > 3.0  # independent steps would have 1


def test_each_step_of_the_paths_has_the_quantiles():
    known, past, now = market(gamma, series=600)
    out = derived(replace(known, paths=200), past, now)
    for level in LEVELS:
        below = (paths_of(out) <= out[[f"q{level}"]].to_numpy()).mean()
        assert below == pytest.approx(level, abs=0.02)


def test_paths_hold_for_demand_although_stockouts_hid_it():
    known, past, now = hidden_market()
    out = derived(replace(known, paths=100), past, now, windows=6)
    assert np.mean(paths_of(out) <= now[["y"]].to_numpy()) == pytest.approx(0.5, abs=0.03)
    assert np.mean(paths_of(out) > out[["q0.9"]].to_numpy()) == pytest.approx(0.1, abs=0.02)


def test_a_path_is_one_course_of_one_earlier_window():
    known, past, now = market(walk, series=3, windows=1, low=100.0)
    past, now = past.assign(forecast=100.0), now.assign(forecast=100.0)
    out = derived(replace(known, paths=30), past, now, windows=1)
    courses = past.pivot_table(index="unique_id", columns="step", values="y").to_numpy()
    paths = paths_of(out).reshape(3, STEPS, 30).transpose(0, 2, 1).reshape(-1, STEPS)
    distance = np.abs(paths[:, None] - courses[None]).max(axis=2).min(axis=1)
    np.testing.assert_allclose(distance, 0.0, atol=1e-6)


def test_paths_are_joined_where_no_window_is_known_to_its_end():
    known, past, now = market(gamma, series=60, windows=2, every=2)
    assert past["step"].max() == 4
    with pytest.warns(FallbackWarning) as said:
        out = derived(replace(known, paths=10), past, now)
    steps, joined = (str(one.message) for one in said)
    assert steps == "no past error of point is known at steps [5, 6, 7]: they got the spread of the nearest step"
    assert "paths are joined of 4 steps each" in joined
    assert paths_of(out).shape == (60 * STEPS, 10)
    assert np.isfinite(paths_of(out)).all()


def test_same_seed_same_paths_whatever_the_order_of_rows_and_another_seed_others():
    known, past, now = market(gamma, series=60)
    first, again, other = (
        derived(replace(known, paths=5, seed=seed), past.sample(frac=1, random_state=order), now)
        for seed, order in ((3, 1), (3, 2), (4, 1))
    )
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not (paths_of(first) == paths_of(other)).all()


def test_steps_inside_the_gap_are_not_given():
    known, past, now = market(gamma, series=60)
    kept = now[now["step"] > 2]
    past = past[past["step"] > 2].assign(step=lambda rows: rows["step"] - 2)
    out = derived(replace(known, gap=2, paths=4), past, kept)
    pd.testing.assert_frame_equal(out[["unique_id", "ds"]], kept[["unique_id", "ds"]].reset_index(drop=True))


def test_levels_for_which_errors_are_too_few_are_named():
    known, past, now = market(gamma, series=1, windows=1)
    with pytest.warns(FallbackWarning, match=r"levels \[0.9\] lie beyond what the past errors of point tell"):
        out = derived(known, past, now, windows=1)
    largest = (past["y"] - past["forecast"]).max()
    np.testing.assert_allclose(out["q0.9"].max(), out["forecast"].iloc[0] + largest, rtol=0.2)


def test_levels_above_what_stock_ever_allowed_are_named():
    known, past, now = hidden_market(most=1.6)
    with pytest.warns(FallbackWarning, match=r"levels \[0.9\] lie beyond"):
        derived(known, past, now, windows=6)


def test_a_forecaster_without_earlier_windows_is_refused():
    known, past, now = market(gamma, series=5)
    with pytest.raises(ValueError, match="no forecast of 'point' from before this cutoff has met its demand yet"):
        derived(known, past.iloc[:0], now)


def test_it_is_a_derived_forecaster_of_its_member():
    one = ResidualQuantiles("lightgbm", windows=6)
    assert isinstance(one, Derived)
    assert one.members == ("lightgbm",)


@dataclass(frozen=True)
class Level:
    """Forecasts the mean of all that is known."""

    def fit(self, known):  # noqa: ARG002 - it needs none
        return self

    def predict(self, known):
        mean = known.history.groupby("unique_id")["y"].mean()
        return known.wanted().assign(forecast=mean.loc[known.wanted()["unique_id"]].to_numpy())


@dataclass(frozen=True)
class Watched(ResidualQuantiles):
    """Tells of how many earlier cutoffs each step is known at the first cutoff."""

    told: dict = field(default_factory=dict, compare=False)

    def derive(self, known, made):
        self.told.setdefault("steps", made.past.groupby("step")["cutoff"].nunique().to_dict())
        return super().derive(known, made)


@pytest.mark.parametrize(
    "windows",
    [
        RollingWindows(horizon=3, gap=3, n_windows=3),
        RollingWindows(horizon=3, gap=4, n_windows=2, step=2),
        RollingWindows(horizon=28, n_windows=3, step=7),
        RollingWindows(horizon=4, n_windows=2, step=4),
        RollingWindows(horizon=5, gap=1, cutoffs=tuple(pd.to_datetime(["2026-04-10", "2026-04-14"]))),
    ],
    ids=["gap", "gap and step", "horizon beyond step", "no overlap", "cutoffs that are listed"],
)
def test_every_step_has_errors_of_so_many_windows_at_the_first_cutoff_whatever_gap_and_horizon(windows):
    dates = pd.date_range("2026-01-01", periods=120)
    rng = np.random.default_rng(4)
    long = pd.DataFrame({
        "unique_id": np.repeat(list("abcdefgh"), 120), "ds": np.tile(dates, 8), "y": rng.poisson(9.0, 960) * 1.0,
    })  # fmt: skip
    one = Watched("level", windows=3, pool=10)
    made = backtest(History.of(long), {"level": Level(), "it": one}, windows=windows, settings=Settings(levels=(0.2,)))
    steps = one.told["steps"]
    assert list(steps) == list(range(1, windows.horizon + 1))
    assert min(steps.values()) == steps[windows.horizon] == 3  # no more cutoffs than are needed
    assert made.notes == {}


def test_all_counts_below_one_are_refused_together():
    with pytest.raises(InputError) as told:
        ResidualQuantiles("point", windows=0, bins=-1, pool=0)
    assert [fault.what.split("=")[0] for fault in told.value.faults] == ["windows", "bins", "pool"]


@pytest.mark.parametrize(
    "sizes", [(400, 1, 599), (3, 900, 3), (1, 1, 1), (150, 60, 70, 400), (500,), (99, 901), (901, 99)], ids=str
)
def test_no_bin_has_fewer_errors_than_the_pool_even_where_forecasts_tie(sizes):
    forecast = np.repeat(np.arange(1.0, len(sizes) + 1), sizes)
    y = np.random.default_rng(0).poisson(forecast).astype(float)
    past = pd.DataFrame({"step": 1, "forecast": forecast, "y": y, "seen": True})
    errors = ErrorDistribution.of(past, bins=5, pool=100)
    counts = [len(curve.error) for curve in errors.curves]
    assert sum(counts) == sum(sizes)
    assert min(counts) >= 100 or len(counts) == 1
    assert len(errors.edges) == len(counts) - 1
    np.testing.assert_array_equal(np.bincount(errors.bin_of(forecast)), counts)
