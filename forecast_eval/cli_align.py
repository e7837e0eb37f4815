"""The commands on past launches: forecast-eval align, a study of them, and forecast-eval replay, one played again."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations when the program runs
from typing import Annotated

import typer

from .cli_launches import BookOption  # noqa: TC001 - as above
from .terminal.console import Bars, complain, say, wrapped

Names = list[str] | None


def align(  # noqa: PLR0913, PLR0917 - each is an option of the command
    book: BookOption = None,
    online: Annotated[Names, typer.Option(help="Online metric; the first one ranks. Without it, all.")] = None,
    offline: Annotated[Names, typer.Option(help="Offline metric. Without it, all.")] = None,
    by: Annotated[str | None, typer.Option(help="Group across which calibrations are shrunk, as region.")] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.99, help="Of all intervals.")] = 0.9,
    seed: Annotated[int, typer.Option(min=0, help="Of the joint posterior.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for align.json and align.html.")] = None,
    record: Annotated[Path | None, typer.Option(help="Catalogue to write what was found into, a YAML file.")] = None,
    catalogue: Annotated[list[Path] | None, typer.Option(help="YAML that defines metrics of a team's own.")] = None,
) -> None:
    """Say which offline metric can be trusted: past launches, promised against measured."""
    from .align.align import align as aligned
    from .aligning import record as recorded
    from .aligning import refuse_foreign, write_study
    from .launch_book import open_book
    from .terminal.align import show_study

    if record is not None:  # before the study, which takes seconds
        refuse_foreign(record)
    held = open_book(book)
    launches = held.launches()
    with Bars() as bars:
        study = aligned(
            launches, offline=offline, online=online, by=by, confidence=confidence, seed=seed,
            progress=lambda *at: bars("align", *at),
        )  # fmt: skip
    show_study(study)
    if out is not None:
        say(f"Study: {' and '.join(map(str, write_study(study, out)))}")
    if record is not None:
        lacking = recorded(study, held, record, catalogue or [])
        if lacking:
            complain(
                wrapped(
                    f"note: no catalogue defines {', '.join(lacking)}; what was found of it stands in the book alone"
                ),
                "yellow",
            )
        say(wrapped(f"Findings: {record} and {held.where}"))


def replay(  # noqa: PLR0913, PLR0917 - each is an option of the command
    run: Annotated[Path, typer.Argument(help="Directory of a run that judges the weeks of the test.")],
    outcomes: Annotated[Path, typer.Argument(help="CSV or Parquet file of what was measured.", show_default=False)],
    plan: Annotated[Path | None, typer.Option(help="Plan of the experiment, from design.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML of an experiment that somebody else designed.")] = None,
    candidate: Annotated[str | None, typer.Option(help="Model of the treatment, where models does not say.")] = None,
    unit: Annotated[str | None, typer.Option(help="Static column of the run that holds the units.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for replay.json.")] = None,
) -> None:
    """Replay a past launch: what the other arm's orders would have done in the same weeks, against what happened."""
    from .replaying import replayed, write_replay
    from .terminal.replay import show_replay

    found = replayed(run, outcomes, plan=plan, config=config, candidate=candidate, unit=unit)
    show_replay(found)
    if out is not None:
        say(f"Replay: {write_replay(found, out)}")
