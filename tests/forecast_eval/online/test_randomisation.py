"""Laws of drawn assignments: arms in their shares, in every group, fair to every unit, balanced where asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_eval.online.matching import group_size, matched_groups
from forecast_eval.online.randomisation import Randomisation, whitened

HALVES = np.array([0.5, 0.5])
SIZE = np.array([3.0, 9.0, 4.0, 7.0, 1.0, 12.0, 6.0, 5.0, 2.0, 10.0])


def drawn(randomisation, draws, seed=3):
    return randomisation.draw(np.random.default_rng(seed), draws)


def held(arms, codes, groups=None):
    """Units of each arm in each group [draw, group, arm]."""
    groups = np.zeros(arms.shape[1], dtype=int) if groups is None else groups
    return np.stack(
        [np.stack([(arms[:, groups == g] == k).sum(axis=1) for k in codes], axis=1) for g in set(groups)], 1
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.lists(st.integers(1, 5), min_size=2, max_size=3))
def test_arms_keep_their_shares_over_all_units(sizes, shares):
    groups, weights = np.repeat(np.arange(len(sizes)), sizes), np.array(shares) / sum(shares)
    counts = held(drawn(Randomisation(weights, groups), 50), range(len(shares)))[:, 0]
    assert (np.abs(counts - weights * len(groups)) < len(shares)).all()


@pytest.mark.parametrize("shares", [[1, 1], [1, 3], [1, 1, 1], [2, 3]])
def test_every_group_holds_arms_in_their_shares_rounded_up_or_down(shares):
    groups = np.repeat(np.arange(4), [5, 3, 4, 2])
    weights = np.array(shares) / sum(shares)
    counts = held(drawn(Randomisation(weights, groups), 400), range(len(shares)), groups)
    exact = np.bincount(groups)[:, None] * weights
    assert (np.floor(exact + 1e-9) <= counts).all()
    assert (counts <= np.ceil(exact - 1e-9)).all()


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.25, 0.75], [0.2, 0.3, 0.5]])
def test_every_unit_gets_every_arm_as_often_as_its_share(shares):
    groups = np.array([0, 0, 0, 1, 1, 1, 1, 1, 2, 2])
    arms = drawn(Randomisation(np.array(shares), groups), 20_000)
    often = np.stack([(arms == k).mean(axis=0) for k in range(len(shares))], axis=1)
    assert np.abs(often - shares).max() < 5 * np.sqrt(0.25 / 20_000)


def test_a_pair_holds_one_unit_of_each_arm():
    arms = drawn(Randomisation(HALVES, np.array([4, 9, 9, 4, 7, 7])), 200)
    assert (arms[:, [0, 1, 4]] + arms[:, [3, 2, 5]] == 1).all()


def test_groups_are_drawn_independently_of_each_other():
    arms = drawn(Randomisation(HALVES, np.array([0, 0, 1, 1])), 20_000)
    assert abs(np.corrcoef(arms[:, 0], arms[:, 2])[0, 1]) < 5 / np.sqrt(20_000)


def test_accepted_draws_are_the_best_balanced_share_of_all():
    free, picky = (Randomisation(HALVES, np.zeros(10, dtype=int), SIZE[:, None], share) for share in (1.0, 0.2))
    limit = np.quantile(free.distances(drawn(free, 4_000)), 0.2)
    chosen = picky.distances(drawn(picky, 500, seed=8))
    assert chosen.max() <= limit * 1.1
    assert chosen.mean() < 0.3 * free.distances(drawn(free, 500)).mean()


def test_rejection_leaves_every_unit_as_likely_in_either_arm():
    arms = drawn(Randomisation(HALVES, np.zeros(10, dtype=int), SIZE[:, None], 0.1), 5_000)
    assert np.abs(arms.mean(axis=0) - 0.5).max() < 5 * np.sqrt(0.25 / 5_000)


def test_the_distance_is_mahalanobis_between_the_means_of_two_arms():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(9, 2)) @ np.array([[3.0, 1.0], [0.0, 0.2]]) + 50
    codes = np.array([0, 1, 1, 0, 0, 1, 0, 1, 0])
    gap = values[codes == 1].mean(axis=0) - values[codes == 0].mean(axis=0)
    expected = 5 * 4 / 9 * gap @ np.linalg.inv(np.cov(values.T)) @ gap
    own = Randomisation(np.array([5 / 9, 4 / 9]), np.zeros(9, dtype=int), values, 0.5)
    assert own.distances(codes[None, :])[0] == pytest.approx(expected)


def test_a_covariate_that_repeats_another_changes_nothing():
    twice = np.column_stack([SIZE, 100 - 4 * SIZE])
    one, two = (Randomisation(HALVES, np.zeros(10, dtype=int), values, 0.2) for values in (SIZE[:, None], twice))
    arms = drawn(one, 20)
    assert two.distances(arms) == pytest.approx(one.distances(arms))


def test_the_same_seed_draws_the_same():
    own = Randomisation(HALVES, np.repeat([0, 1], 5), SIZE[:, None], 0.3)
    assert (drawn(own, 40, seed=5) == drawn(own, 40, seed=5)).all()
    assert (drawn(own, 40, seed=5) != drawn(own, 40, seed=6)).any()


def test_whitened_covariates_are_uncorrelated_with_variance_one():
    values = np.random.default_rng(2).normal(size=(30, 3)) @ np.array([[2.0, 1, 0], [0, 3, 1], [0, 0, 5]]) + [
        1,
        20,
        300,
    ]
    assert np.cov(whitened(values).T) == pytest.approx(np.eye(3), abs=1e-12)


def test_matched_groups_hold_the_nearest_units():
    points = np.array([[10.0], [1.0], [31.0], [11.0], [30.0], [2.5]])
    groups = matched_groups(points, 2)
    assert [groups[0] == groups[3], groups[1] == groups[5], groups[2] == groups[4]] == [True] * 3


def test_matching_is_at_least_as_close_as_neighbours_in_order_of_size():
    points = np.random.default_rng(4).lognormal(size=(40, 1))
    groups, order = matched_groups(points, 2), np.argsort(points[:, 0])
    neighbours = np.empty(40, dtype=int)
    neighbours[order] = np.arange(40) // 2
    assert spread(points, groups) <= spread(points, neighbours) * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_few_pairs_are_matched_as_closely_as_any_matching_can(seed):
    points = np.random.default_rng(seed).normal(size=(8, 2))
    best = min(spread(points, np.array(codes)) for codes in matchings(8))
    assert spread(points, matched_groups(points, 2)) == pytest.approx(best)


def matchings(units):
    """Every way to form pairs, as the code of each unit."""

    def fill(codes, pair):
        if None not in codes:
            yield codes
            return
        first = codes.index(None)
        for other in (k for k in range(first + 1, units) if codes[k] is None):
            yield from fill([pair if k in {first, other} else code for k, code in enumerate(codes)], pair + 1)

    yield from fill([None] * units, 0)


def spread(points, groups):
    return sum(((points[groups == g] - points[groups == g].mean(axis=0)) ** 2).sum() for g in set(groups))


@pytest.mark.parametrize(("units", "size"), [(11, 2), (14, 3), (9, 4)])
def test_units_left_over_join_a_group_each(units, size):
    counts = np.bincount(matched_groups(np.random.default_rng(6).normal(size=(units, 2)), size))
    assert counts.sum() == units
    assert counts.min() >= size


@pytest.mark.parametrize(("shares", "size"), [([1, 1], 2), ([1, 2], 3), ([0.5, 0.25, 0.25], 4), ([1, 1.37], None)])
def test_a_matched_group_is_the_smallest_that_holds_the_shares(shares, size):
    assert group_size(shares) == size
