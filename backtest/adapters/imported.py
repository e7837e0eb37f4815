"""Forecasters of third parties, by `package.module:Object` or by the name of an entry point."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..derived import Derived, Made
from ..faults import InputError, nearest
from ..forecaster import Forecaster, is_local
from .named_objects import changed, current, refusal, source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd

    from ..forecaster import Fitted, Known
    from ..windows import RollingWindows


@dataclass(frozen=True, slots=True)
class Imported:
    """A forecaster that lies in a module; it is imported in whatever process it is fitted.

    object : "package.module:Object", or the name of an entry point of the group `forecast_eval.forecasters`. It is a
        class or function that makes a forecaster of `params`, a forecaster, or a function `f(known, **params)` whose
        first parameter is called `known`, which gives the forecasts and is called anew at each cutoff. An attribute
        `local` of any of them says that it treats each series by itself.
    params : its arguments, as (name, value) pairs.
    source : hash of the file that the object is in, so that edited code is a changed forecaster; files that it imports
        are not watched.
    folder : where modules are looked for last, beside those that are installed.

    `imported` builds it, and refuses what cannot be found or called.
    """

    object: str
    params: tuple[tuple[str, Any], ...] = ()
    source: str = ""
    folder: str | None = field(default=None, repr=False)

    @property
    def local(self) -> bool:
        """Whether the forecaster treats each series by itself."""
        return is_local(self._own())

    def fit(self, known: Known) -> Fitted:
        """Fit the forecaster."""
        own = self._own()
        assert isinstance(own, Forecaster)
        return own.fit(known)

    def _own(self) -> Forecaster | Derived:
        return _made(self.object, dict(self.params), self.folder, self.source)


@dataclass(frozen=True, slots=True)
class ImportedDerived:
    """A forecaster that lies in a module and is made of others; see `Imported` and `backtest.Derived`."""

    object: str
    params: tuple[tuple[str, Any], ...] = ()
    source: str = ""
    folder: str | None = field(default=None, repr=False)

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the forecasters that it is made of."""
        return self._own().members

    def earlier(self, windows: RollingWindows, calendar: pd.DatetimeIndex) -> int:
        """Cutoffs before the first one, at which its members forecast too; its own `earlier` may be a plain number."""
        own: Any = self._own().earlier
        return int(own(windows, calendar) if callable(own) else own)

    def derive(self, known: Known, made: Made) -> pd.DataFrame:
        """Forecast from what the members forecast."""
        return self._own().derive(known, made)

    def _own(self) -> Derived:
        own = _made(self.object, dict(self.params), self.folder, self.source)
        assert isinstance(own, Derived)
        return own


def imported(
    name: str, params: Mapping[str, Any] | None = None, *, folder: Path | None = None
) -> Imported | ImportedDerived:
    """Find a forecaster of a third party and see that it is one.

    name : "package.module:Object", or the name of an entry point.
    params : its arguments.
    folder : where modules are looked for too, after those that are installed.

    Raises
    ------
    InputError
        Where there is no such module, attribute or entry point (the nearest is named), it cannot be imported, does not
        take the arguments, or makes no forecaster.

    >>> imported("backtest.adapters:SeasonalAverage", {"window": 8}).local
    False
    >>> imported("backtest.adapters:SeasonalAverige")
    Traceback (most recent call last):
    ...
    backtest.faults.InputError: forecasters: backtest.adapters has no 'SeasonalAverige'; did you mean 'SeasonalAverage'?
    """
    place = None if folder is None else str(folder.resolve())
    found, module = current(name, place)
    source = source_of(found, module)
    made = _made(name, dict(params or {}), place, source)
    kind = ImportedDerived if isinstance(made, Derived) else Imported
    return kind(name, tuple(sorted((params or {}).items())), source, place)


@dataclass(frozen=True, slots=True)
class _Function:
    """A plain function as a forecaster: it is called anew at each cutoff."""

    function: Callable[..., pd.DataFrame]
    params: Mapping[str, Any]

    @property
    def local(self) -> bool:
        return is_local(self.function)

    def fit(self, known: Known) -> Fitted:  # noqa: ARG002 - it estimates when it predicts
        return self

    def predict(self, known: Known) -> pd.DataFrame:
        return self.function(known, **self.params)


def _made(name: str, params: dict[str, Any], folder: str | None, source: str) -> Forecaster | Derived:
    """Give the forecaster itself, from the code whose hash is `source`."""
    found, module = current(name, folder)
    if source and source_of(found, module) != source:
        raise changed(name)
    own = _called(name, found, params)
    if not isinstance(own, Forecaster | Derived):
        raise refusal("no-forecaster", f"{name} gives a {type(own).__name__}, which has no fit(known) and no "
                       "members, earlier and derive(known, made)",
                       "see backtest.Forecaster, or name a function f(known, **params)")  # fmt: skip
    return own


def _called(name: str, found: Any, params: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever it makes
    if not isinstance(found, type) and isinstance(found, Forecaster | Derived):
        if params:
            raise refusal("unknown-parameter", f"{name} is a forecaster already and takes no params: "
                           f"{', '.join(params)}", "name its class, or leave params out")  # fmt: skip
        return found
    if not callable(found):
        raise refusal("no-forecaster", f"{name} is a {type(found).__name__}, neither a forecaster nor what makes one",
                       "name a class, a function or a forecaster")  # fmt: skip
    expected = inspect.signature(found).parameters
    plain = not isinstance(found, type) and next(iter(expected), None) == "known"
    try:
        inspect.signature(found).bind(*([None] if plain else []), **params)
    except TypeError as error:
        given = next((p for p in params if p not in expected), None)
        takes = [p for p in expected if not (plain and p == "known")]
        fix = f"it takes {', '.join(takes) or 'none'}" if given is None or not takes else nearest(given, takes)
        raise refusal("unknown-parameter", f"params of {name}: {error}", fix) from error
    if plain:
        return _Function(found, params)
    try:
        return found(**params)
    except InputError:
        raise
    except Exception as error:
        raise refusal("bad-parameter", f"{name} refuses its params: {type(error).__name__}: {error}",
                       "correct params") from error  # fmt: skip
