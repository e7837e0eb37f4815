"""Scores: a metric is an elementwise statistic, an aggregation and axes."""

from .catalogue import metrics_named
from .engine import ScoredWindow, Scores, score
from .evaluate import evaluate
from .leaderboard import Leaderboard, Measured, Resampling, leaderboard
from .metric import Metric
from .observations import Cells, Observations
from .tally import Axes

__all__ = [
    "Axes", "Cells", "Leaderboard", "Measured", "Metric", "Observations", "Resampling", "ScoredWindow", "Scores",
    "evaluate", "leaderboard", "metrics_named", "score",
]  # fmt: skip
