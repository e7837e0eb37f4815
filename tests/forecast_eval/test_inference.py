"""Laws of paired intervals."""

import itertools
from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from forecast_eval.inference import paired_interval, time_blocks, total_interval


def test_interval_equals_statsmodels_two_way_clusters():
    rng = np.random.default_rng(1)
    stores, weeks = 12, 15
    values = 3 + rng.normal(0, 2, (stores, 1)) + rng.normal(0, 1, (1, weeks)) + rng.normal(0, 1, (stores, weeks))
    long = pd.DataFrame({
        "d": values.ravel(), "store": np.repeat(np.arange(stores), weeks), "week": np.tile(np.arange(weeks), stores)
    })  # fmt: skip
    fit = smf.ols("d ~ 1", long).fit(cov_type="cluster", cov_kwds={"groups": long[["store", "week"]].to_numpy()})
    n = stores * weeks
    ours = total_interval(values, np.arange(stores), np.arange(weeks))
    half = (ours.high - ours.low) / 2 / 2.2009851600916384  # Student's .975 quantile at 11 degrees of freedom
    assert ours.estimate / stores == pytest.approx(fit.params["Intercept"])
    # statsmodels also multiplies by (n - 1) / (n - k), which is 1 for a mean
    assert half / stores == pytest.approx(fit.bse["Intercept"] * np.sqrt((n - 1) / (n - 1)), rel=1e-9)


def test_series_of_one_store_are_summed_before_they_are_compared():
    rng = np.random.default_rng(2)
    store = rng.normal(1, 3, (6, 10))
    split = np.repeat(store / 4, 4, axis=0)
    weeks = np.arange(10)
    whole = total_interval(store, np.arange(6), weeks)
    parts = total_interval(split, np.repeat(np.arange(6), 4), weeks)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high))
    naive = total_interval(split, np.arange(24), weeks)
    assert naive.high - naive.low < whole.high - whole.low


@pytest.mark.parametrize("store_effect", [0.0, 1.0])
def test_interval_covers_the_truth_as_often_as_it_says(store_effect):
    rng, truth, hits = np.random.default_rng(3), 2.0, 0
    for _ in range(600):
        values = truth / 20 + store_effect * rng.normal(0, 1, (20, 1)) + rng.normal(0, 1, (20, 12))
        got = total_interval(values, np.arange(20), np.arange(12))
        hits += got.low <= truth <= got.high
    assert 0.93 <= hits / 600 <= 1.0


def test_interval_covers_the_truth_where_stores_differ_in_size():
    rng, size, hits, widths = np.random.default_rng(4), np.arange(1, 21), 0, []
    clusters = np.repeat(np.arange(20), size)
    for _ in range(300):
        effect = rng.normal(0, 0.3, (20, 1))[clusters]
        got = total_interval(1.0 + effect + rng.normal(0, 1, (len(clusters), 10)), clusters, np.arange(10))
        hits += got.low <= len(clusters) <= got.high
        widths.append(got.high - got.low)
    assert 0.92 <= hits / 300 <= 0.99
    assert np.median(widths) < 1.2 * len(clusters)  # the difference in size is not taken for noise


def test_interval_of_one_store_rests_on_time_alone():
    values = np.array([[1.0, 3.0, 2.0, 6.0]])
    got = total_interval(values, np.array([0]), np.arange(4))
    assert (got.estimate, got.clusters, got.blocks) == (3.0, 1, 4)
    assert got.high - 3.0 == pytest.approx(3.182446 * values.std(ddof=1) / 2, rel=1e-5)


def test_no_interval_from_one_store_and_one_block():
    got = total_interval(np.array([[5.0]]), np.array([0]), np.array([0]))
    assert np.isnan(got.low)
    assert not got.excludes_zero


def test_blocks_are_shortened_before_they_become_too_few():
    assert time_blocks(12, 2).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert len(np.unique(time_blocks(6, 3))) == 6
    assert len(np.unique(time_blocks(3, 3))) == 3


def three_ways(seed, *, effects, shape=(8, 9, 10)):
    """Money of products in stores over weeks, with what a store, a product and a week have in common; mean 0."""
    rng, (stores, products, weeks) = np.random.default_rng(seed), shape
    store, product = np.repeat(np.arange(stores), products), np.tile(np.arange(products), stores)
    values = rng.normal(size=(stores * products, weeks))
    for codes, effect in zip((store, product), effects[:2], strict=True):
        values += effect * rng.normal(size=(codes.max() + 1, 1))[codes]
    return values + effects[2] * rng.normal(size=(1, weeks)), store, product


def spread_by_hand(values, ways):
    """Inclusion and exclusion over labels of every single cell, as the formula says it."""
    residual = (values - values.mean()).ravel()
    total = 0.0
    for chosen in itertools.chain(*(itertools.combinations(ways, n) for n in (1, 2, 3))):
        labels = pd.Series(residual).groupby([way.ravel() for way in chosen]).sum()
        total += (-1) ** (len(chosen) + 1) * (labels**2).sum() * len(labels) / (len(labels) - 1)
    return np.sqrt(total) / values.shape[1]


