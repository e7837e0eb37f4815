"""The values of two arms by least squares, with the joint covariance of their noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

from .linear import least_squares
from .unit_level import linearised, within_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .linear import Fit
    from .strata import Strata
    from .unit_level import UnitLevel

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

CONTRAST = np.array([-1.0, 1.0])
SAME = 1e-12
"""Difference below which two values are the same, relative to the largest: the last digits of a sum say nothing."""
NO_SIZE = 1e-6
"""Exposure that a unit without any is given where its noise is judged, relative to the mean."""
NO_NOISE = 1e-6
"""Variance that a stratum without any is given, relative to the noisiest."""


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Control and treatment.

    values : [2]; covariance : [2, 2] of their noise.
    freedom : degrees of freedom of the difference; clusters : what its error rests on.
    """

    values: Floats
    covariance: Floats
    freedom: float
    clusters: int

    @property
    def difference(self) -> float:
        """Treatment less control."""
        return float(CONTRAST @ self.values)

    @property
    def error(self) -> float:
        """Standard error of the difference."""
        return math.sqrt(max(0.0, float(CONTRAST @ self.covariance @ CONTRAST)))


def arms_of(units: UnitLevel, strata: Strata, treated: Flags) -> Arms:
    """Fit a mean to each stratum and arm, or to each arm, and one slope to the covariate if there is one.

    The noise of a ratio's unit is judged by its exposure: with one arm the error is that of the unit's own ratio,
    weighted by exposure, which a few large units pull to themselves. Strata are judged by the noise that they have: in
    strata by size nearly all of it is the largest units', and the degrees of freedom are little more than theirs.

    Raises
    ------
    InputError
        Too few units to tell the noise from the slope.
    """
    laid, fit = _fitted(units, strata, treated)
    values, contrasts = laid.values, laid.contrasts
    freedom = fit.freedom(contrasts[1] - contrasts[0])
    clusters, tiny = int(strata.clusters.max()) + 1, SAME * float(np.abs(values).max())
    if not freedom > 0:
        refuse([Fault("too-few-units", f"{clusters} units or matched groups leave nothing to tell the noise by",
                      "analysis.adjust", "set adjust: none, or have more units")])  # fmt: skip
    arms = Arms(contrasts @ fit.coefficients, contrasts @ fit.covariance @ contrasts.T, freedom, clusters)
    if arms.error > tiny:
        return arms
    both = arms.values if abs(arms.difference) > tiny else np.full(2, arms.values.mean())
    return Arms(both, np.zeros((2, 2)), freedom, clusters)


def influence_of(units: UnitLevel, strata: Strata, treated: Flags) -> Floats:
    """What the noise of each row adds to the values of control and treatment [row, 2].

    The columns add up to 0, and what the rows of a cluster (`Strata.clusters`) add is one draw of noise: their sums of
    squares are the variance of `arms_of`, but for its correction for few clusters.
    """
    laid, fit = _fitted(units, strata, treated)
    weights = np.ones(len(laid.values)) if laid.weights is None else laid.weights
    residuals = laid.values - laid.columns @ fit.coefficients
    inverse = np.linalg.inv((laid.columns * weights[:, None]).T @ laid.columns)
    return np.asarray((laid.columns * (weights * residuals)[:, None]) @ inverse @ laid.contrasts.T)


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """Least squares laid out: columns [row, k], contrasts [2, k] that give both arms, values and weights [row]."""

    columns: Floats
    contrasts: Floats
    values: Floats
    weights: Floats | None


def _fitted(units: UnitLevel, strata: Strata, treated: Flags) -> tuple[_Laid, Fit]:
    weights = strata.weights(treated)
    units = adjustable(units, strata, treated)
    if strata.within:
        columns, half = strata.cells(treated), np.concatenate([strata.shares, 0 * strata.shares])
        contrasts, row_weights = np.stack([half, np.roll(half, len(strata.shares))]), None
    else:
        columns, contrasts, row_weights = np.stack([~treated, treated], axis=1) * 1.0, np.eye(2), weights
    if units.covariate is not None:
        columns = np.column_stack([columns, units.covariate])
        contrasts = np.column_stack([contrasts, np.zeros(2)])
    values = _variable(units, weights, treated)
    sizes = None if units.exposure is None else np.maximum(units.exposure, NO_SIZE * units.exposure.mean())
    fit = least_squares(columns, values, clusters=strata.clusters, weights=row_weights, sizes=sizes)
    if strata.within and len(strata.shares) > 1:
        noise = _noise(columns, values - columns @ fit.coefficients, strata, sizes)
        fit = least_squares(columns, values, clusters=strata.clusters, sizes=noise)
    return _Laid(columns, contrasts, values, row_weights), fit


def adjustable(units: UnitLevel, strata: Strata, treated: Flags) -> UnitLevel:
    """Leave out a pre-period that tells nothing beyond what has a mean of its own: stratum and arm, or arm."""
    return within_cells(units, strata.cells(treated) if strata.within else np.stack([~treated, treated], axis=1) * 1.0)


def _noise(columns: Floats, residuals: Floats, strata: Strata, sizes: Floats | None) -> Floats:
    """What the variance of each row's noise grows with [row]: its exposure, if any, times what its stratum shows."""
    own = np.ones(len(residuals)) if sizes is None else sizes
    leverage = ((columns @ np.linalg.inv(columns.T @ columns)) * columns).sum(axis=1)
    # of few units the slope takes much of the noise, and most in the stratum that varies most
    left = np.maximum(np.bincount(strata.codes, 1 - leverage), NO_NOISE)
    shown = np.bincount(strata.codes, residuals**2 / own) / left
    if not shown.any():
        return own
    return np.asarray(own * np.maximum(shown, NO_NOISE * shown.max())[strata.codes])


def _variable(units: UnitLevel, weights: Floats, treated: Flags) -> Floats:
    """What is compared [row]: the linearised metric, less the pre-period's for difference-in-differences."""
    after = linearised(units.value, units.exposure, weights, treated)
    if units.base is None:
        return after
    before = linearised(units.base, units.base_exposure, weights, treated)
    size = 1.0 if units.base_exposure is None else units.base_exposure.mean()
    return np.asarray(after - (before - units.base.mean() / size))
