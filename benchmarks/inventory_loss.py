"""What a network earns that was trained through the inventory loss, against the same network on pinball.

    python benchmarks/inventory_loss.py [seed of the market]

The market is that of configs/demo.yaml. Three contestants share network, features, training weeks and the money weight
of each row:

- pinball: the newsvendor loss (pinball at each SKU's critical ratio, in currency) of demand over lead time plus review
  period; its output is the order-up-to level.
- inventory: the same network, trained on for some steps on the profit of rolled-out training weeks through
  `losses.inventory.InventoryLoss`.
- shelf: the same again, and for goods that age it also sees stock on hand, its old part and what is in transit.

Training sees what a retailer knows: sales with hidden demand filled in from the past. Money is that of the hard
simulator (packs, smallest orders, true demand) from the same state. Each contestant is judged untuned, with its best
factor on underage ("service"), and with its best factors on underage and on levels ("both"); factors are chosen on
weeks before the judged ones, by networks that had not seen those weeks. Figures are means over seeds; intervals are
paired, 95 %, clustered by store and time block at once. One core, no figure depends on the clock.
"""

from __future__ import annotations

import sys
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.functional import pad, softplus

from backtest.windows import position_in
from forecast_eval.config import load_config
from forecast_eval.inference import time_blocks, total_interval
from forecast_eval.markets import market_of
from forecast_eval.money import clustering, judged_cutoffs
from forecast_eval.pipeline import checked
from forecast_eval.simulate import Ledger, Prices, board, play
from losses import Newsvendor, UnitCosts
from losses.inventory import InventoryLoss, InventoryTerms, Shelf, Stock

if TYPE_CHECKING:
    from collections.abc import Callable

    from forecast_eval.inference import Interval
    from forecast_eval.simulate import Board, Decide, View

    Money = Callable[[np.random.Generator], torch.Tensor]

CONFIG = Path(__file__).parents[1] / "configs" / "demo.yaml"
CHOOSING = 32  # cutoffs in all: 12 judged, those before them for the choice of a setting
FIRST = 13  # weeks of history that the first features need
ROLLOUT, WARM_UP, BATCH = 13, 2, 4  # weeks of a rollout, of them not counted, rollouts in a step
KINDS = ("pinball", "inventory", "shelf")
PINBALL, PROFIT = (700, 4e-3), (200, 2e-3)  # steps and highest learning rate of either training
SHELF = 3  # features of the stock
ROWS = 1024  # of a pinball step
UNDERAGE = (0.5, 1.0, 2.0)
LEVEL = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6)
CHOICE_SEEDS, SEEDS = (100,), (0, 1, 2)
TERMS = ("price", "unit_cost", "salvage", "holding", "goodwill")


def mean_of(values: np.ndarray, ends: np.ndarray, weeks: int) -> np.ndarray:
    """Mean of the `weeks` up to each end, that included [series, end]."""
    total = np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
    return (total[:, ends + 1] - total[:, ends + 1 - weeks]) / weeks


