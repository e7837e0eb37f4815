"""What a run found, in words and tables: for the terminal and for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.faults import summary

from .align.calibrated import numbers_of
from .align.calibrated_words import sentence as sentence_on
from .align.calibrated_words import size_words
from .quality import data_facts
from .report import ReportFacts, ReportTables
from .scoring import baseline_of
from .stated import stated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest import Backtest

    from .align.calibrated import Calibrated
    from .pipeline import Session
    from .store import Run

UNCALIBRATED = "Money is simulated, not calibrated: the config names no book of past launches (calibration.book)."

SHORT = 5
"""Letters up to which a metric's name is an abbreviation."""

ROWS = 15_000
"""Rows of the timeline at most, unless more series are asked for by name or number: about 3 MB of the page."""


def sentence(headline: Mapping[str, Any], *, incumbent: str, currency: str, confidence: float) -> str:
    """Say what the whole project exists for: who is most accurate, who earns most, and how sure that is.

    headline : earns_most, most_accurate and the metric by which it is, against (whom the difference is to),
        difference, low and high (money a week).

    >>> found = {"earns_most": "b", "most_accurate": "a", "metric": "RMSE", "against": "a"}
    >>> found |= {"difference": 120.4, "low": 35.0, "high": 205.8}
    >>> sentence(found, incumbent="a", currency="EUR", confidence=0.95)
    'Best on RMSE: a; earns most: b; difference EUR 120 (from 35 to 206) a week.'
    """
    best, accurate, against = (headline[k] for k in ("earns_most", "most_accurate", "against"))
    metric = headline["metric"]
    title = f"Best on {metric} and earns most" if metric else "Earns most"  # a metric may rank nothing
    if against == best:
        return f"{title}: {best}, the only model that was played."
    gap, low, high = (float(headline[k]) for k in ("difference", "low", "high"))
    interval = f"(from {low:,.0f} to {high:,.0f}) a week"
    if np.isnan(low):
        interval = "a week (too few stores and weeks for an interval)"
    noise = f" That is within noise at {confidence:.0%}." if low <= 0 <= high else ""
    size = f"{currency} {gap:,.0f} {interval}.{noise}"
    if best != accurate:
        return f"Best on {metric}: {accurate}; earns most: {best}; difference {size}"
    to = f"{against}, the incumbent," if against == incumbent else f"{against}, the next,"
    holder = f"{best}, the incumbent" if best == incumbent else best
    return f"{title}: {holder}; difference to {to} {size}"


def sentence_of(run: Run, session: Session) -> str:
    """Give the sentence of a run whose simulation is done."""
    config = session.config
    return sentence(
        run.manifest["headline"],
        incumbent=config.compare.incumbent,
        currency=config.report.currency,
        confidence=config.compare.confidence,
    )


def leaderboard(run: Run, metrics: tuple[str, ...]) -> pd.DataFrame:
    """One row a model, best profit first: total scores, profit per week, difference to the incumbent, setting."""
    scores = run.read("scores")
    total = scores[(scores["axis"] == "total") & scores["metric"].isin(metrics)]
    wide = total.set_index(["model", "metric"])["value"].unstack("metric").reindex(columns=list(metrics))  # noqa: PD010
    money = run.read("money").set_index("model")
    columns = ["profit", "difference", "low", "high", "fill_rate", "setting", "is_incumbent"]
    return money[columns].join(wide).reset_index()  # models without money are not in it


def tables_of(session: Session) -> ReportTables:
    """Tables of the report, from the tables of the run."""
    run = session.run
    return ReportTables(
        scores=run.read("scores"),
        settings=run.read("settings"),
        money=run.read("money"),
        segments=run.read("segments"),
        timeline=timeline(session),
        usage=usage(run),
        waterfall=run.read("waterfall"),
        paired=run.read("paired"),
        accuracy=run.read("accuracy"),
        bounds=run.read("bounds"),
        worst=run.read("worst"),
        drawn=run.read("drawn"),
        standings=run.read("leaderboard"),
        calibration=run.read("calibration"),
        **{name: run.read(name) for name in ("launches", "calibrated") if run.has(name)},
    )


def calibrated_numbers(run: Run) -> tuple[Calibrated, ...]:
    """What past launches make of the candidates of a run, best profit first; none where it has no book of them."""
    if not run.has("calibrated"):
        return ()
    return numbers_of(run.read("calibrated"))


