"""Our backtest against StatsForecast.cross_validation, cost by number of series, and the whole M5 run.

    python benchmarks/backtest_figures.py [--data FOLDER] [--part statsforecast|scaling|m5] [--repeats N]

Data: M5 (Walmart), stores CA_1 and TX_1, 6,098 series of 419 days; not part of this project, see README. FOLDER holds
`m5_two_stores`, and defaults to $FORECAST_EVAL_DATA. Every measurement is a process of its own, so that memory is that
of the work and not of what ran before; ours and theirs take turns, and ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd

HORIZON, WINDOWS = 28, 3
SEASON = 7
SIZES = (100, 500, 1000, 2000, 4000, 6098)
MODELS = {
    "seasonal_naive": ("SeasonalNaive", (("season_length", SEASON),)),
    "croston": ("CrostonSBA", ()),
    "theta": ("Theta", (("season_length", SEASON),)),
    "ets": ("AutoETS", (("model", "ANN"), ("season_length", 1))),
}


def sales(folder: Path, count: int | None) -> pd.DataFrame:
    """M5 as a long frame: unique_id, ds, y of the first `count` series."""
    table = pd.read_csv(folder / "m5_two_stores" / "sales_train_validation.csv.gz", nrows=count)
    days = [c for c in table.columns if c.startswith("d_")]
    calendar = pd.read_csv(folder / "m5_two_stores" / "calendar.csv", parse_dates=["date"]).set_index("d")["date"]
    ids = (table["item_id"] + "/" + table["store_id"]).to_numpy()
    return pd.DataFrame({
        "unique_id": np.repeat(ids, len(days)), "ds": np.tile(calendar[days].to_numpy(), len(ids)),
        "y": table[days].to_numpy(dtype=float).ravel(),
    }).sort_values(["unique_id", "ds"], kind="stable", ignore_index=True)  # fmt: skip


def ours(frame: pd.DataFrame, models: list[str], refit: int) -> pd.DataFrame:
    """Our backtest: one row a model, cutoff, series and day."""
    from backtest import History, RollingWindows, Settings, backtest
    from backtest.adapters import StatsForecastModel

    made = backtest(
        History.of(frame),
        {name: StatsForecastModel(*MODELS[name]) for name in models},
        windows=RollingWindows(HORIZON, step=HORIZON, n_windows=WINDOWS, refit=refit),
        settings=Settings(levels=()),
    )
    return made.forecasts


def theirs(frame: pd.DataFrame, models: list[str], refit: int) -> pd.DataFrame:
    """The same by StatsForecast itself: one row a cutoff, series and day, and one column a model."""
    import statsforecast.models
    from statsforecast import StatsForecast

    built = [getattr(statsforecast.models, MODELS[n][0])(**dict(MODELS[n][1]), alias=n) for n in models]
    return StatsForecast(models=built, freq="D", n_jobs=1).cross_validation(
        df=frame, h=HORIZON, n_windows=WINDOWS, step_size=HORIZON, refit=True if refit == 1 else refit
    )


def child(given: argparse.Namespace) -> None:
    """Do one measurement and write what it took."""
    frame, models = sales(given.data, given.series), given.models.split(",")
    work = {"ours": ours, "theirs": theirs}[given.child]
    work(frame.head(10 * (WINDOWS + 2) * HORIZON), models, given.refit)  # imports and compiles
    wall, cpu = time.perf_counter(), time.process_time()
    made = work(frame, models, given.refit)
    took = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    key = ["unique_id", "ds", "cutoff"]
    wide = (
        made.pivot_table(index=key, columns="model", values="forecast")
        if given.child == "ours"
        else made.set_index(key)
    )
    wide[models].clip(lower=0.0).sort_index().to_parquet(given.out / f"{given.child}.parquet")
    (given.out / f"{given.child}.json").write_text(json.dumps(took))


def measured(who: str, given: argparse.Namespace, *, series: int, models: list[str], refit: int, out: Path) -> dict:
    """Run one measurement in a process of its own."""
    command = [
        sys.executable, __file__, "--child", who, "--data", given.data, "--series", str(series), "--refit", str(refit),
        "--models", ",".join(models), "--out", out,
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NIXTLA_NUMBA_CACHE": "1"}
    subprocess.run(command, check=True, env=environment)  # noqa: S603 - this script itself
    return json.loads((out / f"{who}.json").read_text())


def against_statsforecast(given: argparse.Namespace) -> str:
    """Wall time and peak memory against the peer, and how far the forecasts differ."""
    print(f"{given.series} M5 series, {WINDOWS} windows of {HORIZON} days, one process, {given.repeats} runs in turns")
    print(f"{'':44} {'wall':>6} {'cpu':>6} {'memory':>7} {'largest difference':>19}")
    worst = []
    for label, models, refit in (
        ("all four models, refit at every window", list(MODELS), 1),
        ("the two cheapest, refit at every window", ["seasonal_naive", "croston"], 1),
        ("Theta and ETS, fitted once", ["theta", "ets"], WINDOWS),
    ):
        took: dict[str, list[dict]] = {"ours": [], "theirs": []}
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            for _ in range(given.repeats):
                for who, runs in took.items():
                    runs.append(measured(who, given, series=given.series, models=models, refit=refit, out=out))
            one, other = (pd.read_parquet(out / f"{who}.parquet") for who in took)
        ratio = {
            fact: statistics.median(r[fact] for r in took["ours"]) / statistics.median(r[fact] for r in took["theirs"])
            for fact in ("wall", "cpu", "peak")
        }
        gap = float((one[models] - other.loc[one.index, models]).abs().to_numpy().max())
        print(f"{label:44} {ratio['wall']:6.2f} {ratio['cpu']:6.2f} {ratio['peak']:7.2f} {gap:19.1e}")
        worst.append((ratio, gap))
    first = worst[0]
    return (
        f"against StatsForecast.cross_validation: wall time x {first[0]['wall']:.2f}, peak memory x "
        f"{first[0]['peak']:.2f}, largest difference {max(g for _, g in worst):.0e}"
    )


def scaling(given: argparse.Namespace) -> str:
    """Cost per series and window by number of series."""
    print(f"\n{'series':>7} {'seconds':>8} {'ms a series and window':>23} {'peak MB':>8}")
    unit = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            took = measured(
                "ours", given, series=size, models=["seasonal_naive", "croston", "theta"], refit=1, out=Path(folder)
            )
            each = 1000 * took["wall"] / size / WINDOWS
            unit.append(each)
            print(f"{size:7,} {took['wall']:8.1f} {each:23.2f} {took['peak']:8,.0f}")
    return f"cost per series and window at {SIZES[-1]:,} series is {unit[-1] / unit[2]:.2f} of that at {SIZES[2]:,}"


class Memory(threading.Thread):
    """Largest resident memory of a process and all below it, sampled [MB]."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak = pid, 0.0

    def run(self) -> None:
        """Sample until the process ends."""
        while (Path("/proc") / str(self.pid)).exists():
            self.peak = max(self.peak, self._now())
            time.sleep(0.25)

    def _now(self) -> float:
        parents, sizes = {}, {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                    parents[int(entry.name)] = int(fields[1])
                    sizes[int(entry.name)] = _share(entry)
                except OSError:
                    continue
        family = {self.pid}
        for _ in range(6):
            family |= {pid for pid, parent in parents.items() if parent in family}
        return sum(sizes.get(pid, 0.0) for pid in family)


def _share(entry: Path) -> float:
    """Memory of a process [MB]; pages that several share are split among them."""
    for line in (entry / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return float(line.split()[1]) / 1024
    return 0.0


def m5(given: argparse.Namespace) -> str:
    """The run of configs/m5.yaml from scratch: time of each stage, memory, and accuracy as others measure it."""
    config = Path(__file__).parents[1] / "configs" / "m5.yaml"
    program = Path(sys.executable).parent / "forecast-eval"
    environment = os.environ | {"FORECAST_EVAL_DATA": str(given.data.resolve()), "OMP_NUM_THREADS": "1"}
    stages, peak = {}, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for stage in ("check", "backtest", "score", "simulate", "report"):
            command = [str(program), stage, str(config), *([] if stage == "check" else ["--runs", folder])]
            start = time.perf_counter()
            process = subprocess.Popen(  # noqa: S603 - our own program
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            memory = Memory(process.pid)
            memory.start()
            out, _ = process.communicate()
            if process.returncode:
                raise SystemExit(f"{' '.join(command)} failed")
            stages[stage], peak = time.perf_counter() - start, max(peak, memory.peak)
            print(f"\n{stage}: {stages[stage]:.0f} s, peak memory {memory.peak:,.0f} MB\n{out}")
        (made,) = Path(folder).glob("m5/*/tables/forecasts.parquet")
        table = accuracy(pd.read_parquet(made), sales(given.data, None))
    print(table.round(3).to_string())
    order = table.sort_values("rmsse").index.tolist()
    return f"M5 by RMSSE, best first: {', '.join(order)}; whole run {sum(stages.values()):.0f} s, peak {peak:,.0f} MB"


def accuracy(forecasts: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Mean over series and cutoffs of utilsforecast's RMSSE and MASE, each series from its first sale on."""
    from utilsforecast.losses import mase, rmsse

    begun = history["y"].groupby(history["unique_id"]).cumsum() > 0
    history = history[begun]
    wide = forecasts.pivot_table(index=["cutoff", "unique_id", "ds"], columns="model", values="forecast").reset_index()
    models = [c for c in wide.columns if c not in ("cutoff", "unique_id", "ds")]
    rows = []
    for cutoff, part in wide.groupby("cutoff"):
        seen = part.drop(columns="cutoff").merge(history, on=["unique_id", "ds"])
        past = history[history["ds"] <= cutoff]
        scores = {
            "rmsse": rmsse(seen, models, seasonality=1, train_df=past),
            "mase": mase(seen, models, seasonality=SEASON, train_df=past),
        }
        rows.append(pd.DataFrame({
            name: score[models].replace([np.inf, -np.inf], np.nan).mean() for name, score in scores.items()
        }))  # fmt: skip
    return sum(rows[1:], rows[0]) / len(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FORECAST_EVAL_DATA", "data")))
    parser.add_argument("--part", choices=("statsforecast", "scaling", "m5"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--child", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--models", default="", help=argparse.SUPPRESS)
    parser.add_argument("--refit", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not (given.data / "m5_two_stores").is_dir():
        parser.error(f"no folder {given.data / 'm5_two_stores'}: set FORECAST_EVAL_DATA, or give --data")
    if given.child:
        child(given)
        return
    parts = {"statsforecast": against_statsforecast, "scaling": scaling, "m5": m5}
    print("; ".join([work(given) for name, work in parts.items() if given.part in (None, name)]))


if __name__ == "__main__":
    main()
