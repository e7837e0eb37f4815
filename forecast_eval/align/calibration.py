"""From simulated uplift to online uplift: what past launches say that a simulated number is worth online."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from backtest.faults import Fault, InputError, nearest, refuse

from .deltas import SHARE
from .errors_in_variables import PRECISE, SETTLED, Functional, functional
from .groups import Pool, pool
from .pairs import FEWEST, pairs_of
from .posterior import posterior

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence

    from .credible import Credible
    from .deltas import Better, Deltas
    from .launch import Launch
    from .pairs import Pairs
    from .posterior import Posterior, Prediction

    Fitted = Posterior | Functional | Pool
    Fit = Callable[[Pairs, Sequence[str]], Fitted]

Method = Literal["auto", "bivariate", "york"]
Used = Literal["bivariate", "york", "groups"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One tested launch, foretold from the others.

    foretold : with the noise of the launch's own measurement in its interval. measured, error : online, turned.
    """

    launch: str
    date: dt.date
    foretold: Prediction
    measured: float
    error: float

    @property
    def held(self) -> bool:
        """Whether what was measured lies in the interval."""
        return self.foretold.low <= self.measured <= self.foretold.high


@dataclass(frozen=True, slots=True)
class Line:
    """True online effect = intercept + slope * true offline difference + scatter, turned so that higher is better."""

    slope: Credible
    intercept: Credible


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What an offline number is worth online.

    Everything is turned so that higher is better on both sides.

    turns : 1 or -1 for the offline and the online metric, by which theirs is multiplied.
    method : that was used. why : why, in words.
    launches, pairs : all that have the offline metric, in one order; those that were not tested have no y.
    n : launches with both sides. unit : of the online metric, offline_unit : of the other.
    rho : correlation of what is true on both sides; where its interval holds 0 the number tells little more than the
        mean of past launches. line : with the intervals of slope and intercept.
    by : the group that the lines are shrunk across; groups : value -> its line.
    fit : from pairs, and the group of each launch, to what foretells.
    """

    offline: str
    online: str
    turns: tuple[float, float]
    unit: str
    method: Used
    why: str
    confidence: float
    launches: tuple[Launch, ...]
    pairs: Pairs
    rho: Credible
    line: Line
    by: str | None
    groups: dict[str, Line]
    fit: Fit
    fitted: Fitted

    @property
    def group_of(self) -> tuple[str, ...]:
        """Value of `by` of each launch; empty texts where nothing is grouped."""
        return tuple("" if self.by is None else launch.groups[self.by] for launch in self.launches)

    @property
    def n(self) -> int:
        """Launches with both sides."""
        return int(self.pairs.tested.sum())

    @property
    def offline_unit(self) -> str:
        """Unit of the offline metric, in all launches."""
        side = self.launches[0].offline
        return side.units[side.at(self.offline)]

    def unlike(self, *, better: Better, offline: str = SHARE, online: str | None = None) -> list[Fault]:
        """Faults of a number in other units than launches have theirs, or with another best direction.

        better, offline : direction and unit of the offline number; online : unit of the online one, if it has one.
        """
        sides = [("offline", self.offline, offline, self.offline_unit)]
        sides += [] if online is None else [("online", self.online, online, self.unit)]
        faults = [
            Fault("mixed-units", f"{side} {name} is in {own} here and in {theirs} in the launches", "calibration",
                  "write the launches of the book as shares of the incumbent")
            for side, name, own, theirs in sides if own != theirs
        ]  # fmt: skip
        if better != ("higher" if self.turns[0] > 0 else "lower"):
            what = f"of {self.offline} {better} is better here, and not in the launches"
            faults.append(Fault("mixed-units", what, "calibration", "give one direction to both"))
        return faults

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Every tested launch, foretold from the others; empty where those would be fewer than three."""
        return _left_out(self)

    @property
    def coverage(self) -> float:
        """Share of the left-out launches whose measured effect lies in the interval; NaN where there are none."""
        return float(np.mean([own.held for own in self.left_out])) if self.left_out else float("nan")

    @property
    def is_blind(self) -> bool:
        """Whether the launches do not show that the offline number says anything of the online one."""
        return self.rho.low <= 0 <= self.rho.high

    def predict(
        self, x: float, var_x: float, *, group: str | None = None, var_y: float = 0.0, cov: float = 0.0
    ) -> Prediction:
        """Online effect of the next launch, with all that is unknown of the line.

        x, var_x : its offline difference, turned so that higher is better, and the squared error of that.
        group : value of `by`; None, or one that no launch was of, has the spread between groups in its interval.
        var_y : squared error of its online measurement: the interval is then for what will be measured, and else for
            what is true. cov : covariance of both errors.

        Raises InputError for a variance that is not above 0, or a group where nothing was grouped.
        """
        refuse(list(_odd(self, x, var_x, group=group, var_y=var_y)))
        if isinstance(self.fitted, Pool):
            return self.fitted.predict(x, var_x, group=group, var_y=var_y, cov=cov)
        return self.fitted.predict(x, var_x, var_y=var_y, cov=cov)


