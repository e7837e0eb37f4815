"""From config to forecasters, each with what it needs to be built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backtest import Fault, FilledStockouts, InputError
from backtest.adapters import (
    Ensemble,
    ImportedDerived,
    LightGBM,
    NeuralForecastModel,
    Precomputed,
    ResidualQuantiles,
    SeasonalAverage,
    StatsForecastModel,
    imported,
)
from backtest.faults import refuse
from backtest.vintages import covariates_of

from .build import step_of
from .config import (
    EnsembleSpec,
    FileSpec,
    LightGBMSpec,
    NeuralForecastSpec,
    PythonSpec,
    ResidualQuantilesSpec,
    SeasonalAverageSpec,
    StatsForecastSpec,
)
from .read import read_forecasts
from .train_costs import training_on
from .train_neural import network_training_on

if TYPE_CHECKING:
    from pathlib import Path

    from backtest import Derived, Forecaster, History

    from .config import Config, ForecasterSpec
    from .economics import Economics


def forecasters_of(
    config: Config, base: Path, *, history: History, economics: Economics
) -> dict[str, Forecaster | Derived]:
    """Forecasters by name; InputError with every fault, such as a model that does not exist.

    base : folder of the config, in which forecasts made elsewhere and forecasters of the user's own are looked for.
    economics : prices and terms, which a forecaster that is trained on money needs.
    """
    ground, built, faults = _Ground(config, base, history, economics), {}, []
    for name, spec in config.forecasters.items():
        try:
            built[name] = ground.forecaster(spec)
        except InputError as error:
            faults += [Fault(f.rule, f.what, _place(f.place, name), f.fix, f.severity) for f in error.faults]
    refuse(faults)
    return built


def _place(place: str, name: str) -> str:
    return f"forecasters.{name}{place.removeprefix('forecasters')}" if place.startswith("forecasters") else place


@dataclass(frozen=True, slots=True)
class _Ground:
    """What forecasters are built from."""

    config: Config
    base: Path
    history: History
    economics: Economics

    def forecaster(self, spec: ForecasterSpec) -> Forecaster | Derived:
        if isinstance(spec, FileSpec):
            made = read_forecasts(spec, self.config.data, self.base)
            return Precomputed(*made, ids=tuple(self.history.static.index))
        if isinstance(spec, EnsembleSpec):
            return Ensemble(spec.members, spec.weights, spec.how)
        if isinstance(spec, ResidualQuantilesSpec):
            hidden = spec.hidden or ("as_is" if self.config.backtest.hidden_demand == "as_is" else "censored")
            return ResidualQuantiles(spec.of, spec.windows, spec.bins, spec.pool, hidden)
        if isinstance(spec, SeasonalAverageSpec):
            return SeasonalAverage(spec.window, spec.season)  # it leaves stockout periods out by itself
        inner = self._fitted(spec)
        hidden = spec.hidden_demand or self.config.backtest.hidden_demand
        if isinstance(inner, ImportedDerived) or hidden == "as_is":
            return inner
        return FilledStockouts(inner)

    def _fitted(
        self, spec: PythonSpec | StatsForecastSpec | NeuralForecastSpec | LightGBMSpec
    ) -> Forecaster | ImportedDerived:
        if isinstance(spec, PythonSpec):
            return imported(spec.object, spec.params, folder=self.base)
        if isinstance(spec, StatsForecastSpec):
            return self._statistical(spec)
        return self._network(spec) if isinstance(spec, NeuralForecastSpec) else self._lightgbm(spec)

    def _statistical(self, spec: StatsForecastSpec) -> StatsForecastModel:
        model = StatsForecastModel(spec.model, _pairs(spec.params), spec.covariates, spec.conformal_windows)
        refuse(model.lacking(self.history.known_future) + model.revised(covariates_of(self.history.vintages)))
        return model

    def _network(self, spec: NeuralForecastSpec) -> NeuralForecastModel:
        own = spec.model_dump(exclude={"kind", "params", "loss", "hidden_demand"})
        loss = costs = None
        if spec.loss is not None:
            loss, costs = network_training_on(spec.loss, self.economics, cycle=self._cycle)
        return NeuralForecastModel(**own, params=_pairs(spec.params), loss=loss, costs=costs)

    def _lightgbm(self, spec: LightGBMSpec) -> LightGBM:
        own = spec.model_dump(exclude={"kind", "params", "loss", "hidden_demand"})
        regressor = costs = None
        if spec.loss is not None:
            regressor, costs = training_on(
                spec.loss, self.economics, cycle=self._cycle, params=spec.params, threads=spec.threads
            )
        model = LightGBM(**own, params=_pairs(spec.params), regressor=regressor, costs=costs)
        ahead, revised = self.history.known_future, covariates_of(self.history.vintages)
        lacking = model.lacking(ahead, [*self.history.frame.columns, *revised], self.history.static.columns)
        refuse(lacking + model.revised(ahead, revised))
        return model

    @property
    def _cycle(self) -> int:
        return step_of(self.config.backtest, self.history)


def _pairs(params: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))
