"""A YAML file as a mapping, with one fault for whatever it is not."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import yaml

from backtest.faults import Fault, InputError

if TYPE_CHECKING:
    from pathlib import Path


class UniqueKeys(yaml.SafeLoader):
    """A safe loader for which a key that stands twice is an error, not the last one's win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """Refuse a key that stands twice."""
        seen = set()  # not a list: a plan has a key for each of thousands of items
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            known = str(key) if not isinstance(key, Hashable) else key
            if known in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", node.start_mark)
            seen.add(known)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """Mapping in a file.

    what : words for the file in faults, such as "catalogue".

    Raises InputError where there is no such file, it is not YAML, or not a mapping of keys.
    """
    if not path.is_file():
        raise InputError([Fault("missing-file", f"no such {what}", str(path), "check the path")])
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), UniqueKeys)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = " ".join(str(error).split())
        raise InputError([Fault("bad-yaml", f"not YAML: {message}", str(path), "correct the line")]) from error
    if not isinstance(tree, dict):
        raise InputError([Fault("bad-yaml", f"the {what} is not a mapping of keys", str(path), "write name: ...")])
    return tree


def set_key(tree: dict[str, Any], override: str) -> None:
    """Set a key of a config from a text "section.key=value", whose value is YAML."""
    key, sign, text = override.partition("=")
    if not sign:
        raise InputError([Fault("bad-override", f"{override!r} is not key=value", "--set", "write section.key=value")])
    *parents, last = key.strip().split(".")
    node = tree
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise InputError([Fault("bad-override", f"{parent!r} has no keys below it", f"--set {key}", "check it")])
    try:
        node[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        what = f"{text!r} is not YAML: {' '.join(str(error).split())}"
        raise InputError([Fault("bad-override", what, f"--set {key}", "correct the value")]) from error
