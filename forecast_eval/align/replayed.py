"""What the replay of a past launch says: nouns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..inference import Interval
    from ..online.effect import Effect
    from ..online.metric import OnlineMetric
    from ..online.overlap import Overlap


@dataclass(frozen=True, slots=True)
class ArmReplay:
    """Stores of one arm on one metric, replayed; lifts are relative, each paired store by store.

    arm, model : of these stores; against : model of the other arm.
    own : the arm's own model replayed, against what happened: the simulator's bias.
    other : the candidate against the incumbent: in the control what the candidate would have done against what
        happened, in the treatment what happened against what the incumbent would have done.
    units : stores.
    """

    metric: OnlineMetric
    arm: str
    model: str
    against: str
    units: int
    own: Interval
    other: Interval


@dataclass(frozen=True, slots=True)
class Estimates:
    """What several ways say of one metric in one treatment arm.

    replay : candidate against incumbent, both simulated, in all stores of both arms: it uses nothing that happened but
        demand. plain : difference in means of what was measured. analysis : as the experiment is read (CUPED).
    robust : doubly robust, from both; None where no stratum has both arms.
    """

    metric: OnlineMetric
    arm: str
    model: str
    replay: Effect
    plain: Effect
    analysis: Effect
    robust: Effect | None


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """A past launch, replayed. models : arm -> model of the run, the control's first."""

    name: str
    run: str
    models: dict[str, str]
    confidence: float
    overlap: Overlap
    estimates: tuple[Estimates, ...]
    arms: tuple[ArmReplay, ...]
    notes: tuple[str, ...] = ()

    @property
    def as_json(self) -> dict[str, Any]:
        """Give numbers, texts, lists and mappings, with None for what is not known."""
        from .replay_json import as_json

        return as_json(self)
