"""Laws of comparing many models at once."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from forecast_eval.inference import adjusted, best_shares, draw, tied_with_best

MANY = draw(np.arange(200), np.arange(100), replicates=2, rng=np.random.default_rng(0))
FEW = draw(np.arange(200), np.arange(4), replicates=2, rng=np.random.default_rng(0))
NONE = draw(np.zeros(5, dtype=int), np.zeros(4, dtype=int), replicates=2, rng=np.random.default_rng(0))


METHODS = {"bonferroni": "bonferroni", "holm": "holm", "benjamini-hochberg": "fdr_bh"}


@pytest.mark.parametrize("method", METHODS)
def test_adjusted_p_values_equal_those_of_statsmodels(method):
    rng = np.random.default_rng(1)
    for size in (1, 2, 7, 40):
        p = rng.uniform(size=size) ** 3
        p[: size // 3] = p[-1]  # ties
        assert adjusted(p, method=method) == pytest.approx(multipletests(p, method=METHODS[method])[1])


@pytest.mark.parametrize("method", METHODS)
def test_tests_that_were_not_made_do_not_count(method):
    p = np.array([0.02, 0.4, 0.001])
    with_gaps = adjusted(np.array([np.nan, 0.02, np.nan, 0.4, 0.001]), method=method)
    assert with_gaps[[1, 3, 4]].tolist() == adjusted(p, method=method).tolist()
    assert np.isnan(with_gaps[[0, 2]]).all()
    assert np.isnan(adjusted(np.array([np.nan]), method=method)).all()


def resampled(seed, losses, *, spread=1.0, common=5.0, replicates=2000):
    """Replicates of losses with much in common, as paired models have."""
    rng = np.random.default_rng(seed)
    return losses + common * rng.normal(size=(replicates, 1)) + spread * rng.normal(size=(replicates, len(losses)))


def test_models_far_behind_are_left_out_and_near_ones_kept():
    losses = np.array([3.0, 1.0, 1.5, 9.0])
    got = tied_with_best(losses, resampled(1, losses, spread=0.4), confidence=0.95, draws=MANY)
    assert got.tolist() == [False, True, True, False]


def test_what_models_have_in_common_does_not_tie_them():
    losses = np.array([1.0, 4.0, 2.0])
    for common in (0.0, 1e4):
        replicates = resampled(2, losses, spread=0.5, common=common)
        assert tied_with_best(losses, replicates, confidence=0.95, draws=MANY).tolist() == [True, False, True]


def test_more_confidence_ties_more():
    losses = np.array([1.0, 2.2, 3.4, 4.6])
    replicates = resampled(3, losses, spread=0.5)
    sizes = [tied_with_best(losses, replicates, confidence=c, draws=MANY).sum() for c in (0.5, 0.9, 0.999)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_few_blocks_tie_more():
    losses = np.array([1.0, 2.2, 3.4, 4.6])
    replicates = resampled(4, losses, spread=0.5)
    many, few = (tied_with_best(losses, replicates, confidence=0.95, draws=d).sum() for d in (MANY, FEW))
    assert many < few


def test_two_rivals_are_one_one_sided_comparison():
    replicates = resampled(5, np.zeros(2), spread=1.0, replicates=20_000)
    error = (replicates[:, 0] - replicates[:, 1]).std()
    for gap, inside in ((1.60, True), (1.75, False)):  # about 1.645 errors; Student's quantile at 99 degrees is 1.66
        losses = np.array([0.0, gap * error])
        got = tied_with_best(losses, replicates + losses, confidence=0.95, draws=MANY)
        assert got.tolist() == [True, inside]


def test_model_without_a_loss_is_not_tied_and_changes_nothing():
    losses = np.array([1.0, np.nan, 1.2, 9.0])
    replicates = resampled(6, losses, spread=0.5)
    assert tied_with_best(losses, replicates, confidence=0.95, draws=MANY).tolist() == [True, False, True, False]


def test_replicates_without_a_value_are_left_out():
    losses = np.array([1.0, 1.2, 9.0])
    replicates = resampled(7, losses, spread=0.5)
    replicates[:50, 1] = np.nan
    assert tied_with_best(losses, replicates, confidence=0.95, draws=MANY).tolist() == [True, True, False]


@pytest.mark.parametrize("digit", [0.0, 1e-16])
def test_copies_are_tied_but_for_their_last_digit(digit):
    losses = np.array([0.3, 0.3 + digit])
    replicates = losses + 0.1 * np.random.default_rng(8).normal(size=(100, 1))
    assert tied_with_best(losses, replicates, confidence=0.95, draws=MANY).tolist() == [True, True]


def test_model_that_is_as_much_worse_in_every_replicate_is_left_out():
    losses = np.array([1.0, 1.0, 1.5])
    replicates = losses + np.random.default_rng(8).integers(-9, 9, size=(100, 1))  # their differences are exact
    assert tied_with_best(losses, replicates, confidence=0.95, draws=MANY).tolist() == [True, True, False]


def test_where_nothing_is_drawn_every_model_with_a_loss_may_be_best():
    losses = np.array([1.0, 99.0, np.nan])
    assert tied_with_best(losses, losses[None], confidence=0.95, draws=NONE).tolist() == [True, True, False]


@pytest.mark.parametrize("behind", [0.0, 0.5])
def test_set_holds_the_truly_best_model_as_often_as_it_says(behind):
    """Six models of which the first is the best, or all are; what is measured moves as its replicates do."""
    rng, truth, hits = np.random.default_rng(9), behind * np.arange(6), 0
    for _ in range(300):
        losses = truth + rng.normal(size=6)
        replicates = losses + rng.normal(size=(400, 6))
        hits += tied_with_best(losses, replicates, confidence=0.9, draws=MANY)[0]
    assert hits / 300 >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / 300)
    if not behind:
        assert hits / 300 <= 0.96  # and no more than needed, where the bound is sharp


def test_shares_of_being_best_add_up_and_split_ties():
    replicates = np.array([[1.0, 2.0, np.nan], [2.0, 2.0, 3.0], [4.0, 3.0, 1.0], [np.nan, np.nan, np.nan]])
    assert best_shares(replicates) == pytest.approx([1.5 / 3, 0.5 / 3, 1 / 3])
