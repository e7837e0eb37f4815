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


def test_gap_lies_between_the_cutoff_and_the_first_step():
    (window,) = RollingWindows(horizon=2, gap=3).over(WEEKS)
    assert window.cutoff == WEEKS[54]
    assert window.gap.tolist() == WEEKS[55:58].tolist()
    assert window.steps.tolist() == WEEKS[58:60].tolist()
    assert window.ordered_at == WEEKS[57]


def test_refit_by_time_fits_at_the_first_cutoff_that_is_so_much_later():
    monthly = RollingWindows(horizon=1, n_windows=8, refit="28D").over(WEEKS)
    assert [w.fitted_at == w.cutoff for w in monthly] == [True, False, False, False, True, False, False, False]
    months = RollingWindows(horizon=1, n_windows=8, step=2, refit="MS").over(WEEKS)
    fits = sorted({w.fitted_at for w in months})
    assert len({(f.year, f.month) for f in fits}) == len(fits) > 2


def test_cutoffs_may_be_given():
    given = tuple(WEEKS[k] for k in (20, 24, 33))
    windows = RollingWindows(horizon=2, cutoffs=given)
    assert tuple(w.cutoff for w in windows.over(WEEKS)) == given
    assert windows.spacing(WEEKS) is None
    assert RollingWindows(horizon=2, cutoffs=given[:2]).spacing(WEEKS) == 4


def test_cutoffs_given_twice_over_or_out_of_order_are_refused():
    with pytest.raises(InputError) as error:
        RollingWindows(horizon=2, n_windows=3, step=2, cutoffs=(WEEKS[5], WEEKS[4]))
    assert [f.rule for f in error.value.faults] == ["given-twice", "given-twice", "cutoffs"]
    with pytest.raises(InputError, match="cutoffs=2025-01-06 is the first period"):
        RollingWindows(horizon=2, cutoffs=(WEEKS[0],)).over(WEEKS)


def test_windows_before_the_first_are_as_far_apart():
    windows = RollingWindows(horizon=2, step=3, n_windows=4, refit=2)
    first = windows.over(WEEKS)[0].cutoff
    assert [(first - w.cutoff).days // 7 for w in windows.before(WEEKS, 2)] == [6, 3]
    with pytest.raises(InputError, match="20 earlier windows are needed, and they reach 60 periods"):
        windows.before(WEEKS, 20)
    with pytest.raises(InputError, match="not evenly apart"):
        RollingWindows(horizon=2, cutoffs=tuple(WEEKS[k] for k in (20, 24, 33))).before(WEEKS, 1)


@pytest.mark.parametrize("refit", ["soon", "-7D", "0D"])
def test_refit_that_is_no_period_of_time_is_refused(refit):
    with pytest.raises(InputError, match=f"refit='{refit}' is no period of time"):
        RollingWindows(horizon=1, refit=refit)
