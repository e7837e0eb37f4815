"""What a rule found, before and after its severity and its place are known."""

from __future__ import annotations

from dataclasses import dataclass

from backtest import Fault


@dataclass(frozen=True, slots=True)
class Hit:
    """One oddity.

    what : the value, and the threshold that it breaks.
    fix : what to do about it.
    series, time : positions in the panel of what it is about, where it is about one series or one period.
    place : file and row, or key of the config, where it is no value of the history.
    unique_id : the series, where it is known by name only.
    """

    what: str
    fix: str
    series: int | None = None
    time: int | None = None
    place: str | None = None
    unique_id: str | None = None


@dataclass(frozen=True, slots=True)
class Finding(Fault):
    """An oddity as a user sees it: a fault that may be a warning, of a rule of `quality`.

    unique_id, ds : the series and the period (ISO 8601) that it is about, where there is one.
    """

    unique_id: str | None = None
    ds: str | None = None
