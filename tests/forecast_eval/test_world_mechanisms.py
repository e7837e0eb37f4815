"""Laws of what makes a market nasty: each mechanism does what it says, and nothing where its knob is off."""

import numpy as np
import pandas as pd
import pytest

from forecast_eval.world import MarketSpec, State, World, play, with_incumbent
from forecast_eval.world.assortment import Viral, draw_assortment
from forecast_eval.world.customers import FORGIVEN, Shelves, loyalty_after, substitutes, who_comes
from forecast_eval.world.demand import draw_promotions, expected_demand
from forecast_eval.world.surprises import HOLIDAYS, take_off

SIZE = {"stores": 4, "skus": 15, "weeks": 80}
SKUS, PROMOTIONS, MEANS = np.random.SeedSequence(11).spawn(3)


class Early:
    """The incumbent, who orders so many times as much before a week."""

    def __init__(self, incumbent, times, week):
        self.incumbent, self.times, self.week = incumbent, times, week

    def orders(self, seen):
        orders = self.incumbent.orders(seen)
        return orders * self.times if seen.week < self.week else orders


def mean_demand(**knobs):
    """Mean demand [sku, store, week] with some knobs on; the draws are the same."""
    spec = MarketSpec(**{**SIZE, **knobs})
    skus, promotions, means = (np.random.SeedSequence(s.entropy, spawn_key=s.spawn_key)
                               for s in (SKUS, PROMOTIONS, MEANS))  # fmt: skip
    return expected_demand(spec, draw_assortment(spec, skus), draw_promotions(spec, promotions), means)


def state_of(seed=7, weeks=80, **knobs):
    return with_incumbent(MarketSpec(**SIZE, **knobs), seed, weeks)


def by_shelf(state, values):
    """Sum [series, week] over the SKUs of a category at a store."""
    keys = [state.world.static["store"], state.world.static["category"]]
    return pd.DataFrame(values).groupby([key.to_numpy() for key in keys]).sum().to_numpy()


def test_units_shared_out_add_up_and_exceed_no_part():
    rng = np.random.default_rng(3)
    shelves = Shelves.of(rng.integers(0, 9, 100))
    parts = rng.integers(0, 7, 100)
    sums = shelves.sums(parts)
    total = rng.integers(0, sums + 1)
    given = shelves.shared_out(total, parts)
    np.testing.assert_array_equal(shelves.sums(given), total)
    assert ((given >= 0) & (given <= parts)).all()


def test_every_series_is_one_neighbour_on_its_shelf():
    codes = np.random.default_rng(4).integers(0, 9, 60)
    beside = Shelves.of(codes).neighbour
    np.testing.assert_array_equal(np.sort(beside), np.arange(60))
    np.testing.assert_array_equal(codes[beside], codes)
    alone = np.bincount(codes)[codes] == 1
    np.testing.assert_array_equal(beside == np.arange(60), alone)


def test_substitutes_come_from_full_shelves_of_the_same_category():
    # by hand: shelf 0 has 5 seekers and 3 units, shelf 1 has 2 seekers and 8 units, 6 of them of the last SKU
    shelves = Shelves.of(np.array([0, 0, 1, 1, 1]))
    taken, served = substitutes(shelves, np.array([5, 0, 2, 0, 0]), np.array([0, 3, 0, 2, 6]))
    assert taken.tolist() == [0, 3, 0, 0, 2]
    assert served.tolist() == [3, 0, 2, 0, 0]


def test_who_finds_a_shelf_empty_buys_a_substitute_or_nothing():
    state = state_of(substitution_share=0.5)
    records = state.records
    short = records.wanted - (records.sold - records.substitutes)
    np.testing.assert_array_equal(by_shelf(state, short), by_shelf(state, records.substitutes + records.lost))
    assert 0.1 < records.substitutes.sum() / short.sum() <= 0.5
    assert (records.substitutes[short > 0] == 0).all()


def test_more_loyalty_never_brings_fewer_customers():
    rng = np.random.default_rng(5)
    customers, uniform = rng.poisson(6.0, 500), rng.random(500)
    came = np.array([who_comes(customers, np.full(500, share), uniform) for share in np.linspace(0, 1, 21)])
    assert (np.diff(came, axis=0) >= 0).all()
    np.testing.assert_array_equal(came[[0, -1]], [np.zeros(500), customers])
    assert came[10].mean() == pytest.approx(customers.mean() / 2, rel=0.05)


