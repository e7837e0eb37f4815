"""From columns to one number a unit: means as they are, ratios of sums linearised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .effect import Adjust
    from .sample import Sample

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

FEWEST_UNITS = 2
SAME_COVARIATE = 1e-9
"""Difference below which two units have the same covariate, whose standard deviation is 1."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitLevel:
    """A sample as an estimator sees it; every array is [row].

    value : the metric's numerator; exposure : its denominator, None for a mean.
    covariate : what the pre-period predicts with, centred and scaled to a standard deviation of 1, for CUPED.
    base, base_exposure : numerator and denominator of the pre-period, for difference-in-differences.
    """

    value: Floats
    exposure: Floats | None
    covariate: Floats | None = None
    base: Floats | None = None
    base_exposure: Floats | None = None
    notes: tuple[str, ...] = ()


def linearised(numerator: Floats, denominator: Floats | None, weights: Floats, treated: Flags) -> Floats:
    """Give each unit a number whose weighted mean over an arm is the arm's ratio of sums [row] (the delta method).

    phi_i = R_a + (num_i - R_a den_i) / D_a, where R_a is the ratio of the weighted sums of arm a, and D_a the weighted
    mean of its denominators: the first-order expansion of a ratio of means (Deng, Knoblich and Lu 2018, KDD). Without a
    denominator it is the numerator.

    weights : [row] adding up to 1 in each arm.

    >>> phi = linearised(np.array([1.0, 5.0]), np.array([2.0, 4.0]), np.array([0.5, 0.5]), np.array([True, True]))
    >>> phi.tolist(), float(phi.mean())  # (1 + 5) / (2 + 4)
    ([0.6666666666666667, 1.3333333333333333], 1.0)
    """
    if denominator is None:
        return numerator
    out = np.empty_like(numerator)
    for arm in (treated, ~treated):
        if arm.any():
            size = weights[arm] @ denominator[arm]
            ratio = (weights[arm] @ numerator[arm]) / size
            out[arm] = ratio + (numerator[arm] - ratio * denominator[arm]) / size
    return out


def unit_level(sample: Sample, adjust: Adjust) -> UnitLevel:
    """Check a sample and take from it what the adjustment needs.

    Raises
    ------
    InputError
        A unit without a value, or without a pre-period where it is needed; an arm with fewer than two units; a ratio
        whose denominators add up to nothing in an arm.
    """
    refuse(_faults(sample, adjust))
    plain = UnitLevel(sample.value, sample.exposure)
    if adjust == "none" or sample.before is None:
        return plain
    if adjust == "did":
        return UnitLevel(sample.value, sample.exposure, base=sample.before, base_exposure=sample.exposure_before)
    everyone, same = np.ones(len(sample.value), dtype=bool), np.full(len(sample.value), 1 / len(sample.value))
    before = linearised(sample.before, sample.exposure_before, same, everyone)
    centred = before - before.mean()
    spread = float(centred.std())
    if spread <= 1e-12 * float(np.abs(before).max()):
        note = "the pre-period is the same for all units, so that there is nothing to adjust by"
        return UnitLevel(sample.value, sample.exposure, notes=(note,))
    return UnitLevel(sample.value, sample.exposure, covariate=centred / spread)


def within_cells(units: UnitLevel, cells: Floats) -> UnitLevel:
    """Leave the pre-period out where it tells the units of a cell (a stratum and arm) no more apart than the cell does.

    cells : [row, cell] membership.
    """
    if units.covariate is None:
        return units
    means = (cells.T @ units.covariate) / cells.sum(axis=0)
    if float(np.abs(units.covariate - cells @ means).max()) > SAME_COVARIATE:
        return units
    note = "the pre-period is the same for all units of a stratum and arm, so that there is nothing to adjust by"
    return replace(units, covariate=None, notes=(*units.notes, note))


def _faults(sample: Sample, adjust: Adjust) -> list[Fault]:
    faults = []
    needed = [("value", sample.value), ("exposure", sample.exposure)]
    if adjust != "none":
        needed += [("pre-period value", sample.before), ("pre-period exposure", sample.exposure_before)]
        lacking = sample.before is None or (sample.exposure is not None and sample.exposure_before is None)
        if lacking:
            faults.append(Fault("no-pre-period", f"adjust={adjust!r} without a pre-period", "analysis.adjust",
                                "give the periods before the start, or set adjust: none"))  # fmt: skip
    for name, column in needed:
        if column is not None and (missing := int((~np.isfinite(column)).sum())):
            faults.append(Fault("missing-value", f"{missing} of {len(column)} units have no {name}", "sample",
                                "complete their rows, or leave these units out of the experiment"))  # fmt: skip
    return faults or _arm_faults(sample, needed)


def _arm_faults(sample: Sample, needed: list[tuple[str, Floats | None]]) -> list[Fault]:
    faults = []
    for name, arm in (("control", ~sample.treated), ("treatment", sample.treated)):
        units = len(np.unique(sample.clusters[arm]))
        if units < FEWEST_UNITS:
            faults.append(Fault("small-arm", f"the {name} has {units} unit{'s' * (units != 1)}", "sample",
                                "an arm needs two units at least, or nothing is known of the noise"))  # fmt: skip
        for what, column in needed:
            if what.endswith("exposure") and column is not None and arm.any() and not column[arm].sum() > 0:
                faults.append(Fault("no-exposure", f"the {what} of the {name} adds up to {column[arm].sum():g}",
                                    "sample", "a ratio needs a denominator above 0"))  # fmt: skip
    return faults
