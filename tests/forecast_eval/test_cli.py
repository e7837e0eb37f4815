"""The command line as a new user meets it: each command, exit codes, and bad input answered with one clear message."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from forecast_eval import summary
from forecast_eval.pipeline import STEPS, open_session
from forecast_eval.summary import tables_of, timeline

CONFIG = {
    "name": "shop",
    "data": {
        "history": {"path": "history.csv"},
        "static": {"path": "static.csv"},
        "economics": {"path": "economics.csv"},
        "state": {"path": "state.csv", "on_hand": "stock", "in_transit": ["due"]},
    },
    "backtest": {"horizon": 2, "windows": 12, "workers": 1, "quantiles": [0.1, 0.5, 0.9]},
    "forecasters": {
        "average": {"kind": "seasonal_average", "window": 8, "season": "none"},
        "naive": {"kind": "statsforecast", "model": "Naive"},
    },
    "score": {"metrics": ["rmse", "wape"], "by": ["store"]},
    "simulate": {"judged": 6, "scenarios": 60},
    "compare": {"incumbent": "naive"},
    "order": {"model": "average", "policy": {"kind": "order_up_to", "coverage": [0.8]}, "windows": 5},
}
IDS = [f"S{k % 3}/K{k}" for k in range(6)]


def write_shop(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rng, weeks = np.random.default_rng(1), pd.date_range("2025-01-06", periods=40, freq="W-MON")
    pd.DataFrame({
        "unique_id": np.repeat(IDS, 40), "ds": np.tile(weeks.strftime("%Y-%m-%d"), 6), "y": rng.poisson(9, 240),
        "in_stock": (rng.random(240) > 0.1).astype(int),
    }).to_csv(folder / "history.csv", index=False)  # fmt: skip
    pd.DataFrame({"unique_id": IDS, "store": [i[:2] for i in IDS]}).to_csv(folder / "static.csv", index=False)
    pd.DataFrame({
        "unique_id": IDS, "price": 10.0, "unit_cost": 6.0, "holding": 0.3, "lead_time": 1, "pack_size": 2,
    }).to_csv(folder / "economics.csv", index=False)  # fmt: skip
    pd.DataFrame({"unique_id": IDS, "stock": 4, "due": [0, 1, 2, 30, 4, 5]}).to_csv(folder / "state.csv", index=False)
    write_config(folder, CONFIG)
    return folder


def write_config(folder, tree):
    (folder / "shop.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    folder = write_shop(tmp_path / "shop")
    monkeypatch.chdir(folder)
    return folder


def edit(path, change):
    frame = change(pd.read_csv(path, dtype=str, keep_default_na=False))
    frame.to_csv(path, index=False)


def only_run(folder):
    (found,) = [p for p in (folder / "runs/shop").iterdir() if p.name != "units"]
    return found


def test_run_ends_with_the_sentence_the_tables_and_the_report(shop, call):
    code, out, _ = call("run", "shop.yaml")
    assert code == 0
    assert re.search(r"(Best on RMSE: \w+; earns most: \w+|Best on RMSE and earns most: \w+)", out)
    assert max(map(len, out.splitlines()[:-4])) <= 100
    done = only_run(shop)
    assert json.loads((done / "manifest.json").read_text())["steps"] == list(STEPS)
    assert "launched" not in out
    assert not (done / "online").exists()
    for table in ("forecasts", "scores", "settings", "money", "segments", "ledger", "waterfall", "paired", "worst"):
        assert len(pd.read_parquet(done / f"tables/{table}.parquet"))
    assert "<html" in (done / "report.html").read_text(encoding="utf-8")


def test_key_figures_of_every_axis_add_up_to_the_models_money(shop, call):
    call("simulate", "shop.yaml")
    kpis, money = (pd.read_parquet(only_run(shop) / f"tables/{name}.parquet") for name in ("kpis", "money"))
    assert {"unique_id", "ds", "store"} <= set(kpis["axis"])
    for name in ("profit", "waste", "lost_units"):
        total = kpis.groupby(["axis", "model"])[name].sum().unstack("model")  # noqa: PD010 - two keys to a table
        expected = money.set_index("model")[name]
        for _, row in total.iterrows():
            assert row.to_dict() == pytest.approx(expected.to_dict()), name


def test_timeline_shows_the_newest_forecast_of_each_period(shop, call):
    call("simulate", "shop.yaml", "--set", "report.timeline=[S0/K0]")
    rows = timeline(open_session(only_run(shop)))
    rows = rows[rows["unique_id"] == "S0/K0"]
    forecasts = pd.read_parquet(only_run(shop) / "tables/forecasts.parquet")
    newest = forecasts.sort_values("cutoff").groupby(["model", "unique_id", "ds"])["forecast"].last()
    drawn = rows.dropna(subset=["forecast"]).set_index(["model", "unique_id", "ds"])["forecast"]
    assert len(drawn) > 10
    assert drawn.equals(newest.reindex(drawn.index))


def test_timeline_shows_the_series_asked_for_and_the_worst_of_every_model(shop, call, monkeypatch):
    call("simulate", "shop.yaml", "--set", "report.timeline=[S2/K5]", "--set", "simulate.worst=2")
    session, worst = open_session(only_run(shop)), pd.read_parquet(only_run(shop) / "tables/worst.parquet")
    assert worst["model"].value_counts().to_dict() == {"average": 2, "naive": 2}
    rows = timeline(session)
    shown = set(rows["unique_id"])
    assert shown == {"S2/K5", *worst["unique_id"]}
    assert len(shown) > 2
    monkeypatch.setattr(summary, "ROWS", 2 * rows["unique_id"].value_counts().iloc[0])
    first = worst.groupby("model")["unique_id"].first()
    assert set(timeline(session)["unique_id"]) == {"S2/K5", first["average"]}


def test_report_holds_the_tables_that_were_asked_for(shop, call):
    asked = ["--set", "simulate.bounds=[as_is, em]", "--set", "simulate.drawn={model: average, paths: 20}",
             "--set", "simulate.accuracy={}"]  # fmt: skip
    code, _, err = call("run", "shop.yaml", *asked)
    assert code == 0, err
    tables = tables_of(open_session(only_run(shop)))
    for name in ("waterfall", "paired", "accuracy", "bounds", "worst", "drawn"):
        assert getattr(tables, name).equals(pd.read_parquet(only_run(shop) / f"tables/{name}.parquet")), name
        assert len(getattr(tables, name)), name
    page = (only_run(shop) / "report.html").read_text(encoding="utf-8")
    assert "stock did not depend on the period" in page


def test_run_again_finds_nothing_to_do(shop, call):
    call("simulate", "shop.yaml")
    before = {p: p.stat().st_mtime_ns for p in only_run(shop).rglob("*")}
    code, out, _ = call("simulate", "shop.yaml")
    assert code == 0
    assert "Nothing has changed since this run was made" in out
    assert before == {p: p.stat().st_mtime_ns for p in only_run(shop).rglob("*")}


def test_same_seed_same_bytes_and_fresh_makes_a_new_run(shop, call):
    call("simulate", "shop.yaml")
    first = only_run(shop)
    shutil.copytree(first, shop / "first")
    shutil.rmtree(shop / "runs")
    assert call("simulate", "shop.yaml")[0] == 0
    for table in (shop / "first/tables").iterdir():
        assert (only_run(shop) / "tables" / table.name).read_bytes() == table.read_bytes()


def test_steps_work_one_by_one_on_a_run_directory(shop, call):
    assert call("backtest", "shop.yaml")[0] == 0
    done = only_run(shop)
    assert not (done / "tables/scores.parquet").exists()
    assert "rmse" in call("score", done)[1]
    assert "profit/week" in call("simulate", done)[1]
    assert "report.html" in call("report", done)[1]
    assert (done / "report.html").exists()


def test_change_of_the_simulation_does_not_fit_again(shop, call):
    call("simulate", "shop.yaml")
    units = {p: p.stat().st_mtime_ns for p in (shop / "runs/shop/units").iterdir()}
    call("simulate", "shop.yaml", "--set", "simulate.scenarios=80")
    assert units == {p: p.stat().st_mtime_ns for p in (shop / "runs/shop/units").iterdir()}
    assert len(list((shop / "runs/shop").iterdir())) == 3


def test_killed_run_goes_on_where_it_stopped(shop, call):
    tree = yaml.safe_load(yaml.safe_dump(CONFIG))
    tree["forecasters"]["slow"] = {"kind": "statsforecast", "model": "AutoETS"}
    write_config(shop, tree)
    units = shop / "runs/shop/units"

    def whole():  # a unit is finished once its JSON file is there
        return {p: p.stat().st_mtime_ns for p in units.glob("*.parquet") if p.with_suffix(".json").exists()}

    process = subprocess.Popen(
        [sys.executable, "-c", "from forecast_eval.cli import main; main()", "simulate", "shop.yaml"],
        cwd=shop, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 120
    while len(whole()) < 5 and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = whole()
    assert 5 <= len(finished) < 36
    code, out, err = call("simulate", "shop.yaml")
    assert code == 0, err
    assert finished.items() <= whole().items()
    assert "earns most" in out
    only_run(shop)


def test_check_says_what_is_there(shop, call):
    code, out, _ = call("check", "shop.yaml")
    assert code == 0
    assert "No fault found." in out
    assert re.search(r"periods not fully in stock\W+\d+\.\d%", out)
    assert not (shop / "runs").exists()


@pytest.mark.usefixtures("shop")
def test_order_writes_what_to_order_now(call):
    code, out, err = call("order", "shop.yaml", "--out", "orders.csv")
    assert code == 0, err
    orders = pd.read_csv("orders.csv").set_index("unique_id")["order"]
    assert orders.index.tolist() == sorted(IDS)
    assert (orders % 2 == 0).all()
    assert orders["S0/K3"] == 0  # thirty units are on their way
    assert (orders.drop("S0/K3") > 0).all()
    assert f"{orders.sum()} units ordered for 5 series" in out


def test_order_follows_newer_history_and_state(shop, call):
    call("order", "shop.yaml", "--out", "orders.csv")
    edit(shop / "state.csv", lambda f: f.assign(stock="0", due="0"))
    (shop / "state.csv").rename(shop / "now.csv")
    history = pd.read_csv(shop / "history.csv")
    newest = history[history["ds"] == history["ds"].max()].assign(ds="2025-10-13", y=60, in_stock=1)
    pd.concat([history, newest]).to_csv(shop / "new.csv", index=False)
    code, _, err = call("order", "shop.yaml", "--history", "new.csv", "--state", "now.csv", "--out", "more.csv")
    assert code == 0, err
    assert (pd.read_csv("more.csv")["order"] > pd.read_csv("orders.csv")["order"]).all()


def test_order_needs_what_is_declared_known_of_the_future(shop, call):
    edit(shop / "history.csv", lambda f: f.assign(promo=[str(k % 2) for k in range(len(f))]))
    model = {"kind": "lightgbm", "lags": [1, 2], "params": {"n_estimators": 5}}
    tree = {**CONFIG, "data": {**CONFIG["data"], "known_future": ["promo"]}}
    write_config(shop, {**tree, "forecasters": {**CONFIG["forecasters"], "average": model}})
    code, _, err = call("order", "shop.yaml", "--out", "orders.csv")
    assert code == 2
    assert "promo is declared known-future and is not known for unique_id='S0/K0' at 2025-10-13" in err
    ahead = pd.DataFrame({
        "unique_id": np.repeat(IDS, 2), "ds": ["2025-10-13", "2025-10-20"] * 6, "y": "", "in_stock": "", "promo": "1",
    })  # fmt: skip
    edit(shop / "history.csv", lambda f: pd.concat([f, ahead]))
    code, _, err = call("order", "shop.yaml", "--out", "orders.csv")
    assert code == 0, err
    assert len(pd.read_csv("orders.csv")) == 6


def test_order_keeps_rows_and_columns_of_a_template(shop, call):
    template = pd.DataFrame({"unique_id": IDS[::-1], "note": list("abcdef"), "qty": 0})
    template.to_csv(shop / "template.csv", index=False)
    tree = {**CONFIG, "order": {**CONFIG["order"], "template": {"path": "template.csv", "column": "qty"}}}
    write_config(shop, tree)
    assert call("order", "shop.yaml", "--out", "orders.csv")[0] == 0
    made = pd.read_csv("orders.csv")
    assert made[["unique_id", "note"]].equals(template[["unique_id", "note"]])
    template.iloc[:-1].to_csv(shop / "template.csv", index=False)
    code, _, err = call("order", "shop.yaml", "--out", "again.csv")
    assert code == 2
    assert "template.csv: unique_id='S0/K0' is not in the template" in err
    assert not Path("again.csv").exists()


def test_help_is_there_for_every_command(call):
    code, out, _ = call("--help")
    assert code == 0
    for command in ("run", "check", "backtest", "score", "simulate", "order", "report"):
        assert command in out
        assert call(command, "--help")[0] == 0


def test_help_does_not_load_the_heavy_libraries():
    code = (
        "import sys, forecast_eval.cli; print([m for m in ('pandas', 'numpy', 'numba', 'torch') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


BAD = {
    "missing file": (
        lambda shop: (shop / "history.csv").unlink(), "history.csv"),
    "missing column": (
        lambda shop: edit(shop / "history.csv", lambda f: f.rename(columns={"y": "sales"})), "column 'y' is missing"),
    "duplicate row": (
        lambda shop: edit(shop / "history.csv", lambda f: pd.concat([f, f.iloc[[3]]])),
        r"history.csv, row 242, .*\(S0/K0, 2025-01-27\).* twice"),
    "bad date": (
        lambda shop: edit(shop / "history.csv", lambda f: f.replace({"ds": {"2025-01-27": "27th Jan"}})),
        "history.csv, row 5, column ds: ds='27th Jan' is not a date"),
    "bad number": (
        lambda shop: edit(shop / "history.csv", lambda f: f.assign(y=f["y"].mask(f.index == 7, "ten"))),
        "history.csv, row 9, column y: y='ten' is not a number"),
    "negative demand": (
        lambda shop: edit(shop / "history.csv", lambda f: f.assign(y=f["y"].mask(f.index == 7, "-3"))),
        r"history.csv, row 9, column y: y=-3.0 must be >= 0"),
    "infinite demand": (
        lambda shop: edit(shop / "history.csv", lambda f: f.assign(y=f["y"].mask(f.index == 7, "inf"))),
        "history.csv, row 9, column y: y=inf must be finite"),
    "gap": (
        lambda shop: edit(shop / "history.csv", lambda f: f.drop(index=[4, 5])),
        r"history.csv, row 6, column ds: unique_id='S0/K0' misses 2 period\(s\) before 2025-02-17"),
    "negative cost": (
        lambda shop: edit(shop / "economics.csv", lambda f: f.assign(unit_cost="-1")),
        r"economics.csv, row 2, column unit_cost: unit_cost=-1.0 must be >= 0"),
    "no economics": (
        lambda shop: edit(shop / "economics.csv", lambda f: f.iloc[1:]), "'S0/K0' of the history has no economics"),
    "horizon too long": (
        lambda shop: write_config(shop, {**CONFIG, "backtest": {**CONFIG["backtest"], "horizon": 60}}),
        "horizon=60, n_windows=12, step=1 need 73 periods of history, and there are 40"),
    "unknown model": (
        lambda shop: write_config(shop, {**CONFIG, "forecasters": {
            **CONFIG["forecasters"], "x": {"kind": "statsforecast", "model": "AutoARMA"}}}),
        "forecasters.x: statsforecast has no model 'AutoARMA'; did you mean 'AutoARIMA'?"),
    "unknown key": (
        lambda shop: write_config(shop, {**CONFIG, "backtest": {**CONFIG["backtest"], "window": 3}}),
        "shop.yaml, backtest.window: unknown key 'window'; did you mean 'windows'?"),
    "unknown metric": (
        lambda shop: write_config(shop, {**CONFIG, "score": {"metrics": ["rsme"]}}),
        "score.metrics: unknown metric 'rsme'; did you mean 'rmse'?"),
    "covariate of other days": (
        lambda shop: rain_by_wednesdays(shop),  # noqa: PLW0108 - it is defined below
        "rain.csv: no row is of a row of the history; its weeks are dated by Wednesday, those of the history by M"),
    "metric without a level": (
        lambda shop: write_config(shop, {**CONFIG, "score": {"metrics": ["coverage"]}}), "coverage_80"),
    "axis that is taken": (
        lambda shop: write_config(shop, {**CONFIG, "score": {"by": ["step"]}}), "'step' is an axis of all scores"),
    "no level of a hierarchy": (
        lambda shop: write_config(shop, {**CONFIG, "score": {"hierarchy": []}}), "score.hierarchy"),
    "weight that is no number": (
        lambda shop: write_config(shop, {**CONFIG, "score": {"weight": "store"}}),
        "score.weight: store='S0' of unique_id='S0/K0' must be a number >= 0"),
    "too few replicates": (
        lambda shop: write_config(shop, {**CONFIG, "score": {"replicates": 100},
                                         "compare": {**CONFIG["compare"], "confidence": 0.99}}),
        "score.replicates: replicates=100 must be >= 200"),
    "unknown baseline": (
        lambda shop: write_config(shop, {**CONFIG, "score": {"baseline": "naiv"}}), "'naiv' is not a forecaster"),
    "unknown column": (
        lambda shop: write_config(shop, {**CONFIG, "compare": {"incumbent": "naive", "cluster": "stores"}}),
        "compare.cluster: static column 'stores' does not exist; did you mean 'store'?"),
    "supply beyond the horizon": (
        lambda shop: write_config(shop, {**CONFIG, "simulate": {"policies": [
            {"kind": "periods_of_supply", "periods": [2, 9]}]}}),
        "simulate.policies: 9 periods of supply are more than horizon=2"),
    "supply term that changes": (
        lambda shop: edit(shop / "economics.csv", lambda f: pd.concat([
            f.assign(ds="2025-01-06"), f.assign(ds="2025-06-02", lead_time="2")])),
        "economics.csv, column lead_time: lead_time changes over time for unique_id='S0/K0'"),
    "too few windows": (
        lambda shop: write_config(shop, {**CONFIG, "backtest": {**CONFIG["backtest"], "windows": 2}}),
        "backtest.windows: none of the 2 cutoffs has enough earlier windows"),
    "too many judged": (
        lambda shop: write_config(shop, {**CONFIG, "simulate": {"judged": 30}}),
        r"simulate.judged: judged=30 cutoffs, and only \d can be played; lower it, or set backtest.windows to"),
    "nothing in stock": (
        lambda shop: edit(shop / "history.csv", lambda f: f.assign(in_stock="0")),
        "no model has a rmse: all demand is hidden or unknown"),
    "forecasts with NaN": (
        lambda shop: foreign(shop, lambda f: f.assign(forecast=f["forecast"].mask(f.index == 0))),
        "made.csv, row 2, column forecast: forecast is missing"),
    "forecasts that lack a step": (
        lambda shop: foreign(shop, lambda f: f.iloc[:-1]), "made.csv: no forecast for unique_id='S2/K5', ds="),
    "forecasts of unknown ids": (
        lambda shop: foreign(shop, lambda f: f.replace({"unique_id": {"S0/K0": "S0/K9"}})),
        "made.csv: unique_id='S0/K9' is not in the history; did you mean"),
}  # fmt: skip


def rain_by_wednesdays(shop):
    """Covariate whose weeks are dated by another day than those of the history."""
    weeks = pd.date_range("2025-01-01", periods=60, freq="W-WED").strftime("%Y-%m-%d")
    pd.DataFrame({"ds": weeks, "rain": range(60)}).to_csv(shop / "rain.csv", index=False)
    covariates = [{"path": "rain.csv", "values": ["rain"]}]
    write_config(shop, {**CONFIG, "data": {**CONFIG["data"], "covariates": covariates}})


def foreign(shop, spoil):
    """Give the config a file of forecasts made elsewhere, with a fault."""
    weeks = pd.date_range("2025-01-06", periods=40, freq="W-MON")
    made = pd.DataFrame([
        {"unique_id": uid, "cutoff": weeks[k], "ds": weeks[k + h], "forecast": 9.0}
        for k in range(26, 38) for uid in IDS for h in (1, 2)
    ])  # fmt: skip
    spoil(made).to_csv(shop / "made.csv", index=False)
    forecasters = {**CONFIG["forecasters"], "made": {"kind": "file", "path": "made.csv"}}
    write_config(shop, {**CONFIG, "forecasters": forecasters})


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_clear_message_and_exit_code_2(name, shop, call):
    spoil, message = BAD[name]
    spoil(shop)
    code, out, err = call("run", "shop.yaml")
    assert code == 2, err
    assert re.search(message, err), err
    assert "Traceback" not in out + err


def test_forecasts_made_elsewhere_run_beside_the_others(shop, call):
    foreign(shop, lambda f: f)
    code, out, err = call("simulate", "shop.yaml")
    assert code == 0, err
    assert "made" in out


def test_changed_forecasts_from_elsewhere_are_a_new_run(shop, call):
    foreign(shop, lambda f: f)
    call("simulate", "shop.yaml")
    foreign(shop, lambda f: f.assign(forecast=20.0))
    assert "Nothing has changed" not in call("simulate", "shop.yaml")[1]


@pytest.mark.usefixtures("shop")
def test_table_needs_no_rmse(call):
    code, out, err = call("simulate", "shop.yaml", "--set", "score.metrics=[bias, mae]")
    assert code == 0, err
    assert "average" in out
    assert "BIAS" in out


def test_fault_found_in_a_worker_process_keeps_its_words(shop, call):
    foreign(shop, lambda f: f.iloc[:-1])
    code, _, err = call("run", "shop.yaml", "--set", "backtest.workers=2")
    assert code == 2
    assert "made.csv: no forecast for unique_id='S2/K5'" in err


def test_tables_of_a_run_can_be_fed_back(shop, call):
    call("backtest", "shop.yaml")
    table = only_run(shop) / "tables/forecasts.parquet"
    again = {"kind": "file", "path": str(table), "model": "average"}
    write_config(shop, {**CONFIG, "name": "again", "forecasters": {**CONFIG["forecasters"], "average": again}})
    assert call("simulate", "shop.yaml")[0] == 0


def test_order_says_what_it_left_out(shop, call):
    edit(shop / "state.csv", lambda f: pd.concat([f, f.iloc[[0]].assign(unique_id="zzz")]))
    code, _, err = call("order", "shop.yaml", "--out", "orders.csv")
    assert code == 0
    assert "unique_id='zzz' is not in the history" in err
    code, _, err = call("order", "shop.yaml", "--out", "none/orders.csv")
    assert code == 2
    assert "none/orders.csv: cannot write" in err


def test_kept_work_that_cannot_be_written_is_bad_input(shop, call):
    (shop / "runs/shop").mkdir(parents=True)
    (shop / "runs/shop/units").write_text("in the way")
    code, _, err = call("backtest", "shop.yaml")
    assert code == 2
    assert "cannot read or write" in err


def test_run_of_another_version_is_refused(shop, call):
    call("backtest", "shop.yaml")
    path = only_run(shop) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 0}))
    code, _, err = call("score", only_run(shop))
    assert code == 2
    assert "this run was made by another version; run its config again" in err


def test_faults_of_several_files_come_together(shop, call):
    for name in ("missing column", "negative cost"):
        BAD[name][0](shop)
    code, _, err = call("check", "shop.yaml")
    assert code == 2
    assert "column 'y' is missing" in err
    assert "unit_cost=-1.0 must be >= 0" in err


def test_price_below_cost_is_a_warning(shop, call):
    edit(shop / "economics.csv", lambda f: f.assign(price=f["price"].mask(f.index == 1, "5")))
    code, out, err = call("check", "shop.yaml")
    assert code == 0
    assert "economics.csv, row 3, column price: price=5 for unique_id='S1/K1' is below unit_cost=6" in out + err


def test_unwritable_run_directory_is_bad_input(shop, call):
    (shop / "file").write_text("in the way")
    code, _, err = call("backtest", "shop.yaml", "--runs", "file")
    assert code == 2
    assert "cannot write the run directory: Not a directory; make it writable, or give another one with --runs" in err


def test_failing_forecaster_is_named_with_its_window_and_can_be_skipped(shop, call):
    tree = yaml.safe_load(yaml.safe_dump(CONFIG))
    tree["forecasters"]["bad"] = {"kind": "statsforecast", "model": "AutoETS", "params": {"model": "QNN"}}
    write_config(shop, tree)
    code, _, err = call("simulate", "shop.yaml")
    assert code == 2
    assert re.search(r"bad failed at cutoff 2025-07-07: .*Mend it, or set backtest.on_failure to skip", err), err
    code, out, err = call("simulate", "shop.yaml", "--set", "backtest.on_failure=skip")
    assert code == 0, err
    assert "failed: bad failed at cutoff" in err
    assert "bad was left out of the money: it has no forecasts" in err
    assert "average" in out
    runs = [p for p in (shop / "runs/shop").iterdir() if p.name != "units"]
    assert all("Traceback" in next((r / "failures").iterdir()).read_text() for r in runs)


def test_config_of_a_run_is_settled(shop, call):
    call("backtest", "shop.yaml")
    code, _, err = call("score", only_run(shop), "--set", "score.metrics=[mae]")
    assert code == 2
    assert "a run's config is settled" in err
    edit(shop / "history.csv", lambda f: f.assign(y="1"))
    code, _, err = call("score", only_run(shop))
    assert code == 2
    assert "the data is not what this run was made from" in err
    assert "this directory holds no run" in call("score", shop)[2]


@pytest.mark.usefixtures("shop")
def test_our_own_fault_is_not_blamed_on_the_user(call, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("inside")

    monkeypatch.setattr("forecast_eval.pipeline.open_session", broken)
    code, _, err = call("run", "shop.yaml")
    assert code == 3
    assert "this is a fault of forecast-eval" in err
    assert "RuntimeError: inside" in err


def test_forecaster_that_refuses_its_input_says_so_by_name_and_can_be_skipped(shop, call):
    tree = yaml.safe_load(yaml.safe_dump(CONFIG))
    tree["forecasters"]["trees"] = {"kind": "lightgbm", "lags": [39], "params": {"n_estimators": 2}}
    tree["backtest"] |= {"horizon": 8, "windows": 20}
    write_config(shop, tree)
    code, _, err = call("backtest", "shop.yaml")
    assert code == 2
    assert "forecasters.trees: no series is long enough at" in err
    code, _, err = call("score", "shop.yaml", "--set", "backtest.on_failure=skip")
    assert code == 0, err
    assert "failed: trees failed at cutoff" in err


@pytest.mark.parametrize(("arrival", "wanted"), [("before_demand", [4, 34, 6, 8, 6, 10]), ("after_demand", [4] * 6)])
def test_a_decision_sees_in_the_order_what_it_sees_in_a_play(shop, call, arrival, wanted):
    (shop / "mine.py").write_text("def as_stocked(outlook):\n    return lambda view: view.on_hand\n", encoding="utf-8")
    tree = json.loads(json.dumps(CONFIG))
    tree["backtest"]["horizon"] = 3
    tree["simulate"]["conventions"] = {"arrival": arrival}
    tree["order"]["policy"] = {"kind": "python", "object": "mine:as_stocked"}
    write_config(shop, tree)
    assert call("order", "shop.yaml", "--out", "orders.csv")[0] == 0
    assert pd.read_csv("orders.csv")["order"].tolist() == wanted  # in packs of 2


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"kind": "periods_of_supply", "periods": [9]}, "order.policy: 9 periods of supply are more than horizon=2"),
        ({"kind": "python", "object": "math:pi"}, "math:pi is a float, neither a policy nor a function"),
    ],
)
def test_policy_that_cannot_order_is_refused_before_anything_runs(shop, call, policy, message):
    write_config(shop, {**CONFIG, "order": {**CONFIG["order"], "policy": policy}})
    code, out, err = call("order", "shop.yaml", "--out", "orders.csv")
    assert code == 2
    assert message in err
    assert "average" not in out + err


@pytest.mark.parametrize(
    "part", [{"truck": {"by": "store", "capacity": 9.0}}, {"substitution": {"by": "store", "share": 0.5}}]
)
def test_series_without_a_group_are_refused(shop, call, part):
    edit(shop / "static.csv", lambda frame: frame.assign(store=["S0", "", "S2", "S0", "", "S2"]))
    write_config(shop, {**CONFIG, "simulate": CONFIG["simulate"] | part})
    code, _, err = call("run", "shop.yaml")
    assert code == 2
    assert f"simulate.{next(iter(part))}.by: store of unique_id=" in err


TEAM = "shout: {formula: mean of a statistic, unit: units, direction: lower, numerator: %s}\n"


def test_run_whose_metric_means_something_else_by_now_is_not_taken_up(shop, call):
    (shop / "team.yaml").write_text(TEAM % "absolute_error", encoding="utf-8")
    write_config(shop, {**CONFIG, "score": {"metrics": ["rmse", "shout"], "catalogue": "team.yaml"}})
    code, out, _ = call("score", "shop.yaml")
    assert code == 0
    made = re.search(r"Run: (\S+)", out)[1]
    (shop / "team.yaml").write_text(TEAM % "squared_error", encoding="utf-8")
    code, _, err = call("score", made)
    assert code == 2
    assert "a metric does not mean what it did when this run was made" in err
    code, out, _ = call("score", "shop.yaml")
    assert code == 0
    assert re.search(r"Run: (\S+)", out)[1] != made
    code, out, _ = call("metrics", "diff", made, re.search(r"Run: (\S+)", out)[1])
    assert code == 0
    assert "shout: changed" in out


def test_metric_that_ranks_nothing_is_no_headline(shop, call):
    odd = {"name": "drift", "formula": "mean(error)", "unit": "units", "direction": "none", "numerator": "error"}
    write_config(shop, {**CONFIG, "score": {"metrics": [odd, "mae"]}})
    code, out, err = call("run", "shop.yaml")
    assert code == 0, err
    assert "Best on MAE" in out


def test_hierarchy_is_compared_over_its_levels(shop, call):
    levels = [[], ["store"], ["unique_id", "store"]]
    write_config(
        shop, {**CONFIG, "score": {"metrics": ["wrmsse", "rmse"], "hierarchy": levels, "by": ["store", "abc"]}}
    )
    code, out, err = call("score", "shop.yaml")
    assert code == 0, err
    tables = Path(re.search(r"Run: (\S+)", out)[1]) / "tables"
    board = pd.read_parquet(tables / "leaderboard.parquet").query("metric == 'wrmsse'").set_index("model")["value"]
    scores = pd.read_parquet(tables / "scores.parquet").query("metric == 'wrmsse'")
    total = scores.query("axis == 'total'").set_index("model")["value"]
    assert board.to_dict() == pytest.approx(total.to_dict())
    assert set(scores.query("axis == 'level'")["group"]) == {"total", "store", "unique_id x store"}


def test_metric_of_a_quantile_that_nobody_gives_is_told_before_the_backtest(shop, call):
    write_config(shop, {**CONFIG, "score": {"metrics": ["rmse", "pinball_0.9", "coverage_99"]}})
    code, out, err = call("check", "shop.yaml")
    assert code == 0, err
    told = " ".join(out.split())
    assert "coverage_99 reads the quantile 0.005 and 0.995" in told
    assert "pinball_0.9 reads" not in told


@pytest.mark.usefixtures("shop")
def test_definition_of_every_result_is_kept_with_it(call):
    code, out, err = call("run", "shop.yaml")
    assert code == 0, err
    made = Path(re.search(r"Run: (\S+)", out)[1])
    manifest, definitions = (json.loads((made / f"{name}.json").read_text()) for name in ("manifest", "definitions"))
    for table in ("scores", "leaderboard"):
        versions = pd.read_parquet(made / "tables" / f"{table}.parquet").set_index("metric")["version"].to_dict()
        assert versions.items() <= manifest["metrics"].items()
    both = manifest["metrics"] | manifest["key_figures"]
    assert both == {name: words["version"] for name, words in definitions.items()}


def test_launch_without_candidates_is_refused_before_anything_runs(shop, call):
    code, _, err = call("launch", "shop.yaml")
    assert code == 2
    assert err.strip() == (
        "shop.yaml: nothing is to be tested: the config has no online; add online.candidates and a data.world, "
        "or go on to report"
    )
    assert not (shop / "runs").exists()
