"""Laws of the replay of a past launch, on the small chain: what happened is made of its own simulation."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from backtest import InputError
from forecast_eval.align.replay import replay
from forecast_eval.config.experiment import experiment_of
from forecast_eval.online.compare import compare
from forecast_eval.online.outcomes import outcomes_of
from forecast_eval.online.simulated import MEASURES, simulated

METRICS = {
    "profit": {"role": "primary"}, "stockout_rate": {"of": "stockouts / exposure", "better": "lower"}, "visits": {},
}  # fmt: skip
TREATED = ("S1", "S3", "S4", "S6")


def experiment(start, strata=(), **more):
    design = {"start": str(start.date()), "pre_periods": 0, "assignment": "stratified", "strata": strata}
    tree = {"name": "spring", "outcomes": {"path": "x.csv"}, "design": design | more, "metrics": METRICS}
    return experiment_of(tree | {"models": {"treatment": "fast"}}, "spring")


@pytest.fixture(scope="module")
def played(session):
    return simulated(session, ["fast", "slow"]).by_model


@pytest.fixture(scope="module")
def happened(played):
    """Give the function that makes what the simulation says happen: odd stores had fast, the others slow."""

    def made(treated=TREATED, wrong=0.0, twist=0.0):
        weeks, rows = played["slow"].periods, []
        rng = np.random.default_rng(3)
        for k, store in enumerate(played["slow"].units):
            own = played["fast" if store in treated else "slow"]
            columns = own.values  # noqa: PD011 - no frame
            table = {name: columns[name][k] for name in MEASURES if name not in {"lost", "demand"}}
            table["profit"] = table["profit"] + wrong + twist * rng.normal(0, 1, len(weeks))
            arm = "treatment" if store in treated else "control"
            rows.append(pd.DataFrame({"unit": store, "ds": weeks, "arm": arm, "visits": 7.0 + k, **table}))
        frame = pd.concat(rows, ignore_index=True)
        return frame.assign(half=frame["unit"].map(lambda name: "ab"[int(name[1]) // 4]))

    return made


@pytest.fixture(scope="module")
def start(played):
    return played["slow"].periods[0]


@pytest.fixture(scope="module")
def found(session, happened, start):
    return replay(session, outcomes_of(happened()), experiment(start))


def by_metric(found):
    return {own.metric.name: own for own in found.estimates}


def test_where_the_simulator_is_right_it_has_no_bias_and_all_ways_agree(found):
    for own in found.arms:
        assert own.own.estimate == pytest.approx(0, abs=1e-12)
    for own in found.estimates:
        assert own.robust.difference.estimate == pytest.approx(own.replay.difference.estimate)
        assert own.robust.lift.estimate == pytest.approx(own.replay.lift.estimate)
        assert own.robust.difference.error < own.plain.difference.error


def test_the_other_arm_is_replayed_against_what_happened(found, played):
    units = played["slow"].units.astype(str)
    for own in found.arms:
        treated = own.arm == "treatment"
        rows = np.isin(units, TREATED) == treated
        if own.metric.denominator is None:
            column = own.metric.numerator
            fast, slow = (played[m].values[column][rows].sum() for m in ("fast", "slow"))  # noqa: PD011 - no frame
            assert own.other.estimate == pytest.approx(fast / slow - 1)
        assert own.units == 4
        assert (own.model, own.against) == (("fast", "slow") if treated else ("slow", "fast"))


def test_what_a_simulator_overlooks_everywhere_is_its_bias_and_not_the_launchs(session, happened, start, found):
    off = replay(session, outcomes_of(happened(wrong=-5.0)), experiment(start))
    bias = {own.arm: own.own.estimate for own in off.arms if own.metric.name == "profit"}
    assert min(bias.values()) > 0.01
    clean, own = by_metric(found)["profit"], by_metric(off)["profit"]
    assert own.replay.lift.estimate == pytest.approx(clean.replay.lift.estimate)
    assert own.robust.difference.estimate == pytest.approx(clean.robust.difference.estimate)
    assert own.robust.control == pytest.approx(clean.robust.control - 5)


def test_it_may_know_the_test_that_compare_must_not(session, happened, start):
    outcomes = outcomes_of(happened())
    with pytest.raises(InputError) as caught:
        compare(session, outcomes, experiment(start))
    assert [fault.rule for fault in caught.value.faults] == ["test-in-training"]


def test_plain_and_analysis_are_read_from_the_same_stores_and_weeks(found, happened):
    frame = happened()
    own = by_metric(found)["profit"]
    means = frame.groupby("arm")["profit"].mean()
    assert own.plain.difference.estimate == pytest.approx(means["treatment"] - means["control"])
    assert own.plain.units == own.robust.units == (4, 4)


def test_stores_of_a_stratum_with_one_arm_are_only_replayed(session, happened, start):
    outcomes = outcomes_of(happened(treated=("S0", "S2")))
    said = replay(session, outcomes, experiment(start, ("half",)))
    own = by_metric(said)["profit"]
    assert own.robust.units == own.plain.units == (2, 2)
    assert own.replay.units == (8, 8)
    assert "only replayed: 4 units of strata with one arm only: S4, S5, S6, S7" in said.notes


def test_what_cannot_be_simulated_is_named(found):
    assert set(by_metric(found)) == {"profit", "stockout_rate"}
    assert "not replayed, since no simulation has them: visits" in found.notes


@pytest.mark.parametrize(
    ("moved", "more", "rule"),
    [(52, {}, "no-common-weeks"), (0, {"unit": "switchback", "strata": (), "block": 2}, "switchback")],
)
def test_what_cannot_be_replayed_is_refused(session, happened, start, moved, more, rule):
    frame = happened()
    frame["ds"] += pd.Timedelta(weeks=moved)
    with pytest.raises(InputError) as caught:
        replay(session, outcomes_of(frame), experiment(start + pd.Timedelta(weeks=moved), **more))
    assert [fault.rule for fault in caught.value.faults] == [rule]


def test_arms_that_lost_stores_are_refused(session, happened, start):
    frame = happened(treated=("S0", "S1"))
    more = [frame[frame["unit"] == "S2"].assign(unit=f"T{k}") for k in range(20)]
    with pytest.raises(InputError, match="sample-ratio mismatch"):
        replay(session, outcomes_of(pd.concat([frame, *more])), experiment(start))


def test_it_prints_within_a_hundred_columns_and_writes_json(call, chain_run, happened, start, tmp_path):
    happened(twist=9.0).to_csv(tmp_path / "outcomes.csv", index=False)
    tree = {"name": "spring", "outcomes": {"path": "outcomes.csv"}, "metrics": METRICS}
    tree["design"] = {"start": str(start.date()), "pre_periods": 0}
    (tmp_path / "spring.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    code, out, _ = call(
        "replay", chain_run, tmp_path / "outcomes.csv", "--config", tmp_path / "spring.yaml", "--candidate", "fast",
        "--out", tmp_path / "o",
    )  # fmt: skip
    assert code == 0
    assert all(len(line) <= 100 for line in out.splitlines())
    assert "lift of fast (treatment) against slow" in out
    data = json.loads((tmp_path / "o" / "replay.json").read_text())
    assert [own["metric"] for own in data["metrics"]] == ["profit", "stockout_rate"]
    assert data["metrics"][0]["doubly_robust"]["lift"]["estimate"] == pytest.approx(0.02, abs=0.5)
    assert {own["arm"] for own in data["arms"]} == {"control", "treatment"}
