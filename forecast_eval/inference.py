"""Paired differences with intervals: one place for scores, simulator and online outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval.

    clusters, blocks : numbers of clusters (stores) and of time blocks that the interval rests on.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    clusters: int
    blocks: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the sign of the estimate is settled at this confidence; never where there is no interval."""
        return self.low > 0 or self.high < 0


def total_interval(
    values: NDArray[np.float64],
    clusters: NDArray[np.int64],
    blocks: NDArray[np.int64],
    *,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the total over series, per period, clustered by store and by time block at once.

    values : [series, period]; paired differences of two models on the same demand, or the money of one.
    clusters : [series] code of each series' store.
    blocks : [period] code of each period's time block.

    The estimate is the mean over periods of the sum over series. Its variance is the two-way cluster-robust one of
    Cameron, Gelbach and Miller (2011), J. Business & Economic Statistics 29: by store, plus by block, minus by
    both, each with G / (G - 1); it is never taken below either one-way variance. A store is expected to hold money
    as it holds series. The quantile is Student's with one degree of freedom less than the smaller of the effective
    numbers of stores and of blocks, (sum n)^2 / sum n^2 (Kish), which are their numbers where all are of one size.
    With a single store (block) only blocks (stores) are clustered; with one of each there is no interval, and low
    and high are NaN.

    >>> steady = np.array([[1.0, 3.0, 2.0], [2.0, 2.0, 5.0]])
    >>> total_interval(steady, np.array([0, 1]), np.array([0, 1, 2])).estimate
    5.0
    """
    from scipy.stats import t as student

    stores, spans = len(np.unique(clusters)), len(np.unique(blocks))
    periods = values.shape[1]
    cells = np.zeros((stores, spans))
    np.add.at(cells, (_codes(clusters)[:, None], _codes(blocks)[None, :]), values)
    estimate = float(values.sum() / periods)
    size, length = np.bincount(_codes(clusters)) / len(clusters), np.bincount(_codes(blocks)) / periods
    residual = cells - values.sum() * size[:, None] * length  # [store, block]
    parts = [
        _scaled(residual.sum(axis=1)) if stores > 1 else None,
        _scaled(residual.sum(axis=0)) if spans > 1 else None,
    ]
    one_way = [p for p in parts if p is not None]
    both = [*one_way, sum(one_way) - _scaled(residual.ravel())] if len(one_way) > 1 else one_way
    if not both:
        return Interval(estimate, float("nan"), float("nan"), confidence, stores, spans)
    freedom = min(1 / (share**2).sum() for share in (size, length) if len(share) > 1) - 1
    half = float(student.ppf((1 + confidence) / 2, freedom)) * float(np.sqrt(max(both))) / periods
    return Interval(estimate, estimate - half, estimate + half, confidence, stores, spans)


def _scaled(sums: NDArray[np.float64]) -> float:
    return float((sums**2).sum() * len(sums) / (len(sums) - 1))


def _codes(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(labels, return_inverse=True)[1]


def time_blocks(periods: int, length: int, at_least: int = 6) -> NDArray[np.int64]:
    """Block code of each period: blocks of `length`, shortened where fewer than `at_least` would be left.

    >>> time_blocks(7, 3, at_least=2)
    array([0, 0, 0, 1, 1, 1, 1])
    """
    fitting = max(1, min(length, periods // at_least))
    count = max(1, periods // fitting)
    return np.minimum(np.arange(periods) // fitting, count - 1)
