"""Laws of the simulator, against a slow plain-Python oracle that keeps a list of batches."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_eval.simulate import (
    Conventions,
    InventorySystem,
    Rule,
    Start,
    Substitution,
    Supply,
    Truck,
    courses,
    expect,
    play,
)
from forecast_eval.simulate.blocks import layout
from forecast_eval.simulate.projection import Courses, on_arrival

TIME = 15
COMPARED = ("ordered", "lines", "received", "sold", "lost", "wasted", "on_hand", "short", "owed")


def system(n, *, on_hand=0.0, transit=(), conventions=Conventions(), seed=1, **terms):  # noqa: B008 - frozen
    start = Start(np.full(n, on_hand), np.tile(np.array(transit, dtype=float), (n, 1)))
    return InventorySystem(Supply.plain(n, **terms), start, conventions, seed=seed)


class SlowSeries:
    """One series, one line of code a rule: batches of [expiry period, units]."""

    def __init__(self, one):
        self.s, self.says, start = one.supply, one.conventions, one.start
        self.life, self.lead = int(self.s.shelf_life[0]), int(self.s.lead_time[0])
        self.batches = [[self.expiry(0), start.on_hand[0]]]
        self.due = dict(enumerate(start.in_transit[0]))
        self.owed = 0.0

    def expiry(self, t):
        return t + self.life - 1 if self.life else math.inf

    @property
    def stock(self):
        return sum(units for _, units in self.batches)

    def order(self, level, reorder):
        late = self.says.arrival == "after_demand" and self.says.order == "before_demand"
        alone = 0 < self.life <= self.lead + late
        position = 0.0 if alone else self.stock + sum(self.due.values()) - self.owed
        if math.isnan(level) or position > reorder or level <= position:
            return 0.0
        pack, wanted = self.s.pack_size[0], max(level - position, self.s.min_order[0])
        wanted = math.ceil(wanted / pack - 1e-9) * pack if pack else wanted
        room = self.s.shelf_capacity[0] - (self.stock + sum(self.due.values()) - self.owed)
        if wanted > room:
            wanted = math.floor(room / pack + 1e-9) * pack if pack else room
            wanted = wanted if wanted >= self.s.min_order[0] and wanted > 0 else 0.0
        return wanted

    def issue(self, units):
        fresh = units * self.s.lifo_share[0]
        for part, first in ((fresh, -1), (units - fresh, 1)):
            left = part
            for batch in sorted(self.batches)[::first]:
                used = min(batch[1], left)
                batch[1] -= used
                left -= used

    def period(self, t, demand, level, reorder):
        row, after = dict.fromkeys(COMPARED, 0.0), self.says.order == "after_demand"
        late = self.says.arrival == "after_demand"

        def receive(units):
            row["received"] += units
            self.batches.append([self.expiry(t + late), units])

        def decide():
            row["ordered"] = quantity = self.order(level, reorder)
            row["lines"] = float(quantity > 0)
            if self.lead == 0 and (after or not late):
                row["received"] += quantity
                self.batches.append([self.expiry(t + after), quantity])
            else:
                self.due[t + self.lead] = self.due.get(t + self.lead, 0.0) + quantity

        if not late:
            receive(self.due.pop(t, 0.0))
        if not after:
            decide()
        sale = min(self.stock, demand + self.owed)
        early = min(self.owed, sale)
        unmet = demand - (sale - early)
        self.issue(sale)
        self.owed += unmet * self.says.backordered - early
        row |= {"sold": sale, "lost": unmet * (1 - self.says.backordered), "short": float(unmet > 0)}
        row["wasted"] = sum(units for end, units in self.batches if end <= t)
        self.batches = [b for b in self.batches if b[0] > t]
        if late:
            receive(self.due.pop(t, 0.0))
        if after:
            decide()
        return row | {"on_hand": self.stock, "owed": self.owed}


def slow_play(one, demand, level, reorder):
    series = SlowSeries(one)
    rows = [series.period(t, demand[t], level[t], reorder[t]) for t in range(len(demand))]
    return np.array([[row[name] for row in rows] for name in COMPARED])


GAMES = {
    "lead_time": st.integers(0, 3),
    "shelf_life": st.integers(0, 4),
    "pack_size": st.sampled_from([0.0, 1.0, 4.0]),
    "min_order": st.sampled_from([0.0, 6.0]),
    "shelf_capacity": st.sampled_from([math.inf, 14.0]),
    "lifo_share": st.sampled_from([0.0, 0.25, 1.0]),
    "on_hand": st.integers(0, 12).map(float),
    "transit": st.lists(st.integers(0, 9).map(float), max_size=2),
}
WORDS = st.sampled_from(["before_demand", "after_demand"])
SAYS = st.builds(Conventions, order=WORDS, arrival=WORDS, backordered=st.sampled_from([0.0, 0.5, 1.0]))


def course(seed, series=1):
    rng = np.random.default_rng(seed)
    demand = rng.poisson(4.0, (series, TIME)).astype(float)
    level = np.where(rng.random((series, TIME)) < 0.7, rng.integers(0, 25, (series, TIME)), np.nan)
    return demand, level, level - rng.integers(0, 6, (series, TIME))


def rules(level, reorder):
    return {t: Rule(level[:, t], reorder[:, t]) for t in range(level.shape[1])}


@settings(max_examples=400, deadline=None)
@given(st.fixed_dictionaries(GAMES), SAYS, st.integers(0, 10_000))
def test_kernel_equals_the_slow_oracle(game, says, seed):
    demand, level, reorder = course(seed)
    one = system(1, conventions=says, **game)
    flows = play(one, demand, rules(level, reorder))
    got = np.array([getattr(flows, name)[0] for name in COMPARED])
    assert got == pytest.approx(slow_play(one, demand[0], level[0], reorder[0]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.fixed_dictionaries(GAMES), min_size=2, max_size=6), SAYS, st.integers(0, 10_000))
def test_a_series_does_not_depend_on_its_neighbours_in_a_block(games, says, seed):
    demand, level, reorder = course(seed, len(games))
    ones = [system(1, conventions=says, **game) for game in games]
    pad = max(one.start.in_transit.shape[1] for one in ones)
    transit = np.stack([np.pad(one.start.in_transit[0], (0, pad - one.start.in_transit.shape[1])) for one in ones])
    supply = Supply(**{n: np.concatenate([getattr(one.supply, n) for one in ones]) for n in Supply.__slots__})
    start = Start(np.concatenate([one.start.on_hand for one in ones]), transit)
    flows = play(InventorySystem(supply, start, says), demand, rules(level, reorder))
    for i, one in enumerate(ones):
        alone = play(one, demand[i : i + 1], rules(level[i : i + 1], reorder[i : i + 1]))
        for part in fields(flows):
            assert np.array_equal(getattr(flows, part.name)[i], getattr(alone, part.name)[0]), part.name


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries(GAMES), SAYS, st.integers(0, 10_000), st.sampled_from([0.0, 0.4]))
def test_units_are_conserved(game, says, seed, share):
    demand, level, reorder = course(seed, 7)
    one = system(7, conventions=says, late_share=0.2, supplier_fill=0.9, **game)
    one = replace(one, substitution=Substitution(np.array([0, 0, 0, 1, 1, 2, 2]), share))
    f = play(one, demand, rules(level, reorder))
    before = np.hstack([np.full((7, 1), game["on_hand"]), f.on_hand[:, :-1]])
    assert before + f.received == pytest.approx(f.sold + f.wasted + f.on_hand)
    owed = np.hstack([np.zeros((7, 1)), f.owed[:, :-1]])
    assert demand + owed + f.substituted == pytest.approx(f.sold + f.lost + f.switched + f.owed)
    assert f.substituted.sum() == pytest.approx(f.switched.sum())
    assert min(getattr(f, part.name).min() for part in fields(f)) >= -1e-12


def test_order_serves_demand_after_its_lead_time():
    flows = play(system(1, lead_time=2), np.full((1, 5), 2.0), {0: Rule(np.array([9.0]))})
    assert flows.received.tolist() == [[0, 0, 9, 0, 0]]
    assert flows.lost.tolist() == [[2, 2, 0, 0, 0]]


def test_stock_expires_at_the_end_of_its_last_period():
    flows = play(system(1, shelf_life=2), np.ones((1, 3)), {0: Rule(np.array([5.0]))})
    assert flows.wasted.tolist() == [[0, 3, 0]]
    assert flows.lost.tolist() == [[0, 0, 1]]


def test_goods_that_expire_before_an_order_arrives_are_ordered_for_its_own_period():
    flows = play(system(1, lead_time=1, shelf_life=1, on_hand=10.0), np.full((1, 5), 10.0), Rule(np.array([10.0])))
    assert flows.ordered.tolist() == [[10.0] * 5]
    assert flows.lost.sum() == flows.wasted.sum() == 0


def test_a_lone_rule_holds_in_the_review_periods_of_each_series():
    one = system(2, review_period=[1, 3], lead_time=1)
    flows = play(one, np.full((2, 7), 2.0), Rule(np.array([8.0, 8.0])))
    assert (flows.lines[1] > 0).tolist() == [True, False, False, True, False, False, True]
    assert (flows.lines[0] > 0).tolist() == [True, False, True, True, True, True, True]  # the first is still due


def test_lots_are_the_fewest_that_raise_the_position_above_the_reorder_point():
    rule = Rule(np.zeros(3), reorder_point=np.array([4.0, 4.0, 4.0]), lot=np.full(3, 5.0))
    one = replace(system(3), start=Start(np.array([4.0, 5.0, 0.0]), np.zeros((3, 0))))
    flows = play(one, np.zeros((3, 1)), rule)
    assert flows.ordered[:, 0].tolist() == [5.0, 0.0, 5.0]
    deep = replace(one, start=Start(np.array([-0.0, 0.0, 0.0]), np.zeros((3, 0))))
    flows = play(deep, np.zeros((3, 1)), replace(rule, reorder_point=np.array([5.0, 14.0, 15.0])))
    assert flows.ordered[:, 0].tolist() == [10.0, 15.0, 20.0]


def test_an_order_is_never_larger_than_its_cap():
    flows = play(system(1, lead_time=1), np.zeros((1, 3)), Rule(np.array([9.0]), cap=np.array([4.0])))
    assert flows.ordered.tolist() == [[4.0, 4.0, 1.0]]


def test_a_truck_is_never_overloaded_and_cuts_all_in_proportion():
    stores = np.array([0, 0, 1, 1])
    one = replace(system(4, pack_size=[1.0, 1.0, 4.0, 0.0], lead_time=1), truck=Truck(stores, np.array([10.0, 9.0])))
    flows = play(one, np.zeros((4, 1)), Rule(np.array([30.0, 10.0, 12.0, 6.0])))
    # store 0: 30 and 10 share 10; store 1: 12 and 6 share 9, of which the first takes whole packs of 4
    assert flows.ordered[:, 0].tolist() == [7.0, 2.0, 4.0, 3.0]


def test_customers_switch_to_what_neighbours_have_left_in_proportion():
    one = replace(system(3), substitution=Substitution(np.array([0, 0, 0]), 0.5))
    one = replace(one, start=Start(np.array([2.0, 9.0, 4.0]), np.zeros((3, 0))))
    flows = play(one, np.array([[8.0], [3.0], [1.0]]), {})
    assert flows.switched[:, 0].tolist() == [3.0, 0.0, 0.0]
    assert flows.substituted[:, 0] == pytest.approx([0.0, 2.0, 1.0])
    assert flows.lost[:, 0].tolist() == [3.0, 0.0, 0.0]
    assert flows.short[:, 0].tolist() == [1.0, 0.0, 0.0]


def test_the_supplier_delivers_the_share_of_orders_that_he_should():
    n = 4_000
    flows = play(system(n, supplier_fill=0.8), np.full((n, 5), 3.0), Rule(np.full(n, 3.0)))
    share = (flows.received > 0).mean()
    assert abs(share - 0.8) < 4 * math.sqrt(0.16 / (5 * n))


def test_late_orders_come_later_with_their_probability():
    n = 20_000
    flows = play(system(n, lead_time=1, late_share=0.3), np.zeros((n, 6)), {0: Rule(np.full(n, 2.0))})
    arrived = (flows.received > 0).mean(axis=0)
    assert arrived[:4] == pytest.approx([0.0, 0.7, 0.21, 0.063], abs=4 * math.sqrt(0.21 / n))


def test_luck_is_the_same_whatever_is_ordered():
    demand = np.full((50, 8), 3.0)
    one = system(50, supplier_fill=0.5, lead_time=1)
    small, large = (play(one, demand, Rule(np.full(50, level))) for level in (500.0, 900.0))
    assert np.array_equal(small.received[:, 1] > 0, large.received[:, 1] > 0)


def many(seed, *, series, scenarios=5):
    rng = np.random.default_rng(seed)
    return rng.poisson(4.0, (scenarios, series, TIME)).astype(float)


def mixed(n, **more):
    rng = np.random.default_rng(3)
    terms = {
        "lead_time": rng.integers(0, 4, n), "shelf_life": rng.integers(0, 5, n), "pack_size": rng.integers(0, 3, n),
        "review_period": rng.integers(1, 4, n), "late_share": 0.1,
    }  # fmt: skip
    return system(n, on_hand=6.0, **(terms | more))


def test_expected_flows_are_the_means_of_single_plays():
    demand, one = many(1, series=40), mixed(40)
    one = replace(one, supply=replace(one.supply, late_share=np.zeros(40)))
    (found,) = expect(one, courses(demand), [Rule(np.full(40, 17.0))])
    singles = [play(one, d, Rule(np.full(40, 17.0))) for d in demand]
    for part in fields(found.flows):
        mean = np.mean([getattr(s, part.name) for s in singles], axis=0)
        assert getattr(found.flows, part.name) == pytest.approx(mean, abs=1e-4), part.name


@pytest.mark.parametrize("shared", [False, True])
def test_result_is_the_same_bytes_for_one_and_two_threads(shared):
    n = 5_000
    demand, one = many(2, series=n, scenarios=2), mixed(n)
    if shared:
        one = replace(one, truck=Truck(np.arange(n) // 50, np.full(n // 50, 300.0)))
    weights = {"sold": np.full((n, 1), 2.5)}
    assert len(layout(one)[1]) > 1
    runs = [expect(one, courses(demand), [Rule(np.full(n, 17.0))], weights=weights, threads=k)[0] for k in (1, 2)]
    assert runs[0].money.tobytes() == runs[1].money.tobytes()
    for part in fields(runs[0].flows):
        assert np.array_equal(getattr(runs[0].flows, part.name), getattr(runs[1].flows, part.name)), part.name


def test_money_of_a_scenario_is_the_weighted_sum_of_its_flows():
    demand, rng = many(4, series=30), np.random.default_rng(5)
    one = mixed(30, late_share=0.0)
    names = ("ordered", "lines", "received", "sold", "lost", "wasted", "on_hand", "short")
    weights = {name: rng.normal(size=(30, TIME)) for name in names}
    (found,) = expect(one, courses(demand), [Rule(np.full(30, 17.0))], weights=weights)
    for s, single in enumerate(demand):
        flows = play(one, single, Rule(np.full(30, 17.0)))
        money = sum((weights[name] * getattr(flows, name)).sum(axis=1) for name in names)
        assert found.money[s] == pytest.approx(money, rel=1e-4, abs=1e-3)


def test_a_decision_in_python_orders_as_the_rule_does():
    demand, one = many(6, series=20, scenarios=1)[0], mixed(20, late_share=0.0)
    level = np.full(20, 17.0)
    ruled = play(one, demand, Rule(level))
    decided = play(one, demand, lambda view: level - view.position)
    for part in fields(ruled):
        assert np.array_equal(getattr(ruled, part.name), getattr(decided, part.name)), part.name


def test_an_order_cycle_is_short_if_one_of_its_periods_is():
    one = system(1, review_period=3, lead_time=1, on_hand=1.0)
    flows = play(one, np.array([[1.0, 9.0, 0.0, 0.0, 9.0, 0.0, 1.0]]), Rule(np.array([6.0])))
    # cycles begin with the arrivals in periods 1 and 4
    assert flows.short_cycles.tolist() == [[0, 0, 0, 1, 0, 0, 1]]
    assert flows.short.tolist() == [[0, 1, 0, 0, 1, 0, 1]]


def test_an_order_cycle_begins_when_its_goods_can_be_sold():
    one = system(1, review_period=3, lead_time=0, on_hand=1.0, conventions=Conventions(arrival="after_demand"))
    flows = play(one, np.array([[1.0, 9.0, 0.0, 0.0, 9.0, 0.0, 1.0]]), Rule(np.array([6.0])))
    # goods arrive at the end of periods 0, 3 and 6: the cycles are those of a lead time of 1
    assert flows.short_cycles.tolist() == [[0, 0, 0, 1, 0, 0, 1]]


def test_goods_that_arrive_after_demand_and_keep_one_period_are_ordered_for_its_own_period():
    one = system(1, shelf_life=1, conventions=Conventions(arrival="after_demand"))
    flows = play(one, np.full((1, 5), 10.0), Rule(np.array([10.0])))
    assert flows.ordered.tolist() == [[10.0] * 5]  # what is on hand at an order is gone when the order can be sold
    assert flows.lost.tolist() == [[10.0, 0, 0, 0, 0]]


@pytest.mark.parametrize("arrival", ["before_demand", "after_demand"])
def test_a_view_shows_all_that_is_in_transit(arrival):
    seen = []
    one = system(1, transit=[1.0, 2.0, 4.0], conventions=Conventions(arrival=arrival))
    play(one, np.zeros((1, 4)), lambda view: seen.append(float(view.position[0])) or np.zeros(1))
    assert seen == [7.0] * 4


@pytest.mark.parametrize("order", ["before_demand", "after_demand"])
@pytest.mark.parametrize("arrival", ["before_demand", "after_demand"])
def test_a_projection_of_true_demand_is_the_stock_that_is_there(order, arrival):
    views, rng = [], np.random.default_rng(5)
    lead, life = np.array([1, 2, 3, 3, 2]), np.array([0, 5, 0, 6, 4])
    start = Start(rng.integers(2, 9, 5).astype(float), rng.integers(1, 6, (5, 3)).astype(float))
    says = Conventions(order=order, arrival=arrival)
    one = InventorySystem(Supply.plain(5, lead_time=lead, shelf_life=life, lifo_share=0.5), start, says)
    demand = rng.poisson(3.0, (5, 9)).astype(float)
    flows = play(one, demand, {0: Rule(np.full(5, 16.0)), 1: lambda view: views.append(view) or np.zeros(5)})
    when = 1 + lead + (arrival == "after_demand" and order == "before_demand")
    there = flows.on_hand[np.arange(5), when - 1]
    if arrival == "before_demand":
        there = there + flows.received[np.arange(5), when]
    assert on_arrival(views[0], Courses.certain(demand[:, 1:])) == pytest.approx(there)
    assert there.max() > 0


@pytest.mark.parametrize("bins", [np.arange(TIME + 1), np.zeros(2, int), np.arange(TIME) - 1])
def test_every_period_has_a_bin(bins):
    with pytest.raises(ValueError, match=f"give one from 0 on for each of {TIME} periods"):
        expect(system(2), courses(many(1, series=2)), [Rule(np.ones(2))], bins=bins)


def test_money_of_a_flow_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="weights of sales: no such flows"):
        expect(system(2), courses(many(1, series=2)), [Rule(np.ones(2))], weights={"sales": np.ones((2, 1))})


def test_demand_of_other_series_is_refused():
    with pytest.raises(ValueError, match="demand is of 3 series, and the system of 2"):
        play(system(2), np.ones((3, 4)), Rule(np.ones(2)))


def test_demand_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match=r"demand=nan at \[0, 1\] must be known"):
        play(system(1), np.array([[1.0, np.nan]]), Rule(np.ones(1)))


@pytest.mark.parametrize("units", [-1.0, np.nan, np.inf])
def test_stock_at_the_start_is_known_and_not_negative(units):
    with pytest.raises(ValueError, match="in_transit="):
        Start(np.zeros(1), np.array([[2.0, units]]))
