"""Laws of the config: every fault at once, each with its key and the nearest known name."""

import copy
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pandas as pd
import pytest
import yaml

from backtest import InputError
from forecast_eval.build import conventions_of
from forecast_eval.config import Assumption, ConventionsSpec, config_of, load_config, resolved_path
from forecast_eval.recovery import METHODS
from forecast_eval.simulate import Conventions

CONFIGS = Path(__file__).parents[2] / "configs"
GOOD = {
    "name": "good",
    "data": {"history": {"path": "sales.csv"}, "economics": {"values": {"holding": 0.2, "goodwill": 1}}},
    "backtest": {"horizon": 2, "windows": 6},
    "forecasters": {
        "naive": {"kind": "statsforecast", "model": "Naive"},
        "lightgbm": {"kind": "lightgbm", "lags": [1]},
    },
    "compare": {"incumbent": "naive"},
}


def changed(path, value):
    tree = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    node = tree
    for parent in parents:
        node = node.setdefault(parent, {})
    node[last] = value
    return tree


@pytest.mark.parametrize("name", ["demo", "vn2"])
def test_shipped_config_is_valid(name):
    assert load_config(CONFIGS / f"{name}.yaml").name == name


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("backtset", {}, "c.yaml, backtset: unknown key 'backtset'; did you mean 'backtest'?"),
        ("backtest.horizn", 3, "c.yaml, backtest.horizn: unknown key 'horizn'; did you mean 'horizon'?"),
        ("backtest.horizon", 0, "c.yaml, backtest.horizon: 0: Input should be greater than or equal to 1"),
        ("data.history.layot", "wide", "c.yaml, data.history.layot: unknown key 'layot'; did you mean 'layout'?"),
        ("forecasters.lightgbm.lag", [1], "c.yaml, forecasters.lightgbm.lag: unknown key 'lag'; did you mean 'lags'?"),
        ("forecasters.naive.kind", "statforecast", "unknown kind 'statforecast'; did you mean 'statsforecast'?"),
        ("simulate.policies", [{"kind": "order_up_to", "covrage": [0.9]}], "'covrage'; did you mean 'coverage'?"),
        (
            "simulate.policies",
            [{"kind": "order_up_to", "coverage": [1.5]}],
            "simulate.policies.0.coverage.0: 1.5: Input",
        ),
        ("simulate.policies", [], "simulate.policies: []: Tuple should have at least 1 item"),
        ("simulate.policies", [{"kind": "order_up_to"}], "give coverage or service_factor"),
        (
            "simulate.policies",
            [{"kind": "order_up_to", "service_factor": [float("inf")]}],
            "less than or equal to 1000000",
        ),
        ("score.metrics", [], "at least 1 item"),
        ("forecasters.lightgbm.date_features", ["weeek"], "Input should be 'week'"),
        ("order.policy", {"kind": "order_up_to", "coverage": [0.5, 0.9]}, "orders need one setting, and there are 2"),
        ("order.policy", {"kind": "order_up_to", "covrage": [0.5]}, "'covrage'; did you mean 'coverage'?"),
        ("compare.incumbent", "naiv", "compare.incumbent: 'naiv' is not a forecaster; did you mean 'naive'?"),
        ("name", "../../etc", "c.yaml, name: '../../etc': String should match pattern"),
        ("simulate.policies", [{"kind": "newsvender"}], "unknown kind 'newsvender'; did you mean 'newsvendor'?"),
        ("simulate.policies", [{"kind": "waste_conscious"}], "simulate.policies.0: give coverage or service_factor"),
        ("simulate.policies", [{"kind": "capped", "coverage": [0.9]}], "simulate.policies.0.cap: this key is missing"),
        ("simulate.policies", [{"kind": "capped", "coverage": [0.9], "cap": [0]}], "policies.0.cap.0: 0: Input should"),
        (
            "simulate.policies",
            [{"kind": "reorder_point", "coverage": [0.9], "lot": "big"}],
            "simulate.policies.0.lot: 'big': give economic, pack, or a number of units above 0",
        ),
        (
            "simulate.policies",
            [{"kind": "reorder_point", "coverage": [0.9], "lot": -3}],
            "-3: give economic, pack, or a number of units above 0",
        ),
        (
            "simulate.policies",
            [{"kind": "reorder_point", "coverage": [0.9], "lot": [4]}],
            "[4]: give economic, pack, or a number of units above 0",
        ),
        ("simulate.initial_cover", float("inf"), "simulate.initial_cover: inf: Input should be a finite number"),
        ("simulate.policies", [{"kind": "python", "object": "mine.py"}], "policies.0.object: 'mine.py': String should"),
        ("simulate.conventions", {"arival": "after_demand"}, "unknown key 'arival'; did you mean 'arrival'?"),
        ("simulate.conventions", {"purchases": "later"}, "conventions.purchases: 'later': Input should be 'sale'"),
        ("simulate.conventions", {"discount": 0}, "simulate.conventions.discount: 0: Input should be greater than 0"),
        ("simulate.conventions", {"backordered": 30}, "simulate.conventions.backordered: 30: Input should be less"),
        ("simulate.truck", {"by": "store"}, "simulate.truck.capacity: this key is missing"),
        ("simulate.truck", {"by": "store", "capcity": 5, "capacity": 5}, "'capcity'; did you mean 'capacity'?"),
        ("simulate.truck", {"by": "store", "capacity": float("inf")}, "simulate.truck.capacity: inf: Input should be"),
        (
            "simulate.substitution",
            {"by": [], "share": 0.3},
            "simulate.substitution.by: []: Value should have at least 1",
        ),
        ("simulate.substitution", {"by": "store", "share": 3}, "simulate.substitution.share: 3: Input should be less"),
        ("simulate.hidden_demand", "tobit", "simulate.hidden_demand: 'tobit': Input should be 'as_is', 'masked'"),
        ("simulate.bounds", ["as_is", "hour"], "simulate.bounds.1: 'hour': Input should be 'as_is'"),
        ("simulate.hour_profile", [1, 2], "simulate: hour_profile is given, and neither hidden_demand nor bounds asks"),
        ("simulate.accuracy", {"shares": [0]}, "simulate.accuracy.shares: [0]: give a share above 0"),
        ("simulate.accuracy", {"shares": [0.5, 1.5]}, "simulate.accuracy.shares.1: 1.5: Input should be less"),
        ("simulate.accuracy", {"models": []}, "simulate.accuracy.models: []: name a forecaster, or leave models out"),
        ("simulate.accuracy", {"models": ["lightgmb"]}, "c.yaml, simulate.accuracy.models: 'lightgmb' is not a"),
        ("simulate.drawn", {"model": "naiv"}, "c.yaml, simulate.drawn.model: 'naiv' is not a forecaster; did you mean"),
        ("simulate.drawn", {"model": "naive", "paths": 1}, "simulate.drawn.paths: 1: Input should be greater"),
        ("simulate.worst", -1, "simulate.worst: -1: Input should be greater"),
        ("order.policy", {"kind": "capped", "coverage": [0.5], "cap": [1, 2]}, "one setting, and there are 2"),
        ("data.world", {}, "give either history (files) or world (a synthetic market)"),
    ],
)
def test_fault_names_key_and_fix(path, value, message):
    with pytest.raises(InputError) as error:
        config_of(changed(path, value), "c.yaml")
    assert message in str(error.value)
    assert len(error.value.faults) == 1


