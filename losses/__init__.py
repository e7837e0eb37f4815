"""Losses that know what an error costs: arrays in, currency out.

Adapters for training frameworks lie in files of their own, such as `losses.torch` and `losses.lightgbm`, and are
imported by name; nothing here loads a framework.
"""

from .censored import CensoredNewsvendor, HiddenDemandWarning, TobitNLL, warn_if_hidden
from .costs import UnitCosts
from .expectile import AsymmetricSquared
from .huber import AsymmetricHuber
from .linex import Linex
from .newsvendor import Newsvendor, SmoothNewsvendor
from .protocol import Loss
from .quantiles import MultiQuantile
from .spec import Spec
from .trend import growth_score, trend_probability, trend_ratio, trend_score, trend_slope

__all__ = [
    "AsymmetricHuber",
    "AsymmetricSquared",
    "CensoredNewsvendor",
    "HiddenDemandWarning",
    "Linex",
    "Loss",
    "MultiQuantile",
    "Newsvendor",
    "SmoothNewsvendor",
    "Spec",
    "TobitNLL",
    "UnitCosts",
    "growth_score",
    "trend_probability",
    "trend_ratio",
    "trend_score",
    "trend_slope",
    "warn_if_hidden",
]
