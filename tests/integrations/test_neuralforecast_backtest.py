"""The laws of backtest.adapters.neuralforecast, against the real library."""

import logging
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("neuralforecast")

from backtest import (  # noqa: E402 - after the check that it is there
    Ask,
    FallbackWarning,
    History,
    InputError,
    RollingWindows,
    Settings,
    backtest,
    known_at,
)
from backtest.adapters.neuralforecast import NeuralForecastModel  # noqa: E402
from forecast_eval.config import config_of  # noqa: E402
from forecast_eval.economics import Economics  # noqa: E402
from forecast_eval.forecasters import forecasters_of  # noqa: E402
from losses import Newsvendor, UnitCosts  # noqa: E402
from losses.neuralforecast import BusinessLoss, CostColumns  # noqa: E402

LEVELS = (0.1, 0.9)
PERIODS, SERIES = 60, 5
WEEKS = pd.date_range("2025-01-06", periods=PERIODS, freq="W-MON")
SMALL = (("max_steps", 20), ("input_size", 8), ("num_layers", 1), ("hidden_size", 8))
ALL = {"covariates": ("promo", "event"), "past_covariates": ("weather", "in_stock"), "static": ("size", "store")}
MLP = NeuralForecastModel("MLP", SMALL)
RICH = NeuralForecastModel("MLP", SMALL, **ALL)
TOGETHER = NeuralForecastModel("MLPMultivariate", SMALL, **ALL)


def panel(seed=1):
    rng = np.random.default_rng(seed)
    rows = SERIES * PERIODS
    return pd.DataFrame({
        "unique_id": np.repeat([f"s{i}" for i in range(SERIES)], PERIODS), "ds": np.tile(WEEKS, SERIES),
        "y": rng.poisson(np.repeat([1, 4, 20, 90, 400], PERIODS)).astype(float),
        "in_stock": (rng.random(rows) > 0.1).astype(float), "promo": rng.integers(0, 2, rows).astype(float),
        "event": rng.choice(["", "feast", "fair"], rows), "weather": rng.normal(size=rows),
    })  # fmt: skip


STATIC = pd.DataFrame(
    {"unique_id": [f"s{i}" for i in range(SERIES)], "store": ["A", "B", "A", "B", "A"], "size": [1.0, 2, 3, 4, 5]}
)


def history(long=None):
    return History.of(panel() if long is None else long, static=STATIC, known_future=["promo", "event"])


def known(long=None, *, windows=None, ask=None):
    """What is known at each cutoff of two windows that share a fit."""
    market = history(long)
    spans = (windows or RollingWindows(horizon=3, step=3, n_windows=2)).over(market.calendar)
    return [known_at(market, span, ask or Ask(LEVELS, seed=3)) for span in spans]


def perturbed(after):
    """Everything different after a date, but for what was known ahead."""
    long = panel()
    late = long["ds"] > after
    long.loc[late, "y"] = long.loc[late, "y"] * 9 + 100
    long.loc[late, "in_stock"] = 1 - long.loc[late, "in_stock"]
    long.loc[late, "weather"] += 5
    return long


@pytest.mark.parametrize("model", [RICH, TOGETHER], ids=["series by series", "side by side"])
def test_no_forecast_moves_when_everything_after_its_cutoff_does(model):
    cutoff = known()[0].cutoff
    before, later = known()
    moved, moved_later = known(perturbed(cutoff))
    first, second = model.fit(before), model.fit(moved)
    pd.testing.assert_frame_equal(first.predict(before), second.predict(moved), check_exact=True)
    assert not first.predict(later).equals(second.predict(moved_later))  # the perturbation is seen once it is past


@pytest.mark.parametrize("name", ["covariates", "past_covariates", "static"])
def test_each_kind_of_covariate_is_seen(name):
    now = known()[0]
    alone = replace(MLP, **{name: ALL[name]})
    assert not alone.fit(now).predict(now).equals(MLP.fit(now).predict(now))


def test_known_future_covariate_of_the_step_itself_is_learnt():
    long = panel()
    long["y"] = np.where(long["promo"] == 1, 80.0, 20.0)
    now = known(long, ask=Ask())[0]
    steps = (*SMALL[1:], ("max_steps", 150), ("learning_rate", 0.01))
    model = NeuralForecastModel("MLP", steps, covariates=("promo",))
    promoted = now.future["promo"].to_numpy() == 1
    forecast = model.fit(now).predict(now)["forecast"].to_numpy()
    assert forecast[promoted].min() > forecast[~promoted].max()