def test_all_faults_come_together():
    tree = changed("backtest.horizon", -1)
    tree["score"] = {"metric": ["rmse"]}
    del tree["compare"]
    with pytest.raises(InputError) as error:
        config_of(tree, "c.yaml")
    assert {f.place for f in error.value.faults} == {
        "c.yaml, backtest.horizon", "c.yaml, score.metric", "c.yaml, compare",
    }  # fmt: skip


def test_all_unknown_names_come_together():
    tree = changed("simulate", {"accuracy": {"models": ["lightgbm", "nave", "nive"]}, "drawn": {"model": "naiv"}})
    tree["compare"] = {"incumbent": "naive2"}
    with pytest.raises(InputError) as error:
        config_of(tree, "c.yaml")
    assert [(f.place, f.what.split()[0]) for f in error.value.faults] == [
        ("c.yaml, compare.incumbent", "'naive2'"), ("c.yaml, simulate.drawn.model", "'naiv'"),
        ("c.yaml, simulate.accuracy.models", "'nave'"), ("c.yaml, simulate.accuracy.models", "'nive'"),
    ]  # fmt: skip


def test_conventions_are_in_the_words_of_the_simulator():
    spec = config_of(GOOD, "c.yaml").simulate.conventions
    assert conventions_of(spec) == Conventions()
    # a backtest's orders are placed at its cutoffs, each the end of a period
    assert {f.name for f in fields(Conventions)} - {"order"} == set(type(spec).model_fields)
    given = {
        "arrival": "after_demand", "backordered": 0.4, "holding": "before_expiry",
        "purchases": "receipt", "discount": 0.99, "warm_up": 3, "stock_value": "salvage",
    }  # fmt: skip
    assert conventions_of(config_of(changed("simulate.conventions", given), "c").simulate.conventions) == Conventions(
        **given
    )


