"""What units gave, put together: fallbacks, derived forecasters, and the tables of a backtest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .asof import known_at
from .columns import path_columns, quantile_levels
from .derived import Made
from .units import Facts, Unit
from .work import failed, heard, in_contract, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .derived import Derived
    from .forecaster import Ask, Known
    from .history import History
    from .stages import Stages
    from .units import Store
    from .windows import Window
    from .work import Failure, Outcome


Piece = pd.DataFrame | Unit
"""Forecasts of a shard at a cutoff, or the finished unit that has them in the store."""


@dataclass(slots=True)
class Usage:
    """What a forecaster took.

    fit_seconds, predict_seconds : wall time, over all units. A model that estimates and forecasts in one pass counts it
        where its adapter says.
    forecasts : series forecast, counted at every cutoff.
    peak_memory : bytes of the process at its largest while it worked; NaN where the system does not tell.
    failures : windows, or shards of a window, on which it failed.
    """

    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    forecasts: int = 0
    peak_memory: float = float("nan")
    failures: int = 0

    def add(self, facts: Facts) -> None:
        """Add what one unit took."""
        self.fit_seconds += facts.fit_seconds
        self.predict_seconds += facts.predict_seconds
        self.forecasts += facts.forecasts
        self.peak_memory = float(np.fmax(self.peak_memory, facts.peak_memory))

    @property
    def latency(self) -> float:
        """Mean seconds to forecast one series at one cutoff, fitting left out; NaN where there was none."""
        return self.predict_seconds / self.forecasts if self.forecasts else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """What came of it.

    forecasts : model, cutoff, unique_id, ds, forecast and quantile columns.
    paths : model, cutoff, unique_id, ds and one column a sample path, of the models that have them; None where none
        has.
    failures : forecasters that failed, by window and series.
    notes : what forecasters said of series that they had to treat otherwise (`FallbackWarning`), by model.
    usage : what each forecaster took; units that were found finished count what they took then.
    """

    forecasts: pd.DataFrame
    paths: pd.DataFrame | None
    failures: tuple[Failure, ...]
    notes: dict[str, tuple[str, ...]]
    usage: dict[str, Usage]


@dataclass(slots=True, eq=False)
class Collected:
    """Forecasts by model and cutoff, as they come in."""

    history: History
    ask: Ask
    store: Store
    fallback: str | None = None
    frames: dict[tuple[str, pd.Timestamp], dict[int, Piece]] = field(default_factory=dict)
    finished: list[Unit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    borrowed: set[tuple[str, pd.Timestamp]] = field(default_factory=set)
    notes: dict[str, dict[tuple[pd.Timestamp, int], list[str]]] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)

    def add(self, unit: Unit, outcome: Outcome) -> None:
        """Take in a unit; forecasts that lie in the store are read at the end."""
        self._count(unit.model, outcome.facts, (unit.windows[0].cutoff, unit.start))
        self.failures += outcome.failures
        self.usage[unit.model].failures += len(outcome.failures)
        if outcome.forecasts is not None:
            self._keep(unit, outcome.forecasts)
        elif not outcome.failures:
            self.finished.append(unit)

    def settle(self) -> None:
        """Find what lies in the store, and do what is to be done about failures."""
        for unit in self.finished:
            if len(unit.windows) == 1:
                self.frames.setdefault((unit.model, unit.windows[0].cutoff), {})[unit.start] = unit
            else:
                self._keep(unit, self.store.read(unit))
        self.finished.clear()
        # what the baseline failed on cannot stand in for others
        order = sorted(self.failures, key=lambda f: (f.model != self.fallback, f.cutoff, f.model, f.series or (0, 0)))
        for failure in order:
            if self.fallback is None or not self._fall_back(failure):
                self.frames.pop((failure.model, failure.cutoff), None)

    def derive(self, model: str, derived: Derived, spans: Sequence[Window], *, earlier: int) -> list[Failure]:
        """Make a derived forecaster's forecasts of all windows.

        earlier : newest cutoffs whose forecasts it is shown to learn from.
        """
        self.usage.setdefault(model, Usage())
        failures = []
        for window in spans:
            facts = Facts()
            try:
                known = known_at(self.history, window, self.ask)
                made = timed(facts, "predict_seconds", self._made, derived, known, earlier)
                with heard(facts, window):
                    frame = timed(facts, "predict_seconds", derived.derive, known, made)
                self.frames[model, window.cutoff] = {0: in_contract(frame, model, window, known)}
                facts.forecasts = len(known.future) // known.horizon
                self._hand_on(model, derived, window.cutoff)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - as for forecasters that are fitted
                failures.append(failed(model, window, error))
            self._count(model, facts, (window.cutoff, 0))
        self.failures += failures
        self.usage[model].failures += len(failures)
        for failure in failures if self.fallback is not None else ():
            self._fall_back(failure)
        return failures

    def result(self, stages: Stages) -> Backtest:
        """Tables in the order of models, cutoffs, series and periods, the windows of the backtest only."""
        pieces = [
            (model, piece)
            for model in stages.forecasters for window in stages.spans
            for _, piece in sorted(self.frames.get((model, window.cutoff), {}).items())
        ]  # fmt: skip
        failures = tuple(sorted(self.failures, key=lambda f: (list(stages.forecasters).index(f.model), f.cutoff)))
        if not pieces:
            raise failures[0].reason
        shapes = [self._shape(piece) for _, piece in pieces]
        names = list(dict.fromkeys(c for _, columns in shapes for c in columns))
        paths = path_columns(names)
        drawn = [pair for pair, (_, columns) in zip(pieces, shapes, strict=True) if paths and paths[0] in columns]
        notes = {
            model: tuple(text for _, said in sorted(self.notes[model].items()) for text in said)
            for model in stages.forecasters
            if self.notes.get(model)
        }
        usage = {model: self.usage[model] for model in stages.forecasters if model in self.usage}
        courses = self._table(drawn, paths) if drawn else None
        return Backtest(
            self._table(pieces, ["forecast", *quantile_levels(names).values()]), courses, failures, notes, usage
        )

    def _count(self, model: str, facts: Facts, place: tuple[pd.Timestamp, int]) -> None:
        self.usage.setdefault(model, Usage()).add(facts)
        for text in facts.notes:
            self._note(model, place, text)

    def _keep(self, unit: Unit, forecasts: pd.DataFrame) -> None:
        for window in unit.windows:
            part = forecasts if len(unit.windows) == 1 else forecasts[forecasts["cutoff"] == window.cutoff]
            if len(part):
                self.frames.setdefault((unit.model, window.cutoff), {})[unit.start] = part

    def _at(self, model: str, cutoff: pd.Timestamp) -> pd.DataFrame:
        shards = self.frames[model, cutoff]
        whole = pd.concat([self._load(shards[start]) for start in sorted(shards)], ignore_index=True)
        whole.insert(0, "model", model)
        return whole

    def _fall_back(self, failure: Failure) -> bool:
        """Give the series that a model failed on the fallback's forecasts, and say so."""
        assert self.fallback is not None
        there = self.frames.get((self.fallback, failure.cutoff))
        if there is None or failure.model == self.fallback:
            return False
        start, stop = failure.series or (0, len(self.history.static))
        whole = pd.concat([self._load(there[k]) for k in sorted(there)], ignore_index=True)
        mine = whole[whole["unique_id"].isin(self.history.static.index[start:stop])]
        self.frames.setdefault((failure.model, failure.cutoff), {})[start] = mine
        self.borrowed.add((failure.model, failure.cutoff))
        text = f"at {failure.cutoff:%Y-%m-%d}: {mine['unique_id'].nunique()} series got the forecasts of "
        self._note(failure.model, (failure.cutoff, start), f"{text}{self.fallback}: {failure.error}")
        return True

    def _note(self, model: str, place: tuple[pd.Timestamp, int], text: str) -> None:
        self.notes.setdefault(model, {}).setdefault(place, []).append(text)

    def _hand_on(self, model: str, derived: Derived, cutoff: pd.Timestamp) -> None:
        """Say of what is made of borrowed forecasts that it is."""
        for member in derived.members:
            if (member, cutoff) in self.borrowed:
                self.borrowed.add((model, cutoff))
                text = f"at {cutoff:%Y-%m-%d}: {member} has forecasts of {self.fallback}, and so has what is made of it"
                self._note(model, (cutoff, 0), text)

    def _made(self, derived: Derived, known: Known, earlier: int) -> Made:
        lacking = [name for name in derived.members if (name, known.cutoff) not in self.frames]
        if lacking:
            raise ValueError(f"{', '.join(lacking)} has no forecasts at this cutoff")
        now = pd.concat([self._at(name, known.cutoff) for name in derived.members], ignore_index=True)
        return Made(now, self._past(derived, known, earlier))

    def _past(self, derived: Derived, known: Known, earlier: int) -> pd.DataFrame:
        """Forecasts of earlier cutoffs with what came of them, as far as that was known; none that were borrowed."""
        cutoffs = sorted({cutoff for _, cutoff in self.frames if cutoff < known.cutoff})[-earlier:] if earlier else []
        own = [
            self._at(name, cutoff)
            for name in derived.members
            for cutoff in cutoffs
            if (name, cutoff) in self.frames and (name, cutoff) not in self.borrowed
        ]
        if not own:
            return pd.DataFrame(columns=["model", "cutoff", "unique_id", "ds", "step", "forecast", "y"])
        past = pd.concat(own, ignore_index=True)
        past = past.drop(columns=path_columns(list(past.columns)))
        past["step"] = past.groupby(["model", "cutoff", "unique_id"], sort=False).cumcount() + 1
        seen = [c for c in ("unique_id", "ds", "y", "in_stock") if c in known.history]
        return past[past["ds"] <= known.cutoff].merge(known.history[seen], on=["unique_id", "ds"])

    def _load(self, piece: Piece) -> pd.DataFrame:
        return self.store.read(piece) if isinstance(piece, Unit) else piece

    def _shape(self, piece: Piece) -> tuple[int, list[str]]:
        return self.store.shape(piece) if isinstance(piece, Unit) else (len(piece), list(piece.columns))

    def _table(self, pieces: Sequence[tuple[str, Piece]], values: Sequence[str]) -> pd.DataFrame:
        """One frame of many, read one by one: large tables do not lie there twice."""
        sizes = [self._shape(piece)[0] for _, piece in pieces]
        total = sum(sizes)
        columns: dict[str, Any] = {"model": np.repeat(np.array([model for model, _ in pieces], dtype=object), sizes)}
        kinds = {"cutoff": "M8[ns]", "unique_id": "O", "ds": "M8[ns]"}
        columns |= {name: np.empty(total, dtype=kind) for name, kind in kinds.items()}
        columns |= {name: np.full(total, np.nan) for name in values}
        end = np.cumsum(sizes)
        for (_, piece), size, stop in zip(pieces, sizes, end, strict=True):
            frame = self._load(piece)
            for name in (*kinds, *values):
                if name in frame:
                    columns[name][stop - size : stop] = frame[name].to_numpy()
        return pd.DataFrame(columns, copy=False)
