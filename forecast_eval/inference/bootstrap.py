"""The bootstrap by clusters of series and blocks of time at once, with the same draws for every model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Counts = NDArray[np.uint16]
    Finish = Callable[[Floats], Floats]

FEWEST_BLOCKS = 3
"""Time blocks below which time is not drawn: two blocks give three different draws."""
FEWEST_VALUES = 0.95
"""Share of the replicates that must have a value, or there is no interval."""
CHUNK = 2_000_000
"""Numbers that are worked on at once: what the processor's cache nearly holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One way to cut the cells: into clusters of series, or into blocks of time.

    codes : [series] or [cutoff] group of each, from 0 on.
    counts : [replicate, group] how often each group was drawn; one row of ones where the way is not drawn.
    """

    codes: Ints
    counts: Counts

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.counts.shape[1])

    @property
    def drawn(self) -> bool:
        """Whether groups are drawn at all."""
        return len(self.counts) > 1

    @property
    def freedom(self) -> float:
        """Effective number of groups less one, (sum n)^2 / sum n^2 - 1 (Kish): their number where all are one size."""
        return float(1 / ((np.bincount(self.codes) / len(self.codes)) ** 2).sum() - 1)

    def kept(self) -> Way:
        """The same groups, each taken once."""
        return replace(self, counts=np.ones((1, self.groups), dtype=np.uint16))


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Replicates of clusters and blocks, drawn once and used for every model and figure: everything is paired.

    The weight of a cell in a replicate is how often its cluster was drawn times how often its block was. This is the
    pigeonhole bootstrap of Owen (2007), Annals of Applied Statistics 1, for cells with a row effect and a column
    effect: its variance is right for these effects and up to three times too large for what is a cell's own, so that
    it is conservative. No bootstrap is exact for crossed effects (McCullagh 2000, Bernoulli 6).
    """

    clusters: Way
    blocks: Way

    @property
    def replicates(self) -> int:
        """Number of replicates; 1 where nothing is drawn."""
        return max(len(self.clusters.counts), len(self.blocks.counts))

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways that are drawn."""
        return tuple(way for way in (self.clusters, self.blocks) if way.drawn)

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be drawn, in words."""
        notes = []
        if not self.blocks.drawn:
            notes.append(
                f"only series are drawn: {self.blocks.groups} time blocks are fewer than {FEWEST_BLOCKS}, so that "
                "intervals say nothing about other times"
            )
        if not self.clusters.drawn:
            notes.append("only time is drawn: with one cluster of series, intervals say nothing about other series")
        return tuple(notes) if self.ways else ("no intervals: there is one cluster and too little time",)

    def once(self) -> Draws:
        """Every cluster and block taken once: what gives the estimate itself."""
        return Draws(self.clusters.kept(), self.blocks.kept())

    def of_series(self) -> Draws:
        """The same draws of clusters, for figures that each series has one of: [..., series, 1]."""
        return replace(self, blocks=Way(np.zeros(1, dtype=np.int64), np.ones((1, 1), dtype=np.uint16)))

    def quantile(self, z: float) -> float:
        """What to put in the place of a normal quantile where groups are few; NaN where nothing is drawn.

        Student's quantile with the smallest freedom of the ways, times sqrt(n / (n - 1)) of the way with the fewest
        groups, since a bootstrap divides the spread of n groups by n.
        """
        from scipy.stats import norm
        from scipy.stats import t as student

        if not self.ways:
            return float("nan")
        fewest = min(way.groups for way in self.ways)
        freedom = min(way.freedom for way in self.ways)
        return float(student.isf(norm.sf(z), freedom) * np.sqrt(fewest / (fewest - 1)))


def draw(clusters: Ints, blocks: Ints, *, replicates: int, rng: np.random.Generator) -> Draws:
    """Draw clusters with replacement, and blocks with replacement, as many as there are, `replicates` times.

    clusters : [series] code of each series' cluster; blocks : [cutoff] code of each cutoff's block of time.

    With fewer than three blocks only clusters are drawn, and with one cluster only blocks; `Draws.notes` says so.

    >>> draws = draw(np.array([7, 7, 9]), np.arange(4), replicates=100, rng=np.random.default_rng(1))
    >>> draws.clusters.counts.shape, draws.blocks.counts.shape, set(draws.clusters.counts.sum(axis=1).tolist())
    ((100, 2), (100, 4), {2})
    """
    return Draws(_drawn(clusters, 2, replicates, rng), _drawn(blocks, FEWEST_BLOCKS, replicates, rng))


def _drawn(labels: Ints, fewest: int, replicates: int, rng: np.random.Generator) -> Way:
    codes = np.unique(labels, return_inverse=True)[1]
    groups = int(codes.max(initial=-1)) + 1
    if groups < fewest:
        return Way(codes, np.ones((1, groups), dtype=np.uint16))
    counts = np.empty((replicates, groups), dtype=np.uint16)
    for row in counts:
        row[:] = np.bincount(rng.integers(groups, size=groups), minlength=groups)
    return Way(codes, counts)


