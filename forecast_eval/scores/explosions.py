"""Forecasts that explode: flagged, and bounded before they are scored, so that one of them does not hide all others."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .observations import Said

    Floats = NDArray[np.float64]


def bounds_of(sales: Floats, factor: float) -> Floats:
    """Largest forecast [series] that is believed: `factor` times the most that a series sold in a known period.

    sales : [series, time] known at the cutoff, units. A series that sold less at most than half of all others did is
        bounded as they are, so that a product that is just starting may grow.

    >>> bounds_of(np.array([[3.0, 8.0], [0.0, 1.0], [20.0, np.nan]]), 10.0)
    array([ 80.,  80., 200.])
    """
    most = np.nan_to_num(sales).max(axis=1, initial=0.0)
    sold = most[most > 0]
    return np.asarray(factor * np.maximum(most, np.median(sold) if len(sold) else np.inf))


@dataclass(frozen=True, slots=True)
class Exploded:
    """Forecasts of one model beyond what is believed."""

    forecasts: int
    series: int
    largest: float

    def words(self, model: str, factor: float) -> str:
        """Say so in a sentence."""
        return (
            f"{model} exploded: {self.forecasts:,} forecasts of {self.series:,} series are beyond {factor:g} times the "
            f"most ever sold (the largest is {self.largest:.3g}); they are scored as if they were at that bound"
        )


@dataclass(slots=True)
class Explosions:
    """Bounds the forecasts of windows, and remembers which models exploded."""

    factor: float
    _forecasts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _series: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _largest: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def bounded(self, model: str, said: Said, bounds: Floats) -> Said:
        """Give what was said with points, quantiles and paths within -bounds and bounds [series]."""
        limit = bounds[:, None]
        beyond = np.abs(said.forecast) > limit
        for quantile in said.quantiles.values():
            beyond |= np.abs(quantile) > limit
        if said.paths is not None:
            beyond |= (np.abs(said.paths) > limit[..., None]).any(axis=-1)
        if beyond.any():
            self._remember(model, said, beyond)
            paths = None if said.paths is None else np.clip(said.paths, -limit[..., None], limit[..., None])
            quantiles = {q: np.clip(at, -limit, limit) for q, at in said.quantiles.items()}
            return replace(said, forecast=np.clip(said.forecast, -limit, limit), quantiles=quantiles, paths=paths)
        return said

    def _remember(self, model: str, said: Said, beyond: NDArray[np.bool_]) -> None:
        self._forecasts[model] += int(beyond.sum())
        self._series[model] |= set(np.flatnonzero(beyond.any(axis=1)).tolist())
        everything = (said.forecast, *said.quantiles.values(), *([] if said.paths is None else [said.paths]))
        largest = float(np.fmax.reduce(np.concatenate([np.abs(at[beyond]).ravel() for at in everything])))
        self._largest[model] = max(self._largest[model], largest)

    @property
    def found(self) -> dict[str, Exploded]:
        """Models that exploded."""
        return {m: Exploded(n, len(self._series[m]), self._largest[m]) for m, n in self._forecasts.items()}
