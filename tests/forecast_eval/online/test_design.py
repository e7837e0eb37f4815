"""Laws of a design: balance, groups and dates; and one clear fault for each thing that cannot be."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from backtest.faults import InputError
from forecast_eval.config.experiment import experiment_of, metrics_of
from forecast_eval.online.design import design, drawn
from forecast_eval.online.outcomes import outcomes_of
from forecast_eval.online.timing import timing_of

UNITS, PERIODS = 24, 30


@pytest.fixture(scope="module")
def outcomes():
    rng = np.random.default_rng(12)
    size = 40 * rng.lognormal(0, 0.6, UNITS)
    sold = size[:, None] * rng.lognormal(0, 0.2, (UNITS, PERIODS))
    unit, week = np.indices(sold.shape)
    frame = pd.DataFrame({"unit": [f"s{u:02}" for u in unit.ravel()], "ds": week.ravel() * 7, "sold": sold.ravel()})
    frame["ds"] = pd.Timestamp("2026-01-05") + pd.to_timedelta(frame["ds"], unit="D")
    frame["profit"] = frame["sold"] * 2.5 - 30
    static = pd.DataFrame(
        {"region": np.where(np.arange(UNITS) % 3 == 0, "north", "south"), "area": size * rng.lognormal(0, 0.2, UNITS)},
        index=pd.Index([f"s{u:02}" for u in range(UNITS)], name="unit"),
    )
    return outcomes_of(frame, static=static)


def config_of(metrics=None, analysis=None, **changes):
    tree = {"name": "x", "seed": 4, "outcomes": {"path": "x.csv"}, "metrics": metrics or {"sold": {"role": "primary"}},
            "analysis": analysis or {}, "design": {"pre_periods": 10, "periods": 4} | changes}  # fmt: skip
    return experiment_of(tree, "x.yaml")


def designed(outcomes, **changes):
    return design(config_of(**changes), outcomes, draws=20)


def faults_of(outcomes, **changes):
    with pytest.raises(InputError) as error:
        designed(outcomes, **changes)
    return error.value.faults


def values_of(outcomes):
    """Values of the outcomes, by column, to change."""
    return {name: own.copy() for name, own in outcomes.values.items()}  # noqa: PD011 - a mapping


def arms_in(plan, column):
    """Units of each arm by a label of each unit."""
    return pd.crosstab(pd.Series(column), pd.Series({unit: own.arm for unit, own in plan.members.items()}))


def test_strata_by_default_are_thirds_of_the_first_primary_metric(outcomes):
    plan = designed(outcomes)
    size = pd.Series(values_of(outcomes)["sold"][:, -10:].mean(axis=1), outcomes.units)
    means = size.groupby(pd.Series(plan.groups)).mean()
    assert means["low"] < means["middle"] < means["high"]
    assert (arms_in(plan, plan.groups) == 4).all(axis=None)


def test_static_columns_are_strata_that_hold_both_arms(outcomes):
    plan = designed(outcomes, strata=["region"])
    assert arms_in(plan, outcomes.static["region"]).loc["north"].tolist() == [4, 4]
    assert arms_in(plan, outcomes.static["region"]).loc["south"].tolist() == [8, 8]


def test_small_strata_are_put_together(outcomes):
    odd = dataclasses.replace(outcomes, static=outcomes.static.assign(kind=["a", "b", "c", "d"] + ["e"] * (UNITS - 4)))
    groups = designed(odd, strata=["kind"]).groups
    assert pd.Series(groups).value_counts().to_dict() == {"e": 20, "others": 4}


def test_matched_groups_hold_one_unit_of_each_arm(outcomes):
    plan = designed(outcomes, assignment="matched")
    assert (arms_in(plan, plan.groups) == 1).all(axis=None)


def test_re_randomised_arms_are_more_alike_than_others_on_average(outcomes):
    def unlike(accept):
        config = config_of(assignment="complete", accept=accept, balance=["sold", "area"])
        metrics, timing = metrics_of(config, values_of(outcomes)), timing_of(outcomes, config.design)
        plans = [drawn(config.model_copy(update={"seed": seed}), metrics, timing) for seed in range(12)]
        return np.mean([abs(row.difference) for plan in plans for row in plan.balance])

    assert unlike(0.02) < 0.5 * unlike(1)


def test_balance_is_the_standardised_difference_in_the_pre_period(outcomes):
    plan = designed(outcomes, assignment="complete", accept=1)
    before = values_of(outcomes)["sold"][:, -10:].mean(axis=1)
    control, treatment = (before[plan.codes == k] for k in (0, 1))
    spread = np.sqrt((control.var(ddof=1) + treatment.var(ddof=1)) / 2)
    assert plan.balance[0].difference == pytest.approx((treatment.mean() - control.mean()) / spread)


def test_the_test_begins_after_the_history_by_default(outcomes):
    plan = designed(outcomes)
    assert [f"{day:%Y-%m-%d}" for day in plan.test_index] == ["2026-08-03", "2026-08-10", "2026-08-17", "2026-08-24"]
    assert f"{plan.pre_index[-1]:%Y-%m-%d}" == "2026-07-27"


def test_a_design_never_sees_the_test(outcomes):
    start = outcomes.periods[20]
    values = values_of(outcomes)
    values["sold"][:, 20:] *= np.linspace(0.1, 9, UNITS)[:, None]
    later = dataclasses.replace(outcomes, values=values)
    assert designed(outcomes, start=str(start.date())) == designed(later, start=str(start.date()))


def test_a_start_after_a_gap_says_so(outcomes):
    plan = designed(outcomes, start="2026-08-17")
    assert plan.test_index[0] == pd.Timestamp("2026-08-17")
    assert any("2 periods between the end of the history and the start" in note for note in plan.notes)
    assert not any("between" in note for note in designed(outcomes, start="2026-08-03").notes)


def test_only_the_first_length_is_planned_and_all_are_compared(outcomes):
    plan = designed(outcomes, periods=[6, 3])
    assert len(plan.test) == 6
    assert {row.periods for row in plan.detectable} == {6, 3}


@pytest.mark.parametrize(("unit", "word"), [("switchback", "understates"), ("item", "overstate")])
def test_the_direction_of_bias_is_said(outcomes, unit, word):
    assert any(word in note for note in designed(outcomes, unit=unit).notes)


def test_a_switchback_changes_arms_and_every_block_holds_both(outcomes):
    plan = designed(outcomes, unit="switchback", block=2, washout=1)
    arms = np.array(list(plan.blocks.values()))
    assert arms.shape == (UNITS, 2)
    assert ((arms == "treatment").sum(axis=0) == UNITS / 2).all()
    assert (arms[:, 0] != arms[:, 1]).any()


def test_a_guardrail_that_cannot_pass_is_told(outcomes):
    metrics = {"profit": {"role": "primary"}, "sold": {"role": "guardrail", "margin": 0.001}}
    assert any("will often be inconclusive" in note for note in designed(outcomes, metrics=metrics).notes)


def test_few_assignments_are_told(outcomes):
    few = dataclasses.replace(
        outcomes, units=outcomes.units[:4], values={k: own[:4] for k, own in values_of(outcomes).items()},
        static=outcomes.static[:4],
    )  # fmt: skip
    assert any("assignments are possible" in note for note in designed(few, assignment="complete", accept=1).notes)


def test_without_metrics_profit_decides_and_the_rest_is_diagnosis(outcomes):
    bare = experiment_of({"name": "x", "outcomes": {"path": "x.csv"}}, "x.yaml")
    roles = {metric.name: metric.role for metric in metrics_of(bare, values_of(outcomes))}
    assert roles == {"sold": "diagnostic", "profit": "primary"}


FAULTY = {
    "arm with one unit": ({"arms": {"a": 1, "b": 22}}, "arm 'a' gets 1 of 24 units"),
    "fewer units than arms need": ({"arms": dict.fromkeys("abcdefghijklm", 1)}, "arm 'a' gets 1 of 24 units"),
    "unknown stratum": ({"strata": ["regoin"]}, "'regoin' is no column of the units; did you mean 'region'"),
    "unknown balance": ({"balance": ["aera"]}, "'aera' is neither a metric nor a column"),
    "words in balance": ({"balance": ["region"]}, "'region' holds words"),
    "unknown metric": ({"metrics": {"x": {"of": "slod", "role": "primary"}}}, "no column 'slod'; did you mean 'sold'"),
    "missing pre-period": ({"pre_periods": 31}, "the pre-period has 31 periods, and 30 of the outcomes' 30"),
    "early start": ({"start": "2026-02-02"}, "4 of the outcomes' 30 periods lie before 2026-02-02"),
    "short history": ({"periods": 21}, "a test of 21 periods after a pre-period of 10 cannot be played on history"),
    "start off the calendar": ({"start": "2026-08-05"}, "start=2026-08-05 is no period"),
    "start of another kind": ({"start": 12}, "start=12 is of another kind than the periods, which are dates"),
    "shares that cannot be matched": ({"assignment": "matched", "arms": {"a": 1, "b": 1.37}}, "need groups of many"),
    "cuped without a past": ({"pre_periods": 0, "analysis": {"adjust": "cuped"}}, "needs a pre-period"),
    "adjusted switchback": ({"unit": "switchback", "analysis": {"adjust": "cuped"}}, "with unit: switchback"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_cannot_be_designed_gets_one_clear_fault(outcomes, name):
    changes, words = FAULTY[name]
    faults = faults_of(outcomes, **changes)
    assert words in str(next(f for f in faults if words in str(f)))
    assert len({fault.rule for fault in faults}) == 1


def test_all_faults_are_told_together(outcomes):
    found = {f.rule for f in faults_of(outcomes, arms={"a": 1, "b": 22}, strata=["regoin"], pre_periods=31)}
    assert found == {"small-arm", "unknown-column", "no-pre-period"}


def test_a_unit_without_a_past_is_named(outcomes):
    values = values_of(outcomes)
    values["sold"][5, -10:] = np.nan
    (fault,) = faults_of(dataclasses.replace(outcomes, values=values))
    assert "'s05' has no sold before the test" in fault.what


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arms": {"a": 1, "b": -1}}, "greater than 0"),
        ({"arms": {"a": 1}}, "1 arm has nothing to be compared with"),
        ({"washout": 4}, "washout=4 leaves nothing of 4 periods"),
        ({"unit": "switchback", "block": 3}, "4 periods are no whole number of blocks of 3"),
        ({"strata": ["region"], "assignment": "complete"}, "assignment is complete"),
        ({"accept": 0}, "greater than or equal to 0.001"),
        ({"start": "soon"}, "is no date"),
    ],
)
def test_a_config_that_contradicts_itself_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        config_of(**changes)


@pytest.mark.parametrize("kind", ["metrics", "models"])
def test_names_that_are_given_and_unknown_are_refused(kind):
    wrong = {"metrics": {"role": {"rol": "primary"}}} if kind == "metrics" else {"models": {"new": "lightgbm"}}
    with pytest.raises(InputError, match="unknown key 'rol'" if kind == "metrics" else "'new' is not an arm"):
        experiment_of({"name": "x", "outcomes": {"path": "x.csv"}} | wrong, "x.yaml")
