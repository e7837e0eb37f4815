"""Laws of entries of the launch book that runs and analyses feed."""

import datetime as dt
import shutil

import numpy as np
import pytest
import yaml

from backtest import InputError
from forecast_eval.align.feed import launches_of
from forecast_eval.align.measured import online_deltas
from forecast_eval.align.offline import offline_deltas
from forecast_eval.analyzing import opened
from forecast_eval.config.experiment import experiment_of
from forecast_eval.online.measured import Contract
from forecast_eval.online.outcomes import outcomes_of
from forecast_eval.online.plan import Member, Plan, history_of, period_of, write_plan
from forecast_eval.online.simulated import cut

AFTER = "2026-01-12"
TREE = {
    "name": "spring",
    "outcomes": {"path": "outcomes.csv", "segments": ["item"]},
    "design": {"start": AFTER, "pre_periods": 10},
    "metrics": {
        "profit": {"role": "primary"}, "stockout_rate": {"of": "stockouts / exposure", "better": "lower"}, "visits": {},
    },
    "models": {"treatment": "fast"},
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory, chain_outcomes):
    """Write what a test measured, and its config."""

    def write(start=AFTER, **more):
        folder = tmp_path_factory.mktemp("spring")
        frame = chain_outcomes(start, **more)
        frame["visits"] += np.arange(len(frame)) % 5
        frame.to_csv(folder / "outcomes.csv", index=False)
        tree = TREE | {"design": TREE["design"] | {"start": start}}
        (folder / "spring.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
        return {"outcomes": folder / "outcomes.csv", "config": folder / "spring.yaml"}

    return write


@pytest.fixture(scope="module")
def files(written):
    return written()


@pytest.fixture(scope="module")
def launch(chain_run, files):
    (found,) = launches_of(chain_run, **files, groups={"region": "north"})
    return found


def rules_of(*arguments, **options):
    with pytest.raises(InputError) as caught:
        launches_of(*arguments, **options)
    return [fault.rule for fault in caught.value.faults]


def test_an_experiment_is_one_launch_with_both_sides(launch, session, files):
    measured, experiment, _ = opened(files["outcomes"], config=files["config"])
    online = online_deltas(measured, experiment)
    assert (launch.candidate, launch.incumbent, launch.judged) == ("fast", "slow", dt.date(2025, 10, 13))
    assert launch.online.values.tolist() == online.deltas.values.tolist()
    assert launch.offline.value("rmse") == offline_deltas(session, "fast", replicates=100).deltas.value("rmse")
    assert launch.offline.names == ("rmse", "bias", "profit", "stockout_rate")
    assert launch.cross.shape == (4, 3)
    assert (np.abs(launch.cross) > 0).all()
    assert launch.decision == online.decision
    assert launch.test.start == dt.date(2026, 1, 12)
    assert launch.groups == {"region": "north"}


def test_profit_has_one_name_on_both_sides(launch):
    assert {"profit", "stockout_rate"} <= set(launch.offline.names) & set(launch.online.names)


def test_its_default_name_tells_config_candidate_date_and_run(launch, chain_run):
    key = chain_run.name.rsplit("-", 1)[1]
    assert launch.name == f"chain fast 2026-01-12 {key}"
    assert launch.source["run"] == str(chain_run)
    assert launch.source["key"] == key


def test_what_the_user_says_stands(chain_run, files):
    (launch,) = launches_of(chain_run, **files, name="second", decision="launched")
    assert (launch.name, launch.decision) == ("second", "launched")


def test_without_a_test_a_candidate_is_not_tested(chain_run):
    (launch,) = launches_of(chain_run, candidates=["fast"], name="held back")
    assert (launch.decision, launch.online, launch.test) == ("not tested", None, None)
    assert launch.date == launch.judged


def test_a_twin_of_the_incumbent_is_refused_by_name(chain_run):
    with pytest.raises(InputError, match="twin and slow differ in no metric"):
        launches_of(chain_run)


def test_forecasts_that_knew_the_test_are_refused(chain_run, written):
    assert rules_of(chain_run, **written("2025-10-13")) == ["test-in-training"]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"candidates": ["fats"]}, "unknown-model"),
        ({"candidates": ["fast"], "decision": "launched"}, "decision"),
        ({"candidates": ["fast"], "plan": "plan.yaml"}, "no-outcomes"),
    ],
)
def test_what_does_not_fit_together_is_refused(chain_run, options, rule):
    assert rules_of(chain_run, **options) == [rule]


def test_tests_that_a_run_has_played_need_no_file(chain_run, chain_outcomes, tmp_path):
    own = tmp_path / chain_run.name
    shutil.copytree(chain_run, own)
    frame = chain_outcomes(AFTER)
    read = outcomes_of(frame, Contract(("item",)))
    config = experiment_of(TREE | {"models": {}, "metrics": {"profit": {"role": "primary"}}}, "spring")
    weeks = [period_of(week) for week in read.periods]
    arms = {unit: "treatment" if int(unit[1]) % 2 else "control" for unit in read.units}
    past = history_of(cut(read, np.arange(8), np.arange(16) < 10), ("profit",))
    plan = Plan(
        config, tuple(weeks[:10]), tuple(weeks[10:]), past,
        {unit: Member(arm, "all") for unit, arm in arms.items()},
    )  # fmt: skip
    (own / "online" / "fast").mkdir(parents=True)
    write_plan(plan, own / "online" / "plan.yaml")
    frame.drop(columns="arm").to_parquet(own / "online" / "fast" / "outcomes.parquet")
    (launch,) = launches_of(own)
    assert (launch.candidate, launch.online.names, launch.test.units) == ("fast", ("profit",), (4, 4))
    assert launch.source["plan"] == plan.hash
