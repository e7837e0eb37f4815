"""Laws of the score engine, for every metric of forecasts and every axis."""

import dataclasses
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_eval.scores import Axes, Cells, Observations, ScoredWindow, engine, metrics_named, score
from forecast_eval.scores.catalogue import builtin
from forecast_eval.scores.hierarchy import Hierarchy, Level
from forecast_eval.scores.observations import Scale, Training
from losses import UnitCosts

NAMES = [m.name + ("_80" if m.needs_level else "") for m in builtin().values() if m.source == "forecasts"]
METRICS = metrics_named([*NAMES, "pinball_0.9"])
OF_CELLS = [m for m in METRICS if m.measure.over == "cells"]
OF_PANEL = [m for m in METRICS if m.measure.over == "panel"]
THEIRS = metrics_named([{"name": "linex", "object": "utilsforecast.losses:linex", "params": {"a": 0.1}}])
"""A metric of a series in a window; it is of another package, as all of those are."""
STORES, CLASSES = ("S1", "S2"), ("A", "B", "C")
LEVELS = (0.1, 0.25, 0.5, 0.9)
AXES = Axes({"store": STORES, "abc": CLASSES, "level": ("total", "unique_id")}, by_series=True,
            varying=frozenset({"abc"}))  # fmt: skip
KEY = ["model", "metric", "axis", "group"]


def window(number, rng, *, series=6, steps=4, models=("m", "n"), around=None):
    """A window without any symmetry: zeros, ties, NaN on both sides, cells that do not exist, stockouts."""
    shape = (series, steps)
    sold = rng.poisson(rng.gamma(2.0, 3.0, (series, 1)), shape).astype(float)
    sold[rng.random(shape) < 0.15] = np.nan
    stockout = rng.random(shape) < 0.2
    present = rng.random(shape) < 0.9
    cells = Cells(
        unique_ids=np.array([f"s{k}" for k in range(series)], dtype=object),
        dates=pd.date_range("2026-01-05", periods=steps, freq="W-MON") + pd.Timedelta(weeks=number),
        demand=sold, present=present, costs=UnitCosts(rng.uniform(2, 9, shape), rng.uniform(0.2, 3, shape)),
        stockout=stockout, sold=sold, trend=rng.uniform(-1, 1, series), **(around or surroundings(rng, series)),
    )  # fmt: skip
    baseline = points(rng, sold)
    cells = dataclasses.replace(cells, baseline=baseline)
    said = {model: said_of(cells, points(rng, sold), rng) for model in models}
    codes = {"store": np.arange(series) % 2, "abc": rng.integers(0, 3, series)}
    return ScoredWindow(f"w{number}", cells, said, codes)


def surroundings(rng, series):
    """What belongs to series: scales, training data and a hierarchy of two levels."""
    training = rng.poisson(5.0, (series, 9)).astype(float)
    scale = Scale(rng.uniform(1, 4, series), rng.uniform(2, 9, series))
    if series > 2:
        scale.absolute[1] = scale.squared[2] = np.nan  # a series that never changed
    weight = rng.dirichlet(np.ones(series))
    whole = Level("total", np.zeros(series, dtype=np.int64), np.ones(1), np.array([6.0]), np.array([50.0]))
    alone = Level("unique_id", np.arange(series), weight, rng.uniform(1, 4, series), rng.uniform(2, 9, series))
    dates = pd.date_range("2025-10-06", periods=9, freq="W-MON")
    return {"scale": scale, "training": Training(training, dates), "hierarchy": Hierarchy((whole, alone))}


def points(rng, sold):
    """Point forecasts with gaps, some of them exactly what came."""
    forecast = np.nan_to_num(sold) * rng.gamma(4.0, 0.25, sold.shape) + rng.gamma(1.0, 1.0, sold.shape)
    forecast = np.where(rng.random(sold.shape) < 0.2, sold, forecast)
    return np.where(rng.random(sold.shape) < 0.1, np.nan, forecast)


def said_of(cells, forecast, rng):
    spread = rng.gamma(2.0, 1.0, forecast.shape)
    quantiles = {q: np.maximum(forecast + spread * (q - 0.45) * 4, 0.0) for q in LEVELS}
    paths = forecast[..., None] * rng.gamma(3.0, 0.3, (*forecast.shape, 5))
    return Observations(cells, forecast, quantiles, paths)


