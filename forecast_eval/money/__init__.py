"""Which model earns more: every model at its best policy setting, against the incumbent, with intervals."""

from .answers import Answers
from .asked import Blending, Drawn, HiddenDemand, Plan, Questions, Versus
from .boards import PAIRS, judged_cutoffs
from .clustering import Clustering, clustering
from .comparison import SEGMENT_COLUMNS
from .judge import Money, judge

__all__ = [
    "PAIRS",
    "SEGMENT_COLUMNS",
    "Answers",
    "Blending",
    "Clustering",
    "Drawn",
    "HiddenDemand",
    "Money",
    "Plan",
    "Questions",
    "Versus",
    "clustering",
    "judge",
    "judged_cutoffs",
]
