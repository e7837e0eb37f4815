"""The forecasters of a config, one kind a class."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import Field

from .section import Count, Section

DateFeature = Literal["week", "month", "quarter", "dayofweek", "dayofyear", "day", "hour", "year", "is_month_end"]


class StatsForecastSpec(Section):
    """A statsforecast model by its class name, with its arguments."""

    kind: Literal["statsforecast"]
    model: str
    params: dict[str, Any] = {}


class LightGBMSpec(Section):
    """LightGBM through mlforecast; see `backtest.adapters.LightGBM`."""

    kind: Literal["lightgbm"]
    lags: tuple[Count, ...]
    rolling_means: tuple[Count, ...] = ()
    date_features: tuple[DateFeature, ...] = ()
    static: tuple[str, ...] = ()
    quantiles: bool = False
    params: dict[str, Any] = {}


class SeasonalAverageSpec(Section):
    """Moving average of seasonally adjusted sales; see `backtest.adapters.SeasonalAverage`."""

    kind: Literal["seasonal_average"]
    window: Count = 13
    season: Literal["week", "month", "dayofweek", "none"] = "week"


class FileSpec(Section):
    """Forecasts made elsewhere: a file in our contract or in Nixtla's wide columns.

    model : which of the file's models; needed where it has several.
    """

    kind: Literal["file"]
    path: str
    columns: dict[str, str] = {}
    model: str | None = None


ForecasterSpec = Annotated[
    Union[StatsForecastSpec, LightGBMSpec, SeasonalAverageSpec, FileSpec],  # noqa: UP007 - pydantic's discriminator
    Field(discriminator="kind"),
]
