"""What could explain a difference: levels of both sides."""

# ruff: noqa: PD011 - the values of outcomes are a mapping, not those of a frame

import numpy as np
import pandas as pd
import pytest

from forecast_eval.online.explain import ALWAYS_UNKNOWN, Clue, Pair, clues, level, words_of
from forecast_eval.online.metric import OnlineMetric
from forecast_eval.online.outcomes import Contract, outcomes_of
from forecast_eval.online.simulated import simulated
from forecast_eval.online.trend_share import trend_clue

SIMULATED = outcomes_of(pd.DataFrame({
    "unit": ["a", "a", "b"], "ds": [1, 2, 1], "sold": [10.0, 20, 40], "revenue": [30.0, 60, 120],
    "stockouts": [1.0, 0, 1], "exposure": [4.0, 4, 8], "wasted": [2.0, 3, 2], "demand": [12.0, 20, 45],
}))  # fmt: skip
MEASURED = outcomes_of(pd.DataFrame({
    "unit": ["a", "b"], "ds": [7, 7], "sold": [30.0, 24], "revenue": [99.0, 63], "stockouts": [2.0, 1],
    "exposure": [8.0, 4], "wasted": [3.0, 2.4],
}))  # fmt: skip


def found(measured=MEASURED, *, same_length=True):
    pair = Pair(SIMULATED, measured)
    said, unknown = clues({"control": pair, "treatment": pair}, same_length=same_length)
    return {(clue.name, clue.side): clue for clue in said}, unknown


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [("units sold a unit and period", 70 / 3, 27.0), ("stockout rate", 2 / 16, 3 / 12),
     ("revenue a unit sold", 3.0, 3.0), ("waste a unit sold", 0.1, 0.1)],
)  # fmt: skip
def test_levels_are_sums_over_sums(name, ours, theirs):
    clue = found()[0][name, "control"]
    assert (clue.simulated, clue.measured) == (pytest.approx(ours), pytest.approx(theirs))
    assert clue.change == pytest.approx(theirs / ours - 1)


def test_demand_is_known_to_the_simulation_only():
    clue = found()[0]["demand a unit and period", "control"]
    assert clue.simulated == pytest.approx(77 / 3)
    assert np.isnan(clue.measured)
    assert clue.words == ""


def test_only_a_notable_change_gets_words():
    said = found()[0]
    assert "raises the lift" in said["stockout rate", "control"].words
    assert said["revenue a unit sold", "control"].words == ""


def test_words_follow_the_direction_of_the_change():
    assert words_of(Clue("x", "control", 1.0, 1.2, share=False), "up", "down") == "up"
    assert words_of(Clue("x", "control", 1.0, 0.8, share=False), "up", "down") == "down"
    assert words_of(Clue("x", "control", 0.0, 0.1, share=False), "up", "down") == "up"
    assert words_of(Clue("x", "control", 1.0, float("nan"), share=False), "up", "down") == ""


def test_what_the_outcomes_lack_is_named_as_unknown():
    columns = {name: own for name, own in MEASURED.values.items() if name != "wasted"}
    bare = outcomes_of(pd.DataFrame({"unit": ["a", "b"], "ds": [7, 7]} | {n: v[:, 0] for n, v in columns.items()}))
    said, unknown = found(bare)
    assert ("waste a unit sold", "control") not in said
    assert unknown == ("waste a unit sold: the outcomes have no column 'wasted'", *ALWAYS_UNKNOWN)


def test_amounts_of_periods_of_other_length_are_not_compared():
    said, unknown = found(same_length=False)
    assert ("units sold a unit and period", "control") not in said
    assert ("stockout rate", "control") in said
    assert unknown[0].startswith("units sold a unit and period")


def test_a_level_leaves_out_cells_without_a_row():
    assert level(SIMULATED, OnlineMetric("sold", "sold")) == pytest.approx(70 / 3)  # unit b has no second period


def test_trend_share_is_that_of_the_series_of_the_run(session, chain_outcomes):
    run = simulated(session, ["slow"])
    pair = Pair(run.by_model["slow"], outcomes_of(chain_outcomes(), Contract(("item",))))
    clue = trend_clue(session, run, {"control": pair}, pd.Timestamp("2025-10-20"))
    cutoffs = [window.cutoff for window in session.windows]
    judged = [cutoffs.index(cutoff) for cutoff in run.cutoffs]
    assert clue.simulated == pytest.approx(session.trending[judged].mean())
    assert clue.measured == pytest.approx(session.trending[cutoffs.index(pd.Timestamp("2025-10-13"))].mean())


def test_trend_share_before_a_later_test_is_unknown(session, chain_outcomes):
    run = simulated(session, ["slow"])
    pair = Pair(run.by_model["slow"], outcomes_of(chain_outcomes(), Contract(("item",))))
    assert trend_clue(session, run, {"control": pair}, pd.Timestamp("2026-03-02")) is None
    assert trend_clue(session, run, {"control": pair}, 12) is None


def test_trend_share_of_outcomes_is_that_of_their_exposure(session):
    run = simulated(session, ["slow"], segments=["trend"])
    rows = pd.DataFrame({
        "unit": ["S1", "S1", "S2"], "ds": [1, 1, 1], "trend": ["trending", "not trending", "not trending"],
        "exposure": [3.0, 5.0, 4.0],
    })  # fmt: skip
    pair = Pair(run.by_model["slow"], outcomes_of(rows, Contract(("trend",))))
    clue = trend_clue(session, run, {"control": pair}, 1)
    assert clue.measured == pytest.approx(3 / 12)
    rises = run.by_model["slow"].segments["trend"]["trending"]["exposure"].sum()
    assert clue.simulated == pytest.approx(rises / run.by_model["slow"].values["exposure"].sum())