def test_every_word_of_a_convention_is_the_simulators():
    spec, ours = get_type_hints(ConventionsSpec), get_type_hints(Conventions)
    words = [name for name, kind in ours.items() if get_args(kind) and name != "order"]
    assert {name: spec[name] for name in words} == {name: ours[name] for name in words}


def test_assumptions_about_hidden_demand_are_those_of_the_recovery():
    assert get_args(Assumption) == METHODS


def test_one_column_may_stand_without_a_list():
    one, two = (
        config_of(changed("simulate.substitution", {"by": by, "share": 0.3}), "c").simulate.substitution.by
        for by in ("store", ["store", "category", "store"])
    )
    assert (one, two) == (("store",), ("store", "category"))


def test_the_forecast_itself_is_among_the_blends():
    assert config_of(changed("simulate.accuracy", {}), "c").simulate.accuracy.shares == (0, 0.25, 0.5, 0.75, 1)
    assert config_of(changed("simulate.accuracy", {"shares": [1, 0.1, 1]}), "c").simulate.accuracy.shares == (0, 0.1, 1)
    assert config_of(GOOD, "c").simulate.accuracy is None


def test_profile_of_hours_is_read_where_hours_are_asked_for():
    tree = changed("simulate", {"bounds": ["as_is", "hours", "as_is"], "hour_profile": [0, 1, 3]})
    found = config_of(tree, "c").simulate
    assert (found.bounds, found.hour_profile) == (("as_is", "hours"), (0, 1, 3))
    tree["simulate"]["hour_profile"] = [0, 0]
    with pytest.raises(InputError, match="give the weight of each opening hour, some of them above 0"):
        config_of(tree, "c")


def test_prices_cannot_be_tuned_into_a_policy():
    with pytest.raises(InputError, match="unknown key 'price'"):
        config_of(changed("simulate.policies", [{"kind": "order_up_to", "coverage": [0.9], "price": 3}]), "c.yaml")


