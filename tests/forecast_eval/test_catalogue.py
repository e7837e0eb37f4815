"""Laws of the catalogue: one definition a name, a hash that follows what a value means, faults all at once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from utilsforecast import losses as uf

from backtest import InputError
from forecast_eval.config import load_config
from forecast_eval.scores import Axes, Cells, Metric, Observations, ScoredWindow, metrics_named, score
from forecast_eval.scores import statistics as statistics_of
from forecast_eval.scores.catalogue import builtin, catalogue, key_figures, metrics_of
from forecast_eval.scores.definitions import changes, definitions_of
from forecast_eval.scores.entry import entry_of, metric_of, tree_of
from forecast_eval.scores.fixed_table import values_on_fixed_table
from forecast_eval.scores.measures import Ratio
from forecast_eval.scores.scales import scales
from forecast_eval.simulate import KPIS
from losses import UnitCosts

EVERY = catalogue().metrics


@pytest.mark.parametrize("name", EVERY)
def test_definition_says_what_a_reviewer_asks(name):
    metric = EVERY[name]
    for field in ("formula", "unit", "question", "limitations", "refresh", "owner"):
        assert getattr(metric, field), field
    assert metric.question.endswith("?")


def test_key_figures_of_the_simulator_are_those_of_the_catalogue():
    assert set(key_figures()) == {kpi.name for kpi in KPIS}
    named = {name for name, metric in EVERY.items() if metric.source == "simulator"}
    tree = yaml.safe_load((Path(statistics_of.__file__).parent / "catalogue.yaml").read_text())
    assert named == {name for name, entry in tree.items() if entry.get("source") == "simulator"}
    assert all(key_figures()[kpi.name].formula == kpi.formula for kpi in KPIS)


def test_fixed_table_tells_all_metrics_apart():
    given = {name: tuple(metric.words()["values"]) for name, metric in EVERY.items()}
    assert len(set(given.values())) == len(EVERY)
    assert not any(values[0] == "nan" for values in given.values())


def test_version_follows_every_word_that_a_value_means_something_by():
    metric = builtin()["wape"]
    others = [
        replace(metric, formula="else"), replace(metric, unit="share"), replace(metric, direction="higher"),
        replace(metric, functional="mean"), replace(metric, name="wape2"),
        replace(metric, measure=Ratio("absolute_error", "demand", factor=1.0)),
    ]  # fmt: skip
    assert len({metric.version, *(other.version for other in others)}) == len(others) + 1


def test_version_knows_nothing_of_who_owns_a_metric_and_what_it_is_good_for():
    metric = builtin()["wape"]
    told = replace(metric, owner="a team", question="Why?", limitations="none", refresh="daily", reference="a book")
    assert told.version == metric.version


def test_version_follows_the_code_of_a_statistic(monkeypatch):
    before = replace(builtin()["mae"], owner="before").version
    assert before == builtin()["mae"].version
    known = dict(statistics_of.STATISTICS)
    monkeypatch.setitem(
        statistics_of.STATISTICS, "absolute_error", lambda o, level: 1.01 * known["absolute_error"](o, level)
    )
    assert replace(builtin()["mae"], owner="after").version != before


@pytest.mark.parametrize("name", ["coverage_95", "interval_score_37.5", "pinball_0.975"])
def test_metric_at_any_level_has_values_on_the_fixed_table(name):
    (metric,) = metrics_named([name])
    assert "nan" not in values_on_fixed_table(metric.measure)


def test_level_of_an_interval_is_written_in_percent_and_that_of_a_quantile_as_it_is():
    eighty, ninety = metrics_named(["coverage_80", "pinball_0.9"])
    assert (eighty.measure.level, ninety.measure.level) == (0.8, 0.9)


def test_all_faults_of_names_come_together():
    with pytest.raises(InputError) as refused:
        metrics_named(
            ["maee", "coverage", "coverage_0.8", "pinball_90", "mae_80", "mape", "mape", "interval_score_100"]
        )
    said = "\n".join(str(fault) for fault in refused.value.faults)
    for part in ("'maee'; did you mean 'mae'", "write coverage_80", "'coverage_0.8': 0.8 is no level", "as pinball_0.9",
                 "mae takes no level", "'mape' stands twice", "100 is no level of interval_score"):  # fmt: skip
        assert part in said
    assert len(refused.value.faults) == 7


def test_figure_of_the_simulator_is_no_score():
    with pytest.raises(InputError, match="profit is not made of forecasts: its source is simulator"):
        metrics_named(["profit"], known=catalogue())


# a team's own


def written(folder, text, name="team.yaml"):
    path = folder / name
    path.write_text(text)
    return path


OVER = """
over_share:
  formula: 100 * sum of overage cost / sum(demand)
  unit: currency per 100 units
  direction: lower
  question: What do leftovers cost?
  numerator: overage_cost
  denominator: demand
  factor: 100
