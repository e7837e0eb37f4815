"""Laws of the estimate of hidden demand."""

import numpy as np
import pandas as pd
import pytest

from backtest import FilledStockouts, History, RollingWindows, backtest, fill_hidden


def long(y, in_stock, uid="a"):
    return pd.DataFrame({"unique_id": uid, "y": np.array(y, float), "in_stock": np.array(in_stock, float)})


def test_stockout_takes_the_mean_of_the_last_stocked_periods():
    filled = fill_hidden(long([2, 4, 6, 8, 0, 10], [1, 1, 1, 1, 0, 1]), periods=3)
    assert filled["y"].tolist() == [2, 4, 6, 8, 6, 10]


def test_sales_above_the_estimate_are_kept():
    assert fill_hidden(long([2, 2, 7], [1, 1, 0.5]))["y"].tolist() == [2, 2, 7]


def test_series_do_not_mix():
    both = pd.concat([long([9, 9], [1, 1]), long([0, 3], [0, 1], "b")], ignore_index=True)
    assert fill_hidden(both)["y"].tolist() == [9, 9, 3, 3]


def test_start_is_filled_from_later_only_where_looking_ahead_is_allowed():
    start = long([0, 0, 5, 7], [0, 0, 1, 1])
    assert fill_hidden(start)["y"].tolist() == [5, 5, 5, 7]
    assert fill_hidden(start, look_ahead=False)["y"].tolist() == [0, 0, 5, 7]


def test_without_looking_ahead_no_value_depends_on_a_later_one():
    rng = np.random.default_rng(1)
    y, stocked = rng.poisson(5, 40), rng.random(40) < 0.6
    before = fill_hidden(long(y, stocked), look_ahead=False)["y"]
    after = fill_hidden(long(np.r_[y[:20], y[20:] + 9], np.r_[stocked[:20], ~stocked[20:]]), look_ahead=False)["y"]
    assert before[:20].tolist() == after[:20].tolist()


def test_series_that_was_never_in_stock_keeps_its_sales():
    assert fill_hidden(long([0, 1], [0, 0]))["y"].tolist() == [0, 1]


def test_history_without_flags_is_left_alone():
    frame = long([1, 2], [1, 1]).drop(columns="in_stock")
    assert fill_hidden(frame) is frame


class _Mean:
    """Forecasts the mean of what it was trained on."""

    def fit(self, known):
        self.level = known.history["y"].mean()
        return self

    def predict(self, known):
        return known.future[["unique_id", "ds"]].assign(forecast=self.level)


def test_forecaster_trains_on_filled_history():
    calendar = pd.date_range("2026-01-05", periods=6, freq="W-MON")
    history = History.of(long([4, 4, 0, 4, 4, 4], [1, 1, 0, 1, 1, 1]).assign(ds=calendar))
    windows = RollingWindows(horizon=1)
    for forecaster, level in ((_Mean(), 3.2), (FilledStockouts(_Mean()), 4.0)):
        made = backtest(history, {"mean": forecaster}, windows=windows).forecasts
        assert made["forecast"].tolist() == pytest.approx([level])
