"""Laws of the policies: what they order, and what they see before they do."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import RollingWindows
from forecast_eval.economics import Economics
from forecast_eval.simulate import Market, Predictions, Sampling, board, outlooks, play_board
from forecast_eval.simulate.orders import Rule, View
from forecast_eval.simulate.outlook import Outlook
from forecast_eval.simulate.play import play
from forecast_eval.simulate.policies import (
    CallablePolicy,
    CappedBaseStock,
    Coverage,
    CriticalRatio,
    FixedLevels,
    Newsvendor,
    OrderUpToCoverage,
    OrderUpToCriticalRatio,
    PeriodsOfSupply,
    Probe,
    ProjectedNewsvendor,
    ReorderPoint,
    WasteConscious,
    decision,
    identical,
)
from forecast_eval.simulate.policies.reorder import shortage_point
from forecast_eval.simulate.projection import Courses, expiring, on_arrival, project
from forecast_eval.simulate.system import Conventions, InventorySystem, Start, Supply
from losses import UnitCosts

SERIES, STEPS, TIME = 5, 6, 30
MEAN = np.array([0.4, 2.0, 5.0, 9.0, 30.0])
FAMILIES = {
    "coverage": OrderUpToCoverage,
    "critical ratio": OrderUpToCriticalRatio,
    "capped": lambda k: CappedBaseStock(CriticalRatio(k), periods=1.5),
    "capped in units": lambda k: CappedBaseStock(Coverage(k), units=12.0),
    "(s, S)": lambda k: ReorderPoint(CriticalRatio(k)),
    "(s, nQ)": lambda k: ReorderPoint(CriticalRatio(k), lot="economic"),
    "(s, n packs)": lambda k: ReorderPoint(Coverage(k), lot="pack"),
    "newsvendor": lambda k: Newsvendor(CriticalRatio(k)),
    "waste-conscious": lambda k: WasteConscious(CriticalRatio(k)),
    "projected": lambda k: ProjectedNewsvendor(CriticalRatio(k)),
}
POLICIES = {
    **{name: family(0.8) for name, family in FAMILIES.items()},
    "periods": PeriodsOfSupply(3),
    "fixed": FixedLevels(20.0, 7.0),
    "callable": CallablePolicy("as sold", lambda _: lambda view: view.sold[:, -1] + 1 if view.period else MEAN * 2),
}
TERMS = {
    "goods that keep": {"lead_time": 2, "pack_size": [1.0, 1, 3, 6, 0]},
    "perishables": {"lead_time": 1, "shelf_life": [2, 3, 3, 4, 0], "lifo_share": [0.0, 0.3, 1, 0.5, 0], "pack_size": 1},
    "reviewed weekly": {"lead_time": [0, 1, 2, 3, 1], "review_period": 3, "shelf_life": [0, 0, 2, 9, 1]},
}


def outlook(terms, *, order_cost=4.0, holding=0.2, underage=3.0, overage=0.7, seed=3, scenarios=300):
    """What may be known of Poisson demand, with point forecasts that are not flat."""
    rng = np.random.default_rng(seed)
    shape = 1 + 0.3 * np.sin(np.arange(STEPS))
    point = MEAN[:, None] * shape
    paths = rng.poisson(point[:, None, :], (SERIES, scenarios, STEPS)).astype(float)
    steps = np.arange(STEPS)
    first = np.where(terms.stands_alone, terms.lead_time, 0)

    def total(start, end):
        inside = (steps >= start[:, None]) & (steps < end[:, None])
        return np.sort((paths * inside[:, None, :]).sum(axis=2), axis=1)

    full = np.ones(SERIES)
    return Outlook(
        point=point, sums=total(first, terms.protection), cycle=total(terms.lead_time, terms.protection),
        first_step=first, costs=UnitCosts(full * underage, full * overage), holding=full * holding,
        order_cost=full * order_cost, supply=terms,
    )  # fmt: skip


def supply(name="goods that keep"):
    return Supply.plain(SERIES, **TERMS[name])


def demand(seed=1):
    return np.random.default_rng(seed).poisson(MEAN[:, None], (SERIES, TIME)).astype(float)


def played(policy, terms, *, units=None, seen=None, start=None, conventions=None):
    system = InventorySystem(
        terms, start or Start(MEAN.round() * 2, np.zeros((SERIES, 0))), conventions or Conventions()
    )
    return play(system, demand() if units is None else units, policy.rule(outlook(terms) if seen is None else seen))


def same_flows(first, second):
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in first.__slots__)


def view(terms, *, on_hand=0.0, ages=None, due=(), owed=0.0):
    n = len(terms)
    ages = np.zeros((n, 0)) if ages is None else np.tile(np.asarray(ages, dtype=float), (n, 1))
    stock = ages.sum(axis=1) if ages.shape[1] else np.full(n, float(on_hand))
    return View(
        period=0, on_hand=stock, ages=ages, due=np.tile(np.asarray(due, dtype=float), (n, 1)), owed=np.full(n, owed),
        sold=np.zeros((n, 0)), sold_out=np.zeros((n, 0), dtype=bool), supply=terms,
    )  # fmt: skip


def sure(terms, quantity, steps=STEPS):
    """Outlook without doubt: `quantity` units in every period."""
    n = len(terms)
    full, first = np.ones(n), np.where(terms.stands_alone, terms.lead_time, 0)
    draws = quantity * np.ones((n, 20))
    return Outlook(
        point=np.full((n, steps), float(quantity)), sums=draws * (terms.protection - first)[:, None],
        cycle=draws * terms.review_period[:, None], first_step=first, costs=UnitCosts(full * 3, full),
        holding=full * 0.5, order_cost=full * 0.0, supply=terms,
    )  # fmt: skip


# what a policy sees


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("name", POLICIES)
def test_policy_sees_nothing_of_a_period_before_it_orders_in_it(name, terms):
    seen = {}
    for case in ("as it was", "perturbed"):
        units, probe = demand(), Probe(POLICIES[name])
        if case == "perturbed":
            units[:, 12:] = units[::-1, 12:] + 3.0
        played(probe, supply(terms), units=units)
        seen[case] = probe
    before, after = (probe.up_to(12) for probe in seen.values())
    assert len(before) > 4
    assert identical(before, after)
    assert not identical(seen["as it was"].seen, seen["perturbed"].seen)  # later it does see it


def test_policy_on_a_board_sees_nothing_of_a_period_before_it_orders_in_it():
    calendar = pd.date_range("2025-01-06", periods=40, freq="W-MON")
    ids = np.array([f"s{i}" for i in range(SERIES)], dtype=object)
    table = {"unique_id": ids, "price": 9.0, "unit_cost": 5.0, "holding": 0.3, "lead_time": 1, "shelf_life": 3}
    economics, windows = Economics.of(pd.DataFrame(table)), RollingWindows(horizon=3, n_windows=12).over(calendar)
    rng = np.random.default_rng(4)
    units, point = rng.poisson(MEAN[:, None], (SERIES, 40)) * 1.0, rng.gamma(9, MEAN[:, None] / 9, (12, SERIES, 3))
    changed = 34  # place in the calendar of the first demand that is another one
    seen = []
    for added in (0.0, 7.0):
        demand = units + added * (np.arange(40) >= changed)
        market = Market(ids, calendar, demand, demand, economics, step=1)
        layout = board(market, windows, range(4, 12), market.covered_start(32, None), np.ones(SERIES, dtype=bool))
        shown = outlooks(market, Predictions(point, None, np.array([])), windows, sampling=Sampling(60), seed=2)
        probes = [Probe(family(0.8)) for family in FAMILIES.values()]
        play_board(market, layout, shown, probes)
        seen.append([(probe.up_to(changed - int(layout.times[0])), probe.seen) for probe in probes])
    for (before, all_before), (after, all_after) in zip(*seen, strict=True):
        assert 0 < len(before) < len(all_before)
        assert identical(before, after)
        assert not identical(all_before, all_after)


def test_policy_that_orders_after_demand_sees_it_and_no_more():
    conventions = Conventions(order="after_demand")
    probes = []
    for added in (0.0, 5.0):
        units, probe = demand(), Probe(OrderUpToCoverage(0.9))
        units[:, 12:] += added
        played(probe, supply(), units=units, conventions=conventions)
        probes.append(probe)
    assert identical(probes[0].up_to(11), probes[1].up_to(11))
    assert not identical(probes[0].up_to(12), probes[1].up_to(12))


def test_probe_keeps_copies():
    probe, scratch = Probe(CallablePolicy("mine", lambda _: lambda view: view.on_hand * 0)), view(supply(), on_hand=4.0)
    shown = outlook(supply())
    probe.rule(shown)(scratch)
    first = shown.point[0, 0]
    shown.point[:], scratch.on_hand[:] = -1, -1
    assert probe.seen[0].outlook.point[0, 0] == first
    assert probe.seen[0].view.on_hand.tolist() == [4.0] * SERIES


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("name", POLICIES)
def test_probe_changes_no_order_and_a_rule_is_its_decision(name, terms):
    plain, probed = (played(policy, supply(terms)) for policy in (POLICIES[name], Probe(POLICIES[name])))
    assert plain.ordered.sum() > 0
    assert same_flows(plain, probed)


# what all policies have in common


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("name", FAMILIES)
def test_larger_knob_never_wants_less(name, terms):
    family, shown = FAMILIES[name], outlook(supply(terms))
    knobs = (0.2, 0.5, 0.9)
    assert [family(k).knob for k in knobs] == list(knobs)
    here = (
        view(supply(terms), on_hand=0.5) if terms == "goods that keep" else view(supply(terms), ages=[0.2, 0.3, 0, 0])
    )
    wanted = [wants(family(k), shown, here) for k in knobs]
    assert (np.diff(wanted, axis=0) >= 0).all()
    assert (wanted[-1] > wanted[0]).any() or name.startswith(("capped", "(s, n"))  # one lot may do for all


def wants(policy, shown, here):
    answer = policy.rule(shown)
    return np.maximum((decision(answer) if isinstance(answer, Rule) else answer)(here), 0.0)


@pytest.mark.parametrize("name", FAMILIES)
def test_settings_of_a_family_share_a_name_and_differ_in_their_words(name):
    few, many = (FAMILIES[name](k) for k in (0.5, 0.9))
    assert few.name == many.name
    assert few.label != many.label


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("name", FAMILIES)
def test_series_without_a_forecast_is_not_ordered(name, terms):
    shown = outlook(supply(terms))
    for values in (shown.point, shown.sums, shown.cycle):
        values[1] = np.nan
    ordered = played(FAMILIES[name](0.9), supply(terms), seen=shown).ordered
    assert ordered[1].sum() == 0
    assert (ordered[2:4].sum(axis=1) > 0).all()


@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if "ratio" in family(1).name])
def test_good_whose_sale_earns_nothing_is_not_ordered(name, terms):
    shown = outlook(supply(terms))
    costs = UnitCosts(np.array([3.0, 3, 0, 3, 3]), np.asarray(shown.costs.overage))
    ordered = played(FAMILIES[name](1.0), supply(terms), seen=replace(shown, costs=costs)).ordered
    assert ordered[2].sum() == 0
    assert ordered[3].sum() > 0


# order up to, newsvendor, cap


def test_order_up_to_takes_the_quantile_of_the_path_sums():
    shown = outlook(supply())
    assert OrderUpToCoverage(0.9).rule(shown).order_up_to == pytest.approx(np.quantile(shown.sums, 0.9, axis=1))
    ratio = 2 * 3.0 / (2 * 3.0 + 0.7)
    assert OrderUpToCriticalRatio(2.0).rule(shown).order_up_to == pytest.approx(np.quantile(shown.sums, ratio, axis=1))


def test_periods_of_supply_are_sums_of_point_forecasts_from_the_first_step_to_the_last_that_can_be_served():
    terms = Supply.plain(SERIES, lead_time=1, shelf_life=[0, 1, 2, 1, 9])
    shown, last = outlook(terms), [4, 2, 3, 2, 4]  # one that lives a period is sold in the one in which it arrives
    want = [shown.point[i, int(terms.stands_alone[i]) : last[i]].sum().round() for i in range(SERIES)]
    assert PeriodsOfSupply(4).rule(shown).order_up_to.tolist() == want


@pytest.mark.parametrize("terms", [{"shelf_life": 1}, {"shelf_life": 2, "lead_time": 2}])
def test_newsvendor_of_one_period_goods_orders_the_quantile_of_the_cycle_whatever_is_there(terms):
    terms = Supply.plain(SERIES, pack_size=0, **terms)
    shown = outlook(terms)
    flows = played(Newsvendor(Coverage(0.8)), terms, seen=shown, start=Start.empty(SERIES))
    assert flows.ordered == pytest.approx(np.tile(np.quantile(shown.cycle, 0.8, axis=1)[:, None], TIME))
    assert flows.wasted.sum() > 0


def test_newsvendor_does_not_count_what_will_be_sold_or_expired():
    terms = Supply.plain(1, lead_time=1, shelf_life=3)
    # 6 today of which 4 are sold and 2 expire; 5 expire tomorrow or later; 1 arrives with the order
    assert wants(Newsvendor(), sure(terms, 4.0), view(terms, ages=[6, 3, 2], due=[1, 0])).tolist() == [0.0]
    assert wants(Newsvendor(), sure(terms, 4.0), view(terms, ages=[6, 1, 0], due=[1, 0])).tolist() == [2.0]


def test_capped_orders_are_order_up_to_below_the_cap_and_the_cap_above():
    shown = outlook(supply())
    free, cut = OrderUpToCriticalRatio().rule(shown), CappedBaseStock(periods=1.5).rule(shown)
    assert np.array_equal(cut.order_up_to, free.order_up_to)
    assert cut.cap == pytest.approx(1.5 * shown.cycle.mean(axis=1))
    here = view(supply(), on_hand=5.0)
    assert np.array_equal(
        wants(CappedBaseStock(periods=1.5), shown, here), np.minimum(decision(free)(here).clip(0), cut.cap)
    )
    loose = CappedBaseStock(units=1e6)
    assert same_flows(played(loose, supply()), played(OrderUpToCriticalRatio(), supply()))


@pytest.mark.parametrize("caps", [{}, {"periods": 1.0, "units": 2.0}, {"periods": 0.0}])
def test_cap_is_one_number_above_zero(caps):
    with pytest.raises(ValueError, match="give one of them, above 0"):
        CappedBaseStock(**caps)


# reorder points


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 40.0))
def test_shortage_point_runs_short_by_what_is_asked(seed, shortage):
    rng = np.random.default_rng(seed)
    samples = np.sort(rng.poisson(9.0, (2, 30)) + rng.random((2, 30)).round(1), axis=1)
    point = shortage_point(samples, np.full(2, shortage))
    assert np.maximum(samples - point[:, None], 0).mean(axis=1) == pytest.approx(np.full(2, shortage))


@pytest.mark.parametrize("terms", TERMS)
def test_reorder_point_without_order_cost_is_order_up_to(terms):
    free = outlook(supply(terms), order_cost=0.0)
    flows = [played(policy, supply(terms), seen=free) for policy in (ReorderPoint(), OrderUpToCriticalRatio())]
    assert flows[0].lines.sum() > 0
    assert same_flows(*flows)


def test_dearer_orders_are_fewer_and_larger():
    flows = [played(ReorderPoint(), supply(), seen=outlook(supply(), order_cost=k)) for k in (1.0, 10.0, 60.0)]
    lines = np.array([f.lines.sum(axis=1) for f in flows])
    assert (np.diff(lines, axis=0) <= 0).all()
    assert (lines[0] > lines[2]).all()
    mean = np.array([f.ordered.sum(axis=1) for f in flows]) / lines
    assert (mean[2] > mean[0]).all()


@pytest.mark.parametrize("lot", [None, "economic", 7.0])
def test_nothing_is_ordered_at_the_reorder_point_s_and_something_below_it(lot):
    terms = Supply.plain(1, lead_time=2)
    policy, shown = ReorderPoint(Coverage(1.0), lot), replace(sure(terms, 4.0), order_cost=np.full(1, 4.0))
    # all of the 12 units that are sold for sure in three periods shall be met: s is 12
    assert [wants(policy, shown, view(terms, on_hand=units))[0] > 0 for units in (12.0, 11.99)] == [False, True]


def test_goods_that_stand_alone_are_ordered_up_to_whatever_an_order_costs():
    terms = Supply.plain(SERIES, lead_time=1, shelf_life=1)
    flows = [played(policy, terms, seen=outlook(terms)) for policy in (ReorderPoint(), OrderUpToCriticalRatio())]
    assert flows[0].wasted.sum() > 0
    assert same_flows(*flows)


def test_lots_are_whole_and_lift_the_position_above_s():
    terms = Supply.plain(SERIES, lead_time=2, pack_size=[1.0, 2, 3, 6, 0])
    rule = ReorderPoint(lot="economic").rule(outlook(terms))
    flows = played(ReorderPoint(lot="economic"), terms)
    lots = flows.ordered / rule.lot[:, None]
    assert lots == pytest.approx(lots.round())
    assert rule.lot[:4] % terms.pack_size[:4] == pytest.approx(np.zeros(4))
    # economic order quantity: sqrt(2 * 4 * rate / 0.2)
    rate = outlook(terms).cycle.mean(axis=1)
    assert np.abs(rule.lot - np.sqrt(40 * rate)).max() <= 3
    here = decision(rule)(view(terms, due=[0.0]))
    assert (here > rule.reorder_point).all()
    assert (here - rule.lot <= rule.reorder_point + 1e-9).all()


def test_lots_may_be_packs_or_given():
    terms = Supply.plain(SERIES, pack_size=[1.0, 2, 3, 6, 0])
    assert ReorderPoint(lot="pack").rule(outlook(terms)).lot.tolist() == [1, 2, 3, 6, 1]
    assert ReorderPoint(lot=24.0).rule(outlook(terms)).lot.tolist() == [24] * SERIES


@pytest.mark.parametrize("lot", [0.0, -3.0, np.inf, "packs"])
def test_lot_is_above_zero_or_a_known_word(lot):
    with pytest.raises(ValueError, match=r"^lot="):
        ReorderPoint(lot=lot)


def test_economic_lot_is_sold_within_the_shelf_life():
    terms = Supply.plain(SERIES, shelf_life=3)
    rule, shown = ReorderPoint().rule(outlook(terms, order_cost=1e6)), outlook(terms)
    assert (rule.order_up_to - rule.reorder_point <= 3 * shown.cycle.mean(axis=1) + 1).all()


def test_orders_that_cost_need_something_that_limits_them():
    with pytest.raises(ValueError, match=r"holding=0\.0 in row 0 must be > 0 .* where orders cost"):
        ReorderPoint().rule(outlook(supply(), holding=0.0))


def test_fixed_levels_are_taken_as_they_are():
    flows = played(FixedLevels(order_up_to=[8, 8, 8, 8, 60], reorder_point=5), Supply.plain(SERIES))
    rise = flows.ordered[flows.lines > 0]
    assert set(flows.ordered[:4][flows.lines[:4] > 0] + 0.0) <= {3.0, 4.0, 5.0, 6.0, 7.0, 8.0}
    assert rise.size
    with pytest.raises(ValueError, match=r"reorder_point=9\.0 in row 1 must be at most order_up_to"):
        FixedLevels(order_up_to=[9.0, 8.0], reorder_point=9.0)


# projections: perishables and lost sales


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(0, 4), st.sampled_from([0.0, 0.4, 1.0]))
def test_projection_is_what_the_simulator_plays(seed, lead, life, lifo):
    rng = np.random.default_rng(seed)
    units = rng.poisson(4.0, (3, 12)).astype(float)
    terms = Supply.plain(3, lead_time=lead, shelf_life=life, lifo_share=lifo)
    views = []

    def decide(seen):
        views.append(seen)
        return rng.integers(0, 9, 3) * (seen.period < 6) * 1.0

    flows = play(InventorySystem(terms, Start.empty(3)), units, decide)
    stock, wasted = project(views[6], Courses.certain(units[:, 6:]), np.full(3, 4))
    assert stock == pytest.approx(flows.on_hand[:, 9] + flows.received[:, 10])
    assert wasted == pytest.approx(flows.wasted[:, 6:10].sum(axis=1))


def courses_of(courses):
    """Demand of the courses, [course, series, period]."""
    factor = np.maximum(courses.base[:, None] + courses.slope[:, None] * courses.draws, 0)  # [series, draw]
    return np.moveaxis(courses.mean[:, :, None] * factor[:, courses.picks], 2, 0)


def test_drawn_courses_have_the_means_of_the_scenarios_and_are_the_same_each_time():
    terms = supply("reviewed weekly")
    shown = outlook(terms)
    first, again = (Courses.drawn(shown, 3) for _ in range(2))
    assert identical(first, again)
    mean = courses_of(first).mean(axis=0)
    steps = np.arange(STEPS)
    cycle = (steps >= terms.lead_time[:, None]) & (steps < terms.protection[:, None])
    share = shown.cycle.mean(axis=1) / (shown.point * cycle).sum(axis=1)
    assert mean == pytest.approx(shown.point[:, :3] * share[:, None])


def test_drawn_courses_spread_as_the_scenarios_do():
    one, week = (outlook(Supply.plain(SERIES, review_period=r), scenarios=4000) for r in (1, 5))
    spread = courses_of(Courses.drawn(one, 2)).std(axis=0)[:, 0] / one.point[:, 0]
    assert spread == pytest.approx(one.cycle.std(axis=1) / one.cycle.mean(axis=1), rel=0.05)
    # five independent periods of Poisson demand together: each of them spreads sqrt(5) times as much
    spread = courses_of(Courses.drawn(week, 2)).std(axis=0)[2:, 0] / week.point[2:, 0]
    assert spread == pytest.approx(np.sqrt(5) * week.cycle.std(axis=1)[2:] / week.cycle.mean(axis=1)[2:], rel=0.05)


def test_projection_of_sampled_demand_is_exact_on_average():
    terms = Supply.plain(1, lead_time=2)
    units = np.arange(9.0).repeat(40)[None]  # uniform on 0..8
    shown = replace(sure(terms, 4.0), sums=np.sort(units + units[:, ::-1]), cycle=units)
    stock = on_arrival(view(terms, on_hand=6.0, due=[3.0, 0.0]), Courses.drawn(shown, 2))
    a = np.arange(9)
    exact = np.maximum(np.maximum(6 - a, 0)[:, None] + 3 - a, 0).mean()
    assert stock[0] == pytest.approx(exact, abs=0.15)
    assert exact > 6 + 3 - 8 + 0.5  # what the position would say, and it is wrong


def test_waste_conscious_is_order_up_to_for_goods_that_keep():
    flows = [played(policy, supply()) for policy in (WasteConscious(), OrderUpToCriticalRatio())]
    assert flows[0].ordered.sum() > 0
    assert same_flows(*flows)


def test_waste_conscious_orders_what_will_expire_on_top():
    terms = Supply.plain(1, lead_time=1, shelf_life=3, review_period=2)
    here = view(terms, ages=[6, 7, 1], due=[2, 0])
    # 4 a period: 2 expire today, 3 tomorrow; the day after is the last of the three that the order covers
    shown, courses = sure(terms, 4.0), Courses.forecast(sure(terms, 4.0), 2)
    assert expiring(here, courses).tolist() == [5.0]
    shown = replace(shown, sums=np.full((1, 20), 30.0))
    assert wants(OrderUpToCoverage(0.9), shown, here).tolist() == [14.0]
    assert wants(WasteConscious(Coverage(0.9)), shown, here).tolist() == [19.0]


def test_projected_newsvendor_without_lead_time_is_order_up_to():
    terms = Supply.plain(SERIES, shelf_life=[0, 2, 3, 0, 9], pack_size=0)
    flows = [played(policy, terms) for policy in (ProjectedNewsvendor(), OrderUpToCriticalRatio())]
    assert flows[0].ordered.sum() > 0
    assert same_flows(*flows)


def test_projected_newsvendor_orders_what_the_cycle_lacks_not_what_was_lost():
    terms = Supply.plain(1, lead_time=2)
    # nothing on hand: today's and tomorrow's demand is lost, and 3 arrive with 1 of them sold tomorrow
    here = view(terms, on_hand=1.0, due=[6.0, 2.0, 0.0])
    shown = sure(terms, 5.0)
    assert wants(OrderUpToCriticalRatio(), shown, here).tolist() == [15.0 - 9.0]
    assert wants(ProjectedNewsvendor(), shown, here) == pytest.approx([5.0 - (6 - 5 + 2)])


def test_waiting_customers_take_from_the_stock_on_arrival():
    terms = Supply.plain(1, lead_time=1)
    wanted = [
        wants(ProjectedNewsvendor(), sure(terms, 5.0), view(terms, due=[2.0], owed=owed))[0] for owed in (0.0, 3.0)
    ]
    assert wanted == pytest.approx([3.0, 6.0])


# your own


def test_callable_policy_gives_a_rule_or_a_decision():
    shown = outlook(supply())
    rule = CallablePolicy("two periods", lambda o: Rule(order_up_to=o.point[:, :2].sum(axis=1)))
    decided = CallablePolicy("same", lambda o: lambda seen: o.point[:, :2].sum(axis=1) - seen.position)
    assert same_flows(played(rule, supply(), seen=shown), played(decided, supply(), seen=shown))


def test_callable_policy_that_gives_neither_is_refused():
    with pytest.raises(TypeError, match="policy 'mine' gave ndarray: a Rule or a function of a View is asked for"):
        CallablePolicy("mine", lambda o: o.point[:, 0]).rule(outlook(supply()))
    with pytest.raises(ValueError, match=r"policy 'mine' gave \{'order_up_to': \(5, 6\)\}: one number a series"):
        CallablePolicy("mine", lambda o: Rule(o.point)).rule(outlook(supply()))
