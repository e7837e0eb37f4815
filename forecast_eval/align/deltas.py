"""What a candidate changed: differences to the incumbent in several metrics, with the covariance of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from backtest.faults import Fault, nearest, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Better = Literal["higher", "lower"]
SHARE = "share"
"""Unit of a relative difference: candidate / incumbent - 1."""
LATITUDE = 1e-9
"""How far from symmetric, or below 0, a covariance may be, relative to its largest variance: rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Deltas:
    """Differences candidate minus incumbent.

    names : of the metrics. values : [metric], in `units`.
    covariance : [metric, metric] of the errors of the values, in units squared; the diagonal is above 0.
    units : of each; "share" is a relative difference, which launches of different size can be compared by. Of a metric
        whose best value is 0, as a bias, it is that of its distance from 0.
    better : which way each should go.
    base : [metric] value of the incumbent, NaN where nobody wrote it down: what turns a share into money.
    """

    names: tuple[str, ...]
    values: Floats
    covariance: Floats
    units: tuple[str, ...]
    better: tuple[Better, ...]
    base: Floats

    def __post_init__(self) -> None:
        """Refuse what cannot be: every fault at once."""
        refuse(list(self._faults()))

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        values: Sequence[float] | Floats,
        covariance: Sequence[Sequence[float]] | Floats,
        *,
        better: Sequence[Better] | None = None,
        units: Sequence[str] | None = None,
        base: Sequence[float] | Floats | None = None,
    ) -> Deltas:
        """Differences, which are shares, higher being better, where nothing else is said.

        >>> Deltas.of(["profit", "waste"], [0.03, -0.1], [[0.0001, 0.0], [0.0, 0.0004]]).error("waste")
        0.02
        """
        count = len(names)
        ways: list[Better] = ["higher"] * count if better is None else list(better)
        return cls(
            tuple(names), np.asarray(values, dtype=np.float64), np.asarray(covariance, dtype=np.float64),
            tuple(units or (SHARE,) * count), tuple(ways),
            np.full(count, np.nan) if base is None else np.asarray(base, dtype=np.float64),
        )  # fmt: skip

    def at(self, name: str) -> int:
        """Position of a metric; InputError where there is none of that name."""
        refuse([] if name in self.names else [Fault("unknown-metric", f"there is no {name!r}", "deltas",
                                                    nearest(name, self.names))])  # fmt: skip
        return self.names.index(name)

    def value(self, name: str) -> float:
        """Difference of one metric."""
        return float(self.values[self.at(name)])

    def error(self, name: str) -> float:
        """Standard error of one metric's difference."""
        k = self.at(name)
        return float(np.sqrt(self.covariance[k, k]))

    def only(self, names: Sequence[str]) -> Deltas:
        """Some of the metrics, in the order of `names`."""
        at = [self.at(name) for name in names]
        return Deltas(
            tuple(names), self.values[at], self.covariance[np.ix_(at, at)], tuple(self.units[k] for k in at),
            tuple(self.better[k] for k in at), self.base[at],
        )  # fmt: skip

    def _faults(self) -> Iterator[Fault]:
        count = len(self.names)
        shapes = (self.values.shape, self.base.shape, (len(self.units),), (len(self.better),))
        if any(shape != (count,) for shape in shapes) or self.covariance.shape != (count, count):
            yield Fault("shape", f"{count} metrics need as many values, units and directions, and a covariance of "
                        f"{count} x {count}", "deltas", "give one of each a metric")  # fmt: skip
            return
        for name in {n for n in self.names if self.names.count(n) > 1}:
            yield Fault("duplicate", f"{name!r} stands twice", "deltas", "keep one")
        variances = np.diag(self.covariance)
        for name, value, variance in zip(self.names, self.values, variances, strict=True):
            if not np.isfinite(value):
                yield Fault("not-a-number", f"{name}={value} must be a number", "deltas", "leave the metric out")
            if not (np.isfinite(variance) and variance > 0):
                what = f"the variance of {name} is {variance:g} and must be above 0: nothing is measured without error"
                yield Fault("zero-variance", what, "covariance", "give its squared standard error, or leave it out")
        if not (np.isfinite(self.covariance).all() and (variances > 0).all()):
            return
        scale = np.outer(np.sqrt(variances), np.sqrt(variances))
        if np.abs((self.covariance - self.covariance.T) / scale).max(initial=0.0) > LATITUDE:
            yield Fault("covariance", "it is not symmetric", "covariance", "give the same number for (a, b) and (b, a)")
        elif np.linalg.eigvalsh(self.covariance / scale)[0] < -LATITUDE * max(count, 1):
            yield Fault("covariance", "it is no covariance: a combination of metrics has a variance below 0",
                        "covariance", "compute it from one set of draws")  # fmt: skip
