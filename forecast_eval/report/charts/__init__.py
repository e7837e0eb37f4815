"""Frames in, Vega-Lite specs out: pure functions, no files, no HTML.

A chart with nothing to show is None, and the page says so in words. Rows travel as a named data set, with NaN
as null, because NaN is not JSON. Names of models reach Vega as values and never inside an expression.
"""

from .costs import segment_costs, waterfall
from .differences import bounds, money_difference, paired
from .profits import accuracy, drawn
from .scores import calibration, skill
from .settings import frontier
from .sides import sides
from .spec import Spec
from .stock import timeline

__all__ = [
    "Spec",
    "accuracy",
    "bounds",
    "calibration",
    "drawn",
    "frontier",
    "money_difference",
    "paired",
    "segment_costs",
    "sides",
    "skill",
    "timeline",
    "waterfall",
]
