"""The loss in money that a forecaster is trained on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .section import Count, Section


class TrendCosts(Section):
    """How much costs press harder where demand moves; see `losses.UnitCosts.with_trend` and `losses.trend_score`.

    strength : 1 doubles underage of a SKU that surely rises, and overage of one that surely declines.
    recent, base, factor, prior_units : when the last periods count as rising, against those before them.
    """

    strength: Annotated[float, Field(gt=0, le=1e6)]
    recent: Count = 4
    base: Count | None = 26
    factor: Annotated[float, Field(gt=1, le=1e6)] = 1.2
    prior_units: Annotated[float, Field(gt=0, le=1e6)] = 2.0


class TrainingLoss(Section):
    """Train the point forecast on the unit costs of each series, as they were known at the cutoff.

    family : newsvendor, smooth_newsvendor, expectile, huber or linex.
    width, limit : the family's parameters, where it has them; see `losses`.
    trend : let costs lean with the trend.
    """

    family: str = "newsvendor"
    width: float | None = None
    limit: float | None = None
    trend: TrendCosts | None = None
