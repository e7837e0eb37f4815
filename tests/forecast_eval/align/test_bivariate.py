"""Likelihood and moments of the bivariate random-effects model."""

from dataclasses import astuple

import numpy as np
import pytest

from forecast_eval.align import Pairs
from forecast_eval.align.bivariate import maximum_likelihood, moments, reml

X = np.array([1.2, -0.4, 2.9, 0.7, 3.5, -1.1, 1.9, 0.2])
Y = np.array([0.9, 0.6, 1.2, 1.4, 1.2, -0.9, 0.1, 0.8])
VAR_X = np.array([0.2, 0.1, 0.4, 0.15, 0.3, 0.25, 0.1, 0.2])
VAR_Y = np.array([0.05, 0.1, 0.08, 0.2, 0.07, 0.12, 0.09, 0.1])
COV = np.array([0.03, -0.02, 0.05, 0.04, 0.0, 0.06, 0.01, 0.02])
FITS = [maximum_likelihood, reml, moments]


def drawn(seed, count, rho, *, noise=0.5, err=0.0):
    rng = np.random.default_rng(seed)
    z, e = rng.standard_normal((2, count)), rng.standard_normal((2, count))
    x = 4 + 2 * z[0] + noise * e[0]
    y = -1 + rho * z[0] + np.sqrt(1 - rho**2) * z[1] + noise * (err * e[0] + np.sqrt(1 - err**2) * e[1])
    ones = np.full(count, noise**2)
    return Pairs.of(x, y, ones, ones, err * ones)


def log_likelihood(own, fit, *, restricted):
    """By one normal density of all that was observed; restricted : of what is left when means are taken out."""
    n, (tau_x, tau_y) = len(own.x), fit.tau
    whole = np.zeros((2 * n, 2 * n))
    whole[:n, :n], whole[n:, n:] = np.diag(own.var_x + tau_x**2), np.diag(own.var_y + tau_y**2)
    whole[:n, n:] = whole[n:, :n] = np.diag(own.cov + fit.rho * tau_x * tau_y)
    design = np.kron(np.eye(2), np.ones((n, 1)))
    seen = np.append(np.ones(n, dtype=bool), own.tested)
    whole, design, values = whole[np.ix_(seen, seen)], design[seen], np.concatenate([own.x, own.y])[seen]
    off = values - design @ np.array(fit.means)
    out = -0.5 * (np.linalg.slogdet(whole)[1] + off @ np.linalg.solve(whole, off))
    return out - 0.5 * restricted * np.linalg.slogdet(design.T @ np.linalg.solve(whole, design))[1]


def moved(fit, **changes):
    """A fit with other parameters, as far as its likelihood is concerned."""
    names = fit.__slots__
    return type(fit)(**{name: changes.get(name, getattr(fit, name)) for name in names})


@pytest.mark.parametrize("fit", [maximum_likelihood, reml])
@pytest.mark.parametrize("gone", [(), (1, 5)])
def test_likelihood_is_highest_at_the_fit(fit, gone):
    y = Y.copy()
    y[list(gone)] = np.nan
    own = Pairs.of(X, y, VAR_X, VAR_Y, COV)
    found = fit(own)
    best = log_likelihood(own, found, restricted=fit is reml)
    (tau_x, tau_y), means = found.tau, found.means
    others = [{"tau": (tau_x * f, tau_y)} for f in (0.98, 1.02)] + [{"tau": (tau_x, tau_y * f)} for f in (0.98, 1.02)]
    others += [{"rho": found.rho + d} for d in (-0.01, 0.01)]
    others += [{"means": (means[0] + d, means[1])} for d in (-0.02, 0.02)]
    others += [{"means": (means[0], means[1] + d)} for d in (-0.02, 0.02)]
    assert all(log_likelihood(own, moved(found, **other), restricted=fit is reml) < best for other in others)
    assert found.converged
    assert abs(found.rho) < 0.95


def test_restricted_spreads_are_larger():
    own = Pairs.of(X, Y, VAR_X, VAR_Y, COV)
    assert all(np.greater(reml(own).tau, maximum_likelihood(own).tau))


