"""Calibration within regions or categories: each has a line of its own, shrunk towards the common one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from .axes import ANGLES, BEND, NEGLIGIBLE, closer, interpolation, middles, quadrature, settled, tau_of, taus
from .credible import Credible
from .evidence import Standard
from .grid import CELLS
from .mixture import Mixture, weighted_quantiles
from .posterior import WIDTH, Prediction, correlation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .pairs import Pairs

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Axes = tuple[Floats, Floats, Floats, Floats]
    Ends = tuple[float, float]

BETWEEN = 1.0
"""Scale of the half-normal prior of the spread between groups, in standard deviations of the observed y."""
NODES = (12, 14, 18, 10)
"""Quadrature nodes of tau_x, tau_y, rho and the spread between groups."""
LOOKS = (7, 7, 10, 6)
"""Cells of each look for where the posterior is."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What the launches of each group say of means: precision P, P times mean h, and what else the likelihood needs.

    All are [point of (tau_x, tau_y, rho), group].
    """

    pxx: Floats
    pxy: Floats
    pyy: Floats
    hx: Floats
    hy: Floats
    square: Floats
    log: Floats

    def only(self, rows: Ints) -> Sums:
        """Some of the points, or one several times."""
        return Sums(*(getattr(self, own.name)[rows] for own in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Lines of groups; see `pool`. Arrays are of weighted points of a grid, in standard units.

    names : of the groups. rho : correlation of what is true, within groups. slope : of all lines; intercept : of the
        common one. spread : standard deviation of the groups' intercepts, in units of y.
    weight, tau_x, tau_y, correlation, between : [point]. sums : [point, group].
    mean_x, mean_y, var_xx, var_xy, var_yy : [point] common means, and their covariance.
    """

    names: tuple[str, ...]
    rho: Credible
    slope: Credible
    spread: Credible
    confidence: float
    data: Standard
    weight: Floats
    tau_x: Floats
    tau_y: Floats
    correlation: Floats
    between: Floats
    means: Means
    sums: Sums

    def predict(
        self,
        x: float,
        var_x: float,
        *,
        group: str | None = None,
        var_y: float = 0.0,
        cov: float = 0.0,
    ) -> Prediction:
        """True online effect of the next launch of a group, given its offline number; see `Posterior.predict`.

        group : None, or one that no launch was of, has the common line, and the spread between groups in its interval.
        """
        (cx, cy), (sx, sy) = self.data.centre, self.data.scale
        mean, with_x, var = self._effect(group)
        total = self.means.var_xx + self.tau_x**2 + var_x / sx**2
        off = (x - cx) / sx - self.means.mean_x
        fit = np.log(self.weight) - 0.5 * (np.log(total) + off**2 / total)
        weight = np.exp(fit - fit.max())
        b = (with_x + self.correlation * self.tau_x * self.tau_y + cov / (sx * sy)) / total
        left = var + self.tau_y**2 + var_y / sy**2 - b**2 * total
        own = Mixture(weight / weight.sum(), cy + sy * (mean + b * off), sy * np.sqrt(np.maximum(left, 1e-30)))
        _, low, high = (own.quantile(share) for share in _shares(self.confidence))
        return Prediction(float(own.weight @ own.mean), low, high, 1 - own.below(0.0), self.confidence)

    def line(self, group: str | None = None) -> tuple[Credible, Credible]:
        """Slope and intercept of a group's line, in units of y per unit of x and of y; of the common line for None."""
        (cx, cy), (sx, sy) = self.data.centre, self.data.scale
        b, m = self.correlation * self.tau_y / self.tau_x, self.means
        mean, with_x, var = (m.mean_y, m.var_xy, m.var_yy) if group is None else self._effect(group)
        at = m.mean_x + cx / sx
        own = Mixture(
            self.weight, cy + sy * (mean - b * at), sy * np.sqrt(var - 2 * b * with_x + b**2 * m.var_xx)
        )  # fmt: skip
        value, low, high = (own.quantile(share) for share in _shares(self.confidence))
        return self.slope, Credible(value, low, high, 1 - own.below(0.0), self.confidence)

    def _effect(self, group: str | None) -> tuple[Floats, Floats, Floats]:
        """Mean of m_y + u of a group, its covariance with m_x, and its variance; all [point].

        Given the common means, u is normal with variance k = 1 / (1 / between^2 + P_yy) and mean
        k (h_y - P_xy m_x - P_yy m_y); of a group without launches P and h are 0.
        """
        m, none = self.means, np.zeros_like(self.weight)
        at = self.names.index(group) if group in self.names else None
        pxy, pyy, hy = (none if at is None else own[:, at] for own in (self.sums.pxy, self.sums.pyy, self.sums.hy))
        k = self.between**2 / (1 + self.between**2 * pyy)
        on_x, on_y = -k * pxy, 1 - k * pyy
        var = on_x**2 * m.var_xx + 2 * on_x * on_y * m.var_xy + on_y**2 * m.var_yy + k
        return k * hy + on_x * m.mean_x + on_y * m.mean_y, on_x * m.var_xx + on_y * m.var_xy, var


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """Log likelihood, the means integrated out, and the common means with their covariance; all [point]."""

    log: Floats
    mean_x: Floats
    mean_y: Floats
    var_xx: Floats
    var_xy: Floats
    var_yy: Floats

    def only(self, chosen: NDArray[np.bool_]) -> Means:
        """Some of the points."""
        return Means(*(getattr(self, own.name)[chosen] for own in fields(self)))


