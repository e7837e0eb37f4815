"""The laws of losses.neuralforecast, against the real library."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma

torch = pytest.importorskip("torch")
pytest.importorskip("neuralforecast")

from neuralforecast import NeuralForecast  # noqa: E402 - after the check that it is there
from neuralforecast.losses.pytorch import MAE, QuantileLoss  # noqa: E402
from neuralforecast.models import GRU, MLP, NHITS, MLPMultivariate  # noqa: E402

from losses import Newsvendor, SmoothNewsvendor, UnitCosts  # noqa: E402
from losses.neuralforecast import BusinessLoss, CostColumns, register  # noqa: E402

SERIES, PERIODS, HORIZON = 24, 80, 2
NAMES = np.array([f"sku{i:02d}" for i in range(SERIES)])
LEVEL = np.where(np.arange(SERIES) % 2, 1000.0, 10.0)
DEAR = np.arange(SERIES) % 4 < 2  # critical ratio .9, the others .2
UNDERAGE, OVERAGE = np.where(DEAR, 9.0, 2.0), np.where(DEAR, 1.0, 8.0)
COSTS = pd.DataFrame({"unique_id": NAMES, "underage": UNDERAGE, "overage": OVERAGE})
OWN_COSTS = {"loss": BusinessLoss(Newsvendor(), CostColumns()), "stat_exog_list": ["underage", "overage"]}


def demand():
    """Gamma demand without memory: the critical-ratio quantile is known, and levels differ a hundredfold."""
    return LEVEL[:, None] * np.random.default_rng(0).gamma(4, 0.25, (SERIES, PERIODS))


def frame(y):
    days = np.tile(pd.date_range("2024-01-01", periods=PERIODS), SERIES)
    return pd.DataFrame({"unique_id": np.repeat(NAMES, PERIODS), "ds": days, "y": y.ravel()})


def forecaster(model=MLP, **arguments):
    small = {} if model in (GRU, NHITS) else {"num_layers": 1, "hidden_size": 16}
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    training = {"max_steps": 3, "val_check_steps": 3, "windows_batch_size": 64, "scaler_type": "standard"}
    made = model(**{"h": HORIZON, "input_size": 8, "alias": "ours", **small, **quiet, **training, **arguments})
    return NeuralForecast([made], "D")


def trained(fitted):
    return fitted.models[0]


def money(y, forecast, costs):
    return Newsvendor().value(y, forecast, costs).mean()


@pytest.fixture
def watched(monkeypatch):
    """Every call of the loss: demand, forecast, mask, mean cost."""
    calls = []
    forward = BusinessLoss.forward

    def watch(self, y, distr_args, mask=None):
        value = forward(self, y, distr_args, mask)
        calls.append([part.detach().clone() for part in (y, distr_args, mask, value)])
        return value

    monkeypatch.setattr(BusinessLoss, "forward", watch)
    return calls


def batch():
    """Three windows of two periods; one period is unknown."""
    y = torch.tensor([[[10.0], [float("nan")]], [[1200.0], [900.0]], [[7.0], [7.5]]])
    forecast = torch.tensor([[[7.0], [3.0]], [[1000.0], [1100.0]], [[9.0], [2.0]]], requires_grad=True)
    return y, forecast, (~y.isnan()).float()


def test_equals_neuralforecasts_pinball_at_costs_tau_and_one_minus_tau():
    y, forecast, mask = batch()
    y = y.nan_to_num(4.0)
    ours = BusinessLoss(Newsvendor(), UnitCosts(0.8, 0.2))(y, forecast, mask)
    assert ours.item() == pytest.approx(QuantileLoss(0.8)(y=y, y_hat=forecast, mask=mask).item(), rel=1e-6)


def test_unknown_demand_under_a_zero_mask_has_no_value_and_no_gradient():
    y, forecast, mask = batch()
    value = BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0))(y, forecast, mask)
    value.backward()
    assert value.item() == pytest.approx((8 * 3 + 8 * 200 + 2 * 200 + 2 * 2 + 8 * 5.5) / 5)
    np.testing.assert_allclose(forecast.grad.squeeze(-1), np.array([[-8, 0], [-8, 2], [2, -8]]) / 5)


@pytest.mark.parametrize("scaler", ["standard", "robust", "invariant"])
@pytest.mark.parametrize(
    ("model", "extra"),
    [(MLP, {}), (MLPMultivariate, {"n_series": SERIES}), (GRU, {"encoder_hidden_size": 4, "recurrent": True})],
)
def test_trains_on_money_in_units_at_the_costs_of_the_right_series(watched, model, extra, scaler):
    y = demand()
    forecaster(model, scaler_type=scaler, **OWN_COSTS, **extra).fit(frame(y), static_df=COSTS)
    owner = {np.float32(value): series for series, row in enumerate(y) for value in row}
    assert len(watched) >= 3
    for actual, forecast, mask, value in watched:
        known = mask.numpy() > 0
        series = np.array([owner[one] for one in actual.numpy()[known]])  # fails if demand is not in units
        costs = UnitCosts(UNDERAGE[series], OVERAGE[series])
        wanted = money(actual.numpy()[known].astype(float), forecast.numpy()[known].astype(float), costs)
        assert value.item() == pytest.approx(wanted, rel=1e-5)


def test_the_networks_output_becomes_units_by_the_windows_scale_and_level():
    output, level, scale = torch.tensor([[[0.5], [-1.0]]]), torch.tensor([[[100.0]]]), torch.tensor([[[20.0]]])
    forecast = BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0)).scale_decouple(output, level, scale)
    torch.testing.assert_close(forecast, torch.tensor([[[110.0], [80.0]]]))


@pytest.mark.parametrize("scaler", ["standard", "robust"])
def test_validation_loss_is_the_money_of_the_forecasts_that_come_back(scaler):
    y = demand()
    fitted = forecaster(scaler_type=scaler, **OWN_COSTS)
    fitted.fit(frame(y), static_df=COSTS, val_size=HORIZON)
    before = frame(y).groupby("unique_id").head(PERIODS - HORIZON)
    forecast = fitted.predict(df=before, static_df=COSTS)["ours"].to_numpy().reshape(SERIES, HORIZON)
    wanted = money(y[:, -HORIZON:], forecast, UnitCosts(UNDERAGE[:, None], OVERAGE[:, None]))
    assert trained(fitted).valid_trajectories[-1][1] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("loss", [MAE(), BusinessLoss(SmoothNewsvendor(5.0), UnitCosts(8.0, 2.0))])
def test_as_valid_loss_of_another_loss_it_is_money_in_units(loss):
    y = demand()
    fitted = forecaster(loss=loss, valid_loss=BusinessLoss(Newsvendor(), UnitCosts(3.0, 7.0)))
    fitted.fit(frame(y), val_size=HORIZON)
    before = frame(y).groupby("unique_id").head(PERIODS - HORIZON)
    forecast = fitted.predict(df=before)["ours"].to_numpy().reshape(SERIES, HORIZON)
    wanted = money(y[:, -HORIZON:], forecast, UnitCosts(3.0, 7.0))
    assert trained(fitted).valid_trajectories[-1][1] == pytest.approx(wanted, rel=1e-5)


def coverage(forecast, which):
    """Mean probability that demand of these series does not exceed its forecast: no noise from the demand itself."""
    ratio = forecast["ours"].to_numpy().reshape(SERIES, -1) / LEVEL[:, None]
    return gamma(4, scale=0.25).cdf(ratio[which]).mean()


def test_costs_of_each_series_move_its_coverage_to_its_critical_ratio():
    fitted = forecaster(max_steps=200, learning_rate=0.01, num_lr_decays=3, windows_batch_size=256, **OWN_COSTS)
    forecast = fitted.cross_validation(frame(demand()), static_df=COSTS, n_windows=15, step_size=HORIZON)
    assert coverage(forecast, DEAR) == pytest.approx(0.9, abs=0.05)
    assert coverage(forecast, ~DEAR) == pytest.approx(0.2, abs=0.05)


def test_under_local_scalers_the_quantile_stays_right_for_large_and_small_series():
    loss = BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0))
    model = forecaster(max_steps=200, learning_rate=0.01, num_lr_decays=3, windows_batch_size=256, loss=loss).models[0]
    fitted = NeuralForecast([model], "D", local_scaler_type="standard")
    forecast = fitted.cross_validation(frame(demand()), n_windows=15, step_size=HORIZON)
    assert coverage(forecast, LEVEL > 100) == pytest.approx(0.8, abs=0.06)
    assert coverage(forecast, LEVEL < 100) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize(
    "arguments", [OWN_COSTS, {"loss": BusinessLoss(SmoothNewsvendor(0.5), UnitCosts(8.0, 2.0))}], ids=["own", "same"]
)
def test_a_saved_model_forecasts_the_same_digits(tmp_path, arguments):
    fitted = forecaster(NHITS, mlp_units=[[8, 8]] * 3, **arguments)
    fitted.fit(frame(demand()), static_df=COSTS)
    fitted.save(str(tmp_path), overwrite=True)
    loaded = NeuralForecast.load(str(tmp_path))
    pd.testing.assert_frame_equal(loaded.predict(), fitted.predict())
    assert trained(loaded).loss.loss == trained(fitted).loss.loss
    assert trained(loaded).loss.costs == trained(fitted).loss.costs


def test_a_loaded_model_trains_on_at_the_costs_of_its_series(tmp_path, watched):
    y = demand()
    fitted = forecaster(**OWN_COSTS)
    fitted.fit(frame(y), static_df=COSTS)
    fitted.save(str(tmp_path), overwrite=True)
    watched.clear()
    NeuralForecast.load(str(tmp_path)).fit(frame(y), static_df=COSTS, use_init_models=False)
    assert len(watched) >= 3


@dataclass(frozen=True)
class Doubled:
    """A third party's loss."""

    factor: float
    functional = "quantile"

    def value(self, demand, forecast, costs):
        return self.factor * Newsvendor().value(demand, forecast, costs)

    def gradient(self, demand, forecast, costs):
        return self.factor * Newsvendor().gradient(demand, forecast, costs)

    def hessian(self, demand, forecast, costs):
        return self.factor * Newsvendor().hessian(demand, forecast, costs)


