"""A past launch: what a candidate promised offline, what a test of it measured online, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from backtest.faults import Fault, refuse

from .deltas import LATITUDE, Deltas

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Decision = Literal["launched", "rejected", "not tested"]
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OnlineTest:
    """How a launch was measured.

    unit : what was randomised. units : in control and treatment.
    start, end : first and last day. periods : how many, with the wash-out; washout : the first ones, left out.
    assignment, adjust : as of an experiment, in words.
    """

    unit: str
    units: tuple[int, int]
    start: dt.date
    end: dt.date
    periods: int
    washout: int = 0
    assignment: str = ""
    adjust: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Launch:
    """One entry of the launch book.

    name : unique in a book.
    judged : last day that the offline side knew: the last cutoff.
    decision : launched (it went live everywhere), rejected (its test spoke against it), not tested (it was held back
        for what it promised offline). Those that were not tested belong into a book as well: without them, what
        is learned from the others holds only for candidates that look as good as those.
    offline, online : differences; online is None where nothing was tested.
    cross : [offline, online] covariance of the errors of both sides, which share stores and demand; None where nobody
        knows it, and then the errors are taken as independent.
    groups : what it belongs to, as {"region": "north"}: calibrations are shrunk across the values of one of these.
    source : where the numbers come from, as {"run": ..., "analysis": ...}.
    """

    name: str
    candidate: str
    incumbent: str
    judged: dt.date
    decision: Decision
    offline: Deltas
    online: Deltas | None = None
    cross: Floats | None = None
    test: OnlineTest | None = None
    groups: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    source: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def __post_init__(self) -> None:
        """Refuse what cannot be: every fault at once."""
        refuse(list(self._faults()))

    @property
    def date(self) -> dt.date:
        """When the launch was: the first day of its test, else the last day that the offline side knew."""
        return self.judged if self.test is None else self.test.start

    def _faults(self) -> Iterator[Fault]:
        place = f"launch {self.name!r}"
        if not self.name.strip():
            yield Fault("no-name", "a launch has no name", "launch", "name it")
        if (self.online is None) != (self.decision == "not tested"):
            what = "has no online side" if self.online is None else "has an online side"
            fix = "set decision to not tested, or give what was measured"
            yield Fault("decision", f"it {what}, and its decision is {self.decision!r}", place, fix)
        if (self.online is None) != (self.test is None):
            yield Fault(
                "test", "what was measured and how it was tested belong together", place, "give both or neither"
            )
        if self.online is not None and self.cross is not None:
            yield from self._odd_cross(self.online, self.cross, place)

    def _odd_cross(self, online: Deltas, cross: Floats, place: str) -> Iterator[Fault]:
        shape = len(self.offline.names), len(online.names)
        if cross.shape != shape or not np.isfinite(cross).all():
            yield Fault("cross", f"the covariance of both sides must be {shape[0]} x {shape[1]} numbers", place,
                        "one row an offline metric, one column an online metric")  # fmt: skip
            return
        errors = np.sqrt(np.diag(self.offline.covariance)), np.sqrt(np.diag(online.covariance))
        if (np.abs(cross) > np.outer(*errors) * (1 + LATITUDE)).any():
            yield Fault("cross", "a covariance of both sides is larger than their errors allow", place,
                        "compute it with the same stores and draws as the errors")  # fmt: skip
