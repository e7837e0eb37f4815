"""From config to objects: windows, how to run, policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from backtest import Fault, InputError, RollingWindows, Settings

from .config import OrderUpToSpec
from .simulate import OrderUpToCoverage, OrderUpToCriticalRatio, PeriodsOfSupply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from backtest import History

    from .config import Backtest, PolicySpec
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


def settings_of(spec: Backtest, seed: int, units: Path | None = None) -> Settings:
    """How to run the backtest, as the config gives it."""
    return Settings(
        levels=spec.quantiles,
        paths=spec.paths,
        seed=seed,
        on_failure=spec.on_failure,
        fallback=spec.fallback,
        workers=spec.workers,
        shard=spec.shard,
        units=units,
    )


def step_of(spec: Backtest, history: History) -> int:
    """Periods from one cutoff to the next, which is the review period of the orders.

    Raises InputError where the cutoffs are not evenly apart: orders come at even intervals.
    """
    step = windows_of(spec).spacing(history.calendar)
    if step is None:
        what = "the cutoffs are not evenly apart, and orders are placed at even intervals"
        fix = "give even ones, or stop at forecast-eval score"
        raise InputError([Fault("uneven-cutoffs", what, "backtest.cutoffs", fix)])
    return step


def policies_of(specs: Iterable[PolicySpec]) -> tuple[Policy, ...]:
    """Every setting of every policy, in the order of the config."""
    return tuple(policy for spec in specs for policy in _settings(spec))


def _settings(spec: PolicySpec) -> Iterator[Policy]:
    if isinstance(spec, OrderUpToSpec):
        yield from (OrderUpToCoverage(level) for level in sorted(spec.coverage))
        yield from (OrderUpToCriticalRatio(factor) for factor in sorted(spec.service_factor))
    else:
        yield from (PeriodsOfSupply(n) for n in sorted(spec.periods))