def test_a_loss_of_ones_own_is_saved_once_it_is_registered(tmp_path, monkeypatch):
    monkeypatch.setattr("losses.neuralforecast._THIRD_PARTY", {})
    fitted = forecaster(loss=BusinessLoss(Doubled(2.0), UnitCosts(8.0, 2.0)))
    fitted.fit(frame(demand()))
    with pytest.raises(ValueError, match=r"Doubled cannot be saved.*losses\.neuralforecast\.register"):
        fitted.save(str(tmp_path), overwrite=True)
    register(Doubled)
    fitted.save(str(tmp_path), overwrite=True)
    assert trained(NeuralForecast.load(str(tmp_path))).loss._family == Doubled(2.0)


def test_a_copied_model_keeps_its_costs_to_itself():
    fitted = forecaster(**OWN_COSTS)
    fitted.fit(frame(demand()), static_df=COSTS)
    assert copy.deepcopy(trained(fitted)).loss._costs is not trained(fitted).loss._costs


def test_conformal_intervals_of_point_losses_work():
    from neuralforecast.utils import PredictionIntervals

    fitted = forecaster(loss=BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0)))
    fitted.fit(frame(demand()), prediction_intervals=PredictionIntervals())
    assert list(fitted.predict(level=[80]).columns)[2:] == ["ours", "ours-lo-80", "ours-hi-80"]


def test_cost_columns_that_are_not_named_to_the_model_are_refused():
    fitted = forecaster(loss=BusinessLoss(Newsvendor(), CostColumns()), stat_exog_list=["underage"])
    with pytest.raises(ValueError, match=r"no cost column \['overage'\] among stat_exog_list"):
        fitted.fit(frame(demand()), static_df=COSTS)


def test_costs_that_a_static_scaler_changed_are_refused():
    fitted = NeuralForecast(forecaster(**OWN_COSTS).models, "D", local_static_scaler_type="standard")
    with pytest.raises(ValueError, match=r"must be finite and >= 0.*If a scaler stands before the model"):
        fitted.fit(frame(demand()), static_df=COSTS)


def test_costs_as_an_array_are_refused():
    with pytest.raises(ValueError, match=r"underage has shape \(24,\).*CostColumns"):
        BusinessLoss(Newsvendor(), UnitCosts(UNDERAGE, OVERAGE))
