"""Laws of what is known at a cutoff: covariates by kind, revised values as they stood then, series that end."""

import numpy as np
import pandas as pd
import pytest

from backtest import Ask, History, InputError, RollingWindows, known_at

DAYS = pd.date_range("2026-01-01", periods=20, freq="D")
CUTOFF = DAYS[10]
WINDOW = RollingWindows(horizon=3, last_cutoff=CUTOFF).over(DAYS)[0]


def panel(uids=("a", "b")):
    return pd.DataFrame({
        "unique_id": np.repeat(list(uids), len(DAYS)), "ds": np.tile(DAYS, len(uids)),
        "y": np.arange(len(uids) * len(DAYS), dtype=float),
    })  # fmt: skip


def told(*rows):
    return pd.DataFrame(rows, columns=["unique_id", "ds", "as_of", "rain"])


def test_a_revised_value_is_what_it_was_at_the_cutoff():
    rain = told(
        ("a", DAYS[9], DAYS[8], 1.0),
        ("a", DAYS[9], DAYS[10], 2.0),
        ("a", DAYS[9], DAYS[11], 3.0),  # told after the cutoff
    )
    known = known_at(History.of(panel(), vintages=[rain]), WINDOW, Ask())
    row = known.history[(known.history["unique_id"] == "a") & (known.history["ds"] == DAYS[9])]
    assert row["rain"].tolist() == [2.0]
    assert known.history["rain"].notna().sum() == 1
    assert known.past_only == ("rain",)
    assert known.known_future == ()


def test_a_plan_for_the_horizon_is_the_one_made_by_the_cutoff():
    rain = told(
        ("a", DAYS[11], DAYS[5], 4.0),
        ("a", DAYS[11], DAYS[10], 5.0),
        ("a", DAYS[11], DAYS[11], 6.0),
        ("b", DAYS[12], DAYS[12], 7.0),
    )
    known = known_at(History.of(panel(), vintages=[rain], known_future=["rain"]), WINDOW, Ask())
    assert known.future["rain"].tolist()[:1] == [5.0]
    assert known.future["rain"].notna().sum() == 1


def test_a_covariate_is_given_by_one_table_only():
    twice = panel().assign(rain=1.0)
    with pytest.raises(InputError, match="covariate 'rain' is given by another table too; keep one"):
        History.of(twice, vintages=[told(("a", DAYS[1], DAYS[1], 1.0))])


def test_as_of_must_be_a_date_and_each_revision_stand_once():
    rain = told(("a", DAYS[1], "soon", 1.0), ("a", DAYS[2], DAYS[2], 1.0), ("a", DAYS[2], DAYS[2], 2.0))
    with pytest.raises(InputError) as error:
        History.of(panel(), vintages=[rain])
    assert [f.rule for f in error.value.faults] == ["not-a-date", "duplicate"]


def test_past_only_covariates_are_not_in_the_future_and_known_future_ones_are():
    frame = panel().assign(visits=3.0, promo=np.arange(40.0))
    known = known_at(History.of(frame, known_future=["promo"]), WINDOW, Ask())
    assert known.past_only == ("visits",)
    assert known.known_future == ("promo",)
    assert known.future["promo"].tolist() == [11.0, 12.0, 13.0, 31.0, 32.0, 33.0]


def test_the_gap_is_in_the_future_and_not_wanted():
    window = RollingWindows(horizon=2, gap=3, last_cutoff=CUTOFF).over(DAYS)[0]
    known = known_at(History.of(panel()), window, Ask())
    assert known.horizon == 5
    assert known.future["ds"].tolist() == [*DAYS[11:16], *DAYS[11:16]]
    assert known.wanted()["ds"].tolist() == [*DAYS[14:16], *DAYS[14:16]]
    assert window.ordered_at == DAYS[13]


def test_that_a_series_ends_inside_the_horizon_cannot_be_seen():
    frame = panel(("a", "b", "c")).assign(price=2.0, holiday=np.tile(np.arange(20.0), 3))
    frame.loc[frame["unique_id"] == "b", "price"] = 5.0
    known = [
        known_at(History.of(part, known_future=["price", "holiday"]), WINDOW, Ask()).future
        for part in (frame, frame[~((frame["unique_id"] == "b") & (frame["ds"] > CUTOFF))])
    ]
    pd.testing.assert_frame_equal(*known)


def test_a_series_that_ended_or_has_not_begun_is_not_forecast():
    frame = panel(("a", "b", "c"))
    frame = frame[~((frame["unique_id"] == "b") & (frame["ds"] >= CUTOFF))]
    frame = frame[~((frame["unique_id"] == "c") & (frame["ds"] <= CUTOFF))]
    known = known_at(History.of(frame), WINDOW, Ask())
    assert known.future["unique_id"].unique().tolist() == ["a"]
    assert known.history["unique_id"].unique().tolist() == ["a", "b"]
    assert known.static.index.tolist() == ["a", "b"]


def test_input_size_hands_over_that_many_periods():
    known = known_at(History.of(panel()), WINDOW, Ask(input_size=4))
    assert known.history["ds"].drop_duplicates().tolist() == DAYS[7:11].tolist()
