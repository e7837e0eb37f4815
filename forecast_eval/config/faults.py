"""From pydantic's errors to faults with key, value, rule and fix; unknown keys name the nearest known one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from backtest.faults import Fault, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError

TOGETHER = "several"


def together(found: Sequence[tuple[str, str, str]]) -> PydanticCustomError:
    """Give one error for what a validator of several sections found: key, what is wrong with it, and fix, of each."""
    text = "; ".join(f"{key}: {what}; {fix}" for key, what, fix in found)
    return PydanticCustomError(TOGETHER, "{text}", {"text": text, "found": list(found)})


def faults_of(error: ValidationError, root: type[BaseModel], source: str) -> list[Fault]:
    """Faults of a config, one for each error.

    root : model of the whole config, in which the known keys are looked up.
    source : file of the config.
    """
    # what holds nothing but wrong entries is called too short as well, which would be said twice
    real = [e for e in error.errors() if not (e["type"] == "too_short" and e["input"])]
    return [fault for e in real for fault in _faults(dict(e), root, source)]


def _faults(error: dict[str, Any], root: type[BaseModel], source: str) -> list[Fault]:
    if error["type"] != TOGETHER:
        return [_fault(error, root, source)]
    return [Fault("unknown-name", what, f"{source}, {key}", fix) for key, what, fix in error["ctx"]["found"]]


def _fault(error: dict[str, Any], root: type[BaseModel], source: str) -> Fault:
    loc = tuple(part for k, part in enumerate(error["loc"]) if k != _tag_position(error["loc"]))
    place = f"{source}, {'.'.join(map(str, loc)) or 'top level'}"
    if error["type"] == "extra_forbidden":
        return Fault(
            "unknown-key", f"unknown key {loc[-1]!r}", place, nearest(str(loc[-1]), _keys_at(root, error["loc"]))
        )
    if error["type"] == "union_tag_invalid":
        kind = str(error["ctx"]["tag"])
        return Fault("unknown-kind", f"unknown kind {kind!r}", place, nearest(kind, sorted(_tags(error))))
    if error["type"] == "missing":
        return Fault("missing-key", "this key is missing", place, "add it")
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error["input"]
    shown = "" if isinstance(given, dict | BaseModel) else f"{given!r}: "
    return Fault("bad-value", f"{shown}{message}", place, "correct the value")


def _tags(error: dict[str, Any]) -> list[str]:
    return re.findall(r"'([^']+)'", str(error["ctx"]["expected_tags"]))


def _tag_position(loc: tuple[Any, ...]) -> int | None:
    """Where pydantic put the kind of a forecaster or a policy into the path of an error."""
    if loc[:1] == ("forecasters",) or loc[:2] == ("order", "policy"):
        return 2
    return 3 if loc[:2] == ("simulate", "policies") else None


def _keys_at(root: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """Known keys of the section in which an unknown key stood."""
    here: Any = root
    named = False  # whether the next part is a name that the user gave, as in metrics.<name>
    for k, part in enumerate(loc[:-1]):
        if isinstance(here, tuple):  # among several kinds the tag chooses; a name or a number before it does not
            kinds = {get_args(a.model_fields["kind"].annotation)[0]: a for a in here}
            here = kinds[part] if k == _tag_position(loc) else here
            named = False
        elif isinstance(part, str) and not named:  # a number is a place in a list, whose section is known already
            annotation = here.model_fields[part].annotation
            here, named = _inner(annotation), get_origin(annotation) is dict
        else:
            named = False
    return list(here.model_fields)


def _inner(annotation: Any) -> Any:  # noqa: ANN401 - the same
    """Give the section that an annotation holds, or the tuple of those among which a tag chooses."""
    while True:
        arguments = [a for a in get_args(annotation) if a is not type(None) and a is not Ellipsis]
        sections = tuple(a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel))
        if get_origin(annotation) is None or not arguments:
            return annotation
        if len(sections) > 1:
            return sections
        annotation = sections[0] if sections else arguments[-1] if get_origin(annotation) is dict else arguments[0]
