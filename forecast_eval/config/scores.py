"""What is scored, and which SKUs are called trending."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from .section import Count, Level, Section


def _metric(value: Any) -> str | dict[str, Any]:  # noqa: ANN401 - whatever the file holds
    if isinstance(value, str) or (isinstance(value, dict) and isinstance(value.get("name"), str)):
        return value
    raise ValueError("a metric is a name, or a mapping with name and the keys of a catalogue's entry")


def _several(value: Any) -> Any:  # noqa: ANN401 - the same
    return (value,) if isinstance(value, str) else value


MetricSpec = Annotated[str | dict[str, Any], PlainValidator(_metric)]
"""A metric by its name, or defined in place."""


class Trend(Section):
    """Which SKUs are called trending, as of each cutoff; see `losses.trend_probability`."""

    recent: Count = 4
    factor: Annotated[float, Field(gt=0)] = 1.2
    probability: Level = 0.9
    base: Count = 26


class Score(Section):
    """Metrics by name (see `forecast_eval.scores`), and the columns by which they are broken down.

    metrics : names, such as wape, coverage_80 and pinball_0.9 (`forecast-eval metrics` has them all), or mappings
        {name, object, params}.
    catalogue : YAML files of a team's own metrics, relative to the config.
    by : static columns, and abc (by money sold), xyz (by variation) or series (a row for each, which is many).
    hidden_demand : stockout periods are left out of scores (masked), their sales are taken for demand (as_is), or they
        say that demand was at least what was sold, so that a forecast above it is not wrong (censored).
    season : periods after which demand repeats, of the scale in MASE, RMSSE, WRMSSE and WSPL; 1 as in M5.
    baseline : the model that relative MAE, FVA and skill are measured by; None takes the incumbent.
    weight : importance of each series: revenue or units of the year before the first cutoff, or a static column of
        numbers. None weighs all the same.
    hierarchy : levels of WRMSSE and WSPL, each a list of static columns; [] is the total, [unique_id] the series. None
        takes the total, each column of `by`, and the series.
    explosion : a forecast beyond so many times the most that a series ever sold is flagged, and scored as if it were at
        that bound; null believes everything.
    replicates : of the bootstrap behind the intervals.
    """

    metrics: Annotated[tuple[MetricSpec, ...], Field(min_length=1)] = (
        "rmse",
        "mae",
        "mape",
        "wape",
        "bias",
        "newsvendor_cost",
    )
    catalogue: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    by: tuple[str, ...] = ()
    hidden_demand: Literal["as_is", "masked", "censored"] = "masked"
    trend: Trend = Trend()
    season: Count = 1
    baseline: str | None = None
    weight: str | None = None
    hierarchy: Annotated[tuple[tuple[str, ...], ...], Field(min_length=1)] | None = None
    explosion: Annotated[float, Field(ge=1)] | None = 10.0
    replicates: Annotated[int, Field(ge=100, le=100_000)] = 1000

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each metric."""
        return tuple(metric if isinstance(metric, str) else str(metric["name"]) for metric in self.metrics)
