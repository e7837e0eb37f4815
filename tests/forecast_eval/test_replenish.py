"""Laws of a deployed forecaster: it orders as `forecast-eval order` would, from what was recorded and nothing else."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import Ask, History, RollingWindows, Settings, backtest
from backtest.adapters import SeasonalAverage
from forecast_eval.config import config_of
from forecast_eval.economics import Economics
from forecast_eval.order import orders
from forecast_eval.read import State, read_inputs, world_of
from forecast_eval.replenish import Deployment, Replenisher
from forecast_eval.simulate import Sampling
from forecast_eval.simulate.policies import OrderUpToCoverage, PeriodsOfSupply
from forecast_eval.world import Incumbent, play

WEEKS, HORIZON, WINDOWS, SCENARIOS, SEED = 40, 4, 6, 50, 11
TREE = {
    "name": "shop",
    "seed": SEED,
    "data": {"world": {"preset": "plain", "stores": 3, "skus": 5, "weeks": WEEKS, "ahead": 10, "truth": False}},
    "backtest": {"horizon": HORIZON, "windows": WINDOWS, "workers": 1, "quantiles": [0.5]},
    "forecasters": {"own": {"kind": "seasonal_average", "window": 5, "season": "none"}},
    "simulate": {"scenarios": SCENARIOS},
    "compare": {"incumbent": "own"},
}
LEVEL = OrderUpToCoverage(0.8)
"""A policy that looks at past errors."""
EVERYWHERE = np.full(3, "own", dtype=object)
OWN = SeasonalAverage(5, "none")


@pytest.fixture(scope="module")
def state():
    found = world_of(config_of(TREE, "shop.yaml").data.world, SEED)
    assert (found.records.in_stock[:, WEEKS - 4 : WEEKS] < 1).any()  # else there is nothing to fill
    assert {1, 2} == set(found.world.lead_time)
    return found


def deployment(state, **changes):
    return replace(
        Deployment(OWN, PeriodsOfSupply(3), Ask((0.5,), 0, SEED), HORIZON, Economics.of(state.world.terms),
                   Sampling(SCENARIOS), SEED),
        **changes,
    )  # fmt: skip


def panel(seen, known_future=()):
    frame = seen.history()[["unique_id", "ds", "y", "in_stock", *known_future]]
    return History.of(frame, static=seen.static, known_future=known_future)


def planner(state, *, cutoffs=(), **changes):
    """Planner that starts from the forecasts which a backtest makes of what was recorded."""
    own, history = deployment(state, **changes), panel(state.seen(), changes.get("known_future", ()))
    rolling = RollingWindows(HORIZON, n_windows=1 if cutoffs else WINDOWS, cutoffs=cutoffs)
    made = backtest(history, {"own": own.forecaster}, windows=rolling, settings=Settings(levels=(0.5,), seed=SEED))
    return Replenisher.of(
        own, made.forecasts, rolling.over(history.calendar), model="own", unique_ids=history.unique_ids
    )


def played(state, planner, weeks):
    """Units ordered in the weeks, [series, week], and the state after them."""
    after = state.fork()
    records = play(after, {"own": planner}, EVERYWHERE, weeks)
    return records.ordered[:, state.week :], after


def average_of_stocked_weeks(seen, window):
    """Mean sales [series] of the last weeks in stock, as a person would work them out."""
    found = []
    for sold, share in zip(seen.sold, seen.in_stock, strict=True):
        stocked = [week for week in range(seen.week) if share[week] >= 1]
        recent = [week for week in stocked if week >= seen.week - window] or stocked[-window:]
        found.append(np.mean([sold[week] for week in recent]))
    return np.array(found)


def test_periods_of_supply_is_the_rounded_forecast_less_the_position_in_whole_packs(state):
    seen, terms = state.seen(), state.world.terms
    # an order of now is for weeks before it expires, and for none before it comes where what is there will be gone
    last = np.minimum(4, terms["lead_time"] + terms["shelf_life"]).to_numpy(dtype=int)
    alone = (terms["shelf_life"] <= terms["lead_time"]).to_numpy()
    covered = last - np.where(alone, terms["lead_time"], 0)
    assert len(set(covered)) > 1
    level = np.rint(covered * average_of_stocked_weeks(seen, 5))
    position = np.where(alone, 0, seen.on_hand + seen.in_transit.sum(axis=1))
    pack = terms["pack_size"].to_numpy()
    least = np.where(level > position, np.maximum(level - position, terms["min_order"]), 0)
    expected = np.ceil(least / pack) * pack
    found = planner(state, policy=PeriodsOfSupply(4)).orders(seen)
    assert found.tolist() == expected.tolist()
    assert 0 < (found > 0).sum() < len(found)


@pytest.mark.parametrize("hidden_demand", ["fill", "as_is"])
def test_a_planner_orders_what_the_command_order_would(state, hidden_demand):
    order = {"policy": {"kind": "order_up_to", "coverage": [0.8]}, "windows": WINDOWS}
    window = TREE["backtest"] | {"hidden_demand": hidden_demand}
    config = config_of(TREE | {"order": order, "backtest": window}, "shop.yaml")
    inputs = read_inputs(config.data, Path(), SEED)
    # the stock when the last week ended, and what comes in the week to order in is still on its way
    coming, _ = state.coming()
    transit = np.column_stack([coming, state.seen().in_transit])
    index = pd.Index(inputs.history.unique_ids)
    on_hand = pd.Series(state.book.total, index, dtype=float)
    stocked = replace(inputs, state=State(on_hand, pd.DataFrame(transit, index, dtype=float)))
    expected = orders(config, stocked, Path())["order"]
    found = planner(state, policy=LEVEL, fill=hidden_demand == "fill").orders(state.seen())
    assert found.tolist() == expected.tolist()
    assert expected.sum() > 0


@pytest.fixture(scope="module")
def usual(state):
    """Four weeks of a planner that looks at its errors: the planner, units ordered [series, week], the state after."""
    own = planner(state, policy=LEVEL)
    return own, *played(state, own, 4)


def test_nothing_that_happens_later_moves_an_order(state, usual):
    changed, later = state.world.chance.customers.copy(), WEEKS + 1
    changed[:, later:] = 3 * changed[:, later:] + 5
    other = replace(state.fork(), world=replace(state.world, chance=replace(state.world.chance, customers=changed)))
    moved, _ = played(other, planner(state, policy=LEVEL), 4)
    np.testing.assert_array_equal(moved[:, :2], usual[1][:, :2])  # a week's own customers come after its orders
    assert (moved[:, 2:] != usual[1][:, 2:]).any(axis=0).all()


def test_nothing_hidden_moves_an_order(state):
    other = state.fork()
    other.shelf.units[:] += 3
    other.loyalty[:] *= 0.5
    for name in ("wanted", "sold", "lost", "vanished", "on_hand"):
        getattr(other.records, name)[:] += 4
    own = planner(state, policy=LEVEL)
    same = own.orders(state.seen())
    np.testing.assert_array_equal(own.orders(other.seen()), same)
    other.book.units[:] += 3  # what the books say is no secret
    assert (own.orders(other.seen()) != same).any()


def test_asked_again_for_the_same_weeks_it_orders_the_same(state, usual):
    own, first, _ = usual
    again, _ = played(state, own, 4)
    np.testing.assert_array_equal(again, first)
    assert (first.sum(axis=0) > 0).all()


def test_a_planner_learns_from_the_errors_of_what_it_forecast_since(state, usual):
    own, _, after = usual
    # a backtest at the same cutoffs, of what is recorded by now, has made the same errors
    dates = state.world.dates
    earlier = dates[WEEKS - HORIZON - WINDOWS : WEEKS - HORIZON]
    anew = planner(after, policy=LEVEL, cutoffs=(*earlier, *dates[WEEKS - 1 : WEEKS + 3]))
    unlearned = planner(state, policy=LEVEL).orders(after.seen())
    found = own.orders(after.seen())
    np.testing.assert_array_equal(found, anew.orders(after.seen()))
    assert (unlearned != found).any()


def test_only_the_newest_errors_teach(state, usual):
    forgetful = planner(state, policy=LEVEL, learn=HORIZON + 1)
    first, _ = played(state, forgetful, 4)
    assert (usual[1] != first).any()
    dates = state.world.dates
    assert [w.cutoff for w in forgetful._windows()] == [dates[WEEKS - 1 - HORIZON], *dates[WEEKS - 1 : WEEKS + 3]]
    assert len(forgetful._known().point) == HORIZON + 1


@dataclass(eq=False)
class Counted:
    """A forecaster that notes at which cutoffs it is fitted, and keeps to the sales that it saw then."""

    fitted_at: list = field(default_factory=list)

    def fit(self, known):
        self.fitted_at.append(known.cutoff)
        return Level(known.history.groupby("unique_id")["y"].apply(lambda y: y.tail(3).mean()))


@dataclass(eq=False)
class Level:
    level: pd.Series

    def predict(self, known):
        return known.future[["unique_id", "ds"]].assign(forecast=self.level.loc[known.future["unique_id"]].to_numpy())


def counted(state, **changes):
    """Planner of a forecaster that counts its fits; its run forecast as `OWN` does."""
    return replace(planner(state), deployed=deployment(state, forecaster=Counted(), **changes))


def test_it_is_fitted_anew_after_as_many_weeks_as_it_was_told(state):
    own = counted(state, refit=2)
    _, after = played(state, own, 4)
    dates = state.world.dates
    assert own.deployed.forecaster.fitted_at == [dates[WEEKS - 1], dates[WEEKS + 1]]
    # between, the old fit forecasts: in the last week that of what had been recorded a week before
    level = after.records.recorded[:, WEEKS - 1 : WEEKS + 2].mean(axis=1)
    np.testing.assert_allclose(own._known().point[-1], np.repeat(level[:, None], HORIZON, axis=1))


def test_plays_from_the_same_records_share_a_fit(state):
    own = counted(state, refit=2)
    played(state, own, 3)
    assert len(own.deployed.forecaster.fitted_at) == 2
    played(state, own, 3)
    assert len(own.deployed.forecaster.fitted_at) == 2
    # the same start and other shops beside it: only the first fit is the same
    mixed = np.array(["own", "other", "other"], dtype=object)
    play(state.fork(), {"own": own, "other": Incumbent.of(state.world.terms, 6.0)}, mixed, 3)
    assert len(own.deployed.forecaster.fitted_at) == 3


@dataclass(frozen=True)
class Promoted:
    """Forecasts 10 units, and more in a week of promotion."""

    def fit(self, known):
        assert "kind" not in known.static
        return self

    def predict(self, known):
        return known.future[["unique_id", "ds"]].assign(forecast=10 + 100 * known.future["promo"].to_numpy())


def test_promotions_of_the_weeks_to_come_are_known(state, usual):
    after = usual[2]
    discount = np.tile(state.world.discount[:, after.week : after.week + 3], (3, 1))  # [series, week]
    assert ((discount > 0).sum(axis=0) > 0).any()
    own = planner(after, forecaster=Promoted(), known_future=("promo",))
    own.orders(after.seen())
    np.testing.assert_allclose(own._known().point[-1][:, :3], 10 + 100 * discount)
