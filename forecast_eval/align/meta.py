"""Random effects of one number: the mean and the spread of what is true, over launches with known errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from backtest.faults import Fault, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Method = Literal["reml", "dersimonian-laird"]


@dataclass(frozen=True, slots=True)
class Pooled:
    """Effects y_i = mean + u_i + e_i, u_i with variance tau2 over launches, e_i with the known variance of its error.

    mean, error : estimate and its standard error, in units of the effects. tau2 : in units squared, 0 where errors
        explain all that is seen.
    q, freedom, p_value : Cochran's Q, with the probability of one as large where tau2 is 0.
    """

    method: Method
    mean: float
    error: float
    tau2: float
    q: float
    freedom: int
    p_value: float

    @property
    def heterogeneity(self) -> float:
        """Higgins' I2 of Q: share of what is seen to vary that errors do not explain, at least 0."""
        return max(0.0, 1 - self.freedom / self.q) if self.q > 0 else 0.0

    def interval(self, confidence: float = 0.9) -> tuple[float, float]:
        """Ends of the normal confidence interval of the mean."""
        from scipy.special import ndtri

        half = float(ndtri((1 + confidence) / 2)) * self.error
        return self.mean - half, self.mean + half

    def prediction(self, confidence: float = 0.9, *, variance: float = 0.0) -> tuple[float, float]:
        """Ends of the prediction interval of the next true effect; with its error's `variance`, of what is measured.

        Student's with one degree of freedom less than there are differences: Higgins, Thompson and Spiegelhalter
        (2009), J. Royal Statistical Society A 172.
        """
        from scipy.special import stdtrit

        half = float(stdtrit(self.freedom - 1, (1 + confidence) / 2))
        half *= float(np.sqrt(self.tau2 + self.error**2 + variance))
        return self.mean - half, self.mean + half


def pooled(effects: Sequence[float] | Floats, variances: Sequence[float] | Floats, method: Method = "reml") -> Pooled:
    """Pool effects, at least three.

    effects, variances : [launch] estimates and their squared standard errors.

    DerSimonian and Laird (1986), Controlled Clinical Trials 7: tau2 = (Q - (k - 1)) / (sum w - sum w^2 / sum w), at
    least 0, with w = 1 / variance. REML maximises the restricted likelihood; its tau2 is at least 0 as well.

    Raises InputError for fewer than three effects, or variances that are not above 0.

    >>> round(pooled([1.0, 2.0, 6.0], [1.0, 1.0, 1.0]).mean, 6)
    3.0
    """
    y, v = np.asarray(effects, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    refuse(list(_odd(y, v)))
    from scipy.special import chdtrc

    w = 1 / v
    q, freedom = float(w @ (y - np.average(y, weights=w)) ** 2), len(y) - 1
    moment = max(0.0, (q - freedom) / float(w.sum() - (w @ w) / w.sum()))
    tau2 = moment if method == "dersimonian-laird" else _reml(y, v)
    own = 1 / (v + tau2)
    mean, error = float(np.average(y, weights=own)), float(1 / np.sqrt(own.sum()))
    return Pooled(method, mean, error, tau2, q, freedom, float(chdtrc(freedom, q)))


def _reml(y: Floats, v: Floats) -> float:
    """Give the tau2 with the highest restricted likelihood: the best of a fine grid, refined."""
    from scipy.optimize import minimize_scalar

    scale = float(np.sqrt(np.var(y, ddof=1)))
    taus = np.concatenate([[0.0], scale * np.geomspace(1e-3, 10, 120)])
    at = int(np.argmin(_minus_log(taus**2, y, v)))
    if at == 0:
        return 0.0
    ends = taus[at - 1], taus[min(at + 1, len(taus) - 1)]
    found = minimize_scalar(lambda tau: _minus_log(np.array([tau**2]), y, v)[0], bounds=ends, method="bounded",
                            options={"xatol": 1e-9 * scale})  # fmt: skip
    return float(found.x) ** 2


def _minus_log(tau2: Floats, y: Floats, v: Floats) -> Floats:
    """Twice the negative restricted log likelihood at each tau2, but for a constant."""
    w = 1 / (v + tau2[:, None])
    total = w.sum(axis=1)
    left = y - ((w @ y) / total)[:, None]
    out: Floats = -np.log(w).sum(axis=1) + np.log(total) + (w * left**2).sum(axis=1)
    return out


def _odd(y: Floats, v: Floats) -> Iterator[Fault]:
    if y.shape != v.shape or y.ndim != 1 or len(y) < 3:
        what = f"{y.shape} effects and {v.shape} variances: as many of each are needed, and at least 3"
        yield Fault("few-launches", what, "effects", "add launches")
    elif not (np.isfinite(y).all() and np.isfinite(v).all() and (v > 0).all()):
        yield Fault("zero-variance", "every effect must be a number, with an error variance above 0", "effects",
                    "give squared standard errors")  # fmt: skip
