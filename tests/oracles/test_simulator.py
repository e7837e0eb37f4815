"""Published numbers that the simulator must reproduce; long-run averages carry their standard error."""

import numpy as np
import pytest
from scipy import stats

from forecast_eval.simulate import Conventions, InventorySystem, Rule, Start, Supply, play

WARM_UP = 100


def long_run(demand, rule, *, lead=0, says=Conventions(), start=0.0, **terms):  # noqa: B008 - frozen
    """Flows of many series of one kind after the warm-up, each [series, time]."""
    n = len(demand)
    one = InventorySystem(
        Supply.plain(n, lead_time=lead, **terms), Start(np.full(n, float(start)), np.zeros((n, 0))), says
    )
    flows = play(one, demand.astype(float), rule)
    return {name: getattr(flows, name)[:, WARM_UP:] for name in ("on_hand", "lost", "owed", "lines", "sold")}


def mean_and_error(cost):
    each = cost.mean(axis=1)
    return each.mean(), each.std(ddof=1) / np.sqrt(len(each))


def poisson(mean, series=400, time=2_100, seed=7):
    return np.random.default_rng(seed).poisson(mean, (series, time))


def level(value, series=400):
    return np.full(series, float(value))


# P. H. Zipkin (2008), Old and new methods for lost-sales inventory systems, Operations Research 56, tables 3 and 4:
# best base-stock level and its long-run average cost; Poisson demand with mean 5, holding 1, penalty p, lead time L.
ZIPKIN = [
    (4, 1, 12, 4.16), (4, 2, 16, 4.64), (4, 3, 20, 4.98), (4, 4, 25, 5.20),
    (19, 1, 15, 6.73), (19, 2, 21, 7.84), (19, 3, 26, 8.60), (19, 4, 31, 9.23),
]  # fmt: skip


def lost_sales_cost(target, lead, penalty):
    flows = long_run(poisson(5.0), Rule(level(target)), lead=lead, start=target)
    return mean_and_error(flows["on_hand"] + penalty * flows["lost"])


@pytest.mark.parametrize(("penalty", "lead", "target", "published"), ZIPKIN)
def test_lost_sales_base_stock_cost_is_zipkins(penalty, lead, target, published):
    cost, error = lost_sales_cost(target, lead, penalty)
    assert abs(cost - published) <= 0.005 + 3 * error  # published to two digits


@pytest.mark.parametrize(("penalty", "lead", "target", "published"), ZIPKIN[::3])
def test_neighbouring_levels_cost_more(penalty, lead, target, published):  # noqa: ARG001 - the table's row
    best, error = lost_sales_cost(target, lead, penalty)
    assert min(lost_sales_cost(target + k, lead, penalty)[0] for k in (-1, 1)) > best - 3 * error


# M. Bijvank (2015), table 1: lost sales, Poisson demand with mean 5, lead time 2, holding 1, penalty 14, 5 an order
def test_lost_sales_with_a_fixed_cost_cost_bijvanks():
    rule = Rule(level(23), reorder_point=level(17))
    flows = long_run(poisson(5.0), rule, lead=2, start=23)
    cost, error = mean_and_error(flows["on_hand"] + 14 * flows["lost"] + 5 * flows["lines"])
    assert abs(cost - 11.62) <= 0.005 + 3 * error


# Backorders, no lead time: L. V. Snyder and Z.-J. Shen, Fundamentals of Supply Chain Theory; Y.-S. Zheng and
# A. Federgruen (1991), Finding optimal (s, S) policies is about as simple as evaluating a single policy, OR 39.
S_S = [(1, 4, 5, 6, 4, 10, 8.034111561), (1, 9, 64, 10, 6, 40, 35.022), (1, 9, 64, 20, 14, 62, 49.173)]


@pytest.mark.parametrize(("holding", "penalty", "fixed", "mean", "low", "high", "published"), S_S)
def test_s_S_policy_costs_what_is_published(holding, penalty, fixed, mean, low, high, published):  # noqa: N802, PLR0917
    rule = Rule(level(high), reorder_point=level(low))
    says = Conventions(backordered=1.0)
    flows = long_run(poisson(mean), rule, says=says, start=high)
    cost, error = mean_and_error(holding * flows["on_hand"] + penalty * flows["owed"] + fixed * flows["lines"])
    assert abs(cost - published) <= 0.0005 + 3 * error


# The same book and its software: holding .18, penalty .70, normal demand (50, 8)
def test_base_stock_trajectory_of_a_given_seed_costs_what_is_published():
    """100 periods of NumPy's legacy generator, from nothing; that system orders after demand, so the first is short."""
    demand = np.random.RandomState(762).normal(50, 8, 100)[None]
    says = Conventions(order="after_demand", backordered=1.0)
    flows = play(InventorySystem(Supply.plain(1, lead_time=1), Start.empty(1), says), demand, Rule(np.array([56.6])))
    assert (0.18 * flows.on_hand + 0.70 * flows.owed).sum() == pytest.approx(255.2472033, abs=5e-8)


