"""Losses against others: speed in torch, agreement with other libraries, precision in float32.

    OMP_NUM_THREADS=1 python benchmarks/loss_figures.py [--elements 10000000] [--repetitions 5] [--boosting]

Every time is a ratio: forward plus backward of the mean loss, against `torch.nn.functional.huber_loss` on the same
tensors. The two take turns, so that a busy machine slows both, and medians are compared. --boosting runs
benchmarks/lightgbm_mixed_costs.py before all else. Limits are those of the project; the last line says which were met.

The file is not called losses.py: Python would import it, in place of the package, in every benchmark beside it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import mean_pinball_loss
from torch.nn.functional import huber_loss
from utilsforecast.losses import quantile_loss

from losses import AsymmetricHuber, AsymmetricSquared, Linex, Newsvendor, SmoothNewsvendor, UnitCosts
from losses.torch import BusinessLoss

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Criterion = Callable[[Tensor, Tensor], Tensor]

COSTS, NEWSVENDOR = UnitCosts(8.0, 2.0), "newsvendor"
SPEED, EXACT, FLOAT32 = 1.5, 1e-12, 1e-6
UNITS = 1e6
"""Size of demand at which float32 is judged."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number and the most that it may be."""

    name: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether it is within the limit; NaN is not."""
        return self.value <= self.limit

    def __str__(self) -> str:
        """Name, number and limit."""
        return f"{self.name} {self.value:.3g} (<= {self.limit:g})"


def seconds(criterion: Criterion, forecast: Tensor, demand: Tensor) -> float:
    """Time of one forward and backward pass."""
    forecast.grad = None
    began = time.perf_counter()
    criterion(forecast, demand).backward()
    return time.perf_counter() - began


def ratio(criterion: Criterion, forecast: Tensor, demand: Tensor, *, repetitions: int) -> float:
    """Median time of a criterion over that of torch's Huber loss, taking turns; the first turns do not count."""
    own, huber = [], []
    for turn in range(repetitions + 2):
        pair = seconds(huber_loss, forecast, demand), seconds(criterion, forecast, demand)
        if turn >= 2:
            huber.append(pair[0])
            own.append(pair[1])
    return median(own) / median(huber)


def newsvendors(elements: int, generator: torch.Generator) -> dict[str, Criterion]:
    """The newsvendor loss, which has a limit, first."""
    under, over, weight = (torch.rand(elements, generator=generator) + 0.1 for _ in range(3))
    rows = BusinessLoss(Newsvendor())
    return {
        NEWSVENDOR: BusinessLoss(Newsvendor(), COSTS),
        "newsvendor, a cost for each row": lambda f, y: rows(f, y, costs=(under, over)),
        "newsvendor, row costs and weight": lambda f, y: rows(f, y, costs=(under, over), weight=weight),
    }


FAMILIES: dict[str, Criterion] = {
    "smooth newsvendor": BusinessLoss(SmoothNewsvendor(0.5), COSTS),
    "asymmetric squared": BusinessLoss(AsymmetricSquared(), COSTS),
    "asymmetric Huber": BusinessLoss(AsymmetricHuber(1.0), COSTS),
    "LINEX": BusinessLoss(Linex(1.0), COSTS),
}
"""Timed for information, on a tenth of the elements."""


def speed(elements: int, repetitions: int) -> list[Figure]:
    """Time against Huber loss; the limit holds for one thread and for two."""
    figures, generator = [], torch.Generator().manual_seed(0)
    large = newsvendors(elements, generator)
    for threads, size, timed in ((1, elements, large), (2, elements, large), (1, elements // 10, FAMILIES)):
        torch.set_num_threads(threads)
        demand = torch.rand(size, generator=generator) * 100
        forecast = (demand + torch.randn(size, generator=generator) * 10).requires_grad_()
        for name, criterion in timed.items():
            found = ratio(criterion, forecast, demand, repetitions=repetitions)
            print(f"{name:34s}{size:>12,} elements{threads:3d} thread(s){found:8.2f} x huber_loss", flush=True)
            if name == NEWSVENDOR:
                figures.append(Figure(f"newsvendor / huber_loss, {threads} thread(s),", found, SPEED))
    return figures


def agreement() -> list[Figure]:
    """Largest relative gap to the pinball loss of scikit-learn and of utilsforecast, over levels, ties included."""
    rng = np.random.default_rng(0)
    demand = rng.poisson(20.0, 10_000).astype(float)
    forecast = np.where(rng.random(10_000) < 0.1, demand, demand + rng.normal(0.0, 9.0, 10_000))
    table = pd.DataFrame({"unique_id": "a", "y": demand, "model": forecast})
    gaps: dict[str, list[float]] = {"scikit-learn": [], "utilsforecast": []}
    for level in (0.01, 0.2, 0.5, 0.9, 0.995):
        own = float(Newsvendor().value(demand, forecast, UnitCosts(level, 1 - level)).mean())
        theirs = {
            "scikit-learn": mean_pinball_loss(demand, forecast, alpha=level),
            "utilsforecast": quantile_loss(table, models={"model": "model"}, q=level)["model"].item(),
        }
        for name, value in theirs.items():
            gaps[name].append(abs(own / value - 1))
    return [Figure(f"relative gap to the pinball loss of {name}", max(gap), EXACT) for name, gap in gaps.items()]


def precision(elements: int = 1 << 19) -> list[Figure]:
    """Largest relative error of float32 against float64 at a million units, of the mean, each loss and each slope."""
    rng = np.random.default_rng(1)
    rows = [torch.tensor(UNITS * rng.gamma(4.0, 0.25, elements), dtype=torch.float32) for _ in range(2)]
    figures = []
    for what, reduction in (("mean, compiled", "mean"), ("each row", "none")):
        found = []
        for kind in (torch.float32, torch.float64):
            forecast, demand = rows[0].to(kind, copy=True).requires_grad_(), rows[1].to(kind)
            value = BusinessLoss(Newsvendor(), COSTS, reduction=reduction)(forecast, demand)
            value.sum().backward()
            found.append((value.detach().double(), forecast.grad.double()))
        error = max(_apart(*pair) for pair in zip(*found, strict=True))
        figures.append(Figure(f"float32 at {UNITS:g} units, {what}, relative error", error, FLOAT32))
    return figures


def _apart(rough: Tensor, exact: Tensor) -> float:
    """Largest relative error."""
    return float(((rough - exact).abs() / exact.abs().clamp_min(1e-30)).max())


def boosting() -> None:
    """Print the table of LightGBM on mixed costs, with its own summary line."""
    import sys

    import lightgbm_mixed_costs

    sys.argv[1:] = []
    lightgbm_mixed_costs.main()


def main() -> None:
    """Measure, print each figure, and end with a summary line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--elements", type=int, default=10_000_000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--boosting", action="store_true", help="first run benchmarks/lightgbm_mixed_costs.py")
    given = parser.parse_args()
    if given.boosting:
        boosting()
    print(f"torch {torch.__version__}, {given.elements} float32 elements, medians of {given.repetitions} turns each")
    figures = speed(given.elements, given.repetitions) + agreement() + precision()
    for figure in figures:
        print(f"{'MET   ' if figure.met else 'MISSED'} {figure}")
    missed = [str(figure) for figure in figures if not figure.met]
    print(f"MISSED: {'; '.join(missed)}" if missed else f"MET: {'; '.join(map(str, figures))}")


if __name__ == "__main__":
    main()
