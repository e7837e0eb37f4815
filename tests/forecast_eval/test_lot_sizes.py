"""Laws of the cheapest plan under known demand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_eval.simulate.lot_sizes import lot_sizes


def cost_of(orders, demand, holding, order_cost):
    left = np.cumsum(orders - demand)
    assert (left > -1e-9).all()
    return order_cost * (orders > 0).sum() + holding * left.sum()


def cheapest(demand, holding, order_cost, life):
    """Try every set of order periods: an order serves until the next one."""
    best = np.inf
    for buys in product([False, True], repeat=len(demand)):
        orders, place = np.zeros(len(demand)), None
        for t, units in enumerate(demand):
            place = t if buys[t] else place
            if units > 0 and (place is None or (life and t - place >= life)):
                break
            if units > 0:
                orders[place] += units
        else:
            best = min(best, cost_of(orders, demand, holding, order_cost))
    return best


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 30).map(float), min_size=1, max_size=7),
    st.sampled_from([0.0, 0.5, 3.0]), st.sampled_from([0.0, 7.0, 40.0]), st.integers(0, 3),
)  # fmt: skip
def test_no_plan_is_cheaper(demand, holding, order_cost, life):
    demand = np.array(demand)
    orders = lot_sizes(demand, holding=holding, order_cost=order_cost, shelf_life=life)
    assert orders.sum() == demand.sum()
    assert cost_of(orders, demand, holding, order_cost) == pytest.approx(cheapest(demand, holding, order_cost, life))


def test_series_are_planned_each_by_itself():
    demand = np.random.default_rng(2).poisson(6.0, (4, 9)).astype(float)
    costs = {"holding": np.array([0.1, 1, 2, 5]), "order_cost": np.array([9.0, 4, 30, 0]), "shelf_life": [0, 2, 3, 0]}
    together = lot_sizes(demand, **costs)
    alone = [lot_sizes(demand[i], **{name: value[i] for name, value in costs.items()}) for i in range(4)]
    assert np.array_equal(together, alone)
    assert np.array_equal(together[3], demand[3])  # an order that is free is placed when it is needed


def test_nothing_lasts_longer_than_its_shelf_life():
    orders = lot_sizes(np.full(6, 5.0), holding=0.0, order_cost=10.0, shelf_life=2)
    assert orders.tolist() == [10, 0, 10, 0, 10, 0]


@pytest.mark.parametrize(
    ("demand", "costs", "message"),
    [
        ([1.0, -2.0], {}, r"demand=-2\.0 at \[0, 1\] must be finite and >= 0"),
        ([1.0, np.nan], {}, r"demand=nan at \[0, 1\]"),
        ([1.0], {"order_cost": -1.0}, r"order_cost=-1\.0 in row 0"),
        ([1.0], {"holding": np.inf}, r"holding=inf in row 0"),
    ],
)
def test_impossible_demand_and_costs_are_refused(demand, costs, message):
    with pytest.raises(ValueError, match=message):
        lot_sizes(demand, **({"holding": 1.0, "order_cost": 5.0} | costs))
