"""Gibbs sampler of normal true effects that were seen with known errors, several chains at once.

True effects z_i ~ N(mu, Sigma), flat in mu; seen d_i = z_i + e_i, e_i ~ N(0, S_i). Sigma = diag(tau) R diag(tau) has
half-normal tau and, apart from them, the R of an inverse Wishart of D + 1 degrees of freedom, where every correlation
is uniform (Barnard, McCulloch, Meng 2000, Statistica Sinica 10): the prior of two metrics is that of `posterior`.

It is drawn as an inverse Wishart IW(D + 1, diag(u)) with log u flat (a mixture as of Huang and Wand 2013, Bayesian
Analysis 8), whose density is that of R times 1 / tau; steps of Metropolis make up for tau times the half-normal.

Sweeps over (z), (mu, Sigma) and (u) alone mix slowly where errors are larger than true spreads, as online. So each
iteration also renews some metrics whole, one after the other, given the true effects in the others: what these leave of
its variance is drawn with its regression on them and its true effects integrated out, then those. And it stretches and
moves the true effects of some metrics, with their spread and mean (Yu and Meng 2011, Journal of Computational and
Graphical Statistics 20).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .observed import Observed

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

WIDTH = 2.0
"""Scale of the half-normal prior of a true spread, in standard deviations of what was seen: as in `posterior`."""
LATTICE = 6
"""Values of what others leave of a variance that are weighed against each other."""
STRETCHED = 5
"""Offline metrics that an iteration stretches, in turn; the online ones always are."""
LEAST = 1e-10
"""Smallest of them, in variances of what was seen."""


@dataclass(slots=True)
class State:
    """Where the chains are.

    z : [chain, launch, metric] true effects. mu, u : [chain, metric]. sigma, root : [chain, metric, metric],
        the covariance and its root.
    """

    z: Floats
    mu: Floats
    sigma: Floats
    root: Floats
    u: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What was drawn, in standard units; [draw] runs through the chains one after the other.

    mu : [draw, metric]. sigma : [draw, metric, metric] covariance of true effects.
    effects : [draw, launch, online] true effects. ahead : the same, expected from the launch's offline side alone.
    shared : [draw, launch, online] error of the online side that is expected from the offline side, with which it
        shares stores and demand.
    fit : [draw, launch] log density of what was measured online, given the offline side; 0 where nothing was.
    """

    mu: Floats
    sigma: Floats
    effects: Floats
    ahead: Floats
    shared: Floats
    fit: Floats


