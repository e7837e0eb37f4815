"""What past launches foretold of a test, beside what it measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Foretold:
    """Lift of one metric and arm as calibration on past launches had it. All are shares, as the metric has them.

    launches : past ones with both sides. value, low, high : true lift; noisy_low, noisy_high : interval of what the
        test would measure, its own noise included. measured : what it did measure.
    blind : whether past launches do not show that the simulated lift says anything of the measured one.
    """

    metric: str
    arm: str
    model: str
    launches: int
    confidence: float
    simulated: float
    value: float
    low: float
    high: float
    noisy_low: float
    noisy_high: float
    measured: float
    blind: bool

    @property
    def held(self) -> bool:
        """Whether what was measured lies where it was foretold."""
        return self.noisy_low <= self.measured <= self.noisy_high
