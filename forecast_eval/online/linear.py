"""Least squares with cluster-robust variance and degrees of freedom that are right for few clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Kind = Literal["CR2", "CR1", "iid"]
NO_SPREAD = 1e-9
"""Eigenvalue of I - H below which a cluster fits itself: it then says nothing of the noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Least squares of one variable on k columns.

    coefficients : [k]; covariance : [k, k].
    back : [k, k] what turns scores into coefficients: L with (X'X)^-1 = L L', if there are no sizes.
    overlap : [cluster, k, k] S = L' X_g' X_g L, the share of the whole design that a cluster is, X and L being those of
        the design times the root of sizes.
    scaling : [cluster, k, k] what the scores of a cluster are multiplied by: (I - S)^(-1/2) for CR2.
    residual_freedom : rows less columns, or clusters less one, for kinds without degrees of freedom of their own.
    """

    coefficients: Floats
    covariance: Floats
    back: Floats
    overlap: Floats
    scaling: Floats
    residual_freedom: float
    kind: Kind

    def estimate(self, contrast: Floats) -> float:
        """Value of contrast' coefficients."""
        return float(contrast @ self.coefficients)

    def error(self, contrast: Floats) -> float:
        """Give its standard error."""
        return math.sqrt(max(0.0, float(contrast @ self.covariance @ contrast)))

    def freedom(self, contrast: Floats) -> float:
        """Give its degrees of freedom: Bell and McCaffrey's for CR2, which depend on the contrast.

        The variance is a sum over clusters of (p_g' e_g)^2, a quadratic form in noise; it is given the chi-squared
        distribution with the same mean and variance under independent noise of one variance (Satterthwaite):
        freedom = tr(Q)^2 / tr(Q^2), where Q[g, h] = p_g' (I - H)_gh p_h. Bell and McCaffrey 2002 (Survey Methodology
        28); Imbens and Kolesar 2016 (Review of Economics and Statistics 98); Pustejovsky and Tipton 2018 (Journal of
        Business & Economic Statistics 36).
        """
        if self.kind != "CR2":
            return self.residual_freedom
        turned = self.scaling @ (self.back.T @ contrast)  # [cluster, k]
        through = np.einsum("gij,gj->gi", self.overlap, turned)
        own = np.einsum("gi,gi->g", through, turned)  # p_g' p_g
        crossed = through.T @ through
        trace = own.sum() - np.trace(crossed)
        squares = (own**2).sum() - 2 * (own * (through**2).sum(axis=1)).sum() + (crossed**2).sum()
        return float(trace**2 / squares) if squares > 0 else float("nan")


def least_squares(
    design: Floats,
    values: Floats,
    *,
    clusters: Ints | None = None,
    weights: Floats | None = None,
    sizes: Floats | None = None,
    kind: Kind = "CR2",
) -> Fit:
    """Fit values [row] on the columns of design [row, k], with a variance that allows for clusters.

    clusters : [row] code of each row's cluster, from 0 on; None where each row is its own.
    weights : [row] above 0: rows are multiplied by their root first.
    sizes : [row] above 0: what the variance of a row's noise grows with, as that of sums over small and large stores
        does. They enter CR2's correction and its degrees of freedom, not the coefficients.
    kind : "CR2" takes residuals times (I - H_gg)^(-1/2) within each cluster, so that the variance is unbiased where
        noise is independent and of one variance; with one row a cluster it is HC2. "CR1" takes them as they are, times
        G/(G-1) (n-1)/(n-k), as Stata and most published tables do (HC1 with one row a cluster). "iid" is the textbook
        one for independent noise of one variance.

    (I - H_gg)^(-1/2) X_g is computed as X_g L (I - S_g)^(-1/2) L^-1, in k dimensions instead of the cluster's size.

    >>> arms = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    >>> fit = least_squares(arms, np.array([1.0, 3.0, 5.0, 6.0, 10.0]))
    >>> round(fit.estimate(np.array([-1.0, 1.0])), 4), round(fit.error(np.array([-1.0, 1.0])) ** 2, 4)  # 2/2 + 7/3
    (5.0, 3.3333)
    """
    n, k = design.shape
    codes = np.arange(n) if clusters is None else clusters
    groups = int(codes.max()) + 1
    scale = np.ones(n) if weights is None else np.sqrt(weights)
    rows = design * scale[:, None]
    root = _root(rows)
    coefficients = root @ (root.T @ (rows.T @ (values * scale)))
    residuals = values * scale - rows @ coefficients
    sized = rows if sizes is None else rows * np.sqrt(sizes)[:, None]
    shape = root if sizes is None else _root(sized)
    turned = sized @ shape
    overlap = _summed(turned[:, :, None] * turned[:, None, :], codes, groups)
    scores = _summed((rows @ shape) * residuals[:, None], codes, groups)
    scaling = _scaling(overlap, n, kind)
    back = root if sizes is None else root @ root.T @ np.linalg.inv(shape).T
    if kind == "iid":
        covariance = root @ root.T * (residuals @ residuals) / (n - k)
    else:
        meat = np.einsum("gij,gj->gi", scaling, scores)
        covariance = back @ (meat.T @ meat) @ back.T
    freedom = n - k if kind == "iid" else groups - 1
    return Fit(coefficients, covariance, back, overlap, scaling, float(freedom), kind)


def _root(rows: Floats) -> Floats:
    return np.asarray(np.linalg.inv(np.linalg.cholesky(rows.T @ rows)).T)


def _scaling(overlap: Floats, rows: int, kind: Kind) -> Floats:
    """What scores are multiplied by [cluster, k, k]."""
    groups, k, _ = overlap.shape
    if kind != "CR2":
        factor = groups / (groups - 1) * (rows - 1) / (rows - k) if kind == "CR1" else 1.0
        return np.broadcast_to(np.eye(k) * np.sqrt(factor), overlap.shape)
    share, axes = np.linalg.eigh(overlap)
    left = 1 - share
    power = np.where(left > NO_SPREAD, np.maximum(left, NO_SPREAD) ** -0.5, 0.0)
    return np.asarray(np.einsum("gij,gj,gkj->gik", axes, power, axes))


def _summed(values: Floats, codes: Ints, groups: int) -> Floats:
    """Sums over the rows of each group [group, ...]."""
    if groups == len(codes):
        return np.asarray(values[np.argsort(codes)])
    out = np.zeros((groups, *values.shape[1:]))
    np.add.at(out, codes, values)
    return out
