"""Random effects of one number."""

from dataclasses import astuple

import numpy as np
import pytest

from backtest.faults import InputError
from forecast_eval.align.meta import pooled

EFFECTS = np.array([0.8, -0.3, 1.9, 0.4, 2.6])
VARIANCES = np.array([0.2, 0.5, 0.1, 0.3, 0.4])
METHODS = ("reml", "dersimonian-laird")


def restricted(tau2):
    """Log restricted likelihood, from the contrasts that do not know the mean."""
    k = len(EFFECTS)
    contrasts = np.linalg.qr(np.column_stack([np.ones(k), np.eye(k)[:, : k - 1]]))[0][:, 1:]
    whole = contrasts.T @ np.diag(VARIANCES + tau2) @ contrasts
    seen = contrasts.T @ EFFECTS
    return -0.5 * (np.log(np.linalg.det(whole)) + seen @ np.linalg.solve(whole, seen))


def test_reml_is_where_the_restricted_likelihood_is_highest():
    tau2 = pooled(EFFECTS, VARIANCES).tau2
    assert restricted(tau2) > max(restricted(0.98 * tau2), restricted(1.02 * tau2))
    assert tau2 > 0.1


@pytest.mark.parametrize("method", METHODS)
def test_effects_that_errors_explain_have_no_spread(method):
    found = pooled([0.5, 0.52, 0.47, 0.55], [0.4, 0.2, 0.3, 0.1], method)
    assert found.tau2 == 0
    assert found.heterogeneity == 0
    assert found.error == pytest.approx((1 / 0.4 + 1 / 0.2 + 1 / 0.3 + 1 / 0.1) ** -0.5)


@pytest.mark.parametrize("method", METHODS)
def test_scale_of_effects_scales_what_is_found(method):
    found, scaled = pooled(EFFECTS, VARIANCES, method), pooled(100 * EFFECTS, 1e4 * VARIANCES, method)
    assert astuple(scaled)[1:5] == pytest.approx(
        (100 * found.mean, 100 * found.error, 1e4 * found.tau2, found.q), rel=1e-6
    )


def test_moment_estimate_expects_what_was_drawn():
    rng = np.random.default_rng(2)
    variances = np.array([0.1, 0.5, 1.0, 0.3, 0.7, 0.2, 0.9, 0.4])
    drawn = 3 + rng.standard_normal((600, 8)) * np.sqrt(1.5 + variances)
    found = [pooled(own, variances, "dersimonian-laird").tau2 for own in drawn]
    assert np.mean(found) == pytest.approx(1.5, abs=4 * np.std(found) / np.sqrt(600))


def test_next_effect_is_less_sure_than_the_mean_and_its_measurement_less_than_both():
    found = pooled(EFFECTS, VARIANCES)
    mean, truth, seen = found.interval(), found.prediction(), found.prediction(variance=0.6)
    assert seen[0] < truth[0] < mean[0] < found.mean < mean[1] < truth[1] < seen[1]
    # Student's with 3 degrees of freedom
    assert truth[1] - found.mean == pytest.approx(2.353363 * np.sqrt(found.tau2 + found.error**2), rel=1e-6)


@pytest.mark.parametrize(
    ("effects", "variances", "rule"),
    [([1.0, 2.0], [1.0, 1.0], "few-launches"), ([1.0, 2.0, 4.0], [1.0, 0.0, 2.0], "zero-variance"),
     ([1.0, np.nan, 4.0], [1.0, 1.0, 2.0], "zero-variance"), ([1.0, 2.0, 4.0], [1.0, 1.0], "few-launches")],
)  # fmt: skip
def test_what_cannot_be_pooled_is_refused(effects, variances, rule):
    with pytest.raises(InputError) as refused:
        pooled(effects, variances)
    assert [fault.rule for fault in refused.value.faults] == [rule]
