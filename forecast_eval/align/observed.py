"""All metrics of all launches as arrays, in standard units: what the joint posterior works on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, attempt, nearest, refuse

from .pairs import FEWEST, pairs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .deltas import Deltas
    from .launch import Launch

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

OWN = 1e-8
"""Share of a metric's error variance that no combination of others may explain, or the covariance is singular."""
PART = 1e-3
"""Smallest weight with which a metric counts as part of such a combination, in standard errors."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Launches in all metrics, first the offline ones, then the online ones; turned so that higher is better.

    offline, online : names. units : [metric] as given. launches : of the same order as the rows.
    values : [launch, metric] differences less `centre`, divided by `scale`; 0 where not seen.
    covariance : [launch, metric, metric] of their errors, in the same units; rows and columns of the identity where
        not seen.
    seen : [launch, metric]. centre, scale : [metric] mean and standard deviation over launches of what was seen.
    left_out : offline metrics that too few tested launches have.
    """

    offline: tuple[str, ...]
    online: tuple[str, ...]
    units: tuple[str, ...]
    launches: tuple[Launch, ...]
    values: Floats
    covariance: Floats
    seen: Flags
    centre: Floats
    scale: Floats
    left_out: tuple[str, ...] = ()

    @property
    def tested(self) -> Flags:
        """[launch] whether it has the first online metric."""
        return self.seen[:, len(self.offline)]

    def without(self, chosen: NDArray[np.intp]) -> Observed:
        """The same where nothing was measured online in the chosen launches, by position."""
        gone = np.zeros_like(self.seen)
        gone[chosen, len(self.offline) :] = True
        return replace(self, values=np.where(gone, 0.0, self.values), covariance=_blank(self.covariance, ~gone),
                       seen=self.seen & ~gone)  # fmt: skip

    @property
    def typical(self) -> Floats:
        """[offline, offline] covariance of the errors of a typical launch: median variances, mean correlations."""
        p = len(self.offline)
        seen = self.seen[:, :p]
        blocks = self.covariance[:, :p, :p]
        variances = np.where(seen, np.diagonal(blocks, axis1=1, axis2=2), np.nan)
        errors = np.sqrt(np.nanmedian(variances, axis=0))
        sizes = np.sqrt(np.diagonal(blocks, axis1=1, axis2=2))
        both = seen[:, :, None] & seen[:, None, :]
        total = np.where(both, blocks / (sizes[:, :, None] * sizes[:, None, :]), 0.0).sum(axis=0)
        count = np.sqrt(seen.sum(axis=0))
        typical: Floats = total / np.outer(count, count) * np.outer(errors, errors)
        return typical


def observed(launches: Sequence[Launch], online: Sequence[str], offline: Sequence[str] | None = None) -> Observed:
    """Arrays of the launches that have an offline metric; every offline metric that enough tests have, by default.

    Raises InputError, with every fault: fewer than 3 launches with both sides, what never varies, mixed units or
    directions, a launch twice, a covariance that is singular (the metrics that are copies of each other are named).
    """
    named, left_out = (tuple(offline), ()) if offline is not None else _known(launches, online[0])
    faults = list(_unknown(launches, named, online))
    refuse(faults or list(_twice(launches)))
    for name in named or ("",):
        for other in online:
            attempt(lambda own=name, to=other: pairs_of(launches, own, to), faults)  # type: ignore[misc]
    refuse(faults)
    own = tuple(launch for launch in launches if any(name in launch.offline.names for name in named))
    refuse(list(_gathered([fault for launch in own for fault in _singular(launch, named, tuple(online))])))
    return replace(_standard(own, named, tuple(online)), left_out=left_out)


