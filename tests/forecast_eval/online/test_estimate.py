"""Laws of effects: arms, adjustments, strata, lifts."""

import math
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import ttest_ind, ttest_rel

from backtest.faults import InputError
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.sample import Sample

PLAIN = Method(adjust="none")


def stores(seed=1, *, n=24, treated=9, lift=1.1, ratio=False, strata=0):
    """Stores of very different sizes, with a pre-period; `strata` groups them by size, out of order."""
    rng = np.random.default_rng(seed)
    size = 100 * rng.lognormal(0, 0.6, n)
    arm = rng.permutation(np.arange(n) < treated)
    if strata:
        order = np.argsort(size)
        group = np.empty(n, dtype=int)
        group[order] = np.arange(n) * strata // n
        arm = (np.argsort(np.argsort(rng.random(n) + 10 * group)) % 2).astype(bool)
    value, before = size * rng.normal(1, 0.1, n) * np.where(arm, lift, 1), size * rng.normal(1, 0.1, n)
    exposure, exposure_before = (size * rng.normal(3, 0.2, n) if ratio else None for _ in range(2))
    return Sample(value, arm, exposure, before, exposure_before, 10 - group if strata else None)


def test_means_differ_with_the_error_of_unequal_variances():
    sample = stores()
    theirs = ttest_ind(sample.value[sample.treated], sample.value[~sample.treated], equal_var=False)
    got = effect(sample, PLAIN)
    assert got.difference.estimate / got.difference.error == pytest.approx(theirs.statistic)
    assert got.units == (15, 9)


def test_ratio_of_an_arm_is_the_ratio_of_its_sums():
    sample = stores(ratio=True)
    for adjust, strata in (("none", None), ("none", np.zeros(24, dtype=int))):
        got = effect(replace(sample, stratum=strata), Method(adjust=adjust))
        arms = [sample.value[a].sum() / sample.exposure[a].sum() for a in (~sample.treated, sample.treated)]
        assert [got.control, got.treatment] == pytest.approx(arms)


def test_error_of_a_ratio_is_that_of_unit_ratios_weighted_by_exposure():
    sample = stores(ratio=True)
    arms = np.stack([~sample.treated, sample.treated], axis=1).astype(float)
    theirs = sm.WLS(sample.value / sample.exposure, arms, weights=sample.exposure).fit(cov_type="HC2")
    got = effect(sample, PLAIN)
    assert [got.control, got.treatment] == pytest.approx(theirs.params)
    assert got.difference.error == pytest.approx(math.hypot(*theirs.bse))
    even = replace(sample, exposure=np.full(24, 3.0))
    assert got.difference.freedom < 0.95 * effect(even, PLAIN).difference.freedom


def test_error_of_a_ratio_is_the_delta_methods_where_units_are_many():
    sample = stores(ratio=True, n=4000, treated=1500)
    variance = 0.0
    for arm in (sample.treated, ~sample.treated):
        num, den = sample.value[arm], sample.exposure[arm]
        ratio, cov = num.mean() / den.mean(), np.cov(num, den)
        variance += (cov[0, 0] - 2 * ratio * cov[0, 1] + ratio**2 * cov[1, 1]) / den.mean() ** 2 / len(num)
    assert effect(sample, PLAIN).difference.error == pytest.approx(math.sqrt(variance), rel=1e-3)


def test_cuped_is_least_squares_with_a_common_slope():
    sample = stores()
    design = sm.add_constant(np.column_stack([sample.treated, sample.before - sample.before.mean()]).astype(float))
    theirs = sm.OLS(sample.value, design).fit(cov_type="HC2")
    got = effect(sample, Method())
    assert [got.control, got.difference.estimate] == pytest.approx(theirs.params[:2])
    assert got.difference.error == pytest.approx(theirs.bse[1])
    assert got.difference.error < 0.4 * effect(sample, PLAIN).difference.error


def test_cuped_takes_out_all_that_the_pre_period_says():
    sample = stores()
    exact = replace(sample, value=2.5 * sample.before + 7 * sample.treated)
    got = effect(exact, Method())
    assert got.difference.estimate == pytest.approx(7)
    assert got.control == pytest.approx(2.5 * sample.before.mean())
    assert got.difference.error < 1e-9


