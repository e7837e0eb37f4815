"""The command line as a person calls it; a seeded run for the report's tests, and one of a small chain; a page read."""

import dataclasses
import json
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import yaml

from forecast_eval import cli
from forecast_eval.align.calibrated import Calibrated
from forecast_eval.align.next_test import NextTest
from forecast_eval.pipeline import open_session, run
from forecast_eval.report import ReportFacts, ReportTables

MODELS = ("LightGBM newsvendor", "AutoETS", "LightGBM L2", "SeasonalNaive", "CrostonOptimized")
METRICS = (
    ("rmse", "units", "lower", "Root mean squared error."),
    ("mape", "fraction", "lower", "Mean absolute percentage error over periods with demand."),
    ("wape", "fraction", "lower", "Sum of absolute errors over sum of demand."),
    ("bias", "units", "zero", "Mean of forecast minus demand; positive is waste."),
    ("mase", "ratio", "lower", "Absolute error over that of the seasonal naive forecast."),
    ("newsvendor_cost", "EUR", "lower", "Underage and overage cost of ordering the forecast."),
)
TYPICAL = {"rmse": 13.2, "mape": 0.41, "wape": 0.27, "bias": 0.8, "mase": 0.91, "newsvendor_cost": 18_240.0}
SEGMENTS = ("trending", "not trending")
POLICY = {
    "coverage": ("0.80", "0.90", "0.95", "0.98"),
    "critical ratio": ("x0.5", "x1", "x2"),
    "supply": ("4 periods",),
}
STORES = [f"S{k}" for k in range(8)]
ITEMS = ("K0", "K1", "K2")
WEEKS = pd.date_range("2025-01-06", periods=44, freq="W-MON")
CHAIN = {
    "name": "chain",
    "data": {
        "history": {"path": "history.csv"},
        "static": {"path": "static.csv"},
        "economics": {"path": "economics.csv"},
    },
    "backtest": {"horizon": 3, "windows": 16, "workers": 1, "last_cutoff": "2025-10-13"},
    "forecasters": {
        name: {"kind": "seasonal_average", "window": window, "season": "none"}
        for name, window in (("fast", 3), ("slow", 14), ("twin", 14))
    },
    "score": {"metrics": ["rmse", "bias"], "trend": {"recent": 2, "base": 6}},
    "simulate": {"judged": 8, "scenarios": 50, "policies": [{"kind": "order_up_to", "coverage": [0.9]}]},
    "compare": {"incumbent": "slow"},
}


@pytest.fixture(scope="session")
def chain(tmp_path_factory):
    """Folder of a chain with eight stores, its config, and a finished run of three models in `runs`."""
    folder = tmp_path_factory.mktemp("chain")
    rng = np.random.default_rng(4)
    ids = [f"{store}-{item}" for store in STORES for item in ITEMS]
    rate = rng.uniform(4, 15, (len(ids), 1)) * (1 + 0.25 * np.sin(np.arange(44) / 3))
    rate[::3, 30:] *= np.linspace(1, 3, 14)  # every K0 takes off
    sales = rng.poisson(rate)
    pd.DataFrame({
        "unique_id": np.repeat(ids, 44), "ds": np.tile(WEEKS.strftime("%Y-%m-%d"), len(ids)), "y": sales.ravel(),
    }).to_csv(folder / "history.csv", index=False)  # fmt: skip
    pd.DataFrame({
        "unique_id": ids, "store": [i[:2] for i in ids], "item": [i[3:] for i in ids],
    }).to_csv(folder / "static.csv", index=False)  # fmt: skip
    pd.DataFrame({
        "unique_id": ids, "price": 10.0, "unit_cost": 6.0, "salvage": 1.0, "shelf_life": 3, "holding": 0.25,
        "goodwill": 2.0, "lead_time": 1,
    }).to_csv(folder / "economics.csv", index=False)  # fmt: skip
    (folder / "chain.yaml").write_text(yaml.safe_dump(CHAIN), encoding="utf-8")
    run(folder / "chain.yaml", root=folder / "runs", upto="simulate")
    return folder


