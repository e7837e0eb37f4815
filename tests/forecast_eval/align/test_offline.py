"""Laws of the offline side of a launch: differences of every metric and their joint covariance."""

import numpy as np
import pytest

from backtest import InputError
from forecast_eval.align.offline import offline_deltas
from forecast_eval.online.metric import OnlineMetric
from forecast_eval.online.paired import paired_effect
from forecast_eval.online.simulated import simulated

PROFIT = OnlineMetric("profit", "profit")
RATE = OnlineMetric("stockout_rate", "stockouts", "exposure", better="lower")


@pytest.fixture(scope="module")
def side(session):
    return offline_deltas(session, "fast", replicates=400)


@pytest.fixture(scope="module")
def played(session):
    return simulated(session, ["fast", "slow"]).by_model


def test_every_metric_that_ranks_and_the_money_of_a_test_are_there(side):
    assert side.deltas.names == ("rmse", "bias", "profit", "revenue", "stockout_rate")
    assert side.deltas.better == ("lower", "lower", "higher", "higher", "lower")
    assert set(side.deltas.units) == {"share"}


def test_what_is_not_clearly_above_0_leaves_nothing_to_be_relative_to(side, played):
    wasted = played["slow"].values["waste_cost"]
    assert 0 < (wasted > 0).sum() < 10
    assert [note[:22] for note in side.notes if "relative" in note] == ["waste is left out: the"]


@pytest.mark.parametrize("metric", [PROFIT, RATE])
def test_money_is_the_lift_that_compare_promises(side, played, metric):
    promised = paired_effect(played["fast"], played["slow"], metric, block=3)
    assert side.deltas.value(metric.name) == pytest.approx(promised.lift.estimate)
    assert side.deltas.base[side.deltas.at(metric.name)] == pytest.approx(promised.control)
    # the bootstrap overstates the noise of single cells, up to sqrt(3)
    assert 0.7 < side.deltas.error(metric.name) / promised.lift.error < 2


def test_a_metric_is_candidate_over_incumbent_less_one(side, session):
    scores = session.run.read("scores")
    total = scores[(scores["axis"] == "total") & (scores["metric"] == "rmse")].set_index("model")["value"]
    assert side.deltas.value("rmse") == pytest.approx(total["fast"] / total["slow"] - 1)
    assert side.deltas.base[0] == pytest.approx(total["slow"])


def test_the_difference_of_a_bias_is_that_of_its_distance_from_0(side, session):
    scores = session.run.read("scores")
    total = scores[(scores["axis"] == "total") & (scores["metric"] == "bias")].set_index("model")["value"]
    assert total["fast"] < 0 or total["slow"] < 0
    assert side.deltas.value("bias") == pytest.approx(abs(total["fast"]) / abs(total["slow"]) - 1)


def test_the_same_metric_twice_has_the_same_errors(session):
    again = OnlineMetric("gain", "profit"), OnlineMetric("loss", "stockouts", better="lower"), RATE
    own = offline_deltas(session, "fast", metrics=[PROFIT, *again], replicates=200).deltas
    correlation = own.covariance / np.sqrt(np.outer(np.diag(own.covariance), np.diag(own.covariance)))
    at = [own.at(name) for name in ("profit", "gain", "loss", "stockout_rate")]
    assert correlation[at[0], at[1]] == pytest.approx(1)
    assert correlation[at[2], at[3]] == pytest.approx(1)
    assert abs(correlation[at[0], at[2]]) < 0.99


def test_stores_add_up_to_nothing_and_their_squares_to_the_variance_by_stores(side, played):
    assert side.unit == "store"
    assert side.stores == tuple(played["fast"].units)
    assert side.influence.sum(axis=0) == pytest.approx(0, abs=1e-12)
    ours, theirs = (played[name].values["profit"].sum(axis=1) for name in ("fast", "slow"))
    lift = ours.sum() / theirs.sum()
    exact = (ours - lift * theirs) / theirs.sum()  # linear, where the side leaves stores out one by one
    found = side.influence[:, side.deltas.at("profit")]
    assert np.abs(found - exact).max() < 0.1 * np.abs(exact).max()


def test_the_same_seed_gives_the_same_bytes(session):
    first, again, other = (
        offline_deltas(session, "fast", metrics=[PROFIT], replicates=100, seed=seed).deltas.covariance
        for seed in (1, 1, 2)
    )
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize(
    ("candidate", "options", "rule"),
    [
        ("twin", {}, "no-difference"),
        ("slow", {}, "no-difference"),
        ("fats", {}, "unknown-model"),
        ("fast", {"incumbent": "slo"}, "unknown-model"),
    ],
)
def test_what_has_no_difference_is_refused(session, candidate, options, rule):
    with pytest.raises(InputError) as caught:
        offline_deltas(session, candidate, replicates=100, **options)
    assert [fault.rule for fault in caught.value.faults] == [rule]
