"""Whether a past launch is replayed rightly, in markets whose truth is known: bias, width and coverage of estimates.

    OMP_NUM_THREADS=1 python benchmarks/replay.py [--markets 4] [--stores 40] [--tests 500]

A retailer runs a backtest, and then plays 12 weeks with its incumbent in all stores, and again with each candidate in
all stores: both outcomes and both histories of every store are known, since forecasters and policy look at a store's
own records alone. Each history is replayed by a run whose windows cover the 12 weeks. A test draws matched pairs on the
26 weeks before, sees one outcome and one history of each store, leaves three weeks out, and is read in four ways:
the replay alone, the difference in means, CUPED, and doubly robust. The truth is that of all stores.

Replays are of demand that was recovered as the run says (em), from forecasts that learn from the store's records. Two
more show what it costs that these records are the arm's own: true demand, which no shop has, in place of recovered; and
one history, where the replays of all stores are of what they recorded under the incumbent, so that nothing that is
replayed depends on the arm. Figures are points of relative lift; missed is the share of intervals without the truth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from forecast_eval.align.doubly_robust import Potential, doubly_robust
from forecast_eval.launching import planner
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.metric import OnlineMetric
from forecast_eval.online.outcomes import outcomes_of
from forecast_eval.online.paired import paired_effect
from forecast_eval.online.sample import Sample
from forecast_eval.online.samples import means_of
from forecast_eval.online.simulated import simulated
from forecast_eval.online.strata import strata_of
from forecast_eval.pipeline import advance, open_session
from forecast_eval.read import world_of
from forecast_eval.world import outcomes, play

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from forecast_eval.online.outcomes import Outcomes
    from forecast_eval.pipeline import Session
    from forecast_eval.world import State

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

WEEKS, WASHOUT, PRE, HISTORY = 12, 3, 26, 104
INCUMBENT = "slow"
FORECASTERS: dict[str, dict[str, Any]] = {
    INCUMBENT: {"kind": "seasonal_average", "window": 13, "season": "none"},
    "quick": {"kind": "seasonal_average", "window": 4, "season": "none"},
    "filled": {
        "kind": "statsforecast", "model": "SimpleExponentialSmoothing", "params": {"alpha": 0.3},
        "hidden_demand": "fill",
    },
}  # fmt: skip
METRICS = {
    "profit": OnlineMetric("profit", "profit", role="primary"),
    "stockout_rate": OnlineMetric("stockout_rate", "stockouts", "exposure", better="lower"),
}
WAYS = (
    "replay alone", "difference in means", "CUPED", "doubly robust", "doubly robust, true demand",
    "doubly robust, one history",
)  # fmt: skip


def config_of(seed: int, stores: int) -> dict[str, Any]:
    """Backtest before the test."""
    world = {
        "preset": "mild", "viral_share": 0, "stores": stores, "skus": 12, "weeks": HISTORY, "ahead": WEEKS + 3,
        "trending_share": 0.2, "truth": False,
    }  # fmt: skip
    return {
        "name": "before", "seed": seed, "data": {"world": world},
        "backtest": {"horizon": 3, "windows": 8, "hidden_demand": "as_is", "quantiles": [0.5], "workers": 1},
        "forecasters": FORECASTERS, "score": {"metrics": ["rmse"], "hidden_demand": "as_is", "replicates": 100},
        "simulate": {
            "judged": 4, "hidden_demand": "em", "scenarios": 50,
            "policies": [{"kind": "periods_of_supply", "periods": [2]}],
        },
        "compare": {"incumbent": INCUMBENT, "cluster": "store"},
        "online": {"candidates": [name for name in FORECASTERS if name != INCUMBENT]},
    }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """The market after all stores had one planner: what was measured, by store and week, and its replays.

    played : model -> its outcomes in the weeks that count, on recovered demand; true : on true demand.
    """

    measured: Outcomes
    played: dict[str, Outcomes]
    true: dict[str, Outcomes]


def market(seed: int, stores: int, folder: Path) -> dict[str, Past]:
    """By planner that all stores had."""
    path = folder / "before.yaml"
    path.write_text(yaml.safe_dump(config_of(seed, stores), sort_keys=False))
    session = open_session(path, root=folder / "runs")
    advance(session, "simulate")
    assert session.config.data.world is not None
    state = world_of(session.config.data.world, session.config.seed)
    return {model: past(session, state, model, folder / model) for model in FORECASTERS}


def past(session: Session, state: State, model: str, folder: Path) -> Past:
    """Play the test's weeks with one planner everywhere, and replay them with all models."""
    fork = state.fork()
    arms = np.full(state.world.spec.stores, model, dtype=object)
    records = play(fork, {model: planner(session, model)}, arms, WEEKS)
    measured = outcomes(state.world, records).drop(columns="arm").rename(columns={"segment": "category"})
    total = measured.groupby(["unit", "ds"], as_index=False).sum(numeric_only=True)
    folder.mkdir()
    history = fork.seen().history()
    history.to_csv(folder / "history.csv", index=False)
    history[["unique_id", "ds"]].assign(demand=records.wanted.ravel()).to_csv(folder / "demand.csv", index=False)
    state.world.static.drop(columns="kind").to_csv(folder / "static.csv", index=False)
    state.world.terms.to_csv(folder / "economics.csv", index=False)
    return Past(
        outcomes_of(total), replays(session, folder, {}), replays(session, folder, {"demand": {"path": "demand.csv"}})
    )


