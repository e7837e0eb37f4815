"""Reading an experiment: who is compared with whom, what is refused, and what the numbers must equal."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from backtest.faults import InputError
from forecast_eval.config.experiment import experiment_of, load_experiment
from forecast_eval.inference import adjusted
from forecast_eval.online.agreement import agreed
from forecast_eval.online.analysis import analyze
from forecast_eval.online.measured import Contract
from forecast_eval.online.outcomes import outcomes_of, read_outcomes
from forecast_eval.online.plan import History, Member, Plan
from forecast_eval.online.study import Study
from forecast_eval.online.verdicts import sentences

ROOT = Path(__file__).parents[3]
BEFORE, DURING = 6, 4
WEEKS = pd.date_range("2026-01-05", periods=BEFORE + DURING, freq="7D")
START = "2026-02-16"


def rows(arms, *, seed=5, lift=0.2, weeks=WEEKS):
    """Outcomes of stores by week: a store's own level, two shelves, a lift of the treated in the test."""
    rng = np.random.default_rng(seed)
    out = []
    for unit, arm in enumerate(arms):
        level = 200 * np.exp(rng.normal(0, 0.3))
        for k, week in enumerate(weeks):
            up = 1 + lift * (arm != "old") * (k >= BEFORE)
            for shelf, share in (("a", 0.7), ("b", 0.3)):
                sold = level * share * up * rng.uniform(0.95, 1.05)
                seen = rng.integers(80, 100)
                out.append((f"s{unit:02d}", week, arm, shelf, sold, 0.2 * sold - 3, rng.binomial(seen, 0.1), seen))
    return pd.DataFrame(out, columns=["unit", "ds", "arm", "shelf", "revenue", "profit", "stockouts", "exposure"])


def config(**given):
    """Experiment with profit as its primary metric and stockouts as its guardrail."""
    tree = {
        "name": "shelves",
        "outcomes": {"path": "x.csv", "segments": ["shelf"]},
        "design": {"arms": {"old": 1, "new": 1}, "start": START, "periods": DURING},
        "metrics": {
            "profit": {"role": "primary"},
            "revenue": {"role": "primary"},
            "stockout_rate": {"of": "stockouts / exposure", "better": "lower", "role": "guardrail", "margin": 0.3},
            "exposure": {},
        },
    }
    for key, value in given.items():
        tree[key] = {**tree.get(key, {}), **value} if isinstance(value, dict) else value
    return experiment_of(tree, "test")


def outcomes(frame):
    return outcomes_of(frame, Contract(segments=("shelf",)))


def alternating(count, names=("old", "new")):
    return [names[k % len(names)] for k in range(count)]


