"""Laws of the Diebold-Mariano test."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import t as student

from forecast_eval.inference import diebold_mariano


def losses(seed, cutoffs=30, overlap=0, lead=0.3):
    """Losses of two models whose differences hang together over `overlap` cutoffs."""
    rng = np.random.default_rng(seed)
    gap = np.convolve(rng.normal(size=cutoffs + overlap), np.ones(overlap + 1), "valid")
    theirs = rng.gamma(2.0, 3.0, cutoffs)
    return theirs + gap + lead, theirs


def by_hand(gap, overlap):
    """The statistic as a plain loop over cutoffs; NaN are left out of every sum."""
    there = [t for t in range(len(gap)) if not np.isnan(gap[t])]
    n, h = len(there), overlap + 1
    mean = sum(gap[t] for t in there) / n
    covariances = []
    for lag in range(h):
        pairs = [(t, t - lag) for t in there if t - lag in there]
        covariances.append(sum((gap[t] - mean) * (gap[s] - mean) for t, s in pairs) / n)
    variance = max(covariances[0] + 2 * sum(covariances[1:]), covariances[0]) / n
    return mean / np.sqrt(variance) * np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n), n


@pytest.mark.parametrize("overlap", [0, 1, 3])
def test_statistic_is_that_of_statsmodels_hac_and_the_factor_of_harvey_leybourne_newbold(overlap):
    ours, theirs = losses(1, overlap=overlap)
    fit = sm.OLS(ours - theirs, np.ones(30)).fit(
        cov_type="HAC", cov_kwds={"maxlags": overlap, "kernel": "uniform", "use_correction": False}
    )
    h = overlap + 1
    factor = np.sqrt((30 + 1 - 2 * h + h * (h - 1) / 30) / 30)
    got = diebold_mariano(ours, theirs, overlap=overlap)
    assert got.statistic == pytest.approx(float(fit.tvalues[0]) * factor)
    assert got.p_value == pytest.approx(2 * student.sf(abs(got.statistic), 29))
    assert got.difference == pytest.approx(float(fit.params[0]))


def test_without_overlap_it_is_the_paired_t_test():
    ours, theirs = losses(2)
    gap = ours - theirs
    got = diebold_mariano(ours, theirs)
    # the factor sqrt((n - 1) / n) turns the variance over n into that over n - 1
    assert got.statistic == pytest.approx(gap.mean() / (gap.std(ddof=1) / np.sqrt(30)))


@pytest.mark.parametrize("overlap", [0, 2])
def test_cutoffs_without_a_loss_are_left_out_and_keep_their_place(overlap):
    ours, theirs = losses(3, overlap=overlap)
    ours[[4, 5, 17]], theirs[[5, 21]] = np.nan, np.nan
    got = diebold_mariano(ours, theirs, overlap=overlap)
    assert (got.statistic, got.cutoffs) == pytest.approx(by_hand(ours - theirs, overlap))
    assert got.cutoffs == 26


def test_variance_is_never_below_that_without_overlap():
    swinging = np.array(
        [3.0, -1.0, 3.5, -1.5, 2.5, -0.5, 3.0, -1.0, 4.0, -1.0, 3.0, 0.0]
    )  # the flat kernel is negative
    centred = swinging - swinging.mean()
    assert centred @ centred + 2 * (centred[1:] @ centred[:-1]) < 0
    got = diebold_mariano(swinging, np.zeros(12), overlap=1)
    assert got.statistic == pytest.approx(by_hand(swinging, 1)[0])
    assert 0 < got.p_value < 1


def test_exchanged_models_change_the_sign_alone():
    ours, theirs = losses(4, overlap=1)
    one, two = diebold_mariano(ours, theirs, overlap=1), diebold_mariano(theirs, ours, overlap=1)
    assert (one.difference, one.statistic, one.p_value) == (-two.difference, -two.statistic, two.p_value)


def test_unit_of_the_losses_does_not_matter():
    ours, theirs = losses(5)
    assert diebold_mariano(1e6 * ours, 1e6 * theirs).p_value == pytest.approx(diebold_mariano(ours, theirs).p_value)


@pytest.mark.parametrize(("cutoffs", "overlap", "tested"), [(5, 0, False), (6, 0, True), (7, 3, False), (8, 3, True)])
def test_there_is_no_test_from_too_few_cutoffs(cutoffs, overlap, tested):
    ours, theirs = losses(6, cutoffs=cutoffs, overlap=overlap)
    got = diebold_mariano(ours, theirs, overlap=overlap)
    assert np.isfinite(got.p_value) == tested
    assert got.difference == pytest.approx((ours - theirs).mean())


def test_cutoffs_without_a_loss_do_not_count_towards_enough():
    ours, theirs = losses(7, cutoffs=8)
    ours[:3] = np.nan
    assert np.isnan(diebold_mariano(ours, theirs).p_value)
    assert np.isnan(diebold_mariano(np.full(8, np.nan), theirs).difference)


def test_nothing_is_shown_where_nothing_differs_and_all_where_nothing_varies():
    ours = losses(8)[0]
    assert np.isnan(diebold_mariano(ours, ours).p_value)
    steady = diebold_mariano(ours - 0.1, ours)
    assert (steady.statistic, steady.p_value) == (-np.inf, 0.0)


@pytest.mark.parametrize(("overlap", "most"), [(0, 0.05), (1, 0.08), (3, 0.14)])
def test_equal_models_are_told_apart_as_often_as_is_said(overlap, most):
    p = [diebold_mariano(*losses([9, s], cutoffs=12, overlap=overlap, lead=0), overlap=overlap).p_value
         for s in range(1000)]  # fmt: skip
    share = np.mean(np.array(p) < 0.05)
    assert share == pytest.approx(most, abs=3 * np.sqrt(most * (1 - most) / 1000))
