"""Sample-ratio mismatch: whether the arms hold as many units as they were meant to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

from .tails import log10_chi_squared

if TYPE_CHECKING:
    from collections.abc import Sequence

MISMATCH = 0.001
"""P-value below which the arms are not what was randomised, and no effect is reported."""


@dataclass(frozen=True, slots=True)
class RatioCheck:
    """Counts of units by arm against what the shares say.

    counts, expected : by arm. p_value, log10_p : of chi-squared with one degree of freedom less than arms.
    """

    counts: tuple[int, ...]
    expected: tuple[float, ...]
    p_value: float
    log10_p: float

    @property
    def mismatch(self) -> bool:
        """Whether units were lost or gained in an arm: p < .001."""
        return self.log10_p < math.log10(MISMATCH)


def ratio_check(counts: Sequence[int], weights: Sequence[float]) -> RatioCheck:
    """Pearson's chi-squared test of counts of units against the arms' shares (Fabijan et al. 2019, KDD).

    counts : units, visitors or impressions by arm; weights : shares that were meant, in any unit: (1, 1) is half each.

    >>> check = ratio_check([1000, 1200], [1, 1])
    >>> round(check.p_value, 9), check.mismatch
    (2.0079e-05, True)
    """
    refuse(_faults(counts, weights))
    observed, shares = np.asarray(counts, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    expected = observed.sum() * shares / shares.sum()
    log10_p = log10_chi_squared(float(((observed - expected) ** 2 / expected).sum()), len(counts) - 1)
    return RatioCheck(tuple(int(c) for c in counts), tuple(expected.tolist()), float(10**log10_p), log10_p)


def _faults(counts: Sequence[int], weights: Sequence[float]) -> list[Fault]:
    place, faults = "design.arms", []
    if len(counts) != len(weights) or len(counts) < 2:
        faults.append(Fault("arms", f"{len(counts)} counts and {len(weights)} shares", place,
                            "give a count and a share for each of two or more arms"))  # fmt: skip
    if not all(w > 0 for w in weights):
        faults.append(
            Fault("share", f"shares {list(weights)} must be above 0", place, "leave out an arm without units")
        )
    if any(c < 0 for c in counts) or not sum(counts) > 0:
        faults.append(Fault("count", f"counts {list(counts)} must be 0 or more, and not all 0", place,
                            "count the units of each arm"))  # fmt: skip
    return faults
