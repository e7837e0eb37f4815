"""Laws of the books: units are conserved, cash adds up, and nothing is counted twice."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_eval.simulate import (
    Conventions,
    Flows,
    InventorySystem,
    Ledger,
    Prices,
    Rule,
    Start,
    Substitution,
    Supply,
    Truck,
    courses,
    expect,
    kpis,
    play,
)
from forecast_eval.simulate.books import PARTS, weights

SERIES, TIME = 5, 18
IDS = np.array([f"s{i}" for i in range(SERIES)], dtype=object)
DATES = pd.date_range("2026-01-05", periods=TIME, freq="W-MON")
SALE, RECEIPT, ORDER = (Conventions(purchases=how) for how in ("sale", "receipt", "order"))
SYSTEMS = st.fixed_dictionaries({
    "lead_time": st.integers(0, 3), "shelf_life": st.integers(0, 4), "review_period": st.integers(1, 3),
    "pack_size": st.sampled_from([0.0, 4.0]), "min_order": st.sampled_from([0.0, 6.0]),
    "shelf_capacity": st.sampled_from([np.inf, 30.0]), "late_share": st.sampled_from([0.0, 0.3]),
    "lifo_share": st.sampled_from([0.0, 0.4]), "seed": st.integers(0, 10_000),
    "backordered": st.sampled_from([0.0, 0.3, 1.0]), "shared": st.booleans(),
})  # fmt: skip


def played(game, **conventions):
    """Demand, start and flows of a play of a random system."""
    terms = dict(game)
    rng = np.random.default_rng(terms.pop("seed"))
    how = Conventions(backordered=terms.pop("backordered"), **conventions)
    groups = np.array([0, 0, 1, 1, 1])
    shared = (Truck(groups, np.array([20.0, 35.0])), Substitution(groups, 0.4)) if terms.pop("shared") else (None, None)
    start = Start(rng.integers(0, 15, SERIES).astype(float), rng.integers(0, 9, (SERIES, 2)).astype(float))
    system = InventorySystem(Supply.plain(SERIES, **terms), start, how, *shared)
    demand = rng.poisson(np.linspace(1, 9, SERIES)[:, None], (SERIES, TIME)).astype(float)
    levels = rng.integers(4, 45, SERIES).astype(float)
    return demand, start, play(system, demand, Rule(levels))


def prices(seed, *, constant=False):
    rng = np.random.default_rng(seed)
    shape = (SERIES, 1 if constant else TIME)
    cost = rng.uniform(1, 6, shape)
    money = {
        "price": cost * rng.uniform(1.1, 3, shape), "unit_cost": cost, "salvage": cost * rng.uniform(-0.3, 0.8, shape),
        "holding": rng.uniform(0.05, 0.5, shape), "goodwill": rng.uniform(0.1, 3, shape),
        "order_cost": rng.uniform(1, 9, shape),
    }  # fmt: skip
    money["underage"] = money["price"] - cost + money["goodwill"]
    return Prices(**{name: np.broadcast_to(values, (SERIES, TIME)) for name, values in money.items()})


def ledger(demand, flows, money, conventions=SALE, **more):
    governing = np.tile(np.arange(TIME), (SERIES, 1))
    return Ledger(IDS, DATES, governing, demand, flows, money, conventions, **more)


def before(units, first):
    return np.hstack([np.broadcast_to(first, (SERIES,))[:, None], units[:, :-1]])


@settings(max_examples=150, deadline=None)
@given(SYSTEMS)
def test_start_and_receipts_are_sold_wasted_or_left(game):
    _, start, f = played(game)
    assert before(f.on_hand, start.on_hand) + f.received == pytest.approx(f.sold + f.wasted + f.on_hand, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(SYSTEMS)
def test_demand_is_sold_lost_switched_or_owed(game):
    demand, _, f = played(game)
    came = demand + before(f.owed, 0.0) + f.substituted
    assert came == pytest.approx(f.sold + f.lost + f.switched + f.owed, abs=1e-9)
    assert f.substituted.sum(axis=0) == pytest.approx(f.switched.sum(axis=0), abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(SYSTEMS)
def test_no_flow_is_negative(game):
    _, _, f = played(game)
    assert min(getattr(f, name).min() for name in Flows.__slots__) >= -1e-9


@settings(max_examples=100, deadline=None)
@given(SYSTEMS, st.integers(0, 99))
def test_accrual_is_cash_and_the_growth_of_stock_at_cost(game, seed):
    demand, start, f = played(game)
    money = prices(seed, constant=True)
    grown = money.unit_cost[:, 0] * (f.on_hand[:, -1] - start.on_hand)
    accrual, cash = (ledger(demand, f, money, how).profit.sum(axis=1) for how in (SALE, RECEIPT))
    assert accrual == pytest.approx(cash + grown)
    assert np.abs(grown).sum() > 0


@settings(max_examples=100, deadline=None)
@given(SYSTEMS, st.integers(0, 99), st.sampled_from(["cost", "salvage"]))
def test_with_stock_valued_it_does_not_matter_when_purchases_are_booked(game, seed, value):
    demand, _, f = played(game)
    money = prices(seed, constant=True)
    ways = [ledger(demand, f, money, replace(how, stock_value=value)) for how in (SALE, RECEIPT, ORDER)]
    sums = [way.profit.sum(axis=1) for way in ways]
    assert sums[1] == pytest.approx(sums[0])
    if value == "cost":  # at salvage, what is in transit is written down too
        assert sums[2] == pytest.approx(sums[0])


def test_cash_at_the_order_differs_from_cash_at_receipt_by_what_is_in_transit():
    game = {"lead_time": 2, "seed": 4, "backordered": 0.0, "shared": False}
    demand, _, f = played(game)
    money = prices(3, constant=True)
    receipt, order = (ledger(demand, f, money, how).profit.sum(axis=1) for how in (RECEIPT, ORDER))
    gap = money.unit_cost[:, 0] * (f.ordered - f.received).sum(axis=1)
    assert receipt - order == pytest.approx(gap)
    assert np.abs(gap).min() > 0


@settings(max_examples=100, deadline=None)
@given(SYSTEMS, st.integers(0, 99), st.sampled_from([SALE, RECEIPT, ORDER]))
def test_profit_is_revenue_less_each_cost_once(game, seed, how):
    demand, _, f = played(game)
    book = ledger(demand, f, prices(seed), replace(how, backordered=game["backordered"]))
    p = book.prices
    paid = {"sale": f.sold + f.wasted, "receipt": f.received, "order": f.ordered}[how.purchases]
    by_hand = (
        p.price * f.sold + p.salvage * f.wasted - p.unit_cost * paid - p.holding * f.on_hand - p.order_cost * f.lines
        - p.goodwill * (f.lost + f.owed)
    )  # fmt: skip
    assert book.profit == pytest.approx(by_hand)
    assert book.revenue - book.cost == pytest.approx(by_hand)


@settings(max_examples=50, deadline=None)
@given(
    SYSTEMS, st.sampled_from([SALE, RECEIPT, ORDER]), st.sampled_from(["none", "cost", "salvage"]),
    st.sampled_from([1.0, 0.9]),
)  # fmt: skip
def test_reported_rows_reconcile_to_the_profit(game, how, value, discount):
    demand, _, f = played(game)
    conventions = replace(how, backordered=game["backordered"], stock_value=value, discount=discount)
    k = kpis(ledger(demand, f, prices(8), conventions), weeks=TIME, days_per_period=7)
    costs = ("waste", "holding_cost", "order_cost", "goodwill_cost", "stock_investment")
    assert k["profit"] == pytest.approx(k["gross_profit"] - sum(k[name] for name in costs))
    assert k["gross_profit"] == pytest.approx(k["revenue"] - k["cost_of_goods"])


def test_lost_margin_is_reported_and_not_taken_from_the_profit():
    demand, _, f = played({"seed": 3, "backordered": 0.0, "shared": False, "lead_time": 2})
    money = prices(1)
    plain, dear = (kpis(ledger(demand, f, m), TIME, 7) for m in (money, replace(money, underage=3 * money.underage)))
    assert plain["lost_units"] > 0
    assert dear["shortage_cost"] > 1.1 * plain["shortage_cost"]
    assert dear["profit"] == plain["profit"]
    margin = float(((money.price - money.unit_cost) * demand).sum() / TIME)
    assert plain["profit"] == pytest.approx(margin - plain["mismatch_cost"])


@settings(max_examples=50, deadline=None)
@given(SYSTEMS, st.sampled_from([SALE, RECEIPT, ORDER]), st.integers(0, 6))
def test_weights_give_the_profit_that_is_scored(game, how, warm_up):
    demand, _, f = played(game)
    conventions = replace(how, discount=0.95, warm_up=warm_up, stock_value="salvage", holding="before_expiry")
    lead = np.array([0, 1, 2, 3, 1])
    governing = np.where(np.arange(TIME) < lead[:, None], -1, 1)
    book = Ledger(IDS, DATES, governing, demand, f, prices(2), conventions, lead)
    total = sum(
        w * getattr(f, flow) for flow, w in weights(book.prices, governing, conventions, lead_time=lead).items()
    )
    assert total.sum(axis=1) == pytest.approx(np.where(book.scored, book.profit, 0.0).sum(axis=1))
    assert book.weights.keys() == weights(book.prices, governing, conventions, lead_time=lead).keys()


def test_money_of_mean_flows_is_the_mean_money():
    game = {"lead_time": 1, "shelf_life": 3, "backordered": 0.3, "shared": True}
    courses = [played(game | {"seed": seed}) for seed in range(6)]
    how, money = Conventions(backordered=0.3, purchases="receipt", stock_value="cost"), prices(5)
    each = [ledger(demand, f, money, how).profit for demand, _, f in courses]
    mean = Flows(**{
        name: np.mean([getattr(f, name) for _, _, f in courses], axis=0).astype(np.float32) for name in Flows.__slots__
    })  # fmt: skip
    demand = np.mean([demand for demand, _, _ in courses], axis=0)
    assert ledger(demand, mean, money, how).profit == pytest.approx(np.mean(each, axis=0), abs=1e-4)


def test_money_that_the_kernel_counts_is_the_scored_profit_of_each_course():
    lead, how = np.array([0, 1, 2, 3, 1]), Conventions(discount=0.95, warm_up=2, backordered=0.3)
    system = InventorySystem(Supply.plain(SERIES, lead_time=lead, shelf_life=3), Start.empty(SERIES), how)
    demand = np.random.default_rng(3).poisson(6.0, (4, SERIES, TIME)).astype(float)
    governing = np.tile(np.where(np.arange(TIME) < 3, -1, 0), (SERIES, 1))
    rule, money = Rule(np.array([8.0, 15.0, 24.0, 30.0, 12.0])), prices(4)
    (counted,) = expect(system, courses(demand), [rule], weights=weights(money, governing, how, lead_time=lead))
    for course, earned in zip(demand, counted.money, strict=True):
        book = Ledger(IDS, DATES, governing, course, play(system, course, rule), money, how, lead)
        assert earned == pytest.approx(np.where(book.scored, book.profit, 0.0).sum(axis=1), rel=1e-4, abs=1e-2)


@pytest.fixture
def play_of_perishables():
    return played({"lead_time": 1, "shelf_life": 2, "seed": 9, "backordered": 0.0, "shared": False})


def test_discount_of_one_changes_nothing(play_of_perishables):
    demand, _, f = play_of_perishables
    plain, discounted = (ledger(demand, f, prices(6), Conventions(discount=d)) for d in (1.0, 0.9))
    assert np.array_equal(plain.profit, ledger(demand, f, prices(6)).profit)
    assert not np.allclose(discounted.profit, plain.profit)


def test_discount_counts_from_the_first_scored_period(play_of_perishables):
    demand, _, f = play_of_perishables
    late = ledger(demand, f, prices(6), Conventions(discount=0.9, warm_up=4))
    full = ledger(demand, f, prices(6)).profit
    assert late.profit[:, 4:] == pytest.approx(full[:, 4:] * 0.9 ** np.arange(TIME - 4))


def test_warm_up_is_not_scored(play_of_perishables):
    demand, _, f = play_of_perishables
    whole, late = (ledger(demand, f, prices(6), Conventions(warm_up=w)) for w in (0, 5))
    figures = kpis(late, TIME - 5, 7)
    assert figures["profit"] == pytest.approx(whole.profit[:, 5:].sum() / (TIME - 5))
    assert figures["wasted_units"] == pytest.approx(f.wasted[:, 5:].sum() / (TIME - 5))
    assert late.by_cutoff(late.profit, TIME)[:, :5].sum() == 0
    assert late.frame(DATES)["cutoff"].isna().sum() == 5 * SERIES


def test_stock_before_expiry_is_held_once_more(play_of_perishables):
    demand, _, f = play_of_perishables
    after, early = (ledger(demand, f, prices(6), Conventions(holding=h)) for h in ("after_expiry", "before_expiry"))
    assert f.wasted.sum() > 0
    assert early.part("holding_cost") - after.part("holding_cost") == pytest.approx(after.prices.holding * f.wasted)


def test_valuation_books_the_stock_at_both_ends_and_nowhere_else(play_of_perishables):
    demand, start, f = play_of_perishables
    none, valued = (ledger(demand, f, prices(6), replace(RECEIPT, stock_value=v)).profit for v in ("none", "salvage"))
    p = prices(6)
    gap = valued - none
    assert gap[:, 0] == pytest.approx(-p.salvage[:, 0] * start.on_hand)
    assert gap[:, -1] == pytest.approx(p.salvage[:, -1] * f.on_hand[:, -1])
    assert np.abs(gap[:, 1:-1]).max() == pytest.approx(0, abs=1e-9)
    assert np.abs(gap[:, -1]).sum() > 0


def test_cost_of_an_order_stands_with_the_periods_that_it_is_for():
    game = {"lead_time": 2, "review_period": 3, "seed": 5, "backordered": 0.0, "shared": False}
    demand, _, f = played(game)
    cutoffs, lead = 5, np.full(SERIES, 2)
    behind = np.arange(TIME) - 2
    governing = np.tile(np.where((behind >= 0) & (behind < 3 * cutoffs), behind // 3, -1), (SERIES, 1))
    book = Ledger(IDS, DATES, governing, demand, f, prices(7, constant=True), SALE, lead)
    placed = f.lines[:, [0, 3, 6, 9, 12]]
    assert placed.sum() == f.lines[:, : 3 * cutoffs].sum()
    assert 0 < placed.sum() < placed.size
    assert book.by_cutoff(book.part("order_cost"), cutoffs) == pytest.approx(book.prices.order_cost[:, :1] * placed)


def test_parts_are_the_whole(play_of_perishables):
    demand, _, f = play_of_perishables
    book = ledger(demand, f, prices(6), replace(ORDER, stock_value="cost"))
    costs = sum(book.part(name) for name in PARTS if name != "revenue")
    assert book.cost == pytest.approx(costs)
