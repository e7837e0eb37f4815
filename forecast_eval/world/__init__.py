"""A synthetic retail market whose truth is known, and in which a planner's orders decide what is sold and recorded."""

from .incumbent import Incumbent
from .launches import Launch, everywhere, launch, split
from .loop import State, play
from .market import Market, make_market, with_incumbent
from .outcomes import hidden_outcomes, outcomes
from .planner import Planner, Recorded
from .records import Records
from .spec import MarketSpec
from .world import World

__all__ = [
    "Incumbent", "Launch", "Market", "MarketSpec", "Planner", "Recorded", "Records", "State", "World",
    "everywhere", "hidden_outcomes", "launch", "make_market", "outcomes", "play", "split", "with_incumbent",
]  # fmt: skip
