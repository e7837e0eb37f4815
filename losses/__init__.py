"""Losses that know what an error costs: arrays in, currency out."""

from .costs import UnitCosts
from .newsvendor import Newsvendor
from .protocol import Loss
from .trend import trend_probability

__all__ = ["Loss", "Newsvendor", "UnitCosts", "trend_probability"]
