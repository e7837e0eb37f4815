"""The panel on disk while a backtest runs, so that worker processes share it instead of being sent copies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from .history import History


class Panel(Protocol):
    """Something that can give the panel of some of its series: a History, or one that lies on disk."""

    def part(self, start: int, stop: int) -> History:
        """Panel of the series at positions start to stop - 1."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Spooled:
    """A panel whose rows lie in Arrow files that every process maps into memory.

    folder : where the files are.
    shell : the panel without rows.
    offsets : [series + 1] first row of each series.
    """

    folder: Path
    shell: History
    offsets: NDArray[np.int64]

    @classmethod
    def write(cls, history: History, folder: Path) -> Spooled:
        """Write a panel's rows."""
        tables = {"frame": history.frame, "ahead": history.ahead}
        tables |= {f"vintage{k}": frame for k, frame in enumerate(history.vintages)}
        for name, frame in tables.items():
            table = pa.Table.from_pandas(frame, preserve_index=False)
            with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
                out.write_table(table)
        shell = replace(
            history,
            frame=history.frame.iloc[:0],
            ahead=history.ahead.iloc[:0],
            vintages=tuple(frame.iloc[:0] for frame in history.vintages),
        )
        return cls(folder, shell, offsets_of(history))

    def part(self, start: int, stop: int) -> History:
        """Panel of the series at positions start to stop - 1."""
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        whole = replace(
            self.shell,
            frame=self._read("frame", first, last),
            ahead=self._read("ahead"),
            vintages=tuple(self._read(f"vintage{k}") for k in range(len(self.shell.vintages))),
        )
        return whole.part(start, stop)

    def _read(self, name: str, first: int = 0, last: int | None = None) -> pd.DataFrame:
        with pa.memory_map(str(self.folder / f"{name}.arrow")) as source:
            table = pa.ipc.open_file(source).read_all()
            frame: pd.DataFrame = table.slice(first, None if last is None else last - first).to_pandas()
        return frame


def offsets_of(history: History) -> NDArray[np.int64]:
    """First row of each series in a panel's frame, and the number of rows [series + 1]."""
    ids = history.frame["unique_id"].to_numpy()
    starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    return np.append(starts, len(ids)).astype(np.int64)
