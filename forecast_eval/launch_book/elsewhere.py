"""Launches from files: JSON and YAML of one launch or several, CSV in long form."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from backtest.faults import Fault, InputError, attempt, refuse

from .launch_csv import read_csv
from .launch_json import launch_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..align.launch import Launch


def read_launches(path: Path) -> list[Launch]:
    """Launches of a file, by its ending: .json, .yaml or .yml (see `launch_of`), .csv or .csv.gz (see `read_csv`).

    Raises InputError with every fault of the file.
    """
    kind = path.name.lower()
    if kind.endswith((".csv", ".csv.gz")):
        return read_csv(path)
    if not kind.endswith((".json", ".yaml", ".yml")):
        refuse([Fault("bad-file", "launches are read from a run's directory, JSON, YAML or CSV", str(path),
                      "give one of these")])  # fmt: skip
    text = _text(path)
    tree = _json(text, path.name) if kind.endswith(".json") else _yaml(text, path.name)
    several = isinstance(tree, list)
    trees: Sequence[Any] = tree if isinstance(tree, list) else [tree]
    refuse([] if trees else [Fault("empty-file", "the file holds no launch", path.name, "give one")])
    faults: list[Fault] = []
    places = [f"{path.name}, launch {k}" if several else path.name for k in range(1, len(trees) + 1)]
    made = [attempt(partial(launch_of, own, place), faults) for own, place in zip(trees, places, strict=True)]
    refuse(faults)
    return [launch for launch in made if launch is not None]


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError([Fault("missing-file", "no such file", str(path), "check the path")])
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError([Fault("unreadable", "it is not UTF-8", path.name, "save it as UTF-8")]) from error


def _json(text: str, source: str) -> Any:  # noqa: ANN401 - of JSON
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_number)
    except (ValueError, RecursionError) as error:
        raise InputError([Fault("bad-json", f"not JSON: {error}", source, "correct the line")]) from error


def _yaml(text: str, source: str) -> Any:  # noqa: ANN401 - of YAML
    import yaml

    from ..config.read_yaml import UniqueKeys

    try:
        return yaml.load(text, UniqueKeys)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = " ".join(str(error).split())
        raise InputError([Fault("bad-yaml", f"not YAML: {message}", source, "correct the line")]) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Mapping of JSON; a key that stands twice is an error, not the last one's win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} stands twice")
    return found


def _number(name: str) -> float:
    raise ValueError(f"{name} is no number; write null where there is none")