def windows(seed=1, *, count=3, **shape):
    rng = np.random.default_rng(seed)
    around = surroundings(rng, shape.get("series", 6))
    return [window(k, rng, around=around, **shape) for k in range(count)]


def changed(one, change, codes=None):
    """The window with other cells, and models that see them; change : cells -> cells."""
    cells = change(one.cells)
    models = {m: dataclasses.replace(o, cells=cells) for m, o in one.models.items()}
    return ScoredWindow(one.cutoff, cells, models, one.codes if codes is None else codes)


def rows_of(one, rows, *, order=None):
    """The window with some of its series, or with all of them in another order."""
    at = np.asarray(rows)
    c = one.cells
    level = [dataclasses.replace(each, codes=each.codes[at]) for each in c.hierarchy.levels]
    cells = dataclasses.replace(
        c, unique_ids=c.unique_ids[at] if order is None else order, demand=c.demand[at], present=c.present[at],
        costs=UnitCosts(c.costs.underage[at], c.costs.overage[at]), stockout=c.stockout[at], sold=c.sold[at],
        censored=None if c.censored is None else c.censored[at], trend=c.trend[at], baseline=c.baseline[at],
        weight=None if c.weight is None else c.weight[at], scale=Scale(c.scale.absolute[at], c.scale.squared[at]),
        training=Training(c.training.sales[at], c.training.dates), hierarchy=Hierarchy(tuple(level)),
    )  # fmt: skip
    models = {
        m: Observations(cells, o.forecast[at], {q: v[at] for q, v in o.quantiles.items()}, o.paths[at])
        for m, o in one.models.items()
    }
    return ScoredWindow(one.cutoff, cells, models, {axis: code[at] for axis, code in one.codes.items()})


def table(given, metrics=METRICS, axes=AXES, **how):
    return score(given, metrics, axes, **how).table.set_index(KEY)


def totals(given, metrics=METRICS, **how):
    """Value of each model and metric over all."""
    found = table(given, metrics, **how).xs(("total", "all"), level=("axis", "group"))
    return found[["value", "n_obs", "n_missing"]]


def equal(found, expected, rel=1e-9):
    """Assert equal values of two tables by key, whatever the order; categories play no part."""
    one, other = (
        each.reset_index().astype({"value": float}).set_index(list(expected.index.names)) for each in (found, expected)
    )
    one.index, other.index = pd.Index(one.index.to_list()), pd.Index(other.index.to_list())
    assert set(one.index) == set(other.index)
    assert one["value"].to_numpy() == pytest.approx(other.loc[one.index, "value"].to_numpy(), rel=rel, nan_ok=True)


seeds = given(seed=st.integers(0, 10_000), series=st.integers(1, 7), steps=st.integers(1, 5), count=st.integers(1, 3))
few = settings(max_examples=12, deadline=None)


def only(kept):
    """Let only some cells be there; kept : cutoff -> cells -> [series, step]."""
    return lambda one: changed(one, lambda c: dataclasses.replace(c, present=c.present & kept(one)))


GROUPS = {
    ("series", "s3"): lambda one: (one.cells.unique_ids == "s3")[:, None],
    ("store", "S2"): lambda one: (one.codes["store"] == 1)[:, None],
    ("abc", "B"): lambda one: (one.codes["abc"] == 1)[:, None],
    ("step", "3"): lambda one: np.arange(len(one.cells.dates)) == 2,
    ("cutoff", "w1"): lambda one: np.array(one.cutoff == "w1"),
}


@pytest.mark.parametrize(("axis", "group"), GROUPS)
def test_group_is_scored_as_if_it_were_alone(axis, group):
    every = windows()
    inside = table(every, OF_CELLS).xs((axis, group), level=("axis", "group"))
    alone = totals([only(GROUPS[axis, group])(one) for one in every], OF_CELLS)
    equal(inside, alone)
    assert (
        inside[["n_obs", "n_missing"]].to_numpy() == alone.loc[inside.index, ["n_obs", "n_missing"]].to_numpy()
    ).all()
    assert inside["value"].notna().mean() > 0.9


@pytest.mark.parametrize(("axis", "group", "rows"), [("store", "S2", [1, 3, 5]), ("series", "s4", [4])])
def test_group_is_scored_as_if_no_other_series_existed(axis, group, rows):
    every = windows()
    metrics = [*OF_CELLS, *THEIRS]
    inside = table(every, metrics).xs((axis, group), level=("axis", "group"))
    equal(inside, totals([rows_of(one, rows) for one in every], metrics))


