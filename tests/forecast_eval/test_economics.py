from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from backtest import InputError, Origin
from forecast_eval.economics import Economics


def table(**columns):
    base = {"unique_id": ["b", "a"], "price": [10.0, 8.0], "unit_cost": [4.0, 5.0], "holding": [0.5, 0.25],
            "shelf_life": [2.0, None], "lead_time": [1, 2]}  # fmt: skip
    return pd.DataFrame(base | columns)


def faults(frame):
    with pytest.raises(InputError) as caught:
        Economics.of(frame, origin=Origin("prices.csv", np.arange(len(frame)) + 2))
    return {(f.rule, f.place) for f in caught.value.faults}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas, lambda f: f.astype(object)])
def test_economics_are_the_same_from_any_frame(make):
    costs = Economics.of(make(table())).unit_costs(np.array(["a", "b"]))
    np.testing.assert_array_equal(costs.underage, [3.0, 6.0])
    np.testing.assert_array_equal(costs.overage, [0.25, 0.5 * 0.5 + 4 / 2])


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("price", -1.0, "negative-price"),
        ("price", "ten", "not-a-number"),
        ("price", None, "missing-value"),
        ("price", np.inf, "infinite"),
        ("unit_cost", -1.0, "negative-cost"),
        ("holding", -1.0, "negative-cost"),
        ("holding", 0.0, "no-overage-cost"),
        ("goodwill", -1.0, "negative-cost"),
        ("salvage", 6.0, "salvage-above-cost"),
        ("shelf_life", 0.5, "shelf-life"),
        ("lead_time", 1.5, "lead-time"),
        ("review_period", 0, "review-period"),
        ("pack_size", -1, "negative-pack"),
        ("min_order", -1, "negative-order"),
        ("unique_id", None, "missing-value"),
        ("ds", "soon", "not-a-date"),
    ],
)
def test_economics_fault_has_its_place(column, value, rule):
    sound = {"goodwill": 0.0, "salvage": 0.0, "review_period": 1, "pack_size": 1, "min_order": 0}
    frame = table(**sound, ds="2026-01-05").astype({column: object})
    frame.loc[1, column] = value
    assert faults(frame) == {(rule, f"prices.csv, row 3, column {column}")}


def test_faults_of_all_kinds_come_together():
    frame = pd.concat([table(price=[-1.0, 8.0], salvage=[0.0, 9.0], colour="red")] * 2, ignore_index=True)
    assert {rule for rule, _ in faults(frame)} == {
        "negative-price", "salvage-above-cost", "unknown-column", "duplicate",
    }  # fmt: skip


def test_unknown_column_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'unit_cost'"):
        Economics.of(table().rename(columns={"unit_cost": "unitcost"}))


def test_price_below_cost_is_a_warning():
    (warning,) = Economics.of(table(price=[3.0, 8.0]), origin=Origin("p.csv", np.array([2, 3]))).warnings
    assert (warning.rule, warning.place) == ("price-below-cost", "p.csv, row 2, column price")


def test_series_without_economics_are_all_named():
    with pytest.raises(InputError, match=r"'c'.*\n.*'d'"):
        Economics.of(table()).covers(np.array(["a", "d", "c"]))


def test_a_price_holds_until_the_next_one():
    frame = pd.DataFrame({"unique_id": ["a", "b", "a"], "ds": ["2026-01-01", "2026-01-01", "2026-01-03"],
                          "price": [5.0, 7.0, 6.0], "holding": 1.0})  # fmt: skip
    terms = Economics.of(frame)
    days = pd.date_range("2025-12-31", periods=5, freq="D")
    np.testing.assert_array_equal(
        terms.field("price", np.array(["b", "a"]), days), [[7.0] * 5, [5.0, 5.0, 5.0, 6.0, 6.0]]
    )
    np.testing.assert_array_equal(terms.field("price", np.array(["a", "b"])), [6.0, 7.0])
