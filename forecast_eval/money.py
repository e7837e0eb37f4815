"""Which model earns more: every model at its best policy setting, against the incumbent, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import Fault, InputError
from backtest.windows import position_in

from .inference import Interval, time_blocks, total_interval
from .scores.trending import NOT_TRENDING, TRENDING
from .simulate import board, covered_state, kpis, outlooks, play_board

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from backtest import Window

    from .simulate import Board, Ledger, Market, Outlook, Policy, Predictions

    Floats = NDArray[np.float64]


PAIRS = 20  # past forecasts of a series, over windows and series, before a distribution is read from their errors
SEGMENT_COLUMNS = (
    "model", "segment", "n_series", "profit", "lost_sales", "waste", "holding_cost", "shortage_cost",
    "difference", "low", "high",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is played.

    windows : all cutoffs, oldest first; judged : how many of the last ones are judged, None for two thirds of those
        that can be played.
    policies : settings that are tried.
    state : on_hand [series] and in_transit [series, period] at the first judged cutoff, or None.
    cover : periods of supply at the start where there is no state.
    """

    windows: tuple[Window, ...]
    policies: tuple[Policy, ...]
    judged: int | None
    state: tuple[Floats, Floats] | None
    cover: float | None
    scenarios: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Versus:
    """How models are compared.

    clusters : [series] code of the store; block : cutoffs in a time block, None for those that a unit of stock binds.
    trending : [cutoff, series] as of each cutoff.
    per_week : cutoffs in a week.
    """

    incumbent: str
    confidence: float
    clusters: NDArray[np.int64]
    block: int | None
    trending: NDArray[np.bool_]
    per_week: float