def calibrated_sentence(session: Session) -> str:
    """Say of the candidate that earns most what its uplift is worth online, and which test would settle it.

    Empty where the run has no launch book; where the book holds too little, that is said.
    """
    numbers = calibrated_numbers(session.run)
    if numbers:
        best = numbers[0]
        size = size_words(best.test, unit=best.unit)
        return f"{best.model} against the incumbent: {best.online} {sentence_on(best)}. {size[0].upper()}{size[1:]}."
    return session.run.manifest["calibrated"][-1] if session.run.has("calibrated") else ""


def calibrated_sentences(run: Run) -> tuple[str, ...]:
    """Say of each candidate what its uplift is worth online."""
    return tuple(f"{own.model}: {own.online} {sentence_on(own)}." for own in calibrated_numbers(run))


def online_sentences(launches: pd.DataFrame) -> list[str]:
    """Say of each candidate what its test found on the metrics that decide, and what the simulation had promised."""
    if launches.empty:
        return ["Nothing was launched: every metric that chooses would keep the incumbent."]
    lines = []
    for candidate, rows in launches[launches["role"] == "primary"].groupby("candidate", sort=False):
        chosen = str(rows["chosen_by"].iloc[0])
        which = f"Best on {_metrics_in_words(chosen)}: {candidate}" if chosen else str(candidate)
        lines.append(f"{which}. Online: {'; '.join(_tested(row) for row in rows.to_dict('records'))}.")
    return lines


def _metrics_in_words(names: str) -> str:
    """Names of metrics as people write them.

    >>> _metrics_in_words("rmse, mape, trend_weighted_cost")
    'RMSE, MAPE and trend weighted cost'
    """
    words = [n.upper() if len(n) <= SHORT else n.replace("_", " ") for n in names.split(", ")]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _tested(row: Mapping[Any, Any]) -> str:
    verdict = {"better": "better", "worse": "worse"}.get(row["standing"], "no difference is shown")
    promised = "" if np.isnan(row["simulated"]) else f", where {row['simulated']:+z.1%} was simulated"
    span = f" ({100 * row['measured_low']:+z.1f} to {100 * row['measured_high']:+z.1f})"
    measured = signed(row["measured"]) + ("" if np.isnan(row["measured_low"]) else span)
    known = "" if np.isnan(row["true"]) else f" and {signed(row['true'])} is true"
    return f"{row['metric']} {measured}, {verdict}{promised}{known}"


def signed(share: float) -> str:
    """Relative lift in percent, with its sign.

    >>> signed(0.1234), signed(float("nan"))
    ('+12.3%', 'n/a')
    """
    return "n/a" if np.isnan(share) else f"{share:+z.1%}"


def usage(run: Run) -> pd.DataFrame:
    """What each forecaster took: model, fit_seconds, predict_seconds, latency_ms, peak_mb, failures."""
    return pd.DataFrame.from_dict(run.manifest["usage"], orient="index").rename_axis("model").reset_index()


def failures_in_words(result: Backtest, fallback: str | None) -> list[str]:
    """One line for each forecaster and each way in which it failed."""
    lines = []
    for model in dict.fromkeys(f.model for f in result.failures):
        mine = [f for f in result.failures if f.model == model]
        for error in dict.fromkeys(f.error for f in mine):
            same = [f for f in mine if f.error == error]
            cutoffs = {f.cutoff for f in same}
            more = f" and {len(cutoffs) - 1} more" if len(cutoffs) > 1 else ""
            lines.append(f"{same[0]}".replace(f": {error}", f"{more}: {error}", 1))
    stood_in = [model for model, said in result.notes.items() if any("got the forecasts of" in text for text in said)]
    return lines + [f"{model}: there the forecasts of {fallback} stand in for its own" for model in stood_in]


def notes_in_words(result: Backtest) -> list[str]:
    """First note of each forecaster, and how many more there are."""
    lines = []
    for model, noted in result.notes.items():
        own = [text for text in noted if "got the forecasts of" not in text]
        more = f" (and {len(own) - 1} more such notes)" if len(own) > 1 else ""
        lines += [f"{model} {own[0]}{more}"] if own else []
    return lines


