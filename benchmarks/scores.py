"""Scores against utilsforecast from the same frame, and every metric without training data at the size of M5.

    OMP_NUM_THREADS=1 python benchmarks/scores.py [--series 30490] [--windows 10] [--repetitions 7] [--part frame]

Parts: frame (853,720 rows, 5 models, 5 metrics, by series: `utilsforecast.evaluation.evaluate` and ours take turns on
the same pandas frame, so that a busy machine slows both, medians are compared, and the values must agree), m5 (10
windows, 5 models with five quantiles, every metric of the catalogue that needs no training data, from one wide frame).
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from forecast_eval.scores import evaluate, metrics_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from forecast_eval.scores import Scores

STEPS, MODELS = 28, 5
FASTER = 5.0
SECONDS, MEMORY = 20.0, 6e9
SHARED = {"mae": 1.0, "rmse": 1.0, "mape": 0.01, "smape": 1 / 200, "mean_error": 1.0}
"""Metrics that both have, and the factor from ours to theirs (percent; a symmetric error that is twice theirs)."""
WITHOUT_TRAINING = (
    "rmse", "mae", "mape", "smape", "wape", "bias", "mean_error", "tracking_signal", "relative_mae", "fva", "pinball",
    "crps", "coverage_80", "interval_score_80", "calibration_error", "newsvendor_cost", "underage_cost",
    "overage_cost", "cost_per_unit", "spec", "stockout_recall", "false_warning_rate",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number and its limit."""

    name: str
    value: float
    limit: str

    def __str__(self) -> str:
        """Name, number and limit."""
        return f"{self.name} {self.value:.3g} ({self.limit})"


def panel(series: int, windows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Intermittent sales by series and day, 60 % zeros as in M5; sorted by series, cutoff and day."""
    ids = np.array([f"FOODS_3_{i:05d}_CA_1" for i in range(series)], dtype=object)
    rate = rng.gamma(0.7, 2.0, series)
    demand = rng.poisson(np.repeat(rate, windows * STEPS)).astype(float)
    start = pd.date_range("2015-09-01", periods=windows, freq=f"{STEPS}D").to_numpy()
    days = start[:, None] + np.arange(1, STEPS + 1) * np.timedelta64(1, "D")  # [window, step]
    frame = {"unique_id": np.repeat(ids, windows * STEPS), "ds": np.tile(days.ravel(), series), "y": demand}
    if windows > 1:
        frame["cutoff"] = np.tile(np.repeat(start, STEPS), series)
    return pd.DataFrame(frame, copy=False)


def with_models(frame: pd.DataFrame, rng: np.random.Generator, *, quantiles: bool) -> pd.DataFrame:
    """Forecasts of five models beside demand, with or without quantiles."""
    size = len(frame)
    columns: dict[str, object] = {name: frame[name].array for name in frame}  # copied nowhere: it is large
    for k in range(MODELS):
        points = rng.gamma(1.5, 0.9 + 0.1 * k, size)
        columns[f"model{k}"] = points
        if quantiles:
            for level, factor in ((0.1, 0.1), (0.25, 0.4), (0.5, 0.9), (0.75, 1.4), (0.9, 2.2)):
                columns[f"model{k}_ql{level}"] = points * factor
    return pd.DataFrame(columns, copy=False)


def median_seconds(ours: Callable[[], object], theirs: Callable[[], object], repetitions: int) -> tuple[float, float]:
    """Median time of both, taking turns, after one call of each that is not counted."""
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(repetitions + 1):
        for call, times in zip((ours, theirs), took, strict=True):
            start = time.perf_counter()
            call()
            times.extend([time.perf_counter() - start] if turn else [])
    return median(took[0]), median(took[1])


def against_utilsforecast(series: int, repetitions: int) -> list[Figure]:
    """The same five metrics of five models by series, from one frame."""
    from utilsforecast import losses
    from utilsforecast.evaluation import evaluate as theirs

    rng = np.random.default_rng(1)
    frame = with_models(panel(series, 1, rng), rng, quantiles=False)
    functions = [losses.mae, losses.rmse, losses.mape, losses.smape, losses.bias]
    names = list(SHARED)
    compare(evaluate(frame, names), theirs(frame, metrics=functions))
    print(f"{len(frame):,} rows, {MODELS} models, {len(names)} metrics, by series")
    own, other = median_seconds(lambda: evaluate(frame, names), lambda: theirs(frame, metrics=functions), repetitions)
    print(f"  one thread: ours {own:.3f} s, utilsforecast {other:.3f} s: {other / own:.2f} times as fast")
    return [Figure("times utilsforecast on one thread", other / own, f">= {FASTER:g}")]


def compare(ours: Scores, theirs: pd.DataFrame) -> None:
    """Refuse to go on where the two differ."""
    table = ours.table[ours.table["axis"] == "series"]
    for (name, factor), other in zip(SHARED.items(), ("mae", "rmse", "mape", "smape", "bias"), strict=True):
        mine = table[table["metric"] == name].pivot_table(index="group", columns="model", values="value", observed=True)
        want = theirs[theirs["metric"] == other].set_index("unique_id")[list(mine.columns)].reindex(mine.index)
        if not np.allclose(mine * factor, want, rtol=1e-6, atol=1e-12, equal_nan=True):
            raise SystemExit(f"{name} differs from utilsforecast's {other}")


def m5_size(series: int, windows: int) -> list[Figure]:
    """Every metric that needs no training data, over ten windows of all of M5."""
    rng = np.random.default_rng(2)
    frame = with_models(panel(series, windows, rng), rng, quantiles=True)
    frame["underage"], frame["overage"] = 3.0, 0.4
    frame["in_stock"] = (rng.random(len(frame)) > 0.04).astype(float)
    metrics = metrics_named(WITHOUT_TRAINING)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    start = time.perf_counter()
    found = evaluate(frame, metrics, baseline="model0", compare=True)
    took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{len(frame):,} rows ({series:,} series, {windows} windows), {MODELS} models with 5 quantiles each, "
          f"{len(metrics)} metrics: {took:.1f} s; {len(found.table):,} scores; peak {peak / 1e9:.1f} GB, of which "
          f"{before / 1e9:.1f} GB stood before (the frame and its making)")  # fmt: skip
    return [Figure("seconds at M5's size", took, f"< {SECONDS:g}"),
            Figure("GB at M5's size", peak / 1e9, f"< {MEMORY / 1e9:g}")]  # fmt: skip


def main() -> None:
    """Run the parts that are asked for; the last line sums them up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=30_490)
    parser.add_argument("--windows", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--part", choices=("all", "frame", "m5"), default="all")
    asked = parser.parse_args()
    figures: list[Figure] = []
    if asked.part in {"all", "frame"}:
        figures += against_utilsforecast(asked.series, asked.repetitions)
    if asked.part in {"all", "m5"}:
        figures += m5_size(asked.series, asked.windows)
    print("Scores: " + "; ".join(map(str, figures)))


if __name__ == "__main__":
    main()
