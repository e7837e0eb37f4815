"""The effect of a treatment on one metric, from one row a randomised unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

from ..inference import Interval
from .arms import adjustable, arms_of
from .effect import Effect
from .fieller import lift_ends, lift_error
from .permutation import VALUE, permuted, redraw
from .resampling import resampled
from .sequential import always_valid_log10_p, boundary
from .strata import strata_of
from .tails import log10_student
from .unit_level import unit_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .arms import Arms
    from .effect import Method
    from .permutation import Permuted
    from .resampling import Resampled
    from .sample import Sample

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

ALIKE = "every unit or pair differs by the same amount: the error is 0, and p-value and interval say nothing of chance"


@dataclass(frozen=True, slots=True)
class _Found:
    """Ends of difference and lift, the p-value's logarithm, and notes."""

    difference: tuple[float, float]
    lift: tuple[float, float]
    log10_p: float
    notes: tuple[str, ...] = ()


def effect(
    sample: Sample,
    method: Method,
    *,
    assignments: Flags | None = None,
    rng: np.random.Generator | None = None,
    fraction: float | None = None,
) -> Effect:
    """Estimate the effect of the treatment, with intervals of difference and lift and a two-sided p-value.

    assignments : [draw, unit] whether treated, drawn again as the design did, for inference="permutation"; without
        them arms are drawn again within strata with the same counts.
    rng : for draws; needed by permutation without assignments, where there are more than `method.draws` of them, and
        by the bootstrap.
    fraction : periods measured over periods planned: makes intervals and p-value always valid (`sequential`), for
        inference="cluster".

    What is compared is one number a unit: the mean over periods, or the linearised ratio of sums. Values of the arms
    are post-stratified means (`strata_of`) of
        none: y;
        cuped: y - slope * (x - mean of x), x the pre-period's value, with one slope for both arms, by least squares
            within arm and stratum (Deng, Xu, Kohavi and Walker 2013, WSDM; as analysis of covariance, so that the slope
            takes a degree of freedom); of a ratio, x is linearised with the ratio of all units together;
        did: y - (x - mean of x): the slope is 1. The difference is that of the changes since the pre-period.
    Errors are CR2 with Bell-McCaffrey degrees of freedom (`least_squares`), of strata as noisy as they show themselves
    to be. The lift's interval is Fieller's, so that it holds 0 exactly where the difference's does, and for permutation
    that of a constant lift. `lift.error` is the delta method's.

    Raises
    ------
    InputError
        As `unit_level`; draws without an rng; `fraction` with another inference than "cluster".

    >>> from forecast_eval.online.effect import Method
    >>> from forecast_eval.online.sample import Sample
    >>> pairs = np.array([[10.0, 12.0], [20.0, 21.0], [15.0, 18.0], [30.0, 32.0]])
    >>> sample = Sample(pairs.ravel(), np.tile([False, True], 4), stratum=np.repeat(np.arange(4), 2))
    >>> got = effect(sample, Method(adjust="none"))
    >>> round(got.difference.estimate, 4), round(got.difference.error, 4), round(got.difference.freedom, 4)
    (2.0, 0.4082, 3.0)
    >>> round(got.p_value, 5), round(got.lift.estimate, 5)  # of the paired t-test; 20.75 / 18.75 - 1
    (0.01628, 0.10667)
    """
    if fraction is not None and method.inference != "cluster":
        refuse([Fault("sequential", f"inference={method.inference!r} holds at one look only", "analysis.sequential",
                      "set inference: cluster, or sequential: false")])  # fmt: skip
    units, treated = unit_level(sample, method.adjust), np.asarray(sample.treated, dtype=bool)
    strata = strata_of(sample)
    units = adjustable(units, strata, treated)
    arms = arms_of(units, strata, treated)
    if arms.error == arms.difference == 0:  # nothing varies, and draws would tell rounding errors apart
        found = _by_cluster(arms, method.confidence, fraction)
    elif method.inference == "permutation":
        drawn, whole = _others(sample, method, assignments, rng)
        test = permuted(units, strata, treated, assignments=drawn, whole=whole)
        found = _by_permutation(test, method.confidence)
    elif method.inference == "bootstrap":
        found = _by_bootstrap(arms, resampled(units, strata, treated, draws=method.draws, rng=_given(rng)), method)
    else:
        found = _by_cluster(arms, method.confidence, fraction)
    alike = (ALIKE,) if arms.error == 0 != arms.difference else ()
    return _effect(sample, arms, method, found, (*strata.notes, *units.notes, *alike))


