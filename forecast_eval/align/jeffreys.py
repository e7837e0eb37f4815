"""Interval of a share that was counted."""

from __future__ import annotations


def jeffreys(count: int, of: int, *, confidence: float = 0.9) -> tuple[float, float]:
    """Ends of the interval of a share, `count` of `of`.

    Quantiles of the posterior under Jeffreys' prior, Beta(count + 1/2, of - count + 1/2); the lower end is 0 where
    nothing was counted, and the upper end 1 where all was. Source: Brown, Cai, DasGupta (2001), Statistical Science 16.

    >>> [round(end, 2) for end in jeffreys(12, 14)]
    [0.66, 0.96]
    """
    from scipy.special import betaincinv

    low, high = betaincinv(count + 0.5, of - count + 0.5, [(1 - confidence) / 2, (1 + confidence) / 2])
    return 0.0 if count == 0 else float(low), 1.0 if count == of else float(high)
