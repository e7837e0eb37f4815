"""Forecasters, one kind a file; each loads its library when it is first fitted."""

from .lightgbm import LightGBM
from .precomputed import Precomputed
from .seasonal_average import SeasonalAverage
from .statsforecast import StatsForecastModel

__all__ = ["LightGBM", "Precomputed", "SeasonalAverage", "StatsForecastModel"]