@dataclass(frozen=True, slots=True, eq=False)
class Money:
    """What came of it.

    settings, money, segments : see `forecast_eval.report.ReportTables`.
    ledgers : model -> ledger of the judged cutoffs at the chosen setting.
    best_versus : difference per week between two models' profit, as an interval.
    """

    settings: pd.DataFrame
    money: pd.DataFrame
    segments: pd.DataFrame
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
    `notes` says so.
    """
    views, left_out = _views(market, models, plan, progress)
    if versus.incumbent not in views:
        why = left_out.get(versus.incumbent, "it has no forecasts")
        raise InputError([Fault("no-incumbent", f"the incumbent {versus.incumbent!r} cannot be played: {why}",
                                "compare.incumbent", "name another one, or mend it")])  # fmt: skip
    choosing, judged = _boards(market, {m: models[m] for m in views}, plan)
    tried = {m: play_board(market, choosing, view, plan.policies) for m, view in views.items()} if choosing else {}
    final = {m: play_board(market, judged, view, plan.policies) for m, view in views.items()}
    chosen = {m: _best(tried.get(m, final[m])) for m in final}
    ledgers = {m: final[m][chosen[m]] for m in final}
    compare = _Comparison(market, judged, ledgers, versus)
    settings = _settings_table(compare, final, chosen, tried)
    return Money(
        settings=settings,
        money=compare.money(chosen),
        segments=compare.segments(),
        ledgers=ledgers,
        judged=judged,
        chosen=chosen,
        left_out=left_out,
        notes=_notes(market, plan, compare, choosing, settings),
        best_versus=compare.difference,
    )


def _views(
    market: Market,
    models: Mapping[str, Predictions],
    plan: Plan,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[dict[str, dict[int, Outlook]], dict[str, str]]:
    """Outlooks of the models that have them at every playable cutoff, and why the others are left out."""
    views, left_out, wanted = {}, {}, judged_cutoffs(market, plan.windows, plan.judged)[0]
    for n, (name, model) in enumerate(models.items()):
        found = outlooks(market, model, plan.windows, scenarios=plan.scenarios, seed=plan.seed)
        lacking = [k for k in wanted if k not in found]
        if lacking:
            first = plan.windows[lacking[0]].cutoff
            left_out[name] = f"it has no forecasts at {len(lacking)} cutoff(s), the first {first:%Y-%m-%d}"
        else:
            views[name] = found
        if progress is not None:
            progress(name, n + 1, len(models))
    return views, left_out


def judged_cutoffs(market: Market, windows: Sequence[Window], judged: int | None) -> tuple[list[int], list[int]]:
    """Positions of the cutoffs that can be played, and of those among them that are judged.

    judged : how many of the last ones, None for two thirds.

    Raises InputError where there are too few.
    """
    playable = _playable_cutoffs(market, windows)
    if not playable:
        raise InputError([Fault(
            "too-few-windows",
            f"none of the {len(windows)} cutoffs has enough earlier windows that are over by then "
            f"({PAIRS} forecasts of a series are needed) and periods after it that its order can be judged on",
            "backtest.windows", "give more windows",
        )])  # fmt: skip
    count = judged or max(1, round(len(playable) * 2 / 3))
    if count > len(playable):
        raise InputError([Fault(
            "too-few-windows", f"judged={count} cutoffs, and only {len(playable)} can be played",
            "simulate.judged", f"lower it, or set backtest.windows to {len(windows) + count - len(playable)}",
        )])  # fmt: skip
    return playable, playable[-count:]


def _playable_cutoffs(market: Market, windows: Sequence[Window]) -> list[int]:
    """Cutoffs with enough past errors to order by, whose orders can be judged to the end of their periods."""
    last = len(market.calendar) - 1 - int(market.protection.max())
    return [
        k
        for k, w in enumerate(windows)
        if sum(earlier.steps[-1] <= w.cutoff for earlier in windows) * len(market.unique_ids) >= PAIRS
        and position_in(market.calendar, w.ordered_at) <= last
    ]


def _boards(market: Market, models: Mapping[str, Predictions], plan: Plan) -> tuple[Board | None, Board]:
    playable, judged = judged_cutoffs(market, plan.windows, plan.judged)
    start = plan.windows[judged[0]].cutoff
    position = {w.cutoff: position_in(market.calendar, w.ordered_at) for w in plan.windows}
    reach = int(market.protection.max())
    # what chooses a setting was sold by the cutoff, and not only by the order that comes a gap later
    known = position_in(market.calendar, start)
    earlier = [k for k in playable if position[plan.windows[k].cutoff] + reach <= known]

    def laid(cutoffs: list[int], state: tuple[Floats, Floats] | None) -> Board:
        complete = np.all([~np.isnan(m.point[cutoffs]).any(axis=(0, 2)) for m in models.values()], axis=0)
        first = position[plan.windows[cutoffs[0]].cutoff] + 1
        return board(market, plan.windows, cutoffs, state or covered_state(market, first, plan.cover), complete)

    final = laid(judged, plan.state)
    if not final.series.size:
        raise InputError([Fault("nothing-to-play", "no series has demand and every model's forecasts throughout",
                                "simulate", "lower judged, or look at the failures")])  # fmt: skip
    choosing = laid(earlier, None) if earlier else None
    return (choosing if choosing is not None and choosing.series.size else None), final


def _best(ledgers: Mapping[Policy, Ledger]) -> Policy:
    earned = {policy: ledger.profit[ledger.governing >= 0].sum() for policy, ledger in ledgers.items()}
    return max(earned, key=lambda policy: earned[policy])


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """Money per judged cutoff, series by series, of every model."""

    market: Market
    judged: Board
    ledgers: Mapping[str, Ledger]
    versus: Versus

    @property
    def weeks(self) -> float:
        return len(self.judged.cutoffs) / self.versus.per_week

    @property
    def blocks(self) -> NDArray[np.int64]:
        bound = int(np.ceil(self.market.protection.max() / self.market.step))
        return time_blocks(len(self.judged.cutoffs), self.versus.block or bound)

    def kpis(self, ledger: Ledger) -> dict[str, float]:
        days = 7.0 / (self.versus.per_week * self.market.step)
        return kpis(ledger, self.weeks, days)

    def interval(self, values: Floats) -> Interval:
        """Interval of [series, cutoff] money, per week."""
        clusters = self.versus.clusters[self.judged.series]
        weekly = values * self.versus.per_week
        return total_interval(weekly, clusters, self.blocks, confidence=self.versus.confidence)

    def profit(self, model: str) -> Floats:
        ledger = self.ledgers[model]
        return ledger.by_cutoff(ledger.profit, len(self.judged.cutoffs))

    def difference(self, model: str, other: str) -> Interval:
        return self.interval(self.profit(model) - self.profit(other))

    def money(self, chosen: Mapping[str, Policy]) -> pd.DataFrame:
        rows = []
        for model, ledger in self.ledgers.items():
            own, gap = self.interval(self.profit(model)), self.difference(model, self.versus.incumbent)
            incumbent = model == self.versus.incumbent
            rows.append({
                "model": model, "policy": chosen[model].name, "setting": chosen[model].label, **self.kpis(ledger),
                "profit_low": own.low, "profit_high": own.high, "difference": gap.estimate,
                "low": 0.0 if incumbent else gap.low, "high": 0.0 if incumbent else gap.high,
                "significant": gap.excludes_zero and not incumbent, "is_incumbent": incumbent,
            })  # fmt: skip
        return pd.DataFrame(rows).sort_values("profit", ascending=False, kind="stable").reset_index(drop=True)

    def segments(self) -> pd.DataFrame:
        trend = self.versus.trending[np.ix_(np.array(self.judged.cutoffs), self.judged.series)].T  # [series, cutoff]
        rows = [
            {"model": model, "segment": name, "n_series": mask.any(axis=1).sum()} | self._segment(model, mask)
            for name, mask in ((TRENDING, trend), (NOT_TRENDING, ~trend))
            for model in (self.ledgers if mask.any() else ())
        ]
        return pd.DataFrame(rows, columns=SEGMENT_COLUMNS)

    def _segment(self, model: str, mask: NDArray[np.bool_]) -> dict[str, float]:
        ledger, incumbent = self.ledgers[model], self.ledgers[self.versus.incumbent]
        p, f, count = ledger.prices, ledger.flows, len(self.judged.cutoffs)

        def weekly(values: Floats) -> float:
            return float((ledger.by_cutoff(values, count) * mask).sum() / self.weeks)

        gap = (self.profit(model) - incumbent.by_cutoff(incumbent.profit, count)) * mask
        interval = self.interval(gap)
        return {
            "profit": weekly(ledger.profit),
            "lost_sales": weekly(p.price * f.lost),
            "waste": weekly((p.unit_cost - p.salvage) * f.wasted),
            "holding_cost": weekly(p.holding * f.on_hand),
            "shortage_cost": weekly(p.underage * f.lost),
            "difference": interval.estimate,
            "low": interval.low,
            "high": interval.high,
        }


def _settings_table(
    compare: _Comparison,
    final: Mapping[str, Mapping[Policy, Ledger]],
    chosen: Mapping[str, Policy],
    tried: Mapping[str, Mapping[Policy, Ledger]],
) -> pd.DataFrame:
    rows = []
    for model, ledgers in final.items():
        best = _best(ledgers)
        for policy, ledger in ledgers.items():
            earlier = tried.get(model, {}).get(policy)
            rows.append({
                "model": model, "policy": policy.name, "setting": policy.label, "knob": policy.knob,
                "chosen": policy == chosen[model], "best": policy == best, **compare.kpis(ledger),
                "profit_when_choosing": float("nan") if earlier is None else _weekly_profit(earlier, compare.versus),
            })  # fmt: skip
    return pd.DataFrame(rows)


def _weekly_profit(ledger: Ledger, versus: Versus) -> float:
    cutoffs = int(ledger.governing.max()) + 1
    return float(ledger.profit[ledger.governing >= 0].sum() * versus.per_week / cutoffs)


def _notes(
    market: Market, plan: Plan, compare: _Comparison, choosing: Board | None, settings: pd.DataFrame
) -> tuple[str, ...]:
    judged, blocks = compare.judged, len(np.unique(compare.blocks))
    clusters = len(np.unique(compare.versus.clusters[judged.series]))
    first, last = (plan.windows[judged.cutoffs[i]].cutoff for i in (0, -1))
    left = len(market.unique_ids) - len(judged.series)
    how = "on the cutoffs before them" if choosing else "in hindsight, since no earlier cutoff could be played"
    start = "the given state" if plan.state is not None else "stock for recent mean sales, the same for every model"
    return (
        f"Money is judged on the orders of {len(judged.cutoffs)} cutoffs, {first:%Y-%m-%d} to {last:%Y-%m-%d}; each "
        f"order is judged on the periods from its arrival to that of the next one.",
        f"Each model's policy setting was chosen {how}" + (f" ({len(choosing.cutoffs)} cutoffs)." if choosing else "."),
        f"The play starts from {start}.",
        f"Series played: {len(judged.series)}; left out for want of demand or forecasts: {left}.",
        f"Intervals cluster by {clusters} group(s) of series (stores, where they are known) and by {blocks} time "
        f"block(s) of the {len(judged.cutoffs)} cutoffs; weeks that hang together beyond a block make them too narrow. "
        "The best of several models is partly the luckiest.",
        *_edges(settings),
        "Stock left after the last judged period is not written off; see the end stock of each model.",
    )


def _edges(settings: pd.DataFrame) -> list[str]:
    """Name the models whose setting lies at the edge of those that were tried: a better one may lie beyond."""
    ends = settings.groupby(["model", "policy"])["knob"].transform
    edge = (settings["knob"] == ends("min")) | (settings["knob"] == ends("max"))
    found = settings[edge & settings["chosen"] & (ends("size") > 1)]
    if found.empty:
        return []
    shown = ", ".join(f"{row.model} ({row.setting})" for row in found.itertuples())
    return [f"At the edge of the settings tried, so that a better one may lie beyond: {shown}."]
