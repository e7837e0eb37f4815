"""The commands of the launch book: forecast-eval launches add, list, show, verify."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when the program runs
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .terminal.console import complain, say, show, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .align import Launch

REFUSED = 1
BOOK_HELP = (
    "Launch book: a file, or postgresql://user@host/database with the password in PGPASSWORD. Without it, "
    "FORECAST_EVAL_BOOK, or launches.db."
)

app = typer.Typer(
    name="launches", help="The launch book: what past launches promised, and what they brought.", no_args_is_help=True,
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip

BookOption = Annotated[str | None, typer.Option("--book", help=BOOK_HELP, show_default=False)]


@app.command()
def add(  # noqa: PLR0913, PLR0917 - each is an option of the command
    what: Annotated[Path, typer.Argument(help="Directory of a run, or a JSON, YAML or CSV file.", show_default=False)],
    book: BookOption = None,
    correct: Annotated[bool, typer.Option("--correct", help="Replace what the book says of these names.")] = False,  # noqa: FBT002
    candidate: Annotated[list[str] | None, typer.Option(help="Of a run: model to enter, instead of all.")] = None,
    outcomes: Annotated[Path | None, typer.Option(help="Of a run: file of what was measured.")] = None,
    plan: Annotated[Path | None, typer.Option(help="Of a run: plan of the experiment, from design.")] = None,
    config: Annotated[Path | None, typer.Option(help="Of a run: YAML of an experiment.")] = None,
    name: Annotated[str | None, typer.Option(help="Of a run: name of the launch.")] = None,
    decision: Annotated[
        Literal["launched", "rejected", "not-tested"] | None, typer.Option(help="Of a run: what was decided.")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(help="Of a run: what it belongs to, as region=north.")] = None,
) -> None:
    """Add past launches to the book, all that are given or none.

    WHAT is one of: the directory of a finished run (its candidates, with the tests that it played, or with the
    --outcomes of a real one); a JSON or YAML file of a launch or a list, as `show --json` prints it; a CSV file with a
    row for each metric.

    Columns of the CSV: launch, side (offline, online), metric, delta and error (standard errors, taken as independent);
    where they are known unit, better, base, candidate, incumbent, judged, decision; of a launch that was tested start,
    end, units_control, units_treatment, periods, and test_unit (store). Any other column is a group, as region. Deltas
    are shares unless unit says otherwise: 0.031 is 3.1 %.
    """
    from .launch_book import open_book
    from .terminal.launches import percent_words

    held = open_book(book)
    options = {
        "candidates": candidate, "outcomes": outcomes, "plan": plan, "config": config, "name": name,
        "decision": decision and decision.replace("-", " "), "groups": _groups(group or []),
    }  # fmt: skip
    launches = _of(what, {key: value for key, value in options.items() if value})
    entries = held.correct(launches) if correct else held.add(launches)
    odd = percent_words(launches)
    if odd:
        complain(wrapped(odd), "yellow")
    for entry in entries:
        replaced = "" if entry.replaces is None else f", in place of row {entry.replaces}"
        say(f"Row {entry.sequence}: {entry.name}{replaced}")
    if not entries:
        say("Nothing to correct: the book says the same already.")
    say(wrapped(f"Book: {held.where}, head {entries[-1].hash if entries else held.head}"))


@app.command(name="list")
def list_(book: BookOption = None) -> None:
    """Show every launch: what was promised, and what was measured."""
    from .launch_book import open_book
    from .terminal.launches import listed

    held = open_book(book)
    launches = held.launches()
    table, words = listed(launches)
    show(table)
    tested = sum(launch.online is not None for launch in launches)
    say(wrapped(f"{len(launches)} launches, {tested} of them tested, in {held.where}. {words} forecast-eval "
                "launches show NAME shows all of one."))  # fmt: skip


@app.command(name="show")
def show_(
    name: Annotated[str, typer.Argument(help="Name of a launch.", show_default=False)],
    book: BookOption = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, which `add` reads.")] = False,  # noqa: FBT002
) -> None:
    """Show all that the book says of a launch."""
    from .launch_book import open_book

    launch, entry = open_book(book).launch(name)
    if json:
        from json import dumps

        say(dumps(entry.payload, indent=2))
        return
    from .terminal.launches import whole

    for part in whole(launch, entry):
        show(part)


@app.command()
def verify(
    book: BookOption = None,
    head: Annotated[
        str | None, typer.Option(help="Hash that was written down earlier: it must still be in the book.")
    ] = None,
) -> None:
    """Compute the chain of hashes anew; exit code 1 names the first row that does not fit.

    Removed newest rows, and a book that was written anew with hashes that fit, show only against --head.
    """
    from .launch_book import open_book

    held = open_book(book)
    fault = held.verify(head)
    if fault is not None:
        complain(wrapped(f"{held.where}, {fault}"))
        raise typer.Exit(REFUSED)
    count = len(held.entries(every=True))
    say(wrapped(f"{held.where}: {count} rows, each as it was written; head {held.head}"))


def _of(what: Path, options: dict[str, object]) -> Sequence[Launch]:
    """Launches of a run's directory, or of a file."""
    if what.is_dir():
        from .align.feed import launches_of

        return launches_of(what, **options)  # type: ignore[arg-type]  # a dictionary of its parameters
    from backtest.faults import Fault, refuse

    from .launch_book.elsewhere import read_launches

    refuse([Fault("bad-option", f"{', '.join(options)}: only of the directory of a run", str(what),
                  "say it in the file")] if options else [])  # fmt: skip
    return read_launches(what)


def _groups(pairs: Sequence[str]) -> dict[str, str]:
    """Groups of texts "region=north"."""
    from backtest.faults import Fault, refuse

    split = [pair.partition("=") for pair in pairs]
    refuse([
        Fault("bad-option", f"{pair!r} is not name=value", "--group", "write region=north")
        for pair, (name, sign, value) in zip(pairs, split, strict=True) if not (name.strip() and sign and value.strip())
    ])  # fmt: skip
    names = [name for name, _, _ in split]
    refuse([Fault("bad-option", f"{n!r} is given twice", "--group", "give one value") for n in {*names}
            if names.count(n) > 1])  # fmt: skip
    return {name.strip(): value.strip() for name, _, value in split}
