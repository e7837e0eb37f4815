"""How often intervals of alignment hold the truth, over correlations, numbers of launches, errors and selection.

    OMP_NUM_THREADS=1 python benchmarks/align_coverage.py [--replicates 1000] [--quick]

Launches are drawn from the model of `Pairs` with spreads of 1 on both sides, and errors of `noise` times that, whose
correlation is `err`. Where half were not tested, twice as many were looked at, and those with the lower offline number
have no online side. A line a cell, in per cent but for widths:

    posterior: how often the 90 % interval of rho holds it, its mean width, how often it is "insufficient evidence" (the
        interval includes 0), and beside it how often the posterior of the tested launches alone holds rho
    next: how often the 90 % interval of the next launch holds its true effect, and what its test will measure; these
        are probabilities over all next launches, averaged over every fourth replicate
    plug-in: how often the noise-corrected correlation does not exist, and how often its 90 % interval, by the delta
        method on Fisher's scale, holds rho where it does
    raw: how often Fisher's 90 % interval of the correlation of what was observed holds rho

"!" marks a posterior below 88 %.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from forecast_eval.align import Pairs
from forecast_eval.align.bivariate import moments
from forecast_eval.align.posterior import posterior

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from forecast_eval.align.posterior import Posterior

    Floats = NDArray[np.float64]

SEED, NORMAL = 8, 1.6448536269514722
RHOS, COUNTS, CORRELATIONS = (-0.3, 0.0, 0.3, 0.6, 0.9), (5, 8, 14, 30), (0.0, 0.5)
NOISES = ((0.3, 0.3), (1.0, 1.0), (0.3, 1.0), (1.0, 0.3))
SELECTED = ((0.3, 0.3), (0.3, 1.0))
NAMES = ("rho", "width", "blind", "tested", "truth", "measured", "none", "plug-in", "raw")
HEAD = """\
                           |       posterior of rho       |   next launch   |    plug-in   |
 n  rho err  noise x, y    | holds  width insuff. tested  | truth  measured | none   holds | raw"""


@dataclass(frozen=True, slots=True)
class Cell:
    """A truth, and how it is seen; noise : standard deviations of the errors of x and y."""

    tested: int
    rho: float
    err: float
    noise: tuple[float, float]
    selected: bool = False

    def draw(self, rng: np.random.Generator) -> Pairs:
        """Draw past launches."""
        count = self.tested * (2 if self.selected else 1)
        z, e = rng.standard_normal((2, count)), rng.standard_normal((2, count))
        x = z[0] + self.noise[0] * e[0]
        y = self.rho * z[0] + math.sqrt(1 - self.rho**2) * z[1]
        y += self.noise[1] * (self.err * e[0] + math.sqrt(1 - self.err**2) * e[1])
        if self.selected:
            y[np.argsort(x)[: self.tested]] = np.nan
        ones = np.ones(count)
        return Pairs.of(x, y, ones * self.noise[0] ** 2, ones * self.noise[1] ** 2, ones * self.cov)

    @property
    def cov(self) -> float:
        """Covariance of the errors of x and y."""
        return self.err * self.noise[0] * self.noise[1]

    def holds_next(self, found: Posterior, x: float, *, measured: bool) -> float:
        """Probability, over next launches with this x, that the interval holds the truth, or what is measured."""
        var_x, var_y = (own**2 for own in self.noise)
        more = {"var_y": var_y, "cov": self.cov} if measured else {}
        foretold = found.predict(x, var_x, **more)
        slope = (self.rho + (self.cov if measured else 0.0)) / (1 + var_x)
        sd = math.sqrt(1 + (var_y if measured else 0.0) - slope**2 * (1 + var_x))
        return float(ndtr((foretold.high - slope * x) / sd) - ndtr((foretold.low - slope * x) / sd))

    def replicate(self, rng: np.random.Generator, *, ahead: bool) -> Floats:
        """Draw and read once: see `NAMES`; NaN where there is nothing to count. ahead : foretell the next launch."""
        pairs = self.draw(rng)
        found = posterior(pairs)
        rho, own = found.rho, pairs.complete
        alone = posterior(own).rho if self.selected else rho
        x = float(rng.standard_normal()) * math.hypot(1, self.noise[0])
        plug = moments(pairs)
        error = math.nan if plug is None else plug.rho_error / (1 - plug.rho**2)
        foretold = [self.holds_next(found, x, measured=own) if ahead else math.nan for own in (False, True)]
        return np.array([
            rho.low <= self.rho <= rho.high, rho.high - rho.low, rho.low <= 0 <= rho.high,
            alone.low <= self.rho <= alone.high, *foretold, plug is None,
            math.nan if plug is None else holds(plug.rho, error, self.rho),
            holds(float(np.corrcoef(own.x, own.y)[0, 1]), 1 / math.sqrt(self.tested - 3), self.rho),
        ])  # fmt: skip


def holds(estimate: float, error: float, rho: float) -> bool:
    """Whether a 90 % interval on Fisher's scale holds rho."""
    return abs(math.atanh(estimate) - math.atanh(rho)) <= NORMAL * error