@pytest.fixture(scope="session")
def chain_run(chain):
    """Directory of the run."""
    return next((chain / "runs" / "chain").glob("2*"))


@pytest.fixture(scope="session")
def session(chain_run):
    """Session of the run."""
    return open_session(chain_run)


@pytest.fixture(scope="session")
def chain_outcomes():
    """Give the function that makes outcomes by store, week and item; odd stores are treated from `start` on."""

    def made(start="2025-10-20", periods=6, *, lift=0.05, stores=STORES, seed=2):
        rng, first = np.random.default_rng(seed), pd.Timestamp(start)
        weeks = pd.date_range(first - pd.Timedelta(weeks=10), periods=10 + periods, freq="7D")
        rows = []
        for k, store in enumerate(stores):
            for week in weeks:
                treated = bool(k % 2) and week >= first
                for item in ITEMS:
                    sold = round(rng.poisson(12 + k) * (1 + lift * treated), 3)
                    rows.append({
                        "arm": "treatment" if treated else "control", "unit": store, "ds": week, "item": item,
                        "sold": sold, "revenue": 10 * sold, "stockouts": int(rng.random() < 0.2), "exposure": 1,
                        "wasted": int(rng.poisson(1)), "profit": 4 * sold - 3, "visits": 7,
                    })  # fmt: skip
        return pd.DataFrame(rows)

    return made


