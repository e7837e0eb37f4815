"""How shares of tests are printed: with a mark where they are beyond three standard errors of their level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from online_chain import Chain

    Floats = NDArray[np.float64]

Cell = tuple[str, int, str, str]
"""Design, units, method, metric."""
Found = dict[Cell, "Floats"]
"""Counts of each cell: tests and hits, or tests, refused ones and hits of several kinds."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Shares that were looked at, and their level; too many is worse than too few."""

    name: str
    shares: tuple[tuple[float, float], ...]
    level: float = 0.05

    def __str__(self) -> str:
        """How many lie within the tolerance, above and below it."""
        signs = [marked(share, tests, self.level)[-1] for share, tests in self.shares]
        worst = max((share for share, _ in self.shares), default=math.nan)
        return (f"{self.name} {signs.count(' ')} of {len(signs)} at {100 * self.level:g} %, {signs.count('-')} below, "
                f"{signs.count('!')} above, largest {100 * worst:.1f} %")  # fmt: skip


def marked(share: float, tests: float, level: float = 0.05) -> str:
    """Share in per cent, with a mark where it is beyond three standard errors of the level."""
    far = 3 * math.sqrt(level * (1 - level) / tests)
    return f"{100 * share:4.1f}" + ("!" if share > level + far else "-" if share < level - far else " ")


def show(found: Found, levels: Sequence[float]) -> list[tuple[float, ...]]:
    """Print a line a method, with the shares of each metric; give tests and shares of each cell."""
    rows = []
    for name, units, method in dict.fromkeys(cell[:3] for cell in found):
        text, refused = [], 0.0
        for counts in (seen for cell, seen in found.items() if cell[:3] == (name, units, method)):
            ran, hits = (counts[0], counts[1:]) if len(counts) == 2 else (counts[0] - counts[1], counts[2:])
            refused = 1 - ran / counts[0]
            rows += [(ran, *(hits / ran))] if ran else []
            shares = zip(hits / max(ran, 1), levels, strict=False)
            text.append("".join(marked(share, max(ran, 1), level) for share, level in shares))
        gone = f" {refused:.0%}" if refused else ""
        print(f"{name:23}{units:3} {method.partition(' ')[0]:5} |" + "|".join(text) + gone)
    return rows


def show_bias(title: str, chain: Chain, found: dict[str, Floats]) -> None:
    """Print how far lifts are from the truth, in percentage points."""
    for metric, lifts in found.items():
        true = chain.truth(metric)[1]
        off = 100 * np.stack([lifts[:, 0] - true, lifts[:, 0] - lifts[:, 1]])
        means, sd = off.mean(axis=1), off.std(axis=1, ddof=1) / math.sqrt(len(lifts))
        print(f"{title:23} {metric:13} truth {100 * true:+5.1f} %, off by {means[0]:+5.1f} +-{sd[0]:.1f}, "
              f"through arms {means[1]:+5.1f} +-{sd[1]:.1f}")  # fmt: skip
