"""Run forecasters over rolling windows; a killed run continues where it stopped."""

from __future__ import annotations

import os
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool

from .collect import Backtest, Collected, Usage
from .derived import Derived
from .faults import Fault, nearest, refuse
from .forecaster import Ask
from .spool import Spooled
from .stages import Stages
from .units import Store, units_of
from .work import Failure, ForecasterFailedError, do_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from .forecaster import Forecaster
    from .history import History
    from .units import Unit
    from .windows import RollingWindows
    from .work import Outcome


OnFailure = Literal["stop", "skip", "fallback"]


class WorkerLostError(RuntimeError):
    """A worker process died, as it does when memory runs out, or could not load a forecaster; finished work is kept."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "a worker process died, most likely for lack of memory; finished work is kept: "
            f"go on with fewer workers or a smaller shard ({why.splitlines()[0] if why else 'it gave no reason'})"
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run.

    levels : quantile levels wanted from models that have them.
    paths : sample paths wanted from models that can draw them.
    seed : of whatever forecasters draw.
    on_failure : stop at the first failure; skip the cutoffs at which a model failed; or fallback, give the series that
        it failed on the forecasts of the model that `fallback` names.
    workers : processes. What comes out does not depend on it.
    shard : series in one unit of work of a forecaster that treats each series by itself.
    units : folder where finished units are kept; None keeps nothing.
    """

    levels: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9)
    paths: int = 0
    seed: int = 0
    on_failure: OnFailure = "stop"
    fallback: str | None = None
    workers: int = 1
    shard: int = 250
    units: Path | None = None


