"""Likelihood of spreads and correlation of true effects, with the means integrated out and known errors a launch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pairs import Pairs

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

AT_ONCE = 30_000
"""Launches times points that are worked on at once: what a processor keeps close by."""


@dataclass(frozen=True, slots=True, eq=False)
class Standard:
    """Pairs in units of their own spreads, measured from their means: in standard units.

    centre, scale : (x, y) mean and standard deviation of the observed differences, y of those that were tested.
    var_x, var_y, cov : [launch with both sides] of the errors.
    sums : [launch with both sides, 12] what sums over launches are taken of.
    alone_x, alone_var : [launch without y] x and the variance of its error.
    """

    centre: tuple[float, float]
    scale: tuple[float, float]
    var_x: Floats
    var_y: Floats
    cov: Floats
    sums: Floats
    alone_x: Floats
    alone_var: Floats

    @classmethod
    def of(cls, pairs: Pairs) -> Standard:
        """Standardise pairs."""
        both = pairs.tested
        centre = float(pairs.x.mean()), float(pairs.y[both].mean())
        scale = float(pairs.x.std(ddof=1)), float(pairs.y[both].std(ddof=1))
        x, var_x = (pairs.x - centre[0]) / scale[0], pairs.var_x / scale[0] ** 2
        y, var_y = (pairs.y[both] - centre[1]) / scale[1], pairs.var_y[both] / scale[1] ** 2
        cov = pairs.cov[both] / (scale[0] * scale[1])
        sums = _sums(x[both], y, var_x[both], var_y, cov)
        return cls(centre, scale, var_x[both], var_y, cov, sums, x[~both], var_x[~both])


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What launches say, given spreads and correlation; arrays of one shape.

    log : log likelihood, the means integrated out under a flat prior, but for a constant.
    mean_x, mean_y : expected means of the true effects; var_xx, var_xy, var_yy : covariance of these means.
    """

    log: Floats
    mean_x: Floats
    mean_y: Floats
    var_xx: Floats
    var_xy: Floats
    var_yy: Floats

    def only(self, chosen: Flags) -> Evidence:
        """Some of the points, as [point]."""
        return Evidence(*(getattr(self, own.name)[chosen] for own in fields(self)))


def evidence(data: Standard, tau_x: Floats, tau_y: Floats, rho: Floats) -> Evidence:
    """Evidence at all combinations [tau_x, tau_y, rho] of spreads, in standard units, and correlations.

    With W_i the inverse of Sigma + V_i, of a launch with x alone 1 / (tau_x^2 + var_x) in its corner, P = sum W_i and
    m = P^-1 sum W_i d_i, the log likelihood is

        1/2 sum log|W_i| - 1/2 log|P| - 1/2 (sum d_i' W_i d_i - m' P m)

    and the means are normal around m with covariance P^-1.
    """
    step = max(1, AT_ONCE // (len(tau_y) * len(rho) * len(data.cov)))
    parts = [_slab(data, tau_x[at : at + step, None, None], tau_y[:, None], rho) for at in range(0, len(tau_x), step)]
    return Evidence(*(np.concatenate(own) for own in zip(*parts, strict=True)))


def _sums(x: Floats, y: Floats, var_x: Floats, var_y: Floats, cov: Floats) -> Floats:
    """Columns that, divided by the determinants of Sigma + V_i and summed, give all that the likelihood needs."""
    return np.column_stack([
        np.ones_like(x), var_x, var_y, cov, x, y, var_y * x - cov * y, var_x * y - cov * x, x * x, y * y, x * y,
        var_y * x * x + var_x * y * y - 2 * cov * x * y,
    ])  # fmt: skip


def _slab(data: Standard, tau_x: Floats, tau_y: Floats, rho: Floats) -> tuple[Floats, ...]:
    """Evidence where each [tau_x, tau_y, rho] launch's W is [[b, -c], [-c, a]] / (a b - c^2)."""
    a, b, c = tau_x**2, tau_y**2, tau_x * tau_y * rho  # Sigma; the errors' part is in `sums`
    own = c[..., None] + data.cov
    det = (a[..., None] + data.var_x) * (b[..., None] + data.var_y) - own * own
    s = (data.sums.T @ (1 / det).reshape(-1, det.shape[-1]).T).reshape(-1, *det.shape[:-1])  # each sum is contiguous
    alone = 1 / (a[..., None] + data.alone_var)
    x = data.alone_x
    pxx, pyy, pxy = b * s[0] + s[2] + alone.sum(-1), a * s[0] + s[1], -(c * s[0] + s[3])
    hx, hy = b * s[4] + s[6] - c * s[5] + alone @ x, a * s[5] + s[7] - c * s[4]
    square = b * s[8] + a * s[9] - 2 * c * s[10] + s[11] + alone @ (x * x)
    whole = pxx * pyy - pxy * pxy
    var_xx, var_xy, var_yy = pyy / whole, -pxy / whole, pxx / whole
    mean_x, mean_y = var_xx * hx + var_xy * hy, var_xy * hx + var_yy * hy
    log = -0.5 * (np.log(det).sum(-1) - np.log(alone).sum(-1) + np.log(whole) + square - mean_x * hx - mean_y * hy)
    return log, mean_x, mean_y, var_xx, var_xy, var_yy
