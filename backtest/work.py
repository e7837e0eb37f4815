"""One unit of work: fit, forecast, check, measure."""

from __future__ import annotations

import time
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from .asof import known_at
from .columns import QUANTILE, path_columns, quantile_column, quantile_levels
from .faults import InputError, Origin
from .forecaster import FallbackWarning
from .frames import complete_faults, forecasts_of
from .units import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .forecaster import Ask, Fitted, Known
    from .spool import Panel
    from .units import Store, Unit
    from .windows import Window

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """A forecaster that failed on a window, or gave less than it was asked for.

    series : positions of the series of the unit, from the first to the one after the last; None for all of them.
    refusal : what was wrong with its input, where that is why.
    """

    model: str
    cutoff: pd.Timestamp
    error: str
    traceback: str
    series: tuple[int, int] | None = None
    refusal: InputError | None = None

    def __str__(self) -> str:
        shard = "" if self.series is None else f" on series {self.series[0] + 1} to {self.series[1]}"
        return f"{self.model} failed at cutoff {self.cutoff:%Y-%m-%d}{shard}: {self.error}"

    @property
    def reason(self) -> Exception:
        """The error to raise where a failure stops the backtest."""
        return self.refusal or ForecasterFailedError(self)


class ForecasterFailedError(RuntimeError):
    """A forecaster failed and the backtest was told to stop there; finished units are kept."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(str(failure))


@dataclass(slots=True, eq=False)
class Outcome:
    """What came of a unit.

    forecasts : cutoff, unique_id, ds, forecast, quantiles and paths of the windows that did not fail; None where they
        lie in the store.
    """

    facts: Facts
    forecasts: pd.DataFrame | None = None
    failures: list[Failure] = field(default_factory=list)


def do_unit(panel: Panel, unit: Unit, ask: Ask, store: Store) -> Outcome:
    """Fit and forecast a unit, and keep it if nothing failed; a unit that is finished is not done again."""
    finished = store.find(unit)
    if finished is not None:
        return Outcome(finished)
    out, frames = Outcome(Facts()), []
    history = panel.part(unit.start, unit.stop)
    fitted: Fitted | None = None
    with _peak_memory(out.facts):
        for window in unit.windows:
            try:
                known = known_at(history, window, ask)
                with heard(out.facts, window):
                    if fitted is None:
                        fitted = timed(out.facts, "fit_seconds", unit.forecaster.fit, known)
                    made = timed(out.facts, "predict_seconds", fitted.predict, known)
                frames.append(in_contract(made, unit.model, window, known))
                out.facts.forecasts += len(known.future) // known.horizon
            except (Exception, SystemExit) as error:  # noqa: BLE001 - what a forecaster raises is its failure
                failure = failed(unit.model, window, error)
                out.failures.append(failure if unit.whole else replace(failure, series=(unit.start, unit.stop)))
    forecasts = pd.concat(frames, ignore_index=True) if frames else None
    if forecasts is not None and not out.failures:
        store.write(unit, forecasts, out.facts)
    else:
        out.forecasts = forecasts
    return out


def failed(model: str, window: Window, error: BaseException) -> Failure:
    """Describe an error that is being handled."""
    if isinstance(error, InputError):
        error = InputError(replace(f, place=_named(f.place, model)) for f in error.faults)
        return Failure(model, window.cutoff, str(error.faults[0]), traceback.format_exc(), refusal=error)
    text = f"{type(error).__name__}: {error}".rstrip(".")
    return Failure(model, window.cutoff, text, traceback.format_exc())


def _named(place: str, model: str) -> str:
    return f"forecasters.{model}" if place == "forecasters" else place


def timed(facts: Facts, name: str, call: Callable[..., T], *arguments: object) -> T:
    """Add the seconds of a call to a fact."""
    start = time.perf_counter()
    try:
        return call(*arguments)
    finally:
        setattr(facts, name, getattr(facts, name) + time.perf_counter() - start)


@contextmanager
def heard(facts: Facts, window: Window) -> Iterator[None]:
    """Collect what a forecaster says of series that it treats otherwise; nothing else that it says is shown."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", FallbackWarning)
        yield
    facts.notes += [f"at {window.cutoff:%Y-%m-%d}: {w.message}" for w in said]


