"""Laws of the key figures, against slow plain Python where they can be counted by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

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
    kpis,
    play,
)
from forecast_eval.simulate.kpis import KPIS, kpi_table

SERIES, CYCLES, STEP, LEAD = 6, 5, 2, 2
TIME = LEAD + CYCLES * STEP
IDS = np.array([f"s{i}" for i in range(SERIES)], dtype=object)
DATES = pd.date_range("2026-01-05", periods=TIME, freq="W-MON")
STORES = np.array(["north", "south", "north", "east", "south", "north"], dtype=object)
SCORED = slice(LEAD, TIME)
ADDED = ("profit", "revenue", "gross_profit", "waste", "lost_units", "lost_sales", "order_lines", "mean_stock")


def money():
    rng = np.random.default_rng(4)
    cost = rng.uniform(1, 6, (SERIES, TIME))
    values = {"price": 2.5 * cost, "unit_cost": cost, "salvage": 0.3 * cost, "holding": 0.1 * cost,
              "goodwill": 0.2 * cost, "underage": 1.7 * cost, "order_cost": 3 * cost}  # fmt: skip
    return Prices(**values)


def ledger(backordered=0.0, levels=(4, 15, 21, 18, 40, 2), seed=8, neighbours=None):
    how = Conventions(backordered=backordered)
    supply = Supply.plain(SERIES, lead_time=LEAD, review_period=STEP, shelf_life=[0, 4, 3, 0, 3, 0])
    start = Start(np.array([4.0, 2, 9, 0, 30, 1]), np.zeros((SERIES, 0)))
    demand = np.random.default_rng(seed).poisson(np.array([1.0, 4, 5, 4, 7, 1])[:, None], (SERIES, TIME)).astype(float)
    orders = {t: Rule(np.array(levels, dtype=float)) for t in range(0, CYCLES * STEP, STEP)}
    flows = play(InventorySystem(supply, start, how, substitution=neighbours), demand, orders)
    governing = np.tile(np.where(np.arange(TIME) < LEAD, -1, (np.arange(TIME) - LEAD) // STEP), (SERIES, 1))
    return Ledger(IDS, DATES, governing, demand, flows, money(), how, np.full(SERIES, LEAD))


def total(book):
    return kpis(book, weeks=CYCLES * STEP, days_per_period=7)


def test_every_figure_is_defined_once():
    assert len({kpi.name for kpi in KPIS}) == len(KPIS)
    assert list(total(ledger())) == [kpi.name for kpi in KPIS]


def test_service_is_what_counting_by_hand_gives():
    book, k = ledger(), total(ledger())
    lost, demand = book.flows.lost[:, SCORED], book.demand[:, SCORED]
    periods = [lost[i, t] == 0 for i in range(SERIES) for t in range(CYCLES * STEP)]
    cycles = [lost[i, n : n + STEP].sum() == 0 for i in range(SERIES) for n in range(0, CYCLES * STEP, STEP)]
    assert k["period_service_level"] == pytest.approx(np.mean(periods))
    assert k["cycle_service_level"] == pytest.approx(np.mean(cycles))
    assert k["fill_rate"] == pytest.approx(1 - lost.sum() / demand.sum())
    assert k["cycle_service_level"] < k["period_service_level"] < 1


def test_waste_and_shrink_are_shares_of_the_goods_that_left():
    book, k = ledger(), total(ledger())
    f, p = book.flows, book.prices
    wasted, sold = f.wasted[:, SCORED], f.sold[:, SCORED]
    assert k["shrink"] == pytest.approx(wasted.sum() / (wasted.sum() + sold.sum()))
    assert k["waste"] == pytest.approx(((p.unit_cost - p.salvage) * f.wasted)[:, SCORED].sum() / (CYCLES * STEP))
    assert k["shrink"] > 0


def test_return_on_stock_is_annual_profit_by_mean_stock_at_cost():
    book, k = ledger(), total(ledger())
    at_cost = (book.prices.unit_cost * book.flows.on_hand)[:, SCORED].sum(axis=0).mean()
    year = 365 / 7 / (CYCLES * STEP)
    goods = (book.prices.unit_cost * book.flows.sold)[:, SCORED].sum()
    margin = ((book.prices.price - book.prices.unit_cost) * book.flows.sold)[:, SCORED].sum()
    assert k["turns"] == pytest.approx(goods * year / at_cost)
    assert k["gmroi"] == pytest.approx(margin * year / at_cost)
    units, sold = book.flows.on_hand[:, SCORED], book.flows.sold[:, SCORED]
    assert k["days_of_supply"] == pytest.approx(units.sum(axis=0).mean() / (sold.sum() / (CYCLES * STEP * 7)))


def test_daily_figures_are_annualised_by_days():
    book = ledger()
    weekly, daily = (kpis(book, CYCLES * STEP * days / 7, days) for days in (7, 1))
    assert daily["turns"] == pytest.approx(7 * weekly["turns"])
    assert daily["profit"] == pytest.approx(7 * weekly["profit"])
    assert daily["days_of_supply"] == pytest.approx(weekly["days_of_supply"] / 7)
    assert daily["mean_stock"] == pytest.approx(weekly["mean_stock"])


def test_orders_are_those_of_the_scored_cycles():
    book, k = ledger(), total(ledger())
    placed = book.flows.ordered[:, 0 : CYCLES * STEP : STEP]  # [series, cycle]
    assert placed.sum() == book.flows.ordered.sum()
    assert k["order_lines"] == pytest.approx((placed > 0).sum() / (CYCLES * STEP))
    assert k["average_order"] == pytest.approx(placed.sum() / (placed > 0).sum())
    assert k["order_cost"] == pytest.approx((book.prices.order_cost * book.flow("lines"))[:, SCORED].sum() / 10)


def test_order_variability_and_bullwhip_are_of_order_cycles():
    book, k = ledger(), total(ledger())
    placed = book.flows.ordered[:, 0 : CYCLES * STEP : STEP]
    wanted = book.demand[:, SCORED].reshape(SERIES, CYCLES, STEP).sum(axis=2)
    own = placed.std(axis=1, ddof=1) / placed.mean(axis=1)
    assert k["order_variability"] == pytest.approx(np.average(own, weights=placed.mean(axis=1)))
    assert k["bullwhip"] == pytest.approx(placed.var(axis=1, ddof=1).sum() / wanted.var(axis=1, ddof=1).sum())


def served_at_once(demand, stock, owed=0.0):
    """Units that the customers of the period got, the waiting ones first."""
    return min(max(stock - owed, 0.0), demand)


@pytest.mark.parametrize("backordered", [0.4, 1.0])
def test_fill_rate_counts_what_was_met_at_once(backordered):
    book = ledger(backordered)
    f, met = book.flows, 0.0
    for i in range(SERIES):
        for t in range(LEAD, TIME):
            met += served_at_once(book.demand[i, t], f.on_hand[i, t] + f.wasted[i, t] + f.sold[i, t], f.owed[i, t - 1])
    assert total(book)["fill_rate"] == pytest.approx(met / book.demand[:, SCORED].sum())
    assert f.owed[:, SCORED].sum() > 0


def test_ratio_without_denominator_is_nan():
    nothing = Flows(**{name: np.zeros((SERIES, TIME)) for name in Flows.__slots__})
    k = total(replace(ledger(), flows=nothing, demand=np.zeros((SERIES, TIME))))
    ratios = (
        "fill_rate",
        "shrink",
        "turns",
        "gmroi",
        "days_of_supply",
        "average_order",
        "order_variability",
        "bullwhip",
    )
    assert np.isnan([k[name] for name in ratios]).all()
    assert k["profit"] == 0
    assert k["cycle_service_level"] == k["period_service_level"] == 1


def test_nothing_scored_is_nan_or_nothing():
    k = total(replace(ledger(), governing=np.full((SERIES, TIME), -1)))
    assert k["profit"] == k["end_stock"] == 0
    assert np.isnan([k["fill_rate"], k["cycle_service_level"], k["order_variability"]]).all()


def test_one_group_is_the_total():
    book = ledger()
    table = kpi_table(book, np.full(SERIES, "all"), days_per_period=7)
    assert table.loc["all", "n_series"] == SERIES
    assert table.drop(columns="n_series").loc["all"].to_dict() == pytest.approx(total(book))


def part(book, rows):
    flows = Flows(**{name: getattr(book.flows, name)[rows] for name in Flows.__slots__})
    p = Prices(**{name: getattr(book.prices, name)[rows] for name in Prices.__slots__})
    return replace(book, unique_ids=IDS[rows], governing=book.governing[rows], demand=book.demand[rows], flows=flows,
                   prices=p, lead_time=book.lead_time[rows])  # fmt: skip


def test_figures_of_a_store_are_those_of_its_series_alone():
    book = ledger()
    table = kpi_table(book, STORES, days_per_period=7)
    assert list(table.index) == ["east", "north", "south"]
    for store, row in table.iterrows():
        assert row.drop("n_series").to_dict() == pytest.approx(total(part(book, store == STORES)), nan_ok=True)


def test_groups_add_up_to_the_total():
    book = ledger()
    segments = np.random.default_rng(1).integers(0, 3, (SERIES, TIME))
    for groups in (STORES, IDS, DATES.to_numpy()[None], segments):
        table = kpi_table(book, groups, days_per_period=7, weeks=CYCLES * STEP, names=ADDED)
        whole = total(book)
        assert table[list(ADDED)].sum().to_dict() == pytest.approx({name: whole[name] for name in ADDED})


def test_a_row_a_period_is_that_period():
    book = ledger()
    table = kpi_table(book, DATES.to_numpy()[None], days_per_period=7, names=("profit", "end_stock", "fill_rate"))
    scored = table.loc[DATES[SCORED]]
    assert scored["profit"].to_numpy() == pytest.approx(book.profit[:, SCORED].sum(axis=0))
    assert scored["end_stock"].to_numpy() == pytest.approx(
        (book.prices.unit_cost * book.flows.on_hand)[:, SCORED].sum(axis=0)
    )
    assert (table["n_series"].to_numpy()[:LEAD] == 0).all()
    assert table["profit"].isna().sum() == LEAD


def test_cells_give_the_groups_that_their_series_give():
    book = ledger()
    by_series, by_cell = (
        kpi_table(book, groups, days_per_period=7) for groups in (STORES, np.repeat(STORES[:, None], TIME, axis=1))
    )
    pd.testing.assert_frame_equal(by_series, by_cell)


def test_what_has_no_label_is_in_no_group():
    book = ledger()
    table = kpi_table(book, np.where(STORES == "east", None, STORES), days_per_period=7)
    pd.testing.assert_frame_equal(table, kpi_table(book, STORES, days_per_period=7).drop("east"))


def test_probabilities_of_a_shortage_give_expected_service():
    books = [ledger(seed=seed) for seed in range(12)]
    flows = {n: np.mean([getattr(book.flows, n) for book in books], axis=0) for n in Flows.__slots__}
    demand = np.mean([book.demand for book in books], axis=0)
    found, each = total(replace(books[0], flows=Flows(**flows), demand=demand)), [total(book) for book in books]
    for name in ("cycle_service_level", "period_service_level", "profit", "lost_sales", "mean_stock"):
        assert found[name] == pytest.approx(np.mean([k[name] for k in each]))
    lost, wanted = (sum(v[:, SCORED].sum() for v in part) for part in ([b.flows.lost for b in books],
                                                                      [b.demand for b in books]))  # fmt: skip
    assert found["fill_rate"] == pytest.approx(1 - lost / wanted)


def test_fill_rate_does_not_count_who_had_to_take_a_neighbour():
    book = ledger(neighbours=Substitution(np.array([0, 0, 0, 1, 1, 1]), 0.5))
    met = book.flows.sold - book.flows.substituted
    assert total(book)["fill_rate"] == pytest.approx(met[:, SCORED].sum() / book.demand[:, SCORED].sum())
    assert book.flows.switched[:, SCORED].sum() > 0


def test_unknown_figures_and_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\['fil_rate'\] are no key figures; there are profit,"):
        kpi_table(ledger(), STORES, days_per_period=7, names=["fil_rate"])
    with pytest.raises(
        ValueError, match=r"shape \(12,\); give \[series\], \[1, time\] or \[series, time\] of \(6, 12\)"
    ):
        kpi_table(ledger(), DATES.to_numpy(), days_per_period=7)


def test_each_order_is_a_cycle_where_several_follow_one_cutoff():
    """Two orders a cutoff, of two periods each; the shortage in one of the four cycles is of that one alone."""
    supply = Supply.plain(1, review_period=2)
    flows = play(InventorySystem(supply, Start.empty(1)), np.array([[1.0, 1, 1, 9, 1, 1, 1, 1]]), Rule(np.array([4.0])))
    money = {n: np.array([[1.0]]) for n in ("price", "unit_cost", "salvage", "holding", "goodwill", "underage")}
    dates = pd.date_range("2026-01-05", periods=8)
    book = Ledger(
        np.array(["a"]), dates, np.array([[0] * 4 + [1] * 4]), np.array([[1.0, 1, 1, 9, 1, 1, 1, 1]]), flows,
        Prices(**money), review_period=np.array([2]),
    )  # fmt: skip
    assert kpis(book, 1.0, 1.0)["cycle_service_level"] == 0.75
    assert kpis(replace(book, review_period=None), 1.0, 1.0)["cycle_service_level"] == 0.5