@pytest.mark.parametrize("model", [RICH, replace(MLP, distribution="NegativeBinomial")], ids=["quantiles", "samples"])
def test_same_seed_same_bytes_and_another_seed_others(model):
    now = known()[0]
    first = model.fit(now).predict(now)
    np.random.default_rng().random()
    torch.rand(3)
    pd.testing.assert_frame_equal(model.fit(now).predict(now), first, check_exact=True)
    other = replace(now, seed=4)
    assert not model.fit(other).predict(other).equals(first)


def test_random_numbers_of_the_process_stay_as_they_were():
    now = known()[0]
    np.random.seed(5)  # noqa: NPY002 - the global state is what is watched
    torch.manual_seed(5)
    wanted = np.random.rand(), torch.rand(1).item()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    MLP.fit(now).predict(now)
    assert (np.random.rand(), torch.rand(1).item()) == wanted  # noqa: NPY002


@pytest.mark.parametrize("model", [MLP, TOGETHER], ids=["series by series", "side by side"])
def test_a_fitted_network_forecasts_later_cutoffs_from_new_history_and_earlier_ones_again(model):
    first, later = known()
    fitted = model.fit(first)
    made, moved = fitted.predict(first), fitted.predict(later)
    pd.testing.assert_frame_equal(moved[["unique_id", "ds"]], later.wanted())
    assert not np.allclose(moved["forecast"], made["forecast"])
    pd.testing.assert_frame_equal(fitted.predict(first), made, check_exact=True)


def test_rows_are_those_after_the_gap_with_quantiles_in_order_and_nothing_below_zero():
    now = known(windows=RollingWindows(horizon=3, gap=2))[0]
    made = RICH.fit(now).predict(now)
    assert list(made.columns) == ["unique_id", "ds", "forecast", "q0.1", "q0.9"]
    pd.testing.assert_frame_equal(made[["unique_id", "ds"]], now.wanted().reset_index(drop=True))
    assert (made["q0.1"] <= made["q0.9"]).all()
    assert (made.iloc[:, 2:] >= 0).all(axis=None)


def test_point_forecast_is_the_median_where_quantiles_are_wanted():
    now = known(ask=Ask((0.1, 0.5, 0.9)))[0]
    made = MLP.fit(now).predict(now)
    np.testing.assert_array_equal(made["forecast"], made["q0.5"])


def test_without_levels_there_are_points_only():
    now = known(ask=Ask())[0]
    assert list(MLP.fit(now).predict(now).columns) == ["unique_id", "ds", "forecast"]


def test_a_model_of_points_gives_no_quantiles():
    now = known()[0]
    made = NeuralForecastModel("DeepNPTS", (("max_steps", 2), ("input_size", 8))).fit(now).predict(now)
    assert list(made.columns) == ["unique_id", "ds", "forecast"]


def test_sample_paths_are_not_made_up():
    now = known(ask=Ask(LEVELS, paths=5))[0]
    assert not [c for c in MLP.fit(now).predict(now).columns if c.startswith("path")]


@dataclass(frozen=True)
class DearShortages:
    """Costs of every series but the last, whose leftovers are dear; they change after a date."""

    underage: float
    after: pd.Timestamp | None = None

    def at(self, known):
        underage = 1.0 if self.after is not None and known.cutoff > self.after else self.underage
        costs = pd.DataFrame({"underage": underage, "overage": 1.0}, index=known.static.index)
        costs.loc["s4"] = [1.0, 9.0]
        return costs


def businesslike(underage, **change):
    steps = (*SMALL[1:], ("max_steps", 60), ("learning_rate", 0.02))
    loss = partial(BusinessLoss, Newsvendor(), CostColumns())
    return NeuralForecastModel("MLP", steps, loss=loss, costs=DearShortages(underage, **change))


def test_dear_shortages_raise_the_forecast_and_dear_leftovers_lower_it():
    now = known()[0]
    dear, even = (businesslike(underage).fit(now).predict(now) for underage in (19.0, 1.0))
    assert list(dear.columns) == ["unique_id", "ds", "forecast"]
    mean = {name: made.groupby("unique_id")["forecast"].mean() for name, made in (("dear", dear), ("even", even))}
    level = panel().groupby("unique_id")["y"].mean()
    assert (mean["dear"] > mean["even"]).drop("s4").all()
    assert mean["dear"]["s3"] > level["s3"]
    assert mean["even"]["s4"] < level["s4"]