def plan_of(arms, experiment=None, **given):
    """Plan as `design` writes it, for stores in these arms."""
    experiment = experiment or config()
    members = {f"s{k:02d}": Member(arm, str(k // 2), ()) for k, arm in enumerate(arms)}
    weeks = [week.to_pydatetime() for week in WEEKS]
    history = History(len(arms), BEFORE, weeks[0], weeks[BEFORE - 1], "0" * 16)
    facts = {"pre": tuple(weeks[:BEFORE]), "test": tuple(weeks[BEFORE:]), "history": history, "members": members}
    return Plan(experiment, **{**facts, **given})


def rules(frame, experiment):
    with pytest.raises(InputError) as caught:
        analyze(outcomes(frame), experiment)
    return [fault.rule for fault in caught.value.faults]


def reading(analysis, metric, arm="new"):
    return next(own for own in analysis.readings if (own.metric.name, own.arm) == (metric, arm))


@pytest.fixture(scope="module", name="read")
def read_fixture():
    return analyze(outcomes(rows(alternating(12))), config())


def test_the_effect_without_adjustment_is_the_difference_of_the_means_of_stores():
    frame = rows(alternating(12))
    found = reading(analyze(outcomes(frame), config(analysis={"adjust": "none"})), "profit").effect
    test = frame[frame["ds"] >= START].groupby(["arm", "unit", "ds"])["profit"].sum().groupby(["arm", "unit"]).mean()
    by_arm = test.groupby("arm").mean()
    assert found.difference.estimate == pytest.approx(by_arm["new"] - by_arm["old"])
    assert found.difference.error == pytest.approx(np.sqrt((test.groupby("arm").var() / 6).sum()))


def test_a_ratio_is_the_sum_of_its_numerators_over_that_of_its_denominators():
    frame = rows(alternating(12))
    frame["exposure"] *= 1 + (frame["unit"] > "s05")
    found = reading(analyze(outcomes(frame), config(analysis={"adjust": "none"})), "stockout_rate").effect
    sums = frame[frame["ds"] >= START].groupby("arm")[["stockouts", "exposure"]].sum()
    expected = sums["stockouts"] / sums["exposure"]
    assert found.control == pytest.approx(expected["old"])
    assert found.treatment == pytest.approx(expected["new"])


def test_a_pre_period_is_used_and_narrows_the_interval(read):
    plain = analyze(outcomes(rows(alternating(12))), config(analysis={"adjust": "none"}))
    adjusted_, raw = (reading(own, "profit").effect for own in (read, plain))
    assert adjusted_.method.adjust == "cuped"
    assert adjusted_.difference.error < 0.5 * raw.difference.error


def test_the_wash_out_is_not_looked_at():
    frame = rows(alternating(12))
    spoilt = frame.copy()
    spoilt.loc[spoilt["ds"] == WEEKS[BEFORE], ["revenue", "profit"]] *= 7
    washed = config(design={"washout": 1})
    one, other = (reading(analyze(outcomes(own), washed), "profit").effect for own in (frame, spoilt))
    assert one == other
    assert one != reading(analyze(outcomes(spoilt), config()), "profit").effect


def test_primary_metrics_are_adjusted_together_with_arms_and_others_are_not():
    arms = alternating(18, ("old", "new", "newer"))
    experiment = config(design={"arms": {"old": 1, "new": 1, "newer": 1}})
    analysis = analyze(outcomes(rows(arms, lift=0.01)), experiment)
    primary = [own for own in analysis.readings if own.metric.role == "primary"]
    assert len(primary) == 4
    expected = adjusted(np.array([own.effect.p_value for own in primary]), method="holm")
    np.testing.assert_allclose([own.adjusted_p for own in primary], expected)
    assert all(own.adjusted_p == own.effect.p_value for own in analysis.readings if own.metric.role == "guardrail")


def test_segments_add_up_to_the_whole():
    analysis = analyze(outcomes(rows(alternating(12))), config(analysis={"adjust": "none"}))
    parts = [own.effect.difference.estimate for own in analysis.by_segment if own.metric.name == "profit"]
    assert len(parts) == 2
    assert sum(parts) == pytest.approx(reading(analysis, "profit").effect.difference.estimate)


def test_the_verdict_names_lift_amount_and_guardrail(read):
    (sentence,) = sentences(read)
    found = reading(read, "profit").effect
    assert sentence.startswith(f"new against old: profit {100 * found.lift.estimate:+.1f}% (")
    assert "a store and week, better (p = " in sentence
    assert sentence.endswith("guardrail stockout_rate: pass.")


def test_a_guardrail_that_fails_fails_the_analysis_and_a_pass_does_not(read):
    assert not read.has_failed
    frame = rows(alternating(12))
    frame.loc[(frame["arm"] == "new") & (frame["ds"] >= START), "stockouts"] += 12
    failed = analyze(outcomes(frame), config())
    assert reading(failed, "stockout_rate").standing == "fail"
    assert failed.has_failed


def test_lost_units_are_no_accident_and_nothing_is_read():
    frame = rows(["old"] * 30 + ["new"] * 6)
    analysis = analyze(outcomes(frame), config())
    assert analysis.is_refused
    assert analysis.has_failed
    assert (analysis.readings, analysis.courses, analysis.spreads) == ((), (), ())
    (words,) = sentences(analysis)
    assert "old 30, new 6; expected old 18.0, new 18.0 (p = 6.3e-05)" in words


def test_units_of_the_plan_that_are_missing_count_in_the_sample_ratio():
    arms = ["old"] * 20 + ["new"] * 20
    frame = rows(arms)
    analysis = analyze(outcomes(frame[(frame["unit"] < "s24") | (frame["ds"] < START)]), plan_of(arms))
    assert analysis.arms == {"old": 20, "new": 4}
    assert "16 units of the plan have no outcomes" in " ".join(fault.what for fault in analysis.warnings)
    assert analysis.is_refused == (analysis.ratio.p_value < 0.001)
    assert analysis.ratio.expected == (12.0, 12.0)


def test_units_that_are_not_in_the_plan_are_told_and_not_read():
    arms = alternating(12)
    whole = analyze(outcomes(rows([*arms, "old"])), plan_of(arms))
    assert "1 unit is not in the plan and not read: s12" in [fault.what for fault in whole.warnings]
    assert whole.readings == analyze(outcomes(rows(arms)), plan_of(arms)).readings


def test_a_plan_reads_outcomes_that_name_no_arms():
    arms = alternating(12)
    named, silent = rows(arms), rows(arms).drop(columns="arm")
    assert analyze(outcomes(named), plan_of(arms)).readings == analyze(outcomes(silent), plan_of(arms)).readings


def test_matched_pairs_of_the_plan_are_compared_within():
    arms = alternating(12)
    frame = rows(arms)
    analysis = analyze(outcomes(frame), plan_of(arms, config(analysis={"adjust": "none"})))
    test = frame[frame["ds"] >= START].groupby(["unit", "ds"])["profit"].sum().groupby("unit").mean().to_numpy()
    gaps = test[1::2] - test[::2]
    found = reading(analysis, "profit").effect.difference
    assert found.estimate == pytest.approx(gaps.mean())
    assert found.error == pytest.approx(gaps.std(ddof=1) / np.sqrt(6))


def test_permutation_redraws_the_arms_of_the_plan_within_its_groups():
    arms = alternating(12)
    experiment = config(analysis={"inference": "permutation", "draws": 199})
    members = {f"s{k:02d}": Member(arm, str(max(k // 2, 1))) for k, arm in enumerate(arms)}  # one of four, then pairs
    plan = plan_of(arms, experiment, members=members)
    data = outcomes(rows(arms, lift=0.02))
    study = Study(data, agreed(data, plan), experiment)
    drawn = study._draws(study.units(1), 1, study.method)
    assert drawn.shape == (199, 12)
    for group in (range(4), *(range(k, k + 2) for k in range(4, 12, 2))):
        assert (drawn[:, group].sum(axis=1) == len(group) / 2).all()
    one, again = analyze(data, plan), analyze(data, plan)
    assert one.readings == again.readings
    p = reading(one, "revenue").effect.p_value
    assert p * 200 == pytest.approx(round(p * 200))


def test_an_arm_with_one_unit_is_refused():
    assert rules(rows(["old"] * 5 + ["new"]), config()) == ["lonely-arm"]


def test_a_unit_that_changes_its_arm_in_the_test_is_refused_at_its_row():
    frame = rows(alternating(6))
    frame.loc[(frame["unit"] == "s01") & (frame["ds"] == WEEKS[-1]), "arm"] = "old"
    with pytest.raises(InputError, match="unit s01 is in arm new and from 2026-03-09 on in old") as caught:
        analyze(outcomes(frame), config())
    assert caught.value.faults[0].place == "outcomes, row 38, column arm"


def test_a_treatment_before_the_start_is_refused():
    frame = rows(alternating(6))
    frame.loc[(frame["unit"] == "s00") & (frame["ds"] == WEEKS[2]), "arm"] = "new"
    assert rules(frame, config()) == ["early"]


def test_control_labels_before_the_start_are_fine_and_show_when_the_test_began():
    frame = rows(alternating(8))
    frame.loc[frame["ds"] < START, "arm"] = "old"
    told = analyze(outcomes(frame), config())
    tree = config(design={"start": None})
    found = analyze(outcomes(frame), tree)
    assert found.times == told.times
    assert "the test is taken to begin at 2026-02-16" in found.notes[0]


def test_arms_that_stand_in_more_periods_than_the_test_has_need_a_start():
    frame = rows(alternating(8))
    assert rules(frame, config(design={"start": None})) == ["no-start"]
    assert rules(frame, config(design={"start": None, "periods": 3})) == ["no-start"]
    assert analyze(outcomes(frame), config(design={"start": None, "periods": len(WEEKS)})).times.periods == len(WEEKS)


def test_a_missing_pre_period_is_refused_where_it_is_needed():
    frame = rows(alternating(8))
    frame = frame[frame["ds"] >= START]
    assert rules(frame, config(analysis={"adjust": "cuped"})) == ["no-pre-period"]
    for adjust in ("auto", "cuped"):
        assert rules(frame, plan_of(alternating(8), config(analysis={"adjust": adjust}))) == ["no-pre-period"]
    assert reading(analyze(outcomes(frame), config()), "profit").effect.method.adjust == "none"


def test_a_test_within_the_history_of_its_plan_is_refused():
    arms = alternating(8)
    history = dataclasses.replace(plan_of(arms).history, last=WEEKS[BEFORE].to_pydatetime())
    assert rules(rows(arms), plan_of(arms, history=history)) == ["overlap"]


def test_another_arm_than_planned_is_refused():
    arms = alternating(8)
    frame = rows(arms)
    frame.loc[frame["unit"] == "s03", "arm"] = "old"
    assert rules(frame, plan_of(arms)) == ["other-arm"]


def test_all_faults_are_told_at_once():
    frame = rows(["old"] * 5 + ["new"])
    frame.loc[(frame["unit"] == "s00") & (frame["ds"] == WEEKS[2]), "arm"] = "new"
    assert rules(frame[frame["ds"] != WEEKS[1]], config(design={"strata": ["town"]})) == [
        "unknown-column", "early", "lonely-arm",
    ]  # fmt: skip


def without_exposure(frame):
    """Outcomes whose treated stores have no exposure on the second shelf."""
    none = (frame["arm"] == "new") & (frame["shelf"] == "b")
    return frame.assign(exposure=frame["exposure"].mask(none, 0), stockouts=frame["stockouts"].mask(none, 0))


def test_a_segment_without_a_denominator_is_left_out_with_a_note_and_the_rest_is_read():
    rate = {"of": "stockouts / exposure", "role": "primary"}
    experiment = config(metrics={"stockout_rate": rate})
    frame = without_exposure(rows(alternating(12)))
    found = analyze(outcomes(frame), experiment)
    assert {own.segment for own in found.by_segment if own.metric.name == "stockout_rate"} == {("shelf", "a")}
    assert any(note.startswith("stockout_rate of new in shelf b is not read: ") for note in found.notes)
    assert reading(found, "stockout_rate").effect.control > 0


def test_a_diagnostic_that_cannot_be_read_is_a_note_and_what_decides_is_refused_by_name():
    frame = rows(alternating(12)).assign(seen=lambda own: own["exposure"] * (own["arm"] == "old"))
    idle = {"of": "profit / seen"}
    found = analyze(outcomes(frame), config(metrics={"idle": idle}))
    assert "idle" not in {own.metric.name for own in found.readings}
    assert [note for note in found.notes if note.startswith("idle of new is not read: ")]
    with pytest.raises(InputError) as caught:
        analyze(outcomes(frame), config(metrics={"idle": idle | {"role": "primary"}}))
    assert {fault.place for fault in caught.value.faults} == {"metrics.idle"}


def test_outcomes_by_day_are_refused_by_a_plan_of_weeks():
    frame = rows(alternating(12))
    days = pd.concat([frame.assign(ds=frame["ds"] + pd.Timedelta(days=k)) for k in range(7)])
    with pytest.raises(InputError, match=r"a period is 1 days long, and the plan's is 7; sum the outcomes"):
        analyze(outcomes(days), plan_of(alternating(12)))


def test_rows_of_an_experiment_of_another_name_are_told():
    frame = rows(alternating(12)).assign(experiment="shelfs")
    found = outcomes_of(frame, Contract(segments=("shelf",), experiment="shelves"))
    assert [fault.what for fault in found.warnings] == [
        "all rows are of the experiment 'shelfs', and 'shelves' is read"
    ]


def test_arms_that_nobody_knows_are_refused_with_the_nearest():
    frame = rows(alternating(8, ("old", "neu")))
    with pytest.raises(InputError, match=r"arm='neu' is not in design\.arms; did you mean 'new'\?"):
        analyze(outcomes(frame), config())


def test_a_running_test_is_read_as_far_as_it_is_measured_with_a_note():
    arms = alternating(12)
    frame = rows(arms)
    analysis = analyze(outcomes(frame[frame["ds"] < WEEKS[-1]]), plan_of(arms))
    assert analysis.times.periods == DURING - 1
    assert "3 of the 4 planned periods are measured" in analysis.notes[0]
    always = plan_of(arms, config(analysis={"sequential": True}))
    assert "planned" not in " ".join(analyze(outcomes(frame[frame["ds"] < WEEKS[-1]]), always).notes)


def test_always_valid_intervals_are_wider_and_end_with_that_of_the_last_look(read):
    looked = analyze(outcomes(rows(alternating(12))), config(analysis={"sequential": True}))
    once, always = (reading(own, "profit").effect.difference for own in (read, looked))
    looks = reading(looked, "profit").looks
    assert always.high - always.low > 1.3 * (once.high - once.low)
    assert [look.period for look in looks] == [str(week.date()) for week in WEEKS[BEFORE:]]
    assert looks[-1].difference == always


def test_the_course_is_level_before_the_test_and_the_lift_within_it(read):
    course = next(own for own in read.courses if own.metric == "revenue")
    gaps = np.array([gap.estimate for gap in course.differences])
    assert course.parts == ("before",) * BEFORE + ("test",) * DURING
    assert gaps[:BEFORE].mean() == pytest.approx(0, abs=1e-9)
    assert gaps[BEFORE:].mean() > 10 * np.abs(gaps[:BEFORE]).mean()


def test_units_without_a_value_are_left_out_and_counted():
    frame = rows(alternating(12))
    lost = frame[~((frame["unit"] == "s03") & (frame["ds"] < START))]
    found = reading(analyze(outcomes(lost), config()), "profit").effect
    assert found.units == (6, 5)
    assert "1 of 12 units lack rows and are left out" in found.notes


def test_items_say_which_way_they_err():
    analysis = analyze(outcomes(rows(alternating(12))), config(design={"unit": "item"}))
    assert "overstate" in analysis.notes[0]


def test_the_analysis_is_json_with_null_for_what_is_not_known(read):
    text = json.dumps(read.as_json, allow_nan=False)
    back = json.loads(text)
    assert back["readings"][0]["effect"]["difference"]["estimate"] == read.readings[0].effect.difference.estimate
    assert back["verdict"] == list(sentences(read))


@pytest.fixture(scope="module", name="fastfood")
def fastfood_fixture(shared_data):
    """Analysis of configs/analyze_fastfood.yaml, and the store-weeks that it read."""
    folder = shared_data / "ab_fastfood"
    if not folder.is_dir():
        pytest.skip(f"no ab_fastfood in {shared_data}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORECAST_EVAL_DATA", str(shared_data.resolve()))
        experiment = load_experiment(ROOT / "configs/analyze_fastfood.yaml")
        found = analyze(read_outcomes(experiment.outcomes, ROOT / "configs"), experiment)
    return found, pd.read_csv(folder / "WA_Marketing-Campaign.csv")


@pytest.mark.parametrize("arm", ["2", "3"])
def test_fastfood_is_the_least_squares_of_store_weeks_clustered_by_store(fastfood, arm):
    """statsmodels' sandwich without small-sample factor (CR0) is a sum over arms; CR2 divides each by (n - 1) / n."""
    analysis, weeks = fastfood
    pair = weeks[weeks["Promotion"].isin([1, int(arm)])]
    dummies = pair.assign(one=(pair["Promotion"] == 1) * 1.0, other=(pair["Promotion"] != 1) * 1.0)
    fit = smf.ols("SalesInThousands ~ 0 + one + other", dummies).fit(
        cov_type="cluster", cov_kwds={"groups": dummies["LocationID"], "use_correction": False}
    )
    stores = pair.groupby("Promotion")["LocationID"].nunique().to_numpy()
    error = np.sqrt((np.diag(fit.cov_params()) * stores / (stores - 1)).sum())
    found = reading(analysis, "revenue", arm).effect.difference
    assert found.estimate == pytest.approx(fit.params["other"] - fit.params["one"], rel=1e-10)
    assert found.error == pytest.approx(error, rel=1e-10)


def test_fastfood_differs_from_the_usual_cluster_robust_error_by_the_factor_for_few_stores_only(fastfood):
    analysis, weeks = fastfood
    fit = smf.ols("SalesInThousands ~ C(Promotion)", weeks).fit(
        cov_type="cluster", cov_kwds={"groups": weeks["LocationID"]}
    )
    for arm in ("2", "3"):
        found = reading(analysis, "revenue", arm).effect.difference
        assert found.estimate == pytest.approx(fit.params[f"C(Promotion)[T.{arm}]"], rel=1e-10)
        assert found.error == pytest.approx(fit.bse[f"C(Promotion)[T.{arm}]"], rel=0.01)
