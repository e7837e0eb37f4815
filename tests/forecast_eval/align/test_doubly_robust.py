"""Laws of the doubly robust estimate: what it is without a model, with a perfect one, and over all assignments."""

from itertools import combinations

import numpy as np
import pytest

from forecast_eval.align.doubly_robust import Potential, doubly_robust
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.sample import Sample
from forecast_eval.online.strata import strata_of

OLD = np.array([10.0, 14.0, 9.0, 21.0, 17.0, 12.0, 30.0, 8.0])
NEW = OLD + np.array([1.0, 2.5, 0.5, 4.0, 1.0, 3.0, 2.0, -1.0])
SIZE = np.array([2.0, 3.0, 2.0, 4.0, 3.5, 2.5, 6.0, 1.5])
WRONG = 0.8 * OLD + np.array([3.0, -1.0, 0.0, 2.0, 1.0, -4.0, 2.0, 1.0]), 0.9 * NEW - 2.0
PAIRS = np.repeat(np.arange(4), 2)


def read(treated, *, model=WRONG, ratio=False, stratum=None):
    value = np.where(treated, NEW, OLD)
    below = Potential(SIZE, SIZE + 0.1, SIZE - 0.2) if ratio else None
    sample = Sample(value, treated, SIZE if ratio else None, stratum=stratum)
    return doubly_robust(Potential(value, *model), below, strata_of(sample), treated), sample


def halves(stratum):
    """Every assignment with two treated in each stratum of four, or four of all eight."""
    if stratum is None:
        for chosen in combinations(range(8), 4):
            yield np.isin(np.arange(8), chosen)
        return
    for first in combinations(range(4), 2):
        for second in combinations(range(4, 8), 2):
            yield np.isin(np.arange(8), first + second)


@pytest.mark.parametrize("stratum", [None, np.repeat([0, 1], 4)])
def test_it_is_right_on_average_over_all_assignments_whatever_the_model_says(stratum):
    found = [read(treated, stratum=stratum)[0].difference.estimate for treated in halves(stratum)]
    assert np.mean(found) == pytest.approx((NEW - OLD).mean())
    assert abs((WRONG[1] - WRONG[0]).mean() - (NEW - OLD).mean()) > 1


def test_it_is_right_on_average_with_unequal_shares():
    chosen = [np.isin(np.arange(8), own) for own in combinations(range(8), 3)]
    found = [read(treated)[0].difference.estimate for treated in chosen]
    assert np.mean(found) == pytest.approx((NEW - OLD).mean())


def test_its_variance_is_that_of_assignments_and_of_what_stores_differ_in():
    read_all = [read(treated)[0].difference for treated in halves(None)]
    over = np.var([own.estimate for own in read_all])  # these stores; others have other effects (Neyman 1923)
    assert np.mean([own.error**2 for own in read_all]) == pytest.approx(over + np.var(NEW - OLD, ddof=1) / 8)


@pytest.mark.parametrize("stratum", [None, np.repeat([0, 1], 4), PAIRS])
@pytest.mark.parametrize("ratio", [False, True])
def test_without_a_model_it_is_the_difference_in_means(stratum, ratio):
    treated = np.array([True, False, False, True, True, False, False, True])
    value, zero = np.where(treated, NEW, OLD), np.zeros(8)
    below = Potential(SIZE, zero, zero) if ratio else None
    sample = Sample(value, treated, SIZE if ratio else None, stratum=stratum)
    ours = doubly_robust(Potential(value, zero, zero), below, strata_of(sample), treated)
    plain = effect(sample, Method("none"))
    assert (ours.control, ours.treatment) == pytest.approx((plain.control, plain.treatment))
    assert ours.lift.estimate == pytest.approx(plain.lift.estimate)
    if not ratio:  # the noise of a ratio's unit is judged by its exposure there
        assert ours.difference.error == pytest.approx(plain.difference.error)


def test_with_a_perfect_model_only_what_stores_differ_in_is_left():
    found = [read(treated, model=(OLD, NEW))[0].difference for treated in halves(None)]
    assert {round(own.estimate, 9) for own in found} == {round((NEW - OLD).mean(), 9)}
    assert np.mean([own.error**2 for own in found]) == pytest.approx(np.var(NEW - OLD, ddof=1) / 8)


def test_pairs_are_told_by_their_differences():
    treated = np.array([True, False, False, True, True, False, False, True])
    found, _ = read(treated, stratum=PAIRS)
    said = np.where(treated, WRONG[1], WRONG[0])
    right = np.where(treated, NEW, OLD) - said
    own = np.array([
        (WRONG[1] - WRONG[0])[pair].mean() + right[pair][treated[pair]][0] - right[pair][~treated[pair]][0]
        for pair in (k == PAIRS for k in range(4))
    ])  # fmt: skip
    assert found.difference.estimate == pytest.approx(own.mean())
    assert found.difference.error == pytest.approx(own.std(ddof=1) / 2)
    assert found.difference.freedom == pytest.approx(3)


def test_intervals_hold_the_truth_with_five_stores_an_arm():
    missed = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        old = rng.normal(100, 20, 10)
        new = old + rng.normal(8, 6, 10)
        treated = np.isin(np.arange(10), rng.permutation(10)[:5])
        model = Potential(np.where(treated, new, old), old + rng.normal(5, 8, 10), new + rng.normal(-3, 8, 10))
        own = doubly_robust(model, None, strata_of(Sample(model.measured, treated)), treated).difference
        missed += not own.low <= 8 <= own.high
    assert 8 <= missed <= 30  # 20 of 400 is 5 %
