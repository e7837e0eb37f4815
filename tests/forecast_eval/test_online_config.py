"""Laws of the section `online`: what can be launched, and what the world keeps to itself."""

from pathlib import Path

import numpy as np
import pytest

from backtest import InputError
from forecast_eval.config import config_of
from forecast_eval.pipeline import checked
from forecast_eval.read import read_inputs

AVERAGE = {"kind": "seasonal_average", "window": 8, "season": "none"}
TREE = {
    "name": "shop",
    "data": {"world": {"stores": 4, "skus": 3, "weeks": 50, "ahead": 8}},
    "backtest": {"horizon": 4, "windows": 8, "quantiles": [0.1, 0.9]},
    "forecasters": {
        "slow": AVERAGE,
        "quick": AVERAGE | {"window": 2},
        "made": {"kind": "file", "path": "forecasts.csv"},
        "mix": {"kind": "ensemble", "members": ["slow", "quick"]},
        "spread": {"kind": "residual_quantiles", "of": "slow"},
    },
    "score": {"metrics": ["rmse", "bias"]},
    "compare": {"incumbent": "slow"},
    "online": {"candidates": ["quick", {"best": "bias"}, {"best": "profit"}], "design": {"periods": 4}},
}


def changed(tree, **changes):
    """Tree with other values at keys such as data__world__ahead; None takes the key out."""
    tree = dict(tree)
    for path, value in changes.items():
        key, _, rest = path.partition("__")
        tree[key] = changed(tree.get(key) or {}, **{rest: value}) if rest else value
    return {key: value for key, value in tree.items() if value is not None}


def config(**changes):
    return config_of(changed(TREE, **changes), "shop.yaml")


def refused(**changes):
    with pytest.raises(InputError) as found:
        config(**changes)
    return [str(fault) for fault in found.value.faults]


FILES = {"history": {"path": "history.csv"}, "economics": {"values": {"price": 3, "unit_cost": 2}}}