class Data:
    """The demo market as arrays; `features` and `scale` are [series, cutoff - FIRST], known at the cutoff."""

    def __init__(self, *overrides: str) -> None:
        config = load_config(CONFIG, [f"backtest.windows={CHOOSING}", *overrides])
        inputs, _, self.windows = checked(config, CONFIG.parent)
        self.market, history = market_of(config, inputs), inputs.history
        (self.clusters,) = clustering(history.static, ["store"]).codes
        self.ids, self.terms = self.market.unique_ids, self.market.economics
        self.known = {name: self.terms.field(name, self.ids) for name in (*TERMS, "shelf_life")}
        costs = self.terms.unit_costs(self.ids, cycle=self.market.step)
        self.underage, self.overage = np.asarray(costs.underage), np.asarray(costs.overage)
        table = history.frame.sort_values(["unique_id", "ds"])
        shape = self.market.demand.shape
        self.promo, self.in_stock = (table[name].to_numpy(dtype=float).reshape(shape) for name in ("promo", "in_stock"))
        self.category = history.static.loc[self.ids, "category"].to_numpy()
        self.sales = torch.tensor(self.market.believed, dtype=torch.float32)
        self.cutoffs = np.arange(FIRST, shape[1])
        playable, judged = judged_cutoffs(self.market, self.windows, config.simulate.judged)
        over = self.at(judged)[0] - int(self.market.protection.max())
        self.boards = {
            "judged": self.board(judged),
            "choice": self.board([k for k in playable if self.at([k]) <= over]),
        }

    def at(self, windows: list[int]) -> np.ndarray:
        """Positions of cutoffs in the calendar."""
        return np.array([position_in(self.market.calendar, self.windows[k].cutoff) for k in windows])

    def board(self, windows: list[int]) -> Board:
        """A stretch that every contestant plays from the same stock."""
        start = self.market.covered_start(int(self.at(windows)[0]) + 1, None)
        return board(self.market, self.windows, windows, start, np.ones(len(self.ids), dtype=bool))

    @cached_property
    def scale(self) -> torch.Tensor:
        """Recent demand over the weeks that an order covers [series, cutoff] units."""
        covered = self.market.protection - self.market.first_step
        recent = mean_of(self.market.believed, self.cutoffs, 8) + 0.5
        return torch.tensor(recent * covered[:, None], dtype=torch.float32)

    @cached_property
    def cover(self) -> torch.Tensor:
        """Stock that a play starts from [series, cutoff] units, as the simulator takes it."""
        starts = [self.market.covered_start(int(c) + 1, None).on_hand for c in self.cutoffs]
        return torch.tensor(np.array(starts).T, dtype=torch.float32)

    @cached_property
    def features(self) -> torch.Tensor:
        """Inputs of the network [series, cutoff, feature], standardised over the weeks before any choice."""
        both = [*self._past(), *self._ahead(), *self._fixed()]
        shape = self.scale.shape
        stacked = torch.tensor(np.stack([np.broadcast_to(f, shape) for f in both], axis=-1), dtype=torch.float32)
        early = stacked[:, : int(self.at([self.boards["choice"].cutoffs[0]])[0]) - FIRST]
        return (stacked - early.mean((0, 1))) / (early.std((0, 1)) + 1e-3)

    def _past(self) -> list[np.ndarray]:
        sales, c = self.market.believed, self.cutoffs
        recent = mean_of(sales, c, 8) + 0.5
        spread = np.sqrt(np.maximum(mean_of(sales**2, c, 13) - mean_of(sales, c, 13) ** 2, 0.0))
        ratios = [mean_of(sales, c, 4), mean_of(sales, c, 13), *(sales[:, c - lag] for lag in range(4))]
        return [np.log(recent), spread / recent, *(np.log((r + 0.5) / recent) for r in ratios),
                self.in_stock[:, c], mean_of(self.in_stock, c, 4)]  # fmt: skip

    def _ahead(self) -> list[np.ndarray]:
        c, sales = self.cutoffs, self.market.believed
        promo = np.pad(self.promo, ((0, 0), (0, 3)))
        year_ago = np.maximum(c - 52, 7)
        turn = np.log((mean_of(sales, year_ago + 3, 3) + 0.5) / (mean_of(sales, year_ago, 8) + 0.5))
        angle = 2 * np.pi * c / 52.18
        waves = [f(n * angle) for n in (1, 2) for f in (np.sin, np.cos)]
        return [*(promo[:, c + ahead] for ahead in (-1, 0, 1, 2, 3)), np.where(c >= 59, turn, 0.0), c >= 59, *waves]

    def _fixed(self) -> list[np.ndarray]:
        k, price = self.known, self.known["price"]
        shares = [k["holding"] / k["unit_cost"], k["salvage"] / k["unit_cost"], k["unit_cost"] / price]
        shares += [k["goodwill"] / price, np.log(price), np.log(self.underage / self.overage)]
        kinds = [k["shelf_life"] == 1, k["shelf_life"] == 2, self.market.lead_time == 2]
        kinds += [self.category == name for name in np.unique(self.category)]
        return [column[:, None] for column in shares + kinds]


class Network(nn.Module):
    """Two hidden layers; a positive order-up-to level as a multiple of recent demand."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))

    def forward(self, features: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Levels, the shape of `scale`, units."""
        blind = pad(features, (0, self.layers[0].in_features - features.shape[-1]))  # who sees no shelf sees zeros
        return softplus(self.layers(blind)[..., 0] + 1.0) * scale


def descend(network: Network, money: Money, plan: tuple[int, float], seed: int) -> None:
    """Adam with one cycle of the learning rate."""
    (steps, rate), draw = plan, np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        money(draw).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()


