"""Many models at once: adjusted p-values, and the models that may be the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .bootstrap import Draws

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Correction = Literal["bonferroni", "holm", "benjamini-hochberg"]
SAME = 1e-12
"""Difference below which two losses are the same, relative to the largest: the last digits of a sum say nothing."""


def adjusted(p: Floats, *, method: Correction = "holm") -> Floats:
    """P-values adjusted for their number: those below a level are rejected together.

    p : [test]; NaN are no tests, and stay.
    method : of n sorted p-values, the k-th is, and at most 1,
        bonferroni: n * p; holm: (n - k + 1) * p and at least the one before (Holm 1979, Scandinavian J. of Statistics
        6): one wrong rejection or more is at most as frequent as the level, however the tests hang together;
        benjamini-hochberg: p * n / k and at most the one after (1995, J. of the Royal Statistical Society B 57): the
        share of rejections that are wrong is at most the level on average, where tests hang together positively.

    >>> adjusted(np.array([0.01, np.nan, 0.04, 0.03])).tolist()
    [0.03, nan, 0.06, 0.06]
    """
    # not by statsmodels' multipletests, which takes .1 s a call to collect garbage, and 3 s to import
    n = int((~np.isnan(p)).sum())
    order, rank = np.argsort(p, kind="stable")[:n], np.arange(1, n + 1)
    if method == "bonferroni":
        values = n * p[order]
    elif method == "holm":
        values = np.maximum.accumulate((n - rank + 1) * p[order])
    else:
        values = np.minimum.accumulate((p[order] * n / rank)[::-1])[::-1]
    out = np.full(len(p), np.nan)
    out[order] = np.minimum(values, 1.0)
    return out


def tied_with_best(losses: Floats, replicates: Floats, *, confidence: float, draws: Draws) -> Flags:
    """The models that are not shown to be worse than another one: a confidence set for the best.

    losses : [model], lower is better, NaN for a model without; replicates : [replicate, model] of `draws`.

    A model is left out where its lead over some rival is significantly negative, all its rivals being taken together:
    where max over rivals of (loss - rival's loss) / error is beyond the `confidence` quantile of the same maximum over
    replicates, in which every difference is centred on the one observed; error is the spread of the difference's
    replicates. This is the multiple comparison with the best of Hsu (1981), Annals of Statistics 9, with resampled
    quantiles, widened for few groups as intervals are (`Draws.quantile`).

    What is guaranteed: of the models that are truly the best, each is in the set with probability of at least
    `confidence`, as clusters and blocks grow many. Several that are equally good need not all be in it at once, and a
    model in the set is not shown to be good: it may only be known too little. The model that was best in the data is
    always in it. With nothing drawn, every model that has a loss is.
    """
    valued = ~np.isnan(losses)
    inside = valued.copy()
    if not draws.ways or valued.sum() < 2:
        return inside
    own = losses[valued]
    moved = replicates[:, valued]
    moved = moved[~np.isnan(moved).any(axis=1)] - own  # [replicate, model]
    inside[valued] = [_may_be_best(own, moved, k, confidence, draws) for k in range(len(own))]
    return inside


def _may_be_best(losses: Floats, moved: Floats, model: int, confidence: float, draws: Draws) -> bool:
    from scipy.stats import norm

    gaps, tiny = losses[model] - losses, SAME * float(np.abs(losses).max())
    if gaps.max() <= tiny:
        return True
    moves = moved[:, [model]] - moved  # [replicate, rival]
    errors = moves.std(axis=0)
    rivals = errors > tiny
    if (gaps[~rivals] > tiny).any():  # as much worse in every replicate
        return False
    largest = (moves[:, rivals] / errors[rivals]).max(axis=1)
    z = float(np.quantile(largest, confidence))
    return bool((gaps[rivals] / errors[rivals]).max() <= draws.quantile(max(z, float(norm.ppf(confidence)))))


def best_shares(replicates: Floats) -> Floats:
    """Share of the replicates in which each model has the lowest loss [model]; a tie is split, NaN is never lowest.

    How often it would be the best on other series and times like these. It is no probability that it is the best one:
    two equal models have a half each, however much is known of them.

    >>> best_shares(np.array([[1.0, 2.0], [3.0, 3.0], [1.0, np.nan], [5.0, 4.0]])).tolist()
    [0.625, 0.375]
    """
    filled = np.where(np.isnan(replicates), np.inf, replicates)
    lowest = (filled == filled.min(axis=1, keepdims=True)) & np.isfinite(filled)
    tied = lowest.sum(axis=1)
    return np.asarray((lowest[tied > 0] / tied[tied > 0, None]).sum(axis=0) / max(1, int((tied > 0).sum())))