def test_three_ways_are_inclusion_and_exclusion_over_every_choice_of_them():
    values, store, product = three_ways(1, effects=(0.7, 0.5, 0.6))
    weeks = np.arange(10)
    ways = [np.broadcast_to(way, values.shape) for way in (store[:, None], product[:, None], weeks[None])]
    got = total_interval(values, (store, product), weeks)
    assert got.error == pytest.approx(spread_by_hand(values, ways))
    assert (got.clusters, got.blocks, got.freedom) == (8, 10, 7)
    assert got.high - got.estimate == pytest.approx(2.364624 * got.error, rel=1e-6)  # Student's .975 at 7 degrees


def test_order_of_the_ways_does_not_matter():
    values, store, product = three_ways(2, effects=(0.7, 0.2, 0.1))
    one = total_interval(values, (store, product), np.arange(10))
    two = total_interval(values, (product, store), np.arange(10))
    assert (one.low, one.high) == pytest.approx((two.low, two.high))


def test_one_clustering_in_a_list_is_that_clustering():
    values, store, _ = three_ways(3, effects=(0.7, 0.2, 0.1))
    assert total_interval(values, [store], np.arange(10)) == total_interval(values, store, np.arange(10))


def test_groups_within_stores_add_nothing_to_stores():
    values, store, product = three_ways(4, effects=(0.9, 0.0, 0.3))
    shelf = store * 9 + product  # every shelf is in one store
    one = total_interval(values, store, np.arange(10))
    both = total_interval(values, (store, shelf), np.arange(10))
    assert (both.low, both.high) == pytest.approx((one.low, one.high))


def test_more_ways_never_make_the_error_smaller():
    for seed in range(30):
        values, store, product = three_ways(seed, effects=(0.0, 0.0, 0.0), shape=(5, 6, 7))
        both = total_interval(values, (store, product), np.arange(7))
        for fewer in (store, product):
            assert both.error >= total_interval(values, fewer, np.arange(7)).error * (1 - 1e-12)


def test_products_that_hang_together_over_stores_are_not_taken_for_many():
    values, store, product = three_ways(5, effects=(0.0, 1.5, 0.0))
    by_store = total_interval(values, store, np.arange(10))
    by_both = total_interval(values, (store, product), np.arange(10))
    assert by_both.error > 2 * by_store.error


@pytest.mark.parametrize("effects", [(0.3, 0.3, 0.1), (1.0, 1.0, 1.0), (0.0, 0.5, 0.0)])
def test_interval_of_three_ways_covers_the_truth_as_often_as_it_says(effects):
    hits = 0
    for seed in range(300):
        values, store, product = three_ways([6, seed], effects=effects)
        got = total_interval(values, (store, product), np.arange(10))
        hits += got.low <= 0 <= got.high
    assert 0.91 <= hits / 300 <= 0.99  # .95 within three standard errors of 300 draws


def test_p_values_are_uniform_where_two_models_are_equally_good():
    p = []
    for seed in range(400):
        values, store, product = three_ways([7, seed], effects=(0.4, 0.4, 0.2))
        p.append(total_interval(values, (store, product), np.arange(10)).p_value)
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        # three standard errors of a share of 400, and a little for an approximation with eight clusters
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 400) + 0.02)


def test_p_value_is_that_at_whose_confidence_the_interval_touches_zero():
    values, store, product = three_ways(8, effects=(0.4, 0.4, 0.2))
    p = total_interval(values + 0.3, (store, product), np.arange(10)).p_value
    touching = total_interval(values + 0.3, (store, product), np.arange(10), confidence=1 - p)
    assert min(abs(touching.low), abs(touching.high)) == pytest.approx(0, abs=1e-9)
    assert 0 < p < 1


def test_few_clusters_of_unequal_size_leave_few_degrees_of_freedom():
    store = np.array([0] * 8 + [1, 2])
    values = np.random.default_rng(9).normal(1, 1, (10, 12))
    got = total_interval(values, store, np.arange(12))
    assert got.freedom == pytest.approx(100 / (64 + 1 + 1) - 1)  # Kish: half a degree, and three stores


def test_clustering_with_one_cluster_is_left_out():
    values, store, _ = three_ways(10, effects=(0.7, 0.2, 0.1))
    alone = total_interval(values, (store, np.zeros_like(store)), np.arange(10))
    assert (alone.low, alone.high) == pytest.approx(astuple(total_interval(values, store, np.arange(10)))[1:3])
    assert alone.clusters == 1


def test_paired_interval_is_that_of_the_differences():
    ours, store, _ = three_ways(11, effects=(0.7, 0.2, 0.1))
    theirs = three_ways(12, effects=(0.1, 0.1, 0.1))[0] + 0.4
    got = paired_interval(ours, theirs, store, np.arange(10), confidence=0.9)
    assert got == total_interval(ours - theirs, store, np.arange(10), confidence=0.9)
    assert got != total_interval(ours - theirs, store, np.arange(10))


def test_nothing_is_settled_where_two_models_do_the_same():
    ours, store, _ = three_ways(13, effects=(0.7, 0.2, 0.1))
    got = paired_interval(ours, ours, store, np.arange(10))
    assert (got.estimate, got.low, got.high) == (0, 0, 0)
    assert np.isnan(got.p_value)
    assert not got.excludes_zero
