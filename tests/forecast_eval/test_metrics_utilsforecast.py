"""Values by series against utilsforecast where both mean the same, and both numbers where they do not."""

import numpy as np
import pandas as pd
import pytest
from utilsforecast import losses as theirs

from backtest import History
from backtest.windows import Window
from forecast_eval.config import Score
from forecast_eval.scores import evaluate, metrics_named
from forecast_eval.scores.context import Context
from forecast_eval.scores.panel import Forecasts, score_panel

LEVELS = {"m-lo-80": 0.1, "m-median": 0.5, "m-hi-80": 0.9}
WEEKS = pd.date_range("2025-01-06", periods=30, freq="W-MON")


def frame():
    """Two cutoffs of four steps, each sold from its first sale on; zeros, hits, and a series that ends early."""
    rng = np.random.default_rng(4)
    cutoffs = WEEKS[[21, 23]]
    rows = pd.DataFrame([(u, c, d) for u in ("a", "b", "c") for c in cutoffs for d in WEEKS[c < WEEKS][:4]],
                        columns=["unique_id", "cutoff", "ds"])  # fmt: skip
    table = rows.merge(sales(), on=["unique_id", "ds"])
    table["m"] = table["y"] * rng.gamma(5.0, 0.25, len(table)) + rng.gamma(1.0, 1.0, len(table))
    table.loc[::4, "m"] = table.loc[::4, "y"]
    for column, level in LEVELS.items():
        table[column] = table["m"] * (0.4 + 1.1 * level)
    table["base"] = table["m"].iloc[::-1].to_numpy() + 0.7
    return table


def sales():
    rng = np.random.default_rng(5)
    parts = []
    for uid, mean, last in (("a", 12.0, 30), ("b", 1.5, 30), ("c", 6.0, 26)):
        y = rng.poisson(mean, last).astype(float)
        y[0] = 1.0 + y[0]
        parts.append(pd.DataFrame({"unique_id": uid, "ds": WEEKS[:last], "y": y}))
    return pd.concat(parts, ignore_index=True)


def ours(name, table):
    """Value of a metric by cutoff and series."""
    found = {}
    for cutoff, part in table.groupby("cutoff"):
        own = evaluate(part, [name], models=["m", "base"], baseline="base").table
        own = own[(own["axis"] == "series") & (own["model"] == "m")]
        found |= {(cutoff, uid): value for uid, value in zip(own["group"], own["value"], strict=True)}
    return pd.Series(found).sort_index()


def by_key(found):
    return found.set_index(["cutoff", "unique_id"])["m"].sort_index()


COLUMNS = {"m": list(LEVELS)}
QUANTILES = np.array(list(LEVELS.values()))
SAME = {
    "mae": lambda t: by_key(theirs.mae(t, ["m"])),
    "rmse": lambda t: by_key(theirs.rmse(t, ["m"])),
    "mape": lambda t: 100 * by_key(theirs.mape(t, ["m"])),
    "smape": lambda t: 200 * by_key(theirs.smape(t, ["m"])),
    "wape": lambda t: 100 * by_key(theirs.wape(t, ["m"])),
    "bias": lambda t: 100 * by_key(theirs.bias(t, ["m"])) / t.groupby(["cutoff", "unique_id"])["y"].mean(),
    "mean_error": lambda t: by_key(theirs.bias(t, ["m"])),
    "relative_mae": lambda t: by_key(theirs.rmae(t, ["m"], "base")),
    "pinball_0.9": lambda t: by_key(theirs.quantile_loss(t, {"m": "m-hi-80"}, q=0.9)),
    "pinball": lambda t: by_key(theirs.mqloss(t, COLUMNS, QUANTILES)),
    "coverage_80": lambda t: 100 * by_key(theirs.coverage(t, ["m"], 80)),
    "interval_score_80": lambda t: by_key(theirs.winkler_score(t, ["m"], 80)),
}


@pytest.mark.parametrize("name", SAME)
def test_values_by_series_are_those_of_utilsforecast(name):
    table = frame()
    found, expected = ours(name, table), SAME[name](table)
    assert found.to_numpy() == pytest.approx(expected.loc[found.index].to_numpy(), rel=1e-9)
    assert len(set(found)) > 1


def test_crps_of_evenly_centred_levels_is_theirs_but_for_the_scale():
    """They divide the sum by that of demand, and give each level the same share."""
    levels = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    names = [f"m_ql{level}" for level in levels]
    table = frame()[["unique_id", "cutoff", "ds", "y", "m", "base"]]
    table[names] = table["m"].to_numpy()[:, None] * (0.4 + 1.1 * levels)
    scaled = by_key(theirs.scaled_crps(table, {"m": names}, levels))
    found = ours("crps", table)
    mean = table.groupby(["cutoff", "unique_id"])["y"].mean()
    assert (found / mean).to_numpy() == pytest.approx(scaled.loc[found.index].to_numpy(), rel=1e-9)


def panel_value(name, sold, cutoff, forecasts):
    """Value of a metric of one series on a panel with one cutoff."""
    history = History.of(sold)
    steps = forecasts["ds"]
    window = Window(cutoff, pd.DatetimeIndex(steps), cutoff)
    rows = forecasts.assign(model="m", cutoff=cutoff).rename(columns={"m": "forecast"})
    context = Context.of(history, None, [window], Score(explosion=None))
    return score_panel(context, Forecasts.whole(rows), metrics_named([name])).scores.table["value"].iloc[0]


