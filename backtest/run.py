"""Run forecasters over rolling windows; a killed run continues where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import time
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.util import hash_pandas_object

from .asof import known_at
from .faults import InputError, Origin
from .forecaster import Ask, FallbackWarning
from .frames import complete_faults, forecasts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from .forecaster import Forecaster
    from .history import History
    from .windows import RollingWindows, Window

LIBRARIES = ("forecast-eval", "statsforecast", "mlforecast", "lightgbm")
VERSIONS = tuple((name, version(name)) for name in LIBRARIES)
"""What made a unit, beside its forecaster: with other versions it is made anew."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A forecaster that failed on a window, or gave less than it was asked for."""

    model: str
    cutoff: pd.Timestamp
    error: str
    traceback: str


class ForecasterFailedError(RuntimeError):
    """A forecaster failed and the backtest was told to stop there; finished units are kept."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.model} failed at cutoff {failure.cutoff:%Y-%m-%d}: {failure.error}")


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """What came of it.

    forecasts : model, cutoff, unique_id, ds, forecast and quantile columns.
    failures : forecasters that failed, by window.
    notes : what forecasters said of series that they had to treat otherwise (`FallbackWarning`), by model.
    seconds : model -> seconds of fitting and predicting; units that were found finished count what they took then.
    """

    forecasts: pd.DataFrame
    failures: tuple[Failure, ...]
    notes: dict[str, tuple[str, ...]]
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run.

    levels : quantile levels wanted from models that have them.
    on_failure : stop at the first failure, or skip the window of that model and go on.
    workers : processes.
    units : folder where finished units are kept, one file each; None keeps nothing.
    """

    levels: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9)
    on_failure: Literal["stop", "skip"] = "stop"
    workers: int = 1
    units: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """Work that is done, kept or lost as a whole: one forecaster from one fit to the next."""

    model: str
    forecaster: Forecaster
    windows: tuple[Window, ...]
    key: str


@dataclass(slots=True, eq=False)
class _Outcome:
    forecasts: list[pd.DataFrame] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def backtest(
    history: History,
    forecasters: Mapping[str, Forecaster],
    *,
    windows: RollingWindows,
    settings: Settings | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Backtest:
    """Fit and run every forecaster at every cutoff; each is handed only what was known then.

    progress : called with (model, finished units, all units) after each unit.

    Raises
    ------
    InputError
        For windows that the history is too short for, or forecasts made elsewhere that lack rows.
    ForecasterFailedError
        When a forecaster fails and `settings.on_failure` is "stop".
    """
    from joblib import Parallel, delayed

    settings = settings or Settings()
    spans = windows.over(history.calendar)
    units = list(_units(history, forecasters, spans, windows, settings.levels))
    jobs = (delayed(_run_unit)(history, unit, settings, windows.input_size) for unit in units)
    workers = min(settings.workers, len(units)) or 1
    outcomes: dict[int, _Outcome] = {}
    with Parallel(n_jobs=workers, return_as="generator", max_nbytes=None) as parallel, _quietly(parallel(jobs)) as made:
        for k, outcome in enumerate(made):
            if outcome.failures and settings.on_failure == "stop":
                raise ForecasterFailedError(outcome.failures[0])
            outcomes[k] = outcome
            if progress is not None:
                progress(units[k].model, k + 1, len(units))
    return _collected(units, outcomes)


@contextmanager
def _quietly(stream: Generator[_Outcome]) -> Iterator[Iterator[_Outcome]]:
    """Close a stream of work without joblib's words on work that was cut short: that is what stopping means."""
    try:
        yield stream
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stream.close()


def _units(
    history: History,
    forecasters: Mapping[str, Forecaster],
    spans: tuple[Window, ...],
    windows: RollingWindows,
    levels: tuple[float, ...],
) -> Iterator[_Unit]:
    seen = _Hashes(history)
    for model, forecaster in forecasters.items():
        for _, block in groupby(spans, key=lambda w: w.fitted_at):
            together = tuple(block)
            key = hashlib.sha256(repr((VERSIONS, forecaster, levels, windows.input_size, together)).encode())
            key.update(seen.of(together))
            yield _Unit(model, forecaster, together, key.hexdigest()[:24])


class _Hashes:
    """Hashes of what a unit can see, so that a new week of data leaves older units as they are."""

    def __init__(self, history: History) -> None:
        self._ds = history.frame["ds"].to_numpy()
        self._rows = hash_pandas_object(history.frame, index=False).to_numpy()
        ahead = history.frame[["unique_id", "ds", *history.known_future]]
        self._ahead = hash_pandas_object(ahead, index=False).to_numpy()
        self._beyond = history.ahead
        self._static = hash_pandas_object(history.static).to_numpy()
        self._first = history.frame.groupby("unique_id")["ds"].min().reindex(history.static.index).to_numpy()
        columns = (list(history.frame.columns), list(history.static.columns), history.known_future)
        self._columns = repr(columns).encode()

    def of(self, block: tuple[Window, ...]) -> bytes:
        """Whole rows up to the block's last cutoff, and known-future covariates up to its last step."""
        cutoff, end = block[-1].cutoff, block[-1].steps[-1]
        later = (self._ds > cutoff) & (self._ds <= end)
        beyond = self._beyond[self._beyond["ds"] <= end] if len(self._beyond) else self._beyond
        parts = (
            self._rows[self._ds <= cutoff],
            self._ahead[later],
            hash_pandas_object(beyond, index=False).to_numpy(),
            self._static[self._first <= cutoff],
        )
        return self._columns + b"".join(part.tobytes() for part in parts)


def _run_unit(history: History, unit: _Unit, settings: Settings, input_size: int | None) -> _Outcome:
    path = None if settings.units is None else settings.units / f"{unit.key}.parquet"
    if path is not None and path.exists():
        kept = pd.read_parquet(path)
        facts = dict(pq.read_schema(path).metadata or {})
        noted = json.loads(facts[b"notes"])
        # equal forecasters share their work, whatever they are called
        return _Outcome([kept.assign(model=unit.model)], [], noted, float(facts[b"seconds"]))
    start = time.perf_counter()
    outcome = _forecast_unit(history, unit, settings.levels, input_size)
    outcome.seconds = time.perf_counter() - start
    if path is not None and not outcome.failures:
        _keep(path, pd.concat(outcome.forecasts, ignore_index=True), outcome)
    return outcome


def _keep(path: Path, forecasts: pd.DataFrame, outcome: _Outcome) -> None:
    """Write a finished unit, whole or not at all, with what it took and what was noted."""
    table = pa.Table.from_pandas(forecasts, preserve_index=False)
    facts = {b"seconds": str(outcome.seconds).encode(), b"notes": json.dumps(outcome.notes).encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **facts}), partial)
    partial.replace(path)


