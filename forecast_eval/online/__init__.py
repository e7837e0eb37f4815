"""The online half: design, read and compare experiments on stores.

Here are the nouns, and the estimators on a sample of units. The verbs on whole experiments are in the modules of their
names: `design.design`, `analysis.analyze`, `compare.compare`.
"""

from .effect import Effect, Method
from .estimate import effect
from .metric import OnlineMetric
from .proportions import proportions
from .randomisation import Randomisation
from .ratio_check import ratio_check
from .sample import Sample
from .sequential import always_valid

__all__ = [
    "Effect",
    "Method",
    "OnlineMetric",
    "Randomisation",
    "Sample",
    "always_valid",
    "effect",
    "proportions",
    "ratio_check",
]
