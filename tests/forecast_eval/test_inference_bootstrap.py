"""Laws of the bootstrap by clusters and time blocks."""

import itertools

import numpy as np
import pytest

from forecast_eval.inference import draw, interval, resampled_means, resampled_ratios
from forecast_eval.inference.bootstrap import Draws, Way


def ratio(sums):
    return np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] != 0)


def ragged(seed, shape=(3, 2, 7, 5)):
    """Errors and demand, with cells, a series and a cutoff without any."""
    rng = np.random.default_rng(seed)
    sums = rng.gamma(1.5, 2.0, shape)
    sums[:, 1] = rng.poisson(2.0, shape[2:])
    sums[:, :, 2, 3:] = 0
    sums[:, 1, 4] = 0
    return sums


def some(seed, *, clusters=(0, 0, 1, 2, 2, 2, 3), blocks=(0, 0, 1, 2, 2), replicates=40):
    return draw(np.array(clusters), np.array(blocks), replicates=replicates, rng=np.random.default_rng(seed))


def weights(draws, replicate):
    """How often every cell [series, cutoff] is in a replicate."""
    return np.outer(
        draws.clusters.counts[replicate][draws.clusters.codes], draws.blocks.counts[replicate][draws.blocks.codes]
    )


def test_replicates_of_a_ratio_equal_a_loop_over_cells():
    sums, draws = ragged(1), some(2)
    got = resampled_ratios(sums, draws, ratio)
    for r, m in itertools.product(range(40), range(3)):
        times = weights(draws, r)
        assert got[r, m] == pytest.approx((sums[m, 0] * times).sum() / (sums[m, 1] * times).sum())


def test_replicates_of_a_mean_over_series_equal_a_loop_over_series():
    sums, draws = ragged(3), some(4)
    importance = np.array([1.0, 3.0, 0.5, 2.0, 7.0, 1.5, 4.0])
    got = resampled_means(sums, draws, ratio, weight=importance)
    for r, m in itertools.product(range(40), range(3)):
        copies, times = draws.clusters.counts[r], draws.blocks.counts[r]
        top = bottom = 0.0
        for s in range(7):
            error, demand = (sums[m, :, s] * times[draws.blocks.codes]).sum(axis=1)
            if demand:
                top += copies[draws.clusters.codes[s]] * importance[s] * error / demand
                bottom += copies[draws.clusters.codes[s]] * importance[s]
        assert got[r, m] == pytest.approx(top / bottom)


@pytest.mark.parametrize("resampled", [resampled_ratios, resampled_means])
def test_work_in_pieces_gives_the_same(resampled, monkeypatch):
    sums, draws = ragged(5), some(6)
    whole = resampled(sums, draws, ratio)
    monkeypatch.setattr("forecast_eval.inference.bootstrap.CHUNK", 100)
    assert resampled(sums, draws, ratio) == pytest.approx(whole)


@pytest.mark.parametrize("resampled", [resampled_ratios, resampled_means])
def test_every_model_meets_the_same_draws(resampled):
    sums = ragged(7)
    sums[2] = 3 * sums[0]
    sums[2, 1] = sums[0, 1]
    got = resampled(sums, some(8), ratio)
    assert got[:, 2] == pytest.approx(3 * got[:, 0])
    assert not np.allclose(got[:, 1], got[:, 0])


def test_as_many_groups_are_drawn_as_there_are():
    draws = some(9)
    assert set(draws.clusters.counts.sum(axis=1)) == {4}
    assert set(draws.blocks.counts.sum(axis=1)) == {3}
    assert draws.clusters.counts.mean(axis=0) == pytest.approx(np.ones(4), abs=0.6)


def test_same_seed_gives_the_same_replicates():
    one, two, other = (resampled_ratios(ragged(1), some(seed), ratio) for seed in (3, 3, 4))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


def test_with_two_blocks_only_series_are_drawn_and_it_says_so():
    draws = some(1, blocks=(0, 0, 0, 1, 1))
    assert len(draws.blocks.counts) == 1
    assert draws.notes[0].startswith("only series are drawn: 2 time blocks are fewer than 3")
    sums = ragged(2)
    summed = resampled_ratios(sums.sum(axis=3, keepdims=True), draws.of_series(), ratio)
    assert resampled_ratios(sums, draws, ratio) == pytest.approx(summed)


def test_with_one_cluster_only_time_is_drawn_and_it_says_so():
    draws = some(1, clusters=(5,) * 7)
    assert draws.notes == ("only time is drawn: with one cluster of series, intervals say nothing about other series",)
    sums = ragged(2)
    assert len(np.unique(resampled_means(sums, draws, ratio)[:, 0])) > 3


