"""The run directory: resolved config, manifest, tables and report; each file written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from backtest import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from backtest import Failure

    from .config import Config

FORMAT = 6  # raise it when tables or manifest change: older runs are then not taken for new ones
LIBRARIES = ("forecast-eval", "numpy", "pandas", "numba", "statsforecast", "mlforecast", "lightgbm")


@dataclass(frozen=True, slots=True)
class Run:
    """A run's directory, `runs/<name>/<time>-<hash>`; the hash is that of config and data.

    Finished work of forecasters lies beside the runs of the same name, in `units`, so that a run that was killed, or
    one that changes the simulation only, does not fit anything twice.
    """

    path: Path

    @property
    def units(self) -> Path:
        """Folder of finished forecasting work, shared by all runs of this name."""
        return self.path.parent / "units"

    @property
    def manifest(self) -> dict[str, Any]:
        """Versions, seed, data fingerprint, steps that are done."""
        loaded: dict[str, Any] = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
        return loaded

    def has(self, table: str) -> bool:
        """Whether a table has been written."""
        return self._table(table).is_file()

    def read(self, table: str, *, cutoff: pd.Timestamp | None = None) -> pd.DataFrame:
        """Read a table of the run, or its rows of one cutoff."""
        return pd.read_parquet(self._table(table), filters=None if cutoff is None else [("cutoff", "==", cutoff)])

    def write(self, table: str, frame: pd.DataFrame) -> None:
        """Write a table, whole or not at all."""
        write_frame(self._table(table), frame)

    def record(self, step: str, **facts: object) -> None:
        """Note in the manifest that a step is done, with facts about it."""
        done = [s for s in self.manifest["steps"] if s != step] + [step]
        self.note(steps=done, **facts)

    def note(self, **facts: object) -> None:
        """Keep facts in the manifest."""
        write_text(self.path / "manifest.json", _json(self.manifest | facts))

    def write_definitions(self, definitions: Mapping[str, Any]) -> None:
        """Keep what each metric of the run meant."""
        write_text(self.path / "definitions.json", json.dumps(definitions, indent=2, sort_keys=True, default=repr))

    def write_failure(self, failure: Failure) -> None:
        """Keep the traceback of a forecaster that failed."""
        folder = self.path / "failures"
        folder.mkdir(exist_ok=True)
        shard = "" if failure.series is None else f"-series{failure.series[0]}"
        write_text(folder / f"{failure.model}-{failure.cutoff:%Y%m%dT%H%M}{shard}.txt", failure.traceback)

    def done(self, step: str) -> bool:
        """Whether a step has been finished."""
        return step in self.manifest["steps"]

    def _table(self, table: str) -> Path:
        return self.path / "tables" / f"{table}.parquet"


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a Parquet file, whole or not at all."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    frame.to_parquet(partial, index=False)
    partial.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """What the results of a run depend on.

    base : folder to which the config's paths are relative. data : hash of the data.
    definitions : version of each metric.
    book : hash of the newest row of the launch book; empty where the config has none.
    """

    config: Config
    base: Path
    data: str
    definitions: Mapping[str, str]
    book: str = ""

    @property
    def key(self) -> str:
        """Short hash of all of it."""
        known = {
            "format": FORMAT,
            "config": self.config.model_dump(mode="json", exclude=set() if self.book else {"calibration"}),
            "data": self.data,
            "definitions": dict(self.definitions),
            "version": version("forecast-eval"),
            **({"book": self.book} if self.book else {}),
        }
        return hashlib.sha256(_json(known).encode()).hexdigest()[:8]


def open_run(basis: Basis, *, root: Path, fresh: bool = False) -> Run:
    """Directory of the run on this basis: the newest one there is, or a new one.

    fresh : start a new one whatever there is.

    Raises InputError where the directory cannot be written.
    """
    home = root / basis.config.name
    try:
        found = [] if fresh or not home.is_dir() else sorted(home.glob(f"*-{basis.key}"))
        return Run(found[-1]) if found else _new_run(home, basis)
    except OSError as error:
        raise InputError([Fault(
            "unwritable", f"cannot write the run directory: {error.strerror}", str(error.filename or home),
            "make it writable, or give another one with --runs",
        )]) from error  # fmt: skip


def find_run(path: Path) -> Run:
    """Run in a directory; InputError if it holds none."""
    if not (path / "manifest.json").is_file():
        raise InputError([Fault("no-run", "this directory holds no run", str(path), "give runs/<name>/<time>-<hash>")])
    run = Run(path)
    if run.manifest.get("format") != FORMAT:
        raise InputError([Fault("old-run", "this run was made by another version", str(path), "run its config again")])
    return run


def _new_run(home: Path, basis: Basis) -> Run:
    now, config, base = datetime.now(UTC), basis.config, basis.base
    path = home / f"{now:%Y%m%d-%H%M%S}-{basis.key}"
    staged = home / f".{path.name}.{os.getpid()}"
    (staged / "tables").mkdir(parents=True)
    resolved = config.model_dump(mode="json")
    resolved["data"]["root"] = (
        str((base / config.data.root).resolve()) if "$" not in config.data.root else config.data.root
    )
    write_text(staged / "config.yaml", yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True))
    manifest = {
        "name": config.name,
        "format": FORMAT,
        "created": now.isoformat(timespec="seconds"),
        "base": str(base.resolve()),
        "key": basis.key,
        "seed": config.seed,
        "data": basis.data,
        "definitions": dict(basis.definitions),
        "python": sys.version.split()[0],
        "versions": {name: version(name) for name in LIBRARIES},
        "steps": [],
    }
    write_text(staged / "manifest.json", _json(manifest))
    staged.rename(path)
    return Run(path)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, default=str)
