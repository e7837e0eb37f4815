"""The bivariate random-effects model of `Pairs` by likelihood and by moments: estimates to stand beside a posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .evidence import Standard, evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .pairs import Pairs

    Floats = NDArray[np.float64]

Method = Literal["maximum likelihood", "REML", "moments"]
NAN = float("nan")
EDGE = 1e-4
"""A tau below this share of the observed spread, or a rho this near to 1, is at the edge of what it may be."""
TAUS, RHOS = np.geomspace(0.05, 1.6, 6), np.linspace(-0.9, 0.9, 9)
"""Where the search may start: taus, in observed spreads, and rho."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Estimates of the model.

    means, tau : (x, y) means and standard deviations of the true effects, in units of x and y. rho : their correlation.
    slope, intercept : of the line by which the true x foretells the true y.
    mean_errors, rho_error, slope_error, intercept_error : standard errors, from the curvature of the likelihood, or by
        the delta method; NaN where they are not defined, as where rho is 1.
    converged : whether the search came to an end.
    """

    method: Method
    means: tuple[float, float]
    tau: tuple[float, float]
    rho: float
    slope: float
    intercept: float
    mean_errors: tuple[float, float]
    rho_error: float
    slope_error: float
    intercept_error: float
    converged: bool = True


def maximum_likelihood(pairs: Pairs) -> Fit | None:
    """Maximum likelihood; see `reml`. Spreads come out too small, the more so with few launches."""
    return _likely(pairs, restricted=False)


def reml(pairs: Pairs) -> Fit | None:
    """Restricted maximum likelihood: the means are integrated out. A launch that was not tested counts by its x.

    None where a tau is estimated as 0, as often with few launches: then there is no correlation. A rho of 1 or -1 is
    given, without errors: it says that the launches are too few, not that the metrics agree.

    Source: van Houwelingen, Arends and Stijnen (2002), Statistics in Medicine 21.
    """
    return _likely(pairs, restricted=True)


def moments(pairs: Pairs) -> Fit | None:
    """Plug-in estimate: covariance of what was observed of tested launches, less the mean covariance of the errors.

    None where it does not exist, as often with few launches: a variance of at most 0, or a correlation beyond 1. Errors
    by the delta method, as of normal effects whose errors are alike. What was not tested is left out: where that was
    chosen by x, rho and the means are biased.
    """
    own = pairs.complete
    seen = np.cov(own.x, own.y)
    noise = np.array([[own.var_x.mean(), own.cov.mean()], [own.cov.mean(), own.var_y.mean()]])
    true = seen - noise
    (a, c), (_, b) = true
    if min(a, b) <= 0 or c * c > a * b:
        return None
    (p, r), (_, q) = seen
    # covariance of the sample's (variance of x, covariance, variance of y), which are Wishart
    spread = np.array([[2 * p * p, 2 * p * r, 2 * r * r], [2 * p * r, p * q + r * r, 2 * q * r],
                       [2 * r * r, 2 * q * r, 2 * q * q]]) / (len(own.x) - 1)  # fmt: skip
    means = np.array([own.x.mean(), own.y.mean()])
    return _fit("moments", means, seen / len(own.x), true, spread)


def _fit(
    method: Method, means: Floats, of_means: Floats, true: Floats, spread: Floats | None, *, converged: bool = True
) -> Fit:
    """Make a fit; of_means : covariance of the means, spread : of (a, c, b) of the true [[a, c], [c, b]]."""
    (a, c), (_, b) = true
    slope, rho = c / a, c / np.sqrt(a * b)
    intercept, at = means[1] - slope * means[0], np.array([-slope, 1.0])
    of_slope, of_rho = NAN, NAN
    if spread is not None:
        by_slope = np.array([-slope / a, 1 / a, 0.0])
        by_rho = np.array([-rho / (2 * a), 1 / np.sqrt(a * b), -rho / (2 * b)])
        of_slope, of_rho = by_slope @ spread @ by_slope, by_rho @ spread @ by_rho
    of_intercept = at @ of_means @ at + means[0] ** 2 * of_slope
    errors = [float(np.sqrt(own)) for own in (*np.diag(of_means), of_rho, of_slope, of_intercept)]
    return Fit(
        method, (float(means[0]), float(means[1])), (float(np.sqrt(a)), float(np.sqrt(b))), float(rho), float(slope),
        float(intercept), (errors[0], errors[1]), errors[2], errors[3], errors[4], converged,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Differences and covariances of their errors, in standard units: [launch, 2] and [launch, 2, 2].

    A launch that was not tested has a weight of 0 in y: `alone` marks those.
    """

    values: Floats
    errors: Floats
    alone: NDArray[np.bool_]
    restricted: bool

    def weights(self, true: Floats) -> Floats:
        """[launch, 2, 2] inverses of the covariances of what is observed, 0 for what is not."""
        whole = true + self.errors
        whole[self.alone, 0, 1] = whole[self.alone, 1, 0] = 0.0
        out: Floats = np.linalg.inv(whole).astype(np.float64, copy=False)
        out[self.alone, 1, 1] = 0.0
        return out

    def score(self, true: Floats) -> tuple[float, Floats, Floats, Floats]:
        """Give minus the log likelihood, its derivative by each cell of `true`, the means and their covariance."""
        w = self.weights(true)
        of_means = np.linalg.inv(w.sum(axis=0))
        means = of_means @ np.einsum("ijk,ik->j", w, self.values)
        pulled = np.einsum("ijk,ik->ij", w, self.values - means)
        sizes = np.where(self.alone, w[:, 0, 0], w[:, 0, 0] * w[:, 1, 1] - w[:, 0, 1] ** 2)
        value = 0.5 * (-np.log(sizes).sum() + np.einsum("ij,ij->", pulled, self.values - means))
        slope = 0.5 * (w.sum(axis=0) - pulled.T @ pulled)
        if self.restricted:
            value -= 0.5 * np.log(np.linalg.det(of_means))
            slope -= 0.5 * np.einsum("ijk,kl,ilm->jm", w, of_means, w)
        return float(value), slope, means, of_means