def timeline(session: Session) -> pd.DataFrame:
    """Stock, demand and forecast over the judged play, of the series asked for and of those in the table `worst`.

    The config asks for series by name, or for a number of those where models differ most. Those that a model treats
    worst follow, the first of each model before any second, while there are fewer than `ROWS` rows.
    """
    run, ledger = session.run, session.run.read("ledger")
    asked = _asked(session.config.report.timeline, ledger)
    worst = run.read("worst")
    ranked = worst.assign(rank=worst.groupby("model").cumcount()).sort_values("rank", kind="stable")["unique_id"]
    each = max(1, len(ledger) // max(1, ledger["unique_id"].nunique()))  # rows a series
    more = [uid for uid in dict.fromkeys(ranked) if uid not in set(asked)][: max(0, ROWS // each - len(asked))]
    part = ledger[ledger["unique_id"].isin([*asked, *more])]
    forecasts = run.read("forecasts")[["model", "cutoff", "unique_id", "ds", "forecast"]]
    # the newest forecast of each period is the one that a planner last looked at
    newest = forecasts.sort_values("cutoff").drop_duplicates(["model", "unique_id", "ds"], keep="last")
    merged = part.merge(newest.drop(columns="cutoff"), on=["model", "unique_id", "ds"], how="left")
    columns = [
        "model",
        "unique_id",
        "ds",
        "cutoff",
        "forecast",
        "demand",
        "on_hand",
        "ordered",
        "lost",
        "wasted",
    ]
    return merged[columns].reset_index(drop=True)


def _asked(wanted: int | tuple[str, ...], ledger: pd.DataFrame) -> list[str]:
    if not isinstance(wanted, int):
        return list(wanted)
    judged = ledger.dropna(subset=["cutoff"])
    earned = judged.pivot_table(index="unique_id", columns="model", values="profit", aggfunc="sum")
    return list((earned.max(axis=1) - earned.min(axis=1)).nlargest(wanted).index)


def facts_of(session: Session) -> ReportFacts:
    """Words and facts of the report."""
    config, run = session.config, session.run
    manifest = run.manifest
    used = session.metrics
    return ReportFacts(
        title=config.report.title or config.name,
        sentence=sentence_of(run, session),
        incumbent=config.compare.incumbent,
        currency=config.report.currency,
        confidence=config.compare.confidence,
        notes=(
            *manifest["notes"],
            *manifest["fallbacks"],
            "Scores are over all cutoffs, money over the judged ones.",
            *stated(config, truth=session.inputs.demand is not None),
            *((UNCALIBRATED,) if config.calibration is None else ()),
        ),
        warnings=tuple(summary(session.inputs.warnings, 3)),
        failures=(*manifest["failures"], *manifest["left_out"]),
        facts=(*data_facts(session.inputs), *_run_facts(session)),
        exploded=tuple(manifest["exploded"].values()),
        not_compared=tuple(manifest["score_notes"]),
        baseline=baseline_of(config),
        online=tuple(online_sentences(run.read("launches"))) if run.has("launches") else (),
        online_notes=_online_notes(session),
        calibrated=calibrated_sentence(session),
        calibrated_notes=tuple(manifest.get("calibrated", ())),
        metrics=tuple((m.name, m.unit, m.direction if m.ranks else "none", f"{m.question} {m.formula}.") for m in used),
    )


def _online_notes(session: Session) -> tuple[str, ...]:
    online = session.config.online
    if online is None:
        return ()
    found, same = session.run.manifest["online"], "All candidates were tested in the same stores on the same customers."
    arms = ", ".join(f"{count} stores in {arm}" for arm, count in found["arms"].items())
    weeks = (
        f"{online.weeks} weeks, of which the first {online.design.washout} are left out: stock of before is sold then"
    )
    plan = "The arms and what the test could find are in online/plan.yaml, the analyses beside it."
    return (f"{arms}; {weeks}.", same, plan, *found["notes"])


def _run_facts(session: Session) -> list[tuple[str, str]]:
    manifest, windows = session.run.manifest, session.windows
    versions = ", ".join(f"{name} {number}" for name, number in manifest["versions"].items())
    return [
        ("cutoffs", f"{len(windows)}, {windows[0].cutoff:%Y-%m-%d} to {windows[-1].cutoff:%Y-%m-%d}, horizon "
                    f"{len(windows[0].steps)}"),
        ("seed", str(manifest["seed"])),
        ("data fingerprint", manifest["data"]),
        ("metric definitions", ", ".join(f"{m} {v}" for m, v in manifest["metrics"].items())),
        ("versions", f"python {manifest['python']}, {versions}"),
        ("run", session.run.path.name),
    ]  # fmt: skip
