"""Calendars, prices, events, weather and plans from files of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtest import InputError, RollingWindows
from backtest.asof import known_at
from backtest.forecaster import Ask
from forecast_eval.config import Data
from forecast_eval.read import read_inputs

SALES = """item,store,city,d_1,d_2,d_3,d_4,d_5
A,S1,Rome,0,3,1,0,2
B,S1,Rome,4,0,2,7,1
A,S2,Oslo,0,0,5,2,6
"""
CALENDAR = """date,d,week,event,snap
2025-12-31,d_0,w0,,0
2026-01-01,d_1,w1,New Year,1
2026-01-02,d_2,w1,,0
2026-01-03,d_3,w1,,1
2026-01-04,d_4,w2,,0
2026-01-05,d_5,w2,Fair,1
2026-01-06,d_6,w2,Fair,0
2026-01-07,d_7,w3,,1
"""
PRICES = """store,item,week,sell_price
S1,A,w1,10
S1,A,w2,8
S1,B,w2,5
S2,A,w1,11
S2,A,w2,12
S2,A,w3,13
"""
PRICES_TABLE = {"path": "prices.csv", "values": ["sell_price"]}
EVENTS_TABLE = {"path": "calendar.csv", "values": ["event", "snap"]}
FILES = {"sales.csv": SALES, "calendar.csv": CALENDAR, "prices.csv": PRICES}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def data(**keys):
    base = {
        "id": ["item", "store"],
        "freq": "D",
        "calendar": {"path": "calendar.csv", "columns": {"ds": "date"}, "period": "d"},
        "history": {"path": "sales.csv", "layout": "wide", "columns": {"city": "city"}},
        "economics": {"values": {"holding": 0.5}},
    }
    return Data.model_validate({name: value for name, value in {**base, **keys}.items() if value is not None})


def read(folder, **keys):
    return read_inputs(data(**keys), folder, 1)


def faults(folder, **keys):
    with pytest.raises(InputError) as caught:
        read(folder, **keys)
    return caught.value.faults


def rules(folder, **keys):
    return {(f.rule, f.place) for f in faults(folder, **keys)}


def edit(path, old, new):
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))


def series(history, uid, column):
    return history.frame.loc[history.frame["unique_id"] == uid, column].tolist()


def test_headers_of_a_wide_file_are_dates_of_the_calendar(folder):
    history = read(folder).history
    assert history.calendar.equals(pd.date_range("2026-01-01", periods=5, freq="D"))
    np.testing.assert_array_equal(history.dense(), [[0, 3, 1, 0, 2], [0, 0, 5, 2, 6], [4, 0, 2, 7, 1]])


def test_a_header_may_be_a_date_beside_a_calendar(folder):
    days = ",".join(f"2026-01-0{k}" for k in range(1, 6))
    (folder / "stock.csv").write_text(f"item,store,{days}\nA,S1,1,1,0.5,1,1\nB,S1,1,1,1,0,1\nA,S2,0,1,1,1,1\n")
    history = read(folder, in_stock={"path": "stock.csv", "layout": "wide"}).history
    np.testing.assert_array_equal(history.dense("in_stock"), [[1, 1, 0.5, 1, 1], [0, 1, 1, 1, 1], [1, 1, 1, 0, 1]])


def test_a_long_file_names_its_periods_as_the_calendar_does(folder):
    wide = read(folder).history
    long = pd.read_csv(folder / "sales.csv").melt(["item", "store", "city"], var_name="d", value_name="y")
    long.drop(columns="city").to_csv(folder / "sales.csv", index=False)
    history = read(folder, history={"path": "sales.csv"}).history
    pd.testing.assert_frame_equal(history.frame, wide.frame)
    edit(folder / "sales.csv", "A,S1,d_2", "A,S1,d_22")
    assert ("not-a-period", "sales.csv, row 5, column d") in rules(folder, history={"path": "sales.csv"})


def test_rows_may_stand_in_any_order(folder):
    wide = read(folder, covariates=[EVENTS_TABLE]).history
    long = pd.read_csv(folder / "sales.csv").melt(["item", "store", "city"], var_name="d", value_name="y")
    long.drop(columns="city").iloc[::-1].to_csv(folder / "sales.csv", index=False)
    history = read(folder, history={"path": "sales.csv"}, covariates=[EVENTS_TABLE]).history
    pd.testing.assert_frame_equal(history.frame, wide.frame)


def test_prices_by_week_meet_sales_by_day(folder):
    history = read(folder, covariates=[PRICES_TABLE]).history
    assert series(history, "A/S1", "sell_price") == [10, 10, 10, 8, 8]
    assert series(history, "A/S2", "sell_price") == [11, 11, 11, 12, 12]
    np.testing.assert_array_equal(series(history, "B/S1", "sell_price"), [np.nan] * 3 + [5, 5])
    assert history.past_only == ("sell_price",)


def test_rows_without_a_price_are_missing_and_counted(folder):
    (note,) = read(folder, covariates=[PRICES_TABLE]).warnings
    assert (note.rule, note.place, note.severity) == ("no-covariate", "prices.csv", "warning")
    assert note.what.startswith("3 of 15 rows")


def test_an_empty_cell_of_words_is_a_word_and_words_may_be_known_ahead(folder):
    history = read(folder, covariates=[EVENTS_TABLE], known_future=["event", "snap"]).history
    assert series(history, "B/S1", "event") == ["New Year", "", "", "", "Fair"]
    assert series(history, "B/S1", "snap") == [1.0, 0.0, 1.0, 0.0, 1.0]
    assert history.known_future == ("event", "snap")
    assert history.ahead["event"].tolist() == ["Fair", ""] * 3


def test_the_name_of_a_period_is_key_enough(folder):
    history = read(folder, covariates=[{"path": "calendar.csv", "values": ["snap"]}]).history
    assert series(history, "A/S1", "snap") == [1, 0, 1, 0, 1]  # that event is empty on some days is no matter


def test_words_of_the_history_itself_may_be_known_ahead(folder):
    rows = ["item,store,ds,y,event", "A,S1,2026-01-01,3,", "A,S1,2026-01-02,1,Fair", "A,S1,2026-01-03,,Fair"]
    (folder / "long.csv").write_text("\n".join(rows))
    history = read(folder, history={"path": "long.csv"}, known_future=["event"]).history
    assert history.frame["event"].tolist() == ["", "Fair"]
    assert history.ahead["event"].tolist() == ["Fair"]


def test_ahead_reaches_as_far_as_every_table(folder):
    known = ["event", "sell_price"]
    history = read(folder, covariates=[EVENTS_TABLE, PRICES_TABLE], known_future=known).history
    assert sorted(history.ahead["ds"].unique()) == list(pd.to_datetime(["2026-01-06", "2026-01-07"]))
    edit(folder / "prices.csv", "S2,A,w3,13\n", "")
    history = read(folder, covariates=[EVENTS_TABLE, PRICES_TABLE], known_future=known).history
    assert history.ahead.columns.tolist() == ["unique_id", "ds", "event", "sell_price"]
    assert history.ahead["ds"].unique().tolist() == [pd.Timestamp("2026-01-06")]
    assert history.ahead.set_index("unique_id")["sell_price"].to_dict() == {"A/S1": 8, "A/S2": 12, "B/S1": 5}
    (window,) = RollingWindows(horizon=1, last_cutoff=history.calendar[-1]).over(history.calendar)
    future = known_at(history, window, Ask()).future
    assert future["event"].tolist() == ["Fair"] * 3
    assert future["sell_price"].tolist() == [8, 12, 5]


def test_a_series_that_ended_has_the_plans_of_the_tables(folder):
    known = ["event", "sell_price"]
    tables = {"covariates": [EVENTS_TABLE, PRICES_TABLE], "known_future": known}
    whole = read(folder, **tables)
    edit(folder / "sales.csv", "4,0,2,7,1", "4,0,2,,")
    cut = read(folder, **tables)
    (window,) = RollingWindows(horizon=3, last_cutoff=pd.Timestamp("2026-01-03")).over(cut.history.calendar)
    pd.testing.assert_frame_equal(known_at(cut.history, window, Ask()).future,
                                  known_at(whole.history, window, Ask()).future)  # fmt: skip
    own = cut.history.ahead.query("unique_id == 'B/S1'")
    assert own["ds"].dt.day.tolist() == [4, 5, 6, 7]
    np.testing.assert_array_equal(own["sell_price"], [5, 5, 5, np.nan])
    assert not [fault for fault in cut.warnings if fault.rule == "no-plan"]


def test_a_table_that_was_kept_for_what_was_sold_is_counted(folder):
    edit(folder / "sales.csv", "4,0,2,7,1", "4,0,2,,")
    edit(folder / "prices.csv", "S1,B,w2,5", "S1,B,w1,5")
    inputs = read(folder, covariates=[PRICES_TABLE], known_future=["sell_price"])
    (note,) = [fault for fault in inputs.warnings if fault.rule == "no-plan-row"]
    assert note.what.startswith("2 of 2 periods after the end of a series have no row: sell_price is missing")
    absent = PRICES_TABLE | {"absent": {"sell_price": 6}}
    inputs = read(folder, covariates=[absent], known_future=["sell_price"])
    assert inputs.history.ahead.query("unique_id == 'B/S1'")["sell_price"].tolist() == [6] * 4
    assert inputs.warnings == ()


LONG = """item,store,ds,y,fair,promo
A,S1,2026-01-01,3,1,4
A,S1,2026-01-02,1,0,5
A,S1,2026-01-03,2,1,6
A,S1,2026-01-04,,1,7
B,S1,2026-01-01,4,1,8
"""


@pytest.mark.parametrize(("own", "planned"), [("fair", {"A/S1": [4], "B/S1": [2, 3, 4]}), ("promo", {"A/S1": [4]})])
def test_tables_and_what_all_series_share_are_plans_together_and_a_covariate_of_the_file_alone_is_not(
    folder, own, planned
):
    (folder / "long.csv").write_text(LONG)
    table = {"path": "snap.csv", "values": ["snap"]}
    pd.read_csv(folder / "calendar.csv")[["d", "snap"]].to_csv(folder / "snap.csv", index=False)
    inputs = read(folder, history={"path": "long.csv"}, covariates=[table], known_future=["snap", own])
    ahead = inputs.history.ahead
    assert ahead.groupby("unique_id")["ds"].agg(lambda days: days.dt.day.tolist()).to_dict() == planned
    assert ("no-plan" in {fault.rule for fault in inputs.warnings}) == (own == "promo")
    if own == "fair":
        own_plans = ahead.query("unique_id == 'B/S1'")
        assert own_plans["fair"].tolist() == [0, 1, 1]
        assert own_plans["snap"].tolist() == [0, 1, 0]


def test_empty_rows_of_the_file_are_filled_by_the_tables(folder):
    (folder / "long.csv").write_text(LONG + "B,S1,2026-01-02,,1,9\nB,S1,2026-01-03,,1,9\nB,S1,2026-01-04,,1,9\n")
    inputs = read(folder, history={"path": "long.csv"}, covariates=[EVENTS_TABLE], known_future=["snap", "promo"])
    own = inputs.history.ahead.query("unique_id == 'B/S1'")
    assert own["snap"].tolist() == [0, 1, 0]
    assert "no-plan" not in {fault.rule for fault in inputs.warnings}


def test_inserted_rows_have_the_plans_of_the_tables(folder):
    (folder / "long.csv").write_text("item,store,ds,y\n" + "".join(
        f"{uid},S1,2026-01-0{day},2\n" for uid, day in [*(("A", k) for k in range(1, 6)), ("B", 1), ("B", 3)]
    ))  # fmt: skip
    inputs = read(folder, history={"path": "long.csv"}, missing_periods="zero",
                  covariates=[EVENTS_TABLE, PRICES_TABLE], known_future=["snap", "sell_price"])  # fmt: skip
    np.testing.assert_array_equal(inputs.history.dense()[1], [2, 0, 2, 0, 0])
    assert series(inputs.history, "B/S1", "snap") == [1, 0, 1, 0, 1]
    assert series(inputs.history, "B/S1", "sell_price")[3:] == [5, 5]


def test_weather_by_city_meets_stores(folder):
    rows = ["town,ds,rain", *(f"{c},2026-01-0{k},{n * k}" for n, c in ((2, "Rome"), (3, "Oslo")) for k in range(1, 6))]
    (folder / "weather.csv").write_text("\n".join(rows))
    table = {"path": "weather.csv", "columns": {"city": "town"}, "values": ["rain"]}
    history = read(folder, covariates=[table]).history
    assert series(history, "A/S1", "rain") == series(history, "B/S1", "rain") == [2, 4, 6, 8, 10]
    assert series(history, "A/S2", "rain") == [3, 6, 9, 12, 15]


def test_absent_rows_have_the_value_that_they_are_said_to_have(folder):
    (folder / "promo.csv").write_text("item,ds,discount,kind\nA,2026-01-02,0.3,flyer\nA,2026-01-04,0.2,\n")
    table = {"path": "promo.csv", "values": ["discount", "kind"], "absent": {"discount": 0, "kind": "none"}}
    inputs = read(folder, covariates=[table])
    assert series(inputs.history, "A/S2", "discount") == [0, 0.3, 0, 0.2, 0]
    assert series(inputs.history, "A/S2", "kind") == ["none", "flyer", "none", "", "none"]
    assert series(inputs.history, "B/S1", "discount") == [0.0] * 5
    assert inputs.warnings == ()
    assert ("absent", "promo.csv") in rules(folder, covariates=[table | {"absent": {"discount": "none"}}])


def test_rows_of_strangers_are_left_out_and_counted(folder):
    (folder / "prices.csv").write_text(PRICES + "S9,A,w1,3\nS9,A,w2,4\nS1,A,w77,5\n")
    notes = [f.what for f in read(folder, covariates=[PRICES_TABLE]).warnings if f.rule == "unused-rows"]
    assert notes == [
        "2 rows have a item/store that is of no series of the history, the first 'A/S9'",
        "1 rows have a week that is not in calendar.csv, the first 'w77'",
    ]


PLAN = """item,ds,as_of,planned
A,2026-01-02,2025-12-20,1
A,2026-01-02,2026-01-01,0
A,2026-01-05,2026-01-01,1
A,2026-01-06,2026-01-04,1
B,2026-01-05,2025-12-01,1
B,2025-12-30,2025-12-01,1
"""


def test_a_plan_counts_from_the_date_when_it_was_made(folder):
    (folder / "plan.csv").write_text(PLAN.replace("as_of", "made"))
    table = {"path": "plan.csv", "values": ["planned"], "as_of": "made"}
    history = read(folder, covariates=[table], known_future=["planned"]).history
    (told,) = history.vintages
    assert (told["unique_id"] == "A/S2").sum() == 4
    assert told["ds"].min() == pd.Timestamp("2026-01-02")  # what is before the history is of no use
    (early,) = RollingWindows(horizon=1, last_cutoff=pd.Timestamp("2025-12-31") + pd.Timedelta(days=2)).over(
        history.calendar
    )
    past = known_at(history, early, Ask()).history.set_index(["unique_id", "ds"])["planned"]
    assert past["A/S1", pd.Timestamp("2026-01-02")] == 0
    late = RollingWindows(horizon=1, last_cutoff=history.calendar[-1]).over(history.calendar)[0]
    future = known_at(history, late, Ask()).future.set_index("unique_id")["planned"]
    assert future[["A/S1", "A/S2"]].tolist() == [1, 1]
    assert np.isnan(future["B/S1"])


def test_a_plan_by_week_is_for_all_its_days(folder):
    (folder / "plan.csv").write_text("store,week,told,planned\nS1,w2,2026-01-01,0.5\n")
    table = {"path": "plan.csv", "values": ["planned"], "as_of": "told"}
    (told,) = read(folder, covariates=[table]).history.vintages
    assert sorted(told["ds"].unique()) == list(pd.date_range("2026-01-04", periods=3))
    assert sorted(told["unique_id"].unique()) == ["A/S1", "B/S1"]


def test_prices_by_week_are_economics_by_day(folder):
    edit(folder / "prices.csv", "S1,B,w2,5", "S1,B,w1,5\nS1,B,w2,5")
    spec = {"path": "prices.csv", "columns": {"price": "sell_price"}, "shares": {"unit_cost": 0.6, "holding": 0.01}}
    inputs = read(folder, economics=spec)
    uids, days = inputs.history.unique_ids, inputs.history.calendar
    prices = np.array([[10, 10, 10, 8, 8], [11, 11, 11, 12, 12], [5, 5, 5, 5, 5]])
    np.testing.assert_array_equal(inputs.economics.field("price", uids, days), prices)
    np.testing.assert_allclose(inputs.economics.field("unit_cost", uids, days), 0.6 * prices)
    np.testing.assert_allclose(inputs.economics.field("holding", uids, days), 0.01 * prices)
    assert (inputs.economics.frame["unique_id"] == "B/S1").sum() == 1  # a price that stays is one row
    assert inputs.warnings == ()


def test_a_first_price_that_comes_late_stands_for_the_time_before_and_is_counted(folder):
    spec = {"path": "prices.csv", "columns": {"price": "sell_price"}, "values": {"holding": 1}}
    inputs = read(folder, economics=spec)
    at = inputs.economics.field("price", np.array(["B/S1"], dtype=object), inputs.history.calendar)
    np.testing.assert_array_equal(at, [[5, 5, 5, 5, 5]])
    (note,) = inputs.warnings
    assert note.rule == "late-price"
    assert note.what.startswith("1 series")


def test_a_name_that_comes_back_holds_in_each_of_its_stretches(folder):
    (folder / "prices.csv").write_text("snap,price\n0,4\n1,3\n")
    inputs = read(folder, economics={"path": "prices.csv", "values": {"holding": 1}})
    at = inputs.economics.field("price", inputs.history.unique_ids, inputs.history.calendar)
    np.testing.assert_array_equal(at, [[3, 4, 3, 4, 3]] * 3)


@pytest.mark.parametrize(
    ("economics", "rule", "place"),
    [
        ({"values": {"price": 9, "unit_cost": 3}, "shares": {"unit_cost": 0.5}}, "given-twice",
         "data.economics.shares"),
        ({"values": {"price": 9}, "shares": {"lead_time": 0.5}}, "unknown-key", "data.economics.shares.lead_time"),
        ({"values": {"unit_cost": 9}, "shares": {"holding": 0.5}}, "missing-key", "data.economics.shares"),
        ({"path": "prices.csv", "columns": {"price": "sell_price", "unit_cost": "sell_price"},
          "shares": {"unit_cost": 0.5}}, "given-twice", "prices.csv"),
        ({"path": "prices.csv", "columns": {"unit_cost": "sell_price"}, "shares": {"holding": 0.5}}, "missing-column",
         "prices.csv"),
    ],
)  # fmt: skip
def test_a_share_is_of_a_price_and_given_once(folder, economics, rule, place):
    assert (rule, place) in rules(folder, economics=economics)


def test_shares_of_a_price_that_holds_for_all(folder):
    inputs = read(folder, economics={"values": {"price": 9}, "shares": {"unit_cost": 0.5, "holding": 0.1}})
    np.testing.assert_allclose(inputs.economics.field("unit_cost", inputs.history.unique_ids), [4.5] * 3)


def test_leading_zeros_are_dropped_if_that_is_wanted(folder):
    edit(folder / "sales.csv", "B,S1,Rome,4,0,2,7,1", "B,S1,Rome,0,0,0,0,0")
    kept = read(folder)
    assert len(kept.history.frame) == 15
    assert kept.warnings == ()
    inputs = read(folder, leading_zeros="drop", covariates=[EVENTS_TABLE])
    np.testing.assert_array_equal(inputs.history.dense(), [[3, 1, 0, 2], [np.nan, 5, 2, 6]])
    assert series(inputs.history, "A/S2", "snap") == [1, 0, 1]
    assert inputs.ids.index.tolist() == inputs.history.unique_ids.tolist() == ["A/S1", "A/S2"]
    (note,) = inputs.warnings
    assert note.what == ("8 rows before the first sale of 2 series are left out, and 1 series that were never sold")


def test_a_fault_has_its_place_where_leading_zeros_are_dropped(folder):
    edit(folder / "sales.csv", "0,0,5,2,6", "0,x,5,-2,6")
    found = rules(folder, leading_zeros="drop")
    assert ("not-a-number", "sales.csv, row 4, column d_2") in found
    assert ("negative-demand", "sales.csv, row 4, column d_4") in found


@pytest.mark.parametrize(
    ("keys", "rule", "place"),
    [
        ({"calendar": {"path": "calendar.csv", "columns": {"ds": "day"}, "period": "d"}}, "missing-column",
         "calendar.csv"),
        ({"calendar": {"path": "calendar.csv", "period": "d"}}, "missing-column", "calendar.csv"),
        ({"calendar": {"path": "calendar.csv", "columns": {"ds": "date"}, "period": "dd"}}, "missing-column",
         "calendar.csv"),
        ({"calendar": {"path": "calendar.csv", "columns": {"ds": "date"}, "period": "week"}}, "duplicate",
         "calendar.csv, row 4, column week"),
        ({"calendar": {"path": "calendar.csv", "columns": {"ds": "week"}, "period": "d"}}, "not-a-date",
         "calendar.csv, row 2, column week"),
        ({"calendar": None}, "not-a-date", "sales.csv, column d_1"),
        ({"covariates": [{"path": "prices.csv", "values": ["price"]}]}, "missing-column", "prices.csv"),
        ({"covariates": [PRICES_TABLE, PRICES_TABLE]}, "given-twice", "data.covariates.1"),
        ({"covariates": [{"path": "prices.csv", "columns": {"y": "sell_price"}, "values": ["y"]}]}, "given-twice",
         "data.covariates.0"),
        ({"covariates": [PRICES_TABLE], "calendar": {"path": "calendar.csv", "columns": {"ds": "date", "wk": "week"},
                                                     "period": "d"}}, "duplicate", "prices.csv, row 3, column store"),
        ({"covariates": [PRICES_TABLE | {"as_of": "week"}]}, "no-key", "prices.csv"),
        ({"covariates": [PRICES_TABLE], "known_future": ["price"]}, "missing-column", "sales.csv"),
    ],
)  # fmt: skip
def test_a_fault_has_its_place(folder, keys, rule, place):
    assert (rule, place) in rules(folder, **keys)


def test_a_header_that_is_not_in_the_calendar_is_one_fault(folder):
    edit(folder / "sales.csv", "d_5", "d_99")
    (fault,) = faults(folder)
    assert (fault.rule, fault.place) == ("not-a-date", "sales.csv, column d_99")
    assert "nor one of d in calendar.csv" in fault.what


@pytest.mark.parametrize(
    ("text", "keys", "rule", "place"),
    [
        ("shop,when,x\nS1,2026-01-01,3\n", {}, "no-key", "other.csv"),
        ("store,ds,x\nS1,1 Jan,3\nS1,2026-01-01,4\n", {}, "not-a-date", "other.csv, row 2, column ds"),
        ("store,ds,x\nS1,2026-01-01,3\nS1,2026-01-01,4\n", {}, "duplicate", "other.csv, row 3, column ds"),
        ("store,ds,x\n,2026-01-01,3\nS1,2026-01-01,4\n", {}, "missing-value", "other.csv, row 2, column store"),
        ("store,ds,x\nS1,2026-01-01,3\nS1,2026-01-02,4 mm\n", {}, "not-a-number", "other.csv, row 3, column x"),
        ("store,ds,x\nS7,2026-01-01,3\n", {}, "no-match", "other.csv"),
        ("store,ds,told,x\nS1,2026-01-01,soon,3\n", {"as_of": "told"}, "not-a-date", "other.csv, row 2, column told"),
        ("store,ds,told,x\nS1,2026-01-01,2025-12-31,3\nS1,2026-01-01,2025-12-31,4\n", {"as_of": "told"}, "duplicate",
         "other.csv, row 3, column told"),
        ("store,ds,x\nS1,2026-01-01,3\n", {"as_of": "told"}, "missing-column", "other.csv"),
    ],
)  # fmt: skip
def test_a_covariates_file_is_refused_once_and_by_its_place(folder, text, keys, rule, place):
    (folder / "other.csv").write_text(text)
    found = faults(folder, covariates=[{"path": "other.csv", "values": ["x"], **keys}], known_future=["x"])
    errors = [f for f in found if f.severity == "error"]
    assert [(f.rule, f.place) for f in errors] == [(rule, place)]


def test_faults_of_all_tables_come_together(folder):
    edit(folder / "prices.csv", "10", "ten")
    edit(folder / "calendar.csv", "2026-01-04,d_4,w2,,0", "2026-01-04,d_4,w2,,nought")
    found = rules(folder, covariates=[PRICES_TABLE, EVENTS_TABLE], economics={"values": {"holding": -1}})
    assert ("not-a-number", "prices.csv, row 2, column sell_price") in found
    assert ("not-a-number", "calendar.csv, row 6, column snap") in found
    assert ("negative-cost", "data.economics.values") in found


def test_absent_names_a_covariate_of_its_table():
    with pytest.raises(ValueError, match="absent names 'rain'"):
        data(covariates=[PRICES_TABLE | {"absent": {"rain": 0}}])


def test_parquet_and_csv_say_the_same(folder):
    spec = {"covariates": [EVENTS_TABLE, PRICES_TABLE], "known_future": ["event", "snap"]}
    text = read(folder, **spec).history
    for name in ("calendar", "prices"):
        pd.read_csv(folder / f"{name}.csv").to_parquet(folder / f"{name}.parquet")
    tables = [{**table, "path": table["path"].replace("csv", "parquet")} for table in (EVENTS_TABLE, PRICES_TABLE)]
    calendar = {"path": "calendar.parquet", "columns": {"ds": "date"}, "period": "d"}
    typed = read(folder, calendar=calendar, covariates=tables, known_future=["event", "snap"]).history
    pd.testing.assert_frame_equal(typed.frame, text.frame)
    pd.testing.assert_frame_equal(typed.ahead, text.ahead)