def test_costs_after_the_cutoff_change_nothing_and_those_before_do():
    now = known()[0]
    plain = businesslike(9.0).fit(now).predict(now)
    later = businesslike(9.0, after=now.cutoff)
    before = businesslike(9.0, after=now.cutoff - pd.Timedelta(days=7))
    pd.testing.assert_frame_equal(later.fit(now).predict(now), plain, check_exact=True)
    assert not before.fit(now).predict(now).equals(plain)


@dataclass(frozen=True)
class Dated(DearShortages):
    """Forgets what changes after a cutoff, when it is told to."""

    def as_known(self, cutoff):
        return self if self.after is None or self.after < cutoff else replace(self, after=None)


def test_network_forgets_costs_that_were_not_known_by_a_cutoff():
    model = replace(businesslike(9.0), costs=Dated(9.0, after=WEEKS[40]))
    assert model.as_known(WEEKS[30]) == replace(model, costs=Dated(9.0))
    assert model.as_known(WEEKS[50]) == model
    assert MLP.as_known(WEEKS[30]) == MLP
    plain = businesslike(9.0)
    assert plain.as_known(WEEKS[30]) == plain  # costs that cannot tell stay


CONFIG = {
    "name": "networks",
    "data": {"history": {"path": "sales.csv"}, "economics": {"values": {"holding": 0.2, "goodwill": 1}}},
    "backtest": {"horizon": 3, "windows": 1},
    "forecasters": {
        "net": {
            "kind": "neuralforecast", "model": "MLP", "loss": {"family": "newsvendor"}, "covariates": ["promo"],
            "params": {"max_steps": 60, "learning_rate": 0.02, "input_size": 8, "num_layers": 1, "hidden_size": 8},
        }
    },
    "compare": {"incumbent": "net"},
}  # fmt: skip


def priced(price, late_price):
    """Terms of the series, which change after the cutoff."""
    late = known()[1].cutoff + pd.Timedelta(days=7)
    rows = [(f"s{i}", ds, p) for i in range(SERIES) for ds, p in ((WEEKS[0], price), (late, late_price))]
    terms = pd.DataFrame(rows, columns=["unique_id", "ds", "price"])
    economics = Economics.of(terms.assign(unit_cost=4.0, salvage=3.0, shelf_life=1))
    return forecasters_of(config_of(CONFIG, "c.yaml"), Path(), history=history(), economics=economics)["net"]


def test_config_trains_on_the_prices_that_are_known_at_the_cutoff():
    now = known()[1]
    dear, same, cheap = (priced(*prices) for prices in ((23.0, 23.0), (23.0, 4.5), (5.0, 23.0)))
    forecast = dear.fit(now).predict(now)
    pd.testing.assert_frame_equal(same.fit(now).predict(now), forecast, check_exact=True)
    assert (forecast["forecast"] > cheap.fit(now).predict(now)["forecast"]).mean() > 0.9


def test_one_cost_for_all_needs_no_columns():
    now = known()[0]
    costs = UnitCosts(8.0, 2.0)
    model = replace(MLP, loss=partial(BusinessLoss, Newsvendor(), costs))
    assert (model.fit(now).predict(now)["forecast"] > 0).all()


def test_series_shorter_than_the_input_and_series_that_end_are_learnt_from_and_forecast_if_on_sale():
    long = panel()
    long = long[~((long["unique_id"] == "s1") & (long["ds"] > WEEKS[40]))]
    long = long[~((long["unique_id"] == "s2") & (long["ds"] < WEEKS[-8]))]
    first, later = known(long)
    assert (first.history["unique_id"] == "s2").sum() < 8
    made = RICH.fit(first).predict(later)
    assert set(made["unique_id"]) == {"s0", "s2", "s3", "s4"}
    assert np.isfinite(made.iloc[:, 2:]).all(axis=None)


@pytest.mark.parametrize("model", [MLP, TOGETHER], ids=["series by series", "side by side"])
def test_series_that_is_new_since_the_fit_is_forecast_or_gets_its_mean_and_is_named(model):
    long = panel()
    long = long[~((long["unique_id"] == "s2") & (long["ds"] < WEEKS[-5]))]
    long = long[~((long["unique_id"] == "s1") & (long["ds"] > WEEKS[-6]))]
    first, later = known(long)
    fitted = model.fit(first)
    if model is MLP:
        made = fitted.predict(later)
        assert set(made["unique_id"]) == {"s0", "s2", "s3", "s4"}
    else:
        with pytest.warns(FallbackWarning, match="1 series that MLPMultivariate does not know .* their mean: s2"):
            made = fitted.predict(later)
        known_of_it = later.history.query("unique_id == 's2'")["y"]
        assert made.query("unique_id == 's2'")["q0.9"].tolist() == pytest.approx([known_of_it.quantile(0.9)] * 3)


