"""Laws of power: it is what simulation finds, and its inverses invert it."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from statsmodels.stats.power import TTestIndPower

from forecast_eval.config.experiment import experiment_of
from forecast_eval.online.aa import Estimates, shares_below, uniformity
from forecast_eval.online.design import design
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.measured import Contract
from forecast_eval.online.outcomes import outcomes_of
from forecast_eval.online.power import detectable_effect, power_at, units_needed
from forecast_eval.online.replay import windows_of
from forecast_eval.online.sample import Sample


def market(*, units=40, periods=44, spread=0.25, seed=5):
    """Stores of several sizes, with noise by week: in shares of the size, or of 20 units."""
    rng = np.random.default_rng(seed)
    size = 50 * rng.lognormal(0, 0.4, (units, 1))
    noise = rng.normal(size=(units, periods))
    sold = size * np.exp(spread * noise) if spread else size + 20 * noise
    unit, week = np.indices(sold.shape)
    frame = pd.DataFrame({"unit": unit.ravel(), "ds": week.ravel() + 10, "sold": sold.ravel()})
    frame["unit"] = "s" + frame["unit"].astype(str).str.zfill(3)
    frame["visits"] = frame["sold"] * rng.uniform(2, 3, len(frame))
    return outcomes_of(frame, Contract(negative=("sold", "visits")))


def plan_of(outcomes, metrics=None, *, draws=20, **changes):
    tree = {"name": "x", "seed": 3, "outcomes": {"path": "x.csv"}, "metrics": metrics or {"sold": {"role": "primary"}},
            "design": {"pre_periods": 10, "periods": 6} | changes}  # fmt: skip
    return design(experiment_of(tree, "x.yaml"), outcomes, draws=draws)


@pytest.fixture(scope="module")
def plan():
    return plan_of(market(), draws=400)


@pytest.mark.parametrize(("units", "effect"), [(4, 1.7), (15, 0.4), (200, 0.21)])
def test_power_is_that_of_the_noncentral_t_test(units, effect):
    expected = TTestIndPower().power(effect, units, 0.03)
    assert power_at(effect, (2 / units) ** 0.5, 2 * units - 2, level=0.03) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("freedom", [3.0, 11.5, 400.0])
def test_the_detectable_effect_is_found_with_the_power_asked_for(freedom):
    effect = detectable_effect(2.3, freedom, power=0.9, level=0.02)
    assert power_at(effect, 2.3, freedom, level=0.02) == pytest.approx(0.9, abs=1e-6)


def test_fewest_units_have_the_power_and_one_less_has_not():
    need = units_needed(3.0, 1.4, 18.0, units=20, power=0.85)

    def power(count):
        return power_at(3.0, 1.4 * (20 / count) ** 0.5, 0.9 * count, level=0.05)

    assert power(need) >= 0.85 > power(need - 1)


def test_what_units_detect_needs_as_many_units():
    assert units_needed(detectable_effect(1.4, 18.0), 1.4, 18.0, units=20) == 20


def test_windows_hold_a_pre_period_and_do_not_share_periods_of_the_test():
    windows = windows_of(50, 7, 20)
    assert [window.end - window.start for window in windows] == [7] * 4
    assert [later.start - earlier.end for later, earlier in pairwise(windows)] == [0, 0, 0]
    assert windows[-1].before == slice(2, 22)


def test_cuped_finds_smaller_effects_where_the_past_predicts():
    none, cuped = plan_of(market(), assignment="complete", accept=1).detectable
    assert (none.adjust, cuped.adjust) == ("none", "cuped")
    assert cuped.effect < 0.6 * none.effect


def test_power_is_as_designed_in_worlds_like_the_history():
    """The effect that one history says can be found is found as often in others, drawn anew."""
    row = plan_of(market(units=60, spread=0.0), assignment="complete", accept=1).detectable[1]
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        treated = rng.permutation(np.arange(60) % 2 == 1)
        size = 50 * rng.lognormal(0, 0.4, 60)
        before, after = (size + 20 * rng.normal(size=(periods, 60)).mean(axis=0) for periods in (10, 6))
        sample = Sample(after + row.effect * treated, treated, before=before)
        found.append(effect(sample, Method("cuped")).p_value < 0.05)
    assert np.mean(found) == pytest.approx(0.8, abs=0.12)  # three errors of it, and as much of the history's own


def test_an_a_a_check_rejects_as_often_as_its_level_says(plan):
    (check,) = plan.aa
    assert check.low < 0.05 < check.high + 0.02
    assert check.is_sound


def test_the_detectable_effect_added_to_history_is_found_with_the_power_designed(plan):
    (check,) = plan.aa
    assert check.power == pytest.approx(0.8, abs=4 * check.power_error)


def test_primary_metrics_and_arms_share_the_level():
    metrics = {"sold": {"role": "primary"}, "rate": {"of": "sold / visits", "role": "primary"}, "visits": {}}
    plan = plan_of(market(), metrics, arms={"a": 1, "b": 1, "c": 2})
    levels = {row.metric: row.level for row in plan.detectable}
    assert levels == {"sold": 0.05 / 4, "rate": 0.05 / 4, "visits": 0.05}


def test_who_peeks_detects_at_the_always_valid_level_of_the_last_look(plan):
    tree = {"name": "x", "seed": 3, "outcomes": {"path": "x.csv"}, "metrics": {"sold": {"role": "primary"}},
            "design": {"pre_periods": 10, "periods": 6}, "analysis": {"sequential": True}}  # fmt: skip
    found = design(experiment_of(tree, "x.yaml"), market(), draws=20).detectable[-1]
    once = plan.detectable[-1]
    assert found.level == pytest.approx(2 * norm.sf(3.035), rel=1e-2)  # 3.035: the boundary's doctest
    assert found.effect == pytest.approx(detectable_effect(found.error, found.freedom, level=found.level), rel=0.01)
    assert found.effect > 1.25 * once.effect


def test_a_ratio_is_detected_in_shares_of_itself():
    plan = plan_of(market(), {"rate": {"of": "sold / visits", "role": "primary"}})
    assert plan.detectable[0].value == pytest.approx(0.4, abs=0.02)
    assert plan.detectable[0].relative == pytest.approx(plan.detectable[0].effect / plan.detectable[0].value, rel=0.02)


def test_longer_tests_of_noise_find_smaller_effects():
    short, long = (r for r in plan_of(market(), periods=[2, 16]).detectable if r.adjust == "cuped")
    assert long.effect < 0.7 * short.effect


def test_a_switchback_is_more_precise_than_stores_that_stay():
    stay = plan_of(market(), assignment="complete", accept=1).detectable[0]
    switch = plan_of(market(), unit="switchback").detectable[0]
    assert switch.effect < 0.5 * stay.effect


def test_an_effect_that_is_added_moves_estimates_and_no_error():
    own = Estimates(np.array([1.0, -2.0]), np.array([1.5, 1.5]), np.array([9.0, 9.0]))
    moved = Estimates(own.difference + 3.0, own.error, own.freedom)
    assert own.p_values(3.0) == pytest.approx(moved.p_values())


def test_shares_come_with_the_interval_of_clopper_and_pearson():
    share, low, high = shares_below(np.repeat([0.01, 0.9], [5, 95]), 0.05)
    assert (share, round(low, 4), round(high, 4)) == (0.05, 0.0164, 0.1128)


def test_p_values_that_pile_up_are_not_uniform():
    rng = np.random.default_rng(9)
    assert uniformity(rng.uniform(size=400)) > 0.01
    assert uniformity(rng.uniform(size=400) ** 2) < 1e-6
