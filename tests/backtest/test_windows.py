"""Laws of rolling windows."""

import pandas as pd
import pytest

from backtest import InputError, RollingWindows

WEEKS = pd.date_range("2025-01-06", periods=60, freq="W-MON")


def test_last_horizon_ends_with_the_history():
    spans = RollingWindows(horizon=4, step=2, n_windows=3).over(WEEKS)
    assert spans[-1].steps[-1] == WEEKS[-1]
    assert [w.cutoff for w in spans] == [WEEKS[51], WEEKS[53], WEEKS[55]]


def test_steps_follow_the_cutoff():
    for w in RollingWindows(horizon=3, n_windows=5).over(WEEKS):
        assert w.steps.tolist() == (w.cutoff + pd.to_timedelta([7, 14, 21], unit="D")).tolist()


def test_refit_marks_the_cutoff_of_the_model_in_use():
    spans = RollingWindows(horizon=1, n_windows=5, refit=2).over(WEEKS)
    assert [w.fitted_at == w.cutoff for w in spans] == [True, False, True, False, True]
    assert spans[3].fitted_at == spans[2].cutoff


def test_last_cutoff_may_forecast_beyond_the_history():
    spans = RollingWindows(horizon=4, n_windows=2, last_cutoff=WEEKS[-2]).over(WEEKS)
    assert spans[-1].cutoff == WEEKS[-2]
    assert spans[-1].steps[-1] == WEEKS[-1] + pd.Timedelta(weeks=3)


def test_horizon_longer_than_the_history_is_refused():
    with pytest.raises(
        InputError, match="horizon=70, n_windows=1, step=1 need 72 periods of history, and there are 60"
    ):
        RollingWindows(horizon=70).over(WEEKS)


def test_bad_counts_are_refused_together():
    with pytest.raises(InputError) as error:
        RollingWindows(horizon=0, step=-1, n_windows=0)
    assert [f.place for f in error.value.faults] == ["windows.horizon", "windows.step", "windows.n_windows"]


def test_unknown_last_cutoff_is_refused():
    with pytest.raises(InputError, match="2025-01-07 is not in the history's calendar"):
        RollingWindows(horizon=1, last_cutoff=pd.Timestamp("2025-01-07")).over(WEEKS)
