from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from backtest import History, InputError, Origin, forecasts_of, from_nixtla
from backtest.schemas import dates_of

MONDAYS = pd.date_range("2026-01-05", periods=5, freq="W-MON")


def sales(**columns):
    base = {"unique_id": ["b"] * 5 + ["a"] * 5, "ds": [*MONDAYS, *MONDAYS], "y": np.arange(10.0) + 1}
    return pd.DataFrame(base | columns)


def forecasts(**columns):
    base = {
        "model": "M",
        "cutoff": pd.Timestamp("2026-01-05"),
        "unique_id": ["a", "a", "b"],
        "ds": [*MONDAYS[1:3], MONDAYS[1]],
        "forecast": [3.0, 4.0, 5.0],
        "q0.1": [1.0, 2.0, 3.0],
        "q0.9": [6.0, 7.0, 8.0],
    }
    return pd.DataFrame(base | columns)


def faults(build, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        build(*args, **kwargs)
    return {(f.rule, f.place) for f in caught.value.faults}


def changed(frame, row, column, value):
    out = frame.astype({column: object})
    out.loc[row, column] = value
    return out


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas, lambda f: pl.from_pandas(f).lazy()])
def test_history_is_the_same_from_any_frame(make):
    history = History.of(make(sales()))
    assert history.freq == "W-MON"
    assert history.unique_ids.tolist() == ["a", "b"]
    np.testing.assert_array_equal(history.dense(), [[6.0, 7, 8, 9, 10], [1, 2, 3, 4, 5]])


@pytest.mark.parametrize(
    ("row", "column", "value", "rule"),
    [
        (3, "y", -2.0, "negative-demand"),
        (3, "y", np.inf, "infinite"),
        (3, "y", np.nan, "missing-value"),
        (3, "y", "3x", "not-a-number"),
        (3, "ds", "soon", "not-a-date"),
        (3, "ds", None, "missing-value"),
        (3, "ds", "2026", "not-a-date"),
        (3, "unique_id", None, "missing-value"),
        (3, "in_stock", 1.5, "in-stock-share"),
        (3, "in_stock", None, "missing-value"),
    ],
)
def test_history_fault_has_its_place(row, column, value, rule):
    frame = changed(sales(in_stock=1.0), row, column, value)
    origin = Origin("sales.csv", np.arange(10) + 2)
    assert (rule, f"sales.csv, row {row + 2}, column {column}") in faults(History.of, frame, origin=origin)


def test_bad_date_is_no_gap_beside():
    found = faults(History.of, changed(sales(), 2, "ds", "soon"))
    assert found == {("not-a-date", "history, row 2, column ds")}


def test_history_collects_every_kind():
    frame = changed(sales(), 1, "y", -1.0).drop(index=7)
    frame = pd.concat([frame, frame.iloc[[0]]], ignore_index=True)
    static = pd.DataFrame({"unique_id": ["a"], "store": ["S"]})
    found = faults(History.of, frame, static=static, known_future=["promo"])
    assert found == {
        ("negative-demand", "history, row 1, column y"),
        ("duplicate", "history, row 9, column ds"),
        ("gap", "history, row 7, column ds"),
        ("no-static-row", "static"),
        ("missing-column", "history"),
    }


def test_gap_of_a_single_series_is_a_gap_and_not_an_unknown_frequency():
    days = pd.date_range("2026-01-01", periods=30, freq="D").delete([11, 12])
    frame = pd.DataFrame({"unique_id": "a", "ds": days, "y": 1.0})
    with pytest.raises(InputError, match=r"misses 2 period\(s\) before 2026-01-14"):
        History.of(frame)


def test_dates_off_the_calendar_are_named():
    frame = changed(sales(), 3, "ds", pd.Timestamp("2026-01-27"))
    assert ("off-calendar", "history, row 3, column ds") in faults(History.of, frame, freq="W-MON")


@pytest.mark.parametrize("freq", ["weekly", None])
def test_frequency_that_does_not_fit_is_a_fault(freq):
    frame = sales(ds=[*MONDAYS[:2], "2026-01-13", "2026-03-01", "2026-03-02"] * 2)
    assert ("unknown-frequency", "history, column ds") in faults(History.of, frame, freq=freq)


@pytest.mark.parametrize("column", ["unique_id", "ds", "y"])
def test_missing_column_names_the_nearest(column):
    with pytest.raises(InputError, match=f"column '{column}' is missing.*did you mean '{column}s'"):
        History.of(sales().rename(columns={column: f"{column}s"}))


def test_column_that_stands_twice_is_a_fault():
    frame = pd.concat([sales(), sales()[["y"]]], axis=1)
    assert faults(History.of, frame) == {("duplicate-column", "history")}


def test_number_is_not_a_date():
    assert dates_of(pd.Series([20260105, 7])).isna().all()


def test_date_is_that_of_the_clock_on_the_wall():
    told = pd.Series(["2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"])
    assert dates_of(told).dt.day.tolist() == [29, 30]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas])
