"""What an alignment study says: nouns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .bivariate import Fit
    from .calibration import Calibration
    from .composite import Composite
    from .credible import Credible
    from .curve import Curve
    from .launch import Launch
    from .pairs import Pairs
    from .ranking import Ranking

Verdict = Literal["trusted", "misleads", "insufficient evidence"]


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """One offline metric against one online metric. Both are turned so that higher is better.

    pairs, launches : of the same length; what was not tested has no y.
    rho : correlation of what is true, free of the noise of both sides. slope : of the true online effect on the true
        offline difference.
    verdict : trusted where the interval of rho is above 0, misleads where it is below; else insufficient evidence.
    reml, moments : other estimates of the same, beside it; None where they do not exist, as often with few launches.
    line : what is expected online along the offline axis; None where nobody drew it.
    """

    offline: str
    online: str
    pairs: Pairs
    launches: tuple[Launch, ...]
    rho: Credible
    slope: Credible
    verdict: Verdict
    reml: Fit | None
    moments: Fit | None
    line: Curve | None = None

    @property
    def tested(self) -> int:
        """Launches with both sides."""
        return int(self.pairs.tested.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """All of a study.

    rankings, composites, calibrations : one an online metric; a composite or calibration is left out where there
        is too little to learn from, and a note says so.
    """

    confidence: float
    launches: tuple[Launch, ...]
    alignments: tuple[Alignment, ...]
    rankings: tuple[Ranking, ...]
    composites: tuple[Composite, ...]
    calibrations: tuple[Calibration, ...]
    notes: tuple[str, ...] = ()

    def of(self, offline: str, online: str) -> Alignment | None:
        """Alignment of two metrics; None where they were not studied."""
        return next((own for own in self.alignments if (own.offline, own.online) == (offline, online)), None)
