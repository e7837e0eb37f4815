"""Where a backtest stands in time, and how it runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from .section import Count, Level, Section


class Backtest(Section):
    """Rolling windows, in periods of the history; see `backtest.RollingWindows`.

    windows : number of cutoffs; or give the cutoffs themselves.
    hidden_demand : what training does with stockout periods: take sales as they are, or fill them with the mean of
        the last stocked periods.
    """

    horizon: Count
    windows: Count | None = None
    step: Count = 1
    gap: Annotated[int, Field(ge=0)] = 0
    refit: Count | str = 1
    input_size: Count | None = None
    last_cutoff: datetime | None = None
    cutoffs: tuple[datetime, ...] = ()
    quantiles: tuple[Level, ...] = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    hidden_demand: Literal["as_is", "fill"] = "fill"
    on_failure: Literal["stop", "skip"] = "stop"
    workers: Count = 2

    @field_validator("quantiles")
    @classmethod
    def _ascending(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(levels)))

    @model_validator(mode="after")
    def _where(self) -> Backtest:
        if (self.windows is None) == (not self.cutoffs):
            raise ValueError("give either windows, a number, or cutoffs, a list of dates")
        return self
