"""The studentised bootstrap: units drawn with replacement within arm and stratum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

from .redrawn import redrawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .strata import Strata
    from .unit_level import UnitLevel

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

FEWEST = 5
"""Units an arm, or matched groups, without which resamples mostly repeat each other."""
FEW = 20
"""Units an arm, or matched groups, below which the bootstrap was measured to reject too rarely: 1 to 4 % for 5 %."""
FEWEST_REPLICATES = 0.95
"""Share of the resamples that must have a statistic, or there is no interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """A bootstrap of the studentised difference.

    statistics : [draw] (difference - observed difference) over the resample's own error.
    error : that the observed difference is studentised by.
    """

    difference: float
    error: float
    statistics: Floats
    notes: tuple[str, ...]

    def critical(self, confidence: float) -> float:
        """Quantile of the absolute statistic; NaN where too many resamples have none, or no noise."""
        drawn = np.abs(self.statistics[~np.isnan(self.statistics)])
        if len(drawn) < FEWEST_REPLICATES * len(self.statistics):
            return math.nan
        # the quantile at which `p_value` is the level, so that interval and p-value agree
        rank = math.ceil(confidence * (len(drawn) + 1)) - 1
        found = float(np.sort(drawn)[rank]) if rank < len(drawn) else math.nan
        return found if math.isfinite(found) else math.nan

    @property
    def p_value(self) -> float:
        """Share of resamples as far from the observed difference as that is from 0, in their own errors."""
        if not self.error > 0:
            return math.nan
        own = abs(self.difference) / self.error
        drawn = np.abs(self.statistics)
        return float((1 + (~(drawn < own)).sum()) / (1 + len(drawn)))


def resampled(units: UnitLevel, strata: Strata, treated: Flags, *, draws: int, rng: np.random.Generator) -> Resampled:
    """Draw clusters with replacement, within arm and stratum where these are compared within, `draws` times.

    The bootstrap-t of Efron: symmetric, as quantiles of the absolute statistic are (Hall 1992, The Bootstrap and
    Edgeworth Expansion, 3.5).

    Raises
    ------
    InputError
        Fewer than five units in an arm, or matched groups.
    """
    held = strata.clusters[treated], strata.clusters[~treated]
    fewest = min(len(np.unique(codes)) for codes in held)
    if fewest < FEWEST:
        refuse([Fault("too-few-units", f"{fewest} units or matched groups in an arm are too few to resample",
                      "analysis.inference", f"set inference: cluster, or have {FEWEST} at least")])  # fmt: skip
    arm = treated.astype(np.float64)[None]
    numerators = units.value[:, None]
    groups = strata.codes + len(strata.shares) * treated if strata.within else np.zeros_like(strata.codes)
    counts = _counts(strata.clusters, groups, draws, rng)
    seen = redrawn(units, numerators, strata, control=1 - arm, treatment=arm)
    drawn = redrawn(units, numerators, strata, control=counts * (1 - arm), treatment=counts * arm)
    difference, one = float(seen.difference[0, 0]), np.ones(1)
    notes = (f"{fewest} units or matched groups in an arm: the bootstrap's intervals are too wide",) * (fewest < FEW)
    return Resampled(difference, float(seen.error(one)[0]), drawn.statistic(one, difference), notes)


def _counts(clusters: Ints, groups: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """How often each row's cluster is drawn [draw, row], out of the clusters of its group."""
    out = np.empty((draws, len(clusters)))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        codes = np.unique(clusters[rows], return_inverse=True)[1]
        size = int(codes.max()) + 1
        out[:, rows] = rng.multinomial(size, np.full(size, 1 / size), size=draws)[:, codes]
    return out
