"""From config to objects: windows, forecasters, policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from backtest import Fault, FilledStockouts, InputError, RollingWindows, Settings
from backtest.adapters import LightGBM, Precomputed, SeasonalAverage, StatsForecastModel
from backtest.faults import nearest

from .config import FileSpec, LightGBMSpec, OrderUpToSpec, SeasonalAverageSpec, StatsForecastSpec
from .read import read_forecasts
from .simulate import OrderUpToCoverage, OrderUpToCriticalRatio, PeriodsOfSupply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from backtest import Forecaster, History

    from .config import Backtest, Config, ForecasterSpec, PolicySpec
    from .simulate import Policy


def windows_of(spec: Backtest) -> RollingWindows:
    """Rolling windows as the config gives them."""
    return RollingWindows(
        horizon=spec.horizon,
        step=spec.step,
        n_windows=spec.windows or 1,
        gap=spec.gap,
        refit=spec.refit,
        input_size=spec.input_size,
        last_cutoff=None if spec.last_cutoff is None else pd.Timestamp(spec.last_cutoff),
        cutoffs=tuple(map(pd.Timestamp, spec.cutoffs)),
    )


def settings_of(spec: Backtest, units: Path | None) -> Settings:
    """How to run the backtest, as the config gives it."""
    return Settings(levels=spec.quantiles, on_failure=spec.on_failure, workers=spec.workers, units=units)


def forecasters_of(config: Config, history: History, base: Path) -> dict[str, Forecaster]:
    """Forecasters by name; InputError with every fault, such as a model that does not exist."""
    built, faults = {}, []
    for name, spec in config.forecasters.items():
        try:
            built[name] = _forecaster(spec, config, history, base)
        except InputError as error:
            faults += [Fault(f.rule, f.what, _place(f.place, name), f.fix, f.severity) for f in error.faults]
    if faults:
        raise InputError(faults)
    return built


def _place(place: str, name: str) -> str:
    return f"forecasters.{name}" if place == "forecasters" else place


def _forecaster(spec: ForecasterSpec, config: Config, history: History, base: Path) -> Forecaster:
    if isinstance(spec, FileSpec):
        return Precomputed(*read_forecasts(spec, config.data, base))
    inner: Forecaster
    if isinstance(spec, StatsForecastSpec):
        inner = StatsForecastModel(spec.model, tuple(sorted(spec.params.items())))
    elif isinstance(spec, SeasonalAverageSpec):
        return SeasonalAverage(spec.window, spec.season)  # it leaves stockout periods out by itself
    else:
        inner = _lightgbm(spec, history)
    return FilledStockouts(inner) if config.backtest.hidden_demand == "fill" else inner


def _lightgbm(spec: LightGBMSpec, history: History) -> LightGBM:
    unknown = [
        Fault(
            "unknown-column",
            f"static column {c!r} does not exist",
            "forecasters",
            nearest(c, history.static.columns),
        )
        for c in spec.static
        if c not in history.static.columns
    ]
    if unknown:
        raise InputError(unknown)
    return LightGBM(
        lags=spec.lags,
        rolling_means=spec.rolling_means,
        date_features=spec.date_features,
        static=spec.static,
        quantiles=spec.quantiles,
        params=tuple(sorted(spec.params.items())),
    )


def policies_of(specs: Iterable[PolicySpec]) -> tuple[Policy, ...]:
    """Every setting of every policy, in the order of the config."""
    return tuple(policy for spec in specs for policy in _settings(spec))


def _settings(spec: PolicySpec) -> Iterator[Policy]:
    if isinstance(spec, OrderUpToSpec):
        yield from (OrderUpToCoverage(level) for level in sorted(spec.coverage))
        yield from (OrderUpToCriticalRatio(factor) for factor in sorted(spec.service_factor))
    else:
        yield from (PeriodsOfSupply(n) for n in sorted(spec.periods))