def test_did_is_the_difference_of_changes():
    sample = stores(ratio=True)
    treated, control = sample.treated, ~sample.treated
    change = [
        sample.value[a].sum() / sample.exposure[a].sum() - sample.before[a].sum() / sample.exposure_before[a].sum()
        for a in (control, treated)
    ]
    assert effect(sample, Method(adjust="did")).difference.estimate == pytest.approx(change[1] - change[0])
    mean = replace(sample, exposure=None, exposure_before=None)
    change = mean.value - mean.before
    theirs = ttest_ind(change[treated], change[control], equal_var=False)
    got = effect(mean, Method(adjust="did")).difference
    assert (got.estimate, got.estimate / got.error) == pytest.approx(
        (change[treated].mean() - change[control].mean(), theirs.statistic)
    )


@pytest.mark.parametrize("adjust", ["cuped", "did"])
def test_adjusted_arms_stand_at_the_same_pre_period(adjust):
    sample = stores()
    level = replace(sample, value=sample.before.copy())
    got = effect(level, Method(adjust=adjust))
    assert [got.control, got.treatment] == pytest.approx([sample.before.mean()] * 2)


def test_matched_pairs_are_the_paired_t_test():
    sample = stores(strata=12)
    order = np.lexsort([sample.treated, sample.stratum])
    control, treatment = sample.value[order].reshape(12, 2).T
    theirs = ttest_rel(treatment, control)
    got = effect(sample, PLAIN)
    ends = theirs.confidence_interval(0.95)
    assert (got.p_value, got.difference.low, got.difference.high) == pytest.approx((theirs.pvalue, ends.low, ends.high))
    assert got.difference.freedom == pytest.approx(11)


def test_strata_that_differ_in_shares_bring_no_bias():
    stratum = np.repeat([0, 1], [10, 6])
    treated = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0], dtype=bool)
    sample = Sample(100 - 60 * stratum + 5.0 * treated, treated, stratum=stratum)
    assert effect(sample, PLAIN).difference.estimate == pytest.approx(5)
    assert effect(replace(sample, stratum=None), PLAIN).difference.estimate < -10


def test_error_within_strata_is_the_sum_of_their_own():
    sample = stores(strata=3)
    variance = 0.0
    for s in np.unique(sample.stratum):
        own = sample.stratum == s
        share = own.mean()
        variance += share**2 * sum(
            sample.value[own & arm].var(ddof=1) / (own & arm).sum() for arm in (sample.treated, ~sample.treated)
        )
    got = effect(sample, PLAIN).difference
    assert got.error == pytest.approx(math.sqrt(variance))
    assert got.error < 0.6 * effect(replace(sample, stratum=None), PLAIN).difference.error


@pytest.mark.parametrize("adjust", ["none", "did"])
def test_degrees_of_freedom_are_those_of_the_strata_that_vary(adjust):
    rng, stratum = np.random.default_rng(6), np.repeat([0, 1, 2], 8)
    treated = np.arange(24) % 2 == 0
    value = 100 + 50 * stratum + np.where(stratum == 2, 30, 0.01) * rng.normal(size=24)
    got = effect(Sample(value, treated, before=np.full(24, 90.0), stratum=stratum), Method(adjust)).difference
    assert got.freedom == pytest.approx(6, abs=0.01)  # four units in each arm of one stratum
    assert got.error == pytest.approx(effect(Sample(value[16:], treated[16:]), PLAIN).difference.error / 3, rel=1e-3)


def test_matched_groups_of_several_sizes_have_fogartys_error():
    stratum = np.repeat([0, 1, 2, 3], [2, 3, 3, 2])
    treated = np.array([0, 1, 1, 0, 0, 0, 1, 1, 1, 0], dtype=bool)
    value = np.array([10.0, 13, 30, 24, 28, 50, 52, 60, 90, 85])
    groups = [stratum == g for g in range(4)]
    gaps = np.array([value[g & treated].mean() - value[g & ~treated].mean() for g in groups])
    shares = np.array([0.2, 0.3, 0.3, 0.2])
    expected = np.sqrt((shares**2 * (gaps - shares @ gaps) ** 2 / (1 - shares)).sum())
    got = effect(Sample(value, treated, stratum=stratum), PLAIN).difference
    assert (got.estimate, got.error) == pytest.approx((shares @ gaps, expected))


