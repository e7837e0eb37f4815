"""Launches in a CSV file, one row a metric and side, as a team keeps them that had no launch book."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from backtest.faults import Fault, InputError, attempt, refuse

from ..files import open_file
from .launch_json import LaunchTree, MetricTree, built, unsaid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ..align.launch import Launch
    from ..files import File

    Row = Mapping[str, str | None]
SIDES = ("offline", "online")
NEEDED = ("launch", "side", "metric", "delta", "error")
OF_METRIC = ("delta", "error", "unit", "better", "base")
OF_LAUNCH = (
    "candidate", "incumbent", "judged", "decision", "start", "end", "units_control", "units_treatment", "periods",
    "test_unit",
)  # fmt: skip


def read_csv(path: Path) -> list[Launch]:
    """Launches of a CSV file in long form.

    Columns: launch, side (offline or online), metric, delta (candidate minus incumbent), error (standard error);
    optional unit (share, where it is not given), better (higher or lower; else as the catalogue says) and base. What is
    said of a launch stands on one of its rows or on all: candidate (else the launch's name), incumbent, judged (else
    the day before start), decision (launched, rejected, not tested; else launched where there is an online side), and
    of a launch with an online side start, end, units_control, units_treatment, periods, and test_unit (else store).
    Any other column is a group, such as region. Errors are taken as independent of each other.

    Raises InputError with every fault: file, row and column.
    """
    file = open_file(path)
    refuse([*file.faults, *file.lacking(NEEDED)])
    faults: list[Fault] = []
    by_launch: dict[str, list[int]] = {}
    rows: list[Any] = file.frame.astype(object).where(file.frame.notna(), None).to_dict("records")
    for position, row in enumerate(rows):
        faults += _unplaced(file, position, row)
        if row["launch"] is not None:
            by_launch.setdefault(str(row["launch"]), []).append(position)
    own = [_Block(file, name, [(k, rows[k]) for k in where]) for name, where in by_launch.items()]
    made = [attempt(block.launch, faults) for block in own]
    refuse(faults)
    return [launch for launch in made if launch is not None]


def _unplaced(file: File, position: int, row: Row) -> Iterator[Fault]:
    if row["launch"] is None:
        yield Fault("missing-value", "launch is empty", file.origin.place(position, "launch"), "name the launch")
    if row["side"] not in SIDES:
        yield Fault("bad-value", f"side={row['side']!r} is not a side", file.origin.place(position, "side"),
                    "write offline or online")  # fmt: skip


class _Block:
    """Rows of one launch."""

    def __init__(self, file: File, name: str, rows: Sequence[tuple[int, Row]]) -> None:
        self.file, self.name, self.rows = file, name, rows
        self.at = {side: [k for k, row in rows if row["side"] == side] for side in SIDES}

    def launch(self) -> Launch:
        """Launch of these rows; InputError with every fault."""
        faults: list[Fault] = []
        others = [name for name in self.file.frame.columns if name not in {*NEEDED, *OF_METRIC, *OF_LAUNCH}]
        said = {name: self._said(name, faults) for name in (*OF_LAUNCH, *others)}
        if not self.at["offline"] and all(row["side"] in SIDES for _, row in self.rows):
            faults.append(Fault("no-offline", f"launch {self.name!r} has no offline row", self._place("side"),
                                "give at least one metric that was judged before the launch"))  # fmt: skip
        faults += [
            Fault("missing-value", f"error is empty for {self.name!r}", self.file.origin.place(k, "error"),
                  _why("error"))
            for k, row in self.rows if row["error"] is None
        ]  # fmt: skip
        tree = self._tree(said, [name for name in others if said[name] is not None])
        try:
            read = LaunchTree.model_validate(tree)
        except ValidationError as error:
            found = [*faults, *self._faults(error), *self._unsaid()]
            unsaid_yet = Fault("bad-value", str(error.errors()[0]["msg"]), self._place("launch"), "correct the rows")
            raise InputError(found or [unsaid_yet]) from error
        refuse(faults)
        places = {side: [self.file.origin.place(k, "metric") for k in at] for side, at in self.at.items()}
        return built(read, f"{self.file.source}, row {self.file.rows[self.rows[0][0]]}", places)

    def _tree(self, said: Row, groups: Sequence[str]) -> dict[str, Any]:
        tested = bool(self.at["online"])
        start = said["start"]
        test = {
            "unit": said["test_unit"] or "store", "units": (said["units_control"], said["units_treatment"]),
            "start": start, "end": said["end"], "periods": said["periods"],
        }  # fmt: skip
        return {
            "name": self.name,
            "candidate": said["candidate"] or self.name, "incumbent": said["incumbent"] or "incumbent",
            "judged": said["judged"] or _day_before(start, tested=tested),
            "decision": (said["decision"] or ("launched" if tested else "not tested")).replace("-", " "),
            "offline": self._side("offline"), "online": self._side("online") if tested else None,
            "test": test if tested else None, "groups": {name: said[name] for name in groups},
            "source": {"file": self.file.source, "launch": self.name},
        }  # fmt: skip

    def _side(self, side: str) -> dict[str, Any]:
        own = [row for _, row in self.rows if row["side"] == side]
        # an empty cell is not said, but for what every row needs
        return {"metrics": [
            {"name": row["metric"], "delta": row["delta"], "error": row["error"]}
            | {name: row[name] for name in ("unit", "better", "base") if row.get(name) is not None}
            for row in own
        ]}  # fmt: skip

    def _said(self, column: str, faults: list[Fault]) -> str | None:
        """What the rows say of the launch in a column; a fault where two of them differ."""
        given = [(k, row[column]) for k, row in self.rows if row.get(column) is not None]
        for k, value in given:
            if value != given[0][1]:
                faults.append(Fault(
                    "contradiction", f"{column}={value!r}, and {given[0][1]!r} in another row of {self.name!r}",
                    self.file.origin.place(k, column), "say the same in all rows of a launch, or in one only",
                ))  # fmt: skip
                break
        return given[0][1] if given else None

    def _faults(self, error: ValidationError) -> Iterator[Fault]:
        for one in error.errors():
            loc = one["loc"]
            if loc[0] in SIDES and len(loc) == 1 + 2 + 1 and isinstance(loc[2], int):
                position, column = self.at[str(loc[0])][loc[2]], {"name": "metric"}.get(str(loc[3]), str(loc[3]))
            elif loc[0] in SIDES:  # no offline row at all, or one without its error: said already
                continue
            else:
                column = _column(loc)
                position = next((k for k, row in self.rows if row.get(column) is not None), self.rows[0][0])
            place = self.file.origin.place(position, column)
            if one["input"] is None:
                yield Fault("missing-value", f"{column} is empty for {self.name!r}", place, _why(column))
            else:
                message = str(one["msg"]).removeprefix("Value error, ")
                shown = "" if isinstance(one["input"], dict) else f"{column}={one['input']!r}: "
                yield Fault("bad-value", f"{shown}{message}", place, "correct the value")

    def _unsaid(self) -> Iterator[Fault]:
        """What else is wrong with rows whose cells are fine, where other rows are not."""
        for side, at in self.at.items():
            for k, metric in zip(at, self._side(side)["metrics"], strict=True):
                try:
                    yield from unsaid(MetricTree.model_validate(metric), self.file.origin.place(k, "metric"))
                except ValidationError:  # said already
                    continue

    def _place(self, column: str) -> str:
        return self.file.origin.place(self.rows[0][0], column)


def _column(loc: tuple[Any, ...]) -> str:
    """Column of a key of a launch."""
    if loc[:2] == ("test", "units"):
        return ("units_control", "units_treatment")[loc[2]]
    if loc[0] == "test":
        return {"unit": "test_unit"}.get(str(loc[-1]), str(loc[-1])) if len(loc) > 1 else "start"
    return {"name": "launch"}.get(str(loc[0]), str(loc[-1]))


def _why(column: str) -> str:
    if column in NEEDED:
        return "every row needs it"
    if column == "judged":
        return "give the last day that the offline side knew"
    return "a launch with an online side needs it, to say how it was tested"


def _day_before(start: str | None, *, tested: bool) -> str | None:
    """Day before a date; None where nothing was tested, and there is no such day."""
    try:
        return (dt.date.fromisoformat(start or "") - dt.timedelta(days=1)).isoformat()
    except ValueError:  # of a launch with a test start is refused where it stands, and this need not be too
        return dt.date.min.isoformat() if tested else None
