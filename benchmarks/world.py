"""How fast the closed-loop market plays: every mechanism on against all off, and against a plain loop over series.

    OMP_NUM_THREADS=1 python benchmarks/world.py [--stores 50] [--skus 200] [--weeks 104] [--repetitions 3]

Each play is that of the incumbent planner, from the seed to all frames. The plain loop does one series after the other,
stock keeping only, with no mechanism and no frames, on a few series, and its time is scaled up to all of them; its
sales are checked against the market's. Times are taken in turn, and medians compared.
"""

from __future__ import annotations

import argparse
import resource
import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from forecast_eval.world import MarketSpec, State, World, make_market, play

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

SECONDS, OVERHEAD, FASTER = 20.0, 3.0, 5.0
"""Limits: seconds for all mechanisms, times the market without any, times as fast as the plain loop."""
SLICE, SEED = 100, 1


def plain_loop(world: World, rows: range) -> NDArray[np.int64]:
    """Units sold [series, week], series by series and week by week, as the incumbent stocks them."""
    sold = np.zeros((len(rows), world.spec.weeks), dtype=np.int64)
    names = ("shelf_life", "lead_time", "pack_size", "min_order")
    terms = world.terms[list(names)].to_numpy(dtype=float).tolist()
    first = world.incumbent.first_deliveries(world.before).tolist()
    for k, row in enumerate(rows):
        life, lead, pack, least = terms[row]
        cover = lead + 1 + float(world.incumbent.safety_weeks[row])
        due = dict(enumerate(first[row]))
        memory, lots = [float(world.before[row])] * 8, []  # lots: [weeks left, units], oldest first
        for week, wanted in enumerate(world.chance.customers[row].tolist()):
            lots.append([life, due.pop(week, 0)])
            rate = float(np.mean(memory[-8:]))  # in the market's own order of summation
            stock, expiring = sum(lot[1] for lot in lots), sum(lot[1] for lot in lots if lot[0] <= lead)
            position = stock - max(expiring - lead * rate, 0.0) + sum(due.values())
            need = max(max(np.ceil(cover * rate), 1.0) - position, 0.0)
            due[week + int(lead)] = int(np.ceil(max(need, least) / pack) * pack) if need > 0 else 0
            left = wanted
            for lot in lots:
                taken = min(lot[1], left)
                lot[1] -= taken
                left -= taken
            sold[k, week] = wanted - left
            memory.append(float(wanted - left))
            lots = [[age - 1, units] for age, units in lots if age > 1 and units]
    return sold


def in_turn(work: Mapping[str, Callable[[], object]], repetitions: int) -> dict[str, float]:
    """Median seconds of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repetitions):
        for name, do in work.items():
            start = time.perf_counter()
            do()
            times[name].append(time.perf_counter() - start)
    return {name: median(seconds) for name, seconds in times.items()}


def figures(size: Mapping[str, int], repetitions: int) -> list[tuple[str, float, float]]:
    """Name, number and limit of each figure; what is measured is printed."""
    off, nasty = MarketSpec(**size), MarketSpec.preset("nasty", **size)
    world = World.draw(off, SEED)
    arms = np.full(off.stores, "incumbent", dtype=object)
    planners = {"incumbent": world.incumbent}
    rows = range(min(SLICE, off.stores * off.skus))
    ours = play(State.opening(world), planners, arms, off.weeks).sold[: len(rows)]
    np.testing.assert_array_equal(plain_loop(world, rows), ours)
    work: dict[str, Callable[[], object]] = {
        "nasty": lambda: make_market(nasty, SEED),
        "off": lambda: make_market(off, SEED),
        "loop": lambda: play(State.opening(world), planners, arms, off.weeks),
        "plain": lambda: plain_loop(world, rows),
    }
    times = in_turn(work, repetitions)
    plain = times["plain"] * off.stores * off.skus / len(rows)
    cells = off.stores * off.skus * off.weeks
    print(
        f"{off.stores} stores x {off.skus} SKUs x {off.weeks} weeks: every mechanism on {times['nasty']:.2f} s "
        f"({cells / times['nasty'] / 1e6:.2f} million SKU-weeks a second), off {times['off']:.2f} s, of which the "
        f"weeks {times['loop']:.2f} s; plain loop {plain:.1f} s (from {len(rows)} series)"
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    return [
        ("seconds with every mechanism on", times["nasty"], SECONDS),
        ("times the market without mechanisms", times["nasty"] / times["off"], OVERHEAD),
        ("time of the weeks, of the plain loop", times["loop"] / plain, 1 / FASTER),
    ]


def main() -> None:
    """Measure and print one summary line last."""
    parser = argparse.ArgumentParser(description="The market's speed")
    parser.add_argument("--stores", type=int, default=50)
    parser.add_argument("--skus", type=int, default=200)
    parser.add_argument("--weeks", type=int, default=104)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    found = figures({"stores": given.stores, "skus": given.skus, "weeks": given.weeks}, given.repetitions)
    shown = [f"{name} {value:.3g} (<= {limit:g})" for name, value, limit in found]
    print("\n".join(shown))
    missed = [text for text, (_, value, limit) in zip(shown, found, strict=True) if value > limit]
    print(f"World: {'missed: ' + '; '.join(missed) if missed else 'all limits met'}")


if __name__ == "__main__":
    main()