@pytest.mark.parametrize("fit", FITS)
def test_scaling_x_scales_slope_inversely_and_leaves_rho(fit):
    found = fit(Pairs.of(X, Y, VAR_X, VAR_Y, COV))
    scaled = fit(Pairs.of(1000 * X, Y, 1e6 * VAR_X, VAR_Y, 1000 * COV))
    assert (scaled.rho, 1000 * scaled.slope, scaled.intercept) == pytest.approx(
        (found.rho, found.slope, found.intercept), rel=1e-5
    )
    assert (scaled.rho_error, 1000 * scaled.slope_error) == pytest.approx(
        (found.rho_error, found.slope_error), rel=1e-3
    )


@pytest.mark.parametrize("fit", FITS)
def test_turning_x_turns_rho_slope_and_nothing_else(fit):
    found, turned = fit(Pairs.of(X, Y, VAR_X, VAR_Y, COV)), fit(Pairs.of(-X, Y, VAR_X, VAR_Y, -COV))
    assert (turned.rho, turned.slope, turned.intercept) == pytest.approx(
        (-found.rho, -found.slope, found.intercept), rel=1e-5
    )
    assert turned.tau == pytest.approx(found.tau, rel=1e-5)


@pytest.mark.parametrize("fit", FITS)
def test_order_of_launches_does_not_matter(fit):
    order = np.array([4, 2, 6, 0, 7, 1, 5, 3])
    found = fit(Pairs.of(X, Y, VAR_X, VAR_Y, COV))
    shuffled = fit(Pairs.of(X[order], Y[order], VAR_X[order], VAR_Y[order], COV[order]))
    assert astuple(shuffled)[3:6] == pytest.approx(astuple(found)[3:6], rel=1e-6)


@pytest.mark.parametrize("fit", FITS)
def test_errors_are_those_of_repeated_launches(fit):
    found = [fit(drawn([7, seed], 60, 0.6, err=0.5)) for seed in range(60)]
    for name in ("rho", "slope", "intercept"):
        errors = np.mean([getattr(own, f"{name}_error") for own in found])
        values = np.array([getattr(own, name) for own in found])
        assert values.std() == pytest.approx(errors, rel=0.3)
    assert np.mean([own.rho for own in found]) == pytest.approx(0.6, abs=0.04)
    assert np.std([own.means[1] for own in found]) == pytest.approx(found[0].mean_errors[1], rel=0.3)


@pytest.mark.parametrize("fit", FITS)
def test_without_noise_many_launches_give_the_sample_correlation(fit):
    own = drawn(3, 400, 0.7, noise=1e-3)
    assert fit(own).rho == pytest.approx(np.corrcoef(own.x, own.y)[0, 1], abs=1e-4)


def test_launches_that_were_not_tested_correct_the_selection():
    own = drawn(9, 2000, 0.6)
    held = Pairs.of(own.x, np.where(own.x > np.median(own.x), own.y, np.nan), own.var_x, own.var_y)
    whole, alone = reml(held), reml(held.complete)
    assert whole.rho == pytest.approx(0.6, abs=0.06)
    assert whole.means == pytest.approx((4, -1), abs=0.15)
    assert alone.rho < 0.5
    assert alone.means[1] > -0.8


def test_moments_beyond_what_is_possible_do_not_exist():
    assert moments(Pairs.of(X, Y, 9 * np.ones(8), VAR_Y)) is None  # the errors of x are more than what varies
    assert moments(Pairs.of(X, 2 * X + Y / 5, np.full(8, 0.9), np.full(8, 0.1))) is None  # rho above 1


def test_likelihood_without_spread_knows_no_correlation():
    assert reml(Pairs.of(X, Y, 50 * np.ones(8), 10 * np.ones(8))) is None


def test_a_correlation_of_one_has_no_error():
    found = reml(Pairs.of(X, 2 * X + Y / 5, np.full(8, 0.9), np.full(8, 0.1)))
    assert found.rho == pytest.approx(1, abs=1e-3)
    assert np.isnan([found.rho_error, found.slope_error, found.intercept_error]).all()
    assert np.isfinite(found.mean_errors).all()
