"""The simulator against a plain NumPy loop and against stockpyl, how its cost grows, and M5 at full size.

    OMP_NUM_THREADS=1 python benchmarks/simulator.py [--series 30490] [--scenarios 64] [--repetitions 5] [--part speed]

Parts: speed (against NumPy and, where it is installed, stockpyl), growth (cost a SKU and period as series, scenarios,
shelf life and lead time grow), m5 (10 windows, 5 models, 100 scenarios drawn from quantiles). Times are ratios within
the run: the two take turns, so that a busy machine slows both, and medians are compared. The NumPy loop does the same
work, in place, in single precision, and must give the same units. stockpyl is optional: pip install stockpyl.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from forecast_eval.simulate import InventorySystem, Rule, Start, Supply, courses, expect
from forecast_eval.simulate.distribution import segments
from forecast_eval.simulate.draws import QUANTILES, empty

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Singles = NDArray[np.float32]

PERIODS, LEAD, LEVEL, START = 28, 3, 25.0, 20.0
FASTER = {(0, 1): 3.0, (5, 1): 3.5, (5, 2): 5.0}
"""By shelf life (0 keeps) and threads, how many times as fast as NumPy the simulator is to be."""
STOCKPYL = 20_000.0
COUNTED = ("ordered", "lines", "received", "sold", "lost", "wasted", "on_hand", "short")


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number and the least that it is to be."""

    name: str
    value: float
    least: float

    def __str__(self) -> str:
        """Name, number and limit."""
        return f"{self.name} {self.value:.3g} (>= {self.least:g})"


def system(series: int, *, life: int = 0, lead: int = LEAD) -> InventorySystem:
    """Base stock with one lead time and one shelf life."""
    supply = Supply.plain(series, lead_time=lead, shelf_life=life)
    return InventorySystem(supply, Start(np.full(series, START), np.zeros((series, 0))))


def numpy_loop(demand: Singles, life: int) -> dict[str, Singles]:
    """Play demand [scenario, period, series] period by period over all series, in place; flows summed over all."""
    series = demand.shape[2]
    out = {name: np.zeros(series, np.float32) for name in COUNTED}
    stock, position, wanted, sale, part = (np.empty(series, np.float32) for _ in range(5))
    pipe, ages = np.empty((LEAD + 1, series), np.float32), np.empty((max(life, 1), series), np.float32)
    some = np.empty(series, bool)
    for course in demand:
        stock[:], position[:], pipe[:], ages[:] = START, START, 0, 0
        ages[life - 1 if life else 0] = START
        for t, asked in enumerate(course):
            arrived = pipe[t % (LEAD + 1)]
            stock += arrived
            out["received"] += arrived
            if life:
                ages[(t + life - 1) % life] += arrived
            arrived[:] = 0
            np.subtract(np.float32(LEVEL), position, out=wanted)
            np.maximum(wanted, 0, out=wanted)
            out["ordered"] += wanted
            np.greater(wanted, 0, out=some)
            out["lines"] += some
            pipe[(t + LEAD) % (LEAD + 1)] += wanted
            position += wanted
            np.minimum(stock, asked, out=sale)
            stock -= sale
            position -= sale
            out["sold"] += sale
            np.subtract(asked, sale, out=part)
            out["lost"] += part
            np.greater(part, 0, out=some)
            out["short"] += some
            if life:
                for k in range(life):
                    cohort = ages[(t + k) % life]
                    np.minimum(cohort, sale, out=part)
                    cohort -= part
                    sale -= part
                gone = ages[t % life]
                out["wasted"] += gone
                stock -= gone
                position -= gone
                gone[:] = 0
            out["on_hand"] += stock
    return out


def against_numpy(series: int, scenarios: int, repetitions: int) -> list[Figure]:
    """Time of the NumPy loop over that of the simulator, on one thread and on two."""
    demand = np.random.default_rng(1).poisson(5, (scenarios, PERIODS, series)).astype(np.float32)
    made, total = courses(demand.transpose(0, 2, 1)), np.zeros(PERIODS, dtype=int)
    rule, found = Rule(np.full(series, LEVEL)), []
    for life in (0, 5):
        one = system(series, life=life)
        plays = {k: lambda k=k, one=one: expect(one, made, [rule], bins=total, threads=k)[0] for k in (1, 2)}
        flows, theirs = plays[1]().flows, numpy_loop(demand, life)
        for name in COUNTED:
            ours = getattr(flows, name)[:, 0] * scenarios
            np.testing.assert_allclose(ours, theirs[name], rtol=1e-4, atol=0.5)
        times = in_turn({"numpy": lambda life=life: numpy_loop(demand, life), **plays}, repetitions)
        speed = series * PERIODS * scenarios / times[1] / 1e6
        print(f"shelf life {life or 'none'}: {speed:,.0f} million SKU-periods a second on one thread", flush=True)
        found += [
            Figure(f"times NumPy, shelf life {life or 'none'}, {k} thread(s)", times["numpy"] / times[k],
                   FASTER.get((life, k), FASTER[life, 1]))
            for k in (1, 2)
        ]  # fmt: skip
    return found


def in_turn(work: dict[object, Callable[[], object]], repetitions: int) -> dict[object, float]:
    """Median seconds of each, taking turns."""
    times: dict[object, list[float]] = {name: [] for name in work}
    for _ in range(repetitions):
        for name, do in work.items():
            start = time.perf_counter()
            do()
            times[name].append(time.perf_counter() - start)
    return {name: median(seconds) for name, seconds in times.items()}


