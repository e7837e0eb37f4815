"""Guardrails: whether a metric got worse by more than is allowed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from backtest.faults import Fault, refuse

if TYPE_CHECKING:
    from .effect import Effect
    from .metric import OnlineMetric

Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What a non-inferiority test says.

    verdict : "pass" is significantly not worse than the margin, "fail" significantly worse than it, "inconclusive" is
        neither: the experiment is too small to say.
    worsening : how much worse the treatment is, on `scale`: above 0 is worse whichever way the metric should go.
    low, high : interval of the worsening; margin : what is allowed, on the same scale.
    scale : "lift", shares of the control; "difference", the metric's unit, where the control is too near 0 for shares.
    """

    verdict: Verdict
    worsening: float
    low: float
    high: float
    margin: float
    scale: Literal["lift", "difference"]


def guarded(effect: Effect, metric: OnlineMetric) -> Guardrail:
    """Judge the effect on a guardrail, one-sided at (1 - confidence) / 2 on either side.

    Where the lift has no interval the difference is judged, and the margin is its share of the control's size, taken as
    known. Where that is 0 as well, nothing can be said.

    >>> from forecast_eval.inference import Interval
    >>> from forecast_eval.online.effect import Effect, Method
    >>> from forecast_eval.online.metric import OnlineMetric
    >>> lift = Interval(0.01, -0.015, 0.035, 0.95, 40, 1)
    >>> got = Effect(100.0, 101.0, Interval(1.0, -1.5, 3.5, 0.95, 40, 1), lift, 0.42, -0.38, (20, 20), Method())
    >>> sales = OnlineMetric("sold", "sold", role="guardrail", margin=0.02)
    >>> guarded(got, sales).verdict, guarded(got, OnlineMetric("w", "w", None, "lower", "guardrail", 0.02)).verdict
    ('pass', 'inconclusive')
    """
    if metric.margin is None:
        refuse([Fault("no-margin", f"{metric.name!r} has no margin", f"metrics.{metric.name}.margin",
                      "say by which share of the control's value it may get worse, such as 0.02")])  # fmt: skip
    assert metric.margin is not None
    relative = not math.isnan(effect.lift.low + effect.lift.high)
    shown = effect.lift if relative else effect.difference
    margin = metric.margin * (1 if relative else abs(effect.control))
    worse, low, high = shown.estimate, shown.low, shown.high
    if metric.better == "higher":
        worse, low, high = -worse, -high, -low
    verdict: Verdict = "fail" if low > margin else "pass" if high < margin else "inconclusive"
    if not relative and effect.control == 0:
        verdict = "inconclusive"
    return Guardrail(verdict, worse, low, high, margin, "lift" if relative else "difference")
