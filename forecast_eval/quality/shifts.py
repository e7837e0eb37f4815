"""The rule on levels that change suddenly and for good: a relisting, a lost customer, a changed unit or definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .gaps import FEWEST
from .hit import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..config.quality import LevelShift
    from .block import Block

    Splits = NDArray[np.int64]

WEEKS, SHORTEST = 8, 12
"""Weeks that are compared by default, and periods at least."""
YEAR = 365.25 / 7
"""Weeks of a year."""
COARSE = 0.7
"""Share of a threshold that the quick look, the neighbourhood of the split and the far past and future must reach."""
STEP_OVER_LINE = 1.1
"""How much more a step must explain than a straight line: of a clean step it is 4/3, of a clean trend 3/4."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Running sums of on-sale periods, [series, time + 1], from which the mean of any stretch follows at once.

    count, total, squares : of periods, sales, and squared sales; single values are cut at the usual high.
    """

    count: NDArray[np.float64]
    total: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, block: Block, rows: NDArray[np.int64] | slice = slice(None)) -> Sums:
        """Sum up the chosen series."""
        on_sale = block.on_sale[rows]
        values = np.where(on_sale, np.minimum(block.sales[rows], block.usual[rows, None]), 0.0)
        return cls(*(np.pad(np.cumsum(each, axis=1, dtype=float), ((0, 0), (1, 0)))
                     for each in (on_sale, values, values * values)))  # fmt: skip

    def log_ratio(self, low: Splits, split: Splits, high: Splits) -> NDArray[np.float64]:
        """[series, split] log of the mean of split..high over that of low..split; half a unit keeps it finite."""
        n, s = self.count, self.total
        after = (s[:, high] - s[:, split] + 0.5) / (n[:, high] - n[:, split] + 0.5)
        before = (s[:, split] - s[:, low] + 0.5) / (n[:, split] - n[:, low] + 0.5)
        return np.asarray(np.log(after / before))

    def z(self, low: Splits, split: Splits, high: Splits) -> NDArray[np.float64]:
        """[series, split] Welch's statistic of both means; 0 where half of either stretch was not on sale.

        The variance is at least a quarter of the mean, so that a few equal values do not look certain.
        """
        m1, v1, n1 = self._moments(low, split)
        m2, v2, n2 = self._moments(split, high)
        enough = (n1 >= (split - low) / 2) & (n2 >= (high - split) / 2)
        return np.where(enough, (m2 - m1) / np.sqrt(v1 / n1 + v2 / n2 + 1e-12), 0.0)

    def _moments(self, low: Splits, high: Splits) -> tuple[NDArray[np.float64], ...]:
        n = np.maximum(self.count[:, high] - self.count[:, low], 1)
        mean = (self.total[:, high] - self.total[:, low]) / n
        variance = (self.squares[:, high] - self.squares[:, low]) / n - mean**2
        return mean, np.maximum(variance, mean / 4), n


def level_shifts(block: Block, rule: LevelShift) -> Iterator[Hit]:
    """The most certain shift of each series whose level changes between two periods and stays.

    The mean over a window after a period is compared with that before it. It is a shift if it is large and certain,
    if it is there within a quarter of the window already, if all that follows lies beside all that went before, if a
    step fits it better than a line, and if the same season of another year shows none.
    """
    periods = block.sales.shape[1]
    window = rule.window or max(SHORTEST, round(WEEKS * block.periods_per_week))
    window = min(window, periods // 3)
    if window < FEWEST:
        return
    rows = _candidates(block, rule, window)
    if not len(rows):
        return
    sums, split = Sums.of(block, rows), np.arange(window, periods - window + 1)
    score = _scores(sums, split, rule, window)
    best = score.argmax(axis=1)
    for k in np.flatnonzero(score[np.arange(len(rows)), best] > 0).tolist():
        i, t = int(rows[k]), int(split[best[k]])
        one = Sums(sums.count[[k]], sums.total[[k]], sums.squares[[k]])
        if (
            _are_levels(block, i, t)
            and _is_step(block, i, t, window)
            and not _is_season(one, t, window, YEAR * block.periods_per_week)
        ):
            yield _hit(block, rule, (i, t), window)


def _candidates(block: Block, rule: LevelShift, window: int) -> NDArray[np.int64]:
    """Positions of the series that are worth a close look, from a quick one at few splits."""
    split = np.arange(window, block.sales.shape[1] - window + 1, max(1, window // 8))
    sums = Sums.of(block)
    large = np.abs(sums.log_ratio(split - window, split, split + window)) >= COARSE * np.log(rule.times)
    certain = np.abs(sums.z(split - window, split, split + window)) >= COARSE * rule.z
    return np.flatnonzero((large & certain).any(axis=1) & (block.usual > 0))


def _scores(sums: Sums, split: Splits, rule: LevelShift, window: int) -> NDArray[np.float64]:
    """[series, split] |z| where a shift is large, certain, sudden and lasting; else 0."""
    ratio, z = (of(split - window, split, split + window) for of in (sums.log_ratio, sums.z))
    near, size = max(3, window // 4), np.log(rule.times)
    sudden = sums.log_ratio(split - near, split, split + near) * np.sign(ratio) >= COARSE * size
    beside = (sums.count[:, split] - sums.count[:, split - near], sums.count[:, split + near] - sums.count[:, split])
    sudden &= np.minimum(*beside) >= near / 2  # else nobody knows
    everything = np.full_like(split, sums.total.shape[1] - 1)
    lasting = sums.log_ratio(np.zeros_like(split), split, everything) * np.sign(ratio) >= COARSE * size
    found = (np.abs(ratio) >= size) & (np.abs(z) >= rule.z) & sudden & lasting
    return np.where(found, np.abs(z), 0.0)


def _are_levels(block: Block, series: int, split: int) -> bool:
    """Whether the series sells on both sides of a split; a silence to its end or from its start is another rule's."""
    sold = block.sales[series] > 0
    return bool(min(sold[:split].sum(), sold[split:].sum()) >= FEWEST)


