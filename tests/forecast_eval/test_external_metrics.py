"""Laws of metrics of others: functions, metrics of utilsforecast as they are, and what is wrong with a name."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from utilsforecast import losses as uf
from utilsforecast.evaluation import evaluate

from backtest import InputError
from forecast_eval.scores import Axes, Cells, Observations, ScoredWindow, metrics_named, score
from forecast_eval.scores.catalogue import Catalogue, builtin
from forecast_eval.scores.external import External, found_metric
from forecast_eval.scores.observations import Training
from losses import Newsvendor, UnitCosts
from losses.utilsforecast import metric as business_metric

IDS = np.array(["b", "a", "c"], dtype=object)
LEVELS = (0.1, 0.25, 0.75, 0.9)
OUTER, INNER = ["m-lo-80", "m-hi-80"], ["m-lo-50", "m-hi-50"]
COST = business_metric(Newsvendor(), UnitCosts(8.0, 2.0), name="cost")
ROW_COST = business_metric(Newsvendor(), name="row_cost")


def window(**changes):
    """Three series of five steps, without any symmetry."""
    rng = np.random.default_rng(5)
    demand = rng.negative_binomial(3, 0.3, (3, 5)).astype(float)
    forecast = rng.gamma(3, 2.5, (3, 5))
    quantiles = {q: np.maximum(forecast + 6 * (q - 0.45), 0.1) for q in LEVELS}
    dates = pd.date_range("2026-03-02", periods=14, freq="W-MON")
    sales = rng.negative_binomial(3, 0.4, (3, 9)).astype(float)
    sales[2, :4] = np.nan  # starts late
    cells = {
        "unique_ids": IDS, "dates": dates[9:], "demand": demand, "present": np.ones((3, 5), dtype=bool),
        "costs": UnitCosts(np.array([[3.0], [8.0], [1.5]]), np.array([[1.0], [2.0], [0.5]])),
        "baseline": forecast[:, ::-1] + 1.0, "training": Training(sales, dates[:9]),
    }  # fmt: skip
    said = {"forecast": changes.pop("forecast", forecast), "quantiles": changes.pop("quantiles", quantiles)}
    return Observations(Cells(**(cells | changes)), **said)


def frames(o):
    """The same window as utilsforecast wants it, made by a plain loop."""
    names = {0.1: "lo-80", 0.25: "lo-50", 0.75: "hi-50", 0.9: "hi-80"}
    rows = [
        {"unique_id": uid, "ds": ds, "y": o.cells.demand[i, t], "m": o.forecast[i, t], "base": o.cells.baseline[i, t],
         "underage": o.cells.costs.underage[i, 0], "overage": o.cells.costs.overage[i, 0]}
        | {f"m-{names[q]}": at[i, t] for q, at in o.quantiles.items()}
        for i, uid in enumerate(o.cells.unique_ids) for t, ds in enumerate(o.cells.dates)
    ]  # fmt: skip
    known = [
        {"unique_id": uid, "ds": ds, "y": o.cells.training.sales[i, t]}
        for i, uid in enumerate(o.cells.unique_ids) for t, ds in enumerate(o.cells.training.dates)
        if not np.isnan(o.cells.training.sales[i, t])
    ]  # fmt: skip
    return pd.DataFrame(rows), pd.DataFrame(known)


def measure(object_, params=None, place="score.metrics.0"):
    return found_metric(External(object_, params or {}), place).measure


def by_series(object_, params=None, o=None):
    return measure(object_, params).parts(o or window())[0]


def in_order(frame, column="m"):
    return frame.set_index("unique_id")[column].loc[list(IDS)].to_numpy()


@pytest.mark.parametrize(
    ("name", "params"),
    [("mae", {}), ("rmse", {}), ("bias", {}), ("smape", {}), ("mase", {"seasonality": 2}),
     ("rmsse", {"seasonality": 1})],
)  # fmt: skip
def test_point_metric_of_utilsforecast_gives_what_evaluate_gives(name, params):
    frame, known = frames(window())
    want = evaluate(
        frame[["unique_id", "ds", "y", "m"]], metrics=[partial(getattr(uf, name), **params)], train_df=known
    )
    assert by_series(f"utilsforecast.losses:{name}", params) == pytest.approx(in_order(want))


@pytest.mark.parametrize(
    ("name", "params", "given"),
    [
        ("quantile_loss", {"q": 0.9}, {"models": {"m": "m-hi-80"}, "q": 0.9}),
        ("calibration", {"q": 0.25}, {"models": {"m": "m-lo-50"}}),
        ("coverage", {"level": 80}, {"models": ["m"], "level": 80}),
        ("winkler_score", {"level": 50.0}, {"models": ["m"], "level": 50}),
        ("mqloss", {"quantiles": [0.1, 0.9]}, {"models": {"m": OUTER}, "quantiles": np.array([0.1, 0.9])}),
        ("scaled_crps", {}, {"models": {"m": [OUTER[0], *INNER, OUTER[1]]}, "quantiles": np.array(LEVELS)}),
        ("rmae", {}, {"models": ["m"], "baseline": "base"}),
    ],
)  # fmt: skip
def test_metric_of_quantiles_gives_what_a_direct_call_gives(name, params, given):
    frame, _ = frames(window())
    want = in_order(getattr(uf, name)(frame, **given))
    assert by_series(f"utilsforecast.losses:{name}", params) == pytest.approx(want)
    assert np.ptp(want) > 0


def test_scaled_quantile_loss_takes_quantile_and_training_data():
    frame, known = frames(window())
    want = uf.scaled_quantile_loss(frame, {"m": "m-hi-50"}, seasonality=1, train_df=known, q=0.75)
    got = by_series("utilsforecast.losses:scaled_quantile_loss", {"q": 0.75, "seasonality": 1})
    assert got == pytest.approx(in_order(want))


def test_business_losses_for_utilsforecast_work_with_costs_of_their_own_and_of_the_rows(tmp_path):
    lines = ["from losses import Newsvendor, UnitCosts", "from losses.utilsforecast import metric",
             "COST = metric(Newsvendor(), UnitCosts(8.0, 2.0))", "ROWS = metric(Newsvendor())"]  # fmt: skip
    (tmp_path / "our_money.py").write_text("\n".join(lines))
    frame, _ = frames(window())
    for name, own in (("COST", COST), ("ROWS", ROW_COST)):
        found = found_metric(External(f"our_money:{name}", {}, folder=tmp_path), "here").measure.parts(window())[0]
        assert found == pytest.approx(in_order(own(frame, ["m"])))


def test_score_of_a_utilsforecast_metric_is_the_mean_over_series_and_windows():
    first, second = window(), window(demand=window().cells.demand + 3.0)
    windows = [ScoredWindow(str(n), o.cells, {"m": o}) for n, o in enumerate((first, second))]
    metrics = metrics_named([{"name": "uf_mae", "object": "utilsforecast.losses:mae"}])
    table = score(windows, metrics, Axes(by_step=False, by_cutoff=False)).table
    per_window = [in_order(uf.mae(frames(o)[0], ["m"])).mean() for o in (first, second)]
    assert table["value"].iloc[0] == pytest.approx(np.mean(per_window))


def test_rows_without_demand_are_left_out_of_the_frame():
    demand = window().cells.demand.copy()
    demand[1, 2] = np.nan
    o = window(demand=demand)
    frame, _ = frames(o)
    want = in_order(uf.coverage(frame.dropna(subset="y"), ["m"], level=80))
    assert by_series("utilsforecast.losses:coverage", {"level": 80}, o) == pytest.approx(want)
    assert want[1] != pytest.approx(in_order(uf.coverage(frame, ["m"], level=80))[1])  # theirs counts it as missed


def test_rows_that_are_censored_or_not_to_be_forecast_are_left_out():
    gone = np.zeros((3, 5), dtype=bool)
    gone[0, 1] = gone[2, 4] = True
    o = window()
    frame, _ = frames(o)
    want = in_order(uf.rmse(frame[~gone.ravel()], ["m"]))
    assert by_series("utilsforecast.losses:rmse", {}, window(censored=gone)) == pytest.approx(want)
    assert by_series("utilsforecast.losses:rmse", {}, window(present=~gone)) == pytest.approx(want)


def test_series_that_lacks_a_forecast_or_a_needed_quantile_has_no_value():
    forecast = window().forecast.copy()
    forecast[1, 3] = np.nan
    assert np.isnan(by_series("utilsforecast.losses:mae", {}, window(forecast=forecast))).tolist() == [
        False,
        True,
        False,
    ]
    quantiles = {q: at.copy() for q, at in window().quantiles.items()}
    quantiles[0.9][2, 0] = np.nan
    o = window(quantiles=quantiles)
    assert np.isnan(by_series("utilsforecast.losses:coverage", {"level": 80}, o)).tolist() == [False, False, True]
    assert not np.isnan(by_series("utilsforecast.losses:coverage", {"level": 50}, o)).any()


@pytest.mark.parametrize(
    ("name", "params", "lacking"),
    [("mase", {"seasonality": 1}, {"training": None}), ("rmae", {}, {"baseline": None}),
     ("coverage", {"level": 90}, {}), ("mqloss", {}, {"quantiles": {}})],
)  # fmt: skip
def test_what_a_metric_needs_and_is_not_there_makes_it_nan(name, params, lacking):
    assert np.isnan(by_series(f"utilsforecast.losses:{name}", params, window(**lacking))).all()


def team(tmp_path, text):
    (tmp_path / "ours.py").write_text(text)
    return Catalogue(builtin(), tmp_path)


GAP = (
    "import numpy as np\ndef gap(observations, *, above=1.0):\n    return np.maximum(observations.error - above, 0.0)\n"
)
SHARE = "def share(o):\n    return o.absolute_error, o.cells.demand\n"


def total(metric, o):
    return score([ScoredWindow("1", o.cells, {"m": o})], [metric], Axes(by_step=False)).table["value"].iloc[0]


def test_function_of_observations_is_averaged_over_cells(tmp_path):
    entry = {"name": "gap", "object": "ours:gap", "params": {"above": 2.0}, "direction": "lower"}
    (metric,) = team(tmp_path, GAP).named([entry])
    o = window()
    assert total(metric, o) == pytest.approx(np.mean(np.maximum(o.forecast - o.cells.demand - 2.0, 0.0)))


def test_function_that_gives_two_arrays_is_a_ratio_of_sums(tmp_path):
    entry = {"name": "share", "object": "ours:share", "direction": "lower", "factor": 100}
    (metric,) = team(tmp_path, SHARE).named([entry])
    assert total(metric, window()) == pytest.approx(total(builtin()["wape"], window()))


def test_version_follows_the_code_and_the_params_of_a_metric_of_others(tmp_path):
    entry = {"name": "gap", "object": "ours:gap", "direction": "lower"}
    (first,) = team(tmp_path, GAP).named([entry])
    (far,) = team(tmp_path, GAP).named([entry | {"params": {"above": 1000.0}}])
    (farther,) = team(tmp_path, GAP).named([entry | {"params": {"above": 2000.0}}])  # no value shows it
    (again,) = team(tmp_path, GAP).named([entry])
    (edited,) = team(tmp_path, GAP + "# said anew\n").named([entry])
    assert first.version == again.version
    assert len({first.version, far.version, farther.version, edited.version}) == 4


@pytest.mark.parametrize(
    ("text", "entry", "message"),
    [
        (GAP, {"object": "ours:gab", "direction": "lower"}, "ours has no 'gab'; did you mean 'gap'"),
        (GAP, {"object": "ours:gap"}, r"x says no direction; add direction: lower, higher, zero or none"),
        (GAP, {"object": "ours:gap", "direction": "lower", "params": {"abov": 1}}, "did you mean 'above'"),
        (GAP, {"object": "hours:gap", "direction": "lower"}, "there is no module 'hours'; did you mean 'ours'"),
        ("def f(o):\n    return o.forecast[0]\n", {"object": "ours:f", "direction": "lower"}, r"\(5,\) for \(4, 5\)"),
        ("def f(o):\n    return 1 / 0\n", {"object": "ours:f", "direction": "lower"}, "failed: ZeroDivisionError"),
        ("def f(y, f):\n    return y\n", {"object": "ours:f", "direction": "lower"}, "begins with the parameter 'y'"),
        ("F = 3\n", {"object": "ours:F", "direction": "lower"}, "is of type int; name a function"),
        ("def f(df, models):\n    return 3\n", {"object": "ours:f"}, "gave a int without unique_id and forecast"),
        ("def f(df, models):\n    return df\n", {"object": "ours:f"}, "several rows of a series"),
        ("", {"object": "utilsforecast.losses:mase"}, "missing a required argument: 'seasonality'"),
        ("", {"object": "utilsforecast.losses:calibration"}, r"which quantile .*add params: \{q: 0.9\}"),
        ("", {"object": "utilsforecast.losses:mae", "per": "series"}, "leave factor, form and per out"),
        ("", {"object": "no_such_metric", "direction": "lower"}, "no installed package has an entry point"),
    ],
)  # fmt: skip
def test_metric_of_others_that_is_none_is_refused_with_place_and_fix(tmp_path, text, entry, message):
    with pytest.raises(InputError, match=rf"score\.metrics\.0.*{message}"):
        team(tmp_path, text).named([{"name": "x", **entry}])


@pytest.mark.parametrize(("name", "want"), [("coverage", "none"), ("cfe", "zero"), ("mae", "lower")])
def test_direction_of_a_utilsforecast_metric_is_known(name, want):
    params = {"level": 80} if name == "coverage" else {}
    (metric,) = metrics_named([{"name": "x", "object": f"utilsforecast.losses:{name}", "params": params}])
    assert metric.direction == want
