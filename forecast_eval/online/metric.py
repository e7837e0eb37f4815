"""What is measured online: a column of the outcomes, or the ratio of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backtest.faults import Fault, refuse

Better = Literal["higher", "lower"]
Role = Literal["primary", "guardrail", "diagnostic"]


@dataclass(frozen=True, slots=True)
class OnlineMetric:
    """A metric of an experiment.

    numerator, denominator : columns of the outcomes. Without a denominator the metric is the mean of the numerator per
        unit and period; with one it is sum(numerator) / sum(denominator) over units and periods of an arm.
    better : which way it should go.
    role : primary metrics decide (Holm), guardrails may not get worse by more than `margin`, all others are diagnostics
        (Benjamini-Hochberg).
    margin : non-inferiority margin of a guardrail, as a share of the control's value: .02 allows 2 % for the worse.

    >>> OnlineMetric.of("stockout_rate", "stockouts / exposure", better="lower").denominator
    'exposure'
    """

    name: str
    numerator: str
    denominator: str | None = None
    better: Better = "higher"
    role: Role = "diagnostic"
    margin: float | None = None

    def __post_init__(self) -> None:
        """Refuse a guardrail without a margin, and a margin that guards nothing."""
        faults = []
        if self.role == "guardrail" and self.margin is None:
            faults.append(Fault("no-margin", f"guardrail {self.name!r} has no margin", f"metrics.{self.name}.margin",
                                "say by which share of the control's value it may get worse, as 0.02"))  # fmt: skip
        if self.role != "guardrail" and self.margin is not None:
            faults.append(Fault("margin", f"{self.name!r} has a margin and is no guardrail",
                                f"metrics.{self.name}.margin", "leave it out, or set role: guardrail"))  # fmt: skip
        if self.margin is not None and not 0 <= self.margin < 1:
            faults.append(Fault("margin", f"margin={self.margin} must be a share from 0 to below 1",
                                f"metrics.{self.name}.margin", "write 2 % as 0.02"))  # fmt: skip
        refuse(faults)

    @classmethod
    def of(
        cls, name: str, formula: str, *, better: Better = "higher", role: Role = "diagnostic",
        margin: float | None = None,
    ) -> OnlineMetric:  # fmt: skip
        """Metric of a formula: a column, or "numerator / denominator"."""
        numerator, slash, denominator = (part.strip() for part in formula.partition("/"))
        if not numerator or bool(slash) != bool(denominator):
            refuse([Fault("formula", f"{formula!r} is neither a column nor 'column / column'", f"metrics.{name}.of",
                          "name the columns of the outcomes")])  # fmt: skip
        return cls(name, numerator, denominator or None, better, role, margin)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the outcomes that it needs."""
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)