@contextmanager
def _peak_memory(facts: Facts) -> Iterator[None]:
    """Measure the process at its largest, where the system can tell (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget earlier peaks
    except OSError:
        yield
        return
    yield
    status = Path("/proc/self/status").read_text(encoding="ascii").split("VmHWM:")[1]
    facts.peak_memory = 1024.0 * int(status.split()[0])


def in_contract(made: pd.DataFrame, model: str, window: Window, known: Known) -> pd.DataFrame:
    """Check what a forecaster gave back, and put it into the contract: cutoff and the wanted rows in their order.

    Raises ValueError that names the first fault.
    """
    wanted = known.wanted()
    quick = _aligned(made, wanted, known.paths)
    if quick is None:
        quick = _aligned(_explained(made, model, window, known), wanted, known.paths)
        assert quick is not None
    quick.insert(0, "cutoff", window.cutoff)
    return quick


def _aligned(made: pd.DataFrame, wanted: pd.DataFrame, known_paths: int) -> pd.DataFrame | None:
    """The wanted rows, if all is well; else None."""
    if not {"unique_id", "ds", "forecast"} <= set(made.columns):
        return None
    columns = list(map(str, made.columns))
    levels, paths = quantile_levels(columns), path_columns(columns)
    odd = [c for c in columns if QUANTILE.match(c) and c not in levels.values()]
    if odd or any(c != quantile_column(q) for q, c in levels.items()) or made.columns.has_duplicates:
        return None
    if len(paths) not in (0, known_paths):
        return None
    values = ["forecast", *levels.values(), *paths]
    same = len(made) == len(wanted) and all(
        np.array_equal(made[c].to_numpy(), wanted[c].to_numpy()) for c in ("unique_id", "ds")
    )
    if not same:
        if made.duplicated(["unique_id", "ds"]).any() or not made["unique_id"].isin(wanted["unique_id"]).all():
            return None
        made = wanted.merge(made, on=["unique_id", "ds"], how="left")
    numbers = made[values].to_numpy(dtype=float)
    ordered = made[list(levels.values())].to_numpy(dtype=float)
    slack = 1e-9 * np.maximum(1.0, np.abs(ordered[:, 1:]))
    if not np.isfinite(numbers).all() or (np.diff(ordered, axis=1) < -slack).any():
        return None
    keys = {c: wanted[c].to_numpy() for c in ("unique_id", "ds")}
    return pd.DataFrame({**keys, **{c: numbers[:, k] for k, c in enumerate(values)}})


def _explained(made: pd.DataFrame, model: str, window: Window, known: Known) -> pd.DataFrame:
    """Put forecasts into the contract the slow way, which names what is wrong with them."""
    paths = path_columns(list(map(str, made.columns)))
    if len(paths) not in (0, known.paths):
        raise ValueError(f"its forecasts break the contract: {len(paths)} sample paths, and {known.paths} are wanted")
    if "ds" in made.columns and known.gap:
        made = made[made["ds"] > window.ordered_at]
    try:
        long = forecasts_of(made.drop(columns=paths).assign(model=model, cutoff=window.cutoff), origin=Origin(model))
        faults = complete_faults(long, known.wanted(), Origin(model))
    except InputError as error:
        raise ValueError(f"its forecasts break the contract: {error.faults[0]}") from error
    if faults:
        raise ValueError(f"its forecasts break the contract: {faults[0]}")
    long = long.drop(columns=["model", "cutoff"])
    courses = made[["unique_id", "ds", *paths]]
    if not np.isfinite(courses[paths].to_numpy(dtype=float)).all():
        raise ValueError("its forecasts break the contract: a sample path has a value that is not finite")
    return long.merge(courses, on=["unique_id", "ds"], how="left") if paths else long
