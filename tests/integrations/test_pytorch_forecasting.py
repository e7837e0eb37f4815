"""The laws of losses.pytorch_forecasting, against the real library."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma

torch = pytest.importorskip("torch")
pytest.importorskip("pytorch_forecasting")

from lightning.pytorch import Trainer  # noqa: E402 - after the check that it is there
from pytorch_forecasting import DecoderMLP, NHiTS, TemporalFusionTransformer, TimeSeriesDataSet  # noqa: E402
from pytorch_forecasting.data import EncoderNormalizer  # noqa: E402
from pytorch_forecasting.metrics import MAE  # noqa: E402

from losses import Newsvendor, UnitCosts  # noqa: E402
from losses.pytorch_forecasting import BusinessLoss, CostColumns  # noqa: E402

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

SERIES, PERIODS, PAST, HORIZON = 12, 80, 16, 2
LEVEL = np.where(np.arange(SERIES) % 2, 100.0, 10.0)
DEAR = np.arange(SERIES) % 4 < 2  # critical ratio .9, the others .2
UNDERAGE, OVERAGE = np.where(DEAR, 9.0, 2.0), np.where(DEAR, 1.0, 8.0)
RAW = {"underage": None, "overage": None}


def demand():
    """Gamma demand without memory: the critical-ratio quantile is known, and levels differ tenfold."""
    return LEVEL[:, None] * np.random.default_rng(0).gamma(4, 0.25, (SERIES, PERIODS))


def frame(y):
    row = np.repeat(np.arange(SERIES), PERIODS)
    step = np.tile(np.arange(PERIODS), SERIES)
    known = {"underage": UNDERAGE[row], "overage": OVERAGE[row], "promo": 1.0 + (step % 3), "weight": LEVEL[row] / 100}
    return pd.DataFrame({"sku": row.astype(str), "step": step, "y": y.ravel(), **known})


def windows(data, *, place="static_reals", scalers=RAW, **arguments):
    # NHiTS fails on static columns alone, so there is a column that changes over time too
    columns = {"time_varying_known_reals": ["promo"], "time_varying_unknown_reals": ["y"]}
    columns[place] = [*columns.get(place, []), "underage", "overage"]
    lengths = {"max_encoder_length": PAST, "min_encoder_length": PAST, "max_prediction_length": HORIZON}
    names = {"time_idx": "step", "target": "y", "group_ids": ["sku"], "target_normalizer": EncoderNormalizer()}
    return TimeSeriesDataSet(data, **names, **lengths, **columns, scalers=scalers, **arguments)


SMALL = {
    NHiTS: {"hidden_size": 16},
    DecoderMLP: {"hidden_size": 16},
    TemporalFusionTransformer: {"hidden_size": 4, "hidden_continuous_size": 4, "attention_head_size": 1},
}


def quiet():
    return {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


def batches(windows, *, train=True, size=128):
    return windows.to_dataloader(train=train, batch_size=size, num_workers=0)


def fitted(windows, loss, model=NHiTS, *, epochs=1, size=128, **arguments):
    torch.manual_seed(0)
    network = model.from_dataset(windows, loss=loss, learning_rate=0.01, log_interval=-1, **SMALL[model], **arguments)
    trainer = Trainer(max_epochs=epochs, enable_checkpointing=False, **quiet())
    trainer.fit(network, batches(windows, size=size), batches(windows, train=False))
    return network, trainer


@pytest.fixture
def watched(monkeypatch):
    """Every call of the loss: forecast, demand, losses."""
    calls = []
    loss = BusinessLoss.loss

    def watch(self, y_pred, target):
        value = loss(self, y_pred, target)
        calls.append([part.detach().clone() for part in (y_pred[..., 0], target, value)])
        return value

    monkeypatch.setattr(BusinessLoss, "loss", watch)
    return calls


def test_value_is_the_money_of_the_newsvendor_times_the_weight():
    forecast, actual = torch.tensor([[[7.0], [1100.0]]]), torch.tensor([[10.0, 1000.0]])
    loss = BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0))
    assert loss(forecast, actual).item() == pytest.approx((24 + 200) / 2)
    assert loss(forecast, (actual, torch.tensor([[3.0, 0.5]]))).item() == pytest.approx((3 * 24 + 0.5 * 200) / 2)


@pytest.mark.parametrize("place", ["static_reals", "time_varying_known_reals"])
@pytest.mark.parametrize("model", [NHiTS, DecoderMLP, TemporalFusionTransformer])
def test_trains_on_money_in_units_at_the_costs_of_the_right_series(watched, model, place):
    y = demand()
    fitted(windows(frame(y), place=place), BusinessLoss(Newsvendor(), CostColumns()), model)
    series_of = {np.float32(value): one for one, row in enumerate(y) for value in row}
    assert len(watched) >= 5
    for forecast, actual, value in watched:
        rows = np.array([series_of[one] for one in actual.numpy().ravel()]).reshape(actual.shape)
        costs = UnitCosts(UNDERAGE[rows], OVERAGE[rows])
        wanted = Newsvendor().value(actual.numpy().astype(float), forecast.numpy().astype(float), costs)
        np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-3)


def test_costs_that_change_over_time_reach_their_own_row(watched):
    data = frame(demand()).assign(underage=lambda rows: rows["y"] * 2, overage=1.0)
    fitted(windows(data, place="time_varying_known_reals"), BusinessLoss(Newsvendor(), CostColumns()))
    for forecast, actual, value in watched:
        costs = UnitCosts(2 * actual.numpy(), 1.0)
        np.testing.assert_allclose(
            value, Newsvendor().value(actual.numpy(), forecast.numpy(), costs), rtol=1e-4, atol=1e-3
        )


def test_static_costs_price_the_backcast_too(watched):
    loss = BusinessLoss(Newsvendor(), CostColumns())
    fitted(windows(frame(demand())), loss, backcast_loss_ratio=0.5)
    assert {actual.shape[1] for _, actual, _ in watched} == {PAST, HORIZON}


def test_costs_of_each_series_move_its_coverage_to_its_critical_ratio():
    data = frame(demand())
    early = windows(data[data["step"] < 56])
    network, _ = fitted(early, BusinessLoss(Newsvendor(), CostColumns()), DecoderMLP, epochs=8, size=32)
    later = batches(windows(data, min_prediction_idx=56), train=False)
    given = network.predict(later, return_index=True, trainer_kwargs=quiet())
    series = given.index["sku"].astype(int).to_numpy()
    covered = gamma(4, scale=0.25).cdf(given.output.numpy() / LEVEL[series][:, None])
    assert covered[DEAR[series]].mean() == pytest.approx(0.9, abs=0.06)
    assert covered[~DEAR[series]].mean() == pytest.approx(0.2, abs=0.06)


def test_a_logged_metric_is_handed_the_costs_as_well(watched):
    metrics = torch.nn.ModuleList([BusinessLoss(Newsvendor(), CostColumns())])
    fitted(windows(frame(demand())), MAE(), logging_metrics=metrics)
    assert watched


def test_a_saved_model_forecasts_the_same_digits(tmp_path):
    data = windows(frame(demand()))
    network, trainer = fitted(data, BusinessLoss(Newsvendor(), CostColumns()))
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    loaded = NHiTS.load_from_checkpoint(tmp_path / "model.ckpt", weights_only=False)
    ours, theirs = (one.predict(batches(data, train=False), trainer_kwargs=quiet()) for one in (loaded, network))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert loaded.loss.costs.given == CostColumns()


def test_cost_columns_that_are_scaled_are_refused():
    data = windows(frame(demand()), scalers={"underage": None})
    with pytest.raises(ValueError, match=r"\['overage'\] are scaled.*scalers=\{'overage': None\}"):
        fitted(data, BusinessLoss(Newsvendor(), CostColumns()))


def test_cost_columns_that_are_missing_are_refused():
    data = windows(frame(demand()))
    with pytest.raises(ValueError, match=r"no cost column \['price'\] among the model's reals"):
        fitted(data, BusinessLoss(Newsvendor(), CostColumns(underage="price")))


def test_costs_that_change_over_time_refuse_to_price_a_backcast():
    data = windows(frame(demand()), place="time_varying_known_reals")
    with pytest.raises(ValueError, match=r"set backcast_loss_ratio=0"):
        fitted(data, BusinessLoss(Newsvendor(), CostColumns()), backcast_loss_ratio=0.5)


def test_the_metric_prints_what_it_is_made_of():
    assert "Newsvendor()" in repr(BusinessLoss(Newsvendor(), UnitCosts(8.0, 2.0)))
