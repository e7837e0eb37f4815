"""The scorecard: weighted metrics with limits, on one page for those who decide about a launch."""

from .cards import Card, Mark, cards_of
from .criteria import Criterion, criteria_of, metrics_wanted
from .figures import Figure, Figures, Gap
from .groups import check_scorecard
from .page import write_scorecard
from .review import Review, asked, review_of

__all__ = [
    "Card", "Criterion", "Figure", "Figures", "Gap", "Mark", "Review", "asked", "cards_of", "check_scorecard",
    "criteria_of", "metrics_wanted", "review_of", "write_scorecard",
]  # fmt: skip
