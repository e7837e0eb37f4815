"""The quality gate as a user meets it: where an oddity stands, what stops a run, and all of it as JSON."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from forecast_eval.config import load_config
from forecast_eval.quality import counted, judged
from forecast_eval.read import read_inputs

ROOT = Path(__file__).parents[2]
WEEKS = 60
CALENDAR = pd.date_range("2025-01-06", periods=WEEKS, freq="W-MON")
IDS = [(store, sku) for store in ("S1", "S2") for sku in ("K1", "K2", "K3")]
CONFIG = {
    "name": "shop",
    "data": {
        "id": ["store", "sku"],
        "history": {"path": "sales.csv", "columns": {"y": "units", "ds": "week"}},
        "economics": {"path": "prices.csv"},
        "state": {"path": "state.csv", "on_hand": "stock"},
    },
    "backtest": {"horizon": 2, "windows": 8, "workers": 1, "quantiles": [0.1, 0.5, 0.9]},
    "forecasters": {"naive": {"kind": "statsforecast", "model": "Naive"}},
    "score": {"metrics": ["rmse"]},
    "simulate": {"judged": 4, "scenarios": 60},
    "compare": {"incumbent": "naive"},
    "order": {"windows": 4, "policy": {"kind": "order_up_to", "coverage": [0.8]}},
}


def units():
    return np.random.default_rng(5).poisson(np.linspace(6, 20, len(IDS))[:, None], (len(IDS), WEEKS))


def write(folder, tree=None, values=None):
    values = units() if values is None else values
    rows = [(*pair, f"{ds:%Y-%m-%d}", values[i, t]) for i, pair in enumerate(IDS) for t, ds in enumerate(CALENDAR)]
    # the file is by week, and by series within a week: not in the order of the panel
    frame = pd.DataFrame(rows, columns=["store", "sku", "week", "units"]).sort_values("week", kind="stable")
    frame.to_csv(folder / "sales.csv", index=False)
    pairs = pd.DataFrame(IDS, columns=["store", "sku"])
    pairs.assign(price=10.0, unit_cost=6.0, holding=0.05).to_csv(folder / "prices.csv", index=False)
    pairs.assign(stock=5).to_csv(folder / "state.csv", index=False)
    (folder / "shop.yaml").write_text(yaml.safe_dump(CONFIG | (tree or {})), encoding="utf-8")


def odd(value=9000):
    values = units()
    values[4, 30] = value  # S2/K2 at 2025-08-04
    return values


@pytest.fixture(name="call")
def call_fixture(call):
    """The command line, whose lines are not broken at 100 columns."""

    def run(*arguments):
        code, out, err = call(*arguments)
        assert max(map(len, out.splitlines()), default=0) <= 100 or "--json" in arguments
        return code, out.replace("\n    ", " "), err.replace("\n    ", " ")

    return run


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("shop")
def test_sound_shop_has_no_fault(call):
    code, out, err = call("check", "shop.yaml")
    assert (code, err) == (0, "")
    assert out.rstrip().endswith("No fault found.")


def test_oddity_of_a_long_file_has_its_row_and_column(shop, call):
    write(shop, values=odd())
    row = 2 + 30 * len(IDS) + 4
    assert (shop / "sales.csv").read_text().splitlines()[row - 1] == "S2,K2,2025-08-04,9000"
    code, out, _ = call("check", "shop.yaml")
    assert code == 0
    assert f"  sales.csv, row {row}, column units: y=9000 of unique_id='S2/K2', ds=2025-08-04 is " in out
    assert "The quality gate is passed, with warnings: 1." in out
    table = [line for line in out.splitlines() if line.startswith(" extreme_value")]
    assert table[0].split() == ["extreme_value", "warning", "1", "1", "16.7%"]


def test_oddity_of_a_wide_file_has_its_row_and_column(shop, call):
    wide = pd.read_csv(shop / "sales.csv").pivot_table(index=["store", "sku"], columns="week", values="units")
    wide.iloc[::-1].reset_index().to_csv(shop / "wide.csv", index=False)
    wide.loc[("S2", "K2"), "2025-08-04"] = 9000
    wide.iloc[::-1].reset_index().to_csv(shop / "wide.csv", index=False)
    tree = CONFIG["data"] | {"history": {"path": "wide.csv", "layout": "wide"}}
    (shop / "shop.yaml").write_text(yaml.safe_dump(CONFIG | {"data": tree}), encoding="utf-8")
    _, out, _ = call("check", "shop.yaml")
    assert "  wide.csv, row 3, column 2025-08-04: y=9000 of unique_id='S2/K2', ds=2025-08-04 is " in out


def test_rows_of_series_that_start_late_and_rows_inserted_keep_their_places(shop):
    write(shop, values=odd())
    frame = pd.read_csv(shop / "sales.csv")
    mine = (frame["store"] == "S2") & (frame["sku"] == "K2")
    kept = frame[~(mine & (frame["week"] < "2025-03-01")) & ~(mine & (frame["week"] == "2025-06-02"))]
    kept.to_csv(shop / "sales.csv", index=False)
    row = 2 + int(np.flatnonzero(kept["units"] == 9000)[0])
    config = load_config(shop / "shop.yaml", ["data.missing_periods=zero"])
    inputs = read_inputs(config.data, shop, 1)
    (one,) = [fault for fault in judged(config, inputs).warnings if fault.rule == "extreme_value"]
    assert one.place == f"sales.csv, row {row}, column units"
    series, time = list(inputs.history.unique_ids).index("S2/K2"), CALENDAR.get_loc("2025-06-02")
    assert inputs.places.place(series, time) == "sales.csv, a row inserted"


@pytest.mark.parametrize("command", ["run", "backtest", "score", "simulate", "report"])
def test_error_of_the_gate_stops_every_step_before_anything_is_made(shop, call, command):
    write(shop, {"quality": {"extreme_value": "error"}}, odd())
    code, _, err = call(command, "shop.yaml")
    assert code == 1
    assert "extreme_value (error)" in err
    assert "The quality gate says no: extreme_value." in err
    assert not (shop / "runs").exists()


def test_error_of_the_gate_stops_an_order_and_a_warning_does_not(shop, call):
    write(shop, {"quality": {"extreme_value": "error"}}, odd())
    assert call("order", "shop.yaml", "--out", "orders.csv")[0] == 1
    assert not (shop / "orders.csv").exists()
    code, _, err = call("order", "shop.yaml", "--out", "orders.csv", "--set", "quality.extreme_value=warning")
    assert code == 0
    assert "warning: sales.csv, row 186, column units: y=9000" in err


def test_check_says_all_and_exits_with_1_where_the_gate_fails(shop, call):
    write(shop, {"quality": {"extreme_value": {"severity": "error", "times": 20}}}, odd())
    code, out, _ = call("check", "shop.yaml")
    assert code == 1
    assert "(at most 20 times is plausible)" in out
    assert "The quality gate says no: extreme_value." in out


def test_json_holds_every_finding(shop, call):
    values = units()
    values[:, 30] = 9000
    write(shop, values=values)
    call("check", "shop.yaml", "--json", "found.json")
    tree = json.loads((shop / "found.json").read_text())
    assert (tree["gate"], tree["series"]) == ("passed", 6)
    assert tree["rules"] == {"extreme_value": {"severity": "warning", "count": 6, "series": 6}}
    one = tree["faults"][4]
    assert one["row"] == 2 + 30 * len(IDS) + 4
    assert {k: one[k] for k in ("file", "column", "unique_id", "ds", "rule")} == {
        "file": "sales.csv", "column": "units", "unique_id": "S2/K2", "ds": "2025-08-04", "rule": "extreme_value",
    }  # fmt: skip
    assert one["fix"]


def test_json_to_standard_output_is_alone_there(shop, call):
    write(shop, {"quality": {"extreme_value": "error"}}, odd())
    code, out, _ = call("check", "shop.yaml", "--json", "-")
    assert code == 1
    assert json.loads(out)["gate"] == "failed"


def test_json_of_refused_input_holds_every_fault(shop, call):
    write(shop, values=odd(-3))
    code, out, err = call("check", "shop.yaml", "--json", "-")
    assert code == 2
    assert "y=-3.0 must be >= 0" in err
    tree = json.loads(out)
    assert (tree["gate"], tree["rules"]["negative-demand"]["count"]) == ("refused", 1)
    assert (tree["faults"][0]["file"], tree["faults"][0]["row"]) == ("sales.csv", 186)


def test_contract_cannot_be_switched_off(shop, call):
    write(shop, {"quality": {"negative_demand": "off"}}, odd(-3))
    code, _, err = call("check", "shop.yaml")
    assert code == 2
    assert "unknown key 'negative_demand'" in err


@pytest.mark.usefixtures("shop")
def test_unknown_rule_names_the_nearest(call):
    _, _, err = call("check", "shop.yaml", "--set", "quality.extreme_vale=off")
    assert "did you mean 'extreme_value'?" in err
    code, _, err = call("check", "shop.yaml", "--set", "quality.stale_tail=fatal")
    assert code == 2
    assert "quality.stale_tail.severity: 'fatal'" in err


def test_warning_of_reading_has_the_severity_that_the_config_gives_it(shop, call):
    prices = pd.read_csv(shop / "prices.csv").assign(price=lambda f: f["price"].mask(f.index == 1, 5.0))
    prices.to_csv(shop / "prices.csv", index=False)
    code, out, _ = call("check", "shop.yaml")
    assert (code, "price-below-cost (warning)" in out) == (0, True)
    code, out, _ = call("check", "shop.yaml", "--set", "quality.reading={price-below-cost: error}")
    assert (code, "The quality gate says no: price-below-cost." in out) == (1, True)
    code, out, _ = call("check", "shop.yaml", "--set", "quality.reading={price-below-cost: off}")
    assert (code, "price-below-cost" in out) == (0, False)


def test_economics_of_other_series_are_counted(shop, call):
    with (shop / "prices.csv").open("a") as file:
        file.write("S9,K1,10,6,0.05\n")
    _, out, _ = call("check", "shop.yaml")
    assert "prices.csv: 1 of 7 keys are of no series of the history, such as 'S9/K1'" in out


def test_price_in_another_unit_has_its_row(shop, call):
    prices = pd.read_csv(shop / "prices.csv").assign(price=lambda f: f["price"].mask(f.index == 4, 1000.0))
    prices.iloc[[4, 2, 0, 5, 1, 3]].to_csv(shop / "prices.csv", index=False)
    _, out, _ = call("check", "shop.yaml")
    assert "  prices.csv, row 2, column price: unique_id='S2/K2': price=1000 is 167 times unit_cost=6" in out


def test_price_of_a_sku_has_its_row_for_every_store(shop, call):
    pd.DataFrame({"sku": ["K3", "K1", "K2"], "price": [1000.0, 10, 10], "unit_cost": 6, "holding": 0.05}).to_csv(
        shop / "prices.csv", index=False
    )
    _, out, _ = call("check", "shop.yaml")
    assert "  prices.csv, row 2, column price: unique_id='S1/K3': price=1000" in out
    assert "  prices.csv, row 2, column price: unique_id='S2/K3': price=1000" in out


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-1, "its weeks are dated by Sunday, those of the history by Monday; date every week by the same day"),
        (-21, "3 periods of the history, from 2026-02-09 to 2026-02-23, have no row for any series"),
    ],
    ids=["anchor", "end"],
)
def test_stock_of_another_calendar_is_one_fault(shop, call, days, said):
    stock = pd.read_csv(shop / "sales.csv").rename(columns={"week": "ds"}).drop(columns="units").assign(in_stock=1)
    stock["ds"] = (pd.to_datetime(stock["ds"]) + pd.Timedelta(days=days)).dt.strftime("%Y-%m-%d")
    stock.to_csv(shop / "stock.csv", index=False)
    code, _, err = call("check", "shop.yaml", "--set", "data.in_stock={path: stock.csv}")
    assert code == 2
    assert said in err
    assert "no row for unique_id" not in err


@pytest.mark.usefixtures("shop")
def test_season_that_does_not_fit_before_the_first_cutoff_is_found(call):
    seasonal = "forecasters.naive={kind: statsforecast, model: SeasonalNaive, params: {season_length: %d}}"
    _, out, _ = call("check", "shop.yaml", "--set", seasonal % 52)
    assert "forecasters.naive: naive looks back 52 periods, and 51 are known at the first cutoff" in out
    _, out, _ = call("check", "shop.yaml", "--set", seasonal % 51)
    assert "looks back" not in out


def test_run_keeps_what_was_found(shop, call):
    write(shop, values=odd())
    code, _, err = call("backtest", "shop.yaml")
    assert code == 0
    assert err.count("warning: sales.csv, row 186") == 1
    (run,) = [path for path in (shop / "runs/shop").iterdir() if path.name != "units"]
    kept = json.loads((run / "manifest.json").read_text())["quality"]
    assert kept == {"extreme_value": {"severity": "warning", "count": 1, "series": 1}}


def test_thousands_of_findings_are_summarised_in_a_run(shop, call):
    values = units()
    values[:, 30] = 9000
    write(shop, values=values)
    _, _, err = call("backtest", "shop.yaml")
    assert err.count("y=9000") == 1
    assert "... and 5 more of extreme_value" in err


@pytest.mark.parametrize("name", ["demo", "vn2"])
def test_rules_do_not_cry_wolf_on_real_data(name, request, monkeypatch):
    if name != "demo":
        folder = request.getfixturevalue("shared_data").resolve()
        monkeypatch.setenv("FORECAST_EVAL_DATA", str(folder))
        if not (folder / name).is_dir():
            pytest.skip(f"no {name} in {folder}")
    path = ROOT / "configs" / f"{name}.yaml"
    config = load_config(path)
    inputs = judged(config, read_inputs(config.data, path.parent, config.seed))
    share = {rule: found["series"] / len(inputs.history.unique_ids) for rule, found in counted(inputs.warnings).items()}
    assert not [fault for fault in inputs.warnings if fault.severity == "error"]
    assert {rule: value for rule, value in share.items() if value > 0.08} == {}
