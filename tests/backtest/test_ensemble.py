"""Laws of ensembles: weighted means and medians of points, quantiles and pools of paths."""

import numpy as np
import pandas as pd
import pytest

from backtest import InputError, Known, RollingWindows
from backtest.adapters.ensemble import Ensemble
from backtest.derived import Derived, Made

DATES = pd.date_range("2026-01-02", periods=3)
KEYS = pd.DataFrame({"unique_id": np.repeat(["a", "b"], 3), "ds": np.tile(DATES, 2)})
KNOWN = Known(
    pd.Timestamp("2026-01-01"),
    KEYS.iloc[:0].assign(y=0.0),
    KEYS,
    pd.DataFrame(),
    freq="D",
    horizon=3,
    levels=(0.1, 0.9),
)
POINTS = {"x": [3, 5, 7, 11, 13, 17], "y": [1, 2, 4, 8, 16, 32], "z": [9, 6, 3, 30, 20, 10]}


def member(name, **columns):
    return KEYS.assign(model=name, forecast=np.array(POINTS[name], dtype=float), **columns)


def with_quantiles(name, spread):
    point = np.array(POINTS[name], dtype=float)
    return member(name, **{"q0.1": point - spread, "q0.9": point + spread})


def with_paths(name, count, value):
    return member(name, **{f"path{k + 1}": value + k for k in range(count)})


def combined(ensemble, *members):
    made = pd.concat(members, ignore_index=True).sample(frac=1, random_state=1)
    return ensemble.derive(KNOWN, Made(made, made.iloc[:0]))


def test_mean_of_points_weighs_its_members():
    out = combined(Ensemble(("x", "y", "z"), (2.0, 1.0, 1.0)), *map(member, POINTS))
    assert out["forecast"].tolist() == [4.0, 4.5, 5.25, 15.0, 15.5, 19.0]


def test_weights_count_by_their_ratio():
    members = list(map(member, POINTS))
    pd.testing.assert_frame_equal(
        combined(Ensemble(("x", "y"), (3.0, 1.0)), *members), combined(Ensemble(("x", "y"), (0.75, 0.25)), *members)
    )


def test_median_of_points():
    out = combined(Ensemble(("x", "y", "z"), how="median"), *map(member, POINTS))
    assert out["forecast"].tolist() == [3.0, 5.0, 4.0, 11.0, 16.0, 17.0]


def test_quantile_function_is_the_mean_of_the_members():
    out = combined(Ensemble(("x", "y"), (1.0, 3.0)), with_quantiles("x", 2.0), with_quantiles("y", 1.0))
    spread = (2.0 + 3 * 1.0) / 4
    np.testing.assert_allclose(out["q0.9"] - out["forecast"], spread)
    np.testing.assert_allclose(out["forecast"] - out["q0.1"], spread)


def test_quantiles_that_cross_are_sorted():
    crossing = with_quantiles("x", 2.0).rename(columns={"q0.1": "q0.9", "q0.9": "q0.1"})
    out = combined(Ensemble(("x", "y")), crossing, with_quantiles("y", 1.0))
    assert (out["q0.1"] < out["q0.9"]).all()


def test_level_that_a_member_lacks_is_left_out():
    out = combined(Ensemble(("x", "y")), with_quantiles("x", 2.0), with_quantiles("y", 1.0).drop(columns="q0.1"))
    assert list(out.columns) == ["unique_id", "ds", "forecast", "q0.9"]


def test_paths_are_pooled_by_weight():
    out = combined(Ensemble(("x", "y"), (3.0, 1.0)), with_paths("x", 4, 10.0), with_paths("y", 4, 50.0))
    assert out.loc[0, ["path1", "path2", "path3", "path4"]].tolist() == [10.0, 11.0, 12.0, 50.0]


def test_unequal_numbers_of_paths_give_none():
    out = combined(Ensemble(("x", "y")), with_paths("x", 4, 10.0), with_paths("y", 3, 50.0))
    assert list(out.columns) == ["unique_id", "ds", "forecast"]


def test_rows_are_the_wanted_ones_in_their_order():
    out = combined(Ensemble(("x", "y")), *map(member, POINTS))
    pd.testing.assert_frame_equal(out[["unique_id", "ds"]], KEYS)


def test_member_that_failed_is_named():
    with pytest.raises(ValueError, match="member 'y' has no forecast for unique_id='a'"):
        combined(Ensemble(("x", "y")), member("x"), member("y").iloc[1:])


def test_it_is_a_derived_forecaster_that_needs_no_earlier_windows():
    assert isinstance(Ensemble(("x", "y")), Derived)
    windows = RollingWindows(horizon=9, gap=2)
    assert Ensemble(("x", "y")).earlier(windows, pd.date_range("2026-01-01", periods=30)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"members": ("x",)}, "must be two or more"),
        ({"members": ("x", "y", "x")}, "member 'x' stands 2 times"),
        ({"members": ("x", "y"), "weights": (1.0,)}, "1 weights for 2 members"),
        ({"members": ("x", "y"), "weights": (1.0, -2.0)}, "weight -2.0 of member 'y'"),
        ({"members": ("x", "y"), "weights": (0.0, 0.0)}, "all weights are 0"),
        ({"members": ("x", "y"), "weights": (1.0, 2.0), "how": "median"}, "weights are given for a median"),
    ],
)
def test_what_makes_no_ensemble_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Ensemble(**arguments)


def test_all_faults_are_told_together():
    with pytest.raises(InputError) as told:
        Ensemble(("x", "x"), (float("nan"), -1.0, 2.0))
    assert len(told.value.faults) == 5
