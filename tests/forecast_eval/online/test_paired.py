"""Two models on the same demand, and the distance of two lifts."""

# ruff: noqa: PD011 - the values of outcomes are a mapping, not those of a frame

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecast_eval.inference import Interval
from forecast_eval.online.metric import OnlineMetric
from forecast_eval.online.outcomes import outcomes_of
from forecast_eval.online.paired import difference_of, paired_effect

REVENUE = OnlineMetric("revenue", "revenue")
RATE = OnlineMetric("stockout_rate", "stockouts", "exposure")


def shop(seed, units=9, periods=10):
    rng = np.random.default_rng(seed)
    rows = [(f"s{u}", p, rng.gamma(4, 5 + u), rng.integers(0, 4), 5 + u) for u in range(units) for p in range(periods)]
    return outcomes_of(pd.DataFrame(rows, columns=["unit", "ds", "revenue", "stockouts", "exposure"]))


def scaled(outcomes, factor, name="revenue"):
    return replace(outcomes, values=outcomes.values | {name: factor * outcomes.values[name]})


def ends(interval):
    return interval.estimate, interval.low, interval.high


@pytest.mark.parametrize("metric", [REVENUE, RATE])
def test_identical_arms_have_no_lift_and_an_interval_that_holds_it(metric):
    found = paired_effect(shop(1), shop(1), metric)
    assert ends(found.lift) == (0.0, 0.0, 0.0)
    assert ends(found.difference) == (0.0, 0.0, 0.0)


def test_doubled_revenue_is_a_lift_of_one():
    found = paired_effect(scaled(shop(1), 2.0), shop(1), REVENUE)
    assert ends(found.lift) == pytest.approx((1.0, 1.0, 1.0))
    assert found.difference.estimate == pytest.approx(found.control)


def test_levels_are_means_a_unit_and_period():
    mine, other = shop(1), shop(2)
    found = paired_effect(mine, other, REVENUE)
    assert found.treatment == pytest.approx(mine.values["revenue"].mean())
    assert found.control == pytest.approx(other.values["revenue"].mean())


def test_a_ratio_is_one_of_sums():
    mine, other = shop(1), shop(2)
    found = paired_effect(mine, other, RATE)
    assert found.treatment == pytest.approx(mine.values["stockouts"].sum() / mine.values["exposure"].sum())
    assert found.lift.estimate == pytest.approx(found.treatment / found.control - 1)


def test_error_of_one_period_is_that_of_units_by_hand():
    mine, other = shop(1, periods=1), shop(2, periods=1)
    found = paired_effect(mine, other, REVENUE)
    ours, theirs = (own.values["revenue"][:, 0] for own in (mine, other))
    lift = ours.sum() / theirs.sum() - 1
    residual = (ours - (1 + lift) * theirs) / theirs.sum()
    assert found.lift.error == pytest.approx(np.sqrt(9 / 8 * (residual**2).sum()))
    assert found.difference.error == pytest.approx((ours - theirs).std(ddof=1) / 3)


def test_lift_does_not_depend_on_the_currency():
    plain = paired_effect(shop(1), shop(2), REVENUE).lift
    cents = paired_effect(scaled(shop(1), 100), scaled(shop(2), 100), REVENUE).lift
    assert ends(cents) == pytest.approx(ends(plain))


def test_what_both_models_share_leaves_the_interval_alone():
    # half of the noise of independent plays is gone where the same stores are large for both
    noise = np.random.default_rng(3).normal(1.1, 0.02, shop(1).values["revenue"].shape)
    paired = paired_effect(scaled(shop(1), noise), shop(1), REVENUE).lift
    crossed = paired_effect(scaled(shop(2), 1.1), shop(1), REVENUE).lift
    assert paired.high - paired.low < (crossed.high - crossed.low) / 3


def test_a_lift_to_a_loss_is_not_known():
    found = paired_effect(shop(1), scaled(shop(2), -1.0), REVENUE)
    assert np.isnan(found.lift.estimate)
    assert found.difference.low < found.difference.estimate < found.difference.high


def test_a_period_without_a_row_is_left_out():
    gap = shop(2).values["revenue"].copy()
    gap[3, 4] = np.nan
    other = replace(shop(2), values=shop(2).values | {"revenue": gap})
    assert paired_effect(other, other, REVENUE).control == pytest.approx(np.nanmean(gap))


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, inside, plays = np.random.default_rng(5), 0, 400
    metric, base = REVENUE, shop(1, units=12, periods=9)
    for _ in range(plays):
        size = rng.gamma(6, 10, (12, 1)) * np.ones((12, 9))
        ours = size * 1.1 * (1 + 0.05 * rng.normal(size=(12, 1)) + 0.05 * rng.normal(size=(12, 9)))
        theirs = replace(base, values={"revenue": size * (1 + 0.05 * rng.normal(size=(12, 9)))})
        lift = paired_effect(replace(base, values={"revenue": ours}), theirs, metric).lift
        inside += lift.low <= 0.1 <= lift.high
    assert inside / plays > 0.95 - 3 * np.sqrt(0.95 * 0.05 / plays)


def test_difference_of_symmetric_intervals_adds_their_squares():
    measured, simulated = Interval(0.08, 0.02, 0.14, 0.95, 40, 1), Interval(0.03, -0.05, 0.11, 0.95, 30, 9)
    found = difference_of(measured, simulated)
    assert ends(found) == pytest.approx((0.05, 0.05 - 0.1, 0.05 + 0.1))
    assert (found.clusters, found.blocks) == (30, 1)


def test_difference_of_an_unknown_lift_has_no_interval():
    measured = Interval(0.08, float("nan"), float("nan"), 0.95, 40, 1)
    found = difference_of(measured, Interval(0.03, -0.05, 0.11, 0.95, 30, 9))
    assert found.estimate == pytest.approx(0.05)
    assert np.isnan(found.low)
    assert np.isnan(found.high)
