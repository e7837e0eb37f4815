"""A policy of your own, from a plain Python function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..orders import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..orders import Decide
    from ..outlook import Outlook


@dataclass(frozen=True, slots=True)
class CallablePolicy:
    """A function of the outlook, with a name.

    function : outlook -> rule, or outlook -> decision. It is asked once a cutoff with what is known then. A `Rule`
        says everything at once and runs compiled. Where the order depends on more than the inventory position, return
        a function `view -> wanted quantities [series]`: it is asked in every period with an order, see `View`.
    setting : words for the setting, if there are several of the name; knob : its position on the frontier.

    Packs, minimums and capacity are applied after it.

    >>> def two_periods(outlook):
    ...     return Rule(order_up_to=outlook.point[:, :2].sum(axis=1))
    >>> def replace_sales(outlook):
    ...     def decide(view):
    ...         return view.sold[:, -1] if view.period else outlook.point[:, 0]
    ...     return decide
    >>> CallablePolicy("two periods", two_periods).label, CallablePolicy("as sold", replace_sales, "one for one").label
    ('two periods', 'one for one')

    Raises TypeError where the function gives neither, and ValueError where its levels are not one a series.
    """

    name: str
    function: Callable[[Outlook], Rule | Decide]
    setting: str = ""
    knob: float = 0.0

    @property
    def label(self) -> str:
        """Words for the setting."""
        return self.setting or self.name

    def rule(self, outlook: Outlook) -> Rule | Decide:
        """Ask the function, and see that it gave a rule or a decision."""
        answer = self.function(outlook)
        if isinstance(answer, Rule):
            return _checked(answer, len(outlook.supply), self.name)
        if not callable(answer):
            raise TypeError(
                f"policy {self.name!r} gave {type(answer).__name__}: a Rule or a function of a View is asked for; "
                "return Rule(order_up_to=levels)"
            )
        return answer


def _checked(rule: Rule, series: int, name: str) -> Rule:
    """Give the rule with arrays of one number a series."""
    given = {key: getattr(rule, key) for key in ("order_up_to", "reorder_point", "lot", "cap")}
    arrays: dict[str, NDArray[np.float64]] = {
        key: np.asarray(value, dtype=float) for key, value in given.items() if value is not None
    }
    wrong = {key: value.shape for key, value in arrays.items() if value.shape != (series,)}
    if wrong:
        raise ValueError(f"policy {name!r} gave {wrong}: one number a series is asked for, ({series},)")
    return Rule(**arrays)
