"""Laws of two proportions."""

import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportions_ztest

from backtest.faults import InputError
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.proportions import proportions, units_needed_proportions
from forecast_eval.online.sample import Sample


@pytest.mark.parametrize(("control", "treatment"), [((40, 900), (31, 400)), ((5, 80), (17, 300))])
def test_statistic_is_statsmodels(control, treatment):
    count, trials = zip(treatment, control, strict=True)
    z, p = proportions_ztest(count, trials)
    got = proportions(control, treatment)
    assert (got.z_pooled, got.p_value) == pytest.approx((z, p))
    assert got.z_unpooled == pytest.approx(proportions_ztest(count, trials, prop_var=False)[0], rel=0.1)


def test_trials_as_units_of_an_experiment_say_the_same():
    value = np.repeat([1.0, 0.0, 1.0, 0.0], [300, 4700, 410, 5590])
    slow = effect(Sample(value, np.repeat([False, True], [5000, 6000])), Method("none"))
    got = proportions((300, 5000), (410, 6000))
    assert got.difference.error == pytest.approx(slow.difference.error, rel=1e-3)
    assert (got.lift.low, got.lift.high) == pytest.approx((slow.lift.low, slow.lift.high), abs=1e-4)


def test_swapping_the_arms_turns_difference_and_lift_round():
    there, back = proportions((50, 700), (90, 800)), proportions((90, 800), (50, 700))
    assert back.difference.low == pytest.approx(-there.difference.high)
    assert 1 + back.lift.low == pytest.approx(1 / (1 + there.lift.high))


def test_without_a_success_there_is_no_lift():
    got = proportions((0, 50), (0, 90))
    assert math.isnan(got.lift.estimate)
    assert math.isnan(got.p_value)
    assert math.isnan(proportions((0, 50), (3, 90)).lift.high)


@pytest.mark.parametrize("pooled", [True, False])
def test_as_many_trials_as_needed_find_the_target_as_often_as_asked(pooled):
    trials = units_needed_proportions(0.3, 0.4, power=0.9, alpha=0.1, pooled=pooled)
    rng = np.random.default_rng(7)
    low, high = rng.binomial(trials, 0.3, 20_000) / trials, rng.binomial(trials, 0.4, 20_000) / trials
    variance = low * (1 - low) + high * (1 - high)
    if pooled:
        variance = (low + high) * (1 - (low + high) / 2)
    assert (np.abs(high - low) > 1.6449 * np.sqrt(variance / trials)).mean() == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("counts", [(5, 4), (-1, 9), (0, 0)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(InputError, match=f"control: {counts[0]} successes of {counts[1]} trials"):
        proportions(counts, (3, 9))


def test_every_impossible_share_is_told():
    with pytest.raises(InputError, match=r"(?s)baseline=5 must.*power=1.2 must"):
        units_needed_proportions(5, 0.06, power=1.2)
    with pytest.raises(InputError, match=r"target=0\.1 is the baseline"):
        units_needed_proportions(0.1, 0.1)
