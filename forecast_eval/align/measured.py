"""What a test measured of a candidate: lifts of every metric, with the joint covariance of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.faults import Fault, refuse

from ..online.agreement import agreed
from ..online.analysis import analyze
from ..online.measured_side import Asked, measured_side
from ..online.plan import Plan
from ..online.study import Study
from ..online.trial import observed
from ..online.verdicts import ratio_words
from .deltas import SHARE, Deltas
from .launch import OnlineTest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ..config.experiment import ExperimentConfig
    from ..online.effect import Effect
    from ..online.metric import OnlineMetric
    from ..online.outcomes import Outcomes
    from ..online.reading import Analysis, Reading
    from .launch import Decision
    from .offline import OfflineSide

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

    Noise = Callable[[OnlineMetric, Effect], tuple[Ints, Ints, Floats]]

CLOSE = 0.999
"""Largest correlation of an offline and an online error, all metrics together: beyond it nothing could be inverted."""


@dataclass(frozen=True, slots=True, eq=False)
class OnlineSide:
    """The online side of a launch.

    units : [unit] names of what was randomised and read; clusters : [unit] code of what is one draw of noise: the unit,
        or its matched group.
    influence : [cluster, metric] what each adds to the error of each lift; the columns add up to 0.
    decision : launched where a primary metric is better, none is worse, and no guardrail fails; else rejected.
    """

    deltas: Deltas
    test: OnlineTest
    units: tuple[str, ...]
    clusters: Ints
    influence: Floats
    decision: Decision
    notes: tuple[str, ...] = ()


def online_deltas(outcomes: Outcomes, experiment: ExperimentConfig | Plan, *, arm: str | None = None) -> OnlineSide:
    """Lifts of every online metric of an experiment, as `analyze` estimates them, with their joint covariance.

    arm : treatment arm; by default the only one.

    A variance is the square of the lift's standard error, which is the delta method's (`Effect.lift.error`) whatever
    interval the analysis gives. Correlations are those of the influences: with e the residuals of the least squares
    that a value of an arm is fitted by (CUPED, strata and matched groups as the analysis has them), a unit adds

        contrast' (X'WX)^-1 x w e  to a value, and  (t - (1 + lift) * c) / control  to the lift,

    c and t being what it adds to both arms. Units of a matched group add up first, as their noise is told by the group.
    In a switchback a store's influence is what the lift moves by when the store is left out.

    A metric without a lift, or without an error, is left out, and a note says so.

    Raises InputError with every fault, as `analyze` does; where counts of units are no accident; where no metric has a
    lift; and where periods are counted and not dated.
    """
    analysis = analyze(outcomes, experiment)
    arm = _arm(analysis, arm)
    refuse(_unread(outcomes, analysis))
    readings = [own for own in analysis.readings if own.arm == arm]
    used = [own for own in readings if not _lacks(own.effect)]
    if not used:
        refuse([Fault("no-lift", f"no metric of {arm} has a lift with an error", outcomes.source,
                      "measure one whose control is above 0")])  # fmt: skip
    code = list(analysis.arms).index(arm)
    rows = [(own, *_noise(outcomes, experiment, own, code)) for own in used]
    units = np.unique(np.concatenate([at for _, at, _, _ in rows]))
    clusters = _together(units, [(at, codes) for _, at, codes, _ in rows])
    influence = np.zeros((int(clusters.max()) + 1, len(used)))
    for k, (_, at, _, noise) in enumerate(rows):
        np.add.at(influence[:, k], clusters[np.searchsorted(units, at)], noise)
    return OnlineSide(
        _deltas(used, influence), _test(outcomes, experiment, analysis, readings[0].effect),
        tuple(map(str, outcomes.units[units])), clusters, influence, decided(readings),
        tuple(f"{own.metric.name} is left out: {why}" for own in readings if (why := _lacks(own.effect))),
    )  # fmt: skip


def cross_covariance(offline: OfflineSide, online: OnlineSide) -> Floats:
    """Covariance of the errors of both sides [offline, online], from the stores that both have.

    A store that gains more than others in the simulation may gain more in the test as well. With u what a store adds to
    an offline difference and v to an online lift, the covariance is the sum of u * v over stores (over matched groups
    where these are what noise is told by, u being added up), times the part by which the analysis stretches the
    variance of the lift over the sum of v^2. Stores of one side only add nothing, and what both sides have in common
    in time is not in it: the simulation is of the weeks before the test.

    Where few stores make it larger than both errors allow, all of it is shrunk until the joint covariance is positive
    definite.
    """
    place = {name: k for k, name in enumerate(offline.stores)}
    ours = np.zeros((len(online.influence), offline.influence.shape[1]))
    for name, cluster in zip(online.units, online.clusters, strict=True):
        if name in place:
            ours[cluster] += offline.influence[place[name]]
    own = (online.influence**2).sum(axis=0)
    stretch = np.divide(np.diag(online.deltas.covariance), own, out=np.zeros_like(own), where=own > 0)
    return allowed(ours.T @ online.influence * stretch, offline.deltas.covariance, online.deltas.covariance)


def allowed(cross: Floats, offline: Floats, online: Floats) -> Floats:
    """Shrink a covariance of two sides until the largest correlation of any mix of either is `CLOSE`.

    >>> allowed(np.array([[2.0]]), np.array([[1.0]]), np.array([[4.0]])).round(3).tolist()  # .999 * 1 * 2
    [[1.998]]
    """
    whitened = _whitening(offline) @ cross @ _whitening(online).T
    largest = float(np.linalg.norm(whitened, 2)) if whitened.size else 0.0
    return cross if largest <= CLOSE else cross * (CLOSE / largest)


def _whitening(covariance: Floats) -> Floats:
    """W with W C W' = 1; metrics that are mixes of others (duplicates) have a floor of 1e-9 of a variance."""
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    return np.asarray((vectors / np.sqrt(np.maximum(values, 1e-9))) @ vectors.T / scale)


