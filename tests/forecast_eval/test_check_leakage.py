"""The leak probe on the command line: a table, an exit code, forecasters of the config's own folder."""

import re
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from forecast_eval.config import load_config
from forecast_eval.pipeline import checked
from forecast_eval.probe import leakage, sampled
from forecast_eval.read import read_inputs
from forecast_eval.train_costs import KnownCosts

IDS = [f"S{k % 3}/K{k}" for k in range(8)]
CONFIG = {
    "name": "shop",
    "data": {
        "history": {"path": "history.csv"},
        "static": {"path": "static.csv"},
        "economics": {"values": {"price": 10, "unit_cost": 6, "holding": 0.3, "lead_time": 1}},
        "known_future": ["promo"],
    },
    "backtest": {"horizon": 2, "windows": 12, "workers": 1, "quantiles": [0.1, 0.9]},
    "forecasters": {
        "average": {"kind": "seasonal_average", "window": 8, "season": "none"},
        "naive": {"kind": "statsforecast", "model": "Naive"},
    },
    "compare": {"incumbent": "naive"},
}
MINE = """
import numpy as np
import pandas as pd

SOLD = pd.read_csv({path!r}).groupby("unique_id")["y"].mean()


def honest(known, periods):
    mean = known.history.groupby("unique_id")["y"].apply(lambda y: y.iloc[-periods:].mean())
    rows = known.wanted()
    return rows.assign(forecast=mean.loc[rows["unique_id"]].to_numpy())


def reader(known):
    rows = known.wanted()
    return rows.assign(forecast=SOLD.loc[rows["unique_id"]].to_numpy())


def dice(known):
    return known.wanted().assign(forecast=np.random.default_rng().random())


class Largest:
    seen = []

    def fit(self, known):
        return self

    def predict(self, known):
        self.seen.append(known.history["y"].sum())
        return known.wanted().assign(forecast=max(self.seen))
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    rng, weeks = np.random.default_rng(1), pd.date_range("2025-01-06", periods=40, freq="W-MON")
    pd.DataFrame({
        "unique_id": np.repeat(IDS, 40), "ds": np.tile(weeks.strftime("%Y-%m-%d"), 8), "y": rng.poisson(9, 320),
        "in_stock": (rng.random(320) > 0.1).astype(int), "promo": rng.integers(0, 2, 320),
        "visitors": rng.poisson(200, 320),
    }).to_csv(tmp_path / "history.csv", index=False)  # fmt: skip
    pd.DataFrame({"unique_id": IDS, "store": [i[:2] for i in IDS]}).to_csv(tmp_path / "static.csv", index=False)
    (tmp_path / "mine_shop.py").write_text(MINE.format(path=str(tmp_path / "history.csv")), encoding="utf-8")
    write(tmp_path, {})
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("mine_shop", None)


def write(folder, more):
    tree = {**CONFIG, "forecasters": {**CONFIG["forecasters"], **more}}
    (folder / "shop.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")


def python(name, **params):
    return {"kind": "python", "object": f"mine_shop:{name}", "params": params}


def test_clean_forecasters_are_said_to_be_clean_within_100_columns(shop, call):
    lightgbm = {"kind": "lightgbm", "lags": [1, 2], "static": ["store"], "params": {"n_estimators": 3}}
    write(shop, {"lightgbm": lightgbm, "honest": python("honest", periods=4)})
    code, out, err = call("check", "shop.yaml", "--leakage")
    assert code == 0, err
    for name in ("average", "naive", "lightgbm", "honest"):
        assert re.search(rf"{name} +2025-\d\d-\d\d, 2025-\d\d-\d\d, 2025-\d\d-\d\d +clean", out), out
    assert max(map(len, out.splitlines())) <= 100
    assert "probe:" in err


def test_what_is_wrong_is_named_and_the_exit_code_is_1(shop, call):
    write(shop, {"dice": python("dice"), "largest": python("Largest")})
    code, out, _ = call("check", "shop.yaml", "--leakage")
    assert code == 1
    assert re.search(r"dice .* not deterministic", out), out
    words = " ".join(out.replace("\n", " ").split())
    assert "leaks: what it saw at later cutoffs" in words, out
    assert re.search(r"naive .* clean", out)


@pytest.mark.usefixtures("shop")
def test_without_leakage_nothing_is_probed(call):
    code, out, _ = call("check", "shop.yaml")
    assert code == 0
    assert "clean" not in out


def test_forecasts_made_elsewhere_cannot_be_probed_and_are_no_reason_to_refuse(shop, call):
    weeks = pd.date_range("2025-01-06", periods=40, freq="W-MON")
    pd.DataFrame([
        {"unique_id": uid, "cutoff": weeks[k], "ds": weeks[k + h], "forecast": 9.0}
        for k in range(26, 38) for uid in IDS for h in (1, 2)
    ]).to_csv(shop / "made.csv", index=False)  # fmt: skip
    write(shop, {"made": {"kind": "file", "path": "made.csv"}})
    code, out, err = call("check", "shop.yaml", "--leakage")
    assert code == 0, err
    assert re.search(r"made +none +cannot be probed: its forecasts were made elsewhere", out), out


def test_forecaster_that_does_not_exist_is_one_fault_at_its_key(shop, call):
    write(shop, {"mine": python("honset")})
    code, _, err = call("check", "shop.yaml")
    assert code == 2
    assert "forecasters.mine: mine_shop has no 'honset'; did you mean 'honest'?" in err


def test_forecaster_of_the_folder_runs_in_two_processes(shop, call):
    write(shop, {"honest": python("honest", periods=4)})
    code, _, err = call("backtest", "shop.yaml", "--set", "backtest.workers=2")
    assert code == 0, err
    (run,) = [p for p in (shop / "runs/shop").iterdir() if p.name != "units"]
    made = pd.read_parquet(run / "tables/forecasts.parquet")
    assert made.loc[made["model"] == "honest", "forecast"].notna().all()
    assert made["model"].nunique() == 3


def test_sample_is_seeded_and_holds_series_that_are_on_sale(shop):
    config = load_config(shop / "shop.yaml")
    history = checked(config, shop)[0].history
    ended = history.frame["unique_id"].isin(IDS[:3]) & (history.frame["ds"] > history.calendar[20])
    shorter = type(history).of(history.frame[~ended], static=history.static.reset_index(), known_future=["promo"])
    one, again, other = (sampled(shorter, 4, history.calendar[30], seed=seed) for seed in (3, 3, 4))
    assert list(one.static.index) == list(again.static.index) != list(other.static.index)
    assert set(one.static.index) <= set(IDS[3:])
    assert len(one.static) == 4
    assert set(one.frame["unique_id"]) == set(one.static.index)
    assert sampled(shorter, 8, history.calendar[30], seed=3) is shorter


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"cutoffs": ["2025-08-04", "2025-08-18", "2025-09-01", "2025-09-22"]}, "the cutoffs are not evenly apart"),
        ({"windows": 1}, "none of the 1 cutoffs has enough earlier windows"),
    ],
    ids=["uneven", "one cutoff"],
)
@pytest.mark.parametrize("more", [[], ["--leakage"]], ids=["check", "probe"])
def test_config_that_is_too_short_for_money_is_checked_and_told_why(keys, why, more, shop, call):
    tree = yaml.safe_load((shop / "shop.yaml").read_text())
    tree["backtest"] = {k: v for k, v in tree["backtest"].items() if k != "windows"} | keys
    (shop / "shop.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    code, out, err = call("check", "shop.yaml", *more)
    assert code == 0, err
    words = " ".join(re.sub(r"[^\w\s;:,]", " ", out).split())
    assert f"judged: none, {why}" in words, out
    assert out.count("clean") == (2 if more else 0)
    assert call("backtest", "shop.yaml")[0] == 0


def test_last_line_of_the_probe_says_what_is_out_of_its_reach(shop, call):
    write(shop, {"reader": python("reader")})
    code, out, _ = call("check", "shop.yaml", "--leakage")
    assert code == 0
    assert out.splitlines()[-1] == (
        "Out of the probe's reach: forecasts made elsewhere, and files that a forecaster reads by itself."
    )


def test_sample_is_what_is_probed(shop):
    config = load_config(shop / "shop.yaml")
    told = []
    found = leakage(config, checked(config, shop)[0], shop, series=2, progress=lambda *said: told.append(said))
    assert [own.verdict for own in found] == ["clean", "clean"]
    assert told == [("average", 1, 2), ("naive", 2, 2)]


def test_training_on_prices_of_later_is_caught_and_on_those_that_were_known_is_not(shop, monkeypatch):
    weeks = pd.date_range("2025-01-06", periods=40, freq="W-MON").strftime("%Y-%m-%d")
    rows = {"unique_id": np.repeat(IDS, 40), "ds": np.tile(weeks, 8), "price": np.tile(9 + np.arange(40) / 9, 8)}
    pd.DataFrame({**rows, "unit_cost": 6.0, "holding": 0.3}).to_csv(shop / "prices.csv", index=False)
    trained = {"kind": "lightgbm", "lags": [1], "loss": {"family": "newsvendor"}, "params": {"n_estimators": 2}}
    write(shop, {"trained": trained})
    tree = yaml.safe_load((shop / "shop.yaml").read_text())
    tree["data"]["economics"] = {"path": "prices.csv"}
    tree["backtest"]["windows"] = 4
    (shop / "shop.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    config = load_config(shop / "shop.yaml")
    inputs = read_inputs(config.data, shop, config.seed)
    assert leakage(config, inputs, shop, series=8)[-1].verdict == "clean"
    newest = lambda own, known: own.economics  # noqa: ARG005, E731 - as if it did not look at the cutoff
    monkeypatch.setattr(KnownCosts, "_terms", newest)
    assert leakage(config, inputs, shop, series=8)[-1].verdict == "clean"  # the engine hands it no later prices
    monkeypatch.setattr(KnownCosts, "as_known", lambda own, cutoff: own)  # noqa: ARG005 - as if it had none
    (_, _, caught) = leakage(config, inputs, shop, series=8)
    assert {leak.what for leak in caught.leaks} == {"prices and costs"}