def test_orders_after_demand_with_lead_time_one_are_orders_before_it_with_none():
    demand = np.random.RandomState(762).normal(50, 8, 100)[None]
    before = InventorySystem(Supply.plain(1), Start.empty(1), Conventions(backordered=1.0))
    after = InventorySystem(
        Supply.plain(1, lead_time=1),
        Start(np.array([56.6]), np.zeros((1, 0))),
        Conventions(order="after_demand", backordered=1.0),
    )
    flows = [play(one, demand, Rule(np.array([56.6]))) for one in (before, after)]
    assert flows[0].on_hand == pytest.approx(flows[1].on_hand)
    assert flows[0].owed == pytest.approx(flows[1].owed)


def test_newsvendor_level_is_snyder_and_shens():
    from losses import UnitCosts

    assert stats.norm.ppf(UnitCosts(0.70, 0.18).critical_ratio(), 50, 8) == pytest.approx(56.603955927)


@pytest.mark.parametrize(("target", "published"), [(56.603955927, 1.997605193), (40, 7.356131553), (60, 2.156131553)])
def test_newsvendor_cost_is_snyder_and_shens(target, published):
    demand = np.random.default_rng(1).normal(50, 8, (400, 2_100))
    says = Conventions(backordered=1.0)
    flows = long_run(demand, Rule(level(target)), says=says, start=target)
    cost, error = mean_and_error(0.18 * flows["on_hand"] + 0.70 * flows["owed"])
    assert abs(cost - published) <= 3 * error


def test_newsvendor_cost_with_lead_time_is_snyder_and_shens():
    demand = np.random.default_rng(1).normal(50, 8, (400, 2_100))
    says = Conventions(backordered=1.0)
    flows = long_run(demand, Rule(level(264.766894)), lead=4, says=says, start=264.766894)
    cost, error = mean_and_error(0.18 * flows["on_hand"] + 0.70 * flows["owed"])
    assert abs(cost - 4.466781) <= 3 * error


@pytest.mark.parametrize(("target", "published"), [(8, 3.570106946), (5, 6.590296025)])
def test_poisson_newsvendor_cost_is_snyder_and_shens(target, published):
    """Exactly: a course of every demand that can be, weighted by its probability."""
    demand = np.arange(0.0, 80.0)
    one = InventorySystem(Supply.plain(80, shelf_life=1), Start.empty(80))
    flows = play(one, demand[:, None], Rule(np.full(80, float(target))))
    cost = flows.wasted[:, 0] + 4.0 * flows.lost[:, 0]
    assert float(cost @ stats.poisson.pmf(demand, 6)) == pytest.approx(published, rel=1e-9)


# B. J. De Moor, J. Gijsbrechts, R. N. Boute (2022), Reward shaping to improve the performance of deep reinforcement
# learning in perishable inventory management, EJOR 301, as replicated by J. Farrington et al.: gamma demand with mean 4
# and coefficient of variation .5, rounded, at most 100; at most 10 an order; lead time 1.
PERISHABLE = [(2, 1.0, 5, -1565), (2, 0.0, 7, -1474), (3, 1.0, 6, -1500), (3, 0.0, 8, -1435)]


def perishable(life, lifo, target, *, time=465, series=4_000):
    demand = np.minimum(np.rint(np.random.default_rng(3).gamma(4.0, 1.0, (series, time))), 100.0)
    terms = Supply.plain(series, lead_time=1, shelf_life=life, lifo_share=lifo)
    rule = Rule(np.full(series, float(target)), cap=np.full(series, 10.0))
    return play(InventorySystem(terms, Start.empty(series)), demand, rule), demand


@pytest.mark.parametrize(("life", "lifo", "target", "published"), PERISHABLE)
def test_perishable_return_is_de_moors(life, lifo, target, published):
    flows, _ = perishable(life, lifo, target)
    cost = 3 * flows.ordered + 5 * flows.lost + 1 * flows.on_hand + 7 * flows.wasted
    returns = -(cost[:, 100:] * 0.99 ** np.arange(365)).sum(axis=1)
    error = returns.std(ddof=1) / np.sqrt(len(returns))
    assert abs(returns.mean() - published) <= 1.5 + 3 * error


def test_perishable_stationary_rates_are_farringtons():
    flows, demand = perishable(2, 1.0, 5, time=1_100, series=2_000)
    sold, ordered, wasted, held = (
        getattr(flows, name)[:, WARM_UP:].sum() for name in ("sold", "ordered", "wasted", "on_hand")
    )
    assert sold / demand[:, WARM_UP:].sum() == pytest.approx(0.585327, abs=1e-3)
    assert wasted / ordered == pytest.approx(0.022316, abs=5e-4)
    assert held / (2_000 * 1_000) == pytest.approx(0.210367, abs=2e-3)
