"""LINEX: where its unit costs hold, and its numbers at the ends."""

from math import factorial, fsum

import numpy as np
import pytest

from losses import Linex, UnitCosts, linex

COSTS = UnitCosts(8.0, 2.0)


def demand(seed=5, n=2_001):
    return np.random.default_rng(seed).gamma(2.0, 30.0, n)


@pytest.mark.parametrize(("underage", "overage"), [(8.0, 2.0), (1.0, 5.0), (3.0, 3.0), (3.0, 3.0 + 1e-9)])
def test_unit_costs_of_linex_hold_at_its_width(underage, overage):
    y, costs = np.array([50.0, 50.0]), UnitCosts(underage, overage)
    slope = Linex(7.0).gradient(y, np.array([43.0, 57.0]), costs)
    assert slope == pytest.approx([-underage, overage], rel=1e-8)


def test_linex_is_finite_in_float32_however_large_the_error():
    y = np.array([0, 1e6, 3e8, 0], dtype=np.float32)
    f = np.array([1e6, 0, 0, 3e8], dtype=np.float32)
    for costs in (UnitCosts(8.0, 2.0), UnitCosts(0.0, 5.0), UnitCosts(5.0, 0.0), UnitCosts(2.0, 2.0)):
        for name in ("value", "gradient", "hessian"):
            assert np.isfinite(getattr(Linex(1.0), name)(y, f, costs)).all(), (name, costs)


def test_linex_goes_on_along_its_tangent_beyond_the_limit():
    loss, y = Linex(1.0, limit=2.0), np.array([100.0, 100.0, 100.0])
    value = loss.value(y, np.array([90.0, 80.0, 70.0]), COSTS)
    assert value[2] - value[1] == pytest.approx(value[1] - value[0], rel=1e-12)


def test_linex_has_the_slope_of_its_default_limit_at_a_large_error():
    slope = Linex(2.0).gradient(np.array([900.0, 100.0]), np.array([100.0, 900.0]), COSTS)
    assert slope[0] == pytest.approx(-8 * np.expm1(10) / (8 / 2 - 1), rel=1e-12)
    assert slope[1] == pytest.approx(8 / (8 / 2 - 1), rel=1e-12)  # the cheap side levels off by itself


def test_a_linex_limit_below_the_log_ratio_flattens_the_dear_side():
    slope = Linex(2.0, limit=1.0).gradient(np.array([50.0, 50.0]), np.array([48.0, 30.0]), COSTS)
    assert slope == pytest.approx(np.full(2, -8 * np.expm1(1) / (8 / 2 - 1)), rel=1e-12)


@pytest.mark.parametrize(("overage", "slope"), [(0.008, 0.008), (8e-4, 8e-4), (8e-6, 8e-4), (0.0, 8e-4)])
def test_linex_takes_its_cheap_side_to_cost_a_ten_thousandth_at_least(overage, slope):
    costs, y = UnitCosts(8.0, overage), np.array([50.0, 50.0])
    assert Linex(7.0).gradient(y, np.array([43.0, 57.0]), costs) == pytest.approx([-8, slope], rel=1e-9)


def test_linex_is_finite_in_float32_at_its_largest_limit():
    errors = np.array([1e3, -1e3, 3e8, -3e8], dtype=np.float32)
    for costs in (UnitCosts(8.0, 2.0), UnitCosts(2.0, 2.000002), UnitCosts(5.0, 0.0)):
        for name in ("value", "gradient", "hessian"):
            assert np.isfinite(getattr(Linex(1.0, limit=50.0), name)(errors, 0 * errors, costs)).all(), (name, costs)


@pytest.mark.parametrize("limit", [50.1, 100.0])
def test_a_linex_limit_that_overflows_float32_is_refused(limit):
    with pytest.raises(ValueError, match=rf"limit={limit} must be at most 50 .* would overflow float32"):
        Linex(1.0, limit=limit)


def test_the_series_of_linex_has_all_digits_up_to_where_the_closed_form_takes_over():
    z = np.array([-0.4999999, -0.3, 0.2, 0.4999999])
    higher = [[x**k / factorial(k) for k in range(25, 0, -1)] for x in z]  # smallest terms first
    assert linex._phi1(z) * z == pytest.approx([fsum(terms) for terms in higher], rel=8e-16, abs=0)
    assert linex._phi2(z) * z * z == pytest.approx([fsum(terms[:-1]) for terms in higher], rel=8e-16, abs=0)


def test_equal_costs_make_linex_a_square():
    y, f = demand(), demand(seed=6)
    assert Linex(9.0).value(y, f, UnitCosts(4.0, 4.0)) == pytest.approx(4 / 18 * (y - f) ** 2, rel=1e-12)