def replays(session: Session, folder: Path, more: dict[str, Any]) -> dict[str, Outcomes]:
    """Run all models over the weeks of the test, and sum what they would have done."""
    tree = config_of(session.config.seed, 1)
    files = {name: {"path": f"{name}.csv"} for name in ("history", "static", "economics")}
    tree |= {"name": "after" + "true" * bool(more), "data": files | more | {"known_future": ["promo"]}}
    tree["backtest"] |= {"windows": WEEKS + 8}
    tree["simulate"] |= {"judged": WEEKS + 2}
    del tree["online"]
    path = folder / f"{tree['name']}.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    own = open_session(path, root=folder / "runs")
    advance(own, "simulate")
    return simulated(own, list(FORECASTERS), unit="store").by_model


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Two planners of one market, with weekly means [store] of numerator and denominator of one metric.

    happened, played, true : [arm that the store was in] (, [model]); before : of the pre-period.
    """

    metric: OnlineMetric
    happened: list[tuple[Floats, Floats | None]]
    played: list[list[tuple[Floats, Floats | None]]]
    true: list[list[tuple[Floats, Floats | None]]]
    before: tuple[Floats, Floats | None]
    weeks: tuple[pd.Index, list[dict[str, Outcomes]]]

    @classmethod
    def of(cls, pasts: dict[str, Past], candidate: str, metric: OnlineMetric) -> Bench:
        """Cut all to the weeks that the replays have after the wash-out."""
        both = [pasts[INCUMBENT], pasts[candidate]]
        every, models = both[0].measured.periods, (INCUMBENT, candidate)
        weeks = every[-WEEKS + WASHOUT :].intersection(both[0].played[INCUMBENT].periods)

        def means(own: Outcomes) -> tuple[Floats, Floats | None]:
            return means_of(own.values, metric, slice(None), own.periods.isin(weeks))

        return cls(
            metric, [means(own.measured) for own in both],
            [[means(own.played[m]) for m in models] for own in both],
            [[means(own.true[m]) for m in models] for own in both],
            means_of(both[0].measured.values, metric, slice(None), slice(len(every) - WEEKS - PRE, len(every) - WEEKS)),
            (weeks, [own.played for own in both]),
        )  # fmt: skip

    @property
    def truth(self) -> float:
        """Lift over all stores."""
        levels = [own[0].sum() / (len(own[0]) if own[1] is None else own[1].sum()) for own in self.happened]
        return float(levels[1] / levels[0] - 1)

    def seen(self, by_arm: list[tuple[Floats, Floats | None]], treated: Flags) -> tuple[Floats, Floats | None]:
        """What each store shows of two arms."""
        old, new = by_arm
        below = None if old[1] is None or new[1] is None else np.where(treated, new[1], old[1])
        return np.where(treated, new[0], old[0]), below

    def robust(self, played: list[list[tuple[Floats, Floats | None]]], sample: Sample) -> tuple[float, float, float]:
        """Lift, and its interval."""
        said = [self.seen([own[model] for own in played], sample.treated) for model in (0, 1)]
        value = Potential(sample.value, said[0][0], said[1][0])
        below = None
        if sample.exposure is not None and said[0][1] is not None and said[1][1] is not None:
            below = Potential(sample.exposure, said[0][1], said[1][1])
        found = doubly_robust(value, below, strata_of(sample), sample.treated).lift
        return found.estimate, found.low, found.high

    def alone(self, sample: Sample) -> tuple[float, float, float]:
        """Lift of the replays of both models, of the histories that the stores have; no error of time in it."""
        ours, theirs = ([own[k] for own in self.played] for k in (1, 0))
        new, old = (self.seen(pair, sample.treated) for pair in (ours, theirs))
        frames = []
        for part in (new, old):
            columns = {self.metric.numerator: part[0][:, None]}
            if self.metric.denominator is not None and part[1] is not None:
                columns[self.metric.denominator] = part[1][:, None]
            names = np.arange(len(part[0])).astype(str).astype(object)
            whole = next(iter(self.weeks[1][0].values()))
            frames.append(replace(whole, units=names, periods=pd.RangeIndex(1), values=columns, segments={}))
        found = paired_effect(frames[0], frames[1], self.metric).lift
        return found.estimate, found.low, found.high

    def read(self, treated: Flags, groups: Ints) -> Iterator[tuple[str, tuple[float, float, float]]]:
        """Every way of reading one test."""
        value, exposure = self.seen(self.happened, treated)
        sample = Sample(value, treated, exposure, *self.before, groups)
        yield WAYS[0], self.alone(sample)
        for way, adjust in ((WAYS[1], "none"), (WAYS[2], "cuped")):
            found = effect(sample, Method(adjust)).lift  # type: ignore[arg-type]
            yield way, (found.estimate, found.low, found.high)
        yield WAYS[3], self.robust(self.played, sample)
        yield WAYS[4], self.robust(self.true, sample)
        yield WAYS[5], self.robust([self.played[0], self.played[0]], sample)


def pairs_of(values: Floats) -> Ints:
    """Matched pairs: neighbours by size."""
    codes = np.empty(len(values), dtype=np.int64)
    codes[np.argsort(values, kind="stable")] = np.arange(len(values)) // 2
    return codes


def drawn(groups: Ints, rng: np.random.Generator) -> Flags:
    """One of each pair."""
    treated = np.zeros(len(groups), dtype=bool)
    for group in range(int(groups.max()) + 1):
        treated[rng.choice(np.flatnonzero(groups == group))] = True
    return treated


def main() -> int:
    """Play, read, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=4)
    parser.add_argument("--stores", type=int, default=40)
    parser.add_argument("--tests", type=int, default=500)
    given = parser.parse_args()
    sums: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for seed in range(1, given.markets + 1):
        with tempfile.TemporaryDirectory() as folder:
            pasts = market(seed, given.stores, Path(folder))
        for candidate in (name for name in FORECASTERS if name != INCUMBENT):
            for name, metric in METRICS.items():
                bench = Bench.of(pasts, candidate, metric)
                found = tested(bench, given.tests, seed)
                print(f"market {seed}, {candidate}, {name}: true {100 * bench.truth:+.1f} points")
                for way, numbers in found.items():
                    bias, spread, width, missed = numbers
                    print(f"    {way:28} bias {bias:+6.2f}  sd {spread:5.2f}  width {width:6.2f}  missed {missed:.3f}")
                    sums[name, way].append((bias, spread, missed))
    print("over all markets and candidates, points:")
    for (name, way), each in sums.items():
        bias, spread, missed = np.array(each).T
        print(
            f"    {name:13} {way:28} mean |bias| {np.abs(bias).mean():5.2f}  bias {bias.mean():+5.2f}  sd "
            f"{spread.mean():5.2f}  rmse {np.sqrt((bias**2 + spread**2).mean()):5.2f}  missed {missed.mean():.3f}"
        )
    print(f"SUMMARY replay: {summary(sums)}")
    return 0


