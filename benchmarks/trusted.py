"""Which offline number picks the arm that truly earns more, in a market whose truth is known.

    python benchmarks/past_launches.py FOLDER          # first: plays the markets
    python benchmarks/trusted.py FOLDER [--launches 14] [--draws 40]

Every candidate is an arm against its incumbent. A metric picks the arm that it finds better; simulated money picks the
one that earns more in the simulation; calibrated money does so after a calibration on launches of other markets, drawn
at random many times over. Regret is the profit that the wrong arm costs, in percent of the incumbent's. Intervals are
those of a bootstrap of markets. Prints too how often the 90 % prediction interval of a launch that was not learned from
held its true effect, and its measured one.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from past_launches import runs_in

from forecast_eval.align.calibration import calibrate
from forecast_eval.align.feed import launches_of
from forecast_eval.launch_book import open_book
from forecast_eval.pipeline import open_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from forecast_eval.align import Launch

    Floats = NDArray[np.float64]

LEVEL = 0.7
"""Of the pinball loss; forecasters here give one number, which is what is ordered for, and taken as this quantile."""
PINBALL = f"pinball_{LEVEL:g}"
METRICS = ("rmse", "mape", "wape", PINBALL, "newsvendor_cost", "trend_weighted_cost", "profit")
MONEY = "profit"
CALIBRATED = "calibrated profit"


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """All launches.

    market : [launch] code. true : [launch] relative lift in profit. gain : [launch, metric] how much better each metric
        finds the candidate.
    """

    launches: tuple[Launch, ...]
    market: NDArray[np.int64]
    true: Floats
    gain: Floats


def played(folder: Path) -> Played:
    """Read every market that was played to its end; launches are kept in the launch book of the folder."""
    book = open_book(folder / "launches.db")
    known = book.launches() if (folder / "launches.db").exists() else ()
    launches, market, true, gain = [], [], [], []
    for code, path in enumerate(runs_in(folder)):
        losses = pinball(path)
        table = pd.read_parquet(path / "tables" / "launches.parquet")
        truth = table[table["metric"] == MONEY].set_index("candidate")["true"]
        own = [launch for launch in known if launch.source["run"] == str(path)] or launches_of(path)
        if own[0] not in known:
            book.add(own)
        for launch in own:
            launches.append(launch)
            market.append(code)
            true.append(float(truth[launch.candidate]))
            ours, theirs = losses[launch.candidate], losses[launch.incumbent]
            gain.append([1 - ours / theirs if metric == PINBALL else better(launch, metric) for metric in METRICS])
        print(f"{path}: {len(launches)} launches", flush=True)
    return Played(tuple(launches), np.array(market), np.array(true), np.array(gain))


def pinball(path: Path) -> dict[str, float]:
    """Pinball loss of each model's forecast, over all windows of a run."""
    history = open_session(path, upto="backtest").inputs.history
    forecasts = pd.read_parquet(path / "tables" / "forecasts.parquet")
    rows = forecasts.merge(history.frame[["unique_id", "ds", "y"]], on=["unique_id", "ds"])
    short = (rows["y"] - rows["forecast"]).to_numpy()
    loss = pd.Series(np.maximum(LEVEL * short, (LEVEL - 1) * short))
    return {str(model): float(own.mean()) for model, own in loss.groupby(rows["model"].to_numpy())}


def better(launch: Launch, metric: str) -> float:
    """How much better a metric finds the candidate; NaN where it has no value."""
    if metric not in launch.offline.names:
        return float("nan")
    sign = 1.0 if launch.offline.better[launch.offline.at(metric)] == "higher" else -1.0
    return sign * launch.offline.value(metric)


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """What calibrations on other markets say of launches, one row a prediction.

    launch : position. gain : calibrated effect. held, held_measured : whether the interval held the true and the
        measured effect. width : of the interval of the true effect.
    """

    launch: NDArray[np.int64]
    gain: Floats
    held: NDArray[np.bool_]
    held_measured: NDArray[np.bool_]
    width: Floats


def calibrated(found: Played, count: int, draws: int) -> Calibrated:
    """Calibrate on `count` launches, each of another market, and predict the launches of all other markets."""
    rng = np.random.default_rng(8)
    rows = [row for _ in range(draws) for row in _predicted(found, _drawn(found, count, rng))]
    columns = np.array(rows).T
    return Calibrated(columns[0].astype(int), columns[1], columns[2] > 0, columns[3] > 0, columns[4])


