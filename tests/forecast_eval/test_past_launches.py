"""Launches at earlier weeks of one market."""

import pandas as pd
import pytest
import yaml

from backtest import InputError
from forecast_eval.past_launches import launches_at

AVERAGE = {"kind": "seasonal_average", "season": "none"}
TREE = {
    "name": "past",
    "seed": 3,
    "data": {
        "world": {"stores": 4, "skus": 3, "weeks": 44, "ahead": 7, "truth": False}, "known_future": ["promo"],
    },
    "backtest": {"horizon": 3, "windows": 7, "hidden_demand": "as_is", "quantiles": [0.5], "workers": 1},
    "forecasters": {"slow": AVERAGE | {"window": 13}, "quick": AVERAGE | {"window": 3}},
    "score": {"metrics": ["rmse"], "hidden_demand": "as_is", "replicates": 100},
    "simulate": {"judged": 2, "scenarios": 50, "policies": [{"kind": "periods_of_supply", "periods": [2]}]},
    "compare": {"incumbent": "slow", "cluster": "store"},
    "online": {
        "candidates": ["quick"], "design": {"assignment": "complete", "accept": 1, "pre_periods": 30, "periods": 3},
    },
}  # fmt: skip


@pytest.fixture(name="config")
def config_fixture(tmp_path):
    """A tiny market with one candidate."""
    (tmp_path / "past.yaml").write_text(yaml.safe_dump(TREE), encoding="utf-8")
    return tmp_path / "past.yaml"


def test_launches_at_several_weeks_know_the_same_market_up_to_each_of_them(config, tmp_path):
    early, late = launches_at(config, [40, 44], root=tmp_path / "runs")
    ends = [session.inputs.history.calendar[-1] for session in (early, late)]
    assert ends[1] - ends[0] == pd.Timedelta(weeks=4)
    shared = late.inputs.history.frame[late.inputs.history.frame["ds"] <= ends[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, early.inputs.history.frame)
    for session, end in zip((early, late), ends, strict=True):
        outcomes = session.run.read("outcomes").dropna(subset=["arm"])
        assert outcomes["ds"].min() == end + pd.Timedelta(weeks=1)
        assert outcomes["ds"].nunique() == 3


def test_a_week_without_room_for_its_test_is_refused_by_name(config, tmp_path):
    with pytest.raises(InputError, match=r"--week: week=46 leaves 5 of the market's 51 weeks.*6; give 45 or less"):
        list(launches_at(config, [44, 46], root=tmp_path / "runs"))


def test_a_config_that_launches_nothing_is_refused(tmp_path):
    tree = {name: value for name, value in TREE.items() if name != "online"}
    (tmp_path / "past.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(InputError, match=r"only a config with data\.world and online can launch"):
        list(launches_at(tmp_path / "past.yaml", [40], root=tmp_path / "runs"))
