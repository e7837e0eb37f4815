"""What the charts show, said in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .assumptions import short_name
from .tables.cells import texts

if TYPE_CHECKING:
    import pandas as pd

    from .content import ReportFacts


_VERDICTS = (
    "ahead of the incumbent",
    "behind the incumbent",
    "not to be told from the incumbent",
    "without an interval",
)


def robust(bounds: pd.DataFrame, incumbent: str) -> list[str]:
    """Say which models' verdict hangs on the assumption about hidden demand: together those for which it does not."""
    rivals = bounds[bounds["model"] != incumbent]
    verdicts = {str(model): _verdicts(rows) for model, rows in rivals.groupby("model", sort=False)}
    lines = []
    for verdict in _VERDICTS:
        models = [model for model, found in verdicts.items() if list(found) == [verdict]]
        lines += [f"{verdict.capitalize()} under every assumption: {_listed(models)}."] if models else []
    for model, found in verdicts.items():
        parts = [f"{verdict} under {_listed(names)}" for verdict, names in found.items()]
        lines += [f"{model}: {'; '.join(parts)}."] if len(parts) > 1 else []
    return lines


def _verdicts(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Verdicts on one model, and the assumptions under which each holds."""
    found: dict[str, list[str]] = {}
    for assumption, low, high in zip(rows["assumption"], rows["low"], rows["high"], strict=True):
        known = math.isfinite(low) and math.isfinite(high)
        place = 3 if not known else 0 if low > 0 else 1 if high < 0 else 2
        found.setdefault(_VERDICTS[place], []).append(f"\u201c{short_name(assumption)}\u201d")
    return found


def _listed(names: list[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def worth_of_accuracy(accuracy: pd.DataFrame, facts: ReportFacts) -> list[str]:
    """Say for each model what the first points of WAPE are worth, and what all of them are.

    The first step is the smallest share of truth above 0 that was played.
    """
    lines = []
    for model, rows in accuracy.sort_values("share").groupby("model", sort=False):
        better = rows[rows["share"] > 0]
        if better.empty or rows["share"].iloc[0] != 0:
            continue
        steps = [_step(row, facts.currency) for _, row in better.iloc[[0, -1]].drop_duplicates().iterrows()]
        lines.append(f"{model} has a WAPE of {_percent(rows['wape'].iloc[0])}. {' '.join(steps)}")
    return lines


def _step(row: pd.Series[float], currency: str) -> str:
    gain, low, high = texts(row[["gain", "low", "high"]].astype(float), "money")
    (point,) = texts([float(row["per_point"])], "money")
    reached = "A perfect forecast" if row["share"] == 1 else f"At a WAPE of {_percent(row['wape'])} it"
    return f"{reached} would earn {currency} {gain} more a week ({low} to {high}), {currency} {point} a point of WAPE."


def _percent(wape: float) -> str:
    (text,) = texts([wape / 100], "share")
    return text