wape:
  owner: planning
  limitations: Promotions are in it.
"""


def test_team_adds_a_metric_and_says_anew_who_owns_one(tmp_path):
    known = catalogue([written(tmp_path, OVER)]).metrics
    assert known["over_share"].measure == Ratio("overage_cost", "demand", factor=100.0)
    assert (known["wape"].owner, known["wape"].limitations) == ("planning", "Promotions are in it.")
    assert known["wape"].version == builtin()["wape"].version


def test_one_name_has_one_definition(tmp_path):
    with pytest.raises(InputError, match=r"formula of mae is said already.*name of its own") as refused:
        catalogue([written(tmp_path, "mae: {formula: median of errors, unit: pieces, owner: me}")])
    assert len(refused.value.faults) == 2
    twice = [written(tmp_path, OVER), written(tmp_path, OVER.replace("100\n", "10\n"), "again.yaml")]
    with pytest.raises(InputError, match="factor of over_share is said already"):
        catalogue(twice)


@pytest.mark.parametrize("name", EVERY)
def test_entry_that_is_printed_can_be_copied_under_its_name_and_under_another(tmp_path, name):
    text = yaml.safe_dump({name: tree_of(EVERY[name])})
    assert catalogue([written(tmp_path, text)]).metrics[name] == EVERY[name]
    if EVERY[name].source == "forecasts":
        copied = metric_of("ours", entry_of(tree_of(EVERY[name]), "here"), "here")
        assert replace(copied, name=name) == EVERY[name]


def test_all_faults_of_all_files_come_together_with_file_and_metric(tmp_path):
    bad = """