def test_blocks_of_a_store_in_both_arms_are_compared_within_it():
    rng = np.random.default_rng(8)
    store = np.repeat(np.arange(10), 6)
    treated = np.tile([True, False, False, True, True, False], 10)
    value = rng.lognormal(3, 1, 10)[store] + rng.normal(0, 1, 10)[store] * treated + rng.normal(0, 1, 60)
    got = effect(Sample(value, treated, stratum=store, cluster=store), PLAIN)
    by_store = value.reshape(10, 6)
    theirs = ttest_rel(by_store[:, treated[:6]].mean(axis=1), by_store[:, ~treated[:6]].mean(axis=1))
    assert got.p_value == pytest.approx(theirs.pvalue)
    assert got.units == (10, 10)


def test_rows_of_one_unit_in_one_arm_count_once():
    sample = stores()
    thrice = Sample(np.repeat(sample.value, 3), np.repeat(sample.treated, 3), cluster=np.repeat(np.arange(24), 3))
    once, more = effect(sample, PLAIN), effect(thrice, PLAIN)
    assert more.difference.error == pytest.approx(once.difference.error)
    assert (more.p_value, more.units) == (pytest.approx(once.p_value), once.units)


def test_strata_without_both_arms_are_taken_together_and_told():
    stratum = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    treated = np.array([0, 1, 1, 0, 0, 0, 1, 1], dtype=bool)
    value = np.array([1.0, 4, 9, 5, 3, 4, 8, 9])
    got = effect(Sample(value, treated, stratum=stratum), PLAIN)
    assert got.difference.estimate == pytest.approx(0.25 * 3 + 0.25 * 4 + 0.5 * (8.5 - 3.5))
    assert got.notes == ("2 of 4 strata are taken together: each lacks an arm",)


def test_few_large_strata_with_one_unit_in_an_arm_are_taken_together_and_told():
    stratum = np.repeat([0, 1, 2], [7, 7, 6])
    treated = np.isin(np.arange(20), [2, 9, 14, 17])
    value = np.random.default_rng(4).normal(50 + 20 * stratum, 3) + 5 * treated
    got = effect(Sample(value, treated, stratum=stratum), PLAIN)
    assert got.notes == ("2 of 3 strata are taken together: each has one unit in an arm",)
    joined = effect(Sample(value, treated, stratum=stratum // 2), PLAIN)
    assert (got.difference, joined.notes) == (joined.difference, ())


@pytest.mark.parametrize("strata", [0, 3, 12])
@pytest.mark.parametrize("adjust", ["none", "cuped", "did"])
def test_swapping_the_arms_turns_the_effect_round(adjust, strata):
    sample = stores(strata=strata)
    there, back = (effect(s, Method(adjust=adjust)) for s in (sample, sample.assigned(~sample.treated)))
    assert (back.difference.low, back.difference.high) == pytest.approx((-there.difference.high, -there.difference.low))
    assert 1 + back.lift.low == pytest.approx(1 / (1 + there.lift.high))
    assert back.p_value == pytest.approx(there.p_value)


def test_currency_changes_differences_and_no_lift():
    sample = stores()
    cents = replace(sample, value=100 * sample.value, before=100 * sample.before)
    for adjust in ("none", "cuped", "did"):
        euro, cent = effect(sample, Method(adjust=adjust)), effect(cents, Method(adjust=adjust))
        assert cent.difference.high == pytest.approx(100 * euro.difference.high)
        assert (cent.lift.low, cent.lift.error) == pytest.approx((euro.lift.low, euro.lift.error))


@pytest.mark.parametrize("method", [Method(), PLAIN, Method("none", "bootstrap", draws=199)])
def test_lift_and_difference_agree_on_zero(method):
    settled = 0
    for seed in range(60):
        sample = stores(seed, lift=1 + seed / 60)
        got = effect(sample, method, rng=np.random.default_rng(seed))
        if not math.isnan(got.lift.low):
            assert got.lift.excludes_zero == got.difference.excludes_zero == (got.p_value <= 0.05)
        settled += got.difference.excludes_zero
    assert 5 < settled < 55


def test_lift_has_no_ends_where_the_control_may_be_zero():
    sample = stores()
    around_zero = replace(sample, value=sample.value - sample.value[~sample.treated].mean() + 1)
    got = effect(around_zero, PLAIN)
    assert math.isnan(got.lift.low)
    assert math.isnan(got.lift.high)
    assert not math.isnan(got.difference.low)


def test_error_of_a_lift_is_that_of_its_interval_where_units_are_many():
    got = effect(stores(n=4000, treated=1500, lift=1.6), PLAIN).lift
    assert got.error == pytest.approx((got.high - got.low) / 2 / 1.9606, rel=0.01)


def test_a_loss_has_no_lift():
    got = effect(replace(stores(), value=stores().value - 1000), PLAIN)
    assert got.control < -100
    assert all(math.isnan(x) for x in (got.lift.estimate, got.lift.low, got.lift.high, got.lift.error))


def test_p_value_of_a_large_effect_has_a_logarithm():
    rng = np.random.default_rng(2)
    treated = np.arange(2000) % 2 == 0
    got = effect(Sample(10 + 5.0 * treated + rng.normal(0, 0.1, 2000), treated), PLAIN)
    assert got.p_value == 0
    assert -1e5 < got.log10_p < -1000


@pytest.mark.parametrize("inference", ["cluster", "permutation", "bootstrap"])
def test_nothing_is_known_where_nothing_varies(inference):
    third = np.full(22, 1 / 3)  # whose means differ in the last digit
    got = effect(Sample(third, np.arange(22) < 11), Method("none", inference), rng=np.random.default_rng(1))
    assert math.isnan(got.p_value)
    assert got.difference.estimate == 0


def test_a_pre_period_that_does_not_vary_adjusts_nothing_and_is_told():
    sample = replace(stores(), before=np.full(24, 7.0))
    got = effect(sample, Method())
    assert got.difference == effect(sample, PLAIN).difference
    assert "nothing to adjust by" in got.notes[0]


@pytest.mark.parametrize("paired", [False, True])
def test_intervals_of_six_stores_cover_the_effect_as_often_as_they_say(paired):
    rng, tests, covered = np.random.default_rng(5), 500, 0
    stratum = np.repeat(np.arange(3), 2) if paired else None
    for _ in range(tests):
        treated = np.array([0, 1, 1, 0, 1, 0], dtype=bool)
        value = 50 + rng.normal(0, 9, 6) + np.repeat(rng.normal(0, 9 * paired, 3), 2) + 4 * treated
        got = effect(Sample(value, treated, stratum=stratum), PLAIN).difference
        covered += got.low <= 4 <= got.high
    assert 0.92 <= covered / tests <= 0.98  # .95 and 3 standard errors


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": np.r_[np.nan, np.ones(23)]}, "1 of 24 units have no value"),
        ({"before": np.r_[np.ones(22), np.nan, np.inf]}, "2 of 24 units have no pre-period value"),
        ({"before": None}, "adjust='cuped' without a pre-period"),
        ({"treated": np.arange(24) < 1}, "the treatment has 1 unit;"),
        ({"treated": np.ones(24, dtype=bool)}, "the control has 0 units;"),
        ({"exposure": np.where(stores(ratio=True).treated, 0.0, 1.0)}, "the exposure of the treatment adds up to 0"),
    ],
)
def test_bad_samples_are_refused_with_the_reason(change, said):
    with pytest.raises(InputError, match=said):
        effect(replace(stores(ratio=True), **change), Method())


