"""Laws of the trend probability."""

import numpy as np
import pytest

from losses import UnitCosts, trend_probability, trend_ratio, trend_score, trend_slope


def sales(seed=0, series=40, time=30, mean=6.0):
    return np.random.default_rng(seed).poisson(mean, (series, time)).astype(float)


def test_growth_is_found_and_noise_is_not():
    flat = sales(series=4_000)
    grown = flat.copy()
    grown[:, -4:] *= 3
    assert (trend_probability(grown, recent=4)[:, -1] > 0.95).mean() > 0.95
    # at factor 1 a flat series is called trending as rarely as the level says
    assert (trend_probability(flat, recent=4, factor=1.0)[:, -1] > 0.95).mean() == pytest.approx(0.05, abs=0.02)


def test_probability_is_the_posterior_by_simulation():
    units = np.array([[3.0, 5.0, 4.0, 9.0, 8.0]])
    rng, prior, mean = np.random.default_rng(1), 3.0, 29 / 5
    recent = rng.gamma(17 + prior, 1 / (2 + prior / mean), 400_000)
    base = rng.gamma(12 + prior, 1 / (3 + prior / mean), 400_000)
    exact = trend_probability(units, recent=2, factor=1.3, prior_units=3.0)[0, -1]
    assert exact == pytest.approx((recent > 1.3 * base).mean(), abs=0.004)


def test_stockouts_do_not_look_like_decline():
    units, in_stock = sales(mean=8.0), np.ones((40, 30))
    units[:, -3:], in_stock[:, -3:] = 0.0, 0.0
    seen = trend_probability(units, in_stock, recent=4, factor=1.0)[:, -1]
    blind = trend_probability(units, recent=4, factor=1.0)[:, -1]
    assert seen.mean() == pytest.approx(0.5, abs=0.1)
    assert blind.max() < 0.01


def test_slow_sellers_are_shrunk():
    slow = np.array([[0.0] * 20 + [0.0, 0.0, 0.0, 1.0]])
    fast = slow * 40
    assert trend_probability(slow, recent=4)[0, -1] < trend_probability(fast, recent=4)[0, -1]


def test_unknown_periods_before_launch_do_not_count():
    late = sales(series=1)
    padded = np.hstack([np.full((1, 12), np.nan), late])
    assert trend_probability(padded, recent=4)[:, -1] == pytest.approx(trend_probability(late, recent=4)[:, -1])


def test_recent_must_leave_a_base():
    with pytest.raises(ValueError, match="recent=30 must be at least 1 and below the periods"):
        trend_probability(sales(), recent=30)[:, -1]


def test_sales_of_periods_without_stock_do_not_count():
    units, in_stock = sales(), np.ones((40, 30))
    in_stock[:, [3, 28]] = 0.0
    wrong = units.copy()
    wrong[:, [3, 28]] += 50
    assert np.array_equal(
        trend_probability(units, in_stock, recent=4)[:, -1], trend_probability(wrong, in_stock, recent=4)[:, -1]
    )


def definitions(units, in_stock):
    yield trend_probability(units, in_stock, recent=4)
    yield trend_probability(units, in_stock, recent=4, base=9)
    yield trend_score(units, in_stock, recent=4)
    yield trend_ratio(units, in_stock, recent=4, base=12)
    yield trend_slope(units, in_stock, window=8)


def test_nothing_after_the_cutoff_matters():
    units, rng = sales(series=8), np.random.default_rng(7)
    in_stock = rng.uniform(size=units.shape).round(1)
    for cutoff in (5, 14, 28):
        later, stocked = units.copy(), in_stock.copy()
        later[:, cutoff + 1 :] = rng.gamma(1.0, 1e4, later[:, cutoff + 1 :].shape)
        stocked[:, cutoff + 1 :] = 1 - stocked[:, cutoff + 1 :]
        later[:, -1] = np.nan
        for known, changed in zip(definitions(units, in_stock), definitions(later, stocked), strict=True):
            assert known.shape == units.shape
            assert np.array_equal(known[:, : cutoff + 1], changed[:, : cutoff + 1], equal_nan=True)
            assert not np.array_equal(known[:, cutoff + 1 :], changed[:, cutoff + 1 :], equal_nan=True)


def test_every_column_is_what_its_own_cutoff_gives():
    units = sales(series=5)
    for end in (9, 20):
        for all_at_once, cut in zip(definitions(units, None), definitions(units[:, :end], None), strict=True):
            assert all_at_once[:, end - 1] == pytest.approx(cut[:, -1], rel=1e-9, nan_ok=True)


def test_base_periods_bound_the_base_rate():
    units = np.hstack([np.full((1, 20), 50.0), np.full((1, 10), 5.0), np.full((1, 4), 10.0)])
    assert trend_probability(units, recent=4, base=10)[0, -1] > 0.9
    assert trend_probability(units, recent=4)[0, -1] < 0.1


def test_ratio_and_slope_know_growth_and_decline_and_leave_stockouts_out():
    growth = np.exp(0.05 * np.arange(40.0))[None] * 20
    for factor, sign in ((1, 1), (-1, -1)):
        units = growth[:, ::factor].copy()
        in_stock = np.ones_like(units)
        exact = trend_slope(units - 1, in_stock, window=12)[0, -1]
        assert exact == pytest.approx(sign * 0.05, rel=1e-9)
        in_stock[:, 30:33] = 0
        units[:, 30:33] = 0
        assert trend_slope(units - 1, in_stock, window=12)[0, -1] == pytest.approx(exact, rel=1e-6)
        assert np.sign(np.log(trend_ratio(units, in_stock, recent=4, base=16)[0, -1])) == sign


