"""The simulator: forecasts into orders, sales, waste and profit."""

from .game import Board, Market, board, covered_state, outlooks, play_board
from .kernel import Flows, Supply, play
from .ledger import Ledger, Prices, kpis
from .policies import OrderUpToCoverage, OrderUpToCriticalRatio, Outlook, PeriodsOfSupply, Policy
from .scenarios import Predictions, demand_paths, protection_sums

__all__ = [
    "Board",
    "Flows",
    "Ledger",
    "Market",
    "OrderUpToCoverage",
    "OrderUpToCriticalRatio",
    "Outlook",
    "PeriodsOfSupply",
    "Policy",
    "Predictions",
    "Prices",
    "Supply",
    "board",
    "covered_state",
    "demand_paths",
    "kpis",
    "outlooks",
    "play",
    "play_board",
    "protection_sums",
]
