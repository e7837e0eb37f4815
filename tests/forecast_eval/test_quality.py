"""What the quality rules find in panels that are sound but for one thing, and that they find nothing in sound ones."""

import numpy as np
import pandas as pd
import pytest

from backtest import History
from forecast_eval.config import config_of
from forecast_eval.economics import Economics
from forecast_eval.places import Places
from forecast_eval.quality import GateError, as_lines, counted, judged, stop
from forecast_eval.read import Inputs

SERIES, WEEKS = 9, 140
START = pd.Timestamp("2024-01-01")
CALENDAR = pd.date_range(START, periods=WEEKS, freq="W-MON")
IDS = [f"S{k}/sku{k}" for k in range(1, SERIES + 1)]
TREE = {
    "name": "x",
    "data": {"world": {}},
    "backtest": {"horizon": 2, "windows": 3},
    "forecasters": {"naive": {"kind": "statsforecast", "model": "Naive"}},
    "compare": {"incumbent": "naive"},
}


def sales(seed=3):
    """[series, time] Poisson sales at levels from slow to fast, with a mild season."""
    level = np.linspace(2, 40, SERIES)[:, None] * (1 + 0.3 * np.sin(2 * np.pi * np.arange(WEEKS) / 52.18))
    return np.random.default_rng(seed).poisson(level).astype(float)


def terms(**columns):
    defaults = {"price": np.linspace(4, 9, SERIES), "unit_cost": np.linspace(2, 6, SERIES), "holding": 0.02}
    return pd.DataFrame({"unique_id": IDS} | defaults | columns)


def panel(y, stock=None, ids=IDS):
    frame = pd.DataFrame({"unique_id": np.repeat(ids, WEEKS), "ds": np.tile(CALENDAR, len(ids)), "y": y.ravel()})
    if stock is not None:
        frame["in_stock"] = stock.ravel()
    return History.of(frame.dropna(subset="y"), freq="W-MON")


def found(y, *, stock=None, economics=None, quality=None, ids=IDS, windows=()):
    frame = terms(unique_id=ids) if economics is None else economics
    inputs = Inputs(panel(y, stock, ids), Economics.of(frame), None, None, pd.DataFrame(), (), Places("sales.csv"))
    return judged(config_of(TREE | {"quality": quality or {}}, "x.yaml"), inputs, windows).warnings


def rules(*arguments, **options):
    return {(fault.rule, fault.unique_id) for fault in found(*arguments, **options)}


def changed(i, span, value):
    y = sales()
    y[i, span] = value(y[i, span]) if callable(value) else value
    return y


def test_nothing_is_found_in_a_sound_panel():
    for seed in range(5):
        assert found(sales(seed), stock=np.ones((SERIES, WEEKS))) == ()


def test_value_far_above_the_usual_high_is_extreme_and_a_promotion_is_not():
    (one,) = found(changed(4, 60, 20_000.0))
    assert (one.rule, one.unique_id, one.ds, one.severity) == ("extreme_value", IDS[4], "2025-02-24", "warning")
    assert one.what.startswith(f"y=20000 of unique_id={IDS[4]!r}, ds=2025-02-24 is ")
    assert found(changed(4, 60, lambda usual: 6 * usual)) == ()


def test_series_of_few_sales_has_no_extreme_value():
    y = sales()
    y[0], y[0, 10:80:10], y[0, 90] = 0.0, 1.0, 50.0
    assert rules(y, quality={"stale_tail": "off"}) == {("extreme_value", IDS[0])}
    y[0, 10] = 0.0  # seven sales do not say what is usual
    assert rules(y, quality={"stale_tail": "off"}) == set()


def test_extreme_value_scales_with_the_units():
    y = changed(4, 60, 20_000.0)
    assert rules(1000 * y) == rules(y) == {("extreme_value", IDS[4])}


def test_silence_at_the_end_is_stale_only_where_there_was_stock():
    y = changed(2, slice(120, None), 0.0)
    assert rules(y) == {("stale_tail", IDS[2])}
    stock = np.ones((SERIES, WEEKS))
    stock[2, 120:] = 0.0
    assert rules(y, stock=stock) == set()


def test_silence_as_long_as_earlier_ones_is_not_stale():
    y = changed(2, slice(40, 52), 0.0)
    y[2, 120:] = 0.0
    assert rules(y, quality={"level_shift": "off"}) == set()


def test_slow_mover_that_sells_nothing_for_weeks_is_not_stale():
    y = sales()
    y[0] = np.where(np.arange(WEEKS) % 9 == 4, 1.0, 0.0)
    assert rules(y) == set()


def test_long_silence_before_the_first_sale_is_leading_zeros():
    assert rules(changed(6, slice(0, 30), 0.0)) == {("leading_zeros", IDS[6])}


def test_silence_that_chance_explains_is_not_stale():
    y = sales()
    y[0] = np.where(np.arange(WEEKS) % 3 == 1, 2.0, 0.0)
    y[0, -8:] = 0.0
    assert rules(y) == set()
    assert rules(y, quality={"stale_tail": {"chance": 0.1}}) == {("stale_tail", IDS[0])}


