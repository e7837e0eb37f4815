"""Launches that a team kept in a table: one row a metric and side."""

import datetime as dt

import numpy as np
import pytest

from backtest import InputError
from forecast_eval.launch_book.elsewhere import read_launches

HEAD = (
    "launch,side,metric,delta,error,unit,better,base,candidate,incumbent,judged,decision,start,end,units_control,"
    "units_treatment,periods,region"
)
SPRING = """\
spring,offline,profit,0.031,0.01,,,1000,trees,AutoETS,,,2026-01-05,2026-02-01,10,12,4,north
spring,offline,pinball_ours,-3.5,0.5,units,lower,,,,,,,,,,,
spring,online,profit,0.019,0.012,,,,,,,,,,,,,north"""
HELD = "held,offline,waste,0.2,0.05,,,,,,2026-03-01,,,,,,,"


@pytest.fixture(name="read")
def read_fixture(tmp_path):
    """Read a table of these lines."""

    def read(*lines, head=HEAD):
        (tmp_path / "past.csv").write_text("\n".join([head, *lines]) + "\n")
        return read_launches(tmp_path / "past.csv")

    return read


def faults_of(read, *lines, **more):
    with pytest.raises(InputError) as caught:
        read(*lines, **more)
    return [str(fault) for fault in caught.value.faults]


def test_a_table_gives_launches_with_independent_errors(read):
    spring, held = read(SPRING, HELD)
    assert spring.offline.names == ("profit", "pinball_ours")
    np.testing.assert_array_equal(spring.offline.values, [0.031, -3.5])
    np.testing.assert_array_equal(spring.offline.covariance, np.diag([0.01**2, 0.5**2]))
    assert (spring.offline.units, spring.offline.better) == (("share", "units"), ("higher", "lower"))
    assert spring.online.value("profit") == 0.019
    assert spring.test.units == (10, 12)
    assert (spring.test.start, spring.test.end, spring.test.periods) == (dt.date(2026, 1, 5), dt.date(2026, 2, 1), 4)
    assert dict(spring.groups) == {"region": "north"}
    assert (held.online, held.decision, held.offline.better) == (None, "not tested", ("lower",))


def test_what_is_not_said_of_a_launch_is_as_documented(read):
    spring, held = read(SPRING, HELD)
    assert (spring.decision, spring.judged, spring.test.unit) == ("launched", dt.date(2026, 1, 4), "store")
    assert (held.candidate, held.incumbent, dict(held.groups)) == ("held", "incumbent", {})


def test_a_decision_may_be_written_as_on_the_command_line(read):
    (held,) = read("held,offline,waste,0.2,0.05,,,,,,2026-03-01,not-tested,,,,,,")
    assert held.decision == "not tested"


def test_rows_of_a_launch_need_not_stand_together(read):
    first, *others = SPRING.splitlines()
    spring, held = read(first, HELD, *others)
    assert (spring.name, held.name, len(spring.offline.names)) == ("spring", "held", 2)


def test_columns_that_every_table_needs_are_named(read):
    said = faults_of(read, "spring,offline,profit,0.1", head="launch,side,metric,delta")
    assert len(said) == 1
    assert said[0].startswith("past.csv: column 'error' is missing")


CHANGES = {
    "0.031": ("a lot", "row 2, column delta: delta='a lot'"), "0.01,": ("0,", "row 2, column error: error='0'"),
    "1000": ("inf", "row 2, column base: base='inf'"), "2026-02-01": ("soon", "row 2, column end: end='soon'"),
    "trees": ("tr\x07ees", "row 2, column candidate"), "lower": ("less", "row 3, column better: better='less'"),
    "0.019": ("", "row 4, column delta: delta is empty"), "pinball_ours": ("", "row 3, column metric: metric is empty"),
    ",10,": (",x,", "row 2, column units_control: units_control='x'"), ",12,": (",0,", "row 2, column units_treatment"),
    "012,,,,,,,,,,,,,north": (
        "012,,,,,,,,,,,,,south", "row 4, column region: region='south', and 'north' in another row"),
    "online": ("onlin", "row 4, column side: side='onlin' is not a side"),
    ",4,": (",,", "row 2, column periods: periods is empty"),
    "AutoETS,,,": ("AutoETS,,won,", "row 2, column decision: decision='won'"),
    "lower,": (",", "row 3, column metric: pinball_ours does not say"),
    "units,": (",", "row 3, column metric: pinball_ours of -3.5 would be a change by -350%"),
    "0.012": ("", "row 4, column error: error is empty for 'spring'"),
    "2026-01-05": ("", "row 2, column start: start is empty"),
}  # fmt: skip


@pytest.mark.parametrize("found", CHANGES)
def test_a_wrong_cell_is_said_with_row_and_column_and_nothing_else(read, found):
    given, message = CHANGES[found]
    changed = SPRING.replace(found, given, 1)
    said = faults_of(read, changed, HELD)
    assert any(f"past.csv, {message}" in line for line in said), said
    assert len(said) == 1


def test_all_faults_of_all_launches_are_said_at_once(read):
    wrong = SPRING.replace("0.031", "x", 1).replace("units,lower", "units,less", 1).replace(",12,", ",-1,", 1)
    said = faults_of(
        read,
        wrong,
        HELD.replace("2026-03-01", ""),
        ",online,profit,0.1,0.1" + "," * 13,
        "x,online,waste,2,1" + "," * 13,
    )
    starts = (
        "row 6, column launch: launch is empty", "row 2, column delta", "row 3, column better",
        "row 2, column units_treatment", "row 5, column judged: judged is empty",
        "row 7, column side: launch 'x' has no offline row",
        "row 7, column start: start is empty", "row 7, column metric: waste of 2 would be a change by +200%",
    )  # fmt: skip
    for text in starts:
        assert any(line.startswith(f"past.csv, {text}") for line in said), text


def test_a_metric_that_stands_twice_is_refused(read):
    said = faults_of(read, SPRING.replace("pinball_ours", "profit", 1))
    assert len(said) == 1
    assert said[0].startswith("past.csv, row 2, column metric: deltas: 'profit' stands twice")


def test_a_decision_that_does_not_fit_its_rows_is_refused(read):
    said = faults_of(read, HELD.replace("2026-03-01,", "2026-03-01,launched"))
    assert said[0].startswith("past.csv, row 2: launch 'held': it has no online side, and its decision is 'launched'")
