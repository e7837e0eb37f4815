"""The leak probe: everything after a cutoff is perturbed, and forecasts made at it may not move by a bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from .adapters.precomputed import Precomputed
from .faults import Fault, InputError
from .perturb import Perturbation, perturbations_of, perturbed
from .run import ForecasterFailedError, Settings, backtest
from .stages import Stages, with_members

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .derived import Derived
    from .forecaster import Forecaster
    from .history import History
    from .windows import RollingWindows, Window

    Forecasters = Mapping[str, Forecaster | Derived]
    Make = Callable[[History], Forecasters]

Verdict = Literal["clean", "leaks", "not deterministic", "cannot be probed", "failed"]
LATER_CUTOFFS = "what it saw at later cutoffs"
TOGETHER = "several things together"


@dataclass(frozen=True, slots=True)
class Leak:
    """What moved forecasts though it lay after their cutoff.

    what : its name, such as "targets", "in_stock", "covariate 'visitors'" or "later vintages of 'rain'".
    cutoff : everything after it was perturbed.
    rows : forecasts that moved; largest : by how much, at most [units].
    """

    what: str
    cutoff: pd.Timestamp
    rows: int
    largest: float

    def __str__(self) -> str:
        return f"{self.what} ({self.rows} rows moved, by up to {self.largest:.3g})"


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probe found of one forecaster.

    cutoffs : those after which everything was perturbed.
    reason : why it cannot be probed, or failed.
    """

    model: str
    cutoffs: tuple[pd.Timestamp, ...]
    verdict: Verdict
    leaks: tuple[Leak, ...] = ()
    reason: str = ""

    @property
    def proven_wrong(self) -> bool:
        """Whether it must not be trusted; forecasts made elsewhere can be neither trusted nor blamed."""
        return self.verdict not in ("clean", "cannot be probed")

    def __str__(self) -> str:
        named = {leak.what: max((k for k in self.leaks if k.what == leak.what), key=_size) for leak in self.leaks}
        what = "; ".join(map(str, named.values())) or self.reason
        return f"{self.verdict}: {what}" if what else self.verdict