def _by_cluster(arms: Arms, confidence: float, fraction: float | None) -> _Found:
    from scipy.special import stdtrit

    if fraction is None:
        q = float(stdtrit(arms.freedom, (1 + confidence) / 2))
        return _found(arms, q, log10_student(_statistic(arms), arms.freedom))
    q = boundary(fraction, confidence=confidence, freedom=arms.freedom)
    now = Interval(arms.difference, math.nan, math.nan, confidence, arms.clusters, 1, arms.error, arms.freedom)
    return _found(arms, q, always_valid_log10_p(now, fraction=fraction))


def _by_bootstrap(arms: Arms, drawn: Resampled, method: Method) -> _Found:
    ratio = drawn.error / arms.error if arms.error else 1.0
    p = drawn.p_value
    q = drawn.critical(method.confidence) * ratio
    return _found(arms, q, math.log10(p) if p > 0 else math.nan, drawn.notes)


def _by_permutation(test: Permuted, confidence: float) -> _Found:
    p, least = test.p_value(VALUE), test.smallest
    notes: tuple[str, ...] = ()
    if least > 1 - confidence:
        count = f"all {len(test.others.difference)}" if test.whole else f"{len(test.others.difference)} drawn"
        notes = (f"no p-value below {least:.3g} is possible with {count} assignments: nothing can be rejected",)
    return _Found(test.shift_ends(confidence), test.lift_ends(confidence), math.log10(p), notes)


def _statistic(arms: Arms) -> float:
    if arms.error > 0:
        return arms.difference / arms.error
    return math.inf if arms.difference else math.nan


def _found(arms: Arms, q: float, log10_p: float, notes: tuple[str, ...] = ()) -> _Found:
    """Give intervals of q standard errors on either side."""
    half = q * arms.error
    ends = (arms.difference - half, arms.difference + half)
    return _Found(ends, lift_ends(arms.values, arms.covariance, q), log10_p, notes)


def _effect(sample: Sample, arms: Arms, method: Method, found: _Found, notes: tuple[str, ...]) -> Effect:
    control, treatment = (float(v) for v in arms.values)
    lift = treatment / control - 1 if control > 0 else math.nan
    codes, confidence = sample.clusters, method.confidence
    error = lift_error(arms.values, arms.covariance)
    return Effect(
        control=control, treatment=treatment,
        difference=Interval(arms.difference, *found.difference, confidence, arms.clusters, 1, arms.error, arms.freedom),
        lift=Interval(lift, *found.lift, confidence, arms.clusters, 1, error, arms.freedom),
        p_value=10**found.log10_p, log10_p=found.log10_p,
        units=(len(np.unique(codes[~sample.treated])), len(np.unique(codes[sample.treated]))),
        method=method, notes=(*notes, *found.notes),
    )  # fmt: skip


def _others(
    sample: Sample, method: Method, assignments: Flags | None, rng: np.random.Generator | None
) -> tuple[Flags, bool]:
    """Give the other assignments of the design [draw, row], and whether they are all there are."""
    if assignments is not None:
        return np.asarray(assignments, dtype=bool), False
    return redraw(np.asarray(sample.treated, dtype=bool), sample.strata, method.draws, lambda: _given(rng))


def _given(rng: np.random.Generator | None) -> np.random.Generator:
    if rng is None:
        refuse([Fault("no-seed", "draws without a random generator", "seed", "pass rng=np.random.default_rng(seed)")])
    assert rng is not None
    return rng
