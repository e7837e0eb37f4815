"""A probe: it orders as the policy does that it wraps, and writes down all that is seen."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..orders import Rule, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..orders import Decide
    from ..outlook import Outlook
    from .protocol import Policy


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What a policy knew and saw in a period, and wanted."""

    outlook: Outlook
    view: View
    wanted: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A policy that orders as another does and keeps copies of what it is shown.

    policy : the policy that is watched.
    seen : decisions in the order in which they were made; nothing that happens later changes them.

    If demand is changed from period t on, everything up to the order of t must be the same to the last bit: see `up_to`
    and `identical`.
    """

    policy: Policy
    seen: list[Decision] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the policy."""
        return self.policy.name

    @property
    def label(self) -> str:
        """Words for its setting."""
        return self.policy.label

    @property
    def knob(self) -> float:
        """Position of its setting."""
        return self.policy.knob

    def rule(self, outlook: Outlook) -> Decide:
        """Give a decision that writes down what it knows and sees; a rule is turned into one."""
        known = deepcopy(outlook)
        answer = self.policy.rule(outlook)
        decide = decision(answer) if isinstance(answer, Rule) else answer

        def watched(view: View) -> NDArray[np.float64]:
            copy = deepcopy(view)
            wanted = decide(view)
            self.seen.append(Decision(known, copy, np.array(wanted, dtype=float)))
            return wanted

        return watched

    def up_to(self, period: int) -> list[Decision]:
        """Give the decisions of the periods up to this one, it included."""
        return [one for one in self.seen if one.view.period <= period]


def decision(rule: Rule) -> Decide:
    """Say a rule as a decision: the quantity wanted, given a view. It is what the compiled kernel does with the rule.

    >>> from forecast_eval.simulate.system import Supply
    >>> view = View(period=0, on_hand=np.array([3.0]), ages=np.zeros((1, 0)), due=np.array([[1.0]]), owed=np.zeros(1),
    ...             sold=np.zeros((1, 0)), sold_out=np.zeros((1, 0), dtype=bool), supply=Supply.plain(1))
    >>> decision(Rule(order_up_to=np.array([9.0]), reorder_point=np.array([4.0]), lot=np.array([2.0])))(view)
    array([2.])
    """

    def decide(view: View) -> NDArray[np.float64]:
        position = view.position
        wanted = rule.order_up_to - position
        if rule.reorder_point is not None:
            low = position <= rule.reorder_point
            if rule.lot is not None:
                lot = np.where(rule.lot > 0, rule.lot, 1.0)
                with np.errstate(invalid="ignore"):  # a point of -inf orders nothing
                    lots = (np.floor((rule.reorder_point - position) / lot) + 1) * lot
                wanted = np.where(rule.lot > 0, lots, wanted)
            wanted = np.where(low, wanted, 0.0)
        return wanted if rule.cap is None else np.minimum(wanted, rule.cap)

    return decide


def identical(first: Any, second: Any) -> bool:  # noqa: ANN401 - records of any kind
    """Whether two records are the same to the last bit, arrays included; NaN equals NaN.

    >>> identical([np.array([1.0, np.nan])], [np.array([1.0, np.nan])]), identical([np.array([1])], [np.array([1.0])])
    (True, False)
    """
    if type(first) is not type(second):
        return False
    if isinstance(first, np.ndarray):
        same = first.dtype == second.dtype and first.shape == second.shape
        return bool(same and first.tobytes() == second.tobytes())
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(identical, first, second))
    if is_dataclass(first):
        return all(identical(getattr(first, f.name), getattr(second, f.name)) for f in fields(first))
    return bool(first == second)