def written(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_overrides_change_keys_and_are_checked(tmp_path):
    path = written(tmp_path, yaml.safe_dump(GOOD))
    assert load_config(path, ["backtest.windows=9", "score.metrics=[mae]"]).backtest.windows == 9
    with pytest.raises(InputError, match="unknown key 'windos'; did you mean 'windows'"):
        load_config(path, ["backtest.windos=9"])
    with pytest.raises(InputError, match=r"'backtest\.windows' is not key=value"):
        load_config(path, ["backtest.windows"])
    with pytest.raises(InputError, match=r"--set data.x: '\[1' is not YAML"):
        load_config(path, ["data.x=[1"])
    with pytest.raises(InputError, match="'name' has no keys below it"):
        load_config(path, ["name.first=x"])


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-02-01", "2026-02-01 00:00"),
        ("'2026-02-01'", "2026-02-01 00:00"),
        ("'2026-02'", "2026-02-01 00:00"),
        ("2026-02-01T06:00:00", "2026-02-01 06:00"),
        ("2026-02-01T06:00:00+05:00", "2026-02-01 06:00"),  # the clock on the wall, as in the data
        ("'2026-02-01T06:00:00+05:00'", "2026-02-01 06:00"),
        ("2026-02-01T00:00:00Z", "2026-02-01 00:00"),
    ],
)
def test_cutoffs_are_dates_as_the_clock_on_the_wall_showed_them(written, moment):
    keys = yaml.safe_load(f"{{horizon: 2, cutoffs: [{written}]}}")
    assert config_of(changed("backtest", keys), "good.yaml").backtest.cutoffs == (pd.Timestamp(moment),)
    keys = yaml.safe_load(f"{{horizon: 2, windows: 3, last_cutoff: {written}}}")
    assert config_of(changed("backtest", keys), "good.yaml").backtest.last_cutoff == pd.Timestamp(moment)


@pytest.mark.parametrize("written", ["20260201", "1.5", "true", "01.02.2026", "'1769904000'", "next week", "[2026]"])
def test_a_cutoff_that_is_no_date_is_one_fault(written):
    keys = yaml.safe_load(f"{{horizon: 0, windows: 3, last_cutoff: {written}}}")
    with pytest.raises(InputError) as caught:
        config_of(changed("backtest", keys), "good.yaml")
    assert [f.place for f in caught.value.faults] == ["good.yaml, backtest.horizon", "good.yaml, backtest.last_cutoff"]
    assert caught.value.faults[1].what.endswith("is no date; write it as YYYY-MM-DD")
    keys = yaml.safe_load(f"{{horizon: 2, cutoffs: [2026-02-01, {written}]}}")
    with pytest.raises(InputError) as caught:
        config_of(changed("backtest", keys), "good.yaml")
    assert [f.place for f in caught.value.faults] == ["good.yaml, backtest.cutoffs.1"]


@pytest.mark.parametrize("name", ["../escaped", "a/b", "x[/y]", ""])
def test_name_of_a_forecaster_cannot_leave_the_run_directory(name):
    tree = changed("forecasters", {**GOOD["forecasters"], name: GOOD["forecasters"]["naive"]})
    with pytest.raises(InputError, match="String should match pattern"):
        config_of(tree, "c.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1,", "not YAML"),
        ("- 1", "not a mapping"),
        ("", "not a mapping"),
        ("a: 1\nb: {c: 1, c: 2}", "the key 'c' stands twice"),
        ("!!python/object:os.system {}", "not YAML"),
    ],
)
def test_text_that_is_no_config_is_refused(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        load_config(written(tmp_path, text))


def test_missing_config_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such config file; check the path"):
        load_config(tmp_path / "none.yaml")


def test_paths_read_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_DATA", "/mnt/shop")
    assert resolved_path("a.csv", "${SHOP_DATA:-x}/vn2", tmp_path) == Path("/mnt/shop/vn2/a.csv")
    monkeypatch.delenv("SHOP_DATA")
    assert resolved_path("a.csv", "${SHOP_DATA:-x}/vn2", tmp_path) == tmp_path / "x/vn2/a.csv"
    with pytest.raises(InputError, match="the environment has no SHOP_DATA"):
        resolved_path("a.csv", "${SHOP_DATA}", tmp_path)
