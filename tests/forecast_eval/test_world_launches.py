"""Laws of outcomes and launches: what shops measure adds up, and the truth behind a test is known."""

import numpy as np
import pandas as pd
import pytest

from backtest import InputError
from forecast_eval.world import Market, MarketSpec, World, launch, split, with_incumbent
from forecast_eval.world.incumbent import Incumbent
from forecast_eval.world.outcomes import MEASURES

SPEC = MarketSpec.preset("plain", stores=6, skus=12, weeks=60)
ARMS = np.array(["old", "new", "new", "old", "new", "old"], dtype=object)
KEYS = ["unit", "ds", "segment"]


@pytest.fixture(scope="module")
def state():
    return with_incumbent(SPEC, 13, 45)


@pytest.fixture(scope="module")
def planners(state):
    return {"old": state.world.incumbent, "new": Incumbent.of(state.world.terms, 3.0)}


@pytest.fixture(scope="module")
def tested(state, planners):
    return launch(state, planners, ARMS, weeks=10)


@pytest.fixture(scope="module")
def market(state):
    return Market.of(state)


def test_profit_is_revenue_less_what_a_shop_can_measure(market):
    rows = market.outcomes
    costs = rows["cost_of_goods"] + rows["waste_cost"] + rows["holding_cost"]
    np.testing.assert_allclose(rows["profit"], rows["revenue"] - costs, rtol=1e-12)
    assert (rows[["cost_of_goods", "waste_cost", "holding_cost"]].sum() > 0).all()


def test_outcomes_are_the_sums_of_the_history(market):
    rows = market.history.merge(market.prices, on=["unique_id", "ds"]).merge(market.static, on="unique_id")
    rows = rows.assign(revenue=rows["y"] * rows["price"], stockouts=rows["in_stock"] < 1, exposure=1)
    sums = rows.groupby(["store", "ds", "category"])[["exposure", "y", "revenue", "stockouts"]].sum()
    found = market.outcomes.sort_values(KEYS)[["exposure", "sold", "revenue", "stockouts"]]
    np.testing.assert_allclose(found.to_numpy(), sums.to_numpy(dtype=float), rtol=1e-12)


def test_costs_are_those_of_the_economics(state, market):
    terms, records = market.economics, state.records.until(45)
    expected = {
        "cost_of_goods": (records.recorded * terms["unit_cost"].to_numpy()[:, None]).sum(),
        "waste_cost": (records.wasted * (terms["unit_cost"] - terms["salvage"]).to_numpy()[:, None]).sum(),
        "holding_cost": (records.book * terms["holding"].to_numpy()[:, None]).sum(),
    }
    assert market.outcomes[list(expected)].sum().to_dict() == pytest.approx(expected)


def test_price_paid_is_the_price_after_discount(market):
    rows = market.history.merge(market.prices, on=["unique_id", "ds"]).merge(
        market.economics[["unique_id", "price"]], on="unique_id", suffixes=("", "_listed")
    )
    np.testing.assert_allclose(rows["price"], rows["price_listed"] * (1 - rows["promo"]))
    assert (rows["price"] < rows["price_listed"]).any()


def test_hidden_outcomes_are_the_sums_of_the_truth(state, market):
    records = state.records.until(45)
    for name in ("wanted", "lost", "substitutes", "vanished"):
        assert market.hidden[name].sum() == getattr(records, name).sum() > 0
    assert not {"lost", "wanted"} & set(market.outcomes)
    assert market.demand["demand"].sum() == records.wanted.sum()


def test_arms_are_named_in_the_weeks_of_the_test_only(tested):
    rows = tested.outcomes
    before = rows["ds"] < tested.start
    assert rows.loc[before, "arm"].isna().all()
    found = rows[~before].groupby("unit")["arm"].unique().str.join("+")
    assert found.tolist() == ARMS.tolist()
    assert rows.loc[~before, "ds"].nunique() == 10
    assert not rows.duplicated(KEYS).any()


def test_launch_leaves_the_state_as_it_was(state, planners):
    before = with_incumbent(SPEC, 13, 45)
    launch(state, planners, ARMS, weeks=5)
    assert state.week == 45
    for name in before.records.__slots__:
        np.testing.assert_array_equal(getattr(state.records, name), getattr(before.records, name))
    np.testing.assert_array_equal(state.loyalty, before.loyalty)


def test_stores_do_not_touch_each_other(tested):
    # a store's outcomes in the test are those of the world in which every store is in its arm
    rows = tested.outcomes[tested.outcomes["ds"] >= tested.start]
    for arm, potential in tested.potential.items():
        mine = rows[rows["arm"] == arm].reset_index(drop=True)
        same = potential[potential["unit"].isin(mine["unit"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, same, check_exact=True)


def test_planner_against_itself_has_no_effect(state):
    twice = launch(state, {"a": state.world.incumbent, "b": state.world.incumbent}, split(6, ("a", "b"),
                   np.random.default_rng(1)), weeks=8)  # fmt: skip
    assert (twice.effects("a", "b") == 0).all(axis=None)


def test_true_effects_are_by_store_and_leave_out_the_wash_out(tested):
    effects, later = (tested.effects("old", "new", washout=weeks) for weeks in (0, 2))
    assert effects.index.tolist() == [f"S{k:02d}" for k in range(1, 7)]
    assert effects.columns.tolist() == list(MEASURES)
    assert (effects["stockouts"] < 0).all()  # twice the safety
    sums = [frame[frame["ds"] >= tested.start + pd.Timedelta(weeks=2)].groupby("unit")["profit"].sum()
            for frame in (tested.potential["old"], tested.potential["new"])]  # fmt: skip
    np.testing.assert_allclose(later["profit"], sums[1] - sums[0])
    assert not np.allclose(later["profit"], effects["profit"])


def test_test_goes_on_from_its_own_end(tested, planners):
    assert tested.state.week == 55
    further = launch(tested.state, planners, ARMS[::-1].copy(), weeks=5, truth=False)
    assert further.potential == {}
    assert further.start == tested.outcomes["ds"].max() + pd.Timedelta(weeks=1)


def test_same_seed_gives_the_same_launch(tested, planners):
    again = launch(with_incumbent(SPEC, 13, 45), planners, ARMS, weeks=10)
    assert again.outcomes.to_csv() == tested.outcomes.to_csv()
    assert again.hidden.to_csv() == tested.hidden.to_csv()


def test_split_is_even_and_follows_the_generator():
    first, again, other = (split(31, ("a", "b", "c"), np.random.default_rng(seed)).tolist() for seed in (1, 1, 2))
    assert sorted(first.count(arm) for arm in "abc") == [10, 10, 11]
    assert first == again != other


def test_test_beyond_the_last_week_is_refused(state, planners):
    with pytest.raises(InputError, match="weeks=16 must be between 0 and the 15 weeks that are left"):
        launch(state, planners, ARMS, weeks=16)


def test_world_draws_as_many_weeks_as_its_spec_says():
    assert World.draw(SPEC, 1).chance.customers.shape == (72, 60)
