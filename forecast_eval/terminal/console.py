"""The terminal: lines, tables that fit 100 columns, and progress bars on the error stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import typer

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.progress import TaskID
    from rich.table import Table

WIDTH = 100


def say(text: str) -> None:
    """Print a line."""
    typer.echo(text)


def complain(text: str, colour: str = "red") -> None:
    """Print a line on the error stream."""
    typer.secho(text, err=True, fg=colour)


def show(what: object) -> None:
    """Print a table or a line of rich text."""
    from rich.console import Console

    console = Console()
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    console.print(what)


def wrapped(line: str) -> str:
    """Break a line at blanks to fit 100 columns; what follows is indented."""
    from textwrap import fill

    return fill(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def table_of(*names: str) -> Table:
    """Make a table that fits 100 columns: a long setting breaks into lines, numbers stay whole and to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in names:
        side: JustifyMethod = "left" if name in {"model", "setting"} else "right"
        table.add_column(name, no_wrap=name != "setting", justify=side)
    return table


class Bars:
    """Progress bars on the error stream, one a step."""

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), transient=False,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}
        self._bars.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._bars.stop()

    def __call__(self, step: str, what: str, done: int, total: int) -> None:
        """Move the bar of a step."""
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total)
        self._bars.update(self._tasks[step], completed=done, total=total, description=f"{step}: {what}")
