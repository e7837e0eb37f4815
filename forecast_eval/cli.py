"""The command line: it parses, builds, calls and prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .cli_align import align, replay
from .cli_launches import app as launches_app
from .terminal.console import Bars, complain, say, show, table_of, wrapped
from .terminal.faults import show_faults, show_rules, warn
from .terminal.results import show_calibrated, show_facts, show_launches, show_money, show_plan, show_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

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
app.add_typer(launches_app)
app.command()(align)
app.command()(replay)

Target = Annotated[Path, typer.Argument(help="YAML config, or the directory of a run.", show_default=False)]
ConfigFile = Annotated[Path, typer.Argument(help="YAML config.", show_default=False)]
Set = Annotated[list[str] | None, typer.Option("--set", help="Change a key of the config, such as backtest.windows=8.")]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of all runs.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start a new run even if one with this config and data exists.")]


@app.command()
def run(target: Target, changes: Set = None, runs: Runs = Path("runs"), fresh: Fresh = False) -> None:  # noqa: FBT002
    """Do a whole run: check, backtest, score, simulate, launch where `online` asks for it, report."""
    _advance(target, changes, runs, "report", fresh=fresh)


@app.command()
def check(
    target: Target,
    changes: Set = None,
    leakage: Annotated[  # noqa: FBT002
        bool, typer.Option("--leakage", help="Perturb everything after a cutoff, and see that no forecast moves.")
    ] = False,
    series: Annotated[int, typer.Option(min=1, help="Series to probe with, chosen at random.")] = 200,
    rules: Annotated[bool, typer.Option("--rules", help="Show the rules and their thresholds; check nothing.")] = False,  # noqa: FBT002
    json: Annotated[
        str | None, typer.Option("--json", help="Write every fault to a JSON file; - is standard output, alone.")
    ] = None,
) -> None:
    """Check config and data, and say what is in them and odd about them; exit code 1 where the quality gate says no."""
    from backtest import InputError

    from .config import load_config
    from .pipeline import checked
    from .quality import data_facts, gate_of
    from .store import find_run

    if leakage and json == "-":
        raise typer.BadParameter("the table of --leakage goes to standard output too: give --json a file")
    folder = target.is_dir()
    if rules:
        show_rules(load_config(target / "config.yaml" if folder else target, changes or []).quality)
        return
    try:
        config = load_config(target / "config.yaml" if folder else target, changes or [])
        base = Path(find_run(target).manifest["base"]) if folder else target.parent
        inputs, _, windows = checked(config, base)
    except InputError as error:
        show_faults(error.faults, "refused", json)
        raise
    if json != "-":
        span = f"{len(windows)}, {windows[0].cutoff:%Y-%m-%d} to {windows[-1].cutoff:%Y-%m-%d}"
        cutoffs = f"{span}; judged: {_judged(config, inputs, windows)}"
        show_facts((*data_facts(inputs), ("cutoffs", cutoffs), ("forecasters", ", ".join(config.forecasters))))
    gate = gate_of(inputs.warnings)
    show_faults(inputs.warnings, gate, json, of=len(inputs.history.unique_ids))
    if leakage:
        _probe(config, inputs, base, series)
    if gate == "failed":
        raise typer.Exit(REFUSED)


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
        from .planned import planned

        show_plan(planned(target, changes or [], root=runs))
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
def launch(
    target: Target,
    changes: Set = None,
    runs: Runs = Path("runs"),
    fresh: Fresh = False,  # noqa: FBT002
    weeks: Annotated[
        list[int] | None, typer.Option("--week", min=1, help="Launch after this week instead; a run for each.")
    ] = None,
) -> None:
    """Test the candidates of `online` in the synthetic market that the history comes from."""
    if not weeks:
        _advance(target, changes, runs, "launch", fresh=fresh)
        return
    from .past_launches import launches_at

    with Bars() as bars:
        done = list(launches_at(target, weeks, changes or [], root=runs, progress=bars))
    for week, session in zip(weeks, done, strict=True):
        say(f"Launch after week {week}: {session.run.path}")
        show_launches(session)


@app.command()
def report(target: Target, changes: Set = None, runs: Runs = Path("runs"), fresh: Fresh = False) -> None:  # noqa: FBT002
    """Write the report, one HTML file."""
    _advance(target, changes, runs, "report", fresh=fresh)


@app.command()
def scorecard(target: Target, changes: Set = None, runs: Runs = Path("runs"), fresh: Fresh = False) -> None:  # noqa: FBT002
    """Hold every model against the limits of the config's scorecard, and write one page for those who decide."""
    from .pipeline import advance, open_session
    from .scorecard import asked, review_of
    from .terminal.scorecard import shown

    with Bars() as bars:
        session = open_session(target, changes or [], root=runs, upto="simulate", fresh=fresh, progress=bars)
        asked(session)
        advance(session, "simulate")
    warn(session.inputs)
    for part in shown(review_of(session)):
        show(part)
    say(f"Run: {session.run.path}")
    _show_scorecard(session)


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
    from .quality import judged, stop
    from .read import read_inputs

    config = load_config(config_file, changes or [])
    data = replaced(config.data, history=history, in_stock=in_stock, state=state)
    inputs = stop(judged(config, read_inputs(data, config_file.parent, config.seed)))
    with Bars() as bars:
        table = orders(
            config.model_copy(update={"data": data}), inputs, config_file.parent,
            units=runs / config.name / "units", progress=lambda what, done, total: bars("order", what, done, total),
        )  # fmt: skip
    warn(inputs)
    frame = order_file(table, config, inputs, config_file.parent)
    _write_csv(frame, out)
    say(f"{len(frame)} rows, {table['order'].sum():,.0f} units ordered for {(table['order'] > 0).sum()} series: {out}")