def backtest(
    history: History,
    forecasters: Mapping[str, Forecaster | Derived],
    *,
    windows: RollingWindows,
    settings: Settings | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Backtest:
    """Fit and run every forecaster at every cutoff; each is handed only what was known then.

    Work is done in units: a forecaster, the cutoffs that share a fit, and a shard of the series if it treats each by
    itself. A finished unit is recognised by the content of the forecaster, the code, and the data that it could see.

    forecasters : by name; a `Derived` one is made of the others' forecasts.
    progress : called with (model, finished units, all units) after each unit.

    Raises
    ------
    InputError
        For windows that the history is too short for, forecasts made elsewhere that lack rows, a forecaster that cannot
        be pickled, a derived one whose members do not exist, or a fallback that does not.
    ForecasterFailedError
        When a forecaster fails and `settings.on_failure` is "stop".
    WorkerLostError
        When a worker process dies.
    """
    settings = settings or Settings()
    refuse([*_settings_faults(settings, forecasters), *_forecaster_faults(forecasters)])
    ask = Ask(settings.levels, settings.paths, settings.seed, windows.input_size)
    stages = Stages.of(forecasters, windows, history.calendar)
    with _store(settings.units) as store:
        units = [
            unit
            for spans, own in stages.base()
            for unit in units_of(history, own, spans, ask=ask, shard=settings.shard)
        ]
        total = len(units) + stages.derivations
        told = _telling(progress, total)
        collected = Collected(
            history, ask, store, fallback=settings.fallback if settings.on_failure == "fallback" else None
        )
        for unit, outcome in _done(history, units, ask, store, settings):
            collected.add(unit, outcome)
            _stop_at(outcome.failures, settings)
            told(unit.model)
        collected.settle()
        for model, derived, spans in stages.derived():
            earlier = derived.earlier(windows, history.calendar)
            failures = collected.derive(model, derived, spans, earlier=earlier)
            _stop_at(failures, settings)
            for _ in spans:
                told(model)
        return collected.result(stages)


def plan_units(
    history: History,
    forecasters: Mapping[str, Forecaster | Derived],
    *,
    windows: RollingWindows,
    settings: Settings,
) -> dict[str, tuple[int, int]]:
    """Units of each forecaster that `backtest` would do: (all, those that are finished already); nothing is run."""
    ask = Ask(settings.levels, settings.paths, settings.seed, windows.input_size)
    counts: dict[str, tuple[int, int]] = {}
    for spans, own in Stages.of(forecasters, windows, history.calendar).base():
        for unit in units_of(history, own, spans, ask=ask, shard=settings.shard):
            every, finished = counts.get(unit.model, (0, 0))
            there = settings.units is not None and Store(settings.units).find(unit) is not None
            counts[unit.model] = (every + 1, finished + there)
    return counts


def _settings_faults(settings: Settings, forecasters: Mapping[str, Forecaster | Derived]) -> list[Fault]:
    counts = {"workers": settings.workers, "shard": settings.shard, "paths": settings.paths + 1}
    faults = [
        Fault("settings", f"{name} is too small", f"settings.{name}", "give a larger number")
        for name, value in counts.items() if value < 1
    ]  # fmt: skip
    if settings.on_failure not in get_args(OnFailure):
        known = nearest(settings.on_failure, get_args(OnFailure))
        faults.append(Fault("settings", f"on_failure={settings.on_failure!r} is none", "settings.on_failure", known))
    if settings.on_failure != "fallback":
        return faults
    name = settings.fallback
    own = [model for model, forecaster in forecasters.items() if not isinstance(forecaster, Derived)]
    if name is None or name not in own:
        what = "on_failure=fallback names no forecaster" if name is None else f"fallback={name!r} is not a forecaster"
        faults.append(Fault("fallback", what, "settings.fallback", nearest(name or "", own)))
    return faults


def _forecaster_faults(forecasters: Mapping[str, Forecaster | Derived]) -> list[Fault]:
    """Faults of what has no `fit`, and of classes that were not called."""
    return [
        Fault("no-forecaster", f"{name} is {'a class' if isinstance(it, type) else repr(type(it).__name__)} and not an "
              "object with fit and predict", f"forecasters.{name}",
              "call the class, or wrap a function with backtest.adapters.imported")
        for name, it in forecasters.items()
        if isinstance(it, type) or not (hasattr(it, "fit") or isinstance(it, Derived))
    ]  # fmt: skip


def _stop_at(failures: list[Failure], settings: Settings) -> None:
    if failures and settings.on_failure == "stop":
        raise failures[0].reason


def _telling(progress: Callable[[str, int, int], None] | None, total: int) -> Callable[[str], None]:
    done = 0

    def tell(model: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(model, done, total)

    return tell


@contextmanager
def _store(folder: Path | None) -> Iterator[Store]:
    """Where finished units lie: the folder that is wanted, or one that is thrown away."""
    if folder is not None:
        store = Store(folder.resolve())  # worker processes may stand elsewhere
        store.open()
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="backtest-") as passing:
        yield Store(Path(passing))


def _done(
    history: History, units: list[Unit], ask: Ask, store: Store, settings: Settings
) -> Iterator[tuple[Unit, Outcome]]:
    """Do all units, in whatever order they end; the longest are begun first."""
    order = sorted(range(len(units)), key=lambda k: units[k].start - units[k].stop)
    workers = min(settings.workers, len(units)) or 1
    if workers == 1:
        yield from ((units[k], do_unit(history, units[k], ask, store)) for k in order)
        return
    threads = max(1, (os.cpu_count() or 1) // workers)
    with tempfile.TemporaryDirectory(prefix="backtest-panel-") as folder:
        panel = Spooled.write(history, Path(folder))
        jobs = (delayed(_numbered)(k, panel, units[k], ask, store) for k in order)
        with (
            parallel_config("loky", n_jobs=workers, inner_max_num_threads=threads),
            Parallel(return_as="generator_unordered", max_nbytes=None) as parallel,
            _quietly(parallel(jobs)) as made,
        ):
            try:
                for k, outcome in made:
                    yield units[k], outcome
            except BrokenProcessPool as error:
                raise WorkerLostError(str(error)) from error


def _numbered(number: int, panel: Spooled, unit: Unit, ask: Ask, store: Store) -> tuple[int, Outcome]:
    return number, do_unit(panel, unit, ask, store)


@contextmanager
def _quietly(stream: Generator[tuple[int, Outcome]]) -> Iterator[Iterator[tuple[int, Outcome]]]:
    """Close a stream of work without joblib's words on work that was cut short: that is what stopping means."""
    try:
        yield stream
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stream.close()


__all__ = [
    "Backtest",
    "Failure",
    "ForecasterFailedError",
    "Settings",
    "Usage",
    "WorkerLostError",
    "backtest",
    "plan_units",
]
