"""Reading outcomes: sums, places, and every fault at once."""

# ruff: noqa: PD011 - the values of outcomes are a mapping, not those of a frame

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from backtest.faults import InputError
from forecast_eval.online.measured import Contract
from forecast_eval.online.outcomes import outcomes_of, read_outcomes

BRANDS = Contract(segments=("brand",))


@pytest.fixture(name="rows")
def rows_fixture():
    """Three stores, two weeks, two brands; every number is its own."""
    keys = [(u, d, b) for u in ("s10", "s2", "s3") for d in ("2026-03-02", "2026-03-09") for b in ("x", "y")]
    frame = pd.DataFrame(keys, columns=["unit", "ds", "brand"])
    arm = frame["unit"].map({"s10": "old", "s2": "new", "s3": "new"})
    return frame.assign(arm=arm, revenue=np.arange(12.0) ** 2 + 3, profit=np.arange(12.0) - 5)


def table(path, **given):
    return SimpleNamespace(**{"path": path, "root": ".", "columns": {}, "segments": (), "negative": ()} | given)


def faults_in(frame, contract=BRANDS, **given):
    with pytest.raises(InputError) as caught:
        outcomes_of(frame, contract, **given)
    return [(fault.rule, fault.place) for fault in caught.value.faults]


def test_totals_are_sums_over_segments(rows):
    outcomes = outcomes_of(rows, BRANDS)
    expected = rows.pivot_table(index="unit", columns="ds", values="revenue", aggfunc="sum")
    assert outcomes.units.tolist() == expected.index.tolist()
    np.testing.assert_allclose(outcomes.values["revenue"], expected.to_numpy())


def test_segments_add_up_to_the_total_where_a_unit_lacks_one_of_them(rows):
    outcomes = outcomes_of(rows.drop(index=[1, 6, 7]), BRANDS)
    parts = [values["revenue"] for values in outcomes.segments["brand"].values()]
    np.testing.assert_array_equal(sum(parts), outcomes.values["revenue"])
    assert np.isnan(outcomes.values["revenue"]).sum() == 1  # s2 has no row at all in its second week


def test_the_order_of_rows_does_not_matter(rows):
    one, other = outcomes_of(rows, BRANDS), outcomes_of(rows.sample(frac=1, random_state=3), BRANDS)
    np.testing.assert_array_equal(one.values["profit"], other.values["profit"])
    np.testing.assert_array_equal(one.arm, other.arm)


def test_polars_and_pandas_frames_are_read_alike(rows):
    one, other = outcomes_of(rows, BRANDS), outcomes_of(pl.from_pandas(rows), BRANDS)
    np.testing.assert_array_equal(one.values["revenue"], other.values["revenue"])


def test_periods_may_be_whole_numbers_and_sort_as_numbers():
    frame = pd.DataFrame({"unit": ["a"] * 3, "ds": ["10", "9", "11"], "sold": ["3", "5", "7"]})
    outcomes = outcomes_of(frame)
    assert outcomes.periods.tolist() == [9, 10, 11]
    assert outcomes.values["sold"].tolist() == [[5.0, 3.0, 7.0]]


def test_every_fault_of_a_file_is_told_at_once_with_its_row(tmp_path):
    lines = [
        "store,ds,arm,revenue,profit",
        "a,2026-03-02,old,10,-3",
        "a,2026-03-02,old,11,1",  # again
        "b,2026-03-02,new,-4,1",  # negative
        "b,March,new,4,1",  # no period
        ",2026-03-09,new,4,1",  # no unit
        "b,2026-03-09,new,much,1",  # no number
        "a,2026-03-09,old,,2",  # empty
        "a,2026-03-16,old,inf,2",
    ]
    (tmp_path / "outcomes.csv").write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        read_outcomes(table("outcomes.csv", columns={"unit": "store"}), tmp_path)
    found = {fault.rule: fault.place for fault in caught.value.faults}
    assert found == {
        "duplicate": "outcomes.csv, row 3, column ds",
        "negative": "outcomes.csv, row 4, column revenue",
        "not-a-period": "outcomes.csv, row 5, column ds",
        "missing-value": "outcomes.csv, row 8, column revenue",
        "not-a-number": "outcomes.csv, row 7, column revenue",
        "infinite": "outcomes.csv, row 9, column revenue",
    }
    assert "outcomes.csv, row 6, column store" in [fault.place for fault in caught.value.faults]


def test_profit_may_be_negative_and_other_columns_only_where_they_are_listed(rows):
    assert (outcomes_of(rows, BRANDS).values["profit"] < 0).any()
    lost = rows.assign(revenue=-rows["revenue"])
    assert {rule for rule, _ in faults_in(lost)} == {"negative"}
    allowed = outcomes_of(lost, Contract(segments=("brand",), negative=("revenue",)))
    assert (allowed.values["revenue"] < 0).all()


