"""Rolling windows: calendar cutoffs shared by the whole panel."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd

from .faults import Fault, InputError, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Window:
    """One cutoff: the last timestamp a forecaster may know, and the timestamps it forecasts.

    fitted_at : the cutoff at which the model in use was last fitted (equal to `cutoff` when it is refitted here).
    gap : periods between the cutoff and the first step, in which plans are made but no data arrive.
    """

    cutoff: pd.Timestamp
    steps: pd.DatetimeIndex
    fitted_at: pd.Timestamp
    gap: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([]))

    @property
    def ordered_at(self) -> pd.Timestamp:
        """The period at whose end this window's forecast is acted on: the last one before its first step."""
        return self.gap[-1] if len(self.gap) else self.cutoff


@dataclass(frozen=True, slots=True)
class RollingWindows:
    """Where a backtest stands in time; all counts are in periods of the panel's frequency.

    horizon : periods forecast from each cutoff.
    step : periods from one cutoff to the next, which is the review period of the orders.
    n_windows : number of cutoffs.
    gap : periods between the cutoff and the first forecast: data are that late, or plans that early.
    refit : when the model is fitted anew, the first cutoff included; between, the fitted model sees new data only.
        A number fits at every so many cutoffs; a pandas frequency fits at the first cutoff that is not before the last
        fit plus it: "28D" after four weeks, "MS" in each new month.
    input_size : periods of history that a forecaster is handed (sliding window); None hands all (expanding window).
    last_cutoff : the newest cutoff; None takes the newest one whose whole horizon lies in the history. A later one
        is scored on those of its steps that are known.
    cutoffs : the cutoffs themselves, instead of step, n_windows and last_cutoff.
    """

    horizon: int
    step: int = 1
    n_windows: int = 1
    gap: int = 0
    refit: int | str = 1
    input_size: int | None = None
    last_cutoff: pd.Timestamp | None = None
    cutoffs: tuple[pd.Timestamp, ...] = ()

    def __post_init__(self) -> None:
        """Refuse counts below one, a refit that is no period, and cutoffs given twice over; all at once."""
        counts = {"horizon": self.horizon, "step": self.step, "n_windows": self.n_windows, "refit": self.refit}
        if self.input_size is not None:
            counts["input_size"] = self.input_size
        faults = [
            Fault("window", f"{name}={value} must be >= 1", f"windows.{name}", "give a number of periods")
            for name, value in counts.items()
            if isinstance(value, int) and value < 1
        ]
        if self.gap < 0:
            faults.append(Fault("window", f"gap={self.gap} must be >= 0", "windows.gap", "give a number of periods"))
        refuse(faults + _refit_faults(self.refit) + self._cutoff_faults())

    def over(self, calendar: pd.DatetimeIndex) -> tuple[Window, ...]:
        """Windows on a calendar, oldest first.

        Raises InputError when the calendar is too short, or a cutoff is not one of its dates.

        >>> days = pd.date_range("2026-01-01", periods=10, freq="D")
        >>> [w.cutoff.day for w in RollingWindows(horizon=2, step=3, n_windows=2).over(days)]
        [5, 8]
        """
        positions = self._given(calendar) if self.cutoffs else self._rolled(calendar)
        fits = _fits([calendar[p] for p in positions], self.refit)
        windows = []
        for position, fitted_at in zip(positions, fits, strict=True):
            cutoff = calendar[position]
            ahead = pd.date_range(cutoff, periods=self.gap + self.horizon + 1, freq=calendar.freq)[1:]
            windows.append(Window(cutoff, ahead[self.gap :], fitted_at, ahead[: self.gap]))
        return tuple(windows)

    def before(self, calendar: pd.DatetimeIndex, count: int) -> tuple[Window, ...]:
        """Windows before the first one, as far apart as the windows are.

        Raises InputError where the calendar does not reach back so far, or the windows are not evenly apart.
        """
        if not count:
            return ()
        spacing = self.spacing(calendar)
        first = position_in(calendar, self.over(calendar)[0].cutoff)
        if spacing is None or first - count * spacing < 1:
            why = "the cutoffs are not evenly apart"
            if spacing is not None:
                why = f"they reach {count * spacing} periods before the first cutoff, and only {first} are known there"
            refuse([Fault("too-few-windows", f"{count} earlier windows are needed, and {why}", "windows",
                          "give fewer windows or a longer history, or let fewer windows teach")])  # fmt: skip
        assert spacing is not None
        last = calendar[first - spacing]
        return replace(self, step=spacing, n_windows=count, last_cutoff=last, cutoffs=()).over(calendar)

    def spacing(self, calendar: pd.DatetimeIndex) -> int | None:
        """Periods from one cutoff to the next, or None where they are not all the same."""
        if not self.cutoffs:
            return self.step
        positions = self._given(calendar)
        gaps = {b - a for a, b in itertools.pairwise(positions)}
        return gaps.pop() if len(gaps) == 1 else (self.step if not gaps else None)

    def _rolled(self, calendar: pd.DatetimeIndex) -> list[int]:
        last = self._last_position(calendar)
        first = last - self.step * (self.n_windows - 1)
        if first < 1:
            needed = self.horizon + self.gap + self.step * (self.n_windows - 1) + 2
            late = f", gap={self.gap}" if self.gap else ""
            raise InputError([Fault(
                "horizon-too-long",
                f"horizon={self.horizon}, n_windows={self.n_windows}, step={self.step}{late} need {needed} periods of "
                f"history, and there are {len(calendar)} ({calendar[0]:%Y-%m-%d} to {calendar[-1]:%Y-%m-%d})",
                "backtest",
                "lower horizon or n_windows, or give a longer history",
            )])  # fmt: skip
        return [first + self.step * k for k in range(self.n_windows)]

    def _last_position(self, calendar: pd.DatetimeIndex) -> int:
        if self.last_cutoff is None:
            return len(calendar) - 1 - self.horizon - self.gap
        refuse(_unknown(calendar, [self.last_cutoff], "last_cutoff"))
        return position_in(calendar, self.last_cutoff)

    def _given(self, calendar: pd.DatetimeIndex) -> list[int]:
        refuse(_unknown(calendar, self.cutoffs, "cutoffs"))
        return [position_in(calendar, cutoff) for cutoff in self.cutoffs]

    def _cutoff_faults(self) -> list[Fault]:
        if not self.cutoffs:
            return []
        faults = [
            Fault("given-twice", f"{name} and cutoffs are both given", f"windows.{name}", "leave one of them out")
            for name, given in (
                ("n_windows", self.n_windows != 1),
                ("last_cutoff", self.last_cutoff is not None),
                ("step", self.step != 1),
            )
            if given
        ]
        faults += [
            Fault("cutoffs", f"cutoff {b:%Y-%m-%d} does not come after {a:%Y-%m-%d}", "windows.cutoffs",
                  "give them in order, each once")
            for a, b in zip(self.cutoffs, self.cutoffs[1:], strict=False) if b <= a
        ]  # fmt: skip
        return faults