def summary(sums: dict[tuple[str, str], list[tuple[float, float, float]]]) -> str:
    """Widths as ratios to CUPED, biases in points."""
    found = {key: np.array(each) for key, each in sums.items()}
    words = []
    for name in METRICS:
        robust, cuped, once = (found[name, WAYS[k]] for k in (3, 2, 5))
        words.append(
            f"{name}: doubly robust has {robust[:, 1].mean() / cuped[:, 1].mean():.2f} of the sd of CUPED, mean |bias| "
            f"{np.abs(robust[:, 0]).mean():.2f}, {np.abs(once[:, 0]).mean():.2f} with one history, replay alone "
            f"{np.abs(found[name, WAYS[0]][:, 0]).mean():.2f}"
        )
    return "; ".join(words)


def tested(bench: Bench, tests: int, seed: int) -> dict[str, tuple[float, float, float, float]]:
    """Bias, standard deviation and mean width in points, and share of missed truths, of each way."""
    rng, groups = np.random.default_rng([seed, 5]), pairs_of(bench.before[0])
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
    for _ in range(tests):
        for way, numbers in bench.read(drawn(groups, rng), groups):
            found[way].append(numbers)
    out = {}
    for way, each in found.items():
        estimate, low, high = 100 * np.array(each).T
        truth = 100 * bench.truth
        missed = float(((low > truth) | (high < truth)).mean())
        out[way] = (float(estimate.mean() - truth), float(estimate.std()), float((high - low).mean()), missed)
    return out


if __name__ == "__main__":
    sys.exit(main())
