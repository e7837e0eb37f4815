"""Units of work: what they are, by what they are recognised, and how finished ones are kept."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.util import hash_pandas_object
from pyarrow import parquet as pq

from .forecaster import is_local
from .identity import identity
from .spool import offsets_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .forecaster import Ask, Forecaster
    from .history import History
    from .windows import Window

LIBRARIES = ("numpy", "pandas", "statsforecast", "mlforecast", "lightgbm", "neuralforecast", "torch")
STALE = 3600.0
"""Seconds after which a half-written file is nobody's any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """Work that is done, kept or lost as a whole: a forecaster, the cutoffs that share a fit, a shard of the series.

    windows : the cutoffs from one fit to the next; one, where every cutoff is fitted anew.
    start, stop : positions of the series; all of them for a forecaster that learns from all.
    whole : whether they are all the series of the panel.
    key : what the unit is recognised by: forecaster, data that it can see, windows, versions.
    """

    model: str
    forecaster: Forecaster
    windows: tuple[Window, ...]
    start: int
    stop: int
    whole: bool
    key: str


@dataclass(slots=True)
class Facts:
    """What a unit took, and what was noted.

    fit_seconds, predict_seconds : wall time; peak_memory : bytes of the process at its largest, NaN where unknown.
    forecasts : series forecast, counted at every cutoff.
    notes : what the forecaster said of series that it had to treat otherwise.
    """

    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    peak_memory: float = float("nan")
    forecasts: int = 0
    notes: list[str] = field(default_factory=list)


def units_of(
    history: History, forecasters: Mapping[str, Forecaster], spans: tuple[Window, ...], *, ask: Ask, shard: int
) -> Iterator[Unit]:
    """All units of a backtest: by forecaster, then by fit, then by shard of the series."""
    seen, count = _Seen(history), len(history.static)
    versions = _versions()
    for model, forecaster in forecasters.items():
        size = shard if is_local(forecaster) else count
        for _, block in groupby(spans, key=lambda w: w.fitted_at):
            together = tuple(block)
            own = as_known(forecaster, together[-1].cutoff)
            dates = [[t.isoformat() for t in (w.cutoff, *w.gap)] + [t.isoformat() for t in w.steps] for w in together]
            text = repr((versions, identity(model, own), ask, dates, [len(w.gap) for w in together]))
            for start in range(0, count, size):
                stop = min(start + size, count)
                key = hashlib.sha256(text.encode())
                key.update(seen.of(together, start, stop))
                whole = (start, stop) == (0, count)
                yield Unit(model, own, together, start, stop, whole, key.hexdigest()[:24])


def as_known(forecaster: Forecaster, cutoff: pd.Timestamp) -> Forecaster:
    """A forecaster with only what it may know by a cutoff, where it holds data of its own."""
    known: Forecaster = forecaster.as_known(cutoff) if hasattr(forecaster, "as_known") else forecaster
    return known


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    """What makes a forecast beside its forecaster: with other code it is made anew."""
    found = []
    for name in LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    own = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        own.update(path.read_bytes())
    return (*found, ("backtest", own.hexdigest()))


class _Seen:
    """Hashes of what a unit can see, so that a new week of data leaves older units as they are."""

    def __init__(self, history: History) -> None:
        frame, plain = history.frame, [name for name in history.known_future if name in history.frame.columns]
        self._ds = frame["ds"].to_numpy()
        # ids are hashed once a series, with the static columns
        self._rows = hash_pandas_object(frame.drop(columns="unique_id"), index=False).to_numpy()
        self._plans = hash_pandas_object(frame[["ds", *plain]], index=False).to_numpy() if plain else None
        self._offsets = offsets_of(history)
        self._first = self._ds[self._offsets[:-1]]
        self._static = hash_pandas_object(history.static).to_numpy()
        self._beside = [_Beside(history.ahead, history), *(_Beside(frame, history) for frame in history.vintages)]
        self._shared = hash_pandas_object(history.shared, index=False).to_numpy()
        self._shared_ds = history.shared["ds"].to_numpy()
        beside = [list(table.columns) for table in (history.ahead, history.shared, *history.vintages)]
        columns = (list(frame.columns), list(history.static.columns), history.known_future, history.freq, beside)
        self._columns = repr(columns).encode()

    def of(self, block: tuple[Window, ...], start: int, stop: int) -> bytes:
        """Whole rows up to the block's last cutoff, and known-future covariates up to its last step."""
        cutoff, end = block[-1].cutoff.to_datetime64(), block[-1].steps[-1].to_datetime64()
        rows = slice(int(self._offsets[start]), int(self._offsets[stop]))
        past, ahead = self._ds[rows] <= cutoff, (self._ds[rows] > cutoff) & (self._ds[rows] <= end)
        firsts, begun = self._offsets[start:stop] - self._offsets[start], self._first[start:stop] <= cutoff
        parts = [
            self._rows[rows][past],
            np.add.reduceat(past, firsts, dtype=np.int64)[begun],  # rows of each series
            *(
                ()
                if self._plans is None
                else (self._plans[rows][ahead], np.add.reduceat(ahead, firsts, dtype=np.int64))
            ),
            self._static[start:stop][begun],
            *(beside.of(start, stop, cutoff, end) for beside in self._beside),
            self._shared[(self._shared_ds > block[0].cutoff.to_datetime64()) & (self._shared_ds <= end)],
        ]
        digest = hashlib.sha256(self._columns)
        for part in parts:
            digest.update(f"{len(part)};".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.digest()


class _Beside:
    """Hashes of a table beside the panel's frame, with the series and times of its rows."""

    def __init__(self, frame: pd.DataFrame, history: History) -> None:
        self._empty = frame.empty
        if self._empty:
            return
        self._hashes = hash_pandas_object(frame, index=False).to_numpy()
        self._series = history.static.index.get_indexer(pd.Index(frame["unique_id"]))
        self._ds = frame["ds"].to_numpy()
        self._told = frame["as_of"].to_numpy() if "as_of" in frame else None

    def of(self, start: int, stop: int, cutoff: np.datetime64, end: np.datetime64) -> np.ndarray[Any, Any]:
        if self._empty:
            return np.empty(0)
        here = (self._series >= start) & (self._series < stop) & (self._ds <= end)
        if self._told is not None:
            here &= self._told <= cutoff
        return np.asarray(self._hashes[here])


@dataclass(frozen=True, slots=True)
class Store:
    """Finished units: forecasts as Parquet, and beside them a JSON file with what they took and their checksum.

    A unit counts as finished when its JSON file is there and the checksum is right; each file is written whole or not
    at all, the JSON file last.
    """

    folder: Path

    def open(self) -> None:
        """Make the folder, and clear away what killed runs left half-written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob("*.partial"):
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink(missing_ok=True)

    def find(self, unit: Unit) -> Facts | None:
        """What a unit took, if it is finished and whole."""
        try:
            told = json.loads((self.folder / f"{unit.key}.json").read_text(encoding="utf-8"))
            whole = _checksum(self._forecasts(unit).read_bytes()) == told.pop("sha256")
        except (OSError, ValueError, KeyError):
            return None
        return Facts(**{name: told[name] for name in Facts.__dataclass_fields__}) if whole else None

    def read(self, unit: Unit) -> pd.DataFrame:
        """Forecasts of a finished unit: cutoff, unique_id, ds, forecast, quantiles and paths."""
        with pq.ParquetFile(self._forecasts(unit)) as file:  # read_parquet would load what reads from clouds
            frame: pd.DataFrame = file.read(use_threads=False).to_pandas()
        return frame

    def shape(self, unit: Unit) -> tuple[int, list[str]]:
        """Rows and columns of a finished unit, without reading it."""
        with pq.ParquetFile(self._forecasts(unit)) as file:
            return int(file.metadata.num_rows), list(file.schema_arrow.names)

    def write(self, unit: Unit, forecasts: pd.DataFrame, facts: Facts) -> None:
        """Keep a finished unit."""
        target = self._forecasts(unit)
        partial = self.folder / f"{unit.key}.{os.getpid()}.partial"
        pq.write_table(pa.Table.from_pandas(forecasts, preserve_index=False), partial)
        told = {
            "model": unit.model,
            "cutoffs": [f"{w.cutoff:%Y-%m-%d %H:%M}" for w in unit.windows],
            "series": [unit.start, unit.stop],
            **{name: getattr(facts, name) for name in Facts.__dataclass_fields__},
            "sha256": _checksum(partial.read_bytes()),
        }
        partial.replace(target)
        partial.write_text(json.dumps(told, indent=1), encoding="utf-8")
        partial.replace(self.folder / f"{unit.key}.json")

    def _forecasts(self, unit: Unit) -> Path:
        return self.folder / f"{unit.key}.parquet"


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
