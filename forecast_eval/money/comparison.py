"""Models against the incumbent: money per judged cutoff, series by series, with paired intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..inference import Interval, paired_interval, time_blocks, total_interval
from ..scores.trending import NOT_TRENDING, TRENDING
from ..simulate import kpis
from ..simulate.books import scored_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..simulate import Board, Ledger, Market, Policy
    from .asked import Floats, Ints, Versus

SEGMENT_COLUMNS = (
    "model", "segment", "n_series", "profit", "lost_sales", "waste", "holding_cost", "shortage_cost",
    "difference", "low", "high",
)  # fmt: skip
PAIRED_COLUMNS = ("model", "cluster", "difference")


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Money of every model, each at its setting, on the judged board."""

    market: Market
    judged: Board
    ledgers: Mapping[str, Ledger]
    versus: Versus

    @property
    def weeks(self) -> float:
        """Length of the judged time; periods that are masked are part of it."""
        return self.weeks_of(self.judged)

    def weeks_of(self, layout: Board) -> float:
        """Length of the time of a board that an order governs, without a warm-up, for its mean series."""
        scored = scored_of(layout.governing, self.market.conventions)
        return float(scored.sum(axis=1).mean()) / (self.market.step * self.versus.per_week)

    @property
    def cutoffs(self) -> Ints:
        """Positions, among the judged cutoffs, of those with a scored period: a warm-up may swallow the first ones."""
        scored = scored_of(self.judged.governing, self.market.conventions)
        return np.flatnonzero(np.bincount(self.judged.governing[scored]))

    @property
    def ways(self) -> tuple[Ints, ...]:
        """Clusters of the series that are played, the stores first."""
        return tuple(codes[self.judged.series] for codes in self.versus.ways)

    @property
    def blocks(self) -> Ints:
        """Time block of each of `cutoffs`."""
        bound = int(np.ceil(self.market.protection.max() / self.market.step))
        return time_blocks(len(self.cutoffs), self.versus.block or bound)

    def kpis(self, ledger: Ledger) -> dict[str, float]:
        """KPIs of a play; money and units are per week."""
        days = 7.0 / (self.versus.per_week * self.market.step)
        return kpis(ledger, self.weeks, days)

    def by_cutoff(self, ledger: Ledger, values: Floats) -> Floats:
        """Sum of [series, time] values over the periods that each of `cutoffs` governs and that count."""
        return ledger.by_cutoff(values, len(self.judged.cutoffs))[:, self.cutoffs]

    def profit_of(self, ledger: Ledger) -> Floats:
        """Profit of a play [series, cutoff], currency."""
        return self.by_cutoff(ledger, ledger.profit)

    def profit(self, model: str) -> Floats:
        """Profit of a model [series, cutoff], currency."""
        return self.profit_of(self.ledgers[model])

    def weekly(self, values: Floats) -> float:
        """Total of [series, cutoff] money, a week."""
        return float(values.sum() / self.weeks)

    def interval(self, values: Floats) -> Interval:
        """Interval of the total of [series, cutoff] money, a week."""
        weekly = values * (len(self.cutoffs) / self.weeks)
        return total_interval(weekly, self.ways, self.blocks, confidence=self.versus.confidence)

    def paired(self, ours: Floats, theirs: Floats) -> Interval:
        """Interval of the difference of two plays' [series, cutoff] money, a week."""
        per_week, confidence = len(self.cutoffs) / self.weeks, self.versus.confidence
        return paired_interval(ours * per_week, theirs * per_week, self.ways, self.blocks, confidence=confidence)

    def difference(self, model: str, other: str) -> Interval:
        """Interval of what one model earns more than another, a week."""
        return self.paired(self.profit(model), self.profit(other))

    def money(self, chosen: Mapping[str, Policy]) -> pd.DataFrame:
        """One row a model, the best first: KPIs, and its difference to the incumbent with an interval."""
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

    def paired_by_cluster(self) -> pd.DataFrame:
        """What each model earns more than the incumbent in each of the first clusters (stores), a week.

        They add up to the difference of the totals; their spread is what the interval is made of.
        """
        codes, clusters = np.unique(self.ways[0], return_inverse=True)
        names = [self.versus.name(int(code)) for code in codes]
        parts = [
            pd.DataFrame({
                "model": model,
                "cluster": names,
                "difference": np.bincount(
                    clusters, (self.profit(model) - self.profit(self.versus.incumbent)).sum(axis=1)
                ) / self.weeks,
            })
            for model in self.ledgers if model != self.versus.incumbent
        ]  # fmt: skip
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(PAIRED_COLUMNS))

    def segments(self) -> pd.DataFrame:
        """Money of the periods in which a series was trending as of the cutoff, and of the others."""
        cutoffs = np.array(self.judged.cutoffs)[self.cutoffs]
        trend = self.versus.trending[np.ix_(cutoffs, self.judged.series)].T  # [series, cutoff]
        rows = [
            {"model": model, "segment": name, "n_series": mask.any(axis=1).sum()} | self._segment(model, mask)
            for name, mask in ((TRENDING, trend), (NOT_TRENDING, ~trend))
            for model in (self.ledgers if mask.any() else ())
        ]
        return pd.DataFrame(rows, columns=SEGMENT_COLUMNS)

    def _segment(self, model: str, mask: NDArray[np.bool_]) -> dict[str, float]:
        ledger = self.ledgers[model]
        p, f = ledger.prices, ledger.flows

        def weekly(values: Floats) -> float:
            return self.weekly(self.by_cutoff(ledger, values) * mask)

        interval = self.paired(self.profit(model) * mask, self.profit(self.versus.incumbent) * mask)
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
