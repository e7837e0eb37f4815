"""The course of demand: a level that changes over time, and a season on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SEASON_PRIOR = 4.0
"""Mean periods of demand that the panel's season weighs against a series' own."""


@dataclass(frozen=True, slots=True)
class Course:
    """How the mean of demand moves.

    The level of period t is the mean of demand with weights exp(-|t - s| / window) over periods s before and after
    it: it follows a trend, and a period far away still counts where nothing near was seen. The season is a factor for
    each place in the cycle, of mean 1: a series' own, drawn towards that of the panel.

    window : periods until a weight has fallen to 37 %.
    season : periods of a cycle; 1 has none.
    """

    window: float
    season: int = 1

    def mean(self, demand: Floats, weight: Floats) -> Floats:
        """Level times season, [series, time] units; 0 where a series has no weight at all.

        demand, weight : [series, time]; periods of weight 0 do not count.

        >>> import numpy as np
        >>> Course(window=1.0).mean(np.array([[4.0, 4.0, 4.0]]), np.ones((1, 3)))
        array([[4., 4., 4.]])
        """
        level = self._level(demand, weight)
        if self.season == 1:
            return level
        factor = self._factor(demand, weight, level)
        return self._level(_ratio(demand, factor), weight) * factor

    def own_share(self, weight: Floats) -> Floats:
        """Weight of a period in its own level, [series, time], 0..1."""
        return _ratio(weight, _both_ways(weight, self._decay))

    @property
    def _decay(self) -> float:
        return float(np.exp(-1.0 / self.window))

    def _level(self, demand: Floats, weight: Floats) -> Floats:
        return _ratio(_both_ways(demand * weight, self._decay), _both_ways(weight, self._decay))

    def _factor(self, demand: Floats, weight: Floats, level: Floats) -> Floats:
        """Season of each period, [series, time]."""
        place = np.arange(demand.shape[1]) % self.season
        to_place = np.eye(self.season)[place]  # [time, place]
        sold, expected = (demand * weight) @ to_place, (level * weight) @ to_place  # [series, place]
        panel = _ratio(sold.sum(axis=0), expected.sum(axis=0))
        prior = SEASON_PRIOR * _ratio((level * weight).sum(axis=1), weight.sum(axis=1))[:, None]
        factor = _ratio(sold + prior * panel, expected + prior)
        mean = factor.mean(axis=1, keepdims=True)
        return np.asarray(np.where(mean > 0, _ratio(factor, mean), 1.0)[:, place])


def _both_ways(values: Floats, decay: float) -> Floats:
    """Sums with weights decay ** |t - s| over time, [series, time]: one pass forwards, one backwards."""
    ahead = lfilter([1.0], [1.0, -decay], values, axis=1)
    back = lfilter([1.0], [1.0, -decay], values[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(ahead + back - values)


def _ratio(above: Floats, below: Floats) -> Floats:
    """Quotient, 0 where `below` is 0."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)
