"""Laws of paired intervals."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from forecast_eval.inference import time_blocks, total_interval


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
