"""Policies: what to order, given what may be known at a cutoff and seen in the period of the order."""

from .base_stock import CappedBaseStock, OrderUpToCoverage, OrderUpToCriticalRatio, PeriodsOfSupply
from .custom import CallablePolicy
from .perishables import Newsvendor, WasteConscious
from .probe import Decision, Probe, decision, identical
from .projected import ProjectedNewsvendor
from .protocol import Policy
from .reorder import FixedLevels, ReorderPoint
from .service import Coverage, CriticalRatio, Service, row_quantiles

__all__ = [
    "CallablePolicy", "CappedBaseStock", "Coverage", "CriticalRatio", "Decision", "FixedLevels", "Newsvendor",
    "OrderUpToCoverage", "OrderUpToCriticalRatio", "PeriodsOfSupply", "Policy", "Probe", "ProjectedNewsvendor",
    "ReorderPoint", "Service", "WasteConscious", "decision", "identical", "row_quantiles",
]  # fmt: skip
