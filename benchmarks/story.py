"""How often the story of configs/story.yaml holds: over many seeds, which are many markets.

    python benchmarks/story.py [--seeds 20] [--processes 2] [--set key=value]

The story: one new model is best on RMSE and on MAPE; the trend-weighted cost picks another one; the A/B test of the
first shows no gain; that of the second does. Nothing in the config says so. Prints one line a seed with the profit that
was simulated, measured and is true, and how often each part of the story held.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

CONFIG = Path(__file__).parents[1] / "configs" / "story.yaml"
ACCURATE, BUSINESS = ("rmse", "mape"), "trend_weighted_cost"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one seed: a line a candidate, of the metric profit."""

    seed: int
    lines: pd.DataFrame

    def chosen(self, metric: str) -> pd.Series | None:
        """Line of the candidate that a metric chose; None where that would keep the incumbent."""
        own = self.lines[self.lines["chosen_by"].str.split(", ").map(lambda names: metric in names)]
        return None if own.empty else own.iloc[0]

    @property
    def parts(self) -> dict[str, bool]:
        """Which parts of the story held."""
        first, second, business = (self.chosen(metric) for metric in (*ACCURATE, BUSINESS))
        one = first is not None and second is not None and first["candidate"] == second["candidate"]
        other = business is not None and one and business["candidate"] != first["candidate"]
        return {
            "one new model is best on RMSE and MAPE": one,
            "the trend-weighted cost picks another": other,
            "the first shows no gain online": one and first["standing"] != "better",
            "the other gains online": other and business["standing"] == "better",
        }


def story(seed: int, changes: tuple[str, ...]) -> Outcome:
    """Play one seed."""
    from forecast_eval.pipeline import run

    with tempfile.TemporaryDirectory(prefix="story-") as folder:
        done = run(CONFIG, [f"seed={seed}", "backtest.workers=1", *changes], root=Path(folder), upto="launch")
        launches = done.read("launches")
    return Outcome(seed, launches[launches["metric"] == "profit"].reset_index(drop=True))


def line_of(outcome: Outcome) -> str:
    """One line for people."""
    told = []
    for own in outcome.lines.to_dict("records"):
        sides = f"{own['simulated']:+.1%} simulated, {own['measured']:+.1%} ({own['measured_low']:+.1%} to "
        told.append(f"{own['candidate']} [{own['chosen_by']}] {sides}{own['measured_high']:+.1%}) measured, "
                    f"{own['standing']}, {own['true']:+.1%} true")  # fmt: skip
    held = "holds" if all(outcome.parts.values()) else "does not hold"
    return f"seed {outcome.seed:>3}: {held}\n    " + "\n    ".join(told or ["nothing was launched"])


def wilson(count: int, of: int) -> tuple[float, float]:
    """95 % interval of a share."""
    z, share = 1.96, count / of
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z * np.sqrt(share * (1 - share) / of + z**2 / (4 * of**2)) / (1 + z**2 / of)
    return middle - half, middle + half


def played(seeds: int, processes: int, changes: tuple[str, ...]) -> list[Outcome]:
    """Every seed, in order, told as it ends."""
    out = []
    with ProcessPoolExecutor(processes) as pool:
        for outcome in pool.map(story, range(1, seeds + 1), [changes] * seeds):
            print(line_of(outcome), flush=True)
            out.append(outcome)
    return out


def summed_up(outcomes: list[Outcome]) -> None:
    """How often each part held, and how far the simulation was from the measurement and from the truth."""
    n = len(outcomes)
    for part in outcomes[0].parts:
        count = sum(outcome.parts[part] for outcome in outcomes)
        print(f"{part}: {count} of {n} (95 %: {wilson(count, n)[0]:.0%} to {wilson(count, n)[1]:.0%})")
    lines = pd.concat([outcome.lines.assign(seed=outcome.seed) for outcome in outcomes])
    for candidate, own in lines.groupby("candidate"):
        covered = ((own["measured_low"] <= own["true"]) & (own["true"] <= own["measured_high"])).mean()
        print(f"{candidate}: profit {own['simulated'].mean():+.1%} simulated, {own['measured'].mean():+.1%} measured, "
              f"{own['true'].mean():+.1%} true, on average over {len(own)}; intervals of the tests held the truth in "
              f"{covered:.0%}")  # fmt: skip
    whole = sum(all(outcome.parts.values()) for outcome in outcomes)
    low, high = wilson(whole, n)
    print(f"SUMMARY story: holds in {whole} of {n} markets (95 %: {low:.0%} to {high:.0%})")


def main() -> int:
    """Play, and print; exit code 1 where the story holds in fewer than `--at-least` of the seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--set", dest="changes", action="append", default=[])
    parser.add_argument("--at-least", type=int, default=0, help="seeds in which the story must hold, or exit with 1")
    given = parser.parse_args()
    outcomes = played(given.seeds, given.processes, tuple(given.changes))
    summed_up(outcomes)
    return int(sum(all(outcome.parts.values()) for outcome in outcomes) < given.at_least)


if __name__ == "__main__":
    sys.exit(main())