BAD = {
    "no market": (
        {"data": FILES},
        "shop.yaml, online: only a synthetic market can play a test; give data.world, or leave online out",
    ),
    "too few weeks": (
        {"data__world__ahead": 7},
        "data.world.ahead: 7 weeks after the history are fewer than the test and the horizon of its last week; "
        "set it to 8 or more",
    ),
    "short history": (
        {"online__design__pre_periods": 47},
        "online.design: a pre-period of 47 weeks and a test of 4 cannot be played on a history of 50; shorten "
        "either, or set data.world.weeks to 51 or more",
    ),
    "few stores": (
        {"data__world__stores": 3},
        "online.design.arms: the smaller arm gets 1 of 3 stores, and an arm needs 2; set data.world.stores to more",
    ),
    "two weeks a step": ({"backtest__step": 2}, "backtest.step: the shops of a market order every week; set it to 1"),
    "cutoffs a month apart": (
        {"backtest__windows": None, "backtest__cutoffs": ["2024-10-07", "2024-11-04"]},
        "backtest.cutoffs: the shops of a market order every week; give cutoffs a week apart",
    ),
    "late data": ({"backtest__gap": 1}, "backtest.gap: the shops of a market know last week's sales; leave it out"),
    "unknown forecaster": (
        {"online__candidates": ["quik"]},
        "online.candidates: 'quik' is not a forecaster; did you mean 'quick'?",
    ),
    "unknown metric": (
        {"online__candidates": [{"best": "rsme"}]},
        "online.candidates: 'rsme' is not among score.metrics; did you mean 'rmse'?",
    ),
    "incumbent": ({"online__candidates": ["slow"]}, "online.candidates: the incumbent is the control; name others"),
    "nobody": ({"online__candidates": []}, "online.candidates"),
    "file": ({"online__candidates": ["made"]}, "online.candidates: made is of kind file, which nobody can deploy"),
    "ensemble": ({"online__candidates": ["mix"]}, "mix is of kind ensemble, which nobody can deploy by itself; test a"),
    "residuals": ({"online__candidates": ["spread"]}, "spread is of kind residual_quantiles, which nobody can deploy"),
    "incumbent that is made of others": (
        {"compare__incumbent": "mix"},
        "online.candidates: mix is of kind ensemble, which nobody can deploy by itself",
    ),
    "unknown measure": (
        {"online__metrics": {"profit": {"role": "primary"}, "waste": {"of": "wasted / exposur"}}},
        "online.metrics.waste.of: a market does not measure 'exposur'; did you mean 'exposure'?",
    ),
    "nothing decides": (
        {"online__metrics": {"revenue": {}}},
        "online.metrics: no metric is primary; set role: primary for the one that decides",
    ),
    "items": ({"online__design__unit": "item"}, "online.design.unit: a market randomises stores, not item"),
    "other arms": (
        {"online__design__arms": {"old": 1, "new": 2}},
        "online.design.arms: the arms are control and treatment, in this order, not old and new",
    ),
    "control is not first": (
        {"online__design__arms": {"treatment": 1, "control": 2}},
        "online.design.arms: the arms are control and treatment, in this order, not treatment and control",
    ),
    "a start of its own": (
        {"online__design__start": "2027-01-04"},
        "online.design.start: a test starts in the week after the history; leave it out, and set data.world.weeks",
    ),
    "unknown key": ({"online__candidate": ["quick"]}, "unknown key 'candidate'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_launched_gets_one_clear_message(name):
    changes, words = BAD[name]
    (message,) = refused(**changes)
    assert words in message


def test_faults_of_a_launch_come_together():
    messages = refused(
        data__world__ahead=1, backtest__step=3, online__candidates=["slow", "mix", {"best": "mape"}, {"best": "wape"}]
    )
    said = " | ".join(messages)
    for words in ("ahead: 1 weeks", "step", "the incumbent is the control", "mix is of kind", "'mape'", "'wape'"):
        assert words in said
    assert len(messages) == 6
    both = refused(
        online__design={"unit": "item", "arms": {"a": 1, "b": 1}},
        online__metrics={"clicks": {}, "sold": {}},
    )
    assert len(both) == 4


def test_what_others_make_is_not_deployable():
    assert config().deployable == ("slow", "quick")


def test_a_market_needs_the_weeks_of_the_first_length_and_one_horizon():
    assert config(online__design__periods=[4, 24]).online.weeks == 4
    assert config(data__world__ahead=8).data.world.ahead == 8
    assert "set it to 12 or more" in refused(online__design__periods=8)[0]


def test_without_online_nothing_is_asked_of_the_market():
    assert config(online=None, backtest__step=2, data__world__ahead=None).online is None


def test_metric_that_ranks_nothing_chooses_nobody():
    given = {
        "score__metrics": ["rmse", "coverage_80"],
        "online__candidates": [{"best": "coverage_80"}],
        "forecasters": {name: TREE["forecasters"][name] for name in ("slow", "quick")},
    }
    with pytest.raises(InputError) as found:
        checked(config(**given), Path())
    (message,) = map(str, found.value.faults)
    assert message.startswith("online.candidates: coverage_80 ranks nothing")


def inputs(**world):
    return read_inputs(config(online=None, data__world={"stores": 3, "skus": 4} | world).data, Path(), seed=5)


def test_truth_stays_in_the_market_where_the_config_says_so():
    told, untold = (inputs(weeks=30, truth=truth) for truth in (True, False))
    assert told.demand is not None
    assert untold.demand is None
    assert set(told.history.static) - set(untold.history.static) == {"kind"}
    assert not told.demand["demand"].equals(told.history.frame["y"])  # something was hidden
    assert told.history.frame.equals(untold.history.frame)


def test_weeks_ahead_leave_the_history_as_long_as_it_was():
    short, long = inputs(weeks=30, ahead=9).history, inputs(weeks=39).history
    assert len(short.calendar) == 30
    assert short.dense().tolist() == long.dense()[:, :30].tolist()
    assert np.ptp(short.dense()) > 0
    assert len(inputs(weeks=30).history.calendar) == 30
