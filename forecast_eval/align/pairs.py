"""One offline against one online metric, over launches: the arrays that every estimator of alignment works on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .deltas import Deltas
    from .launch import Launch

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

FEWEST = 3
"""Launches with both sides below which nothing is said."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Offline x and online y of every launch, turned so that a higher number is better on both sides.

    x, y : [launch] differences; y is NaN where nothing was tested.
    var_x, var_y : [launch] squared standard errors; cov : [launch] covariance of the two errors, 0 where y is NaN.

    Model: x = xi + e, y = eta + f; (xi, eta) are what is true of a launch, normal over launches with means
    (mu_x, mu_y), standard deviations (tau_x, tau_y) and correlation rho; (e, f) are normal with the given variances
    and covariance.
    What was not tested is missing at random given x, and stays in the likelihood by its x.
    """

    x: Floats
    y: Floats
    var_x: Floats
    var_y: Floats
    cov: Floats

    def __post_init__(self) -> None:
        """Refuse fewer than three launches with both sides, differences that never vary, errors that cannot be."""
        refuse(list(self._faults()))

    @classmethod
    def of(cls, x: Floats, y: Floats, var_x: Floats, var_y: Floats, cov: Floats | None = None) -> Pairs:
        """Pairs of array-likes, whose errors are independent where `cov` is not given."""
        columns = [np.asarray(own, dtype=np.float64) for own in (x, y, var_x, var_y)]
        columns.append(np.zeros_like(columns[0]) if cov is None else np.asarray(cov, dtype=np.float64))
        gone = np.isnan(columns[1])
        return cls(
            columns[0], columns[1], columns[2], np.where(gone, np.nan, columns[3]), np.where(gone, 0.0, columns[4])
        )

    @property
    def tested(self) -> Flags:
        """[launch] whether there is an online side."""
        return ~np.isnan(self.y)

    @property
    def complete(self) -> Pairs:
        """The launches that were tested."""
        return self.only(self.tested)

    def only(self, chosen: Flags) -> Pairs:
        """Some of the launches."""
        return replace(
            self, x=self.x[chosen], y=self.y[chosen], var_x=self.var_x[chosen], var_y=self.var_y[chosen],
            cov=self.cov[chosen],
        )  # fmt: skip

    def _faults(self) -> Iterator[Fault]:
        both = self.tested
        if int(both.sum()) < FEWEST:
            what = f"{int(both.sum())} launches have both sides, and {FEWEST} are the least that anything is learned of"
            yield Fault("few-launches", what, "launches", "add past launches to the book")
            return
        for name, own in (("offline", self.x[both]), ("online", self.y[both])):
            if np.ptp(own) == 0:
                what = f"all {int(both.sum())} {name} differences are the same number"
                yield Fault("zero-variance", what, name, "leave the metric out: what never varies explains nothing")
        variances = np.concatenate([self.var_x, self.var_y[both]])
        if not (np.isfinite(variances).all() and (variances > 0).all()):
            yield Fault("zero-variance", "every difference needs an error variance above 0", "launches",
                        "give squared standard errors")  # fmt: skip
        elif (self.cov[both] ** 2 >= self.var_x[both] * self.var_y[both]).any():
            yield Fault("singular", "the errors of both sides of a launch are the same number: their covariance is "
                        "singular", "cross", "give the covariance of the errors, or leave it out")  # fmt: skip


def pairs_of(launches: Sequence[Launch], offline: str, online: str) -> tuple[Pairs, tuple[Launch, ...]]:
    """Pairs of two metrics, and the launches that they come from: those that have the offline metric.

    Raises InputError where launches mix units or directions, or are too few.
    """
    own = tuple(launch for launch in launches if offline in launch.offline.names)
    measured = [side for launch in own if (side := _has(launch, online)) is not None]
    refuse([*_mixed([launch.offline for launch in own], offline, "offline"), *_mixed(measured, online, "online")])
    rows = [_row(launch, offline, online) for launch in own]
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), 5).T
    return Pairs.of(columns[0], columns[1], columns[2], columns[3], columns[4]), own


def _has(launch: Launch, online: str) -> Deltas | None:
    return launch.online if launch.online is not None and online in launch.online.names else None


def _row(launch: Launch, offline: str, online: str) -> tuple[float, float, float, float, float]:
    """Give x, y, their variances and covariance, turned so that higher is better."""
    k = launch.offline.at(offline)
    ours = 1.0 if launch.offline.better[k] == "higher" else -1.0
    x, var_x = ours * float(launch.offline.values[k]), float(launch.offline.covariance[k, k])
    side = _has(launch, online)
    if side is None:
        return x, np.nan, var_x, np.nan, 0.0
    m = side.at(online)
    theirs = 1.0 if side.better[m] == "higher" else -1.0
    cov = 0.0 if launch.cross is None else ours * theirs * float(launch.cross[k, m])
    return x, theirs * float(side.values[m]), var_x, float(side.covariance[m, m]), cov


def _mixed(sides: Sequence[Deltas], name: str, side: str) -> Iterator[Fault]:
    for what, given in (
        ("units", {s.units[s.at(name)] for s in sides}),
        ("directions", {s.better[s.at(name)] for s in sides}),
    ):
        if len(given) > 1:
            said = " and ".join(sorted(given))
            yield Fault("mixed-units", f"{side} {name} is given in different {what}: {said}", "launches",
                        "write all launches in one, best as shares of the incumbent")  # fmt: skip
