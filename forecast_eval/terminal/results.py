"""What a run has found: its plan, what forecasters took, and money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .console import say, show, table_of, wrapped

if TYPE_CHECKING:
    from ..pipeline import Session
    from ..planned import Planned


def show_facts(facts: tuple[tuple[str, str], ...]) -> None:
    """Names and values."""
    from rich.table import Table

    table = Table(show_header=False)
    for name, value in facts:
        table.add_row(name, value)
    show(table)


def show_plan(what: Planned) -> None:
    """Windows, and units of work."""
    table = table_of("cutoff", "fit", "known from", "forecast", "to", "series", "ended", "not begun")
    for row in what.windows.to_dict("records"):
        dates = [row[name].strftime(what.date_format) for name in ("cutoff", "known_from", "first", "last")]
        late = f" ({row['unknown']} unknown)" if row["unknown"] else ""
        counts = (f"{row[name]:,}" for name in ("series", "ended", "not_begun"))
        table.add_row(dates[0], "yes" if row["fitted"] else "", *dates[1:3], dates[3] + late, *counts)
    show(table)
    units = table_of("model", "units of work", "finished")
    for model, (every, finished) in what.units.items():
        units.add_row(model, f"{every:,}", f"{finished:,}")
    show(units)
    say(what.words)


def show_usage(session: Session) -> None:
    """What each forecaster took."""
    from ..summary import usage

    table = table_of("model", "fit s", "predict s", "ms a series", "peak MB", "failures")
    for row in usage(session.run).to_dict("records"):
        numbers = [row[name] for name in ("fit_seconds", "predict_seconds", "latency_ms", "peak_mb")]
        table.add_row(row["model"], *("n/a" if n != n else f"{n:,.4g}" for n in numbers), f"{row['failures']}")  # noqa: PLR0124
    show(table)


def show_money(session: Session) -> None:
    """Leaderboard in money, and the sentence."""
    from ..summary import leaderboard, sentence_of

    metrics = tuple(m for m in ("rmse",) if m in session.config.score.names)
    percent = f"{session.config.compare.confidence:.0%}"
    table = table_of("model", *map(str.upper, metrics), "setting", "fill", "profit/week", f"difference ({percent})")
    for row in leaderboard(session.run, metrics).to_dict("records"):
        gap = f"{row['difference']:+z,.0f} ({row['low']:+z,.0f} to {row['high']:+z,.0f})"
        table.add_row(
            row["model"], *(f"{row[m]:,.3g}" for m in metrics), row["setting"], _share(row["fill_rate"]),
            f"{row['profit']:,.0f}", "incumbent" if row["is_incumbent"] else gap,
        )  # fmt: skip
    table.columns[-1].no_wrap, table.columns[len(metrics) + 1].min_width = False, 20
    show(table)
    say(sentence_of(session.run, session))


def show_calibrated(session: Session) -> None:
    """What past launches make of each candidate's simulated uplift, and a sentence on the best; if there is a book."""
    from ..align.calibrated_words import calibrated_words, signed_words, units_words
    from ..summary import calibrated_numbers, calibrated_sentence

    numbers = calibrated_numbers(session.run)
    if numbers:
        one = numbers[0]
        names = (f"{one.offline} simulated", f"calibrated ({one.confidence:.0%})", "is better", "a test would take")
        table = table_of("model", *names)
        for own in numbers:
            simulated, found = signed_words(own.simulated, own.offline_unit), calibrated_words(own)
            table.add_row(own.model, simulated, found, f"{own.better:.0%}", units_words(own.test))
        table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
        show(table)
    said = calibrated_sentence(session)
    if said:
        say(wrapped(said))
        for note in session.run.manifest["calibrated"]:
            if note != said:
                say(wrapped(note))


def show_launches(session: Session) -> None:
    """What each candidate's test found beside what was simulated, and the sentences."""
    from ..summary import online_sentences, signed

    launches = session.run.read("launches")
    for candidate, rows in launches.groupby("candidate", sort=False):
        table = table_of(str(candidate), "simulated", "measured", "verdict", "true")
        for row in rows.to_dict("records"):
            own = {str(name): value for name, value in row.items()}
            sides = (_lift(own, side) for side in ("simulated", "measured"))
            table.add_row(own["metric"], *sides, own["standing"], signed(own["true"]))
        table.columns[3].justify = "left"
        # a long name breaks into lines, numbers stay whole
        table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
        show(table)
    for line in online_sentences(launches):
        say(wrapped(line))


def _lift(row: dict[str, float], side: str) -> str:
    value, low, high = (row[name] for name in (side, f"{side}_low", f"{side}_high"))
    if value != value:  # noqa: PLR0124 - NaN
        return "n/a"
    return f"{value:+z.1%} ({100 * low:+z.1f} to {100 * high:+z.1f})" if low == low else f"{value:+z.1%}"  # noqa: PLR0124


def _share(value: float) -> str:
    return "n/a" if value != value else f"{value:.1%}"  # noqa: PLR0124 - NaN
