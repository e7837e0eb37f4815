"""By what a forecaster is recognised: what it holds, and the code that it is made of."""

from __future__ import annotations

import hashlib
import inspect
import marshal
import pickle
import sysconfig
from functools import cache, partial
from pathlib import Path
from types import FunctionType
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd

from .faults import Fault, InputError

DEPTH = 5
"""How deep what a forecaster holds is looked through for code."""
STANDARD = sysconfig.get_path("stdlib")
INSTALLED = {"site-packages", "dist-packages"}


def identity(model: str, forecaster: object) -> str:
    """Content of a forecaster: its parameters, and the code of the classes and functions that it is made of.

    Code is that of the whole package; of installed packages it is not looked at, as their versions are known.

    Raises InputError for one that cannot be pickled: it could be neither recognised nor sent to another process.
    """
    try:
        content = _content(forecaster)
    except Exception as error:
        raise InputError([Fault(
            "not-picklable", f"{model} cannot be pickled: {type(error).__name__}: {error}", f"forecasters.{model}",
            "let it hold parameters only, and open files and models in fit",
        )]) from error  # fmt: skip
    code = sorted({_code(kind) for kind in _makers(forecaster, DEPTH)})
    return f"{content}-{hashlib.sha256(repr(code).encode()).hexdigest()}"


def _content(forecaster: object) -> str:
    """Hash of what an object holds, and of its class where that is known by value only, as one typed at a prompt."""
    try:
        return str(joblib.hash(forecaster))
    except pickle.PicklingError:
        return hashlib.sha256(cloudpickle.dumps(forecaster)).hexdigest()


def _makers(thing: object, depth: int) -> set[type | FunctionType]:
    """Classes and functions of an object and of what it holds."""
    if isinstance(thing, (str, bytes, int, float, np.ndarray, pd.DataFrame, pd.Series)) or thing is None:
        return set()
    if isinstance(thing, partial):
        return _makers((thing.func, *thing.args, *thing.keywords.values()), depth)
    if isinstance(thing, FunctionType):
        return {thing}
    found: set[type | FunctionType] = {thing if isinstance(thing, type) else type(thing)}
    if depth == 0 or isinstance(thing, type):
        return found
    return found.union(*(_makers(part, depth - 1) for part in _held(thing)))


def _held(thing: object) -> list[Any]:
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, (tuple, list, set, frozenset)):
        return list(thing)
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return [getattr(thing, name, None) for name in (*getattr(thing, "__dict__", {}), *slots)]


def _code(made: type | FunctionType) -> str:
    """Hash of the code of a class or a function."""
    path = _file(made)
    if path is None:
        return "" if made.__module__ == "builtins" else _typed(made)
    if INSTALLED & set(path.parts) or path.is_relative_to(STANDARD):
        return ""
    top = (made.__module__ or "").split(".")[0]
    home = next((parent for parent in path.parents if parent.name == top), None)
    return _files(home or path)


def _file(made: type | FunctionType) -> Path | None:
    try:
        found = inspect.getsourcefile(made)
    except (TypeError, OSError):  # built in, or typed at a prompt
        return None
    return Path(found).resolve() if found and Path(found).is_file() else None


def _files(home: Path) -> str:
    """Hash of a file, or of all the Python files of a package."""
    files = sorted(home.rglob("*.py")) if home.is_dir() else [home]
    return _read(tuple((str(path), path.stat().st_mtime_ns) for path in files))


@cache
def _read(files: tuple[tuple[str, int], ...]) -> str:
    code = hashlib.sha256()
    for path, _ in files:
        code.update(Path(path).read_bytes())
    return code.hexdigest()


def _typed(made: type | FunctionType) -> str:
    """Hash of code that is in no file."""
    functions = [made] if isinstance(made, FunctionType) else [f for f in vars(made).values() if inspect.isfunction(f)]
    return hashlib.sha256(b"".join(marshal.dumps(f.__code__) for f in functions)).hexdigest()
