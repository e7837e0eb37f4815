"""Randomisation inference: the arms drawn again as the design drew them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

from .redrawn import redrawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .redrawn import Redrawn
    from .strata import Strata
    from .unit_level import UnitLevel

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

VALUE, SHIFT, SCALE = np.eye(3)
"""Variables of a permutation test: the metric, a shift of 1 in the treatment, and the treatment's own values."""
TIE = 1e-9
DOUBLINGS, HALVINGS = 40, 45


@dataclass(frozen=True, slots=True, eq=False)
class Permuted:
    """A permutation test, for every effect that might be the truth.

    observed : the assignment that was; others : those that might have been.
    whole : whether `others` are all assignments there are, the observed one among them.
    """

    observed: Redrawn
    others: Redrawn
    whole: bool

    def p_value(self, mix: Floats) -> float:
        """Share of assignments with a statistic as large, of the metric less an effect; NaN where nothing varies."""
        own = abs(float(self.observed.statistic(mix)[0]))
        if math.isnan(own):
            return math.nan
        drawn = np.abs(self.others.statistic(mix))
        as_large = int((~(drawn < own * (1 - TIE))).sum())  # a draw without a statistic counts as large
        return as_large / len(drawn) if self.whole else (1 + as_large) / (1 + len(drawn))

    @property
    def smallest(self) -> float:
        """Smallest p-value that these assignments can give."""
        drawn = np.abs(self.others.statistic(VALUE))
        largest = np.max(drawn, initial=0.0, where=~np.isnan(drawn))
        return float((drawn >= largest * (1 - TIE)).mean())

    def shift_ends(self, confidence: float) -> tuple[float, float]:
        """Ends of the constant shifts that are not refused, by bisection; NaN where none is refused on a side."""
        start = float(self.observed.difference[0] @ VALUE)
        step = float(self.observed.error(VALUE)[0])

        def inside(shift: float) -> bool:
            return self.p_value(VALUE - shift * SHIFT) > 1 - confidence

        return _end(inside, start, -step), _end(inside, start, step)

    def lift_ends(self, confidence: float) -> tuple[float, float]:
        """Ends of the constant lifts that are not refused: treatment = (1 + lift) times what it would have been.

        A lift is tested on values of which the treatment's are divided by 1 + lift: the metric less
        lift / (1 + lift) times the treatment's own values.
        """
        share = float(self.observed.difference[0] @ VALUE) / float(self.observed.difference[0] @ SCALE)
        step = float(self.observed.error(VALUE)[0]) / abs(float(self.observed.difference[0] @ SCALE))

        def inside(part: float) -> bool:
            return part < 1 and self.p_value(VALUE - part * SCALE) > 1 - confidence

        low, high = _end(inside, share, -step), _end(inside, share, step)
        beyond = not high < 1 - TIE  # every large lift is inside
        return (math.nan, math.nan) if beyond else (low / (1 - low), high / (1 - high))


def permuted(units: UnitLevel, strata: Strata, treated: Flags, *, assignments: Flags, whole: bool) -> Permuted:
    """Compare the arms under the observed and under other assignments [draw, row] (whether treated).

    The statistic is studentised, so that the test is exact where treatment changes nothing for anybody, and right in
    large samples where only the mean does not change (Chung and Romano 2013, Annals of Statistics 41; Wu and Ding 2021,
    J. of the American Statistical Association 116).
    """
    shift = np.ones(len(treated)) if units.exposure is None else units.exposure
    numerators = np.stack([units.value, treated * shift, treated * units.value], axis=1)

    def under(drawn: Flags) -> Redrawn:
        taken = drawn.astype(np.float64)
        return redrawn(units, numerators, strata, control=1 - taken, treatment=taken)

    return Permuted(under(treated[None]), under(assignments), whole)


def redraw(treated: Flags, groups: Ints, draws: int, rng: Callable[[], np.random.Generator]) -> tuple[Flags, bool]:
    """Assign again with the counts of every group [draw, row], and say whether these are all assignments there are.

    All are listed where they are at most `draws`; else `rng` draws.

    >>> drawn, whole = redraw(np.array([True, False, False]), np.zeros(3, dtype=int), 99, np.random.default_rng)
    >>> drawn.astype(int).tolist(), whole
    ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], True)
    """
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    ways = math.prod(math.comb(len(m), int(treated[m].sum())) for m in members)
    if ways <= draws:
        out = np.zeros((ways, len(treated)), dtype=bool)
        for row, choice in zip(out, product(*(combinations(m, int(treated[m].sum())) for m in members)), strict=True):
            row[np.concatenate([np.array(c, dtype=np.int64) for c in choice])] = True
        return out, True
    generator = rng()
    out = np.empty((draws, len(treated)), dtype=bool)
    for m in members:
        out[:, m] = generator.permuted(np.tile(treated[m], (draws, 1)), axis=1)
    return out, False


def _end(inside: Callable[[float], bool], start: float, step: float) -> float:
    """Where `inside` ends on the way from start in steps that double; NaN where it does not."""
    if not (math.isfinite(start) and math.isfinite(step) and step):
        return math.nan
    near, far = 0.0, 1.0
    for _ in range(DOUBLINGS):
        if not inside(start + far * step):
            break
        near, far = far, 2 * far
    else:
        return math.nan
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        near, far = (middle, far) if inside(start + middle * step) else (near, middle)
    return start + near * step
