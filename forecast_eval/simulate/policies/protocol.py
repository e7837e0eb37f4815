"""The Policy protocol: what any rule for orders must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..orders import Decide, Rule
    from ..outlook import Outlook


class Policy(Protocol):
    """A way to order. Its `label` names the setting; `knob` orders settings on a frontier.

    It is asked once a cutoff, with the outlook of that cutoff, and answers with a rule on the inventory position, which
    the compiled kernel plays, or with a function that decides from what may be seen in the period of the order.
    """

    @property
    def name(self) -> str:
        """Name of the rule, the same for all of its settings."""
        ...

    @property
    def label(self) -> str:
        """Words for the setting."""
        ...

    @property
    def knob(self) -> float:
        """Position of the setting: a larger one stocks more."""
        ...

    def rule(self, outlook: Outlook) -> Rule | Decide:
        """What to order, given what may be known at the cutoff."""
        ...