def test_level_is_scored_as_if_the_hierarchy_had_no_other():
    every = windows()
    inside = table(every, OF_PANEL).xs("level", level="axis")
    for name in ("total", "unique_id"):

        def alone(c, name=name):
            levels = tuple(level for level in c.hierarchy.levels if level.name == name)
            return dataclasses.replace(c, hierarchy=Hierarchy(levels))

        axes = Axes({"level": (name,)})
        found = table([changed(dataclasses.replace(one, codes={}), alone) for one in every], OF_PANEL, axes)
        equal(inside.xs(name, level="group"), found.xs(("total", "all"), level=("axis", "group")))


@few
@seeds
def test_windows_one_by_one_give_what_all_steps_at_once_give(seed, series, steps, count):
    """All but SPEC, whose periods are coupled within a window."""
    every = windows(seed, series=series, steps=steps, count=count)
    trend = every[0].cells.trend
    every = [changed(one, lambda c: dataclasses.replace(c, trend=trend)) for one in every]
    metrics = [m for m in OF_CELLS if m.name != "spec"]
    equal(totals(every, metrics), totals([side_by_side(every)], metrics))


def side_by_side(every):
    """One window of the steps of all."""
    first = every[0].cells
    joint = {
        name: np.concatenate([getattr(one.cells, name) for one in every], axis=1)
        for name in ("demand", "present", "stockout", "sold", "baseline")
    }
    costs = [
        np.concatenate([getattr(one.cells.costs, side) for one in every], axis=1) for side in ("underage", "overage")
    ]
    dates = every[0].cells.dates.append([one.cells.dates for one in every[1:]])
    cells = dataclasses.replace(first, **joint, costs=UnitCosts(*costs), dates=dates)
    models = {
        m: Observations(
            cells, np.concatenate([one.models[m].forecast for one in every], axis=1),
            {q: np.concatenate([one.models[m].quantiles[q] for one in every], axis=1) for q in LEVELS},
        )
        for m in every[0].models
    }  # fmt: skip
    return ScoredWindow("all", cells, models, {})


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_do_not_change_a_bit(threads, monkeypatch):
    monkeypatch.setattr(engine, "SERIES_AT_ONCE", 3)
    one, many = (score(windows(series=11), METRICS, AXES, compared=NAMES, threads=n) for n in (1, threads))
    pd.testing.assert_frame_equal(one.table, many.table, check_exact=True)
    for name, sums in one.measured.items():
        assert np.array_equal(sums.sums, many.measured[name].sums)


@pytest.mark.parametrize("at_once", [1, 4, 5])
def test_series_at_once_do_not_matter(at_once, monkeypatch):
    whole = table(windows(series=11))
    monkeypatch.setattr(engine, "SERIES_AT_ONCE", at_once)
    parts = table(windows(series=11))
    pd.testing.assert_frame_equal(parts, whole, rtol=1e-12)


@pytest.mark.parametrize("at_once", [1, 4, 5])
def test_series_at_once_do_not_matter_to_comparisons(at_once, monkeypatch):
    """Some series are not forecast by one model at all, and are no part of the comparison."""
    every = [silent(one, "n", slice(2, 5)) for one in windows(series=11)]
    whole = score(every, METRICS, AXES, compared=NAMES).measured
    monkeypatch.setattr(engine, "SERIES_AT_ONCE", at_once)
    parts = score(every, METRICS, AXES, compared=NAMES).measured
    for name, sums in whole.items():
        np.testing.assert_allclose(parts[name].sums, sums.sums, rtol=1e-12)


def silent(one, model, rows):
    """The window with a model that says nothing of some series."""
    forecast = one.models[model].forecast.copy()
    forecast[rows] = np.nan
    return dataclasses.replace(
        one, models=one.models | {model: dataclasses.replace(one.models[model], forecast=forecast)}
    )


@few
@seeds
def test_order_of_series_and_models_does_not_matter(seed, series, steps, count):
    every = windows(seed, series=series, steps=steps, count=count)
    order = np.random.default_rng(seed).permutation(series)
    turned = [rows_of(one, order) for one in every]
    turned = [dataclasses.replace(one, models=dict(reversed(one.models.items()))) for one in turned]
    equal(table(turned), table(every))