@dataclass(frozen=True, slots=True)
class Contestant:
    """A way to train: its kind, and the factor on underage that it is trained with."""

    data: Data
    kind: str
    factor: float = 1.0

    def pinball(self, network: Network, end: int) -> Money:
        """Newsvendor cost of demand over the weeks that an order covers."""
        data, market = self.data, self.data.market
        total = np.pad(np.cumsum(market.believed, axis=1), ((0, 0), (1, 3)), constant_values=np.nan)
        total[:, 0] = 0.0
        rows, after = np.arange(len(data.ids))[:, None], data.cutoffs + 1
        target = total[rows, after + market.protection[:, None]] - total[rows, after + market.first_step[:, None]]
        seen = torch.tensor(data.cutoffs + market.protection[:, None] <= end)
        x, scale, y = data.features[seen], data.scale[seen], torch.tensor(target, dtype=torch.float32)[seen]
        short, over = (
            torch.tensor(c, dtype=torch.float32)[:, None].expand(seen.shape)[seen]
            for c in (self.factor * data.underage, data.overage)
        )
        unit = float((y * (short + over)).mean())

        def money(draw: np.random.Generator) -> torch.Tensor:
            i = torch.tensor(draw.integers(0, len(y), ROWS))
            return Newsvendor().value(y[i], network(x[i], scale[i]), UnitCosts(short[i], over[i])).mean() / unit

        return money

    def rollouts(self, network: Network, end: int) -> Money:
        """Minus the profit of rollouts that start in random weeks."""
        data = self.data
        price = data.known["price"] + (self.factor - 1) * data.underage  # the factor on underage, as pinball has it
        names = ("unit_cost", "salvage", "holding", "goodwill", "shelf_life")
        terms = InventoryTerms(
            **{name: data.known[name] for name in names}, price=price, lead_time=data.market.lead_time
        )
        loss, mask = InventoryLoss(terms), torch.arange(ROLLOUT) >= WARM_UP
        unit = float(np.mean(data.known["price"][:, None] * data.market.believed[:, : end + 1]))

        def money(draw: np.random.Generator) -> torch.Tensor:
            weeks = draw.integers(FIRST, end - ROLLOUT + 1, BATCH)[:, None] + np.arange(ROLLOUT)
            x, scale = data.features[:, weeks - FIRST], data.scale[:, weeks - FIRST]  # [series, rollout, week, ...]
            x, scale, demand = x.transpose(0, 1), scale.transpose(0, 1), data.sales[:, weeks + 1].transpose(0, 1)

            def level(t: int, shelf: Shelf) -> torch.Tensor:
                return self.level(network, x[..., t, :], scale[..., t], shelf)

            levels = level if self.kind == "shelf" else network(x, scale)
            start = Stock(data.cover[:, weeks[:, 0] - FIRST].T)
            return loss(levels, demand, start=start, mask=mask.expand(demand.shape))[..., WARM_UP:].mean() / unit

        return money

    def level(self, network: Network, x: torch.Tensor, scale: torch.Tensor, shelf: Shelf) -> torch.Tensor:
        """Levels of one week [..., series]; kind "shelf" sees the stock of goods that age, over recent demand."""
        if self.kind != "shelf":
            return network(x, scale)
        ages = torch.tensor(self.data.known["shelf_life"] == 2, dtype=scale.dtype)
        state = torch.stack([shelf.on_hand, shelf.ages[..., 0], shelf.due.sum(-1)], dim=-1)
        return network(torch.cat([x, state * (ages / scale)[..., None]], dim=-1), scale)

    def ledger(self, network: Network, layout: Board, levels: float) -> Ledger:
        """Play the hard simulator: each order sees the stock that the ones before it have left."""
        data, market, rows = self.data, self.data.market, layout.series
        dates = market.calendar[layout.times]
        demand = np.ascontiguousarray(market.demand[np.ix_(rows, layout.times)])

        def ordering(cutoff: int) -> Decide:
            def order(view: View) -> np.ndarray:
                shelf = Shelf(*(torch.tensor(units, dtype=torch.float32) for units in (view.ages, view.due)))
                with torch.no_grad():
                    level = self.level(network, data.features[:, cutoff], data.scale[:, cutoff], shelf)
                return levels * level.double().numpy() - view.position

            return order

        orders = {week: ordering(at - FIRST) for week, at in enumerate(data.at(list(layout.cutoffs)))}
        flows = play(market.system(rows, layout.start.rows(rows)), demand, orders)
        prices = Prices.of(data.terms, data.ids[rows], dates)
        return Ledger(data.ids[rows], dates, layout.governing, demand, flows, prices)

    def profit(self, network: Network, stretch: str, levels: float = 1.0) -> np.ndarray:
        """Profit of the orders of each cutoff [series, cutoff], currency."""
        layout = self.data.boards[stretch]
        ledger = self.ledger(network, layout, levels)
        return ledger.by_cutoff(ledger.profit, len(layout.cutoffs))


@cache
def trained(contestant: Contestant, end: int, seed: int) -> Network:
    """Train on what is known in week `end`; profit goes on from where pinball ends."""
    if contestant.kind == "pinball":
        torch.manual_seed(seed)
        network = Network(contestant.data.features.shape[-1] + SHELF)
        descend(network, contestant.pinball(network, end), PINBALL, seed)
        return network
    network = deepcopy(trained(replace(contestant, kind="pinball"), end, seed))
    descend(network, contestant.rollouts(network, end), PROFIT, seed)
    return network