def test_without_clusters_and_time_there_is_no_interval():
    draws = some(1, clusters=(5,) * 7, blocks=(1,) * 5)
    estimate = resampled_ratios(ragged(1), draws.once(), ratio)[0]
    low, high = interval(estimate, resampled_ratios(ragged(1), draws, ratio), confidence=0.9, draws=draws)
    assert np.isnan([low, high]).all()
    assert draws.notes == ("no intervals: there is one cluster and too little time",)


def test_both_are_drawn_without_a_note():
    assert some(1).notes == ()


def test_a_model_without_values_has_no_interval_and_disturbs_no_other():
    sums, draws = ragged(1), some(2)
    alone = np.array(interval(*at(sums[:2], draws), confidence=0.9, draws=draws))
    sums[2] = 0
    ends = np.array(interval(*at(sums, draws), confidence=0.9, draws=draws))
    assert np.isnan(ends[:, 2]).all()
    assert ends[:, :2] == pytest.approx(alone)


def at(sums, draws):
    return resampled_ratios(sums, draws.once(), ratio)[0], resampled_ratios(sums, draws, ratio)


def test_figure_that_most_replicates_have_no_value_of_has_no_interval():
    replicates = np.random.default_rng(1).normal(size=(100, 2))
    replicates[:6, 0], replicates[:5, 1] = np.nan, np.nan
    low, high = interval(np.zeros(2), replicates, confidence=0.9, draws=some(1))
    assert np.isnan([low[0], high[0]]).all()
    assert low[1] < 0 < high[1]


def test_ends_are_percentiles_drawn_apart_for_few_groups():
    replicates = np.random.default_rng(2).gamma(2.0, 1.0, (1000, 1))
    draws = some(1, clusters=(0, 1, 2, 3, 4, 5, 6), blocks=(0, 0, 1, 1, 2))
    low, high = interval(np.array([2.0]), replicates, confidence=0.95, draws=draws)
    # Kish: 25 / (4 + 4 + 1) - 1 degrees of freedom, whose quantile is 4.8615; sqrt(3 / 2) for three blocks
    stretch = 4.861473 * np.sqrt(3 / 2) / 1.959964
    tails = np.quantile(replicates, [0.025, 0.975]) + 2 - replicates.mean()
    assert low[0] == pytest.approx(2 + (tails[0] - 2) * stretch, rel=1e-4)
    assert high[0] == pytest.approx(2 + (tails[1] - 2) * stretch, rel=1e-4)


def test_many_groups_need_no_stretching():
    way = Way(np.arange(5000), np.ones((2, 5000), dtype=np.uint16))
    assert Draws(way, way).quantile(1.96) == pytest.approx(1.96, rel=1e-3)
    assert some(1).quantile(1.96) > 4


def test_spread_of_the_replicates_is_that_of_series_and_time():
    """With a store effect and a week effect and nothing else, the spread is the true one."""
    rng = np.random.default_rng(1)
    store, week = rng.normal(0, 1.0, (60, 1)), rng.normal(0, 0.7, (1, 40))
    sums = np.stack([10 + store + week, np.ones((60, 40))])[None]
    draws = draw(np.arange(60), np.arange(40), replicates=2000, rng=rng)
    by_hand = np.sqrt(store.var() / 60 + week.var() / 40)
    assert resampled_ratios(sums, draws, ratio).std() == pytest.approx(by_hand, rel=0.06)


def test_interval_covers_the_truth_with_series_and_time_effects():
    hits, truth = 0, 1.0
    for seed in range(200):
        rng = np.random.default_rng([11, seed])
        series, time = rng.normal(0, 0.6, (1, 40, 1)), rng.normal(0, 0.3, (1, 1, 8))
        error = np.exp(series - 0.18 + time - 0.045) * rng.gamma(1.0, 1.0, (1, 40, 8))
        draws = draw(np.arange(40), np.arange(8), replicates=200, rng=rng)
        estimate, replicates = at(np.stack([error, np.ones_like(error)], axis=1), draws)
        low, high = interval(estimate, replicates, confidence=0.95, draws=draws)
        hits += low[0] <= truth <= high[0]
    assert 0.90 <= hits / 200 <= 1.0  # .95 less three standard errors of 200 draws; percentiles alone give .87


def test_replicates_that_come_out_too_small_do_not_move_the_interval_off_its_estimate():
    """The mean of roots is smaller where a draw repeats its blocks; the estimate is of blocks that all differ."""
    rng = np.random.default_rng(5)
    spread = rng.normal(0.0, 1.0, (4000, 1))
    draws = some(1, clusters=tuple(range(40)), blocks=tuple(range(40)))
    low, high = interval(np.array([7.0]), 6.0 + spread, confidence=0.95, draws=draws)
    assert (low[0] + high[0]) / 2 == pytest.approx(7.0, abs=0.1)
