"""Launches that may not enter a book: those that it holds already, under their own name or another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.faults import Fault, nearest

from .launch_json import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .chain import Entry

    Tree = Mapping[str, Any]
WHOSE = ("candidate", "incumbent", "groups")


def unfit(trees: Mapping[str, Tree], known: Mapping[str, Entry], *, correct: bool) -> Iterator[Fault]:
    """Faults of launches that are to be written.

    trees : launches as JSON, by name. known : newest row of each launch of the book.
    correct : whether they replace what the book says, and so must be there.
    """
    others: dict[str, Tree] = {name: entry.payload for name, entry in known.items()}
    for name, tree in trees.items():
        place = f"launch {name!r}"
        if not correct and name in known:
            yield _there(name, tree, known[name])
            continue
        if correct and name not in known:
            fix = nearest(name, known) if known else "add it first"
            yield Fault("unknown-launch", "the book has no launch of this name to correct", place, fix)
            continue
        twin = next((other for other, own in others.items() if other != name and same(tree, own)), None)
        if twin is not None:
            yield Fault("duplicate", f"it is the same launch as {twin!r}: {_why(tree, others[twin])}", place,
                        f"leave it out, or correct {twin!r}; counted twice, a launch weighs twice")  # fmt: skip
        others[name] = tree


def _there(name: str, tree: Tree, entry: Entry) -> Fault:
    since = f"it is in the book, row {entry.sequence} of {entry.recorded[:10]}"
    if canonical(tree) == entry.text:
        return Fault("duplicate", f"{since}, with the same content", f"launch {name!r}", "there is nothing to add")
    return Fault("duplicate", f"{since}, with other content", f"launch {name!r}",
                 "correct it with --correct, or give this one another name")  # fmt: skip


def same(one: Tree, other: Tree) -> bool:
    """Whether two launches are one: the same source, or equal numbers.

    Sources are the same where one holds all of the other: before its test a candidate has the run, and after it the run
    and what was measured. Numbers are equal where both sides are, to the last digit; and where one was not tested, the
    offline side of the same candidate, judged on the same day.
    """
    return _same_source(one, other) or _same_numbers(one, other)


def _same_source(one: Tree, other: Tree) -> bool:
    own, theirs = one["source"].items(), other["source"].items()
    if not own or not theirs or any(one[key] != other[key] for key in WHOSE):
        return False
    return bool(own <= theirs or theirs <= own)


def _same_numbers(one: Tree, other: Tree) -> bool:
    if (one["judged"], one["offline"]) != (other["judged"], other["offline"]):
        return False
    if one["online"] is None or other["online"] is None:
        return all(one[key] == other[key] for key in WHOSE)
    return bool(one["online"] == other["online"])


def _why(one: Tree, other: Tree) -> str:
    return "its numbers come from the same source" if _same_source(one, other) else "its numbers are equal"
