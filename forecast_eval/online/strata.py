"""How units are compared: within strata, between matched pairs, or cluster by cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .sample import Sample

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


MANY = 6
"""Strata from which on their differences are compared: of fewer there is too little to tell the noise."""
LARGEST_MATCH = 3
"""Units up to which strata are matched groups, by their mean size, and stay as they are."""
_TOO_FEW = {1: "each lacks an arm", 2: "each has one unit in an arm"}


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """How a sample is compared.

    codes : [row] stratum; every one holds both arms.
    shares : [stratum] share of the rows.
    clusters : [row] code of what counts as one observation of noise: the unit, or the matched pair, or the store.
    within : whether noise is measured within stratum and arm, for which both hold at least two clusters; else it is
        measured between clusters, which are whole matched groups, or hold both arms.
    """

    codes: Ints
    shares: Floats
    clusters: Ints
    within: bool
    notes: tuple[str, ...] = ()

    def cells(self, treated: Flags) -> Floats:
        """Membership of stratum and arm [row, arm x stratum], the control's strata first."""
        cell = self.codes + len(self.shares) * treated
        return np.asarray((cell[:, None] == np.arange(2 * len(self.shares))).astype(np.float64))

    def weights(self, treated: Flags) -> Floats:
        """Weight of each row in the mean of its arm [row], adding up to 1: its stratum's share over the rows there."""
        cell = self.codes + len(self.shares) * treated
        return np.asarray(self.shares[self.codes] / np.bincount(cell)[cell])


def strata_of(sample: Sample) -> Strata:
    """Find out how a sample can be compared.

    The value of an arm is always post-stratified: the mean over strata, by their share of all units, of the arm's mean
    in the stratum. It has no bias where strata differ in the shares of the arms.

    Where each stratum holds at least two units of each arm, noise is what differs within stratum and arm. Where one
    does not, as with matched pairs, strata as a whole are compared: noise is what differs between their differences, as
    in the paired t-test; for strata of several sizes it is the conservative estimate of Fogarty (2018), Journal of the
    Royal Statistical Society B 80. Rows of one cluster that lies in both arms, as in a switchback, stay together.
    Strata that lack an arm say nothing by themselves, and few large strata with a single unit in an arm say little of
    the noise: they are taken together with others, and a note says so.

    >>> from forecast_eval.online.sample import Sample
    >>> pairs = Sample(np.arange(6.0), np.array([0, 1, 1, 0, 0, 1], dtype=bool), stratum=np.array([5, 5, 7, 7, 9, 9]))
    >>> strata_of(pairs).within, strata_of(pairs).clusters.tolist()
    (False, [0, 0, 1, 1, 2, 2])
    """
    alone = len(np.unique(sample.clusters)) == len(sample.clusters)
    codes, notes = _joined(sample.strata, sample.treated, 1)
    if alone and 1 < (count := int(codes.max()) + 1) < MANY and len(codes) > LARGEST_MATCH * count:
        codes, more = _joined(codes, sample.treated, 2)
        notes += more
    shares = np.bincount(codes) / len(codes)
    clusters, cell = sample.clusters, codes + len(shares) * sample.treated
    inside = alone or _nested(clusters, cell)
    enough = inside and bool(_clusters_in(cell, clusters).min() >= 2)
    if not enough and inside and _nested(clusters, codes):
        clusters = codes
    return Strata(codes, shares, clusters, within=enough, notes=notes)


def _joined(codes: Ints, treated: Flags, fewest: int) -> tuple[Ints, tuple[str, ...]]:
    """Strata that hold `fewest` of both arms; those that hold fewer are taken together, with the largest if need be."""
    held = np.stack([np.bincount(codes[arm], minlength=codes.max() + 1) for arm in (~treated, treated)])
    lacking = np.asarray(held.min(axis=0) < fewest)
    if not lacking.any():
        return codes, ()
    if lacking.all():
        return np.zeros_like(codes), (f"all {len(lacking)} strata are taken together: {_TOO_FEW[fewest]}",)
    still = bool((held[:, lacking].sum(axis=1) < fewest).any())
    target = np.argmax(np.where(lacking, -1, held.sum(axis=0))) if still else np.flatnonzero(lacking)[0]
    merged = np.unique(np.where(lacking[codes], target, codes), return_inverse=True)[1]
    together = "taken together with the largest" if still else "taken together"
    return merged, (f"{lacking.sum()} of {len(lacking)} strata are {together}: {_TOO_FEW[fewest]}",)


def _clusters_in(cell: Ints, clusters: Ints) -> Ints:
    """Number of clusters in each stratum and arm."""
    return np.bincount(np.unique(np.stack([clusters, cell]), axis=1)[1])


def _nested(inner: Ints, outer: Ints) -> bool:
    """Whether each inner group lies in one outer group."""
    return len(np.unique(np.stack([inner, outer]), axis=1).T) == len(np.unique(inner))
