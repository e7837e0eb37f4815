"""The laws of losses.darts, against the real library."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma

torch = pytest.importorskip("torch")
pytest.importorskip("darts.models")

from darts import TimeSeries  # noqa: E402 - after the check that it is there
from darts.models import NLinearModel  # noqa: E402

from losses import Newsvendor, UnitCosts  # noqa: E402
from losses.darts import BusinessLoss, CostColumns  # noqa: E402

SERIES, PERIODS, PAST, HORIZON = 12, 120, 12, 2
LEVEL = np.where(np.arange(SERIES) % 2, 100.0, 10.0)
DEAR = np.arange(SERIES) % 4 < 2  # critical ratio .9, the others .2
UNDERAGE, OVERAGE = np.where(DEAR, 9.0, 2.0), np.where(DEAR, 1.0, 8.0)


def demand():
    """Gamma demand without memory: the critical-ratio quantile is known, and levels differ tenfold."""
    return LEVEL[:, None] * np.random.default_rng(0).gamma(4, 0.25, (SERIES, PERIODS))


def series(y, *, statics=True):
    days = pd.date_range("2024-01-01", periods=y.shape[1])
    made = [TimeSeries(times=days, values=row.astype(np.float32)[:, None, None], components=["y"]) for row in y]
    if not statics:
        return made
    # another static covariate stands first: positions must be heeded
    frames = [
        pd.DataFrame({"shelf": [3.0], "underage": [under], "overage": [over]}, dtype=np.float32)
        for under, over in zip(UNDERAGE, OVERAGE, strict=True)
    ]
    return [one.with_static_covariates(frame) for one, frame in zip(made, frames, strict=True)]


def forecaster(loss, **arguments):
    quiet = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    made = {
        "input_chunk_length": PAST,
        "output_chunk_length": HORIZON,
        "n_epochs": 1,
        "batch_size": 128,
        "random_state": 1,
    }
    network = {"shared_weights": False, "use_reversible_instance_norm": True}
    return NLinearModel(loss_fn=loss, pl_trainer_kwargs=quiet, **made, **network, **arguments)


@pytest.fixture
def watched(monkeypatch):
    """Every call of the loss: forecast, demand, value."""
    calls = []
    forward = BusinessLoss.forward

    def watch(self, output, target):
        value = forward(self, output, target)
        calls.append([part.detach().clone() for part in (output, target, value)])
        return value

    monkeypatch.setattr(BusinessLoss, "forward", watch)
    return calls


def owner(y):
    return {np.float32(value): one for one, row in enumerate(y) for value in row}


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_value_is_the_money_of_the_newsvendor(reduction):
    forecast, actual = np.array([[[7.0], [1100.0]]]), np.array([[[10.0], [1000.0]]])
    costs = UnitCosts(8.0, 2.0)
    ours = BusinessLoss(Newsvendor(), costs, reduction=reduction)(torch.tensor(forecast), torch.tensor(actual))
    wanted = Newsvendor().value(actual, forecast, costs)  # 24, 200
    np.testing.assert_allclose(ours, wanted if reduction == "none" else getattr(wanted, reduction)())


def test_trains_on_money_in_units_at_the_costs_of_the_right_series(watched):
    y = demand()
    forecaster(BusinessLoss(Newsvendor(), CostColumns(1, 2))).fit(series(y))
    series_of = owner(y)
    assert len(watched) >= 5
    for forecast, actual, value in watched:
        rows = np.array([series_of[one] for one in actual.numpy().ravel()]).reshape(actual.shape)
        costs = UnitCosts(UNDERAGE[rows], OVERAGE[rows])
        wanted = Newsvendor().value(actual.numpy().astype(float), forecast.numpy().astype(float), costs).mean()
        assert value.item() == pytest.approx(wanted, rel=1e-5)


def test_costs_of_each_series_move_its_coverage_to_its_critical_ratio():
    y, cutoffs = demand(), range(90, PERIODS, HORIZON)
    model = forecaster(BusinessLoss(Newsvendor(), CostColumns(1, 2)), optimizer_kwargs={"lr": 0.03})
    model.fit(series(y[:, :90]), epochs=8)
    past = [one for cutoff in cutoffs for one in series(y[:, :cutoff])]
    forecast = np.array([one.values().ravel() for one in model.predict(HORIZON, series=past)])
    forecast = forecast.reshape(len(cutoffs), SERIES, HORIZON)
    covered = gamma(4, scale=0.25).cdf(forecast / LEVEL[:, None])  # [cutoff, series, horizon]
    assert covered[:, DEAR].mean() == pytest.approx(0.9, abs=0.06)
    assert covered[:, ~DEAR].mean() == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("costs", [UnitCosts(8.0, 2.0), CostColumns(1, 2)], ids=["same", "own"])
def test_sample_weights_of_zero_leave_series_out(costs):
    y = demand()

    def forecasts(of):
        weights = [
            one.with_values(np.full((PERIODS, 1, 1), float(LEVEL[i] > 50), np.float32)) for i, one in enumerate(of)
        ]
        model = forecaster(BusinessLoss(Newsvendor(), costs)).fit(of, sample_weight=weights)
        return model.predict(HORIZON, series=series(y)[0]).values()

    changed = y.copy()
    changed[LEVEL < 50] = changed[LEVEL < 50, ::-1] * 3
    np.testing.assert_array_equal(forecasts(series(y)), forecasts(series(changed)))


def test_a_saved_model_forecasts_the_same_digits(tmp_path):
    y = demand()
    model = forecaster(BusinessLoss(Newsvendor(), CostColumns(1, 2))).fit(series(y))
    model.save(str(tmp_path / "model.pt"))
    loaded = NLinearModel.load(str(tmp_path / "model.pt"))
    ours, theirs = (np.array([f.values() for f in one.predict(HORIZON, series=series(y))]) for one in (loaded, model))
    np.testing.assert_array_equal(ours, theirs)


def test_loaded_weights_train_on_at_the_costs_of_their_series(tmp_path, watched):
    loss, given = BusinessLoss(Newsvendor(), CostColumns(1, 2)), series(demand())
    forecaster(loss).fit(given).save(str(tmp_path / "model.pt"))
    watched.clear()
    again = forecaster(loss)
    again.load_weights(str(tmp_path / "model.pt"))
    again.fit(given)
    assert watched


def test_cost_columns_without_static_covariates_are_refused():
    with pytest.raises(ValueError, match=r"cost columns at \(1, 2\) among 0 static covariates"):
        forecaster(BusinessLoss(Newsvendor(), CostColumns(1, 2))).fit(series(demand(), statics=False))


def test_cost_columns_by_name_are_refused():
    with pytest.raises(ValueError, match=r"positions among the static covariates"):
        BusinessLoss(Newsvendor(), CostColumns())