def test_series_without_a_sale_is_never_sold():
    assert rules(changed(1, slice(None), 0.0)) == {("never_sold", IDS[1])}


def test_series_that_never_varies_is_constant():
    assert rules(changed(1, slice(None), 7.0)) == {("constant", IDS[1])}


@pytest.mark.parametrize("factor", [5.0, 0.15], ids=["up", "down"])
def test_level_that_changes_and_stays_is_a_shift_at_its_period(factor):
    (one,) = found(changed(5, slice(70, None), lambda usual: np.round(factor * usual)))
    assert (one.rule, one.unique_id) == ("level_shift", IDS[5])
    assert abs((pd.Timestamp(one.ds) - CALENDAR[70]).days) <= 21


def test_trend_is_no_level_shift():
    trend = np.exp(np.linspace(0, np.log(12), 30))
    y = sales()
    y[5] = np.random.default_rng(8).poisson(20 * np.r_[np.ones(60), trend, np.full(50, 12.0)])
    assert rules(y) == set()


def test_single_high_value_does_not_hide_a_level_shift():
    y = changed(5, slice(70, None), lambda usual: 5 * usual)
    y[5, 75] = 50_000.0
    assert rules(y) == {("level_shift", IDS[5]), ("extreme_value", IDS[5])}


def test_few_noisy_trends_are_called_level_shifts():
    rng, rate = np.random.default_rng(4), np.exp(np.interp(np.arange(WEEKS), [50, 80], np.log([0.7, 14.0])))
    ids = [f"K{k:03}" for k in range(300)]
    y = rng.negative_binomial(4, 4 / (4 + np.tile(rate, (300, 1)))).astype(float)
    economics = terms().iloc[[0]].drop(columns="unique_id").merge(pd.DataFrame({"unique_id": ids}), how="cross")
    shifts = [f for f in found(y, ids=ids, economics=economics) if f.rule == "level_shift"]
    assert len(shifts) < len(ids) / 10  # of trends that grow twentyfold in 30 weeks


def test_season_that_comes_every_year_is_no_level_shift():
    y = sales()
    weeks = np.arange(WEEKS) % 52
    y[5] = np.random.default_rng(8).poisson(np.where((weeks >= 20) & (weeks < 38), 60.0, 6.0))
    assert rules(y) == set()


def test_change_that_stock_hides_is_no_level_shift():
    y, stock = changed(5, slice(70, None), lambda usual: 5 * usual), np.ones((SERIES, WEEKS))
    stock[5, 66:70] = 0.5
    stock[5, 71:74] = 0.5
    near = {"level_shift": {"window": 12}}
    assert ("level_shift", IDS[5]) in rules(y, quality=near)
    assert ("level_shift", IDS[5]) not in rules(y, stock=stock, quality=near)


def test_burst_that_ends_is_no_level_shift():
    y = sales()
    y[5, 70:86] *= 5
    assert rules(y) == set()


def test_single_high_value_is_no_level_shift():
    assert rules(changed(5, 70, 500.0)) == {("extreme_value", IDS[5])}


def test_series_hidden_in_most_periods_is_found_and_the_panel_too():
    stock = np.ones((SERIES, WEEKS))
    stock[3, :80] = 0.5
    assert rules(sales(), stock=stock) == {("censored_share", IDS[3])}
    stock[:, :60] = 0.5
    assert ("censored_share", None) in rules(sales(), stock=stock)


def test_sale_from_an_empty_shelf_is_found_where_in_stock_is_a_share():
    stock = np.ones((SERIES, WEEKS))
    stock[3, 40:43], stock[3, 90] = 0.0, 0.5
    y = changed(3, slice(40, 42), 0.0)
    (one,) = found(y, stock=stock)
    assert (one.rule, one.unique_id, one.ds) == ("sold_out_of_stock", IDS[3], f"{CALENDAR[42]:%Y-%m-%d}")
    assert "in 1 of the 3 periods with in_stock=0" in one.what
    assert found(y, stock=stock, quality={"sold_out_of_stock": {"share": 0.4}}) == ()


def test_flag_contradicts_sales_in_a_few_of_its_periods_and_means_sold_out_at_some_time_in_most():
    stock = np.ones((SERIES, WEEKS))
    stock[3:5, 40:43] = 0.0
    assert rules(sales(), stock=stock) == set()
    y = changed(3, slice(40, 43), 0.0)
    y[4, 41:43] = 0.0
    (one,) = found(y, stock=stock)
    assert (one.rule, one.unique_id, one.ds) == ("sold_out_of_stock", IDS[4], f"{CALENDAR[40]:%Y-%m-%d}")
    assert one.what.startswith("1 of 6 periods with in_stock=0 have a sale")


def test_period_that_was_not_loaded_is_empty():
    y = sales()
    y[:, 50] = 0.0
    (one,) = found(y)
    assert (one.rule, one.ds) == ("empty_period", f"{CALENDAR[50]:%Y-%m-%d}")


def test_last_period_that_is_not_over_is_found():
    y = sales()
    y[:, -1] = np.floor(y[:, -1] / 4)
    assert {rule for rule, _ in rules(y)} == {"unfinished_end"}