def pool(pairs: Pairs, groups: Sequence[str], *, confidence: float = 0.9) -> Pool:
    """Posterior of the lines of groups.

    groups : [launch].

    Model: that of `Pairs`, in which the online effects of a group are all higher by u than those of others, u being
    normal over groups with standard deviation `between`. Offline numbers do not know u, so that the line of a group is
    the common one, moved up by u: intercepts vary, and the slope is shared. Where slopes differ in truth, by 40 % of
    their mean, 90 % intervals held .91 to .95 of the launches of two to five groups of three or four: scatter and
    intercept take what a slope of their own would, which so few launches cannot tell.

    Priors as of `posterior.posterior`, and half-normal for `between`, in which it is unknown too: means and u are
    integrated exactly, the two taus, rho and `between` on a grid that goes where the posterior is. So a group with few
    or noisy launches is shrunk to the common line, groups that are alike are shrunk more, and two groups leave the
    interval of a third as wide as their spread is unknown.

    Source: Gelman (2006), Bayesian Analysis 1, on half-normal and half-t priors for few groups.
    """
    data, names = Standard.of(pairs), tuple(dict.fromkeys(groups))
    codes = np.array([names.index(own) for own in groups])[pairs.tested]
    inside = (codes[:, None] == np.arange(len(names))).astype(np.float64)
    box = _where(data, inside)
    axes, steps = zip(*(quadrature(ends, count) for ends, count in zip(box, NODES, strict=True)), strict=True)
    points = _points(axes)
    means, sums, log = _log_posterior(data, inside, points, NODES[3])
    weight = np.exp(log - log.max()) * np.prod(np.meshgrid(*steps, indexing="ij"), axis=0).ravel()
    correlated = _of_rho(box[2], weight.reshape(NODES).sum(axis=(0, 1, 3)) / steps[2], confidence)
    kept = weight > 1e-9 * weight.max()
    weight, (tau_x, tau_y, rho, between) = weight[kept] / weight[kept].sum(), (own[kept] for own in points)
    sx, sy = data.scale

    def said(values: Floats, positive: float) -> Credible:
        value, low, high = weighted_quantiles(values, weight, _shares(confidence))
        return Credible(value, low, high, positive, confidence)

    return Pool(
        names, correlated, said(sy / sx * rho * tau_y / tau_x, correlated.positive), said(sy * between, 1.0),
        confidence, data, weight, tau_x, tau_y, rho, between, means.only(kept),
        sums.only(np.flatnonzero(kept) // NODES[3]),
    )  # fmt: skip


def _of_rho(ends: Ends, density: Floats, confidence: float) -> Credible:
    """Posterior of rho, from its density at the nodes of the angle whose sine it is."""
    angles, edges = quadrature(ends, len(density))[0], np.sin(np.linspace(*ends, CELLS + 1))
    fine = (interpolation(len(density), CELLS) @ (density / np.cos(angles))).clip(0)
    return correlation(edges, fine / (fine * np.diff(edges)).sum(), confidence)


def _shares(confidence: float) -> list[float]:
    return [0.5, (1 - confidence) / 2, (1 + confidence) / 2]


def _points(axes: Sequence[Floats]) -> Axes:
    """Points (tau_x, tau_y, rho, between), each [point], of nodes of the axes; the last varies fastest."""
    u, v, w, s = (own.ravel() for own in np.meshgrid(*axes, indexing="ij"))
    return tau_of(u), tau_of(v), np.sin(w), tau_of(s)


def _log_posterior(data: Standard, inside: Floats, points: Axes, last: int) -> tuple[Means, Sums, Floats]:
    """Means, sums of the groups, and log posterior density [point], with how much of a tau or rho a step is.

    last : points in a row that differ in `between` alone, for which the sums over launches are the same.
    """
    tau_x, tau_y, rho, between = points
    sums = _sums(data, inside, (tau_x[::last], tau_y[::last], rho[::last]))
    found = _means(data, sums.only(np.arange(len(rho)) // last), tau_x, between)
    taus = ((tau_x, WIDTH), (tau_y, WIDTH), (between, BETWEEN))
    prior = sum(np.log(1 + tau / BEND) - 0.5 * (tau / width) ** 2 for tau, width in taus)
    return found, sums, found.log + prior + 0.5 * np.log1p(-(rho**2))


def _means(data: Standard, g: Sums, tau_x: Floats, between: Floats) -> Means:
    """Sum over groups, u integrated out: with e = (0, 1) it takes k P e e' P from P, and k P e e' h from h."""
    more = between[:, None] ** 2 * g.pyy
    k = between[:, None] ** 2 / (1 + more)
    x, alone = data.alone_x, 1 / (tau_x[:, None] ** 2 + data.alone_var)
    pxx = (g.pxx - k * g.pxy**2).sum(axis=1) + alone.sum(axis=1)
    pxy, pyy = (g.pxy / (1 + more)).sum(axis=1), (g.pyy / (1 + more)).sum(axis=1)
    hx, hy = (g.hx - k * g.pxy * g.hy).sum(axis=1) + alone @ x, (g.hy / (1 + more)).sum(axis=1)
    square = (g.square - k * g.hy**2).sum(axis=1) + alone @ (x * x)
    log = (g.log + np.log1p(more)).sum(axis=1) - np.log(alone).sum(axis=1)
    whole = pxx * pyy - pxy**2
    var_xx, var_xy, var_yy = pyy / whole, -pxy / whole, pxx / whole
    mean_x, mean_y = var_xx * hx + var_xy * hy, var_xy * hx + var_yy * hy
    like = -0.5 * (log + np.log(whole) + square - mean_x * hx - mean_y * hy)
    return Means(like, mean_x, mean_y, var_xx, var_xy, var_yy)


def _sums(data: Standard, inside: Floats, points: tuple[Floats, Floats, Floats]) -> Sums:
    """Sums over the launches of each group; `evidence` has the algebra."""
    tau_x, tau_y, rho = (own[:, None] for own in points)
    a, b, c = tau_x**2, tau_y**2, tau_x * tau_y * rho
    det = (a + data.var_x) * (b + data.var_y) - (c + data.cov) ** 2  # [point, launch]
    columns = (inside[:, None, :] * data.sums[:, :, None]).reshape(len(inside), -1)
    s = np.moveaxis(((1 / det) @ columns).reshape(len(det), -1, inside.shape[1]), 1, 0)
    return Sums(
        b * s[0] + s[2], -(c * s[0] + s[3]), a * s[0] + s[1], b * s[4] + s[6] - c * s[5], a * s[5] + s[7] - c * s[4],
        b * s[8] + a * s[9] - 2 * c * s[10] + s[11], np.log(det) @ inside,
    )  # fmt: skip


def _where(data: Standard, inside: Floats) -> tuple[Ends, ...]:
    """Ends of each axis beyond which the posterior is negligible; see `grid`."""
    box: tuple[Ends, ...] = (taus(WIDTH), taus(WIDTH), ANGLES, taus(BETWEEN))
    for _ in range(20):
        points = _points([middles(ends, count) for ends, count in zip(box, LOOKS, strict=True)])
        log = _log_posterior(data, inside, points, LOOKS[3])[2].reshape(LOOKS)
        near, old = log > log.max() - NEGLIGIBLE, box
        box = tuple(closer(old[k], near.any(axis=tuple({0, 1, 2, 3} - {k}))) for k in range(4))
        if settled(box, old):
            break
    return box
