"""Measure demand forecasts in money: scores, simulation, paired comparison, and the report."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# loaded when first used, so that `forecast-eval --help` need not wait for pandas
_HOMES = {
    "Config": "config",
    "Economics": "economics",
    "Inputs": "read",
    "Interval": "inference",
    "Run": "store",
    "State": "read",
    "evaluate": "scores",
    "load_config": "config",
    "read_inputs": "read",
    "run": "pipeline",
    "total_interval": "inference",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the names above


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