def test_missing_covariates_take_the_last_value_and_are_counted():
    long = panel()
    long.loc[[7, 8, 70], "weather"] = np.nan
    now = known(long)[0]
    filled = long.assign(weather=long.groupby("unique_id")["weather"].ffill())
    with pytest.warns(FallbackWarning, match="3 of weather"):
        made = RICH.fit(now)
    whole = known(filled)[0]
    pd.testing.assert_frame_equal(made.predict(whole), RICH.fit(whole).predict(whole), check_exact=True)


def test_value_of_a_text_covariate_that_was_never_seen_is_forecast_all_the_same():
    first, _ = known()
    odd = replace(first, future=first.future.assign(event="flood"))
    assert np.isfinite(RICH.fit(first).predict(odd).iloc[:, 2:]).all(axis=None)


def test_training_stops_early_on_the_last_periods():
    now = known()[0]
    patient = (
        *SMALL[1:],
        ("max_steps", 300),
        ("val_check_steps", 5),
        ("early_stop_patience_steps", 1),
        ("learning_rate", 0.05),
    )
    fitted = NeuralForecastModel("MLP", patient, val_size=3).fit(now)
    assert fitted.engine.models[0].train_trajectories[-1][0] < 290


def test_nothing_is_written_or_said(tmp_path, monkeypatch, capfd, recwarn):
    monkeypatch.chdir(tmp_path)
    level = logging.getLogger("pytorch_lightning").level
    now = known()[0]
    RICH.fit(now).predict(now)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    assert logging.getLogger("pytorch_lightning").level == level


def test_a_backtest_runs_it_with_two_workers_as_with_one():
    windows = RollingWindows(horizon=3, step=3, n_windows=2, refit=2)
    made = [
        backtest(
            history(), {"net": RICH, "plain": MLP}, windows=windows, settings=Settings(LEVELS, workers=n)
        ).forecasts
        for n in (1, 2)
    ]
    assert len(made[0]) == 2 * 2 * SERIES * 3
    pd.testing.assert_frame_equal(*made, check_exact=True)


@pytest.mark.parametrize(
    ("model", "change", "message"),
    [
        ("NHIST", {}, "no model 'NHIST'.*did you mean 'NHITS'"),
        ("HINT", {}, "no model 'HINT' that takes plain parameters"),
        ("NHITS", {"params": (("max_step", 3),)}, "NHITS has no parameter 'max_step'; did you mean 'max_steps'"),
        ("NHITS", {"params": (("h", 3),)}, "NHITS: h is set by the backtest"),
        ("NBEATS", {"covariates": ("promo",)}, r"NBEATS takes no covariates, and was given \['promo'\]"),
        ("NBEATS", {"costs": DearShortages(2.0)}, "NBEATS takes no static columns"),
        ("NHITS", {"loss": dict, "distribution": "Poisson"}, "distribution='Poisson' and a loss are both given"),
        ("DeepAR", {}, "DeepAR is trained by likelihood alone"),
        ("DeepNPTS", {"distribution": "Poisson"}, "DeepNPTS forecasts points only"),
        ("NHITS", {"val_size": -1}, "val_size=-1 must be >= 0"),
    ],
)
def test_what_neuralforecast_does_not_have_is_refused_before_anything_runs(model, change, message):
    with pytest.raises(InputError, match=message):
        NeuralForecastModel(model, **change)


def test_all_faults_are_told_together():
    with pytest.raises(InputError) as told:
        NeuralForecastModel("NBEATS", (("max_step", 1), ("h", 2)), static=("size",), val_size=-1)
    assert len(told.value.faults) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covariates": ("promotion",)}, "no known-future covariate 'promotion'; did you mean 'promo'"),
        ({"covariates": ("weather",)}, "no known-future covariate 'weather'"),
        ({"past_covariates": ("wether",)}, "no past covariate 'wether'; did you mean 'weather'"),
        ({"static": ("stores",)}, "no static column 'stores'; did you mean 'store'"),
        ({"covariates": ("promo",), "past_covariates": ("promo",)}, "'promo' is named as a covariate and as a past"),
    ],
)
def test_columns_that_there_are_not_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(MLP, **change).fit(known()[0])


def test_text_is_refused_by_a_model_of_numbers():
    model = NeuralForecastModel("TFT", (("max_steps", 1),), covariates=("event",))
    with pytest.raises(InputError, match=r"TFT takes numbers only, and \['event'\] are text"):
        model.fit(known()[0])