a: {formula: f, unit: u, direction: up, numerator: error}
b: {formula: f, unit: u, direction: lower, numerator: eror, levle: 2}
d: {formula: f, unit: u, direction: lower}
e: {unit: u, direction: lower, numerator: error, kind: wspl}
f: {formula: f, unit: u, direction: lower, numerator: covered}
g: {formula: f, unit: u, direction: lower, numerator: error, level: 0.5}
h: {formula: f, unit: u, direction: lower, source: online, numerator: error}
i: 3
coverage_90: {formula: f, unit: u, direction: lower, numerator: error}
diff: {formula: f, unit: u, direction: lower, numerator: error}
"""
    with pytest.raises(InputError) as refused:
        catalogue([written(tmp_path, bad), tmp_path / "absent.yaml"])
    said = "\n".join(str(fault) for fault in refused.value.faults)
    for part in ("team.yaml, a, direction: 'up'", "team.yaml, b, levle: unknown key 'levle'; did you mean 'level'?",
                 "team.yaml, b, numerator: 'eror': there is no such statistic, did you mean 'error'?",
                 "team.yaml, d: the metric says not how it is computed", "team.yaml, e: e says no formula",
                 "team.yaml, e: the metric is computed by numerator and kind", "f: covered is of an interval",
                 "team.yaml, g: error takes no level", "h: source online and numerator", "i: 3 is no mapping",
                 "team.yaml, coverage_90: formula of coverage_90 is said already",
                 "team.yaml, diff: 'diff' cannot be", "absent.yaml: no such catalogue"):  # fmt: skip
        assert part in said, part


def test_key_that_stands_twice_is_no_yaml(tmp_path):
    with pytest.raises(InputError, match="the key 'mae' stands twice"):
        catalogue([written(tmp_path, "mae: {owner: a}\nmae: {owner: b}\n")])


def test_metric_whose_value_comes_online_needs_no_computation(tmp_path):
    text = "uplift: {formula: treated / control - 1, unit: share, direction: higher, source: online}"
    metric = catalogue([written(tmp_path, text)]).metrics["uplift"]
    assert metric.measure is None
    assert (metric.refresh, len(metric.version)) == ("with every experiment", 12)


def config_with(folder, score):
    tree = yaml.safe_load((Path(__file__).parents[2] / "configs" / "demo.yaml").read_text())
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(tree | {"score": score}))
    return path


def test_config_names_files_relative_to_itself_and_defines_in_place(tmp_path):
    written(tmp_path, OVER)
    in_place = {"name": "drift", "formula": "sum of errors", "unit": "units", "direction": "zero", "numerator": "error"}
    config = load_config(config_with(tmp_path, {"catalogue": "team.yaml", "metrics": ["over_share", "mae", in_place]}))
    assert config.score.names == ("over_share", "mae", "drift")
    assert [metric.name for metric in metrics_of(config.score, tmp_path)] == ["over_share", "mae", "drift"]


def test_config_refuses_what_is_no_metric(tmp_path):
    with pytest.raises(InputError, match=r"score\.metrics\.1: 5: a metric is a name, or a mapping with name"):
        load_config(config_with(tmp_path, {"metrics": ["mae", 5]}))


# two runs


def kept(metrics):
    return json.loads(json.dumps(definitions_of(metrics)))


def test_diff_names_what_appeared_vanished_and_changed_field_by_field():
    mae, wape, rmse = (builtin()[name] for name in ("mae", "wape", "rmse"))
    found = {c.name: c for c in changes(kept([mae, wape]), kept([replace(mae, unit="pieces"), rmse]))}
    assert {name: change.how for name, change in found.items()} == {
        "mae": "changed",
        "wape": "vanished",
        "rmse": "appeared",
    }
    assert found["mae"].fields == {"unit": ("units", "pieces")}


def test_diff_says_that_the_code_changed_where_only_the_values_did(monkeypatch):
    before = kept([builtin()["mae"]])
    monkeypatch.setitem(statistics_of.STATISTICS, "absolute_error", lambda o, _: o.absolute_error + 0.5)
    (change,) = changes(before, kept([replace(builtin()["mae"], owner="forecast-eval ")]))
    assert change.note == "the words are the same, the values on the fixed table differ: the code changed"


def test_diff_tells_other_words_from_another_definition():
    mae = builtin()["mae"]
    (change,) = changes(kept([mae]), kept([replace(mae, owner="planning")]))
    assert (change.how, change.fields) == ("reworded", {"owner": ("forecast-eval", "planning")})
    assert changes(kept([mae]), definitions_of([mae])) == ()


def test_diff_shows_what_changed_inside_a_measure():
    wape = builtin()["wape"]
    other = replace(wape, measure=replace(wape.measure, factor=1.0))
    (change,) = changes(kept([wape]), kept([other]))
    assert change.fields["measure.factor"] == (100.0, 1.0)
    assert change.note == "values before and after do not compare"


# the command


def run_with(folder, metrics):
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    (folder / "definitions.json").write_text(json.dumps(definitions_of(metrics)))
    return folder


def test_command_lists_every_metric_within_100_columns(call):
    code, out, _ = call("metrics")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    first = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert {"mae", "pinball[_0.9]", "coverage_80", "profit", "stockout_rate"} <= first


@pytest.mark.parametrize("name", ["rmsse", "coverage_80", "coverage", "profit"])
def test_command_shows_a_whole_definition_within_100_columns(call, name):
    code, out, _ = call("metrics", name)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    assert {
        "question",
        "formula",
        "unit",
        "better",
        "limitations",
        "inputs",
        "source",
        "refresh",
        "owner",
        "version",
    } <= {line.split()[0] for line in out.splitlines() if line[:1].strip()}


def test_command_names_the_nearest_of_an_unknown_metric(call):
    code, _, err = call("metrics", "rmsee", "profitt")
    assert code == 2
    assert "did you mean 'rmse'?" in err
    assert "did you mean 'profit'?" in err


def test_command_prints_yaml_that_is_a_catalogue(call, tmp_path):
    code, out, _ = call("metrics", "--yaml")
    assert code == 0
    assert dict(catalogue([written(tmp_path, out)]).metrics) == dict(EVERY)


def test_command_includes_a_team_and_a_config(call, tmp_path):
    path = written(tmp_path, OVER)
    assert "What do leftovers cost?" in call("metrics", "over_share", "--catalogue", path)[1]
    config = config_with(tmp_path, {"catalogue": ["team.yaml"], "metrics": ["coverage_75", "over_share"]})
    code, out, _ = call("metrics", "--config", config)
    assert code == 0
    assert "over_share" in out
    assert "coverage_75" in out


def test_diff_command_says_what_changed_and_refuses_what_is_no_run(call, tmp_path):
    mae, wape = builtin()["mae"], builtin()["wape"]
    a, b = run_with(tmp_path / "a", [mae, wape]), run_with(tmp_path / "b", [replace(mae, unit="pieces")])
    code, out, _ = call("metrics", "diff", a, b)
    assert code == 0
    assert "unit: units -> pieces" in out
    assert "wape: vanished; only in the first run" in out
    assert out.splitlines()[-1] == "1 changed, 0 reworded, 0 appeared, 1 vanished, 0 the same"
    code, _, err = call("metrics", "diff", a, tmp_path)
    assert code == 2
    assert "this directory holds no run" in err
    assert call("metrics", "diff", a)[0] == 2
    (b / "definitions.json").unlink()
    assert "keeps no definitions" in call("metrics", "diff", a, b)[2]


# what others do otherwise


LAUNCH = np.array([[0.0, 0.0, 0.0, 0.0, 5.0, 9.0, 4.0, 8.0]])


def theirs(name, frame, **extra):
    return float(getattr(uf, name)(frame, ["m"], **extra)["m"].iloc[0])


def ours(name, frame, **cells):
    """Value of one metric on one series."""
    demand = frame["y"].to_numpy(dtype=float)[None]
    ids, present = np.array(["a"], dtype=object), np.ones(demand.shape, dtype=bool)
    known = Cells(ids, pd.DatetimeIndex(frame["ds"]), demand, present, UnitCosts(4.0, 1.0), **cells)
    quantiles = {0.1: frame["m-lo-80"].to_numpy()[None], 0.9: frame["m-hi-80"].to_numpy()[None]}
    window = ScoredWindow("1", known, {"m": Observations(known, frame["m"].to_numpy(dtype=float)[None], quantiles)})
    return float(score([window], metrics_named([name]), Axes(by_step=False)).table["value"].iloc[0])


@pytest.fixture
def frame():
    return pd.DataFrame({
        "unique_id": "a", "ds": pd.date_range("2026-03-02", periods=4, freq="W-MON"), "y": [4.0, 7.0, np.nan, 3.0],
        "m": [6.0, 8.0, 5.0, 7.0], "m-lo-80": [3.0, 5.0, 2.0, 4.0], "m-hi-80": [5.0, 9.0, 6.0, 8.0],
    })  # fmt: skip


@pytest.mark.parametrize(("name", "times"), [("mase", 1.69), ("rmsse", 1.27)])
def test_utilsforecast_scales_by_the_zeros_before_a_launch(frame, name, times):
    train = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2025-12-01", periods=8, freq="W-MON"), "y": LAUNCH[0]})
    seen = frame.dropna()
    own = ours(name, seen, scale=scales(LAUNCH, [7])[0])
    assert theirs(name, seen, seasonality=1, train_df=train) / own == pytest.approx(times, abs=0.005)
    assert theirs(name, seen, seasonality=1, train_df=train[4:]) == pytest.approx(own)
    assert f"{times}" in builtin()[name].differs


@pytest.mark.parametrize("name", ["mase", "rmsse"])
def test_series_that_never_changed_is_infinite_in_utilsforecast_and_left_out_here(frame, name):
    train = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2025-12-01", periods=8, freq="W-MON"), "y": 3.0})
    assert theirs(name, frame.dropna(), seasonality=1, train_df=train) == np.inf
    assert np.isnan(ours(name, frame.dropna(), scale=scales(np.full((1, 8), 3.0), [7])[0]))


def test_utilsforecast_counts_missing_demand_as_not_covered(frame):
    assert ours("coverage_80", frame) == pytest.approx(100 * 2 / 3)
    assert theirs("coverage", frame, level=80) == pytest.approx(2 / 4)


def test_utilsforecast_counts_missing_demand_as_inside_the_interval_in_the_winkler_score(frame):
    assert ours("interval_score_80", frame) == pytest.approx((2 + 4 + 4 + 10 * 1) / 3)
    assert theirs("winkler_score", frame, level=80) == pytest.approx((2 + 4 + 4 + 4 + 10 * 1) / 4)


def test_bias_has_the_sign_of_utilsforecast_whose_words_on_cfe_say_the_opposite(frame):
    too_much = frame.dropna().assign(m=[6.0, 8.0, 7.0])
    assert ours("bias", too_much) == pytest.approx(100 * theirs("bias", too_much) * 3 / 14)
    assert theirs("cfe", too_much) == 7.0
    assert "Positive values mean under forecast" in uf.cfe.__doc__


def test_utilsforecast_has_half_of_smape_and_shares_for_percent(frame):
    seen = frame.dropna()
    assert ours("smape", seen) == pytest.approx(200 * theirs("smape", seen))
    assert ours("mape", seen) == pytest.approx(100 * theirs("mape", seen))


def test_utilsforecast_keeps_the_demand_of_a_period_without_forecast_in_wape(frame):
    gap = frame.assign(y=[4.0, 7.0, 6.0, 3.0], m=[6.0, 8.0, np.nan, 7.0])
    assert ours("wape", gap) == pytest.approx(100 * 7 / 14)
    assert theirs("wape", gap) == pytest.approx(7 / 20)


def test_utilsforecast_gives_every_quantile_the_same_share_of_crps_and_divides_by_demand(frame):
    seen = frame.dropna()
    models = {"m": ["m-lo-80", "m-hi-80"]}
    pinball = float(uf.mqloss(seen, models, quantiles=np.array([0.1, 0.9]))["m"].iloc[0])
    scaled = float(uf.scaled_crps(seen, models, quantiles=np.array([0.1, 0.9]))["m"].iloc[0])
    assert scaled == pytest.approx(2 * pinball * 3 / 14)
    assert ours("pinball", seen) == pytest.approx(pinball)


def test_utilsforecast_counts_missing_demand_as_above_the_quantile_in_calibration(frame):
    assert float(uf.calibration(frame, {"m": "m-lo-80"})["m"].iloc[0]) == pytest.approx(1 / 4)
    assert float(uf.calibration(frame.dropna(), {"m": "m-lo-80"})["m"].iloc[0]) == pytest.approx(1 / 3)


def test_direction_none_ranks_nothing():
    metric = Metric("stock", "f", "units", "none")
    assert not metric.better(1.0, 2.0)
    assert not metric.better(2.0, 1.0)


def test_a_team_may_say_what_launches_showed_of_a_metric_at_a_level_too(tmp_path: Path) -> None:
    known = catalogue(
        [written(tmp_path, "wape: {findings: 'not for: waste'}\npinball_0.9: {findings: 'trusted for: profit'}\n")]
    )
    plain = catalogue()
    assert known.metrics["wape"].findings == "not for: waste"
    assert known.named(["pinball_0.9"])[0].findings == "trusted for: profit"
    assert known.metrics["wape"].version == plain.metrics["wape"].version
