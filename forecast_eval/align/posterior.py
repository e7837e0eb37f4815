"""How an offline metric and an online metric hang together, and what the next launch will do: a posterior on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.faults import Fault, refuse

from .credible import Credible
from .evidence import Standard
from .grid import grid_of
from .mixture import Mixture, weighted_quantiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .grid import Grid
    from .pairs import Pairs

    Floats = NDArray[np.float64]

WIDTH = 2.0
"""Scale of the half-normal priors of tau_x and tau_y, in standard deviations of the observed differences.

Chosen by simulation: with five launches of little noise, 90 % intervals of the next launch held .82 to .89 of them with
a scale of 1, .87 to .92 with 2 and .90 to .94 with 4. What is said of rho hardly depends on it.
"""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the next launch will do online, in units of y.

    mean : expected. low, high : ends of the interval that holds it with probability `confidence`, with equal
        probability on either side. positive : probability that it is above 0.
    """

    mean: float
    low: float
    high: float
    positive: float
    confidence: float = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What launches say of an offline and an online metric; see `posterior`.

    rho : correlation of the true effects. data, grid : in standard units, as the posterior is kept.
    """

    rho: Credible
    confidence: float
    data: Standard
    grid: Grid

    @property
    def slope(self) -> Credible:
        """Slope rho tau_y / tau_x of the true online effect on the true offline one [units of y per unit of x]."""
        p, (sx, sy) = self.grid.cells, self.data.scale
        return self._of(sy / sx * p.rho * p.tau_y / p.tau_x)

    @property
    def intercept(self) -> Credible:
        """Expected true online effect where the true offline one is 0 [units of y]."""
        p, e, (cx, cy), (sx, sy) = self.grid.nodes, self.grid.evidence, self.data.centre, self.data.scale
        slope = p.rho * p.tau_y / p.tau_x
        own = Mixture(
            p.weight, cy + sy * (e.mean_y - slope * (e.mean_x + cx / sx)),
            sy * np.sqrt(e.var_yy - 2 * slope * e.var_xy + slope**2 * e.var_xx),
        )  # fmt: skip
        value, low, high = (own.quantile(share) for share in _shares(self.confidence))
        return Credible(value, low, high, 1 - own.below(0.0), self.confidence)

    def predict(
        self, x: float, var_x: float, *, var_y: float = 0.0, cov: float = 0.0, confidence: float | None = None
    ) -> Prediction:
        """True online effect of the next launch, given its offline number.

        x, var_x : offline number, turned so that higher is better, and the variance of its error.
        var_y : where above 0, what a test with this variance of its error will measure instead of the truth.
        cov : covariance of the errors of both.

        The distribution is the mixture, over the grid, of the normals that spreads, correlation and unknown means
        give; x itself says something of the offline spread and mean, and weighs the points. So it is what the posterior
        of all launches with the next one, not yet tested, says of it.

        Raises InputError where x is no number, or the variances cannot be.
        """
        refuse(list(_odd(x, var_x, var_y, cov)))
        level = self.confidence if confidence is None else confidence
        (sx, sy), p, e = self.data.scale, self.grid.nodes, self.grid.evidence
        total = e.var_xx + p.tau_x**2 + var_x / sx**2
        off = (x - self.data.centre[0]) / sx - e.mean_x
        fit = np.log(p.weight) - 0.5 * (np.log(total) + off**2 / total)
        weight = np.exp(fit - fit.max())
        slope = (e.var_xy + p.rho * p.tau_x * p.tau_y + cov / (sx * sy)) / total
        left = e.var_yy + p.tau_y**2 + var_y / sy**2 - slope**2 * total
        own = Mixture(weight / weight.sum(), self.data.centre[1] + sy * (e.mean_y + slope * off), sy * np.sqrt(left))
        low, high = own.quantile((1 - level) / 2), own.quantile((1 + level) / 2)
        return Prediction(float(own.weight @ own.mean), low, high, 1 - own.below(0.0), level)

    def quality(self, var_x: float) -> Credible:
        """Correlation of an offline number, measured with error variance var_x, with the true online effect.

        rho tau_x / sqrt(tau_x^2 + var_x): the less an evaluation is noisy, the nearer to rho. Equal-tailed.
        """
        refuse(list(_odd(0.0, var_x, 0.0, 0.0)))
        p = self.grid.cells
        return self._of(p.rho * p.tau_x / np.sqrt(p.tau_x**2 + var_x / self.data.scale[0] ** 2))

    def _of(self, values: Floats) -> Credible:
        """Summarise a figure that has the sign of rho, given at the cells of the grid."""
        value, low, high = weighted_quantiles(values, self.grid.cells.weight, _shares(self.confidence))
        return Credible(value, low, high, _above(self.grid), self.confidence)


def posterior(pairs: Pairs, *, confidence: float = 0.9, width: float = WIDTH) -> Posterior:
    """Posterior of the model of `Pairs`.

    width : scale of the half-normal priors, in standard deviations of the observed differences (see below).

    Prior: flat in rho on (-1, 1); tau_x and tau_y half-normal with `width` times the standard deviation of the observed
    x, or y; flat in the means, which are integrated out exactly, with each launch's own covariance of errors. What was
    observed varies by truth and by error, so that the prior says hardly more than that the truth does not vary by many
    times what was seen. A launch that was not tested counts by its x.

    Interval of rho: from the smallest to the largest of all values that are in the equal-tailed interval, or that data
    do not contradict: whose integrated likelihood, which is the posterior density as the prior is flat, is at least
    exp(-z^2 / 2) of its peak, z being the normal quantile (1 + confidence) / 2: at 90 %, 0.26 of it. So it holds rho
    with probability `confidence` or more. It is not the equal-tailed interval alone, as where data say nothing that is
    (-0.9, 0.9), and leaves out a metric with rho = 0.9, which nothing speaks against (it held 71 times in 100 with five
    launches whose errors are as large as their effects), nor one of highest density, which the sign of noise turns to
    one side (77 times in 100, and at rho = 0 it leaves 0 out three times as often). Sources: Kalbfleisch and Sprott
    (1970), J. Royal Statistical Society B 32, on integrated relative likelihood; Wagenmakers, Gronau, Dablander and Etz
    (2022), Erkenntnis 87, on support intervals. `benchmarks/align_coverage.py` measures how often it holds.

    Slope, intercept, predictions and qualities have equal-tailed intervals. Against a finer grid those of rho and of
    predictions are exact to three digits, those of slope to about a twentieth of their width.

    >>> from forecast_eval.align import Pairs
    >>> x = np.array([1.0, 2.0, 4.0, 5.0, 7.0, 9.0])
    >>> found = posterior(Pairs.of(x, 1 + x / 2, np.full(6, 0.01), np.full(6, 0.01)))
    >>> round(found.slope.value, 1), round(found.predict(3.0, 0.01).mean, 1)
    (0.5, 2.5)
    """
    if not (0 < confidence < 1 and width > 0):
        refuse([Fault("setting", f"confidence={confidence:g} and width={width:g} cannot be", "posterior",
                      "give a confidence between 0 and 1, and a width above 0")])  # fmt: skip
    data = Standard.of(pairs)
    grid = grid_of(data, width)
    return Posterior(correlation(grid.edges, grid.density, confidence), confidence, data, grid)


def correlation(edges: Floats, density: Floats, confidence: float) -> Credible:
    """Posterior of rho: median, and the interval that `posterior` describes.

    edges : [cell + 1] of rho. density : [cell] its posterior density.
    """
    from scipy.special import ndtri

    below = np.concatenate([[0.0], np.cumsum(density * np.diff(edges))])
    value, low, high = np.interp(_shares(confidence), below, edges)
    likely = np.flatnonzero(density >= np.exp(-0.5 * ndtri((1 + confidence) / 2) ** 2) * density.max())
    low, high = min(low, edges[likely[0]]), max(high, edges[likely[-1] + 1])
    return Credible(float(value), float(low), float(high), float(1 - np.interp(0.0, edges, below)), confidence)


def _above(grid: Grid) -> float:
    """Probability that rho is above 0."""
    return float(1 - np.interp(0.0, grid.edges, grid.below))


def _shares(confidence: float) -> list[float]:
    return [0.5, (1 - confidence) / 2, (1 + confidence) / 2]


def _odd(x: float, var_x: float, var_y: float, cov: float) -> Iterator[Fault]:
    if not np.isfinite(x):
        yield Fault("not-a-number", f"x={x} must be a number", "prediction", "give the launch's offline number")
    if not (np.isfinite([var_x, var_y]).all() and min(var_x, var_y) >= 0):
        yield Fault("variance", f"var_x={var_x:g} and var_y={var_y:g} must be at least 0", "prediction",
                    "give squared standard errors")  # fmt: skip
    elif not cov * cov <= var_x * var_y:
        yield Fault("cov", f"cov={cov:g} is more than var_x={var_x:g} and var_y={var_y:g} allow", "prediction",
                    "give var_y as well, or leave cov out: the error of x says nothing of the truth")  # fmt: skip
