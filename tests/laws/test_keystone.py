"""The keystone: loss and simulator are one theory, and here is where they may differ."""

import numpy as np
import pandas as pd
import pytest

from forecast_eval.economics import Economics
from forecast_eval.simulate import Ledger, Prices, Supply, play
from losses import Newsvendor

N = 200
IDS = np.array([f"s{i:03d}" for i in range(N)], dtype=object)
DAY = pd.date_range("2026-01-05", periods=1, freq="W-MON")


def economics(**columns):
    rng = np.random.default_rng(11)
    cost = rng.uniform(1, 10, N).round(2)
    table = {
        "unique_id": IDS, "unit_cost": cost, "price": (cost * rng.uniform(1.05, 3, N)).round(2),
        "salvage": (cost * rng.uniform(-0.3, 0.8, N)).round(2), "goodwill": rng.uniform(0, 3, N).round(2),
        "holding": rng.uniform(0.01, 1, N).round(2), "shelf_life": 1,
    }  # fmt: skip
    return Economics.of(pd.DataFrame(table | columns))


def profit(order, demand, terms, lead=0):
    supply = Supply.of(terms, IDS, np.zeros(N), np.zeros((N, 0)))
    supply.lead_time[:] = lead
    flows = play(demand[:, None], order[:, None], supply)
    return Ledger(IDS, DAY, np.zeros((N, 1), int), demand[:, None], flows, Prices.of(terms, IDS, DAY)).profit[:, 0]


def quantities(seed=2):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 40, N).astype(float), rng.integers(0, 40, N).astype(float)


def test_profit_lost_against_a_perfect_order_is_the_newsvendor_loss():
    demand, order = quantities()
    terms = economics()
    regret = profit(demand, demand, terms) - profit(order, demand, terms)
    loss = Newsvendor().value(demand, order, terms.unit_costs(IDS))
    assert regret == pytest.approx(loss, abs=1e-9)
    assert (loss > 0).sum() > N / 2


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
    excess = np.maximum(order - demand, 0)
    short = np.maximum(demand - order, 0)
    costs = terms.unit_costs(IDS)
    assert regret == pytest.approx(terms.field("holding", IDS) * excess + costs.underage * short, abs=1e-9)


def test_identity_is_allowed_to_differ_with_packs():
    demand, order = quantities()
    whole, packs = economics(), economics(pack_size=6)
    assert (profit(order, demand, packs) != profit(order, demand, whole)).any()


def test_identity_is_allowed_to_differ_with_lead_time():
    demand, order = quantities()
    terms = economics()
    assert profit(order, demand, terms, lead=1) == pytest.approx(-terms.field("goodwill", IDS) * demand)
