"""Published numbers, and other tools' results, that the statistics of online experiments must reproduce."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import statsmodels.stats
import tea_tasting as tt

from forecast_eval.inference import adjusted
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.linear import least_squares
from forecast_eval.online.proportions import proportions, units_needed_proportions
from forecast_eval.online.ratio_check import ratio_check
from forecast_eval.online.sample import Sample


def test_five_million_visitors_an_arm_are_compared_as_by_hand():
    got = proportions((250_000, 5_000_000), (300_000, 5_000_000))
    assert (got.z_pooled, got.z_unpooled) == pytest.approx((69.35419821, 69.37088394), abs=5e-9)
    assert (got.difference.estimate, got.difference.low, got.difference.high) == pytest.approx(
        (0.01, 0.009717466, 0.010282534), abs=5e-10
    )
    assert got.lift.estimate == pytest.approx(0.2)
    assert (got.p_value, got.log10_p) == (0, pytest.approx(-1046.418, abs=5e-4))


# Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, chapter 4, without continuity correction
@pytest.mark.parametrize(("pooled", "published"), [(False, 8155), (True, 8158)])
def test_visitors_needed_from_five_to_six_percent(pooled, published):
    assert units_needed_proportions(0.05, 0.06, power=0.8, alpha=0.05, pooled=pooled) == published


@pytest.mark.parametrize(
    ("counts", "weights", "published"),
    [([1000, 1200], [0.5, 0.5], 0.000020079), ([310, 98], [0.75, 0.25], 0.647434186)],
)
def test_sample_ratio_mismatch(counts, weights, published):
    assert ratio_check(counts, weights).p_value == pytest.approx(published, rel=1e-4, abs=5e-10)


# M. A. Petersen 2009, Estimating Standard Errors in Finance Panel Data Sets, Review of Financial Studies 22; his test
# data (500 firms x 10 years), as shipped with statsmodels, and his table of standard errors by Stata
@pytest.mark.parametrize(
    ("by", "kind", "published"),
    [(None, "iid", 0.0286), (None, "CR1", 0.0284), ("firm", "CR1", 0.0506), ("year", "CR1", 0.0334)],
)
def test_petersens_standard_errors(by, kind, published):
    rows = np.loadtxt(Path(statsmodels.stats.__file__).parent / "tests" / "test_data.txt")
    clusters = None if by is None else np.unique(rows[:, ("firm", "year").index(by)], return_inverse=True)[1]
    fit = least_squares(np.column_stack([np.ones(len(rows)), rows[:, 2]]), rows[:, 3], clusters=clusters, kind=kind)
    slope = np.array([0.0, 1.0])
    assert fit.estimate(slope) == pytest.approx(1.0348, abs=5e-5)
    assert fit.error(slope) == pytest.approx(published, abs=5e-5)


# Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57, the fifteen p-values of their example
@pytest.mark.parametrize(("method", "published"), [("bonferroni", 3), ("holm", 3), ("benjamini-hochberg", 4)])
def test_benjamini_and_hochbergs_fifteen_tests(method, published):
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.324,
        0.4262,
        0.5719,
        0.6528,
        0.759,
        1,
    ]
    assert (adjusted(np.array(p), method=method) <= 0.05).sum() == published


# tea-tasting 1.14: Experiment(...).analyze(make_users_data(rng=42)), with covariates=True where there is a pre-period
@cache
def users(*, covariates):
    return tt.make_users_data(rng=42, covariates=covariates)


def column(name, *, covariates=False):
    return users(covariates=covariates)[name].to_numpy().astype(float)


def theirs(metric, *, covariates=False):
    return tt.Experiment(m=metric).analyze(users(covariates=covariates))["m"]


def ours(name, exposure=None, *, adjust="none"):
    after = adjust != "none"
    columns = [name, exposure, f"{name}_covariate" if after else None, exposure and after and f"{exposure}_covariate"]
    value, *others = (column(c, covariates=after) if c else None for c in columns)
    return effect(Sample(value, column("variant", covariates=after) == 1, *others), Method(adjust))


def test_orders_per_user_are_tea_tastings():
    got, same = ours("orders"), theirs(tt.Mean("orders"))
    assert (got.control, got.treatment, got.p_value) == pytest.approx((0.5304004, 0.5730905, 0.11773178), abs=5e-8)
    assert got.difference.estimate == pytest.approx(same.effect_size)
    # they take Welch's degrees of freedom, we take Bell and McCaffrey's: 3997.3 and 3995.9
    ends = (same.effect_size_ci_lower, same.effect_size_ci_upper)
    assert (got.difference.low, got.difference.high) == pytest.approx(ends, rel=1e-6)
    assert got.p_value == pytest.approx(same.pvalue, rel=1e-6)


def test_orders_per_session_are_tea_tastings():
    got, same = ours("orders", "sessions"), theirs(tt.RatioOfMeans("orders", "sessions"))
    assert (got.control, got.treatment) == pytest.approx((same.control, same.treatment))
    # our error and degrees of freedom also allow for users with more sessions than others
    assert got.difference.high == pytest.approx(same.effect_size_ci_upper, rel=1e-3)
    assert got.p_value == pytest.approx(same.pvalue, rel=1e-3)


@pytest.mark.parametrize("exposure", [None, "sessions"])
def test_lifts_are_tea_tastings_but_for_the_convention(exposure):
    got, same = ours("orders", exposure), theirs(tt.RatioOfMeans("orders", exposure))
    # theirs is the delta method on the log of the ratio, ours is Fieller's
    assert got.lift.estimate == pytest.approx(same.rel_effect_size)
    ends = (same.rel_effect_size_ci_lower, same.rel_effect_size_ci_upper)
    assert (got.lift.low, got.lift.high) == pytest.approx(ends, abs=1e-3)


def test_revenue_with_a_pre_period_is_tea_tastings_with_their_slope():
    revenue, before = column("revenue", covariates=True), column("revenue_covariate", covariates=True)
    treated = column("variant", covariates=True) == 1
    # their slope is of all users together, whichever arm they are in
    slope = np.cov(revenue, before)[0, 1] / before.var(ddof=1)
    got = effect(Sample(revenue - slope * (before - before.mean()), treated), Method("none"))
    assert got.difference.estimate == pytest.approx(0.7310144, abs=5e-8)
    assert got.p_value == pytest.approx(0.00674393, rel=1e-4)  # but for the degrees of freedom
    # ours is within the arms, so that an effect on the arms does not enter it, and costs a degree of freedom
    own = ours("revenue", adjust="cuped")
    assert own.difference.estimate == pytest.approx(0.7310144, rel=1e-3)
    assert own.difference.low == pytest.approx(
        theirs(tt.Mean("revenue", "revenue_covariate"), covariates=True).effect_size_ci_lower, abs=2e-3
    )
    assert own.p_value == pytest.approx(0.00674393, rel=0.03)


def test_ratios_with_a_pre_period_are_tea_tastings_up_to_the_slope():
    got = ours("orders", "sessions", adjust="cuped")
    same = theirs(
        tt.RatioOfMeans("orders", "sessions", "orders_covariate", "sessions_covariate"), covariates=True
    )  # fmt: skip
    assert got.difference.estimate == pytest.approx(same.effect_size, rel=1e-3)
    half = (same.effect_size_ci_upper - same.effect_size_ci_lower) / 2
    assert (got.difference.high - got.difference.low) / 2 == pytest.approx(half, rel=2e-3)
    assert got.p_value == pytest.approx(same.pvalue, rel=0.03)
