"""Paired differences with intervals: one place for scores, simulator and online outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval.

    clusters, blocks : numbers of clusters (stores) and of time blocks that the interval rests on; of several
        clusterings the smallest number.
    error : standard error of the estimate; freedom : degrees of freedom of Student's distribution. NaN where there is
        no interval.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    clusters: int
    blocks: int
    error: float = float("nan")
    freedom: float = float("nan")

    @property
    def excludes_zero(self) -> bool:
        """Whether the sign of the estimate is settled at this confidence; never where there is no interval."""
        return self.low > 0 or self.high < 0

    @property
    def p_value(self) -> float:
        """Probability of an estimate at least this far from 0, on either side, if the truth were 0.

        NaN where there is no interval, and where nothing varies and the estimate is 0.
        """
        from scipy.stats import t as student

        if self.error == 0:
            return 0.0 if self.estimate else float("nan")
        return float(2 * student.sf(abs(self.estimate) / self.error, self.freedom))


def total_interval(
    values: Floats,
    clusters: Ints | Sequence[Ints],
    blocks: Ints,
    *,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the total over series, per period, clustered by groups of series and by time block at once.

    values : [series, period]; paired differences of two models on the same demand, or the money of one.
    clusters : [series] code of each series' store; or several such arrays, which cut the series in several ways, as by
        store and by product.
    blocks : [period] code of each period's time block.

    The estimate is the mean over periods of the sum over series. Its variance is the multi-way cluster-robust one of
    Cameron, Gelbach and Miller (2011), J. Business & Economic Statistics 29, by inclusion and exclusion over every
    choice of ways (store, product, block): the clusters of a choice are the cells that they cut out together, and with
    s of a cell's sum of residuals and G cells, the variance is

        sum over choices of (-1)^(ways in it + 1) * G / (G - 1) * sum(s^2)

    Residuals are taken from the mean over all series and periods, so that a store is expected to hold money as it holds
    series. Inclusion and exclusion can turn out too small, even negative, by chance: the variance is never taken below
    that by any fewer of the ways.

    Few clusters: the quantile is Student's with one degree of freedom less than the smallest of the effective numbers
    of clusters, over all ways, (sum n)^2 / sum n^2 (Kish), which are their numbers where all are of one size. Two
    stores leave one degree of freedom, and an interval that is as wide as ignorance. A way with a single cluster says
    nothing and is left out: with a single store only blocks are clustered. With none left there is no interval, and
    low and high are NaN.

    >>> steady = np.array([[1.0, 3.0, 2.0], [2.0, 2.0, 5.0]])
    >>> total_interval(steady, np.array([0, 1]), np.array([0, 1, 2])).estimate
    5.0
    """
    from scipy.stats import t as student

    periods = values.shape[1]
    groups = [_codes(np.asarray(codes)) for codes in ([clusters] if isinstance(clusters, np.ndarray) else clusters)]
    counts, spans = [int(codes.max()) + 1 for codes in groups], len(np.unique(blocks))
    estimate = float(values.sum() / periods)
    ways = [codes for codes, count in zip(groups, counts, strict=True) if count > 1]
    shares = [np.bincount(codes) / len(codes) for codes in ways]
    if spans > 1:
        shares.append(np.bincount(_codes(blocks)) / periods)
    fewest = min(counts, default=1)
    if not shares:
        return Interval(estimate, float("nan"), float("nan"), confidence, fewest, spans)
    error = float(np.sqrt(_variance(_by_block(values - values.mean(), blocks), ways, blocked=spans > 1))) / periods
    freedom = min(1 / (share**2).sum() for share in shares) - 1
    half = float(student.ppf((1 + confidence) / 2, freedom)) * error
    return Interval(estimate, estimate - half, estimate + half, confidence, fewest, spans, error, float(freedom))


def paired_interval(
    ours: Floats,
    theirs: Floats,
    clusters: Ints | Sequence[Ints],
    blocks: Ints,
    *,
    confidence: float = 0.95,
) -> Interval:
    """Interval of ours minus theirs, cell by cell on the same demand; see `total_interval`.

    >>> ours, theirs = np.array([[5.0, 7.0, 9.0]]), np.array([[4.0, 7.0, 6.0]])
    >>> round(paired_interval(ours, theirs, np.array([0]), np.arange(3)).estimate, 2)
    1.33
    """
    return total_interval(ours - theirs, clusters, blocks, confidence=confidence)


def _variance(residual: Floats, ways: Sequence[Ints], *, blocked: bool) -> float:
    """Variance of the sum of residuals [series, block]; `blocked` clusters by block as well."""
    names = range(len(ways) + blocked)
    signed = {
        choice: (1 if len(choice) % 2 else -1) * _scaled(_cells(residual, choice, ways)) for choice in _choices(names)
    }
    # the variance by some of the ways alone takes the choices within them
    return max(sum((v for choice, v in signed.items() if set(choice) <= set(some)), 0.0) for some in signed)


def _choices(names: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every choice of at least one of the names."""
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


def _cells(residual: Floats, choice: tuple[int, ...], ways: Sequence[Ints]) -> Floats:
    """Sums of the residuals [series, block] over the cells that some ways cut out together; beyond `ways` is time."""
    chosen = [ways[k] for k in choice if k < len(ways)]
    if not chosen:
        return np.asarray(residual.sum(axis=0))
    cell = chosen[0]
    for codes in chosen[1:]:
        cell = _codes(cell * (codes.max() + 1) + codes)
    if len(ways) not in choice:
        return np.bincount(cell, weights=residual.sum(axis=1)).astype(np.float64, copy=False)
    cells = np.zeros((cell.max() + 1, residual.shape[1]))
    np.add.at(cells, cell, residual)
    return cells.ravel()


def _by_block(values: Floats, blocks: Ints) -> Floats:
    """Sums over the periods of each block [series, block]."""
    codes = _codes(blocks)
    out = np.zeros((len(values), codes.max() + 1))
    np.add.at(out.T, codes, values.T)
    return out


def _scaled(sums: Floats) -> float:
    return float((sums**2).sum() * len(sums) / (len(sums) - 1))


def _codes(labels: Ints) -> Ints:
    return np.unique(labels, return_inverse=True)[1]


def time_blocks(periods: int, length: int, at_least: int = 6) -> Ints:
    """Block code of each period: blocks of `length`, shortened where fewer than `at_least` would be left.

    >>> time_blocks(7, 3, at_least=2)
    array([0, 0, 0, 1, 1, 1, 1])
    """
    fitting = max(1, min(length, periods // at_least))
    count = max(1, periods // fitting)
    return np.minimum(np.arange(periods) // fitting, count - 1)
