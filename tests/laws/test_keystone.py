"""The keystone: loss and simulator are one theory, and here is where they may differ."""

import numpy as np
import pandas as pd
import pytest

from backtest import RollingWindows
from forecast_eval.economics import Economics
from forecast_eval.simulate import (
    InventorySystem,
    Ledger,
    Market,
    Prices,
    Rule,
    Start,
    Supply,
    board,
    perfect_board,
    play,
)
from losses import Newsvendor, UnitCosts

N = 200
IDS = np.array([f"s{i:03d}" for i in range(N)], dtype=object)
DAY = pd.date_range("2026-01-05", periods=1, freq="W-MON")


def economics(**columns):
    rng = np.random.default_rng(11)
    cost = rng.uniform(1, 10, N).round(2)
    table = {
        "unique_id": IDS, "unit_cost": cost, "price": (cost * rng.uniform(1.05, 3, N)).round(2),
        "salvage": (cost * rng.uniform(-0.3, 0.8, N)).round(2), "goodwill": rng.uniform(0, 3, N).round(2),
        "holding": rng.uniform(0.01, 1, N).round(2), "shelf_life": 1, "pack_size": 0,  # any amount
    }  # fmt: skip
    return Economics.of(pd.DataFrame(table | columns))


def profit(order, demand, terms):
    """Profit of ordering up to `order` in each period, from an empty shop [series, time]."""
    order, demand = (np.reshape(units, (N, -1)) for units in (order, demand))
    time = demand.shape[1]
    system = InventorySystem(Supply.of(terms, IDS), Start.empty(N))
    flows = play(system, demand, {t: Rule(order[:, t]) for t in range(time)})
    dates = pd.date_range(DAY[0], periods=time, freq="W-MON")
    return Ledger(IDS, dates, np.zeros((N, time), int), demand, flows, Prices.of(terms, IDS, dates)).profit


def quantities(time=1, seed=2):
    """Demand and orders [series, time]: whole units and parts of them."""
    rng = np.random.default_rng(seed)
    demand, order = rng.integers(0, 40, (2, N, time)).astype(float)
    order[::3] += rng.random((len(order[::3]), time))
    return demand, order


def newsvendor(order, demand, terms):
    """Newsvendor loss [series, time], currency."""
    costs = terms.unit_costs(IDS)
    per_period = UnitCosts(np.asarray(costs.underage)[:, None], np.asarray(costs.overage)[:, None])
    return Newsvendor().value(demand, order, per_period)


def test_profit_lost_against_a_perfect_order_is_the_newsvendor_loss():
    demand, order = quantities()
    terms = economics()
    regret = profit(demand, demand, terms) - profit(order, demand, terms)
    loss = newsvendor(order, demand, terms)
    assert regret == pytest.approx(loss, abs=1e-9)
    assert (loss > 0).sum() > N / 2


@pytest.mark.parametrize("lead", [0, 1, 3])
def test_identity_holds_in_every_period_for_goods_that_sell_in_one(lead):
    demand, order = quantities(time=9)
    terms = economics(lead_time=lead)
    perfect = np.roll(demand, -lead, axis=1)  # what is ordered now is sold `lead` periods later
    regret = (profit(perfect, demand, terms) - profit(order, demand, terms))[:, lead:]
    loss = newsvendor(order[:, : 9 - lead], demand[:, lead:], terms)
    assert regret == pytest.approx(loss, abs=1e-9)
    assert (loss > 0).sum() > N * (9 - lead) / 2


def test_perfect_foresight_of_a_board_is_the_perfect_order_of_the_identity():
    demand, order = quantities(time=7)
    terms, calendar = economics(), pd.date_range(DAY[0], periods=7, freq="W-MON")
    market = Market(IDS, calendar, demand, demand, terms, step=1)
    windows = RollingWindows(horizon=1, n_windows=5).over(calendar)
    layout = board(market, windows, range(5), Start.empty(N), np.ones(N, dtype=bool))
    order, demand = order[:, layout.times], demand[:, layout.times]
    regret = perfect_board(market, layout).profit - profit(order, demand, terms)
    assert regret == pytest.approx(newsvendor(order, demand, terms), abs=1e-9)
    assert regret.shape == (N, 5)


def test_best_constant_order_is_the_critical_ratio_quantile_of_demand():
    terms = economics(unit_cost=4.0, price=10.0, salvage=2.0, goodwill=0.0, holding=0.0)
    draws = np.random.default_rng(9).poisson(12.0, 20_000).astype(float)
    ratio = float(terms.unit_costs(IDS).critical_ratio()[0])
    earned = {q: (10 * np.minimum(q, draws) - 4 * q + 2 * np.maximum(q - draws, 0)).mean() for q in range(5, 25)}
    assert max(earned, key=earned.get) == np.quantile(draws, ratio, method="inverted_cdf")


def test_identity_is_allowed_to_differ_with_carry_over():
    demand, order = quantities()
    terms = economics(shelf_life=np.inf)
    regret = profit(demand, demand, terms) - profit(order, demand, terms)
    # stock that keeps costs its holding, not its write-off
    excess, short = (np.maximum(units, 0)[:, 0] for units in (order - demand, demand - order))
    expected = terms.field("holding", IDS) * excess + terms.unit_costs(IDS).underage * short
    assert regret[:, 0] == pytest.approx(expected, abs=1e-9)


def test_identity_is_allowed_to_differ_with_packs():
    demand, order = quantities()
    whole, packs = economics(), economics(pack_size=6)
    assert (profit(order, demand, packs) != profit(order, demand, whole)).any()


def test_identity_is_allowed_to_differ_with_lead_time():
    demand, order = quantities()
    terms = economics(lead_time=1)
    goodwill = terms.field("goodwill", IDS)[:, None]
    assert profit(order, demand, terms) == pytest.approx(-goodwill * demand)  # the order is not there yet
