"""Forecasters, one kind a file; each loads its library when it is first fitted."""

from .ensemble import Ensemble
from .imported import Imported, ImportedDerived, imported
from .lightgbm import LightGBM
from .neuralforecast import NeuralForecastModel
from .precomputed import Precomputed
from .residual_quantiles import ResidualQuantiles
from .seasonal_average import SeasonalAverage
from .statsforecast import StatsForecastModel

__all__ = [
    "Ensemble",
    "Imported",
    "ImportedDerived",
    "LightGBM",
    "NeuralForecastModel",
    "Precomputed",
    "ResidualQuantiles",
    "SeasonalAverage",
    "StatsForecastModel",
    "imported",
]
