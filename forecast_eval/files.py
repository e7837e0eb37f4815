"""Open a data file: a CSV or Parquet table, plain or gzipped, with the number of each row."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from backtest.faults import Fault, InputError, Origin, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".parquet.gz", ".pq", ".pq.gz")
SHOWN = 40
"""Characters of a broken line that are shown."""


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A table as it lies on disk.

    frame : cells of a CSV are text and None where they are empty; those of Parquet have their own types.
    rows : [rows of the frame] row as a person counts: a CSV's header is 1, as is Parquet's first record.
    source : the file's name.
    faults : what was wrong with lines and columns; they are not in the frame.
    names : our column name -> the file's, where the config maps them.
    """

    frame: pd.DataFrame
    rows: NDArray[np.int64]
    source: str
    faults: tuple[Fault, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

    @property
    def origin(self) -> Origin:
        """Where the rows came from."""
        return Origin(self.source, self.rows, names=self.names)

    def lacking(self, columns: Iterable[str]) -> list[Fault]:
        """Build one fault for each of `columns` that the file does not have."""
        known = list(map(str, self.frame.columns))
        return [
            Fault("missing-column", f"column {name!r} is missing", self.source,
                  f"correct the name in the config or in the file; {nearest(name, known)}")
            for name in dict.fromkeys(columns) if name not in known
        ]  # fmt: skip


def open_file(path: Path) -> File:
    """Read a file; the suffix says what it is.

    Raises InputError for a file that is missing, not readable, not of its format, or without a row of data.
    """
    data = _bytes(path)
    if not data.strip():
        raise InputError([Fault("empty-file", "the file is empty", path.name, "give a header line and rows")])
    opened = _csv(data, path.name) if ".csv" in path.name.lower() else _parquet(data, path.name)
    if opened.frame.empty and not opened.faults:
        raise InputError([Fault("empty-file", "the file has no row of data", path.name, "give rows")])
    return opened


def _bytes(path: Path) -> bytes:
    if not path.name.lower().endswith(SUFFIXES):
        raise InputError([_unreadable(path.name, f"{path.name!r} does not end in one of {', '.join(SUFFIXES)}")])
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.name.lower().endswith(".gz") else data
    except FileNotFoundError as error:
        fault = Fault("missing-file", "no such file", str(path), "check the path, and the root that it is relative to")
        raise InputError([fault]) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:  # a folder, no permission, a broken archive
        raise InputError([_unreadable(path.name, str(error))]) from error


def _unreadable(source: str, why: str, fix: str = "give a CSV or Parquet file, plain or gzipped") -> Fault:
    return Fault("unreadable", f"cannot be read: {' '.join(why.split())}", source, fix)


def _csv(data: bytes, source: str) -> File:
    broken: list[Any] = []

    def skip(line: Any) -> str:  # noqa: ANN401 - pyarrow's InvalidRow
        broken.append(line)
        return "skip"

    header = _header(data, source)
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(data if data.endswith(b"\n") else data + b"\n"),
            # one block and one thread: only then are lines counted
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 2),
            parse_options=arrow_csv.ParseOptions(
                newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True,
            ),
        )  # fmt: skip
    except (pa.ArrowException, OverflowError) as error:
        raise InputError([_unreadable(source, str(error))]) from error
    numbers = np.setdiff1d(np.arange(2, table.num_rows + len(broken) + 2), [line.number for line in broken])
    faults = [_ragged(line, source) for line in broken if line.text.strip()]
    frame, doubled = _columns_once(table.to_pandas(), header, source)
    blank = frame.isna().all(axis=1).to_numpy()
    return File(frame[~blank].reset_index(drop=True), numbers[~blank], source, (*faults, *doubled))


def _header(data: bytes, source: str) -> list[str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        why = f"byte {data[error.start]:#04x} in line {line} is not UTF-8"
        raise InputError([_unreadable(source, why, "save it as CSV in UTF-8")]) from error
    try:
        header = next(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise InputError([_unreadable(source, str(error))]) from error
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        why = f"the header {header[0][:SHOWN]!r} is a single column"
        raise InputError([_unreadable(source, why, "separate columns by commas")])
    return header


def _ragged(line: Any, source: str) -> Fault:  # noqa: ANN401 - pyarrow's InvalidRow
    return Fault(
        "ragged-line",
        f"{line.actual_columns} cells where the header has {line.expected_columns}: {line.text[:SHOWN]!r}",
        f"{source}, row {line.number}",
        "give every line a cell for each column, and quote cells that hold a comma",
    )


def _columns_once(frame: pd.DataFrame, header: list[str], source: str) -> tuple[pd.DataFrame, list[Fault]]:
    names = pd.Index(header, dtype=object)  # of a CSV or of a Parquet table
    again = names.duplicated()
    faults = [
        Fault("duplicate-column", f"column {name!r} stands twice", source, "rename or remove one")
        for name in names[again].unique()
    ]
    return frame.loc[:, ~again].set_axis(names[~again], axis=1), faults


def _parquet(data: bytes, source: str) -> File:
    try:
        table = parquet.ParquetFile(io.BytesIO(data)).read()
        # an index that pandas wrote is a column like any other; whole numbers stay whole beside missing ones
        frame = table.to_pandas(ignore_metadata=True, date_as_object=False, integer_object_nulls=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError([_unreadable(source, str(error))]) from error
    frame, doubled = _columns_once(frame, table.column_names, source)
    frame = frame.drop(columns=[c for c in frame.columns if c.startswith("__index_level_")])
    return File(frame, np.arange(1, len(frame) + 1), source, tuple(doubled))
