"""From config to objects: windows, how to run, conventions, policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from backtest import Fault, InputError, RollingWindows, Settings

from .policies import policies_of
from .simulate import Conventions

if TYPE_CHECKING:
    from pathlib import Path

    from backtest import History

    from .config import Backtest, ConventionsSpec


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


def conventions_of(spec: ConventionsSpec) -> Conventions:
    """What inventory systems do differently, as the config gives it."""
    return Conventions(**spec.model_dump())


__all__ = ["conventions_of", "policies_of", "settings_of", "step_of", "windows_of"]