@app.command()
def design(
    experiment: Annotated[Path, typer.Argument(help="YAML of an experiment.", show_default=False)],
    changes: Set = None,
    out: Annotated[Path, typer.Option(help="Plan to write.")] = Path("plan.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Write over another plan.")] = False,  # noqa: FBT002
) -> None:
    """Draw the arms of an online experiment, and say on its history what the test can find."""
    from .config.experiment import load_experiment
    from .online.design import design as designed
    from .online.design import history_for
    from .online.plan import write_plan
    from .terminal.design import next_steps, shown

    config = load_experiment(experiment, changes or [])
    history = history_for(config, experiment.parent)
    for warning in history.warnings:
        complain(wrapped(f"warning: {warning}"), "yellow")
    with Bars() as bars:
        plan = designed(config, history, progress=lambda *at: bars("design", *at))
    for part in shown(plan):
        show(part)
    write_plan(plan, out, force=force)
    for line in next_steps(plan, out):
        say(line)


@app.command()
def metrics(
    names: Annotated[
        list[str] | None, typer.Argument(help="Metrics to show whole, or: diff RUN_A RUN_B.", show_default=False)
    ] = None,
    catalogue: Annotated[list[Path] | None, typer.Option(help="YAML of a team's metrics, too.")] = None,
    config: Annotated[Path | None, typer.Option(help="Metrics of a config, too.")] = None,
    yaml: Annotated[bool, typer.Option("--yaml", help="As YAML, to copy and extend.")] = False,  # noqa: FBT002
) -> None:
    """Show the catalogue of metrics, or whole definitions; `metrics diff RUN_A RUN_B`: what changed between two runs.

    A diff exits with 0 whatever it finds, and with 2 where a directory is no run.
    """
    from .terminal import catalogue as shown

    if names and names[0] == "diff":
        for line in shown.compared(names[1:]):
            say(line)
        return
    known = shown.known_metrics(catalogue or [], config)
    found = shown.chosen(known, names or [])
    if yaml:
        say(shown.as_yaml(found).rstrip())
        return
    for part in shown.definitions(found) if names else shown.listed(known):
        show(part)


@app.command()
def analyze(
    outcomes: Annotated[Path, typer.Argument(help="CSV or Parquet file of what was measured.", show_default=False)],
    plan: Annotated[Path | None, typer.Option(help="Plan of the experiment, from design.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML of an experiment that somebody else designed.")] = None,
    changes: Set = None,
    out: Annotated[Path | None, typer.Option(help="Folder for analysis.json and analysis.html.")] = None,
) -> None:
    """Read an A/B test; exit code 1 where units got lost (sample-ratio mismatch) or a guardrail fails."""
    from .analyzing import analyzed, write_analysis
    from .terminal.analysis import show_analysis

    analysis = analyzed(outcomes, plan=plan, config=config, changes=changes or [])
    show_analysis(analysis)
    if out is not None:
        say(f"Analysis: {' and '.join(map(str, write_analysis(analysis, out)))}")
    if analysis.has_failed:
        raise typer.Exit(REFUSED)


@app.command()
def compare(  # noqa: PLR0913, PLR0917 - each is an option of the command
    run: Annotated[Path, typer.Argument(help="Directory of a run that was simulated.", show_default=False)],
    outcomes: Annotated[Path, typer.Argument(help="CSV or Parquet file of what was measured.", show_default=False)],
    plan: Annotated[Path | None, typer.Option(help="Plan of the experiment, from design.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML of an experiment that somebody else designed.")] = None,
    candidate: Annotated[str | None, typer.Option(help="Model of the treatment, where models does not say.")] = None,
    unit: Annotated[str | None, typer.Option(help="Static column of the run that holds the units.")] = None,
    book: Annotated[str | None, typer.Option(help="Launch book: what past launches foretold of this test.")] = None,
    changes: Set = None,
    out: Annotated[Path | None, typer.Option(help="Folder for compare.json and compare.html.")] = None,
) -> None:
    """Hold what a run promised against what an A/B test measured, on the same stores and weeks.

    Exit code 1 where units got lost (sample-ratio mismatch): nothing is compared then.
    """
    from .comparing import compared, write_comparison
    from .terminal.compare import show_comparison

    comparison = compared(
        run, outcomes, plan=plan, config=config, changes=changes or [], candidate=candidate, unit=unit, book=book
    )
    show_comparison(comparison)
    if out is not None:
        say(f"Comparison: {' and '.join(map(str, write_comparison(comparison, out)))}")
    if comparison.is_refused:
        raise typer.Exit(REFUSED)


