"""Laws of the online side of a launch: lifts with their joint covariance, and what they share with the offline side."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from backtest import InputError
from forecast_eval.align import Deltas
from forecast_eval.align.measured import allowed, cross_covariance, decided, online_deltas
from forecast_eval.align.offline import OfflineSide
from forecast_eval.config.experiment import experiment_of
from forecast_eval.online.analysis import analyze
from forecast_eval.online.arms import arms_of, influence_of
from forecast_eval.online.outcomes import outcomes_of
from forecast_eval.online.sample import Sample
from forecast_eval.online.strata import strata_of
from forecast_eval.online.unit_level import unit_level

STORES, BEFORE, TEST, GAIN = 20, 6, 4, 5.0
NAMES = tuple(f"S{k:03}" for k in range(STORES))
START = "2026-02-16"


def experiment(metrics=("profit", "revenue"), **analysis):
    design = {"start": START, "pre_periods": BEFORE} | analysis.pop("design", {})
    given = {name: {"role": "primary"} if name == "profit" else {} for name in metrics}
    tree = {"name": "launch", "outcomes": {"path": "x.csv"}, "design": design, "metrics": given, "analysis": analysis}
    return experiment_of(tree, "launch")


def played(seed, *, shared=True, treated=None, stores=STORES, gain=GAIN):
    """A test of stores whose gains are as those of the simulation, or others of the same size; and the simulation's."""
    rng, names = np.random.default_rng(seed), tuple(f"S{k:03}" for k in range(stores))
    size, taste = rng.normal(100, 12, stores), rng.normal(0, 4, stores)
    more = gain + (taste if shared else rng.normal(0, 4, stores))
    own = np.isin(np.arange(stores), rng.permutation(stores)[: stores // 2]) if treated is None else treated
    weeks = pd.date_range("2026-01-05", periods=BEFORE + TEST, freq="7D")
    late = own[:, None] & (np.arange(BEFORE + TEST) >= BEFORE)
    profit = size[:, None] + rng.normal(0, 3, late.shape) + late * more[:, None]
    frame = pd.DataFrame({
        "unit": np.repeat(names, len(weeks)), "ds": np.tile(weeks, stores),
        "pair": np.repeat(np.arange(stores) // 2, len(weeks)),
        "arm": np.where(late, "treatment", "control").ravel(), "profit": profit.ravel(),
        "revenue": (3 * profit).ravel(), "costs": (200 - profit).ravel(),
    })  # fmt: skip
    promised = 6 + taste + rng.normal(0, 1, stores)
    lift = promised.mean() / size.mean()
    influence = (promised - lift * size) / size.sum()
    side = Deltas.of(["profit"], [lift], [[(influence**2).sum() * stores / (stores - 1)]])
    return outcomes_of(frame), OfflineSide(side, dt.date(2026, 1, 4), "store", names, influence[:, None])


def test_lifts_and_errors_are_those_of_analyze():
    outcomes, _ = played(1)
    found = online_deltas(outcomes, experiment()).deltas
    for reading in analyze(outcomes, experiment()).readings:
        name = reading.metric.name
        assert found.value(name) == reading.effect.lift.estimate
        assert found.error(name) == pytest.approx(reading.effect.lift.error)
        assert found.base[found.at(name)] == reading.effect.control


@pytest.mark.parametrize("adjust", ["none", "cuped", "did"])
def test_a_metric_and_its_multiple_err_together_and_its_opposite_against(adjust):
    own = online_deltas(played(1)[0], experiment(("profit", "revenue", "costs"), adjust=adjust)).deltas
    correlation = own.covariance / np.sqrt(np.outer(np.diag(own.covariance), np.diag(own.covariance)))
    assert correlation[0, 1] == pytest.approx(1)
    assert correlation[0, 2] == pytest.approx(-1, abs=0.02)


@pytest.mark.parametrize("stratum", [None, np.arange(STORES) % 2, np.arange(STORES) // 2])
@pytest.mark.parametrize("adjust", ["none", "cuped"])
def test_what_units_add_is_what_the_error_is_made_of(stratum, adjust):
    rng = np.random.default_rng(5)
    treated = np.tile([True, False, False, True], STORES // 4)
    before = rng.normal(50, 9, STORES)
    sample = Sample(before + rng.normal(3, 4, STORES) + 4 * treated, treated, before=before, stratum=stratum)
    strata, units = strata_of(sample), unit_level(sample, adjust)
    added, arms = influence_of(units, strata, treated), arms_of(units, strata, treated)
    assert added.sum(axis=0) == pytest.approx(0, abs=1e-9)
    spread = np.bincount(strata.clusters, added[:, 1] - added[:, 0])
    assert 0.7 * arms.error**2 < (spread**2).sum() < arms.error**2  # residuals of few units are too small
    if stratum is None and adjust == "none":
        value = arms.values  # noqa: PD011 - no frame
        residual = sample.value - np.where(treated, value[1], value[0])
        assert added[:, 1] == pytest.approx(residual * treated / treated.sum())


@pytest.mark.parametrize(("design", "shared"), [("complete", True), ("complete", False), ("pairs", True)])
def test_stores_that_gain_on_both_sides_make_the_errors_go_together(design, shared):
    told, stores, found = {}, 120, []
    if design == "pairs":
        told = {"design": {"assignment": "stratified", "strata": ["pair"]}}
    for seed in range(8):
        each = np.random.default_rng([seed, 9]).permuted(np.tile([True, False], (stores // 2, 1)), axis=1).ravel()
        treated = each if told else None
        outcomes, promised = played(seed, shared=shared, treated=treated, stores=stores)
        found.append(cross_covariance(promised, online_deltas(outcomes, experiment(("profit",), **told)))[0, 0])
    true = 4**2 / stores / 100**2  # covariance of the mean gains of all and of the treated stores, relative to 100
    tolerance = 3 * np.std(found) / np.sqrt(len(found))
    assert tolerance < 0.3 * true
    assert np.mean(found) == pytest.approx(true if shared else 0.0, abs=tolerance)


def test_stores_of_one_side_only_share_nothing():
    outcomes, promised = played(1)
    others = tuple(f"T{name}" for name in NAMES)
    elsewhere = OfflineSide(promised.deltas, promised.judged, "store", others, promised.influence)
    assert cross_covariance(elsewhere, online_deltas(outcomes, experiment(("profit",))))[0, 0] == 0


def test_a_covariance_of_sides_leaves_the_whole_positive_definite():
    offline, online = np.array([[4.0, 1.9], [1.9, 1.0]]), np.array([[25.0, 4.6], [4.6, 1.0]])
    cross = np.array([[2.5, 0.2], [1.3, -0.4]])
    assert np.linalg.eigvalsh(np.block([[offline, cross], [cross.T, online]]))[0] < 0
    less = allowed(cross, offline, online)
    assert np.linalg.eigvalsh(np.block([[offline, less], [less.T, online]]))[0] > 0
    assert less / cross == pytest.approx(less[0, 0] / cross[0, 0])


def test_the_test_is_told_with_its_dates_and_units():
    told = online_deltas(played(1)[0], experiment(design={"washout": 1})).test
    assert (told.start, told.end) == (dt.date(2026, 2, 16), dt.date(2026, 3, 15))
    assert (told.unit, told.units, told.periods, told.washout) == ("store", (10, 10), 4, 1)
    assert told.adjust == "cuped"


def test_what_is_better_is_launched_and_what_is_worse_is_rejected():
    outcomes, _ = played(1, gain=9.0)
    readings = analyze(outcomes, experiment()).readings
    assert [own.standing for own in readings if own.metric.role == "primary"] == ["better"]
    assert decided(readings) == "launched" == online_deltas(outcomes, experiment()).decision
    profit = outcomes.values["profit"]  # noqa: PD011 - no frame
    backwards = outcomes_of(pd.DataFrame({
        "unit": np.repeat(outcomes.units, BEFORE + TEST), "ds": np.tile(outcomes.periods, STORES),
        "arm": outcomes.arm.ravel(), "profit": (200 - profit).ravel(),
    }))  # fmt: skip
    assert online_deltas(backwards, experiment(("profit",))).decision == "rejected"


def test_lost_stores_and_periods_without_dates_are_refused():
    outcomes, _ = played(1)
    frame = pd.DataFrame({
        "unit": np.repeat(NAMES, 2), "ds": np.tile([1, 2], STORES), "profit": np.arange(2 * STORES) + 50.0,
        "arm": np.repeat(np.where(np.arange(STORES) < 2, "treatment", "control"), 2),
    })  # fmt: skip
    with pytest.raises(InputError) as caught:
        online_deltas(outcomes_of(frame), experiment(("profit",), design={"start": 1, "pre_periods": 0}))
    assert [fault.rule for fault in caught.value.faults] == ["ratio-mismatch", "no-dates"]
    with pytest.raises(InputError, match="is no treatment arm"):
        online_deltas(outcomes, experiment(), arm="treat")


def test_stores_of_a_switchback_are_left_out_one_by_one():
    rng = np.random.default_rng(3)
    weeks = pd.date_range("2026-01-05", periods=8, freq="7D")
    treated = np.repeat(rng.permuted(np.tile([True, False], (4, STORES // 2)), axis=1).T, 2, axis=1)
    profit = rng.normal(100, 9, (STORES, 1)) + rng.normal(0, 3, treated.shape) + 5 * treated
    frame = pd.DataFrame({
        "unit": np.repeat(NAMES, 8), "ds": np.tile(weeks, STORES), "profit": profit.ravel(),
        "revenue": 2 * profit.ravel(), "arm": np.where(treated, "treatment", "control").ravel(),
    })  # fmt: skip
    design = {"unit": "switchback", "start": "2026-01-05", "pre_periods": 0, "block": 2}
    own = online_deltas(outcomes_of(frame), experiment(design=design))
    assert own.influence.shape == (STORES, 2)
    assert own.deltas.covariance[0, 1] == pytest.approx(own.deltas.covariance[0, 0])
    exact = own.deltas.covariance[0, 0]
    assert (own.influence[:, 0] ** 2).sum() == pytest.approx(exact, rel=0.3)