@few
@seeds
def test_every_cell_that_is_there_is_counted_once_on_every_axis(seed, series, steps, count):
    every = windows(seed, series=series, steps=steps, count=count)
    present = sum(int(one.cells.present.sum()) for one in every)
    found = table(every, OF_CELLS)[["n_obs", "n_missing"]].sum(axis=1)
    counted = found.groupby(level=["model", "metric", "axis"], observed=True).sum()
    assert (counted == present).all()
    assert set(counted.index.get_level_values("axis")) == {"total", "series", "step", "cutoff", "store", "abc"}


def test_missing_are_the_cells_in_which_demand_or_forecast_is_not_known():
    every = windows()
    unknown = sum(
        int((one.cells.present & np.isnan(one.models["m"].forecast + one.cells.demand)).sum()) for one in every
    )
    zero = sum(
        int((one.cells.present & (one.cells.demand == 0) & ~np.isnan(one.models["m"].forecast)).sum()) for one in every
    )
    found = totals(every).loc["m", "n_missing"]
    assert found[["mae", "wape", "newsvendor_cost"]].tolist() == [unknown] * 3
    assert found["mape"] == unknown + zero
    assert 0 < zero < unknown


WEIGHED = [m for m in METRICS if m.measure.over != "panel"]


@pytest.mark.parametrize("metric", WEIGHED, ids=lambda m: m.name)
def test_weights_of_one_change_nothing(metric):
    every = windows()
    ones = [changed(one, lambda c: dataclasses.replace(c, weight=np.ones(6))) for one in every]
    equal(table(ones, [metric]), table(every, [metric]))


@pytest.mark.parametrize("metric", WEIGHED, ids=lambda m: m.name)
def test_weight_of_a_whole_number_is_so_many_copies_of_the_series(metric):
    every, weight = windows(), np.array([1.0, 3.0, 1.0, 2.0, 0.0, 1.0])
    copies = np.repeat(np.arange(6), weight.astype(int))
    names = np.array([f"copy{k}" for k in range(len(copies))], dtype=object)
    weighed = [changed(one, lambda c: dataclasses.replace(c, weight=weight)) for one in every]
    axes = dataclasses.replace(AXES, by_series=False)
    equal(table(weighed, [metric], axes), table([rows_of(one, copies, order=names) for one in every], [metric], axes))


def test_weights_do_not_touch_the_counts():
    every = windows()
    weighed = [changed(one, lambda c: dataclasses.replace(c, weight=np.arange(6.0))) for one in every]
    counts = [table(each, WEIGHED)[["n_obs", "n_missing"]] for each in (every, weighed)]
    pd.testing.assert_frame_equal(*counts)


def hidden(one):
    """Stockout periods say that demand was at least what was sold."""
    return changed(one, lambda c: dataclasses.replace(c, censored=c.stockout))


def moved(one, by):
    """Forecasts, quantiles and paths of stockout periods as far from what was sold; by > 0 is above it."""
    sold, out = one.cells.sold, one.cells.stockout
    at = np.where(out, sold + by, np.nan)

    def here(values):
        extra = values.ndim - at.ndim
        own = at.reshape(at.shape + (1,) * extra)
        return np.where(np.isnan(own) | np.isnan(values), values, np.maximum(own, 0.0))

    models = {
        m: Observations(o.cells, here(o.forecast), {q: here(v) for q, v in o.quantiles.items()}, here(o.paths))
        for m, o in one.models.items()
    }
    return dataclasses.replace(one, models=models)


EXCESS = [
    "rmse", "mae", "wape", "bias", "mase", "rmsse", "wrmsse", "tracking_signal", "pinball", "crps", "interval_score_80",
    "newsvendor_cost", "underage_cost", "overage_cost", "trend_weighted_cost", "cost_per_unit", "wspl",
]  # fmt: skip


@pytest.mark.parametrize("name", EXCESS)
def test_forecast_above_what_a_stockout_sold_costs_nothing(name):
    metric, every = metrics_named([name]), windows()
    near, far = ([hidden(moved(one, by)) for one in every] for by in (1.0, 900.0))
    equal(totals(far, metric), totals(near, metric))