def probe(
    make: Make | Forecasters,
    history: History,
    windows: RollingWindows,
    *,
    settings: Settings | None = None,
    beside: Mapping[str, Callable[[pd.Timestamp], Make]] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Probed, ...]:
    """Backtest each forecaster on the true history and on others that differ after a cutoff only, and compare.

    Three cutoffs are probed: one in the middle of the windows, the last but one, and the last, at which the model
    that was fitted at the one before is asked again. A forecaster that differs from itself is not deterministic; one
    whose forecasts differ after it has seen later cutoffs keeps state. Where forecasts move, each kind of thing is
    perturbed by itself, to name what leaked.

    What it cannot perturb it cannot judge: forecasts made elsewhere (`Precomputed`), files that a forecaster reads by
    itself, and, where built forecasters are given instead of `make`, whatever of the truth was put into them before.

    make : builds the forecasters from a history, so that one which looks at all of it is caught; or the forecasters as
        they are, of which only what they do with what they are handed is judged.
    settings : levels, paths and seed that are wanted; the rest of it does not count.
    beside : at most one thing beside the history that forecasters are built from, such as prices, by its name: gives
        the `make` for which that thing is different after a cutoff.
    progress : called with (forecaster, done, all) after each.

    Raises
    ------
    InputError
        Where no window's cutoff has anything after it.

    >>> from backtest import History, RollingWindows
    >>> from backtest.adapters import SeasonalAverage
    >>> weeks = pd.date_range("2026-01-05", periods=30, freq="W-MON")
    >>> sales = History.of(pd.DataFrame({"unique_id": "a", "ds": weeks, "y": range(30)}))
    >>> [found] = probe({"average": SeasonalAverage(4, "none")}, sales, RollingWindows(horizon=2, n_windows=4))
    >>> print(found.model, found)
    average clean
    """
    wanted = replace(settings or Settings(), workers=1, units=None, on_failure="stop")
    worlds = _Worlds(make, history, wanted, beside or {})
    trials = _trials(windows, history.calendar)
    Stages.of(worlds.true.forecasters, windows, history.calendar)  # refuses members that do not exist
    names = list(worlds.true.forecasters)
    found = []
    for number, name in enumerate(names, start=1):
        found.append(_probed(name, worlds, trials))
        if progress is not None:
            progress(name, number, len(names))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Windows that share a fit, and the last of their cutoffs, after which everything is perturbed."""

    windows: RollingWindows
    cutoff: pd.Timestamp


def _trials(windows: RollingWindows, calendar: pd.DatetimeIndex) -> list[_Trial]:
    spans = [w for w in windows.over(calendar) if w.cutoff < calendar[-1]]
    if not spans:
        raise InputError([Fault("nothing-to-probe", f"no cutoff has data after it: they end at {calendar[-1]:%Y-%m-%d}",
                                "backtest", "set an earlier last_cutoff")])  # fmt: skip
    last = len(spans) - 1
    alone = sorted({len(spans) // 2, last - 1} - {-1, last}) if last else [0]
    blocks = [spans[k : k + 1] for k in alone] + ([spans[-2:]] if last else [])
    spacing = windows.spacing(calendar)
    return [_Trial(_only(windows, block, spacing), block[-1].cutoff) for block in blocks]


def _only(windows: RollingWindows, block: Sequence[Window], spacing: int | None) -> RollingWindows:
    """Give the same windows at consecutive cutoffs alone, fitted at the first of them.

    spacing : between all cutoffs, which fewer of them could not tell: those that teach lie so far apart too.
    """
    if spacing is None:
        return replace(windows, cutoffs=tuple(w.cutoff for w in block), refit=len(block))
    last = block[-1].cutoff
    return replace(windows, cutoffs=(), step=spacing, n_windows=len(block), last_cutoff=last, refit=len(block))


@dataclass(frozen=True, slots=True, eq=False)
class _World:
    """A history and the forecasters that were built from it."""

    history: History
    forecasters: Forecasters
    settings: Settings

    def fresh(self, name: str) -> dict[str, Forecaster | Derived]:
        """Copies of a forecaster, and of those that it is made of, as they were when they were built."""
        return deepcopy(with_members(self.forecasters, name))

    def forecasts(self, name: str, windows: RollingWindows, own: Forecasters | None = None) -> pd.DataFrame:
        """Forecasts, quantiles and paths, by cutoff, unique_id and ds."""
        made = backtest(self.history, own or self.fresh(name), windows=windows, settings=self.settings)
        tables = [made.forecasts] if made.paths is None else [made.forecasts, made.paths]
        return pd.concat([_keyed(table[table["model"] == name]) for table in tables], axis=1)


@dataclass(slots=True, eq=False)
class _Worlds:
    """The true world, and those that differ from it after a cutoff; each is built once."""

    make: Make | Forecasters
    history: History
    settings: Settings
    beside: Mapping[str, Callable[[pd.Timestamp], Make]]
    kinds: tuple[Perturbation, ...] = field(init=False)
    true: _World = field(init=False)
    _built: dict[tuple[pd.Timestamp, tuple[str, ...]], _World] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert len(self.beside) < 2, "two things beside the history cannot be perturbed together"
        kept = (Perturbation(what, lambda history, *_: history) for what in self.beside)
        self.kinds = (*perturbations_of(self.history), *kept)
        self.true = self._world(self.history, self.make)

    def other(self, cutoff: pd.Timestamp, kinds: Sequence[Perturbation]) -> _World:
        key = cutoff, tuple(kind.what for kind in kinds)
        if key not in self._built:
            other = next((self.beside[kind.what](cutoff) for kind in kinds if kind.what in self.beside), self.make)
            self._built[key] = self._world(perturbed(self.history, cutoff, kinds), other)
        return self._built[key]

    def _world(self, history: History, make: Make | Forecasters) -> _World:
        return _World(history, make if isinstance(make, Mapping) else make(history), self.settings)


def _probed(name: str, worlds: _Worlds, trials: list[_Trial]) -> Probed:
    own = with_members(worlds.true.forecasters, name)
    elsewhere = [n for n, forecaster in own.items() if isinstance(forecaster, Precomputed)]
    if elsewhere:
        reason = "its forecasts were made elsewhere" if elsewhere == [name] else f"{elsewhere[0]} was made elsewhere"
        return Probed(name, (), "cannot be probed", reason=reason)
    cutoffs = tuple(trial.cutoff for trial in trials)
    try:
        verdict, leaks = _examined(name, worlds, trials)
    except (ForecasterFailedError, InputError) as error:
        return Probed(name, cutoffs, "failed", reason=str(error))
    return Probed(name, cutoffs, verdict, leaks)


def _examined(name: str, worlds: _Worlds, trials: list[_Trial]) -> tuple[Verdict, tuple[Leak, ...]]:
    true, early = worlds.true, trials[0]
    own = true.fresh(name)
    first = true.forecasts(name, early.windows, own)
    if _moved(first, true.forecasts(name, early.windows))[0]:
        return "not deterministic", ()
    before = [first, *(true.forecasts(name, trial.windows, own) for trial in trials[1:])]
    rows, largest = _moved(first, true.forecasts(name, early.windows, own))
    if rows:
        return "leaks", (Leak(LATER_CUTOFFS, early.cutoff, rows, largest),)
    leaks = [leak for trial, made in zip(trials, before, strict=True) for leak in _leaks(name, worlds, trial, made)]
    return ("leaks" if leaks else "clean"), tuple(leaks)


def _leaks(name: str, worlds: _Worlds, trial: _Trial, before: pd.DataFrame) -> Iterator[Leak]:
    def moved(kinds: Sequence[Perturbation]) -> tuple[int, float]:
        return _moved(before, worlds.other(trial.cutoff, kinds).forecasts(name, trial.windows))

    rows, largest = moved(worlds.kinds)
    if not rows:
        return
    alone = [Leak(kind.what, trial.cutoff, *moved([kind])) for kind in worlds.kinds]
    named = [leak for leak in alone if leak.rows]
    yield from named or [Leak(TOGETHER, trial.cutoff, rows, largest)]


def _keyed(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="model").set_index(["cutoff", "unique_id", "ds"])


def _moved(before: pd.DataFrame, after: pd.DataFrame) -> tuple[int, float]:
    """Rows that are not the same to the last bit, and the largest difference among them."""
    a, b = before.align(after, join="outer")
    x, y = a.to_numpy(dtype=float), b.to_numpy(dtype=float)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    gaps = np.abs(x - y)[~same]
    return int((~same).any(axis=1).sum()), float(np.nanmax(gaps, initial=0.0))


def _size(leak: Leak) -> tuple[int, float]:
    return leak.rows, leak.largest
