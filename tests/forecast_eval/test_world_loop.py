"""Laws of the closed loop: stock, orders and records of a market that planners act in, with every mechanism off."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest import InputError
from forecast_eval.world import Incumbent, MarketSpec, State, World, play, with_incumbent
from forecast_eval.world.chance import Chance
from forecast_eval.world.shelf import Lots

SMALL = MarketSpec(stores=3, skus=12, weeks=60)
NASTY = MarketSpec.preset("nasty", stores=3, skus=20, weeks=70)


class Constant:
    """Orders the same every week, and keeps what it was shown."""

    def __init__(self, units):
        self.units, self.shown = units, []

    def orders(self, seen):
        self.shown.append(seen)
        return self.units


class Watched:
    """The incumbent, whose orders are kept."""

    def __init__(self, incumbent):
        self.incumbent, self.given = incumbent, []

    def orders(self, seen):
        self.given.append(self.incumbent.orders(seen))
        return self.given[-1]


def shop(rows, demand, before, safety=1.5, **knobs):
    """One store with terms by hand: shelf_life, lead_time, pack_size, min_order; demand is [sku, week]."""
    skus, weeks = demand.shape
    terms = pd.DataFrame(rows, columns=["shelf_life", "lead_time", "pack_size", "min_order"], dtype=float)
    terms = terms.assign(unique_id=[f"K{k}" for k in range(skus)], price=4.0, unit_cost=3.0, salvage=1.0, holding=0.1)
    static = terms[["unique_id"]].assign(store="S01", sku=terms["unique_id"], category="snacks", kind="steady")
    half = np.full(demand.shape, 0.5)
    chance = Chance(demand, half, half, half, demand < 0, half, half, 0.0 * half)
    dates = pd.date_range("2024-01-01", periods=weeks, freq="W-MON")
    spec = MarketSpec(stores=1, skus=skus, weeks=max(weeks, 12), **knobs)
    return World(spec, static, terms, 0.0 * half, np.asarray(before, dtype=float), chance, dates,
                 Incumbent.of(terms, safety))  # fmt: skip


def played(world, planner=None):
    weeks = world.chance.customers.shape[1]
    arms = np.full(world.spec.stores, "a", dtype=object)
    return play(State.opening(world), {"a": planner or world.incumbent}, arms, weeks)


def open_loop(terms, demand, before, safety):
    """One series in plain Python: sold, received and expired by week, ordered by the incumbent's rule."""
    life, lead, pack, least = terms
    safety *= 0.5 if math.isfinite(life) else 1.0
    due = {0: math.ceil((1 + safety) * before), **{w: math.ceil(before) for w in range(1, int(lead))}}
    lots, memory, flows = [], [before] * 8, []  # lots: [weeks left, units], oldest first
    for week, wanted in enumerate(demand):
        lots.append([life, due.get(week, 0)])
        rate = float(np.mean(memory[-8:]))
        expiring = sum(units for left, units in lots if left <= lead)
        usable = sum(units for _, units in lots) - max(expiring - lead * rate, 0)
        transit = sum(units for when, units in due.items() if when > week)
        need = max(max(math.ceil((lead + 1 + safety) * rate), 1) - usable - transit, 0)
        due[week + int(lead)] = math.ceil(max(need, least) / pack) * pack if need > 0 else 0
        sold = 0
        for lot in lots:
            taken = min(lot[1], wanted - sold)
            lot[1] -= taken
            sold += taken
        lots = [[left - 1, units] for left, units in lots]
        flows.append((sold, due.get(week, 0), sum(units for left, units in lots if left < 1)))
        lots = [lot for lot in lots if lot[0] >= 1]
        memory.append(sold)
    return np.array(flows).T


def test_with_every_mechanism_off_the_loop_is_the_open_loop():
    world = World.draw(SMALL, 3)
    records = played(world)
    supply = world.terms[["shelf_life", "lead_time", "pack_size", "min_order"]].to_numpy(dtype=float)
    for k, terms in enumerate(supply):
        expected = open_loop(terms, world.chance.customers[k].tolist(), world.before[k], SMALL.safety_weeks)
        found = [records.recorded[k], records.received[k], records.wasted[k]]
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(records.wanted, world.chance.customers)
    np.testing.assert_array_equal(records.on_hand, records.book)