def _known(launches: Sequence[Launch], online: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Offline metrics in order of appearance: those that enough tested launches have, and the others."""
    tested = [own for own in launches if own.online is not None and online in own.online.names]
    names = dict.fromkeys(name for own in launches for name in own.offline.names)
    enough = [name for name in names if sum(name in own.offline.names for own in tested) >= FEWEST]
    chosen = tuple(enough or names)
    return chosen, tuple(name for name in names if name not in chosen)


def _unknown(launches: Sequence[Launch], offline: Sequence[str], online: Sequence[str]) -> Iterator[Fault]:
    for side, names, known in (
        ("offline", offline, {n for own in launches for n in own.offline.names}),
        ("online", online, {n for own in launches if own.online is not None for n in own.online.names}),
    ):
        for name in names:
            if name not in known:
                yield Fault("unknown-metric", f"no launch has {name!r}", side, nearest(name, known))


def _twice(launches: Sequence[Launch]) -> Iterator[Fault]:
    names = [own.name for own in launches]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield Fault("duplicate", f"launch {name!r} stands {names.count(name)} times", "launches", "keep one")


def _block(launch: Launch, offline: tuple[str, ...], online: tuple[str, ...]) -> tuple[Floats, Floats, Flags]:
    """Values, covariance and what is seen of one launch, in its own units, turned so that higher is better."""
    p, count = len(offline), len(offline) + len(online)
    values, covariance, seen = np.zeros(count), np.eye(count), np.zeros(count, dtype=np.bool_)
    sides = [(launch.offline, offline, 0)] + ([(launch.online, online, p)] if launch.online is not None else [])
    own: list[tuple[NDArray[np.intp], NDArray[np.intp], Floats]] = []
    for side, names, first in sides:
        to = np.array([first + k for k, name in enumerate(names) if name in side.names], dtype=np.intp)
        at = np.array([side.at(name) for name in names if name in side.names], dtype=np.intp)
        sign = _signs(side)[at]
        values[to], seen[to] = sign * side.values[at], True
        covariance[np.ix_(to, to)] = side.covariance[np.ix_(at, at)] * np.outer(sign, sign)
        own.append((to, at, sign))
    if launch.cross is not None and len(own) == 2:
        (to, at, sign), (to_y, at_y, sign_y) = own
        covariance[np.ix_(to, to_y)] = launch.cross[np.ix_(at, at_y)] * np.outer(sign, sign_y)
        covariance[np.ix_(to_y, to)] = covariance[np.ix_(to, to_y)].T
    return values, covariance, seen


def _signs(side: Deltas) -> Floats:
    return np.array([1.0 if way == "higher" else -1.0 for way in side.better])


def copies(launches: Sequence[Launch], offline: Sequence[str], online: Sequence[str]) -> dict[str, str]:
    """Offline metrics whose errors those before them explain in full in some launch, and how: `observed` refuses them.

    Left out, the others have a covariance that is not singular.
    """
    found: dict[str, str] = {}
    for launch in launches:
        named = tuple(name for name in offline if name not in found)
        found |= {name: how for name, how, _ in _dependent(launch, named, tuple(online)) if name in named and how}
    return found


def _singular(launch: Launch, offline: tuple[str, ...], online: tuple[str, ...]) -> Iterator[Fault]:
    place = f"launch {launch.name!r}"
    for name, how, own in _dependent(launch, offline, online):
        if own < 0:
            yield Fault("covariance", f"with {name} it is no covariance: a combination of metrics has a variance "
                        "below 0", place, "compute both sides and cross from one set of draws")  # fmt: skip
        else:
            yield Fault("singular", f"the covariance is singular: the error of {name} is {how}", place,
                        "leave one of them out, or estimate it from more stores")  # fmt: skip


def _gathered(faults: Sequence[Fault]) -> Iterator[Fault]:
    """One fault in place of those that say the same of several launches."""
    places: dict[Fault, list[str]] = {}
    for fault in faults:
        places.setdefault(replace(fault, place=""), []).append(fault.place)
    for fault, where in places.items():
        yield replace(fault, place=where[0] if len(where) == 1 else f"{where[0]} and {len(where) - 1} more")


def _dependent(launch: Launch, offline: tuple[str, ...], online: tuple[str, ...]) -> Iterator[tuple[str, str, float]]:
    """Metrics whose errors those before them explain in full: name, how, and 0; below 0 where it is no covariance."""
    _, covariance, seen = _block(launch, offline, online)
    names = [*offline, *(f"online {name}" for name in online)]
    sizes = np.sqrt(np.diag(covariance))
    related = covariance / np.outer(sizes, sizes)
    kept: list[int] = []
    for k in np.flatnonzero(seen):
        weights = np.linalg.solve(related[np.ix_(kept, kept)], related[kept, k])
        own = float(1 - related[kept, k] @ weights)
        if own > OWN:
            kept.append(int(k))
            continue
        group = [names[m] for m, w in zip(kept, weights, strict=True) if abs(w) > PART]
        same = "a copy of that of " if len(group) == 1 else "a combination of those of "
        yield names[k], same + ", ".join(group), own if own < -OWN else 0.0


def _standard(launches: tuple[Launch, ...], offline: tuple[str, ...], online: tuple[str, ...]) -> Observed:
    values, covariance, seen = (
        np.stack(own) for own in zip(*(_block(o, offline, online) for o in launches), strict=True)
    )
    known = np.where(seen, values, np.nan)
    centre, scale = np.nanmean(known, axis=0), np.nanstd(known, axis=0, ddof=1)
    return Observed(
        offline, online, _units(launches, offline, online), launches, np.where(seen, (values - centre) / scale, 0.0),
        _blank(covariance / np.outer(scale, scale), seen), seen, centre, scale,
    )  # fmt: skip


def _units(launches: tuple[Launch, ...], offline: tuple[str, ...], online: tuple[str, ...]) -> tuple[str, ...]:
    own = {name: unit for o in launches for name, unit in zip(o.offline.names, o.offline.units, strict=True)}
    theirs = {
        name: unit for o in launches if o.online is not None
        for name, unit in zip(o.online.names, o.online.units, strict=True)
    }  # fmt: skip
    return *(own[name] for name in offline), *(theirs[name] for name in online)


def _blank(covariance: Floats, seen: Flags) -> Floats:
    """Put rows and columns of the identity where a metric was not seen."""
    both = seen[:, :, None] & seen[:, None, :]
    blank: Floats = np.where(both, covariance, np.eye(covariance.shape[-1]))
    return blank
