"""The YAML config, a file a section."""

from .data import CalendarTable, CovariatesTable, Data, EconomicsTable, StateTable, Table, World, resolved_path
from .forecasters import (
    EnsembleSpec,
    FileSpec,
    ForecasterSpec,
    LightGBMSpec,
    NeuralForecastSpec,
    PythonSpec,
    ResidualQuantilesSpec,
    SeasonalAverageSpec,
    StatsForecastSpec,
)
from .load import Config, Report, config_of, load_config
from .money import Compare, Order, OrderTemplate, OrderUpToSpec, PeriodsOfSupplySpec, PolicySpec, Simulate
from .scores import Score, Trend
from .windows import Backtest

__all__ = [
    "Backtest",
    "CalendarTable",
    "Compare",
    "Config",
    "CovariatesTable",
    "Data",
    "EconomicsTable",
    "EnsembleSpec",
    "FileSpec",
    "ForecasterSpec",
    "LightGBMSpec",
    "NeuralForecastSpec",
    "Order",
    "OrderTemplate",
    "OrderUpToSpec",
    "PeriodsOfSupplySpec",
    "PolicySpec",
    "PythonSpec",
    "Report",
    "ResidualQuantilesSpec",
    "Score",
    "SeasonalAverageSpec",
    "Simulate",
    "StateTable",
    "StatsForecastSpec",
    "Table",
    "Trend",
    "World",
    "config_of",
    "load_config",
    "resolved_path",
]
