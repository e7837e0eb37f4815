"""Who picks a bad proxy: the metric that goes with what was measured, a plug-in correction, or the joint posterior.

    python benchmarks/align_proxy.py [--worlds 60] [--draws 800] [--launches 8 14 30]

Of six offline metrics two are good (true correlation .8 and .7 with the online effect, and noisy), two tell nothing,
and two are traps: what is true of them has nothing to do with the online effect, but their errors share stores and
demand with the test (correlation .8). Every world has past launches to learn from, and next ones whose truth is known;
its means, which are what every metric is biased by, are drawn at random with standard deviation .3.
Naive picks the highest correlation with the measured effect; plug-in the highest after variances and covariances of
errors are taken off (a metric without a variance left is out); ours the highest posterior quality. The regret of a pick
is that of "launch where it says better", in per cent of what hindsight earns; the composite launches where it predicts
better; advised is the composite where that is the advice, else our pick.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time

import numpy as np

from forecast_eval.align import Deltas, Launch, OnlineTest
from forecast_eval.align.composite import compose
from forecast_eval.align.joint import sample
from forecast_eval.align.ranking import rank

LAUNCHES = (8, 14, 30)
NAMES = ("good", "fair", "idle", "dull", "trap", "snare")
GOOD, TRAP = 2, 4
"""First metric that is not good, and first one that is a trap."""
SPREAD = np.array([1.0, 1.0, 1.0, 1.0, 0.7, 0.7, 1.0])
ERROR = np.array([0.8, 0.7, 0.4, 0.5, 0.9, 0.8, 1.2])
BIAS, NEXT = 0.3, 20_000
PICKERS = ("naive", "plug-in", "ours", "composite", "advised")


def world() -> tuple[np.ndarray, np.ndarray]:
    """Covariances of what is true and of the errors, the online effect last."""
    truth, errors = np.eye(7), np.eye(7)
    truth[0, 6], truth[1, 6], truth[0, 1], truth[2, 3] = 0.8, 0.7, 0.5, 0.4
    errors[4, 6], errors[5, 6], errors[4, 5], errors[0, 1] = 0.8, 0.75, 0.6, 0.3
    truth, errors = (own + np.triu(own, 1).T for own in (truth, errors))
    return truth * np.outer(SPREAD, SPREAD), errors * np.outer(ERROR, ERROR)


def past(count: int, mean: np.ndarray, rng: np.random.Generator) -> tuple[list[Launch], np.ndarray]:
    """Launches in points, and the same as rows."""
    truth, errors = world()
    rows = rng.multivariate_normal(mean, truth, count) + rng.multivariate_normal(np.zeros(7), errors, count)
    start = dt.date(2025, 1, 6)
    test = OnlineTest("store", (20, 20), start, start + dt.timedelta(days=27), 4)
    found = [
        Launch(f"launch {k}", f"candidate {k}", "incumbent", start + dt.timedelta(days=7 * k), "rejected",
               Deltas.of(NAMES, row[:6], errors[:6, :6]), Deltas.of(["profit"], row[6:], errors[6:, 6:]),
               errors[:6, 6:], test)
        for k, row in enumerate(rows)
    ]  # fmt: skip
    return found, rows


def plug_in(rows: np.ndarray) -> int:
    """Metric of the highest moment estimate of its quality, cut at 1."""
    _, errors = world()
    seen = np.cov(rows.T)
    left = np.maximum(np.diag(seen) - np.diag(errors), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = (seen[:6, 6] - errors[:6, 6]) / np.sqrt(left[:6] * left[6])
        quality = np.clip(rho, -1, 1) * np.sqrt(left[:6] / (left[:6] + np.diag(errors)[:6]))
    return int(np.where(np.isfinite(quality), quality, -np.inf).argmax())


def judged(score: np.ndarray, effect: np.ndarray) -> tuple[float, float]:
    """Correlation of a score with the true effect, and what is lost by launching where it is above 0."""
    best = np.maximum(effect, 0.0)
    lost = (best - effect * (score > 0)).mean() / best.mean()
    return float(np.corrcoef(score, effect)[0, 1]), float(lost)


def one(count: int, seed: int, draws: int) -> dict[str, tuple[bool, bool, float, float]]:
    """Whether each picker took a bad metric, or a trap, its true quality, and the regret of it."""
    rng = np.random.default_rng([seed, count])
    mean = rng.normal(0, BIAS, 7)
    launches, rows = past(count, mean, rng)
    joint = sample(launches, "profit", draws=draws, seed=seed)
    found = compose(joint)
    truth, errors = world()
    effects = rng.multivariate_normal(mean, truth, NEXT)
    offline = effects[:, :6] + rng.multivariate_normal(np.zeros(6), errors[:6, :6], NEXT)
    scale = {own.name: own.effect.value / own.deviation for own in found.weights}
    composite = judged(found.intercept + offline @ [scale[name] for name in NAMES], effects[:, 6])
    picks = {
        "naive": int(np.corrcoef(rows.T)[6, :6].argmax()), "plug-in": plug_in(rows),
        "ours": NAMES.index(rank(joint).names[0]),
    }  # fmt: skip
    said = {who: (k >= GOOD, k >= TRAP, *judged(offline[:, k], effects[:, 6])) for who, k in picks.items()}
    advised = (False, False, *composite) if found.advice == "use the composite" else said["ours"]
    return said | {"composite": (False, False, *composite), "advised": advised}


def main() -> None:
    """Print a line a picker and number of launches, and one summary line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--draws", type=int, default=800)
    parser.add_argument("--launches", type=int, nargs="+", default=LAUNCHES)
    chosen = parser.parse_args()
    begun = time.perf_counter()
    print(
        f"{chosen.worlds} worlds each; bad metric picked, trap picked, true quality, regret (% of what hindsight earns)"
    )
    lines = []
    for count in chosen.launches:
        results = [one(count, seed, chosen.draws) for seed in range(chosen.worlds)]
        table = {who: np.array([own[who] for own in results], dtype=np.float64) for who in PICKERS}
        for who, own in table.items():
            picks = who in PICKERS[:3]
            bad = f"{own[:, 0].mean():.0%} {own[:, 1].mean():.0%}" if picks else "-"
            error = own[:, 3].std(ddof=1) / np.sqrt(len(own)) if len(own) > 1 else np.nan
            regret = f"{own[:, 3].mean():5.0%} +- {error:.0%}"
            print(f"{count:3} launches  {who:10} {bad:>8}  {own[:, 2].mean():5.2f}  {regret}", flush=True)
        saved = (table["ours"][:, 3] - table["composite"][:, 3]).mean()
        shares = ", ".join(f"{who} {table[who][:, 0].mean():.0%}" for who in PICKERS[:3])
        lines.append(f"{count}: {shares}; composite less than ours {saved:+.1%}")
    print(f"align_proxy: bad metric picked and regret saved by launches ({time.perf_counter() - begun:.0f} s): "
          + " | ".join(lines))  # fmt: skip


if __name__ == "__main__":
    main()
