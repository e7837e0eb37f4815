"""What an experiment says of one metric: both arms, their difference, their relative lift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..inference import Interval

Adjust = Literal["none", "cuped", "did"]
Inference = Literal["cluster", "permutation", "bootstrap"]


@dataclass(frozen=True, slots=True)
class Method:
    """How an effect is estimated.

    adjust : "none" compares the arms as they are; "cuped" takes out what the pre-period predicts; "did" is
        difference-in-differences, the change since the pre-period.
    inference : "cluster" is CR2 standard errors with Bell-McCaffrey degrees of freedom; "permutation" redraws the arms
        as the design drew them; "bootstrap" draws units.
    confidence : of intervals.
    draws : of permutation and bootstrap.
    """

    adjust: Adjust = "cuped"
    inference: Inference = "cluster"
    confidence: float = 0.95
    draws: int = 1999


@dataclass(frozen=True, slots=True)
class Effect:
    """Treatment against control on one metric.

    control, treatment : value of the metric in each arm, adjusted as the method says.
    difference : treatment - control, in the metric's unit.
    lift : treatment / control - 1, a share; NaN ends where the control is not clearly above 0.
    p_value : two-sided, of the difference. log10_p : its logarithm to base 10, which does not underflow.
    units : units in control and treatment.
    notes : what a reader must know, such as too few clusters for a permutation test to reject.
    """

    control: float
    treatment: float
    difference: Interval
    lift: Interval
    p_value: float
    log10_p: float
    units: tuple[int, int]
    method: Method
    notes: tuple[str, ...] = ()
