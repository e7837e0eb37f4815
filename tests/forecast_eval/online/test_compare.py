"""A run held against an experiment."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest import InputError
from forecast_eval.config.experiment import experiment_of
from forecast_eval.inference import Interval
from forecast_eval.online.analysis import analyze
from forecast_eval.online.compare import compare
from forecast_eval.online.outcomes import Contract, outcomes_of
from forecast_eval.online.overlap import shared_periods
from forecast_eval.online.paired import difference_of
from forecast_eval.report.compare import render

METRICS = {
    "profit": {"role": "primary"}, "revenue": {}, "stockout_rate": {"of": "stockouts / exposure", "better": "lower"},
    "visits": {},
}  # fmt: skip
AFTER = "2026-01-12"


def experiment(start=AFTER, **changes):
    design = {"start": start, "pre_periods": 10} | changes.pop("design", {})
    tree = {"name": "launch", "outcomes": {"path": "x.csv"}, "design": design, "metrics": METRICS}
    return experiment_of(tree | {"models": {"treatment": "fast"}} | changes, "launch")


def read(frame):
    return outcomes_of(frame, Contract(("item",)))


@pytest.fixture(scope="module")
def found(session, chain_outcomes):
    return compare(session, read(chain_outcomes(AFTER)), experiment())


def by_metric(comparison):
    return {own.metric.name: own for own in comparison.contrasts}


def rules_of(*arguments, **options):
    with pytest.raises(InputError) as caught:
        compare(*arguments, **options)
    return [fault.rule for fault in caught.value.faults]


def test_difference_is_measured_less_simulated(found):
    for own in (*found.contrasts, *found.by_segment):
        gap = own.measured.lift.estimate - own.simulated.lift.estimate
        assert own.difference.estimate == pytest.approx(gap)


def test_measured_side_is_what_analyze_says(found, chain_outcomes):
    readings = analyze(read(chain_outcomes(AFTER)), experiment()).readings
    said = {reading.metric.name: reading.effect for reading in readings}
    for name, own in by_metric(found).items():
        assert own.measured == said[name]


def test_simulated_side_is_the_money_of_the_run(found, session):
    ledger = session.run.read("ledger")
    judged = ledger[ledger["cutoff"].notna()].groupby("model")[["revenue"]].sum()["revenue"]
    assert by_metric(found)["revenue"].simulated.lift.estimate == pytest.approx(judged["fast"] / judged["slow"] - 1)


def test_a_model_against_its_twin_has_no_lift(session, chain_outcomes):
    said = compare(session, read(chain_outcomes(AFTER)), experiment(models={"treatment": "twin"}))
    for own in (*said.contrasts, *said.by_segment):
        lift = own.simulated.lift
        assert (lift.estimate, lift.low, lift.high) == (0.0, 0.0, 0.0)


def test_what_cannot_be_simulated_is_named(found):
    assert "visits" not in by_metric(found)
    assert any(note == "not simulated, and so not compared: visits" for note in found.notes)


def test_other_weeks_are_said_loudly(found):
    assert not found.overlap.same_weeks
    assert found.overlap.simulated.all()
    assert found.overlap.measured_span == (AFTER, "2026-02-16")
    assert any(note.startswith("NOT THE SAME WEEKS: simulated 2025-") for note in found.notes)


def test_both_sides_are_cut_to_the_same_weeks(session, chain_outcomes):
    said = compare(session, read(chain_outcomes("2025-10-20")), experiment("2025-10-20"))
    assert said.overlap.same_weeks
    assert said.overlap.simulated_span == said.overlap.measured_span
    assert said.overlap.simulated.sum() == said.overlap.measured.sum() < 6
    ledger = session.run.read("ledger")
    rows = ledger[ledger["cutoff"].notna() & (ledger["ds"] >= "2025-10-20")].groupby("model")["revenue"].sum()
    assert by_metric(said)["revenue"].simulated.lift.estimate == pytest.approx(rows["fast"] / rows["slow"] - 1)


def test_forecasts_that_knew_the_test_are_refused(session, chain_outcomes):
    outcomes = read(chain_outcomes("2025-10-13"))  # the last cutoff knows this week
    assert rules_of(session, outcomes, experiment("2025-10-13")) == ["test-in-training"]


def test_a_run_without_treated_stores_may_know_the_test(session, chain_outcomes):
    frame = chain_outcomes("2025-10-13")
    frame.loc[frame["unit"].isin(["S1", "S3", "S5", "S7"]), "unit"] += "x"
    assert rules_of(session, read(frame), experiment("2025-10-13")) == ["lonely-arm"]


def test_stores_of_one_side_are_left_out_counted_and_named(session, chain_outcomes):
    frame = chain_outcomes(AFTER)
    frame.loc[frame["unit"] == "S3", "unit"] = "T9"
    said = compare(session, read(frame), experiment())
    assert said.overlap.units == ("S0", "S1", "S2", "S4", "S5", "S6", "S7")
    assert (said.overlap.only_simulated, said.overlap.only_measured) == (("S3",), ("T9",))
    assert "left out: 1 units that only the outcomes has: T9" in said.notes
    assert by_metric(said)["profit"].measured.units == (4, 3)
    assert by_metric(said)["profit"].simulated.units == (7, 7)


def test_no_store_in_common_shows_the_names_of_both_sides(session, chain_outcomes):
    frame = chain_outcomes(AFTER)
    frame["unit"] = frame["unit"].str.lower()
    with pytest.raises(InputError, match=r"\(s0, s1.*\) is a store of the run \(S0, S1"):
        compare(session, read(frame), experiment())


def test_units_may_be_another_column_of_the_run(session, chain_outcomes):
    frame = chain_outcomes(AFTER)
    said = rules_of(session, read(frame), experiment(), unit="item")
    assert said == ["no-common-units"]


def test_segments_are_compared_by_name(found):
    assert [own.segment for own in found.by_segment] == [("item", "K0"), ("item", "K1"), ("item", "K2")]
    whole = by_metric(found)["profit"].simulated
    assert sum(own.simulated.control for own in found.by_segment) == pytest.approx(whole.control)
    assert sum(own.simulated.treatment for own in found.by_segment) == pytest.approx(whole.treatment)


def test_the_candidate_is_named_by_config_or_option(session, chain_outcomes):
    outcomes = read(chain_outcomes(AFTER))
    assert compare(session, outcomes, experiment(models={}), candidate="fast").models["treatment"] == "fast"
    assert rules_of(session, outcomes, experiment(models={})) == ["no-candidate"]
    assert rules_of(session, outcomes, experiment(models={"treatment": "fats"})) == ["unknown-model"]


def test_nothing_is_compared_where_units_got_lost(session, chain_outcomes):
    said = compare(session, read(chain_outcomes(AFTER)), experiment(design={"arms": {"control": 1, "treatment": 40}}))
    assert said.is_refused
    assert said.contrasts == ()
    assert said.as_json["refused"] is True
    assert "Not compared" in render(said)


@pytest.mark.parametrize(("lift", "agrees"), [(0.9, "no"), (0.0, "unclear")])
def test_agreement_follows_the_interval_of_the_difference(session, chain_outcomes, lift, agrees):
    said = compare(session, read(chain_outcomes(AFTER, lift=lift)), experiment())
    own = by_metric(said)["revenue"]
    assert own.agrees == agrees
    assert own.difference.excludes_zero == (agrees == "no")


@pytest.mark.parametrize(
    ("measured", "agrees"),
    [((0.05, 0.03, 0.07), "yes"), ((0.05, -0.01, 0.11), "unclear"), ((0.09, 0.07, 0.11), "no"),
     ((0.05, np.nan, np.nan), "unclear")],
)  # fmt: skip
def test_sides_agree_where_a_launch_that_did_nothing_would_have_differed(found, measured, agrees):
    own = found.contrasts[0]
    ours, theirs = (Interval(*ends, 0.95, 9, 1) for ends in ((0.04, 0.03, 0.05), measured))
    own = replace(own, simulated=replace(own.simulated, lift=ours), difference=difference_of(theirs, ours))
    assert own.agrees == agrees


def test_a_switchback_is_compared_on_whole_stores(session, chain_outcomes):
    frame = chain_outcomes(AFTER, periods=8)
    week = (frame["ds"] - pd.Timestamp(AFTER)).dt.days // 7
    turned = (week >= 0) & ((week // 2 + frame["unit"].str[1].astype(int)) % 2 == 1)
    frame["arm"] = np.where(turned, "treatment", "control")
    design = {"unit": "switchback", "periods": 8, "block": 2, "pre_periods": 0}
    said = compare(session, read(frame), experiment(design=design))
    assert by_metric(said)["revenue"].measured.difference.estimate != 0
    assert said.by_segment == ()


def test_the_same_input_gives_the_same_bytes(found, session, chain_outcomes):
    again = compare(session, read(chain_outcomes(AFTER)), experiment())
    assert json.dumps(again.as_json, allow_nan=False) == json.dumps(found.as_json, allow_nan=False)
    assert render(again) == render(found)


def test_counted_periods_share_no_weeks_with_dates():
    weeks = pd.date_range("2026-01-05", periods=3, freq="7D")
    ours, theirs = shared_periods(weeks, pd.Index([1, 2]), np.array([True, True]))
    assert not ours.any()
    assert not theirs.any()


def test_weeks_that_no_day_of_the_run_lies_in_are_not_shared():
    weeks, days = pd.date_range("2026-01-05", periods=4, freq="7D"), pd.date_range("2026-01-13", periods=10)
    ours, theirs = shared_periods(days, weeks, np.array([True, True, True, False]))
    assert theirs.tolist() == [False, True, True, False]
    assert ours.all()
    theirs, ours = shared_periods(weeks, days, np.ones(10, dtype=bool))
    assert theirs.tolist() == [False, True, True, False]
    assert ours.all()
