"""The line through launches: the true online effect that goes with a true offline difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pairs import Pairs
    from .posterior import Posterior

    Floats = NDArray[np.float64]

POINTS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What is expected online at some true offline differences, and the band in which true effects lie.

    x, mean, low, high : [point], turned so that higher is better on both sides. The band holds the true online effect
        of one launch, with the scatter about the line and all that is unknown of it.
    """

    x: Floats
    mean: Floats
    low: Floats
    high: Floats


def curve_of(found: Posterior, pairs: Pairs) -> Curve:
    """Curve over the range of what was seen offline, with half a standard error beyond either end."""
    reach = np.sqrt(pairs.var_x) / 2
    x = np.linspace((pairs.x - reach).min(), (pairs.x + reach).max(), POINTS)
    foretold = [found.predict(float(own), 0.0) for own in x]
    mean, low, high = (np.array([getattr(own, name) for own in foretold]) for name in ("mean", "low", "high"))
    return Curve(x, mean, low, high)
