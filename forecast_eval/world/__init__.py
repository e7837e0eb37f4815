"""A synthetic retail market whose true demand is known: what a forecaster would have to find out."""

from .market import Market, make_market
from .spec import MarketSpec

__all__ = ["Market", "MarketSpec", "make_market"]