def _is_step(block: Block, series: int, split: int, window: int) -> bool:
    """Whether two levels fit the window around a split better than one straight line."""
    span = slice(split - window, split + window)
    on_sale = block.on_sale[series, span]
    time = np.arange(2 * window)[on_sale]
    sales = np.minimum(block.sales[series, span], block.usual[series])[on_sale]
    step, line = (time >= window).astype(float), time - time.mean()
    fits = [np.corrcoef(x, sales)[0, 1] ** 2 for x in (step, line)]
    return bool(fits[0] >= STEP_OVER_LINE * fits[1])


def _is_season(one: Sums, split: int, window: int, year: float) -> bool:
    """Whether the level moves in the same direction at the same time of another year, half as much at least.

    one : sums of the one series.
    year : in periods.
    """
    periods, near = one.total.shape[1] - 1, max(3, window // 4)
    around = np.arange(-near, near + 1)
    others = np.concatenate([split + round(k * year) + around for k in (-2, -1, 1, 2)])
    others = others[(others >= window) & (others <= periods - window)]
    if not len(others):
        return False
    own, then = (one.log_ratio(at - window, at, at + window)[0] for at in (np.array([split]), others))
    return bool((then * np.sign(own) >= np.abs(own) / 2).any())


def _hit(block: Block, rule: LevelShift, at: tuple[int, int], window: int) -> Hit:
    i, t = at
    before, after = (
        block.sales[i, span][block.on_sale[i, span]].mean() for span in (slice(t - window, t), slice(t, t + window))
    )
    what = (
        f"{block.name(i, t)} starts a new level: {after:.3g} a period over {window} periods, after {before:.3g} "
        f"(a change by less than {rule.times:g} times is plausible)"
    )
    return Hit(what, "if the unit, the pack or the range changed, correct or cut the history; else tell models of it",
               i, t)  # fmt: skip
