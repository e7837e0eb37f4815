"""Laws of the money comparison."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest import InputError, RollingWindows
from forecast_eval.economics import Economics
from forecast_eval.money import Plan, Versus, judge
from forecast_eval.money.boards import boards
from forecast_eval.simulate import (
    Market,
    OrderUpToCoverage,
    OrderUpToCriticalRatio,
    PeriodsOfSupply,
    Predictions,
    Sampling,
    Start,
    outlooks,
)

SERIES, WEEKS, HORIZON = 24, 60, 3
CALENDAR = pd.date_range("2025-01-06", periods=WEEKS, freq="W-MON")
IDS = np.array([f"s{i:02d}" for i in range(SERIES)], dtype=object)
WINDOWS = RollingWindows(horizon=HORIZON, n_windows=30).over(CALENDAR)
POLICIES = tuple(OrderUpToCoverage(c) for c in (0.5, 0.7, 0.9, 0.97))


def market(seed=1, **columns):
    demand = np.random.default_rng(seed).poisson(np.linspace(2, 30, SERIES)[:, None], (SERIES, WEEKS)).astype(float)
    table = {"unique_id": IDS, "price": 10.0, "unit_cost": 6.0, "holding": 0.5, "lead_time": 1}
    return Market(IDS, CALENDAR, demand, demand, Economics.of(pd.DataFrame(table | columns)), step=1)


def forecasts(of, error=0.0, bias=1.0, seed=5, windows=WINDOWS):
    """Truth times a bias plus noise, at every cutoff."""
    rng = np.random.default_rng(seed)
    padded = np.hstack([of.demand, np.full((SERIES, HORIZON), of.demand.mean())])
    at = [CALENDAR.get_indexer([w.ordered_at])[0] for w in windows]
    truth = np.stack([padded[:, k + 1 : k + 1 + HORIZON] for k in at])
    return Predictions(np.maximum(truth * bias + error * rng.standard_normal(truth.shape), 0), None, np.array([]))


def plan(**changes):
    base = Plan(WINDOWS, POLICIES, judged=10, state=None, cover=None, sampling=Sampling(100), seed=1)
    return replace(base, **changes)


def versus(incumbent="plain"):
    return Versus(
        incumbent, 0.95, clusters=np.arange(SERIES) // 4, block=None,
        trending=np.arange(SERIES)[None, :].repeat(len(WINDOWS), 0) % 3 == 0, per_week=1.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def judged():
    world = market()
    models = {"plain": forecasts(world, error=6.0), "sharp": forecasts(world, error=1.0)}
    return world, judge(world, models, plan(), versus())


def test_better_forecast_earns_more_and_says_so(judged):
    best = judged[1].money.iloc[0]
    assert best["model"] == "sharp"
    assert best["low"] > 0
    assert best["significant"]


def test_incumbent_differs_from_itself_by_nothing(judged):
    row = judged[1].money.set_index("model").loc["plain"]
    assert (row["difference"], row["low"], row["high"], row["is_incumbent"]) == (0, 0, 0, True)


def test_differences_are_antisymmetric(judged):
    one, two = judged[1].best_versus("sharp", "plain"), judged[1].best_versus("plain", "sharp")
    assert (one.estimate, one.low, one.high) == pytest.approx((-two.estimate, -two.high, -two.low))


def test_same_forecast_under_two_names_earns_the_same():
    world = market()
    model = forecasts(world, error=4.0)
    money = judge(world, {"plain": model, "twin": model}, plan(), versus()).money
    assert money["profit"].iloc[0] == money["profit"].iloc[1]
    assert not money["significant"].any()


def test_all_models_meet_the_same_demand_from_the_same_stock(judged):
    one, two = (judged[1].ledgers[m] for m in ("plain", "sharp"))
    assert np.array_equal(one.demand, two.demand)
    first = one.governing[0] == -1
    assert np.array_equal(one.flows.sold[:, first][:, 0], two.flows.sold[:, first][:, 0])


def test_each_order_is_judged_on_the_periods_from_its_arrival_to_the_next(judged):
    world, result = judged
    frame = result.ledgers["plain"].frame(pd.DatetimeIndex([WINDOWS[k].cutoff for k in result.judged.cutoffs]))
    rows = frame.dropna(subset=["cutoff"])
    weeks = (rows["ds"] - rows["cutoff"]) / pd.Timedelta(weeks=1)
    assert set(weeks) == {2.0}  # lead time 1: ordered after the cutoff, for sale in the second week from it
    assert len(rows) == SERIES * 10
    assert set(world.lead_time) == {1}


def test_money_of_the_table_is_the_ledgers(judged):
    _, result = judged
    ledger = result.ledgers["sharp"]
    scored = ledger.governing >= 0
    row = result.money.set_index("model").loc["sharp"]
    assert row["profit"] == pytest.approx(ledger.profit[scored].sum() / 10)
    by_hand = 10 * ledger.flows.sold - 6 * ledger.flows.sold - 0.5 * ledger.flows.on_hand
    assert row["profit"] == pytest.approx(by_hand[scored].sum() / 10)
    parts = row["holding_cost"] + row["shortage_cost"] + row["waste"]
    assert row["mismatch_cost"] == pytest.approx(parts)
    # what a perfect order would have earned, less what the mismatch cost
    assert row["profit"] == pytest.approx(4 * ledger.demand[scored].sum() / 10 - parts)


def test_segments_add_up_to_the_whole(judged):
    _, result = judged
    whole = result.money.set_index("model")["profit"]
    parts = result.segments.groupby("model")["profit"].sum()
    assert parts.to_dict() == pytest.approx(whole.to_dict())
    assert result.segments.groupby("segment")["n_series"].first().to_dict() == {"not trending": 16, "trending": 8}


def test_differences_of_segments_add_up_to_the_difference(judged):
    _, result = judged
    whole = result.money.set_index("model")["difference"]
    parts = result.segments.groupby("model")["difference"].sum()
    assert parts.to_dict() == pytest.approx(whole.to_dict())
    assert parts["plain"] == 0
    assert parts["sharp"] > 0


def test_setting_is_chosen_on_earlier_cutoffs_only():
    world = market()
    models = {"plain": forecasts(world, error=5.0)}
    before = judge(world, models, plan(), versus())
    start = WINDOWS[before.judged.cutoffs[0]].cutoff
    later = world.demand.copy()
    later[:, start < CALENDAR] *= 7  # a shock after the first judged cutoff
    shocked = judge(replace(world, demand=later), models, plan(), versus())
    assert shocked.chosen == before.chosen
    assert shocked.settings["profit_when_choosing"].tolist() == before.settings["profit_when_choosing"].tolist()
    assert shocked.money["profit"].iloc[0] != before.money["profit"].iloc[0]


def test_setting_is_chosen_on_what_was_sold_by_the_cutoff_and_not_in_the_gap_after_it():
    gapped = RollingWindows(horizon=HORIZON, n_windows=26, gap=4).over(CALENDAR)
    first = CALENDAR.get_loc(gapped[-10].cutoff)

    def settings(world):
        predictions = forecasts(market(), error=6.0, windows=gapped)
        return judge(world, {"plain": predictions}, plan(windows=gapped), versus()).settings

    true, later = market(), market()
    later.demand[:, first + 1 : first + 5] *= 9
    chosen = [settings(world).set_index("setting")["chosen"] for world in (true, later)]
    assert chosen[0].equals(chosen[1])
    laid = boards(true, {"plain": forecasts(true, windows=gapped)}, plan(windows=gapped))
    assert laid.choosing.times[laid.choosing.governing.max(axis=0) >= 0].max() <= first


def test_outlook_sees_nothing_after_its_cutoff():
    world = market()
    model = forecasts(world, error=5.0)
    before = outlooks(world, model, WINDOWS, sampling=Sampling(60), seed=1)
    shocked = world.demand.copy()
    shocked[:, WINDOWS[15].cutoff < CALENDAR] *= 7
    later = replace(world, demand=shocked, believed=shocked)
    after = outlooks(later, model, WINDOWS, sampling=Sampling(60), seed=1)
    assert min(before.known) == HORIZON  # the first cutoff at which an earlier window is over

    def sums(seen, k):
        return dict(seen.at(k))[0].sums

    for k in range(HORIZON, 16):
        assert np.array_equal(sums(before, k), sums(after, k))
    assert not np.array_equal(sums(before, 20), sums(after, 20))


def test_chosen_setting_earned_most_when_it_was_chosen(judged):
    settings = judged[1].settings
    top = settings.loc[settings.groupby("model")["profit_when_choosing"].idxmax()]
    assert top["chosen"].all()
    assert settings.groupby("model")["chosen"].sum().tolist() == [1, 1]


def test_hindsight_is_confessed_where_nothing_can_be_played_before():
    world = market()
    result = judge(world, {"plain": forecasts(world, 3.0)}, plan(judged=27), versus())
    assert any("in hindsight" in note for note in result.notes)
    assert result.settings.query("best")["chosen"].all()


def test_hindsight_is_confessed_where_no_series_can_be_played_before():
    world = market()
    demand = world.demand.copy()
    demand[:, :42] = np.nan
    result = judge(replace(world, demand=demand), {"plain": forecasts(world, 3.0)}, plan(), versus())
    assert any("in hindsight" in note for note in result.notes)


def test_more_coverage_serves_more_and_stocks_more(judged):
    for _, rows in judged[1].settings.groupby("model"):
        assert rows.sort_values("knob")["fill_rate"].is_monotonic_increasing
        assert rows.sort_values("knob")["holding_cost"].is_monotonic_increasing


def test_critical_ratio_is_near_the_best_coverage_of_a_calibrated_forecast():
    world = market(goodwill=1.0)
    model = forecasts(world, error=6.0)
    cover = tuple(OrderUpToCoverage(c) for c in (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.995))
    policies = (*cover, OrderUpToCriticalRatio())
    settings = judge(world, {"plain": model}, plan(policies=policies, judged=20), versus()).settings
    ratio = settings[settings["setting"] == "critical ratio"]["profit"].iloc[0]
    # where sales are lost the optimum lies somewhat below the ratio, which is exact under backorders
    assert ratio > settings["profit"].max() - 0.15 * (settings["profit"].max() - settings["profit"].min())


def test_periods_of_supply_order_up_to_the_point_forecast():
    world = market()
    model = forecasts(world, error=0.0)
    first = CALENDAR.get_loc(WINDOWS[-10].cutoff) + 1
    state = Start(world.demand[:, first], np.zeros((SERIES, 0)))  # just what is wanted until the first order arrives
    result = judge(world, {"plain": model}, plan(policies=(PeriodsOfSupply(2),), state=state), versus())
    # a perfect forecast for lead time plus review leaves nothing and loses nothing
    row = result.money.iloc[0]
    assert row["fill_rate"] == 1.0
    assert row["holding_cost"] == 0.0


@pytest.mark.parametrize(("life", "lead"), [(1, 0), (1, 1), (2, 2), (2, 1), (5, 1)])
def test_perfect_forecast_of_perishables_earns_all_there_is(life, lead):
    world = replace(market(shelf_life=life, lead_time=lead, unit_cost=6.0), demand=np.full((SERIES, WEEKS), 10.0))
    world = replace(world, believed=world.demand)
    model = forecasts(world)
    state = Start(np.full(SERIES, 10.0 if lead else 0.0), np.full((SERIES, max(lead - 1, 0)), 0.0))
    if lead == 2:
        state = Start(np.full(SERIES, 10.0), np.array([[0.0, 10.0]] * SERIES))
    row = judge(world, {"plain": model}, plan(policies=(OrderUpToCriticalRatio(),), state=state), versus()).money.iloc[
        0
    ]
    assert row["profit"] == pytest.approx(4.0 * 10.0 * SERIES)
    assert row["waste"] == 0


def test_good_sold_at_a_loss_is_not_ordered():
    world = market(price=5.0)
    result = judge(world, {"plain": forecasts(world, 2.0)}, plan(policies=(OrderUpToCriticalRatio(),)), versus())
    assert result.ledgers["plain"].flows.ordered.sum() == 0


def test_overage_counts_the_whole_review_cycle():
    table = pd.DataFrame({"unique_id": IDS[:3], "unit_cost": 6.0, "salvage": 1.0, "price": 10.0, "holding": 0.5,
                          "shelf_life": [np.inf, 1, 4]})  # fmt: skip
    terms = Economics.of(table)
    assert terms.unit_costs(IDS[:3]).overage.tolist() == pytest.approx([0.5, 5.0, 0.5 * 0.75 + 1.25])
    assert terms.unit_costs(IDS[:3], cycle=7).overage.tolist() == pytest.approx([3.5, 5.0, 4 * (0.375 + 1.25)])


def test_orders_that_cannot_be_judged_to_the_end_are_not_played():
    world = market()
    late = RollingWindows(horizon=HORIZON, n_windows=30, last_cutoff=CALENDAR[-1]).over(CALENDAR)
    at = [CALENDAR.get_indexer([w.cutoff])[0] for w in late]
    padded = np.hstack([world.demand, np.full((SERIES, HORIZON), 9.0)])
    model = Predictions(np.stack([padded[:, k + 1 : k + 1 + HORIZON] for k in at]), None, np.array([]))
    result = judge(world, {"plain": model}, plan(windows=late), replace(versus(), trending=versus().trending))
    last = late[result.judged.cutoffs[-1]].cutoff
    assert last == CALENDAR[-3]  # lead time 1 and review 1: its period is the last one known
    assert (result.judged.governing == 9).any(axis=1).all()


def test_series_launched_before_the_judged_cutoffs_is_judged():
    world = market()
    demand = world.demand.copy()
    demand[0, :42] = np.nan
    world = replace(world, demand=demand, believed=demand)
    model = forecasts(market(), 2.0)
    launch = [w.cutoff < CALENDAR[42] for w in WINDOWS]
    model.point[launch, 0] = np.nan
    result = judge(world, {"plain": model}, plan(judged=6), versus())
    assert 0 in result.judged.series


def test_end_stock_is_what_is_left_at_its_cost(judged):
    ledger = judged[1].ledgers["sharp"]
    last = np.array([np.flatnonzero(row >= 0)[-1] for row in ledger.governing])
    left = ledger.flows.on_hand[np.arange(SERIES), last].sum() * 6.0
    assert judged[1].money.set_index("model").loc["sharp", "end_stock"] == pytest.approx(left)


def test_given_state_is_where_the_play_starts():
    world = market()
    state = Start(np.full(SERIES, 1_000.0), np.zeros((SERIES, 2)))
    result = judge(world, {"plain": forecasts(world, 3.0)}, plan(state=state), versus())
    assert result.ledgers["plain"].flows.ordered.sum() == 0
    assert any("given state" in note for note in result.notes)


def test_model_without_forecasts_at_a_cutoff_is_left_out_by_name():
    world = market()
    holed = forecasts(world, 2.0)
    holed.point[25] = np.nan
    result = judge(world, {"plain": forecasts(world, 3.0), "holed": holed}, plan(), versus())
    assert set(result.money["model"]) == {"plain"}
    assert "no forecasts at 1 cutoff(s)" in result.left_out["holed"]
    with pytest.raises(InputError, match="the incumbent 'holed' cannot be played: it has no forecasts"):
        judge(world, {"plain": forecasts(world, 3.0), "holed": holed}, plan(), versus("holed"))


def test_too_many_judged_cutoffs_are_refused():
    world = market()
    with pytest.raises(InputError, match="judged=28 cutoffs, and only 27 can be played"):
        judge(world, {"plain": forecasts(world, 3.0)}, plan(judged=28), versus())


def test_review_period_must_fit_the_step():
    with pytest.raises(InputError, match=r"review_period=3 of unique_id=.s00. and of 23 more series neither divides"):
        replace(market(review_period=3), step=2)


def test_horizon_must_cover_lead_time_and_review():
    with pytest.raises(InputError, match="horizon=3 is shorter than lead time plus review period, 5"):
        market(lead_time=4).needs_horizon(3)
