"""The market of configs/demo.yaml for the examples: rows to train on, and the game that judges order-up-to levels.

Training sees what a retailer records: sales of past weeks, with the weeks of a stockout filled in from the weeks before
them. The true demand only plays the judged weeks.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from forecast_eval.build import windows_of
from forecast_eval.config import load_config
from forecast_eval.inference import time_blocks, total_interval
from forecast_eval.markets import market_of
from forecast_eval.money import clustering, judged_cutoffs
from forecast_eval.read import read_inputs
from forecast_eval.simulate import Ledger, Prices, Rule, board, kpis, play
from losses import UnitCosts, trend_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from forecast_eval.inference import Interval

    Floats = NDArray[np.float64]

CONFIG = Path(__file__).parents[1] / "configs" / "demo.yaml"
FIRST = 13  # weeks of history that the first features need
HELD_OUT = 16  # last training weeks, on which residuals are measured
SMALL = ("data.world.stores=4", "data.world.skus=10")  # a market for tests
SEED = 7  # of the market in the config
FACTORS = np.arange(0.7, 2.01, 0.05)  # on levels, for the best setting in hindsight


def arguments() -> argparse.Namespace:
    """Read --small and --seed; what a notebook puts on the command line beside them is none of ours."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="a market and a training for tests")
    parser.add_argument("--seed", type=int, default=SEED, help="of the market")
    return parser.parse_known_args()[0]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One row for each series and cutoff, series by series.

    x : features that were known at the cutoff. demand : units over the weeks that an order must cover.
    scale : recent weekly demand times those weeks, units. underage, overage : [row] currency per unit.
    trend : [row] score of -1 (declining) to 1 (rising), as of the cutoff.
    """

    x: pd.DataFrame
    demand: Floats
    scale: Floats
    underage: Floats
    overage: Floats
    trend: Floats

    @property
    def costs(self) -> UnitCosts:
        """Unit costs of every row."""
        return UnitCosts(self.underage, self.overage)

    @property
    def ratio(self) -> Floats:
        """Critical ratio of every row."""
        return np.asarray(self.costs.critical_ratio())


class DemoMarket:
    """History, judged weeks and the state that every contestant starts from.

    train, early, held_out : cutoffs of training rows, whose weeks are over before the first judged cutoff; the early
        ones are over before those that are held out begin. judged : cutoffs whose orders are played. All are positions
        in the calendar.
    """

    def __init__(self, *, seed: int, small: bool = False) -> None:
        config = load_config(CONFIG, [f"seed={seed}", *(SMALL if small else ())])
        inputs = read_inputs(config.data, CONFIG.parent, seed)
        windows = windows_of(config.backtest).over(inputs.history.calendar)
        self.market, self.history = market_of(config, inputs), inputs.history
        (self.stores,), self.trend = clustering(self.history.static, ["store"]).codes, config.score.trend
        self.ids, self.costs = self.market.unique_ids, self.market.economics.unit_costs(self.market.unique_ids, cycle=1)
        chosen = judged_cutoffs(self.market, windows, config.simulate.judged)[1]
        self.judged = self.market.calendar.get_indexer(pd.DatetimeIndex([windows[k].cutoff for k in chosen]))
        last = int(self.judged[0]) - int(self.market.protection.max())
        self.train = np.arange(FIRST, last + 1)
        self.early = self.train[self.train <= last - HELD_OUT]
        self.held_out = self.train[-HELD_OUT + int(self.market.protection.max()) - 1 :]
        start = self.market.covered_start(int(self.judged[0]) + 1, None)  # stock for recent sales
        self.board = board(self.market, windows, chosen, start, np.ones(len(self.ids), dtype=bool))
        rows, times = self.board.series, self.board.times
        self.demand = np.ascontiguousarray(self.market.demand[np.ix_(rows, times)])
        self.system = self.market.system(rows, start.rows(rows))
        self.prices = Prices.of(self.market.economics, self.ids[rows], self.market.calendar[times])

    def rows(self, cutoffs: NDArray[np.int64], *, truth: bool = False) -> Rows:
        """Rows of all series at some cutoffs.

        truth : whether the demand is the true one, to score forecasts by, and not what the retailer recorded.
        """
        shape = (len(self.ids), len(cutoffs))
        covered = (self.market.protection - self.market.first_step)[:, None]
        scale = (_mean(self.market.believed, cutoffs, 8) + 0.5) * covered
        per_series = np.asarray(self.costs.underage)[:, None], np.asarray(self.costs.overage)[:, None]
        under, over, trend = (np.broadcast_to(v, shape).ravel() for v in (*per_series, self._trend()[:, cutoffs]))
        columns = self._columns(cutoffs) | {"recent": scale, "critical_ratio": self.costs.critical_ratio()[:, None]}
        x = pd.DataFrame({name: np.broadcast_to(v, shape).ravel() for name, v in columns.items()})
        x = x.astype({"category": "category"})
        demand = self._covered(self.market.demand if truth else self.market.believed, cutoffs)
        return Rows(x, demand.ravel(), scale.ravel(), under, over, trend)

    def _columns(self, cutoffs: NDArray[np.int64]) -> dict[str, NDArray]:
        """Features by name, each [series, cutoff] or what broadcasts to it."""
        sales, in_stock, promo = self.market.believed, self.history.dense("in_stock"), self.history.dense("promo")
        angle = 2 * np.pi * cutoffs / 52.18
        ahead = np.pad(promo, ((0, 0), (0, 3)))
        economics, ids = self.market.economics, self.ids
        return (
            {f"lag_{lag}": sales[:, cutoffs - lag] for lag in range(4)}
            | {f"mean_{weeks}": _mean(sales, cutoffs, weeks) for weeks in (4, 8, 13)}
            | {f"promo_{week}": ahead[:, cutoffs + week] for week in range(4)}  # promotions are planned ahead
            | {"in_stock_4": _mean(in_stock, cutoffs, 4), "trend": self._trend()[:, cutoffs]}
            | {"sin_year": np.sin(angle), "cos_year": np.cos(angle)}
            | {name: economics.field(name, ids)[:, None] for name in ("lead_time", "shelf_life")}
            | {"category": self.history.static.loc[ids, "category"].to_numpy()[:, None]}
        )

    def _trend(self) -> Floats:
        """Trend score [series, time]; each entry knows the weeks up to its own."""
        spec, in_stock = self.trend, self.history.dense("in_stock")
        return trend_score(self.history.dense(), in_stock, recent=spec.recent, base=spec.base, factor=spec.factor)

    def _covered(self, units: Floats, cutoffs: NDArray[np.int64]) -> Floats:
        """Units over the weeks that an order of each cutoff must cover [series, cutoff]: lead time plus review.

        Goods that expire before the next delivery are covered from their own delivery on only (`Market.first_step`).
        """
        total, row = np.pad(np.cumsum(units, axis=1), ((0, 0), (1, 0))), np.arange(len(units))[:, None]
        first, end = self.market.first_step[:, None], self.market.protection[:, None]
        return total[row, cutoffs + 1 + end] - total[row, cutoffs + 1 + first]

    def play(self, levels: Floats) -> Ledger:
        """Order up to levels [series, judged cutoff] week by week, against the true demand."""
        layout, dates = self.board, self.market.calendar[self.board.times]
        flows = play(
            self.system, self.demand, {week: Rule(level[layout.series]) for week, level in enumerate(levels.T)}
        )
        return Ledger(self.ids[layout.series], dates, layout.governing, self.demand, flows, self.prices)

    def profit(self, levels: Floats) -> Floats:
        """Profit of each judged order [series, cutoff], currency."""
        ledger = self.play(levels)
        return ledger.by_cutoff(ledger.profit, len(self.judged))


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """What order-up-to levels are worth, each contestant on the same demand from the same stock.

    judged : rows of the judged cutoffs, with true demand. levels : [row] by contestant, the first being the one that
        the others must beat; nobody orders up to less than nothing.
    """

    market: DemoMarket
    judged: Rows
    levels: Mapping[str, Floats]

    def table(self) -> pd.DataFrame:
        """One row a contestant; money is per week.

        rmse : of the level as a forecast of true demand, units. difference, low, high : against the first. best_profit
            : with the best single factor on all levels, found in hindsight: what another safety level alone could have
            brought.
        """
        weeks, first = len(self.market.judged), next(iter(self.levels))
        rows = []
        for name, level in self.levels.items():
            figures = kpis(self.market.play(self._dense(name)), weeks, 7.0)
            gap = self.difference(name, first)
            hindsight = max(self.market.profit(factor * self._dense(name)).sum() for factor in FACTORS) / weeks
            rows.append({
                "model": name, "rmse": float(np.sqrt(np.mean((level - self.judged.demand) ** 2))),
                **{key: figures[key] for key in ("profit", "fill_rate", "waste")},
                "difference": gap.estimate, "low": gap.low, "high": gap.high, "best_profit": hindsight,
            })  # fmt: skip
        return pd.DataFrame(rows).set_index("model")

    def difference(self, one: str, other: str) -> Interval:
        """Profit of one contestant minus that of another, a week: paired, 95 %, clustered by store and by time."""
        blocks = time_blocks(len(self.market.judged), int(self.market.market.protection.max()))
        gap = self.market.profit(self._dense(one)) - self.market.profit(self._dense(other))
        return total_interval(gap, self.market.stores[self.market.board.series], blocks)

    def text(self) -> str:
        """Table in 100 columns."""
        lines = [f"{'money is per week':<34}{'RMSE':>6}{'profit':>8}{'fill':>6}{'waste':>7}"
                 f"{'against the first (95 %)':>28}{'at best x':>10}"]  # fmt: skip
        for n, (name, row) in enumerate(self.table().iterrows()):
            gap = f"{row.difference:+.0f} ({row.low:+.0f} to {row.high:+.0f})" if n else ""
            lines.append(f"{name:<34}{row.rmse:6.1f}{row.profit:8.0f}{row.fill_rate:6.2f}{row.waste:7.0f}{gap:>28}"
                         f"{row.best_profit:10.0f}")  # fmt: skip
        return "\n".join(lines)

    def verdict(self, ours: str, rivals: tuple[str, ...]) -> str:
        """One sentence: ours against each rival, and whether that is more than noise."""
        parts = []
        for rival in rivals:
            gap = self.difference(ours, rival)
            noise = "" if gap.excludes_zero else ", within noise"
            word = "more" if gap.estimate > 0 else "less"
            parts.append(f"{abs(gap.estimate):.0f} {word} than {rival} ({gap.low:+.0f} to {gap.high:+.0f}{noise})")
        weeks, stores = len(self.market.judged), len(np.unique(self.market.stores))
        return (f"A week, {ours} earns {' and '.join(parts)}, on {weeks} weeks of {stores} stores of one synthetic "
                "market.")  # fmt: skip

    def _dense(self, name: str) -> Floats:
        """Levels [series, judged cutoff], units."""
        return np.maximum(self.levels[name], 0.0).reshape(len(self.market.ids), -1)


def _mean(values: Floats, ends: NDArray[np.int64], weeks: int) -> Floats:
    """Mean over the `weeks` weeks up to each end, that one included [series, end]."""
    total = np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
    return np.asarray((total[:, ends + 1] - total[:, ends + 1 - weeks]) / weeks)
