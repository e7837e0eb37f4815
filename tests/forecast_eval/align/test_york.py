"""York's line."""

import numpy as np
import pytest

from forecast_eval.align import Pairs
from forecast_eval.align.york import york

X = np.array([0.3, 1.1, 2.4, 2.9, 4.2, 5.5])
Y = np.array([1.2, 1.4, 3.1, 2.7, 4.4, 4.9])
VAR_X = np.array([0.04, 0.02, 0.09, 0.01, 0.05, 0.03])
VAR_Y = np.array([0.02, 0.06, 0.03, 0.08, 0.04, 0.05])
COV = np.array([0.01, -0.02, 0.03, 0.0, 0.02, -0.01])


def squares(slope, intercept):
    """Weighted sum of squares, of the point on the line that is nearest to each launch in the metric of its errors."""
    out = 0.0
    for x, y, a, b, c in zip(X, Y, VAR_X, VAR_Y, COV, strict=True):
        inverse = np.linalg.inv([[a, c], [c, b]])
        along = np.array([1.0, slope])
        off = np.array([x, y - intercept])
        at = along @ inverse @ off / (along @ inverse @ along)
        out += (off - at * along) @ inverse @ (off - at * along)
    return out


def test_line_is_nearest_in_the_metric_of_the_errors():
    found = york(Pairs.of(X, Y, VAR_X, VAR_Y, COV))
    assert found.chi2 == pytest.approx(squares(found.slope, found.intercept))
    for slope, intercept in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3)):
        assert squares(found.slope + slope, found.intercept + intercept) > found.chi2


def test_without_errors_of_x_it_is_weighted_least_squares():
    found = york(Pairs.of(X, Y, np.full(6, 1e-12), VAR_Y))
    root = 1 / np.sqrt(VAR_Y)
    design = np.column_stack([np.ones(6), X]) * root[:, None]
    intercept, slope = np.linalg.lstsq(design, Y * root, rcond=None)[0]
    covariance = np.linalg.inv(design.T @ design)
    assert (found.intercept, found.slope) == pytest.approx((intercept, slope), rel=1e-8)
    assert (found.intercept_error**2, found.slope_error**2) == pytest.approx(np.diag(covariance), rel=1e-6)
    assert found.covariance == pytest.approx(covariance[0, 1], rel=1e-6)


def test_swapped_axes_give_the_same_line():
    found, swapped = york(Pairs.of(X, Y, VAR_X, VAR_Y, COV)), york(Pairs.of(Y, X, VAR_Y, VAR_X, COV))
    assert swapped.slope == pytest.approx(1 / found.slope, rel=1e-9)
    assert swapped.intercept == pytest.approx(-found.intercept / found.slope, rel=1e-8)
    assert swapped.chi2 == pytest.approx(found.chi2, rel=1e-9)


def test_scaling_x_scales_slope_inversely():
    found = york(Pairs.of(X, Y, VAR_X, VAR_Y, COV))
    scaled = york(Pairs.of(1000 * X, Y, 1e6 * VAR_X, VAR_Y, 1000 * COV))
    assert (1000 * scaled.slope, scaled.intercept) == pytest.approx((found.slope, found.intercept), rel=1e-9)
    assert (scaled.p_value, scaled.freedom) == (pytest.approx(found.p_value), 4)


def test_errors_are_those_of_repeated_measurement():
    rng = np.random.default_rng(5)
    lines = []
    for _ in range(300):
        e, f = rng.standard_normal((2, 6))
        x = X + np.sqrt(VAR_X) * e
        y = 1 + 0.8 * X + COV / np.sqrt(VAR_X) * e + np.sqrt(VAR_Y - COV**2 / VAR_X) * f
        lines.append(york(Pairs.of(x, y, VAR_X, VAR_Y, COV)))
    slopes = np.array([own.slope for own in lines])
    assert slopes.mean() == pytest.approx(0.8, abs=0.02)
    assert slopes.std() == pytest.approx(np.mean([own.slope_error for own in lines]), rel=0.12)
    assert np.mean([own.p_value < 0.1 for own in lines]) == pytest.approx(0.1, abs=0.05)


def test_prediction_is_surest_amid_the_launches_and_wider_with_noise():
    found = york(Pairs.of(X, Y, VAR_X, VAR_Y, COV))
    amid, far, noisy = found.predict(2.7, 0.0), found.predict(12.0, 0.0), found.predict(2.7, 0.5, var_y=0.2)
    assert amid.mean == pytest.approx(found.intercept + 2.7 * found.slope)
    assert amid.high - amid.low < 0.2 * (far.high - far.low)
    assert amid.high - amid.low < 0.5 * (noisy.high - noisy.low)
    assert noisy.positive > 0.9
    assert found.predict(2.7, 0.5, var_y=0.2, cov=0.2).high < noisy.high


def test_launches_that_were_not_tested_are_left_out():
    more = [
        np.append(own, value)
        for own, value in zip((X, Y, VAR_X, VAR_Y, COV), (9.0, np.nan, 0.1, np.nan, 0), strict=True)
    ]
    assert york(Pairs.of(*more)) == york(Pairs.of(X, Y, VAR_X, VAR_Y, COV))
