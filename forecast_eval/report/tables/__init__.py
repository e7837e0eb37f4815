"""Frames in, tables of ready text out: the page template only lays them out.

A value that could not be computed is printed as "n/a", never left out and never as 0.
"""

from .calibrated import calibrated
from .cells import Table, texts
from .evidence import SkuTable, accuracy, bounds, drawn, paired, waterfall, worst
from .launches import launches
from .models import effort, groups, leaderboard, ledger, missing, segments, service, settings
from .standings import standings

__all__ = [
    "SkuTable",
    "Table",
    "accuracy",
    "bounds",
    "calibrated",
    "drawn",
    "effort",
    "groups",
    "launches",
    "leaderboard",
    "ledger",
    "missing",
    "paired",
    "segments",
    "service",
    "settings",
    "standings",
    "texts",
    "waterfall",
    "worst",
]
