"""Joint posterior of what all offline metrics and the online metrics truly are, over launches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .credible import Credible
from .gibbs import Draws, draw
from .observed import observed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .launch import Launch
    from .observed import Observed

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

CHAINS = 4
BURN = 100
"""States of each chain that are forgotten."""
DRAWS = 1200
"""States that are kept, of all chains together."""
LOUD = 1.05
"""Split R-hat above which a note says that the chains disagree."""
ENOUGH = 3
"""Tested launches for each metric below which a note says that the prior tells much."""
FEWEST_EFFECTIVE = 100
"""Effective draws below which launches are left out by drawing anew, and not by weighting draws."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Draws that know the offline side of some launches, and nothing of their online side.

    weight : [draw] adds up to 1.
    """

    draws: Draws
    weight: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Posterior of true effects z_i ~ N(mu, Sigma) in all metrics, seen with known errors; drawn, see `gibbs`.

    data : what was seen. draws : in the standard units of `data`.
    r_hat : largest split R-hat of the correlations with the online metrics (Gelman et al. 2013, section 11.4).
    seed : that it was drawn with. held : what `without` has found so far.
    """

    data: Observed
    draws: Draws
    r_hat: float
    seed: int
    held: dict[bytes, HeldOut] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to be careful about."""
        gone = ", ".join(self.data.left_out)
        few = (f"left out, for fewer than 3 tested launches have it: {gone}",) if gone else ()
        metrics, tested = len(self.data.offline), int(self.data.seen[:, len(self.data.offline)].sum())
        if metrics > 1 and tested < ENOUGH * metrics:
            what = f"{metrics} metrics and {tested} tested launches: regret, true signs and the composite"
            few = (*few, f"{what} rest on the prior as much as on launches; name fewer metrics")
        loud = f"chains of the joint posterior disagree: split R-hat {self.r_hat:.2f}; draw more"
        return (*few, loud) if self.r_hat > LOUD else few

    def correlations(self, online: str) -> Floats:
        """[draw, offline] correlation of true effects with those in an online metric."""
        return qualities(self.draws.sigma, self.at(online), np.zeros(len(self.data.offline)))

    def at(self, online: str) -> int:
        """Position of an online metric among all metrics."""
        return len(self.data.offline) + self.data.online.index(online)

    def without(self, chosen: Ints) -> HeldOut:
        """Posterior as if the chosen launches, by position, had not been tested.

        Draws are weighted by 1 / density of what was measured, the weights cut at sqrt(draws) x their mean (Ionides
        2008, Journal of Computational and Graphical Statistics 17); where too few draws carry the weight, drawn anew.
        """
        key = chosen.tobytes()
        if key not in self.held:
            weight = _cut(-self.draws.fit[:, chosen].sum(axis=1))
            enough = 1 / (weight**2).sum() >= FEWEST_EFFECTIVE
            self.held[key] = HeldOut(self.draws, weight) if enough else self.redrawn(chosen)
        return self.held[key]

    def redrawn(self, chosen: Ints) -> HeldOut:
        """The same, drawn anew."""
        rng = np.random.default_rng([self.seed, 1, *chosen])
        keep = -(-len(self.draws.mu) // (4 * CHAINS))
        draws = draw(self.data.without(chosen), rng, chains=CHAINS, burn=BURN, keep=keep)
        return HeldOut(draws, np.full(len(draws.mu), 1 / len(draws.mu)))


def _cut(log: Floats) -> Floats:
    """Weights from their logarithms, cut where one draw would count for too much; they add up to 1."""
    weight = np.exp(log - log.max())
    weight = np.minimum(weight, weight.mean() * np.sqrt(len(weight)))
    cut: Floats = weight / weight.sum()
    return cut


def sample(
    launches: Sequence[Launch], online: str | Sequence[str], *, offline: Sequence[str] | None = None,
    draws: int = DRAWS, seed: int = 0,
) -> Joint:  # fmt: skip
    """Joint posterior of all `offline` metrics (by default those that enough tested launches have) and `online`.

    What was not tested, or lacks a metric, stays in by what it has. Same seed, same draws.
    Raises InputError as `observed` does: every fault at once.
    """
    data = observed(launches, (online,) if isinstance(online, str) else tuple(online), offline)
    keep = -(-draws // CHAINS)
    drawn = draw(data, np.random.default_rng([seed, 0]), chains=CHAINS, burn=BURN, keep=keep)
    joint = Joint(data, drawn, np.nan, seed)
    worst = max(float(split_r_hat(joint.correlations(name), CHAINS).max()) for name in data.online)
    return Joint(data, drawn, worst, seed)


def qualities(sigma: Floats, at: int, variances: Floats) -> Floats:
    """[draw, offline] correlation of offline numbers, measured with errors, with the true effects in metric `at`.

    sigma : [draw, metric, metric] covariance of true effects, the offline metrics first. variances : [offline] of the
        errors.

    >>> qualities(np.array([[[1.0, 0.6], [0.6, 1.0]]]), 1, np.array([3.0]))  # 0.6 / sqrt(1 + 3)
    array([[0.3]])
    """
    own, first = np.diagonal(sigma, axis1=1, axis2=2), len(variances)
    found: Floats = sigma[:, :first, at] / np.sqrt((own[:, :first] + variances) * own[:, at, None])
    return found


def split_r_hat(draws: Floats, chains: int) -> Floats:
    """[number] split R-hat of draws [draw, number], of one chain after the other: 1 where their halves agree.

    >>> halves = np.concatenate([np.tile([0.0, 1.0], 50), np.tile([5.0, 6.0], 50)])
    >>> split_r_hat(halves[:, None], 2).round(1)
    array([5.8])
    """
    half = len(draws) // (2 * chains)
    parts = draws.reshape(chains, -1, draws.shape[1])[:, : 2 * half].reshape(2 * chains, half, -1)
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = parts.mean(axis=1).var(axis=0, ddof=1)
    hat: Floats = np.sqrt((half - 1) / half + between / within)
    return hat


def credible(draws: Floats, confidence: float) -> Credible:
    """Posterior of a number from draws of it.

    >>> credible(np.arange(-4.0, 5.0), 0.5)
    Credible(value=0.0, low=-2.0, high=2.0, positive=0.4444444444444444, confidence=0.5)
    """
    low, value, high = np.quantile(draws, [(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    return Credible(float(value), float(low), float(high), float((draws > 0).mean()), confidence)
