"""Laws of what a panel gives around forecasts: hidden demand, weights, classes, levels, steps that nobody knows yet."""

import numpy as np
import pandas as pd
import pytest

from backtest import History, RollingWindows
from forecast_eval.config import Score, Trend
from forecast_eval.economics import Economics
from forecast_eval.scores import metrics_named
from forecast_eval.scores.context import Context, column_faults
from forecast_eval.scores.panel import Forecasts, score_panel
from forecast_eval.scores.trending import trending
from losses import trend_score

CALENDAR = pd.date_range("2025-01-06", periods=40, freq="W-MON")
WINDOWS = RollingWindows(horizon=3, n_windows=4, last_cutoff=CALENDAR[-2]).over(CALENDAR)
OUT = CALENDAR[37]
IDS, STORES = ["a", "b", "c"], ["S1", "S2", "S1"]
TREND = Trend(recent=2, base=20)
MEAN = {"a": 8.0, "b": 3.0, "c": 5.0}


def sales():
    """Three series; in one week all were half out of stock; one is launched behind zeros, one starts late."""
    rng = np.random.default_rng(1)
    long = pd.DataFrame({"unique_id": np.repeat(IDS, 40), "ds": np.tile(CALENDAR, 3)})
    long["y"] = rng.poisson(long["unique_id"].map(MEAN)).astype(float)
    long["in_stock"] = np.where(long["ds"] == OUT, 0.5, 1.0)
    long.loc[(long["unique_id"] == "c") & (long["ds"] < CALENDAR[30]), "y"] = 0.0
    return long[(long["unique_id"] != "b") | (long["ds"] >= CALENDAR[12])]


def history(long=None):
    static = pd.DataFrame({"unique_id": IDS, "store": STORES, "importance": [1.0, 2.0, 3.0], "words": list("xyz")})
    return History.of(sales() if long is None else long, static=static)


def prices():
    return pd.DataFrame({
        "unique_id": ["a", "a", "b", "c"], "ds": ["2025-01-06", "2025-09-22", "2025-01-06", "2025-01-06"],
        "price": [10.0, 12.0, 9.0, 3.0], "unit_cost": [4.0, 4.0, 4.0, 1.0], "holding": 0.5,
    })  # fmt: skip


def forecasts(models=("m", "n")):
    rng = np.random.default_rng(2)
    rows = [(m, w.cutoff, u, d) for m in models for w in WINDOWS for u in IDS for d in w.steps]
    table = pd.DataFrame(rows, columns=["model", "cutoff", "unique_id", "ds"])
    table["forecast"] = table["unique_id"].map(MEAN) * rng.gamma(6.0, 0.17, len(table))
    return table.assign(**{f"q{q}": table["forecast"] * (0.4 + 1.2 * q) for q in (0.1, 0.5, 0.9)})


def context(long=None, *, economics=True, windows=WINDOWS, **spec):
    given = Score(**({"trend": TREND, "by": ("store", "series")} | spec))
    return Context.of(history(long), Economics.of(prices()) if economics else None, windows, given)


METRICS = ["mae", "wape", "mase", "newsvendor_cost", "pinball", "stockout_recall", "wrmsse"]


def scored(given, rows=None, metrics=METRICS, **how):
    rows = forecasts() if rows is None else rows
    found = score_panel(given, Forecasts.whole(rows), metrics_named(metrics), **how).scores.table
    return found.set_index(["model", "metric", "axis", "group"])


def total(found, metric, model="m"):
    return found.loc[(model, metric, "total", "all")]


def cells(given, k=3):
    return given.cells(k, np.ones((3, 3), dtype=bool), None)


def joined():
    return forecasts(("m",)).merge(sales(), on=["unique_id", "ds"])


def test_masked_stockouts_are_left_out_and_counted():
    rows = joined()
    known = rows[rows["ds"] != OUT]
    found = total(scored(context(hidden_demand="masked")), "mae")
    assert found["value"] == pytest.approx((known["forecast"] - known["y"]).abs().mean())
    assert found["n_obs"] == len(known)
    assert found["n_missing"] == len(forecasts(("m",))) - len(known)


def test_sales_of_a_stockout_are_demand_as_they_are():
    rows = joined()
    found = total(scored(context(hidden_demand="as_is")), "mae")
    assert found["value"] == pytest.approx((rows["forecast"] - rows["y"]).abs().mean())
    assert found["n_obs"] == len(rows)


