"""The simulator: forecasts into orders, sales, revenue, waste and profit."""

from .board import Board, board, board_orders, perfect_board, play_board, play_orders
from .draws import Draw, courses, sampled
from .feasible import feasible
from .kpis import KPIS, kpi_table, kpis
from .ledger import Ledger, Prices
from .lot_sizes import lot_sizes
from .market import Market
from .orders import Decide, Orders, Rule, View
from .outlook import Outlook, Outlooks, outlooks
from .play import Expected, Flows, expect, play
from .policies import (
    CallablePolicy,
    CappedBaseStock,
    Coverage,
    CriticalRatio,
    FixedLevels,
    Newsvendor,
    OrderUpToCoverage,
    OrderUpToCriticalRatio,
    PeriodsOfSupply,
    Policy,
    Probe,
    ProjectedNewsvendor,
    ReorderPoint,
    WasteConscious,
)
from .rules_of_thumb import accuracy_benefit
from .scenarios import Predictions, Sampling, demand_draw, demand_paths, path_sums
from .system import Conventions, InventorySystem, Start, Substitution, Supply, Truck

__all__ = [
    "KPIS",
    "Board",
    "CallablePolicy",
    "CappedBaseStock",
    "Conventions",
    "Coverage",
    "CriticalRatio",
    "Decide",
    "Draw",
    "Expected",
    "FixedLevels",
    "Flows",
    "InventorySystem",
    "Ledger",
    "Market",
    "Newsvendor",
    "OrderUpToCoverage",
    "OrderUpToCriticalRatio",
    "Orders",
    "Outlook",
    "Outlooks",
    "PeriodsOfSupply",
    "Policy",
    "Predictions",
    "Prices",
    "Probe",
    "ProjectedNewsvendor",
    "ReorderPoint",
    "Rule",
    "Sampling",
    "Start",
    "Substitution",
    "Supply",
    "Truck",
    "View",
    "WasteConscious",
    "accuracy_benefit",
    "board",
    "board_orders",
    "courses",
    "demand_draw",
    "demand_paths",
    "expect",
    "feasible",
    "kpi_table",
    "kpis",
    "lot_sizes",
    "outlooks",
    "path_sums",
    "perfect_board",
    "play",
    "play_board",
    "play_orders",
    "sampled",
]
