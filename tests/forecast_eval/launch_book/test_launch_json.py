"""Launches as JSON and YAML: every number as it was, and every fault of a file at once."""

import json
import math

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import InputError
from forecast_eval.align import Deltas
from forecast_eval.launch_book.elsewhere import read_launches
from forecast_eval.launch_book.launch_json import canonical, launch_of, tree_of

BY_HAND = {
    "name": "spring", "candidate": "trees", "incumbent": "AutoETS", "judged": "2026-01-04", "decision": "launched",
    "offline": {"metrics": [
        {"name": "profit", "delta": 0.031, "error": 0.01}, {"name": "waste", "delta": -0.1, "error": 0.03},
    ]},
    "online": {"metrics": [{"name": "profit", "delta": 0.019, "error": 0.012, "base": 900}]},
    "test": {"unit": "store", "units": [10, 12], "start": "2026-01-05", "end": "2026-02-01", "periods": 4},
}  # fmt: skip


@pytest.mark.parametrize("decision", ["launched", "rejected", "not tested"])
def test_a_launch_comes_back_as_it_was_and_its_text_is_the_same(make_launch, decision):
    text = canonical(tree_of(make_launch(decision=decision)))
    assert canonical(tree_of(launch_of(json.loads(text)))) == text
    assert "NaN" not in text


@settings(max_examples=60, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(1e-70, 1e150), st.floats(allow_infinity=False))
def test_every_float_comes_back_exactly(value, error, base):
    deltas = Deltas.of(["profit"], [value], [[error**2]], base=[base])
    tree = BY_HAND | {"offline": json.loads(canonical({
        "metrics": [{"name": "profit", "delta": deltas.values[0], "unit": "EUR", "better": "higher", "base": base}],
        "covariance": deltas.covariance,
    }))}  # fmt: skip
    found = launch_of(tree).offline
    assert math.copysign(1, found.values[0]) == math.copysign(1, value)
    np.testing.assert_array_equal([found.values[0], found.covariance[0, 0], found.base[0]], [value, error**2, base])


def test_the_order_of_keys_does_not_change_the_text():
    assert canonical(BY_HAND) == canonical(dict(reversed(BY_HAND.items())))


def test_by_hand_errors_are_independent_units_shares_and_directions_of_the_catalogue():
    launch = launch_of(BY_HAND)
    np.testing.assert_array_equal(launch.offline.covariance, np.diag([0.01**2, 0.03**2]))
    assert launch.offline.better == ("higher", "lower")
    assert launch.offline.units == ("share", "share")
    assert np.isnan(launch.offline.base).all()
    assert launch.cross is None


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_file_may_hold_one_launch_or_a_list(tmp_path, ending):
    write = json.dumps if ending == "json" else yaml.safe_dump
    second = BY_HAND | {"name": "autumn", "judged": "2026-08-02"}
    for trees in (BY_HAND, [BY_HAND, second]):
        (tmp_path / f"past.{ending}").write_text(write(trees))
        names = [launch.name for launch in read_launches(tmp_path / f"past.{ending}")]
        assert names == (["spring"] if trees is BY_HAND else ["spring", "autumn"])


def test_every_fault_of_every_launch_is_said_at_once(tmp_path):
    side = {
        "metrics": [{"name": "profit", "delta": "a lot", "error": 0.01}, {"name": "waste", "delta": 0.1, "eror": 1}]
    }
    odd = {
        "metrics": [{"name": "our own", "delta": 0.1, "error": 0.01}, {"name": "profit", "delta": 3.1, "error": 0.1}]
    }
    trees = [
        BY_HAND | {"decision": "won", "judged": 20260104, "offline": side},
        BY_HAND | {"offline": odd},
        "no launch",
        {key: value for key, value in BY_HAND.items() if key != "test"} | {"name": "summer\n"},
    ]
    (tmp_path / "past.json").write_text(json.dumps(trees))
    with pytest.raises(InputError) as caught:
        read_launches(tmp_path / "past.json")
    said = [str(fault) for fault in caught.value.faults]
    expected = (
        "launch 1, judged: 20260104: must be a date", "launch 1, decision: 'won': Input should be 'launched'",
        "launch 1, offline.metrics.0.delta: 'a lot'",
        "launch 1, offline.metrics.1.eror: unknown key 'eror'; did you mean 'error'",
        "launch 2, offline.metrics.0: our own does not say which way",
        "launch 2, offline.metrics.1: profit of 3.1 would be a change by +310%",
        "launch 3: 'no launch' is no launch", r"launch 4, name: 'summer\n': must be one line",
    )  # fmt: skip
    for text in expected:
        assert any(text in line for line in said), text
    assert len(said) == len(expected)


def test_what_only_the_whole_launch_shows_is_said_with_its_place(tmp_path):
    (tmp_path / "past.json").write_text(json.dumps({key: value for key, value in BY_HAND.items() if key != "test"}))
    with pytest.raises(InputError, match=r"past.json: launch 'spring': what was measured and how it was tested belong"):
        read_launches(tmp_path / "past.json")


@pytest.mark.parametrize(("text", "message"), [
    ('{"name": "a", "name": "b"}', "the key 'name' stands twice"), ('{"name": NaN}', "NaN is no number; write null"),
    ("{", "not JSON"), ("[]", "the file holds no launch"), ("\udcff", "it is not UTF-8"),
])  # fmt: skip
def test_a_file_that_is_no_json_is_refused(tmp_path, text, message):
    (tmp_path / "past.json").write_text(text, errors="surrogateescape")
    with pytest.raises(InputError, match=message):
        read_launches(tmp_path / "past.json")


def test_a_covariance_and_errors_beside_it_are_refused(make_launch):
    tree = tree_of(make_launch())
    tree["offline"]["metrics"][0]["error"] = 0.1
    with pytest.raises(InputError, match="offline: give a covariance, or an error for each metric, and not both"):
        launch_of(tree)
    tree = tree_of(make_launch())
    tree["online"]["covariance"][0].append(0.1)
    with pytest.raises(InputError, match="online: the rows of the covariance differ in length"):
        launch_of(tree)


def test_other_files_and_files_that_are_not_there_are_refused(tmp_path):
    for name, message in (
        ("past.xlsx", "JSON, YAML or CSV"),
        ("past.json", "no such file"),
        ("past.csv", "no such file"),
    ):
        with pytest.raises(InputError, match=message):
            read_launches(tmp_path / name)