def test_censored_stockouts_count_what_was_forecast_too_low_and_nothing_else():
    rows = joined()
    gap = rows["forecast"] - rows["y"]
    wrong = np.where(rows["ds"] == OUT, np.minimum(gap, 0.0), gap)
    found = total(scored(context(hidden_demand="censored")), "mae")
    assert found["value"] == pytest.approx(np.abs(wrong).mean())
    assert ((rows["ds"] == OUT) & (gap > 0)).any()


def test_stockout_recall_sees_stockouts_whatever_is_done_with_hidden_demand():
    rows = joined().query("ds == @OUT")
    expected = 100 * (rows["forecast"] > rows["y"]).mean()
    for hidden in ("as_is", "masked", "censored"):
        found = total(scored(context(hidden_demand=hidden)), "stockout_recall")
        assert (found["value"], found["n_obs"]) == (pytest.approx(expected), len(rows))
    assert 0 < expected < 100


def test_steps_beyond_the_history_have_no_demand_and_are_counted():
    found = scored(context(hidden_demand="as_is"))
    cutoffs = found.xs("cutoff", level="axis").loc[("m", "mae")]
    late = {f"{w.cutoff:%Y-%m-%d}": 3 * int((w.steps > CALENDAR[-1]).sum()) for w in WINDOWS}
    assert cutoffs["n_missing"].to_dict() == late
    assert list(late.values()) == [0, 0, 3, 6]
    assert np.isnan(cells(context(hidden_demand="as_is")).demand[:, 1:]).all()


def test_steps_beyond_the_history_are_no_stockouts():
    """The last known period is one, and what comes after it is not known to be."""
    long = sales()
    long.loc[long["ds"] == CALENDAR[-1], "in_stock"] = 0.0
    assert cells(context(long)).stockout.tolist() == [[True, False, False]] * 3


def test_costs_are_those_of_the_day():
    """Price less unit cost is short, holding is over; the price of the first series rises on 22 September."""
    late, early = (
        cells(context()),
        cells(context(windows=RollingWindows(horizon=3, n_windows=4).over(CALENDAR[:36])), 0),
    )
    assert np.broadcast_to(late.costs.underage, (3, 3)).tolist() == [[8.0] * 3, [5.0] * 3, [2.0] * 3]
    assert np.broadcast_to(late.costs.overage, (3, 3)).tolist() == [[0.5] * 3] * 3
    change = early.dates >= "2025-09-22"
    assert early.costs.underage[0].tolist() == [8.0 if new else 6.0 for new in change]


@pytest.mark.parametrize("metric", ["newsvendor_cost", "trend_weighted_cost", "cost_per_unit", "spec"])
def test_metrics_in_money_are_nan_without_prices(metric):
    found = total(scored(context(economics=False), metrics=[metric]), metric)
    assert np.isnan(found["value"])
    assert found["n_obs"] == 0


def test_leading_zeros_are_no_training_data():
    """The scale of the launched series is that of its sales alone, though it was listed long before."""
    full, short = sales(), sales()
    short = short[(short["unique_id"] != "c") | (short["y"].groupby(short["unique_id"]).cumsum() > 0)]
    one, other = (scored(context(long)) for long in (full, short))
    for metric in ("mase", "wrmsse"):
        assert total(one, metric)["value"] == pytest.approx(total(other, metric)["value"])
    assert len(short) < len(full)


def test_scale_of_hidden_demand_is_not_used_unless_it_is_taken_as_it_is():
    long = sales()
    long.loc[(long["ds"] == CALENDAR[20]), ["y", "in_stock"]] = 400.0, 0.5
    scale = {h: cells(context(long, hidden_demand=h)).scale.absolute for h in ("as_is", "masked", "censored")}
    assert (scale["as_is"][:2] > 5 * scale["masked"][:2]).all()
    np.testing.assert_array_equal(scale["masked"], scale["censored"])


def before(long, cutoff, weeks):
    return long[(long["ds"] <= cutoff) & (long["ds"] > cutoff - pd.Timedelta(weeks=weeks))]


def money(own):
    """Money of each row; the price of the first series rises on 22 September."""
    price = own["unique_id"].map({"a": 10.0, "b": 9.0, "c": 3.0})
    return own["y"] * price.mask((own["unique_id"] == "a") & (own["ds"] >= "2025-09-22"), 12.0)


