"""Rolling windows: calendar cutoffs shared by the whole panel."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from .faults import Fault, InputError


@dataclass(frozen=True, slots=True)
class Window:
    """One cutoff: the last timestamp a forecaster may know, and the timestamps it forecasts.

    fitted_at : the cutoff at which the model in use was last fitted (equal to `cutoff` when it is refitted here).
    """

    cutoff: pd.Timestamp
    steps: pd.DatetimeIndex
    fitted_at: pd.Timestamp


@dataclass(frozen=True, slots=True)
class RollingWindows:
    """Where a backtest stands in time; all counts are in periods of the panel's frequency.

    horizon : periods forecast from each cutoff.
    step : periods from one cutoff to the next, which is the review period of the orders.
    n_windows : number of cutoffs.
    refit : fit at every `refit`-th cutoff, the first one included; between them the fitted model sees new data only.
    input_size : periods of history that a forecaster is handed; None hands all of it (expanding window).
    last_cutoff : the newest cutoff; None takes the newest one whose whole horizon lies in the history. A later one
        is scored on those of its steps that are known.
    """

    horizon: int
    step: int = 1
    n_windows: int = 1
    refit: int = 1
    input_size: int | None = None
    last_cutoff: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        """Refuse counts below one, all at once."""
        counts = {
            "horizon": self.horizon,
            "step": self.step,
            "n_windows": self.n_windows,
            "refit": self.refit,
        }
        if self.input_size is not None:
            counts["input_size"] = self.input_size
        faults = [
            Fault("window", f"{name}={value} must be >= 1", f"windows.{name}", "give a number of periods")
            for name, value in counts.items()
            if value < 1
        ]
        if faults:
            raise InputError(faults)

    def over(self, calendar: pd.DatetimeIndex) -> tuple[Window, ...]:
        """Windows on a calendar, oldest first.

        Raises InputError when the calendar is too short or `last_cutoff` is not one of its dates.

        >>> days = pd.date_range("2026-01-01", periods=10, freq="D")
        >>> [w.cutoff.day for w in RollingWindows(horizon=2, step=3, n_windows=2).over(days)]
        [5, 8]
        """
        last = self._last_position(calendar)
        first = last - self.step * (self.n_windows - 1)
        if first < 1:
            needed = self.horizon + self.step * (self.n_windows - 1) + 2
            raise InputError([Fault(
                "horizon-too-long",
                f"horizon={self.horizon}, n_windows={self.n_windows}, step={self.step} need {needed} periods of "
                f"history, and there are {len(calendar)} ({calendar[0]:%Y-%m-%d} to {calendar[-1]:%Y-%m-%d})",
                "backtest",
                "lower horizon or n_windows, or give a longer history",
            )])  # fmt: skip
        freq = calendar.freq
        positions = [first + self.step * k for k in range(self.n_windows)]
        return tuple(
            Window(
                cutoff=calendar[p],
                steps=pd.date_range(calendar[p], periods=self.horizon + 1, freq=freq)[1:],
                fitted_at=calendar[positions[k - k % self.refit]],
            )
            for k, p in enumerate(positions)
        )

    def _last_position(self, calendar: pd.DatetimeIndex) -> int:
        if self.last_cutoff is None:
            return len(calendar) - 1 - self.horizon
        if self.last_cutoff not in calendar:
            raise InputError([Fault(
                "unknown-cutoff",
                f"last_cutoff={self.last_cutoff:%Y-%m-%d} is not in the history's calendar "
                f"({calendar[0]:%Y-%m-%d} to {calendar[-1]:%Y-%m-%d}, {calendar.freqstr})",
                "windows.last_cutoff",
                "give one of its timestamps",
            )])  # fmt: skip
        return position_in(calendar, self.last_cutoff)


def position_in(calendar: pd.DatetimeIndex, moment: pd.Timestamp) -> int:
    """Position of one of a calendar's timestamps."""
    return int(calendar.get_indexer(pd.DatetimeIndex([moment]))[0])