def main() -> NoReturn:
    """Run the command line; exit codes: 0 fine, 1 a gate said no, 2 bad input, 3 our fault."""
    try:
        app()  # exits by itself, with 2 for a command that does not exist
    except KeyboardInterrupt:
        complain("stopped; start the same command again and it goes on")
        sys.exit(STOPPED)
    except Exception as error:  # noqa: BLE001 - the last door: nothing may leave it as a bare traceback
        sys.exit(_explain(error))
    sys.exit(FINE)


def _explain(error: Exception) -> int:
    from backtest import ForecasterFailedError, WorkerLostError
    from backtest.faults import InputError, summary

    from .quality import GateError, as_lines, verdict

    if isinstance(error, GateError):
        for line in (*as_lines(error.faults), verdict(error.faults)):
            complain(wrapped(line))
        return REFUSED
    if isinstance(error, InputError):
        for line in summary(error.faults):
            complain(line)
        return BAD_INPUT
    if isinstance(error, ForecasterFailedError):
        complain(f"{error}; finished work is kept. Mend it, or set backtest.on_failure to skip or fallback")
        return BAD_INPUT
    if isinstance(error, WorkerLostError):
        complain(f"{error}; see backtest.workers and backtest.shard")
        return BAD_INPUT
    if isinstance(error, OSError):
        complain(f"{error.filename or 'a file'}: cannot read or write: {error.strerror or error}; make it possible")
        return BAD_INPUT
    import traceback

    complain("".join(traceback.format_exception(error)))
    complain("this is a fault of forecast-eval, not of your input: please report it with the lines above")
    return OUR_FAULT


def _advance(target: Path, changes: list[str] | None, runs: Path, upto: Step, *, fresh: bool) -> None:
    from .pipeline import advance, open_session

    with Bars() as bars:
        session = open_session(target, changes or [], root=runs, upto=upto, fresh=fresh, progress=bars)
        missing = advance(session, upto)
    warn(session.inputs)
    if not missing:
        say("Nothing has changed since this run was made; --fresh makes it again.")
    _show(session, upto)


def _show(session: Session, upto: Step) -> None:
    run = session.run
    for failure in (*run.manifest["failures"], *run.manifest.get("left_out", ())):
        complain(f"failed: {failure}", "yellow")
    for note in run.manifest.get("fallbacks", ()) if upto == "backtest" else ():
        complain(f"note: {note}", "yellow")
    if upto == "score":
        from .terminal.scores import shown

        for part in shown(session):
            show(part)
    if upto in ("backtest", "score"):
        show_usage(session)
    if upto in ("simulate", "launch", "report"):
        _show_what_it_earns(session)
    if upto in ("launch", "report") and run.has("launches"):
        show_launches(session)
    say(f"Run: {run.path}")
    if upto == "report":
        say(f"Report: {run.path / 'report.html'}")
        if session.config.scorecard is not None:
            _show_scorecard(session)


def _show_what_it_earns(session: Session) -> None:
    for words in session.run.manifest["exploded"].values():
        complain(f"note: {words}; money is what their orders would really earn", "yellow")
    show_money(session)
    show_calibrated(session)


def _show_scorecard(session: Session) -> None:
    from .scorecard import review_of, write_scorecard

    say(f"Scorecard: {write_scorecard(review_of(session), session.run.path / 'scorecard.html')}")


def _probe(config: Config, inputs: Inputs, base: Path, series: int) -> None:
    """Show what the leak probe found; exit 1 where a forecaster leaks, fails, or differs from itself."""
    from .probe import leakage

    with Bars() as bars:
        found = leakage(
            config, inputs, base, series=series, progress=lambda what, done, total: bars("probe", what, done, total)
        )
    table = table_of("model", "cutoffs probed", "verdict")
    table.columns[2].justify, table.columns[2].no_wrap = "left", False
    for own in found:
        table.add_row(own.model, ", ".join(f"{c:%Y-%m-%d}" for c in own.cutoffs) or "none", str(own))
    show(table)
    say("Out of the probe's reach: forecasts made elsewhere, and files that a forecaster reads by itself.")
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
