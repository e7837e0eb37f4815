"""Backtests over rolling windows: frames in, forecasts out."""

from .asof import known_at
from .columns import path_column, path_columns, quantile_column, quantile_levels
from .derived import Derived, Made
from .faults import Fault, InputError, Origin
from .forecaster import Ask, FallbackWarning, Fitted, Forecaster, Known
from .frames import forecasts_of, from_nixtla
from .hidden import FilledStockouts, fill_hidden
from .history import History
from .leakage import Leak, Probed, probe
from .plan import plan
from .run import Backtest, Failure, ForecasterFailedError, Settings, Usage, WorkerLostError, backtest, plan_units
from .stages import with_members
from .windows import RollingWindows, Window

__all__ = [
    "Ask",
    "Backtest",
    "Derived",
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
    "Leak",
    "Made",
    "Origin",
    "Probed",
    "RollingWindows",
    "Settings",
    "Usage",
    "Window",
    "WorkerLostError",
    "backtest",
    "fill_hidden",
    "forecasts_of",
    "from_nixtla",
    "known_at",
    "path_column",
    "path_columns",
    "plan",
    "plan_units",
    "probe",
    "quantile_column",
    "quantile_levels",
    "with_members",
]
