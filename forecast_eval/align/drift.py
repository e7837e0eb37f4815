"""Whether measured and calibrated effects move apart over time: whether the simulator drifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .calibration import Calibration

    Floats = NDArray[np.float64]

FEWEST = 4
"""Launches below which no drift is read: a line alone takes two."""
YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Drift:
    """Weighted straight line through gaps (measured minus calibrated) by date.

    change, low, high : per year, in units of the gap, with its interval. launches : on which it rests.
    """

    change: float
    low: float
    high: float
    launches: int
    confidence: float

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def drift(
    dates: Sequence[dt.date], gaps: Sequence[float], errors: Sequence[float], *, confidence: float = 0.9
) -> Drift | None:
    """Change of the gaps per year; None of fewer than four launches, or where all were on one day.

    gaps, errors : [launch] measured minus calibrated, and its standard error with all that is uncertain in both.

    Weighted least squares with weights 1 / error², whose common scale is estimated, so that the interval is that of
    Student's t with n - 2 degrees of freedom, and right if the errors are right up to a factor.

    >>> import datetime as dt
    >>> days = [dt.date(2026, month, 1) for month in (1, 4, 7, 10)]
    >>> drift(days, [0.01, 0.0, -0.02, -0.02], [0.01, 0.01, 0.01, 0.01]).change.__round__(3)
    -0.044
    """
    from scipy.special import stdtrit

    if len(dates) < FEWEST or len(set(dates)) < 2:
        return None
    x = np.array([(day - dates[0]).days for day in dates]) / YEAR
    y, weight = np.asarray(gaps, dtype=np.float64), 1 / np.asarray(errors, dtype=np.float64) ** 2
    own = x - np.average(x, weights=weight)
    spread = float((weight * own**2).sum())
    change = float((weight * own * y).sum() / spread)
    rest = y - np.average(y, weights=weight) - change * own
    freedom = len(y) - 2
    error = float(np.sqrt((weight * rest**2).sum() / freedom / spread))
    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return Drift(change, change - reach, change + reach, len(y), confidence)


def drift_of(calibration: Calibration) -> Drift | None:
    """Drift of what was measured against what the other launches foretold of it; None where they are too few."""
    from scipy.special import ndtri

    own = sorted(calibration.left_out, key=lambda launch: (launch.date, launch.launch))
    width = 2 * float(ndtri((1 + calibration.confidence) / 2))
    errors = [(launch.foretold.high - launch.foretold.low) / width for launch in own]
    gaps = [launch.measured - launch.foretold.mean for launch in own]
    return drift([launch.date for launch in own], gaps, errors, confidence=calibration.confidence)
