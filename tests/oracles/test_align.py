"""Published numbers that the statistics of alignment must reproduce."""

import numpy as np
import pytest

from forecast_eval.align import Pairs
from forecast_eval.align.bivariate import maximum_likelihood
from forecast_eval.align.meta import pooled
from forecast_eval.align.york import york

# Thirteen trials of BCG against tuberculosis, as in Colditz et al. 1994, Journal of the American Medical Association
# 271: vaccinated with and without the disease, control with and without
BCG = np.array([
    [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761],
    [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232], [17, 1699, 65, 1600],
    [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825],
], dtype=float)  # fmt: skip


# van Houwelingen, Arends and Stijnen 2002, Statistics in Medicine 21, section 5: log odds of the control and of the
# vaccinated arms, maximum likelihood
def test_bcg_trials_as_bivariate_random_effects():
    treated, healthy, control, spared = BCG.T
    found = maximum_likelihood(
        Pairs.of(
            np.log(control / spared), np.log(treated / healthy), 1 / control + 1 / spared, 1 / treated + 1 / healthy
        )
    )
    assert found.means == pytest.approx((-4.0960, -4.8337), abs=5e-5)
    assert np.square(found.tau) == pytest.approx((2.4073, 1.4314), abs=1e-4)
    assert (found.rho, found.slope, found.intercept) == pytest.approx((0.9467, 0.7300, -1.8437), abs=5e-5)


# the same trials as log risk ratios: Viechtbauer 2010, Journal of Statistical Software 36(3), section 3
@pytest.mark.parametrize(
    ("method", "tau2", "mean", "digits"),
    [("dersimonian-laird", 0.30876, -0.71412, 5e-6), ("reml", 0.3132, -0.7145, 5e-5)],
)
def test_bcg_trials_as_random_effects(method, tau2, mean, digits):
    a, b, c, d = BCG.T
    effects = np.log(a / (a + b)) - np.log(c / (c + d))
    found = pooled(effects, 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d), method)
    assert (found.tau2, found.mean) == pytest.approx((tau2, mean), abs=digits)
    assert found.q == pytest.approx(152.233, abs=5e-4)
    if method == "reml":
        assert found.error == pytest.approx(0.1798, abs=5e-5)


# Pearson's data with York's weights: York, Evensen, Lopez Martinez and De Basabe Delgado 2004, American Journal of
# Physics 72, table II
def test_pearsons_data_with_yorks_weights():
    x = [0, 0.9, 1.8, 2.6, 3.3, 4.4, 5.2, 6.1, 6.5, 7.4]
    y = [5.9, 5.4, 4.4, 4.6, 3.5, 3.7, 2.8, 2.8, 2.4, 1.5]
    weights_x = np.array([1000, 1000, 500, 800, 200, 80, 60, 20, 1.8, 1])
    weights_y = np.array([1, 1.8, 4, 8, 20, 20, 70, 70, 100, 500])
    found = york(Pairs.of(x, y, 1 / weights_x, 1 / weights_y))
    assert (found.intercept, found.slope) == pytest.approx((5.47991022, -0.48053341), abs=5e-9)
    assert (found.intercept_error, found.slope_error) == pytest.approx((0.294971, 0.057985), abs=5e-7)
    assert found.chi2 == pytest.approx(11.86635, abs=5e-6)
    assert found.converged