def test_feed_that_ends_for_many_series_is_found_and_one_ended_series_is_not():
    y = sales()
    y[2, 100:] = np.nan
    assert rules(y) == set()
    y[2:6, 100:] = np.nan
    (one,) = found(y)
    assert (one.rule, one.ds) == ("ends_together", f"{CALENDAR[99]:%Y-%m-%d}")
    assert one.what.startswith("4 series (44%)")
    assert found(y, quality={"ends_together": {"share": 0.5}}) == ()


def test_series_that_stands_there_twice_is_identical():
    y = sales()
    y[7] = y[3]
    assert rules(y) == {("identical_series", IDS[7])}


def test_series_of_few_values_are_not_called_identical():
    y = sales()
    y[0] = y[1] = np.where(np.arange(WEEKS) % 9 == 4, 1.0, 0.0)
    assert rules(y) == set()


def test_ids_that_differ_by_case_blanks_or_zeros_are_similar():
    ids = sorted([*IDS[:-2], "s1/SKU01", "S9/sku 99"])
    assert {rule for rule, _ in rules(sales(), ids=ids)} == {"similar_ids"}


def test_price_in_cents_is_a_jump_of_its_series():
    frame = terms().merge(pd.DataFrame({"ds": CALENDAR[::10]}), how="cross")
    at = frame.index[(frame["unique_id"] == IDS[4])][[5, 6]]
    frame.loc[at, "price"] *= 100
    (one,) = found(sales(), economics=frame)
    assert (one.rule, one.unique_id, one.ds) == ("price_jump", IDS[4], f"{CALENDAR[50]:%Y-%m-%d}")
    assert "2 such row(s)" in one.what


def test_price_out_of_scale_with_its_cost_is_an_odd_markup():
    price = np.linspace(4, 9, SERIES)
    price[6] *= 10
    assert rules(sales(), economics=terms(price=price)) == {("markup", IDS[6])}


def test_many_series_sold_below_cost_stop_a_run():
    def severities(below):
        cost = np.where(np.arange(SERIES) < below, 10.0, 2.0)
        faults = found(sales(), economics=terms(unit_cost=cost), quality={"markup": "off"})
        return {fault.severity for fault in faults if fault.rule == "below_cost"}

    assert severities(2) == set()
    assert severities(3) == {"error"}


def test_holding_that_is_dear_beside_the_cost_is_found():
    holding = np.full(SERIES, 0.02)
    holding[2] = 0.9
    assert rules(sales(), economics=terms(holding=holding)) == {("holding_cost", IDS[2])}


def test_price_list_that_ends_early_is_found():
    frame = terms().merge(pd.DataFrame({"ds": CALENDAR[:60:4]}), how="cross")
    assert {rule for rule, _ in rules(sales(), economics=frame)} == {"prices_end"}
    for weeks in (WEEKS, WEEKS - 14):  # no longer than four times the usual four weeks
        late = terms().merge(pd.DataFrame({"ds": CALENDAR[:weeks:4]}), how="cross")
        assert rules(sales(), economics=late) == set()


def test_prices_of_another_time_stop_a_run():
    frame = terms().merge(pd.DataFrame({"ds": CALENDAR + pd.Timedelta(weeks=520)}), how="cross")
    (one,) = found(sales(), economics=frame)
    assert (one.rule, one.severity) == ("no_overlap", "error")


def test_rule_that_is_off_is_not_looked_for():
    y = changed(4, 60, 20_000.0)
    assert found(y, quality={"extreme_value": "off"}) == ()
    assert found(y, quality={"extreme_value": False}) == ()  # what YAML makes of off
    assert found(y, quality={"extreme_value": {"times": 1e6}}) == ()


def test_gate_lets_warnings_pass_and_stops_errors():
    history, economics = panel(changed(4, 60, 20_000.0)), Economics.of(terms())
    inputs = Inputs(history, economics, None, None, pd.DataFrame(), (), Places("sales.csv"))
    passed = judged(config_of(TREE, "x.yaml"), inputs)
    assert stop(passed) is passed
    with pytest.raises(GateError) as error:
        stop(judged(config_of(TREE | {"quality": {"extreme_value": "error"}}, "x.yaml"), inputs))
    assert [fault.rule for fault in error.value.faults] == ["extreme_value"]


def test_blocks_of_series_find_what_the_whole_finds(monkeypatch):
    y = changed(4, 60, 20_000.0)
    y[7, 120:], y[2, :30] = 0.0, 0.0
    whole = found(y)
    monkeypatch.setattr("forecast_eval.quality.block.blocks.__defaults__", (2,))
    assert found(y) == whole
    assert {fault.rule for fault in whole} == {"extreme_value", "stale_tail", "leading_zeros"}


def test_lines_show_a_few_and_counts_show_all():
    y = sales()
    y[:5, 60] = 20_000.0
    faults = found(y)
    assert counted(faults) == {"extreme_value": {"severity": "warning", "count": 5, "series": 5}}
    lines = as_lines(faults, 2)
    assert lines[0] == "extreme_value (warning, 5 times)"
    assert lines[3] == "  ... and 3 more"
    assert len(lines) == 5
