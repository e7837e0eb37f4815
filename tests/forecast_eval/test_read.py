from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import Ask, InputError, RollingWindows, known_at
from forecast_eval.config import Data, EconomicsTable, FileSpec, StateTable
from forecast_eval.files import open_file
from forecast_eval.read import read_economics, read_forecasts, read_history, read_inputs, read_state

LONG = """Store,Product,week,units
0,007,2026-01-05,3
0,007,2026-01-12,4
0,007,2026-01-19,5
1,007,2026-01-05,1
1,007,2026-01-12,0
1,007,2026-01-19,2.5
"""
WIDE = """Store,Product,2026-01-05,2026-01-12,2026-01-19
0,007,3,4,5
1,007,1,0,2.5
"""
STOCK = """Store,Product,2026-01-05,2026-01-12,2026-01-19
0,007,True,False,yes
1,007,1,0.25,NO
"""
STATIC = """Store,Product,Group
0,007,012
1,007,013
"""
PRICES = """Product,price,unit_cost,holding
007,9,4,0.5
"""
STATE = """Store,Product,End,W1,W2
1,007,7,0,3
0,007,4,2,1
"""
IDS = ("Store", "Product")
LONG_TABLE = {"path": "sales.csv", "columns": {"ds": "week", "y": "units"}}
WIDE_TABLE = {"path": "sales.csv", "layout": "wide"}
STATE_TABLE = {"path": "state.csv", "on_hand": "End", "in_transit": ["W1", "W2"]}


def data(**keys):
    base = {"id": IDS, "history": LONG_TABLE, "economics": {"path": "prices.csv"}}
    return Data.model_validate({**base, **keys})


FULL = {
    "history": WIDE_TABLE,
    "in_stock": {"path": "in_stock.csv", "layout": "wide"},
    "static": {"path": "static.csv", "columns": {"store": "Store", "sku": "Product"}},
    "economics": {"path": "prices.csv", "columns": {"sku": "Product"}, "values": {"lead_time": 2}},
    "state": STATE_TABLE,
}


@pytest.fixture
def folder(tmp_path):
    files = {"in_stock.csv": STOCK, "static.csv": STATIC, "prices.csv": PRICES, "state.csv": STATE}
    for name, text in (files | {"sales.csv": LONG}).items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def wide(folder):
    (folder / "sales.csv").write_text(WIDE)
    return folder


def edit(path, old, new):
    text = path.read_text()
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1))


def faults(folder, **keys):
    with pytest.raises(InputError) as caught:
        read_inputs(data(**keys), folder, 1)
    return {(f.rule, f.place) for f in caught.value.faults}


