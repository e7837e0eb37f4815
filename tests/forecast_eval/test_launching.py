"""Laws of launches: whom a run tests, what it measures beside the truth, and what it leaves behind."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from backtest import InputError
from forecast_eval.analyzing import analyzed
from forecast_eval.config.online import BestOn
from forecast_eval.launching import ROWS, Candidate, _lift, candidates, planner
from forecast_eval.online import OnlineMetric
from forecast_eval.online.plan import read_plan
from forecast_eval.pipeline import advance, do, open_session
from forecast_eval.read import world_of
from forecast_eval.store import Run
from forecast_eval.terminal.results import show_launches
from forecast_eval.world import everywhere

WEEKS, TEST, WASHOUT = 56, 3, 1
LONG = "a long name that says of a forecaster all that its maker holds dear"
AVERAGE = {"kind": "seasonal_average", "window": 13, "season": "none"}
TREE = {
    "name": "tiny",
    "seed": 3,
    "data": {
        "world": {"preset": "mild", "stores": 6, "skus": 6, "weeks": WEEKS, "ahead": 7, "truth": False},
        "known_future": ["promo"],
    },
    "backtest": {"horizon": 3, "windows": 7, "hidden_demand": "as_is", "quantiles": [0.5], "workers": 1},
    "forecasters": {
        "slow": AVERAGE,
        "twin": AVERAGE,
        LONG: AVERAGE | {"window": 3},
        "mix": {"kind": "ensemble", "members": ["slow", LONG]},
    },
    "score": {"metrics": ["rmse", "bias", "mape"], "hidden_demand": "as_is", "replicates": 100},
    "simulate": {"judged": 2, "scenarios": 50, "policies": [{"kind": "periods_of_supply", "periods": [2, 3]}]},
    "compare": {"incumbent": "slow", "cluster": "store"},
    "online": {
        "candidates": ["twin", LONG],
        "design": {"assignment": "matched", "pre_periods": 50, "periods": TEST, "washout": WASHOUT},
        "metrics": {
            "profit": {"role": "primary"},
            "stockout_rate": {"of": "stockouts / exposure", "better": "lower"},
        },
    },
    "report": {"timeline": 1},
}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A finished run, as a session."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TREE, sort_keys=False), encoding="utf-8")
    found = open_session(folder / "tiny.yaml", root=folder / "runs")
    advance(found, "report")
    return found


@pytest.fixture(scope="module")
def launches(session):
    return session.run.read("launches")


@pytest.fixture(scope="module")
def outcomes(session):
    return session.run.read("outcomes")


@pytest.fixture(scope="module")
def plan(session):
    return read_plan(session.run.path / "online/plan.yaml")


@pytest.fixture(scope="module")
def state(session):
    return world_of(session.config.data.world, session.config.seed)


@pytest.fixture(scope="module")
def possible(session, state):
    """Outcomes of the test's weeks where every store has a model, from planners of their own."""
    return {name: everywhere(state, planner(session, name), name, TEST) for name in ("slow", LONG)}