def against_stockpyl(series: int, scenarios: int, repetitions: int) -> list[Figure]:
    """Time a SKU and period of stockpyl over that of the simulator, on one thread."""
    try:
        from stockpyl.sim import simulation
        from stockpyl.supply_chain_network import single_stage_system
    except ImportError:
        print("stockpyl is not installed: left out")
        return []
    stage = single_stage_system(
        holding_cost=0.18, stockout_cost=0.7, demand_type="P", mean=5, policy_type="BS", base_stock_level=LEVEL,
        shipment_lead_time=LEAD,
    )  # fmt: skip
    demand = np.random.default_rng(1).poisson(5, (scenarios, series, PERIODS)).astype(np.float32)
    made, rule, one = courses(demand), Rule(np.full(series, LEVEL)), system(series)
    times = in_turn(
        {
            "stockpyl": lambda: simulation(stage, 500, rand_seed=1, progress_bar=False),
            "ours": lambda: expect(one, made, [rule], bins=np.zeros(PERIODS, dtype=int)),
        },
        repetitions,
    )
    ratio = (times["stockpyl"] / 500) / (times["ours"] / (series * scenarios * PERIODS))
    return [Figure("times stockpyl, a SKU and period", ratio, STOCKPYL)]


def growth(series: int, scenarios: int, repetitions: int) -> None:
    """Print the cost of a SKU and period as each size grows, as a ratio to the plain case."""
    plain = {"series": series, "scenarios": scenarios, "life": 0, "lead": LEAD}
    grown = {
        "series": [series // 16, series // 4, series], "scenarios": [scenarios // 8, scenarios, scenarios * 2],
        "life": [1, 2, 5, 10, 20, 40], "lead": [0, 1, 3, 7, 14, 28],
    }  # fmt: skip
    base = cost(plain, repetitions)
    for name, values in grown.items():
        ratios = ", ".join(f"{value}: {cost(plain | {name: value}, repetitions) / base:.2f}" for value in values)
        print(f"cost a SKU and period against {plain}, by {name}: {ratios}", flush=True)


def cost(size: dict[str, int], repetitions: int) -> float:
    """Seconds a SKU and period."""
    series, scenarios = size["series"], size["scenarios"]
    demand = np.random.default_rng(1).poisson(5, (scenarios, series, PERIODS)).astype(np.float32)
    made, rule = courses(demand), Rule(np.full(series, LEVEL))
    one = system(series, life=size["life"], lead=size["lead"])
    expect(one, made, [rule])
    seconds = in_turn({"play": lambda: expect(one, made, [rule], bins=np.zeros(PERIODS, dtype=int))}, repetitions)
    return seconds["play"] / (series * scenarios * PERIODS)


def m5(series: int, *, windows: int = 10, models: int = 5, scenarios: int = 100) -> None:
    """Print time and peak memory of every window, model and scenario, demand drawn from quantiles, money kept."""
    rng, levels = np.random.default_rng(2), np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
    one = system(series)
    money = {name: np.full((series, 1), value) for name, value in {"sold": 3.0, "on_hand": -0.1, "lost": -1.0}.items()}
    totals = np.zeros((models, scenarios))
    start = time.perf_counter()
    for _ in range(windows):
        knots = np.sort(rng.gamma(2.0, 2.5, (PERIODS, series, len(levels))).astype(np.float32), axis=-1)
        ranks = rng.permuted(np.tile(np.arange(scenarios), (PERIODS, 1)), axis=1).T
        segment, weight = segments(levels, (ranks + 0.5) / scenarios)
        made = empty(series, np.float32)._replace(
            kind=QUANTILES, knots=knots, segment=segment, weight=weight.astype(np.float32),
            shift=rng.integers(0, scenarios, series).astype(np.int32),
        )  # fmt: skip
        plays = [Rule(np.full(series, LEVEL + model)) for model in range(models)]
        for n, found in enumerate(expect(one, made, plays, weights=money, threads=2)):
            totals[n] += found.money.sum(axis=1)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    cells = series * PERIODS * windows * models * scenarios
    print(
        f"M5: {series:,} x {PERIODS} x {windows} windows x {models} models x {scenarios} scenarios, two threads: "
        f"{seconds:.0f} s ({cells / seconds / 1e6:,.0f} million SKU-periods a second), peak memory {peak:.1f} GB"
    )


def main() -> None:
    """Run the parts and print one summary line last."""
    parser = argparse.ArgumentParser(description="The simulator's speed")
    parser.add_argument("--series", type=int, default=30_490)
    parser.add_argument("--scenarios", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--part", choices=("all", "speed", "growth", "m5"), default="all")
    given = parser.parse_args()
    size = (given.series, given.scenarios, given.repetitions)
    figures: list[Figure] = []
    if given.part in {"all", "speed"}:
        figures += against_numpy(*size) + against_stockpyl(*size)
        print("\n".join(map(str, figures)))
    if given.part in {"all", "growth"}:
        growth(*size)
    if given.part in {"all", "m5"}:
        m5(given.series)
    missed = [str(figure) for figure in figures if not figure.value >= figure.least]
    print(f"Simulator: {'missed: ' + '; '.join(missed) if missed else 'all limits met'}")


if __name__ == "__main__":
    main()