def test_long_and_wide_files_say_the_same(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("wide")
    (other / "sales.csv").write_text(WIDE)
    one, ids = read_history(data(), folder)
    two, _ = read_history(data(history=WIDE_TABLE), other)
    pd.testing.assert_frame_equal(one.frame, two.frame)
    assert one.unique_ids.tolist() == ["0/007", "1/007"]
    np.testing.assert_array_equal(one.dense(), [[3, 4, 5], [1, 0, 2.5]])
    assert ids.loc["1/007"].to_dict() == {"Store": "1", "Product": "007"}


def test_ids_are_static_columns_by_themselves(folder):
    history, _ = read_history(data(), folder)
    assert history.static.to_dict("index")["0/007"] == {"Store": "0", "Product": "007"}


def test_everything_is_read_and_joined(wide):
    inputs = read_inputs(data(**FULL), wide, 1)
    np.testing.assert_array_equal(inputs.history.dense("in_stock"), [[1, 0, 1], [1, 0.25, 0]])
    assert inputs.history.static.loc["1/007", ["store", "sku", "Group"]].tolist() == ["1", "007", "013"]
    assert "Store" not in inputs.history.static
    uids = inputs.history.unique_ids
    np.testing.assert_array_equal(inputs.economics.field("price", uids), [9, 9])
    np.testing.assert_array_equal(inputs.economics.field("lead_time", uids), [2, 2])
    assert inputs.state.on_hand.to_dict() == {"0/007": 4.0, "1/007": 7.0}
    assert inputs.state.in_transit.to_dict("index") == {"0/007": {1: 2.0, 2: 1.0}, "1/007": {1: 0.0, 2: 3.0}}
    assert inputs.demand is None
    assert inputs.warnings == ()


@pytest.mark.parametrize("name", ["sales.csv.gz", "sales.parquet", "sales.parquet.gz", "sales.pq"])
def test_every_format_says_the_same(folder, name):
    text, _ = read_history(data(), folder)
    frame = pd.read_csv(folder / "sales.csv", dtype={"Product": str}, parse_dates=["week"])
    if name.endswith("csv.gz"):
        (folder / name).write_bytes(gzip.compress(LONG.encode()))
    else:
        frame.to_parquet(folder / name, compression="gzip")
        plain = (folder / name).read_bytes()
        (folder / name).write_bytes(gzip.compress(plain) if name.endswith(".gz") else plain)
    other, _ = read_history(data(history=LONG_TABLE | {"path": name}), folder)
    pd.testing.assert_frame_equal(text.frame, other.frame)


def test_row_of_parquet_is_its_record(folder):
    frame = pd.read_csv(folder / "sales.csv", dtype={"Product": str})
    frame["units"] = [3, 4, -5, 1, 0, 2]
    frame.set_index("Store").to_parquet(folder / "sales.parquet")
    found = faults(folder, history=LONG_TABLE | {"path": "sales.parquet"})
    assert found == {("negative-demand", "sales.parquet, row 3, column units")}


def test_whole_numbers_of_parquet_stay_whole_beside_missing_ones(folder):
    pd.DataFrame({"Store": pd.array([7, None], dtype="Int64")}).to_parquet(folder / "ids.parquet")
    assert list(map(str, open_file(folder / "ids.parquet").frame["Store"])) == ["7", "None"]


@pytest.mark.parametrize(
    ("old", "new", "rule", "place"),
    [
        ("0,007,2026-01-12,4", "0,007,2026-01-12,-4", "negative-demand", ", row 3, column units"),
        ("0,007,2026-01-12,4", "0,007,2026-01-12,inf", "infinite", ", row 3, column units"),
        ("0,007,2026-01-12,4", "0,007,2026-01-12,", "missing-value", ", row 3, column units"),
        ("0,007,2026-01-12,4", "0,007,2026-01-12,4 pcs", "not-a-number", ", row 3, column units"),
        ("0,007,2026-01-12,4", "0,007,12.01.2026,4", "not-a-date", ", row 3, column week"),
        ("0,007,2026-01-12,4", "0,007,2026-01-05,4", "duplicate", ", row 3, column week"),
        ("0,007,2026-01-12,4\n", "", "gap", ", row 3, column week"),
        ("0,007,2026-01-12,4", ",007,2026-01-12,4", "missing-value", ", row 3, column Store"),
        ("0,007,2026-01-12,4", "0,007,2026-01-12", "ragged-line", ", row 3"),
        ("0,007,2026-01-12,4", "0,007,2026-01-12,4,4", "ragged-line", ", row 3"),
        ("0,007,2026-01-12,4", "\n\n0,007,2026-01-12,-4", "negative-demand", ", row 5, column units"),
        ("0,007,2026-01-12,4", '0,007,2026-01-12,"4', "not-a-number", ", row 3, column units"),
        ("units", "sold", "missing-column", ""),
        ("Product", "product", "missing-column", ""),
        ("Store,Product,week", "Product,Product,week", "duplicate-column", ""),
    ],
)
def test_long_fault_has_its_place(folder, old, new, rule, place):
    edit(folder / "sales.csv", old, new)
    assert (rule, f"sales.csv{place}") in faults(folder)


@pytest.mark.parametrize(
    ("old", "new", "rule", "place"),
    [
        ("1,007,1,0,", "1,007,1,-2,", "negative-demand", ", row 3, column 2026-01-12"),
        ("1,007,1,0,", "1,007,1,x,", "not-a-number", ", row 3, column 2026-01-12"),
        ("1,007,1,0,", "1,007,1,inf,", "infinite", ", row 3, column 2026-01-12"),
        ("1,007,1,0,", "1,007,1,,", "gap", ", row 3, column 2026-01-19"),
        ("1,007,1,0,", "1,007,1,NA,", "gap", ", row 3, column 2026-01-19"),
        ("1,007,1,0,2.5", "1,007,,,", "no-values", ", row 3"),
        ("1,007,", "0,007,", "duplicate", ", row 3, column Store, Product"),
        ("2026-01-12", "Group", "not-a-date", ", column Group"),
        ("2026-01-12", "2026-01-05T00:00", "duplicate-column", ", column 2026-01-05T00:00"),
    ],
)
def test_wide_fault_has_its_place(wide, old, new, rule, place):
    edit(wide / "sales.csv", old, new)
    assert (rule, f"sales.csv{place}") in faults(wide, history=WIDE_TABLE, freq="W-MON")


def test_absent_cells_do_not_move_the_places_of_others(wide):
    edit(wide / "sales.csv", "0,007,3,4,5", "0,007,,,5")
    edit(wide / "sales.csv", "1,007,1,0,", "1,007,1,-2,")
    assert faults(wide, history=WIDE_TABLE) == {("negative-demand", "sales.csv, row 3, column 2026-01-12")}


def test_mapped_column_of_a_wide_file_is_static(wide):
    edit(wide / "sales.csv", "Product,", "Product,dept,")
    edit(wide / "sales.csv", "0,007,", "0,007,05,")
    edit(wide / "sales.csv", "1,007,", "1,007,06,")
    history, _ = read_history(data(history=WIDE_TABLE | {"columns": {"department": "dept"}}), wide)
    assert history.static["department"].tolist() == ["05", "06"]
    assert len(history.calendar) == 3


def test_series_of_a_wide_file_starts_at_its_first_cell(wide):
    edit(wide / "sales.csv", "0,007,3,", "0,007,,")
    history, _ = read_history(data(history=WIDE_TABLE), wide)
    np.testing.assert_array_equal(history.dense()[0], [np.nan, 4, 5])


@pytest.mark.parametrize(
    ("old", "new", "rule", "place"),
    [
        ("1,007,1,0.25,NO", "1,007,1,perhaps,NO", "not-a-number", ", row 3, column 2026-01-12"),
        ("1,007,1,0.25,NO", "1,007,1,25,NO", "in-stock-share", ", row 3, column 2026-01-12"),
        ("1,007,1,0.25,NO", "1,007,1,,NO", "no-row", ""),
        ("1,007,1,0.25,NO\n", "", "no-row", ""),
        ("2026-01-19", "2026-01-26", "other-calendar", ""),
    ],
)
def test_in_stock_fault_has_its_place(wide, old, new, rule, place):
    edit(wide / "in_stock.csv", old, new)
    assert (rule, f"in_stock.csv{place}") in faults(wide, **FULL)


def test_in_stock_may_be_a_long_file(wide):
    lines = ["Store,Product,ds,there"] + [
        f"{s},007,2026-01-{d},{v}" for s in "01" for d, v in zip(("05", "12", "19"), (1, "no", 0.5), strict=True)
    ]
    (wide / "in_stock.csv").write_text("\n".join(lines))
    table = {"path": "in_stock.csv", "columns": {"in_stock": "there"}}
    history, _ = read_history(data(history=WIDE_TABLE, in_stock=table), wide)
    np.testing.assert_array_equal(history.dense("in_stock"), [[1, 0, 0.5]] * 2)


def test_in_stock_may_be_a_column_of_the_history(folder):
    text = (folder / "sales.csv").read_text().splitlines()
    told = ["in_stock", "TRUE", "False", "0.5", "yes", "no", "1"]
    (folder / "sales.csv").write_text("\n".join(f"{a},{b}" for a, b in zip(text, told, strict=True)))
    history, _ = read_history(data(), folder)
    np.testing.assert_array_equal(history.dense("in_stock"), [[1, 0, 0.5], [1, 0, 1]])
    edit(folder / "sales.csv", "TRUE", "maybe")
    assert faults(folder) == {("not-a-number", "sales.csv, row 2, column in_stock")}


def test_in_stock_of_unknown_series_is_a_warning(wide):
    (wide / "in_stock.csv").write_text(STOCK + "2,007,1,1,1\n")
    (warning,) = read_inputs(data(**FULL), wide, 1).warnings
    assert (warning.rule, warning.what) == ("unused-rows", "3 rows are of no row of the history")


def test_absent_rows_are_inserted_only_if_wanted(folder):
    edit(folder / "sales.csv", "1,007,2026-01-12,0\n", "")
    (folder / "in_stock.csv").write_text(STOCK)
    assert faults(folder) == {("gap", "sales.csv, row 6, column week")}
    inputs = read_inputs(data(missing_periods="zero", in_stock=FULL["in_stock"]), folder, 1)
    np.testing.assert_array_equal(inputs.history.dense()[1], [1, 0, 2.5])
    np.testing.assert_array_equal(inputs.history.dense("in_stock")[1], [1, 0.25, 0])
    assert [(w.rule, w.what) for w in inputs.warnings] == [("rows-inserted", "1 rows inserted with y=0")]
    edit(folder / "in_stock.csv", "1,007,1,0.25,NO", "1,007,1,,NO")
    inputs = read_inputs(data(missing_periods="zero", in_stock=FULL["in_stock"]), folder, 1)
    np.testing.assert_array_equal(inputs.history.dense("in_stock")[1], [1, 1, 0])


def test_absent_rows_are_inserted_up_to_the_calendars_end_and_none_before_the_start(folder):
    edit(folder / "sales.csv", "1,007,2026-01-05,1\n", "")
    edit(folder / "sales.csv", "0,007,2026-01-19,5\n", "")
    history, _ = read_history(data(missing_periods="zero"), folder)
    np.testing.assert_array_equal(history.dense(), [[3, 4, 0], [np.nan, 0, 2.5]])
    (note,) = history.warnings
    assert note.what == "1 rows inserted with y=0, 1 of them after the last row of 1 series"


def test_whether_a_series_sells_again_later_does_not_decide_whether_it_is_known(tmp_path):
    days = pd.date_range("2026-01-01", periods=9, freq="D")
    known = []
    for later in ([], [("a", days[7], 3.0)]):
        rows = [("b", day, 1.0) for day in days] + [("a", day, 2.0) for day in days[:3]] + later
        pd.DataFrame(rows, columns=["unique_id", "ds", "y"]).to_csv(tmp_path / "h.csv", index=False)
        spec = Data.model_validate({"history": {"path": "h.csv"}, "economics": {"values": {"price": 1.0}},
                                    "missing_periods": "zero"})  # fmt: skip
        history, _ = read_history(spec, tmp_path)
        (window,) = RollingWindows(horizon=2, last_cutoff=days[5]).over(history.calendar)
        known.append(known_at(history, window, Ask()))
    pd.testing.assert_frame_equal(known[0].history, known[1].history)
    pd.testing.assert_frame_equal(known[0].future, known[1].future)
    assert known[0].future["unique_id"].unique().tolist() == ["a", "b"]


def test_the_stock_file_says_whether_inserted_rows_were_in_stock(folder):
    edit(folder / "sales.csv", "1,007,2026-01-19,2.5\n", "")
    (folder / "in_stock.csv").write_text(STOCK)
    inputs = read_inputs(data(missing_periods="zero", in_stock=FULL["in_stock"]), folder, 1)
    np.testing.assert_array_equal(inputs.history.dense()[1], [1, 0, 0])
    np.testing.assert_array_equal(inputs.history.dense("in_stock")[1], [1, 0.25, 0])


PLANNED = """store,product,week,units,promo,fair
0,007,2026-01-05,3,0.1,x
0,007,2026-01-12,4,0.2,
0,007,2026-01-19,5,0.3,x
0,007,2026-01-26,,0.4,
1,007,2026-01-05,1,0.5,x
"""


def test_inserted_rows_have_what_all_series_share_and_stop_where_sales_do(tmp_path):
    (tmp_path / "sales.csv").write_text(PLANNED)
    columns = {"store": "store", "product": "product", "ds": "week", "y": "units"}
    spec = Data.model_validate({
        "id": ["store", "product"], "history": {"path": "sales.csv", "columns": columns}, "missing_periods": "zero",
        "known_future": ["promo", "fair"], "economics": {"values": {"price": 1.0}},
    })  # fmt: skip
    history, _ = read_history(spec, tmp_path)
    np.testing.assert_array_equal(history.dense(), [[3, 4, 5], [1, 0, 0]])
    assert history.frame["fair"].tolist() == ["x", "", "x"] * 2
    np.testing.assert_array_equal(history.frame["promo"], [0.1, 0.2, 0.3, 0.5, np.nan, np.nan])
    assert history.ahead["ds"].tolist() == [pd.Timestamp("2026-01-26")]
    notes = {fault.rule: fault.what for fault in history.warnings}
    assert notes["rows-inserted"] == "2 rows inserted with y=0, 2 of them after the last row of 1 series"
    assert notes["no-covariate"] == "2 rows that were inserted have no promo, which shows when nothing was sold"


def test_plans_need_no_stock(tmp_path):
    (tmp_path / "sales.csv").write_text(PLANNED.replace("1,007,2026-01-05,1,0.5,x\n", ""))
    (tmp_path / "stock.csv").write_text("store,product,week,in_stock\n" + "".join(
        f"0,007,2026-01-{day},0.5\n" for day in ("05", "12", "19")
    ))  # fmt: skip
    spec = Data.model_validate({
        "id": ["store", "product"], "known_future": ["promo"], "economics": {"values": {"price": 1.0}},
        "history": {"path": "sales.csv", "columns": {"ds": "week", "y": "units"}},
        "in_stock": {"path": "stock.csv", "columns": {"ds": "week"}},
    })  # fmt: skip
    history, _ = read_history(spec, tmp_path)
    assert len(history.ahead) == 1
    np.testing.assert_array_equal(history.dense("in_stock"), [[0.5, 0.5, 0.5]])


def test_covariate_is_number_or_text_and_known_future_must_be_a_number(folder):
    text = (folder / "sales.csv").read_text().splitlines()
    told = ["promo,event", "1,a", "0,3", ",b", "0.5,", "1,a", "0,c"]
    (folder / "sales.csv").write_text("\n".join(f"{a},{b}" for a, b in zip(text, told, strict=True)))
    history, _ = read_history(data(known_future=["promo"]), folder)
    assert (history.known_future, history.past_only) == (("promo",), ("event",))
    np.testing.assert_array_equal(history.frame["promo"], [1, 0, np.nan, 0.5, 1, 0])
    assert history.frame["event"].tolist() == ["a", "3", "b", None, "a", "c"]
    found = faults(folder, known_future=["event"])
    assert ("not-a-number", "sales.csv, row 2, column event") in found
    assert ("not-a-number", "sales.csv, row 3, column event") not in found


@pytest.mark.parametrize(
    ("old", "new", "rule", "place"),
    [
        ("1,007,013\n", "", "no-static-row", ""),
        ("1,007,013", "0,007,013", "duplicate", ", row 3, column Store, Product"),
        ("Group", "store", "missing-column", ""),
    ],
)
def test_static_fault_has_its_place(wide, old, new, rule, place):
    edit(wide / "static.csv", old, new)
    columns = {"store": "Store", "group": "Group"}
    assert (rule, f"static.csv{place}") in faults(wide, **FULL | {"static": {"path": "static.csv", "columns": columns}})


@pytest.mark.parametrize(
    ("old", "new", "rule", "place"),
    [
        ("007,9,4,0.5", "007,9,-4,0.5", "negative-cost", ", row 2, column unit_cost"),
        ("007,9,4,0.5", "007,9,?,0.5", "not-a-number", ", row 2, column unit_cost"),
        ("007,9,4,0.5", "008,9,4,0.5", "no-economics", ""),
        ("unit_cost", "unitcost", "unknown-column", ""),
        ("holding", "lead_time", "given-twice", ""),
        ("007,9,4,0.5", "007,9,4,0.5\n007,8,4,0.5", "duplicate", ", row 3, column Product"),
    ],
)
def test_economics_fault_has_its_place(wide, old, new, rule, place):
    edit(wide / "prices.csv", old, new)
    assert (rule, f"prices.csv{place}") in faults(wide, **FULL)


def test_price_below_cost_is_a_warning_with_its_place(wide):
    edit(wide / "prices.csv", "007,9,", "007,3,")
    (warning,) = read_inputs(data(**FULL), wide, 1).warnings
    assert (warning.rule, warning.place) == ("price-below-cost", "prices.csv, row 2, column price")


def economics(folder, text, values=None):
    (folder / "prices.csv").write_text(text)
    spec = EconomicsTable(path="prices.csv", values=values or {})
    history, ids = read_history(data(), folder)
    terms = read_economics(spec, folder / "prices.csv", ids=ids, static=history.static)
    return terms.field("price", history.unique_ids).tolist()


def test_economics_by_id_by_static_column_or_for_all(folder):
    assert economics(folder, "Store,Product,price,holding\n0,007,5,1\n1,007,6,1\n2,007,7,1\n") == [5, 6]
    assert economics(folder, "Store,price\n1,6\n0,5\n", {"holding": 1}) == [5, 6]
    assert economics(folder, "price,holding\n4,1\n") == [4, 4]
    assert economics(folder, "ds,price,holding\n2026-01-05,4,1\n2026-01-12,5,1\n") == [5, 5]


def test_economics_without_a_key_say_what_could_be_one(folder):
    with pytest.raises(InputError, match="Store, Product"):
        economics(folder, "price,holding\n4,1\n5,1\n")


def test_every_series_without_economics_is_named(folder):
    with pytest.raises(InputError, match=r"'0/007'.*\n.*'1/007'"):
        economics(folder, "Store,Product,price,holding\n2,007,5,1\n")


def test_faults_of_values_name_the_config(folder):
    spec = {"values": {"holding": -1, "prce": 2}}
    assert faults(folder, economics=spec) == {("unknown-key", "data.economics.values.prce")}
    assert faults(folder, economics={"values": {"holding": -1}}) == {("negative-cost", "data.economics.values")}


@pytest.mark.parametrize(
    ("old", "new", "rule", "place"),
    [
        ("0,007,4,2,1", "0,007,-4,2,1", "negative-stock", ", row 3, column End"),
        ("0,007,4,2,1", "0,007,4,x,1", "not-a-number", ", row 3, column W1"),
        ("0,007,4,2,1", "0,007,4,2,", "missing-value", ", row 3, column W2"),
        ("0,007,4,2,1\n", "", "no-state", ""),
        ("0,007,4,2,1", "1,007,4,2,1", "duplicate", ", row 3, column Store, Product"),
        ("W2", "W3", "missing-column", ""),
    ],
)
def test_state_fault_has_its_place(wide, old, new, rule, place):
    edit(wide / "state.csv", old, new)
    assert (rule, f"state.csv{place}") in faults(wide, **FULL)


def test_state_of_unknown_series_is_left_out_with_a_warning(wide):
    _, ids = read_history(data(history=WIDE_TABLE), wide)
    (wide / "state.csv").write_text(STATE + "2,007,9,9,9\n")
    state = read_state(StateTable.model_validate(STATE_TABLE), wide / "state.csv", ids)
    assert state.on_hand.index.tolist() == ["0/007", "1/007"]
    assert [w.rule for w in state.warnings] == ["unused-rows"]


def test_demand_is_complete_or_a_fault(wide):
    (wide / "demand.csv").write_text(WIDE.replace("2.5", "4"))
    table = {"path": "demand.csv", "layout": "wide"}
    inputs = read_inputs(data(history=WIDE_TABLE, demand=table), wide, 1)
    assert inputs.demand["demand"].tolist() == [3, 4, 5, 1, 0, 4]
    edit(wide / "demand.csv", "1,007,1,0,", "1,007,1,,")
    assert faults(wide, history=WIDE_TABLE, demand=table) == {("no-row", "demand.csv")}
    edit(wide / "demand.csv", "1,007,1,,", "1,007,1,-1,")
    found = faults(wide, history=WIDE_TABLE, demand=table)
    fault = ("negative-demand", "demand.csv, row 3, column 2026-01-12")
    assert found == {fault}
    edit(wide / "sales.csv", "0,007,3", "0,007,x")
    assert fault in faults(wide, history=WIDE_TABLE, demand=table)


def test_faults_of_all_files_come_together(wide):
    edit(wide / "sales.csv", "0,007,3,4", "0,007,-3,four")
    edit(wide / "in_stock.csv", "0,007,True", "0,007,perhaps")
    edit(wide / "static.csv", "1,007,013\n", "")
    edit(wide / "prices.csv", ",0.5", ",-0.5")
    edit(wide / "state.csv", ",7,", ",-7,")
    assert faults(wide, **FULL) == {
        ("negative-demand", "sales.csv, row 2, column 2026-01-05"),
        ("not-a-number", "sales.csv, row 2, column 2026-01-12"),
        ("not-a-number", "in_stock.csv, row 2, column 2026-01-05"),
        ("no-static-row", "static.csv"),
        ("negative-cost", "prices.csv, row 2, column holding"),
        ("negative-stock", "state.csv, row 2, column End"),
    }


def test_faults_of_all_files_come_together_when_one_is_missing(wide):
    for name in ("sales.csv", "in_stock.csv", "static.csv"):
        (wide / name).unlink()
    edit(wide / "prices.csv", ",0.5", ",-0.5")
    edit(wide / "state.csv", ",7,", ",-7,")
    assert faults(wide, **FULL) == {
        ("missing-file", str(wide / "sales.csv")),
        ("missing-file", str(wide / "in_stock.csv")),
        ("missing-file", str(wide / "static.csv")),
        ("negative-cost", "prices.csv, row 2, column holding"),
        ("negative-stock", "state.csv, row 2, column End"),
    }


GARBAGE = {
    "empty": b"",
    "blank": b" \n\n",
    "header only": b"Store,Product,week,units\n",
    "header without end": b"Store,Product,week,units",
    "binary": bytes(range(256)) * 20,
    "nul": b"\x00" * 500,
    "wrong encoding": LONG.replace("007", "Käse").encode("latin-1"),
    "utf-16": LONG.encode("utf-16"),
    "semicolons": LONG.replace(",", ";").encode(),
    "open quote": b'"Store,Product,week,units\n1,2,3,4\n',
    "only commas": b",,,\n,,,\n",
    "doubled columns": b"a,a,a\n1,2,3\n",
    "another table": b"<html><body>Not found</body></html>\n",
}


@pytest.mark.parametrize("layout", ["long", "wide"])
@pytest.mark.parametrize("name", ["sales.csv", "sales.csv.gz", "sales.parquet", "sales.parquet.gz"])
@pytest.mark.parametrize("content", GARBAGE.values(), ids=list(GARBAGE))
def test_garbage_is_a_fault_and_no_crash(folder, content, name, layout):
    for squeeze in (bytes, gzip.compress):
        (folder / name).write_bytes(squeeze(content))
        rules = {rule for rule, _ in faults(folder, history=LONG_TABLE | {"path": name, "layout": layout})}
        assert rules <= {"empty-file", "unreadable", "missing-column", "duplicate-column", "ragged-line"}


@pytest.mark.parametrize("name", ["sales.txt", "sales", "folder.csv", "sales\x00.csv", "x" * 300 + ".csv"])
def test_path_that_is_no_table_is_unreadable(folder, name):
    (folder / "folder.csv").mkdir()
    assert {rule for rule, _ in faults(folder, history=LONG_TABLE | {"path": name})} == {"unreadable"}


def test_file_that_may_not_be_read_is_unreadable(folder, monkeypatch):
    def refused(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert ("unreadable", "sales.csv") in faults(folder)


def test_wrong_encoding_names_its_line(folder):
    (folder / "sales.csv").write_bytes(LONG.replace("0,007,2026-01-12", "0,Käse,2026-01-12").encode("latin-1"))
    with pytest.raises(InputError, match=r"0xe4 in line 3 is not UTF-8.*save it as CSV in UTF-8"):
        open_file(folder / "sales.csv")


def test_quoted_cells_and_a_byte_order_mark_are_read(folder):
    text = LONG.replace("007", '"a, ""b"""')
    (folder / "sales.csv").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    history, _ = read_history(data(), folder)
    assert history.unique_ids.tolist() == ['0/a, "b"', '1/a, "b"']


def test_missing_column_names_the_nearest(folder):
    edit(folder / "sales.csv", "units", "unit")
    with pytest.raises(InputError, match=r"column 'units' is missing.*did you mean 'unit'"):
        read_history(data(), folder)


FORECASTS = """Store,Product,cutoff,week,M,M-lo-90,M-hi-90,region
0,007,2026-01-19,2026-01-26,3,1,5,north
1,007,2026-01-19,2026-01-26,2,0,6,south
"""


def test_forecasts_in_columns_of_nixtla_are_read(folder):
    (folder / "f.csv").write_text(FORECASTS)
    frame, _ = read_forecasts(FileSpec(kind="file", path="f.csv", columns={"ds": "week"}, model="M"), data(), folder)
    assert frame["unique_id"].tolist() == ["0/007", "1/007"]
    assert frame[["forecast", "q0.05", "q0.95"]].to_numpy().tolist() == [[3, 1, 5], [2, 0, 6]]


def test_forecast_fault_has_its_place(folder):
    (folder / "f.csv").write_text(FORECASTS.replace(",2,0,6,", ",2,0,,"))
    spec = FileSpec(kind="file", path="f.csv", columns={"ds": "week"}, model="M")
    with pytest.raises(InputError) as caught:
        read_forecasts(spec, data(), folder)
    assert [(f.rule, f.place) for f in caught.value.faults] == [("missing-value", "f.csv, row 3, column M-hi-90")]


@pytest.mark.parametrize(("model", "says"), [("snaive", "did you mean 'SNaive'"), (None, "one of: ETS, SNaive")])
def test_model_of_a_file_is_chosen_by_name(folder, model, says):
    lines = ["Store,Product,cutoff,ds,model,forecast"]
    lines += [f"0,007,2026-01-19,2026-01-26,{m},{k}" for k, m in enumerate(("ETS", "SNaive"), start=1)]
    (folder / "f.csv").write_text("\n".join(lines))
    frame, _ = read_forecasts(FileSpec(kind="file", path="f.csv", model="SNaive"), data(), folder)
    assert frame[["model", "forecast"]].to_numpy().tolist() == [["SNaive", 2.0]]
    with pytest.raises(InputError, match=says):
        read_forecasts(FileSpec(kind="file", path="f.csv", model=model), data(), folder)


def test_forecasts_without_a_model_take_the_name_they_are_given(folder):
    (folder / "f.csv").write_text("Store,Product,cutoff,ds,forecast\n0,007,2026-01-19,2026-01-26,4\n")
    frame, _ = read_forecasts(FileSpec(kind="file", path="f.csv"), data(), folder)
    assert frame["model"].tolist() == ["f"]


def test_world_is_made_from_its_knobs(tmp_path):
    one = read_inputs(Data.model_validate({"world": {"stores": 2, "skus": 3, "weeks": 30}}), tmp_path, 7)
    two = read_inputs(Data.model_validate({"world": {"stores": 2, "skus": 3, "weeks": 30}}), tmp_path, 7)
    assert len(one.history.unique_ids) == len(one.ids) == 6
    assert len(one.demand) == len(one.history.frame)
    pd.testing.assert_frame_equal(one.history.frame, two.history.frame)
    one.economics.covers(one.history.unique_ids)


def test_unknown_knob_names_the_nearest(tmp_path):
    given = Data.model_validate({"world": {"storess": 2}, "static": {"path": "static.csv"}})
    with pytest.raises(InputError, match=r"data.world.storess.*did you mean 'stores'.*\n.*data.static"):
        read_inputs(given, tmp_path, 1)


VN2 = {
    "root": "vn2", "id": IDS, "history": {"path": "sales.csv", "layout": "wide"},
    "in_stock": {"path": "in_stock.csv", "layout": "wide"},
    "static": {"path": "master.csv", "columns": {"store": "Store", "sku": "Product"}},
    "economics": {"values": {"holding": 0.2, "goodwill": 1, "lead_time": 2}},
    "state": {
        "path": "initial_state.csv", "on_hand": "End Inventory",
        "in_transit": ["In Transit W+1", "In Transit W+2"],
    },
}  # fmt: skip


def test_files_of_vn2_are_read(shared_data):
    inputs = read_inputs(Data.model_validate(VN2), shared_data, 1)
    history = inputs.history
    assert history.dense().shape == (599, 157)
    assert history.freq == "W-MON"
    raw = pd.read_csv(shared_data / "vn2" / "in_stock.csv").drop(columns=["Store", "Product"])
    assert (history.frame["in_stock"] == 0).sum() == (~raw.to_numpy()).sum() > 0
    row = raw.index[0]
    np.testing.assert_array_equal(history.dense("in_stock")[0], raw.loc[row].to_numpy(dtype=float))
    assert history.unique_ids[0] == "0/126"
    assert history.static.loc["0/126", ["store", "sku", "Division"]].tolist() == ["0", "126", "3012"]
    assert inputs.state.in_transit.columns.tolist() == [1, 2]
    assert inputs.state.on_hand["0/126"] == 3
    assert inputs.state.in_transit.loc["0/126"].tolist() == [0, 3]
    assert inputs.warnings == ()


def test_wide_file_of_many_series_keeps_every_value(tmp_path):
    rng = np.random.default_rng(3)
    days = pd.date_range("2025-01-01", periods=419, freq="D").strftime("%Y-%m-%d")
    frame = pd.DataFrame(rng.poisson(1.3, (1500, 419)), columns=days)
    frame.insert(0, "unique_id", [f"item{k:05d}" for k in range(1500)])
    with gzip.open(tmp_path / "sales.csv.gz", "wt", compresslevel=1) as file:
        frame.to_csv(file, index=False)
    given = {"history": {"path": "sales.csv.gz", "layout": "wide"}, "economics": {"values": {"holding": 1}}}
    inputs = read_inputs(Data.model_validate(given), tmp_path, 1)
    np.testing.assert_array_equal(inputs.history.dense(), frame.drop(columns="unique_id").to_numpy())
