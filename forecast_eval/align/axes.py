"""Axes of a posterior's grid: how spreads and correlations lie on them, quadrature, and where to look closer."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Ends = tuple[float, float]

BEND = 0.3
"""Spread, in standard units, below which the axis of a tau is linear; above, it is logarithmic."""
REACH = 5.0
"""How far a tau is looked for, in scales of its half-normal prior: 6e-7 of it lies beyond."""
NEGLIGIBLE = 12.0
"""How far below its peak a log density ceases to matter."""
ANGLES: Ends = (-np.pi / 2, np.pi / 2)
"""Ends of the axis of rho, which is the sine of an angle."""


def tau_of(u: Floats) -> Floats:
    """Spread at u = log(1 + tau / BEND)."""
    return BEND * np.expm1(u)


def taus(width: float) -> Ends:
    """Ends of the axis of a tau whose half-normal prior has this scale."""
    return 0.0, float(np.log1p(REACH * width / BEND))


def middles(ends: Ends, cells: int) -> Floats:
    """Middles of cells of one size.

    >>> middles((0.0, 2.0), 2)
    array([0.5, 1.5])
    """
    return ends[0] + (ends[1] - ends[0]) * (np.arange(cells) + 0.5) / cells


def quadrature(ends: Ends, count: int) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss-Legendre quadrature."""
    nodes, weights = _legendre(count)
    half = (ends[1] - ends[0]) / 2
    return ends[0] + half * (nodes + 1), half * weights


@cache
def interpolation(count: int, cells: int) -> Floats:
    """[cell, node] weights by which values at Gauss-Legendre nodes give those at the middles of cells.

    Barycentric; Berrut and Trefethen (2004), SIAM Review 46. An even number of cells has no middle at a node of 0.
    """
    nodes, weights = _legendre(count)
    signed = (-1.0) ** np.arange(count) * np.sqrt((1 - nodes**2) * weights)
    own = signed / (middles((-1.0, 1.0), cells)[:, None] - nodes)
    out: Floats = own / own.sum(axis=1, keepdims=True)
    return out


def closer(ends: Ends, near: Flags) -> Ends:
    """Ends of those of the cells that matter, with a cell on either side for what a look may have missed.

    >>> closer((0.0, 5.0), np.array([False, False, True, False, False]))
    (1.0, 4.0)
    """
    at, step = np.flatnonzero(near), (ends[1] - ends[0]) / len(near)
    low, high = max(int(at[0]) - 1, 0), min(int(at[-1]) + 2, len(near))
    return ends[0] + low * step, ends[1] if high == len(near) else ends[0] + high * step


def settled(box: tuple[Ends, ...], before: tuple[Ends, ...]) -> bool:
    """Whether looking closer has ceased to make the box much smaller."""
    return all(new[1] - new[0] > 0.75 * (old[1] - old[0]) for new, old in zip(box, before, strict=True))


@cache
def _legendre(count: int) -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(count)