def copied(session, folder, *, without=()):
    """The session on a copy of its run in which some steps are not done."""
    shutil.copytree(session.run.path, folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["steps"] = [step for step in manifest["steps"] if step not in without]
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return replace(session, run=Run(folder))


def asking(session, *wanted):
    online = session.config.online.model_copy(update={"candidates": wanted})
    return replace(session, config=session.config.model_copy(update={"online": online}))


def chosen_from(session, folder, values, money=("mix", LONG, "slow", "twin")):
    """The session on a copy of its run with other scores, and models that earn in this order."""
    own = copied(session, folder)
    scores, table = own.run.read("scores"), own.run.read("money").set_index("model")
    for (model, metric), value in values.items():
        scores.loc[(scores["axis"] == "total") & (scores["model"] == model) & (scores["metric"] == metric), "value"] = (
            value
        )
    own.run.write("scores", scores)
    own.run.write("money", table.loc[list(money)].reset_index())
    return own


BIAS = {("slow", "bias"): 0.9, ("twin", "bias"): -3.0, (LONG, "bias"): -0.4, ("mix", "bias"): 0.1}
RMSE = {("slow", "rmse"): 5.0, ("twin", "rmse"): 4.0, (LONG, "rmse"): 6.0, ("mix", "rmse"): 3.0}


def test_each_metric_chooses_by_its_own_direction_among_those_that_can_be_deployed(session, tmp_path):
    own = chosen_from(session, tmp_path / "run", BIAS | RMSE)
    found = {one.best: candidates(asking(own, one)) for one in (BestOn(best=m) for m in ("bias", "rmse", "profit"))}
    assert found == {
        "bias": (Candidate(LONG, ("bias",)),),
        "rmse": (Candidate("twin", ("rmse",)),),
        "profit": (Candidate(LONG, ("profit",)),),
    }


def test_each_candidate_is_tested_once_with_all_that_chose_it(session, tmp_path):
    own = chosen_from(session, tmp_path / "run", BIAS | RMSE)
    wanted = (BestOn(best="bias"), "twin", BestOn(best="profit"), LONG, BestOn(best="rmse"))
    assert candidates(asking(own, *wanted)) == (Candidate(LONG, ("bias", "profit")), Candidate("twin", ("rmse",)))
    assert candidates(asking(own, "twin")) == (Candidate("twin"),)


def test_a_metric_that_no_model_has_is_named(session, tmp_path):
    own = chosen_from(session, tmp_path / "run", {(model, "mape"): np.nan for model in TREE["forecasters"]})
    with pytest.raises(InputError, match="no model that can be deployed has a mape"):
        candidates(asking(own, BestOn(best="mape")))


def test_each_arm_orders_by_its_model_at_the_setting_that_it_chose(session, tmp_path):
    own = copied(session, tmp_path / "run")
    settings = {"slow": "3 periods of supply", "twin": "2 periods of supply", LONG: "3 periods of supply"}
    money = own.run.read("money")
    own.run.write("money", money.assign(setting=money["model"].map(settings).fillna("2 periods of supply")))
    found = {name: planner(own, name).deployed for name in settings}
    assert {name: deployed.policy.label for name, deployed in found.items()} == settings
    assert [found[name].forecaster.window for name in settings] == [13, 13, 3]


def test_table_has_a_row_a_candidate_and_metric_in_its_columns(launches):
    assert tuple(launches) == ROWS
    assert launches["candidate"].tolist() == ["twin"] * 2 + [LONG] * 2
    assert launches["metric"].tolist() == ["profit", "stockout_rate"] * 2
    assert launches["role"].tolist() == ["primary", "diagnostic"] * 2
    assert launches["better"].tolist() == ["higher", "lower"] * 2
    assert set(launches["chosen_by"]) == {""}


def test_truth_is_all_stores_with_the_candidate_against_all_with_the_incumbent(possible, launches, state):
    late = state.world.dates[WEEKS + WASHOUT : WEEKS + TEST]
    sums = {name: frame[frame["ds"].isin(late)].sum(numeric_only=True) for name, frame in possible.items()}
    new, old = sums[LONG], sums["slow"]
    expected = {
        "profit": new["profit"] / old["profit"] - 1,
        "stockout_rate": (new["stockouts"] / new["exposure"]) / (old["stockouts"] / old["exposure"]) - 1,
    }
    own = launches[launches["candidate"] == LONG].set_index("metric")["true"]
    assert own.to_dict() == pytest.approx(expected)
    assert all(abs(value) > 0.001 for value in expected.values())


def test_incumbent_against_itself_changes_nothing(outcomes, possible, launches):
    own = launches[launches["candidate"] == "twin"].set_index("metric")
    assert own["true"].tolist() == [0.0, 0.0]
    assert own.loc["profit", ["simulated", "simulated_low", "simulated_high"]].tolist() == [0.0, 0.0, 0.0]
    keys, measures = ["unit", "ds", "category"], ["sold", "profit", "stockouts", "holding_cost"]
    tested = outcomes[(outcomes["experiment"] == "twin") & outcomes["ds"].isin(possible["slow"]["ds"])]
    alone = possible["slow"].rename(columns={"segment": "category"}).set_index(keys)[measures]
    assert set(tested["arm"]) == {"control", "treatment"}
    pd.testing.assert_frame_equal(tested.set_index(keys)[measures], alone)


def test_stores_of_an_arm_are_as_if_all_were_in_it(outcomes, possible):
    # averages of single series do not see other stores
    keys = ["unit", "ds", "segment"]
    tested = outcomes[outcomes["experiment"] == LONG].rename(columns={"category": "segment"})
    for arm, model in (("control", "slow"), ("treatment", LONG)):
        mine = tested[tested["arm"] == arm].set_index(keys)["profit"]
        alone = possible[model].set_index(keys)["profit"]
        pd.testing.assert_series_equal(mine, alone.loc[mine.index])
        assert len(mine) == len(alone) / 2


def test_arms_and_weeks_are_those_of_the_plan(plan, outcomes, state):
    tested = outcomes.dropna(subset=["arm"])
    assert tested.groupby("unit")["arm"].unique().str.join("").to_dict() == dict(plan.assignment)
    assert sorted(tested["ds"].unique()) == list(plan.test_index) == list(state.world.dates[WEEKS : WEEKS + TEST])
    assert outcomes["ds"].nunique() == WEEKS + TEST


def test_every_candidate_meets_the_same_past(outcomes):
    before = outcomes[outcomes["arm"].isna()].drop(columns="arm")
    first, second = (before[before["experiment"] == name].drop(columns="experiment") for name in ("twin", LONG))
    pd.testing.assert_frame_equal(first.reset_index(drop=True), second.reset_index(drop=True))


def test_gap_is_measured_less_simulated(launches):
    both = launches.dropna(subset=["measured", "simulated"])
    assert len(both) >= 2
    np.testing.assert_allclose(both["gap"], both["measured"] - both["simulated"])


def test_run_keeps_the_pages_of_every_test(session):
    folder = session.run.path / "online"
    assert {p.name for p in folder.iterdir()} == {"plan.yaml", "twin", LONG}
    for name in ("twin", LONG):
        pages = {p.name for p in (folder / name).iterdir()}
        assert pages == {"analysis.json", "analysis.html", "compare.json", "compare.html", "outcomes.parquet"}


def test_outcomes_beside_the_plan_can_be_analyzed_again(session):
    folder = session.run.path / "online"
    again = analyzed(folder / LONG / "outcomes.parquet", plan=folder / "plan.yaml")
    kept = json.loads((folder / LONG / "analysis.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(again.as_json)) == kept


@pytest.mark.parametrize(
    ("control", "treatment", "lift"),
    [
        ((8.0, 4.0), (9.0, 3.0), 0.5),
        ((-8.0, 4.0), (9.0, 3.0), None),
        ((0.0, 4.0), (9.0, 3.0), None),
        ((8.0, 0.0), (9.0, 3.0), None),
    ],
)
def test_there_is_no_true_lift_over_what_is_not_above_zero(control, treatment, lift):
    sums = {arm: pd.Series(dict(zip(("profit", "exposure"), own, strict=True)))
            for arm, own in {"control": control, "treatment": treatment}.items()}  # fmt: skip
    found = _lift(OnlineMetric.of("margin", "profit / exposure"), sums)
    assert found == pytest.approx(np.nan if lift is None else lift, nan_ok=True)


def test_plan_is_sealed(session, plan, tmp_path):
    assert plan.config.design.periods == (TEST,)
    text = (session.run.path / "online/plan.yaml").read_text(encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(text.replace("washout: 1", "washout: 2"), encoding="utf-8")
    with pytest.raises(InputError):
        read_plan(tmp_path / "plan.yaml")


def test_second_run_launches_nothing_again(session):
    path = session.run.path / "tables/launches.parquet"
    before = path.stat().st_mtime_ns
    again = open_session(session.base / "tiny.yaml", root=session.run.path.parents[1])
    assert again.run.path == session.run.path
    assert advance(again, "report") == ()
    assert path.stat().st_mtime_ns == before


def test_killed_launch_starts_anew_and_finds_the_same_to_the_last_bit(session, launches, outcomes, tmp_path):
    own = asking(copied(session, tmp_path / "run", without=("launch", "report")), LONG)
    (own.run.path / "tables/launches.parquet").write_bytes(b"half")
    (own.run.path / "tables/outcomes.parquet").unlink()
    (own.run.path / "online/plan.yaml").write_text("half", encoding="utf-8")
    assert advance(own, "launch") == ("launch",)
    for name, first in (("launches", launches), ("outcomes", outcomes)):
        of = "candidate" if name == "launches" else "experiment"
        same = first[first[of] == LONG].reset_index(drop=True)
        pd.testing.assert_frame_equal(own.run.read(name), same, check_exact=True)
    assert (own.run.path / "online/plan.yaml").read_bytes() == (session.run.path / "online/plan.yaml").read_bytes()


def test_where_every_metric_keeps_the_incumbent_nothing_is_launched(session, tmp_path, capsys):
    own = copied(chosen_from(session, tmp_path / "chosen", {("slow", "bias"): 0.0}), tmp_path / "run",
                 without=("launch", "report"))  # fmt: skip
    (own.run.path / "tables/outcomes.parquet").unlink()
    own = asking(own, BestOn(best="bias"))
    do(own, "launch")
    do(own, "report")
    assert own.run.read("launches").empty
    assert not own.run.has("outcomes")
    show_launches(own)
    said = "Nothing was launched: every metric that chooses would keep the incumbent."
    assert capsys.readouterr().out.strip() == said
    page = (own.run.path / "report.html").read_text(encoding="utf-8")
    assert said in page
    assert 'id="launches"' not in page


def test_report_shows_what_happened_online(session):
    page = (session.run.path / "report.html").read_text(encoding="utf-8")
    assert '<section id="launches">' in page
    assert 'data-chart="chart-launches"' in page
    assert "3 stores in control, 3 stores in treatment; 3 weeks, of which the first 1 are left out" in page


def test_launches_fit_the_terminal_with_long_names_and_whole_numbers(session, launches, capsys):
    show_launches(session)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    assert "…" not in out
    for value in launches["true"]:
        assert re.search(rf"{value:+z.1%}".replace("+", r"\+"), out)


def test_command_launch_shows_the_tests(session, call):
    code, out, _ = call("launch", session.run.path)
    assert code == 0
    assert "Nothing has changed since this run was made" in out
    assert f"{LONG}. Online: profit" in " ".join(out.split())