@pytest.mark.parametrize(("name", "other"), [("mase", theirs.mase), ("rmsse", theirs.rmsse)])
def test_scaled_errors_are_theirs_where_a_series_sells_from_its_first_period_on(name, other):
    table, sold = frame(), sales()
    cutoff = WEEKS[23]
    for uid in ("a", "b"):
        own = table[(table["unique_id"] == uid) & (table["cutoff"] == cutoff)]
        known = sold[sold["unique_id"] == uid]
        expected = other(own, ["m"], 1, known[["unique_id", "ds", "y"]])["m"].iloc[0]
        given = own[["unique_id", "ds", "m"]]
        assert panel_value(name, known, cutoff, given) == pytest.approx(expected, rel=1e-9)


def launch():
    """Fourteen weeks of nothing, then 8, 14, 8, 10, 12; errors of 3, 1, 1 and 1 after that."""
    y = [0.0] * 14 + [8.0, 14.0, 8.0, 10.0, 12.0] + [9.0, 11.0, 6.0, 7.0]
    sold = pd.DataFrame({"unique_id": "a", "ds": WEEKS[:23], "y": y})
    return sold, sold.iloc[19:].assign(m=[12.0, 12.0, 5.0, 8.0])


def test_rmsse_of_a_late_launch_cuts_leading_zeros_off_as_m5_does_and_utilsforecast_does_not():
    """The oracle's numbers: .387 where the scale starts with the first sale (20), .612 where it does not (144 / 18)."""
    sold, ahead = launch()
    kept = theirs.rmsse(ahead, ["m"], 1, sold.iloc[:19])["m"].iloc[0]
    trimmed = theirs.rmsse(ahead, ["m"], 1, sold.iloc[14:19])["m"].iloc[0]
    found = panel_value("rmsse", sold, WEEKS[18], ahead[["unique_id", "ds", "m"]])
    assert found == pytest.approx(trimmed, rel=1e-12)
    assert (round(found, 3), round(kept, 3)) == (0.387, 0.612)


@pytest.mark.parametrize(("name", "other"), [("mase", theirs.mase), ("rmsse", theirs.rmsse)])
def test_series_that_never_changed_is_left_out_and_infinite_in_utilsforecast(name, other):
    sold = pd.DataFrame({"unique_id": "a", "ds": WEEKS[:12], "y": 5.0})
    ahead = sold.iloc[10:].assign(m=[6.0, 7.0])
    assert np.isinf(other(ahead, ["m"], 1, sold.iloc[:10])["m"].iloc[0])
    assert np.isnan(panel_value(name, sold, WEEKS[9], ahead[["unique_id", "ds", "m"]]))


def gaps():
    """Four periods within their interval; the demand of one of them, and the forecast of another, is not known."""
    table = pd.DataFrame({"unique_id": "a", "ds": WEEKS[:5], "y": [4.0, 6.0, np.nan, 5.0, 9.0], "m": 5.0})
    table = table.assign(**{"m-lo-80": 3.0, "m-hi-80": 7.0})
    table.loc[3, ["m", "m-lo-80", "m-hi-80"]] = np.nan
    return table


def value(name, table):
    found = evaluate(table, [name], by=()).table.iloc[0]
    return found["value"], found["n_missing"]


def test_what_is_not_known_is_left_out_of_coverage_and_not_covered_in_utilsforecast():
    assert theirs.coverage(gaps(), ["m"], 80)["m"].iloc[0] == 2 / 5
    assert value("coverage_80", gaps()) == (pytest.approx(200 / 3), 2)


def test_period_without_demand_is_left_out_of_the_interval_score_and_inside_in_utilsforecast():
    assert theirs.winkler_score(gaps(), ["m"], 80)["m"].iloc[0] == pytest.approx((4 + 4 + 4 + 4 + 10 * 2) / 4)
    assert value("interval_score_80", gaps()) == (pytest.approx((4 + 4 + 4 + 10 * 2) / 3), 2)


def test_period_without_demand_is_left_out_of_calibration_and_above_the_quantile_in_utilsforecast():
    known = gaps().dropna(subset="m")
    assert theirs.calibration(known, {"m": "m-hi-80"})["m"].iloc[0] == 2 / 4
    curve = evaluate(known, ["mae"], by=()).calibration.set_index("level")
    assert curve.loc[0.9, "share"] == pytest.approx(2 / 3)


def test_period_without_forecast_leaves_both_sums_of_wape_and_one_in_utilsforecast():
    assert theirs.wape(gaps(), ["m"])["m"].iloc[0] == pytest.approx(6 / 24)
    assert value("wape", gaps()) == (pytest.approx(100 * 6 / 19), 2)


def test_too_much_is_above_zero_in_bias_here_and_in_utilsforecast_whatever_cfe_says_of_itself():
    table = pd.DataFrame({"unique_id": "a", "ds": WEEKS[:3], "y": [2.0, 3.0, 5.0], "m": [4.0, 7.0, 6.0]})
    assert theirs.bias(table, ["m"])["m"].iloc[0] == pytest.approx(7 / 3)
    assert theirs.cfe(table, ["m"])["m"].iloc[0] == 7.0
    assert "Positive values mean under forecast" in theirs.cfe.__doc__
    assert value("bias", table) == (pytest.approx(70.0), 0)


@pytest.mark.parametrize("name", ["mae", "pis", "linex"])
def test_metric_of_utilsforecast_gives_what_it_gives_by_itself(name):
    """Catalogued as it is, on series and windows that are complete."""
    table = frame()
    metric = metrics_named([{"name": "own", "object": f"utilsforecast.losses:{name}", "unit": "units"}])
    found = evaluate(table, metric, models=["m"]).table
    expected = by_key(getattr(theirs, name)(table, ["m"]))
    assert found["value"].iloc[0] == pytest.approx(expected.groupby("unique_id").mean().mean())
    by_cutoff = found[found["axis"] == "cutoff"]["value"].to_numpy()
    assert by_cutoff == pytest.approx(expected.groupby("cutoff").mean().to_numpy())