@pytest.mark.parametrize("spec", [SMALL, NASTY])
def test_stock_is_conserved(spec):
    records = with_incumbent(spec, 8, spec.weeks).records
    left = records.sold + records.wasted + records.vanished
    np.testing.assert_array_equal((records.received - left).cumsum(axis=1), records.on_hand)
    assert (records.on_hand >= 0).all()
    assert (records.wasted.sum() > 0, records.vanished.sum() > 0) == (True, spec is NASTY)


@pytest.mark.parametrize("spec", [SMALL, NASTY])
def test_sales_exceed_neither_the_stock_nor_demand_and_substitutes(spec):
    records = with_incumbent(spec, 9, spec.weeks).records
    before = np.concatenate([np.zeros((len(records.on_hand), 1)), records.on_hand[:, :-1]], axis=1)
    assert (records.sold <= before + records.received).all()
    assert (records.sold - records.substitutes <= records.wanted).all()
    assert (records.substitutes.sum() > 0) == (spec is NASTY)


def test_shop_sells_all_that_it_has_before_it_loses_demand():
    demand = np.random.default_rng(9).poisson(6.0, (40, 50))
    records = played(shop([(2, 1, 1, 0), (np.inf, 2, 4, 0)] * 20, demand, np.full(40, 6.0), safety=0.5))
    short = records.sold < demand
    assert short.any()
    assert (records.on_hand[short] == 0).all()
    assert (records.wasted[short] == 0).all()


def test_oldest_units_are_sold_first():
    # by hand, shelf life 2, no safety: of the first 6 units 4 are sold; week two sells 1 of the 2 left and
    # the other spoils; its order is ceil(2 * 5.75) - 8 = 4; in week three the second 6 spoil untouched
    records = played(shop([(2, 1, 1, 0)], np.array([[4, 1, 0]]), [6.0], safety=0.0))
    assert records.received.tolist() == [[6, 6, 4]]
    assert records.wasted.tolist() == [[0, 1, 6]]
    assert records.on_hand.tolist() == [[2, 6, 4]]


def test_goods_that_live_one_week_are_never_carried_over():
    records = played(shop([(1, 1, 1, 0)], np.random.default_rng(2).poisson(7.0, (1, 40)), [7.0]))
    assert (records.on_hand == 0).all()
    assert records.wasted.sum() > 0


def test_orders_are_whole_packs_of_at_least_the_minimum():
    demand = np.random.default_rng(10).poisson(3.0, (2, 60))
    world = shop([(np.inf, 1, 4, 0), (np.inf, 1, 4, 9)], demand, np.full(2, 3.0), safety=1.0)
    for planner in (None, Constant(np.array([1, 1]))):
        ordered = played(world, planner).ordered
        assert set(np.unique(ordered % 4)) == {0}
        assert [row[row > 0].min() for row in ordered] == [4, 12]


def test_orders_can_be_sold_after_their_lead_time():
    world = shop([(np.inf, 1, 1, 0), (np.inf, 3, 1, 0)], np.full((2, 12), 4), [4.0, 4.0])
    records = played(world, Constant(np.array([7, 5])))
    assert (records.received[0, 1:] == 7).all()
    assert (records.received[1, 3:] == 5).all()


def test_planner_learns_from_sales_not_from_demand():
    # what was demanded beyond the shelf's 63 units leaves no trace; what was sold of them does
    weak, strong, stronger = (
        played(shop([(1, 1, 1, 0)], np.array([[first, *[50] * 20]]), [50.0], safety=0.5)).received
        for first in (1, 70, 900)
    )
    np.testing.assert_array_equal(strong, stronger)
    assert not np.array_equal(weak, strong)