def test_peeking_goes_with_errors_only():
    with pytest.raises(InputError, match="inference='bootstrap' holds at one look only"):
        effect(stores(), Method(inference="bootstrap"), fraction=0.5)


@pytest.mark.parametrize("inference", ["bootstrap", "permutation"])
def test_draws_need_a_seed(inference):
    with pytest.raises(InputError, match="draws without a random generator"):
        effect(stores(), Method(inference=inference))


@pytest.mark.parametrize("inference", ["cluster", "permutation"])
def test_a_pre_period_that_only_tells_strata_apart_adjusts_nothing(inference):
    rng = np.random.default_rng(1)
    stratum, treated, value = np.repeat([0, 1, 2], 6), np.tile([True, False], 9), rng.normal(10, 1, 18)
    own = Sample(value, treated, before=np.array([1.0, 2.0, 4.0])[stratum], stratum=stratum)
    found = effect(own, Method("cuped", inference), rng=np.random.default_rng(2))
    plain = effect(own, Method("none", inference), rng=np.random.default_rng(2))
    assert found.difference == plain.difference
    assert any("nothing to adjust by" in note for note in found.notes)


def test_pairs_that_all_differ_alike_are_said_aloud() -> None:
    sample = Sample(
        np.array([10.0, 12.0, 20.0, 22.0, 31.0, 33.0]), np.tile([False, True], 3), stratum=np.repeat([0, 1, 2], 2)
    )
    found = effect(sample, Method(adjust="none"))
    assert found.difference.error == 0
    assert any("same amount" in note for note in found.notes)