def test_weight_is_what_was_sold_before_the_first_cutoff():
    long, cutoff = sales(), WINDOWS[0].cutoff
    table = before(long, cutoff, 52)
    revenue = money(table).groupby(table["unique_id"]).sum()
    units = table.groupby("unique_id")["y"].sum()
    assert context(weight="revenue").weight == pytest.approx(revenue.to_numpy())
    assert context(weight="units").weight == pytest.approx(units.to_numpy())
    assert context(weight="importance").weight.tolist() == [1.0, 2.0, 3.0]
    assert context().weight is None
    boom = long.assign(y=long["y"].mask(long["ds"] > cutoff, 500.0))
    assert context(boom, weight="revenue").weight == pytest.approx(revenue.to_numpy())


def test_revenue_without_prices_is_units():
    assert context(economics=False, weight="revenue").weight == pytest.approx(context(weight="units").weight)


def test_weighted_total_is_the_weighted_mean_over_cells():
    rows = joined().query("ds != @OUT")
    weight = rows["unique_id"].map({"a": 1.0, "b": 2.0, "c": 3.0})
    found = total(scored(context(weight="importance")), "mae")
    assert found["value"] == pytest.approx(np.average((rows["forecast"] - rows["y"]).abs(), weights=weight))


def test_weights_that_are_none_are_all_named():
    static = history().static.assign(importance=[-1.0, np.nan, np.inf])
    assert [f.rule for f in column_faults(Score(weight="importance"), static)] == ["weight"] * 3
    assert [f.what.split(" must")[0] for f in column_faults(Score(weight="words"), static)] == [
        f"words={word!r} of unique_id={uid!r}" for word, uid in zip("xyz", IDS, strict=True)
    ]


def boom(long):
    """Sales of the first series jump in the first period after the third cutoff."""
    return long.assign(y=long["y"].mask((long["unique_id"] == "a") & (long["ds"] > WINDOWS[2].cutoff), 300.0))


@pytest.mark.parametrize("base", [20, 100])
def test_trend_class_as_of_a_cutoff_sees_nothing_after_it(base):
    spec = Trend(recent=2, base=base)
    calm, loud = (trending(history(long), WINDOWS, spec) for long in (sales(), boom(sales())))
    assert calm[:, 0].tolist() == [False, False, False, False]
    assert loud[:, 0].tolist() == [False, False, False, True]
    assert np.array_equal(calm[:, 1], loud[:, 1])


def test_trend_score_is_that_of_the_losses_as_of_the_cutoff():
    given = context(boom(sales()))
    for k, window in enumerate(WINDOWS):
        known = history().calendar <= window.cutoff
        panel = history(boom(sales()))
        score = trend_score(
            panel.dense()[:, known], np.nan_to_num(panel.dense("in_stock")[:, known]), recent=2, base=20
        )
        assert cells(given, k).trend == pytest.approx(np.nan_to_num(score[:, -1]))


def test_training_data_and_bounds_see_nothing_after_the_cutoff():
    calm, loud = context(), context(boom(sales()))
    for k, window in enumerate(WINDOWS):
        assert cells(loud, k).training.dates[-1] == window.cutoff
        assert cells(loud, k).training.sales.shape == (3, len(CALENDAR[window.cutoff >= CALENDAR]))
    assert [np.array_equal(calm.bounds(k), loud.bounds(k)) for k in range(4)] == [True, True, True, False]


def test_trend_axis_moves_series_from_cutoff_to_cutoff():
    found = scored(context(boom(sales()), hidden_demand="as_is"), metrics=["mae", "mase"])
    marks = trending(history(boom(sales())), WINDOWS, TREND)
    present = np.array([[int((w.steps <= CALENDAR[-1]).sum())] * 3 for w in WINDOWS])
    for metric in ("mae", "mase"):
        counted = found.xs("trend", level="axis").loc[("m", metric)]["n_obs"]
        assert counted.to_dict() == {"trending": present[marks].sum(), "not trending": present[~marks].sum()}
    assert 0 < marks.sum() < marks.size


def test_abc_and_xyz_are_those_of_the_year_before_each_cutoff():
    given = context(boom(sales()), by=("abc", "xyz"), windows=WINDOWS)
    for k, window in enumerate(WINDOWS):
        own = before(boom(sales()), window.cutoff, 52)
        sold = money(own).groupby(own["unique_id"]).sum()
        share = [sold[sold > one].sum() / sold.sum() for one in sold]
        assert given.codes[k]["abc"].tolist() == [0 if s < 0.8 else 1 if s < 0.95 else 2 for s in share]
        known = own[own["in_stock"] == 1].groupby("unique_id")["y"]
        variation = known.std(ddof=0) / known.mean()
        assert given.codes[k]["xyz"].tolist() == [0 if v <= 0.5 else 1 if v <= 1 else 2 for v in variation]
    assert given.axes.varying == {"trend", "abc", "xyz"}