@pytest.mark.parametrize("name", EXCESS)
def test_forecast_below_what_a_stockout_sold_costs_as_in_any_period(name):
    metric, every = metrics_named([name]), [moved(one, -1.0) for one in windows()]
    equal(totals([hidden(one) for one in every], metric), totals(every, metric))


def test_spec_of_a_window_with_hidden_demand_is_not_known():
    """What was not served in a stockout would be wanted later too: no period of the window is known."""
    metric, every = metrics_named(["spec"]), windows()
    found = table([hidden(one) for one in every], metric).xs("series", level="axis")["n_obs"].loc["m", "spec"]
    kept = np.zeros(6)
    for one in every:
        seen = one.cells.present & ~np.isnan(one.cells.demand + one.models["m"].forecast) & ~one.cells.stockout
        kept += np.where(seen.all(axis=1), one.cells.demand.shape[1], 0)
    assert found.tolist() == kept.tolist()
    assert 0 < kept.sum() < totals(every, metric).loc[("m", "spec"), "n_obs"]


def test_coverage_of_hidden_demand_is_not_known():
    every = windows()
    out = sum(int((one.cells.present & one.cells.stockout & ~np.isnan(one.cells.sold + one.models["m"].forecast)).sum())
              for one in every)  # fmt: skip
    metric = metrics_named(["coverage_80", "calibration_error"])
    more = totals([hidden(one) for one in every], metric)["n_missing"] - totals(every, metric)["n_missing"]
    assert more.loc["m"].tolist() == [out, out]


LACKING = ["quantiles", "scale", "hierarchy", "baseline", "trend", "stockout"]


@pytest.mark.parametrize("lacking", LACKING)
def test_metric_without_what_it_needs_is_nan_and_counted(lacking):
    needs = {
        "quantiles": ["pinball", "pinball_0.9", "crps", "coverage_80", "interval_score_80", "calibration_error"],
        "scale": ["mase", "rmsse"],
        "hierarchy": ["wrmsse", "wspl"],
        "baseline": ["relative_mae", "fva"],
        "trend": ["trend_weighted_cost"],
        "stockout": ["stockout_recall", "false_warning_rate"],
    }[lacking]
    if lacking == "quantiles":
        bare = [
            dataclasses.replace(one, models={m: Observations(one.cells, o.forecast) for m, o in one.models.items()})
            for one in windows()
        ]
    else:
        bare = [changed(one, lambda c: dataclasses.replace(c, **{lacking: None})) for one in windows()]
    found = totals(bare, metrics_named(needs))
    assert found["value"].isna().all()
    assert (found["n_obs"] == 0).all()
    expected = 3 if lacking == "hierarchy" else sum(int(one.cells.present.sum()) for one in bare)
    assert (found["n_missing"] == expected).all()


def test_comparison_stands_on_the_cells_that_all_models_have():
    every = windows()
    shared = score(every, OF_CELLS, AXES, compared=[m.name for m in OF_CELLS]).measured
    both = [
        changed(one, lambda c, one=one: dataclasses.replace(c, present=c.present & ~np.isnan(sum(
            o.forecast for o in one.models.values()))))
        for one in every
    ]  # fmt: skip
    alone = table(both, OF_CELLS).xs("series", level="axis")["value"]
    for name in ("mae", "rmse", "wape", "newsvendor_cost", "mase", "tracking_signal"):
        one = shared[name]
        values = one.finish(np.moveaxis(one.sums.sum(axis=-1), 1, -1))  # [model, series]
        for k, model in enumerate(one.models):
            assert values[k] == pytest.approx(alone.loc[model, name].to_numpy(), nan_ok=True)


def test_memory_does_not_grow_with_windows():
    """Forty windows that come one by one take what four take, but for a few numbers a cutoff."""
    metrics = metrics_named(
        ["rmse", "wape", "mase", "tracking_signal", "pinball", "spec", "calibration_error", "wrmsse"]
    )
    score(windows(count=1), metrics, AXES)  # what is loaded or compiled once
    four, forty = (peak(lambda n=n: score(stream(n), metrics, AXES)) for n in (4, 40))
    assert forty < 1.2 * four


def stream(count):
    rng = np.random.default_rng(5)
    around = surroundings(rng, 300)
    return (window(k, rng, series=300, steps=14, around=around, models=("m",)) for k in range(count))


def peak(work):
    """Most bytes that were held while something worked."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most
