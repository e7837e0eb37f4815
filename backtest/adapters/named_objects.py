"""Objects by `package.module:Object`: found, loaded from a folder too, and recognised by the code they are in."""

from __future__ import annotations

import hashlib
import importlib
import sys
from contextlib import contextmanager
from functools import reduce
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from ..faults import Fault, InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

GROUP = "forecast_eval.forecasters"
"""Entry points of this group are forecasters."""
FINGERPRINT, FOLDER = "__forecast_eval_source__", "__forecast_eval_folder__"
"""Marks on a module: the hash of its file when it was loaded, and the config's folder that it came from."""
PLACE = "forecasters"


def _found(name: str, folder: str | None, group: str) -> tuple[Any, ModuleType]:
    """Give the object of a name, and the module in which it was looked for."""
    path, _, attribute = (_entry_point(name, group) if ":" not in name else name).partition(":")
    module = _module(path, folder)
    try:
        return reduce(getattr, attribute.split("."), module), module
    except AttributeError:
        public = [n for n in vars(module) if not n.startswith("_")]
        raise refusal("unknown-object", f"{path} has no {attribute!r}", nearest(attribute, public)) from None


def _entry_point(name: str, group: str) -> str:
    known = {point.name: point.value for point in entry_points(group=group)}
    if name in known:
        return known[name]
    fix = nearest(name, known) if known else "install the package that has it, or write package.module:Object"
    raise refusal("unknown-object", f"no installed package has an entry point {name!r} in {group}", fix)


def _module(path: str, folder: str | None) -> ModuleType:
    with _also_from(folder):
        _forget_of_other_folders(folder)
        importlib.invalidate_caches()
        before = set(sys.modules)
        try:
            return importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{path}.".startswith(f"{error.name}."):
                raise _broken(path, error) from error  # it is there, and something that it imports is not
            raise refusal("unknown-module", f"there is no module {error.name!r}", _near(error.name, folder)) from None
        except Exception as error:
            raise _broken(path, error) from error
        finally:
            _mark(set(sys.modules) - before, folder)


def _broken(path: str, error: Exception) -> InputError:
    return refusal("broken-module", f"{path} cannot be imported: {type(error).__name__}: {error}", "mend it")


def _near(name: str, folder: str | None) -> str:
    above, _, last = name.rpartition(".")
    if above:
        return nearest(last, (m.name for m in iter_modules(getattr(sys.modules[above], "__path__", []))))
    local = [m.name for m in iter_modules([folder])] if folder else []
    return nearest(last, local) if local else "install its package, or put it beside the config"


@contextmanager
def _also_from(folder: str | None) -> Iterator[None]:
    """Look for modules in a folder too, last of all."""
    if folder is None:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.reverse()
        sys.path.remove(folder)  # the last one
        sys.path.reverse()


def _forget_of_other_folders(folder: str | None) -> None:
    """Forget modules that another config had in its own folder: they may have the names of these."""
    for name, module in sys.modules.copy().items():
        if folder is not None and getattr(module, "__dict__", {}).get(FOLDER, folder) != folder:
            del sys.modules[name]


def _mark(names: set[str], folder: str | None) -> None:
    """Note which modules came from a config's folder."""
    for name in names:
        module = sys.modules[name]
        file = getattr(module, "__file__", None)
        if folder is not None and file is not None and Path(file).is_relative_to(folder):
            setattr(module, FOLDER, folder)


def current(name: str, folder: str | None, *, group: str = GROUP) -> tuple[Any, ModuleType]:
    """Find an object; what lies in a config's folder is loaded again where it was edited since.

    name : "package.module:Object", or the name of an entry point of the group.
    """
    found, module = _found(name, folder, group)
    stale = [m for m in _modules_of(found, module) if getattr(m, FINGERPRINT, _digest(m)) != _digest(m)]
    if any(not hasattr(m, FOLDER) for m in stale):  # others may hold objects of an installed module
        raise changed(name)
    with _also_from(folder):
        for old in stale:
            importlib.reload(old)
    if stale:
        found, module = _found(name, folder, group)
    for loaded in _modules_of(found, module):
        setattr(loaded, FINGERPRINT, _digest(loaded))
    return found, module


def changed(name: str) -> InputError:
    """Give the error of code that is not what the work began with."""
    return refusal("source-changed", f"the code of {name} has changed since the work began", "start again")


def _modules_of(found: Any, module: ModuleType) -> list[ModuleType]:  # noqa: ANN401 - whatever was named
    """Modules in which an object is defined and named."""
    defined = sys.modules.get(getattr(found, "__module__", None) or type(found).__module__, module)
    return [module] if defined is module else [defined, module]


def _digest(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]


def source_of(found: Any, module: ModuleType) -> str:  # noqa: ANN401 - whatever was named
    """Hash of the files in which an object is defined and named."""
    return "-".join(_digest(m) for m in _modules_of(found, module))


def refusal(rule: str, what: str, fix: str) -> InputError:
    """Give the error of a forecaster that cannot be used."""
    return InputError([Fault(rule, what, PLACE, fix)])
