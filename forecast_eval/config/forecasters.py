"""The forecasters of a config, one kind a class."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import Field

from .section import Count, Section
from .training_loss import TrainingLoss

HiddenDemand = Literal["as_is", "fill"] | None
"""What the training of one forecaster does with stockout periods; None takes what `backtest.hidden_demand` says."""

DateFeature = Literal["week", "month", "quarter", "dayofweek", "dayofyear", "day", "hour", "year", "is_month_end"]


class StatsForecastSpec(Section):
    """A statsforecast model by its class name, with its arguments; see `backtest.adapters.StatsForecastModel`.

    covariates : known-future covariates that it regresses on.
    conformal_windows : windows whose errors make the intervals; 0 takes the model's own. Not with covariates that were
        revised, for which there is kind residual_quantiles.
    """

    kind: Literal["statsforecast"]
    model: str
    params: dict[str, Any] = {}
    covariates: tuple[str, ...] = ()
    conformal_windows: Annotated[int, Field(ge=0)] = 0
    hidden_demand: HiddenDemand = None


class LightGBMSpec(Section):
    """LightGBM through mlforecast; see `backtest.adapters.LightGBM`.

    conformal_windows : windows whose errors make the intervals. Not with covariates that were revised, for which there
        is kind residual_quantiles.
    loss : what the point forecast is trained on instead of LightGBM's objective: the money that it loses. It is then an
        order quantity, and not the mean of demand.
    """

    kind: Literal["lightgbm"]
    lags: Annotated[tuple[Count, ...], Field(min_length=1)]
    rolling_means: tuple[Count, ...] = ()
    date_features: tuple[DateFeature, ...] = ()
    static: tuple[str, ...] = ()
    covariates: tuple[str, ...] | None = None
    past_covariates: tuple[str, ...] = ()
    quantiles: bool = False
    conformal_windows: Annotated[int, Field(ge=0)] = 0
    step_group: Count = 1
    train_periods: Count | None = None
    params: dict[str, Any] = {}
    loss: TrainingLoss | None = None
    threads: Count = 1
    hidden_demand: HiddenDemand = None


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


class PythonSpec(Section):
    """A forecaster of your own or of another package; see `backtest.adapters.Imported`.

    object : "package.module:Object", looked for in the config's folder too, or the name of an entry point of the group
        forecast_eval.forecasters.
    params : its arguments.
    """

    kind: Literal["python"]
    object: str
    params: dict[str, Any] = {}
    hidden_demand: HiddenDemand = None


class NeuralForecastSpec(Section):
    """A network of neuralforecast by its class name (extra `neural`); see `backtest.adapters.NeuralForecastModel`.

    loss : what the forecast is trained on instead of quantiles: the money that it loses. It is then an order quantity.
    """

    kind: Literal["neuralforecast"]
    model: str = "NHITS"
    params: dict[str, Any] = {}
    covariates: tuple[str, ...] = ()
    past_covariates: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    loss: TrainingLoss | None = None
    distribution: Literal["Normal", "Poisson", "NegativeBinomial", "StudentT", "Tweedie", "ISQF"] | None = None
    val_size: Annotated[int, Field(ge=0)] = 0
    accelerator: str = "auto"
    threads: Count = 1
    hidden_demand: HiddenDemand = None


class EnsembleSpec(Section):
    """A mean or median of other forecasters of the config; see `backtest.adapters.Ensemble`."""

    kind: Literal["ensemble"]
    members: tuple[str, ...]
    weights: tuple[float, ...] | None = None
    how: Literal["mean", "median"] = "mean"


class ResidualQuantilesSpec(Section):
    """A forecaster's errors in earlier windows as its distribution; see `backtest.adapters.ResidualQuantiles`.

    of : name of the forecaster.
    hidden : what the error of a stockout period says; by default that the true one is at least as large, or what it
        looks like where backtest.hidden_demand is as_is.
    """

    kind: Literal["residual_quantiles"]
    of: str
    windows: Count = 4
    bins: Count = 5
    pool: Count = 100
    hidden: Literal["censored", "fill", "as_is"] | None = None


ForecasterSpec = Annotated[
    Union[  # noqa: UP007 - pydantic's discriminator
        StatsForecastSpec,
        LightGBMSpec,
        SeasonalAverageSpec,
        FileSpec,
        PythonSpec,
        NeuralForecastSpec,
        EnsembleSpec,
        ResidualQuantilesSpec,
    ],
    Field(discriminator="kind"),
]