def _forecast_unit(history: History, unit: _Unit, levels: tuple[float, ...], input_size: int | None) -> _Outcome:
    out, fitted = _Outcome(), None
    for window in unit.windows:
        known = known_at(history, window, Ask(levels, input_size=input_size))
        try:
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("ignore")
                warnings.simplefilter("always", FallbackWarning)
                fitted = unit.forecaster.fit(known) if fitted is None else fitted
                made = fitted.predict(known)
            out.notes += [f"at {window.cutoff:%Y-%m-%d}: {w.message}" for w in heard]
            out.forecasts.append(_contract(made, unit.model, window, known.wanted()))
        except InputError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a forecaster raises is its failure, reported by name
            text = f"{type(error).__name__}: {error}".rstrip(".")
            out.failures.append(Failure(unit.model, window.cutoff, text, traceback.format_exc()))
    return out


def _contract(made: pd.DataFrame, model: str, window: Window, wanted: pd.DataFrame) -> pd.DataFrame:
    """Check what a forecaster gave back, and put it into the contract."""
    try:
        long = forecasts_of(made.assign(model=model, cutoff=window.cutoff), origin=Origin(model))
        faults = complete_faults(long, wanted, Origin(model))
    except InputError as error:
        raise ValueError(f"its forecasts break the contract: {error.faults[0]}") from error
    if faults:
        raise ValueError(f"its forecasts break the contract: {faults[0]}")
    return long


def _collected(units: list[_Unit], outcomes: Mapping[int, _Outcome]) -> Backtest:
    frames = [frame for outcome in outcomes.values() for frame in outcome.forecasts]
    failures = [failure for outcome in outcomes.values() for failure in outcome.failures]
    if not frames:
        first = failures[0]
        raise ForecasterFailedError(first)
    seconds: dict[str, float] = {}
    for k, outcome in outcomes.items():
        seconds[units[k].model] = seconds.get(units[k].model, 0.0) + outcome.seconds
    notes: dict[str, tuple[str, ...]] = {}
    for k, outcome in outcomes.items():
        if outcome.notes:
            notes[units[k].model] = (*notes.get(units[k].model, ()), *outcome.notes)
    forecasts = pd.concat(frames, ignore_index=True)
    levels = sorted((c for c in forecasts.columns if c.startswith("q")), key=lambda c: float(c[1:]))
    order = ["model", "cutoff", "unique_id", "ds", "forecast", *levels]
    return Backtest(forecasts[order], tuple(failures), notes, seconds)
