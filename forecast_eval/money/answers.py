"""Answers to what is asked beside who earns more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from backtest import Fault
from backtest.faults import nearest, refuse

from ..simulate import perfect_board
from .accuracy import ACCURACY_COLUMNS, accuracy
from .bounds import BOUNDS_COLUMNS, bounds
from .drawn import DRAWN_COLUMNS, drawn
from .waterfall import WATERFALL_COLUMNS, WORST_COLUMNS, waterfall, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..simulate import Ledger, Outlooks, Policy, Predictions
    from .asked import Plan
    from .boards import Boards
    from .comparison import Comparison


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Tables of the questions, see `forecast_eval.report.ReportTables`; without rows where they were not asked."""

    waterfall: pd.DataFrame
    worst: pd.DataFrame
    accuracy: pd.DataFrame
    bounds: pd.DataFrame
    drawn: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """What was played: forecasts of the models and their outlooks, the boards, and each model's setting."""

    models: Mapping[str, Predictions]
    views: Mapping[str, Outlooks]
    boards: Boards
    chosen: Mapping[str, Policy]
    plan: Plan


def answers(contest: Contest, compare: Comparison, progress: Callable[[str, int, int], None] | None = None) -> Answers:
    """Answer `contest.plan.questions`.

    Raises InputError where a model is to be blended that was not played.
    """
    asked, plan = contest.plan.questions, contest.plan
    models = {name: contest.models[name] for name in blended_models(contest, compare)}
    perfect = _perfect(contest, compare) if asked.waterfall or asked.worst else None
    down = None if perfect is None or not asked.waterfall else waterfall(compare, perfect)
    regret = None if perfect is None or not asked.worst else worst(compare, perfect, asked.worst)
    return Answers(
        waterfall=_empty(WATERFALL_COLUMNS) if down is None else down,
        worst=_empty(WORST_COLUMNS) if regret is None else regret,
        accuracy=accuracy(compare, models, plan, contest.boards, progress) if models else _empty(ACCURACY_COLUMNS),
        bounds=bounds(compare, contest.views, contest.chosen, asked.hidden_demand)
        if asked.hidden_demand
        else _empty(BOUNDS_COLUMNS),
        drawn=drawn(compare, contest.views, contest.chosen, asked.drawn) if asked.drawn else _empty(DRAWN_COLUMNS),
    )


def _perfect(contest: Contest, compare: Comparison) -> Ledger:
    return contest.boards.counted(compare.judged, perfect_board(compare.market, compare.judged))


def blended_models(contest: Contest, compare: Comparison) -> tuple[str, ...]:
    """Models that are blended with the truth."""
    asked = contest.plan.questions.accuracy
    if asked is None:
        return ()
    if asked.models is None:
        others = sorted(
            (model for model in compare.ledgers if model != compare.versus.incumbent),
            key=lambda model: -compare.profit(model).sum(),
        )
        return (compare.versus.incumbent, *others[:1])
    refuse([
        Fault("unknown-model", f"{name!r} was not played", "simulate.accuracy.models", nearest(name, compare.ledgers))
        for name in asked.models if name not in compare.ledgers
    ])  # fmt: skip
    return asked.models


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns))
