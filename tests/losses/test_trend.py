"""Laws of the trend probability."""

import numpy as np
import pytest

from losses import trend_probability


def sales(seed=0, series=40, time=30, mean=6.0):
    return np.random.default_rng(seed).poisson(mean, (series, time)).astype(float)


def test_growth_is_found_and_noise_is_not():
    flat = sales(series=4_000)
    grown = flat.copy()
    grown[:, -4:] *= 3
    assert (trend_probability(grown, recent=4) > 0.95).mean() > 0.95
    # at factor 1 a flat series is called trending as rarely as the level says
    assert (trend_probability(flat, recent=4, factor=1.0) > 0.95).mean() == pytest.approx(0.05, abs=0.02)


def test_probability_is_the_posterior_by_simulation():
    units = np.array([[3.0, 5.0, 4.0, 9.0, 8.0]])
    rng, mean = np.random.default_rng(1), 29 / 5
    recent = rng.gamma(17 + mean, 1 / (2 + 1), 400_000)
    base = rng.gamma(12 + mean, 1 / (3 + 1), 400_000)
    exact = trend_probability(units, recent=2, factor=1.3)[0]
    assert exact == pytest.approx((recent > 1.3 * base).mean(), abs=0.004)


def test_stockouts_do_not_look_like_decline():
    units, in_stock = sales(mean=8.0), np.ones((40, 30))
    units[:, -3:], in_stock[:, -3:] = 0.0, 0.0
    seen = trend_probability(units, in_stock, recent=4, factor=1.0)
    blind = trend_probability(units, recent=4, factor=1.0)
    assert seen.mean() == pytest.approx(0.5, abs=0.1)
    assert blind.max() < 0.01


def test_slow_sellers_are_shrunk():
    slow = np.array([[0.0] * 20 + [0.0, 0.0, 0.0, 1.0]])
    fast = slow * 40
    assert trend_probability(slow, recent=4)[0] < trend_probability(fast, recent=4)[0]


def test_unknown_periods_before_launch_do_not_count():
    late = sales(series=1)
    padded = np.hstack([np.full((1, 12), np.nan), late])
    assert trend_probability(padded, recent=4) == pytest.approx(trend_probability(late, recent=4))


def test_recent_must_leave_a_base():
    with pytest.raises(ValueError, match="recent=30 must be between 1 and 29"):
        trend_probability(sales(), recent=30)


def test_sales_of_periods_without_stock_do_not_count():
    units, in_stock = sales(), np.ones((40, 30))
    in_stock[:, [3, 28]] = 0.0
    wrong = units.copy()
    wrong[:, [3, 28]] += 50
    assert np.array_equal(trend_probability(units, in_stock, recent=4), trend_probability(wrong, in_stock, recent=4))