class Sampler:
    """What does not change from one state to the next.

    d, S and seen are those of `Observed`. pull : [metric, launch, metric] weights with which the errors in the other
    metrics tell that in one; own : [metric, launch] variance of that error that they leave.
    """

    def __init__(self, data: Observed, rng: np.random.Generator) -> None:
        self.rng, self.d, self.errors, self.first = rng, data.values, data.covariance, len(data.offline)
        self.seen = data.seen.astype(np.float64)
        self.both = self.seen[:, :, None] * self.seen[:, None, :]
        self.root = np.linalg.cholesky(data.covariance)
        inverse = np.linalg.inv(data.covariance)
        inside = np.diagonal(inverse, axis1=1, axis2=2)
        self.own = (1 / inside).T
        weights = -inverse / inside[:, :, None]
        self.pull = np.swapaxes(weights * (1 - np.eye(self.d.shape[1])), 0, 1)

    def start(self, chains: int) -> State:
        """States that are far apart: from what was seen to nearly no spread, with noise."""
        launches, count = self.d.shape
        shrink = np.linspace(1.0, 0.3, chains)[:, None, None]
        z = shrink * (self.d + 0.5 * self.rng.standard_normal((chains, launches, count)))
        sigma = np.tile(np.eye(count), (chains, 1, 1)) * shrink**2
        return State(z, np.zeros((chains, count)), sigma, sigma, np.ones((chains, count)))

    def step(self, state: State) -> tuple[Floats, Floats, Floats]:
        """Draw means and covariance given effects, then effects given those; give ahead, shared and fit of `Draws`."""
        self._spread(state)
        return self._effects(state)

    def _spread(self, state: State) -> None:
        """Draw u given the covariance, then covariance and means given effects."""
        rng, (chains, launches, count) = self.rng, state.z.shape
        precision = np.diagonal(np.linalg.inv(state.sigma), axis1=1, axis2=2)
        state.u = rng.gamma((count + 1) / 2, size=(chains, count)) / (precision / 2)
        middle = state.z.mean(axis=1)
        off = state.z - middle[:, None]
        scatter = np.swapaxes(off, 1, 2) @ off
        diagonal = np.arange(count)
        scatter[:, diagonal, diagonal] += state.u
        low = np.linalg.cholesky(scatter)
        bartlett = np.tril(rng.standard_normal((chains, count, count)), -1)
        bartlett[:, diagonal, diagonal] = np.sqrt(rng.chisquare(count + launches - diagonal, (chains, count)))
        root = np.swapaxes(np.linalg.solve(bartlett, np.swapaxes(low, 1, 2)), 1, 2)
        drawn = root @ np.swapaxes(root, 1, 2)
        gain = _beside(np.diagonal(drawn, axis1=1, axis2=2)) - _beside(np.diagonal(state.sigma, axis1=1, axis2=2))
        taken = np.log(rng.random(chains)) < gain.sum(axis=1)
        state.sigma = np.where(taken[:, None, None], drawn, state.sigma)
        state.root = np.asarray(np.linalg.cholesky(state.sigma), dtype=np.float64)
        state.mu = middle + (state.root @ rng.standard_normal((chains, count, 1)))[..., 0] / np.sqrt(launches)

    def _effects(self, state: State) -> tuple[Floats, Floats, Floats]:
        """Effects given mu and Sigma: draw effects and errors, and move the effects by what their sum misses."""
        rng, p = self.rng, self.first
        z = state.mu[:, None] + rng.standard_normal(state.z.shape) @ np.swapaxes(state.root, 1, 2)
        e = (self.root @ rng.standard_normal((*state.z.shape, 1)))[..., 0]
        total = state.sigma[:, None] * self.both + self.errors  # [chain, launch, metric, metric]
        count = z.shape[2]
        told = np.zeros((*z.shape, 2 + count - p))
        told[..., 0] = (self.d - z - e) * self.seen
        told[..., 1] = (self.d - state.mu[:, None]) * self.seen
        told[..., p:, 2:] = np.eye(count - p)
        solved = np.asarray(np.linalg.solve(total, told), dtype=np.float64)
        state.z = z + (solved[..., 0] * self.seen) @ state.sigma
        return self._look(state, solved[..., 1], solved[..., 2:])

    def _look(self, state: State, residual: Floats, columns: Floats) -> tuple[Floats, Floats, Floats]:
        """What the offline sides say of the online sides, by elimination from the inverse of both."""
        p = self.first
        inner, own = columns[..., p:, :], residual[..., p:]
        weight = np.linalg.solve(inner, own[..., None])
        offline = residual[..., :p] - (columns[..., :p, :] @ weight)[..., 0]
        ahead = state.mu[:, None, p:] + offline @ state.sigma[:, :p, p:]
        shared = (offline[..., None, :] @ self.errors[:, :p, p:])[..., 0, :]
        known = self.seen[:, p:].sum(axis=1)
        fit = 0.5 * (np.linalg.slogdet(inner)[1] - (own * weight[..., 0]).sum(axis=2) - np.log(2 * np.pi) * known)
        return ahead, shared, fit

    def renew(self, state: State, j: int) -> None:
        """Spread, regression, mean and true effects of metric j, given the true effects in the others."""
        rest = np.delete(np.arange(state.mu.shape[1]), j)
        z, prior = state.z[..., rest], 1 / state.u[:, rest]
        told = self.d[:, j] - ((self.d - state.z) * self.pull[j]).sum(axis=2)  # [chain, launch], with error of var own
        now = 1 / np.linalg.inv(state.sigma)[:, j, j]
        left, coefficients = self._regress(told, z * np.sqrt(prior)[:, None], j, now)
        slope = coefficients[:, 1:] * np.sqrt(left[:, None] * prior)
        row = (state.sigma[:, rest][:, :, rest] @ slope[..., None])[..., 0]
        whole = left + (row * slope).sum(axis=1)
        gain = _beside(whole) - 0.5 * np.log(left) - _beside(state.sigma[:, j, j]) + 0.5 * np.log(now)
        taken = np.flatnonzero(np.log(self.rng.random(len(left))) < gain)
        expected = coefficients[:, :1] + (z @ slope[..., None])[..., 0]
        precision = 1 / left[:, None] + self.seen[:, j] / self.own[j]
        mean = (expected / left[:, None] + told * (self.seen[:, j] / self.own[j])) / precision
        drawn = mean + self.rng.standard_normal(mean.shape) / np.sqrt(precision)
        u = self.rng.gamma((state.mu.shape[1] + 1) / 2, size=len(left)) * 2 * left
        state.z[taken, :, j], state.u[taken, j] = drawn[taken], u[taken]
        state.mu[taken, j] = (coefficients[:, 0] + (state.mu[:, rest] * slope).sum(axis=1))[taken]
        state.sigma[taken[:, None], j, rest] = state.sigma[taken[:, None], rest, j] = row[taken]
        state.sigma[taken, j, j] = whole[taken]

    def stretch(self, state: State, j: int) -> None:
        """Spread and mean of metric j with its true effects, which keep their places relative to each other."""
        told = self.d[:, j] - ((self.d - state.z) * self.pull[j]).sum(axis=2)
        off = state.z[..., j] - state.mu[:, j, None]
        weight = self.seen[:, j] / self.own[j]
        wo, wt = off * weight, told * weight
        power = np.arange(LATTICE) - self.rng.integers(0, LATTICE, len(off))[:, None]
        by = np.exp(self.rng.uniform(0.1, 0.6) * power)  # [chain, value]
        total = weight.sum()
        sum_o, sum_t = wo.sum(axis=1)[:, None], wt.sum(axis=1)[:, None]
        cross, square = (wo * told).sum(axis=1)[:, None], (wo * off).sum(axis=1)[:, None]
        middle = (sum_t - by * sum_o) / total
        log = by * cross - by**2 * square / 2 + middle**2 * total / 2
        log += np.log(by) - by**2 * state.sigma[:, j, j, None] / (2 * WIDTH**2)
        at = np.arange(len(off)), (log + self.rng.gumbel(size=log.shape)).argmax(axis=1)
        state.mu[:, j] = middle[at] + self.rng.standard_normal(len(off)) / np.sqrt(total)
        state.z[..., j] = state.mu[:, j, None] + by[at][:, None] * off
        state.sigma[:, j] *= by[at][:, None]
        state.sigma[:, :, j] *= by[at][:, None]

    def _regress(self, told: Floats, z: Floats, j: int, now: Floats) -> tuple[Floats, Floats]:
        """Variance that the other metrics leave, from a lattice around its value now, and intercept and slopes.

        Slopes have a normal prior of variance `left` on the columns of z. The lattice's offset is random, so that it is
        as probable from each of its values.
        """
        rng, chains = self.rng, len(now)
        power = np.arange(LATTICE) - rng.integers(0, LATTICE, chains)[:, None]
        left = now[:, None] * np.exp(rng.uniform(0.2, 1.5) * power)  # [chain, value]
        rows = np.ones((*left.shape, told.shape[1], z.shape[2] + 1))
        rows[..., 1:] = z[:, None] * np.sqrt(left)[..., None, None]
        weight = self.seen[:, j] / (left[..., None] + self.own[j])
        rows = np.concatenate([rows, np.broadcast_to(told[:, None, :, None], (*weight.shape, 1))], axis=-1)
        square = np.swapaxes(rows * weight[..., None], 2, 3) @ rows  # what is told last: its root is the whole answer
        diagonal = np.arange(1, z.shape[2] + 1)
        square[..., diagonal, diagonal] += 1.0
        square[..., -1, -1] += 1.0
        low = np.linalg.cholesky(square)
        sizes = np.log(np.diagonal(low, axis1=2, axis2=3)[..., :-1]).sum(axis=2)
        log = np.where(left > LEAST, np.log(left) / 2, -np.inf) - sizes - low[..., -1, -1] ** 2 / 2
        log += 0.5 * np.log(np.where(weight > 0, weight, 1.0)).sum(axis=2)
        at = np.arange(chains), (log + rng.gumbel(size=log.shape)).argmax(axis=1)
        drawn = low[at][:, -1, :-1] + rng.standard_normal((chains, z.shape[2] + 1))
        return left[at], np.linalg.solve(np.swapaxes(low[at][:, :-1, :-1], 1, 2), drawn[..., None])[..., 0]


def _beside(variance: Floats) -> Floats:
    """Log of what the prior of a spread has beside 1 / tau, of which the inverse Wishart takes care."""
    log: Floats = 0.5 * np.log(variance) - variance / (2 * WIDTH**2)
    return log


def draw(data: Observed, rng: np.random.Generator, *, chains: int, burn: int, keep: int) -> Draws:
    """Draw `keep` states of each chain after `burn` that are forgotten."""
    sampler = Sampler(data, rng)
    state, p, kept = sampler.start(chains), len(data.offline), []
    for k in range(burn + keep):
        looked = sampler.step(state)
        if k >= burn:
            kept.append((state.mu.copy(), state.sigma.copy(), state.z[..., p:].copy(), *looked))
        online = range(p, state.mu.shape[1])
        for j in (k % p, *online):
            sampler.renew(state, j)
        for j in (*((k * STRETCHED + m) % p for m in range(min(STRETCHED, p))), *online):
            sampler.stretch(state, j)
    return Draws(*(np.stack(own, axis=1).reshape(chains * keep, *own[0].shape[1:]) for own in zip(*kept, strict=True)))
