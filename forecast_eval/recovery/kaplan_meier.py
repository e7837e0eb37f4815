"""Demand beyond its bound under the product-limit estimate of its distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .censored import Censored
    from .expectation import Fit

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

ENOUGH_ABOVE = 16
"""Seen ratios above a bound from which on a series speaks for itself."""
ENOUGH_SEEN = 20
"""Seen periods without which a series is not asked."""


@dataclass(frozen=True, slots=True)
class ProductLimit:
    """Ratios of demand to its level have any distribution; it is estimated from seen ones and lower bounds.

    The level is that of the completed demand, round by round (Buckley and James 1979, Linear regression with censored
    data, Biometrika 66). A series with fewer than ENOUGH_SEEN seen periods takes the distribution of the ratios of all
    series together. So does, in part, a bound with n < ENOUGH_ABOVE seen ratios of its series above it: the own
    estimate has the weight n / ENOUGH_ABOVE. This is the rule for the tail: where the largest ratio of a series is a
    bound, what lies beyond comes from the panel; where the largest of the panel is one, all that is left lies on it
    (Efron 1967, The two sample problem with censored data).
    """

    tolerance: ClassVar[float] = 1e-3  # the estimate steps, so that the rounds may end in a cycle of small changes

    def hidden(self, panel: Censored, fit: Fit) -> tuple[Floats, Floats]:
        """Mean of demand given that it is at least the sales; the variance is not needed and 0."""
        mean = fit.mean[panel.cells]
        ratio = np.divide(panel.sales, fit.mean, out=np.zeros(fit.mean.shape), where=fit.mean > 0)
        counts = panel.known & (fit.mean > 0)
        seen = panel.seen & counts
        own, above = mean_beyond(ratio, seen, counts)
        pooled, _ = mean_beyond(ratio.reshape(1, -1), seen.reshape(1, -1), counts.reshape(1, -1))
        trust = np.minimum(above[panel.cells] / ENOUGH_ABOVE, 1.0)
        trust[seen.sum(axis=1)[panel.cells[0]] < ENOUGH_SEEN] = 0.0
        beyond = trust * own[panel.cells] + (1.0 - trust) * pooled.reshape(ratio.shape)[panel.cells]
        return beyond * mean, np.zeros(len(mean))


def mean_beyond(values: Floats, seen: Bools, counts: Bools) -> tuple[Floats, Floats]:
    """E[V | V >= bound] for each bound under the product-limit estimate of its row; how many seen values are above.

    Values are either seen or lower bounds; at a tie the bound comes first, for demand may equal it. The probability
    that is left beyond the largest value lies on it. Both [row, n], 0 where a value is no bound. `scipy.stats.ecdf`
    gives the survival function of one sample; here it is all rows at once.

    values, seen, counts : [row, n]; a value that counts and is not seen is a lower bound.

    Source: Kaplan and Meier (1958), Nonparametric estimation from incomplete observations, JASA 53.

    >>> import numpy as np
    >>> seen = np.array([[True, False, True, True]])
    >>> mean_beyond(np.array([[1.0, 2.0, 3.0, 5.0]]), seen, np.ones((1, 4), dtype=bool))[0]
    array([[0., 4., 0., 0.]])
    """
    behind = np.where(seen, np.nextafter(values, np.inf), values)  # a seen value follows a bound that equals it
    order = np.argsort(np.where(counts, behind, np.inf), axis=1)
    mean, above = np.zeros(values.shape), np.zeros(values.shape)
    _walk_back(values, seen, counts.sum(axis=1), order, (mean, above))
    return mean, above


@njit(cache=True)
def _walk_back(values, seen, counted, order, found):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    # of the n left from a seen value on, demand is this one with probability 1 / n: E before it follows from E after
    mean, above = found
    for i in range(len(values)):
        n = counted[i]
        beyond = values[i, order[i, n - 1]] if n else 0.0
        behind = 0
        for k in range(n - 1, -1, -1):
            place = order[i, k]
            if seen[i, place]:
                beyond += (values[i, place] - beyond) / (n - k)
                behind += 1
            else:
                mean[i, place] = beyond
                above[i, place] = behind
