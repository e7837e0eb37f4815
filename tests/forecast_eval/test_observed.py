"""Laws of what is scored, and of who is called trending."""

import numpy as np
import pandas as pd
import pytest

from backtest import History, RollingWindows
from forecast_eval.config import Trend
from forecast_eval.economics import Economics
from forecast_eval.scores.observed import observed
from forecast_eval.scores.trending import trending

CALENDAR = pd.date_range("2025-01-06", periods=40, freq="W-MON")
WINDOWS = RollingWindows(horizon=3, n_windows=4, last_cutoff=CALENDAR[-2]).over(CALENDAR)


def history(change=None):
    rng = np.random.default_rng(1)
    long = pd.DataFrame({
        "unique_id": np.repeat(["a", "b"], 40), "ds": np.tile(CALENDAR, 2), "y": rng.poisson(6, 80).astype(float),
        "in_stock": np.tile(np.r_[np.ones(37), 0.5, 1, 1], 2),
    })  # fmt: skip
    static = pd.DataFrame({"unique_id": ["a", "b"], "store": ["S1", "S2"]})
    return History.of(long if change is None else change(long), static=static)


def frame(hidden):
    rows = [
        {"model": "m", "cutoff": w.cutoff, "unique_id": uid, "ds": ds, "forecast": 5.0}
        for w in WINDOWS for uid in ("a", "b") for ds in w.steps
    ]  # fmt: skip
    prices = pd.DataFrame({
        "unique_id": ["a", "a", "b"], "ds": ["2025-01-06", "2025-09-22", "2025-01-06"], "price": [10.0, 12.0, 9.0],
        "unit_cost": 4.0, "holding": 0.5,
    })  # fmt: skip
    marks = np.zeros((4, 2), dtype=bool)
    marks[:, 1] = True
    return observed(pd.DataFrame(rows), history(), Economics.of(prices), hidden_demand=hidden, windows=WINDOWS,
                    trending=marks)  # fmt: skip


def test_hidden_demand_is_left_out_only_where_it_is_masked():
    masked, as_is = frame("masked"), frame("as_is")
    hidden = masked["ds"] == CALENDAR[37]
    assert hidden.sum() > 0
    assert masked.loc[hidden, "demand"].isna().all()
    assert as_is.loc[hidden, "demand"].notna().all()
    pd.testing.assert_frame_equal(masked[~hidden], as_is[~hidden])


def test_steps_beyond_the_history_have_no_demand():
    table = frame("as_is")
    assert (table["demand"].isna() == (table["ds"] > CALENDAR[-1])).all()
    assert table["demand"].isna().sum() == 2 * (2 + 1)


def test_demand_costs_step_and_columns_stand_beside_their_forecast():
    table = frame("as_is").merge(history().frame, on=["unique_id", "ds"])
    assert (table["demand"] == table["y"]).all()
    assert (table["step"] == (table["ds"] - table["cutoff"]).dt.days // 7).all()
    own, late = table["unique_id"] == "a", table["ds"] >= "2025-09-22"
    assert set(table.loc[own & late, "underage"]) == {8.0}
    assert set(table.loc[own & ~late, "underage"]) == {6.0}
    assert set(table.loc[table["unique_id"] == "b", "underage"]) == {5.0}
    assert set(zip(table["unique_id"], table["trend"], table["static.store"], strict=True)) == {
        ("a", "not trending", "S1"), ("b", "trending", "S2"),
    }  # fmt: skip


def boom(long):
    """Sales of the first series jump in the first period after the third cutoff."""
    return long.assign(y=long["y"].mask((long["unique_id"] == "a") & (long["ds"] > WINDOWS[2].cutoff), 300.0))


@pytest.mark.parametrize("base", [20, 100])
def test_trend_class_as_of_a_cutoff_sees_nothing_after_it(base):
    spec = Trend(recent=2, base=base)
    before, after = trending(history(), WINDOWS, spec), trending(history(boom), WINDOWS, spec)
    assert before[:, 0].tolist() == [False, False, False, False]
    assert after[:, 0].tolist() == [False, False, False, True]
    assert np.array_equal(before[:, 1], after[:, 1])