def resampled_ratios(sums: Floats, draws: Draws, finish: Finish) -> Floats:
    """A metric that is made of sums over all cells, in every replicate [replicate, model].

    sums : [model, component, series, cutoff]; finish : [..., component] sums -> [...] value.

    >>> sums = np.array([[[[2.0, 4.0]], [[1.0, 2.0]]]])  # one model; error and count of one series at two cutoffs
    >>> once = draw(np.zeros(1, dtype=int), np.arange(2), replicates=9, rng=np.random.default_rng(0))
    >>> resampled_ratios(sums, once, lambda s: s[..., 0] / s[..., 1]).tolist()
    [[2.0]]
    """
    cells = _grouped(_grouped(sums, draws.blocks.codes), draws.clusters.codes, axis=2)
    models, components, clusters, blocks = cells.shape
    flat = np.ascontiguousarray(np.moveaxis(cells, 2, 0)).reshape(clusters, models * components * blocks)
    out = np.empty((draws.replicates, models, components))
    for part in _chunks(draws.replicates, max(clusters, flat.shape[1])):
        by_block = _rows(draws.clusters, part) @ flat  # [replicate or 1, model x component x block]
        times = _rows(draws.blocks, part)
        out[part] = (by_block.reshape(len(by_block), models, components, blocks) * times[:, None, None]).sum(axis=-1)
    return finish(out)


def resampled_means(sums: Floats, draws: Draws, finish: Finish, *, weight: Floats | None = None) -> Floats:
    """A metric that is a mean over series of each series' own value, in every replicate [replicate, model].

    sums, finish : as of `resampled_ratios`; a series' value is `finish` of its sums over cutoffs, and is left out where
        it is NaN.
    weight : [series] importance.
    """
    cells = _grouped(sums, draws.blocks.codes)
    models, components, series, blocks = cells.shape
    by_block = np.ascontiguousarray(np.moveaxis(cells, (3, 0, 2, 1), (0, 1, 2, 3)))  # [block, model, series, component]
    times = draws.blocks.counts.astype(np.float64)
    total, count = np.zeros((2, draws.replicates, models))
    for part in _chunks(series, len(times) * models * components):
        drawn = times @ by_block[:, :, part].reshape(blocks, -1)
        value = finish(drawn.reshape(len(times), models, -1, components))  # [replicate or 1, model, series]
        known = ~np.isnan(value)
        copies = draws.clusters.counts[:, draws.clusters.codes[part]].astype(np.float64)
        if weight is not None:
            copies *= weight[part]
        total += _weighed(np.where(known, value, 0.0), copies)
        count += _weighed(known.astype(np.float64), copies)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _weighed(value: Floats, copies: Floats) -> Floats:
    """Sums over series of value [replicate or 1, model, series] times copies [replicate or 1, series]."""
    if len(value) == 1:
        return np.asarray(copies @ value[0].T)
    return np.asarray((value @ copies[:, :, None])[..., 0])


def _rows(way: Way, part: slice) -> Floats:
    return (way.counts[part] if way.drawn else way.counts).astype(np.float64)


def _chunks(size: int, each: int) -> Iterator[slice]:
    """Slices of `size` things, so few at once that `each` numbers of every thing fit."""
    step = max(1, CHUNK // max(1, each))
    return (slice(start, min(start + step, size)) for start in range(0, size, step))


def _grouped(values: Floats, codes: Ints, axis: int = 3) -> Floats:
    """Sums over the groups of an axis; every code from 0 on occurs."""
    if np.array_equal(codes, np.arange(len(codes))):
        return values
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max(initial=-1) + 1))
    return np.asarray(np.add.reduceat(np.take(values, order, axis=axis), starts, axis=axis))


def interval(
    estimate: Floats,
    replicates: Floats,
    *,
    confidence: float,
    draws: Draws,
) -> tuple[Floats, Floats]:
    """Low and high end of each estimate, from its replicates.

    estimate : [figure]; replicates : [replicate, figure].

    The replicates are centred on the estimate: a draw of few blocks repeats some of them, and the mean of roots that
    RMSSE is comes out too small in it. The ends are their percentiles, drawn away from the estimate by the ratio of
    `Draws.quantile` to the normal quantile: percentiles keep a figure's skewness, and the ratio makes up for few
    clusters or blocks, for which they are known to be too narrow (Hesterberg 2015, The American Statistician 69). A
    replicate that has no value is left out; with more than one in twenty of these, or nothing drawn, both ends are NaN.

    In simulations with strong effects of series and time, 8 to 300 clusters and 3 to 20 blocks, 95% intervals of a
    value held the truth in .89 to 1.00 of the runs, where percentiles alone held it in .80 to .92; those of a
    difference of two models, in which the noise of cells weighs more, in .98 and more.
    """
    from scipy.stats import norm

    known = ~np.isnan(replicates)
    enough = (known.mean(axis=0) >= FEWEST_VALUES) & ~np.isnan(estimate)
    ends = np.full((2, len(estimate)), np.nan)
    if not draws.ways or not enough.any():
        return ends[0], ends[1]
    z = float(norm.isf((1 - confidence) / 2))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    middle = estimate[enough]
    drawn = replicates[:, enough]
    found = np.nanquantile(drawn, tails, axis=0) + middle - np.nanmean(drawn, axis=0)
    low = middle + (np.minimum(found[0], middle) - middle) * (draws.quantile(z) / z)
    high = middle + (np.maximum(found[1], middle) - middle) * (draws.quantile(z) / z)
    ends[:, enough] = low, high
    return ends[0], ends[1]
