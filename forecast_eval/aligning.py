"""From a launch book to the study of it, and from it to files and to the record of what was found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from backtest.faults import Fault, InputError, refuse

from .align.findings import HEAD, as_catalogue, findings_of
from .align.study_json import as_json
from .scores.catalogue import catalogue
from .store import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .align.study import Study
    from .launch_book import Book
    from .scores.catalogue import Catalogue


def write_study(study: Study, folder: Path) -> tuple[Path, Path]:
    """Write align.json and align.html into a folder, which is made, and return their paths."""
    from .report.align import write_study_page

    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "align.json"
    write_text(data, json.dumps(as_json(study), indent=2, allow_nan=False) + "\n")
    return data, write_study_page(study, folder / "align.html")


def record(study: Study, book: Book, file: Path, catalogues: Sequence[Path] = ()) -> tuple[str, ...]:
    """Write what was found of each offline metric into a catalogue, and into the book; return metrics left out of it.

    file : YAML that is written, in place of what an earlier study found; list it in `score.catalogue` of a config.
    catalogues : that define metrics of a team's own. A metric that none defines stands in the book alone.

    Raises InputError for a file that holds anything else than findings.
    """
    refuse_foreign(file)
    found = findings_of(study)
    known = catalogue(catalogues)
    defined = {name: line for name, line in found.items() if _defines(known, name)}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, as_catalogue(defined))
    for name, line in found.items():
        book.append("finding", name, {"finding": line, "seen": book_rows(study)})
    return tuple(name for name in found if name not in defined)


def refuse_foreign(file: Path) -> None:
    """InputError where a file stands that `record` did not write."""
    if file.exists() and not file.read_text(encoding="utf-8", errors="replace").startswith(HEAD.splitlines()[0]):
        refuse([Fault("not-ours", "the file was not written by forecast-eval align --record", str(file),
                      "name a new file, and list it in score.catalogue behind this one")])  # fmt: skip


def _defines(known: Catalogue, name: str) -> bool:
    try:
        return name in known.metrics or known.at_level(name) is not None
    except InputError:  # a metric from elsewhere, at a level that the catalogue's cannot have
        return False


def book_rows(study: Study) -> Mapping[str, int]:
    """How many launches a finding rests on."""
    tested = sum(launch.online is not None for launch in study.launches)
    return {"launches": len(study.launches), "tested": tested}
