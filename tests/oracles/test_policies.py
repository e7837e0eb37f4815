"""Published numbers that the policies and rules of thumb must reproduce."""

import numpy as np
import pytest
from scipy.stats import norm, poisson

from forecast_eval.simulate.lot_sizes import lot_sizes
from forecast_eval.simulate.outlook import Outlook
from forecast_eval.simulate.play import play
from forecast_eval.simulate.policies import (
    CappedBaseStock,
    FixedLevels,
    OrderUpToCriticalRatio,
    ProjectedNewsvendor,
    ReorderPoint,
)
from forecast_eval.simulate.rules_of_thumb import accuracy_benefit
from forecast_eval.simulate.system import InventorySystem, Start, Supply
from losses import Newsvendor, UnitCosts


def outlook(terms, quantiles, mean, costs, order_cost=0.0, scenarios=1000):
    """Outlook of demand that is independent in time; `quantiles(periods, level)` of its sums."""
    n = len(terms)
    levels = (np.arange(scenarios) + 0.5) / scenarios
    span, review = int(terms.protection[0]), int(terms.review_period[0])
    sums, cycle = (np.tile(quantiles(periods, levels), (n, 1)) for periods in (span, review))
    underage, overage = costs
    return Outlook(
        point=np.full((n, span), float(mean)), sums=sums, cycle=cycle, first_step=np.zeros(n, dtype=int),
        costs=UnitCosts(np.full(n, underage), np.full(n, overage)), holding=np.full(n, overage / review),
        order_cost=np.full(n, order_cost), supply=terms,
    )  # fmt: skip


# L. V. Snyder and Z.-J. Shen, Fundamentals of Supply Chain Theory: holding .18, penalty .70, normal demand (50, 8)
def normal_sums(periods, level):
    return norm.ppf(level, 50 * periods, 8 * np.sqrt(periods))


@pytest.mark.parametrize(("lead", "published"), [(0, 56.603955927), (4, 264.766894)])
def test_order_up_to_level_is_snyder_and_shens(lead, published):
    shown = outlook(Supply.plain(1, lead_time=lead), normal_sums, 50, (0.70, 0.18), scenarios=20_001)
    assert OrderUpToCriticalRatio().rule(shown).order_up_to[0] == pytest.approx(published, rel=2e-5)


@pytest.mark.parametrize(
    ("periods", "level", "published"),
    [(1, 56.603955927, 1.997605193), (1, 40, 7.356131553), (1, 60, 2.156131553), (5, 264.766894, 4.466781)],
)
def test_expected_cost_of_a_level_is_snyder_and_shens(periods, level, published):
    edges = np.linspace(0, 1, 200_001)
    demand = 50 * periods + 8 * np.sqrt(periods) * norm.ppf((edges[1:] + edges[:-1]) / 2)
    cost = Newsvendor().value(demand, np.full_like(demand, level), UnitCosts(0.70, 0.18)).mean()
    assert cost == pytest.approx(published, rel=2e-6)
    # h * (y - mean) + (h + p) * sd * standard loss: the closed form
    mean, sd = 50 * periods, 8 * np.sqrt(periods)
    z = (level - mean) / sd
    closed = 0.18 * (level - mean) + 0.88 * sd * (norm.pdf(z) - z * norm.sf(z))
    assert closed == pytest.approx(published, rel=1e-6)


# The same book: holding 1, penalty 4, Poisson demand with mean 6
def test_poisson_order_up_to_level_is_snyder_and_shens():
    shown = outlook(Supply.plain(1), lambda n, level: poisson.ppf(level, 6 * n), 6, (4.0, 1.0))
    assert OrderUpToCriticalRatio().rule(shown).order_up_to.tolist() == [8.0]


@pytest.mark.parametrize(("level", "published"), [(8, 3.570106946), (5, 6.590296025)])
def test_poisson_cost_of_a_level_is_snyder_and_shens(level, published):
    demand = np.arange(0.0, 90.0)
    cost = Newsvendor().value(demand, np.full_like(demand, level), UnitCosts(4.0, 1.0)) @ poisson.pmf(demand, 6)
    assert cost == pytest.approx(published, rel=1e-9)


# (s, S) policies with backorders: s, S and the cost of Snyder and Shen, and of Zheng and Federgruen (1991), Finding
# optimal (s, S) policies is about as simple as evaluating a single policy, Operations Research 39
# Rows: (order cost, mean of the Poisson demand, penalty) at a holding cost of 1; (s, S); cost
S_S = [((5, 6, 4.0), (4, 10), 8.034111561), ((64, 10, 9.0), (6, 40), 35.022), ((64, 20, 9.0), (14, 62), 49.173)]


