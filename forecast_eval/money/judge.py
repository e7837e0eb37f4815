"""Play, choose, compare: the steps from forecasts to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest import Fault, InputError

from ..simulate import outlooks
from .answers import Answers, Contest, answers
from .boards import boards, judged_cutoffs
from .comparison import Comparison
from .settings import edges, play_settings, settings_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from ..inference import Interval
    from ..simulate import Board, Conventions, Ledger, Market, Outlooks, Policy, Predictions
    from .asked import Plan, Versus
    from .boards import Boards


@dataclass(frozen=True, slots=True, eq=False)
class Money:
    """What came of it.

    settings, money, segments, paired : see `forecast_eval.report.ReportTables`.
    answers : to the questions of the plan.
    ledgers : model -> ledger of the judged cutoffs at the chosen setting.
    best_versus : difference per week between two models' profit, as an interval.
    """

    settings: pd.DataFrame
    money: pd.DataFrame
    segments: pd.DataFrame
    paired: pd.DataFrame
    answers: Answers
    ledgers: Mapping[str, Ledger]
    judged: Board
    chosen: Mapping[str, Policy]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    best_versus: Callable[[str, str], Interval]


def judge(
    market: Market,
    models: Mapping[str, Predictions],
    plan: Plan,
    versus: Versus,
    progress: Callable[[str, int, int], None] | None = None,
) -> Money:
    """Play every model under every policy setting, choose each model's setting, and compare with the incumbent.

    The setting is chosen on cutoffs whose periods are over before the first judged cutoff, so that the judged money
    is not the luck of the choice. Where no such cutoff can be played the setting is the best in hindsight, and
    `notes` says so. What else is to be found out is in `plan.questions`.
    """
    views, left_out = _views(market, models, plan, progress)
    _needs_incumbent(versus.incumbent, views, left_out)
    laid = boards(market, {m: models[m] for m in views}, plan)
    played = {m: play_settings(market, laid, view, plan.policies) for m, view in views.items()}
    chosen = {m: each.chosen for m, each in played.items()}
    ledgers = {m: each.final[chosen[m]] for m, each in played.items()}
    compare = Comparison(market, laid.judged, ledgers, versus)
    settings = settings_table(compare, played, laid.choosing)
    return Money(
        settings=settings,
        money=compare.money(chosen),
        segments=compare.segments(),
        paired=compare.paired_by_cluster(),
        answers=answers(Contest(models, views, laid, chosen, plan), compare, progress),
        ledgers=ledgers,
        judged=laid.judged,
        chosen=chosen,
        left_out=left_out,
        notes=_notes(plan, compare, laid, settings),
        best_versus=compare.difference,
    )


def _views(
    market: Market,
    models: Mapping[str, Predictions],
    plan: Plan,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[dict[str, Outlooks], dict[str, str]]:
    """Outlooks of the models that have them at every playable cutoff, and why the others are left out."""
    views: dict[str, Outlooks] = {}
    left_out, wanted = {}, judged_cutoffs(market, plan.windows, plan.judged)[0]
    for n, (name, model) in enumerate(models.items()):
        found = outlooks(market, model, plan.windows, sampling=plan.sampling, seed=plan.seed)
        lacking = [k for k in wanted if k not in found]
        if lacking:
            first = plan.windows[lacking[0]].cutoff
            left_out[name] = f"it has no forecasts at {len(lacking)} cutoff(s), the first {first:%Y-%m-%d}"
        else:
            views[name] = found
        if progress is not None:
            progress(name, n + 1, len(models))
    return views, left_out


def _needs_incumbent(incumbent: str, views: Mapping[str, Outlooks], left_out: Mapping[str, str]) -> None:
    if incumbent not in views:
        why = left_out.get(incumbent, "it has no forecasts")
        raise InputError([Fault("no-incumbent", f"the incumbent {incumbent!r} cannot be played: {why}",
                                "compare.incumbent", "name another one, or mend it")])  # fmt: skip


def _notes(plan: Plan, compare: Comparison, laid: Boards, settings: pd.DataFrame) -> tuple[str, ...]:
    judged, choosing = compare.judged, laid.choosing
    first, last = (plan.windows[judged.cutoffs[i]].cutoff for i in (0, -1))
    left = len(compare.market.unique_ids) - len(judged.series)
    how = "on the cutoffs before them" if choosing else "in hindsight, since no earlier cutoff could be played"
    start = "the given state" if plan.state is not None else "stock for recent mean sales, the same for every model"
    return (
        f"Money is judged on the orders of {len(judged.cutoffs)} cutoffs, {first:%Y-%m-%d} to {last:%Y-%m-%d}; each "
        f"order is judged on the periods from its arrival to that of the next one.",
        f"Each model's policy setting was chosen {how}" + (f" ({len(choosing.cutoffs)} cutoffs)." if choosing else "."),
        f"The play starts from {start}.",
        f"Series played: {len(judged.series)}; left out for want of demand or forecasts: {left}.",
        f"Intervals cluster by {_clusters(compare)} and by {len(np.unique(compare.blocks))} time block(s) of the "
        f"{len(judged.cutoffs)} cutoffs; weeks that hang together beyond a block make them too narrow. "
        "The best of several models is partly the luckiest.",
        *edges(settings),
        _end_stock(compare.market.conventions),
    )


def _clusters(compare: Comparison) -> str:
    """Words for the clusters of series, with their numbers."""
    numbers = [len(np.unique(codes)) for codes in compare.ways]
    names = compare.versus.cluster_columns
    if len(names) != len(numbers):
        return ", by ".join(f"{n} group(s) of series" for n in numbers) + " (stores, where they are known)"
    return ", by ".join(f"{n} {name}(s)" for name, n in zip(names, numbers, strict=True))


def _end_stock(says: Conventions) -> str:
    """What becomes of the stock after the last judged period."""
    if says.stock_value == "none":
        return "Stock left after the last judged period is not written off; see the end stock of each model."
    return f"Stock at the start and after the last judged period is valued at its {says.stock_value}."
