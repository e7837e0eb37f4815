"""What a posterior says of a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credible:
    """A number with its posterior interval.

    value : posterior median. low, high : ends of the interval that holds the number with probability `confidence`.
    positive : posterior probability that it is above 0.
    """

    value: float
    low: float
    high: float
    positive: float
    confidence: float = 0.9