def test_loyalty_falls_by_the_share_let_down_and_recovers():
    # by hand: 3 of 4 customers leave with nothing, half of them for good: .8 * (1 - .375) = .5
    after = loyalty_after(np.array([0.8]), np.array([4]), np.array([3]), 0.5)
    assert after[0] == pytest.approx(0.5 + FORGIVEN * 0.5)
    assert loyalty_after(after, np.array([4]), np.array([0]), 0.5)[0] > after[0]


def test_planner_who_stocks_more_early_is_wanted_more_later_only_where_customers_remember():
    later = {}
    for share in (0.0, 0.5):
        world = World.draw(MarketSpec(**SIZE, loyalty_share=share), 7)
        for times in (1, 3):
            planner = Early(world.incumbent, times, 40)
            records = play(State.opening(world), {"a": planner}, np.full(4, "a", dtype=object), 60)
            later[share, times] = records.wanted[:, 40:].sum()
    assert later[0.0, 3] == later[0.0, 1]
    assert later[0.5, 3] > 1.02 * later[0.5, 1]


def test_recorded_sales_of_trending_skus_are_below_demand():
    state = state_of(weeks=80)
    trending = (state.world.static["kind"] == "trending").to_numpy()
    sold, wanted = state.records.recorded, state.records.wanted
    late = slice(30, 80)  # the take-offs are in the last part
    missed = {kind: 1 - sold[rows, late].sum() / wanted[rows, late].sum()
              for kind, rows in {"trending": trending, "others": ~trending}.items()}  # fmt: skip
    assert missed["trending"] > 1.2 * missed["others"] > 0


def test_delays_delay_every_delivery_by_a_week_and_planners_see_them_as_due():
    plain, late = (World.draw(MarketSpec(**SIZE, late_share=share), 7) for share in (0.0, 1.0))
    arms = np.full(4, "a", dtype=object)
    weekly = type("Weekly", (), {"orders": lambda _, seen: np.full(len(seen.static), 12)})()
    on_time, behind = (State.opening(world) for world in (plain, late))
    for state in (on_time, behind):
        play(state, {"a": weekly}, arms, 30)
    np.testing.assert_array_equal(behind.records.received[:, 2:30], on_time.records.received[:, 1:29])
    assert (behind.records.received[:, 1] == 0).all()
    came = on_time.seen().on_hand - on_time.records.book[:, 29]
    assert (came >= 12).all()
    np.testing.assert_array_equal(behind.seen().in_transit[:, 0], on_time.seen().in_transit[:, 0] + came)


def test_some_deliveries_are_late_as_often_as_the_knob_says():
    chance = World.draw(MarketSpec(stores=20, skus=20, weeks=50, late_share=0.2), 3).chance
    assert chance.late[:, 1:].mean() == pytest.approx(0.2, abs=0.01)


def test_units_that_vanish_stay_in_the_books_until_they_are_counted():
    state = state_of(vanish_share=0.03)
    records = state.records
    assert (records.book >= records.on_hand).all()
    phantom = (records.book - records.on_hand).mean(axis=0)
    assert phantom[20:].max() > 0
    kept = np.isinf(state.world.terms["shelf_life"].to_numpy())
    for week in range(80):
        counted = np.arange(week % 13, len(kept), 13)
        np.testing.assert_array_equal(records.book[counted, week], records.on_hand[counted, week])


def test_books_hide_empty_shelves():
    records = state_of(vanish_share=0.03).records
    short = records.wanted > records.sold
    assert (short & (records.in_stock == 1)).sum() > 0.05 * short.sum()
    assert short[records.in_stock < 1].all()


def test_stocktakes_alone_can_make_the_books_wrong():
    records = state_of(miscount_share=0.5).records
    wrong = records.book - records.on_hand
    assert (wrong > 0).any()
    assert (wrong < 0).any()
    assert (records.vanished == 0).all()


def test_misread_units_are_recorded_on_the_same_shelf():
    state = state_of(misscan_share=0.1)
    records = state.records
    assert not np.array_equal(records.recorded, records.sold)
    np.testing.assert_array_equal(by_shelf(state, records.recorded), by_shelf(state, records.sold))