def position_in(calendar: pd.DatetimeIndex, moment: pd.Timestamp) -> int:
    """Position of one of a calendar's timestamps."""
    return int(calendar.get_indexer(pd.DatetimeIndex([moment]))[0])


def _refit_faults(refit: int | str) -> list[Fault]:
    if isinstance(refit, int):
        return []
    try:
        later = pd.Timestamp(2026, 1, 1) + pd.tseries.frequencies.to_offset(refit)
    except ValueError:
        later = None
    if later is not None and later > pd.Timestamp(2026, 1, 1):
        return []
    return [Fault("refit", f"refit={refit!r} is no period of time", "windows.refit",
                  "give a number of windows, or a pandas frequency such as 28D or MS")]  # fmt: skip


def _fits(cutoffs: Sequence[pd.Timestamp], refit: int | str) -> list[pd.Timestamp]:
    """The cutoff at which the model in use at each cutoff was fitted."""
    if isinstance(refit, int):
        return [cutoffs[k - k % refit] for k in range(len(cutoffs))]
    offset = pd.tseries.frequencies.to_offset(refit)
    fits: list[pd.Timestamp] = []
    for cutoff in cutoffs:
        fits.append(fits[-1] if fits and cutoff < fits[-1] + offset else cutoff)
    return fits


def _unknown(calendar: pd.DatetimeIndex, cutoffs: Sequence[pd.Timestamp], name: str) -> list[Fault]:
    return [
        Fault(
            "unknown-cutoff",
            f"{name}={cutoff:%Y-%m-%d} is not in the history's calendar "
            f"({calendar[0]:%Y-%m-%d} to {calendar[-1]:%Y-%m-%d}, {calendar.freqstr})",
            f"windows.{name}",
            "give one of its timestamps",
        )
        for cutoff in cutoffs
        if cutoff not in calendar
    ] + [
        Fault("horizon-too-long", f"{name}={cutoff:%Y-%m-%d} is the first period of the history: nothing is known "
              "before it", f"windows.{name}", "give a later one")
        for cutoff in cutoffs if cutoff == calendar[0]
    ]  # fmt: skip
