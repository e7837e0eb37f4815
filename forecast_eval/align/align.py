"""The alignment study: which offline metric goes with which online metric, how sure that is, and what follows."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from backtest.faults import Fault, InputError, attempt, nearest, refuse

from .bivariate import moments, reml
from .calibration import calibrate
from .composite import compose
from .curve import curve_of
from .joint import sample
from .observed import copies
from .pairs import FEWEST, pairs_of
from .posterior import posterior
from .ranking import rank
from .study import Alignment, Study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .calibration import Calibration
    from .composite import Composite
    from .credible import Credible
    from .launch import Launch
    from .ranking import Ranking
    from .study import Verdict

    Progress = Callable[[str, int, int], None]
    Names = Sequence[str] | None
    Lacking = Mapping[tuple[str, str], Sequence[Fault]]

T = TypeVar("T")
LEFT_OUT = frozenset({"few-launches", "zero-variance"})
"""Rules whose faults leave a pair of metrics out with a note, unless somebody asked for it."""
SELECTION = "{count} of {all} candidates not tested: they count by what they promised offline"


def align(  # noqa: PLR0913 - each is a choice of the study
    launches: Iterable[Launch],
    *,
    offline: Names = None,
    online: Names = None,
    by: str | None = None,
    confidence: float = 0.9,
    seed: int = 0,
    progress: Progress = lambda _what, _done, _total: None,
) -> Study:
    """Hold what past launches promised offline against what their tests measured online.

    offline, online : metrics; None takes all that the launches have. Every offline metric is held against every online
        one; ranking and composite are made for the first online metric, which should be the one that decides.
    by : a group of the launches, as region, across whose values calibrations are shrunk.
    confidence : of all posterior intervals. seed : of the joint posterior behind ranking and composite.

    A pair with too few launches, or a metric that never varies, is left out with a note, unless it was asked for: both
    of the pair, or a metric of which nothing is left.

    Raises InputError with every fault: fewer than three launches with both sides, launches that stand twice, units that
    are mixed, metrics that never vary or that nobody has, errors whose covariance is singular.
    """
    chosen = tuple(launches)
    ours, theirs = _metrics(chosen, offline, online, by=by, confidence=confidence)
    pairs, found, lacking = [(own, other) for other in theirs for own in ours], [], {}
    for done, (own, other) in enumerate(pairs):
        progress(f"{own} against {other}", done, len(pairs))
        try:
            found.append(_alignment(chosen, own, other, confidence))
        except InputError as error:
            lacking[own, other] = error.faults
    refuse(list(_unstudied(lacking, found, offline, online)))
    notes = [*_selection(chosen), *(f"{own} against {other} is left out: {faults[0].what}"
                                    for (own, other), faults in lacking.items())]  # fmt: skip
    progress("ranking", len(pairs), len(pairs) + 1)
    rankings, composites = _joint(
        chosen, found, chosen=offline is not None, confidence=confidence, seed=seed, notes=notes
    )
    calibrations = _calibrations(chosen, found, by, confidence, notes)
    progress("ranking", len(pairs) + 1, len(pairs) + 1)
    return Study(confidence, chosen, tuple(found), rankings, composites, calibrations, tuple(dict.fromkeys(notes)))


def _alignment(launches: Sequence[Launch], offline: str, online: str, confidence: float) -> Alignment:
    pairs, own = pairs_of(launches, offline, online)
    found = posterior(pairs, confidence=confidence)
    return Alignment(
        offline,
        online,
        pairs,
        own,
        found.rho,
        found.slope,
        verdict_of(found.rho),
        reml(pairs),
        moments(pairs),
        curve_of(found, pairs),
    )


def verdict_of(rho: Credible) -> Verdict:
    """Whether the sign of a correlation is settled.

    >>> from forecast_eval.align.credible import Credible
    >>> verdict_of(Credible(0.6, -0.1, 0.9, 0.93))
    'insufficient evidence'
    """
    if rho.low > 0:
        return "trusted"
    return "misleads" if rho.high < 0 else "insufficient evidence"


def _joint(
    launches: Sequence[Launch],
    found: Sequence[Alignment],
    *,
    chosen: bool,
    confidence: float,
    seed: int,
    notes: list[str],
) -> tuple[tuple[Ranking, ...], tuple[Composite, ...]]:
    """Ranking and composite of the first online metric; not all launches need to have all offline metrics.

    chosen : whether somebody chose the offline metrics; else one whose error others explain in full is left out.
    """
    online = found[0].online
    names = [own.offline for own in found if own.online == online]
    if not chosen:
        twins = copies(launches, names, (online,))
        notes += [f"{name} is not ranked: its error is {how}" for name, how in twins.items()]
        names = [name for name in names if name not in twins]
    joint = sample(launches, online, offline=names, seed=seed)
    notes += joint.notes
    money = online if online in names else None
    return (rank(joint, confidence=confidence),), (compose(joint, money=money, confidence=confidence),)


def _calibrations(
    launches: Sequence[Launch], found: Sequence[Alignment], by: str | None, confidence: float, notes: list[str]
) -> tuple[Calibration, ...]:
    """Calibrations of numbers that have the same name on both sides: what was promised of a metric, and came of it."""
    same = [own for own in found if own.offline == own.online]
    made = [
        _attempt(
            partial(calibrate, launches, offline=own.offline, online=own.online, by=by, confidence=confidence), notes
        )
        for own in same
    ]
    if not same:
        notes.append(
            "nothing is calibrated: no metric stands on both sides under one name; call what was simulated as what was "
            "measured"
        )
    return tuple(own for own in made if own is not None)


def _attempt(make: Callable[[], T], notes: list[str]) -> T | None:
    """Make something, or note why too little is known for it."""
    try:
        return make()
    except InputError as error:
        if any(fault.rule not in LEFT_OUT for fault in error.faults):
            raise
        notes.append(error.faults[0].what)
        return None


def _metrics(
    launches: Sequence[Launch], offline: Names, online: Names, *, by: str | None, confidence: float
) -> tuple[list[str], list[str]]:
    """Metrics of both sides; InputError with all that is wrong before any number is looked at."""
    faults = [*_few(launches), *_twice(launches), *_odd(launches, by, confidence)]
    if faults and faults[0].rule == "few-launches":  # what else they lack, they lack for that
        refuse(faults)
    ours = attempt(partial(_names, launches, offline, side="offline"), faults)
    theirs = attempt(partial(_names, launches, online, side="online"), faults)
    refuse(faults)
    return ours or [], theirs or []


def _names(launches: Sequence[Launch], asked: Names, *, side: str) -> list[str]:
    """Metrics of one side: those asked for, or all in the order in which they first occur."""
    sides = [launch.offline if side == "offline" else launch.online for launch in launches]
    known = list(dict.fromkeys(name for own in sides if own is not None for name in own.names))
    if asked is None:
        return known
    refuse([
        Fault("unknown-metric", f"no launch has an {side} metric {name!r}", f"--{side}", nearest(name, known))
        for name in asked if name not in known
    ] or ([] if asked else [Fault("no-metric", f"no {side} metric is named", f"--{side}", "leave it out for all")])
    )  # fmt: skip
    return list(dict.fromkeys(asked))


def _few(launches: Sequence[Launch]) -> Iterator[Fault]:
    count = sum(launch.online is not None for launch in launches)
    if count < FEWEST:
        what = f"{count} launches have both sides, and {FEWEST} are the least that anything is learned of"
        yield Fault("few-launches", what, "launches", "add past launches to the book")


def _odd(launches: Sequence[Launch], by: str | None, confidence: float) -> Iterator[Fault]:
    if not 0 < confidence < 1:
        yield Fault("confidence", f"confidence={confidence} must be between 0 and 1", "--confidence", "give 0.9 or so")
    known = {name for launch in launches for name in launch.groups}
    if by is not None and by not in known:
        fix = nearest(by, known) if known else "add launches with --group, or leave it out"
        yield Fault("no-group", f"no launch has a group {by!r}", "--by", fix)


def _unstudied(lacking: Lacking, found: Sequence[Alignment], offline: Names, online: Names) -> Iterator[Fault]:
    """Faults of pairs that may not be left out, each with the metrics that it is of."""
    ours, theirs = {own.offline for own in found}, {own.online for own in found}
    for (own, other), faults in lacking.items():
        gone = (offline is not None and own not in ours) or (online is not None and other not in theirs)
        asked = gone or not found or (offline is not None and online is not None)
        for fault in faults:
            if asked or fault.rule not in LEFT_OUT:
                of = {"offline": f"offline {own}", "online": f"online {other}"}
                place = fault.place if fault.rule == "mixed-units" else of.get(fault.place, f"{own} against {other}")
                yield replace(fault, place=place)


def _selection(launches: Sequence[Launch]) -> Iterator[str]:
    count = sum(launch.online is None for launch in launches)
    if count:
        yield SELECTION.format(count=count, all=len(launches))
    else:
        yield ("no candidate that was not tested is in the book: if some were held back for what they promised, what "
               "is learned holds only for candidates that look as good as those that were tested")  # fmt: skip
    if any(launch.online is not None and launch.cross is None for launch in launches):
        yield "errors of both sides are taken as independent where a launch gives no covariance of theirs"
    begun = Counter((own.incumbent, own.date) for own in launches if own.online is not None)
    shared = sum(count for count in begun.values() if count > 1)
    if shared:
        what = f"{shared} tests began on the same day as another one against the same incumbent"
        yield f"{what}: they share customers, if not a control arm, and intervals are somewhat too narrow for that"


def _twice(launches: Sequence[Launch]) -> Iterator[Fault]:
    """Faults of launches that stand twice, under one name or with the same numbers."""
    names: dict[str, int] = {}
    numbers: dict[str, str] = {}
    for launch in launches:
        names[launch.name] = names.get(launch.name, 0) + 1
        key = json.dumps([launch.offline.names, launch.offline.values.tolist(),
                          None if launch.online is None else launch.online.values.tolist()])  # fmt: skip
        before = numbers.setdefault(key, launch.name)
        if before != launch.name:
            what = f"{before!r} and {launch.name!r} have the same numbers on both sides"
            yield Fault("duplicate", what, "launches", "keep one of them")
    for name, count in names.items():
        if count > 1:
            yield Fault("duplicate", f"{name!r} stands {count} times", "launches", "keep one")
