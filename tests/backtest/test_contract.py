"""Every forecaster of ours passes the contract; and the contract fails forecasters that are wrong, law by law."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from backtest import FilledStockouts
from backtest.adapters import LightGBM, Precomputed, SeasonalAverage, StatsForecastModel
from backtest.adapters.ensemble import Ensemble
from backtest.adapters.imported import imported
from backtest.adapters.residual_quantiles import ResidualQuantiles
from backtest.faults import Origin
from backtest.testing import ForecasterContract, market_of

SMALL = (("n_estimators", 5), ("min_child_samples", 5))
AVERAGE = SeasonalAverage(window=6, season="none")
NAIVE = StatsForecastModel("SeasonalNaive", (("season_length", 4),))


class TestSeasonalNaive(ForecasterContract):
    forecaster = NAIVE
    quantiles = True


class TestCroston(ForecasterContract):
    forecaster = StatsForecastModel("CrostonSBA")


class TestExponentialSmoothing(ForecasterContract):
    forecaster = StatsForecastModel("AutoETS", (("model", "ZNN"),))
    quantiles = True
    paths = 5


class TestSeasonalAverage(ForecasterContract):
    forecaster = SeasonalAverage(window=6, season="week")


class TestFilledStockouts(ForecasterContract):
    forecaster = FilledStockouts(NAIVE)
    quantiles = True


class TestLightGBM(ForecasterContract):
    forecaster = LightGBM(
        lags=(1, 2, 4), rolling_means=(3,), date_features=("month",), static=("store",),
        past_covariates=("visitors", "in_stock"), quantiles=True, params=SMALL,
    )  # fmt: skip
    quantiles = True


class TestEnsemble(ForecasterContract):
    forecaster = Ensemble(("naive", "average"), weights=(3.0, 1.0))
    members: ClassVar = {"naive": NAIVE, "average": AVERAGE}


class TestResidualQuantiles(ForecasterContract):
    forecaster = ResidualQuantiles("average", windows=4, pool=10)
    members: ClassVar = {"average": AVERAGE}
    quantiles = True
    paths = 5


class TestImported(ForecasterContract):
    forecaster = imported("backtest.adapters:SeasonalAverage", {"window": 6, "season": "none"})


@dataclass(frozen=True)
class Right:
    """Mean of the last four values, with quantiles of the series' own past, for the wrong ones to differ from."""

    local: ClassVar[bool] = True

    def fit(self, known):  # noqa: ARG002 - estimated when it predicts
        return self

    def predict(self, known):
        past = known.active_history().groupby("unique_id")["y"]
        forecast = past.apply(lambda y: y.iloc[-4:].mean())
        out = known.wanted().reset_index(drop=True)
        out["forecast"] = forecast.loc[out["unique_id"]].to_numpy()
        for level in known.levels:
            out[f"q{level:g}"] = past.quantile(level).loc[out["unique_id"]].to_numpy()
        return out


@dataclass(frozen=True)
class Scaled(Right):
    """Knows the mean of the whole market, future included, since it was built."""

    scale: float = 1.0

    def predict(self, known):
        made = super().predict(known)
        return made.assign(forecast=made["forecast"] * self.scale)


class Dice(Right):
    def predict(self, known):
        return super().predict(known).assign(forecast=np.random.default_rng().random())


class Forgetful(Right):
    def predict(self, known):
        return super().predict(known).iloc[1:]


class Crossing(Right):
    def predict(self, known):
        made = super().predict(known)
        return made.assign(**{"q0.1": made["q0.9"], "q0.9": made["q0.1"]})


class OneLevel(Right):
    def predict(self, known):
        return super().predict(known).drop(columns="q0.9")


class OnePath(Right):
    def predict(self, known):
        return super().predict(known).assign(path1=1.0)


@dataclass
class Remembering:
    """Holds what it has seen."""

    seen: list = field(default_factory=list)

    def fit(self, known):
        self.seen.append(known.history["y"].sum())
        return Right()


class Rude(Right):
    def predict(self, known):
        known.history["y"] *= 2
        return super().predict(known)


class ByLabel(Right):
    def predict(self, known):
        made = super().predict(known)
        return made.assign(forecast=made["forecast"] + known.history.index[0])


class OnlyFitted(Right):
    def fit(self, known):
        return AtItsCutoff(known.cutoff, frozenset(known.history["unique_id"]))


@dataclass(frozen=True)
class AtItsCutoff(Right):
    cutoff: pd.Timestamp = None
    series: frozenset = frozenset()

    def predict(self, known):
        if known.cutoff != self.cutoff:
            raise ValueError("fit me first")
        return super().predict(known)