def calibrate(
    launches: Sequence[Launch],
    *,
    offline: str = "profit",
    online: str = "profit",
    by: str | None = None,
    method: Method = "auto",
    confidence: float = 0.9,
) -> Calibration:
    """Learn from past launches what an offline number is worth online.

    offline, online : metrics. by : a group of the launches, as region, across whose values the line is shrunk.
    method : `bivariate`: normal random effects with a posterior on a grid, see `posterior.posterior`. `york`: a
        straight line with errors in both variables, see `errors_in_variables.functional`. `auto`: York's line where the
        launches show that they do not scatter about it, and x is measured well; else the posterior.

    York's line takes launches to lie on it but for their errors, and x of the next launch as it comes; the posterior
    knows scatter, and where true differences usually are. In simulations York's 90 % interval held .80 of the launches
    where they scattered by a quarter of what there was to tell, and a test of chi2 let it pass four times out of five:
    with 5 to 30 launches it has no power. So scatter is not to be disproved but its absence to be shown: the upper 90 %
    limit of its variance, from chi2, must be below half of that of a prediction. That is seldom with few launches.

    Raises InputError with every fault: fewer than three launches with both sides, mixed units, differences that never
    vary, a group that launches lack, York's line within groups.
    """
    pairs, own = pairs_of(launches, offline, online)
    refuse(list(_unusable(own, by, method, confidence)))
    groups = [launch.groups[by] for launch in own] if by is not None else [""] * len(own)
    used, why, fit = _chosen(pairs, by, method, confidence)
    fitted = fit(pairs, groups)
    rho = posterior(pairs, confidence=confidence).rho if isinstance(fitted, Functional) else fitted.rho
    lines = {name: Line(*fitted.line(name)) for name in dict.fromkeys(groups)} if isinstance(fitted, Pool) else {}
    common = fitted.line() if isinstance(fitted, Pool) else (fitted.slope, fitted.intercept)
    side = next(k.online for k in own if k.online is not None and online in k.online.names)
    turns = _turn(own[0].offline, offline), _turn(side, online)
    return Calibration(
        offline, online, turns, side.units[side.at(online)], used, why, confidence, own, pairs, rho, Line(*common), by,
        lines, fit, fitted,
    )  # fmt: skip


def _turn(side: Deltas, name: str) -> float:
    return 1.0 if side.better[side.at(name)] == "higher" else -1.0


def _chosen(pairs: Pairs, by: str | None, method: Method, confidence: float) -> tuple[Used, str, Fit]:
    """Method that is used, why, and how it is fitted."""

    def bivariate(own: Pairs, _groups: Sequence[str]) -> Posterior:
        return posterior(own, confidence=confidence)

    def york(own: Pairs, _groups: Sequence[str]) -> Functional:
        return functional(own, confidence=confidence)

    if by is not None:
        return "groups", f"lines of each {by} are shrunk to a common one", partial(pool, confidence=confidence)
    if method == "york":
        return "york", "it was asked for", york
    if method == "bivariate":
        return "bivariate", "it was asked for", bivariate
    why = _against_york(pairs)
    if why:
        return "bivariate", why, bivariate
    return "york", "the launches lie on a line but for their errors", york


def _against_york(pairs: Pairs) -> str:
    """Why York's line is not taken; nothing where it is."""
    try:
        line = functional(pairs)
    except InputError as error:
        return error.faults[0].what
    if not line.line.converged:
        return "no line fits best"
    if line.noise_of_x > PRECISE:
        return f"its errors make {line.noise_of_x:.0%} of what varies offline"
    return "" if line.scatter_share <= SETTLED else "launches do not show that they lie on a line but for their errors"


@lru_cache(maxsize=16)
def _left_out(own: Calibration) -> tuple[LeftOut, ...]:
    """Foretell every tested launch by what the others teach; kept, as it takes as many fits."""
    tested = [k for k, known in enumerate(own.pairs.tested) if known]
    return tuple(_without(own, k) for k in tested) if len(tested) > FEWEST else ()


def _without(own: Calibration, k: int) -> LeftOut:
    pairs, groups, launch = own.pairs, own.group_of, own.launches[k]
    fitted = own.fit(pairs.only(np.arange(len(groups)) != k), groups[:k] + groups[k + 1 :])
    x, var_x, var_y, cov = (float(values[k]) for values in (pairs.x, pairs.var_x, pairs.var_y, pairs.cov))
    foretold = (
        fitted.predict(x, var_x, group=groups[k], var_y=var_y, cov=cov)
        if isinstance(fitted, Pool)
        else fitted.predict(x, var_x, var_y=var_y, cov=cov)
    )
    return LeftOut(launch.name, launch.date, foretold, float(pairs.y[k]), float(np.sqrt(var_y)))


def _unusable(launches: Sequence[Launch], by: str | None, method: Method, confidence: float) -> Iterator[Fault]:
    if not 0 < confidence < 1:
        yield Fault("confidence", f"confidence={confidence} must be between 0 and 1", "calibration", "give 0.9 or so")
    if by is None:
        return
    if method == "york":
        yield Fault("york-groups", "York's line knows no groups", "calibration", "leave by out, or take bivariate")
    known = sorted({name for launch in launches for name in launch.groups})
    for launch in launches:
        if by not in launch.groups:
            fix = (
                nearest(by, known)
                if known and by not in known
                else "say it with launches add --correct, or leave by out"
            )
            yield Fault("no-group", f"it has no {by}", f"launch {launch.name!r}", fix)


def _odd(own: Calibration, x: float, var_x: float, *, group: str | None, var_y: float) -> Iterator[Fault]:
    if not (np.isfinite(x) and np.isfinite(var_x) and var_x > 0):
        yield Fault("zero-variance", f"x={x:g} with the variance {var_x:g}: give a number and a variance above 0",
                    own.offline, "give its squared standard error")  # fmt: skip
    if not (np.isfinite(var_y) and var_y >= 0):
        yield Fault("zero-variance", f"var_y={var_y:g} must be 0 or more", own.online, "give a squared standard error")
    if group is not None and own.by is None:
        yield Fault("no-group", f"nothing was grouped, and group={group!r} was given", "calibration", "give by as well")
