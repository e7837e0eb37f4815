"""Composite proxy: weights that can be read, predictions that have not seen what they foretell, honest advice."""

import datetime as dt

import numpy as np
import pytest

from backtest.faults import InputError
from forecast_eval.align import Deltas, Launch, OnlineTest
from forecast_eval.align.composite import compose
from forecast_eval.align.held_out import foretell
from forecast_eval.align.joint import sample

DAY = dt.date(2025, 3, 3)


def book(truth, errors, count, seed, *, better=None, jump=0.0):
    """Launches with errors of one covariance; `jump` is added to what was measured of the third."""
    rng, p = np.random.default_rng(seed), len(truth) - 1
    errors = np.diag(np.square(errors)) if np.ndim(errors) == 1 else errors
    sign = np.array([-1.0 if way == "lower" else 1.0 for way in better or ["higher"] * p])
    found = []
    for k in range(count):
        own = rng.multivariate_normal(np.full(p + 1, 0.004), truth) + rng.multivariate_normal(np.zeros(p + 1), errors)
        start = DAY + dt.timedelta(days=7 * k)
        offline = Deltas.of(
            [f"m{j}" for j in range(p)], sign * own[:p], errors[:p, :p] * np.outer(sign, sign), better=better
        )
        online = Deltas.of(["profit"], [own[p] + jump * (k == 2)], errors[p:, p:])
        test = OnlineTest("store", (10, 12), start, start + dt.timedelta(days=27), 4)
        cross = errors[:p, p:] * sign[:, None]
        found.append(Launch(f"l{k}", "new", "old", start, "launched", offline, online, cross, test))
    return found


HALVES = np.array([[1.0, 0.0, 0.7], [0.0, 1.0, 0.7], [0.7, 0.7, 1.0]]) * 0.03**2
"""Two metrics which tell one half of the online effect each."""
ALONE = np.array([[1.0, 0.2, 0.97], [0.2, 1.0, 0.15], [0.97, 0.15, 1.0]]) * 0.03**2
"""A metric that tells nearly all, and one that adds nothing."""


@pytest.fixture(scope="module")
def halves():
    joint = sample(book(HALVES, [0.006, 0.009, 0.008], 30, 2, better=["higher", "lower"]), "profit", draws=800, seed=1)
    return joint, compose(joint, money="m1")


def test_halves_that_make_a_whole_are_worth_a_composite(halves):
    _, found = halves
    assert found.advice == "use the composite"
    assert found.single.gain.low > 0
    assert found.composite.rmse_true < found.single.rmse_true
    assert "its squared error is lower by" in found.verdict


def test_weights_and_intercept_give_the_prediction(halves):
    """By hand from the numbers that are shown, against what the draws expect of each launch."""
    joint, found = halves
    expected = joint.draws.ahead[:, :, 0].mean(axis=0) * joint.data.scale[2] + joint.data.centre[2]
    for k in (0, 11):
        offline = joint.data.launches[k].offline
        signed = {"m0": offline.value("m0"), "m1": -offline.value("m1")}
        parts = [own.effect.value * signed[own.name] / own.deviation for own in found.weights]
        assert found.intercept + sum(parts) == pytest.approx(expected[k], abs=1e-9)


def test_shares_of_weights_add_up_and_the_largest_is_first(halves):
    _, found = halves
    assert sum(own.share for own in found.weights) == pytest.approx(1.0)
    assert found.weights[0].share == max(own.share for own in found.weights)


def test_weights_are_near_those_of_the_truth(halves):
    _, found = halves
    inside = HALVES[:2, :2] + np.diag([0.006, 0.009]) ** 2
    truth = np.linalg.solve(inside, HALVES[:2, 2])
    ours = {own.name: own.effect.value / own.deviation for own in found.weights}
    assert [ours["m0"], ours["m1"]] == pytest.approx(truth, abs=0.15)


def test_what_one_metric_tells_needs_no_composite():
    joint = sample(book(ALONE, [0.004, 0.004, 0.01], 20, 3), "profit", draws=600, seed=1)
    found = compose(joint, money="m0")
    assert found.advice == "use one metric alone"
    assert found.verdict.startswith("use m0 alone: it goes with the true effect (quality 0.9")
    assert found.single.chosen == (("m0", 20),)


def test_few_noisy_launches_are_insufficient_evidence():
    joint = sample(book(np.eye(4) * 0.01**2, np.full(4, 0.03), 6, 4), "profit", draws=400, seed=1)
    found = compose(joint)
    assert found.advice == "insufficient evidence"
    assert found.money is None


def test_weights_shrink_where_nobody_knows_their_sign():
    """Five launches that tell little: far from the weights of least squares."""
    launches = book(HALVES, [0.02, 0.02, 0.05], 5, 7)
    joint = sample(launches, "profit", draws=600, seed=1)
    x = np.array([[*own.offline.values, 1.0] for own in launches])
    least = np.linalg.lstsq(x, [own.online.value("profit") for own in launches], rcond=None)[0][:2]
    ours = [own.effect.value / own.deviation for own in compose(joint).weights]
    assert np.linalg.norm(ours) < 0.6 * np.linalg.norm(least)


def test_no_launch_is_foretold_by_its_own_test():
    """What was measured of a launch moves its own prediction hardly, and those of the others."""
    plain, jumped = (
        sample(book(HALVES, [0.006, 0.009, 0.02], 10, 5, jump=jump), "profit", draws=800, seed=2)
        for jump in (0.0, 0.06)
    )
    one, other = foretell(plain, "profit"), foretell(jumped, "profit")
    inside = [own.draws.effects[:, 2, 0].mean() * own.data.scale[2] + own.data.centre[2] for own in (plain, jumped)]
    assert inside[1] - inside[0] > 0.008
    assert abs(other.composite[2] - one.composite[2]) < 0.004
    assert other.target[2] - one.target[2] == pytest.approx(0.06, abs=0.005)


def test_shared_errors_are_taken_out_of_what_is_to_be_foretold():
    """The target differs from what was measured by the error that the offline side tells: cross / (truth + error) x."""
    errors = np.array([[4.0, 0.0, 3.0], [0.0, 1.0, 0.0], [3.0, 0.0, 4.0]]) * 1e-4
    truth = np.diag([1.0, 9.0, 4.0]) * 1e-4
    launches = book(truth, errors, 24, 6)
    told = foretell(sample(launches, "profit", draws=600, seed=2), "profit")
    x = np.array([own.offline.value("m0") for own in launches])
    taken = np.array([own.online.value("profit") for own in launches]) - told.target
    assert np.polyfit(x, taken, 1)[0] == pytest.approx(3.0 / np.var(x, ddof=1) * 1e-4, rel=0.3)
    assert (told.noise < 4e-4).all()


def test_the_composite_gains_nothing_over_itself(halves):
    _, found = halves
    assert (found.composite.gain.value, found.composite.regret_gain.value) == (0.0, 0.0)


def test_unknown_money_is_refused(halves):
    with pytest.raises(InputError, match="there is no 'm3'; known: m0, m1"):
        compose(halves[0], money="m3")
