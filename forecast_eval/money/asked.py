"""What is played, how models are compared, and what is asked beside who earns more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest import Window

    from ..simulate import Policy, Sampling, Start

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Blending:
    """The value of accuracy is asked: forecasts blended with the truth.

    models : which are blended; None takes the incumbent and the best earner of the others.
    shares : of the truth, 0 to 1. 0, the model itself, is always played, since gains are counted from it.
    """

    models: tuple[str, ...] | None = None
    shares: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        wrong = [share for share in self.shares if not 0 <= share <= 1]
        if wrong:
            raise ValueError(f"shares={wrong} of the truth must be from 0 to 1")


@dataclass(frozen=True, slots=True, eq=False)
class HiddenDemand:
    """Money under several assumptions about the demand that stockouts hid is asked.

    demand : name of the assumption -> [series, time] demand, units; where it is NaN the demand of the market stands.
    hidden : [series, time] whether a stockout may have hidden demand.

    Under the assumption named "masked" hidden periods are played and not counted.
    """

    demand: Mapping[str, Floats]
    hidden: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Money over many courses of demand is asked, drawn from a forecast.

    model : whose forecasts the courses are drawn from; paths : how many.
    together : whether all series have the same luck in a course; see `Sampling`.
    cover : periods of mean sales on hand at the start of each cutoff's play; None takes lead time plus review period.
    threads : of the play; the result does not depend on it.
    """

    model: str
    paths: int = 100
    together: bool = False
    cover: float | None = None
    threads: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """What is asked beside who earns more. What is not asked costs nothing.

    waterfall : from perfect foresight to each model's profit.
    worst : number of the series that each model treats worst against perfect foresight.
    accuracy : what better forecasts would earn.
    hidden_demand : what the verdict would be under other assumptions about hidden demand.
    drawn : money over many courses of demand.
    """

    waterfall: bool = False
    worst: int = 0
    accuracy: Blending | None = None
    hidden_demand: HiddenDemand | None = None
    drawn: Drawn | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is played.

    windows : all cutoffs, oldest first; judged : how many of the last ones are judged, None for two thirds of those
        that can be played.
    policies : settings that are tried.
    state : stock on hand and in transit at the first judged cutoff, or None.
    cover : periods of supply at the start where there is no state.
    sampling : of the demand from which quantiles are read.
    masked : [series, time] periods that are played and not judged, since a stockout may have hidden demand; or None.
    """

    windows: tuple[Window, ...]
    policies: tuple[Policy, ...]
    judged: int | None
    state: Start | None
    cover: float | None
    sampling: Sampling
    seed: int
    masked: NDArray[np.bool_] | None = None
    questions: Questions = field(default_factory=Questions)


@dataclass(frozen=True, slots=True, eq=False)
class Versus:
    """How models are compared.

    clusters : [series] code of the store, or several such arrays, the first of which is the store: see `clustering`.
    block : cutoffs in a time block, None for those that a unit of stock binds.
    trending : [cutoff, series] as of each cutoff.
    per_week : cutoffs in a week.
    cluster_columns : names of the clusterings; cluster_names : [code] those of the first clusters. Empty are unnamed.
    """

    incumbent: str
    confidence: float
    clusters: Ints | tuple[Ints, ...]
    block: int | None
    trending: NDArray[np.bool_]
    per_week: float
    cluster_columns: tuple[str, ...] = ()
    cluster_names: tuple[str, ...] = ()

    @property
    def ways(self) -> tuple[Ints, ...]:
        """Codes [series] of every clustering, the stores first."""
        return (self.clusters,) if isinstance(self.clusters, np.ndarray) else self.clusters

    def name(self, code: int) -> str:
        """Name of one of the first clusters."""
        return self.cluster_names[code] if self.cluster_names else str(code)