def test_forecasts_are_the_same_from_any_frame(make):
    found = forecasts_of(make(forecasts()[::-1]))
    pd.testing.assert_frame_equal(found, forecasts().astype({"cutoff": found["cutoff"].dtype}))


@pytest.mark.parametrize(
    ("row", "column", "value", "rule"),
    [
        (1, "forecast", np.nan, "missing-value"),
        (1, "forecast", "x", "not-a-number"),
        (1, "forecast", np.inf, "infinite"),
        (1, "q0.9", np.nan, "missing-value"),
        (1, "q0.1", 99.0, "crossing-quantiles"),
        (1, "ds", MONDAYS[0], "not-after-cutoff"),
        (1, "ds", MONDAYS[1], "duplicate"),
        (1, "cutoff", "x", "not-a-date"),
    ],
)
def test_forecast_fault_has_its_place(row, column, value, rule):
    origin = Origin("f.csv", np.arange(3) + 2)
    frame = changed(forecasts(), row, column, value)
    assert faults(forecasts_of, frame, origin=origin) == {(rule, f"f.csv, row {row + 2}, column {column}")}


def nixtla():
    return pd.DataFrame({
        "unique_id": ["a", "b"], "ds": MONDAYS[1], "cutoff": MONDAYS[0], "y": [2.0, 3.0],
        "M": [4.0, 5.0], "M-lo-90": [1.0, 2.0], "M-hi-90": [8.0, 9.0], "M-median": [3.0, 4.0],
        "M_ql0.9": [7.0, 8.0], "N_ql0.5": [6.0, 7.0],
    })  # fmt: skip


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas])
def test_names_of_nixtla_are_normalised(make):
    found = forecasts_of(make(nixtla()))
    columns = ["model", "unique_id", "forecast", "q0.05", "q0.5", "q0.9", "q0.95"]
    none = np.nan
    assert found[columns].columns.tolist() == columns
    wanted = [["M", "a", 4.0, 1.0, 3.0, 7.0, 8.0], ["M", "b", 5.0, 2.0, 4.0, 8.0, 9.0],
              ["N", "a", 6.0, none, 6.0, none, none], ["N", "b", 7.0, none, 7.0, none, none]]  # fmt: skip
    pd.testing.assert_frame_equal(found[columns], pd.DataFrame(wanted, columns=columns))


def test_fault_of_nixtla_names_the_column_of_the_file():
    frame = changed(nixtla(), 1, "M-hi-90", "x")
    origin = Origin("f.csv", np.arange(2) + 2)
    assert ("not-a-number", "f.csv, row 3, column M-hi-90") in faults(forecasts_of, frame, origin=origin)


def test_fault_of_keys_is_said_once_for_all_models():
    frame = changed(nixtla(), 1, "ds", "x")
    with pytest.raises(InputError) as caught:
        forecasts_of(frame)
    assert len(caught.value.faults) == 1


def test_unknown_model_of_nixtla_names_the_nearest():
    with pytest.raises(InputError, match="known: M, N"):
        from_nixtla(nixtla(), ["ETS"])


@pytest.mark.parametrize("column", ["unique_id", "ds", "cutoff"])
def test_wide_forecasts_without_a_key_say_which(column):
    with pytest.raises(InputError, match=f"column '{column}' is missing"):
        forecasts_of(nixtla().drop(columns=column))


def test_the_same_quantile_in_two_columns_is_a_fault():
    assert faults(forecasts_of, forecasts(**{"q0.90": 9.0})) == {("duplicate-column", "forecasts")}


@pytest.mark.parametrize("freq", ["D", None])
def test_history_without_rows_is_a_fault(freq):
    assert faults(History.of, sales().iloc[:0], freq=freq) == {("no-rows", "history")}


def test_columns_of_the_contract_come_first():
    frame = sales(promo=1.0)[["promo", "y", "ds", "unique_id"]]
    assert History.of(frame).frame.columns.tolist() == ["unique_id", "ds", "y", "promo"]


def test_bad_date_is_no_unknown_frequency_beside():
    frame = changed(sales().iloc[:3], 1, "ds", "soon")
    assert faults(History.of, frame) == {("not-a-date", "history, row 1, column ds")}


def test_inferred_frequency_is_the_one_that_lacks_the_fewest_periods():
    days = pd.bdate_range("2026-01-05", periods=20).delete(7)
    frame = pd.DataFrame({"unique_id": "a", "ds": days, "y": 1.0})
    assert faults(History.of, frame) == {("gap", "history, row 7, column ds")}


def test_place_in_a_wide_file_is_the_column_of_the_period_but_for_the_id():
    names = (("unique_id", "Store, Product"),)
    origin = Origin("w.csv", np.array([2]), np.array(["2026-01-05"], dtype=object), names)
    assert origin.place(0, "y") == origin.place(0, "ds") == "w.csv, row 2, column 2026-01-05"
    assert origin.place(0, "unique_id") == "w.csv, row 2, column Store, Product"
