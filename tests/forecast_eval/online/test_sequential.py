"""Laws of always-valid intervals."""

import math

import numpy as np
import pytest

from backtest.faults import InputError
from forecast_eval.inference import Interval
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.sample import Sample
from forecast_eval.online.sequential import always_valid, always_valid_log10_p, boundary


def look(statistic, freedom=math.inf):
    return Interval(3 * statistic, math.nan, math.nan, 0.95, 20, 1, 3.0, freedom)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0, 1.7])
@pytest.mark.parametrize("freedom", [4.0, 38.0, math.inf])
def test_p_value_is_the_level_at_the_boundary(fraction, freedom):
    edge = look(boundary(fraction, confidence=0.95, freedom=freedom), freedom)
    assert 10 ** always_valid_log10_p(edge, fraction=fraction) == pytest.approx(0.05)
    assert always_valid(edge, fraction=fraction).low == pytest.approx(0, abs=1e-9)


def test_boundary_is_lowest_at_the_planned_end():
    fractions = np.linspace(0.02, 3, 150)
    heights = [boundary(f, confidence=0.9) for f in fractions]
    assert fractions[np.argmin(heights)] == pytest.approx(1.0)
    assert min(heights) > 1.645


def test_few_units_widen_and_a_far_estimate_has_a_logarithm():
    assert boundary(0.5, confidence=0.95, freedom=4.0) > 1.5 * boundary(0.5, confidence=0.95)
    assert -1e5 < always_valid_log10_p(look(300.0), fraction=0.5) < -1e4
    assert always_valid_log10_p(look(0.1), fraction=0.5) == 0


def stray(stores, persistent, weeks=12, runs=4000):
    """Share of A/A runs that leave the boundary at any weekly look, by two equal arms of stores."""
    rng = np.random.default_rng(stores)
    noise = rng.normal(0, 1, (runs, 2, stores, weeks)) + persistent * rng.normal(0, 1, (runs, 2, stores, 1))
    so_far = noise.cumsum(axis=3) / np.arange(1, weeks + 1)
    gap = so_far[:, 1].mean(axis=1) - so_far[:, 0].mean(axis=1)
    error = np.sqrt(so_far.var(axis=2, ddof=1).sum(axis=1) / stores)
    edges = [boundary(k / weeks, confidence=0.95, freedom=2 * (stores - 1)) for k in range(1, weeks + 1)]
    plain = boundary(1.0, confidence=0.95)
    return (np.abs(gap / error) > edges).any(axis=1).mean(), (np.abs(gap / error) > plain / 1.55).any(axis=1).mean()


@pytest.mark.parametrize("stores", [3, 10, 30])
@pytest.mark.parametrize("persistent", [0.0, 1.0])
def test_no_more_than_the_level_is_rejected_at_any_of_twelve_looks(stores, persistent):
    strayed, naively = stray(stores, persistent)
    assert strayed <= 0.05
    assert naively > 0.08  # 1.96 errors at every look


def test_effect_at_a_look_holds_zero_in_both_or_in_none():
    rng = np.random.default_rng(3)
    for gap in np.linspace(0, 8, 25):
        treated = np.arange(20) < 8
        got = effect(Sample(50 + rng.normal(0, 4, 20) + gap * treated, treated), Method("none"), fraction=0.4)
        expected = boundary(0.4, confidence=0.95, freedom=got.difference.freedom) * got.difference.error
        assert got.difference.high - got.difference.low == pytest.approx(2 * expected)
        assert got.difference.excludes_zero == got.lift.excludes_zero == (got.p_value < 0.05)


def test_a_look_before_the_start_is_refused():
    with pytest.raises(InputError, match=r"fraction=0 of the planned periods is measured"):
        boundary(0, confidence=0.95)