def test_viral_skus_rise_several_fold_within_three_weeks_and_fade():
    viral = Viral(*(np.array([value]) for value in (5.0, 10.0, 2.5, 8.0)))
    course = take_off(viral, 60, np.zeros((1, 1)))[0, 0]
    assert (course[:11] == 1).all()
    assert course[13] > 4.5
    assert (np.diff(course[13:]) < 0).all()
    assert course[45] < 1.1


def test_viral_skus_have_their_share_and_any_margin():
    assortment = draw_assortment(MarketSpec(skus=2000, viral_share=0.2), np.random.SeedSequence(2))
    viral = assortment.viral.peak > 1
    assert viral.mean() == pytest.approx(0.2, abs=0.01)
    margin = (1 - assortment.terms["unit_cost"] / assortment.terms["price"]).to_numpy()
    assert abs(margin[viral].mean() - margin[~viral].mean()) < 0.02
    assert assortment.viral.peak[viral].min() >= 3


def test_holidays_lift_demand_in_the_same_weeks_of_every_year_and_in_no_other():
    lift = mean_demand(weeks=110, holiday_lift=0.8) / mean_demand(weeks=110)
    year = np.floor(np.arange(110) % (365.25 / 7))
    lifted = np.isin(year, HOLIDAYS)
    assert lifted.sum() == 6
    np.testing.assert_allclose(lift[:, :, ~lifted], 1.0)
    assert (lift[:, :, lifted] > 1).all()
    assert lift.max() < 1.8


def test_events_hit_a_store_or_a_category_hard_and_seldom():
    factor = mean_demand(event_share=0.05) / mean_demand()
    hit = ~np.isclose(factor, 1.0)
    assert hit.mean() == pytest.approx(1 - 0.95**2, abs=0.03)
    size = np.abs(np.log(factor[hit]))
    assert np.median(size) > np.log(1.5)


def test_elasticity_differs_by_sku_and_acts_on_promotions_only():
    spec = MarketSpec(**SIZE, promotion_share=0.3)
    promotions = draw_promotions(spec, np.random.SeedSequence(PROMOTIONS.entropy, spawn_key=PROMOTIONS.spawn_key))
    change = mean_demand(promotion_share=0.3, elasticity_spread=0.5) / mean_demand(promotion_share=0.3)
    # (1 - d) ** -(e - 2), so its logarithm over that of 1 - d is one number a SKU
    extra = np.where(promotions > 0, np.log(change[:, 0]) / -np.log1p(-np.maximum(promotions, 0.1)), np.nan)
    np.testing.assert_allclose(change[:, 0][promotions == 0], 1.0)
    assert np.nanstd(extra, axis=1).max() < 1e-9
    assert np.nanstd(np.nanmean(extra, axis=1)) > 0.3


def test_with_store_spread_a_sku_takes_off_elsewhere_at_another_time_or_not_at_all():
    knobs = {"weeks": 130, "trending_share": 1.0, "dying_share": 0.0, "seasonal_share": 0.0, "promotion_share": 0.0,
             "seasonality": 0.0}  # fmt: skip
    course = mean_demand(**knobs, store_spread=1.0) / mean_demand(**{**knobs, "trending_share": 0.0})
    growth = course[:, :, -4:].mean(axis=2) / course[:, :, :20].mean(axis=2)
    assert 0.15 < (growth < 1.05).mean() < 0.5
    half = (course > course.max(axis=2, keepdims=True) / 2).argmax(axis=2)
    moved = np.where(growth > 2, half, np.nan)
    assert np.nanmean(np.nanstd(moved, axis=1)) > 3


def test_same_customers_come_whatever_planners_do():
    world = World.draw(MarketSpec.preset("nasty", **SIZE, loyalty_share=0.0), 7)
    arms = np.full(4, "a", dtype=object)
    plays = [play(State.opening(world), {"a": Early(world.incumbent, n, 80)}, arms, 80) for n in (1, 2)]
    np.testing.assert_array_equal(plays[0].wanted, plays[1].wanted)
    assert not np.array_equal(plays[0].sold, plays[1].sold)


def test_more_skus_leave_what_chance_does_to_the_first_ones():
    small, large = (World.draw(MarketSpec.preset("nasty", stores=3, skus=n, weeks=40), 5) for n in (8, 13))
    for name in small.chance.__slots__:
        wide = getattr(large.chance, name).reshape(3, 13, 40)[:, :8].reshape(24, 40)
        np.testing.assert_array_equal(getattr(small.chance, name), wide)
