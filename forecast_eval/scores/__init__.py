"""Scores: a metric is an elementwise statistic, an aggregation and axes."""

from .engine import metrics_named, score
from .metrics import METRICS, Metric, Observations

__all__ = ["METRICS", "Metric", "Observations", "metrics_named", "score"]
