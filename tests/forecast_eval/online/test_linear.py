"""Laws of least squares with cluster-robust variance, and of logarithms of tails."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.linalg import fractional_matrix_power
from scipy.stats import chi2, ttest_rel
from scipy.stats import t as student

from forecast_eval.online.linear import least_squares
from forecast_eval.online.tails import log10_chi_squared, log10_student


@pytest.fixture
def rows():
    """Rows in seven clusters of sizes 1 to 9, three columns."""
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(7), [1, 9, 2, 5, 3, 4, 6])
    design = np.column_stack([np.ones(30), rng.normal(2, 3, 30), rng.integers(2, size=7)[clusters]])
    return design, design @ [3.0, -1.0, 2.0] + rng.normal(0, 2, 7)[clusters] + rng.normal(0, 1, 30), clusters


def test_one_row_a_cluster_is_statsmodels_hc2(rows):
    design, values, _ = rows
    theirs = sm.OLS(values, design).fit(cov_type="HC2")
    ours = least_squares(design, values)
    assert ours.coefficients == pytest.approx(theirs.params)
    assert ours.covariance == pytest.approx(theirs.cov_params())


def test_cr1_is_statsmodels_cluster_covariance(rows):
    design, values, clusters = rows
    theirs = sm.OLS(values, design).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert least_squares(design, values, clusters=clusters, kind="CR1").covariance == pytest.approx(theirs.cov_params())


def explicit(design, values, clusters, contrast):
    """CR2 error and Bell-McCaffrey freedom by their definition, in as many dimensions as there are rows."""
    bread = np.linalg.inv(design.T @ design)
    left = np.eye(len(values)) - design @ bread @ design.T
    columns = []
    for g in np.unique(clusters):
        own = clusters == g
        scaled = np.real(fractional_matrix_power(left[np.ix_(own, own)], -0.5))
        columns.append(left[:, own] @ scaled @ design[own] @ bread @ contrast)
    form = np.stack(columns, axis=1)  # the variance is the sum of (column' y)^2
    square = form.T @ form
    return math.sqrt(((form.T @ values) ** 2).sum()), np.trace(square) ** 2 / np.trace(square @ square)


@pytest.mark.parametrize("weighted", [False, True])
def test_cr2_is_its_definition(rows, weighted):
    design, values, clusters = rows
    weights = np.linspace(1, 4, 30) if weighted else np.ones(30)
    contrast = np.array([0.5, 1.0, -2.0])
    fit = least_squares(design, values, clusters=clusters, weights=weights if weighted else None)
    root = np.sqrt(weights)
    error, freedom = explicit(design * root[:, None], values * root, clusters, contrast)
    assert (fit.error(contrast), fit.freedom(contrast)) == pytest.approx((error, freedom))
    assert fit.freedom(contrast) < 6  # of seven unequal clusters


def test_cr2_has_no_bias_under_independent_noise(rows):
    design, _, clusters = rows
    contrast = np.array([0.5, 1.0, -2.0])
    expected = sum(least_squares(design, unit, clusters=clusters).error(contrast) ** 2 for unit in np.eye(30))
    assert expected == pytest.approx(contrast @ np.linalg.inv(design.T @ design) @ contrast)
    naive = sum(least_squares(design, u, clusters=clusters, kind="CR1").error(contrast) ** 2 for u in np.eye(30))
    assert naive < 0.95 * expected


def test_pairs_as_clusters_are_the_paired_t_test():
    rng = np.random.default_rng(4)
    pairs = rng.lognormal(3, 1, (9, 1)) + rng.normal([0, 1.5], 1, (9, 2))
    arms = np.tile(np.eye(2), (9, 1))
    fit, contrast = least_squares(arms, pairs.ravel(), clusters=np.repeat(np.arange(9), 2)), np.array([-1.0, 1.0])
    theirs = ttest_rel(pairs[:, 1], pairs[:, 0])
    assert fit.estimate(contrast) / fit.error(contrast) == pytest.approx(theirs.statistic)
    assert fit.freedom(contrast) == pytest.approx(8)


def test_freedom_of_two_unequal_arms_is_satterthwaites():
    arms = np.repeat(np.eye(2), [3, 8], axis=0)
    fit = least_squares(arms, np.random.default_rng(1).normal(size=11))
    expected = (1 / 3 + 1 / 8) ** 2 / (1 / (9 * 2) + 1 / (64 * 7))
    assert fit.freedom(np.array([-1.0, 1.0])) == pytest.approx(expected)


def test_freedom_of_arms_of_unequal_noise_is_welchs():
    arms, noise = np.repeat(np.eye(2), [5, 8], axis=0), np.repeat([9.0, 1.0], [5, 8])
    fit = least_squares(arms, np.random.default_rng(1).normal(size=13), sizes=noise)
    expected = (9 / 5 + 1 / 8) ** 2 / ((9 / 5) ** 2 / 4 + (1 / 8) ** 2 / 7)
    assert fit.freedom(np.array([-1.0, 1.0])) == pytest.approx(expected)


def test_a_cluster_that_fits_itself_says_nothing_of_the_noise():
    design = np.column_stack([np.ones(5), [0, 0, 0, 0, 1.0]])
    fit = least_squares(design, np.array([1.0, 2.0, 4.0, 9.0, 1e6]))
    alone = least_squares(np.ones((4, 1)), np.array([1.0, 2.0, 4.0, 9.0]))
    assert fit.error(np.array([1.0, 0.0])) == pytest.approx(alone.error(np.ones(1)))


@pytest.mark.parametrize(("statistic", "freedom"), [(2.3, 4.7), (30.0, 800.0), (1e6, 30.0), (-3.0, math.inf)])
def test_log_of_student_tail_is_scipys_where_scipy_has_one(statistic, freedom):
    expected = np.log10(2 * student.sf(abs(statistic), freedom))
    assert log10_student(statistic, freedom) == pytest.approx(expected, rel=1e-9)


# mpmath 1.3: log10(betainc(v / 2, 1 / 2, 0, v / (v + t^2), regularized=True)) with 60 digits
@pytest.mark.parametrize(
    ("statistic", "freedom", "exact"),
    [(69.0, 1e7, -1035.528883969523), (40.0, 1e4, -323.958118884415), (200.0, 500.0, -478.5663301049341)],
)
def test_log_of_student_tail_does_not_underflow(statistic, freedom, exact):
    assert log10_student(statistic, freedom) == pytest.approx(exact, rel=1e-12)


# mpmath 1.3: log10(gammainc(v / 2, y / 2, regularized=True))
@pytest.mark.parametrize(
    ("statistic", "freedom", "exact"),
    [(4000.0, 3, -866.88588521642), (1000.0, 1, -218.745734104205), (600.0, 12, -119.974645085998)],
)
def test_log_of_chi_squared_tail_does_not_underflow(statistic, freedom, exact):
    assert log10_chi_squared(statistic, freedom) == pytest.approx(exact, rel=1e-12)
    assert log10_chi_squared(7.0, freedom) == pytest.approx(np.log10(chi2.sf(7.0, freedom)))