def _drawn(found: Played, count: int, rng: np.random.Generator) -> list[int]:
    """Launches to learn from: markets in turn, so that they are as many as can be."""
    order = rng.permutation(found.market.max() + 1)
    chosen: list[int] = []
    while len(chosen) < count:
        for code in order[: min(count, len(order) // 2)]:
            own = [k for k in np.flatnonzero(found.market == code) if k not in chosen]
            if own and len(chosen) < count:
                chosen.append(int(rng.choice(own)))
    return chosen


def _predicted(found: Played, learned: Sequence[int]) -> Iterator[tuple[float, ...]]:
    model = calibrate([found.launches[k] for k in learned], offline=MONEY, online=MONEY)
    others = ~np.isin(found.market, found.market[list(learned)])
    for k in np.flatnonzero(others):
        launch = found.launches[k]
        assert launch.online is not None
        x, var_x = launch.offline.value(MONEY), launch.offline.error(MONEY) ** 2
        true = model.predict(x, var_x)
        seen = model.predict(x, var_x, var_y=launch.online.error(MONEY) ** 2)
        measured = launch.online.value(MONEY)
        yield (
            float(k), true.mean, float(true.low <= found.true[k] <= true.high),
            float(seen.low <= measured <= seen.high), true.high - true.low,
        )  # fmt: skip


def interval(values: Floats, market: NDArray[np.int64], draws: int = 2000) -> tuple[float, float, float]:
    """Mean, and the ends of its 95 % interval, markets being drawn with replacement."""
    known = ~np.isnan(values)
    codes = np.unique(market)
    sums = np.array([values[known & (market == c)].sum() for c in codes])
    counts = np.array([(known & (market == c)).sum() for c in codes])
    weights = np.random.default_rng(1).multinomial(len(codes), np.full(len(codes), 1 / len(codes)), draws)
    low, high = np.quantile((weights @ sums) / (weights @ counts), [0.025, 0.975])
    return float(sums.sum() / counts.sum()), float(low), float(high)


def line(name: str, right: Floats, regret: Floats, market: NDArray[np.int64]) -> str:
    """One line of the table."""
    share, cost = interval(right, market), interval(regret, market)
    return (f"{name:22} {share[0]:6.1%} ({share[1]:.0%} to {share[2]:.0%})   "
            f"{100 * cost[0]:5.2f}% ({100 * cost[1]:.2f} to {100 * cost[2]:.2f})")  # fmt: skip


def judged(gain: Floats, true: Floats) -> tuple[Floats, Floats]:
    """Whether the better arm was picked, and what the pick costs; NaN where a metric has no value."""
    right = np.where(np.isnan(gain), np.nan, (gain > 0) == (true > 0))
    return right, np.where(np.isnan(gain), np.nan, np.where(right == 1, 0.0, np.abs(true)))


def best_of(gain: Floats, found: Played) -> Floats:
    """Regret of taking the candidate that a number finds best, or the incumbent, of each market [market]."""
    out = []
    for code in np.unique(found.market):
        own = found.market == code
        options, truth = np.append(gain[own], 0.0), np.append(found.true[own], 0.0)
        out.append(truth.max() - truth[int(np.nanargmax(options))])
    return np.array(out)


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--launches", type=int, nargs="+", default=[8, 14, 30])
    parser.add_argument("--draws", type=int, default=40, help="sets of launches to learn from")
    given = parser.parse_args()
    found = played(given.folder)
    markets = np.unique(found.market)
    print(f"\n{len(found.launches)} candidates in {len(markets)} markets; {np.mean(found.true > 0):.0%} earn more "
          f"than the incumbent; true lift {found.true.mean():+.1%}, {found.true.min():+.1%} to "
          f"{found.true.max():+.1%}")  # fmt: skip
    print(f"\n{'':22} picks the better arm      regret (of incumbent's profit)")
    for n, metric in enumerate(METRICS):
        print(
            line(metric if metric != MONEY else "simulated profit", *judged(found.gain[:, n], found.true), found.market)
        )
    told = []
    for count in given.launches:
        own = calibrated(found, count, given.draws)
        right, regret = judged(own.gain, found.true[own.launch])
        print(line(f"{CALIBRATED}, {count:2}", right, regret, found.market[own.launch]))
        told.append((count, own))
    print("\nregret of taking the best of six candidates and the incumbent (of incumbent's profit)")
    for n, metric in enumerate(METRICS):
        cost = interval(best_of(found.gain[:, n], found), markets)
        print(f"{metric:22} {100 * cost[0]:5.2f}% ({100 * cost[1]:.2f} to {100 * cost[2]:.2f})")
    print("\n90 % prediction intervals of launches that were not learned from")
    for count, own in told:
        where = found.market[own.launch]
        true, seen = interval(own.held.astype(float), where), interval(own.held_measured.astype(float), where)
        print(f"learned from {count:2}: held the true effect {true[0]:.1%} ({true[1]:.0%} to {true[2]:.0%}), the "
              f"measured one {seen[0]:.1%} ({seen[1]:.0%} to {seen[2]:.0%}); {len(own.launch)} predictions "
              f"of {len(np.unique(own.launch))} launches; median width "
              f"{100 * np.median(own.width):.1f} points")  # fmt: skip
    rmse, money = (judged(found.gain[:, METRICS.index(m)], found.true) for m in ("rmse", MONEY))
    print(f"SUMMARY trusted: {len(found.launches)} candidates; better arm picked by RMSE {np.nanmean(rmse[0]):.0%}, by "
          f"simulated profit {np.nanmean(money[0]):.0%}, by calibrated profit "
          f"{np.mean(judged(told[-1][1].gain, found.true[told[-1][1].launch])[0]):.0%}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
