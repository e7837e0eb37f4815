"""The command line: it parses, builds, calls and prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Self

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import JustifyMethod
    from rich.progress import TaskID
    from rich.table import Table

    from backtest import Window

    from .config import Config
    from .pipeline import Session, Step
    from .read import Inputs

FINE, REFUSED, BAD_INPUT, OUR_FAULT, STOPPED = 0, 1, 2, 3, 130

app = typer.Typer(
    name="forecast-eval",
    help="Measure demand forecasts in money, before launch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Target = Annotated[Path, typer.Argument(help="YAML config, or the directory of a run.", show_default=False)]
ConfigFile = Annotated[Path, typer.Argument(help="YAML config.", show_default=False)]
Set = Annotated[list[str] | None, typer.Option("--set", help="Change a key of the config, such as backtest.windows=8.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of all runs.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start a new run even if one with this config and data exists.")]


@app.command()
def run(target: Target, changes: Set = None, runs: Runs = Path("runs"), fresh: Fresh = False) -> None:  # noqa: FBT002
    """Do a whole run: check, backtest, score, simulate, report."""
    _advance(target, changes, runs, "report", fresh=fresh)


@app.command()
def check(
    target: Target,
    changes: Set = None,
    leakage: Annotated[  # noqa: FBT002
        bool, typer.Option("--leakage", help="Perturb everything after a cutoff, and see that no forecast moves.")
    ] = False,
    series: Annotated[int, typer.Option(min=1, help="Series to probe with, chosen at random.")] = 200,
) -> None:
    """Check config and data, and say what is in them; with --leakage, that no forecaster sees the future."""
    from .config import load_config
    from .pipeline import checked
    from .quality import data_facts
    from .store import find_run

    folder = target.is_dir()
    config = load_config(target / "config.yaml" if folder else target, changes or [])
    base = Path(find_run(target).manifest["base"]) if folder else target.parent
    inputs, _, windows = checked(config, base)
    span = f"{len(windows)}, {windows[0].cutoff:%Y-%m-%d} to {windows[-1].cutoff:%Y-%m-%d}"
    cutoffs = f"{span}; judged: {_judged(config, inputs, windows)}"
    _facts((*data_facts(inputs), ("cutoffs", cutoffs), ("forecasters", ", ".join(config.forecasters))))
    for warning in inputs.warnings:
        _say(f"warning: {warning}")
    _say("No fault found.")
    if leakage:
        _probe(config, inputs, base, series)


@app.command()
def backtest(
    target: Target,
    changes: Set = None,
    runs: Runs = Path("runs"),
    fresh: Fresh = False,  # noqa: FBT002
    plan: Annotated[bool, typer.Option("--plan", help="Show the windows and the work; run nothing.")] = False,  # noqa: FBT002
) -> None:
    """Make the forecasts of every forecaster at every cutoff."""
    if plan:
        _show_plan(target, changes, runs)
        return
    _advance(target, changes, runs, "backtest", fresh=fresh)


@app.command()
def score(target: Target, changes: Set = None, runs: Runs = Path("runs"), fresh: Fresh = False) -> None:  # noqa: FBT002
    """Score the forecasts."""
    _advance(target, changes, runs, "score", fresh=fresh)


@app.command()
def simulate(target: Target, changes: Set = None, runs: Runs = Path("runs"), fresh: Fresh = False) -> None:  # noqa: FBT002
    """Turn the forecasts into orders, sales, waste and money, and compare with the incumbent."""
    _advance(target, changes, runs, "simulate", fresh=fresh)


@app.command()
def report(target: Target, changes: Set = None, runs: Runs = Path("runs"), fresh: Fresh = False) -> None:  # noqa: FBT002
    """Write the report, one HTML file."""
    _advance(target, changes, runs, "report", fresh=fresh)


@app.command()
def order(  # noqa: PLR0913, PLR0917 - each is an option of the command
    config_file: ConfigFile,
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    history: Annotated[Path | None, typer.Option(help="History up to now, in the layout of the config's.")] = None,
    in_stock: Annotated[
        Path | None, typer.Option(help="Stock flags up to now, if they are a file of their own.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Stock on hand and in transit, with the config's columns.")] = None,
    changes: Set = None,
    runs: Runs = Path("runs"),
) -> None:
    """Write the orders to place now, given stock on hand and in transit."""
    from .config import load_config
    from .order import order_file, orders, replaced
    from .read import read_inputs

    config = load_config(config_file, changes or [])
    data = replaced(config.data, history=history, in_stock=in_stock, state=state)
    inputs = read_inputs(data, config_file.parent, config.seed)
    with _progress() as show:
        table = orders(
            config.model_copy(update={"data": data}), inputs, config_file.parent,
            units=runs / config.name / "units", progress=lambda what, done, total: show("order", what, done, total),
        )  # fmt: skip
    for warning in inputs.warnings:
        _complain(f"warning: {warning}", "yellow")
    frame = order_file(table, config, inputs, config_file.parent)
    _write_csv(frame, out)
    _say(f"{len(frame)} rows, {table['order'].sum():,.0f} units ordered for {(table['order'] > 0).sum()} series: {out}")


def main() -> NoReturn:
    """Run the command line; exit codes: 0 fine, 1 a gate said no, 2 bad input, 3 our fault."""
    try:
        app()  # exits by itself, with 2 for a command that does not exist
    except KeyboardInterrupt:
        _complain("stopped; start the same command again and it goes on")
        sys.exit(STOPPED)
    except Exception as error:  # noqa: BLE001 - the last door: nothing may leave it as a bare traceback
        sys.exit(_explain(error))
    sys.exit(FINE)


def _explain(error: Exception) -> int:
    from backtest import ForecasterFailedError, WorkerLostError
    from backtest.faults import InputError, summary

    if isinstance(error, InputError):
        for line in summary(error.faults):
            _complain(line)
        return BAD_INPUT
    if isinstance(error, ForecasterFailedError):
        _complain(f"{error}; finished work is kept. Mend it, or set backtest.on_failure to skip or fallback")
        return BAD_INPUT
    if isinstance(error, WorkerLostError):
        _complain(f"{error}; see backtest.workers and backtest.shard")
        return BAD_INPUT
    if isinstance(error, OSError):
        _complain(f"{error.filename or 'a file'}: cannot read or write: {error.strerror or error}; make it possible")
        return BAD_INPUT
    import traceback

    _complain("".join(traceback.format_exception(error)))
    _complain("this is a fault of forecast-eval, not of your input: please report it with the lines above")
    return OUR_FAULT


def _advance(target: Path, changes: list[str] | None, runs: Path, upto: Step, *, fresh: bool) -> None:
    from .pipeline import advance, open_session

    with _progress() as show:
        session = open_session(target, changes or [], root=runs, upto=upto, fresh=fresh, progress=show)
        missing = advance(session, upto)
    for warning in session.inputs.warnings:
        _complain(f"warning: {warning}", "yellow")
    if not missing:
        _say("Nothing has changed since this run was made; --fresh makes it again.")
    _show(session, upto)


def _show_plan(target: Path, changes: list[str] | None, runs: Path) -> None:
    from .planned import planned

    what = planned(target, changes or [], root=runs)
    table = _table("cutoff", "fit", "known from", "forecast", "to", "series", "ended", "not begun")
    for row in what.windows.to_dict("records"):
        dates = [row[name].strftime(what.date_format) for name in ("cutoff", "known_from", "first", "last")]
        late = f" ({row['unknown']} unknown)" if row["unknown"] else ""
        counts = (f"{row[name]:,}" for name in ("series", "ended", "not_begun"))
        table.add_row(dates[0], "yes" if row["fitted"] else "", *dates[1:3], dates[3] + late, *counts)
    _print(table)
    units = _table("model", "units of work", "finished")
    for model, (every, finished) in what.units.items():
        units.add_row(model, f"{every:,}", f"{finished:,}")
    _print(units)
    _say(what.words)


def _show(session: Session, upto: Step) -> None:
    run = session.run
    for failure in (*run.manifest["failures"], *run.manifest.get("left_out", ())):
        _complain(f"failed: {failure}", "yellow")
    for note in run.manifest.get("fallbacks", ()) if upto == "backtest" else ():
        _complain(f"note: {note}", "yellow")
    if upto == "score":
        _show_scores(session)
    if upto in ("backtest", "score"):
        _show_usage(session)
    if upto in ("simulate", "report"):
        _show_money(session)
    _say(f"Run: {run.path}")
    if upto == "report":
        _say(f"Report: {run.path / 'report.html'}")


def _probe(config: Config, inputs: Inputs, base: Path, series: int) -> None:
    """Show what the leak probe found; exit 1 where a forecaster leaks, fails, or differs from itself."""
    from .probe import leakage

    with _progress() as show:
        found = leakage(
            config, inputs, base, series=series, progress=lambda what, done, total: show("probe", what, done, total)
        )
    table = _table("model", "cutoffs probed", "verdict")
    table.columns[2].justify, table.columns[2].no_wrap = "left", False
    for own in found:
        table.add_row(own.model, ", ".join(f"{c:%Y-%m-%d}" for c in own.cutoffs) or "none", str(own))
    _print(table)
    _say("Out of the probe's reach: forecasts made elsewhere, and files that a forecaster reads by itself.")
    if any(own.proven_wrong for own in found):
        raise typer.Exit(REFUSED)


def _judged(config: Config, inputs: Inputs, windows: Sequence[Window]) -> str:
    """Which cutoffs money is judged at, or why it is at none: a backtest and its scores need no money."""
    from backtest import InputError

    from .markets import market_of
    from .money import judged_cutoffs

    try:
        _, judged = judged_cutoffs(market_of(config, inputs), windows, config.simulate.judged)
    except InputError as error:
        return f"none, {error.faults[0].what}"
    return f"the last {len(judged)}"


def _table(*names: str) -> Table:
    """Make a table that fits 100 columns: a long setting breaks into lines, numbers stay whole and to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in names:
        side: JustifyMethod = "left" if name in {"model", "setting"} else "right"
        table.add_column(name, no_wrap=name != "setting", justify=side)
    return table


