"""The YAML config, a file a section."""

from .data import Data, EconomicsTable, StateTable, Table, World, resolved_path
from .forecasters import FileSpec, ForecasterSpec, LightGBMSpec, SeasonalAverageSpec, StatsForecastSpec
from .load import Config, Report, config_of, load_config
from .money import Compare, Order, OrderTemplate, OrderUpToSpec, PeriodsOfSupplySpec, PolicySpec, Simulate
from .scores import Score, Trend
from .windows import Backtest

__all__ = [
    "Backtest",
    "Compare",
    "Config",
    "Data",
    "EconomicsTable",
    "FileSpec",
    "ForecasterSpec",
    "LightGBMSpec",
    "Order",
    "OrderTemplate",
    "OrderUpToSpec",
    "PeriodsOfSupplySpec",
    "PolicySpec",
    "Report",
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
