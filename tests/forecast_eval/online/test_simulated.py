"""The simulated side: what a shop would measure of a ledger."""

# ruff: noqa: PD011 - the values of outcomes are a mapping, not those of a frame

import shutil

import numpy as np
import pandas as pd
import pytest

from backtest import InputError
from forecast_eval.economics import Economics
from forecast_eval.online.simulated import MEASURES, measures, simulated
from forecast_eval.pipeline import open_session
from forecast_eval.simulate import Conventions

WEEKS = pd.date_range("2026-01-05", periods=3, freq="7D")
TERMS = Economics.of(
    pd.DataFrame({
        "unique_id": ["a"], "price": [9.0], "unit_cost": [4.0], "salvage": [1.0], "holding": [0.5], "goodwill": [2.0],
        "shelf_life": [2],
    })
)  # fmt: skip
LEDGER = pd.DataFrame({
    "unique_id": "a", "ds": WEEKS, "cutoff": [pd.NaT, WEEKS[0], WEEKS[1]], "demand": [3.0, 7.0, 5.0],
    "sold": [3.0, 4.0, 5.0], "lost": [0.0, 3.0, 0.0], "wasted": [0.0, 2.0, 1.0], "on_hand": [1.0, 0.0, 6.0],
    "revenue": [27.0, 36.0, 45.0],
    # revenue, less cost of goods, waste, holding and goodwill
    "profit": [14.5, 36 - 16 - 6 - 0 - 6.0, 45 - 20 - 3 - 3 - 0.0],
})  # fmt: skip


def by_hand(**conventions):
    return measures(LEDGER, TERMS, Conventions(**conventions), begin=WEEKS[1])


def test_profit_is_measured_without_goodwill():
    assert by_hand()["profit"].tolist()[1:] == [36 - 16 - 6, 45 - 20 - 3 - 3]


def test_costs_are_of_the_units_that_moved():
    rows = by_hand().loc[1:]
    assert rows["cost_of_goods"].tolist() == [16.0, 20.0]
    assert rows["waste_cost"].tolist() == [6.0, 3.0]
    assert rows["holding_cost"].tolist() == [0.0, 3.0]


def test_a_stockout_is_a_period_that_lost_units():
    assert by_hand()["stockouts"].tolist() == [0.0, 1.0, 0.0]


def test_shops_do_not_discount():
    worth = np.array([1.0, 1.0, 0.9])
    discounted = LEDGER.assign(revenue=LEDGER["revenue"] * worth, profit=LEDGER["profit"] * worth)
    found = measures(discounted, TERMS, Conventions(discount=0.9), begin=WEEKS[1])
    pd.testing.assert_frame_equal(found, by_hand())


def test_units_and_money_are_those_of_the_judged_ledger(session):
    ledger = session.run.read("ledger")
    own = ledger[(ledger["model"] == "fast") & ledger["cutoff"].notna()]
    assert own["ds"].nunique() < ledger["ds"].nunique()  # else nothing would be left out
    found = simulated(session, ["fast"]).by_model["fast"].values
    for name in ("sold", "revenue", "wasted", "lost", "demand"):
        assert np.nansum(found[name]) == pytest.approx(own[name].sum())
    assert np.nansum(found["profit"]) == pytest.approx((own["profit"] + 2.0 * own["lost"]).sum())


def test_units_are_the_stores_of_the_run(session):
    found = simulated(session, ["fast"])
    static = session.inputs.history.static["store"]
    assert list(found.units) == sorted(static.unique())
    ledger = session.run.read("ledger")
    own = ledger[(ledger["model"] == "fast") & ledger["cutoff"].notna()]
    by_store = own.groupby(own["unique_id"].map(static))["sold"].sum()
    assert np.nansum(found.by_model["fast"].values["sold"], axis=1) == pytest.approx(by_store.to_numpy())


@pytest.mark.parametrize("segment", ["item", "trend"])
def test_segments_add_up(session, segment):
    own = simulated(session, ["fast"], segments=[segment]).by_model["fast"]
    parts = own.segments[segment]
    assert len(parts) > 1
    for name in MEASURES:
        assert sum(part[name] for part in parts.values()) == pytest.approx(own.values[name])


def test_models_meet_the_same_demand(session):
    fast, slow = simulated(session, ["fast", "slow"]).by_model.values()
    assert fast.values["demand"] == pytest.approx(slow.values["demand"])
    assert (fast.values["sold"] != slow.values["sold"]).any()


def test_a_cut_keeps_the_named_units_and_periods(session):
    found = simulated(session, ["fast"])
    few = found.cut(["S5", "S2"], np.arange(len(found.periods)) < 2)
    assert list(few.units) == ["S2", "S5"]
    own = few.by_model["fast"].values["sold"]
    assert own.tolist() == found.by_model["fast"].values["sold"][[2, 5]][:, :2].tolist()


@pytest.mark.parametrize(
    ("asked", "options", "rule"),
    [(["fats"], {}, "unknown-model"), (["fast"], {"unit": "stoer"}, "unknown-column"),
     (["fast"], {"segments": ["colour"]}, "unknown-column")],
)  # fmt: skip
def test_what_the_run_does_not_have_is_refused(session, asked, options, rule):
    with pytest.raises(InputError) as caught:
        simulated(session, asked, **options)
    assert [fault.rule for fault in caught.value.faults] == [rule]


def test_a_run_without_a_simulation_is_refused(chain_run, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(chain_run, bare)
    (bare / "tables" / "ledger.parquet").unlink()
    with pytest.raises(InputError, match="no simulation"):
        simulated(open_session(bare), ["fast"])
