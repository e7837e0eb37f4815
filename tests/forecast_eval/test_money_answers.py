"""Laws of what is asked beside who earns more: waterfall, worst series, value of accuracy, hidden demand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest import InputError, RollingWindows
from forecast_eval.economics import Economics
from forecast_eval.inference import paired_interval, time_blocks
from forecast_eval.money import Blending, HiddenDemand, Plan, Questions, Versus, judge
from forecast_eval.money.accuracy import blended
from forecast_eval.money.settings import efficient
from forecast_eval.simulate import (
    Conventions,
    Market,
    OrderUpToCoverage,
    Predictions,
    Sampling,
    Start,
    outlooks,
    perfect_board,
)
from forecast_eval.simulate.dense import actuals

SERIES, WEEKS, HORIZON = 18, 40, 3
CALENDAR = pd.date_range("2025-01-06", periods=WEEKS, freq="W-MON")
IDS = np.array([f"s{i:02d}" for i in range(SERIES)], dtype=object)
WINDOWS = RollingWindows(horizon=HORIZON, n_windows=16).over(CALENDAR)
POLICIES = tuple(OrderUpToCoverage(c) for c in (0.5, 0.75, 0.9))
SHARES = (0.0, 0.4, 1.0)
STORES = ("north", "south", "east")


def market(conventions=None, **columns):
    """Series that perish and series that keep, with every cost; a tenth of the periods is hidden from the planner."""
    rng = np.random.default_rng(2)
    demand = rng.poisson(np.linspace(3, 30, SERIES)[:, None], (SERIES, WEEKS)).astype(float)
    believed = np.where(hidden(), np.floor(demand * 0.6), demand)
    table = {
        "unique_id": IDS, "price": 9.0, "unit_cost": 5.0, "salvage": 0.5, "holding": 0.4, "goodwill": 0.7,
        "order_cost": 1.3, "lead_time": np.arange(SERIES) % 2, "shelf_life": np.where(np.arange(SERIES) % 3, np.inf, 2),
    }  # fmt: skip
    terms = Economics.of(pd.DataFrame(table | columns))
    return Market(IDS, CALENDAR, demand, believed, terms, 1, conventions or Conventions())


def hidden():
    return np.random.default_rng(3).random((SERIES, WEEKS)) < 0.1


def forecasts(of, error, seed=5):
    """Truth plus noise, with quantiles and paths around it."""
    rng = np.random.default_rng(seed)
    truth = actuals(np.nan_to_num(of.demand), CALENDAR, WINDOWS)
    point = np.maximum(truth + error * rng.standard_normal(truth.shape), 0)
    return Predictions(point, None, np.array([]))


def plan(questions=None, **changes):
    base = Plan(WINDOWS, POLICIES, judged=6, state=None, cover=None, sampling=Sampling(60), seed=1)
    return replace(base, questions=questions or Questions(), **changes)


def versus(clusters=None, **changes):
    codes = np.arange(SERIES) // 6 if clusters is None else clusters
    trending = np.zeros((len(WINDOWS), SERIES), dtype=bool)
    return replace(Versus("plain", 0.95, codes, None, trending, 1.0, ("store",), STORES), **changes)


def models(of):
    return {"plain": forecasts(of, 6.0), "sharp": forecasts(of, 2.0, seed=6)}


@pytest.fixture(scope="module")
def asked():
    world = market()
    as_is = HiddenDemand({"as_is": world.believed, "masked": np.full_like(world.demand, np.nan), "truth": world.demand},
                         hidden())  # fmt: skip
    questions = Questions(waterfall=True, worst=4, accuracy=Blending(None, SHARES), hidden_demand=as_is)
    return world, judge(world, models(world), plan(questions), versus())


def amounts(result):
    return result.answers.waterfall.pivot_table(index="model", columns="part", values="amount")


def test_waterfall_adds_up_to_the_profit(asked):
    table = amounts(asked[1])
    parts = table[["perfect foresight", "lost margin", "waste", "holding", "order cost", "other"]].sum(axis=1)
    assert parts.to_dict() == pytest.approx(table["profit"].to_dict())
    assert table["profit"].to_dict() == pytest.approx(asked[1].money.set_index("model")["profit"].to_dict())
    assert (table["perfect foresight"] > table["profit"]).all()


def test_parts_of_the_waterfall_are_the_differences_of_the_flows(asked):
    world, result = asked
    perfect, ledger = perfect_board(world, result.judged), result.ledgers["plain"]
    scored = ledger.governing >= 0

    def gap(cells):
        return float(cells(ledger)[scored].sum() - cells(perfect)[scored].sum()) / 6

    row = amounts(result).loc["plain"]
    margin = gap(lambda b: 4.0 * b.flows.sold - 0.7 * b.flows.lost)
    assert row["lost margin"] == pytest.approx(margin)
    assert row["waste"] == pytest.approx(gap(lambda b: -4.5 * b.flows.wasted))
    assert row["holding"] == pytest.approx(gap(lambda b: -0.4 * b.flows.on_hand))
    assert row["order cost"] == pytest.approx(gap(lambda b: -1.3 * b.flow("lines")))
    assert row["other"] == 0
    assert (row[["lost margin", "waste", "holding"]] < 0).all()


def test_waterfall_adds_up_whatever_the_books_count():
    world = market(Conventions(purchases="receipt", stock_value="salvage", discount=0.97, backordered=0.3, warm_up=3))
    result = judge(world, models(world), plan(Questions(waterfall=True)), versus())
    table = amounts(result)
    parts = table.drop(columns="profit").sum(axis=1)
    assert parts.to_dict() == pytest.approx(table["profit"].to_dict())
    assert table["profit"].to_dict() == pytest.approx(result.money.set_index("model")["profit"].to_dict())
    assert (table["other"].abs() > 0.1).all()


def test_paired_differences_of_the_stores_add_up_to_the_difference(asked):
    paired, row = asked[1].paired, asked[1].money.set_index("model").loc["sharp"]
    assert paired["model"].unique().tolist() == ["sharp"]
    assert paired["cluster"].tolist() == list(STORES)
    assert paired["difference"].sum() == pytest.approx(row["difference"])
    profit = {m: b.by_cutoff(b.profit, 6)[6:12].sum() / 6 for m, b in asked[1].ledgers.items()}
    assert paired["difference"].iloc[1] == pytest.approx(profit["sharp"] - profit["plain"])


def test_worst_series_are_those_with_the_greatest_regret(asked):
    world, result = asked
    perfect = perfect_board(world, result.judged)
    table = result.answers.worst
    assert table.groupby("model").size().to_dict() == {"plain": 4, "sharp": 4}
    for model, rows in table.groupby("model"):
        ledger = result.ledgers[model]
        regret = (perfect.by_cutoff(perfect.profit, 6) - ledger.by_cutoff(ledger.profit, 6)).sum(axis=1) / 6
        assert rows["regret"].tolist() == pytest.approx(sorted(regret, reverse=True)[:4])
        at = [list(ledger.unique_ids).index(uid) for uid in rows["unique_id"]]
        assert rows["regret"].tolist() == pytest.approx(regret[at].tolist())
        scored = ledger.governing[at] >= 0
        filled = np.where(scored, ledger.flows.sold[at], 0).sum(axis=1)
        assert rows["fill_rate"].tolist() == pytest.approx(filled / np.where(scored, ledger.demand[at], 0).sum(axis=1))
        lost, wasted, held = (
            np.where(scored, flow[at], 0).sum(axis=1) / 6
            for flow in (ledger.flows.lost, ledger.flows.wasted, ledger.flows.on_hand)
        )
        assert rows["lost_sales"].tolist() == pytest.approx(9.0 * lost)
        assert rows["waste"].tolist() == pytest.approx(4.5 * wasted)
        assert rows["holding_cost"].tolist() == pytest.approx(0.4 * held)


def test_forecast_without_any_truth_is_the_model_itself(asked):
    first = asked[1].answers.accuracy.query("share == 0").set_index("model")
    money = asked[1].money.set_index("model")
    assert first["profit"].to_dict() == pytest.approx(money["profit"].to_dict(), rel=1e-12)
    assert first[["gain", "low", "high"]].eq(0).all(axis=None)
    assert first["per_point"].isna().all()


def test_incumbent_and_best_of_the_others_are_blended_where_nobody_is_named(asked):
    assert asked[1].answers.accuracy["model"].unique().tolist() == ["plain", "sharp"]


def test_wape_falls_in_a_straight_line(asked):
    for _, rows in asked[1].answers.accuracy.groupby("model"):
        assert rows["share"].tolist() == list(SHARES)
        assert rows["wape"].tolist() == pytest.approx([(1 - a) * rows["wape"].iloc[0] for a in SHARES])
        assert rows["wape"].iloc[0] > 5


def test_perfect_forecast_earns_more_than_the_model(asked):
    for _, rows in asked[1].answers.accuracy.groupby("model"):
        last = rows.iloc[-1]
        assert last["profit"] > rows["profit"].iloc[0]
        assert last["low"] < last["gain"] < last["high"]
        assert last["gain"] == pytest.approx(last["profit"] - rows["profit"].iloc[0])
        assert last["per_point"] == pytest.approx(last["gain"] / rows["wape"].iloc[0])


def test_blend_is_judged_like_any_other_model(asked):
    world, _ = asked
    model = forecasts(world, 6.0)
    state = Start(np.full(SERIES, 20.0), np.zeros((SERIES, 0)))
    questions = Questions(accuracy=Blending(("plain",), (0.4,)))
    curve = judge(world, {"plain": model}, plan(questions, state=state), versus()).answers.accuracy
    believing, blend = blended(world, model, plan(), 0.4)
    alone = judge(believing, {"plain": blend}, plan(state=state), versus()).money
    assert curve["share"].tolist() == [0.0, 0.4]
    # the boards are laid out by what the planner of the model believed, the start of the choosing one as well
    assert curve["profit"].iloc[1] == pytest.approx(alone["profit"].iloc[0])


def test_past_errors_of_a_blend_shrink_by_the_share_of_the_truth():
    world = market()
    rng = np.random.default_rng(8)
    model = forecasts(world, 6.0)
    model = replace(
        model, levels=np.array([0.2, 0.8]),
        quantiles=model.point[..., None] + np.array([-4.0, 5.0]), paths=model.point[..., None] + rng.normal(size=3),
    )  # fmt: skip
    believing, blend = blended(world, model, plan(), 0.3)
    before = actuals(world.believed, CALENDAR, WINDOWS) - model.point
    after = actuals(believing.believed, CALENDAR, WINDOWS) - blend.point
    assert after == pytest.approx(0.7 * before)
    demand = actuals(world.demand, CALENDAR, WINDOWS)[..., None]
    assert blend.quantiles - demand == pytest.approx(0.7 * (model.quantiles - demand))
    assert blend.paths - demand == pytest.approx(0.7 * (model.paths - demand))
    assert blended(world, model, plan(), 1.0)[1].point == pytest.approx(demand[..., 0])


def test_safety_stock_shrinks_with_the_share_of_the_truth():
    world, model, spread = market(), forecasts(market(), 6.0), []
    for share in SHARES:
        believing, blend = blended(world, model, plan(), share)
        seen = dict(outlooks(believing, blend, WINDOWS, sampling=Sampling(60), seed=1).at(10))[0]
        spread.append(float((seen.sums[:, -1] - seen.sums[:, 0]).mean()))
    assert spread == sorted(spread, reverse=True)
    assert spread[0] > 10
    assert spread[-1] == pytest.approx(0, abs=1e-6)


def test_truth_beyond_the_data_leaves_the_forecast_alone():
    world = market()
    late = RollingWindows(horizon=HORIZON, n_windows=3, last_cutoff=CALENDAR[-2]).over(CALENDAR)
    point = np.full((3, SERIES, HORIZON), 11.0)
    _, blend = blended(world, Predictions(point, None, np.array([])), plan(windows=late), 0.5)
    assert (blend.point[-1][:, 1:] == 11.0).all()
    assert blend.point[-1][:, 0] == pytest.approx(5.5 + world.demand[:, -1] / 2)


def test_model_that_was_not_played_cannot_be_blended():
    world = market()
    questions = Questions(accuracy=Blending(("shrap",)))
    with pytest.raises(InputError, match=r"simulate\.accuracy\.models: 'shrap' was not played; did you mean 'sharp'"):
        judge(world, models(world), plan(questions), versus())


def test_share_of_the_truth_is_a_share():
    with pytest.raises(ValueError, match=r"shares=\[1\.5\] of the truth must be from 0 to 1"):
        Blending(shares=(0.5, 1.5))


def test_money_under_the_demand_of_the_market_is_the_money(asked):
    bounds = asked[1].answers.bounds.query("assumption == 'truth'").set_index("model")
    money = asked[1].money.set_index("model").loc[bounds.index]
    for column in ("profit", "difference", "low", "high"):
        assert bounds[column].tolist() == pytest.approx(money[column].tolist())


def test_money_under_other_demand_is_that_of_a_market_with_it(asked):
    world, result = asked
    bounds = result.answers.bounds.query("assumption == 'as_is'").set_index("model")
    one = plan(policies=(result.chosen["sharp"],))
    other = judge(replace(world, demand=world.believed), models(world), one, versus()).money.set_index("model")
    assert bounds.loc["sharp", "profit"] == pytest.approx(other.loc["sharp", "profit"])
    assert bounds.loc["sharp", "profit"] < result.money.set_index("model").loc["sharp", "profit"]


def test_masked_periods_are_played_and_do_not_count(asked):
    _, result = asked
    bounds = result.answers.bounds.query("assumption == 'masked'").set_index("model")
    counted = ~hidden()[np.ix_(result.judged.series, result.judged.times)]
    for model, ledger in result.ledgers.items():
        cells = counted & (ledger.governing >= 0)
        assert bounds.loc[model, "profit"] == pytest.approx(ledger.profit[cells].sum() / 6)
    assert bounds.loc["plain", ["difference", "low", "high"]].tolist() == [0, 0, 0]
    assert bounds.loc["sharp", "low"] < bounds.loc["sharp", "difference"] < bounds.loc["sharp", "high"]
    share = 1 - counted[result.judged.governing >= 0].mean()
    assert bounds["hidden_share"].tolist() == pytest.approx([share, share])
    assert 0.05 < share < 0.2


def test_what_is_not_asked_is_empty_and_not_played():
    world, said = market(), []
    answers = judge(world, models(world), plan(), versus(), lambda *step: said.append(step)).answers
    columns = {
        "waterfall": ["model", "part", "amount"],
        "worst": ["model", "unique_id", "regret", "lost_sales", "waste", "holding_cost", "fill_rate"],
        "accuracy": ["model", "share", "wape", "profit", "gain", "low", "high", "per_point"],
        "bounds": ["assumption", "model", "profit", "difference", "low", "high", "hidden_share"],
    }
    for name, expected in columns.items():
        frame = getattr(answers, name)
        assert frame.empty
        assert list(frame.columns) == expected
    assert said == [("plain", 1, 2), ("sharp", 2, 2)]


def test_tables_have_the_columns_of_the_report(asked):
    answers = asked[1].answers
    assert answers.bounds["assumption"].unique().tolist() == ["as_is", "masked", "truth"]
    assert list(answers.waterfall["part"].unique()) == [
        "perfect foresight", "lost margin", "waste", "holding", "order cost", "other", "profit"
    ]  # fmt: skip


def test_same_questions_get_the_same_bytes():
    world = market()
    questions = Questions(waterfall=True, worst=2, accuracy=Blending(("sharp",), (0.5,)))
    one, two = (judge(world, models(world), plan(questions), versus()).answers for _ in range(2))
    for name in ("waterfall", "worst", "accuracy"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name), check_exact=True)


def test_warm_up_is_in_no_figure():
    world = market(Conventions(warm_up=3))
    result = judge(world, models(world), plan(), versus())
    row, ledger = result.money.set_index("model").loc["sharp"], result.ledgers["sharp"]
    periods = (ledger.governing >= 0).sum(axis=1)
    assert sorted(set(periods)) == [3, 4]  # of six; the first period of lead time 1 is judged for nobody
    assert row["profit"] == pytest.approx(ledger.profit[ledger.governing >= 0].sum() / periods.mean())
    assert row["profit_low"] < row["profit"] < row["profit_high"]
    assert (row["profit_low"] + row["profit_high"]) / 2 == pytest.approx(row["profit"])
    gap = result.best_versus("sharp", "plain")
    assert gap.estimate == pytest.approx(row["profit"] - result.money.set_index("model").loc["plain", "profit"])


def test_warm_up_that_leaves_nothing_is_refused():
    world = market(Conventions(warm_up=7))
    with pytest.raises(InputError, match="warm_up=7 periods are all that is played on 6 cutoffs"):
        judge(world, models(world), plan(), versus())


def test_setting_is_chosen_in_hindsight_where_the_warm_up_leaves_nothing_before():
    world = market(Conventions(warm_up=3))
    result = judge(world, models(world), plan(judged=10), versus())
    assert any("in hindsight" in note for note in result.notes)
    assert result.settings.query("best")["chosen"].all()


def test_efficient_settings_are_those_that_no_other_of_the_model_beats(asked):
    table = asked[1].settings
    for _, rows in table.groupby("model"):
        for i, one in rows.iterrows():
            beaten = [
                j for j, other in rows.iterrows()
                if other["fill_rate"] >= one["fill_rate"] and other["mismatch_cost"] <= one["mismatch_cost"] and j != i
            ]  # fmt: skip
            assert one["efficient"] == (not beaten)
    assert table["efficient"].any()
    assert not table["efficient"].all()


def test_clusters_of_series_may_be_several(asked):
    world, result = asked
    ways = (np.arange(SERIES) % 6, np.arange(SERIES) % 4)
    named = {"cluster_columns": ("store", "sku"), "cluster_names": ()}
    both = judge(world, models(world), plan(), versus(ways, **named))
    sharp, plain = (result.ledgers[m].by_cutoff(result.ledgers[m].profit, 6) for m in ("sharp", "plain"))
    by_hand = paired_interval(sharp, plain, ways, time_blocks(6, 2))
    row = both.money.set_index("model").loc["sharp"]
    assert row[["difference", "low", "high"]].tolist() == pytest.approx([by_hand.estimate, by_hand.low, by_hand.high])
    assert by_hand.low < paired_interval(sharp, plain, ways[0], time_blocks(6, 2)).low
    assert any("cluster by 6 store(s), by 4 sku(s) and by 6 time block(s)" in note for note in both.notes)
    assert both.paired["cluster"].tolist() == list("012345")


def test_incumbent_that_earns_most_is_blended_beside_the_best_of_the_others():
    world = market()
    three = models(world) | {"noise": forecasts(world, 20.0, seed=9)}
    asked = plan(Questions(accuracy=Blending(shares=())))
    curve = judge(world, three, asked, versus(incumbent="sharp")).answers.accuracy
    assert curve["model"].tolist() == ["sharp", "plain"]


def test_setting_of_a_blend_is_chosen_before_it_is_judged():
    world = market()
    later = world.demand.copy()
    later[:, WINDOWS[-6].steps[0] <= CALENDAR] *= 0.3  # in hindsight less should have been ordered
    world = replace(world, demand=later)
    before = {"plain": forecasts(market(), 3.0)}
    result = judge(world, before, plan(Questions(accuracy=Blending(shares=()))), versus())
    settings = result.settings.set_index("setting")
    assert settings["chosen"].idxmax() != settings["best"].idxmax()
    assert result.answers.accuracy["profit"].tolist() == pytest.approx(result.money["profit"].tolist())


def test_setting_that_ties_on_one_side_is_efficient_only_if_it_is_not_worse_on_the_other():
    table = pd.DataFrame({
        "model": ["a"] * 5 + ["b"],
        "fill_rate": [0.9, 0.9, 0.95, 0.95, np.nan, 0.8],
        "mismatch_cost": [10.0, 11.0, 12.0, 12.0, 1.0, 99.0],
    })  # fmt: skip
    assert efficient(table).tolist() == [True, False, True, True, False, True]


def test_masked_periods_of_the_plan_are_in_no_figure():
    world = market()
    questions = Questions(waterfall=True, worst=SERIES, accuracy=Blending(("plain",), (1.0,)))
    one = plan(questions, policies=POLICIES[2:])
    result = judge(world, models(world), replace(one, masked=hidden()), versus())
    whole = judge(world, models(world), one, versus())
    counted = ~hidden()[np.ix_(result.judged.series, result.judged.times)]
    row, ledger = result.money.set_index("model").loc["sharp"], whole.ledgers["sharp"]
    cells = counted & (ledger.governing >= 0)
    assert row["profit"] == pytest.approx(ledger.profit[cells].sum() / 6)
    assert row["fill_rate"] == pytest.approx(
        1 - result.ledgers["sharp"].flows.lost[cells].sum() / ledger.demand[cells].sum()
    )
    table = amounts(result).loc["sharp"]
    assert table.drop("profit").sum() == pytest.approx(table["profit"])
    assert table["profit"] == pytest.approx(row["profit"])
    assert table["perfect foresight"] == pytest.approx(perfect_board(world, result.judged).profit[cells].sum() / 6)
    regret = result.answers.worst.query("model == 'sharp'")["regret"].sum()
    assert regret == pytest.approx(table["perfect foresight"] - table["profit"])
    curve = result.answers.accuracy
    assert curve["profit"].iloc[0] == pytest.approx(result.money.set_index("model").loc["plain", "profit"])
    assert curve["wape"].iloc[0] != whole.answers.accuracy["wape"].iloc[0]
    assert curve["wape"].iloc[1] == pytest.approx(0)
    # the same length of time, less money of the periods that do not count
    assert row["profit"] < whole.money.set_index("model").loc["sharp", "profit"]


@pytest.mark.parametrize("says", [Conventions(backordered=0.6), Conventions(backordered=1.0, arrival="after_demand")])
def test_nobody_earns_more_than_perfect_foresight_where_customers_wait(says):
    world = market(says, order_cost=0.0)
    result = judge(world, models(world), plan(cover=0.0), versus())  # nothing at the start, so that many wait
    perfect = perfect_board(world, result.judged)
    best = (perfect.profit * perfect.scored).sum(axis=1)
    for ledger in result.ledgers.values():
        assert ((ledger.profit * ledger.scored).sum(axis=1) <= best + 1e-9).all()


def test_perfect_foresight_orders_what_will_be_worth_it_at_its_own_prices():
    world = market()
    late = CALENDAR[-5]
    terms = world.economics.frame.drop(columns="review_period").assign(goodwill=0.0)
    frame = pd.concat([terms.assign(ds=ds, price=price)
                       for ds, price in ((CALENDAR[0], 5.0), (late, 9.0))])  # fmt: skip
    world = replace(world, economics=Economics.of(frame))
    result = judge(world, models(world), plan(), versus())
    perfect = perfect_board(world, result.judged)
    assert perfect.flows.ordered[:, perfect.dates < CALENDAR[-6]].sum() == 0  # nothing is earned before
    assert perfect.profit[perfect.scored].sum() > result.ledgers["sharp"].profit[perfect.scored].sum() > 0
