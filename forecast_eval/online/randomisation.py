"""How arms are drawn, so that they can be drawn again: by design, by the A/A check and by permutation inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PILOT = 5_000
"""Draws whose distances say which distance is good enough."""
PILOT_SEED = 1
"""The pilot has a seed of its own: what is good enough is a fact of the design, the same whenever it is drawn again."""
CHUNK = 2_000_000
"""Cells [draw, unit] that are worked on at once."""
EXACT = 1e-9
"""What a whole number may lack, in shares that are no exact fractions."""


@dataclass(frozen=True, slots=True, eq=False)
class Randomisation:
    """A distribution over assignments of units to arms.

    shares : [arm] share of units that each arm gets, summing to 1; arm 0 is the control.
    groups : [unit] code of the stratum or matched group; arms are drawn within each, so that every group holds the
        arms in their shares as nearly as whole units allow.
    balance : [unit, covariate] what must be balanced for a draw to be accepted, or None to accept every draw.
    accept : share of draws that is accepted, those with the smallest Mahalanobis distance between arms (Morgan and
        Rubin 2012, Annals of Statistics 40).
    """

    shares: Floats
    groups: Ints
    balance: Floats | None = None
    accept: float = 1.0

    def draw(self, rng: np.random.Generator, draws: int) -> Ints:
        """Draw assignments [draw, unit]: the code of each unit's arm.

        Where whole units do not allow the shares within a group, what is left over is dealt so that the shares hold
        over all groups: two groups of three in two equal arms are split 2:1 and 1:2, in either order.

        >>> pairs = Randomisation(np.array([0.5, 0.5]), np.array([0, 0, 1, 1]))
        >>> pairs.draw(np.random.default_rng(0), 3)
        array([[1, 0, 1, 0],
               [0, 1, 0, 1],
               [0, 1, 1, 0]])
        """
        out = list(self._accepted(rng, draws))
        return np.concatenate(out) if out else np.empty((0, len(self.groups)), dtype=np.int64)

    def distances(self, arms: Ints) -> Floats:
        """Mahalanobis distance between arms of each draw [draw].

        The sum over arms of n * |mean of the arm - mean of all|^2, in units of the spread and correlation of the
        covariates; those that others say already count once. 0 where nothing is to be balanced.
        """
        if self.balance is None:
            return np.zeros(len(arms))
        white = whitened(self.balance)
        out = np.zeros(len(arms))
        for arm in range(len(self.shares)):
            chosen = arms == arm
            sums = chosen.astype(np.float64) @ white  # [draw, covariate]
            out += (sums**2).sum(axis=1) / np.maximum(chosen.sum(axis=1), 1)
        return out

    def _accepted(self, rng: np.random.Generator, draws: int) -> Iterator[Ints]:
        """Chunks of draws that are balanced well enough, `draws` in all."""
        every = self.balance is None or self.accept >= 1
        limit, share = (np.inf, 1.0) if every else (self._limit(), self.accept)
        while draws > 0:
            tries = min(int(np.ceil(draws / share)) + 1, max(1, CHUNK // len(self.groups)))
            arms = self._any(rng, tries)
            kept = arms if every else arms[self.distances(arms) <= limit]
            yield kept[:draws]
            draws -= len(kept[:draws])

    def _limit(self) -> float:
        """Give the distance that is good enough; a little is added, for draws that mirror each other."""
        distances = self.distances(self._any(np.random.default_rng(PILOT_SEED), PILOT))
        return float(np.quantile(distances, self.accept, method="inverted_cdf")) * (1 + 1e-9) + 1e-12

    def _any(self, rng: np.random.Generator, draws: int) -> Ints:
        """Draw assignments [draw, unit], balanced or not."""
        codes = np.unique(self.groups, return_inverse=True)[1]
        order = np.argsort(codes, kind="stable")  # units by group
        counts = self._counts(np.bincount(codes), rng, draws)
        arms = np.tile(np.arange(len(self.shares)), counts.shape[0] * counts.shape[1])
        slots = np.repeat(arms, counts.ravel()).reshape(draws, len(codes))
        shuffled = np.argsort(codes[order] + rng.random((draws, len(codes))), axis=1)  # within groups only
        out = np.empty_like(slots)
        np.put_along_axis(out, order[shuffled], slots, axis=1)
        return out

    def _counts(self, sizes: Ints, rng: np.random.Generator, draws: int) -> Ints:
        """Units that each arm gets of groups of `sizes` [draw, group, arm]."""
        exact = sizes[:, None] * self.shares  # [group, arm]
        whole = np.floor(exact + EXACT).astype(np.int64)
        left = np.tile(sizes - whole.sum(axis=1), (draws, 1))  # [draw, group]
        counts = np.tile(whole, (draws, 1, 1))
        if left.any():
            parts = np.maximum(exact - whole, 0.0)
            for arm in range(len(self.shares) - 1):
                rest = np.maximum(parts[:, arm:].sum(axis=1), EXACT)
                got = np.minimum(_rounded(left * (parts[:, arm] / rest), rng), left)
                counts[..., arm] += got
                left = left - got
            counts[..., -1] += left
        return counts


def _rounded(wanted: Floats, rng: np.random.Generator) -> Ints:
    """Round each row of `wanted` [draw, group] up or down, right on average, so that its sum is rounded up or down too.

    Systematic sampling: marks one apart from a random start, on a line on which the groups lie in random order.
    """
    draws, groups = wanted.shape
    order = np.argsort(rng.random((draws, groups)), axis=1)
    ends = np.cumsum(np.take_along_axis(wanted, order, axis=1), axis=1)
    marks = np.floor(ends + rng.random((draws, 1)) + EXACT)
    out = np.empty((draws, groups), dtype=np.int64)
    np.put_along_axis(out, order, np.diff(marks, axis=1, prepend=0.0).astype(np.int64), axis=1)
    return out


def whitened(covariates: Floats) -> Floats:
    """Covariates [unit, covariate] turned into uncorrelated ones of variance 1; constant ones fall out.

    >>> whitened(np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])).round(6).tolist()
    [[-1.0], [0.0], [1.0]]
    """
    centred = covariates - covariates.mean(axis=0)
    spread = centred.std(axis=0)
    scaled = centred[:, spread > 1e-12 * (1 + np.abs(covariates).max(axis=0))]
    scaled = scaled / np.sqrt((scaled**2).mean(axis=0))
    axes, sizes, turned = np.linalg.svd(scaled, full_matrices=False)
    kept = sizes > 1e-8 * sizes.max(initial=0.0)
    signs = np.where(turned[kept].sum(axis=1) < 0, -1.0, 1.0)  # an axis has no direction of its own
    return np.asarray(axes[:, kept] * signs * np.sqrt(len(covariates) - 1))