def test_ratio_is_shrunk_for_slow_sellers():
    slow = np.array([[0.0] * 11 + [1.0]])
    assert trend_ratio(slow, recent=2, base=12)[0, -1] < trend_ratio(slow, recent=2, base=12, prior_periods=0)[0, -1]
    halted = np.array([[4.0] * 8 + [0.0] * 4])  # 4 periods of nothing and 1 of the mean, 32 / 12, over the mean
    assert trend_ratio(halted, recent=4, base=12)[0, -1] == pytest.approx(1 / 5)


def test_unknown_trend_is_nan():
    unsold = np.full((1, 9), np.nan)
    for score in definitions(unsold, None):
        assert np.isnan(score).all()


@pytest.mark.parametrize("bad", [-0.1, 1.5, np.nan])
def test_a_share_in_stock_that_is_none_is_refused(bad):
    in_stock = np.ones((40, 30))
    in_stock[2, 7] = bad
    with pytest.raises(ValueError, match=r"in_stock=.* at \[2, 7\] must be a share"):
        trend_probability(sales(), in_stock, recent=4)


def test_bad_stretches_are_refused():
    with pytest.raises(ValueError, match="base=4 must be above recent=4"):
        trend_ratio(sales(), recent=4, base=4)
    with pytest.raises(ValueError, match=r"factor=1.0 must be above 1"):
        trend_score(sales(), recent=4, factor=1.0)


def test_trend_raises_underage_of_rising_and_overage_of_declining_skus():
    score = trend_score(np.array([[2.0] * 20 + [9.0] * 4, [9.0] * 20 + [2.0] * 4]), recent=4)[:, -1]
    costs = UnitCosts(4.0, 2.0).with_trend(score, strength=0.5)
    assert costs.underage == pytest.approx([6.0, 4.0], rel=1e-3)
    assert costs.overage == pytest.approx([2.0, 3.0], rel=1e-3)
    assert costs.critical_ratio()[0] > 2 / 3 > costs.critical_ratio()[1]


def test_unknown_trend_leaves_the_costs():
    costs = UnitCosts(np.array([4.0, 4.0]), 2.0).with_trend(np.array([np.nan, 1.0]))
    assert (costs.underage.tolist(), costs.overage.tolist()) == ([4.0, 8.0], [2.0, 2.0])


def test_scores_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"score=1.5 in row 1 must be between -1 and 1"):
        UnitCosts(4.0, 2.0).with_trend(np.array([0.0, 1.5]))
    with pytest.raises(ValueError, match=r"strength=-1.0 must be finite and >= 0"):
        UnitCosts(4.0, 2.0).with_trend(np.array([0.0]), strength=-1.0)


@pytest.mark.parametrize("rate", [0.02, 0.2, 1.0, 20.0])
def test_flat_series_are_neither_rising_nor_declining_at_any_rate(rate):
    score = trend_score(sales(series=4_000, time=60, mean=rate), recent=4)[:, -1]
    assert abs(score.mean()) < 0.2
    assert (np.abs(score) > 0.9).mean() < 0.1


def test_a_sku_that_never_sold_is_not_known_to_move():
    assert abs(trend_score(np.zeros((1, 40)), recent=4)[0, -1]) < 0.3


def test_partly_stocked_periods_count_in_part():
    units, in_stock = np.full((1, 16), 8.0), np.ones((1, 16))
    units[0, -4:], in_stock[0, -4:] = 4.0, 0.5
    assert trend_ratio(units, in_stock, recent=4, base=16)[0, -1] == pytest.approx(1.0)
    assert trend_slope(units, in_stock, window=16)[0, -1] == pytest.approx(0.0, abs=1e-12)
    leaning = np.where(np.arange(16) < 13, 8.0, 30.0)[None]
    shares = np.where(np.arange(16) < 13, 1.0, 0.01)[None]
    assert abs(trend_slope(leaning * shares, shares, window=16)[0, -1]) < 0.2 * trend_slope(leaning, window=16)[0, -1]


def test_slope_needs_three_periods():
    slope = trend_slope(np.array([[np.nan, np.nan, 3.0, 4.0, 5.0]]), window=4)[0]
    assert np.isnan(slope[:4]).all()
    assert slope[4] > 0


@pytest.mark.parametrize("bad", [-2.0, np.inf])
def test_sales_that_are_none_are_refused(bad):
    units = sales()
    units[3, 5] = bad
    with pytest.raises(ValueError, match=r"sales=.* at \[3, 5\] must be finite and >= 0"):
        trend_slope(units, window=8)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda u: trend_ratio(u, recent=0, base=4), "recent=0 must be at least 1"),
        (lambda u: trend_slope(u, window=2), "window=2 must be at least 3"),
        (lambda u: trend_probability(u, recent=4, base=0), "base=0 must be at least 1"),
        (lambda u: trend_probability(u, recent=4, prior_units=-1.0), "prior_units=-1.0 must be above 0"),
        (lambda u: trend_probability(u, recent=4, factor=np.nan), "factor=nan and .* must be above 0"),
        (lambda u: trend_probability(u[0], recent=4), r"sales of shape \(30,\) .* one series is sales\[None\]"),
    ],
)
def test_arguments_without_a_meaning_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call(sales())
