"""A simulated number with what past launches make of it: one candidate's line in every report."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from backtest.faults import InputError

from .deltas import SHARE
from .next_test import NextTest, size_of_test

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from .calibration import Calibration, Used

Row = dict[str, str | float | int | bool | None]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One candidate's simulated number, calibrated. All are as the metrics have them, not turned.

    offline, online : metrics; unit : of the online one, offline_unit : of the other. launches : past ones with both
        sides.
    simulated, error : offline difference to the incumbent and its standard error.
    value, low, high : true online difference that is expected, and its interval; better : probability that it is
        for the better. rho_low, rho_high : interval of the correlation over past launches.
    test : that would settle it; None where no past test says how noisy tests are.
    """

    model: str
    offline: str
    online: str
    unit: str
    launches: int
    method: Used
    confidence: float
    simulated: float
    error: float
    value: float
    low: float
    high: float
    better: float
    rho_low: float
    rho_high: float
    test: NextTest | None = None
    offline_unit: str = SHARE

    @property
    def is_blind(self) -> bool:
        """Whether past launches do not show that the offline number says anything of the online one."""
        return self.rho_low <= 0 <= self.rho_high

    @property
    def row(self) -> Row:
        """A line of a table; what is not known is None."""
        own: Row = {name: getattr(self, name) for name in NAMES}
        return own | _test_row(self.test)

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Calibrated:
        """Read a line of a table back."""
        return cls(**{name: row[name] for name in NAMES} | {"launches": _count(row["launches"]), "test": _test_of(row)})


NAMES = tuple(name for name in Calibrated.__slots__ if name != "test")
ARMS = ("control", "treatment")
COLUMNS = (
    *NAMES, "test_unit", "test_length", "test_effect", "test_control", "test_treatment", "test_low_effect",
    "test_low_control", "test_low_treatment", "test_noise", "test_largest", "test_power", "test_level",
)  # fmt: skip
"""Columns of the table `calibrated` of a run."""


def calibrated(
    calibration: Calibration, model: str, simulated: float, error: float, *, group: str | None = None
) -> Calibrated:
    """Calibrate one candidate's simulated number.

    simulated, error : its offline difference, as its metric has it, and the standard error of that; both as launches
        of the calibration have theirs. group : value of `calibration.by`.
    """
    ours, theirs = calibration.turns
    turned = calibration.predict(ours * simulated, error**2, group=group)
    low, high = sorted((theirs * turned.low, theirs * turned.high))
    found = replace(turned, mean=theirs * turned.mean, low=low, high=high)
    try:
        test = size_of_test(calibration.launches, found, online=calibration.online)
    except InputError:  # launches from elsewhere may not say how many units they had
        test = None
    return Calibrated(
        model, calibration.offline, calibration.online, calibration.unit, calibration.n, calibration.method,
        calibration.confidence, simulated, error, found.mean, low, high, turned.positive, calibration.rho.low,
        calibration.rho.high, test, calibration.offline_unit,
    )  # fmt: skip


def _test_row(test: NextTest | None) -> Row:
    if test is None:
        return dict.fromkeys(COLUMNS[len(NAMES) :])
    names = ("unit", "length", "effect", "low_effect", "noise", "largest", "power", "level")
    row: Row = {f"test_{name}": getattr(test, name) for name in names}
    for name, arms in (("", test.arms), ("low_", test.low_arms)):
        row |= {f"test_{name}{arm}": None if arms is None else arms[k] for k, arm in enumerate(ARMS)}
    return {name: row[name] for name in COLUMNS[len(NAMES) :]}


def _count(value: float) -> int:
    """Whole number of a column that may have lost one."""
    return int(value) if math.isfinite(value) else 0


def _test_of(row: Mapping[str, Any]) -> NextTest | None:
    noise = row["test_noise"]
    if noise is None or not math.isfinite(noise):
        return None

    def arms(name: str) -> tuple[int, int] | None:
        control, treatment = (row[f"test_{name}{arm}"] for arm in ARMS)
        return None if control is None or not math.isfinite(control) else (int(control), int(treatment))

    low = row["test_low_effect"]
    return NextTest(
        row["test_unit"], row["test_length"], row["test_effect"], arms(""),
        None if low is None or not math.isfinite(low) else low, arms("low_"), noise, _count(row["test_largest"]),
        row["test_power"], row["test_level"],
    )  # fmt: skip


def numbers_of(table: pd.DataFrame) -> tuple[Calibrated, ...]:
    """Calibrated numbers of the lines of a table, whose columns are `COLUMNS`."""
    rows = table.to_dict("records")
    return tuple(Calibrated.of_row({str(name): value for name, value in row.items()}) for row in rows)