class OnlyOldSeries(Right):
    def fit(self, known):
        return OfTheFit(frozenset(known.history["unique_id"]))


@dataclass(frozen=True)
class OfTheFit(Right):
    series: frozenset = frozenset()

    def predict(self, known):
        made = super().predict(known)
        return made[made["unique_id"].isin(self.series)]


class Impatient(Right):
    def predict(self, known):
        if known.active_history().groupby("unique_id").size().min() < 3:
            raise ValueError("too short")
        return super().predict(known)


class Relative(Right):
    def predict(self, known):
        made = super().predict(known)
        total = known.active_history().groupby("unique_id")["y"].sum().loc[made["unique_id"]].to_numpy()
        with np.errstate(invalid="ignore"):
            return made.assign(forecast=made["forecast"] / total)


class Unsent(Right):
    def __reduce__(self):
        return Scaled, (7.0,)


class Mixing(Right):
    def predict(self, known):
        return super().predict(known).assign(forecast=known.history["y"].mean())


WRONG = {
    "no_forecast_moves_when_everything_after_its_cutoff_does": "leaky",
    "same_seed_gives_the_same_bytes": Dice(),
    "every_wanted_row_is_forecast_once_by_a_finite_number": Forgetful(),
    "quantiles_are_those_that_are_wanted_and_do_not_cross": OneLevel(),
    "sample_paths_are_those_that_are_wanted": OnePath(),
    "forecaster_holds_the_same_after_a_fit": Remembering(),
    "what_it_is_handed_is_left_as_it_was": Rude(),
    "index_of_what_it_is_handed_does_not_matter": ByLabel(),
    "fitted_model_can_be_asked_at_a_later_cutoff": OnlyFitted(),
    "series_that_starts_after_the_fit_is_forecast": OnlyOldSeries(),
    "short_series_is_forecast": Impatient(),
    "series_that_never_sold_is_forecast": Relative(),
    "forecaster_travels_to_another_process": Unsent(),
    "local_forecaster_forecasts_each_series_the_same_by_itself": Mixing(),
}
ARGUMENTS = {"every_wanted_row_is_forecast_once_by_a_finite_number": (2,), "short_series_is_forecast": (2,)}


def passes(law, one):
    class Contract(ForecasterContract):
        quantiles = True
        paths = 0 if isinstance(one, Right) and type(one) is Right else 2

        def make(self, history):
            return Scaled(history.frame["y"].mean()) if one == "leaky" else one

    getattr(Contract(), f"test_{law}")(*ARGUMENTS.get(law, ()))
    return True


@pytest.mark.parametrize("law", WRONG)
def test_contract_fails_a_wrong_forecaster(law):
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        passes(law, WRONG[law])


def test_contract_fails_quantiles_that_cross():
    with pytest.raises(pytest.fail.Exception, match=r"break the contract: .* is above"):
        passes("quantiles_are_those_that_are_wanted_and_do_not_cross", Crossing())


def test_every_law_has_a_wrong_forecaster_that_fails_it():
    laws = {name.removeprefix("test_") for name in vars(ForecasterContract) if name.startswith("test_")}
    assert laws == set(WRONG)


@pytest.mark.parametrize("law", [law for law in WRONG if law != "sample_paths_are_those_that_are_wanted"])
def test_the_right_forecaster_passes(law):
    assert passes(law, Right())


def test_leak_is_named_in_the_message():
    with pytest.raises(AssertionError, match=r"leaks: targets \(\d+ rows moved, by up to"):
        passes("no_forecast_moves_when_everything_after_its_cutoff_does", "leaky")


def test_failure_shows_where_it_was_raised():
    with pytest.raises(pytest.fail.Exception, match=r"it failed at cutoff .*too short(.|\n)*in predict"):
        passes("short_series_is_forecast", Impatient())


def test_forecasts_made_elsewhere_are_not_called_clean():
    made = pd.DataFrame({"model": ["x"], "cutoff": [pd.Timestamp("2026-01-05")]})
    with pytest.raises(AssertionError, match="cannot be probed: its forecasts were made elsewhere"):
        passes("no_forecast_moves_when_everything_after_its_cutoff_does", Precomputed(made, Origin("x.csv")))


def test_market_has_what_the_laws_need():
    market = market_of()
    last, first = market.frame.groupby("unique_id")["ds"].agg(["max", "min"]).T.to_numpy()
    assert last.min() < market.calendar[-1]
    assert first.max() > market.calendar[0]
    assert market.past_only == ("visitors",)
    assert market.known_future == ("promo", "rain")
    assert len(market.vintages) == 1