def exact_cost(levels, system):
    """Long-run cost of an (s, S) policy: order cost and cost of the positions visited, over the length of a visit."""
    (low, upto), (order_cost, mean, penalty) = levels, system
    units = np.arange(220.0)
    chance = poisson.pmf(units, mean)
    visits = np.zeros(upto - low)  # expected periods at each position below S between two orders
    visits[0] = 1 / (1 - chance[0])
    for j in range(1, upto - low):
        visits[j] = chance[1 : j + 1] @ visits[:j][::-1] / (1 - chance[0])
    costs = UnitCosts(penalty, 1.0)
    loss = [Newsvendor().value(units, np.full_like(units, y), costs) @ chance for y in range(upto, low, -1)]
    return (order_cost + visits @ loss) / visits.sum()


@pytest.mark.parametrize(("system", "levels", "published"), S_S)
def test_exact_cost_of_the_best_reorder_point_is_published(system, levels, published):
    assert exact_cost(levels, system) == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize(("system", "published"), [(system, published) for system, _, published in S_S])
def test_reorder_point_costs_at_most_three_percent_more_than_the_best(system, published):
    order_cost, mean, penalty = system
    shown = outlook(Supply.plain(1), lambda n, q: poisson.ppf(q, mean * n), mean, (penalty, 1.0), float(order_cost))
    rule = ReorderPoint().rule(shown)
    own = int(np.floor(rule.reorder_point[0])), int(np.ceil(rule.order_up_to[0]))
    assert published - 6e-4 <= exact_cost(own, system) <= 1.03 * published


def poisson_sums(periods, level):
    return poisson.ppf(level, 5 * periods)


def long_run(policy, terms, penalty, order_cost=0.0):
    """Long-run cost a period of lost sales at Poisson demand of 5 and holding 1, and its standard error."""
    demand = np.random.default_rng(7).poisson(5.0, (len(terms), 700)).astype(float)
    rule = policy.rule(outlook(terms, poisson_sums, 5, (penalty, 1.0), order_cost, scenarios=200))
    flows = play(InventorySystem(terms, Start.empty(len(terms))), demand, rule)
    cost = (flows.on_hand + penalty * flows.lost + order_cost * flows.lines)[:, 100:].mean(axis=1)
    return cost.mean(), cost.std(ddof=1) / np.sqrt(len(cost))


# P. H. Zipkin (2008), Old and new methods for lost-sales inventory systems, Operations Research 56, table 3: the best
# base-stock level; Poisson demand of 5, holding 1, penalty 4
ZIPKIN = [(1, 12, 4.16), (2, 16, 4.64), (3, 20, 4.98), (4, 25, 5.20)]


@pytest.mark.parametrize(("lead", "level", "published"), ZIPKIN)
def test_projected_newsvendor_beats_the_best_base_stock_of_lost_sales(lead, level, published):
    terms = Supply.plain(150, lead_time=lead)
    base, error = long_run(FixedLevels(level), terms, 4.0)
    assert abs(base - published) <= 0.005 + 3 * error
    assert long_run(ProjectedNewsvendor(), terms, 4.0)[0] < 0.99 * base


def test_cap_of_a_period_beats_the_best_base_stock_of_lost_sales():
    terms = Supply.plain(150, lead_time=4)
    assert long_run(CappedBaseStock(periods=1.0), terms, 4.0)[0] < 5.20 * 0.99
    assert long_run(OrderUpToCriticalRatio(), terms, 4.0)[0] > 5.20


# M. Bijvank (2015), table 1: lost sales with an order cost of 5; Poisson demand of 5, lead time 2, holding 1,
# penalty 14
def test_lost_sales_with_order_cost_cost_what_bijvank_found():
    terms = Supply.plain(300, lead_time=2)
    best, error = long_run(FixedLevels(order_up_to=23, reorder_point=17), terms, 14.0, order_cost=5.0)
    assert abs(best - 11.62) <= 0.005 + 3 * error
    assert long_run(ReorderPoint(), terms, 14.0, order_cost=5.0)[0] < 1.03 * best


# H. M. Wagner and T. M. Whitin's problem as in Snyder and Shen
def test_lot_sizes_are_wagner_and_whitins():
    demand = np.array([90.0, 120, 80, 70])
    orders = lot_sizes(demand, holding=2.0, order_cost=500.0)
    assert orders.tolist() == [210, 0, 150, 0]
    assert 500 * (orders > 0).sum() + 2 * np.cumsum(orders - demand).sum() == 1380


# J. Vermorel (2012), Financial impact of the forecasting accuracy, Lokad
def test_benefit_of_accuracy_is_lokads():
    benefit = accuracy_benefit(1.0e9, service_level=0.97, margin=0.2, stockout_cost=3, error=0.20, new_error=0.18)
    assert benefit == pytest.approx(1.8e6)