def end_of(data: Data, stretch: str) -> int:
    """Week of a stretch's first cutoff: what training may know."""
    return int(data.at([data.boards[stretch].cutoffs[0]])[0])


def settings(data: Data, kind: str) -> dict[str, tuple[float, float]]:
    """Factors on underage and on levels: untuned, and what earned most on the weeks of the choice."""
    earned = dict.fromkeys(product(UNDERAGE, LEVEL), 0.0)
    for factor, seed in product(UNDERAGE, CHOICE_SEEDS):
        contestant = Contestant(data, kind, factor)
        network = trained(contestant, end_of(data, "choice"), seed)
        for level in LEVEL:
            earned[factor, level] += float(contestant.profit(network, "choice", level).sum())
    best = sorted(earned, key=lambda setting: earned[setting])
    return {"untuned": (1.0, 1.0), "service": next(s for s in best[::-1] if s[1] == 1.0), "both": best[-1]}


def gap(data: Data, difference: np.ndarray) -> Interval:
    """Paired difference per week [series, cutoff], clustered by store and by the weeks that a unit of stock binds."""
    blocks = time_blocks(difference.shape[1], int(data.market.protection.max()))
    return total_interval(difference, data.clusters, blocks)


def shown(interval: Interval, base: np.ndarray) -> str:
    """An interval in currency per week, and as a share of [series, cutoff] money."""
    unit = base.sum() / base.shape[1] / 100
    low, high = interval.low, interval.high
    return (f"{interval.estimate:+.1f} [{low:+.1f}, {high:+.1f}]"
            f" = {interval.estimate / unit:+.2f} % [{low / unit:+.2f}, {high / unit:+.2f}]")  # fmt: skip


def judged_profit(data: Data, kind: str, setting: tuple[float, float]) -> np.ndarray:
    """Profit on the judged weeks [seed, series, cutoff], currency."""
    contestant, end = Contestant(data, kind, setting[0]), end_of(data, "judged")
    return np.array([contestant.profit(trained(contestant, end, seed), "judged", setting[1]) for seed in SEEDS])


def main() -> None:
    """Choose settings, train, judge, print."""
    torch.set_num_threads(1)
    data, money = Data(*(f"seed={seed}" for seed in sys.argv[1:2])), {}
    weeks = {name: len(layout.cutoffs) for name, layout in data.boards.items()}
    print(f"{len(data.ids)} series; settings chosen on {weeks['choice']} weeks, judged on the {weeks['judged']} after")
    for kind in KINDS:
        began = time.process_time()
        for name, setting in settings(data, kind).items():
            money[kind, name] = judged_profit(data, kind, setting)
            weekly = money[kind, name].sum() / weeks["judged"] / len(SEEDS)
            print(f"{kind:10} {name:8} underage x{setting[0]:g}, levels x{setting[1]:g}: profit a week {weekly:7.1f}")
        print(f"{kind:10} took {time.process_time() - began:.0f} s of one core")
    print("Differences in profit a week, at like settings, with 95 % intervals:")
    for kind, name in product(KINDS[1:], ("untuned", "service", "both")):
        report(data, f"{kind} - pinball, {name}", money[kind, name], money["pinball", name])
    # the hardest baseline: whichever of pinball's settings turned out best
    name = max(("untuned", "service", "both"), key=lambda n: money["pinball", n].sum())
    base = money["pinball", name].mean(axis=0)
    parts = (f"{k} {shown(gap(data, money[k, 'untuned'].mean(axis=0) - base), base)}" for k in KINDS[1:])
    print(f"inventory loss, untuned, against pinball, {name}, hard simulator, a week: " + "; ".join(parts))


def report(data: Data, title: str, money: np.ndarray, other: np.ndarray) -> None:
    """Difference of [seed, series, cutoff] money: all, by seed and by shelf life."""
    life, base, difference = data.known["shelf_life"], other.mean(axis=0), (money - other).mean(axis=0)
    seeds = ", ".join(f"{100 * d.sum() / base.sum():+.2f} %" for d in money - other)
    print(f"{title}: {shown(gap(data, difference), base)}; by seed {seeds}")
    for name, rows in {"sold for 1 week": life == 1, "sold for 2 weeks": life == 2, "keeps": np.isinf(life)}.items():
        print(f"    {name:16} {shown(gap(data, np.where(rows[:, None], difference, 0.0)), base[rows])}")


if __name__ == "__main__":
    main()
