"""Backtests over rolling windows: frames in, forecasts out."""

from .faults import Fault, InputError, Origin
from .forecaster import FallbackWarning, Fitted, Forecaster, Known
from .frames import History, forecasts_of, from_nixtla, quantile_column, quantile_levels
from .hidden import FilledStockouts, fill_hidden
from .run import Backtest, Failure, ForecasterFailedError, Settings, backtest
from .windows import RollingWindows, Window

__all__ = [
    "Backtest",
    "Failure",
    "FallbackWarning",
    "Fault",
    "FilledStockouts",
    "Fitted",
    "Forecaster",
    "ForecasterFailedError",
    "History",
    "InputError",
    "Known",
    "Origin",
    "RollingWindows",
    "Settings",
    "Window",
    "backtest",
    "fill_hidden",
    "forecasts_of",
    "from_nixtla",
    "quantile_column",
    "quantile_levels",
]
