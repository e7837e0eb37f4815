"""Whether the groups that a scorecard names are there: before anything is fitted, not after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.faults import Fault, nearest, refuse

from ..money import clustering
from ..scores.classes import ABC, XYZ
from ..scores.trending import NOT_TRENDING, TRENDING
from .criteria import PLACE, criteria_of
from .figures import BY_TREND

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from backtest import History

    from ..config import Config
    from .criteria import Criterion

Groups = dict[str, tuple[str, ...] | None]
"""Axis -> names of its groups, or None where only the finished run knows them."""


def check_scorecard(config: Config, base: Path, history: History) -> tuple[Criterion, ...]:
    """Criteria of the config, as `criteria_of`, for groups that exist.

    Raises InputError with every fault of the criteria; where they have none, with every axis and group that there will
    be no figures for.
    """
    criteria = criteria_of(config, base)
    if not criteria:
        return ()
    known = {"forecasts": _of_scores(config, history), "simulator": _of_key_figures(config, history)}
    faults = []
    for n, each in enumerate(criteria):
        if each.metric.source in known:  # what is measured online will say its own
            faults += _faults(each, known[each.metric.source], f"{PLACE}.{n}")
    refuse(faults)
    return criteria


def _of_scores(config: Config, history: History) -> Groups:
    groups: Groups = {"total": ("all",), "trend": (TRENDING, NOT_TRENDING), "cutoff": None, "level": None}
    groups["step"] = tuple(str(k + 1) for k in range(config.backtest.horizon))
    ids = tuple(map(str, history.unique_ids))
    for name in config.score.by:
        own = {"abc": ABC, "xyz": XYZ, "series": ids}.get(name)
        groups |= {name: own} if own is not None else _static(history, name)
    return groups


def _of_key_figures(config: Config, history: History) -> Groups:
    groups: Groups = {"total": ("all",), "trend": (TRENDING, NOT_TRENDING), "ds": None}
    groups["unique_id"] = tuple(map(str, history.unique_ids))
    clusters = config.compare.clusters or clustering(history.static, None).columns
    for name in (*config.score.by, *clusters):
        groups |= _static(history, name)
    return groups


def _static(history: History, name: str) -> Mapping[str, tuple[str, ...]]:
    """Groups of a static column; none where there is no such column, which is said elsewhere."""
    static = history.static
    return {name: tuple(sorted(static[name].astype(str).unique()))} if name in static.columns else {}


def _faults(criterion: Criterion, known: Groups, place: str) -> list[Fault]:
    name, axis, group = criterion.metric.name, criterion.axis, criterion.group
    if axis not in known:
        return [Fault("unknown-axis", f"axis {axis!r} of {name} does not exist", place,
                      f"{nearest(axis, known)}; score.by adds static columns")]  # fmt: skip
    if axis == "trend" and criterion.metric.source == "simulator" and name not in BY_TREND:
        return [Fault("unknown-axis", f"{name} is not broken down by trend", place,
                      f"take one of {', '.join(BY_TREND)}, or a metric of forecasts")]  # fmt: skip
    groups = known[axis]
    if groups is not None and group not in groups:
        return [Fault("unknown-group", f"group {group!r} of axis {axis} does not exist", place, nearest(group, groups))]
    return []