def test_a_row_that_differs_by_segment_is_no_duplicate_and_without_segments_it_is(rows):
    assert outcomes_of(rows, BRANDS).values["revenue"].shape == (3, 2)
    assert [rule for rule, _ in faults_in(rows, Contract())] == ["duplicate"] * 6


def test_a_unit_in_two_arms_in_one_period_is_refused(rows):
    rows.loc[3, "arm"] = "new"
    assert faults_in(rows) == [("two-arms", "outcomes, row 3, column arm")]


def test_a_unit_may_change_its_arm_from_period_to_period(rows):
    rows.loc[rows["ds"] == "2026-03-09", "arm"] = "old"
    outcomes = outcomes_of(rows, BRANDS)
    assert outcomes.arm[:, 0].tolist() == ["old", "new", "new"]
    assert outcomes.arm[:, 1].tolist() == ["old"] * 3


def test_a_unit_that_the_table_of_units_lacks_is_refused_at_its_first_row(tmp_path, rows):
    rows.to_csv(tmp_path / "outcomes.csv", index=False)
    (tmp_path / "stores.csv").write_text("STORE,size\ns10,4\ns2,7\n")
    units = SimpleNamespace(path="stores.csv", columns={"unit": "STORE"})
    with pytest.raises(InputError, match=r"outcomes\.csv, row 10, column unit: unit='s3' is not in the table"):
        read_outcomes(table("outcomes.csv", segments=("brand",)), tmp_path, units=units)


def test_static_columns_come_from_the_table_of_units_as_numbers_or_words(tmp_path, rows):
    rows.to_csv(tmp_path / "outcomes.csv", index=False)
    (tmp_path / "stores.csv").write_text("unit,size,town\ns3,9,here\ns10,4,there\ns2,7.5,here\nother,1,there\n")
    units = SimpleNamespace(path="stores.csv", columns={})
    static = read_outcomes(table("outcomes.csv", segments=("brand",)), tmp_path, units=units).static
    assert static["size"].tolist() == [4.0, 7.5, 9.0]
    assert static["town"].tolist() == ["there", "here", "here"]


def test_gaps_are_a_warning_with_their_count(rows):
    (warning,) = outcomes_of(rows.drop(index=[2, 3]), BRANDS).warnings
    assert "1 of 3 units have no row in some periods (1 of 6 cells; most in unit s10: 1)" in warning.what


def test_periods_that_no_unit_has_are_a_warning():
    frame = pd.DataFrame({"unit": "a", "ds": [1, 2, 3, 6, 7], "sold": [4.0, 5.0, 6.0, 2.0, 8.0]})
    (warning,) = outcomes_of(frame).warnings
    assert "between 3 and 6" in warning.what


def test_columns_that_are_not_needed_need_no_numbers(rows):
    noted = rows.assign(comment=["12", *["good"] * 11])
    assert faults_in(noted)[0] == ("not-a-number", "outcomes, row 1, column comment")
    outcomes = outcomes_of(noted, Contract(segments=("brand",), measures=("revenue",)))
    assert sorted(outcomes.values) == ["profit", "revenue"]


def test_a_column_that_is_needed_and_missing_names_the_nearest(rows):
    with pytest.raises(InputError, match=r"'revenu' is missing; .* did you mean 'revenue'\?"):
        outcomes_of(rows, Contract(segments=("brand",), measures=("revenu",)))


def test_rows_of_one_experiment_are_kept_and_several_without_a_name_are_refused(rows):
    both = pd.concat([rows.assign(experiment="spring"), rows.assign(experiment="autumn", revenue=1.0)])
    kept = outcomes_of(both, Contract(segments=("brand",), experiment="spring"))
    np.testing.assert_array_equal(kept.values["revenue"], outcomes_of(rows, BRANDS).values["revenue"])
    assert faults_in(both)[0][0] == "experiments"


def test_a_value_names_the_row_that_it_came_from(tmp_path, rows):
    rows.to_csv(tmp_path / "outcomes.csv", index=False)
    outcomes = read_outcomes(table("outcomes.csv", segments=("brand",)), tmp_path)
    assert outcomes.place(1, 1, "arm") == "outcomes.csv, row 8, column arm"


@pytest.mark.parametrize("empty", [None, np.nan, pd.NA, " "])
def test_an_empty_arm_is_none_whatever_the_frame_has_for_it(rows, empty):
    rows["arm"] = rows["arm"].astype(object)
    rows.loc[rows["ds"] == "2026-03-02", "arm"] = empty
    arm = outcomes_of(rows, BRANDS).arm
    assert arm.tolist() == [[None, "old"], [None, "new"], [None, "new"]]
