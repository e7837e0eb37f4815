"""Laws of a plan's file: it holds all that was drawn, gives the same bytes, and shows every edit."""

import dataclasses
import hashlib

import numpy as np
import pandas as pd
import pytest
import yaml

from backtest.faults import InputError
from forecast_eval.config.experiment import experiment_of
from forecast_eval.online.design import design
from forecast_eval.online.outcomes import outcomes_of
from forecast_eval.online.plan import read_plan, text_of_plan, write_plan


def history(units=13, periods=20, *, dated=True):
    noise = np.random.default_rng(8).uniform(0, 4, (units, periods))
    unit, week = (own.ravel() for own in np.indices(noise.shape))
    when = pd.Timestamp("2026-01-05") + pd.to_timedelta(7 * week, unit="D") if dated else week + 7
    return outcomes_of(pd.DataFrame({"unit": [f"s{u}" for u in unit], "ds": when, "sold": 9 + unit + noise.ravel()}))


def plan_of(outcomes=None, *, seed=4, **changes):
    tree = {"name": "x", "seed": seed, "outcomes": {"path": "x.csv"}, "metrics": {"sold": {"role": "primary"}},
            "design": {"pre_periods": 8, "periods": 4} | changes}  # fmt: skip
    return design(experiment_of(tree, "x.yaml"), history() if outcomes is None else outcomes, draws=20)


@pytest.fixture(scope="module", params=["stratified", "matched", "complete", "switchback", "counted"])
def plan(request):
    if request.param == "switchback":
        return plan_of(unit="switchback")
    if request.param == "counted":
        return plan_of(history(dated=False))
    return plan_of(assignment=request.param)


def test_a_plan_is_read_as_it_was_written(plan, tmp_path):
    write_plan(plan, tmp_path / "plan.yaml")
    assert read_plan(tmp_path / "plan.yaml") == plan


def test_the_same_seed_gives_the_same_bytes():
    texts = [text_of_plan(plan_of(seed=seed)) for seed in (4, 4, 5)]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    assert digests[0] == digests[1] != digests[2]


def test_anybody_can_draw_the_arms_of_a_plan_again(plan):
    again = plan.randomisation.draw(np.random.default_rng(plan.config.seed), 1)[0]
    assert (again == plan.codes).all()


@pytest.mark.parametrize("what", ["arm", "start", "seed", "detectable"])
def test_an_edited_plan_is_refused(what, tmp_path):
    path = tmp_path / "plan.yaml"
    write_plan(plan_of(), path)
    tree = yaml.safe_load(path.read_text())
    if what == "arm":
        tree["members"]["s3"]["arm"] = {"control": "treatment", "treatment": "control"}[tree["members"]["s3"]["arm"]]
    elif what == "start":
        tree["test"] = tree["test"][1:]
    elif what == "seed":
        tree["config"]["seed"] += 1
    else:
        tree["detectable"][0]["effect"] *= 0.5
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(InputError, match="the plan was edited"):
        read_plan(path)


def test_reformatting_a_plan_is_no_edit(tmp_path):
    plan = plan_of()
    path = tmp_path / "plan.yaml"
    write_plan(plan, path)
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()), default_flow_style=False))
    assert read_plan(path) == plan


@pytest.mark.parametrize("text", ["name: x\n", "format: 99\nhash: abc\n"])
def test_what_is_no_plan_is_refused(text, tmp_path):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(InputError, match="no plan of this version"):
        read_plan(tmp_path / "plan.yaml")


def test_another_plan_is_written_over_by_force_only(tmp_path):
    path, one, two = tmp_path / "plan.yaml", plan_of(seed=4), plan_of(seed=5)
    assert write_plan(one, path)
    assert not write_plan(one, path)
    with pytest.raises(InputError, match="exists with other content"):
        write_plan(two, path)
    assert read_plan(path) == one
    assert write_plan(two, path, force=True)
    assert read_plan(path) == two


def test_the_history_is_known_by_its_values():
    one, other = history(), history()
    other.values["sold"][2, 5] += 0.5  # noqa: PD011 - a mapping
    assert plan_of(one).history.fingerprint != plan_of(other).history.fingerprint


def test_every_unit_has_an_arm_and_the_arms_their_counts(plan):
    assert len(plan.members) == 13
    assert sum(plan.counts.values()) == len(plan.codes)
    assert set(plan.counts) == {"control", "treatment"}


def test_a_plan_holds_every_setting(plan):
    assert plan.config.design.start == plan.test[0]
    assert plan.config.metrics["sold"].of == "sold"
    assert len(plan.pre) == 8
    assert len(plan.test) == 4


def test_a_hash_covers_every_part_of_a_plan():
    plan = plan_of()
    changed = [
        dataclasses.replace(plan, **{name: ()}) for name in ("pre", "test", "covariates", "detectable", "aa", "balance")
    ]
    assert len({own.hash for own in [plan, *changed]}) == 7
