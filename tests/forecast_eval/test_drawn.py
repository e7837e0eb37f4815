"""Laws of money over drawn courses of demand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest import InputError, RollingWindows
from forecast_eval.economics import Economics
from forecast_eval.money import Drawn, Plan, Questions, Versus, judge
from forecast_eval.simulate import (
    Conventions,
    Ledger,
    Market,
    OrderUpToCoverage,
    Predictions,
    Prices,
    Sampling,
    outlooks,
    play,
)
from forecast_eval.simulate.dense import actuals
from forecast_eval.simulate.draws import sampled
from forecast_eval.simulate.orders import only
from forecast_eval.simulate.policies import Coverage, ProjectedNewsvendor

SERIES, PERIODS, HORIZON, STEP, JUDGED, PATHS = 24, 60, 10, 4, 5, 20
CALENDAR = pd.date_range("2025-01-06", periods=PERIODS, freq="D")
IDS = np.array([f"s{i:02d}" for i in range(SERIES)], dtype=object)
WINDOWS = RollingWindows(horizon=HORIZON, step=STEP, n_windows=11).over(CALENDAR)
LEVELS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
SEED = 3
SAMPLING = Sampling(80)
SOURCE = Drawn("plain", PATHS)


def market(conventions=None, *, later_price=None, **columns):
    """Every mix of lead time, shelf life and review period, with every cost.

    later_price : from ten days before the end on.
    """
    rng, n = np.random.default_rng(2), np.arange(SERIES)
    demand = rng.poisson(np.linspace(3, 30, SERIES)[:, None], (SERIES, PERIODS)).astype(float)
    table = pd.DataFrame({
        "unique_id": IDS, "price": 9.0, "unit_cost": 5.0, "salvage": 0.5, "holding": 0.4, "goodwill": 0.7,
        "order_cost": 1.3, "lead_time": n % 3, "shelf_life": np.array([np.inf, 1, 3, 2])[n % 4],
        "review_period": np.array([1, 2, 4, 8])[n // 2 % 4], "pack_size": 1 + n % 2,
    } | columns)  # fmt: skip
    if later_price is not None:
        changes = [(CALENDAR[0], 9.0), (CALENDAR[-10], later_price)]
        table = pd.concat([table.assign(ds=ds, price=price) for ds, price in changes])
    return Market(IDS, CALENDAR, demand, demand, Economics.of(table), STEP, conventions or Conventions())


def forecasts(of, error, seed=5, *, spread=1.0):
    """Truth plus noise, with quantiles around it."""
    rng = np.random.default_rng(seed)
    truth = actuals(of.demand, CALENDAR, WINDOWS)
    point = np.maximum(truth + error * rng.standard_normal(truth.shape), 0)
    ends = spread * np.array([-6.0, -3.0, 0.0, 3.0, 7.0])
    return Predictions(point, np.maximum(point[..., None] + ends, 0), LEVELS)


def plan(drawn=SOURCE, **changes):
    base = Plan(WINDOWS, (OrderUpToCoverage(0.8),), JUDGED, None, None, SAMPLING, SEED)
    return replace(base, questions=Questions(drawn=drawn), **changes)


def versus(incumbent="plain"):
    trending = np.zeros((len(WINDOWS), SERIES), dtype=bool)
    return Versus(incumbent, 0.95, np.arange(SERIES) // 6, None, trending, 7 / STEP)


def models(of):
    return {"plain": forecasts(of, 6.0), "sharp": forecasts(of, 1.0, seed=6)}


def judged(of=None, drawn=SOURCE, found=None, **changes):
    of = of or market()
    return judge(of, found or models(of), plan(drawn, **changes), versus())


def table(*args, **kwargs):
    return judged(*args, **kwargs).answers.drawn.set_index("model")


def by_hand(of, found, policy, drawn=SOURCE, rows=None):
    """Money [model, course] a week and fill rate [model], course by course through `play` and `Ledger`."""
    views = {m: outlooks(of, each, WINDOWS, sampling=SAMPLING, seed=SEED) for m, each in found.items()}
    rows = np.arange(SERIES) if rows is None else rows
    lead, review, ids = of.lead_time[rows], of.review_period[rows], IDS[rows]
    money, wanted, missed = np.zeros((len(found), drawn.paths)), np.zeros(len(found)), np.zeros(len(found))
    length = 0.0
    for turn, cutoff in enumerate(range(len(WINDOWS) - JUDGED, len(WINDOWS))):
        first = int(np.flatnonzero(WINDOWS[cutoff].cutoff == CALENDAR)[0]) + 1
        dates = CALENDAR[first : first + of.reach]
        governing = np.full((len(rows), of.reach), -1)
        for i in range(len(rows)):
            if turn * STEP % review[i] == 0:
                governing[i, lead[i] : lead[i] + max(review[i], STEP)] = 0
        length += (governing == 0).sum() / len(rows)
        start, prices = of.covered_start(first, drawn.cover).rows(rows), Prices.of(of.economics, ids, dates)
        conventions = replace(of.conventions, warm_up=0)
        source = Sampling(drawn.paths, SAMPLING.tails, together=drawn.together)
        paths = sampled(views[drawn.model].draw(cutoff, rows, source, of.reach)).transpose(1, 0, 2)
        for m, view in enumerate(views.values()):
            orders = {
                offset: only((turn * STEP + offset) % review == 0, policy.rule(outlook))
                for offset, outlook in view.at(cutoff, rows)
            }
            for s, demand in enumerate(paths):
                flows = play(of.system(rows, start), demand, orders)
                book = Ledger(ids, dates, governing, demand, flows, prices, conventions, lead)
                money[m, s] += book.profit[governing == 0].sum()
                wanted[m] += demand[governing == 0].sum()
                missed[m] += flows.lost[governing == 0].sum()
    return money / (length / 7), 1 - missed / wanted


@pytest.fixture(scope="module")
def asked():
    return judged()


@pytest.mark.parametrize("policy", [OrderUpToCoverage(0.8), ProjectedNewsvendor(Coverage(0.8))], ids=["rule", "decide"])
def test_money_is_that_of_single_plays_of_the_drawn_courses(policy):
    of = market(later_price=7.5)
    rows = table(of, policies=(policy,))
    money, fill = by_hand(of, models(of), policy)
    own = rows.loc[["plain", "sharp"]]
    assert own["profit"].tolist() == pytest.approx(money.mean(axis=1), rel=1e-5)
    assert own["profit_low"].tolist() == pytest.approx(np.quantile(money, 0.05, axis=1), rel=1e-5)
    assert own["profit_high"].tolist() == pytest.approx(np.quantile(money, 0.95, axis=1), rel=1e-5)
    assert own["fill_rate"].tolist() == pytest.approx(fill, rel=1e-5)
    gap = money[1] - money[0]
    sharp = own.loc["sharp", ["difference", "low", "high"]]
    assert sharp.tolist() == pytest.approx([gap.mean(), *np.quantile(gap, (0.05, 0.95))], rel=1e-3)
    assert own.loc["sharp", "share_won"] == (gap > 0).mean()


def test_books_of_a_round_follow_the_conventions():
    of = market(Conventions(purchases="receipt", stock_value="cost", discount=0.9, holding="before_expiry"))
    rows = table(of, replace(SOURCE, cover=2.0))
    money, _ = by_hand(of, models(of), OrderUpToCoverage(0.8), replace(SOURCE, cover=2.0))
    assert rows.loc[["plain", "sharp"], "profit"].tolist() == pytest.approx(money.mean(axis=1), rel=1e-5)
    assert money.mean() != pytest.approx(by_hand(market(), models(of), OrderUpToCoverage(0.8))[0].mean(), rel=0.01)


def test_warm_up_does_not_swallow_the_rounds():
    # of five cutoffs the first two are warm-up: a round, of at most ten periods, would have nothing left
    warm = table(market(Conventions(warm_up=9)))
    pd.testing.assert_frame_equal(warm, table(market()), check_exact=True)


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(asked):
    pd.testing.assert_frame_equal(judged().answers.drawn, asked.answers.drawn, check_exact=True)
    assert (table(seed=4)["profit"] != asked.answers.drawn.set_index("model")["profit"]).all()


def test_threads_do_not_change_a_byte(asked):
    two = judged(drawn=replace(SOURCE, threads=2)).answers.drawn
    pd.testing.assert_frame_equal(two, asked.answers.drawn, check_exact=True)


def test_models_that_are_the_same_earn_the_same_in_every_course():
    of = market()
    twins = {"plain": forecasts(of, 6.0), "twin": forecasts(of, 6.0), "sharp": forecasts(of, 1.0, seed=6)}
    rows = table(of, found=twins)
    assert rows.loc["twin", ["difference", "low", "high", "share_won"]].tolist() == [0, 0, 0, 0]
    assert rows.loc["plain", ["difference", "low", "high", "share_won"]].tolist() == [0, 0, 0, 0]
    assert rows.loc["twin", ["profit", "profit_low", "fill_rate"]].equals(
        rows.loc["plain", ["profit", "profit_low", "fill_rate"]]
    )
    assert rows.loc["sharp", "low"] < rows.loc["sharp", "high"]


def test_model_that_courses_are_drawn_from_earns_most_on_them():
    of = market()
    for name, other in (("plain", "sharp"), ("sharp", "plain")):
        rows = table(of, replace(SOURCE, model=name))
        assert rows.index[0] == name
        assert rows.loc[name, "profit"] > rows.loc[other, "profit_high"]


def test_best_earner_comes_first_and_differences_are_to_the_incumbent(asked):
    rows = asked.answers.drawn
    assert rows["profit"].is_monotonic_decreasing
    own = rows.set_index("model")["profit"]
    assert rows["difference"].tolist() == pytest.approx((rows["profit"] - own["plain"]).tolist(), abs=1e-6)
    assert (rows["profit_low"] < rows["profit"]).all()
    assert (rows["profit"] < rows["profit_high"]).all()


def test_one_luck_for_all_spreads_the_total_wider():
    alone, together = (table(drawn=Drawn("plain", 100, together=shared)) for shared in (False, True))

    def width(rows):
        return rows["profit_high"] - rows["profit_low"]

    assert (width(together) > 2 * width(alone)).all()
    # the mean of a total does not depend on what its parts have in common
    assert together["profit"].tolist() == pytest.approx(alone["profit"].tolist(), rel=0.01)


def test_wider_forecasts_draw_courses_that_spread_wider():
    of, widths = market(), []
    for spread in (0.5, 2.0):
        row = table(of, found={"plain": forecasts(of, 6.0, spread=spread), "sharp": forecasts(of, 1.0)}).loc["sharp"]
        widths.append(row["profit_high"] - row["profit_low"])
    assert widths[1] > 1.5 * widths[0]


def test_series_without_a_value_to_draw_from_is_left_out(asked):
    of = market()
    found = models(of)
    hole = found["plain"].quantiles.copy()
    hole[len(WINDOWS) - 2, 5, 1, 2] = np.nan
    found["plain"] = replace(found["plain"], quantiles=hole)
    rows = table(of, found=found).loc[["plain", "sharp"], "profit"]
    money, _ = by_hand(of, found, OrderUpToCoverage(0.8), rows=np.delete(np.arange(SERIES), 5))
    assert rows.tolist() == pytest.approx(money.mean(axis=1), rel=1e-5)
    assert rows["plain"] < 0.999 * asked.answers.drawn.set_index("model").loc["plain", "profit"]


def test_model_that_was_not_played_draws_no_courses():
    with pytest.raises(InputError, match=r"simulate\.drawn\.model: 'shrap' was not played; did you mean 'sharp'"):
        judged(drawn=Drawn("shrap"))


def test_forecasts_that_lack_values_everywhere_draw_no_courses():
    of = market()
    found = models(of)
    holes = found["plain"].quantiles.copy()
    holes[..., 3] = np.nan
    found["plain"] = replace(found["plain"], quantiles=holes)
    with pytest.raises(InputError, match=r"simulate\.drawn\.model: the forecasts of 'plain' lack a value of every"):
        judged(of, found=found)


def test_demand_that_waits_is_not_met_at_once():
    lost, waits = (table(market(Conventions(backordered=share), shelf_life=np.inf)) for share in (0.0, 1.0))
    assert (waits["fill_rate"] < lost["fill_rate"]).all()  # what is owed is paid with stock that others would have had
    assert (waits["fill_rate"] > 0.5).all()