def _show_scores(session: Session) -> None:
    scores = session.run.read("scores")
    total = scores[scores["axis"] == "total"]
    names = session.config.score.metrics
    table = _table("model", *(name.replace("_", " ") for name in names))
    for model, part in total.groupby("model", sort=False):
        values = part.set_index("metric")["value"]
        table.add_row(str(model), *(f"{values[name]:,.3g}" for name in names))
    _print(table)


def _show_usage(session: Session) -> None:
    from .summary import usage

    table = _table("model", "fit s", "predict s", "ms a series", "peak MB", "failures")
    for row in usage(session.run).to_dict("records"):
        numbers = [row[name] for name in ("fit_seconds", "predict_seconds", "latency_ms", "peak_mb")]
        table.add_row(row["model"], *("n/a" if n != n else f"{n:,.4g}" for n in numbers), f"{row['failures']}")  # noqa: PLR0124
    _print(table)


def _share(value: float) -> str:
    return "n/a" if value != value else f"{value:.1%}"  # noqa: PLR0124 - NaN


def _show_money(session: Session) -> None:
    from .summary import leaderboard, sentence_of

    metrics = tuple(m for m in ("rmse",) if m in session.config.score.metrics)
    percent = f"{session.config.compare.confidence:.0%}"
    table = _table("model", *map(str.upper, metrics), "setting", "fill", "profit/week", f"difference ({percent})")
    for row in leaderboard(session.run, metrics).to_dict("records"):
        gap = f"{row['difference']:+,.0f} ({row['low']:+,.0f} to {row['high']:+,.0f})"
        table.add_row(
            row["model"], *(f"{row[m]:,.3g}" for m in metrics), row["setting"], _share(row["fill_rate"]),
            f"{row['profit']:,.0f}", "incumbent" if row["is_incumbent"] else gap,
        )  # fmt: skip
    _print(table)
    _say(sentence_of(session.run, session))


class _progress:  # noqa: N801 - a context manager, used as a function
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


def _write_csv(frame: object, out: Path) -> None:
    import pandas as pd

    from backtest import Fault, InputError

    assert isinstance(frame, pd.DataFrame)
    partial = out.with_name(out.name + ".partial")
    try:
        frame.to_csv(partial, index=False)
        partial.replace(out)
    except OSError as error:
        raise InputError([
            Fault("unwritable", f"cannot write: {error.strerror or error}", str(out), "give a writable --out")
        ]) from error  # fmt: skip


def _facts(facts: tuple[tuple[str, str], ...]) -> None:
    from rich.table import Table

    table = Table(show_header=False)
    for name, value in facts:
        table.add_row(name, value)
    _print(table)


def _print(what: object) -> None:
    from rich.console import Console

    console = Console()
    console.width = min(console.width, 100) if console.is_terminal else 100
    console.print(what)


def _say(text: str) -> None:
    typer.echo(text)


def _complain(text: str, colour: str = "red") -> None:
    typer.secho(text, err=True, fg=colour)
