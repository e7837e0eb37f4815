"""What is scored, and which SKUs are called trending."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .section import Count, Level, Section


class Trend(Section):
    """Which SKUs are called trending, as of each cutoff; see `losses.trend_probability`."""

    recent: Count = 4
    factor: Annotated[float, Field(gt=0)] = 1.2
    probability: Level = 0.9
    base: Count = 26


class Score(Section):
    """Metrics by name (see `forecast_eval.scores`), and the columns by which they are broken down.

    hidden_demand : stockout periods are left out of scores, or their sales are taken for demand.
    """

    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "rmse",
        "mae",
        "mape",
        "wape",
        "bias",
        "newsvendor_cost",
    )
    by: tuple[str, ...] = ()
    hidden_demand: Literal["as_is", "masked"] = "masked"
    trend: Trend = Trend()