def test_hierarchy_is_the_total_the_columns_of_by_and_the_series_unless_it_is_given():
    assert context().axes.groups["level"] == ("total", "store", "unique_id")
    named = context(hierarchy=(("unique_id",), ("store", "words"), ()))
    assert named.axes.groups["level"] == ("unique_id", "store x words", "total")
    found = scored(named, metrics=["wrmsse"]).xs("level", level="axis").loc[("m", "wrmsse")]
    assert found.index.tolist() == ["unique_id", "store x words", "total"]


def test_weight_of_a_node_is_its_share_of_the_money_of_four_weeks():
    given = context(hierarchy=(("store",),))
    own = before(sales(), WINDOWS[3].cutoff, 4)
    sold = money(own).groupby(own["unique_id"]).sum()
    stores = np.array([sold["a"] + sold["c"], sold["b"]])
    assert given.hierarchies[3].levels[0].weight == pytest.approx(stores / stores.sum())


def test_what_a_model_says_of_unknown_series_and_dates_does_not_count():
    rows = forecasts()
    strange = rows.iloc[:3].assign(unique_id="z"), rows.iloc[:3].assign(ds=pd.Timestamp("2031-01-06"))
    pd.testing.assert_frame_equal(scored(context(), pd.concat([rows, *strange])), scored(context(), rows))


def test_series_that_one_model_left_out_is_counted_as_missing():
    rows = forecasts()
    found = scored(context(hidden_demand="as_is"), rows[(rows["model"] != "n") | (rows["unique_id"] != "b")])
    own = found.xs("series", level="axis").loc["n"].loc["mae"].loc["b"]
    assert np.isnan(own["value"])
    assert (own["n_obs"], own["n_missing"]) == (0, 12)


def test_model_without_quantiles_at_one_cutoff_is_counted_there_and_scored_elsewhere():
    rows = forecasts(("m",))
    rows.loc[rows["cutoff"] == WINDOWS[0].cutoff, ["q0.1", "q0.5", "q0.9"]] = np.nan
    found = scored(context(hidden_demand="as_is"), rows, ["pinball", "calibration_error"])
    later = scored(context(hidden_demand="as_is", windows=WINDOWS[1:]), rows, ["pinball", "calibration_error"])
    for metric in ("pinball", "calibration_error"):
        assert total(found, metric)["value"] == pytest.approx(total(later, metric)["value"])
        assert total(found, metric)["n_missing"] == total(later, metric)["n_missing"] + 9


def test_explosion_is_bounded_by_what_was_known_and_said():
    rows = forecasts()
    wild = (rows["model"] == "n") & (rows["unique_id"] == "a") & (rows["ds"] == WINDOWS[0].steps[0])
    rows.loc[wild, "forecast"] = 2e13
    found = score_panel(context(), Forecasts.whole(rows), metrics_named(["mae"]))
    peak = sales().query("unique_id == 'a' and ds <= @WINDOWS[0].cutoff")["y"].max()
    assert found.exploded["n"].forecasts == wild.sum()
    assert list(found.exploded) == ["n"]
    rows.loc[wild, "forecast"] = 10 * peak
    assert total(scored(context(), rows), "mae", "n")["value"] == pytest.approx(
        found.scores.table.set_index("model").loc["n", "value"].iloc[0])  # fmt: skip
    believed = score_panel(context(explosion=None), Forecasts.whole(rows.assign(forecast=2e13)), metrics_named(["mae"]))
    assert believed.exploded == {}


def test_forecasts_read_window_by_window_give_what_one_frame_gives():
    rows, asked = forecasts(), []

    def of(window):
        asked.append(window.cutoff)
        return rows[rows["cutoff"] == window.cutoff]

    found = score_panel(context(), Forecasts(("m", "n"), of), metrics_named(METRICS), baseline="n").scores.table
    expected = score_panel(context(), Forecasts.whole(rows), metrics_named(METRICS), baseline="n").scores.table
    pd.testing.assert_frame_equal(found, expected)
    assert asked == [w.cutoff for w in WINDOWS]


def test_columns_that_the_panel_does_not_have_are_all_named():
    spec = Score(by=("stor", "abc", "series"), hierarchy=(("unique_id",), ("regoin",)), weight="importnace")
    faults = column_faults(spec, history().static)
    assert [f.place for f in faults] == ["score.by", "score.hierarchy", "score.weight"]
    assert [f.fix for f in faults][::2] == ["did you mean 'store'?", "did you mean 'importance'?"]
