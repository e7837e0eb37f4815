"""Paired differences with intervals: one place for scores, simulator and online outcomes."""

from .bootstrap import Draws, draw, interval, resampled_means, resampled_ratios
from .diebold_mariano import DieboldMariano, diebold_mariano
from .intervals import Interval, paired_interval, time_blocks, total_interval
from .multiplicity import adjusted, best_shares, tied_with_best

__all__ = [
    "DieboldMariano",
    "Draws",
    "Interval",
    "adjusted",
    "best_shares",
    "diebold_mariano",
    "draw",
    "interval",
    "paired_interval",
    "resampled_means",
    "resampled_ratios",
    "tied_with_best",
    "time_blocks",
    "total_interval",
]
