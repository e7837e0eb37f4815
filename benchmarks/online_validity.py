"""Whether experiments are read rightly, in a market whose truth is known: rejections, coverage, guardrails, power.

    OMP_NUM_THREADS=1 python benchmarks/online_validity.py [--tests 2000] [--processes 2] [--part errors]

A chain of 300 stores plays 80 weeks with its incumbent planner, and then 12 weeks twice: all stores as before, and all
stores with a planner that keeps less stock. So both outcomes of every store are known. A test draws some stores at
random, draws their arms by a design on 26 weeks before the start, sees one outcome of each store, leaves two weeks out,
and is read. A/A tests give both arms the incumbent's outcomes. The truth is that of all 300 stores.

Parts: errors, permutation and bootstrap (A/A rejections, truths that intervals miss, and guardrails that pass where the
true effect is their margin, by design, size and estimator), looks (any rejection at nine weekly looks), power (of
effects that `design` says can be found on history), switchback and items (A/A rejections; how far estimates are from
the truth, and from what they would be if stock and customers did not move between arms).
"!" marks shares more than three standard errors above their level, "-" those below it.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from online_chain import (
    DESIGNS,
    FORMULAS,
    METRICS,
    PRE,
    SEED,
    WASHOUT,
    WEEKS,
    Chain,
    as_outcomes,
    by_item,
    chain_of,
    drawing,
    market,
    sample_of,
    split_play,
)  # fmt: skip
from online_shares import Tally, show, show_bias
from scipy.special import stdtr, stdtrit

from backtest.faults import InputError
from forecast_eval.config.experiment import Design, experiment_of
from forecast_eval.online.arms import arms_of
from forecast_eval.online.design import design as designed
from forecast_eval.online.effect import Method
from forecast_eval.online.estimate import effect
from forecast_eval.online.fieller import lift_ends
from forecast_eval.online.permutation import SCALE, SHIFT, VALUE, permuted
from forecast_eval.online.replay import switching
from forecast_eval.online.strata import strata_of
from forecast_eval.online.switchback import Blocks, block_effect
from forecast_eval.online.unit_level import unit_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from online_shares import Found

    from forecast_eval.online.randomisation import Randomisation
    from forecast_eval.online.sample import Sample
    from forecast_eval.online.strata import Strata
    from forecast_eval.world import State

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

Read = tuple[float, tuple[float, float], tuple[float, float]]
"""P-value, ends of the difference, ends of the lift."""
LEVEL, DRAWS, STEP, PER_PLAN = 0.05 + 1e-12, 199, 250, 50
"""Level, draws of permutation and bootstrap, tests of a job, tests of a plan."""
CLUSTER, PERMUTATION, BOOTSTRAP = (
    [Method(adjust, kind, draws=DRAWS) for adjust in adjusts]
    for kind, adjusts in (
        ("cluster", ("none", "cuped", "did")), ("permutation", ("none", "cuped")), ("bootstrap", ("none", "cuped")),
    )
)  # fmt: skip
MAIN = ("complete", "stratified, best tenth", "matched", "complete, 3:1")
READ = [(name, units) for units in (6, 10, 20, 60) for name in MAIN] + [
    (name, 20) for name in DESIGNS if name not in MAIN
]
REDRAWN = [(name, units) for units in (10, 20) for name in MAIN[:3]] + [
    ("complete", 6), ("complete, best tenth", 20), ("complete, 3:1", 20), ("complete", 60),
]  # fmt: skip
RESAMPLED = [("complete", 10), ("complete", 20), ("complete", 60), ("matched", 20), ("matched", 60), (MAIN[3], 60)]
PLANNED = [(name, units) for units in (20, 60) for name in MAIN[:2]] + [("matched", 60)]
SWITCHED = [(units, *way) for units in (6, 20, 60) for way in ((2, 0), (2, 1), (4, 2))]


def drawn(chain: Chain, name: str, units: int, test: int) -> tuple[Ints, Randomisation, np.random.Generator]:
    """Stores of a test, what their arms are drawn from, and what draws them."""
    rng = np.random.default_rng([SEED, list(DESIGNS).index(name), units, test])
    chosen = np.sort(rng.choice(chain.size, units, replace=False))
    return chosen, drawing(chain, chosen, name), rng


def errors(chain: Chain, job: tuple[str, int, Sequence[Method], range]) -> Found:
    """Sums over tests: tests, refused, A/A rejections, missed differences and lifts, guardrails passed."""
    name, units, methods, tests = job
    kind, sums = methods[0].inference, defaultdict(lambda: np.zeros(6))
    metrics = list(METRICS)[: 3 if kind == "cluster" else 2]
    truth = {metric: chain.truth(metric) for metric in metrics}
    for test in tests:
        chosen, arms, rng = drawn(chain, name, units, test)
        treated, *others = arms.draw(rng, 1 + (DRAWS if kind == "permutation" else 0)) == 1
        for metric in metrics:
            own = chain.means(metric, chosen)
            pair = [sample_of(own, treated, arms.groups, played=played) for played in (False, True)]
            strata = strata_of(pair[0])
            for method in methods:
                sums[name, units, f"{method.adjust} {kind}", metric] += counted(
                    pair, strata, method, np.array(others), truth[metric]
                )
    if kind == "cluster":
        same_as_effect(pair[1], strata, methods[-1])
    return dict(sums)


def counted(
    pair: list[Sample], strata: Strata, method: Method, others: Flags, truth: tuple[float, float]
) -> list[float]:
    """Count one test: that it is one, is refused, rejects where nothing was done, misses the truths, lets pass."""
    try:
        if method.inference == "permutation":
            return [1, 0, *permutation_counts(pair, strata, method, others, truth)]
        reads = clustered if method.inference == "cluster" else resampled
        (nothing, _, _), (_, gap, lift) = (reads(sample, strata, method) for sample in pair)
    except InputError:
        return [1, 1, 0, 0, 0, 0]
    missed = [low > true or high < true for (low, high), true in zip((gap, lift), truth, strict=True)]
    return [1, 0, nothing <= LEVEL, *missed, lift[0] > truth[1] if truth[1] < 0 else lift[1] < truth[1]]


def clustered(sample: Sample, strata: Strata, method: Method) -> Read:
    """Read a sample as `effect` does, with what its metrics share computed once."""
    arms = arms_of(unit_level(sample, method.adjust), strata, sample.treated)
    q = float(stdtrit(arms.freedom, (1 + method.confidence) / 2))
    # three pairs may differ by the same count
    statistic = abs(arms.difference) / arms.error if arms.error else math.inf if arms.difference else math.nan
    p = 2 * float(stdtr(arms.freedom, -statistic))
    ends = arms.difference - q * arms.error, arms.difference + q * arms.error
    return p, ends, lift_ends(arms.values, arms.covariance, q)


def resampled(sample: Sample, _strata: Strata, method: Method) -> Read:
    """Read a sample with the bootstrap."""
    found = effect(sample, method, rng=np.random.default_rng(SEED))
    gap, lift = found.difference, found.lift
    return found.p_value, (gap.low, gap.high), (lift.low, lift.high)


def same_as_effect(sample: Sample, strata: Strata, method: Method) -> None:
    """Refuse to go on where the two differ; the last test of every job is looked at."""
    try:
        own, whole = clustered(sample, strata, method), effect(sample, method)
    except InputError:
        return
    theirs = [whole.p_value, whole.difference.low, whole.difference.high, whole.lift.low, whole.lift.high]
    if not np.allclose([own[0], *own[1], *own[2]], theirs, rtol=1e-9, equal_nan=True):
        raise SystemExit(f"{own} is not what `effect` says: {theirs}")


def permutation_counts(
    pair: list[Sample], strata: Strata, method: Method, others: Flags, truth: tuple[float, float]
) -> list[bool]:
    """Test the truth itself instead of looking for the ends of intervals, which are where tests begin to reject."""
    nothing, found = (
        permuted(unit_level(s, method.adjust), strata, s.treated, assignments=others, whole=False) for s in pair
    )
    shifted, scaled = VALUE - truth[0] * SHIFT, VALUE - truth[1] / (1 + truth[1]) * SCALE
    missed = [found.p_value(mix) <= LEVEL for mix in (shifted, scaled)]
    better = float(found.observed.difference[0] @ scaled) * truth[1] < 0
    return [nothing.p_value(VALUE) <= LEVEL, *missed, missed[1] and better]


def looked(chain: Chain, job: tuple[str, int, range]) -> Found:
    """A/A tests of nine looks, the last at the planned end: tests, and those that reject at any look."""
    name, units, tests = job
    sums: Found = defaultdict(lambda: np.zeros(2))
    for test in tests:
        chosen, arms, rng = drawn(chain, name, units, test)
        treated = arms.draw(rng, 1)[0] == 1
        for metric, method in ((m, method) for m in list(METRICS)[:2] for method in CLUSTER[:2]):
            looks = (chain.means(metric, chosen, slice(3, 3 + look)) for look in range(1, 10))
            found = (
                effect(sample_of(own, treated, arms.groups, played=False), method, fraction=look / 9)
                for look, own in enumerate(looks, start=1)
            )
            sums[name, units, method.adjust, metric] += [1, any(own.p_value <= LEVEL for own in found)]
    return dict(sums)


def planned(chain: Chain, job: tuple[str, int, range]) -> Found:
    """Tests of plans made on history, in which the detectable effect is added: tests, found."""
    name, units, plans = job
    sums: Found = defaultdict(lambda: np.zeros(2))
    for plan in plans:
        chosen, _, rng = drawn(chain, name, units, plan)
        for metric in list(METRICS)[:2]:
            tree = {"name": "x", "outcomes": {"path": "x"}, "design": {
                "pre_periods": PRE, "periods": WEEKS, "washout": WASHOUT, **DESIGNS[name],
            }, "metrics": {metric: {"of": FORMULAS[metric], "role": "primary"}}}  # fmt: skip
            made = designed(experiment_of(tree, "x"), as_outcomes(chain.before, chosen), draws=1)
            own, arms = chain.means(metric, chosen), made.randomisation
            for row in made.detectable:
                for treated in arms.draw(rng, PER_PLAN) == 1:
                    sample = sample_of(own, treated, arms.groups, played=False)
                    added = row.effect * (1 if sample.exposure is None else sample.exposure)
                    found = effect(replace(sample, value=sample.value + treated * added), Method(row.adjust))
                    sums[name, units, row.adjust, metric] += [1, found.p_value <= row.level]
    return dict(sums)


def switched(chain: Chain, job: tuple[int, int, int, range]) -> Found:
    """A/A tests of switchbacks: tests, rejections."""
    units, length, washout, tests = job
    sums: Found = defaultdict(lambda: np.zeros(2))
    for test in tests:
        rng = np.random.default_rng([SEED, 70, units, length, test])
        seen = as_outcomes(chain.control, np.sort(rng.choice(chain.size, units, replace=False)))
        layout = blocks_of(units, (length, washout), rng)
        for metric in list(METRICS.values())[:3]:
            p = block_effect(seen, layout, metric, 1).p_value
            sums[f"blocks of {length}, wash-out {washout}", units, "", metric.name] += [1, p <= LEVEL]
    return dict(sums)


def blocks_of(units: int, way: tuple[int, int], rng: np.random.Generator) -> Blocks:
    """Draw a switchback; way : periods of a block and of its wash-out."""
    own = Design(unit="switchback", periods=(WEEKS,), block=way[0], washout=way[1])
    spans = tuple((start, start + own.block) for start in range(0, WEEKS, own.block))
    code = switching(own, units, len(spans)).draw(rng, 1)[0].reshape(units, -1)
    return Blocks(("control", "treatment"), np.ones(2), code, spans, own.washout)


def switchback_bias(state: State, chain: Chain, way: tuple[int, int], plays: int) -> dict[str, Floats]:
    """Lifts of each switchback of all stores, and what they would be if nothing were carried over, by metric."""
    found, everyone = defaultdict(list), np.arange(chain.size)
    for play in range(plays):
        layout = blocks_of(chain.size, way, np.random.default_rng([SEED, 71, way[0], play]))
        treated = np.repeat(layout.code, way[0], axis=1) == 1  # [store, week]
        seen = split_play(state, np.repeat(treated, len(state.world.discount), axis=0))
        both = [as_outcomes(columns, everyone) for columns in (seen, chain.mixed(treated))]
        for metric in METRICS.values():
            found[metric.name].append([block_effect(own, layout, metric, 1).lift.estimate for own in both])
    return {name: np.array(rows) for name, rows in found.items()}


def item_bias(state: State, chain: Chain, plays: int) -> dict[str, Floats]:
    """Lifts of each split of the items in halves, and what they would be without substitution, by metric."""
    found, everyone = defaultdict(list), np.arange(chain.size)
    for play in range(plays):
        treated = np.random.default_rng([SEED, 72, play]).permutation(everyone % 2 == 1)
        seen = split_play(state, np.tile(treated, state.world.spec.stores)[:, None], "segment")
        both = [replace(chain, control=seen, treatment=seen), chain]
        for metric in METRICS:
            samples = [sample_of(own.means(metric, everyone), treated, 0 * everyone, played=True) for own in both]
            found[metric].append([effect(sample, Method()).lift.estimate for sample in samples])
    return {name: np.array(rows) for name, rows in found.items()}


def summed(results: Sequence[Found]) -> Found:
    """Add up the jobs of a group."""
    out: Found = {}
    for cell, seen in (item for sums in results for item in sums.items()):
        out[cell] = out.get(cell, np.zeros(len(seen))) + seen
    return out


@dataclass(frozen=True, slots=True)
class Bench:
    """Chain, processes and number of tests."""

    state: State
    chain: Chain
    pool: ProcessPoolExecutor
    tests: int

    def each(self, work: Callable[..., Found], groups: Sequence[tuple[object, ...]], step: int = 1) -> Iterator[Found]:
        """Sums of each group of tests, or plans of `step` tests, in order."""
        count, size = max(1, self.tests // step), max(1, STEP // step)
        parts = [range(start, min(start + size, count)) for start in range(0, count, size)]
        waiting = [[self.pool.submit(partial(work, self.chain), (*group, part)) for part in parts] for group in groups]
        for done, jobs in enumerate(waiting, start=1):
            yield summed([job.result() for job in jobs])
            print(f"{work.__name__}: {done} of {len(groups)}", file=sys.stderr, flush=True)

    def read(self, title: str, asked: Sequence[tuple[str, int]], methods: Sequence[Method]) -> list[Tally]:
        """A/A rejections, missed truths, guardrails passed at their margin."""
        print(f"{title} [%]: A/A rejections, missed differences, missed lifts, guardrails passed, for each metric;")
        print("at the end, if any: share of tests that are refused, as an arm has one unit")
        groups = [(name, units, methods) for name, units in asked]
        rows = [row for found in self.each(errors, groups) for row in show(found, (0.05, 0.05, 0.05, 0.025))]
        names = ("A/A", "missed differences", "missed lifts", "guardrails passed")
        return [Tally(f"{title}, {name}", tuple((row[k], row[0]) for row in rows), 0.025 if k == 4 else 0.05)
                for k, name in enumerate(names, start=1)]  # fmt: skip

    def shares(self, title: str, work: Callable[..., Found], asked: Sequence[tuple[object, ...]],
               *, level: float = 0.05, step: int = 1) -> list[Tally]:  # fmt: skip
        """Share of tests that find something."""
        print(f"{title} [%] of each metric")
        rows = [row for found in self.each(work, asked, step) for row in show(found, (level,))]
        return [Tally(title, tuple((share, tests) for tests, share in rows), level)]

    def switchback(self) -> list[Tally]:
        """A/A rejections and bias of switchbacks."""
        tallies = self.shares("switchback, A/A", switched, SWITCHED)
        for way in dict.fromkeys(group[1:] for group in SWITCHED):
            found = switchback_bias(self.state, self.chain, way, min(30, self.tests))
            show_bias(f"blocks of {way[0]}, wash-out {way[1]}", self.chain, found)
        return tallies

    def items(self) -> list[Tally]:
        """A/A rejections and bias where items of a chain of twenty stores are split."""
        state = by_item(market(20, 120))
        bench = replace(self, state=state, chain=chain_of(state, "segment"))
        tallies = bench.read("items", [(name, units) for name in MAIN[:2] for units in (20, 60)], CLUSTER[:2])
        show_bias("halves of the items", bench.chain, item_bias(state, bench.chain, min(100, self.tests)))
        return tallies[:1]


def main() -> None:
    """Run the parts that are asked for; the last line sums them up."""
    names = ("errors", "permutation", "bootstrap", "looks", "power", "switchback", "items")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--part", choices=("all", *names), default="all")
    asked = parser.parse_args()
    state = market()
    with ProcessPoolExecutor(asked.processes) as pool:
        bench = Bench(state, chain_of(state), pool, asked.tests)
        parts: dict[str, Callable[[], list[Tally]]] = {
            "errors": lambda: bench.read("errors", READ, CLUSTER),
            "permutation": lambda: bench.read("permutation", REDRAWN, PERMUTATION),
            "bootstrap": lambda: bench.read("bootstrap", RESAMPLED, BOOTSTRAP),
            "looks": lambda: bench.shares(
                "looks, A/A", looked, [(name, units) for name in MAIN[:2] for units in (10, 60)]
            ),
            "power": lambda: bench.shares("power", planned, PLANNED, level=0.8, step=PER_PLAN),
            "switchback": bench.switchback,
            "items": bench.items,
        }
        found = [tally for name in names if asked.part in {"all", name} for tally in parts[name]()]
    print("Online validity: " + "; ".join(map(str, found)))


if __name__ == "__main__":
    main()