def cells(*, quick: bool) -> Iterator[Cell]:
    """All truths that are looked at; quick : some of them."""
    counts, rhos = ((5, 14), (0.0, 0.9)) if quick else (COUNTS, RHOS)
    for noise in NOISES[:1] if quick else NOISES:
        for err, rho, count in product(CORRELATIONS, rhos, counts):
            yield Cell(count, rho, err, noise)
        for rho, count in product(rhos, counts) if noise in SELECTED else ():
            yield Cell(count, rho, 0.0, noise, selected=True)


def line(cell: Cell, seen: dict[str, float]) -> str:
    """Say what was seen in a cell."""
    share = {name: 100 * value for name, value in seen.items()}
    mark = "!" if share["rho"] < 88 else " "
    tested = f"{share['tested']:5.1f}" if cell.selected else "     "
    truth = f"{cell.tested:2} {cell.rho:4.1f} {cell.err:3.1f} {cell.noise[0]:4.1f} {cell.noise[1]:3.1f} "
    return (
        f"{truth}{'selected' if cell.selected else '':8} | {share['rho']:5.1f}{mark} {seen['width']:5.2f}   "
        f"{share['blind']:5.1f}  {tested}  | {share['truth']:5.1f}    {share['measured']:5.1f} | "
        f"{share['none']:4.1f}   {share['plug-in']:5.1f} | {share['raw']:5.1f}"
    )


def summary(found: list[tuple[Cell, dict[str, float]]], seconds: float, replicates: int) -> str:
    """One line that sums up."""
    seen = {name: np.array([own[name] for _, own in found]) * 100 for name in NAMES}
    worst = found[int(np.argmin(seen["rho"]))][0]
    at_zero = [100 - 100 * own["blind"] for cell, own in found if cell.rho == 0]
    return (
        f"Alignment: {len(found)} cells of {replicates}; 90 % interval of rho holds it in {seen['rho'].min():.1f} % or "
        f"more (>= 88; n={worst.tested}, rho={worst.rho:g}, noise {worst.noise}), mean {seen['rho'].mean():.1f}; "
        f"speaks at rho = 0 in at most {max(at_zero):.1f} %; next launch {seen['truth'].min():.1f} to "
        f"{seen['truth'].max():.1f}, mean {seen['truth'].mean():.1f} %; plug-in does not exist in up to "
        f"{seen['none'].max():.0f} %, else holds in {np.nanmin(seen['plug-in']):.0f} % or more; raw correlation in "
        f"{seen['raw'].min():.0f} % or more; {1000 * seconds / (len(found) * replicates):.1f} ms a replicate"
    )


def main() -> None:
    """Run all cells; the last line sums them up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="some of the cells, at most 100 replicates each")
    asked = parser.parse_args()
    replicates = min(asked.replicates, 100) if asked.quick else asked.replicates
    print(HEAD, flush=True)
    found, start = [], time.perf_counter()
    for number, cell in enumerate(cells(quick=asked.quick)):
        rng = np.random.default_rng([SEED, number])
        rows = np.array([cell.replicate(rng, ahead=k % 4 == 0) for k in range(replicates)])
        means = [float(np.nanmean(own)) if np.isfinite(own).any() else math.nan for own in rows.T]
        found.append((cell, dict(zip(NAMES, means, strict=True))))
        print(line(*found[-1]), flush=True)
        print(f"{number + 1} cells in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print(summary(found, time.perf_counter() - start, replicates))


if __name__ == "__main__":
    main()