def _likely(pairs: Pairs, *, restricted: bool) -> Fit | None:
    """Search over the Cholesky factor of the covariance, so that a tau of 0 and a rho of 1 are points as any."""
    from scipy.optimize import minimize

    units, data = Standard.of(pairs), _standard(pairs, restricted=restricted)

    def objective(factor: Floats) -> tuple[float, Floats]:
        low = np.array([[factor[0], 0.0], [factor[1], factor[2]]])
        value, slope, _, _ = data.score(low @ low.T)
        by = 2 * slope @ low
        return value, np.array([by[0, 0], by[1, 0], by[1, 1]])

    found = minimize(objective, _start(units), jac=True, method="BFGS", options={"gtol": 1e-7})
    low = np.array([[found.x[0], 0.0], [found.x[1], found.x[2]]])
    true, scale = low @ low.T, np.array(units.scale)
    if np.sqrt(np.diag(true)).min() < EDGE:
        return None
    _, slope, means, of_means = data.score(true)
    both = np.outer(scale, scale)
    return _fit(
        "REML" if restricted else "maximum likelihood", units.centre + scale * means, both * of_means, both * true,
        _curvature(data, true, (both[0, 0], both[0, 1], both[1, 1])), converged=float(np.abs(slope @ low).max()) < 1e-3,
    )  # fmt: skip


def _start(units: Standard) -> Floats:
    """Give the Cholesky factor of the likeliest of some coarse points, none of which is at an edge."""
    log = evidence(units, TAUS, TAUS, RHOS).log
    i, j, k = np.unravel_index(int(np.argmax(log)), log.shape)
    x, y, rho = TAUS[i], TAUS[j], RHOS[k]
    return np.array([x, rho * y, y * np.sqrt(1 - rho**2)], dtype=np.float64)


def _standard(pairs: Pairs, *, restricted: bool) -> _Data:
    units, gone = Standard.of(pairs), ~pairs.tested
    scale = np.array(units.scale)
    y, var_y = np.where(gone, units.centre[1], pairs.y), np.where(gone, 1.0, pairs.var_y)
    values = (np.column_stack([pairs.x, y]) - units.centre) / scale
    errors = np.stack([np.column_stack([pairs.var_x, pairs.cov]), np.column_stack([pairs.cov, var_y])], axis=1)
    return _Data(values, errors / np.outer(scale, scale), gone, restricted)


def _curvature(data: _Data, true: Floats, units: Sequence[float]) -> Floats | None:
    """Covariance of the estimated (a, c, b), from the second derivatives; None at an edge, where there is none."""
    (a, c), (_, b) = true
    if a * b - c * c < EDGE * a * b:
        return None
    rows = []
    for k, cells in enumerate((((0, 0),), ((0, 1), (1, 0)), ((1, 1),))):
        step = 1e-5 * (a, np.sqrt(a * b), b)[k] * (1 - c * c / (a * b))
        slopes = []
        for sign in (1.0, -1.0):
            moved = true.copy()
            for cell in cells:
                moved[cell] += sign * step
            by = data.score(moved)[1]
            slopes.append(np.array([by[0, 0], 2 * by[0, 1], by[1, 1]]))
        rows.append((slopes[0] - slopes[1]) / (2 * step))
    second = (np.array(rows) + np.array(rows).T) / 2
    if np.linalg.eigvalsh(second)[0] <= 0:
        return None
    out: Floats = np.linalg.inv(second) * np.outer(units, units)
    return out
