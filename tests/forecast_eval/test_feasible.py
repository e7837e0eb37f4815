"""Laws of feasible orders: packs, minimums, shelves and trucks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_eval.simulate import InventorySystem, Start, play
from forecast_eval.simulate.feasible import feasible
from forecast_eval.simulate.system import Supply, Truck


def down(room, pack, smallest):
    units = math.floor(room / pack + 1e-9 * max(1, room / pack)) * pack if pack else room
    return units if units > 0 and units >= smallest else 0.0


def slow(wanted, pack, smallest, room):
    """Orders of one series, rule by rule."""
    if math.isnan(wanted) or wanted <= 1e-9 * (pack or 1):
        return 0.0
    units = max(wanted, smallest)
    if pack:
        units = math.ceil(units / pack - 1e-9 * max(1, units / pack)) * pack
    return down(room, pack, smallest) if units > room else units


def world(seed, series=9):
    rng = np.random.default_rng(seed)
    pick = lambda *values: rng.choice(np.array(values, dtype=float), series)  # noqa: E731
    terms = Supply.plain(
        series, pack_size=pick(0, 1, 2.5, 6), min_order=pick(0, 0, 4, 10), shelf_capacity=pick(0, 7, 30, np.inf)
    )
    wanted = np.where(rng.random(series) < 0.1, np.nan, rng.normal(8, 9, series).round(rng.integers(0, 3)))
    return terms, wanted, rng.integers(-2, 20, series).astype(float), rng.integers(0, 3, series)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 100_000))
def test_orders_follow_the_rules_one_by_one(seed):
    terms, wanted, position, _ = world(seed)
    rows = zip(wanted, terms.pack_size, terms.min_order, terms.shelf_capacity - position, strict=True)
    assert feasible(wanted, terms, position) == pytest.approx([slow(*row) for row in rows])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 100_000), st.floats(0, 60))
def test_truck_is_never_overfull_and_keeps_packs_and_minimums(seed, capacity):
    terms, wanted, position, groups = world(seed)
    free, truck = feasible(wanted, terms, position), Truck(groups, np.array([capacity, 5.0, 1e9]))
    orders = feasible(wanted, terms, position, truck)
    total = np.bincount(groups, orders, 3)
    assert (total <= truck.capacity * (1 + 1e-9)).all()
    assert (orders <= free + 1e-9).all()
    assert np.array_equal(orders[groups == 2], free[groups == 2])
    packs = orders / np.where(terms.pack_size > 0, terms.pack_size, 1)
    assert packs[terms.pack_size > 0] == pytest.approx(packs[terms.pack_size > 0].round())
    assert ((orders == 0) | (orders >= terms.min_order)).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 100_000))
def test_what_is_feasible_stays_as_it_is(seed):
    terms, wanted, position, groups = world(seed)
    truck = Truck(groups, np.array([20.0, 5.0, 1e9]))
    once = feasible(wanted, terms, position, truck)
    assert feasible(once, terms, position, truck) == pytest.approx(once)


def test_truck_is_shared_in_proportion():
    terms = Supply.plain(3, pack_size=[1.0, 4, 0])
    orders = feasible(np.array([20.0, 40.0, 20.0]), terms, np.zeros(3), Truck(np.array([0, 0, 0]), np.array([60.0])))
    assert orders.tolist() == [15.0, 28.0, 15.0]


@pytest.mark.parametrize(("kind", "digit"), [(np.float64, 1e-10), (np.float32, 1e-6)])
def test_last_digit_buys_no_pack_and_no_minimum(kind, digit):
    terms = Supply.plain(4, pack_size=[1.0, 1, 6, 0], min_order=[0.0, 0, 12, 3])
    wanted = np.array([3 + 3 * digit, 2.5, digit, digit], dtype=kind)
    orders = feasible(wanted, terms, np.zeros(4, dtype=kind))
    assert orders.tolist() == [3, 3, 0, 0]
    assert orders.dtype == kind
    assert feasible(np.array([3.001, 0, 0, 0.1], dtype=kind), terms, np.zeros(4)).tolist() == [4, 0, 0, 3]


def test_room_is_filled_with_whole_packs_or_not_at_all():
    terms = Supply.plain(4, pack_size=4, min_order=[0.0, 8, 0, 0], shelf_capacity=10)
    orders = feasible(np.full(4, 9.0), terms, position=np.array([1.0, 3.0, 11.0, -6.0]))
    assert orders.tolist() == [8, 0, 0, 12]


def test_nothing_is_changed_in_place():
    terms, wanted, position, groups = world(5)
    before = wanted.copy(), position.copy()
    feasible(wanted, terms, position, Truck(groups, np.full(3, 10.0)))
    assert np.array_equal(wanted, before[0], equal_nan=True)
    assert np.array_equal(position, before[1])


@pytest.mark.parametrize("seed", range(20))
def test_the_kernel_orders_what_is_feasible(seed):
    rng, n = np.random.default_rng(seed), 12
    supply = Supply.plain(
        n, lead_time=1, pack_size=rng.choice([0.0, 1.0, 4.0, 6.5], n), min_order=rng.choice([0.0, 3.0, 10.0], n),
        shelf_capacity=rng.choice([np.inf, 15.0, 30.0], n),
    )  # fmt: skip
    on_hand, wanted = rng.integers(0, 20, n).astype(float), rng.normal(8.0, 9.0, n)
    truck = Truck(np.arange(n) % 3, np.array([20.0, 45.0, 1e9]))
    one = InventorySystem(supply, Start(on_hand, np.zeros((n, 0))), truck=truck)
    ordered = play(one, np.zeros((n, 1)), {0: lambda _: wanted}).ordered[:, 0]
    assert ordered == pytest.approx(feasible(wanted, supply, on_hand, truck))
    assert ordered.any()