@pytest.fixture
def call(monkeypatch, capsys):
    """Call the command line as the console script does: exit code, standard output, errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["forecast-eval", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capsys.readouterr()
        return exit_.value.code or 0, out, err

    return run


@pytest.fixture(name="make_run", scope="session")
def make_run_fixture():
    """Give the function that makes tables and facts of a run."""
    return make_run


@pytest.fixture(name="make_full_run", scope="session")
def make_full_run_fixture():
    """Give the function that makes tables and facts of a run in which everything was asked for."""
    return make_full_run


@pytest.fixture(scope="session")
def read_page():
    """Give the class that reads a page into tags and data blocks."""
    return Elements


def make_run(names=MODELS, *, incumbent="SeasonalNaive", seed=7):
    """Tables and facts of a believable run: gains, a loss, noise, and a frontier for each policy."""
    rng = np.random.default_rng(seed)
    settings = pd.DataFrame([row for name in names for row in _settings(name, rng)])
    money = _money(settings, incumbent, rng)
    tables = ReportTables(
        _scores(names, rng), settings, money, _segments(money, rng), _timeline(names, rng), _usage(names)
    )
    return tables, _facts(money, incumbent)


def make_full_run(names=MODELS, *, incumbent="SeasonalNaive", seed=7):
    """As `make_run`, with every frame that a run has only where it was asked for."""
    tables, facts = make_run(names, incumbent=incumbent, seed=seed)
    rng, money = np.random.default_rng(seed + 1), tables.money
    lines = {"cost_of_goods": 108_000.0, "order_cost": 410.0, "shrink": 0.021, "gmroi": 2.4, "turns": 9.1}
    lines |= {"period_service_level": 0.93, "order_lines": 512.0, "order_variability": 0.8, "bullwhip": 1.7}
    kpis = {name: value * rng.uniform(0.9, 1.05, len(money)) for name, value in lines.items()}
    settings = tables.settings.assign(efficient=_efficient(tables.settings))
    full = dataclasses.replace(
        tables, settings=settings, money=money.assign(**kpis), waterfall=_waterfall(money, rng),
        paired=_paired(money, incumbent, rng), accuracy=_accuracy(money, rng), bounds=_bounds(money, incumbent, rng),
        worst=_worst(tables.timeline, rng), drawn=_drawn(money, incumbent, rng),
        standings=_standings(tables.scores, rng), calibration=_calibration(names, rng),
        launches=_launches([name for name in names if name != incumbent], rng),
        calibrated=_calibrated([name for name in names if name != incumbent], rng),
    )  # fmt: skip
    return full, facts


def _calibrated(candidates, rng):
    test = NextTest("store", "12 weeks", 0.02, (46, 46), None, None, 0.03, 120, 0.8, 0.05)
    numbers = [
        Calibrated(name, "profit", "profit", "share", 14, "bivariate", 0.9, value, 0.01, 0.6 * value,
                   0.6 * value - 0.02, 0.6 * value + 0.02, 0.9, 0.2, 0.9, test)
        for name, value in zip(candidates, rng.normal(0.02, 0.03, len(candidates)), strict=True)
    ]  # fmt: skip
    return pd.DataFrame([own.row for own in numbers])


def _standings(scores, rng):
    total = scores[scores["axis"] == "total"].sort_values(["metric", "value"], kind="stable")
    best = total.groupby("metric")["value"].transform("min")
    skill = rng.uniform(-0.2, 0.3, len(total))
    return total[["model", "metric", "value"]].assign(
        low=0.9 * total["value"], high=1.1 * total["value"], difference=total["value"] - best,
        difference_low=0.8 * (total["value"] - best), difference_high=1.4 * (total["value"] - best), skill=skill,
        skill_low=skill - 0.05, skill_high=skill + 0.05, win_rate=0.5 + skill, dm_p_holm=rng.uniform(0, 1, len(total)),
        tied=total["value"] < 1.05 * best,
    )  # fmt: skip


def _calibration(names, rng):
    levels = (0.1, 0.25, 0.5, 0.75, 0.9)
    return pd.DataFrame(
        {"model": name, "level": level, "share": min(1.0, level * rng.uniform(0.9, 1.1)), "n_obs": 4160}
        for name in names
        for level in levels
    )


def _launches(candidates, rng):
    rows = [
        {"candidate": name, "chosen_by": "rmse", "metric": metric, "role": role, "better": better, "agrees": "unclear",
         "standing": "not shown", "adjusted_p": 0.2, "true": rng.normal(0, 0.05)}
        for name in candidates
        for metric, role, better in (("profit", "primary", "higher"), ("waste", "diagnostic", "lower"))
    ]  # fmt: skip
    for row in rows:
        for side in ("simulated", "measured", "gap"):
            row |= {side: rng.normal(0, 0.05)}
            row |= {f"{side}_low": row[side] - 0.06, f"{side}_high": row[side] + 0.07}
    return pd.DataFrame(rows)


def _efficient(settings):
    fill, cost = settings["fill_rate"].to_numpy(), settings["mismatch_cost"].to_numpy()
    same = settings["model"].to_numpy()[:, None] == settings["model"].to_numpy()
    return ~(same & (fill[:, None] > fill) & (cost[:, None] < cost)).any(axis=0)


def _waterfall(money, rng):
    foresight = money["profit"].max() * 1.08
    frames = []
    for model, profit in zip(money["model"], money["profit"], strict=True):
        shares = rng.dirichlet((8, 5, 3, 1, 0.5)) * np.array([1.1, 1.1, 1.1, -0.4, 1])  # ordering costs it less
        lost = (profit - foresight) * shares / shares.sum()
        amounts = [foresight, *lost, profit]
        parts = ("perfect foresight", "lost margin", "waste", "holding", "order cost", "other", "profit")
        frames.append(pd.DataFrame({"model": model, "part": parts, "amount": amounts}))
    return pd.concat(frames, ignore_index=True)


def _paired(money, incumbent, rng, stores=40):
    rivals = money[money["model"] != incumbent]
    frames = [
        pd.DataFrame({
            "model": model, "cluster": [f"store-{n:02}" for n in range(stores)],
            "difference": total / stores + (spread := rng.gamma(2, 30, stores)) - spread.mean(),
        })
        for model, total in zip(rivals["model"], rivals["difference"], strict=True)
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["model", "cluster", "difference"])


def _accuracy(money, rng):
    frames = []
    for model, profit in zip(money["model"].iloc[[0, -1]].unique(), (52_000.0, 49_000.0), strict=False):
        share, own = np.array([0, 0.25, 0.5, 0.75, 1]), rng.uniform(0.24, 0.35)
        gain, width = 6100 * share**0.8 * own / 0.3, 700 * share**0.5
        frame = pd.DataFrame({"model": model, "share": share, "wape": 100 * own * (1 - share), "profit": profit + gain})
        frame = frame.assign(gain=gain, low=gain - width, high=gain + width)
        frames.append(frame.assign(per_point=np.append(np.nan, gain[1:] / (100 * own * share[1:]))))
    return pd.concat(frames, ignore_index=True)


def _bounds(money, incumbent, rng):
    frames = []
    for assumption, lift in zip(("as_is", "masked", "fill", "em", "kaplan_meier", "hours"), range(6), strict=True):
        part = money[["model", "profit", "difference", "low", "high"]].set_index("model")
        move = pd.Series(rng.normal(80 * lift, 120, len(part)), part.index).where(part.index != incumbent, 0.0)
        part = part.add(move, axis=0).reset_index()
        frames.append(part.assign(assumption=assumption, hidden_share=0.043))
    return pd.concat(frames, ignore_index=True)


def _worst(timeline, rng):
    frames = []
    for model, rows in timeline.groupby("model", sort=False):
        shown = list(rows["unique_id"].unique())
        frame = pd.DataFrame(
            {"unique_id": [*shown, "Z99/store-40"], "regret": -np.sort(-rng.gamma(3, 40, len(shown) + 1))}
        )
        frame = frame.assign(model=model, lost_sales=frame["regret"] * 1.9, waste=frame["regret"] * 0.3)
        frames.append(frame.assign(holding_cost=frame["regret"] * 0.1, fill_rate=rng.uniform(0.5, 0.9, len(frame))))
    return pd.concat(frames, ignore_index=True)


def _drawn(money, incumbent, rng):
    frame = money[["model", "profit", "difference", "low", "high", "fill_rate"]]
    width = rng.uniform(1500, 3000, len(frame))
    won = np.where(frame["model"] == incumbent, np.nan, 1 / (1 + np.exp(-frame["difference"] / 400)))
    return frame.assign(profit_low=frame["profit"] - width, profit_high=frame["profit"] + 0.8 * width, share_won=won)


def _settings(model, rng):
    skill = rng.uniform(0.75, 1.2)  # scales the forecast error, and with it the whole frontier
    rows = []
    for policy, settings in POLICY.items():
        for knob, setting in enumerate(settings):
            buffer = 0.9 + 0.5 * knob + rng.normal(0, 0.03) + 0.2 * (policy == "critical ratio")
            stock, fill = 2300 * (0.6 + 0.5 * skill * buffer), 1 - 0.16 * skill * np.exp(-1.1 * buffer)
            lost, waste = 1.8e5 * (1 - fill), 520 * skill * buffer**1.6
            profit = 52_000 - 0.4 * lost - waste
            rows.append(
                {
                    "model": model, "policy": policy, "setting": f"{policy} {setting}", "knob": float(knob),
                    "chosen": False, "best": False, "profit": profit, "revenue": 1.8e5 - lost,
                    "gross_profit": 7.1e4 - lost / 2, "mismatch_cost": 0.4 * lost + waste, "lost_units": lost / 12.4,
                    "lost_sales": lost, "wasted_units": waste / 7.9, "waste": waste,
                    "holding_cost": stock / 6, "shortage_cost": lost / 9, "fill_rate": fill,
                    "cycle_service_level": fill - 0.04, "days_of_supply": stock / 300, "mean_stock": stock,
                    "end_stock": 7 * stock,
                }
            )  # fmt: skip
    by_profit = sorted(range(len(rows)), key=lambda place: -rows[place]["profit"])
    rows[by_profit[0]]["best"] = True
    rows[by_profit[int(rng.integers(0, 2))]]["chosen"] = True
    return rows


def _money(settings, incumbent, rng):
    money = settings[settings["chosen"]].drop(columns=["policy", "knob", "chosen", "best"])
    reference = money.loc[money["model"] == incumbent, "profit"].iloc[0]
    width = rng.uniform(120, 500, len(money)) * (money["model"] != incumbent)
    difference = money["profit"] - reference
    money = money.assign(difference=difference, low=difference - width, high=difference + width)
    money["significant"] = (money["low"] > 0) | (money["high"] < 0)
    money["is_incumbent"] = money["model"] == incumbent
    return money.sort_values("profit", ascending=False).reset_index(drop=True)


def _scores(names, rng):
    axes = {"total": ("all",), "trend": SEGMENTS, "cutoff": ("2026-08-02", "2026-08-30", "2026-09-27")}
    return pd.DataFrame(
        {
            "model": name, "metric": metric, "axis": axis, "group": group,
            "value": TYPICAL[metric] * rng.normal(1, 0.12), "n_obs": 4160, "n_missing": 0,
        }
        for name in names for metric in TYPICAL for axis, groups in axes.items() for group in groups
    )  # fmt: skip


def _usage(names):
    return pd.DataFrame({
        "model": names, "fit_seconds": np.arange(len(names)) + 0.5, "predict_seconds": 1.5, "latency_ms": 0.25,
        "peak_mb": 321.0, "failures": 0,
    })  # fmt: skip


def _segments(money, rng):
    parts = []
    for segment, share in zip(SEGMENTS, (0.38, 0.62), strict=True):
        part = money[["model", "profit", "lost_sales", "waste", "holding_cost", "shortage_cost", "difference"]]
        part = part.set_index("model").mul(share * rng.uniform(0.8, 1.2, (len(money), 1))).reset_index()
        part = part.assign(segment=segment, n_series=int(400 * share))
        parts.append(part.assign(low=part["difference"] - 150, high=part["difference"] + 150))
    return pd.concat(parts, ignore_index=True)


def _timeline(names, rng):
    ds = pd.date_range("2026-06-07", periods=26, freq="W")
    frames = []
    for series, level in (("A17/store-03", 40), ("B02/store-11", 12), ("C88/store-03", 150)):
        demand = rng.poisson(level * (1 + 0.3 * np.sin(np.arange(26) / 3)))
        for name in names:
            stock = np.maximum(demand * rng.normal(1.2, 0.3, 26), 0).round()
            frame = pd.DataFrame({"ds": ds, "demand": demand, "on_hand": stock, "lost": np.maximum(demand - stock, 0)})
            frame = frame.assign(model=name, unique_id=series, cutoff=ds[0] - pd.Timedelta(weeks=1), ordered=demand)
            frames.append(
                frame.assign(forecast=level * rng.normal(1, 0.1, 26), wasted=np.maximum(stock - demand, 0) // 2)
            )
    return pd.concat(frames, ignore_index=True)


def _facts(money, incumbent):
    best = money.iloc[0]
    return ReportFacts(
        title="Weekly replenishment, autumn backtest",
        sentence=f"{best['model']} would earn EUR {best['difference']:,.0f} a week more than {incumbent}.",
        incumbent=incumbent, currency="EUR", confidence=0.95,
        notes=("Orders are placed weekly and arrive after one week.", "Lost demand does not come back."),
        warnings=("112 of 41,600 periods were out of stock; their demand is hidden.",),
        failures=("NHITS: the series A17/store-03 is shorter than the input size.",),
        facts=(("series", "400"), ("cutoffs", "3"), ("seed", "7"), ("data fingerprint", "9f2c41d07be3" * 5)),
        metrics=METRICS,
    )  # fmt: skip


class Elements(HTMLParser):
    """Start tags of a page with their attributes, and the text of its data blocks."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.blocks, self._inside = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = "data-chart" in dict(attrs)

    def handle_data(self, data):
        if self._inside:
            self.blocks.append(json.loads(data, parse_constant=pytest.fail))
            self._inside = False

    def count(self, name):
        return sum(tag == name for tag, _ in self.tags)
