"""Laws of permutation tests and of the studentised bootstrap."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import permutation_test, ttest_ind

from backtest.faults import InputError
from forecast_eval.online.arms import arms_of
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.permutation import SCALE, SHIFT, VALUE, permuted, redraw
from forecast_eval.online.redrawn import redrawn
from forecast_eval.online.resampling import resampled
from forecast_eval.online.sample import Sample
from forecast_eval.online.strata import strata_of
from forecast_eval.online.unit_level import unit_level

PERMUTED = Method("none", "permutation", draws=999)


def stores(seed=1, *, n=12, treated=5, ratio=False, groups=1):
    """Stores of different sizes; `groups` of as many stores each, half of each treated if there are several."""
    rng = np.random.default_rng(seed)
    size = 50 * rng.lognormal(0, 0.5, n)
    arm = rng.permutation(np.arange(n) < treated) if groups == 1 else np.arange(n) // groups % 2 == 0
    value, before = size * rng.normal(1.2, 0.2, n) * np.where(arm, 1.3, 1), size * rng.normal(1, 0.2, n)
    exposure, exposure_before = (size * rng.normal(3, 0.2, n) if ratio else None for _ in range(2))
    return Sample(value, arm, exposure, before, exposure_before, np.arange(n) % groups)


def compared(sample, assignments, adjust="none", *, whole=True):
    units = unit_level(sample, adjust)
    return permuted(units, strata_of(sample), sample.treated, assignments=assignments, whole=whole)


def test_all_assignments_give_scipys_p_value():
    sample = stores(n=9, treated=4)
    theirs = permutation_test(
        (sample.value[sample.treated], sample.value[~sample.treated]),
        lambda a, b, axis: abs(ttest_ind(a, b, equal_var=False, axis=axis).statistic),
        vectorized=True, n_resamples=math.inf, alternative="greater",
    )  # fmt: skip
    assert effect(sample, PERMUTED).p_value == pytest.approx(theirs.pvalue)
    assert 0.01 < theirs.pvalue < 0.9


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("ratio", [False, True])
@pytest.mark.parametrize("adjust", ["none", "cuped", "did"])
def test_every_draw_is_what_least_squares_says_of_it(adjust, ratio, groups):
    sample = stores(ratio=ratio, groups=groups)
    drawn, _ = redraw(sample.treated, sample.strata, 5, lambda: np.random.default_rng(3))
    test, units = compared(sample, drawn, adjust), unit_level(sample, adjust)
    strata = strata_of(sample)
    slow = [arms_of(units, strata, arm) for arm in drawn]
    assert test.others.difference @ VALUE == pytest.approx([a.difference for a in slow])
    if strata.within and not ratio:  # errors of ratios also allow for unequal exposure
        # with a slope errors also allow for strata of unequal noise
        close = 0.03 if adjust == "cuped" and groups == 2 else 1e-6
        assert test.others.error(VALUE) == pytest.approx([a.error for a in slow], rel=close)
    elif adjust == "none" and not ratio:  # in pairs the factor for few clusters is left out
        assert test.others.error(VALUE) == pytest.approx([a.error * math.sqrt(5 / 6) for a in slow])


@pytest.mark.parametrize("adjust", ["none", "cuped", "did"])
def test_a_mix_of_variables_is_the_test_of_the_mixed_sample(adjust):
    sample = stores(ratio=True)
    drawn, _ = redraw(sample.treated, sample.strata, 50, lambda: np.random.default_rng(3))
    shifted = replace(sample, value=sample.value - 0.2 * sample.treated * sample.exposure)
    scaled = replace(sample, value=np.where(sample.treated, sample.value * 0.7, sample.value))
    ours = compared(sample, drawn, adjust).others
    for mix, other in ((VALUE - 0.2 * SHIFT, shifted), (VALUE - 0.3 * SCALE, scaled)):
        assert ours.statistic(mix) == pytest.approx(compared(other, drawn, adjust).others.statistic(VALUE))


def test_no_more_than_the_level_is_rejected_over_all_assignments():
    sample = stores(n=8, treated=3)
    drawn, whole = redraw(sample.treated, sample.strata, 99, np.random.default_rng)
    assert whole
    p = np.array([compared(sample.assigned(arm), drawn).p_value(VALUE) for arm in drawn])
    for level in (0.05, 0.1, 0.3):
        assert level - 1 / len(drawn) < (p <= level + 1e-9).mean() <= level + 1e-9


@pytest.mark.parametrize("adjust", ["none", "cuped", "did"])
def test_ends_are_where_effects_begin_to_be_refused(adjust):
    sample = stores(ratio=True)
    got = effect(sample, Method(adjust, "permutation"))
    drawn, whole = redraw(sample.treated, sample.strata, 1999, np.random.default_rng)
    test = compared(sample, drawn, adjust, whole=whole)
    for end, out, centre, variable in (
        (got.difference.low, -1, 0, SHIFT), (got.difference.high, 1, 0, SHIFT),
        (got.lift.low / (1 + got.lift.low), -1, 0, SCALE), (got.lift.high / (1 + got.lift.high), 1, 0, SCALE),
    ):  # fmt: skip
        assert test.p_value(VALUE - (end - out * 1e-6) * variable) > 0.05 + centre
        assert test.p_value(VALUE - (end + out * 1e-6) * variable) <= 0.05


def test_a_shift_of_the_treatment_moves_the_interval_by_itself():
    sample = stores()
    moved = replace(sample, value=sample.value + 40 * sample.treated)
    here, there = effect(sample, PERMUTED).difference, effect(moved, PERMUTED).difference
    assert (there.low, there.high) == pytest.approx((here.low + 40, here.high + 40))


def test_a_factor_of_the_treatment_multiplies_the_lift_by_itself():
    sample = stores()
    moved = replace(sample, value=sample.value * np.where(sample.treated, 1.5, 1))
    here, there = effect(sample, PERMUTED).lift, effect(moved, PERMUTED).lift
    assert (1 + there.low, 1 + there.high) == pytest.approx((1.5 * (1 + here.low), 1.5 * (1 + here.high)))


def test_too_few_assignments_to_reject_are_told():
    got = effect(stores(n=6, treated=3), PERMUTED)
    assert got.notes == ("no p-value below 0.1 is possible with all 20 assignments: nothing can be rejected",)
    assert math.isnan(got.difference.low)
    assert effect(stores(n=12, treated=5), PERMUTED).notes == ()


def test_without_noise_the_p_value_is_still_that_of_the_assignments():
    treated = np.arange(6) % 2 == 0
    got = effect(Sample(3.1 + 2.0 * treated, treated), PERMUTED)
    assert got.p_value == pytest.approx(2 / 20)


def test_assignments_stay_within_their_groups():
    groups = np.repeat([0, 1, 2], [4, 3, 5])
    treated = np.array([1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0], dtype=bool)
    every, whole = redraw(treated, groups, 500, np.random.default_rng)
    some, not_whole = redraw(treated, groups, 50, lambda: np.random.default_rng(1))
    assert (whole, not_whole) == (True, False)
    assert len({tuple(row) for row in every}) == len(every) == 4 * 3 * 10
    for drawn in (every, some):
        assert all((drawn[:, groups == g].sum(axis=1) == treated[groups == g].sum()).all() for g in range(3))


def test_assignments_of_the_design_are_used():
    sample = stores(n=10, treated=5)
    rows = [np.isin(np.arange(10), choice) for choice in itertools.combinations(range(10), 5)]
    balanced = np.array([r for r in rows if abs(sample.before[r].mean() - sample.before[~r].mean()) < 15])
    got = effect(sample, PERMUTED, assignments=balanced)
    drawn = np.abs(compared(sample, balanced).others.statistic(VALUE))
    own = abs(float(compared(sample, balanced).observed.statistic(VALUE)[0]))
    assert got.p_value == pytest.approx((1 + (drawn >= own * (1 - 1e-9)).sum()) / (1 + len(balanced)))
    assert got.p_value != pytest.approx(effect(sample, PERMUTED).p_value)


@pytest.mark.parametrize("inference", ["permutation", "bootstrap"])
def test_same_seed_same_effect(inference):
    sample, method = stores(n=30, treated=13), Method("cuped", inference, draws=199)
    first, again, other = (effect(sample, method, rng=np.random.default_rng(s)) for s in (4, 4, 5))
    assert first == again
    assert first.difference != other.difference


@pytest.mark.parametrize("inference", ["permutation", "bootstrap"])
def test_drawing_agrees_with_errors_where_units_are_many(inference):
    sample = stores(n=400, treated=150, ratio=True)
    drawn = effect(sample, Method("cuped", inference, draws=999), rng=np.random.default_rng(1))
    plain = effect(sample, Method("cuped"))
    for ours, theirs in ((drawn.difference, plain.difference), (drawn.lift, plain.lift)):
        half = (theirs.high - theirs.low) / 2
        assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=0.15 * half)


@pytest.mark.parametrize("ratio", [False, True])
def test_a_resample_is_the_estimate_of_the_rows_it_repeats(ratio):
    sample = stores(ratio=ratio)
    copies = np.where(sample.treated, 2, np.arange(12) % 3 + 1)
    units, strata, arm = unit_level(sample, "none"), strata_of(sample), sample.treated * 1.0
    got = redrawn(
        units, units.value[:, None], strata, control=(copies * (1 - arm))[None], treatment=(copies * arm)[None]
    )
    picked = np.repeat(np.arange(12), copies)
    exposure = sample.exposure[picked] if ratio else None
    repeated = Sample(sample.value[picked], sample.treated[picked], exposure)
    slow = arms_of(unit_level(repeated, "none"), strata_of(repeated), repeated.treated)
    assert got.difference[0, 0] == pytest.approx(slow.difference)
    # errors of ratios also allow for unequal exposure
    assert got.error(np.ones(1))[0] == pytest.approx(slow.error, rel=0.03 if ratio else 1e-9)


def test_bootstrap_draws_as_many_units_of_each_arm_and_stratum():
    sample = stores(n=12, groups=2)
    drawn = resampled(unit_level(sample, "none"), strata_of(sample), sample.treated, draws=99,
                      rng=np.random.default_rng(2))  # fmt: skip
    assert not np.isnan(drawn.statistics).any()  # no stratum ever lacks an arm
    assert drawn.critical(0.9) < drawn.critical(0.98)


def test_few_units_are_told_by_the_bootstrap_and_fewer_refused():
    method = Method("none", "bootstrap", draws=99)
    got = effect(stores(n=14, treated=6), method, rng=np.random.default_rng(1))
    assert got.notes == ("6 units or matched groups in an arm: the bootstrap's intervals are too wide",)
    with pytest.raises(InputError, match="4 units or matched groups in an arm are too few to resample"):
        effect(stores(n=14, treated=4), method, rng=np.random.default_rng(1))


def test_a_pair_that_is_drawn_twice_counts_as_two_pairs():
    sample = stores(groups=6)
    times = np.array([2, 1, 3, 1, 1, 4])
    copies, arm = times[sample.strata].astype(float), sample.treated * 1.0
    units = unit_level(sample, "none")
    got = redrawn(units, units.value[:, None], strata_of(sample), control=(copies * (1 - arm))[None],
                  treatment=(copies * arm)[None])  # fmt: skip
    picked = np.concatenate([np.flatnonzero(sample.strata == s) for s, n in enumerate(times) for _ in range(n)])
    repeated = Sample(sample.value[picked], sample.treated[picked], stratum=np.arange(24) // 2)
    slow = arms_of(unit_level(repeated, "none"), strata_of(repeated), repeated.treated)
    error = slow.error * math.sqrt(11 / 12)  # the factor for few clusters is left out
    assert (got.difference[0, 0], got.error(np.ones(1))[0]) == pytest.approx((slow.difference, error))


def test_ratios_that_differ_between_strata_are_no_noise_within_them():
    sample = stores(n=80, ratio=True, groups=2)
    apart = replace(sample, value=sample.value * np.where(sample.strata == 0, 1.0, 9.0))
    own = compared(apart, apart.treated[None]).observed.error(VALUE)[0]
    slow = arms_of(unit_level(apart, "none"), strata_of(apart), apart.treated).error
    assert own == pytest.approx(slow, rel=0.05)  # that also allows for unequal exposure