def decided(readings: Sequence[Reading]) -> Decision:
    """What the rules of the experiment say: see `OnlineSide.decision`."""
    primary = {own.standing for own in readings if own.metric.role == "primary"}
    failed = any(own.standing == "fail" for own in readings)
    return "launched" if "better" in primary and "worse" not in primary and not failed else "rejected"


def _arm(analysis: Analysis, arm: str | None) -> str:
    others = list(analysis.arms)[1:]
    if arm is None and len(others) > 1:
        refuse([Fault("several-arms", f"there are the arms {', '.join(others)}", "arm", "name one of them")])
    if arm is not None and arm not in others:
        refuse([Fault("unknown-arm", f"{arm!r} is no treatment arm", "arm", f"name one of {', '.join(others)}")])
    return arm or others[0]


def _unread(outcomes: Outcomes, analysis: Analysis) -> list[Fault]:
    faults = []
    if analysis.is_refused:
        faults.append(
            Fault("ratio-mismatch", ratio_words(analysis), outcomes.source, "leave this test out of the book")
        )
    if not isinstance(outcomes.periods, pd.DatetimeIndex):
        faults.append(Fault("no-dates", "the outcomes count periods, and a launch has a date", outcomes.source,
                            "give the date of each period in ds"))  # fmt: skip
    return faults


def _lacks(effect: Effect) -> str:
    if not np.isfinite(effect.lift.estimate):
        return f"the control's value is {effect.control:g}, and nothing is relative to that"
    return "" if np.isfinite(effect.lift.error) and effect.lift.error > 0 else "its error is 0, or nobody knows it"


def _noise(
    outcomes: Outcomes, experiment: ExperimentConfig | Plan, reading: Reading, arm: int
) -> tuple[Ints, Ints, Floats]:
    """Positions of units, codes of what is one draw of noise, and what each unit adds to the error of the lift."""
    config = experiment.config if isinstance(experiment, Plan) else experiment
    if config.design.unit == "switchback":
        return _left_out(outcomes, experiment, reading, arm)
    trial = agreed(outcomes, experiment) if isinstance(experiment, Plan) else observed(outcomes, experiment)
    at, codes, noise = Study(outcomes, trial, config).influence(reading.metric, arm)
    control, treatment = reading.effect.control, reading.effect.treatment
    return at, codes, (noise[:, 1] - treatment / control * noise[:, 0]) / control


def _left_out(
    outcomes: Outcomes, experiment: ExperimentConfig | Plan, reading: Reading, arm: int
) -> tuple[Ints, Ints, Floats]:
    """Lift less what it is without each unit, times (n - 1) / n and centred: the jackknife."""
    side = measured_side(outcomes, experiment)
    at = np.flatnonzero(side.units(arm))
    others = ~np.eye(len(outcomes.units), dtype=bool)[at]
    lifts = np.array([side.effect(Asked(reading.metric, arm), own, side.test).lift.estimate for own in others])
    return at, np.arange(len(at)), -(len(at) - 1) / len(at) * (lifts - lifts.mean())


def _together(units: Ints, found: list[tuple[Ints, Ints]]) -> Ints:
    """Code of each unit's cluster, such that units which are together in any metric are together in all."""
    codes = np.arange(len(units))
    for at, own in found:
        place = np.searchsorted(units, at)
        for cluster in np.unique(own):
            joined = np.unique(codes[place[own == cluster]])
            codes[np.isin(codes, joined)] = joined[0]
    return np.unique(codes, return_inverse=True)[1]


def _deltas(used: list[Reading], influence: Floats) -> Deltas:
    effects = [own.effect for own in used]
    norm = np.sqrt((influence**2).sum(axis=0))
    unit = np.divide(influence, norm, out=np.zeros_like(influence), where=norm > 0)
    correlation = unit.T @ unit
    np.fill_diagonal(correlation, 1.0)
    errors = np.array([effect.lift.error for effect in effects])
    return Deltas(
        tuple(own.metric.name for own in used), np.array([effect.lift.estimate for effect in effects]),
        correlation * np.outer(errors, errors), (SHARE,) * len(used), tuple(own.metric.better for own in used),
        np.array([effect.control for effect in effects]),
    )  # fmt: skip


def _test(outcomes: Outcomes, experiment: ExperimentConfig | Plan, analysis: Analysis, effect: Effect) -> OnlineTest:
    """How it was measured; the last day is that of the last period."""
    config = experiment.config if isinstance(experiment, Plan) else experiment
    periods, first = pd.DatetimeIndex(outcomes.periods), pd.Timestamp(analysis.times.start)
    late = periods[periods >= first][: analysis.times.periods]
    step = np.median(np.diff(periods.to_numpy())) if len(periods) > 1 else np.timedelta64(1, "D")
    return OnlineTest(
        config.design.unit, effect.units, first.date(), (late[-1] + pd.Timedelta(step) - pd.Timedelta(days=1)).date(),
        analysis.times.periods, analysis.times.washout,
        config.design.assignment, effect.method.adjust,
    )  # fmt: skip
