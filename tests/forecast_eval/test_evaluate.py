"""Laws of scores of frames: wide or long, in any order, ragged, and wrong in every way."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from utilsforecast import losses

from backtest import InputError
from forecast_eval.scores import Resampling, evaluate, leaderboard
from forecast_eval.scores.grid import Grid

WEEKS = pd.date_range("2026-01-05", periods=8, freq="W-MON")
METRICS = ["mae", "rmse", "mape", "wape", "bias", "tracking_signal", "relative_mae", "pinball", "pinball_0.9", "crps",
           "coverage_80", "interval_score_80", "calibration_error", "newsvendor_cost", "cost_per_unit", "spec",
           "stockout_recall"]  # fmt: skip
KEY = ["model", "metric", "axis", "group"]


def wide():
    """Two cutoffs of three steps; a series starts late, one ends early; gaps of demand and of one model."""
    rng = np.random.default_rng(7)
    rows = [(u, c, d) for u in ("b", "a", "c") for c in WEEKS[[1, 3]] for d in WEEKS[c < WEEKS][:3]]
    table = pd.DataFrame(rows, columns=["unique_id", "cutoff", "ds"])
    count = len(table)
    table["y"] = rng.poisson(5.0, count).astype(float)
    table.loc[[2, 7], "y"] = 0.0, np.nan
    table["ETS"] = table["y"].fillna(4.0) * rng.gamma(4.0, 0.3, count) + 0.2
    table.loc[4, "ETS"] = table.loc[4, "y"]
    table["Naive"] = rng.gamma(3.0, 2.0, count)
    table["ETS-lo-80"], table["ETS-median"], table["ETS-hi-80"] = (table["ETS"] * f for f in (0.4, 0.95, 1.5))
    table.loc[9, [c for c in table if c.startswith("ETS")]] = np.nan
    table["underage"], table["overage"] = rng.uniform(1, 8, count), rng.uniform(0.2, 2, count)
    table["in_stock"] = np.where(rng.random(count) < 0.2, 0.5, 1.0)
    table["store"] = table["unique_id"].map({"a": "S1", "b": "S2", "c": "S1"})
    gone = (table["unique_id"] == "c") & (table["ds"] > WEEKS[5]) | (table["unique_id"] == "a") & (
        table["ds"] < WEEKS[4]
    )
    return table[~gone].reset_index(drop=True)


def contract():
    """The same, one row a model."""
    table = wide()
    names = {"ETS-lo-80": "q0.1", "ETS-median": "q0.50", "ETS-hi-80": "q.9", "ETS": "forecast"}
    beside = ["unique_id", "cutoff", "ds", "y", "underage", "overage", "in_stock", "store"]
    ets = table[[*beside, *names]].rename(columns=names).assign(model="ETS")
    naive = table[beside].assign(model="Naive", forecast=table["Naive"])
    return pd.concat([ets.dropna(subset="forecast"), naive], ignore_index=True)


def scored(frame, metrics=METRICS, **how):
    given = {"by": ("series", "store"), "baseline": "Naive"} | how
    table = evaluate(frame, metrics, **given).table
    return table.set_index(pd.MultiIndex.from_arrays([table[c].astype(str) for c in KEY])).drop(columns=KEY)


def same(found, expected):
    pd.testing.assert_frame_equal(found.loc[expected.index], expected, rtol=1e-12)
    assert len(found) == len(expected)


def test_wide_columns_and_the_contract_give_the_same():
    same(scored(contract()), scored(wide()))


@pytest.mark.parametrize("frame", [wide, contract])
def test_order_of_rows_and_columns_does_not_matter(frame):
    table = frame()
    turned = table.sample(frac=1.0, random_state=3)[table.columns[::-1]]
    same(scored(turned), scored(table))


def test_dates_that_stand_backwards_are_the_same_steps():
    table = wide().query("unique_id == 'b' and cutoff == @WEEKS[1]")
    same(scored(table[::-1]), scored(table))
    assert len(table) == 3


def test_cutoffs_come_in_their_order():
    table = wide().sort_values("cutoff", ascending=False)
    cutoffs = [block.cutoff for block in Grid.of(table).blocks]
    assert cutoffs == sorted(set(table["cutoff"]))


@pytest.mark.parametrize("frame", [wide, contract])
def test_polars_gives_what_pandas_gives(frame):
    same(scored(pl.from_pandas(frame())), scored(frame()))


@pytest.mark.parametrize("frame", [wide, contract])
def test_frame_is_left_as_it_was(frame):
    table, before = frame(), frame()
    scored(table)
    pd.testing.assert_frame_equal(table, before)


def test_rows_that_are_not_there_do_not_exist_and_numbers_that_are_not_there_are_counted():
    table = wide()
    found = scored(table)
    for uid, own in table.groupby("unique_id"):
        count = found.loc[("ETS", "mae", "series", uid), ["n_obs", "n_missing"]]
        known = own.loc[own["in_stock"] == 1, ["y", "ETS"]].notna().all(axis=1).sum()
        assert count.tolist() == [known, len(own) - known]
    assert len(set(table.groupby("unique_id").size())) > 1


def test_frame_without_cutoff_is_one_window():
    table = wide().query("cutoff == @WEEKS[1]")
    one, other = scored(table), scored(table.drop(columns="cutoff"))
    same(other, one[one.index.get_level_values("axis") != "cutoff"])


def test_cutoffs_with_fewer_steps_are_scored_on_those_that_they_have():
    table = wide()
    table = table[(table["cutoff"] == WEEKS[1]) | (table["ds"] == WEEKS[4])]
    found = scored(table, ["mae"], by=())
    steps = found.xs("step", level="axis")[["n_obs", "n_missing"]].sum(axis=1).loc["ETS", "mae"]
    dates = table.groupby("cutoff")["ds"].transform(lambda d: d.rank(method="dense")).astype(int).astype(str)
    assert steps.to_dict() == dates.value_counts().to_dict()
    assert set(steps.index) == {"1", "2", "3"}


def test_stockout_leaves_a_row_out_but_for_the_warning():
    table = wide()
    out = table["in_stock"] < 1
    found = scored(table)
    without = scored(table[~out], METRICS[:5])
    rows = [key for key in without.index if key[2] in {"total", "series"}]
    np.testing.assert_allclose(found.loc[rows, "value"], without.loc[rows, "value"])
    warned = table[out].dropna(subset=["y", "ETS"])
    assert found.loc[("ETS", "stockout_recall", "total", "all"), "value"] == 100 * (warned["ETS"] > warned["y"]).mean()


def test_sorted_frame_is_laid_out_without_a_copy():
    table = wide().query("unique_id == 'b'").reset_index(drop=True)
    values = table["y"].to_numpy()
    for block in Grid.of(table).blocks:
        assert np.shares_memory(block.of(values), values)


def test_metrics_that_need_a_panel_are_nan():
    found = scored(wide(), ["mase", "rmsse", "trend_weighted_cost", "wrmsse", "wspl"])
    assert found["value"].isna().all()
    assert (found["n_obs"] == 0).all()


@pytest.mark.parametrize("frame", [wide, contract])
def test_model_that_says_nothing_is_there_and_counted(frame):
    table = frame()
    silent = table["model"] == "Naive" if "model" in table else slice(None)
    table.loc[silent, "forecast" if "model" in table else "Naive"] = np.nan
    found = scored(table, ["mae"], baseline=None).loc[("Naive", "mae", "total", "all")]
    assert (found["n_obs"], found["n_missing"]) == (0, len(wide()))


def test_named_models_are_scored_and_other_numbers_left_alone():
    table = wide().assign(price=3.0)
    assert set(evaluate(table, ["mae"], models=["ETS"], by=()).table["model"]) == {"ETS"}
    assert "price" in set(evaluate(table, ["mae"], by=()).table["model"])


def rules(frame, metrics=("mae",), **how):
    with pytest.raises(InputError) as error:
        evaluate(frame, list(metrics), **how)
    return [(fault.rule, fault.place, fault.fix) for fault in error.value.faults]


def test_missing_columns_are_all_named():
    bare = wide().drop(columns=["unique_id", "y"])
    assert [r[0] for r in rules(bare, by=("stor",))] == ["missing-column"] * 3
    assert rules(wide(), by=("stor",))[0][2] == "did you mean 'store'?"


def test_unknown_models_are_named_with_the_nearest():
    assert rules(wide(), models=["ETs"]) == [("unknown-model", "models", "did you mean 'ETS'?")]
    assert rules(wide(), baseline="Naiv") == [("unknown-model", "baseline", "did you mean 'Naive'?")]
    assert [r[0] for r in rules(wide()[["unique_id", "ds", "y"]])] == ["no-model"]


def test_key_that_stands_twice_is_refused_with_its_place():
    table = wide()
    assert rules(pd.concat([table, table.iloc[[3]]])) == [
        ("duplicate", f"frame, row {len(table)}", "keep one row for each key")
    ]
    long = contract()
    assert [r[0] for r in rules(pd.concat([long, long.iloc[[3]]]))] == ["duplicate"]


def test_what_came_must_be_the_same_for_all_models():
    table = contract()
    table.loc[(table["model"] == "ETS") & (table["ds"] == WEEKS[4]), "y"] += 1.0
    assert [r[0] for r in rules(table)] == ["not-the-same"]


def test_static_column_must_not_change_within_a_series():
    table = wide()
    table.loc[0, "store"] = "S9"
    assert [r[0] for r in rules(table, by=("store",))] == ["changing-column"]


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("unique_id", None, "missing-key"),
        ("ds", pd.NaT, "missing-key"),
        ("cutoff", pd.NaT, "missing-key"),
        ("underage", -3.0, "negative-cost"),
        ("overage", -0.1, "negative-cost"),
        ("in_stock", 7.0, "share"),
        ("y", "many", "not-a-number"),
        ("underage", "dear", "not-a-number"),
    ],
)
@pytest.mark.parametrize("frame", [wide, contract])
def test_value_that_cannot_be_is_refused_with_row_and_column(column, value, rule, frame):
    table = frame()
    table[column] = table[column].astype(object) if isinstance(value, str) else table[column]
    table.loc[5, column] = value
    assert rules(table) == [(rule, f"frame, row 5, column {column}", "correct it, or leave the rows out")]


def test_all_that_is_wrong_is_said_at_once():
    table = wide()
    table.loc[2, "unique_id"], table.loc[5, "overage"] = None, -1.0
    assert [r[0] for r in rules(table.assign(step="x"), models=["ETS"], by=("step",))] == [
        "taken",
        "missing-key",
        "negative-cost",
    ]


@pytest.mark.parametrize("frame", [wide, contract])
def test_frame_without_rows_is_refused(frame):
    assert [r[0] for r in rules(frame().iloc[:0])] == ["no-rows"]


@pytest.mark.parametrize("axis", ["total", "step", "cutoff", "level"])
def test_column_with_the_name_of_an_axis_cannot_be_broken_down_by(axis):
    table = wide().assign(**{axis: "x"}) if axis != "cutoff" else wide()
    assert [r[0] for r in rules(table, by=(axis,), models=["ETS"])] == ["taken"]


def test_function_of_utilsforecast_is_a_metric_as_it_is():
    table = wide().query("cutoff == @WEEKS[1]").drop(columns="cutoff").dropna()
    found = evaluate(table, ["wape", losses.mae, partial(losses.quantile_loss, q=0.8)], models=["ETS"], by=())
    assert list(dict.fromkeys(found.table["metric"])) == ["wape", "utilsforecast_mae", "quantile_loss"]


@pytest.mark.parametrize(("asked", "said"), [
    ([], "no metric is asked for"), ([3, "wape"], "3 is no metric"), ([lambda o: o.error], "has no '<lambda>'"),
])  # fmt: skip
def test_what_is_no_metric_is_refused(asked, said):
    with pytest.raises(InputError, match=said):
        evaluate(wide(), asked)


def test_leaderboard_takes_what_evaluate_keeps():
    table = wide()
    series, cutoffs = table["unique_id"].nunique(), table["cutoff"].nunique()
    resampling = Resampling(np.arange(series), np.arange(cutoffs))
    assert evaluate(table, ["mae"]).measured == {}
    board = leaderboard(evaluate(table, ["mae", "wape"], compare=True).measured, resampling=resampling).table
    assert set(board["metric"]) == {"mae", "wape"}
    assert board["value"].notna().any()
