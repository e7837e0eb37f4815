"""The YAML config, a file a section."""

from .calibration import Calibration
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
from .money import Compare, Order, OrderTemplate
from .online import BestOn, Online
from .policies import (
    CappedSpec,
    NewsvendorSpec,
    OrderUpToSpec,
    PeriodsOfSupplySpec,
    PolicySpec,
    ProjectedSpec,
    PythonPolicySpec,
    ReorderPointSpec,
    WasteConsciousSpec,
)
from .quality import Quality
from .scorecard import Scorecard, ScorecardMetric
from .scores import Score, Trend
from .simulate import AccuracySpec, Assumption, ConventionsSpec, DrawnSpec, Simulate, SubstitutionSpec, TruckSpec
from .windows import Backtest

__all__ = [
    "AccuracySpec",
    "Assumption",
    "Backtest",
    "BestOn",
    "CalendarTable",
    "Calibration",
    "CappedSpec",
    "Compare",
    "Config",
    "ConventionsSpec",
    "CovariatesTable",
    "Data",
    "DrawnSpec",
    "EconomicsTable",
    "EnsembleSpec",
    "FileSpec",
    "ForecasterSpec",
    "LightGBMSpec",
    "NeuralForecastSpec",
    "NewsvendorSpec",
    "Online",
    "Order",
    "OrderTemplate",
    "OrderUpToSpec",
    "PeriodsOfSupplySpec",
    "PolicySpec",
    "ProjectedSpec",
    "PythonPolicySpec",
    "PythonSpec",
    "Quality",
    "ReorderPointSpec",
    "Report",
    "ResidualQuantilesSpec",
    "Score",
    "Scorecard",
    "ScorecardMetric",
    "SeasonalAverageSpec",
    "Simulate",
    "StateTable",
    "StatsForecastSpec",
    "SubstitutionSpec",
    "Table",
    "Trend",
    "TruckSpec",
    "WasteConsciousSpec",
    "World",
    "config_of",
    "load_config",
    "resolved_path",
]
