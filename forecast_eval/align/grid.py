"""Posterior of two spreads and a correlation over launches, on a grid that goes where the posterior is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .axes import ANGLES, NEGLIGIBLE, closer, interpolation, middles, quadrature, settled, tau_of, taus
from .evidence import evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .axes import Ends
    from .evidence import Evidence, Standard

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Axes = tuple[Floats, Floats, Floats]
    Box = tuple[Ends, Ends, Ends]

NODES = (18, 18, 36)
"""Quadrature nodes of tau_x, tau_y and rho."""
FINE = 72
"""Cells of rho at each node of the taus, where a distribution is asked for and not a mean over it."""
CELLS = 1200
"""Cells of rho alone."""
LOOKS = (10, 10, 14)
"""Cells of each look for where the posterior is."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """A distribution as weighted points, in standard units: weight adds up to 1; all are [point]."""

    weight: Floats
    tau_x: Floats
    tau_y: Floats
    rho: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A posterior, in standard units.

    nodes : quadrature points; evidence : [point] what is known of the means, given each.
    cells : points with more values of rho and no means, for the distribution of what is made of spreads and rho.
    edges : [cell + 1] of rho alone; density : [cell] its posterior density.
    """

    nodes: Points
    evidence: Evidence
    cells: Points
    edges: Floats
    density: Floats

    @property
    def below(self) -> Floats:
        """[cell + 1] posterior probability that rho is below each edge."""
        return np.concatenate([[0.0], np.cumsum(self.density * np.diff(self.edges))])


def grid_of(data: Standard, width: float, nodes: tuple[int, int, int] = NODES) -> Grid:
    """Posterior on a grid; flat in rho, half-normal in both taus.

    width : scale of the half-normal priors, in standard deviations of the observed differences.

    Axes are u = log(1 + tau / BEND), which is linear where tau may be 0 and logarithmic where it is large, and the
    angle w with rho = sin(w), over which a posterior that is flat in rho, and one that is sharp near 1, are both
    smooth. Each axis has Gauss-Legendre nodes between the ends found by `_where`.
    """
    box = _where(data, width)
    (u, step_u), (v, step_v), (w, step_w) = (quadrature(ends, count) for ends, count in zip(box, nodes, strict=True))
    found, log = _log_posterior(data, width, (u, v, w))
    density = np.exp(log - log.max()) * (step_u[:, None, None] * step_v[:, None])  # [tau_x, tau_y, rho]
    fine = density @ interpolation(nodes[2], FINE).T  # a polynomial in w goes through the nodes of each pair of taus
    kept = density * step_w > 1e-9 * (density * step_w).max()
    rho = (interpolation(nodes[2], CELLS) @ (density.sum(axis=(0, 1)) / np.cos(w))).clip(0)
    edges = np.sin(np.linspace(*box[2], CELLS + 1))
    return Grid(
        _points(density * step_w, (u, v, w), kept), found.only(kept),
        _points(fine, (u, v, middles(box[2], FINE)), fine > 1e-7 * fine.max()),
        edges, rho / (rho * np.diff(edges)).sum(),
    )  # fmt: skip


def _points(weight: Floats, axes: Axes, kept: Flags) -> Points:
    u, v, w = axes
    values = tau_of(u)[:, None, None], tau_of(v)[:, None], np.sin(w)
    tau_x, tau_y, rho = (np.broadcast_to(own, weight.shape)[kept] for own in values)
    return Points(weight[kept] / weight[kept].sum(), tau_x, tau_y, rho)


def _log_posterior(data: Standard, width: float, axes: Axes) -> tuple[Evidence, Floats]:
    """Evidence, and log posterior density over the axes: with the prior, and how much of tau and rho a step is."""
    u, v, w = axes
    found = evidence(data, tau_of(u), tau_of(v), np.sin(w))
    prior = [own - 0.5 * (tau_of(own) / width) ** 2 for own in (u, v)]
    return found, found.log + prior[0][:, None, None] + prior[1][:, None] + np.log(np.cos(w))


def _where(data: Standard, width: float) -> Box:
    """Ends of each axis beyond which the posterior is negligible: look, go closer, and look again."""
    box: Box = taus(width), taus(width), ANGLES
    for _ in range(20):
        axes = middles(box[0], LOOKS[0]), middles(box[1], LOOKS[1]), middles(box[2], LOOKS[2])
        log = _log_posterior(data, width, axes)[1]
        near, old = log > log.max() - NEGLIGIBLE, box
        box = (
            closer(old[0], near.any(axis=(1, 2))), closer(old[1], near.any(axis=(0, 2))),
            closer(old[2], near.any(axis=(0, 1))),
        )  # fmt: skip
        if settled(box, old):
            break
    return box
