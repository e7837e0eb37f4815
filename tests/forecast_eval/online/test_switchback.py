"""Switchbacks: units against themselves, block by block."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from backtest.faults import InputError
from forecast_eval.config.experiment import experiment_of
from forecast_eval.online.analysis import analyze
from forecast_eval.online.metric import OnlineMetric
from forecast_eval.online.outcomes import Outcomes, outcomes_of
from forecast_eval.online.plan import History, Member, Plan
from forecast_eval.online.switchback import Blocks, block_effect

BLOCKS, LENGTH, UNITS = 6, 3, 10
ARMS = ("old", "new")


def config(**design):
    tree = {
        "name": "switch",
        "outcomes": {"path": "x.csv"},
        "design": {"unit": "switchback", "arms": {"old": 1, "new": 1}, "block": LENGTH, "periods": BLOCKS * LENGTH},
        "metrics": {"profit": {"role": "primary"}, "rate": {"of": "profit / exposure"}},
    }
    tree["design"] |= design
    return experiment_of(tree, "test")


def drawn(rng, units=UNITS, blocks=BLOCKS):
    """Half of the units in each arm in every block [unit, block]."""
    return np.stack([rng.permutation(np.arange(units) % 2) for _ in range(blocks)], axis=1)


def rows(seed=3, *, gain=5.0, carry=0.0, noise=2.0):
    """Days of stores: a level of the store and of the day, a gain of the new arm that carries over for a day."""
    rng = np.random.default_rng(seed)
    code = drawn(rng)
    treated = np.repeat(code, LENGTH, axis=1)  # [unit, day]
    late = np.concatenate([np.zeros((UNITS, 1)), np.diff(treated, axis=1)], axis=1)
    values = rng.normal(100, 30, (UNITS, 1)) + rng.normal(0, 8, BLOCKS * LENGTH) + gain * treated - carry * late
    values = values + rng.normal(0, noise, values.shape)
    unit, day = np.indices(values.shape)
    return pd.DataFrame({
        "unit": [f"s{k}" for k in unit.ravel()], "ds": day.ravel() + 1,
        "arm": np.array(ARMS, dtype=object)[treated.ravel()], "profit": values.ravel(),
        "exposure": rng.integers(40, 60, values.size),
    })  # fmt: skip


def effect_of(frame, **design):
    return analyze(outcomes_of(frame), config(**design)).readings[0].effect


def rules(frame, experiment):
    with pytest.raises(InputError) as caught:
        analyze(outcomes_of(frame), experiment)
    return [(fault.rule, fault.place) for fault in caught.value.faults]


@pytest.mark.parametrize("seed", range(12))
def test_what_never_changes_has_no_effect(seed):
    rng = np.random.default_rng(seed)
    found = effect_of(rows(seed).assign(profit=rng.uniform(0.01, 500)))
    assert (found.difference.estimate, found.difference.error) == (0, 0)
    assert np.isnan(found.p_value)


def test_units_that_change_all_at_once_are_refused():
    frame = rows()
    frame["arm"] = np.where((frame["ds"] - 1) // LENGTH % 2, "new", "old")
    assert rules(frame, config()) == [("together", "metrics.profit")]


def test_a_ratio_without_a_denominator_is_a_note():
    frame = rows()
    frame["exposure"] *= frame["arm"] == "old"
    found = analyze(outcomes_of(frame), config())
    assert [own.metric.name for own in found.readings] == ["profit"]
    assert "rate of new is not read: the exposure of new adds up to 0" in found.notes


def test_the_effect_is_that_of_least_squares_on_arm_unit_and_block():
    frame = rows()
    frame["block"] = (frame["ds"] - 1) // LENGTH
    blocks = frame.groupby(["unit", "block", "arm"], as_index=False)["profit"].mean()
    blocks["treated"] = (blocks["arm"] == "new") * 1.0
    fit = smf.ols("profit ~ treated + C(unit) + C(block)", blocks).fit()
    assert effect_of(frame).difference.estimate == pytest.approx(fit.params["treated"])


def test_what_is_a_units_own_and_a_blocks_own_does_not_matter():
    frame = rows()
    shifted = frame.copy()
    shifted["profit"] += 1000 * (frame["unit"] == "s4") + 500 * ((frame["ds"] - 1) // LENGTH == 2)
    one, other = effect_of(frame).difference, effect_of(shifted).difference
    assert other.estimate == pytest.approx(one.estimate)
    assert other.error == pytest.approx(one.error)


def test_carried_over_stock_understates_the_effect_and_the_wash_out_mends_it():
    frame = rows(carry=5.0, noise=0.01)
    assert effect_of(frame).difference.estimate < 4.5
    assert effect_of(frame, washout=1).difference.estimate == pytest.approx(5.0, abs=0.05)


def test_the_direction_of_the_bias_is_told():
    assert "understates" in analyze(outcomes_of(rows()), config()).notes[0]


@pytest.mark.parametrize("units", [6, 20])
def test_no_difference_is_rejected_as_often_as_it_should(units):
    rng, runs = np.random.default_rng(11), 600
    names, periods = np.array([f"s{k}" for k in range(units)], dtype=object), pd.Index(range(BLOCKS))
    spans, metric = tuple((k, k + 1) for k in range(BLOCKS)), OnlineMetric("profit", "profit")
    hits = 0
    for _ in range(runs):
        slow = rng.normal(0, 1, (units, BLOCKS)).cumsum(axis=1)  # what hangs together within a store
        values = {"profit": 100 + slow + rng.normal(0, 1, slow.shape)}
        outcomes = Outcomes(names, periods, values, None, {}, pd.DataFrame(index=names))
        blocks = Blocks(ARMS, np.ones(2), drawn(rng, units), spans, 0)
        hits += block_effect(outcomes, blocks, metric, 1).p_value < 0.05
    assert abs(hits / runs - 0.05) < 3 * np.sqrt(0.05 * 0.95 / runs)


def test_a_ratio_is_the_sum_of_its_numerators_over_that_of_its_denominators_where_the_design_is_balanced():
    frame = rows(gain=0)
    unit, block = frame["unit"].str[1:].astype(int), (frame["ds"] - 1) // LENGTH
    frame["arm"] = np.array(ARMS, dtype=object)[(unit + block) % 2]
    frame["exposure"] *= 1 + 5 * (unit == 4)  # one store with many who buy little
    found = analyze(outcomes_of(frame), config()).readings[1].effect
    sums = frame.groupby("arm")[["profit", "exposure"]].sum()
    expected = sums["profit"] / sums["exposure"]
    assert found.control == pytest.approx(expected["old"])
    assert found.treatment == pytest.approx(expected["new"])


def test_a_unit_that_changes_its_arm_within_a_block_is_refused_at_its_row():
    frame = rows()
    wrong = frame.index[(frame["unit"] == "s2") & (frame["ds"] == 5)][0]
    frame.loc[wrong, "arm"] = ARMS[frame.loc[wrong, "arm"] == "old"]
    (fault,) = rules(frame, config())
    assert fault[0] == "two-arms"
    assert fault[1] in {f"outcomes, row {wrong - 1 + k}, column arm" for k in range(3)}


def test_an_arm_that_one_unit_only_was_ever_in_is_refused():
    frame = rows()
    frame.loc[(frame["unit"] != "s1"), "arm"] = "old"
    assert [rule for rule, _ in rules(frame, config())] == ["lonely-arm"]


def test_units_must_be_in_the_arms_of_the_plan():
    frame = rows()
    code = frame.pivot_table(index="unit", columns="ds", values="arm", aggfunc="first").to_numpy()[:, ::LENGTH]
    members = {f"s{k}": Member(tuple(arms)) for k, arms in enumerate(code)}
    history = History(UNITS, 5, -4, 0, "0" * 16)
    plan = Plan(config(), (), tuple(range(1, BLOCKS * LENGTH + 1)), history, members)
    planned, observed = analyze(outcomes_of(frame), plan), analyze(outcomes_of(frame), config())
    assert planned.readings == observed.readings
    swapped = {**members, "s0": members["s1"], "s1": members["s0"]}
    assert {rule for rule, _ in rules(frame, Plan(config(), (), plan.test, history, swapped))} == {"other-arm"}


def test_what_a_switchback_cannot_do_is_refused():
    experiment = config().model_copy(update={"analysis": config().analysis.model_copy(update={"sequential": True})})
    assert [rule for rule, _ in rules(rows(), experiment)] == ["switchback"]
