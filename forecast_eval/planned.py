"""What a backtest would do, for a person to read before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backtest import plan, plan_units
from backtest.stages import Stages

from .build import settings_of, windows_of
from .config import load_config
from .pipeline import checked
from .store import find_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from .config import Config


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """What a backtest would do: its windows, each forecaster's units (all, finished), and the rest in words."""

    windows: pd.DataFrame
    units: Mapping[str, tuple[int, int]]
    words: str
    date_format: str


def planned(target: Path, overrides: Sequence[str] = (), *, root: Path = Path("runs")) -> Planned:
    """Plan the backtest of a config or a run directory; nothing is run or written.

    Raises InputError as a run would.
    """
    config, base = _config_of(target, overrides)
    inputs, forecasters, _ = checked(config, base)
    windows, history = windows_of(config.backtest), inputs.history
    settings = settings_of(config.backtest, config.seed, root / config.name / "units")
    units = plan_units(history, forecasters, windows=windows, settings=settings)
    made = [name for name in forecasters if name not in units]
    words = f"{len(history.static):,} series, {history.freq}; horizon {windows.horizon}" + (
        f" after a gap of {windows.gap}" if windows.gap else ""
    )
    words += f"; {config.backtest.workers} processes." + (f" Made of the others: {', '.join(made)}." if made else "")
    stages = Stages.of(forecasters, windows, history.calendar)
    teaching = {name: len(spans) for name, spans in stages.earlier.items() if spans}
    if teaching:
        told = ", ".join(f"{name} at {count}" for name, count in teaching.items())
        words += f" Earlier cutoffs that only teach: {told}."
    whole_days = bool((history.calendar == history.calendar.normalize()).all())
    return Planned(plan(history, windows), units, words, "%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M")


def _config_of(target: Path, overrides: Sequence[str]) -> tuple[Config, Path]:
    """Config of a YAML file or of a run directory, and the folder to which its paths are relative."""
    if not target.is_dir():
        return load_config(target, overrides), target.parent
    return load_config(target / "config.yaml", overrides), Path(find_run(target).manifest["base"])
