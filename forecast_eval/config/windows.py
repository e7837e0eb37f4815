"""Where a backtest stands in time, and how it runs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import pandas as pd
from pydantic import BeforeValidator, Field, field_validator, model_validator

from backtest.schemas import dates_of

from .section import Count, Level, Section


def moment_of(value: object) -> datetime:
    """Date as YAML has it, or ISO 8601 text; a time zone is dropped, as those of the data are.

    A number is refused: it would count seconds.
    """
    text = value.isoformat() if isinstance(value, date) else value  # a datetime is a date too
    found = dates_of(pd.Series([text if isinstance(text, str) else None], dtype=object)).iloc[0]
    if pd.isna(found):
        raise ValueError("is no date; write it as YYYY-MM-DD")
    return pd.Timestamp(found).to_pydatetime(warn=False)


Moment = Annotated[datetime, BeforeValidator(moment_of)]


class Backtest(Section):
    """Rolling windows, in periods of the history; see `backtest.RollingWindows`.

    windows : number of cutoffs; or give the cutoffs themselves.
    last_cutoff, cutoffs : dates of the history, such as 2026-02-01 or 2026-02-01T06:00.
    paths : sample paths kept of the models that can draw them; the simulation then uses them.
    on_failure : stop at the first failure of a forecaster; skip the cutoffs at which it failed; or fallback: the series
        that it failed on get the forecasts of the model that `fallback` names.
    shard : series in one unit of work, of forecasters that treat each series by itself.
    hidden_demand : what training does with stockout periods: take sales as they are, or fill them with the mean of
        the last stocked periods.
    """

    horizon: Count
    windows: Count | None = None
    step: Count = 1
    gap: Annotated[int, Field(ge=0)] = 0
    refit: Count | str = 1
    input_size: Count | None = None
    last_cutoff: Moment | None = None
    cutoffs: tuple[Moment, ...] = ()
    quantiles: tuple[Level, ...] = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    hidden_demand: Literal["as_is", "fill"] = "fill"
    paths: Annotated[int, Field(ge=0, le=10_000)] = 0
    on_failure: Literal["stop", "skip", "fallback"] = "stop"
    fallback: str | None = None
    workers: Count = 2
    shard: Count = 250

    @field_validator("quantiles")
    @classmethod
    def _ascending(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(levels)))

    @model_validator(mode="after")
    def _where(self) -> Backtest:
        if (self.windows is None) == (not self.cutoffs):
            raise ValueError("give either windows, a number, or cutoffs, a list of dates")
        if (self.on_failure == "fallback") != (self.fallback is not None):
            raise ValueError("on_failure: fallback and fallback, a forecaster's name, go together")
        return self