def test_sku_that_sold_nothing_for_long_comes_back():
    received = played(shop([(1, 1, 1, 0)], np.array([[0] * 30 + [9] * 30]), [2.0], safety=0.0)).received
    assert (received[0, 12:30] == 1).all()
    assert received[0, -1] >= 2


@pytest.mark.parametrize("week", [1, 25])
def test_planners_see_nothing_hidden(week):
    # all that chance does from this week on is changed; orders of this week are placed before its customers come
    world = World.draw(NASTY, 4)
    changed = {}
    for name in Chance.__slots__:
        values = getattr(world.chance, name).copy(order="F")
        values[:, week:] = values[::-1, week:]
        changed[name] = values
    changed["late"][:, week] = world.chance.late[:, week]  # deliveries of this week have come when orders are placed
    first, second = (Watched(world.incumbent) for _ in range(2))
    played(world, first)
    played(replace(world, chance=Chance(**changed)), second)
    np.testing.assert_array_equal(first.given[: week + 1], second.given[: week + 1])
    assert not np.array_equal(first.given[week + 1], second.given[week + 1])


def test_records_shown_to_a_planner_are_the_books_and_cannot_be_changed():
    state = with_incumbent(NASTY, 5, 30)
    seen = state.seen()
    book = state.records.book[:, 29].copy()
    next_week = play(state, {"a": state.world.incumbent}, np.full(3, "a", dtype=object), 1)
    np.testing.assert_array_equal(seen.on_hand, book + next_week.received[:, 30])
    np.testing.assert_array_equal(seen.sold, state.records.recorded[:, :30])
    assert "kind" not in seen.static
    for name in ("before", "sold", "in_stock", "by_life", "in_transit", "discount"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(seen, name)[0] = 1


def test_history_and_plans_shown_join_at_the_present():
    seen = with_incumbent(SMALL, 5, 30).seen()
    history, plans = seen.history(), seen.known_future(4)
    assert history.groupby("unique_id")["ds"].max().unique().tolist() == [seen.dates[29]]
    assert plans.groupby("unique_id")["ds"].min().unique().tolist() == [seen.dates[30]]
    np.testing.assert_array_equal(plans["promo"].to_numpy().reshape(3, 12, 4)[1], seen.discount[:, 30:34])
    np.testing.assert_array_equal(history["promo"].to_numpy().reshape(3, 12, 30)[2], seen.discount[:, :30])


def test_fork_does_not_touch_its_parent():
    parent, twin = with_incumbent(NASTY, 6, 40), with_incumbent(NASTY, 6, 40)
    arms = np.full(3, "a", dtype=object)
    play(parent.fork(), {"a": Constant(np.full(60, 9))}, arms, 20)
    for state in (parent, twin):
        play(state, {"a": state.world.incumbent}, arms, 20)
    for name in parent.records.__slots__:
        np.testing.assert_array_equal(getattr(parent.records, name), getattr(twin.records, name))


def test_shelf_holds_no_less_than_nothing():
    lots = Lots.empty(np.array([2.0, np.inf]))
    lots.receive(np.array([3, 5]))
    lots.receive(np.array([-4, -1]))
    assert lots.total.tolist() == [0, 4]


@pytest.mark.parametrize(
    "orders", [np.full(35, 1), np.full(36, -1), np.full(36, 0.5), np.full(36, np.nan), np.ones((36, 1))]
)
def test_orders_that_are_none_are_refused(orders):
    state = State.opening(World.draw(SMALL, 1))
    with pytest.raises(InputError, match=r"planner of arm 'a': orders of shape .* must be 36 whole numbers >= 0"):
        play(state, {"a": Constant(orders)}, np.full(3, "a", dtype=object), 1)


def test_faults_of_a_play_come_together():
    state = with_incumbent(SMALL, 1, 50)
    with pytest.raises(InputError) as caught:
        play(state, {"new": state.world.incumbent}, np.array(["new", "nwe"], dtype=object), 11)
    assert {fault.rule for fault in caught.value.faults} == {"no-planner", "no-arm", "no-weeks"}
    assert "did you mean 'new'?" in str(caught.value)
